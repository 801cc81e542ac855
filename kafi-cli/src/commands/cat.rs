//! `cat`: prints messages.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use kafi::{Batch, ReadOptions, Result, shell};

use crate::address::{later_topics, open_topics, refuse_format, several};
use crate::args::{FunctionArgs, LimitArgs, ShownArgs, TopicsArgs, open_steps, share_limit, through_steps};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::MessagePrinter;
use crate::together::read_all;
use crate::verb::Verb;

/// Print messages
#[derive(Parser)]
pub struct CatArgs {
    #[command(flatten)]
    topics: TopicsArgs,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    shown: ShownArgs,
}

impl Verb for CatArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        show(context, &self.topics.addresses, &self.limit, &self.shown, &self.shown.functions)
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}

/// Prints what functions make of the messages of one storage after another, up to the limit over all of them.
pub fn show(
    context: &Context,
    addresses: &[String],
    limit: &LimitArgs,
    shown: &ShownArgs,
    functions: &FunctionArgs,
) -> Result<Exit> {
    let ShownArgs { read, order, reading: reading_args, jq, print, .. } = shown;
    jq.check(context.output.json)?;
    let steps = functions.steps(jq, &context.cancel)?;
    let mut options = read.options(context, limit)?;
    order.apply(read, &mut options)?;
    share_limit(&steps, &mut options);
    refuse_format(addresses, options.follow, "-F")?;
    let opened = open_topics(context, addresses)?;
    let reading = reading_args.open(context)?;
    let read_any = AtomicBool::new(false);
    // Whoever prints has the turn, so that lines of several storages do not mix.
    let turn = Mutex::new(());
    let names_storage = several(opened.iter().map(|opened| &opened.storage));
    let exit = read_all(context, &opened, &options, true, |index, options, _| {
        let at = &opened[index];
        let mut printer = MessagePrinter::open(
            &context.output,
            at.origin(names_storage),
            print.printing(&context.output, &reading)?,
            &at.kafi,
        )?
        .after(&steps);
        let applied = open_steps(&steps, &at.kafi, &reading)?;
        let through = |batch: &mut Batch| applied.as_ref().map_or(Ok(()), |steps| steps.apply(batch));
        let options = read.on(&at.kafi, ReadOptions { later_topics: later_topics(addresses, &at.storage)?, ..options });
        let topics = shell::TopicsToRead::new(at.kafi.storage(), &at.topics, &options).threads(read.threads());
        let topics = through_steps(topics, applied.as_ref(), &through);
        shell::cat(topics.leaving_out(&reading.failures), |batch| {
            read_any.store(true, Ordering::Relaxed);
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            if printer.print(batch)? {
                return Ok(ControlFlow::Continue(()));
            }
            // Whoever read has gone: nothing of this batch counts as done.
            batch.clear();
            options.cancel.cancel();
            Ok(ControlFlow::Break(()))
        })
    })?;
    if exit == Exit::Done && !read_any.into_inner() && limit.max != Some(0) {
        read.say_nothing_then(context);
    }
    Ok(reading_args.text.failures.end(context, &reading.failures, exit))
}
