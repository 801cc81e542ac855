//! Emulated Kafka on Azure Blob Storage: topics in a container, in Kafka's own log format.
//!
//! This crate only speaks to the Blob service, through Microsoft's SDK. What lies where in the container, what is
//! promised, and what it costs in requests stands in [`kafi_objects`].
//!
//! ```
//! let properties = [("connection.string", "UseDevelopmentStorage=true"), ("container.name", "archive"), ("root.dir", "kafka")];
//! let properties = properties.map(|(name, value)| (name.to_string(), value.to_string()));
//! let storage = kafi_azure::open("backup", &properties)?;
//! assert_eq!((storage.name(), storage.scheme()), ("backup", "azure"));
//! # Ok::<(), kafi_core::Error>(())
//! ```
//!
//! | property | default | meaning |
//! | --- | --- | --- |
//! | `connection.string` | `AZURE_STORAGE_CONNECTION_STRING`, where no account is named | account, key or signature, and address in one; `UseDevelopmentStorage=true` is Azurite |
//! | `account.name` | | the account, instead of a connection string |
//! | `account.key`, `sas.token` | | what proves who we are: the account's key, or a shared access signature |
//! | `endpoint` | `https://<account>.blob.core.windows.net` | the address of the Blob service |
//! | `container.name` | `test` | the container |
//! | `container.create` | `false` | whether a missing container is created; otherwise it is an error |
//! | `root.dir` | | what all names begin with |
//! | `files.dir` | `files` | what the names of files begin with, behind that; `/` is nothing |
//!
//! A signature must permit reading, writing, creating, deleting, and listing.
//!
//! **Listings** begin at the front. The service cannot begin at a name, so that a listing from the middle reads the
//! pages before it, with 5,000 names each: one request more for each 5,000 objects that lie before. Pages that follow
//! each other go on where the last one ended. The log seldom lists: its objects are found by their names.
//!
//! **Deletions** are one request for each object, 16 at once; the service has no request for several that this SDK
//! knows.
//!
//! **Failures.** Throttling, connections that break, and answers of 500, 502, 503, and 504 are tried again until the
//! deadline of the call; [`kafi_objects::requests`] says how, and when the time is over.
//!
//! **Writes** are single requests of a whole blob. A write whose answer is lost is made again, and is then refused by
//! its own first attempt: the log finds out that the object is its own.
//!
//! **The SDK**, `azure_storage_blobs` 0.21, is the last of its line, and named in one file of this crate. It knows
//! connection strings and shared keys, which its successor does not.

#![deny(missing_docs)]

mod config;
mod error;
mod sdk;

use std::sync::Arc;

use kafi_core::{Result, Storage, StorageKind};
use kafi_objects::requests::Requester;
use kafi_objects::{ObjectIo, ObjectOptions, Properties};

/// The scheme of its addresses: `azure://container/prefix`.
pub const SCHEME: &str = StorageKind::AzureBlob.scheme();

/// Opens a container, or a part of one, under `name`. Reads the properties and speaks to no server.
///
/// # Errors
/// `Config` names the property that is unknown, missing, or wrong; `Io` when the system gives no threads.
pub fn open(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    let io = open_objects(name, properties)?;
    let files_prefix = Properties::new(name, StorageKind::AzureBlob, properties)?.files_prefix()?;
    let options = ObjectOptions::default().with_files_prefix(files_prefix);
    Ok(Arc::new(kafi_objects::open(name, SCHEME, io, options)))
}

/// The objects alone, without topics: for tests, and for who builds something else on them. Speaks to no server.
///
/// # Errors
/// `Config` names the property that is wrong; `Io` when the system gives no threads.
pub fn open_objects(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn ObjectIo>> {
    let settings = config::Settings::new(name, properties)?;
    Ok(Arc::new(Requester::<sdk::Container>::new(settings.place(), settings)?))
}
