//! The names of the formats.

use std::fmt;
use std::str::FromStr;

use kafi_core::{Error, ErrorKind, Result, nearest};

/// A format of schemas.
///
/// ```
/// use kafi_serde::Format;
/// assert_eq!("pb".parse::<Format>()?, Format::Protobuf);
/// assert_eq!(Format::JsonSchema.to_string(), "jsonschema");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Avro.
    Avro,
    /// Protobuf.
    Protobuf,
    /// JSON Schema.
    JsonSchema,
}

const NAMES: [(&str, Format); 5] = [
    ("avro", Format::Avro),
    ("protobuf", Format::Protobuf),
    ("pb", Format::Protobuf),
    ("jsonschema", Format::JsonSchema),
    ("json_sr", Format::JsonSchema),
];

impl Format {
    /// Its name: `avro`, `protobuf`, `jsonschema`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
            Self::JsonSchema => "jsonschema",
        }
    }

    /// Its name in registries: `AVRO`, `PROTOBUF`, `JSON`.
    pub fn registry_name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::JsonSchema => "JSON",
        }
    }

    /// The error that this build lacks the format.
    #[cfg(all(
        any(feature = "avro", feature = "protobuf", feature = "jsonschema"),
        not(all(feature = "avro", feature = "protobuf", feature = "jsonschema"))
    ))]
    pub(crate) fn missing(self) -> Error {
        Error::new(ErrorKind::Unsupported, "read schema", "this build of Kafi does not have this format")
            .with("format", self)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    /// Reads `avro`, `protobuf` or `pb`, `jsonschema` or `json_sr`, and the names of registries.
    ///
    /// # Errors
    /// `Usage` for a name that is none.
    fn from_str(name: &str) -> Result<Self> {
        let all = [Self::Avro, Self::Protobuf, Self::JsonSchema];
        let found = NAMES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
        found.or_else(|| all.into_iter().find(|format| format.registry_name() == name)).ok_or_else(|| {
            let hint = nearest(name, NAMES.iter().map(|(known, _)| *known))
                .map_or("the formats are avro, protobuf, jsonschema".into(), |near| format!("did you mean {near}?"));
            Error::new(ErrorKind::Usage, "choose format", "there is no such format of schemas")
                .with("format", name)
                .hint(hint)
        })
    }
}
