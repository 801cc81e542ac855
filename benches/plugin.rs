//! What the plugin interface costs: the same storage linked and loaded, in turns, in nanoseconds a message of 100
//! bytes; and the same bytes moved without any storage.
//!
//! `cargo bench --bench plugin --features fs,plugins`, perhaps with `-- MESSAGES RUNS`.

use std::env;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kafi::{
    Assignment, Batch, Consumer, ConsumerOptions, Kafi, NewTopic, Plugins, Polled, ProducerOptions, Record, Registry,
    Storage,
};

const WAIT: Duration = Duration::from_secs(60);
const VALUE: [u8; 92] = [b'v'; 92];
const TOPIC: &str = "t";

fn main() -> kafi::Result<()> {
    let numbers: Vec<usize> = env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (messages, runs) = (numbers.first().copied().unwrap_or(2_000_000), numbers.get(1).copied().unwrap_or(7));
    let folder = tempfile::TempDir::new().expect("a temporary folder can be made");
    let sides = [("linked", Registry::new()), ("loaded", Registry::new().with_plugins(Plugins::named(vec![plugin()])))];
    let mut taken = [const { [const { Vec::new() }; 4] }; 3];
    for run in 0..runs {
        for (side, (name, registry)) in sides.iter().enumerate() {
            let root = folder.path().join(format!("{name}-{run}"));
            let of = |part: &str| registry.open(&format!("{}/{part}/", root.display()));
            let (source, target) = (of("source")?, of("target")?);
            taken[side][0].push(produce(source.storage(), messages)?);
            taken[side][1].push(consume(source.storage(), messages)?);
            taken[side][2].push(copy(&source, &target)?);
            let memory = registry.open("mem:")?;
            memory.admin()?.topics(&[], WAIT)?.iter().try_for_each(|topic| memory.rm(&topic.name))?;
            produce(memory.storage(), messages)?;
            taken[side][3].push(consume(memory.storage(), messages)?);
            std::fs::remove_dir_all(&root).expect("the folder can be removed");
        }
        taken[2][1].push(fill(messages));
    }
    println!("{messages} messages, best of {runs} runs, ns a message\n");
    println!("| | linked | loaded | loaded / linked |\n|---|--:|--:|--:|");
    for (index, job) in
        ["produce to a folder", "consume from a folder", "copy from folder to folder", "consume from memory"]
            .iter()
            .enumerate()
    {
        let [linked, loaded] = [0, 1].map(|side| best(&taken[side][index]) / messages as f64);
        println!("| {job} | {linked:.1} | {loaded:.1} | {:.3} |", loaded / linked);
    }
    println!("| fill a batch, without a storage | {:.1} | | |", best(&taken[2][1]) / messages as f64);
    Ok(())
}

/// The plugin, built as this bench is.
fn plugin() -> PathBuf {
    let bench = env::current_exe().expect("a bench knows its file");
    let profile = bench.ancestors().nth(2).expect("a bench lies in the folder of its profile");
    let target = profile.parent().expect("the folder of a profile lies in the target folder");
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--release", "--package", "kafi-plugin-fs", "--target-dir"])
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(build.status().expect("cargo can be run").success(), "the plugin can be built");
    profile.join(format!("{}kafi_plugin_fs{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX))
}

fn nanoseconds(started: Instant) -> f64 {
    started.elapsed().as_nanos() as f64
}

fn fill_batch(batch: &mut Batch, from: usize, messages: usize) {
    let mut key = [0; 8];
    for number in from..messages {
        key.copy_from_slice(&number.to_be_bytes());
        batch.push(Record {
            partition: 0,
            timestamp: 1_700_000_000_000,
            ..Record::new(TOPIC, Some(&key), Some(&VALUE))
        });
        if batch.is_full() {
            break;
        }
    }
}

fn produce(storage: &dyn Storage, messages: usize) -> kafi::Result<f64> {
    storage.admin()?.create_topic(&NewTopic::new(TOPIC), WAIT)?;
    let mut batch = Batch::new();
    fill_batch(&mut batch, 0, messages);
    let started = Instant::now();
    let mut producer = storage.producer(&ProducerOptions::default())?;
    let (mut written, mut token) = (0, 0);
    while written < messages {
        batch.truncate(messages - written);
        let mut from = 0;
        while from < batch.len() {
            from += producer.produce(&batch, from, token, WAIT)?;
        }
        written += batch.len();
        token += 1;
        producer.reports(Duration::ZERO)?;
    }
    producer.close(WAIT)?;
    Ok(nanoseconds(started))
}

fn consume(storage: &dyn Storage, messages: usize) -> kafi::Result<f64> {
    let started = Instant::now();
    let mut consumer: Box<dyn Consumer> = storage.consumer(&ConsumerOptions::default())?;
    consumer.assign(&[Assignment { topic: TOPIC.into(), partition: 0, start: 0, end: Some(messages as i64) }], WAIT)?;
    let (mut batch, mut read, mut bytes) = (Batch::new(), 0, 0);
    while consumer.poll(&mut batch, WAIT)? == Polled::Records {
        read += batch.len();
        bytes += batch.iter().map(|record| record.value.map_or(0, <[u8]>::len)).sum::<usize>();
    }
    assert_eq!((read, bytes), (messages, messages * VALUE.len()));
    Ok(nanoseconds(started))
}

fn copy(source: &Kafi, target: &Kafi) -> kafi::Result<f64> {
    let started = Instant::now();
    source.cp(TOPIC, target, TOPIC)?;
    Ok(nanoseconds(started))
}

/// What moving the bytes into batches takes at the least.
fn fill(messages: usize) -> f64 {
    let started = Instant::now();
    let (mut batch, mut filled) = (Batch::new(), 0);
    while filled < messages {
        batch.clear();
        fill_batch(&mut batch, filled, messages);
        filled += black_box(&batch).len();
    }
    nanoseconds(started)
}

/// The best time, which is the one that other programs disturbed least.
fn best(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}
