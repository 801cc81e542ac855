//! What a merge by time reads from: partitions, each in the order of its offsets.

use std::time::Duration;

use crate::batch::Batch;
use crate::consumer::Position;
use crate::error::Result;

/// One poll waits this long at most, so that a wish to stop is seen soon.
pub(super) const POLL_MAX: Duration = Duration::from_millis(100);

/// The next message of a partition, ordered by what decides which comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    pub(super) timestamp: i64,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) source: usize,
}

/// Partitions, each in the order of its offsets.
pub(super) trait Sorted {
    /// The next message of a partition; `None` at the end.
    fn head(&mut self, source: usize) -> Result<Option<Head>>;

    /// Adds that message to `batch`.
    fn take(&mut self, source: usize, batch: &mut Batch);

    /// Frees everything. Where all was taken and reading went on, what is `reached` may lie behind offsets that hold no
    /// message.
    fn close(self, reached: &mut [Position], goes_on: bool) -> Result<()>;
}
