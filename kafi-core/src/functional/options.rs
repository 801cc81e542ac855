//! What is read, and how: everything that readers, plans, and orders are told.

use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::consumer::ConsumerOptions;
use crate::functional::{Cancel, CommitNotes, Limit, Progress, SetAside, TopicFilter};
use crate::offsets::Offsets;

/// What is read, and how.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// From where to where. Default: from the start to the end that is seen at the start.
    pub offsets: Offsets,
    /// Only these partitions. Default: all.
    pub partitions: Option<Vec<i32>>,
    /// Only the messages with exactly these bytes as key; one without a key is never among them. Default: all.
    pub key: Option<Vec<u8>>,
    /// Stop after this many messages in all, not counting those with another key. Default: no limit.
    pub max: Option<u64>,
    /// The same, shared with other reads that go on at the same time, in place of `max`; what is read in an order takes
    /// no notice of it. Default: none.
    pub limit: Option<Limit>,
    /// Go on at the end, for ever. Default: false.
    pub follow: bool,
    /// In which order the messages of several partitions come, for `cat` and `grep`. Other orders than the default need
    /// an end, and take no member of a group. Default: as they are read.
    pub order: Order,
    /// Read as this consumer group, from its committed offsets. Then `offsets` is left as it is, `partitions` too
    /// unless only looking on, and `consumer.start_at_earliest` says where partitions without a committed offset begin.
    /// Default: no group.
    pub group: Option<GroupOptions>,
    /// A member of a group is told of each message when the work on it is done, in any order
    /// ([`Reader::done`](crate::Reader::done)), and commits that with
    /// [`commit_done`](crate::Reader::commit_done). Default: false.
    pub track_done: bool,
    /// Whether what is done beyond the committed offset is then kept in the metadata beside it. Default: true.
    pub keep_done: bool,
    /// What a member of a group commits beside its offsets, by topic; it may be changed while reading. Default:
    /// nothing.
    pub commit_notes: CommitNotes,
    /// The topics that belong to what is read where they come later, for a member of a group that follows; they are
    /// noticed within some seconds, and read from their start. Default: none.
    pub later_topics: Option<TopicFilter>,
    /// How the consumer is made.
    pub consumer: ConsumerOptions,
    /// The messages of a batch at most. Default: [`Batch::RECORDS_MAX`].
    pub batch_records_max: usize,
    /// The bytes of a batch at most, save for a single larger message. Default: [`Batch::BYTES_MAX`].
    pub batch_bytes_max: usize,
    /// How long each question to the storage may take. Default: 30 s.
    pub timeout: Duration,
    /// Go on without the topics and partitions that cannot be read, of which it takes note, as long as there are
    /// others. What has no end, and a member of a group, does not. Default: none, the first failure ends the read.
    pub set_aside: Option<SetAside>,
    /// Read until somebody asks to stop.
    pub cancel: Cancel,
    /// Where the job counts.
    pub progress: Arc<Progress>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            offsets: Offsets::default(),
            partitions: None,
            key: None,
            max: None,
            limit: None,
            follow: false,
            order: Order::default(),
            group: None,
            track_done: false,
            keep_done: true,
            commit_notes: CommitNotes::default(),
            later_topics: None,
            consumer: ConsumerOptions::default(),
            batch_records_max: Batch::RECORDS_MAX,
            batch_bytes_max: Batch::BYTES_MAX,
            timeout: Duration::from_secs(30),
            set_aside: None,
            cancel: Cancel::new(),
            progress: Arc::default(),
        }
    }
}

impl ReadOptions {
    /// The group, where it is read as its member.
    pub fn joined(&self) -> Option<&GroupOptions> {
        self.group.as_ref().filter(|group| group.usage != GroupUse::LookOnly)
    }

    /// What takes note of what is left out, where something may be.
    pub fn set_aside(&self) -> Option<&SetAside> {
        self.set_aside.as_ref().filter(|_| !self.follow && self.joined().is_none())
    }

    /// How many messages its readers may have together.
    pub(super) fn shared_limit(&self) -> Option<Limit> {
        self.limit.clone().or_else(|| self.max.map(Limit::new))
    }
}

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
    /// As a member; offsets are committed when the work on their messages is done: each second, before partitions are
    /// given up, and at the end.
    #[default]
    CommitDone,
    /// As a member; offsets are committed at the end only, for work that is done as a whole or not at all: nothing
    /// where it fails, and nothing of partitions that go before.
    CommitAtEnd,
    /// As a member; offsets are committed when the messages after them are asked for, whether or not the work on them
    /// is done.
    CommitRead,
    /// As a member that commits nothing. What is [tracked](ReadOptions::track_done) as done is committed with the
    /// transactions of whoever works on it.
    CommitNothing,
    /// From outside, beside any members: all partitions from the committed offsets on. Nothing is committed.
    LookOnly,
}

/// In which order the messages of several partitions come; within a partition it is always that of their offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they are read.
    #[default]
    AsRead,
    /// Partition after partition, and topic after topic.
    Partition,
    /// By timestamp, then partition, then offset. A message that is older than the one before it in its partition stays
    /// behind that one.
    Time,
}
