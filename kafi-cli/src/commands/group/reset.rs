//! `group reset`: other committed offsets for a group.

use std::path::PathBuf;

use clap::{Args, Parser};
use kafi::shell::{self, GroupShift, WantedOffsets};
use kafi::{Admin, CommittedOffset, Error, ErrorKind, OffsetChange, Result};

use super::offsets_file;
use super::plan::settle;
use super::{explain, open_group, topics_of};
use crate::args::{ExecuteArgs, PlaceArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::verb::Verb;

/// Plan other committed offsets for a group, and set them with --execute
#[derive(Parser)]
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
    sources: SourceArgs,
    #[command(flatten)]
    execute: ExecuteArgs,
}

/// Where offsets come from and go to beside places.
#[derive(Args)]
struct SourceArgs {
    /// Move the committed offsets on by N, or back by -N
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with_all = ["offsets", "from_file"])]
    by: Option<i64>,
    /// Take the offsets from a file (- is stdin), as --to-file, group show --json, or Kafka's own tool (CSV) wrote them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["offsets", "topics"], value_hint = clap::ValueHint::FilePath)]
    from_file: Option<PathBuf>,
    /// Write the planned offsets to a file (- is stdout), which --from-file reads; where no other ones are asked for, the committed
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    to_file: Option<PathBuf>,
}

impl Verb for ResetArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        // What is wrong with what was typed is said before anything is opened.
        let read = |path| offsets_file::read(path, open_group(context, &self.address)?.2.as_str());
        let listed = self.sources.from_file.as_deref().map(read).transpose()?;
        let (kafi, storage, group) = open_group(context, &self.address)?;
        let topics = topics_of(&kafi, &self.topics)?;
        let mut admin = kafi.admin()?;
        let plan = self.plan(admin.as_mut(), &group, &topics, (listed, context));
        let can_name_topics = topics.is_empty() && !self.keeps_topics();
        let plan = plan.map_err(|error| hint_at_topics(explain(admin.as_mut(), &group, error), can_name_topics))?;
        if let Some(path) = &self.sources.to_file {
            let planned: Vec<CommittedOffset> = plan.iter().map(|change| change.to.clone()).collect();
            offsets_file::write(path, &planned)?;
            let name = if path.as_os_str() == "-" { "stdout".into() } else { path.display().to_string() };
            let offsets = if planned.len() == 1 { "offset is" } else { "offsets are" };
            context.say(&format!("{} {offsets} written to {name}", planned.len()));
            if self.asks_for_nothing() {
                return Ok(Exit::Done);
            }
        }
        settle(admin.as_mut(), (&storage, &group), &plan, &self.execute, context)
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}

impl ResetArgs {
    /// Whether it is said already of which topics offsets are meant.
    fn keeps_topics(&self) -> bool {
        self.sources.by.is_some() || self.sources.from_file.is_some()
    }

    /// Whether the offsets are to stay as they are.
    fn asks_for_nothing(&self) -> bool {
        self.places.is_empty() && self.sources.by.is_none() && self.sources.from_file.is_none()
    }

    fn plan(
        &self,
        admin: &mut dyn Admin,
        group: &str,
        topics: &[String],
        (listed, context): (Option<Vec<CommittedOffset>>, &Context),
    ) -> Result<Vec<OffsetChange>> {
        let allow_gap = self.places.allow_gap;
        if let Some(offsets) = listed {
            let partitions = self.places.partitions();
            let is_wanted =
                |offset: &CommittedOffset| partitions.as_ref().is_none_or(|wanted| wanted.contains(&offset.partition));
            let offsets: Vec<CommittedOffset> = offsets.into_iter().filter(is_wanted).collect();
            return shell::plan_group_offsets(admin, group, &offsets, allow_gap, TIMEOUT);
        }
        let keeps = self.asks_for_nothing() && self.sources.to_file.is_some();
        if let Some(by) = self.sources.by.or(keeps.then_some(0)) {
            let partitions = self.places.partitions();
            // What is committed is written as it is, even where it is no longer there.
            let allow_gap = allow_gap || keeps;
            let shift = GroupShift { by, topics, partitions: partitions.as_deref(), allow_gap, timeout: TIMEOUT };
            return shell::plan_group_shift(admin, group, shift);
        }
        let offsets = self.places.places("reset group", context)?;
        let partitions = self.places.changed_partitions();
        let wanted =
            WantedOffsets { partitions: partitions.as_deref(), offsets: &offsets, allow_gap, timeout: TIMEOUT };
        shell::plan_group_reset(admin, group, topics, wanted)
    }
}

/// A group that is missing can be made, if it is said for which topics.
fn hint_at_topics(error: Error, can_name_topics: bool) -> Error {
    let makes_group = can_name_topics && error.kind() == ErrorKind::NotFound && error.hint_text().is_none();
    if makes_group { error.hint("name its topics to make a new group") } else { error }
}
