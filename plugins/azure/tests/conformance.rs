//! The conformance suite over Azure Blob, loaded as a plugin. The cases that are ignored are those of the linked
//! storage. A server that is missing is a failure.

#[path = "../../tests.rs"]
mod plugin;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kafi::{Config, Registry, Result, Storage, StorageKind};
use kafi_testkit::conformance::{self, Setup};
use kafi_testkit::servers::variable;

fn main() -> ExitCode {
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port can be opened");
    let address = format!("http://{}/account", silent.local_addr().expect("an open port has an address"));
    // A root of its own for each run, because a listing tells all topics of a storage.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    let root = format!("loaded-{:x}-{}", now.as_nanos(), std::process::id());
    let registry = Arc::new(plugin::registry("azure"));
    let other = Arc::clone(&registry);
    let setup = Setup::new("azure", move || open(&registry, variable("KAFI_TEST_AZURE"), &root))
        .unreachable(move || open(&other, &address, ""));
    conformance::main(vec![setup.expected(plugin::expected("azure"))])
}

fn open(registry: &Registry, endpoint: &str, root: &str) -> Result<Arc<dyn Storage>> {
    let place = [("container.name", "kafi-behaviour"), ("container.create", "true"), ("root.dir", root)];
    let items = [
        ("endpoint", endpoint),
        ("account.name", variable("KAFI_TEST_AZURE_ACCOUNT")),
        ("account.key", variable("KAFI_TEST_AZURE_KEY")),
    ]
    .into_iter()
    .chain(place);
    let mut config = Config::new("azure", StorageKind::AzureBlob);
    config.storage = items.map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Ok(registry.open_config(config)?.shared_storage())
}
