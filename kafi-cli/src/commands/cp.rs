//! `cp`: copies topics.

use std::sync::Arc;

use clap::Parser;
use kafi::shell::{self, NewTopics, PlannedPart};
use kafi::{Address, BatchSteps, CopyOptions, CopyResult, Error, ErrorKind, FunctionSteps, Kafi, Result};

use crate::address::{FirstUse, Opened, globs_of, hint_at_storage, open_sources, several};
use crate::args::{
    ConversionArgs, CopyArgs, FailureArgs, FunctionArgs, JqArgs, LimitArgs, ReadArgs, WriteArgs, refused,
};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};
use crate::summary::{Reached, Summary, ended};
use crate::verb::Verb;

/// The topic in which a storage has its schema registry.
const SCHEMAS_TOPIC: &str = "_schemas";

/// Copy topics, with every field of every message
#[derive(Parser)]
pub struct CpArgs {
    /// The topics, or globs; a storage alone means all its topics but internal ones
    #[arg(value_name = "SOURCE", required = true, num_args = 1..)]
    pub sources: Vec<String>,
    /// A topic, or a storage, which keeps the sources' names
    #[arg(value_name = "TARGET", required = true)]
    pub target: String,
    #[command(flatten)]
    pub copying: CopyArgs,
    #[command(flatten)]
    pub limit: LimitArgs,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub write: WriteArgs,
    #[command(flatten)]
    pub conversion: ConversionArgs,
    #[command(flatten)]
    pub functions: FunctionArgs,
    #[command(flatten)]
    pub failures: FailureArgs,
}

impl Verb for CpArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let steps = self.functions.steps(&JqArgs::default(), &context.cancel)?;
        let target = Address::parse(&self.target)?;
        if target.is_glob() {
            return Err(bad(&self.target, "a target cannot be a glob"));
        }
        let mut sources = open_sources(context, &self.sources)?;
        if self.conversion.carries_schemas() {
            without_schemas_topic(&mut sources)?;
        }
        let count: usize = sources.iter().map(|source| source.topics.len()).sum();
        if target.topic.is_some() && (count > 1 || self.sources.iter().any(|source| is_storage(source))) {
            let error = bad(&self.target, "several sources need a storage as target, which keeps their names");
            return Err(if self.target.starts_with(['.', '/', '~']) {
                error.hint(format!("a folder ends with a slash: {}/", self.target))
            } else {
                error
            });
        }
        if self.limit.follow && sources.len() > 1 {
            return Err(bad(&self.target, "only sources of one storage can be followed together")
                .hint("run one kafi cp -f for each storage"));
        }
        let target_kafi = context.registry.open_address(&target.storage)?;
        if target.topic.is_some() && !self.copying.no_create {
            hint_at_storage(context, &target_kafi, &self.target)?;
        }
        let mut options = options(self, context)?;
        let typed = Typed { args: self, target: &target, target_kafi: &target_kafi, context };
        if self.copying.dry_run {
            return typed.dry_run(&sources, (&steps, &options));
        }
        let first_use = FirstUse::of(&target.storage);
        options.failures = self.failures.open(context)?;
        context.begin_job();
        let (mut read, mut written, mut failed, mut skipped, mut result) = (0, 0, 0, 0, Ok(Exit::Done));
        for source in &sources {
            let (mut options, functions) = typed.for_source(source, (&steps, &options))?;
            options.read.progress = Arc::default();
            let done = if steps.is_empty() { read } else { written };
            options.read.max = self.limit.max.map(|max| max.saturating_sub(done));
            options.new_topics = self.new_topics(source, &target)?;
            let copied = typed.copy(source, &options);
            read += options.read.progress.read();
            written += options.read.progress.written();
            skipped += options.read.progress.skipped();
            if copied.is_err() {
                let made = functions.map_or(options.read.progress.read(), |functions| functions.made());
                failed += made.saturating_sub(options.read.progress.written() + options.read.progress.skipped());
            }
            let storage = several(sources.iter().map(|source| &source.storage)).then_some(&source.storage);
            result = copied.map(|copied| ended(context, &[Reached { storage, positions: &copied.finished.reached }]));
            if !matches!(result, Ok(Exit::Done)) {
                break;
            }
        }
        first_use.say(context);
        // Also a copy that failed says how far it came.
        if result.is_ok() || read > 0 {
            let summary = summary.count("read", read).count("written", written).count("failed", failed);
            let skipped = if steps.is_empty() { skipped } else { skipped + options.failures.count() };
            summary.skipped(skipped).say(context);
        }
        result.map(|exit| self.failures.exit(&options.failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        self.sources.clone()
    }
}

impl CpArgs {
    /// The functions over what is read of a source; `None` where there are none.
    fn functions_between(
        &self,
        steps: &FunctionSteps,
        source: &Opened,
        target: &Kafi,
        options: &CopyOptions,
    ) -> Result<Option<Arc<BatchSteps>>> {
        if steps.is_empty() {
            return Ok(None);
        }
        let (from, to) = self.conversion.decoded(target, steps.only_filters())?;
        let opened = BatchSteps::open(steps, source.kafi.place(), &from, &options.failures)?;
        let opened = if steps.only_filters() { opened } else { opened.writing(target.place(), &to)? };
        Ok(Some(Arc::new(opened)))
    }

    /// The later topics that belong to a mirror: those that a glob of this storage matches. They keep their names.
    fn new_topics(&self, source: &Opened, target: &Address) -> Result<Option<NewTopics>> {
        if target.topic.is_some() {
            return Ok(None);
        }
        let globs = globs_of(&self.sources, &source.storage)?;
        if globs.is_empty() {
            return Ok(None);
        }
        if self.limit.follow && self.read.group.is_some() {
            log::warn!(
                "with -g only the topics that are there now are followed; without it also later ones that match"
            );
            return Ok(None);
        }
        let carries_schemas = self.conversion.carries_schemas();
        let is_meant = move |topic: &str| {
            globs.iter().any(|glob| glob.matches(topic)) && !(carries_schemas && topic == SCHEMAS_TOPIC)
        };
        Ok(Some(NewTopics::new(move |topic| is_meant(topic).then(|| topic.to_string()))))
    }
}

/// A copy as it was typed, with its target opened.
struct Typed<'a> {
    args: &'a CpArgs,
    target: &'a Address,
    target_kafi: &'a Kafi,
    context: &'a Context,
}

impl Typed<'_> {
    /// The same for one source, and the functions over what is read of it.
    fn for_source(
        &self,
        source: &Opened,
        (steps, options): (&FunctionSteps, &CopyOptions),
    ) -> Result<(CopyOptions, Option<Arc<BatchSteps>>)> {
        let Self { args, target_kafi, .. } = *self;
        let read = args.read.on(&source.kafi, options.read.clone());
        let mut options = CopyOptions { read, ..options.clone() };
        let functions = args.functions_between(steps, source, target_kafi, &options)?;
        if let Some(functions) = functions.clone() {
            options.at_once = functions.at_once();
            options.through = Some(Arc::new(move |batch, target_of| functions.apply_for(batch, target_of)));
        }
        if steps.only_filters() {
            options.conversion = args.conversion.between(&source.kafi, target_kafi)?;
        }
        Ok((options, functions))
    }

    /// Prints what would be copied.
    fn dry_run(&self, sources: &[Opened], (steps, options): (&FunctionSteps, &CopyOptions)) -> Result<Exit> {
        let Self { args, target, target_kafi, context } = *self;
        let names_storage = several(sources.iter().map(|source| &source.storage));
        let functions = args.functions.cell();
        let of_functions: &[&'static str] = if functions.is_some() { &["functions"] } else { &[] };
        let names = [&["topic", "partition", "from", "to", "messages", "target"], of_functions].concat();
        let mut table = Table::of_storages(names_storage, &names);
        for source in sources {
            let (options, _) = self.for_source(source, (steps, options))?;
            for part in shell::plan_cp(source.kafi.storage(), target_kafi.storage(), &pairs(source, target), &options)?
            {
                let PlannedPart { topic, partition, start, end, messages, target: name, .. } = part;
                let to = end.map_or(Cell::Unknown, Cell::Number);
                let name = Address { topic: Some(name), ..target.clone() }.to_string();
                let cells = [
                    Cell::Text(topic),
                    Cell::Number(partition.into()),
                    Cell::Number(start),
                    to,
                    Cell::Number(messages),
                    Cell::Text(name),
                ];
                table.row_on(&source.storage, cells.into_iter().chain(functions.clone()));
            }
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }

    /// Copies the topics of one storage.
    fn copy(&self, source: &Opened, options: &CopyOptions) -> Result<CopyResult> {
        let _progress = self.context.show_progress(&options.read.progress, false);
        shell::cp(source.kafi.storage(), self.target_kafi.storage(), &pairs(source, self.target), options)
    }
}

/// Leaves out the topics in which registries are, whose schemas go along with the messages of the others.
fn without_schemas_topic(sources: &mut [Opened]) -> Result<()> {
    sources.iter_mut().for_each(|source| source.topics.retain(|topic| topic != SCHEMAS_TOPIC));
    if sources.iter().any(|source| !source.topics.is_empty()) {
        return Ok(());
    }
    let why = "the topic _schemas holds the schemas themselves";
    Err(refused("--with-schemas", why).hint("copy it without --with-schemas, or see kafi registry cp"))
}

fn pairs(source: &Opened, target: &Address) -> Vec<(String, String)> {
    let target_name = |topic: &String| target.name().unwrap_or_else(|| topic.clone());
    source.topics.iter().map(|topic| (topic.clone(), target_name(topic))).collect()
}

fn options(args: &CpArgs, context: &Context) -> Result<CopyOptions> {
    Ok(CopyOptions {
        read: args.read.options(context, &args.limit)?,
        threads: args.read.threads.map_or(0, usize::from),
        stall_limit: args.write.stall_limit(),
        ..args.copying.options()
    })
}

/// Whether this address names a storage and no topic.
fn is_storage(text: &str) -> bool {
    Address::parse(text).is_ok_and(|address| address.topic.is_none())
}

fn bad(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "copy", why).with("address", format!("{text:?}"))
}
