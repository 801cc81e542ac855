//! A schema that is compiled, with what is known of it: it travels with messages.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{ColumnType, ErrorKind, Result, TravellingSchema, Type};

use crate::codecs::resolve::resolve;
use crate::codecs::type_of;
use crate::format::Format;
use crate::registry::{Deleted, Registry, SchemaDefinition};
use crate::schema::Schema;
use crate::source::Source;
use crate::wire::{Guid, SchemaId};

/// A compiled schema with what the registry knows of it, as it travels with messages.
#[derive(Clone)]
pub struct KnownSchema {
    schema: Schema,
    origin: Origin,
    id: Option<u32>,
    guid: Option<Guid>,
    version: Option<(String, u32)>,
    /// The full name of the message, of Protobuf.
    message: Option<String>,
}

/// Where a schema comes from, which says how it can be registered elsewhere.
#[derive(Clone)]
pub(crate) enum Origin {
    /// A file or text.
    Source(Source),
    /// A registry, which has what it refers to.
    Registry(SchemaDefinition, Arc<dyn Registry>),
}

impl KnownSchema {
    /// What a file or text holds.
    ///
    /// # Errors
    /// Those of [`Source::compile`].
    pub fn of_source(source: Source) -> Result<Self> {
        Ok(Self::new(source.compile()?, Origin::Source(source)))
    }

    /// What a registry has, with what that refers to there. Blocks while the registry is asked for references, up to
    /// `timeout` for each.
    ///
    /// # Errors
    /// Those of the registry, and of [`Schema::parse`].
    pub fn of_definition(
        definition: SchemaDefinition,
        registry: &Arc<dyn Registry>,
        timeout: Duration,
    ) -> Result<Self> {
        let references = resolve(&definition, registry.as_ref(), timeout)?;
        let references: Vec<(&str, &str)> = references.iter().map(|(name, text)| (&**name, &**text)).collect();
        let schema = Schema::parse(definition.format, &definition.text, &references)?;
        Ok(Self::new(schema, Origin::Registry(definition, Arc::clone(registry))))
    }

    fn new(schema: Schema, origin: Origin) -> Self {
        Self { schema, origin, id: None, guid: None, version: None, message: None }
    }

    /// The compiled schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What names it in its registry.
    pub(crate) fn schema_id(&self) -> (Option<u32>, Option<Guid>) {
        (self.id, self.guid)
    }

    pub(crate) fn set_id(&mut self, id: Option<u32>, guid: Option<Guid>) {
        (self.id, self.guid) = (id, guid);
    }

    /// Notes the id by which the registry was asked; of a GUID also the number, where the registry tells.
    pub(crate) fn learn_id(&mut self, id: SchemaId, registry: &Arc<dyn Registry>, timeout: Duration) -> Result<()> {
        match id {
            SchemaId::Number(id) => self.id = Some(id),
            SchemaId::Guid(guid) => {
                self.guid = Some(guid);
                let ids = match registry.ids_of(guid, timeout) {
                    Ok(ids) => ids,
                    Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) => Vec::new(),
                    Err(error) => return Err(error),
                };
                let of_default = ids.iter().find(|(context, _)| context == "." || context.is_empty());
                self.id = of_default.map(|(_, id)| *id);
            }
        }
        Ok(())
    }

    /// Notes a subject and version of it: of this subject, if it has any there, else of the first one.
    pub(crate) fn learn_version(
        &mut self,
        subject: &str,
        registry: &Arc<dyn Registry>,
        timeout: Duration,
    ) -> Result<()> {
        let Some(id) = self.id else { return Ok(()) };
        let versions = registry.versions_of(id, Deleted::Excluded, timeout)?;
        let found = versions.iter().rev().find(|version| version.subject == subject).or(versions.first());
        self.version = found.map(|version| (version.subject.clone(), version.version));
        Ok(())
    }

    /// The same for a message of a Protobuf schema.
    pub(crate) fn with_message(&self, message: &str) -> Self {
        Self { message: Some(message.to_string()), ..self.clone() }
    }

    /// The name of what it describes: the full name of a record or message, or the title.
    pub(crate) fn record_name(&self) -> Option<String> {
        match &self.schema {
            #[cfg(feature = "avro")]
            Schema::Avro(schema) => schema.name().map(str::to_string),
            #[cfg(feature = "protobuf")]
            Schema::Protobuf(schema) => {
                self.message.clone().or_else(|| schema.message_names().next().map(str::to_string))
            }
            #[cfg(feature = "jsonschema")]
            Schema::JsonSchema(_) => {
                let json = kafi_core::Json::parse(self.text()).ok()?;
                json["title"].str().ok().map(str::to_string)
            }
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.schema.format()
    }
}

impl std::fmt::Debug for KnownSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownSchema")
            .field("format", &self.format())
            .field("id", &self.id)
            .field("version", &self.version)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl TravellingSchema for KnownSchema {
    fn type_(&self) -> Type {
        type_of(self.format())
    }

    fn text(&self) -> &str {
        match &self.origin {
            Origin::Source(source) => source.text(),
            Origin::Registry(definition, _) => &definition.text,
        }
    }

    fn id(&self) -> Option<u32> {
        self.id
    }

    fn guid(&self) -> Option<[u8; 16]> {
        self.guid.map(|guid| guid.0)
    }

    fn version(&self) -> Option<(&str, u32)> {
        self.version.as_ref().map(|(subject, version)| (subject.as_str(), *version))
    }

    fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    fn column_type(&self) -> Option<ColumnType> {
        self.schema.column_type(self.message())
    }
}
