//! Several processes in one folder at once. The children are this test binary again.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::*;
use kafi_core::{Assignment, Batch, ConsumerOptions, Delivery, Polled, Record, Storage};

const ROOT: &str = "KAFI_FS_TEST_ROOT";
const NAME: &str = "KAFI_FS_TEST_NAME";
const COUNT: &str = "KAFI_FS_TEST_COUNT";
const MEET: &str = "KAFI_FS_TEST_MEET";

/// How many messages a child hands over before it flushes and says so.
const CHUNK: usize = 25;

/// The child of the tests below: produces messages `<name> <number>`, and prints how many are delivered. After the
/// first it waits until the topic holds as many as it was told, so that children that are to work at the same time do.
#[test]
#[ignore = "started by the other tests of this file"]
fn child() {
    let (root, name) = (std::env::var(ROOT).unwrap(), std::env::var(NAME).unwrap());
    let count: usize = std::env::var(COUNT).unwrap().parse().unwrap();
    let meet: i64 = std::env::var(MEET).unwrap().parse().unwrap();
    let storage = open(Path::new(&root));
    let mut producer = producer(&storage);
    let mut batch = Batch::new();
    for start in (0..count).step_by(CHUNK) {
        batch.clear();
        for number in start..start + CHUNK {
            batch.push(Record {
                partition: 0,
                ..Record::new("t", Some(name.as_bytes()), Some(format!("{number:0100}").as_bytes()))
            });
        }
        producer.produce(&batch, 0, 1, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
        let reports = producer.reports(WAIT).unwrap();
        assert!(reports.iter().all(|report| matches!(report.delivery, Delivery::At(_))), "{reports:?}");
        println!("delivered {}", start + CHUNK);
        while watermarks(&storage, "t", 0).high < meet {
            std::thread::yield_now();
        }
    }
    producer.close(WAIT).unwrap();
}

fn start(root: &Path, name: &str, count: usize, meet: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["processes::child", "--exact", "--ignored", "--nocapture"]).env(ROOT, root).env(NAME, name);
    command.env(COUNT, count.to_string()).env(MEET, meet.to_string()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Reads until `count` messages came, while they are written.
fn follow(root: &Path, count: usize) -> Vec<(i64, String, usize)> {
    let storage = open(root);
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: None }], WAIT).unwrap();
    let (mut batch, mut read) = (Batch::new(), Vec::new());
    while read.len() < count {
        assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records, "after {} of {count}", read.len());
        read.extend(batch.iter().map(|record| {
            let text = |bytes: Option<&[u8]>| std::str::from_utf8(bytes.unwrap()).unwrap().to_string();
            (record.offset, text(record.key), text(record.value).parse().unwrap())
        }));
    }
    read
}

#[test]
fn two_processes_write_one_partition_while_a_third_reads() {
    let folder = Folder::new();
    let count = 4_000;
    create(&folder.storage, "t", 1, &[("segment.bytes", "50000")]);
    let children: Vec<_> = ["a", "b"].map(|name| start(folder.root(), name, count, 2 * CHUNK)).into();
    let read = follow(folder.root(), 2 * count);
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(watermarks(&folder.storage, "t", 0).high, 2 * count as i64);
    let mut next: HashMap<&str, usize> = HashMap::new();
    let mut turns = 0;
    for (index, (offset, name, number)) in read.iter().enumerate() {
        assert_eq!(*offset, index as i64);
        let next = next.entry(name).or_default();
        assert_eq!(number, next, "of {name}");
        *next += 1;
        turns += usize::from(index > 0 && read[index - 1].1 != *name);
    }
    assert!(turns > 2, "both wrote at the same time, but their messages lie apart");
    assert!(folder.segments("t", 0).len() > 10);
    assert!(folder.files("t", 0).iter().all(|name| !name.contains("torn")));
}

#[test]
fn a_killed_process_loses_nothing_that_was_delivered_and_blocks_nobody() {
    let folder = Folder::new();
    create(&folder.storage, "t", 1, &[("segment.bytes", "20000")]);
    let mut delivered = 0;
    for round in 0..5 {
        let mut child = start(folder.root(), &format!("round {round}"), 1_000_000, 0);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut last = 0;
        while last < 20 * CHUNK {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, number)) = line.split_once("delivered ") {
                last = number.parse().unwrap();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said until the kill counts, too.
        let rest = lines.map_while(Result::ok).filter_map(|line| line.split_once("delivered ")?.1.parse().ok());
        delivered += rest.last().unwrap_or(last);
        let high = watermarks(&folder.storage, "t", 0).high;
        assert!(high >= delivered as i64, "{high} are there, {delivered} were delivered");
        delivered = high as usize;
    }
    deliver(&folder.storage, &messages("t", 3, 10));
    let read = read(&folder.storage, "t", 0);
    assert_eq!(read.len(), delivered + 3);
    assert!(read.iter().enumerate().all(|(index, record)| record.offset == index as i64));
}

#[test]
fn producers_in_one_process_share_a_partition_in_memory() {
    let storage = kafi_fs::open_memory("mem");
    create(&storage, "t", 1, &[("segment.bytes", "50000")]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut producer = producer(&storage);
                for _ in 0..100 {
                    assert_delivered(&produce(&mut *producer, &messages("t", 10, 20)), 10);
                }
            });
        }
    });
    assert_eq!(
        read(&storage, "t", 0).iter().map(|record| record.offset).collect::<Vec<_>>(),
        (0..4_000).collect::<Vec<i64>>()
    );
}
