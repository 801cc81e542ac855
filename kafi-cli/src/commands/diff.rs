//! `diff`: compares two topics message by message.

use std::ops::ControlFlow;

use clap::Parser;
use kafi::{Address, DiffOptions, DiffSide, Error, ErrorKind, Result, shell};

use crate::address::open_topics;
use crate::args::{LimitArgs, ReadArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::DifferencePrinter;
use crate::summary::Summary;
use crate::verb::Verb;

/// Compare two topics message by message
#[derive(Parser)]
#[command(name = "diff")]
pub struct DiffArgs {
    /// A topic, or a glob
    #[arg(value_name = "LEFT")]
    pub left: String,
    /// A topic, or a storage, which means the same names there
    #[arg(value_name = "RIGHT")]
    pub right: String,
    /// Print nothing, and stop at the first difference
    #[arg(long)]
    brief: bool,
    /// Timestamps need not be the same
    #[arg(long)]
    ignore_timestamp: bool,
    /// Compare the n-th message of a partition with the n-th, whatever their offsets are
    #[arg(long)]
    ignore_offset: bool,
    /// Messages may stand in any partition, at any place
    #[arg(long)]
    ignore_partition: bool,
    /// Compare so many messages in all
    #[arg(short = 'n', long = "max", value_name = "N", conflicts_with = "ignore_partition")]
    max: Option<u64>,
    #[command(flatten)]
    read: ReadArgs,
}

impl Verb for DiffArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let (left, right) = (&self.left, &self.right);
        if self.read.group.is_some() {
            return Err(Error::new(
                ErrorKind::Usage,
                "read arguments",
                "two topics are compared without a consumer group",
            )
            .with("argument", "-g"));
        }
        let target = Address::parse(right)?;
        if target.is_glob() {
            return Err(bad(right, "only the first address can be a glob"));
        }
        let sources = open_topics(context, std::slice::from_ref(left))?;
        let topics: Vec<(&kafi::Kafi, &String)> =
            sources.iter().flat_map(|opened| opened.topics.iter().map(move |topic| (&opened.kafi, topic))).collect();
        if topics.len() > 1 && target.topic.is_some() {
            return Err(bad(right, "several topics are compared with those of the same names on a storage"));
        }
        let other = context.registry.open_address(&target.storage)?;
        let mut options = options(self, context)?;
        let mut printer = DifferencePrinter::open(&context.output, [left.clone(), right.clone()], topics.len() > 1)?;
        context.begin_job();
        let (mut compared, mut different, mut cancelled) = (0, 0, false);
        for (kafi, topic) in &topics {
            options.read.max = self.max.map(|max| max - compared);
            options.read.progress = Default::default();
            let _progress = context.show_progress(&options.read.progress, !self.brief);
            let side = DiffSide { storage: kafi.storage(), topic };
            let other_side = DiffSide { storage: other.storage(), topic: target.topic.as_ref().unwrap_or(topic) };
            let diffed = shell::diff(side, other_side, &options, |difference| {
                let goes_on = !self.brief && printer.print(difference)?;
                Ok(if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            });
            // What was found before a failure is printed.
            let reads = printer.flush()?;
            let diffed = diffed?;
            compared += diffed.compared;
            different += diffed.different;
            cancelled = diffed.cancelled;
            if cancelled || !reads || (self.brief && different > 0) {
                break;
            }
        }
        if !self.brief {
            summary.count("compared", compared).count("different", different).say(context);
        }
        Ok(match (cancelled, different) {
            (true, _) => Exit::Interrupted,
            (false, 0) => Exit::Done,
            (false, _) => Exit::Failed,
        })
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.left.clone(), self.right.clone()]
    }

    fn fails_with(&self) -> Exit {
        Exit::Usage
    }
}

fn options(args: &DiffArgs, context: &Context) -> Result<DiffOptions> {
    Ok(DiffOptions {
        read: args.read.options(context, &LimitArgs { max: None, follow: false })?,
        threads: args.read.threads(),
        ignore_timestamps: args.ignore_timestamp,
        ignore_offsets: args.ignore_offset,
        ignore_partitions: args.ignore_partition,
        ..DiffOptions::default()
    })
}

fn bad(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "compare", why).with("address", format!("{text:?}"))
}
