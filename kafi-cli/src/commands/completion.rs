//! `completion`: the completion script of a shell.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};
use kafi::Result;

use crate::args::Cli;
use crate::exit::Exit;
use crate::output::Stdout;

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
    let shell = match args.shell {
        ShellArg::Bash => Shell::Bash,
        ShellArg::Elvish => Shell::Elvish,
        ShellArg::Fish => Shell::Fish,
        ShellArg::Zsh => Shell::Zsh,
    };
    let mut stdout = Stdout::open()?;
    generate(shell, &mut Cli::command(), "kafi", stdout.buffer());
    stdout.flush()?;
    Ok(Exit::Done)
}
