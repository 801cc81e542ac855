//! Opens the storages of plugins, and finds the configurations of their kinds.

use std::sync::{Arc, PoisonError};

use kafi_core::abi::Opening;
use kafi_core::{Config, ConfigFile, Error, ErrorKind, Result, Settings, Storage, StorageInfo, StorageKind, nearest};
use kafi_shell::Kafi;

use crate::address::{DEFAULT_FOLDER, StorageAddress};
use crate::linked::is_linked;
use crate::plugins::Plugins;
use crate::registry::{Registry, with_session_timeout};

impl Registry {
    /// Lets plugins open storages, too. One that was named stands before what is linked; those that are found are asked
    /// for what is not linked.
    pub fn with_plugins(mut self, plugins: Plugins) -> Self {
        self.plugins = plugins;
        self
    }

    /// The plugins.
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// The configurations below [`Config::home`], those for plugins among them. Loads all plugins there are.
    ///
    /// # Errors
    /// `Config` where a named plugin cannot be loaded; those of [`Config::list`].
    pub fn configs(&self) -> Result<Vec<ConfigFile>> {
        Config::list_among(&Config::home(), &self.kinds()?)
    }

    /// All kinds of storage that configurations can be of, those of plugins among them. Loads all plugins there are.
    ///
    /// # Errors
    /// `Config` where a named plugin cannot be loaded.
    pub fn kinds(&self) -> Result<Vec<StorageKind>> {
        self.plugins.kinds(self.plugins.has_found())
    }

    /// Finds a configuration; plugins that were not named are loaded only where no kind is known that could be meant.
    pub(crate) fn find_config(&self, name: &str) -> Result<Config> {
        let home = Config::home();
        let kinds = self.plugins.kinds(false)?;
        let error = match Config::find_among(name, &home, &kinds) {
            Err(error) if self.plugins.has_found() => error,
            found => return found,
        };
        let all = self.plugins.kinds(true)?;
        if all == kinds { Err(error) } else { Config::find_among(name, &home, &all) }
    }

    /// Opens an address by a plugin, if one is for it.
    pub(crate) fn loaded_address(&self, address: &StorageAddress) -> Result<Option<Kafi>> {
        let mut opening = Opening { name: address.to_string(), ..Opening::default() };
        let is_memory = *address == StorageAddress::Memory;
        match address {
            StorageAddress::Config(_) => return Ok(None),
            StorageAddress::Default => (opening.scheme, opening.path) = ("file".into(), DEFAULT_FOLDER.into()),
            StorageAddress::Folder(path) => {
                let path = path.to_str();
                (opening.scheme, opening.path) = ("file".into(), path.unwrap_or_default().into());
                if path.is_none() && !is_linked("file") {
                    return Err(Error::new(ErrorKind::Usage, "open storage", "a plugin takes only paths in UTF-8")
                        .with("folder", &opening.name));
                }
            }
            StorageAddress::Memory => opening.scheme = "mem".into(),
            StorageAddress::Url { scheme, authority, path, properties } => {
                opening.scheme.clone_from(scheme);
                opening.authority.clone_from(authority);
                opening.path.clone_from(path);
                opening.items.clone_from(properties);
            }
        }
        if is_memory && let Some(known) = &*self.memory.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Some(Kafi::new(Arc::clone(known), Settings::default())));
        }
        let Some(storage) = self.loaded(opening, |storage, scheme| storage.scheme == scheme)? else { return Ok(None) };
        if is_memory {
            *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&storage));
        }
        Ok(Some(Kafi::new(storage, Settings::default())))
    }

    /// Opens a configuration by a plugin, if one is for it.
    pub(crate) fn loaded_config(&self, config: &Config) -> Result<Option<Kafi>> {
        let section = config.kind.section();
        let mut opening = Opening {
            name: config.name.clone(),
            scheme: config.kind.scheme().into(),
            section: Some(section.into()),
            items: config.storage.clone(),
            ..Opening::default()
        };
        if config.kind == StorageKind::Kafka {
            opening.items = with_session_timeout(&config.settings, opening.items);
        }
        let storage = self.loaded(opening, |storage, _| storage.section == Some(section))?;
        Ok(storage.map(|storage| Kafi::new(storage, config.settings.clone())))
    }

    fn loaded(
        &self,
        mut opening: Opening,
        is_it: impl Fn(&StorageInfo, &str) -> bool,
    ) -> Result<Option<Arc<dyn Storage>>> {
        let scheme = opening.scheme.clone();
        let what = opening.section.clone().unwrap_or_else(|| scheme.clone());
        let Some((plugin, storage)) =
            self.plugins.find(&what, is_linked(&scheme), |storage| is_it(storage, &scheme))?
        else {
            return Ok(None);
        };
        opening.scheme = storage.scheme.into();
        if opening.section.is_none() {
            check_properties(storage, &opening.items)?;
        }
        if storage.scheme == StorageKind::Kafka.scheme() {
            opening.items.extend(self.properties.iter().cloned());
        }
        plugin.open(&opening).map(Some)
    }
}

/// The properties of an address are the keys that its kind of storage has.
fn check_properties(storage: &StorageInfo, properties: &[(String, String)]) -> Result<()> {
    let keys = || storage.keys.iter().map(|key| key.name);
    let Some((unknown, _)) =
        properties.iter().find(|(name, _)| !storage.takes_any_key && keys().all(|key| key != name))
    else {
        return Ok(());
    };
    let why = match (nearest(unknown, keys()), storage.keys.is_empty()) {
        (Some(near), _) => format!("this kind of storage has no such property, did you mean {near}?"),
        (None, true) => "this kind of storage has no properties".to_string(),
        (None, false) => {
            format!("this kind of storage has no such property; there are {}", keys().collect::<Vec<_>>().join(" "))
        }
    };
    Err(Error::new(ErrorKind::Usage, "read address", why).with("scheme", storage.scheme).with("property", unknown))
}
