//! Administration.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{
    Admin, AdminBase, BrokerAdmin, Cluster, CommittedOffset, ConfigAdmin, ConfigChange, ConfigEntry, Error, ErrorKind,
    Group, GroupAdmin, GroupDescription, Isolation, NewTopic, OffsetAdmin, Position, Result, Retry, Topic, TopicAdmin,
    TopicPartition, Watermarks, check_topic_name, nearest,
};

use crate::coordinators::Coordinators;
use crate::error;
use crate::ffi::{Client, Deadline, GroupAnswer, OffsetAnswer, Owner, PartitionList, TopicAnswer};
use crate::offsets::{EARLIEST, Offsets, explain};
use crate::retry::Pauses;

/// How long to wait between two looks at whether a change has reached the brokers.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long changed settings may take to be told.
const CONFIG_SEEN_MAX: Duration = Duration::from_secs(1);

/// How long a list of topics waits for those that are being made.
const BEING_MADE_MAX: Duration = Duration::from_secs(2);

/// How long the leaders of a new topic are waited for before it is looked whether they can be reached at all, and how
/// long that look may take.
const LED_MAX: Duration = Duration::from_secs(1);
const REACHED_MAX: Duration = Duration::from_secs(3);

const UNCOMMITTED: Isolation = Isolation::ReadUncommitted;

/// What brokers say of a group that is not there.
const DEAD: &str = "Dead";

/// A client for administration.
pub(crate) struct KafkaAdmin {
    pub(crate) storage: Arc<str>,
    pub(crate) client: Client,
    pub(crate) coordinators: Arc<Coordinators>,
}

impl KafkaAdmin {
    pub(crate) fn new(storage: Arc<str>, client: Client, coordinators: Arc<Coordinators>) -> Self {
        Self { storage, client, coordinators }
    }

    /// Waits until what the cluster says about a topic is as it should be, and returns how many partitions it has.
    fn wait_until(
        &self,
        operation: &'static str,
        topic: &str,
        deadline: Deadline,
        is_done: impl Fn(&TopicAnswer) -> bool,
    ) -> Result<usize> {
        loop {
            let answers = self.client.describe_topics(operation, &[topic], deadline)?;
            if answers.iter().all(&is_done) {
                return Ok(answers.first().map_or(0, |answer| answer.partitions.len()));
            }
            if deadline.is_over() {
                return Err(error::timed_out(operation).with("topic", topic));
            }
            std::thread::sleep(LOOK_AGAIN.min(deadline.left()));
        }
    }

    /// Waits until a new topic, or new partitions of it, can be used: it is named as the leader of a partition some
    /// time before a broker takes over.
    fn wait_until_led(
        &self,
        operation: &'static str,
        topic: &str,
        partitions_min: usize,
        deadline: Deadline,
    ) -> Result<()> {
        let is_led = |answer: &TopicAnswer| {
            answer.error == 0
                && answer.partitions.len() >= partitions_min
                && answer.partitions.iter().all(|p| p.leader >= 0)
        };
        let count = self.wait_until(operation, topic, deadline, is_led)?;
        let partitions: Vec<_> =
            (0..count as i32).map(|partition| TopicPartition { topic: topic.into(), partition }).collect();
        loop {
            let error = match self.offsets_within(operation, deadline, LED_MAX).watermarks(&partitions, UNCOMMITTED) {
                Err(error) => error,
                Ok(_) => return Ok(()),
            };
            if error.retryable() != Retry::Later {
                // It is there, though whoever made it may not look.
                log::debug!("not waiting for the leaders of {topic}: {error}");
                return Ok(());
            }
            let out_of_reach = self.offsets_within(operation, deadline, REACHED_MAX).out_of_reach(&partitions);
            if let Some(error) = out_of_reach.or_else(|| deadline.is_over().then_some(error)) {
                // It is there, too: a failure would say that it could not be made.
                log::warn!("{operation}: {topic} is there, and cannot be used yet: {error}");
                return Ok(());
            }
            std::thread::sleep(LOOK_AGAIN.min(deadline.left()));
        }
    }

    fn offsets_within(&self, operation: &'static str, deadline: Deadline, at_most: Duration) -> Offsets<'_> {
        Offsets { client: &self.client, operation, deadline: deadline.at_most(at_most) }
    }

    pub(crate) fn in_storage<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.with("storage", &self.storage))
    }

    fn all_topics(&self, names: &[String], deadline: Deadline) -> Result<Vec<Topic>> {
        let operation = "list topics";
        let mut topics = Vec::new();
        let answers = if names.is_empty() {
            self.describe_all_topics(operation, deadline)
        } else {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.client.describe_topics(operation, &names, deadline)
        };
        for answer in answers? {
            match answer.error {
                0 => topics.push(Topic {
                    name: answer.name,
                    id: answer.id,
                    internal: answer.internal,
                    partitions: sorted(answer.partitions),
                }),
                // Deleted at this moment.
                error::broker::UNKNOWN_TOPIC_OR_PARTITION if names.is_empty() => {}
                error::broker::UNKNOWN_TOPIC_OR_PARTITION => return Err(error::no_topic(operation, &answer.name)),
                // One topic does not hide the others.
                code if names.is_empty() => {
                    log::warn!("{}", error::from_code(operation, code).with("topic", answer.name))
                }
                code => return Err(error::from_code(operation, code).with("topic", answer.name)),
            }
        }
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        topics.dedup_by(|a, b| a.name == b.name);
        Ok(topics)
    }

    /// Describes all topics. Those that are being made are waited for, but not for long.
    fn describe_all_topics(&self, operation: &'static str, deadline: Deadline) -> Result<Vec<TopicAnswer>> {
        let (patience, mut pauses) = (deadline.at_most(BEING_MADE_MAX), Pauses::new());
        loop {
            let answers = self.client.all_topics(operation, deadline)?;
            if !answers.iter().any(|answer| error::says_later(answer.error)) || !pauses.pause(patience) {
                return Ok(answers);
            }
        }
    }

    fn delete_before(&self, before: &[Position], deadline: Deadline) -> Result<Vec<Position>> {
        let operation = "delete records";
        let answers = self.client.delete_records(operation, &PartitionList::of_positions(operation, before)?, deadline);
        let deleted =
            answers.and_then(|answers| before.iter().map(|position| deleted(operation, position, &answers)).collect());
        let partitions = before.iter().map(|position| (position.topic.as_str(), position.partition));
        deleted.map_err(|error| explain(&self.client, operation, error, partitions, deadline))
    }

    /// Waits until a broker tells the changed settings, so that whoever reads them next sees them. A broker that words
    /// them differently, or does not tell them to everybody, is not waited for long.
    fn wait_for_config(&self, owner: Owner<'_>, changes: &[ConfigChange], deadline: Deadline) {
        let is_seen = |entries: &[ConfigEntry], change: &ConfigChange| {
            let entry = entries.iter().find(|entry| entry.name == change.name);
            entry.is_none_or(|entry| match &change.value {
                Some(value) => entry.value.as_ref().is_none_or(|seen| seen == value),
                None => entry.default,
            })
        };
        let patience = Deadline::after(CONFIG_SEEN_MAX.min(deadline.left()));
        while !patience.is_over() {
            match self.client.config("change settings", owner, patience) {
                Ok(entries) if !changes.iter().all(|change| is_seen(&entries, change)) => {
                    std::thread::sleep(LOOK_AGAIN)
                }
                _ => return,
            }
        }
    }

    fn config(&self, owner: Owner<'_>, deadline: Deadline) -> Result<Vec<ConfigEntry>> {
        let mut entries = self.in_storage(self.client.config("read settings", owner, deadline))?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn alter_config(&self, owner: Owner<'_>, changes: &[ConfigChange], deadline: Deadline) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.in_storage(self.client.alter_config("change settings", owner, changes, deadline))?;
        self.wait_for_config(owner, changes, deadline);
        Ok(())
    }

    /// Brokers let settings go back to their default that they do not have.
    fn check_reset(&self, topic: &str, changes: &[ConfigChange], deadline: Deadline) -> Result<()> {
        if changes.iter().all(|change| change.value.is_some()) {
            return Ok(());
        }
        let known = self.config(Owner::Topic(topic), deadline)?;
        let is_known =
            |change: &ConfigChange| change.value.is_some() || known.iter().any(|entry| entry.name == change.name);
        let Some(ConfigChange { name, .. }) = changes.iter().find(|change| !is_known(change)) else { return Ok(()) };
        let error = Error::new(ErrorKind::Usage, "change settings", "there is no such setting")
            .with("topic", topic)
            .with("setting", name);
        let error = match nearest(name, known.iter().map(|entry| entry.name.as_str())) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        };
        self.in_storage(Err(error))
    }

    /// A question to a broker that is not there would wait for it.
    fn check_broker(&self, operation: &'static str, broker: i32, deadline: Deadline) -> Result<()> {
        let brokers = self.in_storage(self.client.describe_cluster(operation, deadline))?.brokers;
        if brokers.iter().any(|known| known.id == broker) {
            return Ok(());
        }
        let mut known: Vec<i32> = brokers.iter().map(|broker| broker.id).collect();
        known.sort_unstable();
        let known: Vec<String> = known.iter().map(i32::to_string).collect();
        let error = Error::new(ErrorKind::NotFound, operation, "no such broker")
            .with("broker", broker)
            .with("storage", &self.storage);
        Err(error.hint(format!("the brokers are: {}", known.join(" "))))
    }

    fn describe_group(&self, group: &str, deadline: Deadline) -> Result<GroupDescription> {
        self.describe_each(&[group.to_string()], deadline)
            .pop()
            .unwrap_or_else(|| Err(no_group("describe group", group)))
    }

    fn describe_each(&self, groups: &[String], deadline: Deadline) -> Vec<Result<GroupDescription>> {
        let operation = "describe group";
        let names: Vec<&str> = groups.iter().map(String::as_str).collect();
        let described = groups.iter().zip(self.coordinators.describe_each(operation, &names, deadline)).map(
            |(group, described)| match described {
                Ok(description) if description.state == DEAD => Err(no_group(operation, group)),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(no_group(operation, group)),
                Err(error) if error.context().all(|(key, _)| key != "group") => Err(error.with("group", group)),
                described => described,
            },
        );
        described.map(|described| self.in_storage(described.map(in_order))).collect()
    }

    fn read_group(&self, group: &str, deadline: Deadline) -> Result<Vec<CommittedOffset>> {
        let operation = "read group offsets";
        let committed = self.read_each(&[group.to_string()], deadline).pop().unwrap_or_else(|| Ok(Vec::new()))?;
        // A broker answers for a missing group as for one that has committed nothing.
        if committed.is_empty()
            && !self.in_storage(self.all_groups(operation, deadline))?.iter().any(|listed| listed.name == group)
        {
            return self.in_storage(Err(no_group(operation, group)));
        }
        Ok(committed)
    }

    /// What each of these groups has committed, in the order asked for.
    fn read_each(&self, groups: &[String], deadline: Deadline) -> Vec<Result<Vec<CommittedOffset>>> {
        let operation = "read group offsets";
        let names: Vec<&str> = groups.iter().map(String::as_str).collect();
        let read = groups.iter().zip(self.coordinators.offsets_of_each(operation, &names, deadline)).map(
            |(group, answers)| {
                let found = |answers: Vec<GroupAnswer>| {
                    answers
                        .into_iter()
                        .filter_map(|answer| answer.found(operation).transpose())
                        .collect::<Result<Vec<_>>>()
                };
                let mut committed = answers.and_then(found).map_err(|error| error.with("group", group))?;
                committed.sort();
                Ok(committed)
            },
        );
        read.map(|read| self.in_storage(read)).collect()
    }

    /// The groups of all brokers that answer, and what the others fail with. A group that moves may be with two of them
    /// for a moment.
    pub(crate) fn listed_groups(
        &self,
        operation: &'static str,
        deadline: Deadline,
    ) -> Result<(Vec<Group>, Vec<Error>)> {
        let brokers = self.client.describe_cluster(operation, deadline)?.brokers;
        let (mut groups, mut failures) = (Vec::new(), Vec::new());
        for listed in self.client.groups_of(operation, &brokers, deadline) {
            match listed {
                Ok(listed) => groups.extend(listed),
                Err(error) => failures.push(error),
            }
        }
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        groups.dedup_by(|a, b| a.name == b.name);
        Ok((groups, failures))
    }

    fn all_groups(&self, operation: &'static str, deadline: Deadline) -> Result<Vec<Group>> {
        let (groups, failures) = self.listed_groups(operation, deadline)?;
        failures.into_iter().next().map_or(Ok(groups), Err)
    }

    fn set_group(&self, group: &str, offsets: &[CommittedOffset], deadline: Deadline) -> Result<()> {
        let operation = "set group offsets";
        let answers = self.coordinators.alter_offsets(
            operation,
            group,
            &PartitionList::of_committed(operation, offsets)?,
            deadline,
        );
        for answer in answers.map_err(|error| live_members(error, group))? {
            if answer.error == error::broker::UNKNOWN_MEMBER_ID {
                return Err(has_members(operation, group));
            }
            answer.found(operation)?;
        }
        Ok(())
    }
}

/// What a topic is that is made, as far as it can be told without a broker.
fn check_numbers(operation: &'static str, topic: &NewTopic) -> Result<()> {
    check_topic_name(&topic.name)?;
    if topic.partitions.is_some_and(|partitions| partitions < 1) {
        return Err(
            Error::new(ErrorKind::Usage, operation, "a topic has at least one partition").with("topic", &topic.name)
        );
    }
    if topic.replication.is_some_and(|replication| !(1..=i32::from(i16::MAX)).contains(&replication)) {
        return Err(
            Error::new(ErrorKind::Usage, operation, "a partition has at least one replica").with("topic", &topic.name)
        );
    }
    Ok(())
}

impl AdminBase for KafkaAdmin {
    fn storage_name(&self) -> &str {
        &self.storage
    }
}

impl TopicAdmin for KafkaAdmin {
    fn topics(&mut self, names: &[String], timeout: Duration) -> Result<Vec<Topic>> {
        self.in_storage(self.all_topics(names, Deadline::after(timeout)))
    }

    fn create_topic(&mut self, topic: &NewTopic, timeout: Duration) -> Result<()> {
        let (operation, deadline) = ("create topic", Deadline::after(timeout));
        check_numbers(operation, topic)?;
        let created = self.client.create_topic(operation, topic, deadline);
        self.in_storage(created.and_then(|()| self.wait_until_led(operation, &topic.name, 1, deadline)))
    }

    fn check_new_topic(&mut self, topic: &NewTopic, timeout: Duration) -> Result<()> {
        let (operation, deadline) = ("create topic", Deadline::after(timeout));
        check_numbers(operation, topic)?;
        self.in_storage(self.client.check_new_topic(operation, topic, deadline))
    }

    fn delete_topic(&mut self, name: &str, timeout: Duration) -> Result<()> {
        let (operation, deadline) = ("delete topic", Deadline::after(timeout));
        let deleted = self.client.delete_topic(operation, name, deadline).and_then(|()| {
            self.wait_until(operation, name, deadline, |answer| {
                answer.error == error::broker::UNKNOWN_TOPIC_OR_PARTITION
            })
        });
        self.in_storage(deleted.map(drop))
    }

    fn create_partitions(&mut self, topic: &str, partitions: i32, timeout: Duration) -> Result<()> {
        let (operation, deadline) = ("create partitions", Deadline::after(timeout));
        let Some(count) = usize::try_from(partitions).ok().filter(|count| *count >= 1) else {
            return Err(
                Error::new(ErrorKind::Usage, operation, "a topic has at least one partition").with("topic", topic)
            );
        };
        let created = self.client.create_partitions(operation, topic, count, deadline);
        self.in_storage(created.and_then(|()| self.wait_until_led(operation, topic, count, deadline)))
    }
}

impl OffsetAdmin for KafkaAdmin {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Watermarks>> {
        let offsets =
            Offsets { client: &self.client, operation: "read watermarks", deadline: Deadline::after(timeout) };
        self.in_storage(offsets.watermarks(partitions, isolation))
    }

    fn watermarks_of_each(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Result<Watermarks>>> {
        let offsets =
            Offsets { client: &self.client, operation: "read watermarks", deadline: Deadline::after(timeout) };
        let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), EARLIEST)).collect();
        let answers = self.in_storage(offsets.each(&asked, isolation))?;
        let watermarks =
            |(TopicPartition { topic, partition }, _), (low, high)| Watermarks { topic, partition, low, high };
        Ok(asked
            .into_iter()
            .zip(answers)
            .map(|(asked, answer)| self.in_storage(answer.map(|ends| watermarks(asked, ends))))
            .collect())
    }

    fn offsets_for_times(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        let offsets = Offsets { client: &self.client, operation: "find offsets", deadline: Deadline::after(timeout) };
        self.in_storage(offsets.for_times(times))
    }

    fn offsets_for_times_of_each(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Result<Position>>> {
        let offsets = Offsets { client: &self.client, operation: "find offsets", deadline: Deadline::after(timeout) };
        // Negative times would be taken for the ends.
        let partition = |time: &Position| TopicPartition { topic: time.topic.clone(), partition: time.partition };
        let asked: Vec<_> = times.iter().map(|time| (partition(time), time.offset.max(0))).collect();
        let answers = self.in_storage(offsets.each(&asked, Isolation::ReadCommitted))?;
        let found =
            |time: &Position, (found, end)| Position { offset: if found >= 0 { found } else { end }, ..time.clone() };
        Ok(times
            .iter()
            .zip(answers)
            .map(|(time, answer)| self.in_storage(answer.map(|offsets| found(time, offsets))))
            .collect())
    }

    fn delete_records(&mut self, before: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        if before.is_empty() {
            return Ok(Vec::new());
        }
        self.in_storage(self.delete_before(before, Deadline::after(timeout)))
    }
}

impl ConfigAdmin for KafkaAdmin {
    fn topic_config(&mut self, topic: &str, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        self.config(Owner::Topic(topic), Deadline::after(timeout))
    }

    fn alter_topic_config(&mut self, topic: &str, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        self.check_reset(topic, changes, deadline)?;
        self.alter_config(Owner::Topic(topic), changes, deadline)
    }
}

impl BrokerAdmin for KafkaAdmin {
    fn cluster(&mut self, timeout: Duration) -> Result<Cluster> {
        let mut cluster =
            self.in_storage(self.client.describe_cluster("describe cluster", Deadline::after(timeout)))?;
        cluster.brokers.sort_by_key(|broker| broker.id);
        Ok(cluster)
    }

    fn broker_config(&mut self, broker: i32, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        let deadline = Deadline::after(timeout);
        self.check_broker("read settings", broker, deadline)?;
        self.config(Owner::Broker(broker), deadline)
    }

    fn alter_broker_config(&mut self, broker: i32, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        self.check_broker("change settings", broker, deadline)?;
        self.alter_config(Owner::Broker(broker), changes, deadline)
    }
}

impl GroupAdmin for KafkaAdmin {
    fn groups(&mut self, timeout: Duration) -> Result<Vec<Group>> {
        self.in_storage(self.all_groups("list groups", Deadline::after(timeout)))
    }

    fn group(&mut self, group: &str, timeout: Duration) -> Result<GroupDescription> {
        self.describe_group(group, Deadline::after(timeout))
    }

    fn list_groups(&mut self, timeout: Duration) -> Result<(Vec<Group>, Vec<Error>)> {
        let (groups, failures) = self.in_storage(self.groups_of_all_kinds("list groups", Deadline::after(timeout)))?;
        Ok((groups, failures.into_iter().map(|error| error.with("storage", &self.storage)).collect()))
    }

    fn describe_groups(&mut self, groups: &[String], timeout: Duration) -> Result<Vec<Result<GroupDescription>>> {
        Ok(self.describe_each(groups, Deadline::after(timeout)))
    }

    fn group_offsets(&mut self, group: &str, timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.read_group(group, Deadline::after(timeout))
    }

    fn offsets_of_groups(&mut self, groups: &[String], timeout: Duration) -> Result<Vec<Result<Vec<CommittedOffset>>>> {
        Ok(self.read_each(groups, Deadline::after(timeout)))
    }

    fn alter_group_offsets(&mut self, group: &str, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        self.in_storage(self.set_group(group, offsets, Deadline::after(timeout)))
    }

    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Result<()>>> {
        self.delete_offsets(group, partitions, Deadline::after(timeout))
    }

    fn delete_group(&mut self, group: &str, timeout: Duration) -> Result<()> {
        let deleted = self.coordinators.delete("delete group", group, Deadline::after(timeout));
        self.in_storage(deleted.map_err(|error| live_members(error, group)))
    }
}

impl Admin for KafkaAdmin {}

pub(crate) fn no_group(operation: &'static str, group: &str) -> Error {
    Error::new(ErrorKind::NotFound, operation, "no such group").with("group", group)
}

fn in_order(mut description: GroupDescription) -> GroupDescription {
    description.members.iter_mut().for_each(|member| member.partitions.sort());
    description.members.sort_by(|a, b| a.id.cmp(&b.id));
    description
}

fn sorted(mut partitions: Vec<kafi_core::Partition>) -> Vec<kafi_core::Partition> {
    partitions.sort_by_key(|partition| partition.partition);
    partitions
}

fn deleted(operation: &'static str, position: &Position, answers: &[OffsetAnswer]) -> Result<Position> {
    let Position { topic, partition, .. } = position;
    let answer = answers.iter().find(|answer| answer.topic == *topic && answer.partition == *partition);
    let failed = |error: Error| Err(error.with("topic", topic).with("partition", partition));
    match answer {
        Some(answer) if answer.error == 0 => {
            Ok(Position { topic: topic.clone(), partition: *partition, offset: answer.offset })
        }
        Some(answer) if answer.error == error::broker::OFFSET_OUT_OF_RANGE => failed(Error::new(
            ErrorKind::OutOfRange,
            operation,
            format!("offset {} lies beyond the end", position.offset),
        )),
        // A broker refuses that of topics whose cleanup.policy does not contain delete, and for no other reason.
        Some(answer) if answer.error == error::broker::POLICY_VIOLATION => {
            let error = Error::new(
                ErrorKind::PermissionDenied,
                operation,
                "the topic is compacted: it keeps the last message of each key (cleanup.policy=compact)",
            );
            failed(
                error
                    .hint("set cleanup.policy=compact,delete for the time being, or write a message without a value (--null-value) for each key that is to go"),
            )
        }
        Some(answer) => failed(error::from_code(operation, answer.error)),
        None => failed(Error::new(ErrorKind::Unexpected, operation, "the broker did not answer for this partition")),
    }
}

fn has_members(operation: &'static str, group: &str) -> Error {
    let error = Error::new(ErrorKind::Conflict, operation, "the group has live members").with("group", group);
    error.retry(kafi_core::Retry::Later).hint("stop its consumers first")
}

/// Brokers call a change from outside a group that is alive a foreign member.
pub(crate) fn live_members(error: Error, group: &str) -> Error {
    match error.kind() {
        ErrorKind::Fenced | ErrorKind::Conflict => has_members("change group", group),
        _ => error,
    }
}
