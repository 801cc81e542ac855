//! One message as user functions see it.

use std::sync::Arc;

use crate::batch::Batch;
use crate::error::Result;
use crate::meta::{RecordMeta, Span, TimestampType};
use crate::record::{ANY_PARTITION, HeadersBuf, NO_TIMESTAMP, Record};
use crate::types::{Decoder, Encoder, Field};
use crate::value::Value;

/// One message, decoded.
///
/// ```
/// use kafi_core::{Json, Message};
/// let mut message = Message::new("orders", "k", Json::parse(r#"{"bla": 123}"#)?);
/// assert!(message.key == "k" && message.value["bla"] == 123);
/// message.value["bla"] = (message.value["bla"].int()? + 42).into();
/// assert_eq!(message.value.to_string(), r#"{"bla":165}"#);
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition; [`ANY_PARTITION`] lets the producer choose.
    pub partition: i32,
    /// The offset, negative for a message that was not read; producers ignore it unless they keep offsets.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00Z, or [`NO_TIMESTAMP`]: a message that was read is written without one then,
    /// and one that was not gets the current time.
    pub timestamp: i64,
    /// Whose clock the timestamp comes from.
    pub timestamp_type: TimestampType,
    /// The headers, in order.
    pub headers: HeadersBuf,
    /// The key.
    pub key: Value,
    /// The value.
    pub value: Value,
}

impl Message {
    /// A message for `topic` with a key and a value; any partition, the current time, no headers.
    pub fn new(topic: impl Into<Arc<str>>, key: impl Into<Value>, value: impl Into<Value>) -> Self {
        Self {
            topic: topic.into(),
            partition: ANY_PARTITION,
            offset: -1,
            timestamp: NO_TIMESTAMP,
            timestamp_type: TimestampType::Create,
            headers: HeadersBuf::new(),
            key: key.into(),
            value: value.into(),
        }
    }

    /// Decodes `record`; `topic` is its topic's name, shared by all messages of the topic.
    ///
    /// # Errors
    /// What the decoders say, with partition and offset.
    pub fn decode(record: Record<'_>, topic: Arc<str>, key: &mut dyn Decoder, value: &mut dyn Decoder) -> Result<Self> {
        let decode = |decoder: &mut dyn Decoder, field, bytes| {
            let decoded = decoder.decode(record.topic, field, bytes);
            decoded.map_err(|error| error.with("partition", record.partition).with("offset", record.offset))
        };
        Ok(Self {
            topic,
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            headers: record.headers.into(),
            key: decode(key, Field::Key, record.key)?,
            value: decode(value, Field::Value, record.value)?,
        })
    }

    /// Encodes it into `batch`, which stays as it was if that fails.
    ///
    /// # Errors
    /// What the encoders say.
    pub fn encode(&self, key: &mut dyn Encoder, value: &mut dyn Encoder, batch: &mut Batch) -> Result<()> {
        let bytes = batch.bytes();
        let encoded = encode_field(key, &self.topic, Field::Key, &self.key, batch)
            .and_then(|key| Ok((key, encode_field(value, &self.topic, Field::Value, &self.value, batch)?)));
        let (key, value) = match encoded {
            Ok(spans) => spans,
            Err(error) => {
                batch.rewind(batch.len(), batch.header_mark(), bytes);
                return Err(error);
            }
        };
        let topic = batch.topic_index(&self.topic);
        let header_start = batch.header_mark();
        for header in self.headers.as_headers().iter() {
            batch.push_header(header);
        }
        batch.push_meta(RecordMeta {
            offset: self.offset,
            timestamp: self.timestamp,
            topic,
            partition: self.partition,
            key,
            value,
            header_start,
            header_count: batch.header_mark() - header_start,
            timestamp_type: self.timestamp_type,
        });
        Ok(())
    }
}

/// Appends one field to the batch's arena and says where it lies.
fn encode_field(
    encoder: &mut dyn Encoder,
    topic: &str,
    field: Field,
    value: &Value,
    batch: &mut Batch,
) -> Result<Span> {
    let start = batch.bytes();
    if !encoder.encode(topic, field, value, batch.arena())? {
        return Ok(Span::NULL);
    }
    Ok(Span::between(start, batch.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::json::Json;
    use crate::types::{Codecs, PlainCodecs, Type};

    #[test]
    fn shows_its_envelope() {
        let mut message = Message::new("t", "k", Json::parse("456").unwrap());
        message.headers.push("h", "x");
        message.headers.push_null("h");
        message.partition = 0;
        let line = r#"{"topic":"t","partition":0,"offset":-1,"timestamp":-1,"timestamp_type":"create","headers":[{"key":"h","value":"x"},{"key":"h","value":null}],"key":"k","value":456}"#;
        assert_eq!(message.to_string(), line);
        message.value = Value::from("{\"a\":1}\n");
        assert!(message.to_string().ends_with(r#""value":"{\"a\":1}\n"}"#));
        message.value = Value::from(b"\xff");
        assert!(message.to_string().ends_with(r#""value":null,"value_base64":"/w=="}"#));
        assert_eq!(message.clone(), message);
    }

    #[test]
    fn records_come_back_unchanged_and_failures_leave_the_batch_alone() {
        let mut headers = HeadersBuf::new();
        headers.push("h", b"\xff");
        headers.push_null("h");
        let record = Record {
            partition: 1,
            offset: 2,
            timestamp: 3,
            headers: headers.as_headers(),
            ..Record::new("t", None, Some(b"{ \"a\":1.0 }"))
        };
        let (mut key, mut value) = (
            PlainCodecs.decoder(Type::Str, Field::Key).unwrap(),
            PlainCodecs.decoder(Type::Json, Field::Value).unwrap(),
        );
        let mut message = Message::decode(record, "t".into(), &mut *key, &mut *value).unwrap();
        let (mut to_key, mut to_value) = (
            PlainCodecs.encoder(Type::Str, Field::Key).unwrap(),
            PlainCodecs.encoder(Type::Json, Field::Value).unwrap(),
        );
        let mut batch = Batch::new();
        message.encode(&mut *to_key, &mut *to_value, &mut batch).unwrap();
        assert_eq!(batch.get(0), record);

        message.key = Value::from("k");
        message.value = Value::from(b"\xff");
        let bytes = batch.bytes();
        assert_eq!(message.encode(&mut *to_key, &mut *to_value, &mut batch).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!((batch.len(), batch.bytes(), batch.header_mark()), (1, bytes, 2));

        let bad = Record { value: Some(b"x"), ..record };
        let error = Message::decode(bad, "t".into(), &mut *key, &mut *value).unwrap_err().to_string();
        assert_eq!(
            error,
            "read JSON: line 1, column 1, topic t, field value, partition 1, offset 2: this is not JSON: a value is missing"
        );
    }
}
