//! Reads what lies on several storages: one after another, or at the same time where what is read has no end.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use kafi::{Finished, Limit, Progress, ReadOptions, Result, SetAside};

use crate::address::{Opened, several};
use crate::context::Context;
use crate::exit::{Exit, failed};
use crate::output::progress::ProgressLine;
use crate::summary::{Reached, ended};

/// The line of progress of a job, which ends before its result is printed.
pub struct Shown(Mutex<Option<ProgressLine>>);

impl Shown {
    /// Removes the line.
    pub fn end(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Calls `read` for each storage with its place in the list, its options, and what ends the line of progress. Those
/// that go on at the end are read at the same time: they share their limit, and what one of them fails with ends the
/// others. Where there is an end, what cannot be read keeps nothing else of its storage from being read. Whoever wants
/// to end them all cancels its own options.
///
/// # Errors
/// The first failure.
pub fn read_all(
    context: &Context,
    opened: &[Opened],
    options: &ReadOptions,
    prints_messages: bool,
    read: impl Fn(usize, ReadOptions, &Shown) -> Result<Finished> + Sync,
) -> Result<Exit> {
    context.begin_job();
    if options.follow && opened.len() > 1 {
        return at_once(context, opened, options, prints_messages, &read);
    }
    let names_storage = several(opened.iter().map(|opened| &opened.storage));
    let (mut max, mut all) = (options.max, Exit::Done);
    let stop = options.cancel.child();
    for (index, at) in opened.iter().enumerate() {
        let (progress, aside) = (Arc::<Progress>::default(), SetAside::default());
        let options = ReadOptions {
            max,
            progress: progress.clone(),
            cancel: stop.clone(),
            set_aside: Some(aside.clone()),
            ..options.clone()
        };
        let shown = Shown(Mutex::new(Some(context.show_progress(&progress, prints_messages))));
        let finished = read(index, options, &shown)?;
        shown.end();
        max = max.map(|max| max.saturating_sub(progress.read()));
        all = outcome(context, &aside, all);
        match ended(context, &[Reached { storage: names_storage.then_some(&at.storage), positions: &finished.reached }])
        {
            Exit::Done if stop.is_cancelled() => break,
            Exit::Done => {}
            exit => return Ok(exit),
        }
    }
    Ok(all)
}

/// How a read ended that may have left something out, which is said; `exit` if it has not.
pub fn outcome(context: &Context, aside: &SetAside, exit: Exit) -> Exit {
    aside.outcome().map_or_else(|error| failed(&error, false, context.fails_with), |()| exit)
}

fn at_once(
    context: &Context,
    opened: &[Opened],
    options: &ReadOptions,
    prints_messages: bool,
    read: &(impl Fn(usize, ReadOptions, &Shown) -> Result<Finished> + Sync),
) -> Result<Exit> {
    let stop = options.cancel.child();
    let progress = Arc::<Progress>::default();
    let shown = Shown(Mutex::new(Some(context.show_progress(&progress, prints_messages))));
    let shared = ReadOptions {
        max: None,
        limit: options.max.map(Limit::new),
        progress,
        cancel: stop.clone(),
        ..options.clone()
    };
    let results: Vec<Result<Finished>> = thread::scope(|scope| {
        let start = |index: usize| {
            let (own, stop, shown) = (shared.clone(), &stop, &shown);
            scope.spawn(move || {
                let result = read(index, own, shown);
                if result.is_err() {
                    stop.cancel();
                }
                result
            })
        };
        let threads: Vec<_> = (0..opened.len()).map(start).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    shown.end();
    let finished = results.into_iter().collect::<Result<Vec<_>>>()?;
    let reached: Vec<Reached<'_>> = opened
        .iter()
        .zip(&finished)
        .map(|(at, finished)| Reached { storage: Some(&at.storage), positions: &finished.reached })
        .collect();
    Ok(ended(context, &reached))
}
