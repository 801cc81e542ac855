//! A broker whose heartbeats come later than the controller waits for them: again and again it is taken for gone, and
//! the answer to "which brokers are there?" is "none". No process may end by a signal, and who follows a topic sees all of
//! it.

use std::fs;
use std::time::{Duration, Instant};

use super::broker::Broker;
use super::programs::{Programs, Running, wait_until};
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

/// Those who follow a topic: so many without a group, and so many as members of a group of their own.
const FOLLOWERS: usize = 4;

/// A program that follows the topic, and where it prints.
struct Follower {
    name: String,
    args: Vec<String>,
    running: Running,
}

impl Follower {
    fn start(programs: &Programs, number: usize, topic: &str) -> Result<Self> {
        let name = format!("follower-{number}");
        let mut args: Vec<String> = ["cat", topic, "-f", "-q", "-F", r"%v\n"].map(str::to_string).into();
        if number >= FOLLOWERS {
            args.extend(["-g".to_string(), name.clone()]);
        }
        let running = Self::run(programs, &args, &name)?;
        Ok(Self { name, args, running })
    }

    fn run(programs: &Programs, args: &[String], name: &str) -> Result<Running> {
        programs.start_kafi(&args.iter().map(String::as_str).collect::<Vec<_>>(), name)
    }

    /// Whether it has printed all of these lines.
    fn has_seen(&self, programs: &Programs, lines: &[String]) -> Result<bool> {
        let path = programs.folder.join(&self.name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let seen: Vec<&str> = text.lines().collect();
        Ok(lines.iter().all(|line| seen.contains(&line.as_str())))
    }
}

/// Starts those who follow, again and again until each has seen a first message.
fn follow(programs: &Programs, topic: &str) -> Result<Vec<Follower>> {
    let first = ["first".to_string()];
    wait_until("a topic", || Ok(programs.kafi(&["touch", topic]).is_ok()))?;
    wait_until("a first message", || Ok(programs.kafi(&["produce", topic, &first[0]]).is_ok()))?;
    let followers = (0..2 * FOLLOWERS).map(|number| Follower::start(programs, number, topic));
    let mut followers = followers.collect::<Result<Vec<_>>>()?;
    wait_until("the first message everywhere", || {
        let mut all = true;
        for follower in &mut followers {
            let has_seen = follower.has_seen(programs, &first)?;
            if !has_seen && !follower.running.is_running() {
                follower.running = Follower::run(programs, &follower.args, &follower.name)?;
            }
            all &= has_seen;
        }
        Ok(all)
    })?;
    Ok(followers)
}

/// Runs all kinds of commands beside it, and some that follow a topic.
pub fn missed_heartbeats(programs: &Programs, _random: &mut Random, rounds: u64) -> Result<String> {
    let broker = Broker::start_with(SETTINGS)?;
    let followed = format!("{}/followed", broker.storage);
    let mut followers = follow(programs, &followed)?;
    let mut written = Vec::new();
    let (mut ended, mut failed, mut turn) = (0, 0, 0);
    for round in 0..rounds {
        let begun = Instant::now();
        while begun.elapsed() < ROUND {
            turn += 1;
            let line = format!("turn {turn}");
            if programs.kafi(&["produce", &followed, &line]).is_ok() {
                written.push(line);
            }
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
    for follower in &mut followers {
        wait_until(&format!("what {} is to see", follower.name), || {
            Ok(!follower.running.is_running() || follower.has_seen(programs, &written)?)
        })?;
        if !follower.has_seen(programs, &written)? {
            return Err(format!("kafi {} ended by itself", follower.args.join(" ")));
        }
    }
    Ok(format!(
        "{ended} commands, none ended by a signal; {failed} of them failed with an error; {} messages, each seen by all {} who followed",
        written.len(),
        followers.len()
    ))
}
