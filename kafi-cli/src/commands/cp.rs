//! `cp`: copies topics.

use std::sync::Arc;

use clap::Args;
use kafi::{Address, CopyOptions, CopyResult, Error, ErrorKind, Kafi, Result, shell};

use crate::address::{FirstUse, Opened, hint_at_storage, open_topics};
use crate::args::{LimitArgs, ReadArgs, key_value};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::progress::ProgressLine;
use crate::summary::{Summary, ended};

#[derive(Args)]
pub struct CpArgs {
    /// The topics, or globs
    #[arg(value_name = "SOURCE", required = true, num_args = 1..)]
    pub sources: Vec<String>,
    /// A topic, or a storage, which keeps the sources' names
    #[arg(value_name = "TARGET", required = true)]
    target: String,
    /// A setting of the target, where it is created; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    /// Write behind the messages that a folder holds already, at new offsets
    #[arg(long)]
    append: bool,
    /// Give every message the time at which it is written
    #[arg(long)]
    ignore_timestamp: bool,
    /// Copy also where the target's retention would delete messages, or its timestamp limits refuse them
    #[arg(long)]
    force: bool,
    /// Do not create a target that is missing
    #[arg(long)]
    no_create: bool,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    read: ReadArgs,
}

pub fn run(args: &CpArgs, context: &Context) -> Result<Exit> {
    let summary = Summary::start();
    let target = Address::parse(&args.target)?;
    if target.is_glob() {
        return Err(bad(&args.target, "a target cannot be a glob"));
    }
    let sources = open_topics(context, &args.sources)?;
    let count: usize = sources.iter().map(|source| source.topics.len()).sum();
    if count > 1 && target.topic.is_some() {
        return Err(bad(&args.target, "several sources need a storage as target, which keeps their names"));
    }
    let target_kafi = context.registry.open_address(&target.storage)?;
    if target.topic.is_some() && !args.no_create {
        hint_at_storage(context, &target_kafi, &args.target)?;
    }
    let first_use = FirstUse::of(&target.storage);
    let options = options(args, context)?;
    context.begin_job();
    let (mut read, mut written, mut result) = (0, 0, Ok(Exit::Done));
    for source in &sources {
        let mut options = options.clone();
        options.read.progress = Arc::default();
        options.read.max = args.limit.max.map(|max| max.saturating_sub(read));
        let copied = copy(source, &target, &target_kafi, &options, context);
        read += options.read.progress.read();
        written += options.read.progress.written();
        result = copied.map(|copied| ended(context, &copied.finished));
        if !matches!(result, Ok(Exit::Done)) {
            break;
        }
    }
    first_use.say(context);
    // Also a copy that failed says how far it came.
    if result.is_ok() || read > 0 {
        summary.count("read", read).count("written", written).count("failed", read - written).say(context);
    }
    result
}

/// Copies the topics of one storage.
fn copy(source: &Opened, target: &Address, target_kafi: &Kafi, options: &CopyOptions, context: &Context) -> Result<CopyResult> {
    let target_name = |topic: &String| target.topic.clone().unwrap_or_else(|| topic.clone());
    let pairs: Vec<_> = source.topics.iter().map(|topic| (topic.clone(), target_name(topic))).collect();
    let _progress = ProgressLine::show(context, &options.read.progress, false);
    shell::cp(source.kafi.storage(), target_kafi.storage(), &pairs, options)
}

fn options(args: &CpArgs, context: &Context) -> Result<CopyOptions> {
    Ok(CopyOptions {
        read: args.read.options(context, &args.limit)?,
        threads: args.read.threads.map_or(0, usize::from),
        create: !args.no_create,
        config: args.config.clone(),
        append: args.append,
        ignore_timestamp: args.ignore_timestamp,
        force: args.force,
        ..CopyOptions::default()
    })
}

fn bad(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "copy", why).with("address", format!("{text:?}"))
}
