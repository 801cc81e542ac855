//! `watermarks`: the offsets that each partition holds.

use clap::Args;
use kafi::{Isolation, Result, TopicPartition};

use crate::address::{open_topics, several};
use crate::args::TIMEOUT;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};

#[derive(Args)]
pub struct WatermarksArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
}

pub fn run(args: &WatermarksArgs, context: &Context) -> Result<Exit> {
    let opened = open_topics(context, &args.addresses)?;
    let mut table = Table::of_storages(several(opened.iter().map(|opened| &opened.storage)), &["topic", "partition", "low", "high", "messages"]);
    for opened in &opened {
        let mut admin = opened.kafi.admin()?;
        let topics = admin.topics(&opened.topics, TIMEOUT)?;
        let partitions: Vec<_> =
            topics.iter().flat_map(|topic| topic.partitions.iter().map(|p| TopicPartition { topic: topic.name.clone(), partition: p.partition })).collect();
        for w in admin.watermarks(&partitions, Isolation::ReadUncommitted, TIMEOUT)? {
            let cells = [i64::from(w.partition), w.low, w.high, w.high - w.low].map(Cell::Number);
            table.row_on(&opened.storage, [Cell::Text(w.topic)].into_iter().chain(cells));
        }
    }
    table.print(context)?;
    Ok(Exit::Done)
}
