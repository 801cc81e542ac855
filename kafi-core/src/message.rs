//! One message as user functions see it.

use std::sync::Arc;

use crate::batch::Batch;
use crate::codec::{Coding, Decoded, Decoder, Encoder, SchemaHeader};
use crate::error::Result;
use crate::meta::{RecordMeta, Span, TimestampType};
use crate::record::{ANY_PARTITION, Header, Headers, HeadersBuf, NO_TIMESTAMP, Record};
use crate::schema::{SchemaRef, schema_id_header};
use crate::types::Field;
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
    /// The schema by which the key was decoded; an encoder of its type takes it, unless another one is chosen. `None`
    /// lets go of it.
    pub key_schema: Option<SchemaRef>,
    /// The schema by which the value was decoded, likewise.
    pub value_schema: Option<SchemaRef>,
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
            key_schema: None,
            value_schema: None,
        }
    }

    /// Decodes `record`; `topic` is its topic's name, shared by all messages of the topic.
    ///
    /// # Errors
    /// What the decoders say, with partition and offset.
    pub fn decode(record: Record<'_>, topic: Arc<str>, key: &mut dyn Decoder, value: &mut dyn Decoder) -> Result<Self> {
        let decode = |decoder: &mut dyn Decoder, field, bytes| {
            let decoded = decoder.decode(&Coding::new(record.topic, field).headers(record.headers), bytes);
            decoded.map_err(|error| error.with("partition", record.partition).with("offset", record.offset))
        };
        let Decoded { value: key, schema: key_schema } = decode(key, Field::Key, record.key)?;
        let Decoded { value, schema: value_schema } = decode(value, Field::Value, record.value)?;
        Ok(Self {
            topic,
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            headers: record.headers.into(),
            key,
            value,
            key_schema,
            value_schema,
        })
    }

    /// Encodes it into `batch`, which stays as it was if that fails.
    ///
    /// # Errors
    /// What the encoders say.
    pub fn encode(&self, key: &mut dyn Encoder, value: &mut dyn Encoder, batch: &mut Batch) -> Result<()> {
        let bytes = batch.bytes();
        let encoded = self.encode_field(Field::Key, key, batch);
        let encoded = encoded.and_then(|key| Ok((key, self.encode_field(Field::Value, value, batch)?)));
        let (key_span, value_span) = match encoded {
            Ok(spans) => spans,
            Err(error) => {
                batch.rewind(batch.len(), batch.header_mark(), bytes);
                return Err(error);
            }
        };
        let topic = batch.topic_index(&self.topic);
        let header_start = batch.header_mark();
        push_headers(self.headers.as_headers(), [key.schema_header(), value.schema_header()], batch);
        batch.push_meta(RecordMeta {
            offset: self.offset,
            timestamp: self.timestamp,
            topic,
            partition: self.partition,
            key: key_span,
            value: value_span,
            header_start,
            header_count: batch.header_mark() - header_start,
            timestamp_type: self.timestamp_type,
        });
        Ok(())
    }

    /// Appends one field to the batch's arena and says where it lies.
    fn encode_field(&self, field: Field, encoder: &mut dyn Encoder, batch: &mut Batch) -> Result<Span> {
        let (value, schema) = match field {
            Field::Key => (&self.key, &self.key_schema),
            Field::Value => (&self.value, &self.value_schema),
        };
        let coding = Coding::new(&self.topic, field).headers(self.headers.as_headers()).schema(schema.as_ref());
        let start = batch.bytes();
        if !encoder.encode(&coding, value, batch.arena())? {
            return Ok(Span::NULL);
        }
        Ok(Span::between(start, batch.bytes()))
    }
}

/// Appends a message whose key and value were written as text, each encoded where there is an encoder; `batch` stays as
/// it was if that fails.
///
/// # Errors
/// Those of [`Encoder::encode_text`].
pub fn push_texts(
    record: Record<'_>,
    encoders: [Option<&mut (dyn Encoder + 'static)>; 2],
    batch: &mut Batch,
) -> Result<()> {
    let start = batch.bytes();
    let [mut key_encoder, mut value_encoder] = encoders;
    let encoded = push_text(&record, Field::Key, &mut key_encoder, batch)
        .and_then(|key| Ok((key, push_text(&record, Field::Value, &mut value_encoder, batch)?)))
        .inspect_err(|_| batch.rewind(batch.len(), batch.header_mark(), start));
    let (key, value) = encoded?;
    let wanted = [(&key_encoder, record.key), (&value_encoder, record.value)].map(|(encoder, text)| match encoder {
        Some(encoder) if text.is_some() => encoder.schema_header(),
        _ => SchemaHeader::Keep,
    });
    let header_start = batch.header_mark();
    push_headers(record.headers, wanted, batch);
    let topic = batch.topic_index(record.topic);
    batch.push_meta(RecordMeta {
        offset: record.offset,
        timestamp: record.timestamp,
        topic,
        partition: record.partition,
        key,
        value,
        header_start,
        header_count: batch.header_mark() - header_start,
        timestamp_type: record.timestamp_type,
    });
    Ok(())
}

/// Appends one field to the batch's arena, encoded if there is an encoder, and says where it lies.
fn push_text(
    record: &Record<'_>,
    field: Field,
    encoder: &mut Option<&mut (dyn Encoder + 'static)>,
    batch: &mut Batch,
) -> Result<Span> {
    let text = if field == Field::Key { record.key } else { record.value };
    let (Some(encoder), Some(text)) = (encoder, text) else { return Ok(Span::append(batch.arena(), text)) };
    let start = batch.bytes();
    encoder.encode_text(&Coding::new(record.topic, field).headers(record.headers), text, batch.arena())?;
    Ok(Span::between(start, batch.bytes()))
}

/// Appends headers, but of those that name schemas only what the encoders want.
pub fn push_headers(headers: Headers<'_>, wanted: [SchemaHeader<'_>; 2], batch: &mut Batch) {
    let named = [schema_id_header(Field::Key), schema_id_header(Field::Value)].into_iter().zip(wanted);
    for header in headers.iter() {
        let is_left_out =
            |(name, wanted): (&str, SchemaHeader<'_>)| wanted != SchemaHeader::Keep && name.as_bytes() == header.name;
        if !named.clone().any(is_left_out) {
            batch.push_header(header);
        }
    }
    for (name, wanted) in named {
        if let SchemaHeader::Set(value) = wanted {
            batch.push_header(Header { name: name.as_bytes(), value: Some(value) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codecs;
    use crate::error::ErrorKind;
    use crate::json::Json;
    use crate::plain::PlainCodecs;
    use crate::schema::SchemaOptions;
    use crate::types::Type;

    fn decoder(type_: Type) -> Box<dyn Decoder> {
        PlainCodecs.decoder(type_, Field::Value, &SchemaOptions::default()).unwrap()
    }

    fn encoder(type_: Type) -> Box<dyn Encoder> {
        PlainCodecs.encoder(type_, Field::Value, &SchemaOptions::default()).unwrap()
    }

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
        let (mut key, mut value) = (decoder(Type::Str), decoder(Type::Json));
        let mut message = Message::decode(record, "t".into(), &mut *key, &mut *value).unwrap();
        let (mut to_key, mut to_value) = (encoder(Type::Str), encoder(Type::Json));
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
