//! Topics as folders: `topics/<topic>/topic.json`.
//!
//! Whoever makes, changes, or deletes a topic holds the lock of `topics/~lock`. Names with a tilde cannot be topics, so
//! whatever has one in that folder, but the lock, was left behind by a crash and is removed by the next who holds the
//! lock.
//!
//! A topic whose name differs only in case from that of a folder which is there already gets a folder `<topic>~<five
//! digits>`, where some file systems would take both for one: the digits are of the checksum of the name, so that both
//! the name and the folder follow from each other without a look at any file.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use kafi_core::{Error, ErrorKind, NewTopic, Result, check_topic_name};

use crate::emulated::segment_name::segment_base;
use crate::emulated::topic_file::{self, TopicFile, new_id};
use crate::error::io_error;
use crate::io::{Access, Io, Lock, lock, read_file, replace_file};
use crate::log::{PartitionDir, Recovery};

const FOLDER: &str = "topics";
const LOCK: &str = "topics/~lock";

/// The topics of a storage.
#[derive(Clone)]
pub(crate) struct Topics {
    io: Arc<dyn Io>,
    /// The storage's name, for messages.
    storage: Arc<str>,
}

impl Topics {
    pub(crate) fn new(io: Arc<dyn Io>, storage: Arc<str>) -> Self {
        Self { io, storage }
    }

    pub(crate) fn io(&self) -> &Arc<dyn Io> {
        &self.io
    }

    /// The names of all topics, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut listed = self.listed()?;
        listed.retain(|_, folder| self.io.stat(&format!("{folder}/topic.json")).is_ok_and(|stat| stat.is_some()));
        Ok(listed.into_keys().collect())
    }

    /// The folder of a topic: the one that is certainly its own, if that is there, or that of its name.
    pub(crate) fn folder(&self, name: &str) -> Result<String> {
        let apart = format!("{FOLDER}/{}", apart(name));
        let is_there = self
            .io
            .stat(&format!("{apart}/topic.json"))
            .map_err(|error| io_error("find topic", self.io.display(&apart), error).with("topic", name))?;
        Ok(if is_there.is_some() { apart } else { format!("{FOLDER}/{name}") })
    }

    fn path(&self, name: &str) -> Result<String> {
        Ok(format!("{}/topic.json", self.folder(name)?))
    }

    /// What may be a topic: its name and its folder, by names.
    pub(crate) fn listed(&self) -> Result<BTreeMap<String, String>> {
        let folders = self.io.list(FOLDER).map_err(|error| io_error("list topics", self.io.display(FOLDER), error))?;
        let mut listed = BTreeMap::new();
        for folder in folders {
            let Some(name) = topic_of(&folder).map(str::to_string) else { continue };
            let folder = match listed.contains_key(&name) {
                false => format!("{FOLDER}/{folder}"),
                true => self.folder(&name)?,
            };
            listed.insert(name, folder);
        }
        Ok(listed)
    }

    /// What is known of a topic.
    pub(crate) fn load(&self, name: &str) -> Result<TopicFile> {
        check_topic_name(name)?;
        self.load_from(name, &self.folder(name)?)
    }

    /// What is known of a topic whose folder this is.
    pub(crate) fn load_from(&self, name: &str, folder: &str) -> Result<TopicFile> {
        let path = format!("{folder}/topic.json");
        let bytes = read_file(&*self.io, &path, TopicFile::BYTES_MAX);
        let bytes = bytes.map_err(|error| io_error("read topic", self.io.display(&path), error).with("topic", name))?;
        let file = match bytes {
            Some(bytes) => match TopicFile::parse(&bytes, name, || self.io.display(&path)) {
                // A file system that takes names for one that differ only in case has opened another topic's.
                Err(_) if !self.is_listed(&path) => None,
                parsed => Some(parsed?.ok_or_else(|| self.without_partitions(name, &path))?),
            },
            None => None,
        };
        let file = file.ok_or_else(|| self.missing(name))?;
        match self.check_partitions(name, &path, file.partitions) {
            // Somebody added partitions, and wrote to them, right after the file was read.
            Err(_) if self.reads_otherwise(name, &path, &file) => self.load_from(name, folder),
            checked => checked.map(|()| file),
        }
    }

    /// Which `topic.json` there is, to notice changes.
    pub(crate) fn stat(&self, name: &str) -> Result<Option<crate::io::Stat>> {
        self.io.stat(&self.path(name)?).map_err(|error| self.io_error("read topic", name, error))
    }

    /// A partition of a topic, which is checked to exist.
    pub(crate) fn partition(&self, name: &str, partition: i32) -> Result<PartitionDir> {
        self.many().partition(name, partition)
    }

    /// For a look at many partitions at once.
    pub(crate) fn many(&self) -> Many<'_> {
        Many { topics: self, known: HashMap::new() }
    }

    /// Makes a topic: in a folder of a temporary name, which is then renamed.
    pub(crate) fn create(&self, topic: &NewTopic, deadline: Instant) -> Result<()> {
        let file = TopicFile::of(topic)?;
        let on_error = |error| self.io_error("create topic", &topic.name, error);
        self.io.create_folder(FOLDER).map_err(on_error)?;
        let _lock = self.lock("create topic", deadline)?;
        if self.names()?.contains(&topic.name) {
            return Err(topic_file::taken(&self.storage, &topic.name));
        }
        let temporary = format!("{FOLDER}/~new-{}", file.id);
        let bytes = file.encode()?;
        let target = self.free_folder(&topic.name).map_err(on_error)?;
        let made = self
            .create_partitions_in(&temporary, 0..file.partitions)
            .and_then(|()| replace_file(&*self.io, &format!("{temporary}/topic.json"), &bytes))
            .and_then(|()| self.io.rename(&temporary, &target))
            .and_then(|()| self.io.sync_folder(FOLDER));
        if made.is_err() {
            // The next who holds the lock removes what cannot be removed now.
            let _ = self.io.remove_folder(&temporary);
        }
        made.map_err(on_error)
    }

    /// Deletes a topic: under a temporary name, so that it is gone at once and as a whole.
    pub(crate) fn delete(&self, name: &str, deadline: Instant) -> Result<()> {
        let file = self.load(name)?;
        let on_error = |error| self.io_error("delete topic", name, error);
        let _lock = self.lock("delete topic", deadline)?;
        let folder = self.folder(name)?;
        let mut held = Vec::new();
        for partition in 0..file.partitions {
            // Nobody is in the middle of an append when the folder goes away.
            let dir = PartitionDir::new(&self.io, &Arc::from(name), &folder, partition);
            let recovery = self.io.open(&dir.recovery_path(), Access::Write).map_err(on_error)?;
            let lock =
                lock(&recovery, deadline).map_err(on_error)?.ok_or_else(|| self.timeout("delete topic", name))?;
            held.push(lock);
        }
        let temporary = format!("{FOLDER}/~gone-{}", new_id());
        self.io.rename(&folder, &temporary).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.missing(name),
            _ => on_error(error),
        })?;
        self.io.sync_folder(FOLDER).map_err(on_error)?;
        drop(held);
        self.io.remove_folder(&temporary).map_err(on_error)
    }

    /// Raises the number of partitions.
    pub(crate) fn create_partitions(&self, name: &str, partitions: i32, deadline: Instant) -> Result<()> {
        self.load(name)?;
        let _lock = self.lock("create partitions", deadline)?;
        let mut file = self.load(name)?;
        file.check_raise(name, partitions)?;
        let added = file.partitions..partitions;
        file.partitions = partitions;
        file.name = Some(name.to_string());
        let bytes = file.encode()?;
        let folder = self.folder(name)?;
        let made = self
            .create_partitions_in(&folder, added)
            .and_then(|()| replace_file(&*self.io, &format!("{folder}/topic.json"), &bytes));
        made.map_err(|error| self.io_error("create partitions", name, error))
    }

    /// Changes the settings of a topic.
    pub(crate) fn alter_config(
        &self,
        name: &str,
        deadline: Instant,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<()> {
        self.load(name)?;
        let _lock = self.lock("set topic configuration", deadline)?;
        let mut file = self.load(name)?;
        change(&mut file.config);
        file.name = Some(name.to_string());
        replace_file(&*self.io, &self.path(name)?, &file.encode()?)
            .map_err(|error| self.io_error("set topic configuration", name, error))
    }

    /// Whether the folder of a topic's file is there under exactly this name.
    fn is_listed(&self, path: &str) -> bool {
        let is_it = |folder: &String| *path == format!("{FOLDER}/{folder}/topic.json");
        self.io.list(FOLDER).map_or(true, |folders| folders.iter().any(is_it))
    }

    /// Whether a topic's file says something else by now.
    fn reads_otherwise(&self, name: &str, path: &str, known: &TopicFile) -> bool {
        let bytes = read_file(&*self.io, path, TopicFile::BYTES_MAX).ok().flatten();
        bytes.is_some_and(|bytes| {
            TopicFile::parse(&bytes, name, String::new).is_ok_and(|file| file.as_ref() != Some(known))
        })
    }

    /// Checks that behind the partitions that the topic has no messages lie: with fewer than there were, they would be
    /// hidden. A crash may leave folders without any.
    fn check_partitions(&self, name: &str, path: &str, partitions: i32) -> Result<()> {
        let next = format!("{}/{partitions}", path.strip_suffix("/topic.json").unwrap_or(path));
        let is_there = self.io.stat(&next).map_err(|error| self.io_error("read topic", name, error))?.is_some();
        let names = if is_there { self.io.list(&next).unwrap_or_default() } else { Vec::new() };
        if names.iter().all(|name| segment_base(name).is_none()) {
            return Ok(());
        }
        let message = format!(
            "the file is damaged: it says {partitions} partitions, and there are messages of partition {partitions}"
        );
        let error = Error::new(ErrorKind::Corrupt, "read topic", message)
            .with("topic", name)
            .with("path", self.io.display(path));
        Err(error.hint("restore the file from a backup; the messages are beside it"))
    }

    /// The error about a topic that says of itself that it is gone: here nobody writes that.
    fn without_partitions(&self, name: &str, path: &str) -> Error {
        let error = Error::new(ErrorKind::Corrupt, "read topic", "the file is damaged: it says 0 partitions")
            .with("topic", name);
        error.with("path", self.io.display(path)).hint("restore the file from a backup; the messages are beside it")
    }

    /// The error about a topic that is not there.
    pub(crate) fn missing(&self, name: &str) -> Error {
        topic_file::missing(&self.storage, name, &self.names().unwrap_or_default())
    }

    /// The error about a partition that is not there.
    pub(crate) fn missing_partition(&self, name: &str, partition: i32, partitions: i32) -> Error {
        topic_file::missing_partition(&self.storage, name, partition, partitions)
    }

    /// The folder that a topic gets which there is not yet. Under the lock.
    fn free_folder(&self, name: &str) -> io::Result<String> {
        let taken = |folder: &str| {
            Ok::<_, io::Error>(
                self.io.list(FOLDER)?.iter().any(|other| other.eq_ignore_ascii_case(folder) && other != folder),
            )
        };
        let folder = if taken(name)? { apart(name) } else { name.to_string() };
        // Two names of a million that differ only in case have the same digits.
        if folder != name && taken(&folder)? {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        Ok(format!("{FOLDER}/{folder}"))
    }

    fn create_partitions_in(&self, folder: &str, partitions: std::ops::Range<i32>) -> io::Result<()> {
        for partition in partitions {
            let folder = format!("{folder}/{partition}");
            self.io.create_folder(&folder)?;
            let recovery = self.io.open(&format!("{folder}/recovery"), Access::Write)?;
            Recovery::default().write(&*recovery)?;
            // A folder without any file is no partition.
            self.io.sync_folder(&folder)?;
        }
        self.io.sync_folder(folder)
    }

    fn lock(&self, operation: &'static str, deadline: Instant) -> Result<Lock> {
        let on_error = |error| io_error(operation, self.io.display(LOCK), error);
        let file = self.io.open(LOCK, Access::Write).map_err(on_error)?;
        let held = lock(&file, deadline).map_err(on_error)?.ok_or_else(|| self.timeout(operation, &self.storage))?;
        let leftovers = self
            .io
            .list(FOLDER)
            .map_err(on_error)?
            .into_iter()
            .filter(|name| name.starts_with("~new-") || name.starts_with("~gone-"));
        for leftover in leftovers {
            self.io.remove_folder(&format!("{FOLDER}/{leftover}")).map_err(on_error)?;
        }
        Ok(held)
    }

    fn timeout(&self, operation: &'static str, what: &str) -> Error {
        Error::new(ErrorKind::Timeout, operation, "somebody else held the lock all the time")
            .with("storage", &self.storage)
            .with("name", what)
    }

    fn io_error(&self, operation: &'static str, name: &str, error: io::Error) -> Error {
        io_error(operation, self.io.display(&format!("{FOLDER}/{name}")), error).with("topic", name)
    }
}

/// The topics that one call needs, each of which is looked up once, however many of its partitions are asked for.
pub(crate) struct Many<'a> {
    topics: &'a Topics,
    /// The name, the folder, and the number of partitions of each topic.
    known: HashMap<String, (Arc<str>, String, i32)>,
}

impl Many<'_> {
    /// As [`Topics::partition`].
    pub(crate) fn partition(&mut self, name: &str, partition: i32) -> Result<PartitionDir> {
        if !self.known.contains_key(name) {
            check_topic_name(name)?;
            let folder = self.topics.folder(name)?;
            let partitions = self.topics.load_from(name, &folder)?.partitions;
            self.known.insert(name.to_string(), (Arc::from(name), folder, partitions));
        }
        let (topic, folder, partitions) = &self.known[name];
        if partition < 0 || partition >= *partitions {
            return Err(self.topics.missing_partition(name, partition, *partitions));
        }
        Ok(PartitionDir::new(&self.topics.io, topic, folder, partition))
    }
}

/// The folder of a topic beside another one whose name differs only in case. It is no longer than a file's name may be,
/// as a topic's name has at most 249 characters.
fn apart(name: &str) -> String {
    format!("{name}~{:05x}", crc32c::crc32c(name.as_bytes()) & 0xf_ffff)
}

/// The topic whose folder this is by its name.
fn topic_of(folder: &str) -> Option<&str> {
    let name = folder.split_once('~').map_or(folder, |(name, _)| name);
    (check_topic_name(name).is_ok() && (name == folder || apart(name) == folder)).then_some(name)
}
