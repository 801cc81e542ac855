//! Topics and their partitions.

use std::fmt;
use std::time::Duration;

use super::base::AdminBase;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Shown;

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

/// Lists, describes, creates, and deletes topics. A method that a storage does not write is `Unsupported`.
pub trait TopicAdmin: AdminBase {
    /// The topics of these names, or all for an empty list, sorted by name. Among all, one that cannot be described,
    /// because it is damaged or may not be looked at, comes without partitions and hides no other; asking for it by its
    /// name says why.
    fn topics(&mut self, names: &[String], timeout: Duration) -> Result<Vec<Topic>>;

    /// Makes a topic and returns when it can be used.
    ///
    /// # Errors
    /// `AlreadyExists`; `Usage` for a bad name, number, or setting.
    fn create_topic(&mut self, _topic: &NewTopic, _timeout: Duration) -> Result<()> {
        Err(Error::unsupported(self.storage_name(), "create topic"))
    }

    /// Whether a topic could be made so, whatever its name: that may be taken. Nothing is made.
    ///
    /// # Errors
    /// `Usage` for a bad number or setting; what else making it would fail with now.
    fn check_new_topic(&mut self, _topic: &NewTopic, _timeout: Duration) -> Result<()> {
        Err(Error::unsupported(self.storage_name(), "check new topic"))
    }

    /// Deletes a topic with all its messages, and returns when it is gone.
    fn delete_topic(&mut self, _name: &str, _timeout: Duration) -> Result<()> {
        Err(Error::unsupported(self.storage_name(), "delete topic"))
    }

    /// Raises the number of partitions.
    ///
    /// # Errors
    /// `Usage` where the number is not larger than it was.
    fn create_partitions(&mut self, _topic: &str, _partitions: i32, _timeout: Duration) -> Result<()> {
        Err(Error::unsupported(self.storage_name(), "create partitions"))
    }
}

/// The topic of this name, if there is one.
pub fn existing(admin: &mut (impl TopicAdmin + ?Sized), name: &str, timeout: Duration) -> Result<Option<Topic>> {
    match admin.topics(&[name.to_string()], timeout) {
        Ok(topics) => Ok(topics.into_iter().next()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
