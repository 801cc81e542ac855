//! What the records of a topic say, one after another: the same for every reader, whoever wrote them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::registry::topic::record::{Record, SchemaRecord};
use crate::registry::topic::subject::{self, context_of};
use crate::registry::{Deleted, Mode, RegistryConfig, SchemaDefinition};
use crate::wire::Guid;

/// All that is known.
#[derive(Default)]
pub(super) struct State {
    subjects: BTreeMap<String, BTreeMap<u32, Arc<SchemaRecord>>>,
    /// The versions of each id, by its context.
    ids: HashMap<(String, u32), BTreeSet<(String, u32)>>,
    /// The id of each schema, by its context.
    known: HashMap<(String, String), u32>,
    /// The highest id of each context, also of what is gone.
    id_max: HashMap<String, u32>,
    /// The highest version of each subject, also of what is gone.
    version_max: HashMap<String, u32>,
    configs: BTreeMap<Option<String>, RegistryConfig>,
    modes: BTreeMap<Option<String>, Mode>,
    contexts: BTreeSet<String>,
}

/// Why a record does not count.
pub(super) type Refused = String;

impl State {
    /// Takes in the next record. The first that takes a version, or an id, has it: a later one that wants the same for
    /// another schema does not count, and whoever wrote it sees that and tries again.
    pub fn apply(&mut self, record: Record) -> Result<(), Refused> {
        match record {
            Record::Schema { subject, version, value } => {
                return match value {
                    Some(value) => self.put(subject::plain(&subject), version, *value),
                    None => {
                        self.remove(&subject::plain(&subject), version);
                        Ok(())
                    }
                };
            }
            Record::Config { subject, value } => set(&mut self.configs, subject, value),
            Record::Mode { subject, value } => set(&mut self.modes, subject, value),
            Record::DeleteSubject { subject, version } => self.delete(&subject::plain(&subject), version),
            Record::ClearSubject { subject } => self.clear(&subject::plain(&subject)),
            Record::Context { context, is_there: true } => _ = self.contexts.insert(context),
            Record::Context { context, is_there: false } => _ = self.contexts.remove(&context),
            Record::Nothing => {}
        }
        Ok(())
    }

    fn put(&mut self, subject: String, version: u32, record: SchemaRecord) -> Result<(), Refused> {
        let context = context_of(&subject).to_string();
        let is_same = |other: &SchemaRecord| {
            other.id == record.id
                && other.schema.format == record.schema.format
                && other.schema.text == record.schema.text
                && other.schema.references == record.schema.references
        };
        match self.subjects.get(&subject).and_then(|versions| versions.get(&version)) {
            Some(other) if !is_same(other) => {
                return Err(format!("version {version} of {subject} is another schema already"));
            }
            _ => {}
        }
        if let Some(other) = self.of_id(&context, record.id)
            && !is_same(other)
        {
            return Err(format!("the id {} of version {version} of {subject} is that of another schema", record.id));
        }
        let id_max = self.id_max.entry(context.clone()).or_default();
        *id_max = (*id_max).max(record.id);
        let version_max = self.version_max.entry(subject.clone()).or_default();
        *version_max = (*version_max).max(version);
        self.ids.entry((context.clone(), record.id)).or_default().insert((subject.clone(), version));
        self.known.entry((context, key_of(&record.schema))).or_insert(record.id);
        self.subjects.entry(subject).or_default().insert(version, Arc::new(record));
        Ok(())
    }

    fn remove(&mut self, subject: &str, version: u32) {
        let Some(versions) = self.subjects.get_mut(subject) else { return };
        let Some(record) = versions.remove(&version) else { return };
        if versions.is_empty() {
            self.subjects.remove(subject);
        }
        let id = (context_of(subject).to_string(), record.id);
        let Some(places) = self.ids.get_mut(&id) else { return };
        places.remove(&(subject.to_string(), version));
        if places.is_empty() {
            self.ids.remove(&id);
            let key = (id.0, key_of(&record.schema));
            if self.known.get(&key) == Some(&record.id) {
                self.known.remove(&key);
            }
        }
    }

    fn delete(&mut self, subject: &str, up_to: u32) {
        for record in self.subjects.get_mut(subject).into_iter().flat_map(|versions| versions.range_mut(..=up_to)) {
            Arc::make_mut(record.1).deleted = true;
        }
    }

    fn clear(&mut self, subject: &str) {
        for version in self.versions(subject, Deleted::Only) {
            self.remove(subject, version);
        }
    }

    /// All subjects that have versions of this kind.
    pub fn subjects(&self, deleted: Deleted) -> impl Iterator<Item = &str> {
        let is_there = move |versions: &BTreeMap<u32, Arc<SchemaRecord>>| {
            let is_live = versions.values().any(|record| !record.deleted);
            match deleted {
                Deleted::Excluded => is_live,
                Deleted::Included => true,
                Deleted::Only => !is_live,
            }
        };
        self.subjects.iter().filter(move |(_, versions)| is_there(versions)).map(|(subject, _)| subject.as_str())
    }

    /// The versions of a subject, ascending.
    pub fn versions(&self, subject: &str, deleted: Deleted) -> Vec<u32> {
        let is_meant = |record: &SchemaRecord| match deleted {
            Deleted::Excluded => !record.deleted,
            Deleted::Included => true,
            Deleted::Only => record.deleted,
        };
        let versions = self.subjects.get(subject).into_iter().flatten();
        versions.filter(|(_, record)| is_meant(record)).map(|(version, _)| *version).collect()
    }

    /// A version, deleted or not.
    pub fn version(&self, subject: &str, version: u32) -> Option<&Arc<SchemaRecord>> {
        self.subjects.get(subject)?.get(&version)
    }

    /// The next version of a subject, which none has had.
    pub fn next_version(&self, subject: &str) -> u32 {
        self.version_max.get(subject).map_or(1, |version| version.saturating_add(1))
    }

    /// The next id of a context, which none has had.
    pub fn next_id(&self, context: &str) -> u32 {
        self.id_max.get(context).map_or(1, |id| id.saturating_add(1))
    }

    /// The schema of an id.
    pub fn of_id(&self, context: &str, id: u32) -> Option<&Arc<SchemaRecord>> {
        let (subject, version) = self.ids.get(&(context.to_string(), id))?.first()?;
        self.version(subject, *version)
    }

    /// Where the schema of an id is registered.
    pub fn places(&self, context: &str, id: u32) -> impl Iterator<Item = &(String, u32)> {
        self.ids.get(&(context.to_string(), id)).into_iter().flatten()
    }

    /// All that have this GUID, each once per context and id.
    pub fn of_guid(&self, guid: Guid) -> Vec<(String, &Arc<SchemaRecord>)> {
        let mut found: BTreeMap<(&str, u32), &Arc<SchemaRecord>> = BTreeMap::new();
        for (subject, versions) in &self.subjects {
            for record in versions.values().filter(|record| record.guid == guid) {
                found.entry((context_of(subject), record.id)).or_insert(record);
            }
        }
        found.into_iter().map(|((context, _), record)| (context.to_string(), record)).collect()
    }

    /// The id that a schema has in a context.
    pub fn id_of(&self, context: &str, schema: &SchemaDefinition) -> Option<u32> {
        self.known.get(&(context.to_string(), key_of(schema))).copied()
    }

    /// The versions, not deleted, that refer to one; each with its id.
    pub fn referring(&self, subject: &str, version: u32) -> Vec<(String, u32, u32)> {
        let mut found = Vec::new();
        for (from, versions) in &self.subjects {
            for (at, record) in versions.iter().filter(|(_, record)| !record.deleted) {
                let refers = record.schema.references.iter().any(|reference| {
                    reference.version == version && subject::referred(&reference.subject, from) == subject
                });
                if refers {
                    found.push((from.clone(), *at, record.id));
                }
            }
        }
        found
    }

    /// What is configured for exactly this.
    pub fn config(&self, subject: Option<&str>) -> Option<&RegistryConfig> {
        self.configs.get(&subject.map(str::to_string))
    }

    /// The mode of exactly this.
    pub fn mode(&self, subject: Option<&str>) -> Option<Mode> {
        self.modes.get(&subject.map(str::to_string)).copied()
    }

    /// The contexts that were written down, or that subjects are in; the default one comes first.
    pub fn contexts(&self) -> BTreeSet<String> {
        let of_subjects = self.subjects.keys().map(|subject| context_of(subject).to_string());
        let default = subject::DEFAULT_CONTEXT.to_string();
        self.contexts.iter().cloned().chain(of_subjects).chain([default]).collect()
    }

    /// Whether a context was written down.
    pub fn knows_context(&self, context: &str) -> bool {
        context == subject::DEFAULT_CONTEXT || self.contexts.contains(context)
    }
}

/// What makes a schema the same as another one.
fn key_of(schema: &SchemaDefinition) -> String {
    format!("{} {}", schema.format, schema.to_json())
}

fn set<T>(all: &mut BTreeMap<Option<String>, T>, subject: Option<String>, value: Option<T>) {
    let subject = subject.map(|subject| subject::plain(&subject));
    match value {
        Some(value) => _ = all.insert(subject, value),
        None => _ = all.remove(&subject),
    }
}
