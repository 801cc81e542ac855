//! The programs under test: kafi, and the producer whose reports are read as they come.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::random::Random;
use crate::Result;

/// What is waited for comes within this time.
const PATIENCE: Duration = Duration::from_secs(180);

/// Where the programs are, and the folder in which they run.
pub struct Programs {
    /// The command line.
    pub kafi: PathBuf,
    /// The producer that prints its reports.
    pub child: PathBuf,
    /// Where they run.
    pub folder: PathBuf,
}

impl Programs {
    /// Runs kafi to its end, and returns what it prints; an exit code other than 0 is an error with what it says.
    pub fn kafi(&self, args: &[&str]) -> Result<String> {
        let output = self.command(&self.kafi).args(args).output().map_err(|error| format!("kafi: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "kafi {}: {}: {}",
                args.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim_end()
            ));
        }
        String::from_utf8(output.stdout).map_err(|_| format!("kafi {}: what it printed is not text", args.join(" ")))
    }

    /// Starts kafi, with its output in a file of the folder.
    pub fn start_kafi(&self, args: &[&str], output: &str) -> Result<Running> {
        let create =
            |name: &str| std::fs::File::create(self.folder.join(name)).map_err(|error| format!("{name}: {error}"));
        let child = self
            .command(&self.kafi)
            .args(args)
            .stdout(create(output)?)
            .stderr(create(&format!("{output}.err"))?)
            .spawn();
        Ok(Running(child.map_err(|error| format!("kafi: {error}"))?))
    }

    /// Starts a producer of `count` messages with the key `name`.
    pub fn produce(&self, storage: &str, topic: &str, name: &str, count: u64) -> Result<Writer> {
        self.start_writer(self.command(&self.child), storage, topic, name, count)
    }

    /// The same under strace, which makes system calls fail as the arguments `inject` say.
    pub fn produce_under_strace(&self, inject: &[&str], topic: &str, name: &str, count: u64) -> Result<Writer> {
        let mut command = self.command(Path::new("strace"));
        command.args(["-f", "-qq", "-o", "strace.out"]).args(inject).arg(&self.child);
        self.start_writer(command, "./soak/", topic, name, count)
    }

    fn start_writer(&self, mut command: Command, storage: &str, topic: &str, name: &str, count: u64) -> Result<Writer> {
        command.args([storage, topic, name, &count.to_string()]).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("soak_child: {error}"))?;
        let stdout = child.stdout.take().expect("stdout is a pipe");
        Ok(Writer {
            running: Running(child),
            lines: BufReader::new(stdout),
            written: Written { name: name.to_string(), ..Written::default() },
        })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env_remove("KAFI_HOME").env_remove("KAFI_STORAGE").stdin(Stdio::null());
        command
    }
}

/// A program that is killed when nobody waits for it any more.
pub struct Running(Child);

impl Running {
    /// Kills it, as `kill -9` does, unless it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.0.kill().and_then(|()| self.0.wait()).map(drop).map_err(|error| format!("kill: {error}"))
    }

    /// Waits for its end, which is to come in time.
    pub fn wait(&mut self, what: &str) -> Result<ExitStatus> {
        let mut status = None;
        wait_until(&format!("the end of {what}"), || {
            status = self.0.try_wait().map_err(|error| format!("{what}: {error}"))?;
            Ok(status.is_some())
        })?;
        Ok(status.expect("it was waited for"))
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _ = self.kill();
    }
}

/// Messages that were reported written.
pub struct Ack {
    /// The number of the first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// The offset of the first.
    pub offset: i64,
}

/// What a producer has said.
#[derive(Default)]
pub struct Written {
    /// The key of its messages.
    pub name: String,
    /// Its reports of success.
    pub acks: Vec<Ack>,
    /// Its report of a failure.
    pub failed: Option<String>,
}

impl Written {
    /// How many messages were reported written.
    pub fn messages(&self) -> u64 {
        self.acks.iter().map(|ack| ack.count).sum()
    }
}

/// A producer that runs.
pub struct Writer {
    /// Its process.
    pub running: Running,
    lines: BufReader<ChildStdout>,
    written: Written,
}

impl Writer {
    /// Reads `reports` reports, or all until the end.
    pub fn read(&mut self, reports: u64) -> Result<()> {
        let mut line = String::new();
        for _ in 0..reports {
            line.clear();
            if self.lines.read_line(&mut line).map_err(|error| format!("soak_child: {error}"))? == 0 {
                return Ok(());
            }
            // The last line of one that was killed may be cut; what was not said in full was not said.
            if line.ends_with('\n') {
                self.take(line.trim_end())?;
            }
        }
        Ok(())
    }

    /// Kills it a random moment after a random number of reports, and says what it had reported until then.
    pub fn kill(mut self, random: &mut Random, reports_max: u64) -> Result<Written> {
        self.read(random.below(reports_max))?;
        thread::sleep(Duration::from_micros(random.below(20_000)));
        self.running.kill()?;
        self.read(u64::MAX)?;
        Ok(self.written)
    }

    /// Waits for its end, and says what it reported; a failure among the reports is for the caller to judge.
    pub fn finish(mut self) -> Result<Written> {
        self.read(u64::MAX)?;
        let status = self.running.wait(&self.written.name)?;
        match status.code() {
            Some(0 | 2) => Ok(self.written),
            _ => Err(format!("the producer {} ended with {status}", self.written.name)),
        }
    }

    fn take(&mut self, line: &str) -> Result<()> {
        let unknown = || format!("soak_child printed {line:?}");
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().ok_or_else(unknown);
        let (kind, first, count, rest) = (word()?, word()?, word()?, word()?);
        if kind == "failed" {
            self.written.failed = Some(rest.to_string());
            return Ok(());
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| unknown());
        self.written.acks.push(Ack {
            first: number(first)?,
            count: number(count)?,
            offset: rest.parse().map_err(|_| unknown())?,
        });
        Ok(())
    }
}

/// Waits until something holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !holds()? {
        if start.elapsed() > PATIENCE {
            return Err(format!("{what} did not come in {} s", PATIENCE.as_secs()));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
