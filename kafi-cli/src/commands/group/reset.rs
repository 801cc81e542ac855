//! `group reset`: other committed offsets for a group.

use clap::Parser;
use kafi::shell::{self, WantedOffsets};
use kafi::{Error, ErrorKind, Result};

use super::plan::settle;
use super::{explain, open_group, topics_of};
use crate::args::{ExecuteArgs, PlaceArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Plan other committed offsets for a group, and set them with --execute
#[derive(Parser)]
#[command(name = "reset")]
pub struct ResetArgs {
    /// The group (prod:billing); with TOPICs it may be new
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Topics of the same storage, or globs; without any those that the group has committed
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    execute: ExecuteArgs,
}

impl Verb for ResetArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let offsets = self.places.places("reset group", context)?;
        let (kafi, storage, group) = open_group(context, &self.address)?;
        let topics = topics_of(&kafi, &self.topics)?;
        let mut admin = kafi.admin()?;
        let partitions = self.places.changed_partitions();
        let wanted = WantedOffsets {
            partitions: partitions.as_deref(),
            offsets: &offsets,
            allow_gap: self.places.allow_gap,
            timeout: TIMEOUT,
        };
        let plan = shell::plan_group_reset(admin.as_mut(), &group, &topics, wanted);
        let plan = plan.map_err(|error| hint_at_topics(explain(admin.as_mut(), &group, error), topics.is_empty()))?;
        settle(admin.as_mut(), (&storage, &group), &plan, &self.execute, context)
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}

/// A group that is missing can be made, if it is said for which topics.
fn hint_at_topics(error: Error, named_none: bool) -> Error {
    let makes_group = named_none && error.kind() == ErrorKind::NotFound && error.hint_text().is_none();
    if makes_group { error.hint("name its topics to make a new group") } else { error }
}
