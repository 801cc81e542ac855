//! Several processes at one partition in a bucket or a container, and processes that are killed. The children are this
//! test binary again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafi::{
    Assignment, Batch, ConsumerOptions, Delivery, Isolation, NewTopic, Polled, ProducerOptions, Record, Storage,
    TopicPartition, Watermarks,
};
use kafi_testkit::servers::toxiproxy::Proxy;
use kafi_testkit::servers::variable;

const KIND: &str = "KAFI_PROCESSES_TEST_KIND";
const ADDRESS: &str = "KAFI_PROCESSES_TEST_ADDRESS";
const ROOT: &str = "KAFI_PROCESSES_TEST_ROOT";
const NAME: &str = "KAFI_PROCESSES_TEST_NAME";
const CHUNKS: &str = "KAFI_PROCESSES_TEST_CHUNKS";

const WAIT: Duration = Duration::from_secs(60);

/// How many messages a child hands over before it flushes and says so: the messages of one object.
const CHUNK: usize = 25;

const ROUNDS: usize = 20;

#[test]
fn two_processes_share_a_partition_on_s3() {
    two_processes_share_a_partition("s3");
}

#[test]
fn two_processes_share_a_partition_on_azure() {
    two_processes_share_a_partition("azure");
}

#[test]
fn a_process_killed_between_upload_and_answer_on_s3() {
    killed_between_upload_and_answer("s3");
}

#[test]
fn a_process_killed_between_upload_and_answer_on_azure() {
    killed_between_upload_and_answer("azure");
}

#[test]
fn processes_killed_at_any_moment_on_s3() {
    killed_at_any_moment("s3");
}

#[test]
fn processes_killed_at_any_moment_on_azure() {
    killed_at_any_moment("azure");
}

/// The child of the tests above: for each line that it reads it produces a chunk of messages with its name as key, and
/// says when they are delivered.
#[test]
#[ignore = "started by the other tests of this file"]
fn child() {
    let given = |name| std::env::var(name).unwrap();
    let (storage, name) = (open(&given(KIND), &given(ADDRESS), &given(ROOT)), given(NAME));
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let (mut batch, mut line) = (Batch::new(), String::new());
    for chunk in 0..given(CHUNKS).parse().unwrap() {
        std::io::stdin().read_line(&mut line).unwrap();
        batch.clear();
        for number in chunk * CHUNK..(chunk + 1) * CHUNK {
            batch.push(Record {
                partition: 0,
                ..Record::new("t", Some(name.as_bytes()), Some(number.to_string().as_bytes()))
            });
        }
        assert_eq!(producer.produce(&batch, 0, 1, WAIT).unwrap(), CHUNK);
        producer.flush(WAIT).unwrap();
        let reports = producer.reports(WAIT).unwrap();
        assert!(reports.iter().all(|report| matches!(report.delivery, Delivery::At(_))), "{reports:?}");
        println!("delivered {}", (chunk + 1) * CHUNK);
    }
    producer.close(WAIT).unwrap();
}

/// Both children get each chunk at the same moment, and the next one when both are done, so that neither can run ahead
/// of the other.
fn two_processes_share_a_partition(kind: &str) {
    const CHUNKS_EACH: usize = 6;
    for _ in 0..ROUNDS {
        let topic = Topic::new(kind);
        let mut children = ["a", "b"].map(|name| topic.start(name, CHUNKS_EACH, &address(kind)));
        for chunk in 1..=CHUNKS_EACH {
            children.iter_mut().for_each(|child| child.go(1));
            for child in &mut children {
                assert_eq!(child.delivered(), Some(chunk * CHUNK));
            }
        }
        children.into_iter().for_each(Running::end);
        assert_eq!(topic.check().len(), 2 * CHUNKS_EACH * CHUNK);
    }
}

fn killed_between_upload_and_answer(kind: &str) {
    let toxiproxy = variable("KAFI_TEST_TOXIPROXY");
    for round in 0..5 {
        let topic = Topic::new(kind);
        let proxy = Proxy::new(toxiproxy, &address(kind));
        let mut child = topic.start("killed", 2, &proxy.address);
        child.go(1);
        assert_eq!(child.delivered().unwrap(), CHUNK);
        // From here on no answer comes back, so that the child can never learn that its second chunk is there.
        proxy.poison("limit_data", "downstream", r#"{"bytes":1}"#);
        child.go(1);
        while topic.watermarks().high < 2 * CHUNK as i64 {
            std::thread::yield_now();
        }
        child.kill();
        let mut next = topic.start("next", 3, &address(kind));
        next.go(3);
        next.end();
        let read = topic.check();
        assert_eq!(read.len(), 5 * CHUNK, "round {round}");
    }
}

fn killed_at_any_moment(kind: &str) {
    let topic = Topic::new(kind);
    let mut delivered = Vec::new();
    for round in 0..ROUNDS {
        let name = format!("round {round}");
        let mut child = topic.start(&name, 1_000, &address(kind));
        child.go(1_000);
        let mut last = 0;
        while last < (1 + round % 5) * CHUNK {
            last = child.delivered().unwrap();
        }
        child.kill();
        // What it said between the last look and its end counts as well.
        while let Some(more) = child.delivered() {
            last = more;
        }
        delivered.push((name, last));
    }
    let read = topic.check();
    for (name, count) in delivered {
        let found = read.iter().filter(|(key, _)| *key == name).count();
        assert!(found >= count && found.is_multiple_of(CHUNK), "{name}: {count} were delivered, {found} are there");
    }
}

/// A topic with one partition, in a place of its own.
struct Topic {
    kind: String,
    root: String,
    storage: Arc<dyn Storage>,
}

impl Topic {
    fn new(kind: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let root = format!("processes-{now:x}-{}", std::process::id());
        let storage = open(kind, &address(kind), &root);
        storage.admin().unwrap().create_topic(&NewTopic { partitions: Some(1), ..NewTopic::new("t") }, WAIT).unwrap();
        Self { kind: kind.to_string(), root, storage }
    }

    fn start(&self, name: &str, chunks: usize, address: &str) -> Running {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["child", "--exact", "--ignored", "--nocapture"])
            .env(KIND, &self.kind)
            .env(ADDRESS, address)
            .env(ROOT, &self.root);
        command.env(NAME, name).env(CHUNKS, chunks.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Running { stdin: process.stdin.take().unwrap(), lines, process }
    }

    fn watermarks(&self) -> Watermarks {
        let partition = TopicPartition { topic: "t".into(), partition: 0 };
        let mut all = self.storage.admin().unwrap().watermarks(&[partition], Isolation::ReadCommitted, WAIT).unwrap();
        all.remove(0)
    }

    /// Reads all messages, as key and number, and checks that the offsets have no gaps and each sender's messages come
    /// once and in order.
    fn check(&self) -> Vec<(String, usize)> {
        let high = self.watermarks().high;
        let mut consumer = self.storage.consumer(&ConsumerOptions::default()).unwrap();
        consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(high) }], WAIT).unwrap();
        let (mut batch, mut read, mut next) = (Batch::new(), Vec::new(), HashMap::<String, usize>::new());
        while consumer.poll(&mut batch, WAIT).unwrap() == Polled::Records {
            for record in batch.iter() {
                assert_eq!(record.offset, read.len() as i64);
                let text = |bytes: Option<&[u8]>| std::str::from_utf8(bytes.unwrap()).unwrap().to_string();
                let (key, number) = (text(record.key), text(record.value).parse().unwrap());
                let next = next.entry(key.clone()).or_default();
                assert_eq!(number, *next, "of {key}");
                *next += 1;
                read.push((key, number));
            }
        }
        assert_eq!(read.len() as i64, high);
        read
    }
}

/// A child at work.
struct Running {
    process: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Lets it write this many chunks.
    fn go(&mut self, chunks: usize) {
        self.stdin.write_all("\n".repeat(chunks).as_bytes()).unwrap();
    }

    /// How many messages it has delivered by now, when it says so the next time; `None` when it has ended.
    fn delivered(&mut self) -> Option<usize> {
        self.lines
            .by_ref()
            .map_while(|line| line.ok())
            .find_map(|line| line.split_once("delivered ")?.1.trim().parse().ok())
    }

    fn end(mut self) {
        while self.delivered().is_some() {}
        assert!(self.process.wait().unwrap().success());
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Where a server is, as host:port.
fn address(kind: &str) -> String {
    let url = variable(&format!("KAFI_TEST_{}", kind.to_uppercase())).trim_start_matches("http://");
    url.split('/').next().unwrap().to_string()
}

fn open(kind: &str, address: &str, root: &str) -> Arc<dyn Storage> {
    let text = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>()
    };
    let mut properties = text(&[("root.dir", root)]);
    if kind == "s3" {
        properties.extend(text(&[
            ("access.key", variable("KAFI_TEST_S3_ACCESS_KEY")),
            ("secret.key", variable("KAFI_TEST_S3_SECRET_KEY")),
        ]));
        properties.extend(text(&[
            ("endpoint", &format!("http://{address}")),
            ("bucket.name", "kafi-processes"),
            ("bucket.create", "true"),
        ]));
        return kafi_s3::open("s3", &properties).unwrap();
    }
    let (account, key) = (variable("KAFI_TEST_AZURE_ACCOUNT"), variable("KAFI_TEST_AZURE_KEY"));
    properties.extend(text(&[
        ("endpoint", &format!("http://{address}/{account}")),
        ("account.name", account),
        ("account.key", key),
    ]));
    properties.extend(text(&[("container.name", "kafi-processes"), ("container.create", "true")]));
    kafi_azure::open("azure", &properties).unwrap()
}
