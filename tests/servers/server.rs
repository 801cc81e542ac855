//! The servers of the tests, for the tests that include this file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A variable that the script of `server` sets: `KAFI_TEST_<SERVER><suffix>`. Where no variable says that it runs, the script starts it; a server that
/// does not start is a panic.
pub fn variable(server: &str, suffix: &str) -> &'static str {
    static SERVERS: Mutex<Vec<(String, &HashMap<String, String>)>> = Mutex::new(Vec::new());
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = servers.iter().find(|(name, _)| name == server).map(|(_, variables)| *variables);
    let variables = known.unwrap_or_else(|| {
        let variables = Box::leak(Box::new(variables(server)));
        servers.push((server.to_string(), variables));
        variables
    });
    let name = format!("{}{suffix}", prefix(server));
    variables.get(&name).unwrap_or_else(|| panic!("tests/servers/{server} env does not set {name}"))
}

/// The script, seen from whichever package of the workspace includes this file.
pub fn script(server: &str) -> PathBuf {
    let mut scripts = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/servers").join(server));
    scripts.find(|script| script.is_file()).unwrap_or_else(|| panic!("the workspace has tests/servers/{server}"))
}

fn prefix(server: &str) -> String {
    format!("KAFI_TEST_{}", server.to_uppercase())
}

fn variables(server: &str) -> HashMap<String, String> {
    if std::env::var(prefix(server)).is_ok() {
        return std::env::vars().collect();
    }
    run(server, "start");
    let lines = run(server, "env");
    let pairs = lines.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    pairs.map(|(name, value)| (name.to_string(), unquoted(value))).collect()
}

/// Runs the script with one sub-command, and returns what it prints.
fn run(server: &str, command: &str) -> String {
    let output = Command::new(script(server)).arg(command).output().unwrap_or_else(|error| panic!("tests/servers/{server} can be run: {error}"));
    assert!(output.status.success(), "tests/servers/{server} {command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the script prints text")
}

/// What the shell would make of `printf %q`: backslashes go; the values hold nothing that it would quote otherwise.
fn unquoted(value: &str) -> String {
    let mut characters = value.chars();
    let mut plain = String::with_capacity(value.len());
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}
