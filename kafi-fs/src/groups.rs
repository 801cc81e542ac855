//! Consumer groups as files: `groups/<group>.json` holds the committed offsets, `groups/<group>.lock` is held by the
//! live member.
//!
//! Lock files are never removed: whoever waits for one must wait for the same file as everybody else.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{CommittedOffset, Group, GroupDescription, GroupMember, Result, TopicPartition};

use crate::emulated::group_file::{
    GroupFile, check_offset, decode_name, encode_name, encode_name_apart, has_live_member, is_taken_but_for_case,
    missing, state,
};
use crate::error::io_error;
use crate::io::{Access, IoFile, Lock, lock, read_file, replace_file};
use crate::topics::Topics;

const FOLDER: &str = "groups";

/// The state of a group that cannot be looked at.
const UNKNOWN: &str = "Unknown";

/// How long the lock of a live member is waited for: others hold it for a commit only.
const LOCK_WAIT: Duration = Duration::from_millis(250);

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
        let encoded = self.new_name(group)?;
        Ok(Membership { _lock: self.lock("join group", group, &encoded, deadline)? })
    }

    /// All groups, sorted by name.
    pub(crate) fn list(&self) -> Result<Vec<Group>> {
        let io = self.topics.io();
        let names = io.list(FOLDER).map_err(|error| io_error("list groups", io.display(FOLDER), error))?;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for name in names {
            let Some((encoded, suffix)) = name.rsplit_once('.') else { continue };
            let Some(group) = decode_name(encoded) else { continue };
            let state = match matches!(suffix, "json" | "lock").then(|| self.is_live(encoded)) {
                Some(Ok(live)) if suffix == "json" || live => state(live),
                // One that cannot be looked at hides no other; whoever asks for it by its name learns why.
                Some(Err(error)) => {
                    log::debug!("{error}");
                    UNKNOWN
                }
                _ => continue,
            };
            groups.insert(group.clone(), Group::new(group, state));
        }
        Ok(groups.into_values().collect())
    }

    /// What a group is doing. Of a live member is known only that it is there.
    pub(crate) fn describe(&self, group: &str) -> Result<GroupDescription> {
        let encoded = self.name(group)?;
        let live = self.is_live(&encoded)?;
        if !live && self.load(group, &encoded)?.is_none() {
            return Err(missing(group));
        }
        let member =
            || GroupMember { id: "live".into(), client_id: String::new(), host: String::new(), partitions: Vec::new() };
        let members = if live { vec![member()] } else { Vec::new() };
        Ok(GroupDescription { name: group.to_string(), state: state(live).into(), members })
    }

    /// The committed offsets of a group, sorted; those of topics that are gone are left out.
    pub(crate) fn offsets(&self, group: &str) -> Result<Vec<CommittedOffset>> {
        let encoded = self.name(group)?;
        match self.load(group, &encoded)? {
            Some(file) => self.valid(file),
            None if self.is_live(&encoded)? => Ok(Vec::new()),
            None => Err(missing(group)),
        }
    }

    /// As [`offsets`](Self::offsets), but a group that nobody has seen has none.
    pub(crate) fn offsets_if_any(&self, group: &str) -> Result<Vec<CommittedOffset>> {
        match self.load(group, &self.name(group)?)? {
            Some(file) => self.valid(file),
            None => Ok(Vec::new()),
        }
    }

    /// Commits as the live member.
    pub(crate) fn commit(&self, _member: &Membership, group: &str, offsets: &[CommittedOffset]) -> Result<()> {
        self.store("commit", group, &self.name(group)?, offsets)
    }

    /// Commits without being a member, which is possible while there is none.
    pub(crate) fn commit_alone(
        &self,
        operation: &'static str,
        group: &str,
        offsets: &[CommittedOffset],
        deadline: Instant,
    ) -> Result<()> {
        let encoded = self.new_name(group)?;
        self.check_offsets(offsets)?;
        let _lock = self.lock(operation, group, &encoded, deadline)?;
        self.store(operation, group, &encoded, offsets)
    }

    /// Deletes the committed offsets of these partitions of a group without a live member.
    pub(crate) fn forget(&self, group: &str, partitions: &[TopicPartition], deadline: Instant) -> Result<()> {
        let operation = "delete group offsets";
        let encoded = self.name(group)?;
        self.offsets(group)?;
        let _lock = self.lock(operation, group, &encoded, deadline)?;
        let mut file = self.load(group, &encoded)?.ok_or_else(|| missing(group))?;
        file.forget(partitions);
        self.replace(operation, &encoded, &file)
    }

    /// Deletes a group without a live member.
    pub(crate) fn delete(&self, group: &str, deadline: Instant) -> Result<()> {
        let encoded = self.name(group)?;
        self.offsets(group)?;
        let _lock = self.lock("delete group", group, &encoded, deadline)?;
        let path = path(&encoded);
        let io = self.topics.io();
        io.remove(&path)
            .and_then(|()| io.sync_folder(FOLDER))
            .map_err(|error| io_error("delete group", io.display(&path), error))
    }

    fn store(&self, operation: &'static str, group: &str, encoded: &str, offsets: &[CommittedOffset]) -> Result<()> {
        let mut file = self.load(group, encoded)?.unwrap_or_default();
        file.commit(offsets, |topic| self.topics.load(topic).map(|file| file.id))?;
        self.replace(operation, encoded, &file)
    }

    fn replace(&self, operation: &'static str, encoded: &str, file: &GroupFile) -> Result<()> {
        let path = path(encoded);
        let io = self.topics.io();
        replace_file(&**io, &path, &file.encode()?).map_err(|error| io_error(operation, io.display(&path), error))
    }

    fn load(&self, group: &str, encoded: &str) -> Result<Option<GroupFile>> {
        let path = path(encoded);
        let io = self.topics.io();
        let bytes = read_file(&**io, &path, GroupFile::BYTES_MAX)
            .map_err(|error| io_error("read group", io.display(&path), error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        GroupFile::parse(&bytes, group, || io.display(&path)).map(Some)
    }

    fn valid(&self, file: GroupFile) -> Result<Vec<CommittedOffset>> {
        file.valid(|topic| self.topics.load(topic).map(|file| file.id))
    }

    fn check_offsets(&self, offsets: &[CommittedOffset]) -> Result<()> {
        let mut topics = self.topics.many();
        for committed in offsets {
            topics.partition(&committed.topic, committed.partition)?;
            check_offset(committed)?;
        }
        Ok(())
    }

    /// The name of a group's files: the one that is certainly its own, if there are such files, or that of its name.
    fn name(&self, group: &str) -> Result<String> {
        let plain = encode_name(group)?;
        let Some(apart) = encode_name_apart(group).ok().filter(|apart| *apart != plain) else { return Ok(plain) };
        let io = self.topics.io();
        for path in [path(&apart), lock_path(&apart)] {
            if io.stat(&path).map_err(|error| io_error("find group", io.display(&path), error))?.is_some() {
                return Ok(apart);
            }
        }
        Ok(plain)
    }

    /// The same for a group that may be new: beside files whose names differ only in case it gets others.
    fn new_name(&self, group: &str) -> Result<String> {
        let encoded = self.name(group)?;
        let io = self.topics.io();
        let names = io.list(FOLDER).map_err(|error| io_error("list groups", io.display(FOLDER), error))?;
        let others = names.iter().filter_map(|name| name.strip_suffix(".json").or(name.strip_suffix(".lock")));
        if is_taken_but_for_case(&encoded, others) { encode_name_apart(group) } else { Ok(encoded) }
    }

    fn lock(&self, operation: &'static str, group: &str, encoded: &str, deadline: Instant) -> Result<Lock> {
        let file = self.open_lock(operation, encoded)?;
        let until = deadline.min(Instant::now() + LOCK_WAIT);
        let held = lock(&file, until)
            .map_err(|error| io_error(operation, self.topics.io().display(&lock_path(encoded)), error))?;
        held.ok_or_else(|| has_live_member(operation, group))
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

fn path(encoded: &str) -> String {
    format!("{FOLDER}/{encoded}.json")
}

fn lock_path(encoded: &str) -> String {
    format!("{FOLDER}/{encoded}.lock")
}
