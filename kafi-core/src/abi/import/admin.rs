//! An admin client of a plugin.

use std::time::Duration;

use kafi_abi::AdminBox;
use serde::de::DeserializeOwned;

use super::super::json::{Answer, Arguments, FailureText, Listed, from_text, to_text};
use super::{nanoseconds, received};
use crate::admin::{
    Acl, AclAdmin, AclFilter, AclOperation, AclResource, Admin, AdminBase, BrokerAdmin, Cluster, ConfigAdmin,
    ConfigChange, ConfigEntry, Election, ElectionAdmin, Group, GroupAdmin, GroupDescription, NewScramUser, NewTopic,
    OffsetAdmin, ScramMechanism, ScramUser, Topic, TopicAdmin, UserAdmin, Watermarks, is_missing, one_by_one,
    together_or_one_by_one,
};
use crate::consumer::{CommittedOffset, Isolation, Position, TopicPartition};
use crate::error::{Error, ErrorKind, Result};

pub(super) struct Imported {
    pub(super) inner: AdminBox,
    /// The name of the storage.
    pub(super) storage: String,
}

impl Imported {
    fn call<T: DeserializeOwned>(&mut self, name: &str, arguments: Arguments, timeout: Duration) -> Result<T> {
        from_text(&received(self.inner.call(name.into(), to_text(&arguments)?.as_str().into(), nanoseconds(timeout)))?)
    }
}

impl Imported {
    /// A call that plugins of today know, and older ones do not.
    fn call_if_known<T: DeserializeOwned>(
        &mut self,
        name: &str,
        arguments: Arguments,
        timeout: Duration,
    ) -> Result<Option<T>> {
        match self.call(name, arguments, timeout) {
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Asks about `count` groups or partitions at once, where the plugin knows how.
    fn ask_each<T: DeserializeOwned>(
        &mut self,
        name: &str,
        arguments: Arguments,
        count: usize,
        timeout: Duration,
    ) -> Result<Option<Vec<Result<T>>>> {
        let Some(answers) = self.call_if_known::<Vec<Answer<T>>>(name, arguments, timeout)? else { return Ok(None) };
        one_for_each(name, answers, count).map(Some)
    }

    /// Does the same with `count` things, where the plugin must know how.
    fn call_each<T: DeserializeOwned>(
        &mut self,
        name: &str,
        arguments: Arguments,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<Result<T>>> {
        let answers = self.call::<Vec<Answer<T>>>(name, arguments, timeout)?;
        one_for_each(name, answers, count)
    }
}

fn one_for_each<T>(name: &str, answers: Vec<Answer<T>>, count: usize) -> Result<Vec<Result<T>>> {
    if answers.len() != count {
        let error = Error::new(
            ErrorKind::Unexpected,
            "call plugin",
            format!("{} answers for {count} questions", answers.len()),
        );
        return Err(error.with("call", name));
    }
    Ok(answers.into_iter().map(Answer::result).collect())
}

fn of_topic(topic: &str) -> Arguments {
    Arguments { topic: Some(topic.into()), ..Arguments::default() }
}

fn of_group(group: &str) -> Arguments {
    Arguments { group: Some(group.into()), ..Arguments::default() }
}

fn of_groups(groups: &[String]) -> Arguments {
    Arguments { names: Some(groups.to_vec()), ..Arguments::default() }
}

fn of_partitions(partitions: &[TopicPartition], isolation: Isolation) -> Arguments {
    Arguments { partitions: Some(partitions.to_vec()), isolation: Some(isolation), ..Arguments::default() }
}

fn of_broker(broker: i32) -> Arguments {
    Arguments { broker: Some(broker), ..Arguments::default() }
}

fn of_filters(filters: &[AclFilter]) -> Arguments {
    Arguments { filters: Some(filters.to_vec()), ..Arguments::default() }
}

fn of_name(name: &str) -> Arguments {
    Arguments { name: Some(name.into()), ..Arguments::default() }
}

fn of_positions(positions: &[Position]) -> Arguments {
    Arguments { positions: Some(CommittedOffset::all(positions)), ..Arguments::default() }
}

impl AdminBase for Imported {
    fn storage_name(&self) -> &str {
        &self.storage
    }
}

impl TopicAdmin for Imported {
    fn topics(&mut self, names: &[String], timeout: Duration) -> Result<Vec<Topic>> {
        self.call("topics", Arguments { names: Some(names.to_vec()), ..Arguments::default() }, timeout)
    }

    fn create_topic(&mut self, topic: &NewTopic, timeout: Duration) -> Result<()> {
        self.call("create_topic", Arguments { new_topic: Some(topic.clone()), ..Arguments::default() }, timeout)
    }

    fn check_new_topic(&mut self, topic: &NewTopic, timeout: Duration) -> Result<()> {
        self.call("check_new_topic", Arguments { new_topic: Some(topic.clone()), ..Arguments::default() }, timeout)
    }

    fn delete_topic(&mut self, name: &str, timeout: Duration) -> Result<()> {
        self.call("delete_topic", of_topic(name), timeout)
    }

    fn create_partitions(&mut self, topic: &str, partitions: i32, timeout: Duration) -> Result<()> {
        self.call("create_partitions", Arguments { count: Some(partitions), ..of_topic(topic) }, timeout)
    }
}

impl OffsetAdmin for Imported {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Watermarks>> {
        self.call("watermarks", of_partitions(partitions, isolation), timeout)
    }

    fn watermarks_of_each(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Result<Watermarks>>> {
        match self.ask_each("watermarks_of_each", of_partitions(partitions, isolation), partitions.len(), timeout)? {
            Some(answers) => Ok(answers),
            None => together_or_one_by_one(partitions, timeout, |partitions, timeout| {
                self.watermarks(partitions, isolation, timeout)
            }),
        }
    }

    fn offsets_for_times(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        self.call("offsets_for_times", of_positions(times), timeout)
    }

    fn offsets_for_times_of_each(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Result<Position>>> {
        match self.ask_each("offsets_for_times_of_each", of_positions(times), times.len(), timeout)? {
            Some(answers) => Ok(answers),
            None => together_or_one_by_one(times, timeout, |times, timeout| self.offsets_for_times(times, timeout)),
        }
    }

    fn delete_records(&mut self, before: &[Position], timeout: Duration) -> Result<Vec<Position>> {
        self.call("delete_records", of_positions(before), timeout)
    }
}

impl ConfigAdmin for Imported {
    fn topic_config(&mut self, topic: &str, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        self.call("topic_config", of_topic(topic), timeout)
    }

    fn alter_topic_config(&mut self, topic: &str, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        self.call("alter_topic_config", Arguments { changes: Some(changes.to_vec()), ..of_topic(topic) }, timeout)
    }
}

impl BrokerAdmin for Imported {
    fn cluster(&mut self, timeout: Duration) -> Result<Cluster> {
        self.call("cluster", Arguments::default(), timeout)
    }

    fn broker_config(&mut self, broker: i32, timeout: Duration) -> Result<Vec<ConfigEntry>> {
        self.call("broker_config", of_broker(broker), timeout)
    }

    fn alter_broker_config(&mut self, broker: i32, changes: &[ConfigChange], timeout: Duration) -> Result<()> {
        self.call("alter_broker_config", Arguments { changes: Some(changes.to_vec()), ..of_broker(broker) }, timeout)
    }
}

impl GroupAdmin for Imported {
    fn groups(&mut self, timeout: Duration) -> Result<Vec<Group>> {
        self.call("groups", Arguments::default(), timeout)
    }

    fn group(&mut self, group: &str, timeout: Duration) -> Result<GroupDescription> {
        self.call("group", of_group(group), timeout)
    }

    fn list_groups(&mut self, timeout: Duration) -> Result<(Vec<Group>, Vec<Error>)> {
        match self.call_if_known("list_groups", Arguments::default(), timeout)? {
            Some(Listed { groups, failures }) => Ok((groups, failures.into_iter().map(FailureText::error).collect())),
            None => self.groups(timeout).map(|groups| (groups, Vec::new())),
        }
    }

    fn describe_groups(&mut self, groups: &[String], timeout: Duration) -> Result<Vec<Result<GroupDescription>>> {
        match self.ask_each("describe_groups", of_groups(groups), groups.len(), timeout)? {
            Some(answers) => Ok(answers),
            None => Ok(one_by_one(groups, timeout, |group, timeout| self.group(group, timeout))),
        }
    }

    fn group_offsets(&mut self, group: &str, timeout: Duration) -> Result<Vec<CommittedOffset>> {
        self.call("group_offsets", of_group(group), timeout)
    }

    fn offsets_of_groups(&mut self, groups: &[String], timeout: Duration) -> Result<Vec<Result<Vec<CommittedOffset>>>> {
        if let Some(answers) = self.ask_each("offsets_of_groups", of_groups(groups), groups.len(), timeout)? {
            return Ok(answers);
        }
        let answers = one_by_one(groups, timeout, |group, timeout| self.group_offsets(group, timeout));
        Ok(answers.into_iter().map(|answer| if is_missing(&answer) { Ok(Vec::new()) } else { answer }).collect())
    }

    fn alter_group_offsets(&mut self, group: &str, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        self.call("alter_group_offsets", Arguments { positions: Some(offsets.to_vec()), ..of_group(group) }, timeout)
    }

    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Result<()>>> {
        let arguments = Arguments { partitions: Some(partitions.to_vec()), ..of_group(group) };
        self.call_each("delete_group_offsets", arguments, partitions.len(), timeout)
    }

    fn delete_group(&mut self, group: &str, timeout: Duration) -> Result<()> {
        self.call("delete_group", of_group(group), timeout)
    }
}

impl AclAdmin for Imported {
    fn acls(&mut self, filter: &AclFilter, timeout: Duration) -> Result<Vec<Acl>> {
        self.call("acls", of_filters(std::slice::from_ref(filter)), timeout)
    }

    fn create_acls(&mut self, acls: &[Acl], timeout: Duration) -> Result<Vec<Result<()>>> {
        let arguments = Arguments { acls: Some(acls.to_vec()), ..Arguments::default() };
        self.call_each("create_acls", arguments, acls.len(), timeout)
    }

    fn delete_acls(&mut self, filters: &[AclFilter], timeout: Duration) -> Result<Vec<Result<Vec<Acl>>>> {
        self.call_each("delete_acls", of_filters(filters), filters.len(), timeout)
    }

    fn allowed_operations(
        &mut self,
        resource: AclResource,
        name: &str,
        timeout: Duration,
    ) -> Result<Vec<AclOperation>> {
        self.call("allowed_operations", Arguments { resource: Some(resource), ..of_name(name) }, timeout)
    }
}

impl UserAdmin for Imported {
    fn users(&mut self, names: &[String], timeout: Duration) -> Result<Vec<ScramUser>> {
        self.call("users", Arguments { names: Some(names.to_vec()), ..Arguments::default() }, timeout)
    }

    fn create_user(&mut self, user: &NewScramUser, timeout: Duration) -> Result<()> {
        self.call("create_user", Arguments { new_user: Some(user.clone()), ..Arguments::default() }, timeout)
    }

    fn delete_user(&mut self, name: &str, mechanism: ScramMechanism, timeout: Duration) -> Result<()> {
        self.call("delete_user", Arguments { mechanism: Some(mechanism), ..of_name(name) }, timeout)
    }
}

impl ElectionAdmin for Imported {
    fn elect_leaders(
        &mut self,
        election: Election,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Result<bool>>> {
        let arguments =
            Arguments { election: Some(election), partitions: Some(partitions.to_vec()), ..Arguments::default() };
        self.call_each("elect_leaders", arguments, partitions.len(), timeout)
    }
}

impl Admin for Imported {
    fn operation(&mut self, operation: &str, argument: &str, timeout: Duration) -> Result<String> {
        let arguments =
            Arguments { operation: Some(operation.into()), argument: Some(argument.into()), ..Arguments::default() };
        self.call("operation", arguments, timeout)
    }
}
