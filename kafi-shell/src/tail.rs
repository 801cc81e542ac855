//! `tail`: the newest messages.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ops::ControlFlow;

use kafi_core::functional::{ReadOptions, plan, pump, readers_of};
use kafi_core::{Assignment, Batch, OwnedRecord, Record, Result};

use crate::cat::{Finished, TopicsToRead, finish};
use crate::through::Outcome;

/// How much farther each step back reaches than the one before, where gaps left a window short.
const STEP_BACK: i64 = 8;

/// Hands the `count` newest messages to `each`, in the order of (timestamp, partition, offset), which is
/// also the order that decides which are newest; then, if `options` say to follow, those that come after. Steps back
/// over gaps and markers until `count` are found. Holds `count` messages in memory. Blocks as `cat` does.
///
/// # Errors
/// Those of [`cat`](crate::cat).
pub fn tail(
    reading: TopicsToRead<'_>,
    count: u64,
    mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Finished> {
    let TopicsToRead { storage, topics, options, .. } = reading;
    let pinned = ReadOptions { follow: false, set_aside: options.set_aside().cloned(), ..options.clone() };
    let assignments = plan(storage, topics, &pinned)?;
    let mut newest =
        Newest { count: usize::try_from(count).unwrap_or(usize::MAX), heap: BinaryHeap::new(), offered: 0 };
    newest.take_from(reading, &assignments, &pinned)?;
    let mut batch = Batch::new();
    for Reverse(Ordered(record, _)) in newest.heap.into_sorted_vec().into_iter().rev() {
        batch.push(record.as_record());
    }
    let asked = if batch.is_empty() { ControlFlow::Continue(()) } else { each(&mut batch)? };
    let mut rest = assignments;
    for assignment in &mut rest {
        assignment.start = assignment.end.unwrap_or(assignment.start);
        assignment.end = if options.follow { None } else { Some(assignment.start) };
    }
    let readers = readers_of(storage, rest, options, 1)?;
    let outcome = Outcome::new(None, topics);
    let readers = match reading.through {
        _ if !options.follow || asked.is_break() => readers,
        None => pump(readers, |_| Ok(()), each)?,
        Some(through) => pump(readers, |batch| outcome.caught(through, batch), outcome.counted(each))?,
    };
    finish(readers, options)
}

/// The newest messages so far; the oldest of them is on top.
struct Newest {
    count: usize,
    heap: BinaryHeap<Reverse<Ordered>>,
    /// How many messages were offered.
    offered: u64,
}

impl Newest {
    /// Takes what is among the newest of these partitions, in windows that reach back farther and farther where gaps
    /// left them short; one consumer reads all of them.
    fn take_from(
        &mut self,
        reading: TopicsToRead<'_>,
        assignments: &[Assignment],
        options: &ReadOptions,
    ) -> Result<()> {
        let mut window = i64::try_from(self.count).unwrap_or(i64::MAX);
        let mut short: Vec<Assignment> = assignments.to_vec();
        let mut found: HashMap<(String, i32), usize> = HashMap::new();
        while !short.is_empty() && !options.cancel.is_cancelled() {
            let windows: Vec<Assignment> = short.iter().filter_map(|rest| last_of(rest, window)).collect();
            if windows.is_empty() {
                break;
            }
            for mut reader in readers_of(reading.storage, windows, options, 1)? {
                let mut batch = Batch::new();
                while reader.read(&mut batch)? {
                    if let Some(through) = reading.through {
                        through(&mut batch)?;
                    }
                    for run in batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
                        let topic = batch.topics()[run[0].topic as usize].clone();
                        *found.entry((topic, run[0].partition)).or_default() += run.len();
                    }
                    batch.iter().for_each(|record| self.offer(&record));
                }
                reader.close()?;
            }
            for rest in &mut short {
                rest.end = last_of(rest, window).map(|window| window.start).or(rest.end);
            }
            short.retain(|rest| rest.end.is_some_and(|end| end > rest.start) && found_in(&found, rest) < self.count);
            window = window.saturating_mul(STEP_BACK);
        }
        Ok(())
    }

    fn offer(&mut self, record: &Record<'_>) {
        self.offered += 1;
        let is_older = |oldest: &Reverse<Ordered>| {
            (record.timestamp, record.partition, record.offset, record.topic, self.offered) <= oldest.0.key()
        };
        if self.heap.len() >= self.count && self.heap.peek().is_none_or(is_older) {
            return;
        }
        self.heap.push(Reverse(Ordered(record.to_owned(), self.offered)));
        if self.heap.len() > self.count {
            self.heap.pop();
        }
    }
}

/// The last `window` offsets of a partition, unless it has none.
fn last_of(rest: &Assignment, window: i64) -> Option<Assignment> {
    let end = rest.end.unwrap_or(rest.start);
    (end > rest.start && window > 0).then(|| Assignment {
        start: end.saturating_sub(window).max(rest.start),
        end: Some(end),
        ..rest.clone()
    })
}

fn found_in(found: &HashMap<(String, i32), usize>, rest: &Assignment) -> usize {
    found.get(&(rest.topic.clone(), rest.partition)).copied().unwrap_or(0)
}

/// A message in the order of (timestamp, topic, partition, offset), and those that came of one as they were made.
struct Ordered(OwnedRecord, u64);

impl Ordered {
    fn key(&self) -> (i64, i32, i64, &str, u64) {
        (self.0.timestamp, self.0.partition, self.0.offset, &self.0.topic, self.1)
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
