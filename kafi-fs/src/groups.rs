//! Consumer groups as files: `groups/<group>.json` holds the committed offsets, `groups/<group>.lock` is held by the live member.
//!
//! Lock files are never removed: whoever waits for one must wait for the same file as everybody else.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Group, GroupDescription, GroupMember, Position, Result};
use serde::{Deserialize, Serialize};

use crate::error::io_error;
use crate::io::{Access, IoFile, Lock, lock, read_file, replace_file};
use crate::topics::Topics;

const FOLDER: &str = "groups";

/// The longest file name that file systems take, less `.json~`.
const ENCODED_LEN_MAX: usize = 255 - 6;

/// How long the lock of a live member is waited for: others hold it for a commit only.
const LOCK_WAIT: Duration = Duration::from_millis(250);

/// What `<group>.json` holds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
struct GroupFile {
    offsets: Vec<Committed>,
    /// What later versions and other tools add is kept.
    #[serde(flatten)]
    extra: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Committed {
    topic: String,
    /// The id of the topic: the offset means nothing in a later topic of the same name.
    topic_id: String,
    partition: i32,
    offset: i64,
    #[serde(default)]
    metadata: String,
}

/// The groups of a storage.
#[derive(Clone)]
pub(crate) struct Groups {
    topics: Topics,
}

/// The right to be the one live member of a group, until it is dropped.
pub(crate) struct Membership {
    _lock: Lock,
}

impl Groups {
    pub(crate) fn new(topics: Topics) -> Self {
        Self { topics }
    }

    /// Becomes the live member.
    pub(crate) fn join(&self, group: &str, deadline: Instant) -> Result<Membership> {
        let encoded = encode(group)?;
        self.check_case(group, &encoded)?;
        Ok(Membership { _lock: self.lock("join group", group, &encoded, deadline)? })
    }

    /// All groups, sorted by name.
    pub(crate) fn list(&self) -> Result<Vec<Group>> {
        let io = self.topics.io();
        let names = io.list(FOLDER).map_err(|error| io_error("list groups", io.display(FOLDER), error))?;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for name in names {
            let Some((encoded, suffix)) = name.rsplit_once('.') else { continue };
            let Some(group) = decode(encoded) else { continue };
            let live = matches!(suffix, "json" | "lock") && self.is_live(encoded)?;
            if suffix == "json" || live {
                groups.insert(group.clone(), Group { name: group, state: state(live).into() });
            }
        }
        Ok(groups.into_values().collect())
    }

    /// What a group is doing. Of a live member is known only that it is there.
    pub(crate) fn describe(&self, group: &str) -> Result<GroupDescription> {
        let encoded = encode(group)?;
        let live = self.is_live(&encoded)?;
        if !live && self.load(group, &encoded)?.is_none() {
            return Err(missing(group));
        }
        let member = || GroupMember { id: "live".into(), client_id: String::new(), host: String::new(), partitions: Vec::new() };
        let members = if live { vec![member()] } else { Vec::new() };
        Ok(GroupDescription { name: group.to_string(), state: state(live).into(), members })
    }

    /// The committed offsets of a group, sorted; those of topics that are gone are left out.
    pub(crate) fn offsets(&self, group: &str) -> Result<Vec<Position>> {
        let encoded = encode(group)?;
        match self.load(group, &encoded)? {
            Some(file) => self.valid(file),
            None if self.is_live(&encoded)? => Ok(Vec::new()),
            None => Err(missing(group)),
        }
    }

    /// As [`offsets`](Self::offsets), but a group that nobody has seen has none.
    pub(crate) fn offsets_if_any(&self, group: &str) -> Result<Vec<Position>> {
        match self.load(group, &encode(group)?)? {
            Some(file) => self.valid(file),
            None => Ok(Vec::new()),
        }
    }

    /// Commits as the live member.
    pub(crate) fn commit(&self, _member: &Membership, group: &str, positions: &[Position]) -> Result<()> {
        self.store("commit", group, &encode(group)?, positions)
    }

    /// Commits without being a member, which is possible while there is none.
    pub(crate) fn commit_alone(&self, operation: &'static str, group: &str, positions: &[Position], deadline: Instant) -> Result<()> {
        let encoded = encode(group)?;
        self.check_case(group, &encoded)?;
        self.check_positions(positions)?;
        let _lock = self.lock(operation, group, &encoded, deadline)?;
        self.store(operation, group, &encoded, positions)
    }

    /// Deletes a group without a live member.
    pub(crate) fn delete(&self, group: &str, deadline: Instant) -> Result<()> {
        let encoded = encode(group)?;
        self.offsets(group)?;
        let _lock = self.lock("delete group", group, &encoded, deadline)?;
        let path = path(&encoded);
        let io = self.topics.io();
        io.remove(&path).and_then(|()| io.sync_folder(FOLDER)).map_err(|error| io_error("delete group", io.display(&path), error))
    }

    fn store(&self, operation: &'static str, group: &str, encoded: &str, positions: &[Position]) -> Result<()> {
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        let mut file = self.load(group, encoded)?.unwrap_or_default();
        for position in positions {
            let topic_id = match ids.get(position.topic.as_str()) {
                Some(id) => id.clone(),
                None => {
                    let id = self.topics.load(&position.topic)?.id;
                    ids.insert(&position.topic, id.clone());
                    id
                }
            };
            file.offsets.retain(|known| known.topic != position.topic || known.partition != position.partition);
            let Position { topic, partition, offset } = position.clone();
            file.offsets.push(Committed { topic, topic_id, partition, offset, metadata: String::new() });
        }
        file.offsets.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        let mut bytes = serde_json::to_vec_pretty(&file).expect("names and numbers are JSON");
        bytes.push(b'\n');
        let path = path(encoded);
        let io = self.topics.io();
        replace_file(&**io, &path, &bytes).map_err(|error| io_error(operation, io.display(&path), error))
    }

    fn load(&self, group: &str, encoded: &str) -> Result<Option<GroupFile>> {
        let path = path(encoded);
        let io = self.topics.io();
        let bytes = read_file(&**io, &path).map_err(|error| io_error("read group", io.display(&path), error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let error = Error::new(ErrorKind::Corrupt, "read group", "the file is damaged").source(error);
            error.with("group", group).with("path", io.display(&path)).hint("remove the file to start over, or restore it from a backup")
        })
    }

    fn valid(&self, file: GroupFile) -> Result<Vec<Position>> {
        let mut ids: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut positions = Vec::with_capacity(file.offsets.len());
        for Committed { topic, topic_id, partition, offset, .. } in file.offsets {
            let id = match ids.get(&topic) {
                Some(id) => id.clone(),
                None => match self.topics.load(&topic) {
                    Ok(file) => ids.entry(topic.clone()).or_insert(Some(file.id)).clone(),
                    Err(error) if error.kind() == ErrorKind::NotFound => ids.entry(topic.clone()).or_insert(None).clone(),
                    Err(error) => return Err(error),
                },
            };
            if id.is_some_and(|id| id == topic_id) {
                positions.push(Position { topic, partition, offset });
            }
        }
        positions.sort();
        Ok(positions)
    }

    fn check_positions(&self, positions: &[Position]) -> Result<()> {
        for position in positions {
            self.topics.partition(&position.topic, position.partition)?;
            if position.offset < 0 {
                let error = Error::new(ErrorKind::Usage, "commit", format!("{} is no offset", position.offset));
                return Err(error.with("topic", &position.topic).with("partition", position.partition));
            }
        }
        Ok(())
    }

    /// Group names that differ only in case would be one file on some file systems.
    fn check_case(&self, group: &str, encoded: &str) -> Result<()> {
        let io = self.topics.io();
        let names = io.list(FOLDER).map_err(|error| io_error("list groups", io.display(FOLDER), error))?;
        let mut others = names.iter().filter_map(|name| name.strip_suffix(".json").or(name.strip_suffix(".lock")));
        let Some(taken) = others.find(|other| other.eq_ignore_ascii_case(encoded) && *other != encoded) else { return Ok(()) };
        let taken = decode(taken).unwrap_or_else(|| taken.to_string());
        let message = format!("there is a group {taken}, and names that differ only in case cannot stand side by side in a folder");
        Err(Error::new(ErrorKind::AlreadyExists, "join group", message).with("group", group))
    }

    fn lock(&self, operation: &'static str, group: &str, encoded: &str, deadline: Instant) -> Result<Lock> {
        let file = self.open_lock(operation, encoded)?;
        let until = deadline.min(Instant::now() + LOCK_WAIT);
        let held = lock(&file, until).map_err(|error| io_error(operation, self.topics.io().display(&lock_path(encoded)), error))?;
        held.ok_or_else(|| {
            let error = Error::new(ErrorKind::Conflict, operation, "it has a live member, and a group on this kind of storage takes one");
            error.with("group", group).hint("stop the other consumer, or use another group")
        })
    }

    fn open_lock(&self, operation: &'static str, encoded: &str) -> Result<Arc<dyn IoFile>> {
        let path = lock_path(encoded);
        let io = self.topics.io();
        let opened = io.create_folder(FOLDER).and_then(|()| io.open(&path, Access::Write));
        opened.map_err(|error| io_error(operation, io.display(&path), error))
    }

    fn is_live(&self, encoded: &str) -> Result<bool> {
        let path = lock_path(encoded);
        let io = self.topics.io();
        let file = match io.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(|error| io_error("look at group", io.display(&path), error))?,
        };
        let held = lock(&file, Instant::now()).map_err(|error| io_error("look at group", io.display(&path), error))?;
        Ok(held.is_none())
    }
}

fn state(live: bool) -> &'static str {
    if live { "Stable" } else { "Empty" }
}

fn missing(group: &str) -> Error {
    Error::new(ErrorKind::NotFound, "find group", "no such group").with("group", group)
}

fn path(encoded: &str) -> String {
    format!("{FOLDER}/{encoded}.json")
}

fn lock_path(encoded: &str) -> String {
    format!("{FOLDER}/{encoded}.lock")
}

/// A group's name as a file name: whatever is not a letter, a digit, or one of `-_.` becomes `%XX`.
fn encode(group: &str) -> Result<String> {
    let mut encoded = String::with_capacity(group.len());
    for byte in group.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    let refuse = |why: &str| Err(Error::new(ErrorKind::Usage, "check group name", why).with("group", format!("{group:?}")));
    match encoded.len() {
        0 => refuse("a group's name cannot be empty"),
        1..=ENCODED_LEN_MAX => Ok(encoded),
        _ => refuse("the name is too long for a file"),
    }
}

fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_file_names() {
        for name in ["a", "A.b-c_d", "../etc", "ä/ö %", "kafi-cp.x", ".", "..", "a.json", "a.lock"] {
            let encoded = encode(name).unwrap();
            assert!(!encoded.contains('/'), "{encoded}");
            assert_eq!(decode(&encoded).unwrap(), name);
        }
        assert!(encode("").is_err());
        assert!(encode(&"ä".repeat(50)).is_err());
        assert_eq!(decode("%zz"), None);
        assert_eq!(decode("%f"), None);
    }
}
