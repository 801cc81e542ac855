//! The conformance suite over Kafka, loaded as a plugin. The cases that are ignored are those of the linked storage. A
//! server that is missing is a failure.

#[path = "../../tests.rs"]
mod plugin;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use kafi::Registry;
use kafi_core::{Result, Storage};
use kafi_testkit::conformance::{self, Setup};
use kafi_testkit::servers::variable;

fn main() -> ExitCode {
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port can be opened");
    let silent = silent.local_addr().map(|address| (silent, address.to_string()));
    let (_open, silent) = silent.expect("an open port has an address");
    let registry = Arc::new(plugin::registry("cluster"));
    let other = Arc::clone(&registry);
    let setup = Setup::new("kafka", move || open(&registry, variable("KAFI_TEST_KAFKA")))
        .unreachable(move || open(&other, &silent))
        .topic_config("retention.ms", "-1")
        .expected(plugin::expected("kafka"));
    conformance::main(vec![setup])
}

fn open(registry: &Registry, brokers: &str) -> Result<Arc<dyn Storage>> {
    Ok(registry.open(&format!("kafka://{brokers}"))?.shared_storage())
}
