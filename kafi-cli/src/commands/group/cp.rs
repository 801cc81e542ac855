//! `group cp`: the committed offsets of a group for another one.

use clap::Parser;
use kafi::shell::{self, GroupCopyOptions};
use kafi::{Address, Error, ErrorKind, Kafi, Result, StorageAddress};

use super::plan::settle;
use super::{explain, matching, open_group, topics_of};
use crate::address::ALL;
use crate::args::{ExecuteArgs, PartitionsArgs};
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// What the names of the groups begin with that keep the place of a copy.
const OF_COPIES: &str = "kafi-cp.";

/// Plan to give the committed offsets of a group to another one, and do so with --execute
#[derive(Parser)]
pub struct CpArgs {
    /// The group to copy (prod:billing); or a glob, or a storage (prod:), which means all its groups
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// The group that gets its offsets (dev:billing2), which may be new; or a storage (dev:), which keeps the name
    #[arg(value_name = "TARGET")]
    target: String,
    /// Topics, or globs; without any all that the group has committed
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    #[command(flatten)]
    partitions: PartitionsArgs,
    /// Take the nearest offset where the target does not hold one
    #[arg(long)]
    allow_gap: bool,
    #[command(flatten)]
    execute: ExecuteArgs,
}

impl Verb for CpArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let from = Address::parse(&self.source)?;
        let source = context.registry.open_address(&from.storage)?;
        let groups = groups_of(&from, &source)?;
        let to = Address::parse(&self.target)?;
        if to.topic.is_some() && (from.topic.is_none() || from.is_glob()) {
            let error = Error::new(
                ErrorKind::Usage,
                "copy group",
                "several groups need a storage as target, which keeps their names",
            );
            return Err(error.with("address", format!("{:?}", self.target)));
        }
        let target = match to.topic {
            Some(_) => open_group(context, &self.target)?.0,
            None => context.registry.open_address(&to.storage)?,
        };
        let topics = topics_of(&source, &self.topics)?;
        let mut several = Several::new(groups.len());
        for group in groups {
            let target_group = to.name().unwrap_or_else(|| group.clone());
            if from.storage == to.storage && group == target_group {
                return Err(Error::new(ErrorKind::Usage, "copy group", "source and target are the same group")
                    .with("group", group));
            }
            several.add(copy(self, (&source, &group), (&target, &to.storage, &target_group), &topics, context))?;
        }
        Ok(several.exit())
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.source.clone()]
    }
}

/// Plans the copy of one group, and carries it out where that is asked for.
fn copy(
    args: &CpArgs,
    source: (&Kafi, &str),
    target: (&Kafi, &StorageAddress, &str),
    topics: &[String],
    context: &Context,
) -> Result<()> {
    let partitions = args.partitions.list();
    let sides = ((source.0.storage(), source.1), (target.0.storage(), target.2));
    let options =
        GroupCopyOptions { topics, partitions: partitions.as_deref(), allow_gap: args.allow_gap, timeout: TIMEOUT };
    let plan = shell::plan_group_copy(sides.0, sides.1, options);
    let plan =
        plan.and_then(|plan| settle(target.0.admin()?.as_mut(), (target.1, target.2), &plan, &args.execute, context));
    match plan {
        Ok(_) => Ok(()),
        Err(error) => Err(explain(source.0.admin()?.as_mut(), source.1, error)),
    }
}

/// The groups that an address means: a storage alone means all. Those that keep the place of a copy belong to their own
/// cluster, and come along only where they are named.
fn groups_of(address: &Address, kafi: &Kafi) -> Result<Vec<String>> {
    let Some(name) = &address.topic else { return Ok(others(matching(kafi.admin()?.as_mut(), ALL)?)) };
    if !address.is_glob() {
        return Ok(address.name().into_iter().collect());
    }
    let groups = matching(kafi.admin()?.as_mut(), name)?;
    let groups = if name.starts_with(OF_COPIES) { groups } else { others(groups) };
    if groups.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "find groups", "no group matches").with("address", address));
    }
    Ok(groups)
}

fn others(groups: Vec<String>) -> Vec<String> {
    groups.into_iter().filter(|group| !group.starts_with(OF_COPIES)).collect()
}
