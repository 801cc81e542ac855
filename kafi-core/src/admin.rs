//! Administration of topics, partitions, settings, and groups.

use std::fmt;
use std::time::{Duration, Instant};

use crate::consumer::{CommittedOffset, Isolation, Position, TopicPartition};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::{Shown, shown_value};

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Topic {
    /// The name.
    pub name: String,
    /// What identifies it beyond its name, so that a topic that was deleted and made anew is told apart; empty if the
    /// storage has none.
    pub id: String,
    /// Whether it is one of the storage's own (`__consumer_offsets`).
    pub internal: bool,
    /// The partitions, by number.
    pub partitions: Vec<Partition>,
}

/// A partition and where it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Partition {
    /// The number, from 0.
    pub partition: i32,
    /// The leading broker; -1 if there is none, 0 where there are no brokers.
    pub leader: i32,
    /// The brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub in_sync: Vec<i32>,
    /// The bytes it takes, where the storage knows.
    pub bytes: Option<u64>,
}

/// A topic to be made.
///
/// ```
/// use kafi_core::NewTopic;
/// let topic = NewTopic::new("orders").partitions(3).config("cleanup.policy", "compact");
/// assert_eq!((topic.partitions, topic.replication), (Some(3), None));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct NewTopic {
    /// The name: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`.
    pub name: String,
    /// How many partitions; `None` is the storage's default (1 on logs).
    pub partitions: Option<i32>,
    /// How many replicas; `None` is the storage's default. Logs take only 1.
    pub replication: Option<i32>,
    /// Settings, Kafka's names.
    pub config: Vec<(String, String)>,
}

impl fmt::Debug for NewTopic {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, partitions, replication, config } = self;
        let mut shown = f.debug_struct("NewTopic");
        shown
            .field("name", name)
            .field("partitions", partitions)
            .field("replication", replication)
            .field("config", &Shown(config))
            .finish()
    }
}

impl NewTopic {
    /// A topic with everything at the storage's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), partitions: None, replication: None, config: Vec::new() }
    }

    /// Sets how many partitions.
    pub fn partitions(self, partitions: i32) -> Self {
        Self { partitions: Some(partitions), ..self }
    }

    /// Sets how many replicas.
    pub fn replication(self, replication: i32) -> Self {
        Self { replication: Some(replication), ..self }
    }

    /// Adds a setting.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.push((name.into(), value.into()));
        self
    }
}

/// The range of offsets that a partition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Watermarks {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset that can be read.
    pub low: i64,
    /// The offset after the last one that can be read: the high watermark, or the last stable offset under read
    /// committed.
    pub high: i64,
}

/// A setting of a topic or a broker.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct ConfigEntry {
    /// Kafka's name.
    pub name: String,
    /// The value; `None` where the storage keeps it to itself (a secret).
    pub value: Option<String>,
    /// Whether it was never set for this topic or broker.
    pub default: bool,
    /// Whether it cannot be changed.
    pub read_only: bool,
}

impl fmt::Debug for ConfigEntry {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, default, read_only } = self;
        let value = value.as_deref().map(|value| shown_value(name, value));
        f.debug_struct("ConfigEntry")
            .field("name", name)
            .field("value", &value)
            .field("default", default)
            .field("read_only", read_only)
            .finish()
    }
}

/// A change of one setting: `None` goes back to the default.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct ConfigChange {
    /// Kafka's name.
    pub name: String,
    /// The new value.
    pub value: Option<String>,
}

impl fmt::Debug for ConfigChange {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_deref().map(|value| shown_value(&self.name, value));
        f.debug_struct("ConfigChange").field("name", &self.name).field("value", &value).finish()
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Group {
    /// The name.
    pub name: String,
    /// Kafka's word for what it is doing: `Stable`, `Empty`, ….
    pub state: String,
}

/// A group and who reads as it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupDescription {
    /// The name.
    pub name: String,
    /// Kafka's word for what it is doing: `Stable`, `Empty`, ….
    pub state: String,
    /// The live members, sorted by id.
    pub members: Vec<GroupMember>,
}

/// A live member of a group. What a storage does not know is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupMember {
    /// What tells it from the other members.
    pub id: String,
    /// What it calls itself (`client.id`).
    pub client_id: String,
    /// Where it runs, as the storage sees it.
    pub host: String,
    /// The partitions that it reads, sorted.
    pub partitions: Vec<TopicPartition>,
}

/// The brokers of a storage that has some.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Cluster {
    /// What stays the same for as long as it is the same cluster.
    pub id: String,
    /// The broker that decides for the cluster; -1 if there is none right now.
    pub controller: i32,
    /// The brokers, by id.
    pub brokers: Vec<Broker>,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Broker {
    /// The number.
    pub id: i32,
    /// Where clients reach it.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The rack or zone that it says it is in.
    pub rack: Option<String>,
}

/// Administers a storage. Every call blocks up to its `timeout`.
///
/// # Errors
/// All calls: `NotFound` for a missing topic, partition, or group; `Unsupported`; `Unavailable`, `Timeout`,
/// `Authentication`, `PermissionDenied`. Others are named where they occur.
pub trait Admin: Send {
    /// The topics of these names, or all for an empty list, sorted by name. Among all, one that cannot be described,
    /// because it is damaged or may not be looked at, comes without partitions and hides no other; asking for it by its
    /// name says why.
    fn topics(&mut self, names: &[String], timeout: Duration) -> Result<Vec<Topic>>;

    /// Makes a topic and returns when it can be used.
    ///
    /// # Errors
    /// `AlreadyExists`; `Usage` for a bad name, number, or setting.
    fn create_topic(&mut self, topic: &NewTopic, timeout: Duration) -> Result<()>;

    /// Deletes a topic with all its messages, and returns when it is gone.
    fn delete_topic(&mut self, name: &str, timeout: Duration) -> Result<()>;

    /// Raises the number of partitions.
    ///
    /// # Errors
    /// `Usage` where the number is not larger than it was.
    fn create_partitions(&mut self, topic: &str, partitions: i32, timeout: Duration) -> Result<()>;

    /// The range of offsets of each of these partitions, in the order asked for.
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Watermarks>>;

    /// The range of offsets of each of these partitions, in the order asked for: an answer for each, so that one that
    /// cannot be asked about hides no other. Where brokers lead partitions, all of them are asked at once, and a leader
    /// that is silent is not waited for much longer than the others. A storage that can does so by itself; by default
    /// partitions are asked about together, and one after the other where that fails.
    fn watermarks_of_each(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Result<Watermarks>>> {
        together_or_one_by_one(partitions, timeout, |partitions, timeout| {
            self.watermarks(partitions, isolation, timeout)
        })
    }

    /// For each of these partitions the first offset whose message has a timestamp (epoch ms, in [`Position::offset`]
    /// on the way in) at or after the given one; the end where there is none.
    fn offsets_for_times(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Position>>;

    /// The same with an answer for each, as for [`watermarks_of_each`](Admin::watermarks_of_each).
    fn offsets_for_times_of_each(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Result<Position>>> {
        together_or_one_by_one(times, timeout, |times, timeout| self.offsets_for_times(times, timeout))
    }

    /// Deletes everything before these offsets; returns the new log starts. An offset of -1 means the end.
    ///
    /// # Errors
    /// `OutOfRange` for an offset beyond the end.
    fn delete_records(&mut self, before: &[Position], timeout: Duration) -> Result<Vec<Position>>;

    /// The settings of a topic, sorted by name.
    fn topic_config(&mut self, topic: &str, timeout: Duration) -> Result<Vec<ConfigEntry>>;

    /// Changes some settings of a topic and leaves the others.
    ///
    /// # Errors
    /// `Usage` for an unknown setting or a bad value.
    fn alter_topic_config(&mut self, topic: &str, changes: &[ConfigChange], timeout: Duration) -> Result<()>;

    /// The brokers.
    ///
    /// # Errors
    /// `Unsupported` where there are none.
    fn cluster(&mut self, timeout: Duration) -> Result<Cluster>;

    /// The settings of a broker, sorted by name.
    ///
    /// # Errors
    /// `Unsupported` where there are no brokers; `NotFound` for one that is not there.
    fn broker_config(&mut self, broker: i32, timeout: Duration) -> Result<Vec<ConfigEntry>>;

    /// Changes some settings of a broker and leaves the others.
    ///
    /// # Errors
    /// `Unsupported` where there are no brokers; `NotFound` for one that is not there; `Usage` for a bad value, or a
    /// setting that cannot be changed while it runs.
    fn alter_broker_config(&mut self, broker: i32, changes: &[ConfigChange], timeout: Duration) -> Result<()>;

    /// The groups, sorted by name.
    fn groups(&mut self, timeout: Duration) -> Result<Vec<Group>>;

    /// What a group is doing, and its live members.
    fn group(&mut self, group: &str, timeout: Duration) -> Result<GroupDescription>;

    /// The groups, sorted by name, of what can be reached, and what could not be asked: a broker that is down hides its
    /// own groups and no others.
    fn list_groups(&mut self, timeout: Duration) -> Result<(Vec<Group>, Vec<Error>)> {
        self.groups(timeout).map(|groups| (groups, Vec::new()))
    }

    /// What each of these groups is doing, and its live members, in the order asked for: an answer for each, `NotFound`
    /// for one that is not there, so that one that cannot be described hides no other. A storage that can asks for all
    /// of them at once; by default they are asked for one after the other.
    fn describe_groups(&mut self, groups: &[String], timeout: Duration) -> Result<Vec<Result<GroupDescription>>> {
        Ok(one_by_one(groups, timeout, |group, timeout| self.group(group, timeout)))
    }

    /// The committed offsets of a group, sorted.
    fn group_offsets(&mut self, group: &str, timeout: Duration) -> Result<Vec<CommittedOffset>>;

    /// The committed offsets of each of these groups, sorted, in the order asked for: an answer for each; of a group
    /// that is not there, none. A storage that can asks for all of them at once; by default they are asked for one
    /// after the other.
    fn offsets_of_groups(&mut self, groups: &[String], timeout: Duration) -> Result<Vec<Result<Vec<CommittedOffset>>>> {
        let answers = one_by_one(groups, timeout, |group, timeout| self.group_offsets(group, timeout));
        Ok(answers.into_iter().map(|answer| if is_missing(&answer) { Ok(Vec::new()) } else { answer }).collect())
    }

    /// Sets committed offsets of a group without live members, with what is to be kept beside them; makes the group if
    /// it is new.
    ///
    /// # Errors
    /// `Conflict` where the group has live members.
    fn alter_group_offsets(&mut self, group: &str, offsets: &[CommittedOffset], timeout: Duration) -> Result<()>;

    /// Deletes a group without live members.
    ///
    /// # Errors
    /// `Conflict` where the group has live members.
    fn delete_group(&mut self, group: &str, timeout: Duration) -> Result<()>;

    /// Does what only this kind of storage can do, named by `operation`. Argument and answer are JSON. What there is
    /// stands in the documentation of the storage's crate.
    ///
    /// # Errors
    /// `Unsupported` for an operation that it does not know, which is all of them by default; `Usage` for a bad
    /// argument.
    fn operation(&mut self, operation: &str, _argument: &str, _timeout: Duration) -> Result<String> {
        Err(Error::new(ErrorKind::Unsupported, operation.to_string(), "this kind of storage has no such operation"))
    }
}

/// The topic of this name, if there is one.
pub fn existing(admin: &mut dyn Admin, name: &str, timeout: Duration) -> Result<Option<Topic>> {
    match admin.topics(&[name.to_string()], timeout) {
        Ok(topics) => Ok(topics.into_iter().next()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks about groups one after the other, all of them within `timeout`.
pub(crate) fn one_by_one<T>(
    groups: &[String],
    timeout: Duration,
    mut ask: impl FnMut(&str, Duration) -> Result<T>,
) -> Vec<Result<T>> {
    let started = Instant::now();
    groups.iter().map(|group| ask(group, timeout.saturating_sub(started.elapsed()))).collect()
}

/// Asks about all of them at once, and where that fails about one after the other, all within `timeout`.
///
/// # Errors
/// What concerns the storage as a whole.
pub(crate) fn together_or_one_by_one<Q, T>(
    asked: &[Q],
    timeout: Duration,
    mut ask: impl FnMut(&[Q], Duration) -> Result<Vec<T>>,
) -> Result<Vec<Result<T>>> {
    let started = Instant::now();
    match ask(asked, timeout) {
        Ok(answers) => Ok(answers.into_iter().map(Ok).collect()),
        Err(error) if error.concerns_all() => Err(error),
        Err(error) if asked.len() == 1 => Ok(vec![Err(error)]),
        Err(_) => {
            let mut one = |question: &Q| {
                let mut answers = ask(std::slice::from_ref(question), timeout.saturating_sub(started.elapsed()))?;
                answers.pop().ok_or_else(|| Error::new(ErrorKind::Unexpected, "ask storage", "it gave no answer"))
            };
            Ok(asked.iter().map(&mut one).collect())
        }
    }
}

pub(crate) fn is_missing<T>(answer: &Result<T>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}
