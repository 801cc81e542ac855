//! Which offsets of a partition are done, where the work on them ends in another order than they were given out.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Begins the metadata of a committed offset that says what beyond it is done. The number is that of the form.
const PREFIX: &str = "kafi-done-1:";

/// Brokers take no more than 4096 bytes of metadata, unless they are told otherwise (`offset.metadata.max.bytes`).
const METADATA_BYTES_MAX: usize = 4000;

/// The offsets of a partition that are done: all before one, and some ranges beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DoneSet {
    low: i64,
    /// From the start of each range to its end; they lie apart, and behind `low`.
    beyond: BTreeMap<i64, i64>,
}

impl DoneSet {
    /// All before `low`.
    pub(crate) fn new(low: i64) -> Self {
        Self { low, beyond: BTreeMap::new() }
    }

    /// All before this are done.
    pub(crate) fn low(&self) -> i64 {
        self.low
    }

    /// Adds the offsets from `start` up to `end`.
    pub(crate) fn add(&mut self, start: i64, end: i64) {
        let (mut start, mut end) = (start.max(self.low), end);
        if end <= start {
            return;
        }
        if let Some((&before, &reaches)) = self.beyond.range(..=start).next_back()
            && reaches >= start
        {
            (start, end) = (before, end.max(reaches));
            self.beyond.remove(&before);
        }
        while let Some((&next, &reaches)) = self.beyond.range(start..=end).next() {
            end = end.max(reaches);
            self.beyond.remove(&next);
        }
        if start == self.low {
            self.low = end;
        } else {
            self.beyond.insert(start, end);
        }
    }

    /// How many ranges are done beyond that.
    pub(crate) fn ranges(&self) -> usize {
        self.beyond.len()
    }

    /// Whether this offset is done.
    pub(crate) fn contains(&self, offset: i64) -> bool {
        offset < self.low || self.beyond.range(..=offset).next_back().is_some_and(|(_, &end)| offset < end)
    }

    /// What is to be kept beside the committed offset, which is `low`: the ranges beyond it, as many as there is room
    /// for. What is left out is done again after a restart.
    pub(crate) fn metadata(&self) -> String {
        if self.beyond.is_empty() {
            return String::new();
        }
        let (mut bytes, mut at) = (Vec::new(), self.low);
        for (&start, &end) in &self.beyond {
            let before = bytes.len();
            push_number(&mut bytes, (start - at) as u64);
            push_number(&mut bytes, (end - start) as u64);
            if PREFIX.len() + bytes.len().div_ceil(3) * 4 > METADATA_BYTES_MAX {
                bytes.truncate(before);
                break;
            }
            at = end;
        }
        format!("{PREFIX}{}", STANDARD_NO_PAD.encode(bytes))
    }

    /// What was committed: all before `low`, and what this metadata says, if it is of this form.
    pub(crate) fn of_metadata(low: i64, metadata: &str) -> Self {
        let mut done = Self::new(low);
        let Some(bytes) = metadata.strip_prefix(PREFIX).and_then(|text| STANDARD_NO_PAD.decode(text).ok()) else {
            return done;
        };
        let (mut bytes, mut at) = (bytes.as_slice(), low);
        while let (Some(gap), Some(count)) = (take_number(&mut bytes), take_number(&mut bytes)) {
            let Some(start) = at.checked_add_unsigned(gap) else { break };
            let Some(end) = start.checked_add_unsigned(count) else { break };
            // Nobody writes ranges that touch, so that this is damaged.
            if gap == 0 || count == 0 {
                return Self::new(low);
            }
            done.beyond.insert(start, end);
            at = end;
        }
        done
    }
}

/// Seven bits a byte, the lowest first, as in Protobuf.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(done: &DoneSet) -> Vec<(i64, i64)> {
        done.beyond.iter().map(|(start, end)| (*start, *end)).collect()
    }

    #[test]
    fn ranges_join_and_the_low_end_moves_up() {
        let mut done = DoneSet::new(10);
        done.add(12, 13);
        done.add(14, 16);
        done.add(20, 25);
        assert_eq!((done.low(), ranges(&done)), (10, vec![(12, 13), (14, 16), (20, 25)]));
        done.add(13, 14);
        assert_eq!(ranges(&done), [(12, 16), (20, 25)]);
        assert_eq!(
            [9, 10, 11, 12, 15, 16, 24, 25].map(|at| done.contains(at)),
            [true, false, false, true, true, false, true, false]
        );
        done.add(0, 12);
        assert_eq!((done.low(), ranges(&done)), (16, vec![(20, 25)]));
        done.add(18, 30);
        assert_eq!((done.low(), ranges(&done)), (16, vec![(18, 30)]));
        done.add(5, 6);
        done.add(16, 18);
        assert_eq!((done.low(), ranges(&done)), (30, vec![]));
    }

    #[test]
    fn any_order_gives_the_same() {
        // Each offset once, in an order that a small generator makes.
        let (mut done, mut left, mut state) = (DoneSet::new(0), (0..500).collect::<Vec<i64>>(), 7u64);
        let mut added = std::collections::BTreeSet::new();
        while !left.is_empty() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let offset = left.swap_remove((state >> 33) as usize % left.len());
            done.add(offset, offset + 1);
            added.insert(offset);
            assert!((0..500).all(|at| done.contains(at) == added.contains(&at)));
            let low = (0..).find(|at| !added.contains(at)).unwrap();
            assert_eq!(done.low(), low);
        }
        assert_eq!((done.low(), ranges(&done)), (500, vec![]));
    }

    #[test]
    fn metadata_comes_back_and_has_a_limit() {
        let mut done = DoneSet::new(1_000_000_007);
        assert_eq!(done.metadata(), "");
        done.add(1_000_000_009, 1_000_000_010);
        done.add(1_000_001_000, 1_000_101_000);
        assert_eq!(DoneSet::of_metadata(1_000_000_007, &done.metadata()), done);
        for foreign in
            ["", "AAAB", "kafi-done-1:", "kafi-done-1:!", "kafi-done-1:gICAgICAgICAgICAgA", "kafi-done-2:AgE"]
        {
            assert_eq!(DoneSet::of_metadata(5, foreign), DoneSet::new(5), "{foreign}");
        }
        (0..10_000).for_each(|at| done.add(1_000_200_000 + 2 * at, 1_000_200_001 + 2 * at));
        let metadata = done.metadata();
        assert!(metadata.len() <= METADATA_BYTES_MAX && metadata.len() > METADATA_BYTES_MAX - 10);
        let read = DoneSet::of_metadata(done.low(), &metadata);
        assert!(
            read.beyond.len() > 1_000 && read.beyond.iter().all(|(start, end)| done.beyond.get(start) == Some(end))
        );
    }
}
