//! `cat` and `head`: every message, as it is read.

use std::ops::ControlFlow;

use crate::batch::Batch;
use crate::consumer::Position;
use crate::error::Result;
use crate::functional::{ReadOptions, Reader, pump, readers};
use crate::storage::Storage;

/// How reading ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// The offset after the last message that was read of each partition.
    pub reached: Vec<Position>,
    /// Whether somebody asked to stop before the end.
    pub cancelled: bool,
}

/// Hands every message of `topics` to `each`, batch by batch, in order within each partition, read by `threads` readers. Blocks until the end, the
/// limit, a wish to stop, or a `Break` of `each`.
///
/// # Errors
/// Those of [`Reader::open`] and [`Reader::read`], and what `each` fails with.
pub fn cat(
    storage: &dyn Storage,
    topics: &[String],
    options: &ReadOptions,
    threads: usize,
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Finished> {
    let readers = readers(storage, topics, options, threads)?;
    let readers = pump(readers, |_| Ok(()), each)?;
    finish(readers, options)
}

/// Commits what is done, closes the readers, and says how far they came.
pub(crate) fn finish(readers: Vec<Reader>, options: &ReadOptions) -> Result<Finished> {
    let mut reached = Vec::new();
    for mut reader in readers {
        reader.commit_last()?;
        reached.extend(reader.reached());
        reader.close()?;
    }
    reached.sort();
    Ok(Finished { reached, cancelled: options.cancel.is_cancelled() })
}
