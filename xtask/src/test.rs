//! All tests of the workspace, those on real servers included.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Command;

use crate::{Result, command, demo, soak, tour, workspace};

/// The messages of the small demo that ends the tests.
const DEMO_MESSAGES: u64 = 20_000;

/// More tests than these fail for a reason.
const SECOND_TRIES: usize = 3;

/// The servers that the tests need; each is a script in `tests/servers`.
const SERVERS: &str = "kafka kafka_pair s3 azure toxiproxy registry serializers frames rest_clients";

/// How many tests run at a time for each processor: most of them wait, for a server or for a time to pass.
const TESTS_PER_PROCESSOR: usize = 2;

/// Runs a command beside the servers that its first argument names, and before it another one, its second argument,
/// while they start: they start side by side, for on a new machine they are installed first. A server that ran before
/// stays; the others are stopped by the trap, also after a failure and after Ctrl-C.
const BESIDE_SERVERS: &str = r#"
set -euo pipefail
servers=$1
meanwhile=$2
shift 2
started=()
starting=()
trap 'for server in "${started[@]}"; do tests/servers/$server stop; done' EXIT
for server in $servers; do
  if ! tests/servers/$server status >/dev/null; then
    started+=("$server")
    tests/servers/$server start >&2 &
    starting+=($!)
  fi
done
eval "$meanwhile"
for start in "${starting[@]}"; do
  wait "$start"
done
for server in $servers; do
  variables=$(tests/servers/$server env)
  eval "$variables"
done
"$@"
"#;

/// Runs `cargo test` with `args`, and then, when there are none, the examples of README.md, a few rounds of the soak,
/// and the demo in small.
pub fn run(args: &[&str]) -> Result<()> {
    command::install_prerequisites()?;
    if !args.is_empty() {
        return command::run("cargo test", &mut cargo_test("", args));
    }
    let unsteady = whole()?;
    // The tests built this binary.
    let kafi = workspace::target()?.join("debug/kafi");
    tour::run(&kafi)?;
    soak::test()?;
    demo::run(&kafi, DEMO_MESSAGES)?;
    println!("\nAll tests passed.");
    for test in unsteady {
        println!("{test} failed first, and passed when it ran again: find out why.");
    }
    Ok(())
}

/// Runs the tests of all packages, and gives back those that passed only when they ran again: one that a busy machine
/// made late costs not the whole run, and is not forgotten either.
fn whole() -> Result<BTreeSet<String>> {
    // The command line turns on every feature of the facade. `--all-features` would also build OpenSSL from its
    // source.
    let mut tests = cargo_test("\"$@\" --no-run", &["--workspace", "--no-fail-fast"]);
    let Failures { error, targets, tests: failed } = match watch(&mut tests)? {
        None => return Ok(BTreeSet::new()),
        Some(failures) => failures,
    };
    if failed.is_empty() || targets.is_empty() || failed.len() > SECOND_TRIES {
        return Err(error);
    }
    println!("\nThese tests run again: {}", Vec::from_iter(failed.iter().map(String::as_str)).join(", "));
    for target in &targets {
        // Without `--workspace` the features would be others, and much would be built again.
        let args = ["--workspace"].into_iter().chain(target.split(' ')).chain(["--", "--exact"]);
        let args: Vec<&str> = args.chain(failed.iter().map(String::as_str)).collect();
        command::run("cargo test, the second time", &mut cargo_test("", &args))?;
    }
    Ok(failed)
}

/// What cargo said of tests that failed.
struct Failures {
    error: String,
    /// Such as `--test s3`.
    targets: BTreeSet<String>,
    tests: BTreeSet<String>,
}

/// Runs a `cargo test`, shows what it says, and gives back what failed.
fn watch(tests: &mut Command) -> Result<Option<Failures>> {
    let fault = |error| format!("cargo test: {error}");
    let (reader, writer) = std::io::pipe().map_err(fault)?;
    let mut child = tests.stderr(writer.try_clone().map_err(fault)?).stdout(writer).spawn().map_err(fault)?;
    // The command keeps the writing ends, and reading would not end before them.
    tests.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let (mut targets, mut failed) = (BTreeSet::new(), BTreeSet::new());
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(fault)?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        failed.extend(failed_test(&line).map(str::to_string));
        targets.extend(failed_target(&line).map(str::to_string));
    }
    let status = child.wait().map_err(fault)?;
    Ok(command::check("cargo test", status).err().map(|error| Failures { error, targets, tests: failed }))
}

/// The test of which a line says that it failed: `test area::name ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// The target of which cargo says at the end that it failed: ``    `-p kafi-s3 --test s3` ``.
fn failed_target(line: &str) -> Option<&str> {
    let target = line.trim().strip_prefix("`-p ")?.strip_suffix('`')?;
    target.split_once(' ').map(|(_package, target)| target)
}

/// `cargo test` beside the servers; `meanwhile`, as a shell has it, runs while they start.
fn cargo_test(meanwhile: &str, args: &[&str]) -> Command {
    let mut tests = beside(SERVERS, meanwhile);
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        tests.env("RUST_TEST_THREADS", (processors * TESTS_PER_PROCESSOR).to_string());
    }
    tests.arg(command::cargo().get_program()).arg("test").args(args);
    tests
}

/// A command that takes a program and its arguments, and runs it beside a broker, whose variables it gets.
pub fn beside_broker() -> Command {
    beside("kafka", "")
}

fn beside(servers: &str, meanwhile: &str) -> Command {
    let mut command = Command::new("bash");
    command::forget_package(&mut command);
    command.current_dir(workspace::root()).args(["-c", BESIDE_SERVERS, "bash", servers, meanwhile]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_of_failures_is_understood() {
        assert_eq!(failed_test("test faults::every_case ... FAILED"), Some("faults::every_case"));
        assert_eq!(failed_test("test faults::every_case ... ok"), None);
        assert_eq!(failed_test("test result: FAILED. 8 passed; 1 failed"), None);
        assert_eq!(failed_target("    `-p kafi-s3 --test s3`"), Some("--test s3"));
        assert_eq!(failed_target("    `-p kafi-core --lib`"), Some("--lib"));
        assert_eq!(failed_target("error: 1 target failed:"), None);
    }
}
