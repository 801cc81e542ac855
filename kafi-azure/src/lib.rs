//! Emulated Kafka on Azure Blob Storage.

mod config;
mod error;
mod objects;
mod sdk;

use std::sync::Arc;

use kafi_core::Result;
use kafi_fs::objects::ObjectIo;

/// The scheme of its addresses: `azure://container/prefix`.
pub const SCHEME: &str = "azure";

/// The objects alone, without topics: for tests, and for who builds something else on them. Speaks to no server.
///
/// # Errors
/// `Config` names the property that is wrong; `Io` when the system gives no threads.
pub fn open_objects(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn ObjectIo>> {
    Ok(Arc::new(objects::AzureObjects::new(config::Settings::new(name, properties)?)?))
}
