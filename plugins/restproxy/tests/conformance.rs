//! The conformance suite over a REST Proxy, loaded as a plugin. The cases that are ignored are those of the linked storage.

#[path = "../../../kafi-restproxy/tests/served/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod served;

#[path = "../../tests.rs"]
mod plugin;

use std::process::ExitCode;
use std::sync::Arc;

use kafi::{Config, Registry, Result, Storage, StorageKind};
use kafi_testkit::conformance::{self, Setup};

fn main() -> ExitCode {
    let served = served::Served::new();
    let (address, unreachable) = (served.address.clone(), served.unreachable.clone());
    let registry = Arc::new(plugin::registry("restproxy"));
    let other = Arc::clone(&registry);
    let setup =
        Setup::new("restproxy", move || open(&registry, &address)).unreachable(move || open(&other, &unreachable));
    conformance::main(vec![setup.expected(plugin::expected("restproxy"))])
}

fn open(registry: &Registry, address: &str) -> Result<Arc<dyn Storage>> {
    let mut config = Config::new("restproxy", StorageKind::RestProxy);
    config.storage = vec![("rest.proxy.url".to_string(), address.to_string())];
    Ok(registry.open_config(config)?.shared_storage())
}
