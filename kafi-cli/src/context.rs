//! What every command needs: the storages, the wish to stop, and how to print.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Command;
use kafi::{Cancel, Error, ErrorKind, Progress, Registry, Result};

use crate::exit::{Exit, INTERRUPTED};
use crate::output::progress::ProgressLine;
use crate::output::{OutputOptions, stderr};

/// What was said that every command heeds.
pub struct Settings {
    /// Opens storages.
    pub registry: Registry,
    /// How everything that is printed looks.
    pub output: OutputOptions,
    /// Say nothing but errors.
    pub quiet: bool,
}

/// What every command needs.
pub struct Context {
    /// Opens storages.
    pub registry: Registry,
    /// Set by Ctrl-C.
    pub cancel: Cancel,
    /// How everything that is printed looks.
    pub output: OutputOptions,
    /// How the verb calls a failure.
    pub fails_with: Exit,
    /// The definition of the whole command line, for the verbs that print it.
    pub definition: fn() -> Command,
    quiet: bool,
    in_hand: Arc<AtomicBool>,
}

impl Context {
    /// What was said, for a verb that calls failures so, of the command line that is defined so.
    pub fn new(settings: Settings, fails_with: Exit, definition: fn() -> Command) -> Self {
        let Settings { registry, output, quiet } = settings;
        Self { registry, cancel: Cancel::new(), output, fails_with, definition, quiet, in_hand: Arc::default() }
    }

    /// Lets the first Ctrl-C end the job in hand in order, and the second at once; where nothing is in hand, the first
    /// does.
    pub fn end_on_signals(&self) -> Result<()> {
        let (cancel, in_hand) = (self.cancel.clone(), self.in_hand.clone());
        let stop = move || {
            stderr::end_echo();
            if cancel.is_cancelled() || !in_hand.load(Ordering::Relaxed) {
                std::process::exit(INTERRUPTED.into());
            }
            cancel.cancel();
        };
        ctrlc::set_handler(stop).map_err(|error| Error::new(ErrorKind::Unexpected, "catch Ctrl-C", error.to_string()))
    }

    /// From here on there is something in hand, which Ctrl-C lets be finished.
    pub fn begin_job(&self) {
        self.in_hand.store(true, Ordering::Relaxed);
    }

    /// Says a line on stderr, unless nothing is to be said.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            stderr::say(line);
        }
    }

    /// The line of progress of a job, until it is dropped: none with `-q`, nor where messages are printed on the same
    /// terminal.
    pub fn show_progress(&self, progress: &Arc<Progress>, prints_messages: bool) -> ProgressLine {
        ProgressLine::show(progress, !(self.quiet || prints_messages && self.output.terminal))
    }
}
