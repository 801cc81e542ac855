//! All tests of the workspace, those on real servers included.

use std::process::Command;

use crate::{Result, command, demo, soak, tour, workspace};

/// The messages of the small demo that ends the tests.
const DEMO_MESSAGES: u64 = 20_000;

/// The servers that the tests need; each is a script in `tests/servers`.
const SERVERS: &str = "kafka kafka_pair s3 azure toxiproxy registry serializers";

/// Runs a command beside the servers that its first argument names. A server that ran before stays; the others are
/// stopped by the trap, also after a failure and after Ctrl-C.
const BESIDE_SERVERS: &str = r#"
set -euo pipefail
servers=$1
shift
started=()
trap 'for server in "${started[@]}"; do tests/servers/$server stop; done' EXIT
for server in $servers; do
  if ! tests/servers/$server status >/dev/null; then
    started+=("$server")
    tests/servers/$server start >&2
  fi
  variables=$(tests/servers/$server env)
  eval "$variables"
done
"$@"
"#;

/// Runs `cargo test` with `args`, and then, when there are none, the examples of README.md, a few rounds of the soak,
/// and the demo in small.
pub fn run(args: &[&str]) -> Result<()> {
    command::install_prerequisites()?;
    let mut tests = beside(SERVERS);
    tests.arg(command::cargo().get_program()).arg("test");
    if args.is_empty() {
        // The command line turns on every feature of the facade. `--all-features` would also build OpenSSL from its
        // source.
        tests.args(["--workspace", "--no-fail-fast"]);
    }
    command::run("cargo test", tests.args(args))?;
    if !args.is_empty() {
        return Ok(());
    }
    // The tests built this binary.
    let kafi = workspace::target()?.join("debug/kafi");
    tour::run(&kafi)?;
    soak::test()?;
    demo::run(&kafi, DEMO_MESSAGES)?;
    println!("\nAll tests passed.");
    Ok(())
}

/// A command that takes a program and its arguments, and runs it beside a broker, whose variables it gets.
pub fn beside_broker() -> Command {
    beside("kafka")
}

fn beside(servers: &str) -> Command {
    let mut command = Command::new("bash");
    command.current_dir(workspace::root()).args(["-c", BESIDE_SERVERS, "bash", servers]);
    command
}
