//! What a failing disk may and may not do: every operation fails in turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kafi_core::{
    Assignment, Batch, ConsumerOptions, Delivery, ErrorKind, NewTopic, Polled, Position, Producer, ProducerOptions,
    Record, Storage, TopicPartition,
};

use crate::config::FolderOptions;
use crate::io::faulty::{FaultPlan, FaultyIo};
use crate::storage::LogStorage;

const WAIT: Duration = Duration::from_secs(10);

fn storage() -> (LogStorage, Arc<FaultPlan>) {
    let (io, plan) = FaultyIo::new();
    (LogStorage::new("faulty", "mem", io, FolderOptions::default()), plan)
}

fn create(storage: &LogStorage, segment_bytes: &str) -> kafi_core::Result<()> {
    let config = vec![("segment.bytes".to_string(), segment_bytes.to_string())];
    storage.admin()?.create_topic(&NewTopic { config, ..NewTopic::new("t") }, WAIT)
}

/// Produces one message and returns its offset, if it was delivered.
fn produce(producer: &mut dyn Producer, value: &str) -> Result<i64, ErrorKind> {
    let mut batch = Batch::new();
    batch.push(Record { timestamp: 1, ..Record::new("t", None, Some(value.as_bytes())) });
    assert_eq!(producer.produce(&batch, 0, 1, WAIT).unwrap(), 1);
    producer.flush(WAIT).unwrap();
    match producer.reports(WAIT).unwrap() {
        [report] => match &report.delivery {
            Delivery::At(offset) => Ok(*offset),
            Delivery::Failed(error) => Err(error.kind()),
            Delivery::Unknown => panic!("{report:?}"),
        },
        reports => panic!("one message, but {reports:?}"),
    }
}

/// What the topic holds, by offset.
fn read(storage: &LogStorage) -> BTreeMap<i64, String> {
    let partition = TopicPartition { topic: "t".into(), partition: 0 };
    let watermarks = storage.admin().unwrap().watermarks(&[partition], Default::default(), WAIT).unwrap().remove(0);
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer
        .assign(
            &[Assignment { topic: "t".into(), partition: 0, start: watermarks.low, end: Some(watermarks.high) }],
            WAIT,
        )
        .unwrap();
    let (mut batch, mut read) = (Batch::new(), BTreeMap::new());
    while consumer.poll(&mut batch, WAIT).unwrap() == Polled::Records {
        read.extend(
            batch.iter().map(|record| (record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap())),
        );
    }
    read
}

#[test]
fn whatever_fails_what_was_delivered_is_there_and_writing_goes_on() {
    for count in [1, 2, 5, 30] {
        for first in 0.. {
            let (storage, plan) = storage();
            create(&storage, "300").unwrap();
            let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
            let mut delivered = BTreeMap::new();
            plan.fail(first, count);
            for number in 0..8 {
                let value = format!("message {number} {}", "x".repeat(60));
                match produce(&mut *producer, &value) {
                    Ok(offset) => assert!(delivered.insert(offset, value).is_none()),
                    Err(kind) => assert_eq!(kind, ErrorKind::NoSpace),
                }
            }
            let failed = plan.heal();
            for number in 8..12 {
                let value = format!("message {number}");
                let offset = produce(&mut *producer, &value).unwrap();
                assert!(delivered.insert(offset, value).is_none());
            }
            let read = read(&storage);
            for (offset, value) in &delivered {
                assert_eq!(read.get(offset), Some(value), "operations {first} and {count} on failed");
            }
            // The same from another producer's point of view, which trusts nothing that the first one remembers.
            let mut other = storage.producer(&ProducerOptions::default()).unwrap();
            assert_eq!(produce(&mut *other, "last").unwrap(), read.keys().last().unwrap() + 1);
            if !failed {
                assert!(first > 30, "only {first} operations");
                break;
            }
        }
    }
}

#[test]
fn a_failed_append_leaves_no_trace() {
    let (storage, plan) = storage();
    create(&storage, "100000").unwrap();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    produce(&mut *producer, "first").unwrap();
    // The write fails half way; with the second operation taking it back fails, too.
    for (count, torn) in [(1, false), (2, true)] {
        plan.fail(0, count);
        assert_eq!(produce(&mut *producer, "lost"), Err(ErrorKind::NoSpace));
        plan.heal();
        assert!(!read(&storage).values().any(|value| value == "lost"));
        produce(&mut *producer, "next").unwrap();
        let names = storage.shared_io().list("topics/t/0").unwrap();
        assert_eq!(names.iter().any(|name| name.contains("torn")), torn, "{names:?}");
    }
    assert_eq!(read(&storage).into_values().collect::<Vec<_>>(), ["first", "next", "next"]);
}

#[test]
fn after_a_failed_fsync_everything_not_durable_is_written_again() {
    let (storage, plan) = storage();
    create(&storage, "100000").unwrap();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    produce(&mut *producer, "durable").unwrap();
    let before = plan.log_bytes.load(Ordering::Relaxed);
    plan.fail(1, 1);
    assert_eq!(produce(&mut *producer, "in flight"), Err(ErrorKind::NoSpace));
    plan.heal();
    let in_flight = plan.log_bytes.load(Ordering::Relaxed) - before;
    let syncs = plan.syncs.load(Ordering::Relaxed);
    assert_eq!(produce(&mut *producer, "in flight"), Ok(2));
    let after = plan.log_bytes.load(Ordering::Relaxed) - before;
    // The first append once, the second once, and then both once more.
    assert_eq!(after, 4 * in_flight);
    assert_eq!(plan.syncs.load(Ordering::Relaxed), syncs + 1);
}

#[test]
fn a_segment_that_cannot_be_ended_is_written_again_too() {
    let (io, plan) = FaultyIo::new();
    let options = FolderOptions { batch_records_max: 1, ..FolderOptions::default() };
    let storage = LogStorage::new("faulty", "mem", io, options);
    create(&storage, "450").unwrap();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let value = "x".repeat(60);
    let warm = plan.log_bytes.load(Ordering::Relaxed);
    produce(&mut *producer, &value).unwrap();
    let before = plan.log_bytes.load(Ordering::Relaxed);
    let mut batch = Batch::new();
    for _ in 0..4 {
        batch.push(Record { timestamp: 1, ..Record::new("t", None, Some(value.as_bytes())) });
    }
    // Two appends, and the fsync before the next segment.
    plan.fail(2, 1);
    producer.produce(&batch, 0, 1, WAIT).unwrap();
    producer.flush(WAIT).unwrap();
    assert!(plan.heal());
    let delivered: u64 = producer
        .reports(WAIT)
        .unwrap()
        .iter()
        .filter(|report| matches!(report.delivery, Delivery::At(_)))
        .map(|report| report.count)
        .sum();
    assert_eq!(delivered, 2);
    assert_eq!(plan.log_bytes.load(Ordering::Relaxed) - before, 4 * (before - warm), "both once, and both once more");
    assert_eq!(read(&storage).len(), 3);
    assert_eq!(produce(&mut *producer, &value), Ok(3));
}

#[test]
fn delivered_means_that_fsync_was_called() {
    let (storage, plan) = storage();
    create(&storage, "100000").unwrap();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    for number in 0..3 {
        let before = plan.syncs.load(Ordering::Relaxed);
        produce(&mut *producer, &number.to_string()).unwrap();
        assert!(plan.syncs.load(Ordering::Relaxed) > before);
    }
}

#[test]
fn topics_and_groups_are_made_and_changed_whole_or_not_at_all() {
    for first in 0.. {
        let (storage, plan) = storage();
        plan.fail(first, 1);
        let created = create(&storage, "1000");
        let failed_to_create = created.is_err();
        let topics = storage.admin().unwrap().topics(&[], WAIT).unwrap();
        if !failed_to_create {
            assert_eq!(topics.len(), 1);
        }
        plan.heal();
        if topics.is_empty() {
            create(&storage, "1000").unwrap();
        }
        let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
        produce(&mut *producer, "x").unwrap();

        let mut admin = storage.admin().unwrap();
        let position = |offset| Position { topic: "t".into(), partition: 0, offset };
        admin.alter_group_offsets("g", &[position(0).into()], WAIT).unwrap();
        plan.fail(first, 1);
        let committed = admin.alter_group_offsets("g", &[position(1).into()], WAIT);
        plan.heal();
        let found = admin.group_offsets("g", WAIT).unwrap();
        assert!(found == [position(1).into()] || committed.is_err() && found == [position(0).into()], "{found:?}");

        plan.fail(first, 1);
        let moved = admin.delete_records(&[position(1)], WAIT);
        plan.heal();
        let low = admin
            .watermarks(&[TopicPartition { topic: "t".into(), partition: 0 }], Default::default(), WAIT)
            .unwrap()[0]
            .low;
        assert!(low == 1 || moved.is_err() && low == 0);

        plan.fail(first, 1);
        let deleted = admin.delete_topic("t", WAIT);
        plan.heal();
        let topics = admin.topics(&[], WAIT).unwrap();
        assert!(topics.is_empty() || deleted.is_err());
        if !failed_to_create && committed.is_ok() && moved.is_ok() && deleted.is_ok() {
            assert!(first > 5, "only {first} operations");
            break;
        }
    }
}
