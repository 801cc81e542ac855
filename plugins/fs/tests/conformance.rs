//! The conformance suite over folders and memory, loaded as a plugin. The cases that are ignored are those of the
//! linked storages.

#[path = "../../tests.rs"]
mod plugin;

use std::process::ExitCode;
use std::sync::Arc;

use kafi::Registry;
use kafi_testkit::conformance::{self, Setup};

fn main() -> ExitCode {
    let folder = tempfile::TempDir::new().expect("a temporary folder can be made");
    let root = format!("{}/root/", folder.path().display());
    let registry = Arc::new(plugin::registry("fs"));
    conformance::main(vec![loaded("file", &registry, root), loaded("mem", &registry, "mem:".into())])
}

fn loaded(name: &str, registry: &Arc<Registry>, address: String) -> Setup {
    let registry = Arc::clone(registry);
    let open = move || registry.open(&address).map(|kafi| kafi.shared_storage());
    Setup::new(name, open).expected(plugin::expected(name))
}
