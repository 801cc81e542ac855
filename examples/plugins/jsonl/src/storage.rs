//! The storage: a folder.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Admin, Capabilities, Consumer, ConsumerOptions, Error, Producer, ProducerOptions, Result, Storage};

use crate::SCHEME;
use crate::admin::JsonlAdmin;
use crate::consumer::JsonlConsumer;
use crate::folder::Folder;

/// It reads, and nothing else.
pub const CAPABILITIES: Capabilities = Capabilities::CONSUME;

/// A folder of JSON-lines files.
pub struct JsonlStorage {
    name: String,
    folder: Arc<Folder>,
}

impl JsonlStorage {
    /// The files in `root`, under the name by which the user knows the storage.
    pub fn new(name: &str, root: &Path) -> Self {
        Self { name: name.into(), folder: Arc::new(Folder::new(root)) }
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
