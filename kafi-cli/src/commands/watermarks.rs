//! `watermarks`: the offsets that each partition holds.

use clap::Parser;
use kafi::shell::{self, WantedOffsets};
use kafi::{Assignment, Offsets, Resolved, Result};

use crate::address::{open_topics, several};
use crate::args::TopicsArgs;
use crate::context::Context;
use crate::exit::{Exit, end_list};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Print the offsets that each partition holds
#[derive(Parser)]
pub struct WatermarksArgs {
    #[command(flatten)]
    topics: TopicsArgs,
}

impl Verb for WatermarksArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_topics(context, &self.topics.addresses)?;
        let mut table = Table::of_storages(
            several(opened.iter().map(|opened| &opened.storage)),
            &["topic", "partition", "low", "high", "messages"],
        );
        let (mut is_nothing_known, mut failures) = (true, Vec::new());
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            let wanted =
                WantedOffsets { partitions: None, offsets: &Offsets::default(), allow_gap: false, timeout: TIMEOUT };
            let (all, failed) = shell::offsets_of_each(admin.as_mut(), &opened.topics, wanted)?;
            is_nothing_known &= all.is_empty();
            failures.extend(failed);
            for Resolved { assignment: Assignment { topic, partition, .. }, low, high } in all {
                let cells = [i64::from(partition), low, high, high - low].map(Cell::Number);
                table.row_on(&opened.storage, [Cell::Text(topic)].into_iter().chain(cells));
            }
        }
        end_list(is_nothing_known, failures, || table.print(&context.output))
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}
