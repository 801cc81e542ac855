//! `kafi serve` for tests, and a port where nobody ever answers.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use kafi_core::Storage;
use kafi_serde::registry::TopicRegistry;
use kafi_serve::{ServeOptions, Server};

/// Servers that live as long as this does.
pub struct Served {
    /// Where one answers: an address with `http://` or `https://`.
    pub address: String,
    /// Where one takes connections, and never answers.
    pub unreachable: String,
    _server: Server,
    _silent: TcpListener,
}

impl Served {
    /// Over topics in memory.
    pub fn new() -> Self {
        Self::over(Arc::new(kafi_fs::open_memory("mem")), ServeOptions::default())
    }

    /// Where it answers, as host:port.
    pub fn host(&self) -> &str {
        self.address.split_once("://").map_or(&self.address, |(_, host)| host)
    }

    /// Over any storage.
    pub fn over(storage: Arc<dyn Storage>, options: ServeOptions) -> Self {
        Self::at("127.0.0.1:0".parse().expect("it is an address"), storage, options)
    }

    /// The same at this address.
    pub fn at(rest: SocketAddr, storage: Arc<dyn Storage>, options: ServeOptions) -> Self {
        let registry = Arc::new(TopicRegistry::new(Arc::clone(&storage)));
        let options = ServeOptions { rest: Some(rest), ..options };
        let server = Server::start(kafi_serve::Served { storage, registry }, options).expect("a port can be opened");
        let listener = &server.listeners()[0];
        let address = format!("{}://{}", listener.scheme, listener.address);
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port can be opened");
        let unreachable = silent.local_addr().expect("an open port has an address").to_string();
        Self { address, unreachable, _server: server, _silent: silent }
    }
}
