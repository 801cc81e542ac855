//! The broker of the tests, for the tests that include this file.

use std::path::PathBuf;

#[path = "server.rs"]
pub mod server;

/// A variable that the broker's script sets. Where no variable says that a broker runs, the script starts one; a broker that does not start is a panic.
pub fn variable(name: &str) -> &'static str {
    let suffix = name.strip_prefix("KAFI_TEST_KAFKA").expect("the variables of the broker begin like that");
    server::variable("kafka", suffix)
}

/// The script, seen from whichever package of the workspace includes this file.
#[allow(dead_code, reason = "not all tests that include this file run the script")]
pub fn script() -> PathBuf {
    server::script("kafka")
}
