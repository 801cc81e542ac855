//! A broker whose heartbeats come later than the controller waits for them: again and again it is taken for gone, and
//! the answer to "which brokers are there?" is "none". No process may end by a signal.

use std::time::{Duration, Instant};

use super::broker::Broker;
use super::programs::Programs;
use super::random::Random;
use crate::Result;

/// It is there for a second, and away for most of the next one.
const SETTINGS: &str = "broker.session.timeout.ms=1000\nbroker.heartbeat.interval.ms=1800\n";

/// How long a round lasts.
const ROUND: Duration = Duration::from_secs(10);

/// What is started one after another, where `@` stands for the storage and `#` for the number of the turn.
const COMMANDS: &[&str] = &[
    "touch @/t#",
    "produce @/t# message",
    "cat @/t#",
    "ls -l @/",
    "cluster @/",
    "config @/t# retention.ms=1h",
    "group reset @/g t# -o end --execute",
    "group ls @/",
    "cp @/t# ./late/",
    "rm -y @/t#",
];

/// Runs all kinds of commands beside it.
pub fn missed_heartbeats(programs: &Programs, _random: &mut Random, rounds: u64) -> Result<String> {
    let broker = Broker::start_with(SETTINGS)?;
    let (mut ended, mut failed, mut turn) = (0, 0, 0);
    for round in 0..rounds {
        let begun = Instant::now();
        while begun.elapsed() < ROUND {
            turn += 1;
            for command in COMMANDS {
                let line = command.replace('@', &broker.storage).replace('#', &turn.to_string());
                let mut running = programs.start_kafi(&line.split(' ').collect::<Vec<_>>(), "late")?;
                let status = running.wait(&line)?;
                ended += 1;
                match status.code() {
                    Some(0) => {}
                    Some(1 | 2) => failed += 1,
                    _ => return Err(format!("round {round}: kafi {line} ended with {status}")),
                }
            }
        }
    }
    Ok(format!("{ended} commands, none ended by a signal; {failed} of them failed with an error"))
}
