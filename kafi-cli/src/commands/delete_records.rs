//! `delete-records`: moves the first offset of partitions, which deletes everything before it.

use clap::Parser;
use kafi::shell::{self, WantedOffsets};
use kafi::{Error, OffsetSpec, Offsets, Position, Resolved, Result};

use crate::address::{open_topics, several};
use crate::args::{ConfirmArgs, PlaceArgs, TopicsArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Delete the oldest messages of partitions, up to an offset
#[derive(Parser)]
pub struct DeleteRecordsArgs {
    #[command(flatten)]
    topics: TopicsArgs,
    /// Delete the oldest N offsets of each partition, or all where there are fewer
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "offsets")]
    oldest: Option<u64>,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl Verb for DeleteRecordsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let offsets = match self.oldest {
            Some(count) => Offsets::all(OffsetSpec::Skip(count)),
            None => {
                self.places.places("delete records", context).map_err(|error| hint_at_oldest(error, &self.places))?
            }
        };
        let opened = open_topics(context, &self.topics.addresses)?;
        let partitions = self.places.changed_partitions();
        let mut plans = Vec::new();
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            let wanted = WantedOffsets {
                partitions: partitions.as_deref(),
                offsets: &offsets,
                allow_gap: self.places.allow_gap,
                timeout: TIMEOUT,
            };
            plans.push(shell::offsets(admin.as_mut(), &opened.topics, wanted)?);
        }
        let names_storage = several(opened.iter().map(|opened| &opened.storage));
        let mut table = Table::of_storages(names_storage, &["topic", "partition", "low", "new_low", "high", "deleted"]);
        for (opened, plan) in opened.iter().zip(&plans) {
            plan.iter().for_each(|part| table.row_on(&opened.storage, row(part)));
        }
        table.print(&context.output)?;
        let count: i64 = plans.iter().flatten().map(deleted).sum();
        if count == 0 {
            context.say("nothing to delete");
            return Ok(Exit::Done);
        }
        if !self.confirm.allow("delete records", &format!("delete {count} offsets for good?"))? {
            return Ok(Exit::Failed);
        }
        for (opened, plan) in opened.iter().zip(&plans) {
            let before: Vec<Position> = plan.iter().filter(|part| deleted(part) > 0).map(position).collect();
            opened.kafi.admin()?.delete_records(&before, TIMEOUT)?;
        }
        Ok(Exit::Done)
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}

fn hint_at_oldest(error: Error, places: &PlaceArgs) -> Error {
    if places.is_empty() {
        error.hint("-o says where: end, N, -N, +N, @TIME, or P=SPEC for one partition; -n N means the oldest N")
    } else {
        error
    }
}

/// How many offsets go; there may be fewer messages.
fn deleted(part: &Resolved) -> i64 {
    part.assignment.start - part.low
}

fn position(part: &Resolved) -> Position {
    let part = &part.assignment;
    Position { topic: part.topic.clone(), partition: part.partition, offset: part.start }
}

fn row(part: &Resolved) -> Vec<Cell> {
    let numbers = [i64::from(part.assignment.partition), part.low, part.assignment.start, part.high, deleted(part)]
        .map(Cell::Number);
    [Cell::Text(part.assignment.topic.clone())].into_iter().chain(numbers).collect()
}
