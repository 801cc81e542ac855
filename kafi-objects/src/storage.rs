//! A storage on a store of objects, and what it hands out.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Admin, Capabilities, Consumer, ConsumerOptions, Error, ErrorKind, Files, Producer, ProducerOptions, Result, Storage,
};
use kafi_fs::CAPABILITIES;
use kafi_fs::emulated::clock::deadline;

use crate::admin::ObjectAdmin;
use crate::config::ObjectOptions;
use crate::consumer::ObjectConsumer;
use crate::files::ObjectFiles;
use crate::groups::ObjectGroups;
use crate::io::ObjectIo;
use crate::producer::ObjectProducer;
use crate::shared::Shared;
use crate::topics::ObjectTopics;

/// The smallest range that objects are read in: less is not worth a request.
const FETCH_BYTES_MIN: u64 = 4 << 20;

/// Topics as logs in a store of objects. Clones share what they know of it.
#[derive(Clone)]
pub struct ObjectStorage {
    shared: Arc<Shared>,
}

/// Opens a store of objects as a storage that the user knows as `name`, of the kind `scheme` (one word, such as `s3`).
/// Nothing is asked or written: a store without objects is a storage without topics. Does not block.
pub fn open(name: &str, scheme: &'static str, io: Arc<dyn ObjectIo>, options: ObjectOptions) -> ObjectStorage {
    let name: Arc<str> = name.into();
    let options = ObjectOptions {
        fetch_bytes: options.fetch_bytes.max(FETCH_BYTES_MIN),
        requests_max: options.requests_max.max(1),
        ..options
    };
    let topics = ObjectTopics::new(io, Arc::clone(&name), options.requests_max);
    let groups = ObjectGroups::new(topics.clone(), &options);
    ObjectStorage { shared: Arc::new(Shared { name, scheme, options, topics, groups }) }
}

impl Storage for ObjectStorage {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn scheme(&self) -> &str {
        self.shared.scheme
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES | Capabilities::FILES
    }

    fn identity(&self, timeout: Duration) -> Result<String> {
        let io = self.shared.topics.io();
        // The name alone is known without a request, but it is the identity of something only if that is there.
        io.stat("topics", deadline(timeout))?;
        Ok(io.identity())
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        self.check_properties(&options.properties)?;
        Ok(Box::new(ObjectConsumer::new(Arc::clone(&self.shared), options)))
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        self.check_properties(&options.properties)?;
        options.refuse_transactions(&self.shared.name)?;
        Ok(Box::new(ObjectProducer::new(Arc::clone(&self.shared), options)))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(ObjectAdmin::new(Arc::clone(&self.shared))))
    }

    fn files(&self) -> Result<Box<dyn Files>> {
        let (io, storage) = (Arc::clone(self.shared.topics.io()), Arc::clone(&self.shared.name));
        Ok(Box::new(ObjectFiles::new(io, storage, self.shared.options.files_prefix.clone())))
    }
}

impl ObjectStorage {
    /// There is no client underneath that could understand properties.
    fn check_properties(&self, properties: &[(String, String)]) -> Result<()> {
        let Some((name, _)) = properties.first() else { return Ok(()) };
        let error =
            Error::new(ErrorKind::Unsupported, "set property", "this kind of storage has no client with properties");
        Err(error.with("storage", &self.shared.name).with("property", name))
    }
}
