//! The reference of the command line, which is committed.

use std::fs;
use std::path::Path;

use crate::support::Sandbox;

#[test]
fn is_up_to_date() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/cli.md");
    let made = Sandbox::new().text("kafi reference");
    let is_same = fs::read_to_string(committed).is_ok_and(|committed| committed == made);
    assert!(
        is_same,
        "docs/reference/cli.md is out of date: cargo run -p kafi-cli -- reference > docs/reference/cli.md"
    );
}
