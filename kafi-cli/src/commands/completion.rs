//! `completion`: the completion script of a shell, which asks `kafi` itself each time.

use clap::{Parser, ValueEnum};
use clap_complete::env::{Elvish, EnvCompleter, Fish, Zsh};
use kafi::{Error, Result};

use crate::complete::VARIABLE;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Stdout;
use crate::verb::Verb;

/// Bash takes colons and equals signs for the ends of words, which would tear storages from their topics, and offers
/// only what comes behind the last of them. The words are put together again here, and what is offered is cut where
/// Bash does, so that COMP_WORDBREAKS, which belongs to the user, stays as it is.
const BASH: &str = include_str!("completion.bash");

/// Print the completion script of a shell
#[derive(Parser)]
pub struct CompletionArgs {
    /// The shell
    shell: ShellArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum ShellArg {
    Bash,
    Elvish,
    Fish,
    Zsh,
}

impl Verb for CompletionArgs {
    fn run(&self, _context: &Context) -> Result<Exit> {
        let mut stdout = Stdout::open()?;
        let shell: &dyn EnvCompleter = match self.shell {
            ShellArg::Bash => {
                stdout.buffer().extend_from_slice(BASH.replace("VARIABLE", VARIABLE).as_bytes());
                stdout.flush()?;
                return Ok(Exit::Done);
            }
            ShellArg::Elvish => &Elvish,
            ShellArg::Fish => &Fish,
            ShellArg::Zsh => &Zsh,
        };
        shell
            .write_registration(VARIABLE, "kafi", "kafi", "kafi", stdout.buffer())
            .map_err(|error| Error::io("print completion", error))?;
        stdout.flush()?;
        Ok(Exit::Done)
    }
}
