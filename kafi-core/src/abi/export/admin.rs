//! A plugin's admin client.

use std::time::Duration;

use kafi_abi::Failure;
use kafi_abi::abi_stable::std_types::{RResult, RStr, RString};

use super::super::json::{Answer, Arguments, FailureText, Listed, from_text, needed, to_text};
use super::guard::Guarded;
use super::{duration, unknown};
use crate::admin::Admin;
use crate::consumer::{CommittedOffset, Position};
use crate::error::Result;

pub(super) struct Exported(pub(super) Guarded<Box<dyn Admin>>);

impl kafi_abi::Admin for Exported {
    fn call(&mut self, name: RStr<'_>, argument: RStr<'_>, timeout_ns: u64) -> RResult<RString, Failure> {
        self.0.call(|admin| {
            operate(admin.as_mut(), &name, from_text(&argument)?, duration(timeout_ns)).map(RString::from)
        })
    }

    fn interface(&self, _name: RStr<'_>) -> *const () {
        std::ptr::null()
    }
}

/// Does the operation with this name, which is that of its method.
fn operate(admin: &mut dyn Admin, name: &str, given: Arguments, wait: Duration) -> Result<String> {
    let topic = || needed(given.topic.as_deref(), "topic");
    let group = || needed(given.group.as_deref(), "group");
    let broker = || needed(given.broker, "broker");
    let offsets = || needed(given.positions.as_deref(), "positions");
    let positions = || offsets().map(|offsets| offsets.iter().map(position).collect::<Vec<_>>());
    let changes = || needed(given.changes.as_deref(), "changes");
    match name {
        "topics" => to_text(&admin.topics(&needed(given.names, "names")?, wait)?),
        "create_topic" => to_text(&admin.create_topic(&needed(given.new_topic, "new_topic")?, wait)?),
        "check_new_topic" => to_text(&admin.check_new_topic(&needed(given.new_topic, "new_topic")?, wait)?),
        "delete_topic" => to_text(&admin.delete_topic(topic()?, wait)?),
        "create_partitions" => to_text(&admin.create_partitions(topic()?, needed(given.count, "count")?, wait)?),
        "watermarks" => {
            let (partitions, isolation) =
                (needed(given.partitions, "partitions")?, needed(given.isolation, "isolation")?);
            to_text(&admin.watermarks(&partitions, isolation, wait)?)
        }
        "watermarks_of_each" => {
            let (partitions, isolation) =
                (needed(given.partitions, "partitions")?, needed(given.isolation, "isolation")?);
            to_text(&Answer::all(admin.watermarks_of_each(&partitions, isolation, wait)?))
        }
        "offsets_for_times_of_each" => to_text(&Answer::all(admin.offsets_for_times_of_each(&positions()?, wait)?)),
        "offsets_for_times" => to_text(&admin.offsets_for_times(&positions()?, wait)?),
        "delete_records" => to_text(&admin.delete_records(&positions()?, wait)?),
        "topic_config" => to_text(&admin.topic_config(topic()?, wait)?),
        "alter_topic_config" => to_text(&admin.alter_topic_config(topic()?, changes()?, wait)?),
        "cluster" => to_text(&admin.cluster(wait)?),
        "broker_config" => to_text(&admin.broker_config(broker()?, wait)?),
        "alter_broker_config" => to_text(&admin.alter_broker_config(broker()?, changes()?, wait)?),
        "groups" => to_text(&admin.groups(wait)?),
        "group" => to_text(&admin.group(group()?, wait)?),
        "list_groups" => {
            let (groups, failures) = admin.list_groups(wait)?;
            to_text(&Listed { groups, failures: failures.iter().map(FailureText::new).collect() })
        }
        "describe_groups" => to_text(&Answer::all(admin.describe_groups(&needed(given.names, "names")?, wait)?)),
        "offsets_of_groups" => to_text(&Answer::all(admin.offsets_of_groups(&needed(given.names, "names")?, wait)?)),
        "group_offsets" => to_text(&admin.group_offsets(group()?, wait)?),
        "alter_group_offsets" => to_text(&admin.alter_group_offsets(group()?, offsets()?, wait)?),
        "delete_group_offsets" => {
            let partitions = needed(given.partitions.as_deref(), "partitions")?;
            to_text(&Answer::all(admin.delete_group_offsets(group()?, partitions, wait)?))
        }
        "delete_group" => to_text(&admin.delete_group(group()?, wait)?),
        "operation" => {
            let (operation, argument) = (needed(given.operation, "operation")?, needed(given.argument, "argument")?);
            to_text(&admin.operation(&operation, &argument, wait)?)
        }
        name => operate_access(admin, name, given, wait),
    }
}

/// The same for the operations of access, users, and elections.
fn operate_access(admin: &mut dyn Admin, operation: &str, given: Arguments, wait: Duration) -> Result<String> {
    let name = || needed(given.name.as_deref(), "name");
    let filters = || needed(given.filters.as_deref(), "filters");
    match operation {
        "acls" => {
            let only = needed(filters()?.first(), "filters")?;
            to_text(&admin.acls(only, wait)?)
        }
        "create_acls" => to_text(&Answer::all(admin.create_acls(&needed(given.acls, "acls")?, wait)?)),
        "delete_acls" => to_text(&Answer::all(admin.delete_acls(filters()?, wait)?)),
        "allowed_operations" => {
            to_text(&admin.allowed_operations(needed(given.resource, "resource")?, name()?, wait)?)
        }
        "users" => to_text(&admin.users(&needed(given.names, "names")?, wait)?),
        "create_user" => to_text(&admin.create_user(&needed(given.new_user, "new_user")?, wait)?),
        "delete_user" => to_text(&admin.delete_user(name()?, needed(given.mechanism, "mechanism")?, wait)?),
        "elect_leaders" => {
            let (election, partitions) = (needed(given.election, "election")?, needed(given.partitions, "partitions")?);
            to_text(&Answer::all(admin.elect_leaders(election, &partitions, wait)?))
        }
        operation => Err(unknown(operation)),
    }
}

fn position(offset: &CommittedOffset) -> Position {
    Position { topic: offset.topic.clone(), partition: offset.partition, offset: offset.offset }
}
