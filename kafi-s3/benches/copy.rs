//! Copies a topic from a folder to S3 and back, beside plain puts and gets of as many bytes in objects of the same size
//! with the same SDK, in turn, on the server of the tests.
//!
//! `cargo bench -p kafi-s3` takes 256 MiB in one partition and in four; `cargo bench -p kafi-s3 -- 2048` takes so many
//! MiB. It also prints the peak memory of the process.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{Batch, NewTopic, ProducerOptions, Record, Settings, Storage};
use kafi_fs::FolderOptions;
use kafi_objects::{ObjectIo, ObjectOptions, Precondition, PutRequest};
use kafi_shell::Kafi;
use kafi_testkit::servers::variable;

const WAIT: Duration = Duration::from_secs(600);
const ROUNDS: usize = 3;
const VALUE_BYTES: usize = 1000;
const TOPIC: &str = "copied";

fn main() {
    let megabytes = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(256);
    let objects = kafi_s3::open_objects("bench", &properties("raw")).unwrap();
    let remote = kafi(kafi_s3::open("bench", &properties("topics")).unwrap());
    let folder = tempfile::tempdir().unwrap();
    println!("{megabytes} MiB of messages of {VALUE_BYTES} bytes; medians of {ROUNDS} rounds in MiB/s\n");
    println!(
        "| partitions | | kafi | plain, one at a time | ratio | plain, as many at a time | ratio |\n|--:|---|--:|--:|--:|--:|--:|"
    );
    for partitions in [1, 4] {
        let local = open_folder(&folder.path().join(format!("source-{partitions}")));
        fill(&local, partitions, megabytes);
        let mut times: [Vec<Duration>; 6] = Default::default();
        for _ in 0..ROUNDS {
            times[0].push(timed(|| assert!(local.cp(TOPIC, &remote, TOPIC).unwrap().written > 0)));
            times[1].push(timed(|| put(&objects, megabytes, 1)));
            times[2].push(timed(|| put(&objects, megabytes, partitions)));
            let back = tempfile::tempdir().unwrap();
            let back = open_folder(back.path());
            times[3].push(timed(|| assert!(remote.cp(TOPIC, &back, TOPIC).unwrap().written > 0)));
            times[4].push(timed(|| get(&objects, megabytes, 1)));
            times[5].push(timed(|| get(&objects, megabytes, partitions)));
            remote.rm(TOPIC).unwrap();
        }
        let [to, put, puts, from, get, gets] = times.map(|mut times| {
            times.sort();
            megabytes as f64 / times[ROUNDS / 2].as_secs_f64()
        });
        for (what, kafi, one, many) in [("folder → S3", to, put, puts), ("S3 → folder", from, get, gets)] {
            println!(
                "| {partitions} | {what} | {kafi:.0} | {one:.0} | {:.2} | {many:.0} | {:.2} |",
                kafi / one,
                kafi / many
            );
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("\n{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

/// What opens the server of the tests, below a root of its own.
fn properties(root: &str) -> Vec<(String, String)> {
    let root = format!("bench-{}-{root}", std::process::id());
    let pairs = [
        ("endpoint", variable("KAFI_TEST_S3")),
        ("access.key", variable("KAFI_TEST_S3_ACCESS_KEY")),
        ("secret.key", variable("KAFI_TEST_S3_SECRET_KEY")),
        ("bucket.name", "kafi-bench"),
        ("bucket.create", "true"),
        ("root.dir", &root),
    ];
    pairs.map(|(key, value)| (key.to_string(), value.to_string())).to_vec()
}

fn kafi(storage: Arc<dyn Storage>) -> Kafi {
    Kafi::new(storage, Settings::default())
}

fn open_folder(root: &Path) -> Kafi {
    kafi(Arc::new(kafi_fs::open_folder("folder", root, FolderOptions::default()).unwrap()))
}

/// Fills a topic with messages that do not compress well.
fn fill(local: &Kafi, partitions: usize, megabytes: usize) {
    local.create(&NewTopic::new(TOPIC).partitions(partitions as i32)).unwrap();
    let mut producer = local.storage().producer(&ProducerOptions::default()).unwrap();
    let value: Vec<u8> = (0..VALUE_BYTES as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let messages = (megabytes << 20) / VALUE_BYTES;
    let mut batch = Batch::new();
    for number in 0..messages {
        batch.push(Record {
            partition: (number % partitions) as i32,
            ..Record::new(TOPIC, Some(&number.to_be_bytes()), Some(&value))
        });
        if batch.is_full() || number + 1 == messages {
            let mut from = 0;
            while from < batch.len() {
                from += producer.produce(&batch, from, number as u64, WAIT).unwrap();
            }
            producer.reports(Duration::ZERO).unwrap();
            batch.clear();
        }
    }
    producer.close(WAIT).unwrap();
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn object_bytes() -> usize {
    usize::try_from(ObjectOptions::default().object_bytes).unwrap()
}

fn keys(megabytes: usize) -> Vec<String> {
    (0..(megabytes << 20) / object_bytes()).map(|number| format!("{number:020}")).collect()
}

/// Plain puts, so many at a time.
fn put(objects: &Arc<dyn ObjectIo>, megabytes: usize, at_a_time: usize) {
    let bytes = bytes::Bytes::from(vec![7; object_bytes()]);
    share(&keys(megabytes), at_a_time, |key| {
        let request = PutRequest { key, bytes: bytes.clone(), precondition: Precondition::None, metadata: &[] };
        objects.put(&request, Instant::now() + WAIT).unwrap();
    });
}

/// Plain gets, so many at a time.
fn get(objects: &Arc<dyn ObjectIo>, megabytes: usize, at_a_time: usize) {
    share(&keys(megabytes), at_a_time, |key| {
        let mut bytes = Vec::new();
        objects.get(key, None, &mut bytes, Instant::now() + WAIT).unwrap();
        assert_eq!(bytes.len(), object_bytes());
    });
}

fn share(keys: &[String], threads: usize, work: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for share in keys.chunks(keys.len().div_ceil(threads)) {
            scope.spawn(|| share.iter().for_each(|key| work(key)));
        }
    });
}
