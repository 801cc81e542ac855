//! A broker that is killed and started again while somebody produces, or copies. It is not the broker of the tests but
//! one of its own.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::copies::{bytes, compare};
use super::folder::refuse_failure;
use super::programs::{Programs, Running, wait_until};
use super::random::Random;
use super::verify;
use crate::{Result, workspace};

/// The messages that are produced while the broker is killed.
const MESSAGES: u64 = 20_000;

/// The messages a second of a copy, so that it takes long enough to be met.
const RATE: &str = "5000";

/// The same of a copy whose beginning is seen by another program, which takes its time.
const SLOW_RATE: &str = "2500";

/// A broker that is stopped at last. Its installation stays for the next time.
pub(super) struct Broker {
    script: PathBuf,
    /// Its address.
    pub(super) storage: String,
}

impl Broker {
    /// A broker without data.
    pub(super) fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// The same with these lines of settings, which win over those that are there.
    pub(super) fn start_with(settings: &str) -> Result<Self> {
        let folder = workspace::target()?.join("soak-broker/tests/servers");
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        for name in ["common.sh", "kafka", "kafka.pom.xml", "kafka.properties"] {
            fs::copy(workspace::root().join("tests/servers").join(name), folder.join(name)).map_err(failed)?;
        }
        let mut properties = OpenOptions::new().append(true).open(folder.join("kafka.properties")).map_err(failed)?;
        properties.write_all(settings.as_bytes()).map_err(failed)?;
        let mut broker = Self { script: folder.join("kafka"), storage: String::new() };
        // What an earlier run left goes.
        broker.run("wipe")?;
        broker.run("start")?;
        broker.find_address()?;
        Ok(broker)
    }

    /// Takes note of where it listens.
    pub(super) fn find_address(&mut self) -> Result<()> {
        let variables = self.run("env")?;
        let address = variables
            .lines()
            .find_map(|line| line.strip_prefix("export KAFI_TEST_KAFKA="))
            .ok_or("the broker has no address")?;
        self.storage = format!("kafka://{address}");
        Ok(())
    }

    /// Whether it listens where it did before.
    pub(super) fn check_address(&self) -> Result<()> {
        let address = self.storage.trim_start_matches("kafka://");
        if self.run("env")?.lines().any(|line| line == format!("export KAFI_TEST_KAFKA={address}")) {
            return Ok(());
        }
        Err("the broker came back at another address: somebody took its port".into())
    }

    /// Whether nothing listens on its ports any more. A process that was killed is gone a little before they are, and
    /// the script would choose others.
    pub(super) fn is_gone(&self) -> Result<bool> {
        Ok(self.ports()?.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()))
    }

    /// Kills it and starts it again, at the same address. Meanwhile `client` must be at work, or nothing was tried.
    fn crash(&self, client: &mut Running) -> Result<()> {
        let met = client.is_running();
        self.restart()?;
        if met { Ok(()) } else { Err("the client had ended before the broker was killed".into()) }
    }

    /// Kills it and starts it again, at the same address.
    pub(super) fn restart(&self) -> Result<()> {
        self.run("kill")?;
        wait_until("the end of the broker's ports", || self.is_gone())?;
        self.run("start")?;
        self.check_address()
    }

    /// The ports that it listens on.
    fn ports(&self) -> Result<Vec<u16>> {
        let path = self.script.with_file_name("../../.servers/kafka/ports");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let ports = text.lines().filter_map(|line| line.split_once(' ')?.1.parse().ok());
        Ok(ports.collect())
    }

    /// Lets the script do something.
    pub(super) fn run(&self, command: &str) -> Result<String> {
        let output = Command::new(&self.script)
            .arg(command)
            .output()
            .map_err(|error| format!("{}: {error}", self.script.display()))?;
        if !output.status.success() {
            return Err(format!("{} {command}: {}", self.script.display(), String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = self.run("stop") {
            eprintln!("{error}");
        }
    }
}

/// Kills the broker while a producer writes; the producer ends well, and each of its messages is there once.
pub fn killed_while_producing(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let broker = Broker::start()?;
    for round in 0..rounds {
        let topic = format!("produce-{round}");
        let address = format!("{}/{topic}", broker.storage);
        programs.kafi(&["touch", &address, "--config", "retention.ms=-1"])?;
        let mut writer = programs.produce(&broker.storage, &topic, "writer", MESSAGES)?;
        writer.read(1 + random.below(60))?;
        thread::sleep(Duration::from_micros(random.below(50_000)));
        let whole = |error: String| format!("round {round}: {error}");
        broker.crash(&mut writer.running).map_err(whole)?;
        let written = writer.finish().map_err(whole)?;
        refuse_failure(&written).map_err(whole)?;
        let messages = verify::read(programs, &address).map_err(whole)?;
        if verify::check(&messages, &[written]).map_err(whole)? != 0 || messages.len() as u64 != MESSAGES {
            return Err(whole(format!("{} messages are there, {MESSAGES} were produced", messages.len())));
        }
    }
    Ok(format!("{} messages reported written, each there once and in order, and no other", rounds * MESSAGES))
}

/// Kills the broker while a topic is copied into a folder; the copy ends well, or is resumed, and is equal to its
/// source.
pub fn killed_while_copying(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let broker = Broker::start()?;
    let source = format!("{}/source", broker.storage);
    programs.kafi(&["touch", &source, "--config", "retention.ms=-1"])?;
    refuse_failure(&programs.produce(&broker.storage, "source", "source", MESSAGES)?.finish()?)?;
    let mut resumed = 0;
    for round in 0..rounds {
        let target = format!("./copies/kafka-{round}");
        let partition = programs.folder.join(format!("copies/topics/kafka-{round}/0"));
        let mut copy = programs.start_kafi(&["cp", &source, &target, "--resume", "--rate", RATE], "copy.out")?;
        wait_until("something to be copied", || Ok(bytes(&partition)? > 0 || !copy.is_running()))?;
        thread::sleep(Duration::from_micros(random.below(2_000_000)));
        let whole = |error: String| format!("round {round}: {error}");
        broker.crash(&mut copy).map_err(whole)?;
        let status = copy.wait("the copy").map_err(whole)?;
        if !status.success() {
            resumed += 1;
            programs.kafi(&["cp", &source, &target, "--resume", "-q"]).map_err(whole)?;
        }
        compare(programs, &source, &target).map_err(whole)?;
        verify::dump(&partition, MESSAGES as usize).map_err(whole)?;
    }
    Ok(format!(
        "each copy of {MESSAGES} messages is equal to its source; {resumed} of {rounds} ended with the broker and were resumed"
    ))
}

/// Kills the broker that is copied into; copies and mirrors, out of a folder and out of another topic of it, go on when
/// it is back, and each message is there once.
pub fn killed_targets(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let broker = Broker::start()?;
    let (folder, topic) = ("./soak/target-source".to_string(), format!("{}/target-source", broker.storage));
    programs.kafi(&["touch", &folder])?;
    refuse_failure(&programs.produce("./soak/", "target-source", "source", MESSAGES)?.finish()?)?;
    programs.kafi(&["cp", &folder, &topic, "-q"])?;
    for round in 0..rounds {
        let whole = |error: String| format!("round {round}: {error}");
        let target = format!("{}/target-{round}", broker.storage);
        let (source, follows) = match round % 3 {
            0 => (&folder, true),
            1 => (&topic, true),
            _ => (&folder, false),
        };
        let mut arguments = vec!["cp", source, &target, "--rate", SLOW_RATE];
        arguments.extend(follows.then_some("-f"));
        let mut copy = programs.start_kafi(&arguments, "copy.out")?;
        let copied =
            || programs.kafi(&["cat", &target, "-F", r"%o\n"]).map_or(0, |offsets| offsets.lines().count() as u64);
        wait_until("something to be copied", || Ok(copied() > 0 || !copy.is_running())).map_err(whole)?;
        thread::sleep(Duration::from_micros(random.below(1_000_000)));
        broker.crash(&mut copy).map_err(whole)?;
        if follows {
            wait_until("the mirror", || Ok(copied() >= MESSAGES || !copy.is_running())).map_err(whole)?;
            refuse_end(&mut copy).map_err(whole)?;
        } else if !copy.wait("the copy").map_err(whole)?.success() {
            return Err(whole("the copy failed".into()));
        }
        compare(programs, source, &target).map_err(whole)?;
    }
    Ok(format!(
        "copies and mirrors of {MESSAGES} messages into a broker that was killed went on, and are equal to their source"
    ))
}

/// Kills the broker under a mirror of it, which goes on when it is back; then deletes the topic, which ends the mirror
/// with an error and leaves what it copied.
pub fn sources_that_go(programs: &Programs, random: &mut Random, rounds: u64) -> Result<String> {
    let broker = Broker::start()?;
    for round in 0..rounds {
        let whole = |error: String| format!("round {round}: {error}");
        let (name, target) = (format!("gone-{round}"), format!("./copies/gone-{round}"));
        let source = format!("{}/{name}", broker.storage);
        programs.kafi(&["touch", &source, "--config", "retention.ms=-1"])?;
        refuse_failure(&programs.produce(&broker.storage, &name, "first", MESSAGES)?.finish()?)?;
        let mut mirror = programs.start_kafi(&["cp", &source, &target, "-f", "--rate", SLOW_RATE], "copy.out")?;
        let copied =
            || programs.kafi(&["cat", &target, "-F", r"%o\n"]).map_or(0, |offsets| offsets.lines().count() as u64);
        wait_until("something to be copied", || Ok(copied() > 0 || !mirror.is_running())).map_err(whole)?;
        thread::sleep(Duration::from_micros(random.below(1_000_000)));
        broker.crash(&mut mirror).map_err(whole)?;
        refuse_failure(&programs.produce(&broker.storage, &name, "second", MESSAGES)?.finish()?).map_err(whole)?;
        wait_until("the mirror", || Ok(copied() >= 2 * MESSAGES || !mirror.is_running())).map_err(whole)?;
        refuse_end(&mut mirror).map_err(whole)?;
        compare(programs, &source, &target).map_err(whole)?;
        programs.kafi(&["rm", "-y", &source]).map_err(whole)?;
        if mirror.wait("the mirror of a topic that was deleted").map_err(whole)?.code() != Some(1) {
            return Err(whole("the mirror of a topic that was deleted did not fail".into()));
        }
        if copied() != 2 * MESSAGES {
            return Err(whole("what was copied went with the source".into()));
        }
    }
    Ok(format!(
        "each mirror went on after its source was killed, equal to it with {} messages, and ended with an error when the topic was deleted",
        2 * MESSAGES
    ))
}

/// A mirror does not end by itself.
fn refuse_end(mirror: &mut Running) -> Result<()> {
    if mirror.is_running() { Ok(()) } else { Err("the mirror ended".into()) }
}
