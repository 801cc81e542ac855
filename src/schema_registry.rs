//! Which schema registry goes with a storage.

use std::env;
use std::sync::Arc;

use kafi_core::{Error, ErrorKind, Result, expand_environment, is_variable, without_secrets};
use kafi_serde::registry::Registry as SchemaRegistry;
use kafi_shell::Kafi;

use crate::registry::Registry;

/// The environment variable that names the address of a schema registry, for storages that have none of their own.
pub const SCHEMA_REGISTRY_VARIABLE: &str = "KAFI_REGISTRY";

/// The property of an address that names one.
pub(crate) const PROPERTY: &str = "registry";

const URL: &str = "schema.registry.url";

/// The properties of a storage's own section that say who we are to its brokers, which a registry may inherit.
const SASL: [&str; 2] = ["sasl.username", "sasl.password"];

type Items = Vec<(String, String)>;

impl Registry {
    /// Gives this schema registry (an address) to every storage that is opened from here on, whatever its configuration
    /// says. What else that says of a registry, such as user and password, is not sent there.
    pub fn with_schema_registry(mut self, url: impl Into<String>) -> Self {
        self.schema_registry = Some(url.into());
        self
    }

    /// Opens the schema registry of a storage (`prod`, `./data/`; empty is the default storage), or the one at an address
    /// (`http://localhost:8081`). One that was named for all storages is taken for the default one. Does not speak to a
    /// server.
    ///
    /// # Errors
    /// Those of [`open`](Registry::open); `Config` for a storage without one; `Usage` for an address with a password.
    pub fn open_schema_registry(&self, address: &str) -> Result<Arc<dyn SchemaRegistry>> {
        let is_url = address.starts_with("http://") || address.starts_with("https://");
        match &self.schema_registry {
            _ if is_url => client(&named(schema_registry_address(address)?)),
            Some(url) if address.is_empty() => client(&named(url.clone())),
            _ => self.open(address)?.registry().cloned(),
        }
    }

    /// Gives an opened storage its schema registry: the one that was named, or what its address or its configuration
    /// says, or what the environment does. `own` are the properties of the storage itself.
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
            _ => Ok(kafi),
        }
    }
}

/// The address of a schema registry as people type it, with its environment variables put in.
///
/// # Errors
/// `Usage` for one in which user and password are written, which others can see; `Config` for a variable that is not
/// set.
pub fn schema_registry_address(text: &str) -> Result<String> {
    if !is_variable(text) && without_secrets(text) != text {
        let why = "user and password do not belong into an address, where others can see them";
        let hint = format!("write '${{VARIABLE}}', set ${SCHEMA_REGISTRY_VARIABLE}, or use a configuration file");
        return Err(Error::new(ErrorKind::Usage, "read address", why).with("address", text).hint(hint));
    }
    expand_environment("registry", text)
}

/// The items of a section that names nothing but an address.
fn named(url: String) -> Items {
    vec![(URL.to_string(), url)]
}

/// Takes the schema registry out of the properties of an address.
pub(crate) fn split(properties: &[(String, String)]) -> (Items, Items) {
    let (registry, others): (Items, Items) = properties.iter().cloned().partition(|(key, _)| key == PROPERTY);
    (registry.into_iter().map(|(_, url)| (URL.to_string(), url)).collect(), others)
}

/// An opened storage with the registry of these items, which somebody named or which the configuration has.
fn opened(kafi: Kafi, items: Items, was_named: bool) -> Result<Kafi> {
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

#[cfg(feature = "serde")]
fn client(items: &[(String, String)]) -> Result<Arc<dyn SchemaRegistry>> {
    Ok(Arc::new(kafi_serde::registry::Client::open(items)?))
}

#[cfg(not(feature = "serde"))]
fn client(_items: &[(String, String)]) -> Result<Arc<dyn SchemaRegistry>> {
    let why = "this build of Kafi does not speak to schema registries";
    Err(Error::new(ErrorKind::Unsupported, "open schema registry", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_no_property_of_the_storage() {
        let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
        let (registry, others) = split(&[pair("acks", "all"), pair("registry", "http://h:8081")]);
        assert_eq!((registry, others), (vec![pair(URL, "http://h:8081")], vec![pair("acks", "all")]));
    }
}
