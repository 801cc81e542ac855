//! The newest messages in the order in which their keys were seen first: what lies where is put into buckets by place, and
//! the messages are sorted, both in bounded memory.

use std::collections::HashMap;
use std::ops::ControlFlow;

use kafi_core::functional::read_in_order;
use kafi_core::{Assignment, Batch, HeadersBuf, Order, ReadOptions, Result, Storage};

use super::newest::Newest;
use super::positions::Positions;
use super::seen::{Seen, SinceFirst};
use super::survivors::{count, take_note};
use super::{CompactOptions, Compacted};
use crate::cat::Finished;
use crate::spill::{Run, Sorter, Spill, push_row, row_record};

/// How many buckets there are.
const BUCKETS: u64 = 64;

/// What is compacted.
pub(super) struct FirstSeen<'a> {
    pub(super) storage: &'a dyn Storage,
    pub(super) assignments: &'a [Assignment],
    pub(super) options: &'a CompactOptions,
    pub(super) memory: usize,
}

impl FirstSeen<'_> {
    /// Does it, and says what was counted, and whether nobody broke it off.
    pub(super) fn run(
        self,
        spill: &mut Spill,
        each: &mut impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    ) -> Result<(Compacted, bool)> {
        let positions = Positions::of(self.assignments);
        let mut newest = Newest::<SinceFirst>::new(&positions, self.memory);
        let mut counts = count(self.storage, self.assignments, self.options, |batch, counts| {
            take_note(batch, &positions, &mut newest, spill, counts)
        })?;
        let (mut keys, mut tombstones) = (0, 0);
        let mut buckets = Buckets::new(positions.total());
        newest.finish(spill, &mut |spill, seen| {
            keys += 1;
            if seen.newest().is_tombstone() && !self.options.keep_tombstones {
                tombstones += 1;
                return Ok(());
            }
            buckets.push(spill, seen.newest().number(), seen.first())
        })?;
        counts.tombstones = tombstones;
        counts.superseded = counts.read - counts.without_key - keys;
        if counts.finished.cancelled {
            return Ok((counts, false));
        }
        let (sorter, finished) = self.sort(&positions, buckets, spill)?;
        counts.finished = finished;
        if counts.finished.cancelled {
            return Ok((counts, false));
        }
        let is_whole = self.hand_over(sorter, spill, &mut counts.kept, each)?;
        Ok((counts, is_whole))
    }

    /// Reads the newest messages.
    fn sort(&self, positions: &Positions, mut buckets: Buckets, spill: &mut Spill) -> Result<(Sorter, Finished)> {
        let options = ReadOptions { order: Order::Partition, ..self.options.read.clone() };
        let (mut sorter, mut row) = (Sorter::new(self.memory), Vec::new());
        let reached = read_in_order(
            self.storage,
            self.assignments.to_vec(),
            &options,
            |_| Ok(()),
            |batch| {
                for record in batch.iter() {
                    let number = positions.number(record.partition, record.offset);
                    if let Some(first) = buckets.first_of(spill, number)? {
                        row.clear();
                        push_row(&record, &mut row);
                        sorter.push(spill, first, &row)?;
                    }
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok((sorter, Finished { reached, cancelled: options.cancel.is_cancelled() }))
    }

    fn hand_over(
        &self,
        sorter: Sorter,
        spill: &mut Spill,
        kept: &mut u64,
        each: &mut impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    ) -> Result<bool> {
        let topic = self.assignments.first().map_or("", |assignment| assignment.topic.as_str());
        let (mut batch, mut headers, mut goes_on) = (Batch::new(), HeadersBuf::new(), true);
        sorter.finish(spill, |row| {
            batch.push(row_record(topic, row, &mut headers));
            *kept += 1;
            if batch.is_full() {
                goes_on = each(&mut batch)?.is_continue() && !self.options.read.cancel.is_cancelled();
                batch.clear();
            }
            Ok(goes_on)
        })?;
        if goes_on && !batch.is_empty() {
            goes_on = each(&mut batch)?.is_continue();
        }
        Ok(goes_on)
    }
}

/// Pairs of numbers, of which the first ones are asked for in their order.
struct Buckets {
    runs: Vec<Run>,
    total: u64,
    /// The bucket in hand, and what it holds.
    open: Option<(usize, HashMap<u64, u64>)>,
}

impl Buckets {
    fn new(total: u64) -> Self {
        Self { runs: (0..BUCKETS).map(|_| Run::default()).collect(), total: total.max(1), open: None }
    }

    fn bucket_of(&self, number: u64) -> usize {
        (u128::from(number) * u128::from(BUCKETS) / u128::from(self.total)) as usize
    }

    fn push(&mut self, spill: &mut Spill, number: u64, second: u64) -> Result<()> {
        let bucket = self.bucket_of(number);
        spill.append(&mut self.runs[bucket], &[&number.to_le_bytes(), &second.to_le_bytes()])
    }

    /// What stands beside a number.
    fn first_of(&mut self, spill: &mut Spill, number: u64) -> Result<Option<u64>> {
        let bucket = self.bucket_of(number);
        if self.open.as_ref().is_none_or(|(open, _)| *open != bucket) {
            let mut pairs = HashMap::new();
            let mut reader = std::mem::take(&mut self.runs[bucket]).into_reader();
            while reader.prepare(spill, 16)? {
                let pair = reader.take(16);
                let word = |at: usize| u64::from_le_bytes(pair[at..at + 8].try_into().expect("it is eight bytes"));
                pairs.insert(word(0), word(8));
            }
            self.open = Some((bucket, pairs));
        }
        Ok(self.open.as_ref().and_then(|(_, pairs)| pairs.get(&number).copied()))
    }
}
