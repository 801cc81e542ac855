//! Emulated Kafka on Azure Blob Storage.

mod config;
mod error;
mod objects;
mod sdk;

use std::sync::Arc;

use kafi_core::{Result, Storage};
use kafi_fs::objects::{ObjectIo, ObjectOptions};

/// The scheme of its addresses: `azure://container/prefix`.
pub const SCHEME: &str = "azure";

/// Opens a container, or a part of one, under `name`. Reads the properties and speaks to no server.
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
    Ok(Arc::new(objects::AzureObjects::new(config::Settings::new(name, properties)?)?))
}
