//! All messages against all, wherever they stand: what is on both sides cancels out.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::ControlFlow;

use kafi_core::{Assignment, Record, Result};

use crate::diff::source::SideReader;
use crate::diff::{Difference, Job};

/// By the hash of a message, how many more of it there are on the left than on the right; never 0.
type Surplus = HashMap<u128, i64>;

/// The messages whose hash leaves `rest` when it is divided by 2^`bits`. They are compared in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    bits: u32,
    rest: u128,
}

impl Slice {
    const ALL: Self = Self { bits: 0, rest: 0 };

    fn holds(self, hash: u128) -> bool {
        hash & ((1 << self.bits) - 1) == self.rest
    }

    /// Half of it, and the other half.
    fn split(self) -> (Self, Self) {
        let bits = self.bits + 1;
        (Self { bits, ..self }, Self { bits, rest: self.rest | 1 << self.bits })
    }
}

/// Hashes that nobody can foresee; 128 bits, because two messages of the same hash would be taken for the same.
struct Hashes {
    states: [RandomState; 2],
    ignore_timestamps: bool,
}

impl Hashes {
    fn of(&self, record: &Record<'_>) -> u128 {
        let half = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            record.key.hash(&mut hasher);
            record.value.hash(&mut hasher);
            record.headers.len().hash(&mut hasher);
            for header in record.headers.iter() {
                header.name.hash(&mut hasher);
                header.value.hash(&mut hasher);
            }
            if !self.ignore_timestamps {
                (record.timestamp, record.timestamp_type).hash(&mut hasher);
            }
            hasher.finish()
        };
        u128::from(half(&self.states[0])) << 64 | u128::from(half(&self.states[1]))
    }
}

impl<F: FnMut(&Difference<'_>) -> Result<ControlFlow<()>> + Send> Job<'_, F> {
    /// Compares all messages of these partitions. Where too many wait for their like, half of the hashes are left for
    /// another reading.
    pub(super) fn compare_unordered(&self, left: &[Assignment], right: &[Assignment]) -> Result<()> {
        let hashes = Hashes {
            states: [RandomState::new(), RandomState::new()],
            ignore_timestamps: self.options.ignore_timestamps,
        };
        let mut slices = vec![Slice::ALL];
        while let Some(mut slice) = slices.pop() {
            let is_first = slice == Slice::ALL;
            let Some((surplus, read)) = self.match_up(&mut slice, &mut slices, [left, right], &hashes)? else {
                return Ok(());
            };
            if is_first {
                self.found().diffed.compared += read;
            }
            if surplus.is_empty() {
                continue;
            }
            let Some(surplus) = self.tell_surplus(surplus, left, true, &hashes)? else { return Ok(()) };
            if self.tell_surplus(surplus, right, false, &hashes)?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads both sides and returns what is left of a slice, and how many messages the left has; `None` where somebody
    /// asked to stop. The slice becomes smaller where it has to, and what was taken from it is added to `slices`.
    fn match_up(
        &self,
        slice: &mut Slice,
        slices: &mut Vec<Slice>,
        shares: [&[Assignment]; 2],
        hashes: &Hashes,
    ) -> Result<Option<(Surplus, u64)>> {
        let mut surplus = Surplus::new();
        let mut sources = [
            SideReader::open(self.left, shares[0].to_vec(), &self.read)?,
            SideReader::open(self.right, shares[1].to_vec(), &self.read)?,
        ];
        let mut read = 0;
        let mut more = [true; 2];
        while more != [false; 2] {
            for (index, delta) in [(0, 1), (1, -1)] {
                more[index] = more[index] && sources[index].has_record()?;
                if !more[index] {
                    continue;
                }
                for record in sources[index].take_batch() {
                    read += u64::from(index == 0);
                    let hash = hashes.of(&record);
                    if slice.holds(hash) {
                        add(&mut surplus, hash, delta);
                    }
                }
                while surplus.len() > self.options.unmatched_max.max(1) {
                    let (half, other) = slice.split();
                    *slice = half;
                    slices.push(other);
                    surplus.retain(|hash, _| half.holds(*hash));
                }
            }
            if self.read.cancel.is_cancelled() {
                return Ok(None);
            }
        }
        for source in sources {
            source.close()?;
        }
        Ok(Some((surplus, read)))
    }

    /// Tells the messages of one side that the other lacks, which means to read them again, and returns what is left.
    /// `None` where nothing more is wanted.
    fn tell_surplus(
        &self,
        mut surplus: Surplus,
        shares: &[Assignment],
        is_left: bool,
        hashes: &Hashes,
    ) -> Result<Option<Surplus>> {
        let (side, delta) = if is_left { (self.left, -1) } else { (self.right, 1) };
        let mut source = SideReader::open(side, shares.to_vec(), &self.read)?;
        let mut wanted: i64 = surplus.values().map(|count| (-delta * count).max(0)).sum();
        while wanted > 0 && source.has_record()? {
            for record in source.take_batch() {
                let hash = hashes.of(&record);
                if surplus.get(&hash).is_none_or(|count| count.signum() != -delta) {
                    continue;
                }
                add(&mut surplus, hash, delta);
                wanted -= 1;
                let mut found = self.found();
                // What the left has was counted when it was read.
                found.diffed.compared += u64::from(!is_left);
                let (left, right) = if is_left { (Some(record), None) } else { (None, Some(record)) };
                found.tell(&Difference { left, right, fields: Vec::new() })?;
            }
            if self.read.cancel.is_cancelled() || self.found().stopped {
                return Ok(None);
            }
        }
        source.close()?;
        Ok(Some(surplus))
    }
}

fn add(surplus: &mut Surplus, hash: u128, delta: i64) {
    let count = surplus.entry(hash).or_default();
    *count += delta;
    if *count == 0 {
        surplus.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_hold_every_hash_once() {
        let (even, odd) = Slice::ALL.split();
        let (low, high) = odd.split();
        let slices = [even, low, high];
        for hash in (0..64).map(|hash: u128| hash << 64 | hash) {
            assert!(Slice::ALL.holds(hash));
            assert_eq!(slices.iter().filter(|slice| slice.holds(hash)).count(), 1, "{hash}");
        }
    }

    #[test]
    fn what_is_added_and_taken_is_forgotten() {
        let mut surplus = Surplus::new();
        for delta in [1, 1, -1, -1, -1] {
            add(&mut surplus, 7, delta);
        }
        assert_eq!(surplus, Surplus::from([(7, -1)]));
        add(&mut surplus, 7, 1);
        assert!(surplus.is_empty());
    }
}
