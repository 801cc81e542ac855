//! From the addresses that were typed to storages that are open and topics that are known.

use kafi::{Address, Config, Error, ErrorKind, Glob, Kafi, Result, StorageAddress};

use crate::args::TIMEOUT;
use crate::context::Context;

/// A storage and topics on it.
pub struct Opened {
    /// The storage.
    pub kafi: Kafi,
    /// Its address.
    pub storage: StorageAddress,
    /// The topics that are meant, in the order in which they were typed, a glob's sorted.
    pub topics: Vec<String>,
}

/// Opens what several addresses name, with the topics of one storage together. Globs are replaced by what they match; plain names are taken as they are.
///
/// # Errors
/// `Usage` for an address without a topic, `NotFound` for a glob that matches nothing, and what opening fails with.
pub fn open_topics(context: &Context, addresses: &[String]) -> Result<Vec<Opened>> {
    let mut opened: Vec<Opened> = Vec::new();
    for text in addresses {
        let address = Address::parse(text)?;
        let at = match opened.iter().position(|opened| opened.storage == address.storage) {
            Some(at) => at,
            None => {
                let kafi = context.registry.open_address(&address.storage)?;
                opened.push(Opened { kafi, storage: address.storage.clone(), topics: Vec::new() });
                opened.len() - 1
            }
        };
        let topics = topics_of(&opened[at].kafi, &address)?;
        for topic in topics {
            if !opened[at].topics.contains(&topic) {
                opened[at].topics.push(topic);
            }
        }
    }
    Ok(opened)
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
    let topic = address.topic.clone().ok_or_else(|| no_topic(text))?;
    Ok((context.registry.open_address(&address.storage)?, topic))
}

/// The names of the topics on `kafi` that `glob` matches, sorted; internal ones only with `all`.
pub fn matching(kafi: &Kafi, glob: &str, all: bool) -> Result<Vec<String>> {
    let parsed = Glob::parse(glob)?;
    let topics = kafi.admin()?.topics(&[], TIMEOUT)?;
    let names = topics.into_iter().filter(|topic| (all || !topic.internal) && parsed.matches(&topic.name)).map(|topic| topic.name);
    Ok(names.collect())
}

/// A topic that was not found may be a storage whose colon is missing.
pub fn with_hint(error: Error, addresses: &[String]) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    let home = Config::home();
    let storage = addresses.iter().find(|text| !text.contains([':', '.', '*']) && Config::find(text, &home).is_ok());
    match storage {
        Some(word) => error.hint(format!("did you mean {word}: ?")),
        None => error,
    }
}

fn topics_of(kafi: &Kafi, address: &Address) -> Result<Vec<String>> {
    let topic = address.topic.as_deref().ok_or_else(|| no_topic(&address.to_string()))?;
    if !address.is_glob() {
        return Ok(vec![topic.to_string()]);
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
