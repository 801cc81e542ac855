//! What partitions hold: offsets, times, and the deletion of the oldest messages.

use std::time::{Duration, Instant};

use super::base::AdminBase;
use crate::consumer::{Isolation, Position, TopicPartition};
use crate::error::{Error, ErrorKind, Result};

/// The range of offsets that a partition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Watermarks {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset that can be read.
    pub low: i64,
    /// The offset after the last one that can be read: the high watermark, or the last stable offset under read
    /// committed.
    pub high: i64,
}

/// Says what partitions hold, and deletes the oldest of it. A method that a storage does not write is `Unsupported`.
pub trait OffsetAdmin: AdminBase {
    /// The range of offsets of each of these partitions, in the order asked for.
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Watermarks>>;

    /// The range of offsets of each of these partitions, in the order asked for: an answer for each, so that one that
    /// cannot be asked about hides no other. Where brokers lead partitions, all of them are asked at once, and a leader
    /// that is silent is not waited for much longer than the others. A storage that can does so by itself; by default
    /// partitions are asked about together, and one after the other where that fails.
    fn watermarks_of_each(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Result<Watermarks>>> {
        together_or_one_by_one(partitions, timeout, |partitions, timeout| {
            self.watermarks(partitions, isolation, timeout)
        })
    }

    /// For each of these partitions the first offset whose message has a timestamp (epoch ms, in [`Position::offset`]
    /// on the way in) at or after the given one; the end where there is none.
    fn offsets_for_times(&mut self, _times: &[Position], _timeout: Duration) -> Result<Vec<Position>> {
        Err(Error::unsupported(self.storage_name(), "find offsets by time"))
    }

    /// The same with an answer for each, as for [`watermarks_of_each`](OffsetAdmin::watermarks_of_each).
    fn offsets_for_times_of_each(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Result<Position>>> {
        together_or_one_by_one(times, timeout, |times, timeout| self.offsets_for_times(times, timeout))
    }

    /// Deletes everything before these offsets; returns the new log starts. An offset of -1 means the end.
    ///
    /// # Errors
    /// `OutOfRange` for an offset beyond the end.
    fn delete_records(&mut self, _before: &[Position], _timeout: Duration) -> Result<Vec<Position>> {
        Err(Error::unsupported(self.storage_name(), "delete records"))
    }
}

/// Asks about all of them at once, and where that fails about one after the other, all within `timeout`.
///
/// # Errors
/// What concerns the storage as a whole.
pub(crate) fn together_or_one_by_one<Q, T>(
    asked: &[Q],
    timeout: Duration,
    mut ask: impl FnMut(&[Q], Duration) -> Result<Vec<T>>,
) -> Result<Vec<Result<T>>> {
    let started = Instant::now();
    match ask(asked, timeout) {
        Ok(answers) => Ok(answers.into_iter().map(Ok).collect()),
        Err(error) if error.concerns_all() => Err(error),
        Err(error) if asked.len() == 1 => Ok(vec![Err(error)]),
        Err(_) => {
            let mut one = |question: &Q| {
                let mut answers = ask(std::slice::from_ref(question), timeout.saturating_sub(started.elapsed()))?;
                answers.pop().ok_or_else(|| Error::new(ErrorKind::Unexpected, "ask storage", "it gave no answer"))
            };
            Ok(asked.iter().map(&mut one).collect())
        }
    }
}
