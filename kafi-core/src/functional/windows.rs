//! Many partitions that are read piece by piece through one consumer, each no farther ahead than its share of the
//! memory.

use std::collections::HashMap;

use crate::batch::Batch;
use crate::consumer::{Assignment, Consumer, Polled, Position};
use crate::error::{Error, Result};
use crate::functional::options::ReadOptions;
use crate::functional::sorted::{Head, POLL_MAX, Sorted};
use crate::storage::Storage;

/// The bytes that wait for the merge at most, over all partitions together, but for the least of each.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// The least that a partition is read ahead, in bytes; a single larger message is taken as it is.
const SHARE_BYTES_MIN: usize = 8 << 10;

/// What a message takes besides its bytes.
const MESSAGE_OVERHEAD_BYTES: usize = 100;

/// How many bytes a message is taken for before some were seen.
const MESSAGE_BYTES: usize = 1 << 10;

/// How much larger a window is than the one before it, in which there was no message.
const STEP_OVER_GAPS: i64 = 8;

/// A partition with what was read of it.
struct Part {
    topic: String,
    partition: i32,
    /// The offset behind what was read.
    next: i64,
    end: i64,
    batch: Batch,
    at: usize,
    /// The bytes of its messages, and how many there were.
    seen: (usize, usize),
    /// The offsets of the last window, where it held no message.
    empty_window: Option<i64>,
}

impl Part {
    fn left(&self) -> usize {
        self.batch.len() - self.at
    }

    /// How many offsets are read to get about so many bytes.
    fn window(&self, share_bytes: usize) -> i64 {
        let (bytes, messages) = self.seen;
        let each = bytes.checked_div(messages).unwrap_or(MESSAGE_BYTES).max(1);
        let window = i64::try_from(share_bytes / each).unwrap_or(i64::MAX).max(1);
        self.empty_window.map_or(window, |empty| window.max(empty.saturating_mul(STEP_OVER_GAPS)))
    }

    /// Drops what was taken.
    fn drop_taken(&mut self) {
        if self.at == 0 {
            return;
        }
        let mut rest = Batch::new();
        (self.at..self.batch.len()).for_each(|index| rest.push(self.batch.get(index)));
        (self.batch, self.at) = (rest, 0);
    }

    fn bytes(&self) -> usize {
        self.batch.bytes() + self.batch.len() * MESSAGE_OVERHEAD_BYTES
    }
}

/// Partitions that share one consumer, which is pointed at the next piece of those that have run dry.
pub(super) struct Windows<'a> {
    consumer: Box<dyn Consumer>,
    parts: Vec<Part>,
    by_name: HashMap<String, HashMap<i32, usize>>,
    options: &'a ReadOptions,
    scratch: Batch,
}

impl<'a> Windows<'a> {
    pub(super) fn open(storage: &dyn Storage, assignments: &[Assignment], options: &'a ReadOptions) -> Result<Self> {
        let part = |assignment: &Assignment| Part {
            topic: assignment.topic.clone(),
            partition: assignment.partition,
            next: assignment.start,
            end: assignment.end.unwrap_or(assignment.start),
            batch: Batch::new(),
            at: 0,
            seen: (0, 0),
            empty_window: None,
        };
        let mut by_name: HashMap<String, HashMap<i32, usize>> = HashMap::new();
        for (index, assignment) in assignments.iter().enumerate() {
            by_name.entry(assignment.topic.clone()).or_default().insert(assignment.partition, index);
        }
        let mut consumer_options = options.consumer.clone();
        consumer_options.buffer_bytes_max /= 2;
        let consumer = storage.consumer(&consumer_options)?;
        Ok(Self { consumer, parts: assignments.iter().map(part).collect(), by_name, options, scratch: Batch::new() })
    }

    /// Reads on where nothing is left, and where little is, too.
    fn refill(&mut self) -> Result<()> {
        let held: usize = self.parts.iter().map(Part::bytes).sum();
        let is_low = |part: &Part| {
            part.next < part.end
                && (part.left() == 0 || held < WAITING_BYTES_MAX && part.left() <= part.batch.len() / 2)
        };
        let low: Vec<usize> = (0..self.parts.len()).filter(|&index| is_low(&self.parts[index])).collect();
        // Half of the room is left to those that run dry next.
        let room = WAITING_BYTES_MAX.saturating_sub(held) / 2;
        let share = (room / low.len().max(1)).max(SHARE_BYTES_MIN);
        let mut windows = Vec::with_capacity(low.len());
        for &index in &low {
            let part = &mut self.parts[index];
            part.drop_taken();
            let end = part.next.saturating_add(part.window(share)).min(part.end);
            windows.push(Assignment {
                topic: part.topic.clone(),
                partition: part.partition,
                start: part.next,
                end: Some(end),
            });
        }
        if let Err(error) = self.consumer.assign(&windows, self.options.timeout) {
            return self.leave_out(windows, error);
        }
        let before: Vec<usize> = low.iter().map(|&index| self.parts[index].batch.len()).collect();
        let mut read = 0;
        // What lies behind this is read in a later window.
        while read <= room.max(SHARE_BYTES_MIN) + share && !self.options.cancel.is_cancelled() {
            match self.consumer.poll(&mut self.scratch, POLL_MAX) {
                Err(error) => return self.leave_out(windows, error),
                Ok(Polled::Records) => read += self.share_out(),
                Ok(Polled::Timeout) => {}
                Ok(Polled::End) => {
                    for ((&index, window), before) in low.iter().zip(windows).zip(before) {
                        let part = &mut self.parts[index];
                        part.empty_window =
                            (part.batch.len() == before).then(|| window.end.unwrap_or(window.start) - window.start);
                        part.next = part.next.max(window.end.unwrap_or(window.start));
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Goes on without what cannot be read of these windows, where that may be.
    fn leave_out(&mut self, windows: Vec<Assignment>, error: Error) -> Result<()> {
        let Some(aside) = self.options.set_aside() else { return Err(error) };
        let rest = aside.rest(windows.clone(), error)?;
        for window in windows.iter().filter(|window| !rest.contains(window)) {
            if let Some(&index) =
                self.by_name.get(&window.topic).and_then(|partitions| partitions.get(&window.partition))
            {
                self.parts[index].end = self.parts[index].next;
            }
        }
        Ok(())
    }

    /// Gives each partition what came of it, and returns how many bytes that were.
    fn share_out(&mut self) -> usize {
        let mut bytes = 0;
        let (scratch, parts) = (&self.scratch, &mut self.parts);
        let mut at = 0;
        for run in scratch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
            let (topic, partition) = (&scratch.topics()[run[0].topic as usize], run[0].partition);
            let part = self
                .by_name
                .get(topic)
                .and_then(|partitions| partitions.get(&partition))
                .map(|&index| &mut parts[index]);
            if let Some(part) = part {
                for index in at..at + run.len() {
                    let record = scratch.get(index);
                    let taken = record.payload_bytes() + MESSAGE_OVERHEAD_BYTES;
                    part.next = record.offset + 1;
                    part.seen = (part.seen.0 + taken, part.seen.1 + 1);
                    part.batch.push(record);
                    bytes += taken;
                }
            }
            at += run.len();
        }
        bytes
    }
}

impl Sorted for Windows<'_> {
    fn head(&mut self, source: usize) -> Result<Option<Head>> {
        while self.parts[source].left() == 0 {
            if self.parts[source].next >= self.parts[source].end || self.options.cancel.is_cancelled() {
                return Ok(None);
            }
            self.refill()?;
        }
        let part = &self.parts[source];
        let meta = &part.batch.metas()[part.at];
        Ok(Some(Head { timestamp: meta.timestamp, partition: meta.partition, offset: meta.offset, source }))
    }

    fn take(&mut self, source: usize, batch: &mut Batch) {
        let part = &mut self.parts[source];
        batch.push(part.batch.get(part.at));
        part.at += 1;
    }

    fn close(mut self, reached: &mut [Position], goes_on: bool) -> Result<()> {
        for (part, reached) in self.parts.iter().zip(reached) {
            if part.left() == 0 && goes_on {
                reached.offset = reached.offset.max(part.next);
            }
        }
        self.consumer.close(self.options.timeout)
    }
}
