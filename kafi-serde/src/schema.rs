//! A schema of any format, and what reads and writes payloads with it. Each format is there with its feature.

use std::sync::Arc;

use kafi_core::Result;

#[cfg(feature = "avro")]
use crate::avro;
use crate::format::Format;
#[cfg(feature = "jsonschema")]
use crate::jsonschema;
#[cfg(feature = "protobuf")]
use crate::protobuf;
use crate::wire::MessageIndexes;

/// A compiled schema of any format. A clone costs a reference count.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Schema {
    /// Avro.
    #[cfg(feature = "avro")]
    Avro(Arc<avro::Schema>),
    /// Protobuf.
    #[cfg(feature = "protobuf")]
    Protobuf(Arc<protobuf::Schema>),
    /// JSON Schema.
    #[cfg(feature = "jsonschema")]
    JsonSchema(Arc<jsonschema::Schema>),
}

/// How payloads are written as JSON, for each format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Forms {
    /// Of Avro.
    #[cfg(feature = "avro")]
    pub avro: avro::Form,
    /// Of Protobuf.
    #[cfg(feature = "protobuf")]
    pub protobuf: protobuf::Form,
}

impl Schema {
    /// Compiles a text with what it refers to: name and text each, for Avro those first that others need.
    ///
    /// # Errors
    /// Those of the format; `Unsupported` where this build lacks it.
    pub fn parse(format: Format, text: &str, references: &[(&str, &str)]) -> Result<Self> {
        match format {
            #[cfg(feature = "avro")]
            Format::Avro => {
                let texts: Vec<&str> = references.iter().map(|(_, text)| *text).collect();
                avro::Schema::parse_with_references(text, &texts).map(|schema| Self::Avro(Arc::new(schema)))
            }
            #[cfg(feature = "protobuf")]
            Format::Protobuf => {
                protobuf::Schema::parse_with_imports(text, references).map(|schema| Self::Protobuf(Arc::new(schema)))
            }
            #[cfg(feature = "jsonschema")]
            Format::JsonSchema => jsonschema::Schema::parse_with_references(text, references)
                .map(|schema| Self::JsonSchema(Arc::new(schema))),
            #[cfg(not(all(feature = "avro", feature = "protobuf", feature = "jsonschema")))]
            other => Err(other.missing()),
        }
    }

    /// Its format.
    pub fn format(&self) -> Format {
        match *self {
            #[cfg(feature = "avro")]
            Self::Avro(_) => Format::Avro,
            #[cfg(feature = "protobuf")]
            Self::Protobuf(_) => Format::Protobuf,
            #[cfg(feature = "jsonschema")]
            Self::JsonSchema(_) => Format::JsonSchema,
        }
    }

    /// What turns its payloads into JSON text. Of Protobuf it begins with the first message.
    ///
    /// # Errors
    /// `Corrupt` if a Protobuf file has no message.
    #[cfg_attr(
        not(any(feature = "avro", feature = "protobuf")),
        allow(unused_variables, reason = "no format has forms")
    )]
    pub fn reader(&self, forms: Forms) -> Result<Reader> {
        match self {
            #[cfg(feature = "avro")]
            Self::Avro(schema) => Ok(Reader::Avro(avro::Reader::new(schema, forms.avro))),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(schema) => Ok(Reader::Protobuf {
                message: schema.first_message()?,
                schema: Arc::clone(schema),
                reader: protobuf::Reader::new(Arc::clone(schema), forms.protobuf),
            }),
            #[cfg(feature = "jsonschema")]
            Self::JsonSchema(schema) => Ok(Reader::JsonSchema(jsonschema::Reader::new(Arc::clone(schema)))),
        }
    }

    /// What turns JSON text into its payloads. Of Protobuf it begins with the first message.
    ///
    /// # Errors
    /// `Corrupt` if a Protobuf file has no message.
    #[cfg_attr(
        not(feature = "avro"),
        allow(unused_variables, reason = "only Avro has forms in which something is read otherwise")
    )]
    pub fn writer(&self, forms: Forms) -> Result<Writer> {
        match self {
            #[cfg(feature = "avro")]
            Self::Avro(schema) => Ok(Writer::Avro(avro::Writer::new(Arc::clone(schema), forms.avro))),
            #[cfg(feature = "protobuf")]
            Self::Protobuf(schema) => Ok(Writer::Protobuf {
                message: schema.first_message()?,
                schema: Arc::clone(schema),
                writer: protobuf::Writer::new(Arc::clone(schema)),
            }),
            #[cfg(feature = "jsonschema")]
            Self::JsonSchema(schema) => Ok(Writer::JsonSchema(jsonschema::Writer::new(Arc::clone(schema)))),
        }
    }
}

/// Turns payloads of one schema into JSON text.
#[non_exhaustive]
#[derive(Debug)]
pub enum Reader {
    /// Of Avro.
    #[cfg(feature = "avro")]
    Avro(avro::Reader),
    /// Of Protobuf, and of which of its messages.
    #[cfg(feature = "protobuf")]
    Protobuf {
        /// The schema.
        schema: Arc<protobuf::Schema>,
        /// The message that payloads are.
        message: protobuf::Message,
        /// What reads them.
        reader: protobuf::Reader,
    },
    /// Of JSON Schema.
    #[cfg(feature = "jsonschema")]
    JsonSchema(jsonschema::Reader),
}

impl Reader {
    /// Takes payloads for this message of a Protobuf schema from now on; other formats have none, and nothing changes.
    ///
    /// # Errors
    /// `NotFound` if the schema does not have it.
    #[cfg_attr(not(feature = "protobuf"), allow(unused_variables, reason = "no other format has messages"))]
    pub fn choose(&mut self, name: &str) -> Result<()> {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf { schema, message, .. } => *message = schema.message(name)?,
            #[allow(unreachable_patterns, reason = "it is the only format in some builds")]
            _ => {}
        }
        Ok(())
    }

    /// The same by the indexes that stand in front of a payload.
    ///
    /// # Errors
    /// `Corrupt` if the schema does not have it.
    #[cfg_attr(not(feature = "protobuf"), allow(unused_variables, reason = "no other format has messages"))]
    pub fn choose_at(&mut self, indexes: &MessageIndexes) -> Result<()> {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf { schema, message, .. } => *message = schema.message_at(indexes)?,
            #[allow(unreachable_patterns, reason = "it is the only format in some builds")]
            _ => {}
        }
        Ok(())
    }

    /// The full name of the message, of Protobuf; `None` for other formats.
    pub fn message_name(&self) -> Option<&str> {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf { schema, message, .. } => Some(schema.message_name(*message)),
            #[allow(unreachable_patterns, reason = "it is the only format in some builds")]
            _ => None,
        }
    }

    /// Appends a payload, without what names its schema, as JSON text.
    ///
    /// # Errors
    /// Those of the format; `out` is as it was then.
    pub fn read(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            #[cfg(feature = "avro")]
            Self::Avro(reader) => reader.read(payload, out),
            #[cfg(feature = "protobuf")]
            Self::Protobuf { message, reader, .. } => reader.read(*message, payload, out),
            #[cfg(feature = "jsonschema")]
            Self::JsonSchema(reader) => reader.read(payload, out),
        }
    }
}

/// Turns JSON text into payloads of one schema.
#[non_exhaustive]
#[derive(Debug)]
pub enum Writer {
    /// Of Avro.
    #[cfg(feature = "avro")]
    Avro(avro::Writer),
    /// Of Protobuf, and of which of its messages.
    #[cfg(feature = "protobuf")]
    Protobuf {
        /// The schema.
        schema: Arc<protobuf::Schema>,
        /// The message that payloads are.
        message: protobuf::Message,
        /// What writes them.
        writer: protobuf::Writer,
    },
    /// Of JSON Schema.
    #[cfg(feature = "jsonschema")]
    JsonSchema(jsonschema::Writer),
}

impl Writer {
    /// Makes payloads of this message of a Protobuf schema from now on; other formats have none, and nothing changes.
    ///
    /// # Errors
    /// `NotFound` if the schema does not have it.
    #[cfg_attr(not(feature = "protobuf"), allow(unused_variables, reason = "no other format has messages"))]
    pub fn choose(&mut self, name: &str) -> Result<()> {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf { schema, message, .. } => *message = schema.message(name)?,
            #[allow(unreachable_patterns, reason = "it is the only format in some builds")]
            _ => {}
        }
        Ok(())
    }

    /// The indexes of the message, which stand in front of a payload of Protobuf; `None` for other formats.
    pub fn indexes(&self) -> Option<MessageIndexes> {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf { schema, message, .. } => Some(schema.indexes(*message)),
            #[allow(unreachable_patterns, reason = "it is the only format in some builds")]
            _ => None,
        }
    }

    /// Appends the payload of a JSON text, without what names its schema.
    ///
    /// # Errors
    /// Those of the format; `out` is as it was then.
    pub fn write(&mut self, json: &str, out: &mut Vec<u8>) -> Result<()> {
        match self {
            #[cfg(feature = "avro")]
            Self::Avro(writer) => writer.write(json, out),
            #[cfg(feature = "protobuf")]
            Self::Protobuf { message, writer, .. } => writer.write(*message, json, out),
            #[cfg(feature = "jsonschema")]
            Self::JsonSchema(writer) => writer.write(json, out),
        }
    }
}
