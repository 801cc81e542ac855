//! `grep`: prints the messages that match a regular expression.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use clap::{Args, ValueEnum};
use kafi::{Batch, Finished, GrepFields, GrepOptions, Pattern, ReadOptions, Result, shell};

use crate::address::open_topics;
use crate::args::LimitArgs;
use crate::commands::cat::ShownArgs;
use crate::commands::cp::later_topics;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::progress::ProgressLine;
use crate::output::{Cell, MessagePrinter, Stdout, Table};
use crate::summary::{Summary, ended};

#[derive(Args)]
pub struct GrepArgs {
    /// The regular expression, over the text of keys and values
    #[arg(allow_hyphen_values = true)]
    pattern: String,
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// Take no notice of upper and lower case
    #[arg(short = 'i', long)]
    ignore_case: bool,
    /// Print the messages that do not match
    #[arg(short = 'v', long)]
    invert_match: bool,
    /// Print only how many messages match, for each topic
    #[arg(short, long)]
    count: bool,
    /// Print only the names of the topics with a match
    #[arg(short = 'l', long, conflicts_with = "count")]
    topics_with_matches: bool,
    /// Stop after N matches
    #[arg(short, long, value_name = "N")]
    max_count: Option<u64>,
    /// Where to look
    #[arg(long = "in", value_name = "FIELDS", value_delimiter = ',', default_value = "key,value")]
    fields: Vec<FieldArg>,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FieldArg {
    Key,
    Value,
    Headers,
}

pub fn run(args: &GrepArgs, context: &Context) -> Result<Exit> {
    let summary = Summary::start();
    let mut look_for = look_for(args)?;
    let (shown, read_args) = (&args.shown, &args.shown.read);
    let mut options = read_args.options(context, &args.limit)?;
    shown.order.apply(read_args, &mut options)?;
    let prints = !args.count && !args.topics_with_matches;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let (mut read, mut found, mut exit) = (0, 0, Exit::Done);
    let opened = open_topics(context, &args.addresses)?;
    if !prints {
        read_args.check_whole(&opened)?;
    }
    context.begin_job();
    let storages = opened.len();
    for (index, opened) in opened.into_iter().enumerate() {
        counts.extend(opened.topics.iter().map(|topic| (topic.clone(), 0)));
        let mut printer = MessagePrinter::open(context, &opened, &shown.print, shown.types)?.marking(&look_for);
        let max = args.limit.max.map(|max| max.saturating_sub(read));
        let later_topics = later_topics(&args.addresses, &opened.storage)?;
        let options = ReadOptions { max, progress: Default::default(), later_topics, ..options.clone() };
        let options = if prints { read_args.on(&opened.kafi, options) } else { read_args.on_whole(&opened.kafi, options) };
        look_for.found_max = args.max_count.map(|max| max.saturating_sub(found));
        let mut progress = Some(ProgressLine::show(context, &options.progress, prints));
        let counts = RefCell::new(&mut counts);
        let each = |batch: &mut Batch| {
            add(batch, &mut counts.borrow_mut());
            if !prints || printer.print(batch)? {
                return Ok(ControlFlow::Continue(()));
            }
            // Whoever read has gone: nothing of this batch counts as done.
            batch.clear();
            Ok(ControlFlow::Break(()))
        };
        let then = |finished: &Finished| {
            drop(progress.take());
            let is_last = index + 1 == storages || finished.cancelled;
            if prints || !is_last { Ok(()) } else { print_counts(args, &counts.borrow(), context) }
        };
        let (found_here, finished) = shell::grep_then(opened.kafi.storage(), &opened.topics, &options, read_args.threads(), &look_for, each, then)?;
        found += found_here;
        read += options.progress.read();
        exit = ended(context, &finished);
        if exit != Exit::Done {
            break;
        }
    }
    summary.count("read", read).count("found", found).say(context);
    Ok(if exit == Exit::Done && found == 0 { Exit::Failed } else { exit })
}

fn look_for(args: &GrepArgs) -> Result<GrepOptions> {
    let has = |field| args.fields.contains(&field);
    let fields = GrepFields { key: has(FieldArg::Key), value: has(FieldArg::Value), headers: has(FieldArg::Headers) };
    Ok(GrepOptions { fields, invert: args.invert_match, ..GrepOptions::new(Pattern::new(&args.pattern, args.ignore_case)?) })
}

fn add(batch: &Batch, counts: &mut BTreeMap<String, u64>) {
    for meta in batch.metas() {
        let topic = &batch.topics()[meta.topic as usize];
        match counts.get_mut(topic) {
            Some(count) => *count += 1,
            // One that came later.
            None => drop(counts.insert(topic.clone(), 1)),
        }
    }
}

/// As grep prints them: `-c` a number, with the topic before it where there are several; `-l` the topics with a match.
fn print_counts(args: &GrepArgs, counts: &BTreeMap<String, u64>, context: &Context) -> Result<()> {
    if context.json {
        let mut table = Table::new(if args.count { &["topic", "messages"] } else { &["topic"] });
        for (topic, &count) in counts.iter().filter(|(_, count)| args.count || **count > 0) {
            let cells = [Cell::Text(topic.clone()), Cell::Number(count as i64)];
            table.row(cells.into_iter().take(if args.count { 2 } else { 1 }).collect());
        }
        return table.print(context);
    }
    let mut stdout = Stdout::open()?;
    for (topic, &count) in counts {
        match args.count {
            true if counts.len() == 1 => stdout.line(&count.to_string())?,
            true => stdout.line(&format!("{topic}:{count}"))?,
            false if count > 0 => stdout.line(topic)?,
            false => true,
        };
    }
    stdout.flush().map(|_| ())
}
