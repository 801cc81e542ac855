//! Opens storages by their address or their configuration.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use kafi_core::{Config, Error, ErrorKind, Result, Settings, Storage, StorageKind};
use kafi_shell::Kafi;

use crate::address::{Address, DEFAULT_FOLDER, StorageAddress, default_storage};
use crate::linked;
use crate::registry_address;

/// The settings of the section `kafi` that concern requests to a REST Proxy.
const REQUEST_SETTINGS: [&str; 4] =
    ["requests.num.retries", "fetch.min.bytes", "consumer.request.timeout.ms", "consume.num.attempts"];

/// Opens storages. It holds no global state: what shares a registry shares the topics of `mem:`.
pub struct Registry {
    /// What `mem:` is, once somebody has asked for it; a plugin may have opened it.
    pub(crate) memory: Mutex<Option<Arc<dyn Storage>>>,
    pub(crate) properties: Vec<(String, String)>,
    /// The schema registry of all storages, if one was named.
    pub(crate) schema_registry: Option<String>,
    #[cfg(feature = "plugins")]
    pub(crate) plugins: crate::plugins::Plugins,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// A registry of all storages that were compiled in.
    pub fn new() -> Self {
        Self {
            memory: Mutex::default(),
            properties: Vec::new(),
            schema_registry: None,
            #[cfg(feature = "plugins")]
            plugins: crate::plugins::Plugins::default(),
        }
    }

    /// Adds properties of the client underneath (librdkafka's names) to every Kafka cluster that is opened from here
    /// on; they win over those of its configuration.
    pub fn with_properties(mut self, properties: Vec<(String, String)>) -> Self {
        self.properties = properties;
        self
    }

    /// Opens what is written like `local`, `clusters/local`, `./data/`, `mem:`, `kafka://host:9092`; an empty text is
    /// the default storage. Does not speak to a server.
    ///
    /// # Errors
    /// `NotFound` for a name without a configuration, `Usage` for what is no address, `Config` for a bad configuration,
    /// `Unsupported` for a kind that was not compiled in.
    pub fn open(&self, storage: &str) -> Result<Kafi> {
        if storage.is_empty() {
            return self.open_address(&default_storage()?);
        }
        self.open_address(&Address::parse_storage(storage)?)
    }

    /// Opens a storage. Does not speak to a server.
    ///
    /// # Errors
    /// As for [`open`](Registry::open).
    pub fn open_address(&self, address: &StorageAddress) -> Result<Kafi> {
        if let StorageAddress::Config(name) = address {
            return self.open_config(self.find_config(name)?);
        }
        let (address, schema_registry) = without_schema_registry(address);
        let kafi = self.open_place(&address)?;
        self.with_registry_of(kafi, schema_registry, &[])
    }

    /// Opens an address that is the name of no configuration.
    fn open_place(&self, address: &StorageAddress) -> Result<Kafi> {
        #[cfg(feature = "plugins")]
        if let Some(kafi) = self.loaded_address(address)? {
            return Ok(kafi);
        }
        let name = address.to_string();
        let storage = match address {
            StorageAddress::Default => linked::open_folder(&name, Path::new(DEFAULT_FOLDER))?,
            StorageAddress::Folder(path) => linked::open_folder(&name, path)?,
            StorageAddress::Memory => self.memory()?,
            StorageAddress::Url { scheme, authority, path, properties } => {
                let kind = StorageKind::from_scheme(scheme).ok_or_else(|| unknown_scheme(scheme))?;
                let mut all = kind.place_keys(authority, path);
                all.extend(properties.iter().cloned());
                self.linked(kind, scheme, &name, all)?
            }
            StorageAddress::Config(name) => return self.open_config(self.find_config(name)?),
        };
        Ok(Kafi::new(storage, Settings::default()))
    }

    /// Opens what a configuration describes. Does not speak to a server.
    ///
    /// # Errors
    /// As for [`open`](Registry::open).
    pub fn open_config(&self, config: Config) -> Result<Kafi> {
        let (schema_registry, own) = (config.schema_registry.clone(), config.storage.clone());
        let kafi = self.open_configured(config)?;
        self.with_registry_of(kafi, schema_registry, &own)
    }

    fn open_configured(&self, config: Config) -> Result<Kafi> {
        #[cfg(feature = "plugins")]
        if let Some(kafi) = self.loaded_config(&config)? {
            return Ok(kafi);
        }
        let properties = match config.kind {
            StorageKind::Kafka => with_session_timeout(&config.settings, config.storage),
            StorageKind::RestProxy => with_request_settings(&config.settings, config.storage),
            _ => config.storage,
        };
        let storage = self.linked(config.kind, config.kind.section(), &config.name, properties)?;
        Ok(Kafi::new(storage, config.settings))
    }

    /// Opens what is linked into this build; `called` is what the user calls it.
    fn linked(
        &self,
        kind: StorageKind,
        called: &str,
        name: &str,
        mut properties: Vec<(String, String)>,
    ) -> Result<Arc<dyn Storage>> {
        if kind == StorageKind::Kafka {
            properties.extend(self.properties.iter().cloned());
        }
        linked::open(kind.scheme(), called, name, &properties)
    }

    /// The configurations below [`Config::home`], for all kinds of storage.
    ///
    /// # Errors
    /// Those of [`Config::list`].
    #[cfg(not(feature = "plugins"))]
    pub fn configs(&self) -> Result<Vec<kafi_core::ConfigFile>> {
        Config::list(&Config::home())
    }

    #[cfg(not(feature = "plugins"))]
    fn find_config(&self, name: &str) -> Result<Config> {
        Config::find(name, &Config::home())
    }

    /// The one storage in memory of this registry.
    fn memory(&self) -> Result<Arc<dyn Storage>> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*memory {
            return Ok(Arc::clone(known));
        }
        let opened = linked::open("mem", "mem", "mem", &[])?;
        *memory = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

/// The properties of a cluster with the setting of the section `kafi` that librdkafka knows, too. It comes first, so
/// that the properties win; and the default is not spelled out, because a client with `group.protocol=consumer` refuses
/// it.
pub(crate) fn with_session_timeout(
    settings: &Settings,
    mut properties: Vec<(String, String)>,
) -> Vec<(String, String)> {
    if settings.session_timeout != Settings::default().session_timeout {
        properties.insert(0, ("session.timeout.ms".to_string(), settings.session_timeout.as_millis().to_string()));
    }
    properties
}

/// The properties of a REST Proxy with the settings of the section `kafi` that concern it; the properties win.
fn with_request_settings(settings: &Settings, mut properties: Vec<(String, String)>) -> Vec<(String, String)> {
    for name in REQUEST_SETTINGS {
        let is_there = properties.iter().any(|(key, _)| key == name);
        if let Some(value) = settings.get(name).filter(|_| !is_there) {
            properties.push((name.to_string(), value));
        }
    }
    properties
}

/// An address without the schema registry among its properties, and what that is.
fn without_schema_registry(address: &StorageAddress) -> (StorageAddress, Vec<(String, String)>) {
    let StorageAddress::Url { scheme, authority, path, properties } = address else {
        return (address.clone(), Vec::new());
    };
    let (registry, properties) = registry_address::split(properties);
    let (scheme, authority, path) = (scheme.clone(), authority.clone(), path.clone());
    (StorageAddress::Url { scheme, authority, path, properties }, registry)
}

/// Where else a storage can come from.
const HINT: &str = if cfg!(feature = "plugins") {
    "kafi plugin ls lists the plugins, which may open others"
} else {
    "this build of Kafi loads no plugins"
};

fn unknown_scheme(scheme: &str) -> Error {
    let why = format!("no such kind of storage; there are {}", linked::schemes());
    let error = Error::new(ErrorKind::Usage, "read address", why).with("scheme", scheme);
    if cfg!(feature = "plugins") && Path::new("plugins").is_dir() {
        return error.hint("the folder plugins here is not searched; if you trust it: KAFI_PLUGINS=plugins, or --plugin with one file of it");
    }
    error.hint(HINT)
}
