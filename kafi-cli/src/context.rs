//! What every command needs: the storages, the wish to stop, and how to print.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kafi::{Cancel, Error, ErrorKind, Registry, Result};

use crate::args::{ColorChoice, CommonArgs};
use crate::exit::{Exit, INTERRUPTED};
use crate::output::stderr;
use crate::output::terminal::likes_color;

/// What every command needs.
pub struct Context {
    /// Opens storages.
    pub registry: Registry,
    /// Set by Ctrl-C.
    pub cancel: Cancel,
    /// Print JSON.
    pub json: bool,
    /// Say nothing but errors.
    pub quiet: bool,
    /// Print times in UTC.
    pub utc: bool,
    /// Print colours to stdout.
    pub color: bool,
    /// How the verb calls a failure.
    pub fails_with: Exit,
    /// Whether stdout is a terminal, where data is made fit to be looked at.
    pub terminal: bool,
    in_hand: Arc<AtomicBool>,
}

impl Context {
    /// What `args` say, for a verb that calls failures so.
    pub fn new(args: &CommonArgs, fails_with: Exit) -> Result<Self> {
        let terminal = io::stdout().is_terminal();
        let color = |likes: bool| match args.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => likes,
        };
        stderr::set_color(color(likes_color(&io::stderr())));
        let expand = |(key, value): &(String, String)| Ok((key.clone(), kafi::expand_environment(key, value)?));
        let properties = args.properties.iter().map(expand).collect::<Result<_>>()?;
        Ok(Self {
            registry: args.registry(properties),
            cancel: Cancel::new(),
            json: args.json,
            quiet: args.quiet,
            utc: args.utc,
            color: color(likes_color(&io::stdout())),
            terminal,
            fails_with,
            in_hand: Arc::default(),
        })
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
}
