//! Finite reads in an order: partition after partition, or all partitions merged by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::ControlFlow;

use crate::batch::Batch;
use crate::consumer::{Assignment, Position};
use crate::error::{Error, ErrorKind, Result};
use crate::functional::options::{Order, ReadOptions};
use crate::functional::reader::payload_bytes;
use crate::functional::sorted::{Head, Sorted};
use crate::functional::windows::Windows;
use crate::functional::{Progress, Reader, pump, readers_of};
use crate::storage::Storage;

/// The bytes that the waiting batches of a merge take at most, over all partitions together, but for a single larger
/// message each.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// More partitions than this are read through one consumer.
const SINGLES_MAX: usize = 8;

/// The fewest bytes of a waiting batch.
const BATCH_BYTES_MIN: usize = 64 << 10;

/// Hands the messages of `assignments` to `each` in the order that `options` ask for; `work` sees each batch before.
/// Returns the offsets reached.
///
/// # Errors
/// `Usage` for a read without an end; what reading, `work`, or `each` fails with.
pub fn read_in_order(
    storage: &dyn Storage,
    mut assignments: Vec<Assignment>,
    options: &ReadOptions,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Vec<Position>> {
    if assignments.iter().any(|assignment| assignment.end.is_none()) {
        return Err(Error::new(ErrorKind::Usage, "sort messages", "what has no end cannot be sorted"));
    }
    assignments.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    let expected: i64 = assignments.iter().filter_map(|a| Some(a.end? - a.start)).sum();
    options.progress.expect(expected.max(0) as u64);
    match options.order {
        Order::Time if assignments.len() > SINGLES_MAX => {
            // Each reader is a client of its own, which takes time, threads, and memory.
            Merge::new(Windows::open(storage, &assignments, options)?, &assignments)?.run(options, work, each)
        }
        Order::Time => {
            Merge::new(Singles::open(storage, &assignments, options)?, &assignments)?.run(options, work, each)
        }
        Order::AsRead | Order::Partition => one_by_one(storage, assignments, options, work, each),
    }
}

fn one_by_one(
    storage: &dyn Storage,
    assignments: Vec<Assignment>,
    options: &ReadOptions,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Vec<Position>> {
    let (mut reached, mut left, mut goes_on) = (Vec::new(), options.max, true);
    for assignment in assignments {
        if !goes_on || left == Some(0) || options.cancel.is_cancelled() {
            let Assignment { topic, partition, start, .. } = assignment;
            reached.push(Position { topic, partition, offset: start });
            continue;
        }
        // What is expected was said for all partitions together.
        let own = ReadOptions { max: left, progress: Default::default(), ..options.clone() };
        let total = &options.progress;
        let mut seen = Seen::default();
        let readers = pump(readers_of(storage, vec![assignment], &own, 1)?, &work, |batch| {
            seen.pass_on(&own.progress, total);
            let flow = each(batch)?;
            goes_on = flow.is_continue();
            Ok(flow)
        })?;
        seen.pass_on(&own.progress, total);
        left = left.map(|left| left.saturating_sub(own.progress.read()));
        for reader in readers {
            reached.extend(reader.reached());
            reader.close()?;
        }
    }
    Ok(reached)
}

/// What of one progress another has been told.
#[derive(Default)]
struct Seen {
    read: u64,
    bytes: u64,
    offsets: u64,
}

impl Seen {
    fn pass_on(&mut self, from: &Progress, to: &Progress) {
        let now = Seen { read: from.read(), bytes: from.bytes(), offsets: from.done() };
        to.add_read(now.read - self.read, now.bytes - self.bytes, now.offsets - self.offsets);
        *self = now;
    }
}

/// A partition that is read by itself, no farther ahead than its buffer holds.
struct Single {
    reader: Reader,
    batch: Batch,
    at: usize,
}

/// A few partitions, each with a reader.
struct Singles(Vec<Single>);

impl Singles {
    fn open(storage: &dyn Storage, assignments: &[Assignment], options: &ReadOptions) -> Result<Self> {
        let count = assignments.len();
        let batch_bytes_max = options.batch_bytes_max.min((WAITING_BYTES_MAX / count.max(1)).max(BATCH_BYTES_MIN));
        // The limit is about what is handed out, and counted there; the readers run ahead of it.
        let own =
            ReadOptions { max: None, limit: None, progress: Default::default(), batch_bytes_max, ..options.clone() };
        let readers = if count == 0 { Vec::new() } else { readers_of(storage, assignments.to_vec(), &own, count)? };
        Ok(Self(readers.into_iter().map(|reader| Single { reader, batch: Batch::new(), at: 0 }).collect()))
    }
}

impl Sorted for Singles {
    fn head(&mut self, source: usize) -> Result<Option<Head>> {
        let single = &mut self.0[source];
        if single.at == single.batch.len() {
            single.at = 0;
            if !single.reader.read(&mut single.batch)? {
                return Ok(None);
            }
        }
        let meta = &single.batch.metas()[single.at];
        Ok(Some(Head { timestamp: meta.timestamp, partition: meta.partition, offset: meta.offset, source }))
    }

    fn take(&mut self, source: usize, batch: &mut Batch) {
        let single = &mut self.0[source];
        batch.push(single.batch.get(single.at));
        single.at += 1;
    }

    fn close(self, reached: &mut [Position], goes_on: bool) -> Result<()> {
        for (Single { reader, batch, at }, reached) in self.0.into_iter().zip(reached) {
            if at == batch.len() && goes_on {
                reached.offset =
                    reader.reached().first().map_or(reached.offset, |position| position.offset.max(reached.offset));
            }
            reader.close()?;
        }
        Ok(())
    }
}

/// A merge of partitions by time.
struct Merge<S> {
    sources: S,
    reached: Vec<Position>,
    heads: BinaryHeap<Reverse<Head>>,
}

impl<S: Sorted> Merge<S> {
    fn new(mut sources: S, assignments: &[Assignment]) -> Result<Self> {
        let mut heads = BinaryHeap::with_capacity(assignments.len());
        for index in 0..assignments.len() {
            heads.extend(sources.head(index)?.map(Reverse));
        }
        let begun = |a: &Assignment| Position { topic: a.topic.clone(), partition: a.partition, offset: a.start };
        Ok(Self { sources, reached: assignments.iter().map(begun).collect(), heads })
    }

    fn run(
        mut self,
        options: &ReadOptions,
        work: impl Fn(&mut Batch) -> Result<()>,
        mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    ) -> Result<Vec<Position>> {
        let mut left = options.max.unwrap_or(u64::MAX);
        let mut batch = Batch::new();
        let mut goes_on = true;
        while goes_on && left > 0 {
            batch.clear();
            batch.set_limits(
                options.batch_records_max.min(usize::try_from(left).unwrap_or(usize::MAX)),
                options.batch_bytes_max,
            );
            let offsets = self.fill(&mut batch, options)?;
            if batch.is_empty() {
                break;
            }
            left -= batch.len() as u64;
            options.progress.add_read(batch.len() as u64, payload_bytes(&batch), offsets);
            work(&mut batch)?;
            goes_on = each(&mut batch)?.is_continue();
        }
        self.sources.close(&mut self.reached, goes_on)?;
        Ok(self.reached)
    }

    /// Fills the batch with the next messages of all, and returns how many offsets that were.
    fn fill(&mut self, batch: &mut Batch, options: &ReadOptions) -> Result<u64> {
        let mut offsets = 0;
        while !batch.is_full() && !options.cancel.is_cancelled() {
            let Some(mut first) = self.heads.peek_mut() else { break };
            let index = first.0.source;
            self.sources.take(index, batch);
            let behind = first.0.offset + 1;
            let reached = &mut self.reached[index].offset;
            offsets += (behind - *reached).max(0) as u64;
            *reached = behind;
            match self.sources.head(index)? {
                Some(head) => *first = Reverse(head),
                None => drop(PeekMut::pop(first)),
            }
        }
        Ok(offsets)
    }
}
