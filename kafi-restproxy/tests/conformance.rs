//! Kafi's conformance suite over `kafi serve`, which has topics in memory.

mod served;

use std::process::ExitCode;
use std::sync::Arc;

use kafi_core::{Result, Storage};
use kafi_testkit::conformance::{self, Setup};

fn main() -> ExitCode {
    let served = served::Served::new();
    let (address, unreachable) = (served.address.clone(), served.unreachable.clone());
    let expected = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/expected/restproxy.txt");
    conformance::main(vec![
        Setup::new("restproxy", move || open(&address)).unreachable(move || open(&unreachable)).expected(expected),
    ])
}

fn open(address: &str) -> Result<Arc<dyn Storage>> {
    kafi_restproxy::open("restproxy", &[("rest.proxy.url".to_string(), address.to_string())])
}
