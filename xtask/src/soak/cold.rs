//! Every command about groups at once, on a broker that has just started for the first time, and beside one that is
//! killed and started again: coordinators are being made, loaded, and moved. No process may end by a signal, and no
//! answer may be "later".

use std::fs;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use super::broker::Broker;
use super::programs::{Programs, Running, wait_until};
use super::random::Random;
use crate::Result;

/// What is started at once: the words of a command, where `@` stands for the storage and `#` for a number of its own,
/// and whether it must succeed where the broker stays.
const COMMANDS: &[(&str, bool)] = &[
    ("group reset @/reset t -o start --execute", true),
    ("group reset @/again t -o end --execute", true),
    ("group ls @/", true),
    ("group ls -l @/", true),
    ("group show @/again", false),
    ("group show @/missing", false),
    ("group cp @/again @/copied --execute", false),
    ("group rm -y @/missing", false),
    ("cat -g reader @/t", true),
    ("wc -g looker --no-commit @/t", true),
    ("cp -g copier# @/t ./cold#/", true),
];

/// What a command that may fail may say while the broker stays: of a group that another one is about to make.
const MAY_SAY: [&str; 2] = ["no such group", "no group"];

/// A command at work.
struct Started {
    line: String,
    must_succeed: bool,
    output: String,
    running: Running,
}

/// Wipes and starts a broker, asks it everything about groups at once, kills and starts it meanwhile, and asks again.
pub fn cold_broker(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let mut broker = Broker::start()?;
    let (mut ended, mut failed) = (0, 0);
    for round in 0..rounds {
        let whole = |error: String| format!("round {round}: {error}");
        if round > 0 {
            broker.begin_anew().map_err(whole)?;
        }
        programs.kafi(&["touch", &format!("{}/t", broker.storage), "--partitions", "3"]).map_err(whole)?;
        programs.kafi(&["produce", &format!("{}/t", broker.storage), "message"]).map_err(whole)?;
        for command in start(programs, &broker.storage, 3 * round)? {
            ended += 1;
            finish(programs, command, true).map_err(whole)?;
        }
        let started = start(programs, &broker.storage, 3 * round + 1)?;
        thread::sleep(Duration::from_millis(random.below(500)));
        broker.come_back().map_err(whole)?;
        for command in started {
            ended += 1;
            failed += u64::from(!finish(programs, command, false).map_err(whole)?.success());
        }
        for command in start(programs, &broker.storage, 3 * round + 2)? {
            ended += 1;
            finish(programs, command, true).map_err(whole)?;
        }
    }
    Ok(format!(
        "{ended} commands, none ended by a signal; {failed} of them failed with an error while their broker was away"
    ))
}

fn start(programs: &Programs, storage: &str, number: u64) -> Result<Vec<Started>> {
    let started = COMMANDS.iter().enumerate().map(|(index, (line, must_succeed))| {
        let line = line.replace('@', storage).replace('#', &number.to_string());
        let output = format!("cold-{index}");
        let words: Vec<&str> = line.split(' ').collect();
        let running = programs.start_kafi(&words, &output)?;
        Ok(Started { line, must_succeed: *must_succeed, output, running })
    });
    started.collect()
}

/// Waits for the end of a command, which is an exit. Where the broker stays, it is a success, or says of a group that
/// it is not there.
fn finish(programs: &Programs, mut command: Started, broker_stays: bool) -> Result<ExitStatus> {
    let status = command.running.wait(&command.line)?;
    let path = programs.folder.join(format!("{}.err", command.output));
    let said = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let is_right = match status.code() {
        Some(0) => true,
        Some(1) if !broker_stays => said.contains("error: "),
        Some(1) => !command.must_succeed && MAY_SAY.iter().any(|words| said.contains(words)),
        _ => false,
    };
    if is_right { Ok(status) } else { Err(format!("kafi {} ended with {status}: {}", command.line, said.trim_end())) }
}

impl Broker {
    /// Starts it for the first time once more.
    fn begin_anew(&mut self) -> Result<()> {
        self.run("wipe")?;
        self.run("start")?;
        self.find_address()
    }

    /// Kills it and starts it again, at the same address.
    fn come_back(&self) -> Result<()> {
        self.run("kill")?;
        wait_until("the end of the broker's ports", || self.is_gone())?;
        self.run("start")?;
        self.check_address()
    }
}
