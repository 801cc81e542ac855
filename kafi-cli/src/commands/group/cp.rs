//! `group cp`: the committed offsets of a group for another one.

use clap::Args;
use kafi::{Address, Error, ErrorKind, Result, shell};

use super::plan::settle;
use super::{explain, open_group, topics_of};
use crate::args::{PartitionList, TIMEOUT, partition_list};
use crate::context::Context;
use crate::exit::Exit;

#[derive(Args)]
pub struct CpArgs {
    /// The group to copy (prod:billing)
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// The group that gets its offsets (dev:billing2), which may be new; or a storage (dev:), which keeps the name
    #[arg(value_name = "TARGET")]
    target: String,
    /// Topics, or globs; without any all that the group has committed
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// Only these partitions, such as 0,3-5
    #[arg(short, long = "partition", value_name = "LIST", value_parser = partition_list)]
    partitions: Option<PartitionList>,
    /// Take the nearest offset where the target does not hold one
    #[arg(long)]
    allow_gap: bool,
    /// Do it; without this the plan is printed, and nothing else done
    #[arg(long)]
    execute: bool,
}

pub fn run(args: &CpArgs, context: &Context) -> Result<Exit> {
    let (source, group) = open_group(context, &args.source)?;
    let address = Address::parse(&args.target)?;
    let is_same_storage = address.storage == Address::parse(&args.source)?.storage;
    let (target, target_group) = match address.topic {
        Some(_) => open_group(context, &args.target)?,
        None => (context.registry.open_address(&address.storage)?, group.clone()),
    };
    if is_same_storage && group == target_group {
        return Err(Error::new(ErrorKind::Usage, "copy group", "source and target are the same group").with("group", group));
    }
    let topics = topics_of(&source, &args.topics)?;
    let partitions = args.partitions.as_ref().map(|list| list.0.as_slice());
    let (mut from, mut to) = (source.admin()?, target.admin()?);
    let plan = shell::plan_group_copy((from.as_mut(), &group), (to.as_mut(), &target_group), &topics, partitions, args.allow_gap, TIMEOUT);
    let plan = plan.map_err(|error| explain(from.as_mut(), &group, error))?;
    settle(to.as_mut(), &target_group, &plan, args.execute, context)
}
