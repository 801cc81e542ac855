//! Which schema registry goes with a storage.

use std::env;
use std::sync::Arc;

#[cfg(not(feature = "serde"))]
use kafi_core::Error;
use kafi_core::{ErrorKind, Result};
use kafi_serde::registry::Registry as SchemaRegistry;
use kafi_shell::Kafi;

use crate::registry::Registry;
use crate::registry_address::{Items, SCHEMA_REGISTRY_VARIABLE, is_none, named, schema_registry_address};

/// The properties of a storage's own section that say who we are to its brokers, which a registry may inherit.
const SASL: [&str; 2] = ["sasl.username", "sasl.password"];

impl Registry {
    /// Gives this schema registry (an address) to every storage that is opened from here on, whatever its configuration
    /// says; `none` is none. What else that says of a registry, such as user and password, is not sent there.
    pub fn with_schema_registry(mut self, url: impl Into<String>) -> Self {
        self.schema_registry = Some(url.into());
        self
    }

    /// Opens the schema registry of a storage (`prod`, `./data/`; empty is the default storage), or the one at an address
    /// (`http://localhost:8081`). One that was named for all storages is taken for the default one. Does not speak to a
    /// server.
    ///
    /// # Errors
    /// Those of [`open`](Registry::open); `Config` for a storage without one, which only builds without the feature
    /// `serde` have; `Usage` for an address with a password.
    pub fn open_schema_registry(&self, address: &str) -> Result<Arc<dyn SchemaRegistry>> {
        let is_url = address.starts_with("http://") || address.starts_with("https://");
        match &self.schema_registry {
            _ if is_url => client(&named(schema_registry_address(address)?)),
            Some(url) if address.is_empty() => client(&named(url.clone())),
            _ => self.open(address)?.registry().cloned(),
        }
    }

    /// Gives an opened storage its schema registry: the one that was named, or what its address or its configuration
    /// says, or what the environment does; else the one in its own topic; `none` in place of an address is none. `own` are the properties of the storage itself.
    ///
    /// # Errors
    /// `Config` for items that are no good; `Unsupported` for a registry that was named where this build has no client.
    pub(crate) fn with_registry_of(&self, kafi: Kafi, configured: Items, own: &[(String, String)]) -> Result<Kafi> {
        if let Some(url) = &self.schema_registry {
            return opened(kafi, named(url.clone()), true);
        }
        if !configured.is_empty() {
            let mut items = configured;
            items.extend(own.iter().filter(|(key, _)| SASL.contains(&key.as_str())).cloned());
            return opened(kafi, items, false);
        }
        match env::var(SCHEMA_REGISTRY_VARIABLE) {
            Ok(url) if !url.is_empty() => opened(kafi, named(url), true),
            _ => Ok(in_topic(kafi)),
        }
    }
}

/// An opened storage with the registry of these items, which somebody named or which the configuration has.
fn opened(kafi: Kafi, items: Items, was_named: bool) -> Result<Kafi> {
    if is_none(&items) {
        return Ok(kafi);
    }
    match client(&items) {
        Ok(client) => Ok(kafi.with_registry(client)),
        Err(error) if error.kind() == ErrorKind::Unsupported && !was_named => {
            // What needs it is refused by itself; everything else works without.
            log::info!("storage {}: {error}", kafi.storage().name());
            Ok(kafi)
        }
        Err(error) => Err(error.with("storage", kafi.storage().name())),
    }
}

/// A storage with the registry in its topic `_schemas`, which is made when something is registered.
#[cfg(feature = "serde")]
fn in_topic(kafi: Kafi) -> Kafi {
    let registry = kafi_serde::registry::TopicRegistry::new(kafi.shared_storage());
    kafi.with_registry(Arc::new(registry))
}

#[cfg(not(feature = "serde"))]
fn in_topic(kafi: Kafi) -> Kafi {
    kafi
}

#[cfg(feature = "serde")]
fn client(items: &[(String, String)]) -> Result<Arc<dyn SchemaRegistry>> {
    Ok(Arc::new(kafi_serde::registry::Client::open(items)?))
}

#[cfg(not(feature = "serde"))]
fn client(_items: &[(String, String)]) -> Result<Arc<dyn SchemaRegistry>> {
    let why = "this build of Kafi does not speak to schema registries";
    Err(Error::new(ErrorKind::Unsupported, "open schema registry", why))
}
