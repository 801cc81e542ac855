//! `wc`: counts messages and bytes.

use std::collections::BTreeMap;

use clap::Args;
use kafi::{Counts, Finished, ReadOptions, Result, shell};

use crate::address::open_topics;
use crate::args::{LimitArgs, ReadArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::progress::ProgressLine;
use crate::output::{Cell, Table};
use crate::summary::{Summary, ended};

#[derive(Args)]
pub struct WcArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    read: ReadArgs,
}

pub fn run(args: &WcArgs, context: &Context) -> Result<Exit> {
    let summary = Summary::start();
    let options = args.read.options(context, &args.limit)?;
    let mut table = Table::new(&["topic", "messages", "key_bytes", "value_bytes", "tombstones"]);
    let mut all = Counts::default();
    let mut exit = Exit::Done;
    let opened = open_topics(context, &args.addresses)?;
    args.read.check_whole(&opened)?;
    context.begin_job();
    let storages = opened.len();
    let topics: usize = opened.iter().map(|opened| opened.topics.len()).sum();
    for (index, opened) in opened.into_iter().enumerate() {
        let options = ReadOptions { max: args.limit.max.map(|max| max.saturating_sub(all.messages)), progress: Default::default(), ..options.clone() };
        let options = args.read.on_whole(&opened.kafi, options);
        let mut progress = Some(ProgressLine::show(context, &options.progress, false));
        let print = |counts: &BTreeMap<String, Counts>, finished: &Finished| {
            drop(progress.take());
            for topic in &opened.topics {
                table.row(row(topic, counts[topic]));
                all += counts[topic];
            }
            if index + 1 < storages && !finished.cancelled {
                return Ok(());
            }
            if topics > 1 && !context.json {
                table.row(row("total", all));
            }
            table.print(context)
        };
        let finished = shell::wc_then(opened.kafi.storage(), &opened.topics, &options, args.read.threads(), print)?;
        exit = ended(context, &finished);
        if exit != Exit::Done {
            break;
        }
    }
    summary.count("read", all.messages).say(context);
    Ok(exit)
}

fn row(name: &str, counts: Counts) -> Vec<Cell> {
    let number = |number: u64| Cell::Number(number as i64);
    vec![Cell::Text(name.to_string()), number(counts.messages), number(counts.key_bytes), number(counts.value_bytes), number(counts.tombstones)]
}
