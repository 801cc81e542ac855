//! The jobs, and how each tool does them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::load::{Load, PATTERN};
use super::measure::{Run, Tool, median};
use super::table::{Target, row};
use crate::{Result, command, workspace};

const TUNED: [&str; 3] = ["queued.min.messages=10000000", "queued.max.messages.kbytes=1048576", "fetch.wait.max.ms=10"];
const IDEMPOTENT: &str = "enable.idempotence=true";

/// A short job is run this many times as often as a long one, for it is as noisy as it is short.
const SHORT_RUNS: usize = 4;

const FOLDER_TOPICS: usize = 1000;

/// Where everything is.
pub struct Bench {
    kafi: String,
    bare: String,
    kafka: String,
    python: String,
    confluent: String,
    brokers: String,
    source: String,
    sink: String,
    folder: PathBuf,
    runs: usize,
}

/// A job: Kafi first, then its peers, each with the target beside it.
struct Job<'a> {
    name: &'static str,
    load: String,
    kafi: Tool,
    peers: Vec<(Tool, Option<Target>)>,
    /// What Kafi alone has to reach.
    targets: Vec<Target>,
    /// What each run finds, and leaves.
    place: Place<'a>,
    is_short: bool,
}

/// What a run works on, beside what it reads.
enum Place<'a> {
    /// Nothing but its output, which has this many lines unless there is nothing to count.
    Output(Option<u64>),
    /// An empty topic, which then holds all messages of the load.
    Topic(&'a Load),
    /// A folder that is not there at first.
    Folder,
}

impl Bench {
    /// Takes the binaries from the folder `release`, and keeps all files in `folder`.
    pub fn new(release: &Path, brokers: &str, folder: &Path, runs: usize) -> Result<Self> {
        let text = |path: PathBuf| {
            path.into_os_string().into_string().map_err(|path| format!("{}: not UTF-8", path.display()))
        };
        let root = workspace::root();
        let topic = |name: &str| format!("kafi-bench-{}-{name}", std::process::id());
        Ok(Self {
            kafi: text(release.join("kafi"))?,
            bare: text(release.join("examples/bare"))?,
            kafka: text(root.join("tests/servers/kafka"))?,
            python: text(root.join(".servers/bench/bin/python"))?,
            confluent: text(root.join("benches/confluent.py"))?,
            brokers: brokers.to_string(),
            source: topic("source"),
            sink: topic("sink"),
            folder: folder.to_path_buf(),
            runs,
        })
    }

    /// Start-up, listing, and reading little.
    pub fn small_jobs(&self) -> Result<()> {
        let kafi = |args: &[&str]| Tool::new("kafi", &[&[self.kafi.as_str()], args].concat());
        let short = |name, load: &str, kafi, peers, targets, lines| Job {
            name,
            load: load.into(),
            kafi,
            peers,
            targets,
            place: Place::Output(lines),
            is_short: true,
        };
        let kcat_version = Tool::new("kcat -V", &["kcat", "-V"]);
        self.run(&short("start-up (version)", "", kafi(&["version"]), vec![(kcat_version, None)], vec![], None))?;
        let list = Tool::new("kcat -L", &["kcat", "-L", "-b", &self.brokers]);
        let target = Some(Target::RatioOrSeconds(0.5, 0.03));
        self.run(&short("ls of a broker", "", kafi(&["ls", &self.address("")]), vec![(list, target)], vec![], None))?;
        let many = self.path("many/");
        let topics: Vec<String> = (0..FOLDER_TOPICS).map(|number| format!("{many}topic-{number}")).collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        self.kafi(&[&["-q", "touch"], topics.as_slice()].concat())?;
        let lines = Some(FOLDER_TOPICS as u64);
        self.run(&short(
            "ls of a folder",
            "1000 topics",
            kafi(&["ls", &many]),
            vec![],
            vec![Target::Seconds(0.02)],
            lines,
        ))?;

        let load = Load { messages: 1000, value_bytes: 100, partitions: 1, compression: "none" };
        self.fill(&load)?;
        let source = self.address(&self.source);
        let peers = vec![
            (self.kcat_consume("kcat tuned", &TUNED), None),
            (self.bare_consume("bare librdkafka to a file", &load, true), None),
        ];
        let read = short(
            "read 1,000 messages",
            "1000 x 100 B",
            kafi(&["cat", &source]),
            peers,
            vec![Target::Seconds(0.05)],
            None,
        );
        self.run(&read)?;
        self.empty()
    }

    /// All long jobs with one load; targets stand beside small messages in one partition.
    pub fn all_jobs(&self, load: Load) -> Result<()> {
        self.fill(&load)?;
        let has_targets = load.value_bytes == 100 && load.partitions == 1 && load.compression == "none";
        let ratio = |ratio| has_targets.then_some(Target::Ratio(ratio));
        let (source, sink) = (self.address(&self.source), self.address(&self.sink));
        let (lines, backup) = (self.path("lines"), self.path("backup/"));
        let saved = format!("{backup}{}", self.source);
        let compression = format!("compression.type={}", load.compression);
        let kafi = |args: &[&str]| Tool::new("kafi", &[&[self.kafi.as_str()], args].concat());
        let job = |name, kafi, peers, place| Job {
            name,
            load: load.name(),
            kafi,
            peers,
            targets: vec![Target::Megabytes(150.0)],
            place,
            is_short: false,
        };

        let peers = vec![
            (self.bare_consume("bare librdkafka to memory", &load, false), None),
            (self.bare_consume("bare librdkafka to a file", &load, true), None),
            (self.kcat_consume("kcat tuned", &TUNED), ratio(1.0)),
            (self.kcat_consume("kcat default", &[]), None),
            (self.confluent("consume", &TUNED, &load), None),
            (self.java_consume(&load), None),
        ];
        self.run(&job("cat to a file", kafi(&["cat", &source]), peers, Place::Output(None)))?;
        self.check_lines(&load)?;

        let peers = vec![
            (self.bare_produce("bare librdkafka, idempotent", &[IDEMPOTENT, &compression]), None),
            (self.kcat_produce("kcat idempotent", &[IDEMPOTENT, &compression]), ratio(1.0)),
            (self.kcat_produce("kcat default", &[&compression]), ratio(0.85)),
            (self.confluent("produce", &[IDEMPOTENT, &compression], &load), None),
            (self.java_produce(&load, &compression), None),
        ];
        let produce = kafi(&["-q", "produce", &sink, "-K:", "-l", &lines, "-X", &compression]);
        self.run(&job("produce from a file", produce, peers, Place::Topic(&load)))?;

        let peers = vec![(self.bare_consume("bare librdkafka to a file", &load, true), ratio(1.0))];
        self.run(&job("cp Kafka → folder", kafi(&["-q", "cp", &source, &backup]), peers, Place::Folder))?;

        self.kafi(&["-q", "cp", &source, &backup])?;
        let peers = vec![
            (self.bare_produce("bare librdkafka, idempotent", &[IDEMPOTENT, &compression]), None),
            (self.kcat_produce("kcat idempotent", &[IDEMPOTENT, &compression]), None),
        ];
        let copy = kafi(&["-q", "cp", &saved, &sink, "-X", &compression]);
        self.run(&job("cp folder → Kafka", copy, peers, Place::Topic(&load)))?;

        let copy = kafi(&["-q", "cp", &source, &sink, "-X", &compression]);
        self.run(&job("cp Kafka → Kafka", copy, vec![(self.kcat_copy(&compression), None)], Place::Topic(&load)))?;

        let found = || Place::Output(Some(load.refunded()));
        let kcat = self.kcat_consume("", &TUNED).line();
        let kcat = Tool::shell("kcat tuned, piped into grep", &format!("{kcat} | grep '{PATTERN}'"));
        self.run(&job("grep over Kafka", kafi(&["grep", PATTERN, &source]), vec![(kcat, ratio(1.3))], found()))?;
        let ripgrep = Tool::new("ripgrep over lines", &["rg", PATTERN, &lines]);
        self.run(&job("grep in a folder", kafi(&["grep", PATTERN, &saved]), vec![(ripgrep, ratio(0.5))], found()))?;
        self.empty()
    }

    /// The memory that many partitions of large messages take.
    pub fn many_partitions(&self, load: Load) -> Result<()> {
        self.fill(&load)?;
        let (source, backup) = (self.address(&self.source), self.path("backup/"));
        for (name, args, place) in [
            ("cat to a file", ["cat", &source, "-q"], Place::Output(None)),
            ("cp Kafka → folder", ["cp", &source, &backup], Place::Folder),
        ] {
            let kafi = Tool::new("kafi", &[&[self.kafi.as_str()], args.as_slice()].concat());
            let peers = vec![(self.bare_consume("bare librdkafka to a file", &load, true), None)];
            self.run(&Job {
                name,
                load: load.name(),
                kafi,
                peers,
                targets: vec![Target::Megabytes(200.0)],
                place,
                is_short: false,
            })?;
        }
        self.empty()
    }

    /// Runs all tools of a job in turn, and prints its rows.
    fn run(&self, job: &Job<'_>) -> Result<()> {
        let runs = if job.is_short { self.runs * SHORT_RUNS } else { self.runs };
        let mut kafi = Vec::new();
        let mut peers: Vec<Vec<Run>> = vec![Vec::new(); job.peers.len()];
        for _ in 0..runs {
            kafi.push(self.once(job, &job.kafi)?);
            for ((peer, _), runs) in job.peers.iter().zip(&mut peers) {
                runs.push(self.once(job, peer)?);
            }
        }
        let kafi = median(&kafi);
        for ((peer, target), runs) in job.peers.iter().zip(&peers) {
            row(job.name, &job.load, kafi, Some((peer.name, median(runs))), *target);
        }
        for target in &job.targets {
            row(job.name, &job.load, kafi, None, Some(*target));
        }
        Ok(())
    }

    /// One run of one tool, with what comes before and after it and is not measured.
    fn once(&self, job: &Job<'_>, tool: &Tool) -> Result<Run> {
        match &job.place {
            Place::Output(lines) => {
                let run = tool.run(&self.folder, !job.is_short)?;
                match lines {
                    Some(lines) => self.check_output(tool, *lines).map(|()| run),
                    None => Ok(run),
                }
            }
            Place::Topic(load) => {
                self.touch(&self.sink, load)?;
                let run = tool.run(&self.folder, !job.is_short)?;
                self.check_topic(tool, load)?;
                self.kafi(&["-q", "rm", "-y", &self.address(&self.sink)])?;
                Ok(run)
            }
            Place::Folder => {
                let run = tool.run(&self.folder, !job.is_short)?;
                self.remove_backup()?;
                Ok(run)
            }
        }
    }

    fn check_output(&self, tool: &Tool, expected: u64) -> Result<()> {
        let lines = count_lines(&self.folder.join("output"))?;
        // A table of topics has a head.
        if lines == expected || lines == expected + 1 {
            Ok(())
        } else {
            Err(format!("{}: {lines} lines instead of {expected}", tool.name))
        }
    }

    /// Whether `cat` prints all messages; the other tools stop by themselves when they have all.
    fn check_lines(&self, load: &Load) -> Result<()> {
        let tool = Tool::new("kafi cat", &[&self.kafi, "cat", &self.address(&self.source)]);
        tool.run(&self.folder, false)?;
        self.check_output(&tool, load.messages)
    }

    fn check_topic(&self, tool: &Tool, load: &Load) -> Result<()> {
        let output = Command::new(&self.kafi).args(["ls", "-l", "--json", &self.address(&self.sink)]).output();
        let output = output.map_err(|error| format!("kafi ls: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let expected = format!("\"messages\":{},", load.messages);
        if text.contains(&expected) { Ok(()) } else { Err(format!("{}: {expected} is not in {text}", tool.name)) }
    }

    /// Makes the source and the files of lines.
    fn fill(&self, load: &Load) -> Result<()> {
        let lines = self.folder.join("lines");
        load.write(&lines, true)?;
        self.touch(&self.source, load)?;
        let compression = format!("compression.type={}", load.compression);
        let lines = self.path("lines");
        self.kafi(&["-q", "produce", &self.address(&self.source), "-K:", "-l", &lines, "-X", &compression])
    }

    fn touch(&self, topic: &str, load: &Load) -> Result<()> {
        let partitions = load.partitions.to_string();
        self.kafi(&["-q", "touch", &self.address(topic), "--partitions", &partitions, "--config", "retention.ms=-1"])
    }

    /// Removes what a load left.
    fn empty(&self) -> Result<()> {
        self.remove_backup()?;
        self.kafi(&["-q", "rm", "-y", &self.address(&self.source)])
    }

    fn remove_backup(&self) -> Result<()> {
        let backup = self.folder.join("backup");
        if backup.exists() {
            fs::remove_dir_all(&backup).map_err(|error| format!("{}: {error}", backup.display()))
        } else {
            Ok(())
        }
    }

    fn kafi(&self, args: &[&str]) -> Result<()> {
        command::run(
            &format!("kafi {}", args.first().copied().unwrap_or_default()),
            Command::new(&self.kafi).args(args),
        )
    }

    fn address(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.brokers)
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.display())
    }

    fn bare_consume(&self, name: &'static str, load: &Load, is_to_file: bool) -> Tool {
        let (partitions, file) = (load.partitions.to_string(), self.path("bare"));
        let line = [self.bare.as_str(), "consume", &self.brokers, &self.source, &partitions, &file];
        Tool::new(name, if is_to_file { &line } else { &line[..5] })
    }

    fn bare_produce(&self, name: &'static str, properties: &[&str]) -> Tool {
        let lines = self.path("lines");
        Tool::new(name, &[&[self.bare.as_str(), "produce", &self.brokers, &self.sink, &lines], properties].concat())
    }

    fn kcat_consume(&self, name: &'static str, properties: &[&str]) -> Tool {
        let line = ["kcat", "-C", "-q", "-e", "-b", &self.brokers, "-t", &self.source, "-o", "beginning"];
        Tool::new(name, &[&line, with_flag(properties).as_slice()].concat())
    }

    fn kcat_produce(&self, name: &'static str, properties: &[&str]) -> Tool {
        let lines = self.path("lines");
        let line = ["kcat", "-P", "-b", &self.brokers, "-t", &self.sink, "-K:", "-l", &lines];
        Tool::new(name, &[&line, with_flag(properties).as_slice()].concat())
    }

    fn kcat_copy(&self, compression: &str) -> Tool {
        let read = self.kcat_consume("", &TUNED).line();
        let write = format!("kcat -P -b {} -t {} -K: -X {IDEMPOTENT} -X {compression}", self.brokers, self.sink);
        Tool::shell("kcat tuned, piped into kcat idempotent", &format!("{read} -K: | {write}"))
    }

    fn confluent(&self, job: &str, properties: &[&str], load: &Load) -> Tool {
        let (partitions, lines, output) = (load.partitions.to_string(), self.path("lines"), self.path("python"));
        let start = [self.python.as_str(), &self.confluent, job, &self.brokers];
        let of_job: &[&str] =
            if job == "consume" { &[&self.source, &partitions, &output] } else { &[&self.sink, &lines] };
        Tool::new(
            if job == "consume" { "Python, tuned" } else { "Python, idempotent" },
            &[&start, of_job, properties].concat(),
        )
    }

    fn java_consume(&self, load: &Load) -> Tool {
        let messages = load.messages.to_string();
        let class = "org.apache.kafka.tools.ConsumerPerformance";
        let line = [
            &self.kafka,
            "tool",
            class,
            "--bootstrap-server",
            &self.brokers,
            "--topic",
            &self.source,
            "--num-records",
            &messages,
        ];
        Tool::new("Java ConsumerPerformance (no output)", &line)
    }

    fn java_produce(&self, load: &Load, compression: &str) -> Tool {
        let (messages, bytes) = (load.messages.to_string(), load.value_bytes.to_string());
        let class = "org.apache.kafka.tools.ProducerPerformance";
        let line = [
            &self.kafka,
            "tool",
            class,
            "--bootstrap-server",
            &self.brokers,
            "--topic",
            &self.sink,
            "--num-records",
            &messages,
        ];
        let load = ["--record-size", &bytes, "--throughput", "-1", "--command-property", compression];
        Tool::new("Java ProducerPerformance (no input)", &[line.as_slice(), &load].concat())
    }
}

fn with_flag<'a>(properties: &[&'a str]) -> Vec<&'a str> {
    properties.iter().flat_map(|&property| ["-X", property]).collect()
}

fn count_lines(path: &Path) -> Result<u64> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = fs::File::open(path).map_err(failed)?;
    let (mut buffer, mut lines) = (vec![0; 1 << 20], 0);
    loop {
        let bytes = file.read(&mut buffer).map_err(failed)?;
        if bytes == 0 {
            return Ok(lines);
        }
        lines += buffer[..bytes].iter().filter(|&&byte| byte == b'\n').count() as u64;
    }
}
