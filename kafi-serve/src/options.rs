//! What is served, where, to whom, and how much of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Result, Storage};
use kafi_serde::registry::Registry;

use crate::tls::Tls;
use crate::users::Users;

/// What is served.
#[derive(Clone)]
pub struct Served {
    /// The storage.
    pub storage: Arc<dyn Storage>,
    /// Its schema registry.
    pub registry: Arc<dyn Registry>,
}

/// Where it is served, and to whom.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// Where the REST Proxy API is; port 0 is any free port. Default: nowhere.
    pub rest: Option<SocketAddr>,
    /// Where the Schema Registry API is; port 0 is any free port. Default: nowhere.
    pub registry: Option<SocketAddr>,
    /// Who may ask; without it everybody.
    pub users: Option<Users>,
    /// Serves by HTTPS, and only so. Default: by HTTP.
    pub tls: Option<Tls>,
    /// Serves everybody, also elsewhere than on loopback, and whatever host a request names. Default: false.
    pub insecure: bool,
    /// How much of it.
    pub limits: Limits,
}

/// What a request, and all of them together, may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The bytes of a body. Default: 16 MiB.
    pub body_bytes_max: usize,
    /// The bytes at once of all bodies, and of records of streams, that are not answered yet; what is too much then is
    /// refused, to be sent again later; never less than one body. Default: 256 MiB.
    pub bodies_bytes_max: usize,
    /// The connections at once; others wait until one ends. Default: 1000.
    pub connections_max: usize,
    /// The requests that work at once; others wait. Default: 64.
    pub working_max: usize,
    /// The consumers of the REST Proxy API at once. Default: 1000.
    pub consumers_max: usize,
    /// How long a connection waits for the head of a request, and then for its body. Default: 30 seconds.
    pub wait: Duration,
    /// How long the storage or its registry may take to answer. Default: 30 seconds.
    pub call: Duration,
    /// For how long after it was asked an answer about topics, brokers, or schemas is given again, where nothing was
    /// changed through the server meanwhile; zero for never. Default: 50 milliseconds.
    pub kept: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            bodies_bytes_max: 256 << 20,
            connections_max: 1000,
            working_max: 64,
            consumers_max: 1000,
            wait: Duration::from_secs(30),
            call: Duration::from_secs(30),
            kept: Duration::from_millis(50),
        }
    }
}

impl ServeOptions {
    /// Refuses to serve everybody where everybody is more than this machine.
    pub(crate) fn check(&self) -> Result<()> {
        let everywhere = [self.rest, self.registry].into_iter().flatten().find(|address| !address.ip().is_loopback());
        match everywhere {
            Some(address) if !self.knows_who_asks() && !self.insecure => {
                let why = "everybody who reaches this address could read, write, and delete";
                Err(Error::new(ErrorKind::Usage, "serve", why)
                    .with("address", address)
                    .hint("--auth-file or --tls-client-ca names who may, --insecure lets everybody"))
            }
            _ => Ok(()),
        }
    }

    /// Whether requests are answered whatever host they name.
    pub(crate) fn takes_any_host(&self) -> bool {
        self.knows_who_asks() || self.insecure
    }

    /// What stands before `://` in the addresses of what is served.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    fn knows_who_asks(&self) -> bool {
        self.users.is_some() || self.tls.as_ref().is_some_and(Tls::knows_clients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_served_on_loopback_only() {
        let at = |address: &str| ServeOptions { registry: Some(address.parse().unwrap()), ..ServeOptions::default() };
        for address in ["127.0.0.1:0", "[::1]:0", "127.1.2.3:1"] {
            at(address).check().unwrap();
        }
        for address in ["0.0.0.0:0", "[::]:0", "10.0.0.1:80"] {
            assert_eq!(at(address).check().unwrap_err().kind(), ErrorKind::Usage, "{address}");
            ServeOptions { insecure: true, ..at(address) }.check().unwrap();
            let users = Some(Users::parse("a:b").unwrap());
            ServeOptions { users, ..at(address) }.check().unwrap();
        }
    }
}
