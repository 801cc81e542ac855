//! Opens storages by their address: which scheme and which section of a configuration belongs to which crate.

use std::path::Path;
use std::sync::Arc;

use kafi_core::{Config, Error, ErrorKind, Result, Settings, Storage, StorageKind};
use kafi_shell::Kafi;

use crate::address::{Address, DEFAULT_FOLDER, StorageAddress, default_storage};
use crate::stores;

/// Opens storages. It holds no global state: what shares a registry shares the topics of `mem:`.
pub struct Registry {
    #[cfg(feature = "fs")]
    memory: Arc<dyn Storage>,
    pub(crate) properties: Vec<(String, String)>,
    #[cfg(feature = "plugins")]
    pub(crate) plugins: crate::plugins::Plugins,
    /// What `mem:` is where a plugin opened it.
    #[cfg(feature = "plugins")]
    pub(crate) loaded_memory: std::sync::Mutex<Option<Arc<dyn Storage>>>,
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
            #[cfg(feature = "fs")]
            memory: Arc::new(kafi_fs::open_memory("mem")),
            properties: Vec::new(),
            #[cfg(feature = "plugins")]
            plugins: crate::plugins::Plugins::default(),
            #[cfg(feature = "plugins")]
            loaded_memory: std::sync::Mutex::default(),
        }
    }

    /// Adds properties of the client underneath (librdkafka's names) to every Kafka cluster that is opened from here on; they win over those of its configuration.
    pub fn with_properties(mut self, properties: Vec<(String, String)>) -> Self {
        self.properties = properties;
        self
    }

    /// Opens what is written like `local`, `clusters/local`, `./data/`, `mem:`, `kafka://host:9092`; an empty text is the default storage. Does not speak to a server.
    ///
    /// # Errors
    /// `NotFound` for a name without a configuration, `Usage` for what is no address, `Config` for a bad configuration, `Unsupported` for a kind that was not compiled in.
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
        #[cfg(feature = "plugins")]
        if let Some(kafi) = self.loaded_address(address)? {
            return Ok(kafi);
        }
        let name = address.to_string();
        let storage = match address {
            StorageAddress::Default => self.folder(&name, Path::new(DEFAULT_FOLDER))?,
            StorageAddress::Folder(path) => self.folder(&name, path)?,
            StorageAddress::Memory => self.memory()?,
            StorageAddress::Url { scheme, authority, path, properties } => match scheme.as_str() {
                "kafka" => {
                    let mut all = vec![("bootstrap.servers".to_string(), authority.clone())];
                    all.extend(properties.iter().cloned());
                    self.cluster(&name, all)?
                }
                "s3" => stores::s3(&name, &stores::properties("bucket.name", authority, path, properties))?,
                "azure" => stores::azure(&name, &stores::properties("container.name", authority, path, properties))?,
                scheme => return Err(unknown_scheme(scheme)),
            },
            StorageAddress::Config(name) => return self.open_config(self.find_config(name)?),
        };
        Ok(Kafi::new(storage, Settings::default()))
    }

    /// Opens what a configuration describes. Does not speak to a server.
    ///
    /// # Errors
    /// As for [`open`](Registry::open).
    pub fn open_config(&self, config: Config) -> Result<Kafi> {
        if !config.schema_registry.is_empty() {
            // The types that need it are refused by themselves; the others work without.
            log::info!("storage {}: the section schema_registry is not used: this version does not speak to registries yet", config.name);
        }
        #[cfg(feature = "plugins")]
        if let Some(kafi) = self.loaded_config(&config)? {
            return Ok(kafi);
        }
        let storage = match config.kind {
            StorageKind::Kafka => self.cluster(&config.name, with_session_timeout(&config.settings, config.storage))?,
            StorageKind::Local => {
                let root = config.storage.iter().find(|(key, _)| key == "root.dir").map_or(".", |(_, value)| value);
                self.folder(&config.name, Path::new(root))?
            }
            StorageKind::S3 => stores::s3(&config.name, &config.storage)?,
            StorageKind::AzureBlob => stores::azure(&config.name, &config.storage)?,
            kind => return Err(not_built(kind.section())),
        };
        Ok(Kafi::new(storage, config.settings))
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

    #[cfg(feature = "fs")]
    fn folder(&self, name: &str, root: &Path) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(kafi_fs::open_folder(name, root, kafi_fs::FolderOptions::default())?))
    }

    #[cfg(not(feature = "fs"))]
    fn folder(&self, _name: &str, _root: &Path) -> Result<Arc<dyn Storage>> {
        Err(not_built("local"))
    }

    #[cfg(feature = "fs")]
    fn memory(&self) -> Result<Arc<dyn Storage>> {
        Ok(self.memory.clone())
    }

    #[cfg(not(feature = "fs"))]
    fn memory(&self) -> Result<Arc<dyn Storage>> {
        Err(not_built("mem"))
    }

    #[cfg(feature = "cluster")]
    fn cluster(&self, name: &str, mut properties: Vec<(String, String)>) -> Result<Arc<dyn Storage>> {
        properties.extend(self.properties.iter().cloned());
        kafi_cluster::open(name, &properties)
    }

    #[cfg(not(feature = "cluster"))]
    fn cluster(&self, _name: &str, _properties: Vec<(String, String)>) -> Result<Arc<dyn Storage>> {
        Err(not_built("kafka"))
    }
}

/// The properties of a cluster with the setting of the section `kafi` that librdkafka knows, too. It comes first, so that the properties win; and the default is not
/// spelled out, because a client with `group.protocol=consumer` refuses it.
pub(crate) fn with_session_timeout(settings: &Settings, mut properties: Vec<(String, String)>) -> Vec<(String, String)> {
    if settings.session_timeout != Settings::default().session_timeout {
        properties.insert(0, ("session.timeout.ms".to_string(), settings.session_timeout.as_millis().to_string()));
    }
    properties
}

pub(crate) fn not_built(kind: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "open storage", "this build of Kafi cannot open this kind of storage").with("kind", kind)
}

/// Where else a storage can come from.
const HINT: &str = if cfg!(feature = "plugins") { "kafi plugin ls lists the plugins, which may open others" } else { "this build of Kafi loads no plugins" };

fn unknown_scheme(scheme: &str) -> Error {
    if scheme == "rest" {
        return not_built(scheme);
    }
    let error =
        Error::new(ErrorKind::Usage, "read address", "no such kind of storage; there are kafka://, s3://, azure://, file:, mem:").with("scheme", scheme);
    if cfg!(feature = "plugins") && Path::new("plugins").is_dir() {
        return error.hint("the folder plugins here is not searched; if you trust it: KAFI_PLUGINS=plugins, or --plugin with one file of it");
    }
    error.hint(HINT)
}
