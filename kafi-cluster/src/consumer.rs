//! Reading messages.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Assignment, Batch, CommittedOffset, Consumer, ConsumerOptions, Error, ErrorKind, GroupMetadata, Isolation,
    Membership, Polled, Position, Result, TopicPartition, check_topic_name,
};

use crate::config::{Reading, Settings};
use crate::coordinators::Coordinators;
use crate::error::{self, broker};
use crate::ffi::{Client, Deadline, PartitionList};
use crate::member::{Member, Subscription};
use crate::offsets::{Offsets, check_partitions};
use crate::part::{AT_END, Part, lost};
use crate::session::{Session, Tolerance};

/// A consumer. Assigned partitions are read without any group, so that no coordinator is spoken to before something is
/// committed.
pub(crate) struct KafkaConsumer {
    settings: Settings,
    options: ConsumerOptions,
    /// Asks for the offsets of its group, and sets them, where it is no member.
    coordinators: Coordinators,
    session: Option<Session>,
}

impl KafkaConsumer {
    /// Checks the properties; a client is made when it is known what for.
    pub(crate) fn new(settings: Settings, options: ConsumerOptions) -> Result<Self> {
        settings.check(&options.properties)?;
        let coordinators = Coordinators::new(settings.clone(), &options.properties);
        Ok(Self { settings, options, coordinators, session: None })
    }

    fn tolerance(&self) -> Tolerance {
        Tolerance { gap: self.options.allow_gap, corrupt: self.options.skip_corrupt }
    }

    fn group(&self, operation: &'static str) -> Result<&str> {
        let missing = || Error::new(ErrorKind::Usage, operation, "this consumer has no group").hint("name one with -g");
        self.options.group.as_deref().filter(|group| !group.is_empty()).ok_or_else(missing)
    }

    /// Where each assignment starts, once it is known that it can.
    fn parts(&self, client: &Client, assignments: &[Assignment], deadline: Deadline) -> Result<Vec<Part>> {
        let operation = "assign";
        let names: BTreeSet<&str> = assignments.iter().map(|assignment| assignment.topic.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let topics = client.describe_topics(operation, &names, deadline)?;
        check_partitions(operation, &topics, assignments.iter().map(|a| (a.topic.as_str(), a.partition)))?;
        let partitions: Vec<_> =
            assignments.iter().map(|a| TopicPartition { topic: a.topic.clone(), partition: a.partition }).collect();
        let ends = Offsets { client, operation, deadline }.watermarks(&partitions, Isolation::ReadUncommitted)?;
        let mut shared: Vec<Arc<str>> = Vec::new();
        let mut parts = Vec::new();
        for (assignment, ends) in assignments.iter().zip(ends) {
            let next = self.start_of(assignment, ends.low, ends.high)?;
            let topic = shared.iter().find(|topic| ***topic == *assignment.topic).cloned().unwrap_or_else(|| {
                shared.push(assignment.topic.as_str().into());
                Arc::clone(&shared[shared.len() - 1])
            });
            let done = assignment.end.is_some_and(|end| next >= end);
            parts.push(Part {
                topic,
                partition: assignment.partition,
                next,
                end: assignment.end,
                done,
                started: false,
            });
        }
        Ok(parts)
    }

    fn start_of(&self, assignment: &Assignment, low: i64, high: i64) -> Result<i64> {
        let Assignment { topic, partition, start, .. } = assignment;
        if *start > high {
            let why = format!("offset {start} lies beyond the end, which is {high}");
            if self.options.allow_gap {
                log::warn!("topic {topic}, partition {partition}: {why}: starting at the end");
                return Ok(high);
            }
            let error =
                Error::new(ErrorKind::OutOfRange, "assign", why).with("topic", topic).with("partition", partition);
            return Err(error.hint(AT_END));
        }
        if *start >= low {
            return Ok(*start);
        }
        if !self.options.allow_gap {
            return Err(lost(*start, low).with("topic", topic).with("partition", partition));
        }
        log::warn!("offsets {start} to {} of {topic} [{partition}] are no longer there: starting at {low}", low - 1);
        Ok(low)
    }

    fn in_storage<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.with("storage", &self.settings.name))
    }

    fn assign_parts(&mut self, assignments: &[Assignment], deadline: Deadline) -> Result<()> {
        check_assignments(assignments)?;
        let reading = if assignments.iter().all(|assignment| assignment.end.is_some()) {
            Reading::Finite
        } else {
            Reading::Endless
        };
        // The client before is closed by a thread of its own.
        self.session = None;
        let client = self.settings.consumer(&self.options, reading)?;
        let parts = if assignments.is_empty() { Vec::new() } else { self.parts(&client, assignments, deadline)? };
        self.session = Some(Session::assigned(client, parts, self.tolerance())?);
        Ok(())
    }

    fn join(&mut self, topics: &[String], deadline: Deadline) -> Result<()> {
        let operation = "subscribe";
        let group = self.group(operation)?.to_string();
        topics.iter().try_for_each(|topic| check_topic_name(topic))?;
        // A member stays one. It may have been told of a failure, after which it begins anew.
        let joined = self
            .session
            .take()
            .filter(|session| session.member.is_some() && !session.has_failed() && !topics.is_empty());
        let client = match &joined {
            Some(session) => session.client.clone(),
            None => self.settings.consumer(&self.options, Reading::Member)?,
        };
        self.session = joined;
        let mut partitions = Vec::new();
        if !topics.is_empty() {
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            for answer in client.describe_topics(operation, &names, deadline)? {
                match answer.error {
                    0 => partitions.extend(
                        answer
                            .partitions
                            .iter()
                            .map(|p| TopicPartition { topic: answer.name.clone(), partition: p.partition }),
                    ),
                    broker::UNKNOWN_TOPIC_OR_PARTITION => return Err(error::no_topic(operation, &answer.name)),
                    code => return Err(error::from_code(operation, code).with("topic", answer.name)),
                }
            }
        }
        if let Some(member) = self.session.as_mut().and_then(|session| session.member.as_mut()) {
            if member.changes_topics(topics) {
                client.subscribe(operation, topics)?;
            }
            return Ok(());
        }
        client.subscribe(operation, topics)?;
        let says = |property, value| self.settings.says(&self.options.properties, property, value);
        let coordinators = Coordinators::new(self.settings.clone(), &self.options.properties);
        let subscription = Subscription {
            group,
            topics,
            first: partitions,
            commits_by_itself: says("enable.auto.commit", "true"),
            is_told_changes_only: says("group.protocol", "consumer"),
        };
        let member = Member::new(subscription, coordinators, &self.options);
        self.session = Some(Session::subscribed(client, member, self.tolerance()));
        Ok(())
    }

    fn commit_offsets(&self, offsets: &[CommittedOffset], deadline: Deadline) -> Result<()> {
        let operation = "commit";
        let group = self.group(operation)?;
        if offsets.is_empty() {
            return Ok(());
        }
        let list = PartitionList::of_committed(operation, offsets)?;
        if let Some(session) = self.session.as_ref().filter(|session| session.member.is_some()) {
            return session.client.commit(operation, &list, deadline).map_err(|error| error.with("group", group));
        }
        let answers = self
            .coordinators
            .alter_offsets(operation, group, &list, deadline)
            .map_err(|error| error.with("group", group))?;
        answers
            .into_iter()
            .try_for_each(|answer| answer.found(operation).map(drop))
            .map_err(|error| error.with("group", group))
    }

    fn committed_offsets(&self, partitions: &[TopicPartition], deadline: Deadline) -> Result<Vec<CommittedOffset>> {
        let operation = "read committed offsets";
        let group = self.group(operation)?;
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.coordinators.offsets(
            operation,
            group,
            &PartitionList::of_partitions(operation, partitions)?,
            deadline,
        )?;
        answers.into_iter().filter_map(|answer| answer.found(operation).transpose()).collect()
    }
}

impl Consumer for KafkaConsumer {
    fn assign(&mut self, assignments: &[Assignment], timeout: Duration) -> Result<()> {
        let assigned = self.assign_parts(assignments, Deadline::after(timeout));
        self.in_storage(assigned)
    }

    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()> {
        let joined = self.join(topics, Deadline::after(timeout));
        self.in_storage(joined)
    }

    fn seek(&mut self, position: &Position, timeout: Duration) -> Result<()> {
        match &mut self.session {
            Some(session) => session.seek(position, Deadline::after(timeout)),
            None => Err(Error::new(ErrorKind::NotFound, "seek", "nothing is assigned")),
        }
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        batch.clear();
        let deadline = Deadline::after(timeout);
        let polled = match &mut self.session {
            Some(session) => session.poll(batch, deadline),
            None => Err(Error::new(ErrorKind::Usage, "read", "nothing is assigned or subscribed")),
        };
        self.in_storage(polled)
    }

    fn pause(&mut self) -> Result<()> {
        if let Some(session) = &mut self.session {
            session.pause();
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<()> {
        self.session.as_mut().map_or(Ok(()), Session::resume)
    }

    fn membership(&self) -> Membership {
        match self.session.as_ref().and_then(|session| Some((session, session.member.as_ref()?))) {
            None => Membership::Stable,
            Some((session, _)) if session.client.is_revoking() => Membership::Revoking,
            Some((session, member)) if member.is_stable(session) => Membership::Stable,
            Some(_) => Membership::Joining,
        }
    }

    fn positions(&self) -> Vec<Position> {
        self.session.as_ref().map(Session::positions).unwrap_or_default()
    }

    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        self.in_storage(self.commit_offsets(offsets, Deadline::after(timeout)))
    }

    fn committed(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.in_storage(self.committed_offsets(partitions, Deadline::after(timeout)))
    }

    fn group_metadata(&mut self) -> Result<GroupMetadata> {
        let named = self.group("commit in a transaction").map(|group| GroupMetadata {
            group: group.to_string(),
            generation: -1,
            member: String::new(),
            instance: None,
        });
        let member = self.session.as_ref().filter(|session| session.member.is_some());
        let group = member.and_then(|session| session.client.group_metadata());
        self.in_storage(named.map(|named| group.unwrap_or(named)))
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let client = session.client.clone();
        drop(session);
        if client.close(timeout) {
            return Ok(());
        }
        self.in_storage(Err(error::timed_out("close consumer")))
    }
}

fn check_assignments(assignments: &[Assignment]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for Assignment { topic, partition, start, .. } in assignments {
        check_topic_name(topic)?;
        let refuse = |why: &str| {
            Err(Error::new(ErrorKind::Usage, "assign", why).with("topic", topic).with("partition", partition))
        };
        if *start < 0 {
            return refuse("the start is an offset, which is not negative");
        }
        if !seen.insert((topic, partition)) {
            return refuse("this partition is assigned twice");
        }
    }
    Ok(())
}
