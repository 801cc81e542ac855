//! Addresses, `storage:topic` as in scp: where a topic lives, in one word.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use kafi_core::{Error, ErrorKind, Result};

/// The folder of the default storage.
pub const DEFAULT_FOLDER: &str = "./kafi-data";

/// The environment variable that names another default storage.
pub const DEFAULT_STORAGE_VARIABLE: &str = "KAFI_STORAGE";

/// The schemes whose URLs begin with hosts, a bucket, or a container.
const OF_PLACES: [&str; 4] = ["kafka", "rest", "s3", "azure"];

/// Which storage is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StorageAddress {
    /// The local folder [`DEFAULT_FOLDER`], because nothing else was said.
    Default,
    /// A configuration file: `prod`, or `clusters/prod` where two kinds share the name.
    Config(String),
    /// A local folder.
    Folder(PathBuf),
    /// Emulated Kafka in the memory of this process.
    Memory,
    /// A URL without a configuration file: `kafka://h1:9092,h2:9092?acks=all`.
    Url {
        /// What stands before `://`, in lower case.
        scheme: String,
        /// Hosts and ports, or the bucket or container.
        authority: String,
        /// What stands between it and the topic, without slashes at its ends: a prefix within the bucket, often nothing.
        path: String,
        /// The properties, in order.
        properties: Vec<(String, String)>,
    },
}

/// A storage, and perhaps a topic (or a glob over topics) on it.
///
/// ```
/// use kafi::{Address, StorageAddress};
/// let address = Address::parse("prod:orders")?;
/// assert_eq!(address.storage, StorageAddress::Config("prod".into()));
/// assert_eq!(address.topic.as_deref(), Some("orders"));
/// # Ok::<(), kafi::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The storage.
    pub storage: StorageAddress,
    /// The topic, or a glob; `None` is the storage itself.
    pub topic: Option<String>,
}

impl Address {
    /// Reads an address as the command line takes it. A word without a colon is a topic on the default storage: what `$KAFI_STORAGE` names, else the
    /// folder `./kafi-data`.
    ///
    /// # Errors
    /// `Usage` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(bad(text, "an address cannot be empty"));
        }
        if let Some(path) = text.strip_prefix("file:") {
            return folder(text, path.strip_prefix("//").unwrap_or(path));
        }
        if let Some(topic) = text.strip_prefix("mem:") {
            return Ok(Self { storage: StorageAddress::Memory, topic: some(topic.trim_start_matches('/')) });
        }
        if text.starts_with(['.', '/', '~']) {
            return folder(text, text);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return url(text, scheme, rest);
        }
        match text.split_once(':') {
            Some((storage, topic)) => config(text, storage, topic),
            None if text.contains('/') => Err(bad(text, "a folder is written ./FOLDER/TOPIC, a storage KIND/NAME:TOPIC")),
            None => Ok(Self { storage: default_storage()?, topic: Some(text.to_string()) }),
        }
    }

    /// Reads what names a storage: an address without a topic, or the bare name of a configuration (`local`, `clusters/local`).
    ///
    /// # Errors
    /// `Usage` for an address with a topic, or none at all.
    pub fn parse_storage(text: &str) -> Result<StorageAddress> {
        let is_name = !text.is_empty() && !text.contains(':') && !text.starts_with(['.', '/', '~']);
        if is_name {
            return Ok(StorageAddress::Config(text.to_string()));
        }
        if text.starts_with(['.', '/', '~']) || text.starts_with("file:") {
            let path = text.strip_prefix("file:").map_or(text, |path| path.strip_prefix("//").unwrap_or(path));
            return Ok(StorageAddress::Folder(expand_home(path)?));
        }
        let address = Self::parse(text)?;
        match address.topic {
            None => Ok(address.storage),
            Some(_) if text.contains("://") => Err(bad(text, "this names a topic where a storage is wanted, whose address ends in a slash")),
            Some(_) => Err(bad(text, "this names a topic where a storage is wanted")),
        }
    }

    /// Whether the topic is a glob, which can mean several topics.
    pub fn is_glob(&self) -> bool {
        self.topic.as_deref().is_some_and(|topic| topic.contains(['*', '?', '[', '{']))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = self.topic.as_deref().unwrap_or_default();
        match &self.storage {
            StorageAddress::Folder(path) => write!(f, "{}/{topic}", path.display().to_string().trim_end_matches('/')),
            StorageAddress::Url { .. } => write!(f, "{}/{topic}", self.storage),
            StorageAddress::Default => f.write_str(topic),
            storage => write!(f, "{storage}:{topic}"),
        }
    }
}

impl fmt::Display for StorageAddress {
    /// Without the properties of a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str(DEFAULT_FOLDER),
            Self::Config(name) => f.write_str(name),
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Memory => f.write_str("mem"),
            Self::Url { scheme, authority, path, .. } if path.is_empty() => write!(f, "{scheme}://{authority}"),
            Self::Url { scheme, authority, path, .. } => write!(f, "{scheme}://{authority}/{path}"),
        }
    }
}

/// The storage of a word without a colon.
///
/// # Errors
/// `Usage` for a `$KAFI_STORAGE` that names no storage.
pub fn default_storage() -> Result<StorageAddress> {
    match env::var(DEFAULT_STORAGE_VARIABLE) {
        Ok(named) if !named.is_empty() => {
            Address::parse_storage(named.strip_suffix(':').unwrap_or(&named)).map_err(|error| error.with("variable", DEFAULT_STORAGE_VARIABLE))
        }
        _ => Ok(StorageAddress::Default),
    }
}

fn folder(text: &str, path: &str) -> Result<Address> {
    let path = expand_home(path)?;
    let is_storage = text.ends_with('/') || matches!(path.to_str(), Some("." | "..")) || path.ends_with("..");
    if is_storage {
        return Ok(Address { storage: StorageAddress::Folder(path), topic: None });
    }
    let topic = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| bad(text, "a folder's topic is the last part of its path, in UTF-8"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    Ok(Address { storage: StorageAddress::Folder(parent), topic: Some(topic.to_string()) })
}

fn expand_home(path: &str) -> Result<PathBuf> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(PathBuf::from(path)) };
    let rest = match rest.strip_prefix('/') {
        Some(rest) => rest,
        None if rest.is_empty() => "",
        None => return Err(bad(path, "only ~/ is known, not ~USER")),
    };
    let home = env::var_os("HOME").ok_or_else(|| bad(path, "$HOME is not set"))?;
    Ok(Path::new(&home).join(rest))
}

fn url(text: &str, scheme: &str, rest: &str) -> Result<Address> {
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let scheme = scheme.to_ascii_lowercase();
    let (authority, rest) = place.split_once('/').unwrap_or((place, ""));
    // A cluster has no folders.
    let (path, topic) = if scheme == "kafka" { ("", rest) } else { rest.rsplit_once('/').unwrap_or(("", rest)) };
    // What a plugin opens may begin with a path.
    let needs_place = rest.is_empty() || OF_PLACES.contains(&scheme.as_str());
    if authority.is_empty() && needs_place {
        return Err(bad(text, "the host or bucket is missing"));
    }
    if authority.contains('@') {
        return Err(bad(
            &format!("{scheme}://…"),
            "user and password do not belong into an address, where others can see them: put them into a configuration file",
        ));
    }
    if authority.split(',').any(|host| !host.starts_with('[') && host.matches(':').count() > 1) {
        return Err(bad(text, "an IPv6 address stands in brackets: [::1]:9092"));
    }
    let properties =
        query.map_or(Ok(Vec::new()), |query| query.split('&').filter(|pair| !pair.is_empty()).map(|pair| property(&scheme, pair)).collect::<Result<_>>())?;
    let (authority, path) = (authority.to_string(), percent_decoded(path.trim_matches('/')));
    Ok(Address { storage: StorageAddress::Url { scheme, authority, path, properties }, topic: some(&percent_decoded(topic)) })
}

/// One `key=value` of a query. Secrets come from the environment, never from the command line.
fn property(scheme: &str, pair: &str) -> Result<(String, String)> {
    let Some((key, value)) = pair.split_once('=') else {
        return Err(bad(&format!("{scheme}://…?{pair}"), "a property is written key=value"));
    };
    let (key, value) = (percent_decoded(key), percent_decoded(value));
    let from_environment = value.starts_with("${") && value.ends_with('}');
    if kafi_core::is_secret_key(&key) && !from_environment {
        let why = "a secret does not belong into an address, where others can see it";
        return Err(Error::new(ErrorKind::Usage, "read address", why)
            .with("property", &key)
            .hint(format!("write {key}='${{VARIABLE}}', or use a configuration file")));
    }
    let value = kafi_core::expand_environment(&key, &value)?;
    Ok((key, value))
}

fn config(text: &str, storage: &str, topic: &str) -> Result<Address> {
    if storage.is_empty() {
        return Err(bad(text, "the storage before the colon is missing"));
    }
    if topic.contains(':') || topic.contains('/') {
        return Err(bad(text, "a topic's name has neither : nor /"));
    }
    Ok(Address { storage: StorageAddress::Config(storage.to_string()), topic: some(topic) })
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_string())
}

/// `%20` and the like; a percent sign that begins no such thing stays.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(hex.unwrap_or(bytes[at]));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn bad(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "read address", why).with("address", format!("{text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Address::parse(text) {
            Ok(Address { storage, topic }) => format!("{storage} | {}", topic.unwrap_or("-".into())),
            Err(error) => format!("{error}"),
        }
    }

    #[test]
    fn every_form_of_the_contract() {
        let cases = [
            ("prod:orders", "prod | orders"),
            ("clusters/prod:orders", "clusters/prod | orders"),
            ("prod:", "prod | -"),
            ("prod:.x", "prod | .x"),
            ("orders", "./kafi-data | orders"),
            ("./backup/orders", "./backup | orders"),
            ("./orders", ". | orders"),
            ("../orders", ".. | orders"),
            ("/data/orders", "/data | orders"),
            ("/orders", "/ | orders"),
            ("./backup/", "./backup/ | -"),
            (".", ". | -"),
            ("..", ".. | -"),
            ("./a/..", "./a/.. | -"),
            ("file:data/orders", "data | orders"),
            ("file:orders", ". | orders"),
            ("file:///data/orders", "/data | orders"),
            ("mem:orders", "mem | orders"),
            ("mem:", "mem | -"),
            ("kafka://h1:9092,h2:9092/orders", "kafka://h1:9092,h2:9092 | orders"),
            ("KAFKA://h1:9092", "kafka://h1:9092 | -"),
            ("kafka://[::1]:9092/orders?acks=all", "kafka://[::1]:9092 | orders"),
            ("s3://bucket/orders?endpoint=http://localhost:9000", "s3://bucket | orders"),
            ("s3://bucket/prefix/of/it/orders", "s3://bucket/prefix/of/it | orders"),
            ("s3://bucket/prefix/", "s3://bucket/prefix | -"),
            ("s3://bucket/", "s3://bucket | -"),
            ("s3://bucket", "s3://bucket | -"),
            ("azure://container/a%20b/orders", "azure://container/a b | orders"),
            ("other://place/folder/orders", "other://place/folder | orders"),
            ("other:///var/folder/orders", "other:///var/folder | orders"),
            ("other:///orders", "other:// | orders"),
            ("prod:orders-*", "prod | orders-*"),
            ("prod:{a,b}", "prod | {a,b}"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("", "cannot be empty"),
            (":orders", "storage before the colon is missing"),
            ("a/b", "./FOLDER/TOPIC"),
            ("prod:a:b", "neither : nor /"),
            ("kafka:///orders", "host or bucket is missing"),
            ("kafka://me:secret@h/orders", "user and password"),
            ("kafka://::1:9092/orders", "in brackets"),
            ("kafka://h/t?acks", "key=value"),
            ("kafka://h/t?sasl.password=hunter2", "secret does not belong"),
            ("s3://bucket/orders?access.key=hunter2", "secret does not belong"),
            ("s3:///orders", "host or bucket is missing"),
            ("~someone/orders", "~USER"),
        ] {
            let error = shown(text);
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains("secret@"), "{error}");
        }
    }

    #[test]
    fn properties_are_decoded() {
        let Address { storage: StorageAddress::Url { properties, .. }, .. } = Address::parse("kafka://h/t?client.id=a%20b&acks=all").unwrap() else {
            panic!("a URL")
        };
        assert_eq!(properties, [("client.id".into(), "a b".into()), ("acks".into(), "all".into())]);
    }

    #[test]
    fn a_storage_may_be_named_without_its_colon() {
        assert_eq!(Address::parse_storage("local").unwrap(), StorageAddress::Config("local".into()));
        assert_eq!(Address::parse_storage("local:").unwrap(), StorageAddress::Config("local".into()));
        assert_eq!(Address::parse_storage("./x").unwrap(), StorageAddress::Folder("./x".into()));
        assert_eq!(Address::parse_storage("file:///x/").unwrap(), StorageAddress::Folder("/x/".into()));
        assert!(Address::parse_storage("local:orders").is_err());
    }
}
