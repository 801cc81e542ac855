//! `offsets`: where offsets, times, and counts lie in each partition.

use clap::Parser;
use kafi::Result;
use kafi::shell::{self, WantedOffsets};

use crate::address::{open_topics, several};
use crate::args::{PlaceArgs, TopicsArgs};
use crate::context::Context;
use crate::exit::{Exit, end_list};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Print where offsets, times, and counts lie in each partition
#[derive(Parser)]
pub struct OffsetsArgs {
    #[command(flatten)]
    topics: TopicsArgs,
    #[command(flatten)]
    places: PlaceArgs,
}

impl Verb for OffsetsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let offsets = self.places.ranges(context)?;
        let opened = open_topics(context, &self.topics.addresses)?;
        let mut table = Table::of_storages(
            several(opened.iter().map(|opened| &opened.storage)),
            &["topic", "partition", "offset", "end", "messages"],
        );
        let (mut is_nothing_known, mut failures) = (true, Vec::new());
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            let partitions = self.places.partitions();
            let wanted = WantedOffsets {
                partitions: partitions.as_deref(),
                offsets: &offsets,
                allow_gap: self.places.allow_gap,
                timeout: TIMEOUT,
            };
            let (all, failed) = shell::offsets_of_each(admin.as_mut(), &opened.topics, wanted)?;
            is_nothing_known &= all.is_empty();
            failures.extend(failed);
            for found in all {
                let part = found.assignment;
                let end = part.end.unwrap_or(found.high);
                let cells = [i64::from(part.partition), part.start, end, end - part.start].map(Cell::Number);
                table.row_on(&opened.storage, [Cell::Text(part.topic)].into_iter().chain(cells));
            }
        }
        end_list(is_nothing_known, failures, || table.print(&context.output))
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}
