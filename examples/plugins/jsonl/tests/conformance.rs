//! Kafi's own conformance suite over a folder of JSON-lines files. Most of its cases write first, which this storage
//! cannot do; those about a sample read what is there.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use kafi_testkit::conformance::{self, Setup};
use kafi_jsonl::JsonlStorage;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topics");
    let setup = Setup::new("jsonl", move || Ok(Arc::new(JsonlStorage::new("jsonl", &root))));
    conformance::main(vec![setup.sample("mixed").expected(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/expected.txt"))])
}
