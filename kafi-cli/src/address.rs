//! From the addresses that were typed to storages that are open and topics that are known.

use std::path::Path;

use kafi::{
    Address, Config, DEFAULT_FOLDER, DEFAULT_STORAGE_VARIABLE, Error, ErrorKind, Glob, Kafi, Result, StorageAddress,
    TopicFilter,
};

use crate::context::Context;
use crate::limits::TIMEOUT;
use crate::output::Origin;

/// The glob that matches every topic.
pub const ALL: &str = "*";

/// A storage and topics on it.
pub struct Opened {
    /// The storage.
    pub kafi: Kafi,
    /// Its address.
    pub storage: StorageAddress,
    /// The topics that are meant, in the order in which they were typed, a glob's sorted.
    pub topics: Vec<String>,
}

impl Opened {
    /// What printed messages say of where they lie.
    pub fn origin(&self, names_storage: bool) -> Origin<'_> {
        Origin { storage: names_storage.then_some(&self.storage), names_topics: self.topics.len() > 1 }
    }
}

/// A storage and names on it, of topics or groups.
pub struct Named {
    /// The storage.
    pub kafi: Kafi,
    /// Its address.
    pub storage: StorageAddress,
    /// The names, in the order in which they were typed, each once.
    pub names: Vec<String>,
}

/// Opens what several addresses name, with the names of one storage together. `names` says what an address means on its
/// storage.
///
/// # Errors
/// Those of `names`, and what opening fails with.
pub fn open_named(
    context: &Context,
    addresses: &[String],
    names: impl Fn(&Kafi, &Address) -> Result<Vec<String>>,
) -> Result<Vec<Named>> {
    let mut opened: Vec<Named> = Vec::new();
    for text in addresses {
        let address = Address::parse(text)?;
        let at = match opened.iter().position(|opened| opened.storage == address.storage) {
            Some(at) => at,
            None => {
                let kafi = context.registry.open_address(&address.storage)?;
                opened.push(Named { kafi, storage: address.storage.clone(), names: Vec::new() });
                opened.len() - 1
            }
        };
        let names = names(&opened[at].kafi, &address)?;
        for name in names {
            if !opened[at].names.contains(&name) {
                opened[at].names.push(name);
            }
        }
    }
    Ok(opened)
}

/// Opens what several addresses name, with the topics of one storage together. Globs are replaced by what they match;
/// plain names are taken as they are.
///
/// # Errors
/// `Usage` for an address without a topic, `NotFound` for a glob that matches nothing, and what opening fails with.
pub fn open_topics(context: &Context, addresses: &[String]) -> Result<Vec<Opened>> {
    let named = open_named(context, addresses, topics_of)?;
    Ok(named.into_iter().map(|Named { kafi, storage, names }| Opened { kafi, storage, topics: names }).collect())
}

/// As [`open_topics`], but an address without a topic means all topics of its storage save internal ones, which may be
/// none.
///
/// # Errors
/// As for [`open_topics`], but for the address without a topic.
pub fn open_sources(context: &Context, addresses: &[String]) -> Result<Vec<Opened>> {
    let of_address = |kafi: &Kafi, address: &Address| {
        if address.topic.is_none() { matching(kafi, ALL, false) } else { topics_of(kafi, address) }
    };
    let named = open_named(context, addresses, of_address)?;
    Ok(named.into_iter().map(|Named { kafi, storage, names }| Opened { kafi, storage, topics: names }).collect())
}

/// Names with their storages, for a question: `a on prod:, b on prod:`.
pub fn list<'a>(named: impl Iterator<Item = (&'a StorageAddress, &'a Vec<String>)>) -> String {
    let names: Vec<String> =
        named.flat_map(|(storage, names)| names.iter().map(move |name| format!("{name} on {storage}"))).collect();
    names.join(", ")
}

/// Reads addresses.
///
/// # Errors
/// `Usage` for what is none.
pub fn parsed(texts: &[String]) -> Result<Vec<Address>> {
    texts.iter().map(|text| Address::parse(text)).collect()
}

/// Whether there are several storages among these.
pub fn several<'a>(storages: impl IntoIterator<Item = &'a StorageAddress>) -> bool {
    let mut storages = storages.into_iter();
    storages.next().is_some_and(|first| storages.any(|other| other != first))
}

/// Refuses a format where an address is wanted: kcat's `-f FORMAT`, since `-f` follows.
///
/// # Errors
/// `Usage`, with the option that takes formats.
pub fn refuse_format(addresses: &[String], follows: bool, option: &str) -> Result<()> {
    let has_verb = |text: &str| {
        text.match_indices('%').any(|(at, _)| text[at + 1..].starts_with(|c: char| "tpokKvsSThRd%".contains(c)))
    };
    let is_format = |text: &&String| !text.contains("://") && !text.starts_with(['.', '/', '~']) && has_verb(text);
    match addresses.iter().find(is_format).filter(|_| follows) {
        Some(format) => Err(bad(format, "this is a format, where a topic is wanted")
            .hint(format!("-f goes on at the end; {option} takes a format"))),
        None => Ok(()),
    }
}

/// Opens the one topic that an address names.
///
/// # Errors
/// As for [`open_topics`], and `Usage` for a glob.
pub fn open_topic(context: &Context, text: &str) -> Result<(Kafi, String)> {
    let address = Address::parse(text)?;
    if address.is_glob() {
        return Err(bad(text, "a glob means several topics, where one is wanted"));
    }
    let topic = address.name().ok_or_else(|| no_topic(text))?;
    Ok((context.registry.open_address(&address.storage)?, topic))
}

/// The names of the topics on `kafi` that `glob` matches, sorted; internal ones only with `all`.
pub fn matching(kafi: &Kafi, glob: &str, all: bool) -> Result<Vec<String>> {
    Glob::parse(glob)?.topics(kafi.admin()?.as_mut(), all, TIMEOUT)
}

/// Adds to an error about something that was not found what was probably meant: a storage whose colon is missing, or
/// the topic with the nearest name.
pub fn explain(context: &Context, error: Error, addresses: &[String]) -> Error {
    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Usage) {
        return error;
    }
    let is_not_found = error.kind() == ErrorKind::NotFound;
    if let Some(word) = addresses.iter().find(|text| (is_not_found || text.contains('/')) && names_storage(text)) {
        return error.hint(format!("did you mean {word}: ?"));
    }
    let topic = error.context().find(|(key, _)| is_not_found && *key == "topic").map(|(_, topic)| topic.to_string());
    match topic.and_then(|topic| nearest_topic(context, &topic, addresses)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error,
    }
}

/// Says a hint where `text` is about to become a topic of the default storage, but is a storage's name that lacks its
/// colon.
pub fn hint_at_storage(context: &Context, kafi: &Kafi, text: &str) -> Result<()> {
    if names_storage(text) && !kafi.exists(text)? {
        context.say(&format!("hint: did you mean {text}: ?"));
    }
    Ok(())
}

/// Whether the default folder comes into being, which is said once.
pub struct FirstUse {
    is_first: bool,
}

impl FirstUse {
    /// Looks before something is written to `storage`.
    pub fn of(storage: &StorageAddress) -> Self {
        Self { is_first: *storage == StorageAddress::Default && !Path::new(DEFAULT_FOLDER).exists() }
    }

    /// Says it, if it has come.
    pub fn say(&self, context: &Context) {
        if self.is_first && Path::new(DEFAULT_FOLDER).exists() {
            context.say(&format!(
                "topics are kept in {DEFAULT_FOLDER} (${DEFAULT_STORAGE_VARIABLE} names another default)"
            ));
        }
    }
}

/// The globs of a storage's topics among these addresses; a storage alone means all its topics.
///
/// # Errors
/// `Usage` for what is no address.
pub fn globs_of(addresses: &[String], storage: &StorageAddress) -> Result<Vec<Glob>> {
    let mut globs = Vec::new();
    for text in addresses {
        let address = Address::parse(text)?;
        if address.storage != *storage {
            continue;
        }
        match address.topic.as_deref() {
            None => globs.push(Glob::parse(ALL)?),
            Some(glob) if address.is_glob() => globs.push(Glob::parse(glob)?),
            Some(_) => {}
        }
    }
    Ok(globs)
}

/// The later topics that a member of a group follows: those that a glob of this storage matches.
///
/// # Errors
/// `Usage` for what is no address.
pub fn later_topics(addresses: &[String], storage: &StorageAddress) -> Result<Option<TopicFilter>> {
    let globs = globs_of(addresses, storage)?;
    Ok((!globs.is_empty()).then(|| TopicFilter::new(move |topic| globs.iter().any(|glob| glob.matches(topic)))))
}

/// Whether a word is the name of a configuration, short or full, without the colon behind it.
fn names_storage(text: &str) -> bool {
    if text.contains(':') || text.starts_with(['.', '/', '~']) {
        return false;
    }
    // What cannot be listed gives no hint; the error itself matters more.
    let known = Config::list(&Config::home()).unwrap_or_default();
    known.iter().any(|file| file.name == text || file.full_name() == text)
}

/// The topic that lies nearest to `topic` on the storage of the address that names it.
fn nearest_topic(context: &Context, topic: &str, addresses: &[String]) -> Option<String> {
    let parsed = addresses.iter().filter_map(|text| Address::parse(text).ok());
    let address = parsed.into_iter().find(|address| address.name().as_deref() == Some(topic))?;
    let kafi = context.registry.open_address(&address.storage).ok()?;
    let topics = kafi.admin().ok()?.topics(&[], TIMEOUT).ok()?;
    if topics.iter().any(|known| known.name == topic) {
        return None;
    }
    let near = kafi::nearest(topic, topics.iter().map(|known| known.name.as_str()))?.to_string();
    Some(Address { topic: Some(near), ..address }.to_string())
}

fn topics_of(kafi: &Kafi, address: &Address) -> Result<Vec<String>> {
    let Some(topic) = &address.topic else { return Err(no_topic(&address.to_string())) };
    if !address.is_glob() {
        return Ok(address.name().into_iter().collect());
    }
    let topics = matching(kafi, topic, false)?;
    if topics.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "find topics", "no topic matches").with("address", address));
    }
    Ok(topics)
}

fn no_topic(text: &str) -> Error {
    bad(text, "this names a storage, where a topic is wanted").hint(format!("kafi ls {text} lists its topics"))
}

fn bad(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "read address", why).with("address", format!("{text:?}"))
}
