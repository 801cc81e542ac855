//! What comes of batches that go through something, which may leave out messages, and make others of them.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use kafi_core::functional::{Limit, ReadOptions};
use kafi_core::{Batch, Error, Result};

/// What batches go through before a verb sees them.
pub type Through<'a> = dyn Fn(&mut Batch) -> Result<()> + Sync + 'a;

/// What comes out: how much of it is wanted, and the failures that wait until what came before them is used.
pub(crate) struct Outcome<'a> {
    limit: Option<Limit>,
    /// The topics that were read.
    topics: &'a [String],
    /// Each comes behind the batch whose last message lies there.
    waiting: Mutex<Vec<(Place, Error)>>,
}

/// Where a message lies.
type Place = (String, i32, i64);

impl<'a> Outcome<'a> {
    pub(crate) fn new(limit: Option<Limit>, topics: &'a [String]) -> Self {
        Self { limit, topics, waiting: Mutex::default() }
    }

    /// The limit that these options name.
    pub(crate) fn limit_of(options: &ReadOptions) -> Option<Limit> {
        options.limit.clone().or_else(|| options.max.map(Limit::new))
    }

    /// Lets a batch go through; a failure waits behind what came out before.
    pub(crate) fn caught(&self, through: &Through<'_>, batch: &mut Batch) -> Result<()> {
        match (through(batch), last_place(batch)) {
            (Err(error), Some(place)) => {
                self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((place, error));
                Ok(())
            }
            (went, _) => went,
        }
    }

    /// Hands what came out to `each`, as much as is wanted, and raises the failure that waits behind it.
    pub(crate) fn counted(
        &self,
        mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    ) -> impl FnMut(&mut Batch) -> Result<ControlFlow<()>> {
        move |batch| {
            let last = last_place(batch);
            let wanted = self.limit.as_ref().map_or(batch.len(), |limit| limit.take(batch.len() as u64) as usize);
            let first_left = (wanted < batch.len()).then(|| place_of(batch, wanted));
            batch.truncate(wanted);
            let asked = if batch.is_empty() { ControlFlow::Continue(()) } else { each(batch)? };
            if asked.is_break() || self.limit.as_ref().is_some_and(|limit| limit.left() == 0) {
                self.keep_done(batch, first_left);
                return Ok(ControlFlow::Break(()));
            }
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match waiting.iter().position(|(place, _)| Some(place) == last.as_ref()) {
                Some(index) => Err(waiting.swap_remove(index).1),
                None => Ok(asked),
            }
        }
    }

    /// Keeps the messages of which all that came is used: not the one of which some is left over, and none where they
    /// cannot be told by their topics any more.
    fn keep_done(&self, batch: &mut Batch, first_left: Option<Place>) {
        if batch.topics().iter().any(|topic| !self.topics.contains(topic)) {
            return batch.clear();
        }
        while first_left.is_some() && last_place(batch) == first_left {
            batch.truncate(batch.len() - 1);
        }
    }
}

fn last_place(batch: &Batch) -> Option<Place> {
    batch.len().checked_sub(1).map(|last| place_of(batch, last))
}

fn place_of(batch: &Batch, index: usize) -> Place {
    let record = batch.get(index);
    (record.topic.to_string(), record.partition, record.offset)
}
