//! The servers of Kafi's own tests. Each is a script in `tests/servers` of the checkout that the tests run in, which
//! installs, starts, and stops it; and two that need no script: one that says what a test tells it to ([`scripted`]),
//! and faults between a client and a server ([`toxiproxy`]).
//!
//! ```no_run
//! use kafi_testkit::servers;
//!
//! let brokers = servers::variable("KAFI_TEST_KAFKA");
//! ```

pub mod scripted;
pub mod toxiproxy;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// What the names of all variables of servers begin with.
const PREFIX: &str = "KAFI_TEST_";

/// A variable that the script of a server sets: `KAFI_TEST_<SERVER>`, which is its address, or
/// `KAFI_TEST_<SERVER>_<WHAT>`. Where the environment does not have it, the script starts the server, which may take
/// minutes.
///
/// # Panics
/// If there is no such server, it does not start, or it has no such variable: a test cannot go on without.
pub fn variable(name: &str) -> &'static str {
    static KNOWN: Mutex<BTreeMap<String, &'static str>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(value) = known.get(name) {
        return value;
    }
    let variables = match std::env::var(name) {
        Ok(value) => vec![(name.to_string(), value)],
        Err(_) => variables(&server_of(name)),
    };
    known.extend(variables.into_iter().map(|(name, value)| (name, &*value.leak())));
    known.get(name).unwrap_or_else(|| panic!("no script in tests/servers sets {name}"))
}

/// The script of a server, seen from the folder that the test runs in, which is that of a package of the checkout.
///
/// # Panics
/// If there is none.
pub fn script(server: &str) -> PathBuf {
    find_script(server).unwrap_or_else(|| panic!("the workspace has tests/servers/{server}"))
}

/// Runs one of Apache Kafka's own tools, such as `org.apache.kafka.tools.TopicCommand` with its arguments, after
/// installing what it needs, and returns what it prints.
///
/// # Panics
/// If it fails.
pub fn kafka_tool(arguments: &[&str]) -> String {
    let tool = Command::new(script("kafka")).arg("tool").args(arguments).env("LC_ALL", "C.UTF-8").output();
    let output = tool.unwrap_or_else(|error| panic!("tests/servers/kafka can be run: {error}"));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the tools print text")
}

fn find_script(server: &str) -> Option<PathBuf> {
    let folder = std::env::current_dir().expect("a test runs in a folder");
    folder.ancestors().map(|folder| folder.join("tests/servers").join(server)).find(|script| script.is_file())
}

/// The server whose variable this is: the one of the longest name that the variable's begins with.
fn server_of(variable: &str) -> String {
    let rest = variable
        .strip_prefix(PREFIX)
        .unwrap_or_else(|| panic!("the variables of servers begin with {PREFIX}, and {variable} does not"))
        .to_lowercase();
    let ends = rest.match_indices('_').map(|(at, _)| at).chain([rest.len()]);
    let names: Vec<&str> = ends.map(|end| &rest[..end]).collect();
    let server = names.into_iter().rev().find(|name| find_script(name).is_some());
    server.unwrap_or_else(|| panic!("no server in tests/servers has the variable {variable}")).to_string()
}

/// Starts a server, unless it runs, and reads its variables.
fn variables(server: &str) -> Vec<(String, String)> {
    run(server, &["start"]);
    let lines = run(server, &["env"]);
    let pairs = lines.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    pairs.map(|(name, value)| (name.to_string(), unquoted(value))).collect()
}

/// Runs the script of a server with a sub-command and its arguments, such as `kill`, and returns what it prints. It is
/// for servers that belong to one test: others use theirs at the same time.
///
/// # Panics
/// If it fails.
pub fn run(server: &str, arguments: &[&str]) -> String {
    let output = Command::new(script(server))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("tests/servers/{server} can be run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tests/servers/{server} {arguments:?}: {said}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_name_their_servers() {
        for (variable, server) in [
            ("KAFI_TEST_KAFKA", "kafka"),
            ("KAFI_TEST_KAFKA_SASL_SSL", "kafka"),
            ("KAFI_TEST_KAFKA_PAIR", "kafka_pair"),
            ("KAFI_TEST_S3_ACCESS_KEY", "s3"),
        ] {
            assert_eq!(server_of(variable), server);
        }
    }

    #[test]
    fn values_are_unquoted() {
        assert_eq!(unquoted(r"a\=b\;c"), "a=b;c");
    }
}
