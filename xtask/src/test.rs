//! All tests of the workspace, those on a real broker included.

use std::process::Command;

use crate::{Result, command, demo, soak, tour, workspace};

/// The messages of the small demo that ends the tests.
const DEMO_MESSAGES: u64 = 20_000;

/// Runs a command beside a broker. A broker that ran before stays; otherwise the trap stops it, also after a failure and after Ctrl-C.
const WITH_BROKER: &str = r#"
set -euo pipefail
if ! tests/servers/kafka status >/dev/null; then
  trap 'tests/servers/kafka stop' EXIT
  tests/servers/kafka start >&2
fi
variables=$(tests/servers/kafka env)
eval "$variables"
"$@"
"#;

/// Runs `cargo test` with `args`, and then, when there are none, the examples of README.md, a few rounds of the soak, and the demo in small.
pub fn run(args: &[&str]) -> Result<()> {
    command::install_prerequisites()?;
    let mut tests = beside_broker();
    tests.arg(command::cargo().get_program()).arg("test");
    if args.is_empty() {
        // The command line turns on every feature of the facade. `--all-features` would also build OpenSSL from its source.
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
    let mut command = Command::new("bash");
    command.current_dir(workspace::root()).args(["-c", WITH_BROKER, "bash"]);
    command
}
