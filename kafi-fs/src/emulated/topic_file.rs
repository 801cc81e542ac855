//! What `topic.json` holds, wherever it lies, and the errors about topics.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

use kafi_core::{Error, ErrorKind, NewTopic, Result, check_topic_name};
use serde::{Deserialize, Serialize};

use super::clock::now_ms;
use super::topic_config;

/// The most partitions that a topic can have here.
const PARTITIONS_MAX: i32 = 100_000;

/// The longest id; our own have 32 characters.
const ID_LEN_MAX: usize = 64;

/// As much as is shown of a wrong name; no topic's is longer.
const NAME_LEN_MAX: usize = 249;

/// What `topic.json` holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct TopicFile {
    /// Tells a topic from a later one of the same name.
    pub id: String,
    /// Whose file it is, so that it is not taken for that of the topic in whose place it lies. Files of earlier
    /// versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many partitions it has; 0 says that the topic is gone.
    pub partitions: i32,
    /// Milliseconds since 1970.
    pub created: i64,
    /// What is set, by Kafka's names, and notes.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// What later versions and other tools add is kept.
    #[serde(flatten)]
    pub(crate) extra: BTreeMap<String, serde_json::Value>,
}

impl TopicFile {
    /// The most bytes that the file may have: more is never read into memory, nor written.
    pub const BYTES_MAX: usize = 16 << 20;

    /// A topic as it is asked for, under an id of its own.
    ///
    /// # Errors
    /// `Usage` for a name, a number of partitions or replicas, or a setting that is not possible.
    pub fn of(topic: &NewTopic) -> Result<Self> {
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
        let config = topic.config.iter().cloned().collect();
        Ok(Self {
            id: new_id(),
            name: Some(topic.name.clone()),
            partitions,
            created: now_ms(),
            config,
            extra: BTreeMap::new(),
        })
    }

    /// Reads what `path` holds; `None` where it says that the topic is gone. What it says is checked as it is when a
    /// topic is made: whoever can write there may have written anything.
    ///
    /// # Errors
    /// `Corrupt` for what is not such a file, what cannot be so, the file of another topic, or one that is too long.
    pub fn parse(bytes: &[u8], name: &str, path: impl FnOnce() -> String) -> Result<Option<Self>> {
        let damaged = |why: String| {
            let error = Error::new(ErrorKind::Corrupt, "read topic", why).with("topic", name);
            error.hint("restore the file from a backup; the messages are beside it")
        };
        if bytes.len() > Self::BYTES_MAX {
            return Err(damaged(format!("the file is damaged: it has more than {} bytes", Self::BYTES_MAX))
                .with("path", path()));
        }
        let file: Self = match serde_json::from_slice(bytes) {
            Ok(file) => file,
            Err(error) => return Err(damaged("the file is damaged".into()).source(error).with("path", path())),
        };
        if let Some(why) = file.fault() {
            return Err(damaged(format!("the file is damaged: {why}")).with("path", path()));
        }
        if let Some(other) = file.name.as_deref().filter(|other| *other != name) {
            let other: String = other.chars().take(NAME_LEN_MAX).collect();
            let error =
                damaged(format!("the file is that of another topic: its name is {other:?}")).with("path", path());
            return Err(
                error.hint(format!("restore the file from a backup, or write {name:?} as its name if it was renamed by hand; the messages are beside it"))
            );
        }
        Ok(Some(file).filter(|file| file.partitions >= 1))
    }

    /// What cannot be so, if something is: the numbers decide how much memory is taken, and the id becomes a part of
    /// names.
    fn fault(&self) -> Option<String> {
        if !(0..=PARTITIONS_MAX).contains(&self.partitions) {
            return Some(format!("it says {} partitions, where 1 to {PARTITIONS_MAX} are possible", self.partitions));
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_id = (1..=ID_LEN_MAX).contains(&self.id.len()) && self.id.bytes().all(is_word);
        (!is_id).then(|| format!("its id is not 1 to {ID_LEN_MAX} letters and digits"))
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// `TooLarge` where they are more than would be read again.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("names and numbers are JSON");
        bytes.push(b'\n');
        if bytes.len() > Self::BYTES_MAX {
            let why =
                format!("its settings and notes take {} bytes, and {} are possible", bytes.len(), Self::BYTES_MAX);
            return Err(Error::new(ErrorKind::TooLarge, "write topic", why));
        }
        Ok(bytes)
    }

    /// Checks that the number of partitions can be raised to `partitions`.
    ///
    /// # Errors
    /// `Usage` where there are as many already, or so many are not possible.
    pub fn check_raise(&self, name: &str, partitions: i32) -> Result<()> {
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
pub fn missing(storage: &str, name: &str, names: &[String]) -> Error {
    let error =
        Error::new(ErrorKind::NotFound, "find topic", "no such topic").with("topic", name).with("storage", storage);
    match kafi_core::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error
            .hint(format!("did you mean {near}? `kafi touch` creates a topic, and so does --create when producing")),
        None => error.hint("`kafi touch` creates a topic, and so does --create when producing"),
    }
}

/// The error about a partition that is not there.
pub fn missing_partition(storage: &str, name: &str, partition: i32, partitions: i32) -> Error {
    let message = format!("no such partition, the topic has {partitions}");
    let error =
        Error::new(ErrorKind::NotFound, "find partition", message).with("topic", name).with("partition", partition);
    error.with("storage", storage)
}

/// The error about a topic that is there already.
pub fn taken(storage: &str, name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, "create topic", "it exists already")
        .with("topic", name)
        .with("storage", storage)
}

/// 128 random bits: the standard library seeds its hashers from the system.
pub fn new_id() -> String {
    let word = || {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos());
        hasher.write_u32(std::process::id());
        hasher.finish()
    };
    format!("{:016x}{:016x}", word(), word())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<TopicFile>> {
        TopicFile::parse(text.as_bytes(), "t", || "topic.json".into())
    }

    #[test]
    fn what_is_read_is_checked_as_what_is_made() {
        let file = |id: &str, partitions: &str| format!(r#"{{"id":"{id}","partitions":{partitions},"created":1}}"#);
        assert_eq!(parse(&file("a-B_9", "100000")).unwrap().unwrap().partitions, 100_000);
        assert_eq!(parse(&file("a", "0")).unwrap(), None);
        let long = "x".repeat(65);
        for (id, partitions) in [
            ("a", "2147483647"),
            ("a", "100001"),
            ("a", "-1"),
            ("", "1"),
            ("../a", "1"),
            ("a/b", "1"),
            (&long, "1"),
            ("a", "1e3"),
            ("a", "99999999999"),
        ] {
            let error = parse(&file(id, partitions)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{id}, {partitions}");
            assert!(error.to_string().contains("topic t, path topic.json: the file is damaged"), "{error}");
        }
        let large = format!("{}{}", " ".repeat(TopicFile::BYTES_MAX), file("a", "1"));
        assert!(parse(&large).unwrap_err().to_string().contains("more than 16777216 bytes"));
    }

    #[test]
    fn the_file_of_another_topic_is_damage_and_one_without_a_name_is_read() {
        let file = |name: &str| format!(r#"{{"id":"a",{name}"partitions":1,"created":1}}"#);
        assert_eq!(parse(&file("")).unwrap().unwrap().name, None);
        assert_eq!(parse(&file(r#""name":"t","#)).unwrap().unwrap().name.as_deref(), Some("t"));
        for name in ["u", "T", "", &"x".repeat(9_999)] {
            let error = parse(&file(&format!(r#""name":"{name}","#))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}");
            assert!(
                error.to_string().contains("topic t, path topic.json: the file is that of another topic"),
                "{error}"
            );
            assert!(
                error.hint_text().is_some_and(|hint| hint.contains("\"t\"")) && error.to_string().len() < 400,
                "{error}"
            );
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let mut file = TopicFile::of(&NewTopic::new("t")).unwrap();
        assert_eq!(parse(std::str::from_utf8(&file.encode().unwrap()).unwrap()).unwrap().unwrap(), file);
        file.config.insert("kafi.note".into(), "x".repeat(TopicFile::BYTES_MAX));
        assert_eq!(file.encode().unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
