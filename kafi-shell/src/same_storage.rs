//! Whether two handles lead to the same storage, whatever they are called.

use std::time::Duration;

use kafi_core::{Result, Storage};

/// Whether both are the same storage.
pub(crate) fn is_same_storage(source: &dyn Storage, target: &dyn Storage, timeout: Duration) -> Result<bool> {
    Ok(source.scheme() == target.scheme() && source.identity(timeout)? == target.identity(timeout)?)
}
