//! Messages in work: neighbours in a batch that several threads share.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kafi_core::{Batch, Record};

/// A batch that was read, whose bytes count until nobody works on it any more.
pub(crate) struct Held {
    batch: Batch,
    bytes: usize,
    budget: Arc<AtomicUsize>,
    /// The number of the time in which it was read, as the engine counts them.
    epoch: u64,
}

impl Held {
    pub(crate) fn new(batch: Batch, budget: &Arc<AtomicUsize>, epoch: u64) -> Arc<Self> {
        let bytes = batch.bytes() + size_of_val(batch.metas());
        budget.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Self { batch, bytes, budget: Arc::clone(budget), epoch })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Neighbouring messages of one partition.
#[derive(Clone)]
pub(crate) struct Run {
    held: Arc<Held>,
    start: usize,
    end: usize,
}

impl Run {
    /// All of a batch, in runs.
    pub(crate) fn all(held: &Arc<Held>) -> impl Iterator<Item = Self> {
        let mut start = 0;
        held.batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)).map(move |metas| {
            let run = Self { held: Arc::clone(held), start, end: start + metas.len() };
            start = run.end;
            run
        })
    }

    /// The indexes of its messages.
    pub(crate) fn indexes(&self) -> Range<usize> {
        self.start..self.end
    }

    /// How many messages it has.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// The message at an index.
    pub(crate) fn record(&self, index: usize) -> Record<'_> {
        self.held.batch.get(index)
    }

    /// The part of it with these indexes.
    pub(crate) fn part(&self, indexes: Range<usize>) -> Self {
        Self { held: Arc::clone(&self.held), start: indexes.start, end: indexes.end }
    }

    /// Takes in a part that follows this one; false if it does not.
    pub(crate) fn join(&mut self, next: &Self) -> bool {
        let follows = Arc::ptr_eq(&self.held, &next.held)
            && self.end == next.start
            && self.partition() == next.partition()
            && self.topic() == next.topic();
        if follows {
            self.end = next.end;
        }
        follows
    }

    /// The same messages, without the rest of their batch.
    pub(crate) fn alone(&self) -> Self {
        if self.len() == self.held.batch.len() {
            return self.clone();
        }
        let mut batch = Batch::new();
        self.indexes().for_each(|index| batch.push(self.record(index)));
        Self { start: 0, end: batch.len(), held: Held::new(batch, &self.held.budget, self.held.epoch) }
    }

    /// The number of the time in which it was read.
    pub(crate) fn epoch(&self) -> u64 {
        self.held.epoch
    }

    /// The topic.
    pub(crate) fn topic(&self) -> &str {
        &self.held.batch.topics()[self.held.batch.metas()[self.start].topic as usize]
    }

    /// The partition.
    pub(crate) fn partition(&self) -> i32 {
        self.held.batch.metas()[self.start].partition
    }

    /// From the first offset to behind the last.
    pub(crate) fn offsets(&self) -> Range<i64> {
        let metas = self.held.batch.metas();
        metas[self.start].offset..metas[self.end - 1].offset + 1
    }
}
