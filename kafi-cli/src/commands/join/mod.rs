//! `join`: the messages of two topics that have the same key.

mod project;
mod side;
mod types;

use std::ops::ControlFlow;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use kafi::{
    Address, Batch, Failures, JoinEmit, JoinHow, JoinOptions, JoinPair, JoinRows, JoinSide, Joined, JoinedSide, Kafi,
    Offsets, Place, Progress, ReadOptions, Result, Serdes, TopicSink, shell,
};

use crate::address::{FirstUse, open_topic};
use crate::args::{
    FailureArgs, JoinFunctionArgs, PrintArgs, ToArgs, TypeArgs, WriteArgs, WriterSchemaArgs, refused, size_of_something,
};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{MessagePrinter, Origin, Reading};
use crate::summary::Summary;
use crate::verb::Verb;

use project::Projector;
use side::{SideKey, SideTexts};
use types::{LeftTypes, RightTypes};

/// Print the messages of two topics that have the same key, or write them to a topic
#[derive(Parser)]
pub struct JoinArgs {
    /// The left topic
    #[arg(value_name = "LEFT")]
    pub left: String,
    /// The right topic
    #[arg(value_name = "RIGHT")]
    pub right: String,
    /// Write to this topic, which is made where it is missing; messages lie in partitions by their keys
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Which rows come out: pairs, and with left, right, and full also the messages of that side without a partner; semi is
    /// the left messages that have one, and anti those that have none
    #[arg(long, value_name = "HOW", default_value = "inner")]
    how: HowArg,
    #[command(flatten)]
    functions: JoinFunctionArgs,
    /// What the left rows are: all messages (log), or the newest of each key, which a tombstone removes (table)
    #[arg(long = "left", value_name = "ROWS", default_value = "log")]
    left_rows: RowsArg,
    /// What the right rows are
    #[arg(long = "right", value_name = "ROWS", default_value = "log")]
    right_rows: RowsArg,
    /// When messages without a partner come out: when the other side is complete (final), or at once, and again with each
    /// partner (eager), which keeps both topics in memory
    #[arg(long, value_name = "WHEN", default_value = "final")]
    emit: EmitArg,
    /// Go on at the ends, until Ctrl-C; needs --emit eager
    #[arg(short, long)]
    follow: bool,
    /// About how much memory it may take; what needs more goes to a file in the folder for temporary files ($TMPDIR)
    #[arg(long, value_name = "BYTES", default_value = "256MB", value_parser = size_of_something)]
    memory: u64,
    /// What of the left topic is read: as -o of cat, or P=N:M,P=N:M as a join says what it reads
    #[arg(long, value_name = "SPEC", value_delimiter = ',', allow_hyphen_values = true)]
    left_offsets: Vec<String>,
    /// What of the right topic is read
    #[arg(long, value_name = "SPEC", value_delimiter = ',', allow_hyphen_values = true)]
    right_offsets: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    types: TypeArgs,
    #[command(flatten)]
    left_types: LeftTypes,
    #[command(flatten)]
    right_types: RightTypes,
    #[command(flatten)]
    to_types: ToArgs,
    #[command(flatten)]
    writer: WriterSchemaArgs,
    #[command(flatten)]
    failures: FailureArgs,
    #[command(flatten)]
    print: PrintArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HowArg {
    Inner,
    Left,
    Right,
    Full,
    Semi,
    Anti,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RowsArg {
    Log,
    Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EmitArg {
    Final,
    Eager,
}

impl Verb for JoinArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        if self.follow && self.emit == EmitArg::Final {
            return Err(refused("-f", "what has no partner is known at the end only, and here there is none")
                .hint("--emit eager puts it out at once, and again with its partner"));
        }
        let [left_function, right_function, project] = self.functions.compile()?;
        let (left, left_topic) = open_topic(context, &self.left)?;
        let (right, right_topic) = open_topic(context, &self.right)?;
        let serdes = [self.left_types.serdes(&self.types)?, self.right_types.serdes(&self.types)?];
        let failures = self.failures.open(context)?;
        let progress = Arc::<Progress>::default();
        let mut left_key = SideKey::open(SideTexts::open(&left, &serdes[0])?, left_function);
        let mut right_key = SideKey::open(SideTexts::open(&right, &serdes[1])?, right_function);
        let sides = [
            JoinSide {
                storage: left.storage(),
                topic: &left_topic,
                read: self.reading(context, &left, &self.left_offsets, &progress)?,
                rows: self.left_rows.into(),
                key: Box::new(move |record, key| left_key.set(record, key)),
            },
            JoinSide {
                storage: right.storage(),
                topic: &right_topic,
                read: self.reading(context, &right, &self.right_offsets, &progress)?,
                rows: self.right_rows.into(),
                key: Box::new(move |record, key| right_key.set(record, key)),
            },
        ];
        let texts = [SideTexts::open(&left, &serdes[0])?, SideTexts::open(&right, &serdes[1])?];
        let projector = Projector::open(texts, project);
        context.begin_job();
        let job = Job { args: self, context, failures: &failures, progress: &progress };
        let (joined, written) = match &self.to {
            Some(target) => {
                let sources = [(left.place(), left_topic.as_str()), (right.place(), right_topic.as_str())];
                job.write(target, sides, projector, &sources)?
            }
            None => (job.print(&left, sides, projector, &serdes[0])?, None),
        };
        failures.settle()?;
        say(context, summary, &joined, written);
        let exit = if joined.cancelled { Exit::Interrupted } else { Exit::Done };
        Ok(self.failures.exit(&failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.left.clone(), self.right.clone()]
    }
}

impl JoinArgs {
    /// What of a side is read.
    fn reading(
        &self,
        context: &Context,
        kafi: &Kafi,
        offsets: &[String],
        progress: &Arc<Progress>,
    ) -> Result<ReadOptions> {
        // Where each partition is named, no other one is read.
        let named: Option<Vec<i32>> =
            offsets.iter().map(|spec| spec.split_once('=').and_then(|(partition, _)| partition.parse().ok())).collect();
        Ok(ReadOptions {
            offsets: Offsets::parse(offsets, context.output.utc)?,
            partitions: named.filter(|named| !named.is_empty()),
            follow: self.follow,
            timeout: TIMEOUT,
            cancel: context.cancel.clone(),
            progress: Arc::clone(progress),
            ..kafi.read_options()
        })
    }

    fn options(&self, failures: &Failures) -> JoinOptions {
        JoinOptions {
            how: match self.how {
                HowArg::Inner => JoinHow::Inner,
                HowArg::Left => JoinHow::Left,
                HowArg::Right => JoinHow::Right,
                HowArg::Full => JoinHow::Full,
                HowArg::Semi => JoinHow::Semi,
                HowArg::Anti => JoinHow::Anti,
            },
            emit: if self.emit == EmitArg::Eager { JoinEmit::Eager } else { JoinEmit::Final },
            memory: self.memory,
            failures: failures.clone(),
        }
    }
}

impl From<RowsArg> for JoinRows {
    fn from(rows: RowsArg) -> Self {
        match rows {
            RowsArg::Log => Self::Log,
            RowsArg::Table => Self::Table,
        }
    }
}

/// A join as it was typed.
struct Job<'a> {
    args: &'a JoinArgs,
    context: &'a Context,
    failures: &'a Failures,
    progress: &'a Arc<Progress>,
}

impl Job<'_> {
    /// Prints what comes out.
    fn print(&self, left: &Kafi, sides: [JoinSide<'_>; 2], projector: Projector, serdes: &Serdes) -> Result<Joined> {
        let Self { args, context, .. } = self;
        let reading = Reading { serdes: serdes.clone(), ..Reading::default() };
        let printing = args.print.printing(&context.output, &reading)?;
        let origin = Origin { storage: None, names_topics: false };
        let mut printer = MessagePrinter::open(&context.output, origin, printing, left)?.of_texts();
        self.run(sides, projector, true, |batch| {
            Ok(if printer.print(batch)? { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
    }

    /// Writes what comes out, and says how many messages that were.
    fn write(
        &self,
        target: &str,
        sides: [JoinSide<'_>; 2],
        projector: Projector,
        sources: &[(&Place, &str)],
    ) -> Result<(Joined, Option<u64>)> {
        let Self { args, context, .. } = self;
        let first_use = FirstUse::of(&Address::parse(target)?.storage);
        let (kafi, topic) = open_topic(context, target)?;
        let mut serdes = args.to_types.types(args.types.avro_json, args.types.subject_strategy).serdes()?;
        args.writer.apply(&mut serdes, kafi.place())?;
        let only_keeps = matches!(args.how, HowArg::Semi | HowArg::Anti);
        let projector = projector.writing((&kafi, &topic), &serdes, only_keeps)?;
        let sink = TopicSink::open(kafi.place(), &topic, sources, Arc::default())?;
        let mut sink = sink.by_key().stall_limit(args.write.stall_limit());
        first_use.say(context);
        let follows = args.follow;
        let joined = self.run(sides, projector, false, |batch| {
            sink.write(batch)?;
            if follows {
                sink.flush()?;
            }
            Ok(ControlFlow::Continue(()))
        });
        // What came before a failure is written all the same.
        let written = sink.close(None);
        let joined = joined?;
        Ok((joined, Some(written?)))
    }

    fn run(
        &self,
        sides: [JoinSide<'_>; 2],
        mut projector: Projector,
        prints: bool,
        mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    ) -> Result<Joined> {
        let _progress = self.context.show_progress(self.progress, prints);
        let options = self.args.options(self.failures);
        let begun = |joined: &Joined| {
            say_offsets(self.context, joined);
            Ok(())
        };
        let mut project = |pair: JoinPair<'_>, batch: &mut Batch| projector.push(pair, batch);
        shell::join(sides, &options, begun, &mut project, &mut each)
    }
}

/// Says what is read, as it can be asked for again.
fn say_offsets(context: &Context, joined: &Joined) {
    let [left, right] = [&joined.left_offsets, &joined.right_offsets].map(|offsets| Joined::offsets_text(offsets));
    context.say(&match context.output.json {
        true => format!("{{\"left_offsets\":\"{left}\",\"right_offsets\":\"{right}\"}}"),
        false => format!("reading --left-offsets {left} --right-offsets {right}"),
    });
}

/// Says what became of the messages, in sums that add up.
fn say(context: &Context, summary: Summary, joined: &Joined, written: Option<u64>) {
    if context.output.json {
        return summary.say_with(context, &json_account(joined, written));
    }
    for (name, side) in [("left", &joined.left), ("right", &joined.right)] {
        let parts = parts_of(side).map(|(name, count)| format!("{count} {name}"));
        context.say(&format!("{name}: {} read = {}", side.read, parts.collect::<Vec<_>>().join(" + ")));
    }
    let summary = summary.count("rows", joined.rows);
    let summary = written.into_iter().fold(summary, |summary, written| summary.count("written", written));
    summary.skipped(joined.rows_skipped).say(context);
}

/// What the messages of a side are the sum of.
fn parts_of(side: &JoinedSide) -> impl Iterator<Item = (&'static str, u64)> {
    let JoinedSide { matched, unmatched, null_keys, superseded, skipped, .. } = *side;
    let always = [("matched", matched), ("unmatched", unmatched), ("null keys", null_keys)];
    let sometimes = [("superseded", superseded), ("skipped", skipped)];
    always.into_iter().chain(sometimes.into_iter().filter(|(_, count)| *count > 0))
}

fn json_account(joined: &Joined, written: Option<u64>) -> String {
    let side = |side: &JoinedSide| {
        let JoinedSide { read, matched, unmatched, null_keys, superseded, skipped } = side;
        format!(
            "{{\"read\":{read},\"matched\":{matched},\"unmatched\":{unmatched},\"nulls\":{null_keys},\"superseded\":{superseded},\"skipped\":{skipped}}}"
        )
    };
    let written = written.map_or_else(String::new, |written| format!(",\"written\":{written}"));
    format!(
        "\"left\":{},\"right\":{},\"rows\":{}{written},\"skipped\":{}",
        side(&joined.left),
        side(&joined.right),
        joined.rows,
        joined.rows_skipped
    )
}
