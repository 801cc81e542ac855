//! What would be committed if some more was done: for a transaction, which may come to nothing.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::consumer::CommittedOffset;
use crate::functional::done::DoneSet;

/// So many ranges beyond the committed offset there is room for beside it, however large their numbers are.
const RANGES_MAX: usize = 290;

/// What is done of the partitions of a reader, and what else would be.
#[derive(Clone, Debug)]
pub struct DoneDraft {
    pub(crate) parts: BTreeMap<(String, i32), DoneSet>,
    /// The partitions of which there is something to be committed.
    changed: Vec<(String, i32)>,
    ranges_max: usize,
}

impl DoneDraft {
    /// Of partitions with what is done of each, and whether there is something of it to be committed already. Ranges
    /// beyond the offset can only be committed if it `keeps` them.
    pub(crate) fn new(parts: impl Iterator<Item = ((String, i32), DoneSet, bool)>, keeps: bool) -> Self {
        let ranges_max = if keeps { RANGES_MAX } else { 0 };
        let mut draft = Self { parts: BTreeMap::new(), changed: Vec::new(), ranges_max };
        for (partition, done, has_changed) in parts {
            if has_changed {
                draft.changed.push(partition.clone());
            }
            draft.parts.insert(partition, done);
        }
        draft
    }

    /// Adds what would be done; false, with nothing added, where there would be no room for it beside the committed
    /// offsets. What is of no partition of the reader's is left out.
    pub fn add<'a>(&mut self, done: impl Iterator<Item = (&'a str, i32, Range<i64>)> + Clone) -> bool {
        let is_tight = done.clone().count() + self.ranges() > self.ranges_max;
        let before = is_tight.then(|| self.clone());
        for (topic, partition, offsets) in done {
            let partition = (topic.to_string(), partition);
            let Some(done) = self.parts.get_mut(&partition) else { continue };
            done.add(offsets.start, offsets.end);
            if !self.changed.contains(&partition) {
                self.changed.push(partition);
            }
        }
        match before {
            Some(before) if self.parts.values().any(|done| done.ranges() > self.ranges_max) => {
                *self = before;
                false
            }
            _ => true,
        }
    }

    /// What is to be committed.
    pub fn offsets(&self) -> Vec<CommittedOffset> {
        let offset = |partition: &(String, i32)| {
            let done = self.parts.get(partition)?;
            Some(CommittedOffset {
                metadata: done.metadata(),
                ..CommittedOffset::new(&partition.0, partition.1, done.low())
            })
        };
        self.changed.iter().filter_map(offset).collect()
    }

    fn ranges(&self) -> usize {
        self.parts.values().map(DoneSet::ranges).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(keeps: bool) -> DoneDraft {
        DoneDraft::new([(("t".to_string(), 0), DoneSet::new(10), false)].into_iter(), keeps)
    }

    fn add(draft: &mut DoneDraft, offsets: &[i64]) -> bool {
        draft.add(offsets.iter().map(|offset| ("t", 0, *offset..offset + 1)))
    }

    #[test]
    fn what_is_added_is_committed_with_its_ranges() {
        let mut draft = draft(true);
        assert_eq!(draft.offsets(), []);
        assert!(add(&mut draft, &[10, 11, 13]) && draft.add([("gone", 0, 3..4)].into_iter()));
        let mut done = DoneSet::new(12);
        done.add(13, 14);
        assert_eq!(
            draft.offsets(),
            [CommittedOffset { metadata: done.metadata(), ..CommittedOffset::new("t", 0, 12) }]
        );
    }

    #[test]
    fn more_than_there_is_room_for_is_not_added() {
        let mut draft = draft(true);
        assert!((0..290).all(|n| add(&mut draft, &[11 + 2 * n])));
        let full = draft.offsets();
        assert!(!add(&mut draft, &[10_000]) && draft.offsets() == full);
        assert!(!add(&mut draft, &[10, 10_000, 10_002]), "it is all or nothing");
        assert!(add(&mut draft, &[10]) && draft.offsets()[0].offset == 12, "what makes room always fits");
        assert!(add(&mut draft, &[10_000]));
        // The numbers of the ranges may be large.
        let mut far = self::draft(true);
        assert!((1..=290).all(|n| add(&mut far, &[n << 34])));
        assert_eq!(DoneSet::of_metadata(10, &far.offsets()[0].metadata).ranges(), 290);
    }

    #[test]
    fn without_metadata_only_what_follows_fits() {
        let mut draft = draft(false);
        assert!(!add(&mut draft, &[11]) && add(&mut draft, &[10, 12, 11]));
        assert_eq!(draft.offsets(), [CommittedOffset::new("t", 0, 13)]);
    }
}
