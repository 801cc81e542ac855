//! `cat`: prints messages.

use std::ops::ControlFlow;

use clap::Args;
use kafi::{ReadOptions, Result, shell};

use crate::address::{Opened, open_topics};
use crate::args::{LimitArgs, OrderArgs, ReadArgs, TypeArgs};
use crate::commands::cp::later_topics;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::progress::ProgressLine;
use crate::output::{MessagePrinter, PrintArgs};
use crate::summary;

#[derive(Args)]
pub struct CatArgs {
    /// The topics, or globs
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

/// What `head` and `grep` share with `cat`: what of the messages is read, and how it is printed.
#[derive(Args)]
pub struct ShownArgs {
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub order: OrderArgs,
    #[command(flatten)]
    pub types: TypeArgs,
    #[command(flatten)]
    pub print: PrintArgs,
}

pub fn run(args: &CatArgs, context: &Context) -> Result<Exit> {
    show(context, &args.addresses, &args.limit, &args.shown)
}

/// Prints the messages of one storage after another, up to the limit over all of them.
pub fn show(context: &Context, addresses: &[String], limit: &LimitArgs, shown: &ShownArgs) -> Result<Exit> {
    let ShownArgs { read, order, types, print } = shown;
    let mut options = read.options(context, limit)?;
    order.apply(read, &mut options)?;
    let (mut left, mut read_any) = (limit.max, false);
    for opened in open_topics(context, addresses)? {
        let later_topics = later_topics(addresses, &opened.storage)?;
        let options = read.on(&opened.kafi, ReadOptions { max: left, progress: Default::default(), later_topics, ..options.clone() });
        match print_all(context, &opened, &options, read.threads(), print, *types)? {
            Exit::Done => left = left.map(|left| left.saturating_sub(options.progress.read())),
            exit => return Ok(exit),
        }
        read_any |= options.progress.read() > 0;
    }
    if !read_any && limit.max != Some(0) {
        read.say_nothing_then(context);
    }
    Ok(Exit::Done)
}

/// Prints everything that `options` say of the topics of one storage.
fn print_all(context: &Context, opened: &Opened, options: &ReadOptions, threads: usize, print: &PrintArgs, types: TypeArgs) -> Result<Exit> {
    let mut printer = MessagePrinter::open(context, opened, print, types)?;
    context.begin_job();
    let progress = ProgressLine::show(context, &options.progress, true);
    let finished = shell::cat(opened.kafi.storage(), &opened.topics, options, threads, |batch| {
        if printer.print(batch)? {
            return Ok(ControlFlow::Continue(()));
        }
        // Whoever read has gone: nothing of this batch counts as done.
        batch.clear();
        Ok(ControlFlow::Break(()))
    })?;
    drop(progress);
    Ok(summary::ended(context, &finished))
}
