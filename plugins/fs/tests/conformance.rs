//! The conformance suite over folders and memory, loaded as a plugin. The cases that are ignored are those of the linked storages.

#[path = "../../tests.rs"]
mod plugin;

use std::process::ExitCode;

use kafi_core::testkit::{self, Setup};

fn main() -> ExitCode {
    let folder = tempfile::TempDir::new().expect("a temporary folder can be made");
    let root = format!("{}/root/", folder.path().display());
    testkit::main(vec![loaded("file", root), loaded("mem", "mem:".into())])
}

fn loaded(name: &str, address: String) -> Setup {
    let registry = plugin::registry("fs");
    let open = move || registry.open(&address).map(|kafi| kafi.shared_storage());
    Setup::new(name, open).expected(plugin::expected(name))
}
