//! Configuration: one YAML file is one storage.
//!
//! A file has exactly one section that names the kind of storage (`kafka`, `rest_proxy`, `local`, `s3`, `azure_blob`),
//! and may have `schema_registry` and `kafi`:
//!
//! ```yaml
//! kafka:
//!   bootstrap.servers: ${KAFKA_SERVERS}
//! schema_registry:
//!   schema.registry.url: http://localhost:8081
//! kafi:
//!   consume.batch.size: 500
//! ```
//!
//! Values may hold environment variables (`${NAME}`; `$${` is a plain `${`). A value is the text that stands in the
//! file, whatever YAML sees in it: `012`, `1e3`, and `yes` reach librdkafka as they are. Brokers and addresses of a
//! registry may be a list. Unknown keys are errors, except in `kafka`, where librdkafka decides.

mod env;
mod find;
mod kind;
mod nearest;
mod schema_settings;
mod settings;
mod trust;
mod values;
mod yaml;

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Shown;
use settings::{Refusal, quoted};

pub use env::{expand_environment, is_variable};
pub use find::ConfigFile;
pub use kind::{AddressPlace, ConfigKey, SCHEMA_REGISTRY_KEYS, StorageInfo, StorageKind};
pub use nearest::nearest;
pub use schema_settings::{NamedSchema, SchemaSettings};
pub use settings::{OffsetReset, Settings};
pub use trust::power_of;

const OPERATION: &str = "read configuration";
/// A configuration is a page of text; what is larger is another file that was named by mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// All values of a configuration together, variables included.
const VALUES_BYTES_MAX: usize = 8 << 20;

/// The configuration of one storage.
///
/// `Debug` shows no secrets: values of keys as in [`is_secret_key`](crate::is_secret_key) are masked, and so are user
/// and password in URLs.
#[doc(alias("bucket_name", "container_name", "root_dir"))]
#[derive(Clone, PartialEq)]
pub struct Config {
    /// The short name, as people type it.
    pub name: String,
    /// The file it came from, if any.
    pub path: Option<PathBuf>,
    /// The kind of storage.
    pub kind: StorageKind,
    /// The items of the storage's own section in the order of the file, with environment variables put in; without
    /// defaults.
    pub storage: Vec<(String, String)>,
    /// The items of the section `schema_registry`, likewise.
    pub schema_registry: Vec<(String, String)>,
    /// The items of the section `kafi`, with defaults.
    pub settings: Settings,
}

impl Config {
    /// A configuration of this kind with nothing but defaults.
    pub fn new(name: impl Into<String>, kind: StorageKind) -> Self {
        Self {
            name: name.into(),
            path: None,
            kind,
            storage: Vec::new(),
            schema_registry: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Reads a configuration from a YAML text. Environment variables are those of this process.
    ///
    /// # Errors
    /// `Config`, with place, key, value, and what is allowed: for malformed YAML, a key that stands twice, an unknown
    /// section or key, a value of the wrong type or out of range, a variable that is not set, no section of a storage,
    /// or several. Values of secrets are never shown.
    pub fn from_yaml(name: &str, text: &str) -> Result<Config> {
        Reader {
            place: ("storage", name.to_owned()),
            kinds: &StorageKind::ALL,
            lookup: &|variable| std::env::var(variable),
            left: Cell::new(VALUES_BYTES_MAX),
        }
        .read(name, text)
    }

    /// Reads a configuration from a YAML file of at most 1 MiB; its name is that of the file without the ending.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, or `Io` where it cannot be read; else those of [`from_yaml`](Config::from_yaml),
    /// with the file's path.
    pub fn from_file(path: &Path) -> Result<Config> {
        Self::from_file_among(path, &StorageKind::ALL)
    }

    /// The same, for a storage of one of these kinds.
    ///
    /// # Errors
    /// Those of [`from_file`](Config::from_file).
    pub fn from_file_among(path: &Path, kinds: &[StorageKind]) -> Result<Config> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let place = ("file", path.display().to_string());
        let reader =
            Reader { place, kinds, lookup: &|variable| std::env::var(variable), left: Cell::new(VALUES_BYTES_MAX) };
        let mut config = reader.read(&name, &read_text(path)?)?;
        config.path = Some(path.to_owned());
        Ok(config)
    }

    /// The value of a key of the storage's own section, or else its default; `None` where there is neither.
    pub fn get(&self, key: &str) -> Option<&str> {
        let set = self.storage.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        set.or_else(|| self.kind.keys().iter().find(|known| known.name == key)?.default)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("name", &self.name)
            .field("path", &self.path)
            .field("kind", &self.kind)
            .field("storage", &Shown(&self.storage))
            .field("schema_registry", &Shown(&self.schema_registry))
            .field("settings", &self.settings)
            .finish()
    }
}

/// Reads the text of a file, bounded.
fn read_text(path: &Path) -> Result<String> {
    let failed = |error| Error::io(OPERATION, error).with("file", path.display());
    let refused = |message: &str| Error::new(ErrorKind::Config, OPERATION, message).with("file", path.display());
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refused("this is no configuration: it is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| refused("this is no configuration: it is not UTF-8"))
}

/// Turns a text into a configuration, and knows where the text came from.
struct Reader<'a> {
    /// What errors say: the file, or the storage's name.
    place: (&'static str, String),
    /// The kinds of storage that there are.
    kinds: &'a [StorageKind],
    lookup: env::Lookup<'a>,
    /// So many bytes of values may still come.
    left: Cell<usize>,
}

impl Reader<'_> {
    fn read(&self, name: &str, text: &str) -> Result<Config> {
        let sections = yaml::sections(text).map_err(|malformed| self.malformed(malformed))?;
        let mut config = Config::new(name, self.kind(&sections)?);
        for (section, items) in sections {
            match section.as_str() {
                "kafi" => self.settings(&mut config.settings, items)?,
                "schema_registry" => {
                    config.schema_registry = self.items(&section, items, Some(SCHEMA_REGISTRY_KEYS))?
                }
                _ => {
                    let known = (!config.kind.takes_any_key()).then(|| config.kind.keys());
                    config.storage = self.items(&section, items, known)?;
                }
            }
        }
        Ok(config)
    }

    /// Checks that each section is known and exactly one is that of a storage.
    fn kind(&self, sections: &yaml::Sections) -> Result<StorageKind> {
        let mut found = Vec::new();
        for (section, _) in sections {
            let kind = StorageKind::with_section(section, self.kinds);
            if kind.is_none() && section != "kafi" && section != "schema_registry" {
                let mut known: Vec<&str> = self.kinds.iter().map(|kind| kind.section()).collect();
                known.extend(["schema_registry", "kafi"]);
                return Err(self
                    .error(format!("unknown section{}", nearest::suggestion(section, &known)))
                    .with("section", section));
            }
            found.extend(kind);
        }
        let all = || self.kinds.iter().map(|kind| kind.section()).collect::<Vec<_>>().join(", ");
        match found.as_slice() {
            [kind] => Ok(*kind),
            [] => Err(self.error(format!("no section says what kind of storage this is: one of {}", all()))),
            [first, second, ..] => {
                Err(self.error(format!("one file is one storage, but there are the sections {first} and {second}")))
            }
        }
    }

    /// Puts the variables into the values of a section; `known` are the only keys it takes.
    fn items(&self, section: &str, items: yaml::Items, known: Option<&[ConfigKey]>) -> Result<Vec<(String, String)>> {
        let mut expanded = Vec::with_capacity(items.len());
        for (key, text) in items {
            if let Some(known) = known.filter(|known| known.iter().all(|known| known.name != key)) {
                let names: Vec<&str> = known.iter().map(|known| known.name).collect();
                return Err(self.key_error(section, &key, format!("unknown key{}", nearest::suggestion(&key, &names))));
            }
            let text = self.present(section, &key, text)?;
            let value = self.expand(section, &key, &text)?;
            expanded.push((key, value));
        }
        Ok(expanded)
    }

    fn settings(&self, settings: &mut Settings, items: yaml::Items) -> Result<()> {
        for (key, text) in items {
            let text = self.present("kafi", &key, text)?;
            let value = self.expand("kafi", &key, &text)?;
            // The text is shown as it stands in the file: what a variable holds may be anything.
            settings.try_set(&key, &value).map_err(|refusal| match refusal {
                Refusal::Key(why) => self.key_error("kafi", &key, why),
                Refusal::Value(why) => self.key_error("kafi", &key, why).with("value", quoted(&text)),
            })?;
        }
        Ok(())
    }

    fn present(&self, section: &str, key: &str, text: Option<String>) -> Result<String> {
        text.ok_or_else(|| self.key_error(section, key, "the value is missing; write \"\" for an empty one".into()))
    }

    fn expand(&self, section: &str, key: &str, text: &str) -> Result<String> {
        let value = env::expand(text, self.lookup).map_err(|why| self.key_error(section, key, why))?;
        let left = self.left.get().checked_sub(value.len());
        self.left.set(left.ok_or_else(|| {
            self.key_error(section, key, "the values are larger than 8 MiB with their environment variables".into())
        })?);
        Ok(value)
    }

    fn malformed(&self, malformed: yaml::Malformed) -> Error {
        let mut error = self.error(malformed.message);
        if let Some((line, column)) = malformed.place {
            error = error.with("line", line).with("column", column);
        }
        error.source(malformed.source)
    }

    fn key_error(&self, section: &str, key: &str, message: String) -> Error {
        self.error(message).with("section", section).with("key", key)
    }

    fn error(&self, message: String) -> Error {
        Error::new(ErrorKind::Config, OPERATION, message).with(self.place.0, &self.place.1)
    }
}

#[cfg(test)]
mod tests;
