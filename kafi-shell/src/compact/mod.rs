//! `compact`: the newest message of each key, in two passes: the first finds out where they lie, and the second reads
//! them.

mod first_seen;
mod newest;
mod positions;
mod seen;
mod survivors;

use std::ops::ControlFlow;

use kafi_core::functional::{plan, pump, readers_of};
use kafi_core::{Assignment, Batch, Error, ErrorKind, Offsets, ReadOptions, Result, Storage};

use crate::cat::{Finished, finish};
use crate::spill::Spill;

pub(crate) use survivors::Survivors;

/// How a topic is compacted.
#[derive(Clone, Debug)]
pub struct CompactOptions {
    /// What is read of it. A limit and a group have no say, and there is an end. Default: everything up to the end that is
    /// seen at the start.
    pub read: ReadOptions,
    /// Whether the tombstones of keys that are deleted come, too. Default: false.
    pub keep_tombstones: bool,
    /// In which order the messages come. Default: as they lie.
    pub order: CompactOrder,
    /// About how many bytes of memory it may take; what needs more goes to a file. Default: 256 MiB.
    pub memory: u64,
}

/// In which order the newest messages come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompactOrder {
    /// As they lie: those of each partition by their offsets.
    #[default]
    Offset,
    /// In the order in which their keys were seen first: partition after partition, by offset.
    FirstSeen,
}

/// What became of the messages: `read` is the sum of all below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The messages that were read.
    pub read: u64,
    /// Those that are the newest of their key, and were handed over.
    pub kept: u64,
    /// Those that are not the newest of their key.
    pub superseded: u64,
    /// The newest of their keys, which are tombstones, and were left out.
    pub tombstones: u64,
    /// Those without a key, which are left out.
    pub without_key: u64,
    /// How many bytes did not fit into memory, and went to a file.
    pub spilled_bytes: u64,
    /// How reading ended.
    pub finished: Finished,
}

/// What a compaction, or a table of a join, may take by default: 256 MiB.
pub(crate) const MEMORY: u64 = 256 << 20;

impl Default for CompactOptions {
    fn default() -> Self {
        Self { read: ReadOptions::default(), keep_tombstones: false, order: CompactOrder::default(), memory: MEMORY }
    }
}

/// Hands the newest message of each key to `each`, batch by batch, until that breaks. Keys are told apart by their bytes.
/// The newest one of a key is the last in its partition; where several partitions hold the key, the one of these with the
/// latest time. Blocks while it reads the topic twice.
///
/// # Errors
/// What reading fails with, `NoSpace` where what does not fit into memory does not fit onto the disk either, `OutOfRange`
/// where messages are deleted meanwhile, and what `each` fails with.
pub fn compact(
    storage: &dyn Storage,
    topic: &str,
    options: &CompactOptions,
    mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Compacted> {
    let options = CompactOptions { read: finite(&options.read), ..options.clone() };
    let assignments = plan(storage, &[topic.to_string()], &options.read)?;
    // What is read ahead, and written, needs memory, too.
    let memory = usize::try_from(options.memory).unwrap_or(usize::MAX) / 8 * 5;
    let mut spill = Spill::new(memory);
    let (mut counts, is_whole) = match options.order {
        CompactOrder::FirstSeen => {
            let work = first_seen::FirstSeen { storage, assignments: &assignments, options: &options, memory };
            work.run(&mut spill, &mut each)?
        }
        CompactOrder::Offset => {
            let survivors = Survivors::find(storage, &assignments, &options, memory, &mut spill)?;
            let mut counts = survivors.counts().clone();
            let (mut kept, mut is_whole) = (0, true);
            if !counts.finished.cancelled {
                counts.finished = read(storage, &assignments, &options.read, |batch| {
                    batch.retain(|record| survivors.has(record.partition, record.offset));
                    kept += batch.len() as u64;
                    let asked = if batch.is_empty() { ControlFlow::Continue(()) } else { each(batch)? };
                    is_whole &= asked.is_continue();
                    Ok(asked)
                })?;
            }
            (Compacted { kept, ..counts }, is_whole)
        }
    };
    counts.spilled_bytes = spill.written();
    let expected = counts.read - counts.superseded - counts.tombstones - counts.without_key;
    if is_whole && !counts.finished.cancelled && counts.kept != expected {
        let why = format!("{} of {expected} messages were deleted while the topic was read", expected - counts.kept);
        return Err(Error::new(ErrorKind::OutOfRange, "compact", why).with("topic", topic));
    }
    Ok(counts)
}

/// The same options for a read that ends, and is no member's.
pub(crate) fn finite(options: &ReadOptions) -> ReadOptions {
    ReadOptions { follow: false, max: None, limit: None, group: None, set_aside: None, ..options.clone() }
}

/// Reads what was planned, by one reader.
pub(crate) fn read(
    storage: &dyn Storage,
    assignments: &[Assignment],
    options: &ReadOptions,
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
) -> Result<Finished> {
    // Where to read is known.
    let options = ReadOptions { offsets: Offsets::default(), ..options.clone() };
    finish(pump(readers_of(storage, assignments.to_vec(), &options, 1)?, |_| Ok(()), each)?, &options)
}
