//! The function of `zip`, which sees a pair.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use kafi::{Function, Result};

use crate::args::own_functions::{OwnFunction, OwnFunctions};

const OPTIONS: [OwnFunction; 1] = [OwnFunction {
    name: "map",
    long: "map",
    help: "Print what this function in jq makes of each pair {left, right}, instead of both; where a topic has ended, null stands on its side",
}];

/// What is printed of pairs.
#[derive(Clone, Debug)]
pub struct ZipFunctionArgs {
    functions: OwnFunctions,
    /// Whether strings are printed bare.
    pub raw: bool,
}

impl ZipFunctionArgs {
    /// The function that makes of a pair what is printed; it reads a file, and compiles.
    ///
    /// # Errors
    /// `Usage` for what is no function, of which the place is said first; `Io` for a file that cannot be read.
    pub fn compile(&self) -> Result<Option<Function>> {
        let [function] = self.functions.compile(&OPTIONS)?;
        Ok(function)
    }
}

impl Args for ZipFunctionArgs {
    fn augment_args(command: Command) -> Command {
        OwnFunctions::augment(command, &OPTIONS).arg(
            Arg::new("raw")
                .short('r')
                .action(ArgAction::SetTrue)
                .requires("map")
                .help("With --map: print strings bare"),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ZipFunctionArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        Ok(Self { functions: OwnFunctions::of(matches, &OPTIONS), raw: matches.get_flag("raw") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
