//! Reading as a consumer group: partitions that come and go, where a member stops, and what is committed.

use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::consumer::{Assignment, Consumer, ConsumerOptions, Membership, Polled, Position, TopicPartition};
use crate::error::Result;
use crate::functional::later::LaterTopics;
use crate::functional::ledger::{Ledger, OffsetMap};
use crate::functional::options::{GroupOptions, GroupUse, ReadOptions};
use crate::functional::progress::Progress;
use crate::meta::RecordMeta;
use crate::storage::Storage;

/// What is done is committed this often.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// So long after the last message it is asked whether anything lies before the ends that are not reached.
const QUIET_MAX: Duration = Duration::from_millis(300);

/// One poll of that question.
const POLL_MAX: Duration = Duration::from_millis(100);

/// That question is given up after this long, and asked again later.
const QUESTION_MAX: Duration = Duration::from_secs(5);

/// A member's side of reading.
pub(crate) struct GroupReading {
    usage: GroupUse,
    /// The ends seen at the start; `None` goes on for ever.
    ends: Option<OffsetMap>,
    committed_at: Instant,
    quiet_since: Option<Instant>,
    /// Asks whether anything lies before an end.
    looker: Box<dyn Consumer>,
    later_topics: Option<LaterTopics>,
    topics: Vec<String>,
}

impl GroupReading {
    /// Joins the group of `options` to read the topics of `assignments`, which also say where a finite read ends.
    pub(crate) fn join(
        storage: &dyn Storage,
        group: &GroupOptions,
        assignments: Vec<Assignment>,
        options: &ReadOptions,
    ) -> Result<(Box<dyn Consumer>, Self)> {
        let mut ends = OffsetMap::new();
        for assignment in assignments {
            ends.entry(assignment.topic)
                .or_default()
                .insert(assignment.partition, assignment.end.unwrap_or(assignment.start));
        }
        let topics: Vec<String> = ends.keys().cloned().collect();
        let mut consumer =
            storage.consumer(&ConsumerOptions { group: Some(group.name.clone()), ..options.consumer.clone() })?;
        let looker = storage.consumer(&ConsumerOptions { group: None, ..options.consumer.clone() })?;
        let filter = options.later_topics.clone().filter(|_| options.follow);
        let later_topics = filter.map(|filter| LaterTopics::new(storage, filter, &topics)).transpose()?;
        // Only now, when nothing else can fail, is there a member that would have to leave.
        if let Err(error) = consumer.subscribe(&topics, options.timeout) {
            drop(consumer.close(options.timeout));
            return Err(error);
        }
        log::info!("reading as a member of group {}", group.name);
        let ends = if options.follow { None } else { Some(ends) };
        let member = Self {
            usage: group.usage,
            ends,
            committed_at: Instant::now(),
            quiet_since: None,
            looker,
            later_topics,
            topics,
        };
        Ok((consumer, member))
    }

    /// The topics that it is subscribed to.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.later_topics.as_ref().map_or_else(|| self.topics.clone(), LaterTopics::topics)
    }

    /// Takes along topics that have come, where the caller wants them.
    pub(crate) fn follow_later_topics(&mut self, consumer: &mut dyn Consumer) -> Result<()> {
        self.later_topics.as_mut().map_or(Ok(()), |later| later.follow(consumer))
    }

    /// Takes note of the partitions that came and went with a poll, and cuts what lies behind the ends off `batch`.
    /// `positions` are those of the consumer.
    pub(crate) fn follow(
        &mut self,
        positions: &[Position],
        ledger: &mut Ledger,
        batch: &mut Batch,
        progress: &Progress,
    ) {
        let end_of = |began: &Position| {
            let end = self.ends.as_ref()?.get(&began.topic).and_then(|partitions| partitions.get(&began.partition));
            Some(end.map_or(began.offset, |end| began.offset.max(*end)))
        };
        ledger.follow(positions, batch, end_of, |began, end| {
            log::info!("reading topic {}, partition {}: from {}", began.topic, began.partition, began.offset);
            if let Some(end) = end {
                progress.expect((end - began.offset).max(0) as u64);
            }
        });
        if self.ends.is_some() {
            cut(ledger, batch);
        }
        self.quiet_since = if batch.is_empty() { self.quiet_since.or_else(|| Some(Instant::now())) } else { None };
    }

    /// Whether everything that falls to this member is read, up to the ends seen at the start.
    ///
    /// Where nothing has come for a while, an end may lie behind offsets that are never delivered, such as a
    /// transaction's marker; then it is asked whether that is so.
    pub(crate) fn is_at_end(
        &mut self,
        consumer: &dyn Consumer,
        ledger: &mut Ledger,
        options: &ReadOptions,
    ) -> Result<bool> {
        if self.ends.is_none() || consumer.membership() != Membership::Stable {
            self.quiet_since = None;
            return Ok(false);
        }
        if ledger.has_rest() && self.quiet_since.is_some_and(|since| since.elapsed() >= QUIET_MAX) {
            self.quiet_since = None;
            let rest = ledger.rest();
            if self.is_nothing_left(&rest, options)? {
                ledger.pass_to_ends(&rest);
            }
        }
        Ok(!ledger.has_rest())
    }

    fn is_nothing_left(&mut self, rest: &[(Position, i64)], options: &ReadOptions) -> Result<bool> {
        let begun = Instant::now();
        let assignment = |(at, end): &(Position, i64)| Assignment {
            topic: at.topic.clone(),
            partition: at.partition,
            start: at.offset,
            end: Some(*end),
        };
        self.looker.assign(&rest.iter().map(assignment).collect::<Vec<_>>(), options.timeout)?;
        let mut batch = Batch::with_limits(1, Batch::BYTES_MAX);
        let mut polled = Polled::Timeout;
        while polled == Polled::Timeout && begun.elapsed() < QUESTION_MAX && !options.cancel.is_cancelled() {
            polled = self.looker.poll(&mut batch, POLL_MAX)?;
        }
        self.looker.close(options.timeout)?;
        Ok(polled == Polled::End)
    }

    /// Whether what is done is to be committed before the next poll.
    pub(crate) fn wants_commit(&self, consumer: &dyn Consumer, ledger: &Ledger) -> bool {
        self.usage == GroupUse::CommitDone && self.is_commit_due(consumer, ledger)
    }

    /// Whether what was returned is to be committed, done or not.
    pub(crate) fn wants_commit_of_read(&self, consumer: &dyn Consumer, ledger: &Ledger) -> bool {
        self.usage == GroupUse::CommitRead && self.is_commit_due(consumer, ledger)
    }

    fn is_commit_due(&self, consumer: &dyn Consumer, ledger: &Ledger) -> bool {
        let is_due = self.committed_at.elapsed() >= COMMIT_EVERY || consumer.membership() == Membership::Revoking;
        is_due && ledger.has_uncommitted()
    }

    /// Whether offsets are committed at the end.
    pub(crate) fn commits(&self) -> bool {
        matches!(self.usage, GroupUse::CommitDone | GroupUse::CommitAtEnd | GroupUse::CommitRead)
    }

    /// Whether also a read that fails commits what was done before, because the work is not one whole.
    pub(crate) fn commits_parts(&self) -> bool {
        matches!(self.usage, GroupUse::CommitDone | GroupUse::CommitRead)
    }

    /// Takes note that it is being committed.
    pub(crate) fn commit_begins(&mut self) {
        self.committed_at = Instant::now();
    }
}

/// Cuts what lies behind the ends off a batch. Offsets rise within a partition, so the last of each run tells.
fn cut(ledger: &Ledger, batch: &mut Batch) {
    let is_behind = |run: &[RecordMeta]| {
        run.last()
            .is_some_and(|last| ledger.is_behind_end(&batch.topics()[last.topic as usize], last.partition, last.offset))
    };
    if batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)).any(is_behind) {
        batch.retain(|record| !ledger.is_behind_end(record.topic, record.partition, record.offset));
    }
}

/// The committed offsets of a group for what is to be read, in place of the starts; the member's own view is not needed
/// for it.
///
/// # Errors
/// Those of [`Admin::group_offsets`](crate::GroupAdmin::group_offsets), and an offset beyond the end without
/// `allow_gap`.
pub fn start_at_committed(
    storage: &dyn Storage,
    group: &GroupOptions,
    assignments: &mut [Assignment],
    options: &ReadOptions,
) -> Result<()> {
    let partitions: Vec<_> =
        assignments.iter().map(|a| TopicPartition { topic: a.topic.clone(), partition: a.partition }).collect();
    let mut consumer =
        storage.consumer(&ConsumerOptions { group: Some(group.name.clone()), ..options.consumer.clone() })?;
    let committed = consumer.committed(&partitions, options.timeout)?;
    consumer.close(options.timeout)?;
    for Assignment { topic, partition, start, end } in assignments {
        if let Some(position) =
            committed.iter().find(|position| position.partition == *partition && position.topic == *topic)
        {
            *start = position.offset;
            match *end {
                // Beyond the end there is nothing to read.
                Some(last) if options.consumer.allow_gap => *start = last.min(*start),
                _ => *end = end.map(|end| end.max(*start)),
            }
        }
    }
    Ok(())
}
