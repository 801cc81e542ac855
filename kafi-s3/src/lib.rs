//! Emulated Kafka on S3: topics in a bucket, in Kafka's own log format.
//!
//! This crate only speaks to S3, through Amazon's SDK. What lies where in the bucket, what is promised, and what it
//! costs in requests stands in [`kafi_objects`].
//!
//! ```
//! let properties = [("endpoint", "http://localhost:9000"), ("access.key", "me"), ("secret.key", "secret"), ("bucket.name", "archive"), ("root.dir", "kafka")];
//! let properties = properties.map(|(name, value)| (name.to_string(), value.to_string()));
//! let storage = kafi_s3::open("backup", &properties)?;
//! assert_eq!((storage.name(), storage.scheme()), ("backup", "s3"));
//! # Ok::<(), kafi_core::Error>(())
//! ```
//!
//! | property | default | meaning |
//! | --- | --- | --- |
//! | `endpoint` | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, else Amazon's own | the address of the service |
//! | `access.key`, `secret.key`, `session.token` | | keys; without them the SDK's chain: environment, profile, web identity, role of the container or machine |
//! | `profile` | `AWS_PROFILE`, else `default` | the profile of the AWS configuration, where no keys are given |
//! | `region` | `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile, else `us-east-1` | the bucket's region |
//! | `path.style` | `true` with an endpoint | whether the bucket stands in the path or in the host's name |
//! | `bucket.name` | `test` | the bucket |
//! | `bucket.create` | `false` | whether a missing bucket is created; otherwise it is an error |
//! | `root.dir` | | what all keys begin with |
//! | `files.dir` | `files` | what the keys of files begin with, behind that; `/` is nothing |
//!
//! **What the service must be able to do:** conditional writes (`If-None-Match: *` and `If-Match`), with exactly one
//! winner. Amazon's, MinIO, and versitygw can. With a service that ignores conditions, two producers at one partition
//! lose messages. Directory buckets (S3 Express) do not list in order and cannot be used.
//!
//! **Failures.** Throttling, connections that break, and answers of 500, 502, 503, and 504 are tried again until the
//! deadline of the call; [`kafi_objects::requests`] says how, and when the time is over.
//!
//! **Writes** of topics are single requests of a whole object; files of more than 8 MiB are uploaded in parts, which are
//! aborted where that fails. The log's objects are bounded, and
//! where several partitions are written, several objects are under way at once. A write whose answer is lost is made
//! again, and is then refused by its own first attempt: the log finds out that the object is its own.
//!
//! **Checksums.** For Amazon's own service the SDK adds and checks them. With an `endpoint` they are left out, because
//! not all services know them; record batches carry a CRC-32C of their own.

#![deny(missing_docs)]

mod answers;
mod client;
mod config;
mod error;
mod objects;

use std::sync::Arc;

use kafi_core::{Result, Storage, StorageKind};
use kafi_objects::requests::Requester;
use kafi_objects::{ObjectIo, ObjectOptions, Properties};

/// The scheme of its addresses: `s3://bucket/prefix`.
pub const SCHEME: &str = StorageKind::S3.scheme();

/// Opens a bucket, or a part of one, under `name`. Reads the properties and speaks to no server.
///
/// # Errors
/// `Config` names the property that is unknown, missing, or wrong; `Io` when the system gives no threads.
pub fn open(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    let io = open_objects(name, properties)?;
    let files_prefix = Properties::new(name, StorageKind::S3, properties)?.files_prefix()?;
    let options = ObjectOptions::default().with_files_prefix(files_prefix);
    Ok(Arc::new(kafi_objects::open(name, SCHEME, io, options)))
}

/// The objects alone, without topics: for tests, and for who builds something else on them. Speaks to no server.
///
/// # Errors
/// `Config` names the property that is wrong; `Io` when the system gives no threads.
pub fn open_objects(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn ObjectIo>> {
    let settings = config::Settings::new(name, properties)?;
    Ok(Arc::new(Requester::<objects::Bucket>::new(settings.place(), settings)?))
}
