//! `watermarks`: the offsets that each partition holds.

use clap::Args;
use kafi::{Isolation, Result, TopicPartition};

use crate::address::open_topics;
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
    let mut table = Table::new(&["topic", "partition", "low", "high", "messages"]);
    for opened in open_topics(context, &args.addresses)? {
        let mut admin = opened.kafi.admin()?;
        let topics = admin.topics(&opened.topics, TIMEOUT)?;
        let partitions: Vec<_> =
            topics.iter().flat_map(|topic| topic.partitions.iter().map(|p| TopicPartition { topic: topic.name.clone(), partition: p.partition })).collect();
        for w in admin.watermarks(&partitions, Isolation::ReadUncommitted, TIMEOUT)? {
            let cells = [i64::from(w.partition), w.low, w.high, w.high - w.low].map(Cell::Number);
            table.row([Cell::Text(w.topic)].into_iter().chain(cells).collect());
        }
    }
    table.print(context)?;
    Ok(Exit::Done)
}
