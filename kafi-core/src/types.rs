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
const NAMES: [(&str, Type); 4] = [("bytes", Type::Bytes), ("str", Type::Str), ("json", Type::Json), ("auto", Type::Auto)];

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
        let hint = nearest(name, known).map_or("the types are bytes, str, json, auto".into(), |near| format!("did you mean {near}?"));
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
/// What is decoded and not changed is encoded to the same bytes by the encoder of the same type. The encoders also take other values:
/// `bytes` and `auto` write text and JSON in UTF-8; `str` does, and takes bytes that are UTF-8; `json` writes text as a JSON string,
/// as Python's `json.dumps` does, and takes bytes that are JSON. Kafka's null is null in all of them.
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
            Type::Json => utf8(bytes).and_then(Json::parse).map(Value::Json).map_err(|error| located(error, topic, field)),
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
