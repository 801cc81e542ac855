//! Partitions that are read in turns, with one decoder for all.

use std::sync::Arc;

use kafi_core::{Batch, Position, Result};
use kafi_records::{BatchHeader, Decoder};

/// Reads one partition batch by batch.
pub trait PartitionReader {
    /// What all readers of a consumer use together.
    type Shared;

    /// The topic whose partition it is.
    fn topic(&self) -> &Arc<str>;

    /// The partition.
    fn partition(&self) -> i32;

    /// The offset of the next message to read.
    fn position(&self) -> i64;

    /// Says that everything below `position` was read.
    fn advance(&mut self, position: i64);

    /// Notices that the log start was moved, or the topic deleted.
    ///
    /// # Errors
    /// `NotFound` for a topic that is gone, `OutOfRange` where messages that were to be read are, and what the files or
    /// objects beneath say.
    fn check(&mut self) -> Result<()>;

    /// Opens the next batch that reaches beyond the position in `decoder`; `None` where there is nothing more for now.
    ///
    /// # Errors
    /// `Corrupt` for damage that is not skipped, `TooLarge` for a batch that takes more memory than it may, and what
    /// the files or objects beneath say.
    fn next(&mut self, shared: &mut Self::Shared, decoder: &mut Decoder) -> Result<Option<BatchHeader>>;

    /// The records of the batch that came last cannot be decoded: an error, also if it is asked for once more, or a
    /// warning if damage is skipped.
    ///
    /// # Errors
    /// `Corrupt`, unless damage is skipped.
    fn unreadable(&mut self, fault: &str, header: &BatchHeader) -> Result<()>;
}

/// The partitions of a consumer. What they need to read is bounded by the largest stored batch, however many they are.
pub struct Turns<S: PartitionReader> {
    assigned: Vec<Assigned<S>>,
    decoder: Decoder,
    /// The partition whose batch the decoder holds.
    open: Option<(usize, BatchHeader)>,
    /// The partition whose turn it is.
    turn: usize,
    /// The first of the quiet partitions that are looked at next.
    look: usize,
}

/// A partition that had nothing new so many times in a row is quiet.
const QUIET_AFTER: u32 = 20;

/// So many quiet partitions are looked at with each call at least, and all of them within this many calls.
const LOOKS_MIN: usize = 64;
const LOOKS_SHARE: usize = 20;

struct Assigned<S> {
    reader: S,
    end: Option<i64>,
    /// How many times in a row it had nothing new.
    quiet: u32,
}

impl<S: PartitionReader> Assigned<S> {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.reader.position() >= end)
    }
}

impl<S: PartitionReader> Turns<S> {
    /// These readers, each with the offset to stop before, and what decodes for all of them.
    pub fn new(readers: impl IntoIterator<Item = (S, Option<i64>)>, decoder: Decoder) -> Self {
        let mut turns = Self { assigned: Vec::new(), decoder, open: None, turn: 0, look: 0 };
        turns.add(readers);
        turns
    }

    /// Adds readers.
    pub fn add(&mut self, readers: impl IntoIterator<Item = (S, Option<i64>)>) {
        self.assigned.extend(readers.into_iter().map(|(reader, end)| Assigned { reader, end, quiet: 0 }));
    }

    /// The reader of a partition, whose next message lies elsewhere from now on.
    pub fn reader_to_seek(&mut self, topic: &str, partition: i32) -> Option<&mut S> {
        let index = self
            .assigned
            .iter()
            .position(|assigned| **assigned.reader.topic() == *topic && assigned.reader.partition() == partition)?;
        self.open = self.open.filter(|(open, _)| *open != index);
        self.assigned[index].quiet = 0;
        Some(&mut self.assigned[index].reader)
    }

    /// The next offsets.
    pub fn positions(&self) -> Vec<Position> {
        let position = |Assigned { reader, .. }: &Assigned<S>| Position {
            topic: reader.topic().to_string(),
            partition: reader.partition(),
            offset: reader.position(),
        };
        self.assigned.iter().map(position).collect()
    }

    /// Fills `batch` from where there is something, starting with the partition whose turn it is; true when all
    /// partitions are at their end. Each look costs some calls of the system or requests, so that of many partitions
    /// that have been quiet for a while only some are looked at.
    pub fn fill(&mut self, shared: &mut S::Shared, batch: &mut Batch) -> Result<bool> {
        let assigned = &mut self.assigned;
        // What the decoder still holds comes first, whosever turn it is.
        let (turn, count) = (self.turn, assigned.len());
        let turns = (0..count).map(|step| (turn + step) % count);
        let (look, looks) = (self.look, LOOKS_MIN.max(count / LOOKS_SHARE));
        let is_skipped = |index: usize, quiet: u32| quiet >= QUIET_AFTER && (index + count - look) % count >= looks;
        for index in self.open.map(|(index, _)| index).into_iter().chain(turns) {
            let partition = &mut assigned[index];
            if is_skipped(index, partition.quiet) {
                continue;
            }
            if !partition.is_done() {
                partition.reader.check()?;
            }
            let before = batch.len();
            while !partition.is_done() && !batch.is_full() {
                if self.open.is_none() {
                    self.open = partition.reader.next(shared, &mut self.decoder)?.map(|header| (index, header));
                }
                let Some((_, header)) = self.open else { break };
                if is_better_alone(&header, batch) {
                    self.turn = index;
                    return Ok(false);
                }
                let taken = take(partition, header, &mut self.decoder, batch);
                if !matches!(taken, Ok(false)) {
                    self.open = None;
                }
                taken?;
            }
            if partition.is_done() {
                self.open = self.open.filter(|(open, _)| *open != index);
            }
            partition.quiet =
                if batch.len() == before && !batch.is_full() { partition.quiet.saturating_add(1) } else { 0 };
            if batch.is_full() {
                self.turn = (index + 1) % count;
                return Ok(self.assigned.iter().all(Assigned::is_done));
            }
        }
        self.look = if count == 0 { 0 } else { (look + looks) % count };
        Ok(self.assigned.iter().all(Assigned::is_done))
    }
}

/// Whether a stored batch is better left for the next call: it does not fit into what is left of this one, but goes as
/// a whole, without being copied, into an empty one.
fn is_better_alone(header: &BatchHeader, batch: &Batch) -> bool {
    let fits = batch.bytes() + header.total_bytes() <= batch.bytes_max()
        && batch.len() + header.record_count as usize <= batch.records_max();
    !batch.is_empty() && !fits
}

/// Takes messages of the open batch; true when nothing is left of it.
fn take<S: PartitionReader>(
    partition: &mut Assigned<S>,
    header: BatchHeader,
    decoder: &mut Decoder,
    batch: &mut Batch,
) -> Result<bool> {
    let until = partition.end.unwrap_or(i64::MAX);
    let (from, number) = (partition.reader.position(), partition.reader.partition());
    let topic = batch.topic_index(partition.reader.topic());
    let before = batch.len();
    let more = match decoder.read(batch, topic, number, from, until) {
        Ok(more) => more,
        Err(error) => {
            partition.reader.unreadable(error.message(), &header)?;
            return Ok(true);
        }
    };
    if more {
        let last = batch.metas().get(before..).and_then(<[_]>::last);
        partition.reader.advance(last.map_or(from, |meta| meta.offset + 1));
        return Ok(false);
    }
    partition.reader.advance(header.next_offset().min(until));
    Ok(true)
}
