//! The broker of the tests, for the tests that include this file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A variable that the broker's script sets. Where no variable says that a broker runs, the script starts one; a broker that does not start is a panic.
pub fn variable(name: &str) -> &'static str {
    static VARIABLES: OnceLock<HashMap<String, String>> = OnceLock::new();
    let variables = VARIABLES.get_or_init(|| {
        if std::env::var("KAFI_TEST_KAFKA").is_ok() {
            return std::env::vars().collect();
        }
        run("start");
        let lines = run("env");
        let pairs = lines.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
    });
    variables.get(name).unwrap_or_else(|| panic!("tests/servers/kafka env does not set {name}"))
}

/// Runs the script with one sub-command, and returns what it prints.
fn run(command: &str) -> String {
    let output = Command::new(script()).arg(command).output().expect("tests/servers/kafka can be run");
    assert!(output.status.success(), "tests/servers/kafka {command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the script prints text")
}

/// The script, seen from whichever package of the workspace includes this file.
pub fn script() -> PathBuf {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/servers/kafka"));
    scripts.into_iter().find(|script| script.is_file()).expect("the workspace has tests/servers/kafka")
}
