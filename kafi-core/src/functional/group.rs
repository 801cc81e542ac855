//! Reading as a consumer group: partitions that come and go, where a member stops, and what is committed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::consumer::{Assignment, Consumer, ConsumerOptions, Membership, Polled, Position, TopicPartition};
use crate::error::Result;
use crate::functional::later::LaterTopics;
use crate::functional::{Progress, ReadOptions};
use crate::storage::Storage;

/// What is done is committed this often.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// So long after the last message it is asked whether anything lies before the ends that are not reached.
const QUIET_MAX: Duration = Duration::from_millis(300);

/// One poll of that question.
const POLL_MAX: Duration = Duration::from_millis(100);

/// That question is given up after this long, and asked again later.
const QUESTION_MAX: Duration = Duration::from_secs(5);

/// The consumer group that reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOptions {
    /// The group's name.
    pub name: String,
    /// What becomes of its offsets. Default: they are committed once the work is done.
    pub usage: GroupUse,
}

impl GroupOptions {
    /// Reads as this group, and commits what is done.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), usage: GroupUse::default() }
    }
}

/// How a group is read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupUse {
    /// As a member; offsets are committed when the work on their messages is done: each second, before partitions are given up, and at the end.
    #[default]
    CommitDone,
    /// As a member; offsets are committed at the end only, for work that is done as a whole or not at all. Partitions that go before are not committed.
    CommitAtEnd,
    /// As a member; offsets are committed when the messages after them are asked for, whether or not the work on them is done.
    CommitRead,
    /// As a member that commits nothing.
    CommitNothing,
    /// From outside, beside any members: all partitions from the committed offsets on. Nothing is committed.
    LookOnly,
}

/// Offsets by topic and partition.
pub(crate) type OffsetMap = BTreeMap<String, BTreeMap<i32, i64>>;

/// What a member knows of a partition that it has.
struct Share {
    /// The offset that this member began at.
    began: i64,
    committed: Option<i64>,
}

/// A member's side of reading.
pub(crate) struct Member {
    usage: GroupUse,
    /// The ends seen at the start; `None` goes on for ever.
    ends: Option<OffsetMap>,
    shares: BTreeMap<TopicPartition, Share>,
    committed_at: Instant,
    quiet_since: Option<Instant>,
    /// Asks whether anything lies before an end.
    looker: Box<dyn Consumer>,
    later_topics: Option<LaterTopics>,
}

impl Member {
    /// Joins the group of `options` to read the topics of `assignments`, which also say where a finite read ends.
    pub(crate) fn join(storage: &dyn Storage, group: &GroupOptions, assignments: Vec<Assignment>, options: &ReadOptions) -> Result<(Box<dyn Consumer>, Self)> {
        let mut ends = OffsetMap::new();
        for assignment in assignments {
            ends.entry(assignment.topic).or_default().insert(assignment.partition, assignment.end.unwrap_or(assignment.start));
        }
        let topics: Vec<String> = ends.keys().cloned().collect();
        let mut consumer = storage.consumer(&ConsumerOptions { group: Some(group.name.clone()), ..options.consumer.clone() })?;
        let looker = storage.consumer(&ConsumerOptions { group: None, ..options.consumer.clone() })?;
        consumer.subscribe(&topics, options.timeout)?;
        log::info!("reading as a member of group {}", group.name);
        let ends = if options.follow { None } else { Some(ends) };
        let filter = options.later_topics.clone().filter(|_| options.follow);
        let later_topics = filter.map(|filter| LaterTopics::new(storage, filter, &topics)).transpose()?;
        let member = Self { usage: group.usage, ends, shares: BTreeMap::new(), committed_at: Instant::now(), quiet_since: None, looker, later_topics };
        Ok((consumer, member))
    }

    /// Takes along topics that have come, where the caller wants them.
    pub(crate) fn follow_later_topics(&mut self, consumer: &mut dyn Consumer) -> Result<()> {
        self.later_topics.as_mut().map_or(Ok(()), |later| later.follow(consumer))
    }

    /// Takes note of the partitions that came and went with a poll, and cuts what lies behind the ends off `batch`.
    pub(crate) fn follow(&mut self, consumer: &dyn Consumer, next: &mut OffsetMap, batch: &mut Batch, progress: &Progress) {
        let positions = consumer.positions();
        let has = |topic: &str, partition: i32| positions.iter().any(|p| p.partition == partition && p.topic == topic);
        self.shares.retain(|share, _| has(&share.topic, share.partition));
        for (topic, partitions) in next.iter_mut() {
            partitions.retain(|partition, _| has(topic, *partition));
        }
        for Position { topic, partition, offset } in positions {
            let share = TopicPartition { topic, partition };
            if self.shares.contains_key(&share) {
                continue;
            }
            // A poll may bring a partition together with its first messages.
            let first = batch.iter().find(|record| record.partition == share.partition && record.topic == share.topic).map(|record| record.offset);
            let began = first.map_or(offset, |first| first.min(offset));
            log::info!("reading topic {}, partition {}: from {began}", share.topic, share.partition);
            next.entry(share.topic.clone()).or_default().insert(share.partition, began);
            self.shares.insert(share.clone(), Share { began, committed: None });
            if let Some(end) = self.end_of(&share) {
                progress.expect((end - began).max(0) as u64);
            }
        }
        if self.ends.is_some() && !batch.is_empty() {
            self.cut(batch);
        }
        self.quiet_since = if batch.is_empty() { self.quiet_since.or_else(|| Some(Instant::now())) } else { None };
    }

    fn cut(&self, batch: &mut Batch) {
        let ends = self.ends.as_ref().expect("only finite reads are cut");
        let end_of = |topic: &str, partition: i32| ends.get(topic).and_then(|partitions| partitions.get(&partition)).copied().unwrap_or(i64::MIN);
        if batch.iter().any(|record| record.offset >= end_of(record.topic, record.partition)) {
            batch.retain(|record| record.offset < end_of(record.topic, record.partition));
        }
    }

    /// Takes note of offsets at which there is nothing to deliver, once everything before them was returned.
    pub(crate) fn pass(&self, consumer: &dyn Consumer, next: &mut OffsetMap) {
        for position in consumer.positions() {
            let known = next.get_mut(&position.topic).and_then(|partitions| partitions.get_mut(&position.partition));
            let Some(known) = known else { continue };
            let share = TopicPartition { topic: position.topic, partition: position.partition };
            let end = self.end_of(&share).unwrap_or(i64::MAX);
            *known = position.offset.min(end).max(*known);
        }
    }

    /// Where a finite read stops in a partition; one that nobody knew at the start is not read.
    fn end_of(&self, share: &TopicPartition) -> Option<i64> {
        let began = self.shares.get(share).map_or(0, |share| share.began);
        let end = self.ends.as_ref()?.get(&share.topic).and_then(|partitions| partitions.get(&share.partition));
        Some(end.map_or(began, |end| began.max(*end)))
    }

    /// Whether everything that falls to this member is read, up to the ends seen at the start.
    ///
    /// Where nothing has come for a while, an end may lie behind offsets that are never delivered, such as a transaction's marker; then it is asked whether that is so.
    pub(crate) fn is_at_end(&mut self, consumer: &dyn Consumer, next: &mut OffsetMap, options: &ReadOptions) -> Result<bool> {
        if self.ends.is_none() || consumer.membership() != Membership::Stable {
            self.quiet_since = None;
            return Ok(false);
        }
        let mut rest = self.rest(next);
        if !rest.is_empty() && self.quiet_since.is_some_and(|since| since.elapsed() >= QUIET_MAX) {
            self.quiet_since = None;
            if self.is_nothing_left(&rest, options)? {
                for Assignment { topic, partition, end, .. } in rest.drain(..) {
                    next.entry(topic).or_default().insert(partition, end.expect("what is left has an end"));
                }
            }
        }
        Ok(rest.is_empty())
    }

    fn rest(&self, next: &OffsetMap) -> Vec<Assignment> {
        let left = |share: &TopicPartition| {
            let start = *next.get(&share.topic)?.get(&share.partition)?;
            let end = self.end_of(share)?;
            (start < end).then(|| Assignment { topic: share.topic.clone(), partition: share.partition, start, end: Some(end) })
        };
        self.shares.keys().filter_map(left).collect()
    }

    fn is_nothing_left(&mut self, rest: &[Assignment], options: &ReadOptions) -> Result<bool> {
        let begun = Instant::now();
        self.looker.assign(rest, options.timeout)?;
        let mut batch = Batch::with_limits(1, Batch::BYTES_MAX);
        let mut polled = Polled::Timeout;
        while polled == Polled::Timeout && begun.elapsed() < QUESTION_MAX && !options.cancel.is_cancelled() {
            polled = self.looker.poll(&mut batch, POLL_MAX)?;
        }
        self.looker.close(options.timeout)?;
        Ok(polled == Polled::End)
    }

    /// Whether what is done is to be committed before the next poll.
    pub(crate) fn wants_commit(&self, consumer: &dyn Consumer, next: &OffsetMap) -> bool {
        self.usage == GroupUse::CommitDone && self.is_commit_due(consumer, next)
    }

    /// Whether what was returned is to be committed, done or not.
    pub(crate) fn wants_commit_of_read(&self, consumer: &dyn Consumer, next: &OffsetMap) -> bool {
        self.usage == GroupUse::CommitRead && self.is_commit_due(consumer, next)
    }

    fn is_commit_due(&self, consumer: &dyn Consumer, next: &OffsetMap) -> bool {
        let is_due = self.committed_at.elapsed() >= COMMIT_EVERY || consumer.membership() == Membership::Revoking;
        is_due && self.has_uncommitted(next)
    }

    /// Whether offsets are committed at the end.
    pub(crate) fn commits(&self) -> bool {
        matches!(self.usage, GroupUse::CommitDone | GroupUse::CommitAtEnd | GroupUse::CommitRead)
    }

    fn has_uncommitted(&self, next: &OffsetMap) -> bool {
        self.shares.iter().any(|(at, share)| share.committed != next.get(&at.topic).and_then(|partitions| partitions.get(&at.partition)).copied())
    }

    /// Those of `done` that this member may and has to commit. What was done before a partition went and came back is not among them.
    pub(crate) fn take_commits(&mut self, done: &[Position]) -> Vec<Position> {
        self.committed_at = Instant::now();
        let wanted = |position: &&Position| {
            let at = TopicPartition { topic: position.topic.clone(), partition: position.partition };
            self.shares.get(&at).is_some_and(|share| position.offset >= share.began && share.committed != Some(position.offset))
        };
        done.iter().filter(wanted).cloned().collect()
    }

    /// Takes note of what was committed.
    pub(crate) fn committed(&mut self, positions: Vec<Position>) {
        for Position { topic, partition, offset } in positions {
            if let Some(share) = self.shares.get_mut(&TopicPartition { topic, partition }) {
                share.committed = Some(offset);
            }
        }
    }
}

/// The committed offsets of a group for what is to be read, in place of the starts; the member's own view is not needed for it.
pub(crate) fn start_at_committed(storage: &dyn Storage, group: &GroupOptions, assignments: &mut [Assignment], options: &ReadOptions) -> Result<()> {
    let partitions: Vec<_> = assignments.iter().map(|a| TopicPartition { topic: a.topic.clone(), partition: a.partition }).collect();
    let mut consumer = storage.consumer(&ConsumerOptions { group: Some(group.name.clone()), ..options.consumer.clone() })?;
    let committed = consumer.committed(&partitions, options.timeout)?;
    consumer.close(options.timeout)?;
    for Assignment { topic, partition, start, end } in assignments {
        if let Some(position) = committed.iter().find(|position| position.partition == *partition && position.topic == *topic) {
            *start = position.offset;
            *end = end.map(|end| end.max(*start));
        }
    }
    Ok(())
}
