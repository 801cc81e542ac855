//! The same message on another storage: where a group goes on there, whose offsets count other messages.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::time::Duration;

use kafi_core::functional::{ReadOptions, readers_of};
use kafi_core::{
    Admin, Assignment, Batch, Capabilities, Isolation, NO_TIMESTAMP, OwnedRecord, Position, Record, Result, Storage,
    TopicPartition, existing,
};

use crate::cp::{SourceNote, notes_source};
use crate::same_storage::is_same_storage;

/// How much farther each step back reaches than the one before, where gaps left it empty.
const STEP_BACK: i64 = 64;

/// A storage with its administration.
pub(crate) struct Side<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) admin: Box<dyn Admin>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(storage: &'a dyn Storage) -> Result<Self> {
        Ok(Self { storage, admin: storage.admin()? })
    }
}

/// Where a message of the source lies in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetPlace {
    /// At this offset, or right before it where the group has read everything.
    At(i64),
    /// Nowhere that is known; by its time, this is where it would lie.
    Unknown(i64),
}

/// Finds messages of one storage on another.
pub(crate) struct Finder<'a> {
    pub(crate) source: Side<'a>,
    pub(crate) target: Side<'a>,
    timeout: Duration,
    /// Whether both are the same storage.
    is_same: bool,
    /// The partitions of each topic whose messages have the same offsets on both.
    shared: BTreeMap<String, BTreeSet<i32>>,
}

impl<'a> Finder<'a> {
    pub(crate) fn open(source: &'a dyn Storage, target: &'a dyn Storage, timeout: Duration) -> Result<Self> {
        let is_same = is_same_storage(source, target, timeout)?;
        Ok(Self { source: Side::new(source)?, target: Side::new(target)?, timeout, is_same, shared: BTreeMap::new() })
    }

    /// Whether both are the same storage.
    pub(crate) fn is_same(&self) -> bool {
        self.is_same
    }

    /// Whether a number means the same message on both: within one storage, and where a log notes that it is a copy of
    /// the other with its offsets, or both are copies of one source.
    pub(crate) fn shares_offsets(&mut self, at: &TopicPartition) -> Result<bool> {
        if self.is_same {
            return Ok(true);
        }
        if !self.shared.contains_key(&at.topic) {
            let shared = self.shared_partitions(&at.topic)?;
            self.shared.insert(at.topic.clone(), shared);
        }
        Ok(self.shared[&at.topic].contains(&at.partition))
    }

    fn shared_partitions(&mut self, topic: &str) -> Result<BTreeSet<i32>> {
        let timeout = self.timeout;
        let ours = note_of(&mut self.source, topic, timeout)?;
        let theirs = note_of(&mut self.target, topic, timeout)?;
        let is_of = |note: &SourceNote, side: &mut Side<'_>| -> Result<bool> {
            let found = existing(side.admin.as_mut(), topic, timeout)?;
            Ok(note.topic == topic
                && found.is_some_and(|found| found.id == note.id)
                && note.cluster == side.storage.identity(timeout)?)
        };
        let numbers = |note: &SourceNote| note.starts.keys().copied().collect::<BTreeSet<i32>>();
        if let Some(note) = &theirs
            && is_of(note, &mut self.source)?
        {
            return Ok(numbers(note));
        }
        if let Some(note) = &ours
            && is_of(note, &mut self.target)?
        {
            return Ok(numbers(note));
        }
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if ours.is_same_source(&theirs) => {
                Ok(numbers(&ours).intersection(&numbers(&theirs)).copied().collect())
            }
            _ => Ok(BTreeSet::new()),
        }
    }

    /// Where a group that reads `offset` next on the source goes on in the target: at the same message, or behind the
    /// last one that it has read. Blocks while it reads around that message.
    pub(crate) fn find(&mut self, at: &TopicPartition, offset: i64) -> Result<TargetPlace> {
        let (source, target) = (self.bounds(true, at)?, self.bounds(false, at)?);
        let next = self.first(true, at, offset.max(source.0), source.1)?;
        let (anchor, behind) = match next {
            Some(next) => (next, 0),
            None => match self.last(at, source.0, offset.min(source.1))? {
                Some(last) => (last, 1),
                // Nothing was written yet, or nothing is left: only two empty logs say where the next message comes.
                None if target.0 == target.1 => return Ok(TargetPlace::At(target.1)),
                None => return Ok(TargetPlace::Unknown(offset.clamp(target.0, target.1))),
            },
        };
        if let Some(found) = self.by_time(at, &anchor, source, target)? {
            return Ok(TargetPlace::At(found + behind));
        }
        if let Some(found) = self.by_count(at, &anchor, source, target)? {
            return Ok(TargetPlace::At(found + behind));
        }
        let near =
            if anchor.timestamp == NO_TIMESTAMP { offset } else { self.at_time(false, at, anchor.timestamp + behind)? };
        Ok(TargetPlace::Unknown(near.clamp(target.0, target.1)))
    }

    /// The message of the target that is the same in every field. Where several are, as many have to come before it on
    /// both sides, or behind it, of what has its time.
    fn by_time(
        &mut self,
        at: &TopicPartition,
        anchor: &OwnedRecord,
        source: (i64, i64),
        target: (i64, i64),
    ) -> Result<Option<i64>> {
        if anchor.timestamp == NO_TIMESTAMP {
            return Ok(None);
        }
        let (s0, s1) = self.of_time(true, at, anchor.timestamp)?;
        let (t0, t1) = self.of_time(false, at, anchor.timestamp)?;
        let ours = self.equals(true, at, anchor, (s0, s1.max(anchor.offset + 1)), usize::MAX)?;
        let before = ours.iter().take_while(|offset| **offset < anchor.offset).count();
        let behind = ours.len() - before - 1;
        let theirs = self.equals(false, at, anchor, (t0, t1), usize::MAX)?;
        if theirs.is_empty() {
            // Times that are not in order: what is older may come later.
            let later = self.equals(false, at, anchor, (t1, target.1), before + 1)?;
            return Ok(later.get(before).copied().filter(|_| ours.len() == 1 || later.len() == ours.len()));
        }
        let begins_whole = s0 > source.0 && t0 > target.0;
        let ends_whole = s1 < source.1 && t1 < target.1;
        let found = match () {
            () if theirs.len() == ours.len() => theirs.get(before),
            () if begins_whole => theirs.get(before),
            () if ends_whole => theirs.len().checked_sub(behind + 1).and_then(|index| theirs.get(index)),
            () => None,
        };
        Ok(found.copied())
    }

    /// The message before which as many come, where both logs begin with the same ones: keys, values, and headers, for
    /// times may have been changed.
    fn by_count(
        &mut self,
        at: &TopicPartition,
        anchor: &OwnedRecord,
        source: (i64, i64),
        target: (i64, i64),
    ) -> Result<Option<i64>> {
        let mut ours = DefaultHasher::new();
        let mut count = 0_u64;
        self.read(true, at, source.0, anchor.offset + 1, |record| {
            hash(record, &mut ours);
            count += 1;
            ControlFlow::Continue(())
        })?;
        let mut theirs = DefaultHasher::new();
        let mut left = count;
        let mut found = None;
        self.read(false, at, target.0, target.1, |record| {
            hash(record, &mut theirs);
            found = Some(record.offset);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found.filter(|_| left == 0 && ours.finish() == theirs.finish()))
    }

    /// The offsets of the messages in a range that are the same as `anchor`, at most so many.
    fn equals(
        &mut self,
        of_source: bool,
        at: &TopicPartition,
        anchor: &OwnedRecord,
        (start, end): (i64, i64),
        max: usize,
    ) -> Result<Vec<i64>> {
        let mut found = Vec::new();
        self.read(of_source, at, start, end, |record| {
            if record.timestamp == anchor.timestamp && is_same(record, anchor) {
                found.push(record.offset);
            }
            if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    /// The first message in a range.
    fn first(&mut self, of_source: bool, at: &TopicPartition, start: i64, end: i64) -> Result<Option<OwnedRecord>> {
        let mut first = None;
        self.read(of_source, at, start, end, |record| {
            first = Some(record.to_owned());
            ControlFlow::Break(())
        })?;
        Ok(first)
    }

    /// The last message of the source in a range, in steps back over gaps.
    fn last(&mut self, at: &TopicPartition, start: i64, mut end: i64) -> Result<Option<OwnedRecord>> {
        let mut window = 1;
        let mut last = None;
        while end > start && last.is_none() {
            let from = end.saturating_sub(window).max(start);
            self.read(true, at, from, end, |record| {
                last = Some(record.to_owned());
                ControlFlow::Continue(())
            })?;
            end = from;
            window = window.saturating_mul(STEP_BACK);
        }
        Ok(last)
    }

    /// Hands messages of a partition to `each` until it has enough.
    fn read(
        &mut self,
        of_source: bool,
        at: &TopicPartition,
        start: i64,
        end: i64,
        mut each: impl FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        if start >= end {
            return Ok(());
        }
        let options = ReadOptions { timeout: self.timeout, ..ReadOptions::default() };
        let part = Assignment { topic: at.topic.clone(), partition: at.partition, start, end: Some(end) };
        let storage = self.side(of_source).storage;
        for mut reader in readers_of(storage, vec![part], &options, 1)? {
            let mut batch = Batch::new();
            let mut goes_on = true;
            while goes_on && reader.read(&mut batch)? {
                goes_on = batch.iter().all(|record| each(&record).is_continue());
            }
            reader.close()?;
        }
        Ok(())
    }

    /// From the first message of this time to the first that is later, as the storage looks them up.
    fn of_time(&mut self, of_source: bool, at: &TopicPartition, timestamp: i64) -> Result<(i64, i64)> {
        let first = self.at_time(of_source, at, timestamp)?;
        Ok((first, self.at_time(of_source, at, timestamp.saturating_add(1))?.max(first)))
    }

    fn at_time(&mut self, of_source: bool, at: &TopicPartition, timestamp: i64) -> Result<i64> {
        let timeout = self.timeout;
        let time = Position { topic: at.topic.clone(), partition: at.partition, offset: timestamp };
        let found = self.side(of_source).admin.offsets_for_times(&[time], timeout)?;
        Ok(found.first().map_or(0, |found| found.offset))
    }

    fn bounds(&mut self, of_source: bool, at: &TopicPartition) -> Result<(i64, i64)> {
        let timeout = self.timeout;
        let bounds =
            self.side(of_source).admin.watermarks(std::slice::from_ref(at), Isolation::ReadCommitted, timeout)?;
        Ok(bounds.first().map_or((0, 0), |bounds| (bounds.low, bounds.high)))
    }

    fn side(&mut self, of_source: bool) -> &mut Side<'a> {
        if of_source { &mut self.source } else { &mut self.target }
    }
}

/// What a log notes about the topic that it is a copy of.
fn note_of(side: &mut Side<'_>, topic: &str, timeout: Duration) -> Result<Option<SourceNote>> {
    if !notes_source(side.storage)
        || !side.storage.capabilities().contains(Capabilities::ADMIN_CONFIG)
        || existing(side.admin.as_mut(), topic, timeout)?.is_none()
    {
        return Ok(None);
    }
    Ok(SourceNote::read(&side.admin.topic_config(topic, timeout)?))
}

/// Whether keys, values, and headers are the same.
fn is_same(record: &Record<'_>, other: &OwnedRecord) -> bool {
    let other = other.as_record();
    (record.key, record.value) == (other.key, other.value)
        && record.headers.len() == other.headers.len()
        && record.headers.iter().eq(other.headers.iter())
}

fn hash(record: &Record<'_>, hasher: &mut DefaultHasher) {
    (record.key, record.value, record.headers.len()).hash(hasher);
    record.headers.iter().for_each(|header| (header.name, header.value).hash(hasher));
}
