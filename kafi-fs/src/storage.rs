//! The storage: a folder, or memory, and what it hands out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Admin, Capabilities, Consumer, ConsumerOptions, Error, ErrorKind, Files, Producer, ProducerOptions, Result, Storage,
};

use crate::admin::LogAdmin;
use crate::config::FolderOptions;
use crate::consumer::LogConsumer;
use crate::error::io_error;
use crate::files::LogFiles;
use crate::groups::Groups;
use crate::io::{FolderIo, Io, MemoryIo};
use crate::producer::LogProducer;
use crate::shared::Shared;
use crate::topics::Topics;
use crate::{SCHEME_FILE, SCHEME_MEM};

/// What logs can do; everything but sharing a group among members, and transactions. Folders and memory keep
/// [files](Capabilities::FILES), too.
pub const CAPABILITIES: Capabilities = Capabilities::CONSUME
    .union(Capabilities::CONSUME_GROUP)
    .union(Capabilities::PRODUCE)
    .union(Capabilities::PRODUCE_PARTITION)
    .union(Capabilities::PRODUCE_TIMESTAMP)
    .union(Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE)
    .union(Capabilities::PRODUCE_KEEP_OFFSETS)
    .union(Capabilities::PRODUCE_KEEP_FOREVER)
    .union(Capabilities::PRODUCE_HEADERS)
    .union(Capabilities::ADMIN_TOPICS)
    .union(Capabilities::ADMIN_PARTITIONS)
    .union(Capabilities::ADMIN_CONFIG)
    .union(Capabilities::ADMIN_DELETE_RECORDS)
    .union(Capabilities::ADMIN_GROUPS)
    .union(Capabilities::ADMIN_TIMES)
    .union(Capabilities::ADMIN_NOTES)
    .union(Capabilities::ADMIN_DELETE_GROUP_OFFSETS);

/// Topics as logs in a tree of files. Clones share the same tree, which for memory means the same topics.
#[derive(Clone)]
pub struct LogStorage {
    shared: Arc<Shared>,
}

/// Opens the folder `root` as a storage that the user knows as `name`. Nothing is read or created: a folder that does
/// not exist is a storage without topics, and the first topic creates it. Does not block.
///
/// # Errors
/// `Config` if `root` is a file.
pub fn open_folder(name: &str, root: &Path, options: FolderOptions) -> Result<LogStorage> {
    if root.is_file() {
        let error = Error::new(ErrorKind::Config, "open storage", "it is a file, not a folder");
        return Err(error.with("storage", name).with("path", root.display()));
    }
    Ok(LogStorage::new(name, SCHEME_FILE, Arc::new(FolderIo::new(root.to_path_buf())), options))
}

/// Opens the folder that the key `root.dir` of a configuration names, else the working directory, as [`open_folder`]
/// does.
///
/// # Errors
/// As there.
pub fn open(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    let root = properties.iter().rev().find(|(key, _)| key == "root.dir").map_or(".", |(_, value)| value);
    Ok(Arc::new(open_folder(name, Path::new(root), FolderOptions::default())?))
}

/// Opens an empty storage in memory that the user knows as `name`. Its clones share its topics, which live until the
/// last clone, and whatever it handed out, is gone; a second call is another storage. Does not block.
pub fn open_memory(name: &str) -> LogStorage {
    LogStorage::new(name, SCHEME_MEM, Arc::new(MemoryIo::new()), FolderOptions::default())
}

impl LogStorage {
    pub(crate) fn new(name: &str, scheme: &'static str, io: Arc<dyn Io>, options: FolderOptions) -> Self {
        let name: Arc<str> = name.into();
        let topics = Topics::new(io, Arc::clone(&name));
        let groups = Groups::new(topics.clone());
        Self { shared: Arc::new(Shared { name, scheme, options, topics, groups }) }
    }
}

#[cfg(test)]
impl LogStorage {
    pub(crate) fn shared_io(&self) -> &Arc<dyn Io> {
        self.shared.topics.io()
    }
}

impl Storage for LogStorage {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn scheme(&self) -> &str {
        self.shared.scheme
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES | Capabilities::FILES
    }

    fn identity(&self, _timeout: Duration) -> Result<String> {
        let io = self.shared.topics.io();
        io.identity().map_err(|error| io_error("identify storage", io.display(""), error))
    }

    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>> {
        self.check_properties(&options.properties)?;
        Ok(Box::new(LogConsumer::new(Arc::clone(&self.shared), options)))
    }

    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>> {
        self.check_properties(&options.properties)?;
        options.refuse_transactions(&self.shared.name)?;
        Ok(Box::new(LogProducer::new(Arc::clone(&self.shared), options)))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(LogAdmin::new(Arc::clone(&self.shared))))
    }

    fn files(&self) -> Result<Box<dyn Files>> {
        Ok(Box::new(LogFiles::new(Arc::clone(self.shared.topics.io()), Arc::clone(&self.shared.name))))
    }
}

impl LogStorage {
    /// There is no client underneath that could understand properties.
    fn check_properties(&self, properties: &[(String, String)]) -> Result<()> {
        let Some((name, _)) = properties.first() else { return Ok(()) };
        let error =
            Error::new(ErrorKind::Unsupported, "set property", "this kind of storage has no client with properties");
        Err(error.with("storage", &self.shared.name).with("property", name))
    }
}
