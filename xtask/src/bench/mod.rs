//! Kafi beside the tools that people use, in turn in one run, as a table of ratios.

mod jobs;
mod load;
mod measure;
mod table;

use std::process::Command;

use crate::workspace::{self, Folder};
use crate::{Result, command, test};
use jobs::Bench;
use load::Load;

/// Tells the second start of this program, beside the broker, from the first.
const BESIDE_BROKER: &str = "--beside-broker";

/// The load that shows how much memory partitions take.
const MANY_PARTITIONS: u32 = 100;

const SMALL: (u64, usize) = (2_000_000, 100);
const SIZES: [(u64, usize); 3] = [SMALL, (20_000, 10_000), (200, 900_000)];

const USAGE: &str = "usage: cargo xtask bench [--quick | --load TEXT | --payloads | --joins | --functions | --files | --http | --apps] [--runs N]";

/// What is to be measured.
#[derive(Debug, Default, PartialEq)]
struct Options {
    is_beside_broker: bool,
    /// Only the load that has targets; with files and apps, fewer messages.
    quick: bool,
    /// Only the loads whose name in the table contains this.
    load: Option<String>,
    /// What schemas make of payloads, in place of all loads.
    payloads: bool,
    /// Joins and compactions, in place of all loads.
    joins: bool,
    /// Functions, in place of all loads.
    functions: bool,
    /// Topics as files, in place of all loads.
    files: bool,
    /// `kafi serve`, in place of all loads.
    http: bool,
    /// Apps, in place of all loads.
    apps: bool,
    runs: usize,
}

/// Installs the peers, builds, starts a broker unless one runs, and measures.
pub fn run(args: &[&str]) -> Result<()> {
    let options = parse(args)?;
    if options.is_beside_broker {
        return match options {
            Options { apps: true, .. } => apps(&options),
            Options { functions: true, .. } => functions(options.runs),
            _ => measure(&options),
        };
    }
    command::install_prerequisites()?;
    if options.payloads {
        return payloads(options.runs);
    }
    let mut peers = Command::new(workspace::root().join("tests/servers/peers"));
    peers
        .args((options.functions || options.http || options.joins).then_some("python-kafi"))
        .args(options.apps.then_some("apps"));
    command::run("tests/servers/peers", &mut peers)?;
    if options.joins {
        return joins(options.runs);
    }
    if options.http {
        return http(options.runs);
    }
    if options.apps {
        let bench = ["build", "--quiet", "--release", "-p", "kafi-app", "--example", "bench"];
        command::run("cargo build", command::cargo().args(bench))?;
    } else {
        build_kafi(&options)?;
    }
    if !options.files {
        let bare = ["build", "--quiet", "--release", "-p", "kafi-cluster", "--example", "bare"];
        command::run("cargo build", command::cargo().args(bare))?;
    }
    let mut again = test::beside_broker();
    let xtask = std::env::current_exe().map_err(|error| format!("the path of xtask: {error}"))?;
    command::run("cargo xtask bench", again.arg(xtask).args(["bench", BESIDE_BROKER]).args(args))
}

fn build_kafi(options: &Options) -> Result<()> {
    let features: &[&str] = if options.files { &["--features", "parquet,feather,orc,xlsx,xml"] } else { &[] };
    command::run(
        "cargo build",
        command::cargo().args(["build", "--quiet", "--release", "-p", "kafi-cli"]).args(features),
    )
}

fn parse(args: &[&str]) -> Result<Options> {
    let mut options = Options { runs: 5, ..Options::default() };
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            BESIDE_BROKER => options.is_beside_broker = true,
            "--quick" => options.quick = true,
            "--payloads" => options.payloads = true,
            "--joins" => options.joins = true,
            "--functions" => options.functions = true,
            "--http" => options.http = true,
            "--apps" => options.apps = true,
            "--files" => options.files = true,
            "--load" => {
                options.load = Some(args.next().ok_or_else(|| format!("--load: which?\n\n{USAGE}"))?.to_string())
            }
            "--runs" => {
                let number = args.next().and_then(|number| number.parse().ok()).filter(|&number| number > 0);
                options.runs = number.ok_or_else(|| format!("--runs: how many?\n\n{USAGE}"))?;
            }
            _ => return Err(format!("{arg}: unknown\n\n{USAGE}")),
        }
    }
    Ok(options)
}

fn measure(options: &Options) -> Result<()> {
    let brokers = std::env::var("KAFI_TEST_KAFKA").map_err(|_| "KAFI_TEST_KAFKA names no broker")?;
    if options.files {
        return files(&brokers, options);
    }
    let folder = Folder::create("bench-run")?;
    let runs = options.runs;
    let bench = Bench::new(&workspace::target()?.join("release"), &brokers, folder.path(), runs)?;
    println!("{runs} runs of each, in turn; medians of the whole process. A ratio above 1 says that kafi is faster.\n");
    table::head();
    if options.load.is_none() {
        bench.small_jobs()?;
    }
    for load in loads(options) {
        match load.partitions {
            MANY_PARTITIONS => bench.many_partitions(load)?,
            _ => bench.all_jobs(load)?,
        }
    }
    Ok(())
}

/// Kafi beside Confluent's deserialisers for Python and fastavro; it needs neither a broker nor a registry.
fn payloads(runs: usize) -> Result<()> {
    let script = workspace::root().join("tests/servers/serializers");
    command::run("tests/servers/serializers", Command::new(script).arg("start"))?;
    command::run("cargo build", command::cargo().args(["build", "--quiet", "--release", "-p", "kafi-cli"]))?;
    let folder = Folder::create("bench-payloads")?;
    let mut python = Command::new(workspace::root().join(".servers/serializers/venv/bin/python"));
    python.arg(workspace::root().join("benches/payloads.py")).arg(workspace::target()?.join("release/kafi"));
    python.arg(folder.path()).arg(runs.to_string()).env_remove("KAFI_HOME").env_remove("KAFI_STORAGE");
    command::run("benches/payloads.py", python.env_remove("KAFI_REGISTRY"))
}

/// `kafi serve` and the storage over it beside Python Kafi and a bare axum server, in a folder; it needs no broker.
fn http(runs: usize) -> Result<()> {
    command::run("cargo build", command::cargo().args(["build", "--quiet", "--release", "-p", "kafi-cli"]))?;
    let hello = ["build", "--quiet", "--release", "-p", "kafi-serve", "--example", "hello"];
    command::run("cargo build", command::cargo().args(hello))?;
    let (folder, release) = (Folder::create("bench-http")?, workspace::target()?.join("release"));
    let mut python = Command::new(workspace::root().join(".servers/python-kafi/bin/python"));
    python.arg(workspace::root().join("benches/serve.py")).arg(release.join("kafi"));
    python.arg(release.join("examples/hello")).arg(folder.path()).arg(runs.to_string());
    command::run("benches/serve.py", python.env_remove("KAFI_HOME").env_remove("KAFI_STORAGE"))
}

/// Kafi beside DuckDB and Python Kafi, in a folder; it needs no broker.
fn joins(runs: usize) -> Result<()> {
    command::run("cargo build", command::cargo().args(["build", "--quiet", "--release", "-p", "kafi-cli"]))?;
    let folder = Folder::create("bench-joins")?;
    let mut python = Command::new(workspace::root().join(".servers/bench/bin/python"));
    python.arg(workspace::root().join("benches/joins.py")).arg(workspace::target()?.join("release/kafi"));
    python.arg(folder.path()).arg(runs.to_string()).arg(workspace::root().join(".servers/python-kafi/bin/python"));
    command::run("benches/joins.py", python.env_remove("KAFI_HOME").env_remove("KAFI_STORAGE"))
}

/// Kafi beside jq, kcat, and Python Kafi, in a folder and on the broker.
fn functions(runs: usize) -> Result<()> {
    let brokers = std::env::var("KAFI_TEST_KAFKA").map_err(|_| "KAFI_TEST_KAFKA names no broker")?;
    let folder = Folder::create("bench-functions")?;
    let mut python = Command::new(workspace::root().join(".servers/python-kafi/bin/python"));
    python.arg(workspace::root().join("benches/functions.py")).arg(workspace::target()?.join("release/kafi"));
    python.arg(folder.path()).arg(runs.to_string()).arg(brokers).env_remove("KAFI_HOME").env_remove("KAFI_STORAGE");
    command::run("benches/functions.py", &mut python)
}

/// Apps beside a bare loop, FastStream, and Kaf, on the broker.
fn apps(options: &Options) -> Result<()> {
    let brokers = std::env::var("KAFI_TEST_KAFKA").map_err(|_| "KAFI_TEST_KAFKA names no broker")?;
    let (folder, examples) = (Folder::create("bench-apps")?, workspace::target()?.join("release/examples"));
    let mut python = Command::new(workspace::root().join(".servers/bench-apps/bin/python"));
    python.arg(workspace::root().join("benches/apps.py")).arg(examples.join("bench")).arg(examples.join("bare"));
    python.arg(folder.path()).arg(brokers).arg(options.runs.to_string());
    python.args(options.quick.then_some("100000")).env_remove("KAFI_HOME").env_remove("KAFI_STORAGE");
    command::run("benches/apps.py", &mut python)
}

/// Topics as files, beside DuckDB, pandas, jq, and openpyxl.
fn files(brokers: &str, options: &Options) -> Result<()> {
    let folder = Folder::create("bench-files")?;
    let mut python = Command::new(workspace::root().join(".servers/bench/bin/python"));
    python.arg(workspace::root().join("benches/files.py")).arg(workspace::target()?.join("release/kafi"));
    python.args([brokers]).arg(folder.path()).arg(options.runs.to_string()).args(options.quick.then_some("--quick"));
    command::run("benches/files.py", python.env_remove("KAFI_HOME").env_remove("KAFI_STORAGE"))
}

fn loads(options: &Options) -> Vec<Load> {
    let mut loads = Vec::new();
    for (messages, value_bytes) in SIZES {
        for partitions in [1, 4] {
            for compression in ["none", "lz4"] {
                loads.push(Load { messages, value_bytes, partitions, compression });
            }
        }
    }
    loads.push(Load { messages: 1000, value_bytes: 900_000, partitions: MANY_PARTITIONS, compression: "none" });
    if let Some(text) = &options.load {
        loads.retain(|load| load.name().contains(text.as_str()));
    }
    loads.truncate(if options.quick { 1 } else { loads.len() });
    loads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood() {
        let options = |args: &[&str]| parse(args).unwrap();
        assert_eq!(options(&["--quick", "--runs", "3"]), Options { quick: true, runs: 3, ..Options::default() });
        assert!(parse(&["--runs", "0"]).is_err() && parse(&["--fast"]).is_err() && parse(&["--load"]).is_err());
        assert_eq!((loads(&options(&["--quick"])).len(), loads(&options(&[])).len()), (1, 13));
        assert_eq!(
            (loads(&options(&["--load", "900 kB"])).len(), loads(&options(&["--load", "1 part., lz4"])).len()),
            (5, 3)
        );
    }
}
