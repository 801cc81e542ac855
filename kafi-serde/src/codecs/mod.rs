//! The codecs of all types: those with a schema, and those without.
//!
//! [`SchemaCodecs`] decodes what names its schema by an id of a registry, and encodes by a schema that somebody chose or
//! that travels with the message; both ask the registry once for each schema, and compile it once. Without a registry
//! payloads are raw: they name no schema, and a file or text says what they are.
//!
//! ```
//! # #[cfg(feature = "avro")]
//! # fn main() -> kafi_core::Result<()> {
//! use kafi_core::{Codecs, Coding, Field, SchemaOptions, Type, json};
//! use kafi_serde::SchemaCodecs;
//!
//! let codecs = SchemaCodecs::new(None);
//! let schema = r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}"#;
//! let options = SchemaOptions { schema: Some(schema.into()), ..SchemaOptions::default() };
//! let coding = Coding::new("orders", Field::Value);
//!
//! let mut bytes = Vec::new();
//! let mut encoder = codecs.encoder(Type::Avro, Field::Value, &options)?;
//! encoder.encode(&coding, &json!({"id": 123}).into(), &mut bytes)?;
//! assert_eq!(bytes, [0xf6, 1]);
//!
//! let decoded = codecs.decoder(Type::Avro, Field::Value, &options)?.decode(&coding, Some(&bytes))?;
//! assert_eq!(decoded.value["id"], 123);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "avro"))]
//! # fn main() {}
//! ```

mod chosen;
mod decoder;
mod encoder;
mod known;
mod prepared;
mod references;
mod resolve;
mod subject;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafi_core::{
    Codecs, Decoder, Encoder, Error, ErrorKind, Field, PlainCodecs, Result, SchemaOptions, TravellingSchema, Type,
};

use crate::codecs::decoder::SchemaDecoder;
use crate::codecs::encoder::SchemaEncoder;
use crate::format::Format;
use crate::registry::Registry;
use crate::schema::Forms;
use crate::wire::SchemaId;

pub use known::KnownSchema;

/// How many schemas are kept.
const SCHEMAS_MAX: usize = 1000;

/// The codecs of all types, with a registry or without.
///
/// Cheap to clone; clones share what is known of schemas.
#[derive(Clone)]
pub struct SchemaCodecs {
    shared: Arc<Shared>,
}

/// What all decoders and encoders share.
struct Shared {
    registry: Option<Arc<dyn Registry>>,
    /// The schemas by their ids; `None` is one that the registry does not know.
    schemas: Mutex<HashMap<SchemaId, Option<Arc<KnownSchema>>>>,
}

impl SchemaCodecs {
    /// Codecs that ask this registry; without one payloads are raw. Does not speak to it yet.
    pub fn new(registry: Option<Arc<dyn Registry>>) -> Self {
        Self { shared: Arc::new(Shared { registry, schemas: Mutex::default() }) }
    }

    /// The registry.
    pub fn registry(&self) -> Option<&Arc<dyn Registry>> {
        self.shared.registry.as_ref()
    }
}

impl Codecs for SchemaCodecs {
    fn decoder(&self, type_: Type, field: Field, options: &SchemaOptions) -> Result<Box<dyn Decoder>> {
        let may_have_schema = type_.has_schema() || type_ == Type::Auto && self.decodes_auto(options);
        if !may_have_schema {
            return PlainCodecs.decoder(type_, field, options);
        }
        Ok(Box::new(SchemaDecoder::open(Arc::clone(&self.shared), type_, field, options)?))
    }

    fn encoder(&self, type_: Type, field: Field, options: &SchemaOptions) -> Result<Box<dyn Encoder>> {
        // What travels may have a schema whether there is a registry or not.
        if !type_.has_schema() && type_ != Type::Auto {
            return PlainCodecs.encoder(type_, field, options);
        }
        Ok(Box::new(SchemaEncoder::open(Arc::clone(&self.shared), type_, field, options)?))
    }

    fn decodes_auto(&self, options: &SchemaOptions) -> bool {
        self.shared.registry.is_some() || options.names_schema()
    }
}

impl Shared {
    /// The registry, which something needs.
    fn registry(&self, what: &'static str) -> Result<&Arc<dyn Registry>> {
        self.registry.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Usage, what, "there is no schema registry")
                .hint("schema.registry.url in the configuration or --registry names one")
        })
    }

    /// The schema of an id; `None` if the registry does not know it. Asks the registry the first time.
    fn schema(
        &self,
        id: SchemaId,
        options: &SchemaOptions,
        field: Field,
        topic: &str,
        timeout: Duration,
    ) -> Result<Option<Arc<KnownSchema>>> {
        let lock = || self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(registry) = &self.registry else { return Ok(None) };
        let subject = || options.subject.clone().unwrap_or_else(|| subject::topic_subject(topic, field));
        let cached = lock().get(&id).cloned();
        match cached {
            Some(Some(known)) if options.versions && known.version().is_none() => {
                let mut known = KnownSchema::clone(&known);
                known.learn_version(&subject(), registry, timeout)?;
                let known = Some(Arc::new(known));
                lock().insert(id, known.clone());
                return Ok(known);
            }
            Some(known) => return Ok(known),
            None => {}
        }
        // Whoever asks holds no lock, so that others go on meanwhile.
        let found = match registry.schema(id, options.subject.as_deref(), timeout) {
            Ok(definition) => {
                let mut known = KnownSchema::of_definition(definition, registry, timeout)?;
                known.learn_id(id, registry, timeout)?;
                if options.versions {
                    known.learn_version(&subject(), registry, timeout)?;
                }
                Some(Arc::new(known))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut schemas = lock();
        if schemas.len() >= SCHEMAS_MAX {
            schemas.clear();
        }
        schemas.insert(id, found.clone());
        Ok(found)
    }
}

/// The format of a type that has a schema.
fn format_of(type_: Type) -> Option<Format> {
    match type_ {
        Type::Avro => Some(Format::Avro),
        Type::Protobuf => Some(Format::Protobuf),
        Type::JsonSchema => Some(Format::JsonSchema),
        _ => None,
    }
}

/// The type that a format belongs to.
fn type_of(format: Format) -> Type {
    match format {
        Format::Avro => Type::Avro,
        Format::Protobuf => Type::Protobuf,
        Format::JsonSchema => Type::JsonSchema,
    }
}

/// How payloads are written as JSON. What a Protobuf message does not know is kept, so that it can be written again.
#[cfg_attr(not(feature = "avro"), allow(unused_variables, reason = "only Avro has a choice"))]
fn forms_of(options: &SchemaOptions) -> Forms {
    Forms {
        #[cfg(feature = "avro")]
        avro: match options.avro_json.unwrap_or_default() {
            kafi_core::AvroJson::Readable => crate::avro::Form::Readable,
            kafi_core::AvroJson::Standard => crate::avro::Form::Standard,
        },
        #[cfg(feature = "protobuf")]
        protobuf: crate::protobuf::Form { keeps_unknown: true, ..crate::protobuf::Form::default() },
    }
}
