//! `grep`: prints the messages that match a regular expression.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::{Parser, ValueEnum};
use kafi::{
    Address, Batch, Error, ErrorKind, Finished, FunctionSteps, GrepFields, GrepOptions, Pattern, PatternOptions,
    ReadOptions, Result, Texts, shell,
};

use crate::address::{Opened, later_topics, open_topics, refuse_format, several};
use crate::args::{
    FunctionArgs, JqArgs, KeyValueArgs, LimitArgs, OrderArgs, ReadArgs, ReadingArgs, open_steps, share_limit,
    through_steps,
};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, MessagePrinter, Reading, Stdout, Table, escape, nobody_reads, stderr};
use crate::summary::Summary;
use crate::together::{Shown, read_all};
use crate::verb::Verb;

/// Print the messages that match a regular expression
#[derive(Parser)]
#[command(
    override_usage = "kafi grep [OPTIONS] <PATTERN> <ADDRESS>...\n       kafi grep [OPTIONS] -e <PATTERN>... <ADDRESS>..."
)]
pub struct GrepArgs {
    /// The regular expression, over the text of keys and values, unless -e gives it; then the addresses
    #[arg(value_name = "PATTERN", required_unless_present = "patterns")]
    pattern: Option<String>,
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required_unless_present = "patterns")]
    addresses: Vec<String>,
    /// A regular expression, which may begin with a hyphen; repeatable: one has to match
    #[arg(short = 'e', long = "regexp", value_name = "PATTERN", allow_hyphen_values = true)]
    patterns: Vec<String>,
    /// Look for the patterns as they are written, not as regular expressions
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Take no notice of upper and lower case
    #[arg(short = 'i', long)]
    ignore_case: bool,
    /// Find whole words only
    #[arg(short = 'w', long)]
    word_regexp: bool,
    /// Find whole keys, values, and headers only
    #[arg(short = 'x', long)]
    line_regexp: bool,
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
    /// Print nothing, and stop at the first match: the exit code says whether there is one
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Where to look
    #[arg(long = "in", value_name = "FIELDS", value_delimiter = ',', default_value = "key,value")]
    fields: Vec<FieldArg>,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    order: OrderArgs,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    functions: FunctionArgs,
    #[command(flatten)]
    jq: JqArgs,
    /// Print by a format: %t %p %o %T %k %v %s %h %K %S %R %%, %k{hex}, %v{base64}, %d{%F %T}, \n \t \xNN
    #[arg(
        long,
        value_name = "FORMAT",
        allow_hyphen_values = true,
        conflicts_with = "key_delimiter",
        help_heading = "Printing"
    )]
    format: Option<String>,
    #[command(flatten)]
    print: KeyValueArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FieldArg {
    Key,
    Value,
    Headers,
}

impl GrepArgs {
    /// The topics that were typed; the first is one where the pattern is an option.
    fn topics(&self) -> Vec<String> {
        let first = self.pattern.iter().filter(|_| !self.patterns.is_empty());
        first.chain(&self.addresses).cloned().collect()
    }

    fn patterns(&self) -> Vec<&str> {
        let patterns = if self.patterns.is_empty() { self.pattern.as_slice() } else { &self.patterns };
        patterns.iter().map(String::as_str).collect()
    }

    fn look_for(&self) -> Result<GrepOptions> {
        let has = |field| self.fields.contains(&field);
        let fields =
            GrepFields { key: has(FieldArg::Key), value: has(FieldArg::Value), headers: has(FieldArg::Headers) };
        let options = PatternOptions {
            ignore_case: self.ignore_case,
            fixed: self.fixed_strings,
            words: self.word_regexp,
            whole: self.line_regexp,
        };
        Ok(GrepOptions {
            fields,
            invert: self.invert_match,
            ..GrepOptions::new(Pattern::any_of(&self.patterns(), options)?)
        })
    }

    fn prints(&self) -> bool {
        !self.quiet && !self.count && !self.topics_with_matches
    }
}

/// What was found so far, on all storages together.
struct Found {
    counts: Vec<BTreeMap<String, u64>>,
    found: u64,
    read: u64,
    /// What a storage failed with while it was only asked whether there is a match, which another may have.
    failed: Option<Error>,
}

/// A search over several storages.
struct Search<'a> {
    args: &'a GrepArgs,
    context: &'a Context,
    addresses: Vec<String>,
    opened: &'a [Opened],
    look_for: GrepOptions,
    steps: FunctionSteps,
    reading: Reading,
    /// Whoever finds something has it, so that lines of several storages do not mix.
    found: Mutex<Found>,
}

impl Verb for GrepArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let addresses = self.topics();
        if addresses.is_empty() {
            let error = Error::new(ErrorKind::Usage, "read arguments", "no topic was given");
            return Err(error.hint("usage: kafi grep [OPTIONS] -e <PATTERN>... <ADDRESS>..."));
        }
        let look_for = self.look_for()?;
        self.jq.check(context.output.json)?;
        let steps = self.functions.steps(&self.jq, &context.cancel)?;
        let mut options = self.read.options(context, &self.limit)?;
        self.order.apply(&self.read, &mut options)?;
        share_limit(&steps, &mut options);
        refuse_format(&addresses, options.follow, "--format")?;
        let opened = open_topics(context, &addresses)?;
        if !self.prints() {
            self.read.check_whole(opened.len())?;
        }
        let counts =
            opened.iter().map(|opened| opened.topics.iter().map(|topic| (topic.clone(), 0)).collect()).collect();
        let found = Mutex::new(Found { counts, found: 0, read: 0, failed: None });
        let reading = self.reading.open(context)?;
        let failures = reading.failures.clone();
        let search = Search { args: self, context, addresses, opened: &opened, look_for, steps, reading, found };
        let exit = read_all(context, &opened, &options, self.prints(), |index, options, shown| {
            search.one(index, options, shown)
        })?;
        let Found { counts, found, read, failed } = search.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failed {
            Some(error) if found == 0 => return Err(error),
            Some(error) => stderr::say(&format!("error: {error}")),
            None => {}
        }
        if opened.len() > 1 && !self.prints() {
            print_counts(self, &opened, &counts, context)?;
        }
        if !self.quiet {
            summary.count("read", read).count("found", found).skipped(failures.count()).say(context);
        }
        let exit = match self.reading.text.failures.exit(&failures, exit) {
            Exit::Failed => Exit::Usage,
            exit => exit,
        };
        Ok(if exit == Exit::Done && found == 0 { Exit::Failed } else { exit })
    }

    fn addresses(&self) -> Vec<String> {
        self.topics()
    }

    fn fails_with(&self) -> Exit {
        Exit::Usage
    }
}

impl Search<'_> {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Searches one storage. Where only the exit code is wanted, one that fails keeps no other from being searched.
    fn one(&self, index: usize, options: ReadOptions, shown: &Shown) -> Result<Finished> {
        match self.search(index, options, shown) {
            Err(error) if self.args.quiet && self.opened.len() > 1 => {
                self.found().failed.get_or_insert(error);
                Ok(Finished::default())
            }
            finished => finished,
        }
    }

    fn search(&self, index: usize, options: ReadOptions, shown: &Shown) -> Result<Finished> {
        let (args, context, at) = (self.args, self.context, &self.opened[index]);
        let prints = args.prints();
        let names_storage = several(self.opened.iter().map(|opened| &opened.storage));
        let printing = args.print.printing(args.format.as_deref(), &context.output, &self.reading)?;
        let mut printer = MessagePrinter::open(&context.output, at.origin(names_storage), printing, &at.kafi)?
            .marking(&self.look_for)
            .after(&self.steps);
        let mut look_for = self.look_for.clone();
        if self.steps.only_filters() {
            look_for.texts = Texts::of(at.kafi.place(), &self.reading.serdes, self.reading.failures.clone())?;
        }
        let applied = open_steps(&self.steps, &at.kafi, &self.reading)?;
        let through = |batch: &mut Batch| applied.as_ref().map_or(Ok(()), |steps| steps.apply(batch));
        let options = ReadOptions { later_topics: later_topics(&self.addresses, &at.storage)?, ..options };
        let options = if prints { args.read.on(&at.kafi, options) } else { args.read.on_whole(&at.kafi, options) };
        let found_max = if args.quiet { Some(1) } else { args.max_count };
        let read_before = options.progress.read();
        let each = |batch: &mut Batch| {
            let mut found = self.found();
            let left = found_max.map_or(u64::MAX, |max| max.saturating_sub(found.found));
            batch.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            found.found += batch.len() as u64;
            add(batch, &mut found.counts[index]);
            let is_read = !prints || printer.print(batch)?;
            if !is_read {
                // Whoever read has gone: nothing of this batch counts as done.
                batch.clear();
            }
            if is_read && found_max.is_none_or(|max| found.found < max) {
                return Ok(ControlFlow::Continue(()));
            }
            options.cancel.cancel();
            Ok(ControlFlow::Break(()))
        };
        let then = |_: &Finished| {
            if prints || self.opened.len() > 1 {
                return Ok(());
            }
            shown.end();
            print_counts(args, self.opened, &self.found().counts, context)
        };
        let topics = shell::TopicsToRead::new(at.kafi.storage(), &at.topics, &options).threads(args.read.threads());
        let topics = topics.leaving_out(&self.reading.failures);
        let searched = shell::grep_then(through_steps(topics, applied.as_ref(), &through), &look_for, each, then);
        let mut found = self.found();
        // Those that are read at the same time count together.
        found.read =
            if options.follow { options.progress.read() } else { found.read + options.progress.read() - read_before };
        searched.map(|(_, finished)| finished)
    }
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
/// Where there are several storages, topics are named by their addresses.
fn print_counts(args: &GrepArgs, opened: &[Opened], counts: &[BTreeMap<String, u64>], context: &Context) -> Result<()> {
    if args.quiet {
        return Ok(());
    }
    let names_storage = several(opened.iter().map(|opened| &opened.storage));
    let all = || {
        opened
            .iter()
            .zip(counts)
            .flat_map(|(at, counts)| counts.iter().map(move |(topic, count)| (&at.storage, topic, *count)))
    };
    if context.output.json {
        let mut table = Table::of_storages(names_storage, if args.count { &["topic", "messages"] } else { &["topic"] });
        for (storage, topic, count) in all().filter(|(_, _, count)| args.count || *count > 0) {
            let cells = [Cell::Text(topic.clone()), Cell::Number(count as i64)];
            table.row_on(storage, cells.into_iter().take(if args.count { 2 } else { 1 }));
        }
        return table.print_result(&context.output);
    }
    let is_alone = all().nth(1).is_none();
    let mut stdout = Stdout::open()?;
    for (storage, topic, count) in all() {
        let address = Address { storage: storage.clone(), topic: Some(topic.clone()) };
        let name = if names_storage { address.to_string() } else { topic.clone() };
        let name = if context.output.terminal { escape::line(&name) } else { name };
        match args.count {
            true if is_alone => stdout.line(&count.to_string())?,
            true => stdout.line(&format!("{name}:{count}"))?,
            false if count > 0 => stdout.line(&name)?,
            false => true,
        };
    }
    if stdout.flush()? { Ok(()) } else { Err(nobody_reads()) }
}
