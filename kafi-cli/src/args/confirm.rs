//! Asks before something is lost for good.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use kafi::{Error, ErrorKind, Result};

use crate::output::{escape, stderr};

/// What every command takes that deletes.
#[derive(Args)]
pub struct ConfirmArgs {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl ConfirmArgs {
    /// Whether to go on: because of `-y`, or because somebody says yes to the question.
    ///
    /// # Errors
    /// `Usage` where nobody can be asked, which says that `-y` does the `operation` without asking.
    pub fn allow(&self, operation: &'static str, question: &str) -> Result<bool> {
        if self.yes { Ok(true) } else { confirmed(operation, question) }
    }
}

fn confirmed(operation: &'static str, question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        let verb = operation.split(' ').next().unwrap_or(operation);
        return Err(Error::new(ErrorKind::Usage, operation, "nobody can be asked here")
            .hint(format!("-y {verb}s without asking")));
    }
    stderr::put(&format!("{} [y/N] ", escape::line(question)));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Error::io("read the answer", error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
