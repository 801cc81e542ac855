//! The codecs of the types that need no schema.

use crate::codec::{Codecs, Coding, Decoded, Decoder, Encoder, SchemaHeader, Text};
use crate::error::{Error, ErrorKind, Result};
use crate::json::Json;
use crate::record::Headers;
use crate::schema::SchemaOptions;
use crate::types::{Field, Type};
use crate::value::Value;

/// The codecs that need no schema: bytes, str, json, auto.
///
/// What is decoded and not changed is encoded to the same bytes by the encoder of the same type. The encoders also take
/// other values: `bytes` and `auto` write text and JSON in UTF-8; `str` does, and takes bytes that are UTF-8; `json`
/// writes text as a JSON string, as Python's `json.dumps` does, and takes bytes that are JSON. Kafka's null is null in
/// all of them. A header that named the schema by which a value was decoded is dropped with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainCodecs;

impl Codecs for PlainCodecs {
    fn decoder(&self, type_: Type, _field: Field, _options: &SchemaOptions) -> Result<Box<dyn Decoder>> {
        Plain::new(type_).map(|plain| Box::new(plain) as _)
    }

    fn encoder(&self, type_: Type, _field: Field, _options: &SchemaOptions) -> Result<Box<dyn Encoder>> {
        Plain::new(type_).map(|plain| Box::new(plain) as _)
    }

    fn decodes_auto(&self, _options: &SchemaOptions) -> bool {
        false
    }
}

struct Plain {
    type_: Type,
    /// Whether what was encoded last had a schema, which it has no longer.
    had_schema: bool,
}

impl Plain {
    fn new(type_: Type) -> Result<Self> {
        if type_.has_schema() {
            let why = "these codecs know no type with a schema";
            return Err(Error::new(ErrorKind::Unsupported, "choose type", why).with("type", type_));
        }
        Ok(Self { type_, had_schema: false })
    }
}

impl Decoder for Plain {
    fn decode(&mut self, coding: &Coding<'_>, bytes: Option<&[u8]>) -> Result<Decoded> {
        let Some(bytes) = bytes else { return Ok(Value::Null.into()) };
        let value = match self.type_ {
            Type::Bytes => Ok(Value::Bytes(bytes.into())),
            Type::Str => utf8(bytes).map(|text| Value::Str(text.into())),
            Type::Json => utf8(bytes).and_then(Json::parse).map(Value::Json),
            _ => Ok(decode_auto(bytes)),
        };
        value.map(Decoded::from).map_err(|error| located(error, coding))
    }

    fn text(&mut self, coding: &Coding<'_>, bytes: &[u8], _out: &mut Vec<u8>) -> Result<Text> {
        check_bytes(self.type_, bytes).map(|()| Text::Same).map_err(|error| located(error, coding))
    }

    fn is_plain(&self, _bytes: &[u8], _headers: Headers<'_>) -> bool {
        matches!(self.type_, Type::Bytes | Type::Auto)
    }
}

impl Encoder for Plain {
    fn encode(&mut self, coding: &Coding<'_>, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        self.had_schema = coding.schema.is_some();
        match (self.type_, value) {
            (_, Value::Null) => return Ok(false),
            (_, Value::Json(json)) => json.write(out),
            (Type::Json, Value::Str(text)) => crate::json::text::write_string(out, text),
            (_, Value::Str(text)) => out.extend_from_slice(text.as_bytes()),
            (type_, Value::Bytes(bytes)) => {
                check_bytes(type_, bytes).map_err(|error| located(error, coding))?;
                out.extend_from_slice(bytes);
            }
        }
        Ok(true)
    }

    fn encode_text(&mut self, coding: &Coding<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.had_schema = coding.schema.is_some();
        check_bytes(self.type_, text).map_err(|error| located(error, coding))?;
        out.extend_from_slice(text);
        Ok(())
    }

    fn schema_header(&self) -> SchemaHeader<'_> {
        if self.had_schema { SchemaHeader::Drop } else { SchemaHeader::Keep }
    }
}

/// What `auto` makes of bytes.
fn decode_auto(bytes: &[u8]) -> Value {
    let Ok(text) = std::str::from_utf8(bytes) else { return Value::Bytes(bytes.into()) };
    if crate::json::scan::is_container(bytes)
        && let Ok(json) = Json::parse(text)
    {
        return Value::Json(json);
    }
    Value::Str(text.into())
}

fn check_bytes(type_: Type, bytes: &[u8]) -> Result<()> {
    match type_ {
        Type::Str => utf8(bytes).map(|_| ()),
        Type::Json => {
            utf8(bytes)?;
            crate::json::scan::check(bytes).map(|_| ()).map_err(|fault| crate::json::path::not_json(bytes, fault))
        }
        _ => Ok(()),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("byte {} is not UTF-8", error.valid_up_to());
        Error::new(ErrorKind::Corrupt, "read text", message).hint("the type bytes takes anything")
    })
}

/// `error` with the place in front of what it says already.
fn located(error: Error, coding: &Coding<'_>) -> Error {
    error.with("topic", coding.topic).with("field", coding.field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [Type; 4] = [Type::Bytes, Type::Str, Type::Json, Type::Auto];

    fn decode(type_: Type, bytes: &[u8]) -> Result<Value> {
        let options = SchemaOptions::default();
        let mut decoder = PlainCodecs.decoder(type_, Field::Value, &options).unwrap();
        let coding = Coding::new("t", Field::Value);
        assert_eq!(decoder.decode(&coding, None).unwrap(), Value::Null.into());
        let decoded = decoder.decode(&coding, Some(bytes)).map(|decoded| decoded.value);
        let shown = decoder.text(&coding, bytes, &mut Vec::new());
        assert_eq!(shown.map_err(|error| error.to_string()).err(), decoded.as_ref().err().map(ToString::to_string));
        decoded
    }

    fn encode(type_: Type, value: impl Into<Value>) -> Result<Option<Vec<u8>>> {
        let mut out = b"before".to_vec();
        let mut encoder = PlainCodecs.encoder(type_, Field::Key, &SchemaOptions::default()).unwrap();
        let is_some = encoder.encode(&Coding::new("t", Field::Key), &value.into(), &mut out)?;
        assert_eq!(encoder.schema_header(), SchemaHeader::Keep);
        let bytes = out.strip_prefix(b"before").unwrap().to_vec();
        assert!(is_some || bytes.is_empty());
        Ok(is_some.then_some(bytes))
    }

    #[test]
    fn unchanged_values_come_back_byte_for_byte() {
        let samples: [&[u8]; 12] = [
            b"",
            b" ",
            b"{\"a\" : 19.990, \"a\":1}\n",
            b" [1,2] ",
            b"\"x\"",
            b"null",
            b"456",
            b"{\"a\":",
            b"\xff\x00",
            b"{\"\xff\":1}",
            "ü\u{0}".as_bytes(),
            b"true",
        ];
        for type_ in TYPES {
            assert_eq!(encode(type_, Value::Null).unwrap(), None);
            for bytes in samples {
                match decode(type_, bytes) {
                    Ok(value) => assert_eq!(encode(type_, value).unwrap().as_deref(), Some(bytes), "{type_} {bytes:?}"),
                    Err(error) => assert!(
                        error.kind() == ErrorKind::Corrupt && matches!(type_, Type::Str | Type::Json),
                        "{type_} {bytes:?} {error}"
                    ),
                }
            }
        }
    }

    #[test]
    fn auto_takes_what_the_bytes_are() {
        assert!(matches!(decode(Type::Auto, b" {\"a\":1}").unwrap(), Value::Json(_)));
        assert!(matches!(decode(Type::Auto, b"[]").unwrap(), Value::Json(_)));
        for text in ["", "456", "null", "true", "\"x\"", "{\"a\":", "[1] x", "ü", &"[".repeat(200)] {
            assert_eq!(decode(Type::Auto, text.as_bytes()).unwrap(), Value::Str(text.into()));
        }
        assert_eq!(decode(Type::Auto, b"{\"\xff\":1}").unwrap(), Value::Bytes(b"{\"\xff\":1}".into()));
    }

    #[test]
    fn bytes_that_do_not_fit_say_where() {
        let error = decode(Type::Str, b"ab\xff").unwrap_err();
        assert_eq!(error.to_string(), "read text: topic t, field value: byte 2 is not UTF-8");
        let error = decode(Type::Json, b"{\"a\": x}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "read JSON: line 1, column 7, topic t, field value: this is not JSON: a value is missing"
        );
        assert_eq!(decode(Type::Json, b"\xff").unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(matches!(decode(Type::Json, b"456").unwrap(), Value::Json(json) if json == 456));
    }

    #[test]
    fn encoders_take_other_values() {
        let json = || Json::parse("{ \"a\": 1.0 }").unwrap();
        for type_ in TYPES {
            assert_eq!(encode(type_, json()).unwrap().unwrap(), b"{ \"a\": 1.0 }");
        }
        assert_eq!(encode(Type::Json, "a\"b").unwrap().unwrap(), b"\"a\\\"b\"");
        assert_eq!(encode(Type::Json, Json::null()).unwrap().unwrap(), b"null");
        assert_eq!(encode(Type::Json, b"[1]").unwrap().unwrap(), b"[1]");
        assert_eq!(encode(Type::Str, 456).unwrap().unwrap(), b"456");
        assert_eq!(encode(Type::Str, "ü").unwrap().unwrap(), "ü".as_bytes());
        assert_eq!(encode(Type::Str, b"k").unwrap().unwrap(), b"k");
        assert_eq!(encode(Type::Bytes, "k").unwrap().unwrap(), b"k");
        assert_eq!(encode(Type::Auto, b"\xff").unwrap().unwrap(), b"\xff");
        assert_eq!(
            encode(Type::Str, b"\xff").unwrap_err().to_string(),
            "read text: topic t, field key: byte 0 is not UTF-8"
        );
        assert_eq!(encode(Type::Json, b"x").unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn types_with_a_schema_are_refused() {
        for type_ in [Type::Avro, Type::Protobuf, Type::JsonSchema] {
            let error = PlainCodecs.decoder(type_, Field::Key, &SchemaOptions::default()).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(PlainCodecs.encoder(type_, Field::Key, &SchemaOptions::default()).is_err());
        }
    }
}
