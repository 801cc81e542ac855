//! The functions of a join: what its sides are joined by, and what becomes of a row.

use clap::{ArgMatches, Args, Command, FromArgMatches};
use kafi::{Function, Result};

use crate::args::own_functions::{OwnFunction, OwnFunctions};

/// In the order in which help shows them.
const OPTIONS: [OwnFunction; 3] = [
    OwnFunction {
        name: "left_key",
        long: "left-key",
        help: "What left messages are joined by, a function in jq; values are compared as JSON, and null matches nothing [default: .key]",
    },
    OwnFunction { name: "right_key", long: "right-key", help: "What right messages are joined by [default: .key]" },
    OwnFunction {
        name: "project",
        long: "project",
        help: "The message that this function makes of .left and .right, two messages of which one may be null: an object with any of key, value, headers, timestamp, partition; what it leaves out is that of the left message, or of the only one. None, or several, may come of one row [default: the left message with the members of the right value in its own]",
    },
];

/// The functions of a join.
#[derive(Clone, Debug)]
pub struct JoinFunctionArgs(OwnFunctions);

impl JoinFunctionArgs {
    /// The functions that make the left and the right key, and the projection; it reads files, and compiles.
    ///
    /// # Errors
    /// `Usage` for what is no function, of which the place is said first; `Io` for a file that cannot be read.
    pub fn compile(&self) -> Result<[Option<Function>; 3]> {
        self.0.compile(&OPTIONS)
    }
}

impl Args for JoinFunctionArgs {
    fn augment_args(command: Command) -> Command {
        OwnFunctions::augment(command, &OPTIONS)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for JoinFunctionArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        Ok(Self(OwnFunctions::of(matches, &OPTIONS)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
