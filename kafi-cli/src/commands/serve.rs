//! `serve`: a storage as a server, for programs that speak HTTP.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use kafi::serve::{Limits, ServeOptions, Served, Server, Tls, Users};
use kafi::{Address, Result, default_storage};

use crate::address::FirstUse;
use crate::args::{CommonArgs, size_of_something};
use crate::context::Context;
use crate::exit::Exit;
use crate::verb::Verb;

/// How long requests that are under way may take when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// How soon Ctrl-C is seen.
const PAUSE: Duration = Duration::from_millis(50);

/// Serve a storage and its schema registry over HTTP, until Ctrl-C
///
/// The APIs are those of Confluent's REST Proxy (versions 2 and 3) and Schema Registry. A storage without a registry of its own keeps schemas in its topic _schemas. Who can reach the address can read,
/// write, and delete; so others than this machine are served only with --auth-file, --tls-client-ca, or --insecure.
#[derive(Parser)]
pub struct ServeArgs {
    /// The storage (prod:, ./data/); without it the default storage
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    /// Where the REST Proxy API is: HOST:PORT, port 0 for any free port, or none
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8082")]
    rest: String,
    /// Where the Schema Registry API is, likewise
    #[arg(id = "schema_registry", long = "registry", value_name = "HOST:PORT", default_value = "127.0.0.1:8081")]
    registry: String,
    /// The users who may ask, with their passwords: a file of lines USER:PASSWORD
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    auth_file: Option<PathBuf>,
    /// Serve by HTTPS with this certificate, in PEM, with those that it stands on behind it
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = clap::ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = clap::ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
    /// Serve only clients that have a certificate of one of these, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = clap::ValueHint::FilePath)]
    tls_client_ca: Option<PathBuf>,
    /// Serve everybody who can reach the address, also from elsewhere
    #[arg(long)]
    insecure: bool,
    /// The largest body of a request: bytes, or a size such as 64MB
    #[arg(long, value_name = "SIZE", default_value = "16MB", value_parser = size_of_something)]
    body_max: u64,
    /// The most connections at once; others wait
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    connections_max: u32,
}

impl Verb for ServeArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let storage = self.address.as_deref().map_or_else(default_storage, Address::parse_storage)?;
        let first_use = FirstUse::of(&storage);
        let kafi = context.registry.open_address(&storage)?;
        let served = Served { storage: kafi.shared_storage(), registry: Arc::clone(kafi.registry()?) };
        let server = Server::start(served, self.options()?)?;
        context.begin_job();
        first_use.say(context);
        for listener in server.listeners() {
            context.say(&format!("{} of {storage} at {}://{}", listener.api, listener.scheme, listener.address));
        }
        while !context.cancel.is_cancelled() {
            std::thread::sleep(PAUSE);
        }
        server.stop(STOP_TIMEOUT)?;
        Ok(Exit::Done)
    }

    /// For this verb `--registry` says where it listens.
    fn adjust(&self, common: &mut CommonArgs) {
        common.schema_registry = None;
    }
}

impl ServeArgs {
    fn options(&self) -> Result<ServeOptions> {
        let limits = Limits {
            body_bytes_max: usize::try_from(self.body_max).unwrap_or(usize::MAX),
            connections_max: self.connections_max as usize,
            ..Limits::default()
        };
        Ok(ServeOptions {
            rest: listen_address(&self.rest)?,
            registry: listen_address(&self.registry)?,
            users: self.auth_file.as_deref().map(Users::read).transpose()?,
            tls: self.tls()?,
            insecure: self.insecure,
            limits,
        })
    }

    fn tls(&self) -> Result<Option<Tls>> {
        // clap lets neither be without the other.
        let pair = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        pair.map(|(certificate, key)| Tls::read(certificate, key, self.tls_client_ca.as_deref())).transpose()
    }
}

/// Where HOST:PORT is; `none` is nowhere.
fn listen_address(text: &str) -> Result<Option<SocketAddr>> {
    if text == "none" {
        return Ok(None);
    }
    let unknown = |why: String| {
        kafi::Error::new(kafi::ErrorKind::Usage, "read arguments", why)
            .with("address", text)
            .hint("an address to listen at is written HOST:PORT")
    };
    let mut addresses = text.to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
    addresses.next().map(Some).ok_or_else(|| unknown("no such host".into()))
}
