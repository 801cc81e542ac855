//! Running other programs.

use std::process::{Command, ExitStatus};

use crate::{Result, workspace};

/// Runs `command` to its end; an error names it as `name`.
pub fn run(name: &str, command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    check(name, status)
}

/// Whether a program ended well.
pub fn check(name: &str, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(format!("{name} failed: {status}")) }
}

/// Prints a command line as a shell would show it.
pub fn print(line: &str) {
    println!("\n$ {line}");
}

/// The cargo that runs this.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root());
    forget_package(&mut cargo);
    cargo
}

/// Takes away what cargo told this program of its package. The build scripts of some dependencies (of ring, say) look
/// at these variables, and they, and all that stands on them, would be built again for each way to start cargo.
pub fn forget_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let is_of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_package) {
            command.env_remove(name);
        }
    }
}

/// Builds the binary and its helper as the tests do: with the features that all packages turn on together, so that
/// nothing is built a second time with others.
pub fn build_as_tests_do() -> Result<()> {
    run("cargo build", cargo().args(["build", "--workspace", "--bin", "kafi", "--example", "soak_child"]))
}

/// Installs what a build needs and the machine lacks.
pub fn install_prerequisites() -> Result<()> {
    let script = workspace::root().join("xtask/prerequisites");
    run("xtask/prerequisites", &mut Command::new(script))
}
