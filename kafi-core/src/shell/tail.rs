//! `tail`: the newest messages.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use crate::batch::Batch;
use crate::consumer::Assignment;
use crate::error::Result;
use crate::functional::{ReadOptions, plan, pump, readers_of};
use crate::record::OwnedRecord;
use crate::shell::cat::{Finished, finish};
use crate::storage::Storage;

/// How much farther each step back reaches than the one before, where gaps left a window short.
const STEP_BACK: i64 = 8;

/// Hands the `count` newest messages of `topics` to `each`, in the order of (timestamp, partition, offset), which is also the order that decides which are newest; then, if
/// `options` say to follow, those that come after. Steps back over gaps and markers until `count` are found. Holds `count` messages in memory. Blocks as `cat` does.
///
/// # Errors
/// Those of [`cat`](crate::shell::cat).
pub fn tail(
    storage: &dyn Storage,
    topics: &[String],
    options: &ReadOptions,
    count: u64,
    mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Finished> {
    let pinned = ReadOptions { follow: false, ..options.clone() };
    let assignments = plan(storage, topics, &pinned)?;
    let mut newest = Newest { count: usize::try_from(count).unwrap_or(usize::MAX), heap: BinaryHeap::new() };
    for assignment in &assignments {
        newest.take_from(storage, assignment, &pinned)?;
    }
    let mut batch = Batch::new();
    for Reverse(Ordered(record)) in newest.heap.into_sorted_vec().into_iter().rev() {
        batch.push(record.as_record());
    }
    let asked = if batch.is_empty() { ControlFlow::Continue(()) } else { each(&mut batch)? };
    let mut rest = assignments;
    for assignment in &mut rest {
        assignment.start = assignment.end.unwrap_or(assignment.start);
        assignment.end = if options.follow { None } else { Some(assignment.start) };
    }
    let readers = readers_of(storage, rest, options, 1)?;
    let readers = if options.follow && asked.is_continue() { pump(readers, |_| Ok(()), each)? } else { readers };
    finish(readers, options)
}

/// The newest messages so far; the oldest of them is on top.
struct Newest {
    count: usize,
    heap: BinaryHeap<Reverse<Ordered>>,
}

impl Newest {
    /// Takes what is among the newest of one partition, in windows that reach back farther and farther.
    fn take_from(&mut self, storage: &dyn Storage, assignment: &Assignment, options: &ReadOptions) -> Result<()> {
        let mut end = assignment.end.unwrap_or(assignment.start);
        let mut window = i64::try_from(self.count).unwrap_or(i64::MAX);
        let mut found = 0;
        while end > assignment.start && found < self.count && !options.cancel.is_cancelled() {
            let start = end.saturating_sub(window).max(assignment.start);
            let share = Assignment { start, end: Some(end), ..assignment.clone() };
            let mut reader = readers_of(storage, vec![share], options, 1)?.pop().expect("one reader was asked for");
            let mut batch = Batch::new();
            while reader.read(&mut batch)? {
                found += batch.len();
                batch.iter().for_each(|record| self.offer(record.to_owned()));
            }
            reader.close()?;
            end = start;
            window = window.saturating_mul(STEP_BACK);
        }
        Ok(())
    }

    fn offer(&mut self, record: OwnedRecord) {
        self.heap.push(Reverse(Ordered(record)));
        if self.heap.len() > self.count {
            self.heap.pop();
        }
    }
}

/// A message in the order of (timestamp, topic, partition, offset).
struct Ordered(OwnedRecord);

impl Ordered {
    fn key(&self) -> (i64, i32, i64, &str) {
        (self.0.timestamp, self.0.partition, self.0.offset, &self.0.topic)
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
