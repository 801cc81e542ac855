//! All tests of the workspace, those on real servers included.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, command, demo, soak, tour, workspace};

/// The messages of the small demo that ends the tests.
const DEMO_MESSAGES: u64 = 20_000;

/// More tests than these fail for a reason.
const SECOND_TRIES: usize = 3;

/// The servers that the tests need; each is a script in `tests/servers`.
const SERVERS: &str = "kafka kafka_pair s3 azure toxiproxy registry serializers frames rest_clients";

/// So long the second try of a test program may take.
const SECOND_TRY_MAX_S: u64 = 600;

/// How many tests run at a time for each processor: most of them wait, for a server or for a time to pass.
const TESTS_PER_PROCESSOR: usize = 2;

/// The same in each of the halves of all tests.
const TESTS_PER_PROCESSOR_IN_HALF: usize = 1;

const THREADS: &str = "RUST_TEST_THREADS";

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

/// The first argument of the process that runs everything, started beside the servers.
const BESIDE_SERVERS_ARG: &str = "--beside-servers";

/// Runs `cargo test` with `args`, and then, when there are none, the examples of README.md, a few rounds of the soak,
/// and the demo in small.
pub fn run(args: &[&str]) -> Result<()> {
    if args == [BESIDE_SERVERS_ARG] {
        return everything();
    }
    command::install_prerequisites()?;
    if !args.is_empty() {
        let mut tests = beside(SERVERS, "");
        tests.env(THREADS, threads(TESTS_PER_PROCESSOR)).arg(command::cargo().get_program()).arg("test").args(args);
        return command::run("cargo test", &mut tests);
    }
    // The command line turns on every feature of the facade. `--all-features` would also build OpenSSL from its
    // source.
    let mut all = beside(SERVERS, "\"$CARGO\" test --workspace --no-run");
    let xtask = std::env::current_exe().map_err(|error| format!("the path of xtask: {error}"))?;
    all.env("CARGO", command::cargo().get_program()).arg(xtask).args(["test", BESIDE_SERVERS_ARG]);
    command::run("cargo xtask test", &mut all)
}

fn everything() -> Result<()> {
    // The tests built this binary.
    let kafi = workspace::target()?.join("debug/kafi");
    let unsteady = whole(|| {
        tour::run(&kafi)?;
        soak::test()?;
        demo::run(&kafi, DEMO_MESSAGES)
    })?;
    println!("\nAll tests passed.");
    for test in unsteady {
        println!("{test} failed first, and passed when it ran again: find out why.");
    }
    Ok(())
}

/// Runs the tests of all packages, and behind the half that ends first `last`. Gives back the tests that passed only
/// when they ran again: one that a busy machine made late costs not the whole run, and is not forgotten either.
fn whole(last: impl FnOnce() -> Result<()> + Send) -> Result<BTreeSet<String>> {
    let [front, back] = halves()?;
    let mut all = Failures::default();
    std::thread::scope(|scope| -> Result<()> {
        let back = scope.spawn(|| back.run());
        let front = front.run().and_then(|failures| last().map(|()| failures));
        all.join(back.join().map_err(|_| "the tests: a thread panicked")??);
        all.join(front?);
        Ok(())
    })?;
    let Failures { error: Some(error), targets, tests: failed, died } = all else { return Ok(BTreeSet::new()) };
    if failed.is_empty() || targets.is_empty() || failed.len() > SECOND_TRIES || died {
        return Err(error);
    }
    println!("\nThese tests run again: {}", Vec::from_iter(failed.iter().map(String::as_str)).join(", "));
    for target in &targets {
        let args = target.split(' ').chain(["--", "--exact"]).chain(failed.iter().map(String::as_str));
        // Who waits for something that never comes fails as well.
        let mut again = Command::new("timeout");
        command::forget_package(&mut again);
        again.current_dir(workspace::root()).arg(SECOND_TRY_MAX_S.to_string());
        again.arg(command::cargo().get_program()).args(["test", "--workspace"]).args(args);
        command::run("cargo test, the second time", &mut again)?;
    }
    Ok(failed)
}

/// A half of the tests, with the arguments of its `cargo test`s, which run one after another.
struct Half {
    /// What stands before each line that it prints.
    name: &'static str,
    runs: Vec<Vec<String>>,
}

/// All tests in two halves, of which the front one takes less time. They run side by side, since most tests wait, and
/// the last ones of a test program do so alone.
fn halves() -> Result<[Half; 2]> {
    let root = workspace::root();
    let packages = |folder: &Path| -> Result<Vec<PathBuf>> {
        let mut found: Vec<PathBuf> = workspace::entries(folder)?;
        found.retain(|path| path.join("Cargo.toml").exists());
        Ok(found)
    };
    let front: BTreeSet<String> = test_targets(&root.join("kafi-cli"))?.into_iter().collect();
    let mut back: BTreeSet<String> = test_targets(root)?.into_iter().collect();
    for package in packages(root)?.into_iter().chain(packages(&root.join("plugins"))?) {
        back.extend(test_targets(&package)?);
    }
    let select = |targets: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        targets.flat_map(|target| ["--test".to_string(), target.clone()]).collect()
    };
    // Asked for like this, the libraries of plugins would be built as tests, too, though they have none.
    let mut libraries = Vec::from(["--exclude", "kafi-plugin-*", "--lib", "--bins"].map(str::to_string));
    libraries.extend(select(&mut back.difference(&front)));
    let front = Half { name: "front", runs: vec![select(&mut front.iter())] };
    Ok([front, Half { name: "back", runs: vec![libraries, vec!["--doc".to_string()]] }])
}

/// The names of a package's test programs.
fn test_targets(package: &Path) -> Result<Vec<String>> {
    let tests = package.join("tests");
    if !tests.exists() {
        return Ok(Vec::new());
    }
    let mut entries = workspace::entries(&tests)?;
    entries.retain(|path| path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists());
    Ok(entries.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_string())).collect())
}

impl Half {
    fn run(&self) -> Result<Failures> {
        let mut failures = Failures::default();
        for args in &self.runs {
            let mut tests = command::cargo();
            // Without `--workspace` the features would be others, and much would be built again.
            tests.args(["test", "--workspace", "--no-fail-fast"]).args(args);
            tests.env(THREADS, threads(TESTS_PER_PROCESSOR_IN_HALF));
            failures.join(watch(self.name, &mut tests)?);
        }
        Ok(failures)
    }
}

/// What cargo said of tests that failed.
#[derive(Default)]
struct Failures {
    /// None if all passed.
    error: Option<String>,
    /// Such as `--test s3`.
    targets: BTreeSet<String>,
    tests: BTreeSet<String>,
    /// Whether a test program ended by a signal: nobody knows which of its tests would have passed.
    died: bool,
}

impl Failures {
    fn join(&mut self, other: Self) {
        self.error = self.error.take().or(other.error);
        self.targets.extend(other.targets);
        self.tests.extend(other.tests);
        self.died |= other.died;
    }
}

/// Runs a `cargo test`, shows what it says, each line with `name` before it, and gives back what failed.
fn watch(name: &str, tests: &mut Command) -> Result<Failures> {
    let fault = |error| format!("cargo test: {error}");
    let (reader, writer) = std::io::pipe().map_err(fault)?;
    let mut child = tests.stderr(writer.try_clone().map_err(fault)?).stdout(writer).spawn().map_err(fault)?;
    // The command keeps the writing ends, and reading would not end before them.
    tests.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let (mut targets, mut failed, mut died) = (BTreeSet::new(), BTreeSet::new(), false);
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(fault)?;
        let line = String::from_utf8_lossy(&line);
        println!("{name}: {line}");
        failed.extend(failed_test(&line).map(str::to_string));
        targets.extend(failed_target(&line).map(str::to_string));
        died |= is_death(&line);
    }
    let status = child.wait().map_err(fault)?;
    Ok(Failures { error: command::check("cargo test", status).err(), targets, tests: failed, died })
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

/// Whether cargo says that a test program ended by a signal: `  process didn't exit successfully: … (signal: 6, …)`.
fn is_death(line: &str) -> bool {
    line.trim_start().starts_with("process didn't exit successfully: ") && line.contains("(signal: ")
}

/// How many tests run at a time, unless one says so.
fn threads(per_processor: usize) -> OsString {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::env::var_os(THREADS).unwrap_or_else(|| (processors * per_processor).to_string().into())
}

/// A command that takes a program and its arguments, and runs it beside a broker, whose variables it gets.
pub fn beside_broker() -> Command {
    beside("kafka", "")
}

/// A command that runs beside servers; `meanwhile`, as a shell has it, runs while they start.
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
        assert!(is_death("  process didn't exit successfully: `target/debug/deps/a-1` (signal: 6, SIGABRT: abort)"));
        assert!(!is_death("  process didn't exit successfully: `target/debug/deps/a-1` (exit status: 101)"));
    }
}
