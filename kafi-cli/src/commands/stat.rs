//! `stat`: the newest message of topics, or how large their messages are.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use clap::Parser;
use kafi::{ReadOptions, Result, SetAside, SizeStats, SizedMessage, shell};

use crate::address::{Opened, open_topics, several};
use crate::args::{LimitArgs, PrintArgs, ReadArgs, ReadingArgs, TopicsArgs, refused};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, MessagePrinter, Reading, Table};
use crate::summary::{Reached, ended};
use crate::together::outcome;
use crate::verb::Verb;

/// Print the newest message of each topic, or how large messages are
#[derive(Parser)]
pub struct StatArgs {
    #[command(flatten)]
    topics: TopicsArgs,
    /// How many messages there are, their bytes (keys, values, and headers, as they are stored), and the smallest and the
    /// largest with their places
    #[arg(long)]
    sizes: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    print: PrintArgs,
}

impl Verb for StatArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        if self.read.group.is_some() {
            return Err(refused("-g", "what is newest, and how large, is the same for every group"));
        }
        let aside = SetAside::default();
        let options = ReadOptions {
            set_aside: Some(aside.clone()),
            ..self.read.options(context, &LimitArgs { max: None, follow: false })?
        };
        let opened = open_topics(context, &self.topics.addresses)?;
        let reading = self.reading.open(context)?;
        context.begin_job();
        let names_storage = several(opened.iter().map(|opened| &opened.storage));
        let mut table = Table::of_storages(names_storage, &COLUMNS);
        let mut exit = Exit::Done;
        for at in &opened {
            let _progress = context.show_progress(&options.progress, !self.sizes);
            let finished = if self.sizes {
                let topics = shell::TopicsToRead::new(at.kafi.storage(), &at.topics, &options);
                let (sizes, finished) = shell::sizes(topics.threads(self.read.threads()))?;
                add_rows(&mut table, at, &sizes);
                finished
            } else {
                self.print_newest(context, at, names_storage, &options, &reading)?
            };
            let storage = names_storage.then_some(&at.storage);
            exit = outcome(context, &aside, exit);
            if ended(context, &[Reached { storage, positions: &finished.reached }]) == Exit::Interrupted {
                exit = Exit::Interrupted;
                break;
            }
        }
        table.print_result(&context.output)?;
        reading.failures.settle()?;
        Ok(self.reading.text.failures.end(context, &reading.failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}

impl StatArgs {
    /// Prints the newest message of each topic of a storage.
    fn print_newest(
        &self,
        context: &Context,
        at: &Opened,
        names_storage: bool,
        options: &ReadOptions,
        reading: &Reading,
    ) -> Result<shell::Finished> {
        let printing = self.print.printing(&context.output, reading)?;
        let mut printer = MessagePrinter::open(&context.output, at.origin(names_storage), printing, &at.kafi)?;
        let mut all = shell::Finished::default();
        for topic in &at.topics {
            let topics = std::slice::from_ref(topic);
            let finished = shell::tail(shell::TopicsToRead::new(at.kafi.storage(), topics, options), 1, |batch| {
                let reads = printer.print(batch)?;
                Ok(if reads { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
            all.reached.extend(finished.reached);
            if options.cancel.is_cancelled() {
                break;
            }
        }
        Ok(all)
    }
}

const COLUMNS: [&str; 8] =
    ["topic", "messages", "bytes", "average", "smallest", "smallest_at", "largest", "largest_at"];

fn add_rows(table: &mut Table, at: &Opened, sizes: &BTreeMap<String, SizeStats>) {
    for topic in &at.topics {
        let stats = sizes.get(topic).copied().unwrap_or_default();
        let average = stats.average().map_or(Cell::Unknown, |average| Cell::Json {
            shown: format!("{average:.1}"),
            json: format!("{average:.1}"),
        });
        let [smallest, smallest_at] = cells(stats.smallest);
        let [largest, largest_at] = cells(stats.largest);
        let cells = [
            Cell::Text(topic.clone()),
            Cell::Number(stats.messages as i64),
            Cell::Number(stats.bytes as i64),
            average,
            smallest,
            smallest_at,
            largest,
            largest_at,
        ];
        table.row_on(&at.storage, cells);
    }
}

fn cells(message: Option<SizedMessage>) -> [Cell; 2] {
    message.map_or([Cell::Unknown, Cell::Unknown], |message| {
        [Cell::Number(message.bytes as i64), Cell::Text(format!("{}:{}", message.partition, message.offset))]
    })
}
