//! A partition that is being read, and what is said of offsets that it does not hold.

use std::sync::Arc;

use kafi_core::{Error, ErrorKind};

/// What reading is called in errors.
pub(crate) const OPERATION: &str = "read";

/// A partition that is being read.
pub(crate) struct Part {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    /// The next offset to deliver.
    pub(crate) next: i64,
    /// The offset to stop before.
    pub(crate) end: Option<i64>,
    /// Whether the end is reached.
    pub(crate) done: bool,
    /// Whether librdkafka was told to read it.
    pub(crate) started: bool,
}

/// What to do about a start beyond the end, such as one that a group has committed.
pub(crate) const AT_END: &str = "--allow-gap starts at the end; `kafi group reset` changes what a group has committed";

/// A range of offsets that was deleted.
pub(crate) fn lost(from: i64, low: i64) -> Error {
    let why = format!("offsets {from} to {} are no longer there: the log starts at {low}", low - 1);
    Error::new(ErrorKind::OutOfRange, OPERATION, why).hint("--allow-gap goes on at the log start")
}
