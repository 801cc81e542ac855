//! What `topic.json` holds, wherever it lies, and the errors about topics.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

use kafi_core::{Error, ErrorKind, NewTopic, Result, check_topic_name};
use serde::{Deserialize, Serialize};

use crate::topic_config;
use crate::topics::now_ms;

/// The most partitions that a topic can have here.
const PARTITIONS_MAX: i32 = 100_000;

/// What `topic.json` holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct TopicFile {
    /// Tells a topic from a later one of the same name.
    pub(crate) id: String,
    pub(crate) partitions: i32,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    #[serde(default)]
    pub(crate) config: BTreeMap<String, String>,
    /// What later versions and other tools add is kept.
    #[serde(flatten)]
    pub(crate) extra: BTreeMap<String, serde_json::Value>,
}

impl TopicFile {
    /// A topic as it is asked for, under an id of its own.
    pub(crate) fn of(topic: &NewTopic) -> Result<Self> {
        check_topic_name(&topic.name)?;
        let partitions = topic.partitions.unwrap_or(1);
        let refuse = |why: String| Err(Error::new(ErrorKind::Usage, "create topic", why).with("topic", &topic.name));
        if !(1..=PARTITIONS_MAX).contains(&partitions) {
            return refuse(format!("{partitions} partitions are not possible, 1 to {PARTITIONS_MAX} are"));
        }
        if let Some(replication) = topic.replication.filter(|replication| *replication != 1) {
            return refuse(format!("{replication} replicas are not possible, this storage keeps one"));
        }
        for (name, value) in &topic.config {
            topic_config::check(name, value)?;
        }
        Ok(Self { id: new_id(), partitions, created: now_ms(), config: topic.config.iter().cloned().collect(), extra: BTreeMap::new() })
    }

    /// Reads what `path` holds; `None` where it says that the topic is gone.
    pub(crate) fn parse(bytes: &[u8], name: &str, path: impl FnOnce() -> String) -> Result<Option<Self>> {
        let file: Self = serde_json::from_slice(bytes).map_err(|error| {
            let error = Error::new(ErrorKind::Corrupt, "read topic", "the file is damaged").source(error);
            error.with("topic", name).with("path", path()).hint("restore the file from a backup; the messages are beside it")
        })?;
        Ok(Some(file).filter(|file| file.partitions >= 1))
    }

    /// The bytes of the file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("names and numbers are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Checks that the number of partitions can be raised to `partitions`.
    pub(crate) fn check_raise(&self, name: &str, partitions: i32) -> Result<()> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Usage, "create partitions", why).with("topic", name));
        if partitions <= self.partitions {
            return refuse(format!("it has {} partitions already, and they can only be raised", self.partitions));
        }
        if partitions > PARTITIONS_MAX {
            return refuse(format!("{partitions} partitions are not possible, {PARTITIONS_MAX} at most"));
        }
        Ok(())
    }
}

/// The error about a topic that is not there, where there are those of these names.
pub(crate) fn missing(storage: &str, name: &str, names: &[String]) -> Error {
    let error = Error::new(ErrorKind::NotFound, "find topic", "no such topic").with("topic", name).with("storage", storage);
    match kafi_core::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near}? `kafi touch` creates a topic, and so does --create when producing")),
        None => error.hint("`kafi touch` creates a topic, and so does --create when producing"),
    }
}

/// The error about a partition that is not there.
pub(crate) fn missing_partition(storage: &str, name: &str, partition: i32, partitions: i32) -> Error {
    let message = format!("no such partition, the topic has {partitions}");
    let error = Error::new(ErrorKind::NotFound, "find partition", message).with("topic", name).with("partition", partition);
    error.with("storage", storage)
}

/// Checks that a name is free, where there are topics of these names. One that differs from an existing one only in case would be the same folder on
/// some file systems.
pub(crate) fn check_free(storage: &str, name: &str, names: &[String]) -> Result<()> {
    let Some(taken) = names.iter().find(|taken| taken.eq_ignore_ascii_case(name)) else { return Ok(()) };
    if taken == name {
        let error = Error::new(ErrorKind::AlreadyExists, "create topic", "it exists already");
        return Err(error.with("topic", name).with("storage", storage));
    }
    let message = format!("there is a topic {taken}, and names that differ only in case cannot stand side by side in a folder");
    Err(Error::new(ErrorKind::AlreadyExists, "create topic", message).with("topic", name).with("storage", storage))
}

/// 128 random bits: the standard library seeds its hashers from the system.
pub(crate) fn new_id() -> String {
    let word = || {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos());
        hasher.write_u32(std::process::id());
        hasher.finish()
    };
    format!("{:016x}{:016x}", word(), word())
}
