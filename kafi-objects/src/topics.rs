//! Topics in a store of objects: `topics/<topic>/topic.json`, which is changed only by whoever saw its last version.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use kafi_core::{Error, ErrorKind, NewTopic, Result, check_topic_name};
use kafi_fs::emulated::clock::now_ms;
use kafi_fs::emulated::topic_file::{self, TopicFile};

use crate::io::{ObjectIo, Precondition, Put, PutRequest, get_small, list};
use crate::log::{PartitionLog, Tails, check_time, put};
use crate::tasks::for_all;

const FOLDER: &str = "topics/";

/// How long somebody who deletes a topic may take between saying that it is gone and removing the object that says so,
/// in milliseconds.
const GONE_MS_MAX: i64 = 10_000;

/// How many keys are deleted with one request.
const DELETE_KEYS: usize = 1_000;

/// The topics of a storage.
#[derive(Clone)]
pub(crate) struct ObjectTopics {
    io: Arc<dyn ObjectIo>,
    /// The storage's name, for messages.
    storage: Arc<str>,
    requests_max: usize,
    tails: Tails,
}

/// A topic as it stands there.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) file: TopicFile,
    pub(crate) etag: String,
}

impl ObjectTopics {
    pub(crate) fn new(io: Arc<dyn ObjectIo>, storage: Arc<str>, requests_max: usize) -> Self {
        Self { io, storage, requests_max, tails: Tails::default() }
    }

    pub(crate) fn io(&self) -> &Arc<dyn ObjectIo> {
        &self.io
    }

    /// All topics, sorted by name: a listing, and a read for each. One that cannot be read is named in a warning and
    /// hides no other.
    pub(crate) fn all(&self, deadline: Instant) -> Result<Vec<(String, Loaded)>> {
        let names = self.folders(deadline)?;
        let loaded = for_all(&names, self.requests_max, |name| match self.find(name, deadline) {
            Err(error) if is_of_one_object(&error) => {
                log::warn!("{error}; left out");
                Ok(None)
            }
            found => found,
        })?;
        Ok(names.into_iter().zip(loaded).filter_map(|(name, loaded)| Some((name, loaded?))).collect())
    }

    /// These topics, in their order.
    pub(crate) fn these(&self, names: &[String], deadline: Instant) -> Result<Vec<(String, Loaded)>> {
        let loaded = for_all(names, self.requests_max, |name| self.load(name, deadline))?;
        Ok(names.iter().cloned().zip(loaded).collect())
    }

    /// What is known of a topic.
    pub(crate) fn load(&self, name: &str, deadline: Instant) -> Result<Loaded> {
        check_topic_name(name)?;
        self.find(name, deadline)?.ok_or_else(|| self.missing(name, deadline))
    }

    /// The same, `None` where there is none.
    pub(crate) fn find(&self, name: &str, deadline: Instant) -> Result<Option<Loaded>> {
        self.read(name, deadline)?.map_or(Ok(None), |(bytes, etag)| {
            let file = TopicFile::parse(&bytes, name, || self.io.display(&key(name)))?;
            Ok(file.map(|file| Loaded { file, etag }))
        })
    }

    fn read(&self, name: &str, deadline: Instant) -> Result<Option<(Vec<u8>, String)>> {
        let mut bytes = Vec::new();
        let stat = get_small(&*self.io, &key(name), TopicFile::BYTES_MAX as u64, &mut bytes, deadline)
            .map_err(|error| error.with("topic", name))?;
        Ok(stat.map(|stat| (bytes, stat.etag)))
    }

    /// As [`find`](Self::find), for names that nobody has checked: no topic has a bad one.
    pub(crate) fn find_checked(&self, name: &str, deadline: Instant) -> Result<Option<Loaded>> {
        if check_topic_name(name).is_err() { Ok(None) } else { self.find(name, deadline) }
    }

    /// What tells a topic from what it was before; `None` where there is none.
    pub(crate) fn etag(&self, name: &str, deadline: Instant) -> Result<Option<String>> {
        let stat = self.io.stat(&key(name), deadline).map_err(|error| error.with("topic", name))?;
        Ok(stat.map(|stat| stat.etag))
    }

    /// A partition of a topic, which is checked to exist.
    pub(crate) fn partition_of(&self, name: &str, file: &TopicFile, partition: i32) -> Result<PartitionLog> {
        if partition < 0 || partition >= file.partitions {
            return Err(topic_file::missing_partition(&self.storage, name, partition, file.partitions));
        }
        Ok(PartitionLog::new(&self.io, &self.tails, &Arc::from(name), &Arc::from(file.id.as_str()), partition))
    }

    /// Makes a topic.
    pub(crate) fn create(&self, topic: &NewTopic, deadline: Instant) -> Result<()> {
        let file = TopicFile::of(topic)?;
        let name = &topic.name;
        // Names that differ only in case are two keys, unlike in a folder.
        let bytes: Bytes = file.encode()?.into();
        loop {
            let request =
                PutRequest { key: &key(name), bytes: bytes.clone(), precondition: Precondition::Absent, metadata: &[] };
            if let Put::Written(_) = put(&*self.io, &request, deadline).map_err(|error| error.with("topic", name))? {
                break;
            }
            match self.find(name, deadline)? {
                Some(loaded) if loaded.file.id == file.id => break,
                Some(_) => return Err(topic_file::taken(&self.storage, name)),
                None => self.remove_gone(name, deadline)?,
            }
            check_time("create topic", deadline).map_err(|error| error.with("topic", name))?;
        }
        // What a topic of the same name left behind is removed, but that is not worth an error.
        if let Err(error) = self.remove_leftovers(name, &file.id, deadline) {
            log::debug!("{error}");
        }
        Ok(())
    }

    /// Deletes a topic: it says that it is gone, then `topic.json` goes, then the messages.
    pub(crate) fn delete(&self, name: &str, deadline: Instant) -> Result<()> {
        let mut loaded = self.load(name, deadline)?;
        let id = loaded.file.id.clone();
        loop {
            let mut gone = loaded.file.clone();
            (gone.partitions, gone.created) = (0, now_ms());
            if let Put::Written(_) = self.replace(name, &gone, &loaded.etag, deadline)? {
                break;
            }
            match self.find(name, deadline)? {
                Some(again) if again.file.id == id => loaded = again,
                // Gone, by this very call or another one.
                _ => break,
            }
            check_time("delete topic", deadline).map_err(|error| error.with("topic", name))?;
        }
        let on_error = |error: Error| error.with("topic", name);
        if self.find(name, deadline)?.is_none() {
            self.io.delete(&[key(name)], deadline).map_err(on_error)?;
        }
        self.remove_all(&format!("{FOLDER}{name}/{id}/"), deadline).map_err(on_error)
    }

    /// Changes a topic; `change` says whether there is anything to be written.
    pub(crate) fn change(
        &self,
        operation: &'static str,
        name: &str,
        deadline: Instant,
        mut change: impl FnMut(&mut TopicFile) -> Result<()>,
    ) -> Result<()> {
        let mut wanted: Option<TopicFile> = None;
        loop {
            let loaded = self.load(name, deadline)?;
            if wanted.as_ref() == Some(&loaded.file) {
                // The answer to the put before was lost.
                return Ok(());
            }
            let mut file = loaded.file;
            change(&mut file)?;
            file.name = Some(name.to_string());
            if let Put::Written(_) = self.replace(name, &file, &loaded.etag, deadline)? {
                return Ok(());
            }
            wanted = Some(file);
            check_time(operation, deadline).map_err(|error| error.with("topic", name))?;
        }
    }

    fn replace(&self, name: &str, file: &TopicFile, etag: &str, deadline: Instant) -> Result<Put> {
        let request = PutRequest {
            key: &key(name),
            bytes: file.encode()?.into(),
            precondition: Precondition::Matches(etag),
            metadata: &[],
        };
        put(&*self.io, &request, deadline).map_err(|error| error.with("topic", name))
    }

    /// The error about a topic that is not there.
    pub(crate) fn missing(&self, name: &str, deadline: Instant) -> Error {
        topic_file::missing(&self.storage, name, &self.folders(deadline).unwrap_or_default())
    }

    /// The names of the folders of topics, sorted.
    fn folders(&self, deadline: Instant) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut after = String::new();
        loop {
            let listing = list(&*self.io, FOLDER, &after, true, deadline)?;
            let name = |folder: &String| folder.strip_prefix(FOLDER)?.strip_suffix('/').map(str::to_string);
            names.extend(listing.folders.iter().filter_map(name).filter(|name| check_topic_name(name).is_ok()));
            let last = listing.objects.last().map(|object| object.key.clone()).max(listing.folders.last().cloned());
            match last.filter(|_| listing.more) {
                Some(last) => after = last,
                None => break,
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes a `topic.json` that says that its topic is gone, if whoever wrote it had time enough to do it.
    fn remove_gone(&self, name: &str, deadline: Instant) -> Result<()> {
        let Some((bytes, _)) = self.read(name, deadline)? else { return Ok(()) };
        let since = serde_json::from_slice::<TopicFile>(&bytes).map_or(0, |file| file.created);
        if (now_ms() - since).abs() > GONE_MS_MAX {
            return self.io.delete(&[key(name)], deadline).map_err(|error| error.with("topic", name));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        Ok(())
    }

    /// Removes what earlier topics of this name left behind.
    fn remove_leftovers(&self, name: &str, id: &str, deadline: Instant) -> Result<()> {
        let listing = list(&*self.io, &format!("{FOLDER}{name}/"), "", true, deadline)?;
        let mine = format!("{FOLDER}{name}/{id}/");
        let leftovers: Vec<_> = listing.folders.iter().filter(|folder| **folder != mine).collect();
        // A folder that was there while this topic is the one that counts belongs to an earlier one.
        if leftovers.is_empty() || self.find(name, deadline)?.is_none_or(|loaded| loaded.file.id != id) {
            return Ok(());
        }
        leftovers.into_iter().try_for_each(|folder| self.remove_all(folder, deadline))
    }

    fn remove_all(&self, prefix: &str, deadline: Instant) -> Result<()> {
        let mut after = String::new();
        loop {
            let listing = list(&*self.io, prefix, &after, false, deadline)?;
            let keys: Vec<_> = listing.objects.into_iter().map(|object| object.key).collect();
            for keys in keys.chunks(DELETE_KEYS) {
                self.io.delete(keys, deadline)?;
            }
            match keys.last().filter(|_| listing.more) {
                Some(last) => after = last.clone(),
                None => return Ok(()),
            }
        }
    }
}

/// Whether an error is about one object, so that others can be read all the same.
pub(crate) fn is_of_one_object(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::PermissionDenied)
}

/// The key of a topic's `topic.json`.
pub(crate) fn key(name: &str) -> String {
    format!("{FOLDER}{name}/topic.json")
}
