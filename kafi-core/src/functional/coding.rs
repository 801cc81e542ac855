//! From records to messages and back, batch by batch.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::batch::Batch;
use crate::error::Result;
use crate::functional::Place;
use crate::message::Message;
use crate::record::{NO_TIMESTAMP, Record};
use crate::types::{Decoder, Encoder, Field, Type};

/// Decodes records with one type for keys and one for values.
pub struct BatchDecoder {
    key: Box<dyn Decoder>,
    value: Box<dyn Decoder>,
}

impl BatchDecoder {
    /// With these types, or else those of the settings, or else [`Type::Auto`].
    ///
    /// # Errors
    /// Those of [`Place::key_type_or`] and [`Codecs::decoder`](crate::Codecs::decoder).
    pub fn open(place: &Place, key_type: Option<Type>, value_type: Option<Type>) -> Result<Self> {
        let key_type = key_type.map_or_else(|| place.key_type_or(Type::Auto), Ok)?;
        let value_type = value_type.map_or_else(|| place.value_type_or(Type::Auto), Ok)?;
        Ok(Self {
            key: place.codecs.decoder(key_type, Field::Key)?,
            value: place.codecs.decoder(value_type, Field::Value)?,
        })
    }

    /// Decodes `record`, whose topic has this name.
    ///
    /// # Errors
    /// Those of the types, with the message that it was.
    pub fn decode(&mut self, record: Record<'_>, topic: Arc<str>) -> Result<Message> {
        Message::decode(record, topic, self.key.as_mut(), self.value.as_mut())
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
    /// For messages to `topic`, with these types.
    ///
    /// # Errors
    /// Those of [`Codecs::encoder`](crate::Codecs::encoder).
    pub fn open(place: &Place, topic: &str, key_type: Type, value_type: Type) -> Result<Self> {
        let key = place.codecs.encoder(key_type, Field::Key)?;
        Ok(Self { topic: Arc::from(topic), key, value: place.codecs.encoder(value_type, Field::Value)? })
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
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
