//! The server of the conformance suite: `kafi serve` over topics in memory, and one that never answers.

use std::net::TcpListener;
use std::sync::Arc;

use kafi_core::Storage;
use kafi_serde::registry::TopicRegistry;
use kafi_serve::{ServeOptions, Server};

/// Servers that live as long as this does.
pub struct Served {
    /// Where one answers.
    pub address: String,
    /// Where one takes connections, and never answers.
    pub unreachable: String,
    _server: Server,
    _silent: TcpListener,
}

impl Served {
    pub fn new() -> Self {
        let storage: Arc<dyn Storage> = Arc::new(kafi_fs::open_memory("mem"));
        let registry = Arc::new(TopicRegistry::new(Arc::clone(&storage)));
        let rest = Some("127.0.0.1:0".parse().expect("it is an address"));
        let options = ServeOptions { rest, ..ServeOptions::default() };
        let server = Server::start(kafi_serve::Served { storage, registry }, options).expect("a port can be opened");
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port can be opened");
        Self {
            address: server.listeners()[0].address.to_string(),
            unreachable: silent.local_addr().expect("an open port has an address").to_string(),
            _server: server,
            _silent: silent,
        }
    }
}
