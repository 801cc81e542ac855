//! The command line `kafi`: arguments become a plan, the plan a command, and one place says how it ended.

mod address;
mod args;
mod cli;
mod commands;
mod complete;
mod context;
mod exit;
mod given;
mod input;
mod limits;
mod log_lines;
mod output;
mod summary;
mod texts;
mod together;
mod verb;

use std::process::ExitCode;

use kafi::Result;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;

/// Messages are made in one thread and freed in another, each by itself where they come from librdkafka.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    exit::report_panics();
    complete::answer(cli::definition);
    let cli = match Cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error).into(),
    };
    log_lines::install(cli.common.quiet, cli.common.verbose);
    limits::raise_open_files();
    limits::outlive_file_size();
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) if output::is_nobody_reads(&error) => Exit::Done.into(),
        Err(error) => exit::failed(&error, cli.common.verbose, cli.verb.fails_with()).into(),
    }
}

/// Does what was typed. What an error says of an address that was mistyped is added to it.
fn run(cli: &Cli) -> Result<Exit> {
    let context = Context::new(cli.common.settings()?, cli.verb.fails_with(), cli::definition);
    context.end_on_signals()?;
    cli.verb.run(&context).map_err(|error| address::explain(&context, error, &cli.verb.addresses()))
}
