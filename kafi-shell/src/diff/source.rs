//! The messages of one side, one after another.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafi_core::functional::{Progress, ReadOptions, Reader, readers_of};
use kafi_core::{Assignment, Batch, Record, Result};

use crate::diff::DiffSide;
use crate::diff::comparable::Comparable;

/// Reads some partitions of one side.
pub(super) struct SideReader {
    /// None where there is nothing to read.
    reader: Option<Reader>,
    batch: Batch,
    /// `None` where bytes are compared.
    comparable: Option<Comparable>,
    at: usize,
    /// What this source has read; what all have read stands in the options that it was opened with.
    own: Arc<Progress>,
    all: Arc<Progress>,
    next: BTreeMap<i32, i64>,
}

impl SideReader {
    /// A source of these partitions. A job reads many of them, one after another or side by side.
    pub(super) fn open(side: DiffSide<'_>, shares: Vec<Assignment>, read: &ReadOptions) -> Result<Self> {
        let next = shares.iter().map(|share| (share.partition, share.start)).collect();
        let own = Arc::<Progress>::default();
        let options = ReadOptions { progress: Arc::clone(&own), ..read.clone() };
        let is_empty = shares.iter().all(|share| share.end == Some(share.start));
        let reader = if is_empty { None } else { readers_of(side.storage, shares, &options, 1)?.pop() };
        let comparable = side.texts.map(Comparable::open).transpose()?.flatten();
        Ok(Self { reader, batch: Batch::new(), comparable, at: 0, own, all: Arc::clone(&read.progress), next })
    }

    /// Whether there is a message; reads on where there must be more to know.
    pub(super) fn has_record(&mut self) -> Result<bool> {
        if self.at < self.batch.len() {
            return Ok(true);
        }
        self.at = 0;
        self.batch.clear();
        // All of a batch may be left out.
        while self.batch.is_empty() {
            let Some(reader) = &mut self.reader else { return Ok(false) };
            let bytes = self.own.bytes();
            if !reader.read(&mut self.batch)? {
                self.batch.clear();
                return Ok(false);
            }
            let offsets = self.offsets();
            self.all.add_read(self.batch.len() as u64, self.own.bytes() - bytes, offsets);
            if let Some(comparable) = &mut self.comparable {
                comparable.make(&mut self.batch)?;
            }
        }
        Ok(true)
    }

    /// How many messages can be looked at, this one included, without reading on.
    pub(super) fn ready(&self) -> usize {
        self.batch.len() - self.at
    }

    /// The message that lies this many ahead of the next.
    pub(super) fn peek(&self, ahead: usize) -> Record<'_> {
        self.batch.get(self.at + ahead)
    }

    /// Goes on to the next message.
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// Hands out what is ready and goes on behind it.
    pub(super) fn take_batch(&mut self) -> impl Iterator<Item = Record<'_>> {
        let at = std::mem::replace(&mut self.at, self.batch.len());
        (at..self.batch.len()).map(|index| self.batch.get(index))
    }

    pub(super) fn close(self) -> Result<()> {
        self.reader.map_or(Ok(()), Reader::close)
    }

    /// How many offsets the batch goes on.
    fn offsets(&mut self) -> u64 {
        let mut offsets = 0;
        for run in self.batch.metas().chunk_by(|a, b| a.partition == b.partition) {
            let last = run[run.len() - 1];
            if let Some(next) = self.next.get_mut(&last.partition) {
                offsets += (last.offset + 1 - *next).max(0) as u64;
                *next = last.offset + 1;
            }
        }
        offsets
    }
}
