//! What a verb is: its arguments, what they make of it, and how lists of verbs become a command line.

use clap::{ArgMatches, Command, Parser};

use crate::args::CommonArgs;
use crate::context::Context;
use crate::exit::Exit;

/// What can be done: its arguments, and what they make of it.
pub trait Verb {
    /// Does it, and says how it ended.
    fn run(&self, context: &Context) -> kafi::Result<Exit>;

    /// The topics or groups that were typed, for the hints of errors about them.
    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }

    /// Changes what every verb takes, where words of it mean something else to this one.
    fn adjust(&self, _common: &mut CommonArgs) {}

    /// How a failure is called: where 1 stands for "nothing was found" or "they differ", it is 2.
    fn fails_with(&self) -> Exit {
        Exit::Failed
    }
}

/// A line in a list of verbs.
pub enum Entry {
    /// A verb that does something.
    Verb {
        /// Its name.
        name: &'static str,
        /// What it does, and its arguments.
        definition: fn() -> Command,
        /// Makes it of what was typed.
        read: fn(&ArgMatches) -> Result<Box<dyn Verb>, clap::Error>,
    },
    /// A word before other verbs.
    Verbs {
        /// The word.
        name: &'static str,
        /// What they do.
        about: &'static str,
        /// The verbs.
        verbs: &'static [Entry],
    },
}

/// The line of the verb `V`, whose definition says what it does.
pub const fn entry<V: Verb + Parser + 'static>(name: &'static str) -> Entry {
    Entry::Verb { name, definition: V::command, read: |matches| Ok(Box::new(V::from_arg_matches(matches)?)) }
}

impl Entry {
    fn definition(&self) -> Command {
        match self {
            Self::Verb { name, definition, .. } => definition().name(*name),
            Self::Verbs { name, about, verbs } => with_verbs(Command::new(*name).about(*about), *verbs),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Verb { name, .. } | Self::Verbs { name, .. } => name,
        }
    }
}

/// The same command, which needs one of the verbs behind it.
pub fn with_verbs<'a>(command: Command, verbs: impl IntoIterator<Item = &'a Entry>) -> Command {
    let verbs = verbs.into_iter().map(Entry::definition);
    command.subcommands(verbs).subcommand_required(true).arg_required_else_help(true)
}

/// The verb that was typed, by what a [command with these verbs](with_verbs) matched.
///
/// # Errors
/// What is wrong with its arguments.
pub fn read(verbs: &[Entry], matches: &ArgMatches) -> Result<Box<dyn Verb>, clap::Error> {
    let (word, matches) = matches.subcommand().expect("a verb is required");
    match verbs.iter().find(|entry| entry.name() == word).expect("only these verbs are defined") {
        Entry::Verb { read, .. } => read(matches),
        Entry::Verbs { verbs, .. } => self::read(verbs, matches),
    }
}
