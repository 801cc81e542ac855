//! What a shell offers on the tabulator key: verbs and flags from the definition of the command line, and the names of
//! storages, topics, and groups as they are at that moment.

use std::env;
use std::ffi::OsStr;
use std::time::Duration;

use clap::{Arg, Command};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use kafi::{Address, Glob, Kafi, Registry, StorageAddress};

use crate::output::escape;

/// The environment variable by which a shell's script asks for an answer; its value names the shell.
pub const VARIABLE: &str = "KAFI_COMPLETE";

/// Nobody waits longer for names; then there are none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers the question of a shell's script about this command line, and ends the process; does nothing if there is none.
pub fn answer(definition: fn() -> Command) {
    CompleteEnv::with_factory(|| with_live_names(definition())).var(VARIABLE).complete();
}

/// The same definition, with the places where names are looked up.
fn with_live_names(definition: Command) -> Command {
    definition.mut_subcommands(|verb| {
        let of_groups = verb.get_name() == "group";
        let verb = verb.mut_args(move |arg| with_names(arg, of_groups));
        verb.mut_subcommands(|verb| verb.mut_args(move |arg| with_names(arg, of_groups)))
    })
}

fn with_names(arg: Arg, of_groups: bool) -> Arg {
    let names = arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
    match names {
        Some("ADDRESS" | "SOURCE" | "TARGET") if of_groups => {
            arg.add(ArgValueCompleter::new(|word: &OsStr| addresses(word, group_names)))
        }
        Some("ADDRESS" | "SOURCE" | "TARGET" | "LEFT" | "RIGHT") => {
            arg.add(ArgValueCompleter::new(|word: &OsStr| addresses(word, topic_names)))
        }
        Some("G") => arg.add(ArgValueCompleter::new(groups_of_line)),
        _ => arg,
    }
}

/// What `word` can become as an address: storages, and the names on the storage that it names already.
fn addresses(word: &OsStr, names: fn(&Kafi) -> kafi::Result<Vec<String>>) -> Vec<CompletionCandidate> {
    let Some(word) = word.to_str() else { return Vec::new() };
    // The word may end in the middle of a name; what stands before it says where to look.
    let cut = word.rfind([':', '/']).map_or(0, |at| at + 1);
    let (before, begun) = word.split_at(cut);
    let mut offered = Vec::new();
    let storage = if before.is_empty() {
        None
    } else {
        Address::parse(before).ok().filter(|address| address.topic.is_none()).map(|address| address.storage)
    };
    if before.is_empty() || before.ends_with(':') && storage.is_some() || storage.as_ref().is_some_and(is_path_or_url) {
        offered.extend(
            names_on(storage.as_ref(), names)
                .into_iter()
                .map(|name| Glob::quoted(&name))
                .filter(|name| name.starts_with(begun))
                .map(|name| format!("{before}{name}")),
        );
    }
    if storage.is_none() {
        offered.extend(storages().into_iter().filter(|name| name.starts_with(word)));
    }
    offered.into_iter().map(CompletionCandidate::new).collect()
}

fn is_path_or_url(storage: &StorageAddress) -> bool {
    matches!(storage, StorageAddress::Folder(_) | StorageAddress::Url { .. })
}

/// The groups of the storage that the first address on the line names.
fn groups_of_line(word: &OsStr) -> Vec<CompletionCandidate> {
    let begun = word.to_str().unwrap_or_default();
    let words = env::args().skip_while(|word| word != "--").skip(2);
    let address = words
        .filter(|word| !word.starts_with('-') && word.contains([':', '/']))
        .find_map(|word| Address::parse(&word).ok());
    let groups = names_on(address.as_ref().map(|address| &address.storage), group_names);
    groups.into_iter().filter(|name| name.starts_with(begun)).map(CompletionCandidate::new).collect()
}

fn registry() -> Registry {
    #[cfg(feature = "plugins")]
    return Registry::new().with_plugins(kafi::Plugins::of_process(Vec::new()));
    #[cfg(not(feature = "plugins"))]
    Registry::new()
}

/// Names on a storage, or on the default one; none if it cannot be asked.
fn names_on(storage: Option<&StorageAddress>, names: fn(&Kafi) -> kafi::Result<Vec<String>>) -> Vec<String> {
    let registry = registry();
    let opened = storage.map_or_else(|| registry.open(""), |storage| registry.open_address(storage));
    let mut found = opened.and_then(|kafi| names(&kafi)).unwrap_or_default();
    // The shell prints what it is offered as it is.
    found.retain(|name| escape::is_plain(name));
    found
}

fn topic_names(kafi: &Kafi) -> kafi::Result<Vec<String>> {
    let topics = kafi.admin()?.topics(&[], PATIENCE)?;
    Ok(topics.into_iter().filter(|topic| !topic.internal).map(|topic| topic.name).collect())
}

fn group_names(kafi: &Kafi) -> kafi::Result<Vec<String>> {
    Ok(kafi.admin()?.groups(PATIENCE)?.into_iter().map(|group| group.name).collect())
}

/// The configured storages, by their short names where those are not ambiguous.
fn storages() -> Vec<String> {
    let files = registry().configs().unwrap_or_default();
    let is_alone = |name: &str| files.iter().filter(|file| file.name == name).count() == 1;
    files
        .iter()
        .map(|file| if is_alone(&file.name) { format!("{}:", file.name) } else { format!("{}:", file.full_name()) })
        .collect()
}
