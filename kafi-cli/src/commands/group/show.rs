//! `group show`: where groups stand, and who reads.

use clap::Parser;
use kafi::{Admin, Error, ErrorKind, Group, GroupDescription, GroupLag, GroupMember, Result, StorageAddress, shell};

use super::{explain, of_unknown_kind, open_groups, without_members};
use crate::address::several;
use crate::args::GroupsArgs;
use crate::context::Context;
use crate::exit::{Exit, end_list};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Show the committed offsets of groups, how far they lie behind, and who reads
#[derive(Parser)]
pub struct ShowArgs {
    #[command(flatten)]
    groups: GroupsArgs,
}

impl Verb for ShowArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_groups(context, &self.groups.addresses)?;
        let names = [
            "group",
            "state",
            "topic",
            "partition",
            "committed",
            "end",
            "lag",
            "member",
            "client",
            "host",
            "leader_epoch",
            "metadata",
        ];
        let table = Table::of_storages(several(opened.iter().map(|opened| &opened.storage)), &names)
            .with_optional(&["member", "client", "host"]);
        let mut table = table.with_programs_only(&["leader_epoch", "metadata"]).with_long(&["member"]);
        let (mut failures, mut is_anything_known) = (Vec::new(), false);
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            for group in &opened.names {
                // One group that cannot be shown hides no other.
                match add_group(admin.as_mut(), group, &opened.storage, &mut table) {
                    Ok(failed) => {
                        is_anything_known = true;
                        failures.extend(failed);
                    }
                    Err(error) => failures.push(error),
                }
            }
        }
        end_list(!is_anything_known, failures, || table.print(&context.output))
    }

    fn addresses(&self) -> Vec<String> {
        self.groups.addresses.clone()
    }
}

/// Adds the rows of a group. Returns what is not known of some partitions.
fn add_group(admin: &mut dyn Admin, group: &str, storage: &StorageAddress, table: &mut Table) -> Result<Vec<Error>> {
    let described = match admin.group(group, TIMEOUT) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let Some(streams) = of_unknown_kind(admin, group).filter(Group::is_of_streams) else {
                return Err(explain(admin, group, error));
            };
            log::warn!("group {group} is of Kafka Streams, whose state and members librdkafka does not tell");
            without_members(streams)
        }
        described => described?,
    };
    let (partitions, failed) = shell::group_lag(admin, &described, TIMEOUT)?;
    partitions.iter().for_each(|partition| {
        table.row_on(storage, row(&described, Some(partition), partition.member));
    });
    let idle = (0..described.members.len()).filter(|member| described.members[*member].partitions.is_empty());
    idle.for_each(|member| table.row_on(storage, row(&described, None, Some(member))));
    Ok(failed)
}

/// A partition, and who reads it; or a member without partitions.
fn row(group: &GroupDescription, partition: Option<&GroupLag>, member: Option<usize>) -> Vec<Cell> {
    let number = |number: Option<i64>| number.map_or(Cell::Unknown, Cell::Number);
    let text = |text: &str| if text.is_empty() { Cell::Unknown } else { Cell::Text(text.to_string()) };
    let committed = partition.and_then(|partition| partition.committed.as_ref());
    let member = member.map(|index| &group.members[index]);
    let of_member = |field: fn(&GroupMember) -> &str| member.map_or(Cell::Unknown, |member| text(field(member)));
    vec![
        Cell::Text(group.name.clone()),
        text(&group.state),
        partition.map_or(Cell::Unknown, |partition| Cell::Text(partition.topic.clone())),
        number(partition.map(|partition| i64::from(partition.partition))),
        number(committed.map(|committed| committed.offset)),
        number(partition.and_then(|partition| partition.end)),
        number(partition.and_then(GroupLag::lag)),
        of_member(|member| &member.id),
        of_member(|member| &member.client_id),
        of_member(|member| &member.host),
        number(committed.and_then(|committed| committed.leader_epoch).map(i64::from)),
        committed.map_or(Cell::Unknown, |committed| text(&committed.metadata)),
    ]
}
