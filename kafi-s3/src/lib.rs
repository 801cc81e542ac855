//! Emulated Kafka on S3.

mod client;
mod config;
mod error;
mod objects;

use std::sync::Arc;

use kafi_core::{Result, Storage};
use kafi_fs::objects::{ObjectIo, ObjectOptions};

/// The scheme of its addresses: `s3://bucket/prefix`.
pub const SCHEME: &str = "s3";

/// Opens a bucket, or a part of one, under `name`. Reads the properties and speaks to no server.
///
/// # Errors
/// `Config` names the property that is unknown, missing, or wrong; `Io` when the system gives no threads.
pub fn open(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    Ok(Arc::new(kafi_fs::objects::open(name, SCHEME, open_objects(name, properties)?, ObjectOptions::default())))
}

/// The objects alone, without topics: for tests, and for who builds something else on them. Speaks to no server.
///
/// # Errors
/// `Config` names the property that is wrong; `Io` when the system gives no threads.
pub fn open_objects(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn ObjectIo>> {
    Ok(Arc::new(objects::S3Objects::new(config::Settings::new(name, properties)?)?))
}
