//! The conformance suite over S3, loaded as a plugin. The cases that are ignored are those of the linked storage. A server that is missing is a failure.

#[path = "../../tests.rs"]
mod plugin;
#[path = "../../../tests/servers/server.rs"]
mod server;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kafi::{Config, Registry, Result, Storage, StorageKind};
use kafi_testkit::conformance::{self, Setup};

fn main() -> ExitCode {
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port can be opened");
    let address = format!("http://{}", silent.local_addr().expect("an open port has an address"));
    // A root of its own for each run, because a listing tells all topics of a storage.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    let root = format!("loaded-{:x}-{}", now.as_nanos(), std::process::id());
    let registry = Arc::new(plugin::registry("s3"));
    let other = Arc::clone(&registry);
    let setup = Setup::new("s3", move || open(&registry, server::variable("s3", ""), &root)).unreachable(move || open(&other, &address, ""));
    conformance::main(vec![setup.expected(plugin::expected("s3"))])
}

fn open(registry: &Registry, endpoint: &str, root: &str) -> Result<Arc<dyn Storage>> {
    let variable = |suffix| server::variable("s3", suffix);
    let place = [("bucket.name", "kafi-behaviour"), ("bucket.create", "true"), ("root.dir", root)];
    let items = [("endpoint", endpoint), ("access.key", variable("_ACCESS_KEY")), ("secret.key", variable("_SECRET_KEY"))].into_iter().chain(place);
    let mut config = Config::new("s3", StorageKind::S3);
    config.storage = items.map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Ok(registry.open_config(config)?.shared_storage())
}
