//! `tail`: prints the newest messages.

use std::ops::ControlFlow;

use clap::Parser;
use kafi::{Batch, ReadOptions, Result, SetAside, shell};

use crate::address::{open_topics, refuse_format};
use crate::args::{
    FunctionArgs, JqArgs, LimitArgs, PrintArgs, ReadArgs, ReadingArgs, open_steps, refused, through_steps,
};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::MessagePrinter;
use crate::summary::{Reached, ended};
use crate::together::outcome;
use crate::verb::Verb;

/// Print the newest messages
#[derive(Parser)]
pub struct TailArgs {
    /// The topics, or globs, on one storage
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
    /// Print the N newest messages in all, in the order of their timestamps
    #[arg(short = 'n', long = "max", value_name = "N", default_value_t = 10)]
    max: u64,
    /// Go on with those that come, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    functions: FunctionArgs,
    #[command(flatten)]
    jq: JqArgs,
    #[command(flatten)]
    print: PrintArgs,
}

impl Verb for TailArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        if self.read.group.is_some() {
            return Err(refused("-g", "the newest messages are the same for every group")
                .hint("kafi cat -g reads on from where the group is"));
        }
        self.jq.check(context.output.json)?;
        let steps = self.functions.steps(&self.jq, &context.cancel)?;
        let aside = SetAside::default();
        let options = ReadOptions {
            set_aside: Some(aside.clone()),
            ..self.read.options(context, &LimitArgs { max: None, follow: self.follow })?
        };
        refuse_format(&self.addresses, self.follow, "-F")?;
        let opened = open_topics(context, &self.addresses)?;
        let [opened] = opened.as_slice() else {
            return Err(refused("ADDRESS", "the newest messages can be told of the topics of one storage only")
                .hint("run tail for each storage"));
        };
        let reading = self.reading.open(context)?;
        let mut printer = MessagePrinter::open(
            &context.output,
            opened.origin(false),
            self.print.printing(&context.output, &reading)?,
            &opened.kafi,
        )?
        .after(&steps);
        let applied = open_steps(&steps, &opened.kafi, &reading)?;
        let through = |batch: &mut Batch| applied.as_ref().map_or(Ok(()), |steps| steps.apply(batch));
        let topics = shell::TopicsToRead::new(opened.kafi.storage(), &opened.topics, &options);
        let topics = through_steps(topics, applied.as_ref(), &through);
        let mut printed_any = false;
        context.begin_job();
        let finished = shell::tail(topics, self.max, |batch| {
            printed_any = true;
            let read = printer.print(batch)?;
            Ok(if read { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        });
        // Dead letters are delivered on every way out.
        let settled = reading.failures.settle();
        let finished = finished?;
        settled?;
        let exit = match ended(context, &[Reached { storage: None, positions: &finished.reached }]) {
            Exit::Done => outcome(context, &aside, Exit::Done),
            exit => exit,
        };
        if !printed_any && self.max > 0 && exit == Exit::Done {
            self.read.say_nothing_then(context);
        }
        Ok(self.reading.text.failures.end(context, &reading.failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}
