//! `compact`: the newest message of each key.

use std::ops::ControlFlow;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use kafi::{Address, Batch, CompactOptions, CompactOrder, Compacted, Error, ErrorKind, Result, TopicSink, shell};

use crate::address::{FirstUse, open_topic, open_topics};
use crate::args::{LimitArgs, PrintArgs, ReadArgs, ReadingArgs, WriteArgs, refused, size_of_something};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::MessagePrinter;
use crate::summary::{Reached, Summary, ended};
use crate::verb::Verb;

/// Print the newest message of each key, or write it to a topic, byte for byte. Keys that are deleted, and messages without
/// a key, are left out
#[derive(Parser)]
pub struct CompactArgs {
    /// The topic
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Write them to this topic, which is made where it is missing
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Keep the tombstones of keys that are deleted
    #[arg(long)]
    keep_tombstones: bool,
    /// In which order they come: as they lie, by their offsets in each partition, or as their keys were seen first
    #[arg(long, value_name = "ORDER", default_value = "offset")]
    order: OrderArg,
    /// About how much memory it may take; what needs more goes to a file in the folder for temporary files ($TMPDIR)
    #[arg(long, value_name = "BYTES", default_value = "256MB", value_parser = size_of_something)]
    memory: u64,
    /// What people expect who know it from the other verbs
    #[arg(short, long, hide = true)]
    follow: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    print: PrintArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderArg {
    Offset,
    FirstSeen,
}

impl Verb for CompactArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        if self.follow {
            let why = "which message of a key is the newest is known at the end only, and here there is none";
            return Err(refused("-f", why).hint("join --right table --emit eager -f follows the newest of each key"));
        }
        if self.read.group.is_some() {
            return Err(refused("-g", "a topic is read twice to be compacted, and as a whole"));
        }
        let summary = Summary::start();
        let opened = open_topics(context, std::slice::from_ref(&self.address))?;
        let (at, topic) = match opened.as_slice() {
            [at] if at.topics.len() == 1 => (at, &at.topics[0]),
            _ => return Err(several_topics(&self.address)),
        };
        let mut options = CompactOptions {
            read: self.read.on(&at.kafi, self.read.options(context, &LimitArgs { max: None, follow: false })?),
            keep_tombstones: self.keep_tombstones,
            memory: self.memory,
            order: match self.order {
                OrderArg::Offset => CompactOrder::Offset,
                OrderArg::FirstSeen => CompactOrder::FirstSeen,
            },
        };
        options.read.progress = Arc::default();
        let _progress = context.show_progress(&options.read.progress, self.to.is_none());
        let reading = self.reading.open(context)?;
        context.begin_job();
        let (compacted, written) = match &self.to {
            Some(target) => self.write(context, target, (&at.kafi, topic), &options)?,
            None => {
                let printing = self.print.printing(&context.output, &reading)?;
                let mut printer = MessagePrinter::open(&context.output, at.origin(false), printing, &at.kafi)?;
                let print = |batch: &mut Batch| {
                    Ok(if printer.print(batch)? { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
                };
                (shell::compact(at.kafi.storage(), topic, &options, print)?, None)
            }
        };
        let exit = ended(context, &[Reached { storage: None, positions: &compacted.finished.reached }]);
        say(context, summary, &compacted, written);
        Ok(self.reading.text.failures.end(context, &reading.failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}

impl CompactArgs {
    /// Writes what is kept to a topic.
    fn write(
        &self,
        context: &Context,
        target: &str,
        source: (&kafi::Kafi, &str),
        options: &CompactOptions,
    ) -> Result<(Compacted, Option<u64>)> {
        let first_use = FirstUse::of(&Address::parse(target)?.storage);
        let (target_kafi, target_topic) = open_topic(context, target)?;
        let sources = [(source.0.place(), source.1)];
        let sink = TopicSink::open(target_kafi.place(), &target_topic, &sources, Arc::default())?;
        let mut sink = sink.stall_limit(self.write.stall_limit());
        first_use.say(context);
        let compacted = shell::compact(source.0.storage(), source.1, options, |batch| {
            sink.write(batch)?;
            Ok(ControlFlow::Continue(()))
        });
        // What came before a failure is written all the same.
        let written = sink.close(None);
        let compacted = compacted?;
        Ok((compacted, Some(written?)))
    }
}

fn say(context: &Context, summary: Summary, compacted: &Compacted, written: Option<u64>) {
    let Compacted { read, kept, superseded, tombstones, without_key, .. } = *compacted;
    let mut summary = summary.count("read", read);
    summary = match written {
        Some(written) => summary.count("written", written),
        None => summary.count("kept", kept),
    };
    summary = summary.count("superseded", superseded);
    for (name, count) in [("tombstones", tombstones), ("without key", without_key)] {
        if count > 0 {
            summary = summary.count(name, count);
        }
    }
    summary.say(context);
}

fn several_topics(address: &str) -> Error {
    Error::new(ErrorKind::Usage, "compact", "one topic is compacted at a time").with("address", format!("{address:?}"))
}
