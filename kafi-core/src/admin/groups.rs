//! Consumer groups and their committed offsets.

use std::time::{Duration, Instant};

use super::base::AdminBase;
use crate::consumer::{CommittedOffset, TopicPartition};
use crate::error::{Error, ErrorKind, Result};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Group {
    /// The name.
    pub name: String,
    /// Kafka's word for what it is doing: `Stable`, `Empty`, …; empty where that is not known.
    pub state: String,
    /// Kafka's word for how its members find their partitions: `classic`, `consumer`, `share`, `streams`; empty where
    /// that is not known.
    #[cfg_attr(feature = "plugin", serde(default))]
    pub group_type: String,
    /// Kafka's word for what its members are: `consumer`, `connect`, `share`, `streams`; empty where it has had none.
    #[cfg_attr(feature = "plugin", serde(default))]
    pub protocol: String,
}

impl Group {
    /// A group of which nothing else is known.
    pub fn new(name: impl Into<String>, state: impl Into<String>) -> Self {
        Self { name: name.into(), state: state.into(), group_type: String::new(), protocol: String::new() }
    }

    /// Whether it is one of consumers, which commit offsets of topics, as far as is known.
    pub fn is_of_consumers(&self) -> bool {
        matches!(self.protocol.as_str(), "" | "consumer") && !self.state.is_empty()
    }

    /// Whether it is one of Kafka Streams by its own protocol, which commits offsets of topics, too.
    pub fn is_of_streams(&self) -> bool {
        self.protocol == "streams"
    }
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

/// Lists groups, and reads, changes, and deletes their committed offsets. A storage without groups writes no method: all
/// of them are `Unsupported`.
pub trait GroupAdmin: AdminBase {
    /// The groups, sorted by name.
    fn groups(&mut self, _timeout: Duration) -> Result<Vec<Group>> {
        Err(Error::unsupported(self.storage_name(), "list groups"))
    }

    /// What a group is doing, and its live members.
    fn group(&mut self, _group: &str, _timeout: Duration) -> Result<GroupDescription> {
        Err(Error::unsupported(self.storage_name(), "describe group"))
    }

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
    fn group_offsets(&mut self, _group: &str, _timeout: Duration) -> Result<Vec<CommittedOffset>> {
        Err(Error::unsupported(self.storage_name(), "read group offsets"))
    }

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
    fn alter_group_offsets(&mut self, _group: &str, _offsets: &[CommittedOffset], _timeout: Duration) -> Result<()> {
        Err(Error::unsupported(self.storage_name(), "set group offsets"))
    }

    /// Deletes the committed offsets of these partitions and leaves the others: an answer for each, in their order. A
    /// partition for which nothing is committed has none afterwards either.
    ///
    /// # Errors
    /// `NotFound` for a missing group; `Conflict` where the group has live members, which a storage may say only of the
    /// partitions whose topics they read.
    fn delete_group_offsets(
        &mut self,
        _group: &str,
        _partitions: &[TopicPartition],
        _timeout: Duration,
    ) -> Result<Vec<Result<()>>> {
        Err(Error::unsupported(self.storage_name(), "delete group offsets"))
    }

    /// Deletes a group without live members.
    ///
    /// # Errors
    /// `Conflict` where the group has live members.
    fn delete_group(&mut self, _group: &str, _timeout: Duration) -> Result<()> {
        Err(Error::unsupported(self.storage_name(), "delete group"))
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

pub(crate) fn is_missing<T>(answer: &Result<T>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}
