//! How the process ends: exit codes, and the one place that prints errors.

use std::io;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use kafi::{Error, ErrorKind};

use crate::output::{escape, stderr};

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

/// The exit code after Ctrl-C.
pub const INTERRUPTED: u8 = 130;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => INTERRUPTED,
        })
    }
}

/// What becomes of several things, one after another: where one fails, the reason is printed, and the others go on.
pub struct Several {
    of: usize,
    exit: Exit,
}

impl Several {
    /// So many things.
    pub fn new(of: usize) -> Self {
        Self { of, exit: Exit::Done }
    }

    /// Takes the result of one.
    ///
    /// # Errors
    /// The failure itself, where there is only one thing, or where the others would fail as well.
    pub fn add(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        let of_all = |error: &Error| {
            matches!(
                error.kind(),
                ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Authentication | ErrorKind::Cancelled
            )
        };
        match result {
            Err(error) if self.of > 1 && !of_all(&error) => {
                failed(&error, false, Exit::Failed);
                self.exit = Exit::Failed;
                Ok(())
            }
            result => result,
        }
    }

    /// How all of them ended.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// Ends a list of which some is not known: `print` prints what is, and then the reasons are printed that hide no other.
///
/// # Errors
/// What `print` fails with; the first reason, where nothing is known.
pub fn end_list(
    is_nothing_known: bool,
    mut reasons: Vec<Error>,
    print: impl FnOnce() -> Result<(), Error>,
) -> Result<Exit, Error> {
    if is_nothing_known && !reasons.is_empty() {
        return Err(reasons.remove(0));
    }
    print()?;
    reasons.iter().for_each(|error| _ = failed(error, false, Exit::Failed));
    Ok(if reasons.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Prints help to stdout, and what is wrong with the arguments as one line (and a hint) to stderr.
pub fn usage(error: &clap::Error) -> Exit {
    if error.use_stderr() {
        let (what, hint) = usage_lines(error);
        stderr::say(&format!("error: read arguments: {what}"));
        if let Some(hint) = hint {
            stderr::say(&format!("hint: {hint}"));
        }
        return Exit::Usage;
    }
    match error.print() {
        // A closed pipe is no failure of help.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            failed(&Error::io("write to stdout", error), false, Exit::Failed)
        }
        _ => Exit::Done,
    }
}

/// Prints a panic as an error, in one line like any other, wherever it happens.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("no text").to_string();
        let place = panic.location().map_or(String::new(), |place| format!("{}:{}: ", place.file(), place.line()));
        // Whoever panics may be in the middle of saying something else.
        let line = escape::line(&kafi::without_secrets(&format!("error: unexpected: {place}{text}")));
        stderr::put(&format!("{line}\nhint: this is a mistake of Kafi's own; please report it\n"));
    }));
}

/// What is wrong with the arguments, and perhaps what to do about it.
fn usage_lines(error: &clap::Error) -> (String, Option<String>) {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let rest: Vec<&str> = lines.collect();
    let Some(what) = first.strip_prefix("error: ") else {
        return ("no command was given".into(), Some("kafi --help shows what there is".into()));
    };
    let mut what = what.to_string();
    // A property that is written wrongly may be a secret.
    let is_property = named(error, ContextKind::InvalidArg).is_some_and(|argument| argument.starts_with("--property"));
    if let (true, Some(value)) = (is_property, named(error, ContextKind::InvalidValue)) {
        what = what.replace(&format!("value '{value}' for"), "value for");
    }
    if what.ends_with(':') {
        let list: Vec<&str> = rest.iter().copied().take_while(|line| !line.is_empty()).collect();
        what = format!("{what} {}", list.join(" "));
    }
    let tips = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
    let tip = tips.iter().find_map(|&kind| nearest_named(error, kind));
    let allowed = named(error, ContextKind::ValidValue);
    let usage = rest.iter().find_map(|line| line.strip_prefix("Usage: "));
    let hint = match (tip, allowed, usage) {
        (Some(tip), _, _) => Some(format!("did you mean {tip}?")),
        (None, Some(allowed), _) => Some(format!("there are {allowed}")),
        (None, None, usage) => usage.map(|usage| format!("usage: {usage}")),
    };
    (what, hint)
}

/// The last of several suggestions, which is the nearest.
fn nearest_named(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) => names.last().cloned(),
        _ => None,
    }
}

fn named(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) if !names.is_empty() => Some(names.join(", ")),
        _ => None,
    }
}

/// Prints an error as one line, then perhaps a hint, and with `--verbose` the chain of its causes. `failed` is how the
/// command calls a failure.
pub fn failed(error: &Error, verbose: bool, failed: Exit) -> Exit {
    stderr::say(&format!("error: {error}"));
    if let Some(hint) = error.hint_text() {
        stderr::say(&format!("hint: {hint}"));
    }
    if verbose {
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            stderr::say(&format!("caused by: {error}"));
            cause = error.source();
        }
    }
    match error.kind() {
        ErrorKind::Usage | ErrorKind::Config | ErrorKind::Unsupported => Exit::Usage,
        // A storage that no configuration describes.
        ErrorKind::NotFound if error.operation() == "read configuration" => Exit::Usage,
        ErrorKind::Cancelled => Exit::Interrupted,
        _ => failed,
    }
}
