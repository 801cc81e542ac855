//! The command line `kafi`: arguments become a plan, the plan a command, and one place says how it ended.

mod address;
mod args;
mod commands;
mod complete;
mod confirm;
mod context;
mod exit;
mod input;
mod limits;
mod log_lines;
mod output;
mod places;
mod summary;
mod together;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::context::Context;

fn main() -> ExitCode {
    exit::report_panics();
    complete::answer();
    let cli = match Cli::try_parse_from(std::env::args_os().map(args::keep_equals)) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error).into(),
    };
    log_lines::install(cli.common.quiet, cli.common.verbose);
    limits::raise_open_files();
    let (verbose, verb) = (cli.common.verbose, cli.command.verb());
    let result = Context::new(&cli.common, verb.fails_with()).and_then(|context| {
        context.end_on_signals()?;
        commands::run(verb, &context)
    });
    match result {
        Ok(exit) => exit.into(),
        Err(error) if output::is_nobody_reads(&error) => exit::Exit::Done.into(),
        Err(error) => exit::failed(&error, verbose, verb.fails_with()).into(),
    }
}
