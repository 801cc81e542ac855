//! The folder, and what is known of its files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kafi_core::{Error, ErrorKind, Result, TopicPartition};

use crate::lines::Lines;

/// What the storage shares with what it hands out.
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
    /// What was counted of each topic's file, for all consumers together.
    lines: Mutex<HashMap<String, Lines>>,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.into(), lines: Mutex::default() }
    }

    /// Does something with the lines of a topic.
    ///
    /// # Errors
    /// `NotFound` for a missing topic or partition, and those of `work`.
    pub(crate) fn with_lines<T>(&self, operation: &'static str, of: &TopicPartition, work: impl FnOnce(&mut Lines) -> std::io::Result<T>) -> Result<T> {
        let path = self.root.join(format!("{}.jsonl", of.topic));
        let place = |error: Error| error.with("topic", &of.topic);
        if kafi_core::check_topic_name(&of.topic).is_err() || !path.is_file() {
            return Err(place(Error::new(ErrorKind::NotFound, operation, "no such topic")));
        }
        if of.partition != 0 {
            return Err(place(Error::new(ErrorKind::NotFound, operation, "no such partition")).with("partition", of.partition));
        }
        let mut lines = self.lock();
        let lines = lines.entry(of.topic.clone()).or_insert_with(|| Lines::new(path));
        work(lines).map_err(|error| place(Error::io(operation, error)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lines>> {
        // Counting can be taken up wherever it broke off.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
