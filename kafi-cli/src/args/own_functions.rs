//! Functions that a verb has a use of its own for: an option each, and what they see.

use clap::{Arg, ArgMatches, Command};
use kafi::{Function, Result};

use crate::args::functions::{FROM_FILE, Seen, Written, written};

/// An option that names a function.
pub(super) struct OwnFunction {
    /// Its name in the program.
    pub(super) name: &'static str,
    /// What users write.
    pub(super) long: &'static str,
    pub(super) help: &'static str,
}

/// What was written of them.
#[derive(Clone, Debug)]
pub(super) struct OwnFunctions {
    /// In the order in which they were written.
    functions: Vec<Written>,
    seen: Seen,
}

impl OwnFunctions {
    /// The command with these options, and those that say what functions see.
    pub(super) fn augment(command: Command, options: &[OwnFunction]) -> Command {
        let option = |option: &OwnFunction| {
            let arg = Arg::new(option.name).long(option.long).value_name("EXPR").help(option.help);
            arg.num_args(0..=1).default_missing_value(FROM_FILE)
        };
        command.args(options.iter().map(option)).args(Seen::args()).arg(Seen::environment())
    }

    /// What was written of these options.
    pub(super) fn of(matches: &ArgMatches, options: &[OwnFunction]) -> Self {
        let mut functions: Vec<Written> = options.iter().flat_map(|option| written(matches, option.name)).collect();
        functions.sort_by_key(|written| written.at);
        Self { functions, seen: Seen::of(matches) }
    }

    /// The functions of these options; it reads files, and compiles.
    ///
    /// # Errors
    /// `Usage` for what is no function, of which the place is said first; `Io` for a file that cannot be read.
    pub(super) fn compile<const N: usize>(&self, options: &[OwnFunction; N]) -> Result<[Option<Function>; N]> {
        let mut compiler = self.seen.compiler()?;
        let mut compiled = [const { None }; N];
        for written in &self.functions {
            let index = options.iter().position(|option| option.name == written.option);
            compiled[index.expect("only these are looked for")] = Some(compiler.compile(written)?);
        }
        let last = options.last().map_or("", |option| option.long);
        compiler.end(format!("--{last} -L FILE"))?;
        Ok(compiled)
    }
}
