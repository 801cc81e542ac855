//! Faults at random moments: programs and brokers are killed, disks run full. Afterwards everything that was reported
//! written is there: once, and in order.

mod apps;
mod broker;
mod cold;
mod copies;
mod disk;
mod folder;
mod heartbeats;
mod hostile;
mod no_space;
mod programs;
mod random;
mod verify;

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::workspace::{self, Folder};
use crate::{Result, command};
use programs::Programs;
use random::Random;

/// How often a producer is killed, unless one says so.
const ROUNDS: u64 = 100;

/// How many rounds there are of the faults that take longer: one for so many kills of a producer.
const KILLS_PER_ROUND: u64 = 5;

/// The rounds of the tests, where each fault comes at least once.
const TEST_ROUNDS: u64 = 3;

/// A round of these takes longer than the tests may.
const LONG: [&str; 1] = ["app-broker"];

/// What the soak is told.
struct Options {
    rounds: u64,
    seed: u64,
    only: Option<String>,
    /// Whether those that take [long](LONG) are left out.
    is_short: bool,
}

/// Builds what is needed, and soaks.
pub fn build_and_run(args: &[&str]) -> Result<()> {
    let options = options(args)?;
    println!("seed {}, {} rounds", options.seed, options.rounds);
    command::install_prerequisites()?;
    command::build_as_tests_do()?;
    run(&options)
}

/// A few rounds with the programs that the tests have built.
pub fn test() -> Result<()> {
    let options = Options { rounds: TEST_ROUNDS, seed: seed_of_now()?, only: None, is_short: true };
    println!("\nsoak: seed {}, {} rounds", options.seed, options.rounds);
    run(&options)
}

fn options(args: &[&str]) -> Result<Options> {
    let mut options = Options { rounds: ROUNDS, seed: seed_of_now()?, only: None, is_short: false };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("soak: {name}: a value is missing"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("soak: {name} {value}: not a number"));
        match *name {
            "--rounds" => options.rounds = number()?.max(1),
            "--seed" => options.seed = number()?,
            "--only" => options.only = Some((*value).to_string()),
            _ => return Err(format!("soak: {name}: no such option; there are --rounds, --seed, and --only")),
        }
    }
    Ok(options)
}

fn seed_of_now() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| format!("the clock: {error}"))?;
    Ok(now.as_millis() as u64 % 1_000_000)
}

/// One fault: its name, and what runs it so many rounds and says what it saw.
type Fault = (&'static str, fn(&Programs, &mut Random, u64) -> Result<String>);

const FAULTS: [Fault; 14] = [
    ("producer", folder::killed_producers),
    ("processes", folder::two_processes),
    ("copy", copies::killed_copies),
    ("disk", disk::full_disk),
    ("broker-produce", broker::killed_while_producing),
    ("broker-copy", broker::killed_while_copying),
    ("no-space", no_space::failing_calls),
    ("broker-target", broker::killed_targets),
    ("source-gone", broker::sources_that_go),
    ("cold-broker", cold::cold_broker),
    ("heartbeats", heartbeats::missed_heartbeats),
    ("app", apps::killed_members),
    ("app-broker", apps::killed_broker),
    ("hostile", hostile::hostile_requests),
];

fn run(options: &Options) -> Result<()> {
    let known = |only: &String| FAULTS.iter().any(|(name, _)| name == only);
    if options.only.as_ref().is_some_and(|only| !known(only)) {
        return Err(format!("soak: --only: one of {}", FAULTS.map(|(name, _)| name).join(", ")));
    }
    let target = workspace::target()?;
    let program = |path: &str| -> Result<PathBuf> {
        let program = target.join("debug").join(path);
        if program.is_file() { Ok(program) } else { Err(format!("{}: not built", program.display())) }
    };
    disk::release(&target.join("soak"))?;
    let folder = Folder::create("soak")?;
    let programs = Programs {
        kafi: program("kafi")?,
        child: program("examples/soak_child")?,
        folder: folder.path().to_path_buf(),
    };
    for (index, (name, fault)) in FAULTS.iter().enumerate() {
        if options.only.as_ref().is_some_and(|only| only != name) || options.is_short && LONG.contains(name) {
            continue;
        }
        let rounds = if index == 0 { options.rounds } else { options.rounds.div_ceil(KILLS_PER_ROUND) };
        let start = Instant::now();
        // Each fault has numbers of its own, so that it can be run again alone.
        let mut random = Random::new(options.seed.wrapping_add(index as u64 * 1_000_003));
        let seen = fault(&programs, &mut random, rounds)
            .map_err(|error| format!("soak: {name}, seed {}: {error}", options.seed))?;
        println!("{name}: {rounds} rounds in {} s: {seen}", start.elapsed().as_secs());
    }
    Ok(())
}
