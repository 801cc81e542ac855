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

const SMALL: (u64, usize) = (2_000_000, 100);
const SIZES: [(u64, usize); 3] = [SMALL, (20_000, 10_000), (200, 900_000)];

const USAGE: &str = "usage: cargo xtask bench [--quick] [--runs N]";

/// Installs the peers, builds, starts a broker unless one runs, and measures.
pub fn run(args: &[&str]) -> Result<()> {
    let (is_beside_broker, quick, runs) = parse(args)?;
    if is_beside_broker {
        return measure(quick, runs);
    }
    command::install_prerequisites()?;
    command::run("tests/servers/peers", &mut Command::new(workspace::root().join("tests/servers/peers")))?;
    command::run("cargo build", command::cargo().args(["build", "--quiet", "--release", "-p", "kafi-cli"]))?;
    command::run("cargo build", command::cargo().args(["build", "--quiet", "--release", "-p", "kafi-cluster", "--example", "bare"]))?;
    let mut again = test::beside_broker();
    let xtask = std::env::current_exe().map_err(|error| format!("the path of xtask: {error}"))?;
    command::run("cargo xtask bench", again.arg(xtask).args(["bench", BESIDE_BROKER]).args(args))
}

fn parse(args: &[&str]) -> Result<(bool, bool, usize)> {
    let (mut is_beside_broker, mut quick, mut runs) = (false, false, 5);
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            BESIDE_BROKER => is_beside_broker = true,
            "--quick" => quick = true,
            "--runs" => {
                let number = args.next().and_then(|number| number.parse().ok()).filter(|&number| number > 0);
                runs = number.ok_or_else(|| format!("--runs: how many?\n\n{USAGE}"))?;
            }
            _ => return Err(format!("{arg}: unknown\n\n{USAGE}")),
        }
    }
    Ok((is_beside_broker, quick, runs))
}

fn measure(quick: bool, runs: usize) -> Result<()> {
    let brokers = std::env::var("KAFI_TEST_KAFKA").map_err(|_| "KAFI_TEST_KAFKA names no broker")?;
    let folder = Folder::create("bench-run")?;
    let bench = Bench::new(&workspace::target()?.join("release"), &brokers, folder.path(), runs)?;
    println!("{runs} runs of each, in turn; medians of the whole process. A ratio above 1 says that kafi is faster.\n");
    table::head();
    bench.small_jobs()?;
    for load in loads(quick) {
        bench.all_jobs(load)?;
    }
    if !quick {
        bench.many_partitions()?;
    }
    Ok(())
}

fn loads(quick: bool) -> Vec<Load> {
    let mut loads = Vec::new();
    for (messages, value_bytes) in SIZES {
        for partitions in [1, 4] {
            for compression in ["none", "lz4"] {
                loads.push(Load { messages, value_bytes, partitions, compression });
            }
        }
    }
    loads.truncate(if quick { 1 } else { loads.len() });
    loads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood() {
        assert_eq!(parse(&["--quick", "--runs", "3"]), Ok((false, true, 3)));
        assert!(parse(&["--runs", "0"]).is_err());
        assert!(parse(&["--fast"]).is_err());
        assert_eq!((loads(true).len(), loads(false).len()), (1, 12));
    }
}
