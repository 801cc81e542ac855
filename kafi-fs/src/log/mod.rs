//! The log engine: partitions as segments of record batches, with their indexes.
//!
//! `append_file` writes, `read` reads, and both stand on `segment` (batches in one file), `index` (`.kidx`) and
//! `recovery`.

use std::io;
use std::sync::Arc;

use kafi_core::{Error, ErrorKind, Result};

use crate::emulated::segment_name::base_of;
use crate::error::io_error;
use crate::io::{Access, Io, IoFile, read_file, replace_file};

mod ahead;
pub(crate) mod append_file;
pub(crate) mod bounds;
pub(crate) mod index;
pub(crate) mod known;
pub(crate) mod read;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod time;

pub(crate) use recovery::Recovery;

/// The most bytes that the file may have which holds the log start.
const START_BYTES_MAX: usize = 64;

/// The files of a partition.
pub(crate) struct Listing {
    /// The base offsets of the segments, rising.
    pub(crate) segments: Vec<i64>,
    /// The base offsets of indexes without a segment, rising.
    pub(crate) alone: Vec<i64>,
    /// Whether there is no file at all.
    pub(crate) is_empty: bool,
}

/// The folder of a partition.
#[derive(Clone)]
pub(crate) struct PartitionDir {
    pub(crate) io: Arc<dyn Io>,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    folder: String,
}

impl PartitionDir {
    /// A partition of the topic that lies in `folder`.
    pub(crate) fn new(io: &Arc<dyn Io>, topic: &Arc<str>, folder: &str, partition: i32) -> Self {
        Self { io: Arc::clone(io), topic: Arc::clone(topic), partition, folder: format!("{folder}/{partition}") }
    }

    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    pub(crate) fn log_path(&self, base: i64) -> String {
        format!("{}/{base:020}.log", self.folder)
    }

    pub(crate) fn index_path(&self, base: i64) -> String {
        format!("{}/{base:020}.kidx", self.folder)
    }

    pub(crate) fn recovery_path(&self) -> String {
        format!("{}/recovery", self.folder)
    }

    fn start_path(&self) -> String {
        format!("{}/start", self.folder)
    }

    /// The base offsets of the segments, rising.
    pub(crate) fn segments(&self) -> Result<Vec<i64>> {
        Ok(self.listing()?.segments)
    }

    /// What files there are.
    pub(crate) fn listing(&self) -> Result<Listing> {
        let names = self.io.list(&self.folder).map_err(|error| self.io_error("list segments", &self.folder, error))?;
        let bases = |suffix: &str| {
            let mut bases: Vec<i64> = names.iter().filter_map(|name| base_of(name, suffix)).collect();
            bases.sort_unstable();
            bases
        };
        let segments = bases(".log");
        let mut alone = bases(".kidx");
        alone.retain(|base| segments.binary_search(base).is_err());
        Ok(Listing { segments, alone, is_empty: names.is_empty() })
    }

    /// What is known to be durable; `None` where nothing is known. Takes no lock.
    pub(crate) fn recovery(&self) -> Result<Option<Recovery>> {
        let path = self.recovery_path();
        match self.io.open(&path, Access::Read).and_then(|file| Recovery::read(&*file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map_err(|error| self.io_error("read recovery", &path, error)),
        }
    }

    /// The log start that deleting records set; 0 where nothing was deleted.
    pub(crate) fn start(&self) -> Result<i64> {
        let path = self.start_path();
        let bytes = read_file(&*self.io, &path, START_BYTES_MAX)
            .map_err(|error| self.io_error("read log start", &path, error))?;
        let Some(bytes) = bytes else { return Ok(0) };
        let start = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
        start.filter(|start| *start >= 0).ok_or_else(|| {
            let hint =
                "write the first offset that counts into that file, or remove it to read from the first segment on";
            self.error(ErrorKind::Corrupt, "read log start", "there is no offset in the file")
                .with("path", self.io.display(&path))
                .hint(hint)
        })
    }

    /// Sets the log start, durably.
    pub(crate) fn set_start(&self, start: i64) -> Result<()> {
        let path = self.start_path();
        replace_file(&*self.io, &path, format!("{start}\n").as_bytes())
            .map_err(|error| self.io_error("set log start", &path, error))
    }

    /// Whether `recovery` is still the file that the path leads to, which it is not once the topic was deleted.
    pub(crate) fn is_current(&self, recovery: &dyn IoFile) -> Result<bool> {
        let path = self.recovery_path();
        let current = recovery.id().and_then(|id| Ok(self.io.stat(&path)?.is_some_and(|stat| stat.id == id)));
        current.map_err(|error| self.io_error("read recovery", &path, error))
    }

    /// An error of the file layer in this partition.
    pub(crate) fn io_error(&self, operation: &'static str, path: &str, error: io::Error) -> Error {
        io_error(operation, self.io.display(path), error).with("topic", &self.topic).with("partition", self.partition)
    }

    /// An error about this partition.
    pub(crate) fn error(&self, kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Error {
        Error::new(kind, operation, message).with("topic", &self.topic).with("partition", self.partition)
    }

    /// The error of those who still hold a topic that was deleted.
    pub(crate) fn deleted(&self, operation: &'static str) -> Error {
        self.error(ErrorKind::NotFound, operation, "the topic was deleted meanwhile")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemoryIo;

    #[test]
    fn the_start_is_kept_and_damage_is_named() {
        let io: Arc<dyn Io> = Arc::new(MemoryIo::new());
        let dir = PartitionDir::new(&io, &"t".into(), "topics/t", 3);
        io.create_folder(dir.folder()).unwrap();
        assert_eq!(dir.start().unwrap(), 0);
        dir.set_start(17).unwrap();
        assert_eq!(dir.start().unwrap(), 17);
        replace_file(&*io, "topics/t/3/start", b"twelve").unwrap();
        let error = dir.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("topic t, partition 3, path mem:topics/t/3/start"), "{error}");
    }
}
