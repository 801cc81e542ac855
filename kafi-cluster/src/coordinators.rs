//! Asking the coordinators of groups, which move: with each broker that restarts, and on a cluster that has just been
//! made.
//!
//! What is asked here goes through a client of its own, for three reasons that lie in librdkafka 2.12.1:
//!
//! - A client without a group that asks for committed offsets uses a group that it does not have, once the coordinator
//!   says that it is none (any more): `rd_kafka_handle_OffsetFetch`. So the client has a group, which it never joins:
//!   the one that is asked about.
//! - A client that has once found a coordinator asks no other one for `metadata.max.age.ms`, whatever the old one says.
//!   So a new client asks again.
//! - A question that librdkafka gives up by itself is looked after when the coordinator is found, in memory that is
//!   freed. So it never gives up, and what takes too long is dropped with its client.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafi_core::{AclOperation, Error, ErrorKind, GroupDescription, Result, Retry};

use crate::config::Settings;
use crate::error;
use crate::ffi::{Client, Deadline, GroupAnswer, PartitionList, Pending};
use crate::retry::{Pauses, is_for_later};

/// So many groups are asked about at once.
const GROUPS_AT_ONCE: usize = 500;

/// How long a client has to find coordinators before a new one tries, at first; each next one has twice as long.
const ATTEMPT_MIN: Duration = Duration::from_secs(5);

/// How long groups are waited for after others have answered: their coordinators may be gone.
const OTHERS_MAX: Duration = Duration::from_secs(10);

/// Asks the coordinators of groups on behalf of one storage or consumer.
pub(crate) struct Coordinators {
    settings: Settings,
    properties: Vec<(String, String)>,
    lane: Mutex<Option<Lane>>,
}

/// The client at hand.
struct Lane {
    group: String,
    client: Client,
}

impl Coordinators {
    /// `properties` come on top of the storage's.
    pub(crate) fn new(settings: Settings, properties: &[(String, String)]) -> Self {
        Self { settings, properties: properties.to_vec(), lane: Mutex::new(None) }
    }

    fn lane(&self) -> MutexGuard<'_, Option<Lane>> {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client that may ask about this group and others.
    pub(crate) fn client(&self, group: &str) -> Result<Client> {
        let mut lane = self.lane();
        if let Some(lane) = lane.as_ref().filter(|lane| lane.group == group) {
            return Ok(lane.client.clone());
        }
        let client = self.settings.asking_coordinators(group, &self.properties)?;
        *lane = Some(Lane { group: group.to_string(), client: client.clone() });
        Ok(client)
    }

    /// The next question begins with a new client.
    pub(crate) fn forget(&self) {
        *self.lane() = None;
    }

    /// The committed offsets of a group for these partitions, once no transaction is about to change them.
    pub(crate) fn offsets(
        &self,
        operation: &'static str,
        group: &str,
        partitions: &PartitionList,
        deadline: Deadline,
    ) -> Result<Vec<GroupAnswer>> {
        let start = |client: &Client, group: &str| client.start_group_offsets(operation, group, Some(partitions));
        let read = |client: &Client, pending: &Pending, deadline| {
            client
                .wait_group_offsets(operation, pending, deadline)
                .and_then(|answers| answers_by_now(operation, answers))
        };
        self.ask(operation, group, deadline, start, read)
    }

    /// The committed offsets of each of these groups, as they are.
    pub(crate) fn offsets_of_each(
        &self,
        operation: &'static str,
        groups: &[&str],
        deadline: Deadline,
    ) -> Vec<Result<Vec<GroupAnswer>>> {
        let start = |client: &Client, group: &str| client.start_group_offsets(operation, group, None);
        let read = |client: &Client, pending: &Pending, deadline| {
            client
                .wait_group_offsets(operation, pending, deadline)
                .and_then(|answers| answers_by_now(operation, answers))
        };
        self.ask_each(operation, groups, deadline, start, read)
    }

    /// What each of these groups is doing.
    pub(crate) fn describe_each(
        &self,
        operation: &'static str,
        groups: &[&str],
        deadline: Deadline,
    ) -> Vec<Result<GroupDescription>> {
        let start = |client: &Client, group: &str| client.start_describe_group(operation, group);
        self.ask_each(operation, groups, deadline, start, |client, pending, deadline| {
            client.wait_description(operation, pending, deadline)
        })
    }

    /// Sets committed offsets of a group that has no live members; returns what became of each.
    pub(crate) fn alter_offsets(
        &self,
        operation: &'static str,
        group: &str,
        offsets: &PartitionList,
        deadline: Deadline,
    ) -> Result<Vec<GroupAnswer>> {
        let start = |client: &Client, group: &str| client.start_alter_group_offsets(operation, group, offsets);
        let read = |client: &Client, pending: &Pending, deadline| {
            client.wait_altered(operation, pending, deadline).and_then(|answers| answers_by_now(operation, answers))
        };
        self.ask(operation, group, deadline, start, read)
    }

    /// Deletes the committed offsets of these partitions of a group; returns what became of each.
    pub(crate) fn delete_offsets(
        &self,
        operation: &'static str,
        group: &str,
        partitions: &PartitionList,
        deadline: Deadline,
    ) -> Result<Vec<GroupAnswer>> {
        let start = |client: &Client, group: &str| client.start_delete_group_offsets(operation, group, partitions);
        let read = |client: &Client, pending: &Pending, deadline| {
            client
                .wait_deleted_offsets(operation, pending, deadline)
                .and_then(|answers| answers_by_now(operation, answers))
        };
        self.ask(operation, group, deadline, start, read)
    }

    /// What whoever asks may do with a group.
    pub(crate) fn operations(
        &self,
        operation: &'static str,
        group: &str,
        deadline: Deadline,
    ) -> Result<Vec<AclOperation>> {
        let start = |client: &Client, group: &str| client.start_group_operations(operation, group);
        self.ask(operation, group, deadline, start, |client, pending, deadline| {
            client.wait_group_operations(operation, pending, deadline)
        })
    }

    /// Deletes a group that has no live members.
    pub(crate) fn delete(&self, operation: &'static str, group: &str, deadline: Deadline) -> Result<()> {
        let attempts = Cell::new(0);
        let start = |client: &Client, group: &str| {
            attempts.set(attempts.get() + 1);
            client.start_delete_group(operation, group)
        };
        let deleted = self.ask(operation, group, deadline, start, |client, pending, deadline| {
            client.wait_deleted_group(operation, pending, deadline)
        });
        match deleted {
            // An attempt before may have deleted it, although its answer did not come.
            Err(error) if attempts.get() > 1 && error.kind() == ErrorKind::NotFound => Ok(()),
            deleted => deleted,
        }
    }

    /// Asks about one group, until there is an answer.
    pub(crate) fn ask<T>(
        &self,
        operation: &'static str,
        group: &str,
        deadline: Deadline,
        start: impl Fn(&Client, &str) -> Result<Pending>,
        read: impl Fn(&Client, &Pending, Deadline) -> Result<T>,
    ) -> Result<T> {
        let answer = self.ask_each(operation, &[group], deadline, start, read).pop();
        answer.unwrap_or_else(|| Err(error::timed_out(operation)))
    }

    /// Asks about each of these groups, all at once; each has an answer of its own, in the order asked for. `start`
    /// asks, and `read` waits.
    pub(crate) fn ask_each<T>(
        &self,
        operation: &'static str,
        groups: &[&str],
        deadline: Deadline,
        start: impl Fn(&Client, &str) -> Result<Pending>,
        read: impl Fn(&Client, &Pending, Deadline) -> Result<T>,
    ) -> Vec<Result<T>> {
        let mut answers: Vec<Result<T>> = groups.iter().map(|_| Err(error::timed_out(operation))).collect();
        let mut missing: Vec<usize> = (0..groups.len()).collect();
        let (mut deadline, mut patience, mut pauses) = (deadline, ATTEMPT_MIN, Pauses::new());
        while let Some(first) = missing.first() {
            let client = match self.client(groups[*first]) {
                Ok(client) => client,
                Err(error) => {
                    answers[*first] = Err(error);
                    break;
                }
            };
            let known = groups.len() - missing.len();
            let slice = deadline.at_most(patience);
            for asked in std::mem::take(&mut missing).chunks(GROUPS_AT_ONCE) {
                let pending: Vec<_> = asked.iter().map(|index| start(&client, groups[*index])).collect();
                for (index, pending) in asked.iter().zip(pending) {
                    answers[*index] = pending.and_then(|pending| read(&client, &pending, slice));
                    if answers[*index].as_ref().is_err_and(|error| is_missing(error, slice)) {
                        missing.push(*index);
                    }
                }
            }
            if answers.iter().any(Result::is_err) {
                self.forget();
            }
            if known == 0 && missing.len() < groups.len() {
                deadline = deadline.at_most(OTHERS_MAX);
            }
            patience *= 2;
            if missing.is_empty() || !pauses.pause(deadline) {
                break;
            }
            log::debug!("{operation}: asking again about {} of {} groups", missing.len(), groups.len());
        }
        answers
    }
}

/// The answers, unless one of them is "later".
fn answers_by_now(operation: &'static str, answers: Vec<GroupAnswer>) -> Result<Vec<GroupAnswer>> {
    match answers.iter().find(|answer| error::says_later(answer.error)) {
        Some(GroupAnswer { committed, error }) => Err(error::from_code(operation, *error)
            .with("topic", &committed.topic)
            .with("partition", committed.partition)),
        None => Ok(answers),
    }
}

/// Whether there may still be an answer: leaders or coordinators are on the move, or this attempt was too short.
fn is_missing(error: &Error, slice: Deadline) -> bool {
    is_for_later(error) || (slice.is_over() && error::code_of(error).is_none() && error.retryable() == Retry::Later)
}
