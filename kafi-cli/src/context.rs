//! What every command needs: the storages, the wish to stop, and how to print.

use std::io::{self, IsTerminal};

use kafi::{Cancel, Error, ErrorKind, Registry, Result};

use crate::args::{ColorChoice, CommonArgs};

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
    /// Whether stdout is a terminal, where data is made fit to be looked at.
    pub terminal: bool,
}

impl Context {
    /// What `args` say.
    pub fn new(args: &CommonArgs) -> Result<Self> {
        let terminal = io::stdout().is_terminal();
        let color = match args.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        Ok(Self {
            registry: Registry::new().with_properties(args.properties.clone()),
            cancel: Cancel::new(),
            json: args.json,
            quiet: args.quiet,
            utc: args.utc,
            color,
            terminal,
        })
    }

    /// Lets the first Ctrl-C end the job in order, and the second at once.
    pub fn cancel_on_signals(&self) -> Result<()> {
        let cancel = self.cancel.clone();
        let stop = move || {
            if cancel.is_cancelled() {
                std::process::exit(130);
            }
            cancel.cancel();
        };
        ctrlc::set_handler(stop).map_err(|error| Error::new(ErrorKind::Unexpected, "catch Ctrl-C", error.to_string()))
    }
}

/// What is not built yet is said so, at once.
pub fn unsupported(what: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "read arguments", why).with("argument", what)
}
