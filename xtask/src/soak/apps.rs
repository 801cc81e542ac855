//! Members of groups that are killed while they handle messages, and a broker that is killed under them: every message
//! has what came of it, and with exactly once no message has it twice.

use std::collections::HashSet;
use std::fs;
use std::thread;
use std::time::Duration;

use super::broker::Broker;
use super::programs::{Programs, Running, wait_until};
use super::random::Random;
use crate::Result;

/// The messages of each round, and how many a member handles a second, so that there is always something in work.
const MESSAGES: u64 = 4_000;
const RATE: u64 = 500;

/// The members that are killed in a round, of each kind of app.
const KILLS: u64 = 5;

/// The members of each kind.
const MEMBERS: usize = 3;

/// What an app promises: its name, and whether nothing is doubled.
const KINDS: [(&str, bool); 2] = [("least", false), ("exactly", true)];

/// The apps of both kinds over one topic, with members of their own.
struct Apps<'a> {
    programs: &'a Programs,
    storage: String,
    keeps_ids: bool,
    members: Vec<(usize, usize, Running)>,
    made: u64,
}

impl<'a> Apps<'a> {
    /// Makes the topics, and starts the members. One that `keeps_ids` writes its transactions under the same name after a
    /// restart.
    fn start(programs: &'a Programs, broker: &Broker, keeps_ids: bool) -> Result<Self> {
        let mut apps = Self { programs, storage: broker.storage.clone(), keeps_ids, members: Vec::new(), made: 0 };
        let keep = ["--config", "retention.ms=-1"];
        programs.kafi(&[&["touch", &apps.topic("in"), "--partitions", "6"], &keep[..]].concat())?;
        for (kind, (name, _)) in KINDS.iter().enumerate() {
            programs.kafi(&[&["touch", &apps.topic(name), "--partitions", "2"], &keep[..]].concat())?;
            for number in 0..MEMBERS {
                let member = apps.member(kind, number)?;
                apps.members.push((kind, number, member));
            }
        }
        Ok(apps)
    }

    fn topic(&self, name: &str) -> String {
        format!("{}/{name}", self.storage)
    }

    fn member(&self, kind: usize, number: usize) -> Result<Running> {
        let (name, exactly_once) = KINDS[kind];
        let id =
            if self.keeps_ids && exactly_once { format!("transactional_id: {name}-{number}\n") } else { String::new() };
        let text = format!(
            "name: {name}\nconsumer: {}/?session.timeout.ms=6000\n{id}handlers:\n  - topic: in\n    publish_to: {name}\n    \
             filter: 'true'\n    order: key\n    concurrency: 2\n    rate: {RATE}\n    exactly_once: {exactly_once}\n",
            self.storage
        );
        let file = format!("{name}-{number}.yaml");
        let path = self.programs.folder.join(&file);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        self.programs.start_kafi(&["app", "run", &file], &format!("{file}.out"))
    }

    /// Writes more messages, each with a number of its own.
    fn feed(&mut self) -> Result<()> {
        let lines: String = (self.made..self.made + MESSAGES).map(|n| format!("k{}:{n}\n", n % 101)).collect();
        let path = self.programs.folder.join("lines");
        fs::write(&path, lines).map_err(|error| format!("{}: {error}", path.display()))?;
        self.programs.kafi(&["produce", &self.topic("in"), "-K:", "-l", "lines", "-q"])?;
        self.made += MESSAGES;
        Ok(())
    }

    /// Kills one of the members, and starts it again.
    fn kill_one(&mut self, random: &mut Random) -> Result<()> {
        self.refuse_ends()?;
        let index = random.below(self.members.len() as u64) as usize;
        self.members[index].2.kill()?;
        let (kind, number, _) = self.members[index];
        self.members[index].2 = self.member(kind, number)?;
        Ok(())
    }

    /// A member does not end by itself.
    fn refuse_ends(&mut self) -> Result<()> {
        for (kind, number, member) in &mut self.members {
            if !member.is_running() {
                let name = format!("{}-{number}.yaml.out.err", KINDS[*kind].0);
                let said = fs::read_to_string(self.programs.folder.join(&name)).unwrap_or_default();
                return Err(format!("a member ended: {name}: {said}"));
            }
        }
        Ok(())
    }

    /// What came of messages: how many there are, and how many of them are different.
    fn made_of(&self, name: &str) -> Result<(u64, u64)> {
        let values = self.programs.kafi(&["cat", &self.topic(name), "-F", r"%v\n", "-q"])?;
        let distinct: HashSet<&str> = values.lines().collect();
        Ok((values.lines().count() as u64, distinct.len() as u64))
    }

    /// What came of messages so far, of each kind.
    fn made(&self) -> Result<Vec<(u64, u64)>> {
        KINDS.iter().map(|(name, _)| self.made_of(name)).collect()
    }

    /// Waits until each kind has done more than `before`, or all there is to do. A broker that is killed again and again
    /// before anybody has found it is away for longer than an app waits.
    fn go_on(&mut self, before: &[(u64, u64)]) -> Result<()> {
        wait_until("more of what comes of messages", || {
            thread::sleep(Duration::from_millis(500));
            self.refuse_ends()?;
            // Whoever asks a broker that has just started may be told nothing.
            let Ok(made) = self.made() else { return Ok(false) };
            Ok(made.iter().zip(before).all(|(now, before)| now.0 > before.0 || now.1 == self.made))
        })
    }

    /// Waits until each message has what came of it, and says how many have it twice.
    fn finish(&mut self) -> Result<String> {
        let mut doubled = Vec::new();
        for (name, exactly_once) in KINDS {
            let mut seen = (0, 0);
            let waited = wait_until("what came of all messages", || {
                thread::sleep(Duration::from_millis(500));
                self.refuse_ends()?;
                seen = self.made_of(name).unwrap_or(seen);
                Ok(seen.1 == self.made)
            });
            waited.map_err(|error| format!("{name}: {error}: {} of {} are there", seen.1, self.made))?;
            // Something that is doubled could come late.
            thread::sleep(Duration::from_secs(2));
            let (all, distinct) = self.made_of(name)?;
            if exactly_once && all != distinct {
                return Err(format!("{name}: {} are doubled", all - distinct));
            }
            doubled.push(all - distinct);
        }
        Ok(format!(
            "each of {} messages has what came of it: at least once, {} doubled, and exactly once, none doubled",
            self.made, doubled[0]
        ))
    }
}

/// Kills members at random moments.
pub fn killed_members(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let broker = Broker::start()?;
    let mut apps = Apps::start(programs, &broker, true)?;
    for round in 0..rounds {
        let whole = |error: String| format!("round {round}: {error}");
        apps.feed().map_err(whole)?;
        for _ in 0..KILLS * KINDS.len() as u64 {
            thread::sleep(Duration::from_millis(random.below(1_000)));
            apps.kill_one(random).map_err(whole)?;
        }
    }
    let seen = apps.finish()?;
    Ok(format!("{} members killed; {seen}", rounds * KILLS * KINDS.len() as u64))
}

/// Kills the broker at random moments.
pub fn killed_broker(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let broker = Broker::start()?;
    let mut apps = Apps::start(programs, &broker, false)?;
    for round in 0..rounds {
        let whole = |error: String| format!("round {round}: {error}");
        apps.feed().map_err(whole)?;
        thread::sleep(Duration::from_millis(random.below(3_000)));
        let mut before = Vec::new();
        // A busy broker may say nothing.
        wait_until("what came of messages", || Ok(apps.made().map(|made| before = made).is_ok())).map_err(whole)?;
        broker.restart().map_err(whole)?;
        apps.go_on(&before).map_err(whole)?;
    }
    apps.finish()
}
