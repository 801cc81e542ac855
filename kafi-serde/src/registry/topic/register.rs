//! Registering: what is a schema, whether it fits to those that are there, and which id and version it gets.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use kafi_core::{Error, Result};

use crate::compat::Incompatibility;
use crate::registry::topic::record::{NUMBER_MAX, Record, SchemaRecord};
use crate::registry::topic::{Topic, subject, text};
use crate::registry::{
    Against, Code, Compatibility, CompatibilityLevel, Deleted, LookupOptions, Mode, RegisterOptions, Registered,
    RegistryConfig, SchemaDefinition, Version,
};
use crate::source::Source;

const REGISTER: &str = "register schema";
const LOOK_UP: &str = "look up schema";
const CHECK: &str = "check compatibility";

/// How many schemas one may refer to, also through others.
const REFERENCES_MAX: usize = 1000;

impl Topic {
    pub fn register(
        &mut self,
        name: &str,
        schema: &SchemaDefinition,
        options: RegisterOptions,
        deadline: Instant,
    ) -> Result<Registered> {
        self.decide(deadline, |topic| {
            topic.check_name(REGISTER, name, false)?;
            let name = topic.unaliased(name);
            let config = topic.config_in_scope(&name);
            let schema = as_kept(schema, options.normalize || config.normalize == Some(true));
            topic.check_mode(&name, options.id)?;
            if options.id.is_none()
                && let Some((version, record)) = topic.same(&name, &schema, false)
            {
                return Ok((Vec::new(), registered(version, &record)));
            }
            let source = topic.source(REGISTER, &name, &schema)?;
            source.compile().map_err(|error| invalid(REGISTER, &error))?;
            if options.id.is_none() {
                topic.check_fit(&name, &schema, &source, &config)?;
            }
            topic.place(&name, schema, options)
        })
    }

    /// The records that register a schema which may be registered, and what that gives.
    fn place(
        &self,
        name: &str,
        schema: SchemaDefinition,
        options: RegisterOptions,
    ) -> Result<(Vec<Record>, Registered)> {
        let context = subject::context_of(name);
        let id = match options.id {
            Some(id) => {
                let is_other = self.state.of_id(context, id).is_some_and(|known| known.schema != schema);
                if is_other {
                    let words = format!("Overwrite new schema with id {id} is not permitted.");
                    return Err(Code::IdConflict.error(REGISTER, words));
                }
                id
            }
            None => self.state.id_of(context, &schema).unwrap_or_else(|| self.state.next_id(context)),
        };
        let version = options.version.unwrap_or_else(|| self.state.next_version(name));
        if id.max(version) > NUMBER_MAX || id.min(version) == 0 {
            let words = format!("ids and versions are numbers from 1 to {NUMBER_MAX}, not {}", id.max(version));
            return Err(Code::IdConflict.error(REGISTER, words).with("subject", name));
        }
        let record = SchemaRecord { id, guid: text::guid(&schema), schema, deleted: false };
        let given = registered(version, &record);
        match self.state.version(name, version) {
            Some(known) if **known == record => return Ok((Vec::new(), given)),
            Some(known) if known.id != id || known.schema != record.schema => {
                let words = format!("Version {version} of subject '{name}' is another schema already");
                return Err(Code::IdConflict.error(REGISTER, words));
            }
            _ => {}
        }
        let context =
            (!self.state.knows_context(context)).then(|| Record::Context { context: context.into(), is_there: true });
        let schema = Record::Schema { subject: name.into(), version, value: Some(Box::new(record)) };
        Ok((context.into_iter().chain([schema]).collect(), given))
    }

    pub fn lookup(
        &self,
        name: &str,
        schema: &SchemaDefinition,
        options: LookupOptions,
    ) -> Result<(String, u32, Arc<SchemaRecord>)> {
        let name = self.unaliased(name);
        let config = self.config_in_scope(&name);
        self.check_subject(LOOK_UP, &name, options.deleted)?;
        let schema = as_kept(schema, options.normalize || config.normalize == Some(true));
        match self.same(&name, &schema, options.deleted) {
            Some((version, record)) => Ok((name, version, record)),
            None => Err(Code::SchemaNotFound.error(LOOK_UP, "Schema not found").with("subject", name)),
        }
    }

    pub fn check(&self, name: &str, schema: &SchemaDefinition, against: Against) -> Result<Compatibility> {
        let name = self.unaliased(name);
        let config = self.config_in_scope(&name);
        let level = config.compatibility.unwrap_or_default();
        let schema = as_kept(schema, config.normalize == Some(true));
        let source = self.source(CHECK, &name, &schema)?;
        source.compile().map_err(|error| invalid(CHECK, &error))?;
        let (earlier, level) = match against {
            Against::Level => (self.earlier(&name, &schema, &config)?, level),
            Against::Version(version) => {
                let (_, record) = self.find(CHECK, &name, version, false)?;
                (vec![self.source(CHECK, &name, &record.schema)?], level)
            }
        };
        let found = level.check(&source, &earlier)?;
        Ok(Compatibility { compatible: found.is_empty(), reasons: reasons(&found) })
    }

    /// The version of a subject that is this schema, the latest first.
    fn same(&self, name: &str, schema: &SchemaDefinition, deleted: bool) -> Option<(u32, Arc<SchemaRecord>)> {
        let which = if deleted { Deleted::Included } else { Deleted::Excluded };
        let versions = self.state.versions(name, which).into_iter().rev();
        let mut records = versions.filter_map(|version| Some((version, self.state.version(name, version)?)));
        let found = records.find(|(_, record)| record.schema == *schema);
        found.map(|(version, record)| (version, Arc::clone(record)))
    }

    fn check_mode(&self, name: &str, id: Option<u32>) -> Result<()> {
        self.check_writable(REGISTER, name)?;
        let mode = self.mode_in_scope(name);
        let words = match (id, mode) {
            (Some(_), Mode::Import) | (None, Mode::ReadWrite) => return Ok(()),
            (Some(_), _) => format!("Subject {name} is not in import mode"),
            (None, _) => format!("Subject {name} is not in read-write mode"),
        };
        Err(Code::NotPermitted.error(REGISTER, words))
    }

    fn check_fit(&self, name: &str, schema: &SchemaDefinition, source: &Source, config: &RegistryConfig) -> Result<()> {
        let level = config.compatibility.unwrap_or_default();
        let found = level.check(source, &self.earlier(name, schema, config)?)?;
        if found.is_empty() {
            return Ok(());
        }
        let words = format!(
            "Schema being registered is incompatible with an earlier schema for subject \"{name}\", by its level {level}, details: {}",
            reasons(&found).join("; ")
        );
        Err(Code::Incompatible.error(REGISTER, words))
    }

    /// The versions that a new one is compared with, the latest first; of a group only those with the same value.
    fn earlier(&self, name: &str, schema: &SchemaDefinition, config: &RegistryConfig) -> Result<Vec<Source>> {
        let group = config.compatibility_group.as_deref();
        let value = |schema: &SchemaDefinition| {
            let properties = schema.metadata.as_ref()?.get("properties")?;
            Some(properties.get(group?)?.text().into_owned())
        };
        let wanted = value(schema);
        let versions = self.state.versions(name, Deleted::Excluded).into_iter().rev();
        let records = versions.filter_map(|version| self.state.version(name, version));
        let mut meant = records.filter(|record| group.is_none() || value(&record.schema) == wanted);
        let is_transitive = config.compatibility.is_some_and(CompatibilityLevel::is_transitive);
        let count = if is_transitive { usize::MAX } else { 1 };
        meant.by_ref().take(count).map(|record| self.source(CHECK, name, &record.schema)).collect()
    }

    /// A schema with all that it refers to, those first that others need.
    fn source(&self, operation: &'static str, name: &str, schema: &SchemaDefinition) -> Result<Source> {
        if schema.text.is_empty() {
            return Err(Code::InvalidSchema.error(operation, "Empty schema"));
        }
        let mut references = Vec::new();
        self.gather(operation, (name, schema), &mut HashSet::new(), &mut references)?;
        let source = Source::of_text(schema.text.clone(), Some(schema.format));
        Ok(source.map_err(|error| invalid(operation, &error))?.with_references(references))
    }

    fn gather(
        &self,
        operation: &'static str,
        (name, schema): (&str, &SchemaDefinition),
        seen: &mut HashSet<(String, String, u32)>,
        references: &mut Vec<(String, String)>,
    ) -> Result<()> {
        for reference in &schema.references {
            let subject = subject::referred(&reference.subject, name);
            if !seen.insert((reference.name.clone(), subject.clone(), reference.version)) {
                continue;
            }
            if seen.len() > REFERENCES_MAX {
                let words = format!("it refers to more than {REFERENCES_MAX} schemas");
                return Err(Code::InvalidSchema.error(operation, words));
            }
            let Some(record) = self.state.version(&subject, reference.version) else {
                let words =
                    format!("No schema reference found for subject \"{subject}\" and version {}", reference.version);
                return Err(Code::InvalidSchema.error(operation, words).with("reference", &reference.name));
            };
            let record = Arc::clone(record);
            self.gather(operation, (&subject, &record.schema), seen, references)?;
            references.push((reference.name.clone(), record.schema.text.clone()));
        }
        Ok(())
    }

    /// A version of a subject, and its number.
    pub fn find(
        &self,
        operation: &'static str,
        name: &str,
        version: Version,
        deleted: bool,
    ) -> Result<(u32, Arc<SchemaRecord>)> {
        self.check_subject(operation, name, deleted)?;
        let which = if deleted { Deleted::Included } else { Deleted::Excluded };
        let number = match version {
            Version::Latest => self.state.versions(name, which).last().copied(),
            Version::Number(number) => Some(number),
        };
        let found = number.and_then(|number| Some((number, self.state.version(name, number)?)));
        match found.filter(|(_, record)| deleted || !record.deleted) {
            Some((number, record)) => Ok((number, Arc::clone(record))),
            None => Err(Code::VersionNotFound
                .error(operation, format!("Version {version} not found."))
                .with("subject", name)),
        }
    }
}

fn as_kept(schema: &SchemaDefinition, normalize: bool) -> SchemaDefinition {
    if normalize { text::normalized(schema) } else { text::kept(schema) }
}

fn registered(version: u32, record: &SchemaRecord) -> Registered {
    Registered { id: record.id, version: Some(version), guid: Some(record.guid) }
}

fn invalid(operation: &'static str, error: &Error) -> Error {
    Code::InvalidSchema.error(operation, format!("Invalid schema: {error}"))
}

fn reasons(found: &[Incompatibility]) -> Vec<String> {
    found.iter().map(|found| format!("{} at {found}", found.kind())).collect()
}
