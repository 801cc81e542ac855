//! Keys and values as they stand in requests and answers, and as the bytes of messages.

use std::collections::HashMap;

use base64_simd::STANDARD;
use kafi_core::{AvroJson, Coding, Encoder, Error, ErrorKind, Field, Json, Result, SchemaOptions, Type, Value};
use kafi_core::{Codecs, Decoder, Record};
use kafi_serde::Format;
use kafi_serde::registry::{Code, RegisterOptions, SchemaDefinition, Version};
use kafi_serde::wire::SchemaId;

use crate::rest::Rest;

const READ: &str = "read record";

/// How keys and values stand in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Base64 of the bytes.
    Binary,
    /// Text.
    Text,
    /// JSON.
    Json,
    /// JSON of a format with a schema.
    Schema(Format),
}

impl Form {
    /// By the word in a content type or an embedded format of version 2, or in a record of version 3.
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "binary" => Self::Binary,
            "string" => Self::Text,
            "json" => Self::Json,
            "avro" => Self::Schema(Format::Avro),
            "protobuf" => Self::Schema(Format::Protobuf),
            "jsonschema" => Self::Schema(Format::JsonSchema),
            _ => return None,
        })
    }

    /// The word in version 3.
    pub fn word(self) -> &'static str {
        match self {
            Self::Binary => "BINARY",
            Self::Text => "STRING",
            Self::Json => "JSON",
            Self::Schema(Format::Avro) => "AVRO",
            Self::Schema(Format::Protobuf) => "PROTOBUF",
            Self::Schema(Format::JsonSchema) => "JSONSCHEMA",
        }
    }

    fn type_(self) -> Type {
        match self {
            Self::Binary => Type::Bytes,
            Self::Text => Type::Str,
            Self::Json => Type::Json,
            Self::Schema(Format::Avro) => Type::Avro,
            Self::Schema(Format::Protobuf) => Type::Protobuf,
            Self::Schema(Format::JsonSchema) => Type::JsonSchema,
        }
    }
}

/// Which schema a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SchemaChoice {
    pub id: Option<u32>,
    pub version: Option<u32>,
    pub subject: Option<String>,
    /// The text, which is registered.
    pub text: Option<String>,
}

/// Writes the keys and values of one request.
pub struct FieldWriter<'a> {
    rest: &'a Rest,
    topic: &'a str,
    ids: HashMap<(bool, SchemaChoice), (u32, Format)>,
    encoders: HashMap<(bool, Form, u32), Box<dyn Encoder>>,
}

impl<'a> FieldWriter<'a> {
    pub fn new(rest: &'a Rest, topic: &'a str) -> Self {
        Self { rest, topic, ids: HashMap::new(), encoders: HashMap::new() }
    }

    /// Appends the bytes of a key or value; false, and nothing appended, is null.
    pub fn write(
        &mut self,
        field: Field,
        form: Form,
        choice: &SchemaChoice,
        data: &Json,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        if data.is_null() {
            return Ok(false);
        }
        match form {
            Form::Binary => {
                let text = data.str().map_err(|_| bad(field, "it is no text of base64"))?;
                decode_base64(text.as_bytes(), out).ok_or_else(|| bad(field, "it is no base64"))?;
                Ok(true)
            }
            Form::Text => {
                out.extend_from_slice(plain(data).as_bytes());
                Ok(true)
            }
            Form::Json => {
                out.extend_from_slice(data.to_string().as_bytes());
                Ok(true)
            }
            Form::Schema(format) => {
                self.encode((field, form, format), choice, data, out).map_err(|error| match error.kind() {
                    // The topic is there; it is something of the schema that is not.
                    ErrorKind::NotFound if Code::of(&error).is_none() => bad(field, error.to_string()),
                    _ => error,
                })
            }
        }
    }

    fn encode(
        &mut self,
        (field, form, format): (Field, Form, Format),
        choice: &SchemaChoice,
        data: &Json,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        let id = self.id(field, format, choice)?;
        let topic = self.topic;
        self.encoder(field, form, id)?.encode(&Coding::new(topic, field), &Value::Json(data.clone()), out)
    }

    /// The id of the schema that a request names for a field: without anything the latest of the topic's subject.
    pub fn id(&mut self, field: Field, format: Format, choice: &SchemaChoice) -> Result<u32> {
        Ok(self.named(field, Some(format), choice)?.0)
    }

    /// The form of a key or value of which only the schema is named.
    pub fn form(&mut self, field: Field, choice: &SchemaChoice) -> Result<Form> {
        Ok(Form::Schema(self.named(field, None, choice)?.1))
    }

    /// The schema that a request names; a text is one of `format`.
    fn named(&mut self, field: Field, format: Option<Format>, choice: &SchemaChoice) -> Result<(u32, Format)> {
        let key = (field == Field::Key, choice.clone());
        if let Some(known) = self.ids.get(&key) {
            return Ok(*known);
        }
        let (registry, timeout) = (&self.rest.served.registry, self.rest.timeout());
        let suffix = if field == Field::Key { "key" } else { "value" };
        let subject = choice.subject.clone().unwrap_or_else(|| format!("{}-{suffix}", self.topic));
        let named = match (choice.id, &choice.text) {
            (Some(id), _) => (id, registry.schema(SchemaId::Number(id), None, timeout)?.format),
            (None, Some(text)) => {
                let format = format.ok_or_else(|| bad(field, "its schema has no type"))?;
                let schema = SchemaDefinition::new(format, text.clone());
                (registry.register(&subject, &schema, RegisterOptions::default(), timeout)?.id, format)
            }
            (None, None) => {
                let version = choice.version.map_or(Version::Latest, Version::Number);
                let found = registry.version(&subject, version, false, timeout)?;
                (found.id, found.schema.format)
            }
        };
        self.ids.insert(key, named);
        Ok(named)
    }

    fn encoder(&mut self, field: Field, form: Form, id: u32) -> Result<&mut Box<dyn Encoder>> {
        use std::collections::hash_map::Entry;
        match self.encoders.entry((field == Field::Key, form, id)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let options = SchemaOptions { id: Some(id), ..SchemaOptions::default() };
                Ok(place.insert(self.rest.codecs.encoder(form.type_(), field, &options)?))
            }
        }
    }
}

/// Reads keys and values for answers.
pub struct FieldReader {
    form: Form,
    decoders: Option<[Box<dyn Decoder>; 2]>,
}

impl FieldReader {
    pub fn new(rest: &Rest, form: Form) -> Result<Self> {
        let options = SchemaOptions { avro_json: Some(AvroJson::Standard), ..SchemaOptions::default() };
        let open = |field| rest.codecs.decoder(form.type_(), field, &options);
        let decoders = match form {
            Form::Schema(_) => Some([open(Field::Key)?, open(Field::Value)?]),
            _ => None,
        };
        Ok(Self { form, decoders })
    }

    /// Appends the key or value of a message as JSON.
    pub fn read(&mut self, record: &Record<'_>, field: Field, out: &mut Vec<u8>) -> Result<()> {
        let bytes = if field == Field::Key { record.key } else { record.value };
        let Some(bytes) = bytes else {
            out.extend_from_slice(b"null");
            return Ok(());
        };
        match &mut self.decoders {
            None if self.form == Form::Json => {
                // What is no JSON is an error, as with Confluent's; it is looked at here, and goes out as it came.
                let text = std::str::from_utf8(bytes).map_err(|_| bad(field, "it is no JSON"))?;
                Json::parse(text).map_err(|error| bad(field, format!("it is no JSON: {error}")))?;
                out.extend_from_slice(bytes);
            }
            None => base64_string(bytes, out),
            Some(decoders) => {
                let decoder = &mut decoders[usize::from(field == Field::Value)];
                let decoded = decoder.decode(&Coding::new(record.topic, field).headers(record.headers), Some(bytes))?;
                match decoded.value {
                    Value::Json(json) => out.extend_from_slice(json.to_string().as_bytes()),
                    Value::Str(text) => out.extend_from_slice(Json::from(&*text).to_string().as_bytes()),
                    Value::Bytes(bytes) => base64_string(&bytes, out),
                    _ => out.extend_from_slice(b"null"),
                }
            }
        }
        Ok(())
    }
}

/// Appends bytes as a string of base64, with its quotes.
pub fn base64_string(bytes: &[u8], out: &mut Vec<u8>) {
    // The encoder itself would make room for these only.
    out.reserve(bytes.len().div_ceil(3) * 4 + 2);
    out.push(b'"');
    STANDARD.encode_append(bytes, out);
    out.push(b'"');
}

/// Appends the bytes that a text of base64 means; nothing, and `None`, if it is none.
pub fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    // The decoder itself would make room for these only.
    out.reserve(text.len());
    STANDARD.decode_append(text, out).ok()
}

/// A text as it is, and anything else as it is written in JSON: clients write numbers and flags in either way.
pub fn plain(json: &Json) -> String {
    json.str().map_or_else(|_| json.to_string(), str::to_string)
}

fn bad(field: Field, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, READ, why).with("field", field)
}
