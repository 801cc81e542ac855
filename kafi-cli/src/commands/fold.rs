//! `fold`: all messages into one value.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;

use clap::Parser;
use kafi::{
    Batch, Failures, Field, Finished, Fold, Folding, Kafi, Limit, Place, Progress, ReadOptions, Result, Serdes,
    SetAside, Settings, Type, shell,
};

use crate::address::{open_topics, several};
use crate::args::{TakenArgs, open_steps, refused, through_steps};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Reading, Stdout, nobody_reads};
use crate::summary::{Reached, Summary, ended};
use crate::together::outcome;
use crate::verb::Verb;

/// Fold all messages into one value by a function in jq, to which . is what was made so far, and $m the message
#[derive(Parser)]
pub struct FoldArgs {
    /// The function in jq; with -L FILE it comes from there, and only topics follow
    #[arg(value_name = "EXPR")]
    expression: String,
    /// The topics, or globs
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// What the first message is folded into
    #[arg(long, value_name = "JSON", default_value = "null", allow_hyphen_values = true)]
    init: String,
    /// Print what was made so far after each N messages, too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    every: Option<u64>,
    #[command(flatten)]
    taken: TakenArgs,
}

impl Verb for FoldArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let (fold, steps, addresses) =
            self.taken.functions.fold((&self.expression, &self.addresses), &self.init, &context.cancel)?;
        let aside = SetAside::default();
        let mut options =
            ReadOptions { set_aside: Some(aside.clone()), ..self.taken.read.options(context, &self.taken.limit)? };
        options.limit = options.max.take().map(Limit::new);
        let opened = open_topics(context, &addresses)?;
        self.taken.read.check_whole(opened.len())?;
        if options.follow && opened.len() > 1 {
            return Err(refused("-f", "topics of one storage only can be followed into one value"));
        }
        let failures = self.taken.text.failures.open(context)?;
        let reading = Reading { serdes: self.taken.text.serdes()?, failures: failures.clone(), ..Reading::default() };
        let mut fold = if failures.leaves_out() { fold.keeping() } else { fold };
        let mut job = Job { every: self.every, failures: failures.clone(), stdout: Stdout::open()?, count: 0 };
        let names_storage = several(opened.iter().map(|opened| &opened.storage));
        let mut exit = Exit::Done;
        context.begin_job();
        for (index, at) in opened.iter().enumerate() {
            let progress = Arc::<Progress>::default();
            let options =
                self.taken.read.on_whole(&at.kafi, ReadOptions { progress: progress.clone(), ..options.clone() });
            let shown = context.show_progress(&progress, false);
            let applied = open_steps(&steps, &at.kafi, &reading)?;
            let through = |batch: &mut Batch| applied.as_ref().map_or(Ok(()), |steps| steps.apply(batch));
            let topics = shell::TopicsToRead::new(at.kafi.storage(), &at.topics, &options);
            let topics = topics.threads(self.taken.read.threads()).leaving_out(&failures);
            let topics = through_steps(topics, applied.as_ref(), &through);
            let folding = match steps.only_filters() {
                true => Folding::open(fold, at.kafi.place(), &reading.serdes)?,
                false => after_functions(fold, &at.kafi, &reading.serdes)?,
            };
            let (made, finished) = job.read(topics, folding, index + 1 == opened.len())?;
            fold = made;
            drop(shown);
            let storage = names_storage.then_some(&at.storage);
            exit = ended(context, &[Reached { storage, positions: &finished.reached }]);
            if exit != Exit::Done {
                break;
            }
        }
        let exit = if exit == Exit::Done { outcome(context, &aside, exit) } else { exit };
        summary.count("read", job.count + failures.count()).skipped(failures.count()).say(context);
        Ok(self.taken.text.failures.exit(&failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}

/// Folds messages of which functions made text.
fn after_functions(fold: Fold, kafi: &Kafi, serdes: &Serdes) -> Result<Folding> {
    let mut texts = Serdes::default();
    for (field, serde) in [(Field::Key, &mut texts.key), (Field::Value, &mut texts.value)] {
        let type_ = kafi.place().type_or(serdes.of_field(field), field, Type::Auto)?;
        serde.type_ = Some(if type_.has_schema() { Type::Json } else { type_ });
    }
    Folding::open(fold, &Place::new(kafi.place().storage.clone(), Settings::default()), &texts)
}

/// A fold over several storages.
struct Job {
    every: Option<u64>,
    failures: Failures,
    stdout: Stdout,
    count: u64,
}

impl Job {
    /// Folds the messages of one storage, of the last one until what was made is printed.
    fn read(&mut self, topics: shell::TopicsToRead<'_>, folding: Folding, is_last: bool) -> Result<(Fold, Finished)> {
        let both = RefCell::new((self, folding));
        let finished = shell::cat_then(
            topics,
            |batch| {
                let (job, folding) = &mut *both.borrow_mut();
                for record in batch.iter() {
                    if let Err(error) = folding.push(record) {
                        if let Err(error) = job.failures.take(&record, error) {
                            // What was asked for before is printed.
                            job.stdout.flush()?;
                            return Err(error);
                        }
                        continue;
                    }
                    job.count += 1;
                    if job.every.is_some_and(|every| job.count % every == 0) {
                        job.stdout.line(&folding.made())?;
                    }
                }
                if job.stdout.flush()? { Ok(ControlFlow::Continue(())) } else { Err(nobody_reads()) }
            },
            |finished| {
                let (job, folding) = &mut *both.borrow_mut();
                if is_last || finished.cancelled {
                    job.stdout.line(&folding.made())?;
                }
                if job.stdout.flush()? { Ok(()) } else { Err(nobody_reads()) }
            },
        )?;
        Ok((both.into_inner().1.into_fold(), finished))
    }
}
