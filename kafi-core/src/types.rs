//! What keys and values are decoded as.

use std::fmt;
use std::str::FromStr;

use crate::config::nearest;
use crate::error::{Error, ErrorKind, Result};

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
/// assert_eq!("pb".parse::<Type>()?, Type::Protobuf);
/// assert_eq!("xml".parse::<Type>().unwrap_err().kind(), ErrorKind::Usage);
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
    /// Avro, with a schema.
    Avro,
    /// Protobuf, with a schema.
    Protobuf,
    /// JSON text that a JSON Schema describes.
    JsonSchema,
    /// When reading, what a registry knows by the id that it has; else JSON if it is an object or array, else text if
    /// it is UTF-8, else bytes. When writing, as it came.
    #[default]
    Auto,
}

/// The names of the types.
const NAMES: [(&str, Type); 9] = [
    ("bytes", Type::Bytes),
    ("str", Type::Str),
    ("json", Type::Json),
    ("avro", Type::Avro),
    ("protobuf", Type::Protobuf),
    ("pb", Type::Protobuf),
    ("jsonschema", Type::JsonSchema),
    ("json_sr", Type::JsonSchema),
    ("auto", Type::Auto),
];

/// The names of the types, each once.
const LIST: &str = "bytes, str, json, avro, protobuf, jsonschema, auto";

impl Type {
    /// Its name: `bytes`, `str`, `json`, `avro`, `protobuf`, `jsonschema`, `auto`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Str => "str",
            Self::Json => "json",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
            Self::JsonSchema => "jsonschema",
            Self::Auto => "auto",
        }
    }

    /// Whether values of the type have a schema.
    pub fn has_schema(self) -> bool {
        matches!(self, Self::Avro | Self::Protobuf | Self::JsonSchema)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Type {
    type Err = Error;

    /// Reads a type's name; `pb` is `protobuf`, and `json_sr` is `jsonschema`.
    ///
    /// # Errors
    /// `Usage` for a name that is none.
    fn from_str(name: &str) -> Result<Self> {
        if let Some((_, found)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*found);
        }
        let hint = nearest(name, NAMES.iter().map(|(known, _)| *known))
            .map_or(format!("the types are {LIST}"), |near| format!("did you mean {near}?"));
        Err(Error::new(ErrorKind::Usage, "choose type", "there is no such type").with("type", name).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        for (name, type_) in NAMES {
            assert_eq!(name.parse::<Type>().unwrap(), type_);
            assert_eq!(type_.to_string().parse::<Type>().unwrap(), type_);
        }
        let error = "byte".parse::<Type>().unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Usage, Some("did you mean bytes?")));
        assert_eq!(
            "xxxxxxxx".parse::<Type>().unwrap_err().hint_text(),
            Some("the types are bytes, str, json, avro, protobuf, jsonschema, auto")
        );
    }
}
