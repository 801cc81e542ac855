//! Topics in a store of objects, seen from outside.

use std::sync::Arc;

use kafi_core::testkit::{self, Options, Setup};
use kafi_fs::objects::{self, MemoryObjects, ObjectOptions};

#[test]
fn the_conformance_suite_passes() {
    let io = Arc::new(MemoryObjects::new());
    let storage = objects::open("objects", "mem", io, ObjectOptions::default());
    let setup = Setup::new("objects", move || Ok(Arc::new(storage.clone())));
    let mut output = Vec::new();
    let summary = testkit::run(vec![setup], &Options { quiet: true, ..Options::default() }, &mut output).unwrap();
    assert!(summary.failed.is_empty(), "{}", String::from_utf8_lossy(&output));
}
