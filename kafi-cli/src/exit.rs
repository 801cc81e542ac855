//! How the process ends: exit codes, and the one place that prints errors.

use std::fmt::Write as _;
use std::process::ExitCode;

use kafi::{Error, ErrorKind};

use crate::output::escape;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// It failed, or (for grep) found nothing.
    Failed,
    /// The arguments or the configuration are wrong, or (for grep) it failed.
    Usage,
    /// Ctrl-C ended it, in order.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
        })
    }
}

/// Prints help to stdout, and what is wrong with the arguments as one line (and a hint) to stderr.
pub fn usage(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // A closed pipe is no failure of help.
        let _closed = error.print();
        return Exit::Done;
    }
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim);
    let mut what = lines.next().unwrap_or_default().to_string();
    let rest: Vec<&str> = lines.collect();
    if what.ends_with(':') {
        let list: Vec<&str> = rest.iter().copied().take_while(|line| !line.is_empty()).collect();
        let _ = write!(what, " {}", list.join(" "));
    }
    let tip = rest.iter().find_map(|line| line.strip_prefix("tip: "));
    let usage = rest.iter().find_map(|line| line.strip_prefix("Usage: "));
    if !what.starts_with("error: ") {
        what = "error: no command was given".into();
    }
    eprintln!("{}", escape::line(&what));
    match (tip, usage) {
        (Some(tip), _) => eprintln!("hint: {}", escape::line(tip)),
        (None, Some(usage)) => eprintln!("hint: usage: {}", escape::line(usage)),
        (None, None) => eprintln!("hint: kafi --help shows what there is"),
    }
    Exit::Usage
}

/// Prints an error as one line, then perhaps a hint, and with `--verbose` the chain of its causes. `failed` is how the command calls a failure.
pub fn failed(error: &Error, verbose: bool, failed: Exit) -> Exit {
    eprintln!("error: {}", escape::line(&error.to_string()));
    if let Some(hint) = error.hint_text() {
        eprintln!("hint: {}", escape::line(hint));
    }
    if verbose {
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            eprintln!("caused by: {}", escape::line(&error.to_string()));
            cause = error.source();
        }
    }
    match error.kind() {
        ErrorKind::Usage | ErrorKind::Config => Exit::Usage,
        ErrorKind::Cancelled => Exit::Interrupted,
        _ => failed,
    }
}
