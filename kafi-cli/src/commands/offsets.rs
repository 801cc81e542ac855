//! `offsets`: where offsets, times, and counts lie in each partition.

use clap::Args;
use kafi::{Result, shell};

use crate::address::{open_topics, several};
use crate::args::TIMEOUT;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};
use crate::places::PlaceArgs;

#[derive(Args)]
pub struct OffsetsArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    #[command(flatten)]
    places: PlaceArgs,
}

pub fn run(args: &OffsetsArgs, context: &Context) -> Result<Exit> {
    let offsets = args.places.ranges(context)?;
    let opened = open_topics(context, &args.addresses)?;
    let mut table = Table::of_storages(several(opened.iter().map(|opened| &opened.storage)), &["topic", "partition", "offset", "end", "messages"]);
    for opened in &opened {
        let mut admin = opened.kafi.admin()?;
        for found in shell::offsets(admin.as_mut(), &opened.topics, args.places.partitions().as_deref(), &offsets, args.places.allow_gap, TIMEOUT)? {
            let part = found.assignment;
            let end = part.end.unwrap_or(found.high);
            let cells = [i64::from(part.partition), part.start, end, end - part.start].map(Cell::Number);
            table.row_on(&opened.storage, [Cell::Text(part.topic)].into_iter().chain(cells));
        }
    }
    table.print(context)?;
    Ok(Exit::Done)
}
