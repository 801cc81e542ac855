//! How the addresses of schema registries are written, by themselves and as properties of the addresses of storages.

use kafi_core::{Error, ErrorKind, Result, expand_environment, is_variable, without_secrets};

/// The environment variable that names the address of a schema registry, for storages that have none of their own.
pub const SCHEMA_REGISTRY_VARIABLE: &str = "KAFI_REGISTRY";

/// The property of an address that names one.
pub(crate) const PROPERTY: &str = "registry";

const URL: &str = "schema.registry.url";

/// What stands in place of an address where there is to be no registry, not even the storage's own: payloads are raw.
const NONE: &str = "none";

/// The items of a section of a configuration.
pub(crate) type Items = Vec<(String, String)>;

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

/// Whether these items say that there is to be no registry.
pub(crate) fn is_none(items: &Items) -> bool {
    items.iter().any(|(key, value)| key == URL && value == NONE)
}

/// The items of a section that names nothing but an address.
pub(crate) fn named(url: String) -> Items {
    vec![(URL.to_string(), url)]
}

/// Takes the schema registry out of the properties of an address.
pub(crate) fn split(properties: &[(String, String)]) -> (Items, Items) {
    let (registry, others): (Items, Items) = properties.iter().cloned().partition(|(key, _)| key == PROPERTY);
    (registry.into_iter().map(|(_, url)| (URL.to_string(), url)).collect(), others)
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
