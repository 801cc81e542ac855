//! A finite read ends exactly at its end, whatever lies before it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::*;
use kafi_core::{
    Assignment, Batch, CommittedOffset, ConsumerOptions, ErrorKind, GroupOptions, Isolation, OwnedRecord, Polled,
    Position, ReadOptions, Storage, TopicPartition,
};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// A producer with transactions, of another library.
fn transactional(id: &str) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers()).set("transactional.id", unique(id));
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer
}

fn send(producer: &BaseProducer, topic: &str, partition: i32, values: &[&str]) {
    for value in values {
        let record = BaseRecord::<(), _>::to(topic).partition(partition).payload(*value);
        producer.send(record).unwrap();
    }
    producer.flush(WAIT).unwrap();
}

fn values(records: &[OwnedRecord]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.value.clone().unwrap()).unwrap()).collect()
}

fn uncommitted() -> ConsumerOptions {
    ConsumerOptions { isolation: Isolation::ReadUncommitted, ..ConsumerOptions::default() }
}

fn range(topic: &str, start: i64, end: i64) -> Vec<Assignment> {
    vec![Assignment { topic: topic.into(), partition: 0, start, end: Some(end) }]
}

fn watermarks(storage: &Arc<dyn Storage>, topic: &str, isolation: Isolation) -> (i64, i64) {
    let partition = [TopicPartition { topic: topic.into(), partition: 0 }];
    let found = storage.admin().unwrap().watermarks(&partition, isolation, WAIT).unwrap();
    (found[0].low, found[0].high)
}

#[test]
fn control_records_and_aborted_messages_count_as_reached() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "aborted", 1, &[]);
    let producer = transactional("aborted");
    producer.begin_transaction().unwrap();
    send(&producer, &topic.name, 0, &["a", "b"]);
    producer.commit_transaction(WAIT).unwrap();
    producer.begin_transaction().unwrap();
    send(&producer, &topic.name, 0, &["never", "never"]);
    producer.abort_transaction(WAIT).unwrap();
    // a b commit never never abort
    // The marker comes a moment after the answer.
    let deadline = Instant::now() + WAIT;
    while watermarks(&storage, &topic.name, Isolation::ReadCommitted) != (0, 6) {
        assert!(Instant::now() < deadline, "the transaction ends");
    }
    assert_eq!(values(&read(&storage, &ConsumerOptions::default(), &range(&topic.name, 0, 6))), ["a", "b"]);
    assert_eq!(values(&read(&storage, &uncommitted(), &range(&topic.name, 0, 6))), ["a", "b", "never", "never"]);
    // Ends within what is never delivered, and starts there.
    for (start, end, expected) in
        [(0, 1, &["a"][..]), (0, 3, &["a", "b"]), (1, 5, &["b"]), (2, 3, &[]), (3, 6, &[]), (6, 6, &[])]
    {
        assert_eq!(
            values(&read(&storage, &ConsumerOptions::default(), &range(&topic.name, start, end))),
            expected,
            "{start} {end}"
        );
    }
}

#[test]
fn a_member_of_a_group_ends_behind_control_records_too() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "member", 2, &[]);
    let producer = transactional("member");
    for (partition, ends_well) in [(0, true), (1, true), (1, false)] {
        producer.begin_transaction().unwrap();
        send(&producer, &topic.name, partition, &["a", "b"]);
        if ends_well { producer.commit_transaction(WAIT).unwrap() } else { producer.abort_transaction(WAIT).unwrap() }
    }
    let deadline = Instant::now() + WAIT;
    let ends = || {
        whole(&storage, &topic.name, Isolation::ReadCommitted)
            .iter()
            .map(|share| share.end.unwrap())
            .collect::<Vec<_>>()
    };
    while ends() != [3, 6] {
        assert!(Instant::now() < deadline, "the transactions end");
    }
    let group = unique("member");
    for expected in [&["a", "a", "b", "b"][..], &[]] {
        let options = ReadOptions { group: Some(GroupOptions::new(&group)), ..ReadOptions::default() };
        let mut seen = Vec::new();
        let finished = kafi_shell::cat(
            kafi_shell::TopicsToRead::new(storage.as_ref(), std::slice::from_ref(&topic.name), &options),
            |batch| {
                seen.extend(batch.iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
                Ok(ControlFlow::Continue(()))
            },
        );
        seen.sort();
        assert_eq!(seen, expected);
        let reached = [(0, 3), (1, 6)].map(|(partition, offset)| CommittedOffset::new(&topic.name, partition, offset));
        assert_eq!(CommittedOffset::all(&finished.unwrap().reached), reached);
        assert_eq!(storage.admin().unwrap().group_offsets(&group, WAIT).unwrap(), reached);
    }
}

#[test]
fn an_open_transaction_holds_the_end_back() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "open", 1, &[]);
    let (producer, plain) = (
        transactional("open"),
        ClientConfig::new().set("bootstrap.servers", brokers()).create::<BaseProducer>().unwrap(),
    );
    send(&plain, &topic.name, 0, &["before"]);
    producer.begin_transaction().unwrap();
    send(&producer, &topic.name, 0, &["pending"]);
    send(&plain, &topic.name, 0, &["after"]);
    assert_eq!(watermarks(&storage, &topic.name, Isolation::ReadCommitted), (0, 1));
    assert_eq!(watermarks(&storage, &topic.name, Isolation::ReadUncommitted), (0, 3));
    assert_eq!(values(&read(&storage, &ConsumerOptions::default(), &range(&topic.name, 0, 1))), ["before"]);
    assert_eq!(values(&read(&storage, &uncommitted(), &range(&topic.name, 0, 3))), ["before", "pending", "after"]);
    // An end beyond the last stable offset waits for the transaction.
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&range(&topic.name, 0, 3), WAIT).unwrap();
    let mut batch = Batch::new();
    assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records);
    assert_eq!(consumer.poll(&mut batch, Duration::from_millis(300)).unwrap(), Polled::Timeout);
    producer.abort_transaction(WAIT).unwrap();
    assert_eq!(values(&read_to_end(consumer.as_mut())), ["after"]);
    assert_eq!(consumer.positions()[0].offset, 3);
}

#[test]
fn compacted_offsets_before_the_end_count_as_reached() {
    let storage = cluster(&[]);
    let config = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "500"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "1000"),
        ("delete.retention.ms", "500"),
    ];
    let topic = TestTopic::new(&storage, "compacted", 1, &config);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let key = |key: &str, value: Option<&[u8]>| {
        kafi_core::Record {
            partition: 0,
            timestamp: now(),
            ..kafi_core::Record::new(&topic.name, Some(key.as_bytes()), value)
        }
        .to_owned()
    };
    // Offsets 0 to 5: only `b` stays; the tombstones of `a` at the end go, too.
    write(
        &storage,
        &[
            key("a", Some(b"1")),
            key("b", Some(b"2")),
            key("a", None),
            key("c", Some(b"3")),
            key("c", None),
            key("a", None),
        ],
    );
    let deadline = Instant::now() + WAIT;
    let mut next = 6;
    loop {
        // Each new message rolls the segment before it, once that is old enough.
        std::thread::sleep(Duration::from_millis(600));
        write(&storage, &[key("roll", Some(b"r"))]);
        next += 1;
        let first = read(&storage, &ConsumerOptions::default(), &range(&topic.name, 0, 6));
        let offsets: Vec<i64> = first.iter().map(|record| record.offset).collect();
        if offsets == [1] {
            break;
        }
        assert!(Instant::now() < deadline, "compacted: {offsets:?}");
    }
    for (start, end) in [(2, 6), (5, 6), (2, 3)] {
        assert_eq!(read(&storage, &ConsumerOptions::default(), &range(&topic.name, start, end)), [], "{start} {end}");
    }
    let last = read(&storage, &ConsumerOptions::default(), &range(&topic.name, 0, next)).pop().unwrap();
    assert_eq!(last.offset, next - 1);
}

#[test]
fn every_partition_stops_at_its_own_end_and_the_others_go_on() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "ends", 3, &[]);
    let written: Vec<_> =
        (0..30_000).map(|i| record(&topic.name, i % 3, "k", &format!("{i} {}", "x".repeat(100)))).collect();
    write(&storage, &written);
    let ends = [10, 10_000, 0];
    let assignment = |partition: i32| Assignment {
        topic: topic.name.clone(),
        partition,
        start: 0,
        end: Some(ends[partition as usize]),
    };
    let records = read(&storage, &ConsumerOptions::default(), &[assignment(0), assignment(1), assignment(2)]);
    for partition in 0..3 {
        let offsets: Vec<i64> =
            records.iter().filter(|record| record.partition == partition).map(|record| record.offset).collect();
        assert_eq!(offsets, (0..ends[partition as usize]).collect::<Vec<_>>());
    }
}

#[test]
fn an_endless_read_sees_what_comes_later() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "endless", 1, &[]);
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    consumer.assign(&[Assignment { topic: topic.name.clone(), partition: 0, start: 0, end: None }], WAIT).unwrap();
    let mut batch = Batch::new();
    for round in 0..3 {
        assert_eq!(consumer.poll(&mut batch, Duration::from_millis(50)).unwrap(), Polled::Timeout);
        assert!(batch.is_empty());
        write(&storage, &[record(&topic.name, 0, "k", &round.to_string())]);
        assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records);
        assert_eq!((batch.len(), batch.get(0).offset), (1, round));
    }
}

#[test]
fn seek_goes_anywhere_also_after_the_end() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "seek", 2, &[]);
    write(&storage, &(0..20).map(|i| record(&topic.name, i % 2, "k", &i.to_string())).collect::<Vec<_>>());
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    let assignment = |partition| Assignment { topic: topic.name.clone(), partition, start: 0, end: Some(10) };
    consumer.assign(&[assignment(0), assignment(1)], WAIT).unwrap();
    let to = |partition, offset| Position { topic: topic.name.clone(), partition, offset };
    assert_eq!(read_to_end(consumer.as_mut()).len(), 20);
    consumer.seek(&to(1, 7), WAIT).unwrap();
    let records = read_to_end(consumer.as_mut());
    assert_eq!(
        records.iter().map(|record| (record.partition, record.offset)).collect::<Vec<_>>(),
        [(1, 7), (1, 8), (1, 9)]
    );
    // In the middle: what was read ahead of the partition is dropped.
    consumer.seek(&to(0, 0), WAIT).unwrap();
    let mut batch = Batch::with_limits(2, 1 << 20);
    assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records);
    consumer.seek(&to(0, 0), WAIT).unwrap();
    assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records);
    assert_eq!(batch.get(0).offset, 0);
    consumer.seek(&to(0, 9), WAIT).unwrap();
    assert_eq!(values(&read_to_end(consumer.as_mut())), ["18"]);
    consumer.seek(&to(0, 10), WAIT).unwrap();
    assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::End);
    assert_eq!(consumer.seek(&to(5, 0), WAIT).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn what_is_missing_is_named() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "missing", 1, &[]);
    write(&storage, &(0..10).map(|i| record(&topic.name, 0, "k", &i.to_string())).collect::<Vec<_>>());
    let mut admin = storage.admin().unwrap();
    admin.delete_records(&[Position { topic: topic.name.clone(), partition: 0, offset: 4 }], WAIT).unwrap();
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    let mut assign = |topic: &str, partition, start| {
        consumer.assign(&[Assignment { topic: topic.into(), partition, start, end: Some(10) }], WAIT).unwrap_err()
    };
    let absent = unique("absent");
    let error = assign(&absent, 0, 0);
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains(&absent), "{error}");
    let error = assign(&topic.name, 1, 0);
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("partition 1"), "{error}");
    let error = assign(&topic.name, 0, 1);
    assert!(
        error.kind() == ErrorKind::OutOfRange && error.to_string().contains("offsets 1 to 3 are no longer there"),
        "{error}"
    );
    let error = assign(&topic.name, 0, 11);
    assert!(error.kind() == ErrorKind::OutOfRange && error.to_string().contains("offset 11"), "{error}");
    assert_eq!(assign(&topic.name, 0, -1).kind(), ErrorKind::Usage);
    let options = ConsumerOptions { allow_gap: true, ..ConsumerOptions::default() };
    assert_eq!(read(&storage, &options, &range(&topic.name, 1, 10)).len(), 6);
}

/// Deletes messages under a reader that has read the first of them, so that its next offset is gone.
fn delete_under_reader(allow_gap: bool) -> (kafi_core::Result<Vec<OwnedRecord>>, TestTopic) {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "deleted", 1, &[]);
    write(
        &storage,
        &(0..100).map(|i| record(&topic.name, 0, "k", &format!("{i} {}", "x".repeat(90_000)))).collect::<Vec<_>>(),
    );
    // So little is read ahead that most of the topic is still on the broker.
    let properties = pairs(&[
        ("queued.min.messages", "1"),
        ("fetch.message.max.bytes", "1000"),
        ("fetch.max.bytes", "100000"),
        ("message.max.bytes", "100000"),
    ]);
    let options = ConsumerOptions { allow_gap, properties, ..ConsumerOptions::default() };
    let mut consumer = storage.consumer(&options).unwrap();
    consumer.assign(&range(&topic.name, 0, 100), WAIT).unwrap();
    let mut batch = Batch::with_limits(1, 1 << 20);
    consumer.poll(&mut batch, WAIT).unwrap();
    storage
        .admin()
        .unwrap()
        .delete_records(&[Position { topic: topic.name.clone(), partition: 0, offset: 90 }], WAIT)
        .unwrap();
    let mut records: Vec<_> = batch.iter().map(|record| record.to_owned()).collect();
    loop {
        match consumer.poll(&mut batch, WAIT) {
            Ok(Polled::Records) => records.extend(batch.iter().map(|record| record.to_owned())),
            Ok(Polled::End) => break,
            Ok(Polled::Timeout) => panic!("the read ends"),
            Err(error) => {
                let again = consumer.poll(&mut batch, WAIT).unwrap_err();
                assert_eq!(again.to_string(), error.to_string(), "nothing is skipped by asking again");
                consumer.seek(&Position { topic: topic.name.clone(), partition: 0, offset: 95 }, WAIT).unwrap();
                assert_eq!(read_to_end(consumer.as_mut()).len(), 5, "a seek leads out of it");
                consumer.close(WAIT).unwrap();
                return (Err(error), topic);
            }
        }
    }
    consumer.close(WAIT).unwrap();
    (Ok(records), topic)
}

#[test]
fn messages_deleted_under_a_reader_are_an_error_that_names_them() {
    let (result, topic) = delete_under_reader(false);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    let line = error.to_string();
    assert!(line.contains(&topic.name) && line.contains("to 89 are no longer there: the log starts at 90"), "{line}");
}

#[test]
fn messages_deleted_under_a_reader_can_be_left_out() {
    let (result, _topic) = delete_under_reader(true);
    let offsets: Vec<i64> = result.unwrap().iter().map(|record| record.offset).collect();
    assert_eq!(offsets[0], 0);
    assert!(offsets.len() < 100 && offsets.ends_with(&(90..100).collect::<Vec<_>>()), "{offsets:?}");
}
