//! `group rm`: deletes groups, or some of their committed offsets.

use clap::Parser;
use kafi::{Admin, Error, ErrorKind, Result, TopicPartition, shell};

use super::{explain, of_unknown_kind, open_groups, topic_matches};
use crate::address::{Named, list};
use crate::args::{ConfirmArgs, GroupsArgs, PartitionsArgs};
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Delete groups with their committed offsets, or only the offsets of single topics
#[derive(Parser)]
pub struct RmArgs {
    #[command(flatten)]
    groups: GroupsArgs,
    /// Delete only the committed offsets of this topic, or of those that a glob matches, and keep the group; repeatable
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    #[command(flatten)]
    partitions: PartitionsArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl Verb for RmArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        if self.topics.is_empty() && self.partitions.list().is_some() {
            let error = Error::new(ErrorKind::Usage, "delete groups", "partitions were given, but no topic");
            return Err(error.hint("--topic TOPIC deletes committed offsets of a topic only"));
        }
        let opened = open_groups(context, &self.groups.addresses)?;
        if self.topics.is_empty() { self.delete_groups(&opened) } else { self.delete_offsets(&opened) }
    }

    fn addresses(&self) -> Vec<String> {
        self.groups.addresses.clone()
    }
}

impl RmArgs {
    fn delete_groups(&self, opened: &[Named]) -> Result<Exit> {
        // Everything is looked up before anything is deleted.
        for opened in opened {
            let mut admin = opened.kafi.admin()?;
            for group in &opened.names {
                match admin.group(group, TIMEOUT) {
                    // The broker itself refuses while it has members.
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        of_unknown_kind(admin.as_mut(), group).ok_or_else(|| explain(admin.as_mut(), group, error))?;
                    }
                    described => drop(described?),
                }
                shell::check_no_members(admin.as_mut(), group, TIMEOUT)?;
            }
        }
        let groups = list(opened.iter().map(|opened| (&opened.storage, &opened.names)));
        if !self.confirm.allow("delete groups", &format!("delete {groups}, with all committed offsets?"))? {
            return Ok(Exit::Failed);
        }
        let mut several = Several::new(opened.iter().map(|opened| opened.names.len()).sum());
        for opened in opened {
            let mut admin = opened.kafi.admin()?;
            for group in &opened.names {
                several.add(admin.delete_group(group, TIMEOUT))?;
            }
        }
        Ok(several.exit())
    }

    fn delete_offsets(&self, opened: &[Named]) -> Result<Exit> {
        let (mut doomed, mut named) = (Vec::new(), Vec::new());
        for opened in opened {
            let mut admin = opened.kafi.admin()?;
            for group in &opened.names {
                let partitions = self.doomed(admin.as_mut(), group)?;
                named.push(format!("{group} on {}: {}", opened.storage, places(&partitions)));
                doomed.push((opened, group, partitions));
            }
        }
        let question = format!("delete the committed offsets of {}?", named.join("; "));
        if !self.confirm.allow("delete group offsets", &question)? {
            return Ok(Exit::Failed);
        }
        let mut several = Several::new(doomed.iter().map(|(_, _, partitions)| partitions.len()).sum());
        for (opened, group, partitions) in doomed {
            match opened.kafi.admin()?.delete_group_offsets(group, &partitions, TIMEOUT) {
                Ok(answers) => answers.into_iter().try_for_each(|answer| several.add(answer))?,
                Err(error) => several.add(Err(error))?,
            }
        }
        Ok(several.exit())
    }

    /// The partitions of these topics for which a group has committed something.
    fn doomed(&self, admin: &mut dyn Admin, group: &str) -> Result<Vec<TopicPartition>> {
        let known = admin.group_offsets(group, TIMEOUT).map_err(|error| explain(admin, group, error))?;
        let mut found = Vec::new();
        for topic in &self.topics {
            let matches = topic_matches(topic)?;
            let before = found.len();
            found.extend(
                known
                    .iter()
                    .filter(|known| matches(&known.topic))
                    .map(|known| TopicPartition { topic: known.topic.clone(), partition: known.partition }),
            );
            if found.len() == before {
                let error =
                    Error::new(ErrorKind::NotFound, "delete group offsets", "the group has committed nothing for it");
                return Err(error.with("group", group).with("topic", topic));
            }
        }
        if let Some(wanted) = self.partitions.list() {
            found.retain(|at| wanted.contains(&at.partition));
        }
        found.sort();
        found.dedup();
        if found.is_empty() {
            let error =
                Error::new(ErrorKind::NotFound, "delete group offsets", "the group has committed nothing for them");
            return Err(error.with("group", group));
        }
        Ok(found)
    }
}

/// Partitions as people name them: `orders 0, orders 1`.
fn places(partitions: &[TopicPartition]) -> String {
    const NAMED_MAX: usize = 8;
    let mut named: Vec<String> =
        partitions.iter().take(NAMED_MAX).map(|at| format!("{} {}", at.topic, at.partition)).collect();
    if partitions.len() > NAMED_MAX {
        named.push(format!("and {} more", partitions.len() - NAMED_MAX));
    }
    named.join(", ")
}
