//! What keys and values are decoded as, and the codecs that do it.

use std::fmt;
use std::str::FromStr;

use crate::config::nearest;
use crate::error::{Error, ErrorKind, Result};
use crate::json::Json;
use crate::value::Value;

/// Which of the two parts of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Field {
    /// `key` or `value`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What keys or values are decoded as and encoded from.
///
/// ```
/// use kafi_core::{ErrorKind, Type};
/// assert_eq!("json".parse::<Type>()?, Type::Json);
/// assert_eq!("jsn".parse::<Type>().unwrap_err().hint_text(), Some("did you mean json?"));
/// assert_eq!("avro".parse::<Type>().unwrap_err().kind(), ErrorKind::Unsupported);
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Type {
    /// Bytes as they are.
    Bytes,
    /// UTF-8 text.
    Str,
    /// JSON text without a schema.
    Json,
    /// JSON if it is an object or array, else text if it is UTF-8, else bytes.
    #[default]
    Auto,
}

/// The names of the types that this version has.
const NAMES: [(&str, Type); 4] =
    [("bytes", Type::Bytes), ("str", Type::Str), ("json", Type::Json), ("auto", Type::Auto)];

/// The names of the types that need a schema registry.
const REGISTRY_NAMES: [&str; 5] = ["avro", "protobuf", "pb", "jsonschema", "json_sr"];

impl Type {
    /// Its name: `bytes`, `str`, `json`, `auto`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Str => "str",
            Self::Json => "json",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Type {
    type Err = Error;

    /// Reads a type's name.
    ///
    /// # Errors
    /// `Unsupported` for the types that need a schema registry, `Usage` for a name that is none.
    fn from_str(name: &str) -> Result<Self> {
        if let Some((_, found)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*found);
        }
        if REGISTRY_NAMES.contains(&name) {
            let message = "it needs a schema registry, which this version does not speak yet";
            return Err(Error::new(ErrorKind::Unsupported, "choose type", message).with("type", name));
        }
        let known = NAMES.iter().map(|(known, _)| *known).chain(REGISTRY_NAMES);
        let hint = nearest(name, known)
            .map_or("the types are bytes, str, json, auto".into(), |near| format!("did you mean {near}?"));
        Err(Error::new(ErrorKind::Usage, "choose type", "there is no such type").with("type", name).hint(hint))
    }
}

/// Turns bytes into values.
pub trait Decoder: Send {
    /// Decodes the key or value of a message of `topic`; null always becomes [`Value::Null`].
    ///
    /// # Errors
    /// `Corrupt`, with topic, field, and where, if the bytes are not of the type.
    fn decode(&mut self, topic: &str, field: Field, bytes: Option<&[u8]>) -> Result<Value>;
}

/// Turns values into bytes.
pub trait Encoder: Send {
    /// Appends the bytes of a key or value of a message of `topic` to `out`; false, and nothing appended, is null.
    ///
    /// # Errors
    /// `Corrupt`, with topic, field, and where, if the value cannot be of the type.
    fn encode(&mut self, topic: &str, field: Field, value: &Value, out: &mut Vec<u8>) -> Result<bool>;
}

/// Where decoders and encoders come from. Formats of a schema registry come from another implementation.
pub trait Codecs: Send + Sync {
    /// A decoder for `type_`.
    ///
    /// # Errors
    /// `Unsupported` if it cannot decode this type.
    fn decoder(&self, type_: Type, field: Field) -> Result<Box<dyn Decoder>>;

    /// An encoder for `type_`.
    ///
    /// # Errors
    /// `Unsupported` if it cannot encode this type.
    fn encoder(&self, type_: Type, field: Field) -> Result<Box<dyn Encoder>>;
}

/// The codecs that need no schema registry: bytes, str, json, auto.
///
/// What is decoded and not changed is encoded to the same bytes by the encoder of the same type. The encoders also take
/// other values: `bytes` and `auto` write text and JSON in UTF-8; `str` does, and takes bytes that are UTF-8; `json`
/// writes text as a JSON string, as Python's `json.dumps` does, and takes bytes that are JSON. Kafka's null is null in
/// all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainCodecs;

impl Codecs for PlainCodecs {
    fn decoder(&self, type_: Type, _field: Field) -> Result<Box<dyn Decoder>> {
        Ok(Box::new(Plain(type_)))
    }

    fn encoder(&self, type_: Type, _field: Field) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Plain(type_)))
    }
}

struct Plain(Type);

impl Decoder for Plain {
    fn decode(&mut self, topic: &str, field: Field, bytes: Option<&[u8]>) -> Result<Value> {
        let Some(bytes) = bytes else { return Ok(Value::Null) };
        match self.0 {
            Type::Bytes => Ok(Value::Bytes(bytes.into())),
            Type::Str => utf8(bytes).map(|text| Value::Str(text.into())).map_err(|error| located(error, topic, field)),
            Type::Json => {
                utf8(bytes).and_then(Json::parse).map(Value::Json).map_err(|error| located(error, topic, field))
            }
            Type::Auto => Ok(decode_auto(bytes)),
        }
    }
}

impl Encoder for Plain {
    fn encode(&mut self, topic: &str, field: Field, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        match (self.0, value) {
            (_, Value::Null) => return Ok(false),
            (_, Value::Json(json)) => json.write(out),
            (Type::Json, Value::Str(text)) => crate::json::text::write_string(out, text),
            (_, Value::Str(text)) => out.extend_from_slice(text.as_bytes()),
            (type_, Value::Bytes(bytes)) => {
                check_bytes(type_, bytes).map_err(|error| located(error, topic, field))?;
                out.extend_from_slice(bytes);
            }
        }
        Ok(true)
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
        Type::Bytes | Type::Auto => Ok(()),
        Type::Str => utf8(bytes).map(|_| ()),
        Type::Json => {
            utf8(bytes)?;
            crate::json::scan::check(bytes).map(|_| ()).map_err(|fault| crate::json::path::not_json(bytes, fault))
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("byte {} is not UTF-8", error.valid_up_to());
        Error::new(ErrorKind::Corrupt, "read text", message).hint("the type bytes takes anything")
    })
}

/// `error` with the place in front of what it says already.
fn located(error: Error, topic: &str, field: Field) -> Error {
    error.with("topic", topic).with("field", field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [Type; 4] = [Type::Bytes, Type::Str, Type::Json, Type::Auto];

    fn decode(type_: Type, bytes: &[u8]) -> Result<Value> {
        PlainCodecs.decoder(type_, Field::Value).unwrap().decode("t", Field::Value, Some(bytes))
    }

    fn encode(type_: Type, value: impl Into<Value>) -> Result<Option<Vec<u8>>> {
        let mut out = b"before".to_vec();
        let is_some =
            PlainCodecs.encoder(type_, Field::Key).unwrap().encode("t", Field::Key, &value.into(), &mut out)?;
        let bytes = out.strip_prefix(b"before").unwrap().to_vec();
        assert!(is_some || bytes.is_empty());
        Ok(is_some.then_some(bytes))
    }

    #[test]
    fn names_are_read() {
        for type_ in TYPES {
            assert_eq!(type_.to_string().parse::<Type>().unwrap(), type_);
        }
        for name in REGISTRY_NAMES {
            let error = name.parse::<Type>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert_eq!(
                error.to_string(),
                format!("choose type: type {name}: it needs a schema registry, which this version does not speak yet")
            );
        }
        let error = "byte".parse::<Type>().unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Usage, Some("did you mean bytes?")));
        assert_eq!("xxxxxxxx".parse::<Type>().unwrap_err().hint_text(), Some("the types are bytes, str, json, auto"));
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
            assert_eq!(
                PlainCodecs.decoder(type_, Field::Key).unwrap().decode("t", Field::Key, None).unwrap(),
                Value::Null
            );
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
}
