//! `kafi registry` over a real registry. `KAFI_TEST_REGISTRY` says where one is; without it the project's script starts
//! one. A missing registry is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the tests over folders use more of it")]
mod support;

mod copying;
mod refusals;
mod subjects;

use std::sync::atomic::{AtomicUsize, Ordering};

use kafi_testkit::servers::variable;

use crate::support::Sandbox;

/// A sandbox with files of schemas: `one`, `two`, which fits to it, and `bad`, which does
/// not; and the name of a subject of its own.
fn sandbox() -> (Sandbox, String) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let sandbox = Sandbox::new();
    let name = format!("cli_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let record = |fields: &str| format!(r#"{{"type":"record","name":"{name}","fields":[{fields}]}}"#);
    let id = r#"{"name":"id","type":"long"}"#;
    sandbox.write("one.avsc", record(id));
    sandbox.write("two.avsc", record(&format!(r#"{id},{{"name":"note","type":"string","default":""}}"#)));
    sandbox.write("bad.avsc", record(&format!(r#"{id},{{"name":"must","type":"string"}}"#)));
    (sandbox, format!("{name}-value"))
}

/// The registries that every verb is tried on: a real one, and one in the topic of a folder.
fn registries() -> [&'static str; 2] {
    [variable("KAFI_TEST_REGISTRY"), "./data/"]
}

/// A line for a shell with `$R` and `$S` put in.
fn line(text: &str, registry: &str, subject: &str) -> String {
    text.replace("$R", registry).replace("$S", subject)
}
