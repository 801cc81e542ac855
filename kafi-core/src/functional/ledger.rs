//! The ledger of a reader: what it has given out, what of that is done, which partitions are still its own, and so what
//! may be committed. Everybody who commits goes by it.
//!
//! Three things happen to a message at different times, in different threads, and a committed offset must lie behind all
//! three: it is *given out* by a poll, its work is *done* (printed, or each message that came of it acknowledged), and
//! its partition is *still ours* when the commit is sent. Reading runs ahead of the work by whole batches, so the
//! consumer's own position says nothing about what is done.
//!
//! ```text
//!    offsets of one partition
//!    ──────────────┬─────────────────┬──────────────────┬──────────────▶
//!               began            committed            done            read            end
//!                  │                 │                  │ in flight      │ to be read    │
//!
//!            poll                  work, acknowledgements          commit
//!   to read ──────▶ given out ─────────────────────────▶ done ──────────────▶ committed
//!                      │                                  │
//!                      │ the partition goes               │ the partition goes: nothing is sent, since whoever has it
//!                      ▼                                  ▼ now may be further, and a commit would take it back
//!                   forgotten                          forgotten
//! ```
//!
//! Who *settles* (the pump, a pipe, a copy's share) brings `done` up to `read` before a commit: it stops reading, lets
//! the writer flush until each message has its report, and only then commits. Where a message has failed nothing behind
//! it counts, and `done` stays where the last success was ([`Ledger::set_done`]). Commits are due each second, before
//! partitions are given up, and at the end; between them nothing waits for an acknowledgement.
//!
//! A partition that went and came back begins anew, at the offset that the group has committed by then. What is reported
//! as done of the time before lies below `began`, and is not committed again ([`Ledger::to_commit`]).
//!
//! Where work ends in another order than messages are given out, the ledger *tracks* each of them: whoever works says
//! of single offsets that they are done ([`Ledger::finish`]), committed is what nothing undone lies before, and what is
//! done beyond that is kept in the commit's metadata, so that whoever gets the partition next leaves it out.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::batch::Batch;
use crate::consumer::{Assignment, CommittedOffset, Position, TopicPartition};
use crate::functional::done::DoneSet;
use crate::functional::draft::DoneDraft;

/// Offsets by topic and partition.
pub(crate) type OffsetMap = BTreeMap<String, BTreeMap<i32, i64>>;

/// A partition that is the reader's own.
struct Part {
    /// The offset that this reader began at. What was done before the partition went and came back lies before it, or
    /// was done again by others.
    began: i64,
    /// Where a finite read stops; one that nobody knew at the start is not read.
    end: Option<i64>,
    /// The offset after the last message that was given out, and after what is never delivered.
    read: i64,
    committed: Option<i64>,
    /// The last look at what is the reader's own that saw it.
    seen: u64,
    /// What is done of it, where that is tracked.
    done: Option<DoneSet>,
    /// Whether something was done since the last commit.
    has_progress: bool,
}

/// What a reader has given out, and what of it is done.
#[derive(Default)]
pub(crate) struct Ledger {
    parts: BTreeMap<String, BTreeMap<i32, Part>>,
    looks: u64,
    /// As far as the work on what was given out is done; `None` is all of it.
    done: Option<Vec<Position>>,
    /// Whether it is said of each offset that it is done.
    tracks: bool,
    /// The partitions that came since somebody asked, where that is tracked.
    came: Vec<TopicPartition>,
    /// How often partitions came or went.
    changes: u64,
}

impl Ledger {
    /// One to which it is said of each offset that it is done, in any order, if it `tracks`.
    pub(crate) fn new(tracks: bool) -> Self {
        Self { tracks, ..Self::default() }
    }

    /// Takes a partition in that is read from `began` to `end`.
    pub(crate) fn begin(&mut self, topic: &str, partition: i32, began: i64, end: Option<i64>) {
        let done = self.tracks.then(|| DoneSet::new(began));
        let part = Part { began, end, read: began, committed: None, seen: self.looks, done, has_progress: false };
        self.parts.entry(topic.to_string()).or_default().insert(partition, part);
        self.changes += 1;
        if self.tracks {
            self.came.push(TopicPartition { topic: topic.to_string(), partition });
        }
    }

    /// Takes note of the partitions that came and went with a poll, which filled `batch`: these are the reader's own
    /// now. `end_of` says where a finite read of a partition stops that begins at an offset; `came` hears of each that
    /// came, and from where to where it is read.
    pub(crate) fn follow(
        &mut self,
        positions: &[Position],
        batch: &Batch,
        end_of: impl Fn(&Position) -> Option<i64>,
        mut came: impl FnMut(&Position, Option<i64>),
    ) {
        self.looks += 1;
        let looks = self.looks;
        let mut firsts = None;
        for position in positions {
            if let Some(part) = self.parts.get_mut(&position.topic).and_then(|parts| parts.get_mut(&position.partition))
            {
                part.seen = looks;
                continue;
            }
            // A poll may bring a partition together with its first messages.
            let firsts = firsts.get_or_insert_with(|| first_offsets(batch));
            let first = firsts.get(&(position.topic.as_str(), position.partition));
            let began = first.map_or(position.offset, |first| position.offset.min(*first));
            let position = Position { offset: began, ..position.clone() };
            let end = end_of(&position);
            came(&position, end);
            self.begin(&position.topic, position.partition, began, end);
        }
        let mut gone = 0;
        for parts in self.parts.values_mut() {
            let before = parts.len();
            parts.retain(|_, part| part.seen == looks);
            gone += before - parts.len();
        }
        self.changes += gone as u64;
        self.parts.retain(|_, parts| !parts.is_empty());
    }

    /// Takes note of what is given out, and returns how many offsets that passes.
    pub(crate) fn give(&mut self, batch: &Batch) -> u64 {
        let mut offsets = 0;
        for run in batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
            let last = run.last().expect("a run holds at least one message");
            if let Some(part) = self.part(&batch.topics()[last.topic as usize], last.partition) {
                let next = last.offset + 1;
                offsets += (next - part.read).max(0) as u64;
                if part.done.is_some() {
                    // Where offsets are missing there is nothing to be done.
                    run.iter().fold(part.read, |at, meta| {
                        part.pass(at, meta.offset);
                        meta.offset + 1
                    });
                }
                part.read = next;
            }
        }
        offsets
    }

    /// Takes note of offsets at which there is nothing to deliver, once everything before them was given out.
    pub(crate) fn pass(&mut self, positions: &[Position]) {
        for Position { topic, partition, offset } in positions {
            if let Some(part) = self.part(topic, *partition) {
                let next = part.end.map_or(*offset, |end| end.min(*offset)).max(part.read);
                part.pass(part.read, next);
                part.read = next;
            }
        }
    }

    /// Takes note that nothing lies before the ends of these partitions.
    pub(crate) fn pass_to_ends(&mut self, rest: &[(Position, i64)]) {
        for (Position { topic, partition, .. }, end) in rest {
            if let Some(part) = self.part(topic, *partition) {
                part.pass(part.read, *end);
                part.read = part.read.max(*end);
            }
        }
    }

    /// The partitions that came since this was asked last, where it is tracked what is done of them.
    pub(crate) fn take_came(&mut self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.came)
    }

    /// Takes note of what the group has committed for partitions that came: what is done beyond the offset.
    pub(crate) fn resume(&mut self, committed: &[CommittedOffset]) {
        for CommittedOffset { topic, partition, offset, metadata, .. } in committed {
            if let Some(part) = self.part(topic, *partition).filter(|part| part.began == *offset) {
                part.done = Some(DoneSet::of_metadata(*offset, metadata));
            }
        }
    }

    /// Takes out of a batch what is done already.
    pub(crate) fn leave_out_done(&self, batch: &mut Batch) {
        let done_of = |topic: u32, partition| self.part_of(&batch.topics()[topic as usize], partition)?.done.as_ref();
        let is_new = batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)).all(|run| {
            done_of(run[0].topic, run[0].partition)
                .is_none_or(|done| !run.iter().any(|meta| done.contains(meta.offset)))
        });
        if !is_new {
            batch.retain(|record| {
                let done = self.part_of(record.topic, record.partition).and_then(|part| part.done.as_ref());
                done.is_none_or(|done| !done.contains(record.offset))
            });
        }
    }

    /// Takes note that the work on these offsets is done, unless the partition has gone.
    pub(crate) fn finish(&mut self, topic: &str, partition: i32, offsets: Range<i64>) {
        if let Some(part) = self.part(topic, partition) {
            part.pass(offsets.start, offsets.end);
            part.has_progress = true;
        }
    }

    /// What is tracked as done, and is to be committed, with what is done beyond it.
    pub(crate) fn finished(&self) -> Vec<CommittedOffset> {
        let changed = self.all().filter(|(_, _, part)| part.has_progress || part.has_passed());
        let offset = |(topic, partition, part): (&str, i32, &Part)| {
            let done = part.done.as_ref()?;
            let metadata = done.metadata();
            Some(CommittedOffset { metadata, ..CommittedOffset::new(topic, partition, done.low()) })
        };
        changed.filter_map(offset).collect()
    }

    /// What is tracked as done, to be added to; ranges beyond the committed offsets are only done if they are kept.
    pub(crate) fn draft(&self, keeps: bool) -> DoneDraft {
        let part = |(topic, partition, part): (&str, i32, &Part)| {
            let has_changed = part.has_progress || part.has_passed();
            Some(((topic.to_string(), partition), part.done.clone()?, has_changed))
        };
        DoneDraft::new(self.all().filter_map(part), keeps)
    }

    /// Takes note that this is done, and committed.
    pub(crate) fn adopt(&mut self, draft: DoneDraft) {
        for ((topic, partition), done) in draft.parts {
            if let Some(part) = self.part(&topic, partition) {
                part.committed = Some(done.low());
                part.has_progress = false;
                part.done = Some(done);
            }
        }
    }

    /// A number that rises whenever partitions come or go.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// How many offsets that were given out lie behind what is tracked as done.
    pub(crate) fn unfinished(&self) -> u64 {
        let left = self.all().filter_map(|(_, _, part)| Some(part.read - part.done.as_ref()?.low()));
        left.map(|left| u64::try_from(left).unwrap_or(0)).sum()
    }

    /// Where a message lies behind the end of a finite read, or in a partition that is not the reader's own.
    pub(crate) fn is_behind_end(&self, topic: &str, partition: i32, offset: i64) -> bool {
        let part = self.parts.get(topic).and_then(|parts| parts.get(&partition));
        part.is_none_or(|part| part.end.is_some_and(|end| offset >= end))
    }

    /// Whether anything is left of a finite read.
    pub(crate) fn has_rest(&self) -> bool {
        self.all().any(|(_, _, part)| part.end.is_some_and(|end| part.read < end))
    }

    /// What is left of a finite read: where each partition stands, and its end.
    pub(crate) fn rest(&self) -> Vec<(Position, i64)> {
        let left = self.all().filter_map(|(topic, partition, part)| {
            part.end.filter(|end| part.read < *end).map(|end| (at(topic, partition, part.read), end))
        });
        left.collect()
    }

    /// The offsets after the last message that was given out of each partition; where none was, the offset that reading
    /// began at.
    pub(crate) fn reached(&self) -> Vec<Position> {
        self.all().map(|(topic, partition, part)| at(topic, partition, part.read)).collect()
    }

    /// What is still to be given out of each partition.
    pub(crate) fn assignments(&self) -> Vec<Assignment> {
        let rest = |(topic, partition, part): (&str, i32, &Part)| Assignment {
            topic: topic.to_string(),
            partition,
            start: part.read,
            end: part.end,
        };
        self.all().map(rest).collect()
    }

    /// Says that the work on what was given out is done as far as this.
    pub(crate) fn set_done(&mut self, done: Vec<Position>) {
        self.done = Some(done);
    }

    /// As far as the work on what was given out is done.
    pub(crate) fn take_done(&mut self) -> Vec<Position> {
        self.done.take().unwrap_or_else(|| self.reached())
    }

    /// Whether something was given out that is not committed.
    pub(crate) fn has_uncommitted(&self) -> bool {
        self.all().any(|(_, _, part)| match part.done {
            Some(_) => part.has_progress || part.has_passed(),
            None => part.committed != Some(part.read),
        })
    }

    /// Those of `done` that may and have to be committed: of partitions that are the reader's own, and from where it
    /// began with them.
    pub(crate) fn to_commit(&self, done: &[Position]) -> Vec<Position> {
        let wanted = |position: &&Position| {
            let part = self.parts.get(&position.topic).and_then(|parts| parts.get(&position.partition));
            part.is_some_and(|part| position.offset >= part.began && part.committed != Some(position.offset))
        };
        done.iter().filter(wanted).cloned().collect()
    }

    /// Takes note of what was committed.
    pub(crate) fn committed(&mut self, positions: &[Position]) {
        for Position { topic, partition, offset } in positions {
            if let Some(part) = self.part(topic, *partition) {
                part.committed = Some(*offset);
                part.has_progress = false;
            }
        }
    }

    fn part_of(&self, topic: &str, partition: i32) -> Option<&Part> {
        self.parts.get(topic)?.get(&partition)
    }

    fn part(&mut self, topic: &str, partition: i32) -> Option<&mut Part> {
        self.parts.get_mut(topic)?.get_mut(&partition)
    }

    fn all(&self) -> impl Iterator<Item = (&str, i32, &Part)> {
        self.parts
            .iter()
            .flat_map(|(topic, parts)| parts.iter().map(move |(partition, part)| (topic.as_str(), *partition, part)))
    }
}

impl Part {
    /// Takes note that nothing is left to be done from `start` up to `end`, where that is tracked.
    fn pass(&mut self, start: i64, end: i64) {
        if let Some(done) = &mut self.done {
            done.add(start, end);
        }
    }

    /// Whether offsets at which there is nothing to be done lie behind what is committed.
    fn has_passed(&self) -> bool {
        let committed = self.committed.unwrap_or(self.began);
        self.done.as_ref().is_some_and(|done| done.low() > committed)
    }
}

/// The offsets behind the first `count` messages of a batch, added to those that are `done` already.
pub(crate) fn done_with(done: Vec<Position>, batch: &Batch, count: usize) -> Vec<Position> {
    let mut behind: BTreeMap<(String, i32), i64> = BTreeMap::new();
    for Position { topic, partition, offset } in done {
        behind.insert((topic, partition), offset);
    }
    for run in batch.metas()[..count].chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
        let last = run.last().expect("a run holds at least one message");
        behind.insert((batch.topics()[last.topic as usize].clone(), last.partition), last.offset + 1);
    }
    behind.into_iter().map(|((topic, partition), offset)| Position { topic, partition, offset }).collect()
}

fn first_offsets(batch: &Batch) -> HashMap<(&str, i32), i64> {
    let mut firsts = HashMap::new();
    for run in batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
        firsts.entry((batch.topics()[run[0].topic as usize].as_str(), run[0].partition)).or_insert(run[0].offset);
    }
    firsts
}

fn at(topic: &str, partition: i32, offset: i64) -> Position {
    Position { topic: topic.to_string(), partition, offset }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{OwnedRecord, Record};

    fn batch(messages: &[(i32, i64)]) -> Batch {
        let mut batch = Batch::new();
        for (partition, offset) in messages {
            batch.push(
                OwnedRecord { partition: *partition, offset: *offset, ..Record::new("t", None, None).to_owned() }
                    .as_record(),
            );
        }
        batch
    }

    fn place(partition: i32, offset: i64) -> Position {
        at("t", partition, offset)
    }

    /// A poll that gave these messages, after which the consumer stands at `positions`.
    fn poll(ledger: &mut Ledger, positions: &[Position], messages: &[(i32, i64)]) {
        let batch = batch(messages);
        ledger.follow(positions, &batch, |_| None, |_, _| {});
        ledger.give(&batch);
        ledger.pass(positions);
    }

    #[test]
    fn what_went_is_not_committed_and_what_came_back_not_rewound() {
        let mut ledger = Ledger::default();
        poll(&mut ledger, &[place(0, 3), place(1, 2)], &[(0, 1), (0, 2), (1, 0), (1, 1)]);
        assert_eq!(ledger.reached(), [place(0, 3), place(1, 2)]);
        let done = ledger.take_done();
        assert_eq!(ledger.to_commit(&[place(0, 0)]), [], "that lies before where this reader began");
        assert_eq!(ledger.to_commit(&done), done);
        ledger.committed(&done);
        assert!(!ledger.has_uncommitted() && ledger.to_commit(&done).is_empty());
        poll(&mut ledger, &[place(0, 9)], &[]);
        assert_eq!(ledger.to_commit(&[place(0, 9), place(1, 2)]), [place(0, 9)]);
        // Somebody else came farther meanwhile.
        poll(&mut ledger, &[place(0, 9), place(1, 50)], &[]);
        assert_eq!(ledger.to_commit(&[place(1, 40)]), []);
        assert_eq!(ledger.to_commit(&[place(1, 51)]), [place(1, 51)]);
    }

    #[test]
    fn what_is_tracked_is_done_in_any_order_and_left_out_after_a_restart() {
        let mut ledger = Ledger::new(true);
        // Offset 3 is missing, and 6 and 7 are markers.
        poll(&mut ledger, &[place(0, 8)], &[(0, 1), (0, 2), (0, 4), (0, 5)]);
        assert_eq!(ledger.take_came().len(), 1);
        assert!(ledger.unfinished() > 0 && !ledger.has_uncommitted());
        ledger.finish("t", 0, 4..6);
        let committed = ledger.finished();
        assert_eq!((committed[0].offset, committed[0].metadata.is_empty()), (1, false));
        assert!(ledger.has_uncommitted());
        ledger.committed(&[place(0, 1)]);
        assert!(!ledger.has_uncommitted());

        let mut next = Ledger::new(true);
        let mut given = batch(&[(0, 1), (0, 2), (0, 4), (0, 5), (0, 8)]);
        next.follow(&[place(0, 9)], &given, |_| None, |_, _| {});
        next.resume(&committed);
        next.give(&given);
        next.leave_out_done(&mut given);
        assert_eq!(given.iter().map(|record| record.offset).collect::<Vec<_>>(), [1, 2, 8]);
        next.finish("t", 0, 1..3);
        assert_eq!(next.finished(), [CommittedOffset::new("t", 0, 8)]);
        next.finish("t", 0, 8..9);
        assert!(next.unfinished() == 0);
        assert_eq!(next.finished(), [CommittedOffset::new("t", 0, 9)]);
        // A partition that has gone is nobody's to finish.
        next.follow(&[], &batch(&[]), |_| None, |_, _| {});
        next.finish("t", 0, 9..10);
        assert_eq!(next.finished(), []);
        // What others have committed elsewhere says nothing of where this one began.
        poll(&mut next, &[place(0, 30)], &[(0, 29)]);
        next.resume(&[CommittedOffset { metadata: committed[0].metadata.clone(), ..CommittedOffset::new("t", 0, 1) }]);
        assert!(next.unfinished() > 0);
    }

    #[test]
    fn finite_reads_have_a_rest() {
        let mut ledger = Ledger::default();
        ledger.begin("t", 0, 5, Some(8));
        ledger.begin("t", 1, 0, None);
        assert_eq!(ledger.rest(), [(place(0, 5), 8)]);
        assert_eq!((ledger.give(&batch(&[(0, 6), (1, 0), (2, 0)])), ledger.has_rest()), (3, true));
        ledger.pass(&[place(0, 100)]);
        assert!(!ledger.has_rest());
        assert_eq!(ledger.reached(), [place(0, 8), place(1, 1)]);
        assert!(ledger.is_behind_end("t", 0, 8) && !ledger.is_behind_end("t", 1, 8) && ledger.is_behind_end("u", 0, 0));
    }

    #[test]
    fn parts_of_a_batch_are_added_to_what_is_done() {
        let batch = batch(&[(0, 1), (0, 2), (1, 7)]);
        assert_eq!(done_with(vec![place(1, 6), place(3, 3)], &batch, 2), [place(0, 3), place(1, 6), place(3, 3)]);
        assert_eq!(done_with(Vec::new(), &batch, 0), []);
        assert_eq!(done_with(vec![place(1, 6)], &batch, 3), [place(0, 3), place(1, 8)]);
    }
}
