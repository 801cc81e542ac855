//! `diff`: compares two topics message by message.

use std::ops::ControlFlow;

use clap::Parser;
use kafi::{Address, DiffOptions, DiffSide, Error, ErrorKind, Failures, Kafi, Result, Serdes, Texts, shell};

use crate::address::open_topics;
use crate::args::{FromArgs, LimitArgs, ReadArgs, TextArgs, ToArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::DifferencePrinter;
use crate::summary::Summary;
use crate::verb::Verb;

/// Compare two topics message by message: keys and values that have a schema by what they are decoded to, so that it does
/// not matter by which id they name it; with -t bytes by their bytes
#[derive(Parser)]
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
    #[command(flatten)]
    text: TextArgs,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    to: ToArgs,
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
        let topics: Vec<(&Kafi, &String)> =
            sources.iter().flat_map(|opened| opened.topics.iter().map(move |topic| (&opened.kafi, topic))).collect();
        if topics.len() > 1 && target.topic.is_some() {
            return Err(bad(right, "several topics are compared with those of the same names on a storage"));
        }
        let other = context.registry.open_address(&target.storage)?;
        let mut options = options(self, context)?;
        let failures = self.text.failures.open(context)?;
        let [from, to] = self.serdes()?;
        let other_texts = Texts::new(other.place(), to, failures.clone());
        let mut printer = DifferencePrinter::open(&context.output, [left.clone(), right.clone()], topics.len() > 1)?;
        context.begin_job();
        let other_topic = target.name();
        let (mut compared, mut different, mut cancelled) = (0, 0, false);
        for (kafi, topic) in &topics {
            options.read.max = self.max.map(|max| max - compared);
            options.read.progress = Default::default();
            let _progress = context.show_progress(&options.read.progress, !self.brief);
            let texts = Texts::new(kafi.place(), from.clone(), failures.clone());
            let side = DiffSide::new(kafi.storage(), topic).texts(&texts);
            let other_side = DiffSide::new(other.storage(), other_topic.as_ref().unwrap_or(topic)).texts(&other_texts);
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
            let summary = summary.count("compared", compared).count("different", different);
            summary.skipped(failures.count()).say(context);
        }
        Ok(self.exit(&failures, cancelled, different))
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.left.clone(), self.right.clone()]
    }

    fn fails_with(&self) -> Exit {
        Exit::Usage
    }
}

impl DiffArgs {
    /// What the keys and values of both sides are.
    fn serdes(&self) -> Result<[Serdes; 2]> {
        let both = &self.text.types;
        let mut serdes =
            [self.from.types(None, None).over(both).serdes()?, self.to.types(None, None).over(both).serdes()?];
        serdes.iter_mut().for_each(|serdes| self.text.reader.apply(serdes));
        Ok(serdes)
    }

    /// As of its namesake: 1 is a difference, and what was left out is none.
    fn exit(&self, failures: &Failures, cancelled: bool, different: u64) -> Exit {
        if cancelled {
            return Exit::Interrupted;
        }
        match self.text.failures.exit(failures, Exit::Done) {
            Exit::Failed => Exit::Usage,
            exit if different == 0 => exit,
            _ => Exit::Failed,
        }
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
