//! A schema registry in a topic of any storage: in a folder, in a bucket, in memory, or beside the real one's.
//!
//! The keys and values are those that Confluent's registry writes to its topic `_schemas`. So a copy of that topic is a
//! registry wherever it lies, and the topic of a folder, copied to a cluster, is one for Confluent's.

mod delete;
mod log;
mod record;
mod register;
mod settings;
mod state;
mod subject;
mod text;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result, Storage};

use crate::format::Format;
use crate::registry::topic::delete::no_subject;
use crate::registry::topic::log::{Log, left};
use crate::registry::topic::record::{Record, SchemaRecord};
use crate::registry::topic::state::State;
use crate::registry::{
    Against, Code, Compatibility, Deleted, LookupOptions, Mode, RegisterOptions, Registered, RegisteredSchema,
    Registry, RegistryConfig, SchemaDefinition, SubjectVersion, Version,
};
use crate::wire::{Guid, SchemaId};

const GET_SCHEMA: &str = "get schema";

/// How long somebody waits before looking again whether nobody else uses the registry.
const BUSY_WAIT: Duration = Duration::from_millis(1);

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A registry in a topic. It keeps what it read, and reads on from there; many threads can share one.
///
/// # Several writers
/// Everybody reads the topic to its end before deciding, and again after writing. Where a storage can write only at the
/// end that was read (folders, buckets), a writer that comes too late writes nothing and decides again. On Kafka the
/// first record that takes a version or an id has it for all readers; the writer of a later one sees that, writes the
/// first one's record again (of two records with one key compaction keeps the later one), and tries again.
///
/// Beside a running registry of Confluent's the topic is safe to read. Only one of the two should write: the other one
/// keeps its ids in memory.
///
/// # What is other than in Confluent's
/// Compatibility is checked by [`compat`](crate::compat). Metadata and rules are kept, but not applied, merged, or
/// checked. Normalised texts are normalised by rules of Kafi's own. GUIDs of schemas with references, metadata, or rules
/// are Kafi's own where the topic does not say them. A record that is malformed, or that wants an id or a version that
/// is taken, does not count, and the log says so once.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use kafi_serde::Format;
/// use kafi_serde::registry::{RegisterOptions, Registry, SchemaDefinition, TopicRegistry, Version};
///
/// # fn main() -> kafi_core::Result<()> {
/// let wait = Duration::from_secs(10);
/// let storage = Arc::new(kafi_fs::open_memory("mem"));
/// let registry = TopicRegistry::new(storage);
/// let schema = SchemaDefinition::new(Format::Avro, r#"{"type": "fixed", "name": "Two", "size": 2}"#);
/// let id = registry.register("two-value", &schema, RegisterOptions::default(), wait)?.id;
/// assert_eq!(id, 1);
/// assert_eq!(registry.version("two-value", Version::Latest, false, wait)?.id, id);
/// # Ok(())
/// # }
/// ```
pub struct TopicRegistry {
    name: Arc<str>,
    topic: Arc<Mutex<Topic>>,
    /// It does not wait, and answers of what was read later than this.
    since: Option<Instant>,
}

/// The topic, and what it says.
struct Topic {
    log: Log,
    state: State,
    /// When it was read to its end; none while it is read, or written to.
    read_at: Option<Instant>,
}

impl TopicRegistry {
    /// The name of the topic.
    pub const TOPIC: &str = "_schemas";

    /// The registry in the topic [`TOPIC`](Self::TOPIC) of a storage, which is made by the first call that writes. Asks
    /// nobody anything yet.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self::in_topic(storage, Self::TOPIC)
    }

    /// The same in a topic of another name.
    pub fn in_topic(storage: Arc<dyn Storage>, topic: &str) -> Self {
        let name = storage.name().into();
        let topic = Topic { log: Log::new(storage, topic.into()), state: State::default(), read_at: None };
        Self { name, topic: Arc::new(Mutex::new(topic)), since: None }
    }

    /// Waits until nobody else uses it.
    fn lock(&self, deadline: Instant) -> Result<MutexGuard<'_, Topic>> {
        loop {
            match self.topic.try_lock() {
                Ok(topic) => return Ok(topic),
                Err(TryLockError::Poisoned(_)) => {
                    return Err(Error::new(ErrorKind::Unexpected, "use registry", "an earlier call panicked"));
                }
                Err(TryLockError::WouldBlock) if self.since.is_some() => return Err(not_known()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(BUSY_WAIT.min(left(deadline)?)),
            }
        }
    }

    /// Answers from what the topic says now.
    fn ask<T>(&self, timeout: Duration, answer: impl FnOnce(&Topic) -> Result<T>) -> Result<T> {
        let deadline = end_of(timeout);
        let mut topic = self.lock(deadline)?;
        let read = match self.since {
            Some(since) => topic.read_at.filter(|at| *at > since).map(drop).ok_or_else(not_known),
            None => topic.read(deadline),
        };
        read.and_then(|()| answer(&topic)).map_err(|error| self.named(error))
    }

    /// Changes something, which begins with reading.
    fn change<T>(&self, timeout: Duration, change: impl FnOnce(&mut Topic, Instant) -> Result<T>) -> Result<T> {
        if self.since.is_some() {
            return Err(not_known());
        }
        let deadline = end_of(timeout);
        let mut topic = self.lock(deadline)?;
        let changed = change(&mut topic, deadline);
        topic.read_at = None;
        changed.map_err(|error| self.named(error))
    }

    /// An error with the registry, unless it says the storage already.
    fn named(&self, error: Error) -> Error {
        let names_it = error.context().any(|(key, _)| matches!(key, "registry" | "storage"));
        if names_it { error } else { error.with("registry", &self.name) }
    }
}

impl Topic {
    fn read(&mut self, deadline: Instant) -> Result<()> {
        self.read_at = None;
        let now = Instant::now();
        self.log.read(&mut self.state, deadline)?;
        self.read_at = Some(now);
        Ok(())
    }

    /// Writes what `decide` says, once what it was decided upon is what the topic says.
    fn decide<T>(&mut self, deadline: Instant, decide: impl Fn(&Self) -> Result<(Vec<Record>, T)>) -> Result<T> {
        self.read(deadline)?;
        loop {
            let (records, given) = decide(self)?;
            if records.is_empty() {
                return Ok(given);
            }
            if !self.log.append(&mut self.state, &records, deadline)? {
                continue;
            }
            let (lost, winners) = self.lost(&records);
            if !lost {
                return Ok(given);
            }
            if !winners.is_empty() {
                self.log.append(&mut self.state, &winners, deadline)?;
            }
        }
    }

    /// Whether somebody else was there first with a version or an id, and the records that have the versions.
    fn lost(&self, records: &[Record]) -> (bool, Vec<Record>) {
        let (mut is_lost, mut winners) = (false, Vec::new());
        for record in records {
            let Record::Schema { subject, version, value: Some(value) } = record else { continue };
            match self.state.version(subject, *version) {
                Some(has) if has.id == value.id && has.schema == value.schema => {}
                has => {
                    is_lost = true;
                    winners.extend(has.map(|has| Record::Schema {
                        subject: subject.clone(),
                        version: *version,
                        value: Some(Box::new((**has).clone())),
                    }));
                }
            }
        }
        (is_lost, winners)
    }

    fn check_subject(&self, operation: &'static str, name: &str, deleted: bool) -> Result<()> {
        let which = if deleted { Deleted::Included } else { Deleted::Excluded };
        if self.state.versions(name, which).is_empty() { Err(no_subject(operation, name)) } else { Ok(()) }
    }

    fn by_id(&self, id: SchemaId, subject: Option<&str>) -> Option<&Arc<SchemaRecord>> {
        let context = subject.map_or(subject::DEFAULT_CONTEXT, subject::context_of);
        match id {
            SchemaId::Number(number) => self.state.of_id(context, number),
            SchemaId::Guid(guid) => self.state.of_guid(guid).into_iter().next().map(|(_, record)| record),
        }
    }
}

impl Registry for TopicRegistry {
    fn name(&self) -> &str {
        &self.name
    }

    fn subjects(&self, prefix: &str, deleted: Deleted, timeout: Duration) -> Result<Vec<String>> {
        self.ask(timeout, |topic| {
            let subjects = topic.state.subjects(deleted).filter(|name| subject::is_meant(name, prefix));
            Ok(subjects.map(str::to_string).collect())
        })
    }

    fn versions(&self, subject: &str, deleted: Deleted, timeout: Duration) -> Result<Vec<u32>> {
        self.ask(timeout, |topic| {
            let name = topic.unaliased(subject);
            let versions = topic.state.versions(&name, deleted);
            if versions.is_empty() { Err(no_subject("list versions", &name)) } else { Ok(versions) }
        })
    }

    fn version(&self, subject: &str, version: Version, deleted: bool, timeout: Duration) -> Result<RegisteredSchema> {
        self.ask(timeout, |topic| {
            let name = topic.unaliased(subject);
            let (version, record) = topic.find("get version", &name, version, deleted)?;
            Ok(shown(name, version, &record))
        })
    }

    fn schema(&self, id: SchemaId, subject: Option<&str>, timeout: Duration) -> Result<SchemaDefinition> {
        // What an id stands for does not change.
        if let Some(known) = self.lock(end_of(timeout))?.by_id(id, subject) {
            return Ok(known.schema.clone());
        }
        self.ask(timeout, |topic| match topic.by_id(id, subject) {
            Some(record) => Ok(record.schema.clone()),
            None => Err(no_schema(id)),
        })
    }

    fn versions_of(&self, id: u32, deleted: Deleted, timeout: Duration) -> Result<Vec<SubjectVersion>> {
        self.ask(timeout, |topic| {
            let mut found = Vec::new();
            let mut is_known = false;
            for (subject, version) in topic.state.places(subject::DEFAULT_CONTEXT, id) {
                is_known = true;
                if topic.state.versions(subject, deleted).contains(version) {
                    found.push(SubjectVersion { subject: subject.clone(), version: *version });
                }
            }
            if is_known { Ok(found) } else { Err(no_schema(SchemaId::Number(id))) }
        })
    }

    fn lookup(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        options: LookupOptions,
        timeout: Duration,
    ) -> Result<RegisteredSchema> {
        self.ask(timeout, |topic| {
            let (name, version, record) = topic.lookup(subject, schema, options)?;
            Ok(shown(name, version, &record))
        })
    }

    fn register(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        options: RegisterOptions,
        timeout: Duration,
    ) -> Result<Registered> {
        self.change(timeout, |topic, deadline| topic.register(subject, schema, options, deadline))
    }

    fn delete_subject(&self, subject: &str, permanent: bool, timeout: Duration) -> Result<Vec<u32>> {
        self.change(timeout, |topic, deadline| topic.delete_subject(subject, permanent, deadline))
    }

    fn delete_version(&self, subject: &str, version: Version, permanent: bool, timeout: Duration) -> Result<u32> {
        self.change(timeout, |topic, deadline| topic.delete_version(subject, version, permanent, deadline))
    }

    fn check(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        against: Against,
        timeout: Duration,
    ) -> Result<Compatibility> {
        self.ask(timeout, |topic| topic.check(subject, schema, against))
    }

    fn config(&self, subject: Option<&str>, inherited: bool, timeout: Duration) -> Result<RegistryConfig> {
        self.ask(timeout, |topic| topic.config(plain(subject).as_deref(), inherited))
    }

    fn set_config(&self, subject: Option<&str>, config: &RegistryConfig, timeout: Duration) -> Result<()> {
        self.change(timeout, |topic, deadline| topic.set_config(plain(subject).as_deref(), config, deadline))
    }

    fn delete_config(&self, subject: Option<&str>, timeout: Duration) -> Result<()> {
        self.change(timeout, |topic, deadline| topic.delete_config(plain(subject).as_deref(), deadline))
    }

    fn mode(&self, subject: Option<&str>, inherited: bool, timeout: Duration) -> Result<Mode> {
        self.ask(timeout, |topic| topic.mode(plain(subject).as_deref(), inherited))
    }

    fn set_mode(&self, subject: Option<&str>, mode: Mode, force: bool, timeout: Duration) -> Result<()> {
        self.change(timeout, |topic, deadline| topic.set_mode(plain(subject).as_deref(), mode, force, deadline))
    }

    fn delete_mode(&self, subject: Option<&str>, timeout: Duration) -> Result<()> {
        self.change(timeout, |topic, deadline| topic.delete_mode(plain(subject).as_deref(), deadline))
    }

    fn contexts(&self, timeout: Duration) -> Result<Vec<String>> {
        self.ask(timeout, |topic| Ok(topic.state.contexts().into_iter().collect()))
    }

    fn types(&self, _timeout: Duration) -> Result<Vec<String>> {
        let all = [
            (cfg!(feature = "jsonschema"), Format::JsonSchema),
            (cfg!(feature = "protobuf"), Format::Protobuf),
            (cfg!(feature = "avro"), Format::Avro),
        ];
        Ok(all.iter().filter(|(is_there, _)| *is_there).map(|(_, format)| format.registry_name().into()).collect())
    }

    fn referenced_by(&self, subject: &str, version: Version, timeout: Duration) -> Result<Vec<u32>> {
        self.ask(timeout, |topic| {
            let name = topic.unaliased(subject);
            let (version, _) = topic.find("list references", &name, version, false)?;
            let mut ids: Vec<u32> = topic.state.referring(&name, version).into_iter().map(|(_, _, id)| id).collect();
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        })
    }

    fn ids_of(&self, guid: Guid, timeout: Duration) -> Result<Vec<(String, u32)>> {
        self.ask(timeout, |topic| {
            let found = topic.state.of_guid(guid);
            let ids: Vec<(String, u32)> = found.into_iter().map(|(context, record)| (context, record.id)).collect();
            if ids.is_empty() { Err(no_schema(SchemaId::Guid(guid))) } else { Ok(ids) }
        })
    }

    fn delete_context(&self, context: &str, timeout: Duration) -> Result<()> {
        self.change(timeout, |topic, deadline| topic.delete_context(context, deadline))
    }

    fn remembered(&self, since: Instant) -> Option<Arc<dyn Registry>> {
        Some(Arc::new(Self { name: Arc::clone(&self.name), topic: Arc::clone(&self.topic), since: Some(since) }))
    }
}

impl fmt::Debug for TopicRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicRegistry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The moment at which a time is over; one that is further off than clocks count is a year.
fn end_of(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + YEAR)
}

fn plain(subject: Option<&str>) -> Option<String> {
    subject.map(subject::plain)
}

fn shown(subject: String, version: u32, record: &SchemaRecord) -> RegisteredSchema {
    RegisteredSchema { subject, version, id: record.id, guid: Some(record.guid), schema: record.schema.clone() }
}

/// That somebody who must not wait has to.
fn not_known() -> Error {
    Error::new(ErrorKind::Unavailable, "use registry", "that has to be asked for")
}

fn no_schema(id: SchemaId) -> Error {
    Code::SchemaNotFound.error(GET_SCHEMA, format!("Schema {id} not found"))
}
