//! The client of schema registries: over a real one, which `KAFI_TEST_REGISTRY` names or the project's script starts,
//! and over one that says what no real one does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod copying;
mod fake;
mod faults;
mod server;

use std::time::Duration;

use kafi_serde::registry::Client;

/// How long a call may take; what is awaited comes long before.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client by the items of a configuration.
fn open(items: &[(&str, &str)]) -> Client {
    let items: Vec<(String, String)> = items.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Client::open(&items).unwrap()
}

/// A client of what listens at these addresses.
fn at(addresses: &[&str]) -> Client {
    let urls: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
    open(&[("schema.registry.url", &urls.join(","))])
}
