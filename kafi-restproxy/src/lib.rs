//! Kafka behind Confluent's REST Proxy, or behind `kafi serve`, as a storage of Kafi.
//!
//! | address | configuration |
//! |---|---|
//! | `rest://host:8082/topic` | `configs/restproxies/NAME.yaml` with the section `rest_proxy` |
//!
//! What a server has is found out with the first call: version 3 of the API for administration and for producing
//! in streams, version 2 for consuming, and for producing where there is nothing else.
//!
//! ```no_run
//! # fn main() -> kafi_core::Result<()> {
//! let url = ("rest.proxy.url".to_string(), "http://localhost:8082".to_string());
//! let storage = kafi_restproxy::open("proxy", &[url])?;
//! let topics = storage.admin()?.topics(&[], std::time::Duration::from_secs(10))?;
//! # Ok(())
//! # }
//! ```
//!
//! # What the API does not carry
//! - Servers other than `kafi serve` give out neither headers nor timestamps with messages; with version 2 they take none.
//!   What is read is then without them, and what is written is said once as a warning.
//! - No timestamp at all: a message that has none gets the time at which it is written, which is said once as a warning.
//! - A timestamp type; offsets by time; the deletion of records and of groups; transactions.
//! - Headers whose names are not UTF-8 are taken by `kafi serve` only.
//! - Where partitions are read up to an end, and the last offsets before it are never delivered, `kafi serve` says so;
//!   with other servers the end is where `consume.num.attempts` requests in a row brought nothing.
//!
//! # Delivery
//! A message is reported as written when the server says so, in the order of their partitions. One whose answer was lost on the
//! way is sent again (up to `requests.num.retries` times), and may then be there twice. After one that fails no later one
//! of its partition is sent until the failure is reported; what was in the same request is not written by `kafi serve`, and
//! may be by other servers.

mod admin;
mod answer;
mod client;
mod config;
mod consumer;
mod error;
mod message;
mod offsets;
mod producer;
mod reading;
mod request;
mod sender;
mod storage;

use std::sync::Arc;

use kafi_core::{Capabilities, Result, Storage, StorageKind};

/// What stands before `://` in its addresses.
pub const SCHEME: &str = StorageKind::RestProxy.scheme();

/// What it can do with each server that has both versions. Brokers, groups, and rules of access are there as well where
/// the server, and what is behind it, has them; what is not is `Unsupported` when it is asked for.
pub const CAPABILITIES: Capabilities = Capabilities::CONSUME
    .union(Capabilities::CONSUME_GROUP)
    .union(Capabilities::PRODUCE)
    .union(Capabilities::PRODUCE_PARTITION)
    .union(Capabilities::PRODUCE_TIMESTAMP)
    .union(Capabilities::PRODUCE_HEADERS)
    .union(Capabilities::ADMIN_TOPICS)
    .union(Capabilities::ADMIN_PARTITIONS)
    .union(Capabilities::ADMIN_CONFIG);

/// Opens the REST Proxy that the items of the section `rest_proxy` describe. Reads certificates and keys, and speaks to
/// no server.
///
/// # Errors
/// `Config` for an item that is unknown, missing, or no good; `NotFound`, `PermissionDenied`, or `Io` of a file.
pub fn open(name: &str, properties: &[(String, String)]) -> Result<Arc<dyn Storage>> {
    let config = config::Config::read(properties).map_err(|error| error.with("storage", name))?;
    Ok(Arc::new(storage::RestStorage(Arc::new(client::Client::new(name, config)))))
}
