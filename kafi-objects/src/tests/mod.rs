//! What a store of objects and those who share it may and may not do to a log.

mod damage;
mod faulty;
mod files;
mod groups;
mod merging;
mod model;
mod producers;
mod reading;
mod requests;
mod topics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kafi_core::{
    Admin, Assignment, Batch, Consumer, ConsumerOptions, Delivery, ErrorKind, NewTopic, Polled, Position, Producer,
    ProducerOptions, Record, Storage, TopicPartition, Watermarks,
};

use crate::config::ObjectOptions;
use crate::io::ObjectIo;
use crate::memory::MemoryObjects;
use crate::storage::{ObjectStorage, open};

/// Long enough for every call; nothing waits this long unless it hangs.
const WAIT: Duration = Duration::from_secs(60);

/// A seeded source of numbers.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Opens the store as another process would.
fn storage(io: &Arc<MemoryObjects>) -> ObjectStorage {
    storage_over(Arc::clone(io) as Arc<dyn ObjectIo>)
}

fn storage_over(io: Arc<dyn ObjectIo>) -> ObjectStorage {
    open(
        "objects",
        "mem",
        io,
        ObjectOptions { poll_interval_ms: 5, delivery_timeout_ms: 60_000, ..ObjectOptions::default() },
    )
}

fn admin(storage: &ObjectStorage) -> Box<dyn Admin> {
    storage.admin().unwrap()
}

fn create(storage: &ObjectStorage, name: &str, partitions: i32) {
    admin(storage).create_topic(&NewTopic::new(name).partitions(partitions), WAIT).unwrap();
}

fn producer(storage: &ObjectStorage) -> Box<dyn Producer> {
    storage.producer(&ProducerOptions::default()).unwrap()
}

fn position(offset: i64) -> Position {
    Position { topic: "t".into(), partition: 0, offset }
}

fn values(texts: &[&str]) -> Batch {
    let mut batch = Batch::new();
    texts.iter().for_each(|text| {
        batch.push(Record { partition: 0, timestamp: 1, ..Record::new("t", None, Some(text.as_bytes())) })
    });
    batch
}

/// Writes messages to partition 0 of `t` as one object, and returns the offset of the first.
fn write(producer: &mut dyn Producer, texts: &[&str]) -> Result<i64, ErrorKind> {
    static TOKENS: AtomicU64 = AtomicU64::new(100);
    let token = TOKENS.fetch_add(1, Ordering::Relaxed);
    assert_eq!(producer.produce(&values(texts), 0, token, WAIT).unwrap(), texts.len());
    producer.flush(WAIT).unwrap();
    let mut offset = Err(ErrorKind::Unexpected);
    for report in producer.reports(WAIT).unwrap() {
        match &report.delivery {
            Delivery::At(at) if report.first == 0 => offset = Ok(*at),
            Delivery::At(_) => {}
            Delivery::Failed(error) => return Err(error.kind()),
            Delivery::Unknown => panic!("{report:?}"),
        }
    }
    offset
}

/// Writes so many messages, an object each, that say their offsets.
fn write_numbers(storage: &ObjectStorage, from: i64, to: i64) {
    let mut producer = producer(storage);
    for number in from..to {
        assert_eq!(write(&mut *producer, &[&number.to_string()]), Ok(number));
    }
    producer.close(WAIT).unwrap();
}

fn watermarks(storage: &ObjectStorage) -> Watermarks {
    let partition = TopicPartition { topic: "t".into(), partition: 0 };
    admin(storage).watermarks(&[partition], Default::default(), WAIT).unwrap().remove(0)
}

fn consumer(storage: &ObjectStorage, start: i64, end: Option<i64>) -> Box<dyn Consumer> {
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start, end }], WAIT).unwrap();
    consumer
}

/// What is left to read.
fn drain(consumer: &mut dyn Consumer) -> Vec<(i64, String)> {
    let (mut batch, mut read) = (Batch::new(), Vec::new());
    loop {
        match consumer.poll(&mut batch, WAIT).unwrap() {
            Polled::Records => read.extend(batch.iter().map(|record| (record.offset, text(record.value)))),
            Polled::End => return read,
            Polled::Timeout => panic!("it hangs after {} messages", read.len()),
        }
    }
}

fn text(value: Option<&[u8]>) -> String {
    String::from_utf8(value.unwrap().to_vec()).unwrap()
}

/// All messages of partition 0 of `t`.
fn read(storage: &ObjectStorage) -> Vec<(i64, String)> {
    let bounds = watermarks(storage);
    drain(&mut *consumer(storage, bounds.low, Some(bounds.high)))
}

/// The messages that [`write_numbers`] writes.
fn numbers(from: i64, to: i64) -> Vec<(i64, String)> {
    (from..to).map(|number| (number, number.to_string())).collect()
}

/// The names of the objects of partition 0 of `t`.
fn names(io: &MemoryObjects) -> Vec<i64> {
    let name = |key: &str| key.strip_suffix(".log")?.rsplit('/').next()?.parse().ok();
    io.keys().iter().filter_map(|(key, _)| name(key)).collect()
}

fn merge(storage: &ObjectStorage, bytes_max: u64, grace_ms: u64) -> kafi_core::Result<String> {
    let argument = format!(r#"{{"topic":"t","partition":0,"bytes_max":{bytes_max},"grace_ms":{grace_ms}}}"#);
    admin(storage).operation("merge", &argument, WAIT)
}
