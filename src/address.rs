//! Addresses, `storage:topic` as in scp: where a topic lives, in one word.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use kafi_core::{
    AddressPlace, Error, ErrorKind, Result, Shown, StorageKind, expand_environment, is_secret_key, is_variable,
    percent_decoded, power_of,
};
use kafi_shell::Glob;

use crate::registry_address::{PROPERTY, schema_registry_address};

/// The folder of the default storage.
pub const DEFAULT_FOLDER: &str = "./kafi-data";

/// The environment variable that names another default storage.
pub const DEFAULT_STORAGE_VARIABLE: &str = "KAFI_STORAGE";

const TOPIC_RULE: &str = "a topic's name has neither : nor /";

/// Which storage is meant. `Debug` shows no secrets.
#[derive(Clone, PartialEq, Eq, Hash)]
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
        /// What stands between it and the topic, without slashes at its ends: a prefix within the bucket, often
        /// nothing.
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
    /// The topic, or a glob, as it is written: see [`name`](Address::name). `None` is the storage itself.
    pub topic: Option<String>,
}

impl fmt::Debug for StorageAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Config(name) => f.debug_tuple("Config").field(name).finish(),
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            Self::Memory => f.write_str("Memory"),
            Self::Url { scheme, authority, path, properties } => {
                let mut shown = f.debug_struct("Url");
                shown
                    .field("scheme", scheme)
                    .field("authority", authority)
                    .field("path", path)
                    .field("properties", &Shown(properties))
                    .finish()
            }
        }
    }
}

impl Address {
    /// Reads an address as the command line takes it. A word without a colon is a topic on the default storage: what
    /// `$KAFI_STORAGE` names, else the folder `./kafi-data`.
    ///
    /// # Errors
    /// `Usage` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(bad(text, "an address cannot be empty"));
        }
        if let Some(path) = folder_path(text)? {
            return folder(text, path);
        }
        if let Some(topic) = text.strip_prefix("mem:") {
            let topic = topic.trim_start_matches('/');
            return if topic.contains([':', '/']) {
                Err(bad(text, TOPIC_RULE))
            } else {
                Ok(Self { storage: StorageAddress::Memory, topic: some(topic) })
            };
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return url(text, scheme, rest);
        }
        match text.split_once(':') {
            Some((storage, topic)) => config(text, storage, topic),
            None if text.contains('/') => {
                Err(bad(text, "a folder is written ./FOLDER/TOPIC, a storage KIND/NAME:TOPIC"))
            }
            None => Ok(Self { storage: default_storage()?, topic: Some(text.to_string()) }),
        }
    }

    /// Reads what names a storage: an address without a topic, or the bare name of a configuration (`local`,
    /// `clusters/local`).
    ///
    /// # Errors
    /// `Usage` for an address with a topic, or none at all.
    pub fn parse_storage(text: &str) -> Result<StorageAddress> {
        let is_name = !text.is_empty() && !text.contains(':') && !text.starts_with(['.', '/', '~']);
        if is_name {
            return Ok(StorageAddress::Config(text.to_string()));
        }
        if let Some(path) = folder_path(text)? {
            return Ok(StorageAddress::Folder(expand_home(path)?));
        }
        let address = Self::parse(text)?;
        match address.topic {
            None => Ok(address.storage),
            Some(_) if text.contains("://") => {
                Err(bad(text, "this names a topic where a storage is wanted, whose address ends in a slash"))
            }
            Some(_) => Err(bad(text, "this names a topic where a storage is wanted")),
        }
    }

    /// Whether the topic is a glob, which can mean several topics.
    pub fn is_glob(&self) -> bool {
        self.topic.as_deref().is_some_and(Glob::is_glob)
    }

    /// The name of the topic (or of the group, where one is addressed): what is written, without the backslashes that
    /// keep signs from making a glob of it. Of a glob this is no name.
    ///
    /// ```
    /// use kafi::Address;
    /// let address = Address::parse(r"prod:odd\*")?;
    /// assert_eq!((address.is_glob(), address.name().as_deref()), (false, Some("odd*")));
    /// # Ok::<(), kafi::Error>(())
    /// ```
    pub fn name(&self) -> Option<String> {
        self.topic.as_deref().map(Glob::unquoted)
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
        Ok(named) if !named.is_empty() => Address::parse_storage(named.strip_suffix(':').unwrap_or(&named))
            .map_err(|error| error.with("variable", DEFAULT_STORAGE_VARIABLE)),
        _ => Ok(StorageAddress::Default),
    }
}

/// The path in an address of a folder; `None` for what is not one.
fn folder_path(text: &str) -> Result<Option<&str>> {
    let Some(path) = text.strip_prefix("file:") else {
        return Ok(text.starts_with(['.', '/', '~']).then_some(text));
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(bad(text, "the path is missing; the current folder is ./"));
    }
    // A folder may be called so; whoever writes it like this means something else.
    let begin = path.split('/').next().unwrap_or_default();
    if text.starts_with("file://") && percent_decoded(begin).contains('@') {
        return Err(with_user("file"));
    }
    Ok(Some(path))
}

fn folder(text: &str, path: &str) -> Result<Address> {
    let path = expand_home(path)?;
    let is_storage = text.ends_with('/') || matches!(path.to_str(), Some("." | "..")) || path.ends_with("..");
    if is_storage {
        return Ok(Address { storage: StorageAddress::Folder(path), topic: None });
    }
    let topic = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| bad(text, "a folder's topic is the last part of its path, in UTF-8"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    Ok(Address { storage: StorageAddress::Folder(parent), topic: Some(topic.to_string()) })
}

pub(crate) fn expand_home(path: &str) -> Result<PathBuf> {
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
    let begins_with = StorageKind::from_scheme(&scheme).map_or(AddressPlace::Any, StorageKind::place);
    let (is_hosts, is_bucket) =
        (matches!(begins_with, AddressPlace::Hosts(_)), matches!(begins_with, AddressPlace::Bucket(_)));
    // A cluster has no folders.
    let (path, topic) = if is_hosts { ("", rest) } else { rest.rsplit_once('/').unwrap_or(("", rest)) };
    // What a plugin opens may begin with a path.
    let needs_place = rest.is_empty() || is_hosts || is_bucket;
    if authority.is_empty() && needs_place {
        return Err(bad(text, "the host or bucket is missing"));
    }
    let has_good_ports = !is_hosts || authority.split(',').filter(|host| !host.is_empty()).all(has_good_port);
    // Whoever writes a password into an address may have encoded it, and a slash in it ends the hosts.
    if percent_decoded(authority).contains('@') || (!has_good_ports && place.contains('@')) {
        return Err(with_user(&scheme));
    }
    if is_bucket && authority.contains(':') {
        // What stands behind it may be a key.
        return Err(bad(
            &format!("{scheme}://…"),
            "the name of a bucket or container has no colon; the server's address is the property endpoint",
        ));
    }
    if authority.split(',').any(|host| !host.starts_with('[') && host.matches(':').count() > 1) {
        // What is no such address may be a password.
        let is_shown = authority.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.' | ',' | '[' | ']'));
        let text = if is_shown { text } else { &format!("{scheme}://…") };
        return Err(bad(text, "an IPv6 address stands in brackets: [::1]:9092"));
    }
    if !has_good_ports {
        // What stands where a port should be may be a password.
        return Err(bad(&format!("{scheme}://…"), "the port is a number from 1 to 65535"));
    }
    let properties = query.map_or(Ok(Vec::new()), |query| {
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| property(&scheme, pair)).collect::<Result<_>>()
    })?;
    let (authority, path) = (authority.to_string(), percent_decoded(path.trim_matches('/')));
    Ok(Address {
        storage: StorageAddress::Url { scheme, authority, path, properties },
        topic: some(&percent_decoded(topic)),
    })
}

fn with_user(scheme: &str) -> Error {
    let why = "user and password do not belong into an address, where others can see them: put them into a configuration file";
    Error::new(ErrorKind::Usage, "read address", why).with("address", format!("\"{scheme}://…\""))
}

/// Whether the port of `HOST:PORT` can be one; without any there is a default.
fn has_good_port(host: &str) -> bool {
    let port = match host.rsplit_once(']') {
        Some((_, "")) => return true,
        Some((_, port)) => port.strip_prefix(':'),
        None if !host.contains(':') => return true,
        None => host.split_once(':').map(|(_, port)| port),
    };
    port.is_some_and(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// One `key=value` of a query. Secrets come from the environment, never from the command line, and what an address does
/// is to say where a storage is: no more.
fn property(scheme: &str, pair: &str) -> Result<(String, String)> {
    let Some((key, value)) = pair.split_once('=') else {
        return Err(bad(&format!("{scheme}://…?…"), "a property is written key=value"));
    };
    let (key, value) = (percent_decoded(key), percent_decoded(value));
    let refused = |why: String| Error::new(ErrorKind::Usage, "read address", why).with("property", &key);
    if is_secret_key(&key) && !is_variable(&value) {
        let why = "a secret does not belong into an address, where others can see it";
        return Err(refused(why.into()).hint(format!("write {key}='${{VARIABLE}}', or use a configuration file")));
    }
    if key == PROPERTY {
        return Ok((key, schema_registry_address(&value)?));
    }
    let value = expand_environment(&key, &value)?;
    if let Some(power) = power_of(&key, &value) {
        return Err(refused(format!("this property {power}, which is not done for an address"))
            .hint("set it with -X, or in a configuration below $KAFI_HOME"));
    }
    Ok((key, value))
}

fn config(text: &str, storage: &str, topic: &str) -> Result<Address> {
    if storage.is_empty() {
        return Err(bad(text, "the storage before the colon is missing"));
    }
    if topic.contains(':') || topic.contains('/') {
        return Err(bad(text, TOPIC_RULE));
    }
    Ok(Address { storage: StorageAddress::Config(storage.to_string()), topic: some(topic) })
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_string())
}

/// The error about an address, which is shown without what could be a secret in it.
fn bad(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, "read address", why).with("address", format!("{:?}", shown(text)))
}

/// An address that nobody could read, without what could be user, password, or properties in it.
fn shown(text: &str) -> String {
    let is_path = text.starts_with(['.', '/', '~']) || text.starts_with("file:");
    let mut shown = text.to_string();
    if let (false, Some(colon), Some(at)) = (is_path, text.find(':'), text.rfind('@')) {
        // `prod:group@1` is no user with a password; `me:password@host/t` is one.
        if colon < at && (text[colon + 1..at].contains([':', '/']) || text[at..].contains('/')) {
            let slashes = text[colon + 1..].bytes().take_while(|byte| *byte == b'/').count();
            shown = format!("{}***{}", &text[..=colon + slashes], &text[at..]);
        }
    }
    // No glob has a = or a &, and neither has the name of a topic.
    let query = shown.find(['?', '#', '&', ';']).filter(|at| shown[at + 1..].contains('=') || shown.contains("://"));
    if let Some(at) = query {
        let sign = at + 1;
        shown.truncate(sign);
        shown.push('…');
    }
    shown
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
            ("kafka://h1:65535/", "kafka://h1:65535 | -"),
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
            ("kafka://h/t?hunter2", "key=value"),
            ("kafka://h/t?sasl.password=hunter2", "secret does not belong"),
            ("kafka://h/t?sasl.password=${A}hunter2${B}", "secret does not belong"),
            ("kafka://h/t?sasl%2Epassword=hunter2", "secret does not belong"),
            ("kafka://h/t?ssl.key.pem=hunter2", "secret does not belong"),
            ("kafka://h/t?registry=http://me:hunter2@r:8081", "user and password"),
            ("kafka://h/t?sasl.oauthbearer.config=hunter2", "secret does not belong"),
            ("kafka://h1:1,me:hunter2@h2:1/t", "user and password"),
            ("kafka://me%3Ahunter2%40h/t", "user and password"),
            ("kafka://me:hun/ter2@h/hunter2", "user and password"),
            ("kafka://me:hunter2/t", "the port is a number from 1 to 65535"),
            ("kafka://h:0/t", "the port is a number from 1 to 65535"),
            ("kafka://h:84628/t", "the port is a number from 1 to 65535"),
            ("kafka://h:/t", "the port is a number from 1 to 65535"),
            ("kafka://[::1]:hunter2/t", "the port is a number from 1 to 65535"),
            ("rest://me:hunter2@h/t", "user and password"),
            ("rest://h:hunter2/t", "the port is a number from 1 to 65535"),
            ("s3://access:hunter2/t", "has no colon"),
            ("azure://h:hunter2/t", "has no colon"),
            ("s3:///t?secret.key=hunter2", "host or bucket is missing"),
            ("s3://bucket/orders?secret.key=hunter2", "secret does not belong"),
            ("s3://bucket/orders?session.token=hunter2", "secret does not belong"),
            ("s3:/orders?secret.key=hunter2", "neither : nor /"),
            ("s3:bucket/orders?secret.key=hunter2", "neither : nor /"),
            ("azure:///t?sas.token=hunter2", "host or bucket is missing"),
            ("azure://c/t?sas.token=hunter2", "secret does not belong"),
            ("azure://c/t?account.key=hunter2", "secret does not belong"),
            ("azure://c/t?connection.string=hunter2", "secret does not belong"),
            ("other:///x/?any.password=hunter2", "secret does not belong"),
            ("kafka:me:hunter2@h/t", "neither : nor /"),
            ("kafka:/me:hunter2@h/t", "neither : nor /"),
            ("mem://me:hunter2@h/t", "neither : nor /"),
            ("file://me:hunter2@h/t", "user and password"),
            ("file:", "the path is missing"),
            ("file://", "the path is missing"),
            ("me:hunter2@h/t", "neither : nor /"),
            ("s3/orders?secret.key=hunter2", "./FOLDER/TOPIC"),
            ("?secret.key=hunter2/", "./FOLDER/TOPIC"),
            ("kafka://h/t?plugin.library.paths=x.so", "this property loads a library"),
            ("kafka://h/t?ssl%2Eproviders=x", "this property loads a library"),
            ("kafka://h/t?offset.store.path=x", "this property writes a file"),
            ("other://h/t?sasl.kerberos.principal=a;b", "this property becomes part of a command"),
            ("s3://bucket/orders?access.key=hunter2", "secret does not belong"),
            ("s3:///orders", "host or bucket is missing"),
            ("~someone/orders", "~USER"),
        ] {
            let error = shown(text);
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains("secret@") && !error.contains("ter2"), "{error}");
        }
    }

    #[test]
    fn what_is_shown_of_an_address_is_not_its_secrets() {
        for (text, expected) in [
            ("prod:a:b", "prod:a:b"),
            ("prod:group@1", "prod:group@1"),
            ("prod:g@h/x", "prod:***@h/x"),
            ("./a@b/x*?", "./a@b/x*?"),
            ("prod:x?*", "prod:x?*"),
            ("kafka://me:a@b@h/t", "kafka://***@h/t"),
            ("kafka:me:a@h/t", "kafka:***@h/t"),
            ("s3:///t?a=b", "s3:///t?…"),
            ("s3:/t#secret.key=b", "s3:/t#…"),
        ] {
            assert_eq!(super::shown(text), expected, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secrets() {
        let storage = |properties| StorageAddress::Url {
            scheme: "kafka".into(),
            authority: "h".into(),
            path: String::new(),
            properties,
        };
        let shown =
            format!("{:?}", storage(vec![("sasl.password".into(), "hunter2".into()), ("acks".into(), "all".into())]));
        assert!(!shown.contains("hunter2") && shown.contains("acks"), "{shown}");
    }

    #[test]
    fn properties_are_decoded() {
        let Address { storage: StorageAddress::Url { properties, .. }, .. } =
            Address::parse("kafka://h:1/t?client.id=a%20b&acks=all").unwrap()
        else {
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
        for text in ["local:orders", "file:", "file://", "file://me:hunter2@h/"] {
            assert!(Address::parse_storage(text).is_err(), "{text}");
        }
    }
}
