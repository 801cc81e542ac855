//! A REST Proxy as a storage: over `kafi serve`, over servers that say what a test tells them to, and over faults. The
//! conformance suite over it is a row of `tests/behaviour`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod faults;
mod groups;
mod losses;
#[path = "../served/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod served;

use std::sync::Arc;
use std::time::Duration;

use kafi_core::Storage;

const PATIENCE: Duration = Duration::from_secs(60);

/// A REST Proxy at an address, with these items more.
fn open(address: &str, items: &[(&str, &str)]) -> Arc<dyn Storage> {
    let mut all = vec![("rest.proxy.url".to_string(), address.to_string())];
    all.extend(items.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())));
    kafi_restproxy::open("rest", &all).unwrap()
}
