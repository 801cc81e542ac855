//! The storage: a folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafi_core::{Admin, Capabilities, Consumer, ConsumerOptions, Error, ErrorKind, Producer, ProducerOptions, Result, Storage, TopicPartition};

use crate::SCHEME;
use crate::admin::JsonlAdmin;
use crate::consumer::JsonlConsumer;
use crate::lines::Lines;

/// It reads, and nothing else.
pub const CAPABILITIES: Capabilities = Capabilities::CONSUME;

/// A folder of JSON-lines files.
pub struct JsonlStorage {
    name: String,
    folder: Arc<Folder>,
}

/// What the storage shares with what it hands out.
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
    /// What was counted of each topic's file, for all consumers together.
    lines: Mutex<HashMap<String, Lines>>,
}

impl JsonlStorage {
    /// The files in `root`, under the name by which the user knows the storage.
    pub fn new(name: &str, root: &Path) -> Self {
        Self { name: name.into(), folder: Arc::new(Folder { root: root.into(), lines: Mutex::default() }) }
    }
}

impl Folder {
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

impl Storage for JsonlStorage {
    fn name(&self) -> &str {
        &self.name
    }

    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn identity(&self, _timeout: Duration) -> Result<String> {
        let path = std::fs::canonicalize(&self.folder.root).map_err(|error| Error::io("identify storage", error).with("storage", &self.name))?;
        Ok(path.display().to_string())
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        if let Some((property, _)) = options.properties.first() {
            return Err(Error::unsupported(&self.name, "set property").with("property", property));
        }
        if options.skip_corrupt {
            return Err(Error::unsupported(&self.name, "skip damaged lines"));
        }
        Ok(Box::new(JsonlConsumer::new(self.name.clone(), Arc::clone(&self.folder))))
    }

    fn producer(&self, _options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        Err(Error::unsupported(&self.name, "produce"))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(JsonlAdmin { name: self.name.clone(), folder: Arc::clone(&self.folder) }))
    }
}
