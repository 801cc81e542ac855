//! The messages that are the newest of their keys: a bit for each message of the topic.

use std::ops::ControlFlow;

use kafi_core::{Assignment, Batch, Result, Storage};

use super::newest::Newest;
use super::positions::Positions;
use super::seen::{Place, Seen};
use super::{CompactOptions, Compacted, read};
use crate::spill::Spill;

/// So many messages share a piece of the bits, which is there where one of them survives.
const PIECE: usize = 1 << 16;

/// The messages that are the newest of their keys.
pub(crate) struct Survivors {
    positions: Positions,
    pieces: Vec<Option<Box<[u64; PIECE / 64]>>>,
    counts: Compacted,
}

impl Survivors {
    /// Reads everything once to find them, in about so many bytes of memory; without the tombstones, unless these are
    /// kept.
    ///
    /// # Errors
    /// What reading fails with, and those of [`Spill::append`].
    pub(crate) fn find(
        storage: &dyn Storage,
        assignments: &[Assignment],
        options: &CompactOptions,
        memory: usize,
        spill: &mut Spill,
    ) -> Result<Self> {
        let positions = Positions::of(assignments);
        let mut pieces: Vec<Option<Box<[u64; PIECE / 64]>>> = Vec::new();
        pieces.resize_with(positions.total().div_ceil(PIECE as u64) as usize, || None);
        let mut newest = Newest::<Place>::new(&positions, memory);
        let mut counts = count(storage, assignments, options, |batch, counts| {
            take_note(batch, &positions, &mut newest, spill, counts)
        })?;
        let (mut keys, mut tombstones) = (0, 0);
        newest.finish(spill, &mut |_, seen| {
            keys += 1;
            if seen.is_tombstone() && !options.keep_tombstones {
                tombstones += 1;
                return Ok(());
            }
            let number = seen.number() as usize;
            let piece = pieces[number / PIECE].get_or_insert_with(|| Box::new([0; PIECE / 64]));
            piece[number % PIECE / 64] |= 1 << (number % 64);
            Ok(())
        })?;
        counts.tombstones = tombstones;
        counts.superseded = counts.read - counts.without_key - keys;
        Ok(Self { positions, pieces, counts })
    }

    /// Whether the message there is the newest of its key.
    pub(crate) fn has(&self, partition: i32, offset: i64) -> bool {
        let number = self.positions.number(partition, offset) as usize;
        let piece = self.pieces.get(number / PIECE).and_then(Option::as_ref);
        piece.is_some_and(|piece| piece[number % PIECE / 64] >> (number % 64) & 1 == 1)
    }

    /// What was counted: everything but those that are kept.
    pub(crate) fn counts(&self) -> &Compacted {
        &self.counts
    }
}

/// Reads everything once, and counts it.
pub(super) fn count(
    storage: &dyn Storage,
    assignments: &[Assignment],
    options: &CompactOptions,
    mut each: impl FnMut(&Batch, &mut Compacted) -> Result<()>,
) -> Result<Compacted> {
    let mut counts = Compacted::default();
    let finished = read(storage, assignments, &options.read, |batch| {
        counts.read += batch.len() as u64;
        each(batch, &mut counts)?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Compacted { finished, ..counts })
}

/// Takes note of where the messages of a batch lie.
pub(super) fn take_note<S: Seen>(
    batch: &Batch,
    positions: &Positions,
    newest: &mut Newest<'_, S>,
    spill: &mut Spill,
    counts: &mut Compacted,
) -> Result<()> {
    for record in batch.iter() {
        let Some(key) = record.key else {
            counts.without_key += 1;
            continue;
        };
        let number = positions.number(record.partition, record.offset);
        newest.add(spill, key, Place::new(number, record.timestamp, record.value.is_none()))?;
    }
    Ok(())
}
