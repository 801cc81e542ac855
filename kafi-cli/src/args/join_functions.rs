//! The functions of a join: what its sides are joined by, and what becomes of a row.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use kafi::{Function, Result};

use crate::args::functions::{FROM_FILE, Seen, Written, written};

/// The options that name a function each, in the order in which help shows them.
const OPTIONS: [(&str, &str, &str); 3] = [
    (
        "left_key",
        "left-key",
        "What left messages are joined by, a function in jq; values are compared as JSON, and null matches nothing [default: .key]",
    ),
    ("right_key", "right-key", "What right messages are joined by [default: .key]"),
    (
        "project",
        "project",
        "The message that this function makes of .left and .right, two messages of which one may be null: an object with any of key, value, headers, timestamp, partition; what it leaves out is that of the left message, or of the only one. None, or several, may come of one row [default: the left message with the members of the right value in its own]",
    ),
];

/// The functions of a join.
#[derive(Clone, Debug)]
pub struct JoinFunctionArgs {
    /// In the order in which they were written.
    functions: Vec<Written>,
    seen: Seen,
}

impl JoinFunctionArgs {
    /// The functions that make the left and the right key, and the projection; it reads files, and compiles.
    ///
    /// # Errors
    /// `Usage` for what is no function, of which the place is said first; `Io` for a file that cannot be read.
    pub fn compile(&self) -> Result<[Option<Function>; 3]> {
        let mut compiler = self.seen.compiler()?;
        let mut compiled = [const { None }; 3];
        for written in &self.functions {
            let index = OPTIONS.iter().position(|(name, ..)| *name == written.option);
            compiled[index.expect("only these are looked for")] = Some(compiler.compile(written)?);
        }
        compiler.end("--project -L FILE")?;
        Ok(compiled)
    }
}

impl Args for JoinFunctionArgs {
    fn augment_args(command: Command) -> Command {
        let option = |(name, long, help): (&'static str, &'static str, &'static str)| {
            let arg = Arg::new(name).long(long).value_name("EXPR").help(help);
            arg.num_args(0..=1).default_missing_value(FROM_FILE)
        };
        command.args(OPTIONS.map(option)).args(Seen::args()).arg(Seen::environment())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for JoinFunctionArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let mut functions: Vec<Written> = OPTIONS.iter().flat_map(|(name, ..)| written(matches, name)).collect();
        functions.sort_by_key(|written| written.at);
        Ok(Self { functions, seen: Seen::of(matches) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
