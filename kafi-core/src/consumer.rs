//! Reading messages.

use std::fmt;
use std::time::Duration;

use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Shown;

/// Which messages of transactions are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Isolation {
    /// Only committed ones, up to the last stable offset.
    #[default]
    ReadCommitted,
    /// All, up to the high watermark.
    ReadUncommitted,
}

/// How a consumer is made.
#[derive(Clone)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct ConsumerOptions {
    /// The group to commit as; needed to subscribe and to commit.
    pub group: Option<String>,
    /// Default: read committed.
    pub isolation: Isolation,
    /// Where a partition without a committed offset starts: true (the default) is the log start, false the end.
    pub start_at_earliest: bool,
    /// Goes on at the first offset that is still there, with a warning in the log, where the next one was deleted;
    /// otherwise that is `OutOfRange`. Default: false.
    pub allow_gap: bool,
    /// Skips damaged batches with a warning in the log, where otherwise that is `Corrupt`. Default: false.
    pub skip_corrupt: bool,
    /// The bytes that are read ahead at most, over all partitions together. Default: 64 MiB.
    pub buffer_bytes_max: u64,
    /// The most bytes that one stored batch may take in memory, as it is stored and unpacked; a larger one is
    /// `TooLarge`. It bounds what a few bytes can be made to unpack to. Concerns storages that unpack batches
    /// themselves. Default: 256 MiB.
    pub batch_bytes_max: u64,
    /// Properties of the client underneath (librdkafka's names), winning over those of the configuration.
    pub properties: Vec<(String, String)>,
}

impl fmt::Debug for ConsumerOptions {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerOptions")
            .field("group", &self.group)
            .field("isolation", &self.isolation)
            .field("start_at_earliest", &self.start_at_earliest)
            .field("allow_gap", &self.allow_gap)
            .field("skip_corrupt", &self.skip_corrupt)
            .field("buffer_bytes_max", &self.buffer_bytes_max)
            .field("properties", &Shown(&self.properties))
            .finish_non_exhaustive()
    }
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            group: None,
            isolation: Isolation::default(),
            start_at_earliest: true,
            allow_gap: false,
            skip_corrupt: false,
            buffer_bytes_max: 64 << 20,
            batch_bytes_max: 256 << 20,
            properties: Vec::new(),
        }
    }
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

/// A place in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Position {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset of the next message to read.
    pub offset: i64,
}

/// An offset that a group has committed, or is to commit, with what its consumers keep beside it.
///
/// ```
/// use kafi_core::{CommittedOffset, Position};
/// let position = Position { topic: "orders".into(), partition: 0, offset: 17 };
/// assert_eq!(CommittedOffset::from(position), CommittedOffset::new("orders", 0, 17));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct CommittedOffset {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset of the next message to read.
    pub offset: i64,
    /// The epoch of the partition's leader that the last message before it was read from, where whoever committed said
    /// so. It means something only to the same cluster.
    #[cfg_attr(feature = "plugin", serde(default, skip_serializing_if = "Option::is_none"))]
    pub leader_epoch: Option<i32>,
    /// What the group's consumers keep beside the offset: Kafka Streams and others store their state there. Empty if
    /// there is nothing.
    #[cfg_attr(feature = "plugin", serde(default, skip_serializing_if = "String::is_empty"))]
    pub metadata: String,
}

impl CommittedOffset {
    /// An offset with nothing beside it.
    pub fn new(topic: impl Into<String>, partition: i32, offset: i64) -> Self {
        Self { topic: topic.into(), partition, offset, leader_epoch: None, metadata: String::new() }
    }

    /// These positions, with nothing beside them.
    pub fn all(positions: &[Position]) -> Vec<Self> {
        positions.iter().cloned().map(Self::from).collect()
    }
}

impl From<Position> for CommittedOffset {
    fn from(Position { topic, partition, offset }: Position) -> Self {
        Self::new(topic, partition, offset)
    }
}

/// A member of a group, as a [transaction](crate::Producer#transactions) has to know it that commits offsets for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupMetadata {
    /// The group.
    pub group: String,
    /// The generation of the group, or the epoch of the member; negative for a consumer that is none.
    pub generation: i32,
    /// The id of the member; empty for a consumer that is none.
    pub member: String,
    /// The id that the member keeps over restarts, if it has one.
    #[cfg_attr(feature = "plugin", serde(default, skip_serializing_if = "Option::is_none"))]
    pub instance: Option<String>,
}

/// What to read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Assignment {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset to read; absolute.
    pub start: i64,
    /// The offset to stop before; `None` goes on for ever. Nothing at or after it is delivered, and it counts as
    /// reached also where the last offsets before it are never delivered (compacted away, control records, aborted).
    pub end: Option<i64>,
}

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// The batch holds at least one message.
    Records,
    /// The time ran out; the batch is empty.
    Timeout,
    /// Every assigned partition has reached its end; the batch is empty, and stays so.
    End,
}

/// Where a member of a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It has not yet been told which partitions fall to it.
    Joining,
    /// It has its share of the partitions, which may be empty.
    Stable,
    /// The group takes partitions back: what is done is to be committed now, since the next poll gives them up.
    Revoking,
}

/// Reads messages from a storage.
///
/// Either [`assign`](Consumer::assign) partitions, or [`subscribe`](Consumer::subscribe) as a group; the later call
/// replaces the earlier.
pub trait Consumer: Send {
    /// Reads these partitions from these offsets on; replaces any earlier assignment. May read ahead at once. Blocks up
    /// to `timeout`.
    ///
    /// # Errors
    /// `NotFound` for a missing topic or partition, `OutOfRange` for a start outside of the log (unless gaps are
    /// allowed), `Unavailable`, `Timeout`.
    fn assign(&mut self, assignments: &[Assignment], timeout: Duration) -> Result<()>;

    /// Joins the group and reads the share of the topics that falls to this member, from the committed offsets. Blocks
    /// up to `timeout`; joining goes on in [`poll`](Consumer::poll).
    ///
    /// A member that calls it again stays one, with other topics: what it keeps goes on where it was, save where the
    /// group takes everything back for a moment, after which it goes on at the committed offsets. Topics and partitions
    /// that come later are read from their start, unless offsets are committed for them.
    ///
    /// # Errors
    /// `Usage` without a group, `NotFound` for a missing topic, `Conflict` where a group takes one live member and has
    /// it, `Unsupported`.
    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()>;

    /// Moves to another offset of an assigned partition; what was read ahead is dropped.
    ///
    /// # Errors
    /// `NotFound` where the partition is not assigned.
    fn seek(&mut self, position: &Position, timeout: Duration) -> Result<()>;

    /// Clears `batch` and fills it with the next messages, in order within each partition. Returns as soon as there are
    /// some, and within `timeout` in any case.
    ///
    /// # Errors
    /// `OutOfRange`, `Corrupt`, `Unavailable`, `Authentication`, `PermissionDenied`. After an error that can be
    /// retried, the next call goes on where this one was.
    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled>;

    /// From now on polls deliver nothing, but keep the membership of a group alive and follow its changes, so that what
    /// was delivered can be worked on for as long as it takes. Does not block.
    ///
    /// # Errors
    /// `Unsupported` where there is nothing to keep alive: there whoever is busy need not poll.
    fn pause(&mut self) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "pause", "this kind of storage waits by itself"))
    }

    /// Polls deliver again, from where they were.
    ///
    /// # Errors
    /// As for [`pause`](Consumer::pause).
    fn resume(&mut self) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "resume", "this kind of storage waits by itself"))
    }

    /// Where this member of a group stands, as of the last poll. Default: stable, which holds for storages whose groups
    /// take one member.
    fn membership(&self) -> Membership {
        Membership::Stable
    }

    /// The next offset of each assigned partition, past everything that was returned and past what is never delivered.
    fn positions(&self) -> Vec<Position>;

    /// Commits these offsets for the group, with what is to be kept beside them, and waits until the storage has them,
    /// up to `timeout`.
    ///
    /// # Errors
    /// `Usage` without a group, `Fenced` where another member took over, `Unavailable`, `Timeout`.
    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()>;

    /// The group's committed offsets of these partitions; those without one are left out. Blocks up to `timeout`.
    ///
    /// # Errors
    /// As for [`commit`](Consumer::commit).
    fn committed(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<CommittedOffset>>;

    /// What a transaction has to know of this member of a group, as of now, to commit offsets for it. A consumer that
    /// has a group and is no member names the group alone, which is refused while that has members. Does not block.
    ///
    /// # Errors
    /// `Usage` without a group, `Unsupported` without transactions.
    fn group_metadata(&mut self) -> Result<GroupMetadata> {
        Err(Error::new(ErrorKind::Unsupported, "commit in a transaction", "this kind of storage has no transactions"))
    }

    /// Leaves the group and frees what the consumer holds, within `timeout`. Commits nothing. Dropping a consumer never
    /// blocks.
    ///
    /// # Errors
    /// `Timeout`.
    fn close(&mut self, timeout: Duration) -> Result<()>;
}
