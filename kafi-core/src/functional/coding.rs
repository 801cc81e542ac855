//! From records to messages and back.

use std::sync::Arc;

use crate::batch::{Batch, RecordMeta, Span};
use crate::error::Result;
use crate::kafi::Kafi;
use crate::message::Message;
use crate::record::Record;
use crate::types::{Decoder, Encoder, Field, Type};
use crate::value::Value;

/// Decodes records with one type for keys and one for values.
pub(crate) struct BatchDecoder {
    key: Box<dyn Decoder>,
    value: Box<dyn Decoder>,
}

impl BatchDecoder {
    /// With these types, or else those of the settings, or else [`Type::Auto`].
    pub(crate) fn open(kafi: &Kafi, key_type: Option<Type>, value_type: Option<Type>) -> Result<Self> {
        let key_type = key_type.map_or_else(|| kafi.key_type_or(Type::Auto), Ok)?;
        let value_type = value_type.map_or_else(|| kafi.value_type_or(Type::Auto), Ok)?;
        Ok(Self { key: kafi.codecs().decoder(key_type, Field::Key)?, value: kafi.codecs().decoder(value_type, Field::Value)? })
    }

    /// Decodes `record`, whose topic has this name; an error says which message it was.
    pub(crate) fn decode(&mut self, record: Record<'_>, topic: Arc<str>) -> Result<Message> {
        let decode = |decoder: &mut dyn Decoder, field, bytes| {
            let decoded = decoder.decode(record.topic, field, bytes);
            decoded.map_err(|error| error.with("partition", record.partition).with("offset", record.offset))
        };
        Ok(Message {
            topic,
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            headers: record.headers.into(),
            key: decode(self.key.as_mut(), Field::Key, record.key)?,
            value: decode(self.value.as_mut(), Field::Value, record.value)?,
        })
    }

    /// Decodes all of `batch` to the end of `messages`.
    pub(crate) fn append(&mut self, batch: &Batch, messages: &mut Vec<Message>) -> Result<()> {
        let names = topic_names(batch);
        for (record, meta) in batch.iter().zip(batch.metas()) {
            messages.push(self.decode(record, names[meta.topic as usize].clone())?);
        }
        Ok(())
    }
}

/// The names of a batch's topics, to be shared by its messages.
pub(crate) fn topic_names(batch: &Batch) -> Vec<Arc<str>> {
    batch.topics().iter().map(|name| Arc::from(name.as_str())).collect()
}

/// Encodes messages for one topic.
pub(crate) struct BatchEncoder {
    topic: String,
    key: Box<dyn Encoder>,
    value: Box<dyn Encoder>,
}

impl BatchEncoder {
    pub(crate) fn open(kafi: &Kafi, topic: &str, key_type: Type, value_type: Type) -> Result<Self> {
        let key = kafi.codecs().encoder(key_type, Field::Key)?;
        Ok(Self { topic: topic.to_string(), key, value: kafi.codecs().encoder(value_type, Field::Value)? })
    }

    /// Encodes `message` straight to the end of `batch`, which stays as it was if that fails.
    pub(crate) fn push(&mut self, message: &Message, batch: &mut Batch) -> Result<()> {
        let (records, headers, bytes) = (batch.len(), batch.header_mark(), batch.bytes());
        let pushed = self.try_push(message, batch);
        if pushed.is_err() {
            batch.rewind(records, headers, bytes);
        }
        pushed
    }

    fn try_push(&mut self, message: &Message, batch: &mut Batch) -> Result<()> {
        let topic = batch.topic_index(&self.topic);
        let header_start = batch.header_mark();
        message.headers.as_headers().iter().for_each(|header| batch.push_header(header));
        let key = encode_field(self.key.as_mut(), &self.topic, Field::Key, &message.key, batch)?;
        let value = encode_field(self.value.as_mut(), &self.topic, Field::Value, &message.value, batch)?;
        batch.push_meta(RecordMeta {
            offset: message.offset,
            timestamp: message.timestamp,
            topic,
            partition: message.partition,
            key,
            value,
            header_start,
            header_count: batch.header_mark() - header_start,
            timestamp_type: message.timestamp_type,
        });
        Ok(())
    }
}

fn encode_field(encoder: &mut dyn Encoder, topic: &str, field: Field, value: &Value, batch: &mut Batch) -> Result<Span> {
    let arena = batch.arena();
    let start = arena.len();
    if !encoder.encode(topic, field, value, arena)? {
        return Ok(Span::NULL);
    }
    Ok(Span::between(start, arena.len()))
}
