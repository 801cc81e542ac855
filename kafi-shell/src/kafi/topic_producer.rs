//! Producing messages to one topic, value by value.

use std::sync::Arc;

use kafi_core::functional::{BatchEncoder, Place, Writer};
use kafi_core::{
    ANY_PARTITION, Batch, HeadersBuf, Json, Message, NO_TIMESTAMP, ProducerOptions, Report, Result, SchemaRef, Serdes,
    TimestampType, Type, Value,
};

/// A message to be produced: a value, and whatever else is not left to the defaults.
///
/// A value alone, a `(key, value)` pair, and a [`Message`] that was read can all stand for one. What was read is
/// written as it is, whatever it was read as, unless the producer was told a type; also without a timestamp, if it has
/// none.
///
/// ```
/// use kafi_shell::Outgoing;
/// let message = Outgoing::new("cookie").key("123").header("trace", "abc").partition(0).timestamp(1_732_660_705_555);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    key: Value,
    value: Value,
    headers: HeadersBuf,
    partition: i32,
    timestamp: i64,
    /// That of a message that was read; negative for another one.
    offset: i64,
    /// Whether it is a message, whose key and value have their types.
    was_read: bool,
    /// The schemas by which the key and the value of a message were decoded.
    schemas: [Option<SchemaRef>; 2],
}

impl Outgoing {
    /// A message with a null key, no headers, any partition, and the current time.
    pub fn new(value: impl Into<Value>) -> Self {
        Self {
            key: Value::Null,
            value: value.into(),
            headers: HeadersBuf::new(),
            partition: ANY_PARTITION,
            timestamp: NO_TIMESTAMP,
            offset: -1,
            was_read: false,
            schemas: [None, None],
        }
    }

    /// Sets the key.
    pub fn key(self, key: impl Into<Value>) -> Self {
        Self { key: key.into(), ..self }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the partition.
    pub fn partition(self, partition: i32) -> Self {
        Self { partition, ..self }
    }

    /// Sets the timestamp, in milliseconds since 1970-01-01T00:00Z.
    pub fn timestamp(self, timestamp_ms: i64) -> Self {
        Self { timestamp: timestamp_ms, ..self }
    }
}

macro_rules! from_values {
    ($($value:ty)*) => {$(
        impl From<$value> for Outgoing {
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }
    )*};
}

from_values!(Value Json &str String &[u8] Vec<u8>);

impl<const N: usize> From<&[u8; N]> for Outgoing {
    fn from(value: &[u8; N]) -> Self {
        Self::new(value)
    }
}

impl<K: Into<Value>, V: Into<Value>> From<(K, V)> for Outgoing {
    fn from((key, value): (K, V)) -> Self {
        Self::new(value).key(key)
    }
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        let Message { key, value, headers, partition, timestamp, offset, key_schema, value_schema, .. } = message;
        let schemas = [key_schema, value_schema];
        Self { key, value, headers, partition, timestamp, offset, was_read: true, schemas }
    }
}

/// Produces messages to one topic; [`Kafi::producer`](crate::Kafi::producer) makes one.
///
/// Messages are gathered into batches of `produce.batch.size`; they are written for certain after
/// [`flush`](TopicProducer::flush) or [`close`](TopicProducer::close), and lost without either.
pub struct TopicProducer {
    topic: Arc<str>,
    writer: Writer,
    encoder: BatchEncoder,
    /// For messages that were read.
    read_encoder: BatchEncoder,
    serdes: Serdes,
    batch: Batch,
    place: Place,
}

impl TopicProducer {
    pub(crate) fn open(place: &Place, topic: &str) -> Result<Self> {
        let serdes = Serdes::default();
        let [encoder, read_encoder] = encoders(place, topic, &serdes)?;
        Ok(Self {
            topic: Arc::from(topic),
            writer: Writer::open(
                place.storage.as_ref(),
                &ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() },
                Arc::default(),
            )?,
            encoder,
            read_encoder,
            serdes,
            batch: Batch::with_limits(place.settings.produce_batch_size, Batch::BYTES_MAX),
            place: place.clone(),
        })
    }

    /// Writes the keys as this type. Default: what the configuration says, else that of the schema that is chosen, else
    /// [`Type::Str`].
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`](kafi_core::Codecs::encoder).
    pub fn key_type(self, key_type: Type) -> Result<Self> {
        self.serdes(|serdes| serdes.key.type_ = Some(key_type))
    }

    /// Writes the values as this type. Default: what the configuration says, else that of the schema that is chosen,
    /// else [`Type::Json`].
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`](kafi_core::Codecs::encoder).
    pub fn value_type(self, value_type: Type) -> Result<Self> {
        self.serdes(|serdes| serdes.value.type_ = Some(value_type))
    }

    /// Writes the keys with this schema: `@` and a file, the path of a file, or its text.
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`](kafi_core::Codecs::encoder).
    pub fn key_schema(self, schema: impl Into<String>) -> Result<Self> {
        self.serdes(|serdes| serdes.key.schema.schema = Some(schema.into()))
    }

    /// Writes the values with this schema, likewise.
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`](kafi_core::Codecs::encoder).
    pub fn value_schema(self, schema: impl Into<String>) -> Result<Self> {
        self.serdes(|serdes| serdes.value.schema.schema = Some(schema.into()))
    }

    /// Writes the keys with the schema that has this id in the registry.
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`](kafi_core::Codecs::encoder).
    pub fn key_schema_id(self, id: u32) -> Result<Self> {
        self.serdes(|serdes| serdes.key.schema.id = Some(id))
    }

    /// Writes the values with the schema that has this id in the registry.
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`](kafi_core::Codecs::encoder).
    pub fn value_schema_id(self, id: u32) -> Result<Self> {
        self.serdes(|serdes| serdes.value.schema.id = Some(id))
    }

    /// Changes any other choice of types and schemas.
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`](kafi_core::Codecs::encoder).
    pub fn serdes(mut self, change: impl FnOnce(&mut Serdes)) -> Result<Self> {
        change(&mut self.serdes);
        [self.encoder, self.read_encoder] = encoders(&self.place, &self.topic, &self.serdes)?;
        Ok(self)
    }

    /// Calls `function` with each delivery report, also with those of failures. A report covers a run of neighbouring
    /// messages of a partition; it comes in during later calls on this producer.
    pub fn on_delivery(mut self, function: impl FnMut(&Report) + Send + 'static) -> Self {
        self.writer.on_delivery(function);
        self
    }

    /// Produces a message: a value, a `(key, value)` pair, or an [`Outgoing`] with more. Blocks only while the
    /// storage's queue is full.
    ///
    /// # Errors
    /// What encoding fails with; then this message alone is not produced. The first failure of an earlier message; then
    /// those that were gathered since may not be written either.
    pub fn produce(&mut self, message: impl Into<Outgoing>) -> Result<()> {
        let Outgoing { key, value, headers, partition, timestamp, offset, was_read, schemas } = message.into();
        let [key_schema, value_schema] = schemas;
        let message = Message {
            topic: self.topic.clone(),
            partition,
            offset,
            timestamp,
            timestamp_type: TimestampType::Create,
            headers,
            key,
            value,
            key_schema,
            value_schema,
        };
        let encoder = if was_read { &mut self.read_encoder } else { &mut self.encoder };
        encoder.push(message, &mut self.batch)?;
        if self.batch.is_full() { self.send() } else { Ok(()) }
    }

    /// Blocks until all messages so far are written, up to the setting `flush.timeout`; returns how many were written
    /// in all.
    ///
    /// # Errors
    /// The first failure of a message, or `Timeout`.
    pub fn flush(&mut self) -> Result<u64> {
        self.send()?;
        self.writer.flush(self.place.settings.flush_timeout)?;
        Ok(self.writer.written())
    }

    /// Flushes, and frees what the producer holds; returns how many messages were written in all.
    ///
    /// # Errors
    /// As for [`flush`](TopicProducer::flush).
    pub fn close(mut self) -> Result<u64> {
        self.send()?;
        self.writer.close(self.place.settings.flush_timeout)
    }

    fn send(&mut self) -> Result<()> {
        let written = self.writer.write(&self.batch);
        // After a failure, too: part of it may be under way, and must not be written twice.
        self.batch.clear();
        written
    }
}

/// The encoder for new values, which become text and JSON, and the one for values that were read, which are kept as
/// they are; where no type is chosen or set.
fn encoders(place: &Place, topic: &str, serdes: &Serdes) -> Result<[BatchEncoder; 2]> {
    let open = |defaults| BatchEncoder::open(place, topic, serdes, defaults);
    Ok([open([Type::Str, Type::Json])?, open([Type::Auto; 2])?])
}
