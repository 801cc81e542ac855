//! The command line as a whole: what every verb takes, and the verbs.

use std::ffi::OsString;

use clap::{Command, CommandFactory, FromArgMatches, Parser};

use crate::args::{CommonArgs, keep_equals};
use crate::commands::{VERBS, version_text};
use crate::verb::{self, Verb};

/// What stands below the list of the verbs.
const ADDRESSES: &str = "An ADDRESS is STORAGE:TOPIC (prod:orders), a topic of the default storage (orders), a folder (./backup/orders), or a URL (kafka://host:9092/orders). \
     A glob ('prod:orders-*', 'prod:{a,b}', 'prod:v[0-9]') means all that match; a backslash before one of its signs takes that as it is ('prod:odd\\*').";

/// The Swiss army knife for Kafka: the same verbs over real Kafka, and over topics in folders and in memory.
#[derive(Parser)]
#[command(name = "kafi", version = version_text(), after_help = ADDRESSES)]
#[command(disable_help_flag = true, max_term_width = 120)]
struct Root {
    #[command(flatten)]
    common: CommonArgs,
}

/// What was typed.
pub struct Cli {
    /// What every verb takes.
    pub common: CommonArgs,
    /// The verb, with what it takes.
    pub verb: Box<dyn Verb>,
}

impl Cli {
    /// Reads what was typed.
    ///
    /// # Errors
    /// What is wrong with it; also help and version, which clap has for errors.
    pub fn parse(typed: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let typed: Vec<OsString> = typed.map(keep_equals).collect();
        // Defining all verbs takes longer than the work of many a verb.
        let verb = typed.iter().find_map(|word| VERBS.iter().find(|verb| *word == *verb.name()));
        let alone = verb.and_then(|verb| Self::read(verb::with_verbs(Root::command(), [verb]), &typed).ok());
        alone.map_or_else(|| Self::read(definition(), &typed), Ok)
    }

    fn read(mut definition: Command, typed: &[OsString]) -> Result<Self, clap::Error> {
        let matches = definition.try_get_matches_from_mut(typed)?;
        let read = || {
            let mut common = CommonArgs::from_arg_matches(&matches)?;
            let verb = verb::read(VERBS, &matches)?;
            verb.adjust(&mut common);
            Ok(Self { common, verb })
        };
        read().map_err(|error: clap::Error| error.format(&mut definition))
    }
}

/// The definition, of which help, manual pages, the reference, and what shells complete are made, too.
pub fn definition() -> Command {
    verb::with_verbs(Root::command(), VERBS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }
}
