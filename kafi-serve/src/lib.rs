//! The APIs of Confluent's REST Proxy (versions 2 and 3) and Schema Registry over any storage of Kafi.
//!
//! [`Server::start`] takes a storage with its schema registry, and answers until [`Server::stop`]. A storage without a
//! registry of its own keeps schemas in its topic `_schemas`
//! ([`TopicRegistry`](kafi_serde::registry::TopicRegistry)), so that official serialisers work over a bare folder.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use kafi_serde::registry::TopicRegistry;
//! use kafi_serve::{Served, Server, ServeOptions};
//!
//! # fn main() -> kafi_core::Result<()> {
//! let storage: Arc<dyn kafi_core::Storage> = Arc::new(kafi_fs::open_memory("mem"));
//! let registry = Arc::new(TopicRegistry::new(Arc::clone(&storage)));
//! let options = ServeOptions { registry: Some("127.0.0.1:0".parse().unwrap()), ..ServeOptions::default() };
//! let server = Server::start(Served { storage, registry }, options)?;
//! println!("schemas at http://{}", server.listeners()[0].address);
//! server.stop(Duration::from_secs(10))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Who may ask
//! On loopback everybody who can reach it, as long as the request names an IP address or `localhost` as its host, which
//! keeps pages in browsers out. Elsewhere only [users](Users) with their passwords, and clients with a certificate that
//! [TLS](Tls) asks for; [`ServeOptions::insecure`] lifts both.
//!
//! # Limits
//! Every request has [limits](Limits): of bytes, of time, of connections at once. What goes beyond is answered with a
//! status of 4xx, or waits.
//!
//! # Answers that are kept
//! What was asked about topics, brokers, and schemas is answered the same way for a [moment](Limits::kept), unless it was
//! changed through the server: what another process changes is seen that much later.
//!
//! # Beside the API
//! `/livez` says that the process lives, `/readyz` whether the storage answers, `/metrics` what was asked, for
//! Prometheus.

mod answer;
mod app;
mod failure;
mod guard;
mod kept;
mod metrics;
mod options;
mod registry;
mod rest;
mod server;
mod tls;
mod users;

pub use options::{Limits, ServeOptions, Served};
pub use server::{Listener, Server};
pub use tls::Tls;
pub use users::Users;
