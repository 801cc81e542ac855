//! `completion`: the completion script of a shell, which asks `kafi` itself each time.

use clap::{Args, ValueEnum};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Zsh};
use kafi::{Error, Result};

use crate::complete::VARIABLE;
use crate::exit::Exit;
use crate::output::Stdout;

/// Bash takes a colon for the end of a word, which would tear storages from their topics.
const BASH_COLON: &[u8] = b"COMP_WORDBREAKS=${COMP_WORDBREAKS//:}\n";

#[derive(Args)]
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

pub fn run(args: &CompletionArgs) -> Result<Exit> {
    let mut stdout = Stdout::open()?;
    let shell: &dyn EnvCompleter = match args.shell {
        ShellArg::Bash => {
            stdout.buffer().extend_from_slice(BASH_COLON);
            &Bash
        }
        ShellArg::Elvish => &Elvish,
        ShellArg::Fish => &Fish,
        ShellArg::Zsh => &Zsh,
    };
    shell.write_registration(VARIABLE, "kafi", "kafi", "kafi", stdout.buffer()).map_err(|error| Error::io("print completion", error))?;
    stdout.flush()?;
    Ok(Exit::Done)
}
