//! `cat`: prints messages.

use std::ops::ControlFlow;

use clap::Args;
use kafi::{ReadOptions, Result, shell};

use crate::address::{Opened, open_topics};
use crate::args::{LimitArgs, OrderArgs, ReadArgs, TypeArgs};
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
    read: ReadArgs,
    #[command(flatten)]
    order: OrderArgs,
    #[command(flatten)]
    types: TypeArgs,
    #[command(flatten)]
    print: PrintArgs,
}

pub fn run(args: &CatArgs, context: &Context) -> Result<Exit> {
    let mut options = args.read.options(context, &args.limit)?;
    args.order.apply(&args.read, &mut options)?;
    let mut left = args.limit.max;
    for opened in open_topics(context, &args.addresses)? {
        let options = args.read.on(&opened.kafi, ReadOptions { max: left, progress: Default::default(), ..options.clone() });
        let printed = print_all(context, &opened, &options, args.read.threads(), &args.print, args.types);
        match printed? {
            Exit::Done => {}
            exit => return Ok(exit),
        }
        left = left.map(|left| left.saturating_sub(options.progress.read()));
    }
    Ok(Exit::Done)
}

/// Prints everything that `options` say of the topics of one storage.
pub fn print_all(context: &Context, opened: &Opened, options: &ReadOptions, threads: usize, print: &PrintArgs, types: TypeArgs) -> Result<Exit> {
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
