//! From records to messages and back, batch by batch.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::batch::Batch;
use crate::codec::{Coding, Decoder, Encoder, MemberSink, Text};
use crate::column::ColumnType;
use crate::error::Result;
use crate::functional::Place;
use crate::message::Message;
use crate::record::{NO_TIMESTAMP, Record};
use crate::schema::{SchemaRef, Serdes};
use crate::types::{Field, Type};

/// Decodes records with one type for keys and one for values.
pub struct BatchDecoder {
    key: Box<dyn Decoder>,
    value: Box<dyn Decoder>,
}

impl BatchDecoder {
    /// With these types and schemas, or else those of the settings, or else [`Type::Auto`].
    ///
    /// # Errors
    /// Those of [`Place::decoder`].
    pub fn open(place: &Place, serdes: &Serdes) -> Result<Self> {
        let open = |field| place.decoder(serdes.of_field(field), field);
        Ok(Self { key: open(Field::Key)?, value: open(Field::Value)? })
    }

    /// Decodes `record`, whose topic has this name.
    ///
    /// # Errors
    /// Those of the types, with the message that it was.
    pub fn decode(&mut self, record: Record<'_>, topic: Arc<str>) -> Result<Message> {
        Message::decode(record, topic, self.key.as_mut(), self.value.as_mut())
    }

    /// The JSON text of a record's value, appended to `out`, with the schema that it was made by; `None`, and nothing
    /// appended, where no schema made it.
    ///
    /// # Errors
    /// Those of the type, with partition and offset.
    pub fn value_text(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<Option<SchemaRef>> {
        let Some(bytes) = record.value else { return Ok(None) };
        let text = self.value.text(&Coding::new(record.topic, Field::Value).headers(record.headers), bytes, out);
        match text.map_err(|error| error.with("partition", record.partition).with("offset", record.offset))? {
            Text::Same => Ok(None),
            Text::Json(schema) => Ok(Some(schema)),
        }
    }

    /// Hands over the members of a record's value, as [`Decoder::members`] does.
    pub fn value_members(&mut self, record: &Record<'_>, sink: &mut dyn MemberSink) -> bool {
        let coding = Coding::new(record.topic, Field::Value).headers(record.headers);
        record.value.is_some_and(|bytes| self.value.members(&coding, bytes, sink))
    }

    /// Decodes all of `batch` to the end of `messages`.
    ///
    /// # Errors
    /// As for [`decode`](BatchDecoder::decode); the messages before are there.
    pub fn append(&mut self, batch: &Batch, messages: &mut Vec<Message>) -> Result<()> {
        let names = topic_names(batch);
        for (record, meta) in batch.iter().zip(batch.metas()) {
            messages.push(self.decode(record, names[meta.topic as usize].clone())?);
        }
        Ok(())
    }
}

/// The names of a batch's topics, to be shared by its messages.
pub fn topic_names(batch: &Batch) -> Vec<Arc<str>> {
    batch.topics().iter().map(|name| Arc::from(name.as_str())).collect()
}

/// Encodes messages for one topic.
pub struct BatchEncoder {
    topic: Arc<str>,
    key: Box<dyn Encoder>,
    value: Box<dyn Encoder>,
}

impl BatchEncoder {
    /// For messages to `topic`, with these types and schemas, or else those of the settings, or else these types for
    /// keys and values.
    ///
    /// # Errors
    /// Those of [`Place::encoder`].
    pub fn open(place: &Place, topic: &str, serdes: &Serdes, defaults: [Type; 2]) -> Result<Self> {
        let [key, value] = defaults;
        let key = place.encoder(&serdes.key, Field::Key, key)?;
        Ok(Self { topic: Arc::from(topic), key, value: place.encoder(&serdes.value, Field::Value, value)? })
    }

    /// Encodes `message`, whatever topic it came from, straight to the end of `batch`, which stays as it was if that
    /// fails. One that was made, and not read, gets the current time where it has none; so the writer is to keep
    /// timestamps as they are.
    ///
    /// # Errors
    /// Those of the types.
    pub fn push(&mut self, mut message: Message, batch: &mut Batch) -> Result<()> {
        message.topic = Arc::clone(&self.topic);
        if message.timestamp == NO_TIMESTAMP && message.offset < 0 {
            message.timestamp = now_ms();
        }
        message.encode(self.key.as_mut(), self.value.as_mut(), batch)
    }

    /// What stands in the values, where a schema was chosen that says so. Blocks while a registry is asked.
    ///
    /// # Errors
    /// What the registry fails with.
    pub fn value_type(&mut self) -> Result<Option<ColumnType>> {
        self.value.column_type(&Coding::new(&self.topic, Field::Value))
    }
}

/// Shows keys and values as text: as their bytes, or as the JSON that a schema makes of them.
pub struct TextDecoder {
    key: Option<Box<dyn Decoder>>,
    value: Option<Box<dyn Decoder>>,
    has_schemas: bool,
    key_text: Vec<u8>,
    value_text: Vec<u8>,
}

impl TextDecoder {
    /// With these types and schemas, or else those of the settings, or else [`Type::Auto`].
    ///
    /// # Errors
    /// Those of [`Place::decoder`].
    pub fn open(place: &Place, serdes: &Serdes) -> Result<Self> {
        let mut has_schemas = false;
        let mut open = |field| {
            let serde = serdes.of_field(field);
            let type_ = place.type_or(serde, field, Type::Auto)?;
            let has_schema =
                type_.has_schema() || type_ == Type::Auto && place.codecs.decodes_auto(&place.schema_of(serde, field)?);
            has_schemas |= has_schema;
            if !has_schema && matches!(type_, Type::Bytes | Type::Auto) {
                return Ok(None);
            }
            place.decoder(serde, field).map(Some)
        };
        let (key, value) = (open(Field::Key)?, open(Field::Value)?);
        Ok(Self { key, value, has_schemas, key_text: Vec::new(), value_text: Vec::new() })
    }

    /// Whether it has to look at messages at all: where it does not, they are their bytes, whatever these are.
    pub fn is_needed(&self) -> bool {
        self.key.is_some() || self.value.is_some()
    }

    /// Whether text may differ from the bytes.
    pub fn has_schemas(&self) -> bool {
        self.has_schemas
    }

    /// Whether a glance tells that all of a batch is shown as its bytes.
    pub fn is_plain(&self, batch: &Batch) -> bool {
        batch.iter().all(|record| self.is_plain_record(&record))
    }

    #[inline]
    fn is_plain_record(&self, record: &Record<'_>) -> bool {
        let is_plain = |decoder: &Option<Box<dyn Decoder>>, bytes: Option<&[u8]>| match (decoder, bytes) {
            (Some(decoder), Some(bytes)) => decoder.is_plain(bytes, record.headers),
            _ => true,
        };
        is_plain(&self.key, record.key) && is_plain(&self.value, record.value)
    }

    /// The record with text in place of key and value, where a schema made it, and these schemas.
    ///
    /// # Errors
    /// Those of [`Decoder::text`], with partition and offset.
    #[inline]
    pub fn show<'a>(&'a mut self, record: Record<'a>) -> Result<(Record<'a>, [Option<SchemaRef>; 2])> {
        // Here, where it is called, so that what most messages are is not passed on through memory.
        if self.is_plain_record(&record) { Ok((record, [None, None])) } else { self.show_decoded(record) }
    }

    fn show_decoded<'a>(&'a mut self, record: Record<'a>) -> Result<(Record<'a>, [Option<SchemaRef>; 2])> {
        let (key, key_schema) = text_of(&mut self.key, &mut self.key_text, &record, Field::Key, record.key)?;
        let value = text_of(&mut self.value, &mut self.value_text, &record, Field::Value, record.value)?;
        Ok((Record { key, value: value.0, ..record }, [key_schema, value.1]))
    }
}

fn text_of<'a>(
    decoder: &mut Option<Box<dyn Decoder>>,
    text: &'a mut Vec<u8>,
    record: &Record<'a>,
    field: Field,
    bytes: Option<&'a [u8]>,
) -> Result<(Option<&'a [u8]>, Option<SchemaRef>)> {
    let (Some(decoder), Some(bytes)) = (decoder, bytes) else { return Ok((bytes, None)) };
    if decoder.is_plain(bytes, record.headers) {
        return Ok((Some(bytes), None));
    }
    text.clear();
    let shown = decoder.text(&Coding::new(record.topic, field).headers(record.headers), bytes, text);
    match shown.map_err(|error| error.with("partition", record.partition).with("offset", record.offset))? {
        Text::Same => Ok((Some(bytes), None)),
        Text::Json(schema) => Ok((Some(text), Some(schema))),
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
