//! Opens what lies in buckets and containers.

use std::sync::Arc;

use kafi_core::{Result, Storage};

/// The properties of an address: what it names as its place, before what its query says.
pub(crate) fn properties(place_key: &str, authority: &str, path: &str, query: &[(String, String)]) -> Vec<(String, String)> {
    let mut all = vec![(place_key.to_string(), authority.to_string()), ("root.dir".to_string(), path.to_string())];
    all.extend(query.iter().cloned());
    all
}

#[cfg(feature = "s3")]
pub(crate) fn s3(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    kafi_s3::open(name, properties)
}

#[cfg(not(feature = "s3"))]
pub(crate) fn s3(_name: &str, _properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    Err(crate::registry::not_built("s3"))
}

#[cfg(feature = "azure")]
pub(crate) fn azure(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    kafi_azure::open(name, properties)
}

#[cfg(not(feature = "azure"))]
pub(crate) fn azure(_name: &str, _properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    Err(crate::registry::not_built("azure"))
}
