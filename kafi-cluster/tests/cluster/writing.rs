//! What becomes of messages that are handed over.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::common::*;
use kafi_core::{
    Batch, Delivery, Error, ErrorKind, HeadersBuf, MESSAGE_CONTEXT, NewTopic, Producer, ProducerOptions, Record,
    Report, Retry,
};

/// A report without its error's text.
#[derive(Debug, PartialEq)]
enum Seen {
    At(i64),
    Failed(ErrorKind),
}

fn seen(report: &Report) -> (u64, String, i32, u64, u64, Seen) {
    let delivery = match &report.delivery {
        Delivery::At(offset) => Seen::At(*offset),
        Delivery::Failed(error) => Seen::Failed(error.kind()),
        Delivery::Unknown => panic!("the broker tells offsets"),
    };
    (report.token, report.topic.to_string(), report.partition, report.first, report.count, delivery)
}

fn all_reports(producer: &mut dyn Producer) -> Vec<(u64, String, i32, u64, u64, Seen)> {
    let mut reports: Vec<_> = producer.reports(Duration::ZERO).unwrap().iter().map(seen).collect();
    reports.sort_by(|a, b| (a.0, &a.1, a.2, a.3).cmp(&(b.0, &b.1, b.2, b.3)));
    reports
}

fn first_error(producer: &mut dyn Producer) -> Error {
    let report = producer.reports(WAIT).unwrap().iter().find(|report| matches!(report.delivery, Delivery::Failed(_)));
    match &report.expect("something failed").delivery {
        Delivery::Failed(error) => {
            Error::new(error.kind(), "copy", error.to_string()).hint(error.hint_text().unwrap_or_default())
        }
        _ => unreachable!("it failed"),
    }
}

fn batch_of(topic: &str, messages: &[(i32, &str)]) -> Batch {
    let mut batch = Batch::new();
    for (partition, value) in messages {
        batch.push(Record { partition: *partition, ..Record::new(topic, None, Some(value.as_bytes())) });
    }
    batch
}

#[test]
fn reports_say_which_message_went_where() {
    let storage = cluster(&[]);
    let (a, b) = (TestTopic::new(&storage, "reports-a", 2, &[]), TestTopic::new(&storage, "reports-b", 1, &[]));
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = batch_of(&a.name, &[(0, "1"), (1, "2"), (0, "3")]);
    batch.push(Record { partition: 0, ..Record::new(&b.name, None, None) });
    produce_all(producer.as_mut(), &batch, 7);
    // The same token goes on counting.
    produce_all(producer.as_mut(), &batch, 7);
    let (a_name, b_name) = (a.name.clone(), b.name.clone());
    let mut counted: HashMap<(String, i32), u64> = HashMap::new();
    for (token, topic, partition, first, count, delivery) in all_reports(producer.as_mut()) {
        let next = counted.entry((topic, partition)).or_default();
        assert_eq!((token, first, delivery), (7, *next, Seen::At(*next as i64)), "in a new topic ordinals are offsets");
        *next += count;
    }
    assert_eq!(counted, HashMap::from([((a_name.clone(), 0), 4), ((a_name.clone(), 1), 2), ((b_name.clone(), 0), 2)]));
    assert!(all_reports(producer.as_mut()).is_empty());
    produce_all(producer.as_mut(), &batch_of(&a_name, &[(1, "x")]), 8);
    assert_eq!(all_reports(producer.as_mut()), [(8, a_name, 1, 0, 1, Seen::At(2))]);
    producer.close(WAIT).unwrap();
    assert_eq!(producer.produce(&batch, 0, 1, WAIT).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_full_queue_takes_what_fits_and_loses_nothing() {
    // Nothing leaves the queue before the linger is over.
    let storage =
        cluster(&[("queue.buffering.max.messages", "10"), ("linger.ms", "2000"), ("batch.num.messages", "1000")]);
    let topic = TestTopic::new(&storage, "full", 1, &[]);
    let values: Vec<String> = (0..25).map(|i| i.to_string()).collect();
    let batch = batch_of(&topic.name, &values.iter().map(|value| (0, value.as_str())).collect::<Vec<_>>());
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let taken = producer.produce(&batch, 0, 1, Duration::from_millis(100)).unwrap();
    assert_eq!(taken, 10);
    assert_eq!(producer.produce(&batch, 10, 1, Duration::ZERO).unwrap(), 0);
    assert!(producer.reports(Duration::ZERO).unwrap().is_empty());
    assert_eq!(producer.flush(Duration::ZERO).unwrap_err().kind(), ErrorKind::Timeout);
    // A longer wait serves the reports, which make room.
    let mut from = taken;
    while from < batch.len() {
        from += producer.produce(&batch, from, 1, WAIT).unwrap();
    }
    producer.flush(WAIT).unwrap();
    let delivered: u64 = all_reports(producer.as_mut()).iter().map(|report| report.4).sum();
    assert_eq!(delivered, 25);
    let read: Vec<_> = read_topic(&storage, &topic.name)
        .into_iter()
        .map(|record| String::from_utf8(record.value.unwrap()).unwrap())
        .collect();
    assert_eq!(read, values);
}

#[test]
fn a_message_larger_than_the_queue_is_told_at_once() {
    let storage = cluster(&[("queue.buffering.max.kbytes", "10")]);
    let topic = TestTopic::new(&storage, "over-queue", 1, &[]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let huge = "x".repeat(20_000);
    assert_eq!(producer.produce(&batch_of(&topic.name, &[(0, &huge)]), 0, 1, WAIT).unwrap(), 1);
    let error = first_error(producer.as_mut());
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.hint_text().unwrap().contains("queue.buffering.max.kbytes"));
}

#[test]
fn a_missing_topic_is_reported_and_not_made() {
    let storage = cluster(&[]);
    let (topic, absent) = (TestTopic::new(&storage, "present", 1, &[]), unique("absent"));
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut batch = batch_of(&absent, &[(0, "1"), (-1, "2")]);
    batch.push(Record { partition: 0, ..Record::new(&topic.name, None, Some(b"3")) });
    produce_all(producer.as_mut(), &batch, 1);
    let error = {
        let reports = producer.reports(Duration::ZERO).unwrap();
        let failed: Vec<_> = reports.iter().filter(|report| *report.topic == *absent).map(seen).collect();
        assert_eq!(failed.len(), 2, "{failed:?}");
        assert!(
            reports.iter().map(seen).any(|report| report.1 == topic.name && report.5 == Seen::At(0)),
            "others go on"
        );
        match &reports.iter().find(|report| *report.topic == *absent).unwrap().delivery {
            Delivery::Failed(error) => (error.kind(), error.to_string(), error.hint_text().unwrap().to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error.0, ErrorKind::NotFound);
    assert!(error.1.contains(&absent) && error.2.contains("--create"), "{error:?}");
    let listed = storage.admin().unwrap().topics(&[], WAIT).unwrap();
    assert!(listed.iter().all(|topic| topic.name != absent));
    // Once it is there, messages arrive.
    storage.admin().unwrap().create_topic(&NewTopic { partitions: Some(1), ..NewTopic::new(&absent) }, WAIT).unwrap();
    produce_all(producer.as_mut(), &batch_of(&absent, &[(0, "4")]), 2);
    assert_eq!(all_reports(producer.as_mut()), [(2, absent.clone(), 0, 0, 1, Seen::At(0))]);
    storage.admin().unwrap().delete_topic(&absent, WAIT).unwrap();
}

#[test]
fn a_missing_partition_is_reported_and_a_new_one_is_found() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "partition", 1, &[]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let batch = batch_of(&topic.name, &[(0, "1"), (1, "2")]);
    produce_all(producer.as_mut(), &batch, 1);
    let name = topic.name.clone();
    assert_eq!(
        all_reports(producer.as_mut()),
        [(1, name.clone(), 0, 0, 1, Seen::At(0)), (1, name.clone(), 1, 0, 1, Seen::Failed(ErrorKind::NotFound))]
    );
    storage.admin().unwrap().create_partitions(&topic.name, 2, WAIT).unwrap();
    produce_all(producer.as_mut(), &batch, 2);
    assert_eq!(
        all_reports(producer.as_mut()),
        [(2, name.clone(), 0, 0, 1, Seen::At(1)), (2, name, 1, 0, 1, Seen::At(0))]
    );
}

#[test]
fn partitions_that_a_topic_gets_later_get_messages() {
    // The client hears of them by itself, here within a moment.
    let storage = cluster(&[("topic.metadata.refresh.interval.ms", "50")]);
    let topic = TestTopic::new(&storage, "grown", 1, &[]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let batch = batch_of(&topic.name, &[(-1, "x"); 100]);
    produce_all(producer.as_mut(), &batch, 1);
    assert_eq!(all_reports(producer.as_mut()), [(1, topic.name.clone(), 0, 0, 100, Seen::At(0))]);
    storage.admin().unwrap().create_partitions(&topic.name, 3, WAIT).unwrap();
    let deadline = Instant::now() + WAIT;
    for token in 2.. {
        produce_all(producer.as_mut(), &batch, token);
        let reports = all_reports(producer.as_mut());
        assert_eq!(reports.iter().map(|report| report.4).sum::<u64>(), 100);
        if reports.iter().any(|report| report.2 > 0 && report.4 > 1) {
            return;
        }
        assert!(Instant::now() < deadline, "the first partition only");
    }
}

#[test]
fn a_header_name_with_a_zero_byte_is_refused() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "zero", 1, &[]);
    let mut headers = HeadersBuf::new();
    headers.push("good", "1");
    headers.push(b"a\0b", "2");
    let mut batch = Batch::new();
    batch.push(Record { partition: 0, headers: headers.as_headers(), ..Record::new(&topic.name, None, None) });
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    produce_all(producer.as_mut(), &batch, 1);
    assert_eq!(all_reports(producer.as_mut()), [(1, topic.name.clone(), 0, 0, 1, Seen::Failed(ErrorKind::Usage))]);
    assert!(read_topic(&storage, &topic.name).is_empty());
}

#[test]
fn nothing_is_written_after_a_message_that_the_broker_refuses() {
    let storage = cluster(&[("linger.ms", "0")]);
    let topic = TestTopic::new(&storage, "refused", 1, &[("max.message.bytes", "50000")]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    produce_all(producer.as_mut(), &batch_of(&topic.name, &[(0, "before")]), 1);
    let huge = "x".repeat(100_000);
    let mut messages = vec![(0, huge.as_str())];
    messages.extend((0..2000).map(|_| (0, "after")));
    produce_all(producer.as_mut(), &batch_of(&topic.name, &messages), 2);
    let mut failed = 0;
    for report in producer.reports(Duration::ZERO).unwrap() {
        match (&report.delivery, report.token, report.first) {
            (Delivery::At(0), 1, 0) => {}
            (Delivery::Failed(error), 2, 0) => {
                assert_eq!((error.kind(), error.retryable()), (ErrorKind::TooLarge, Retry::Never), "{error}");
                failed += report.count;
            }
            (Delivery::Failed(_), 2, _) => failed += report.count,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(failed, 2001);
    // The caller knows now, so that what it hands over next is written.
    produce_all(producer.as_mut(), &batch_of(&topic.name, &[(0, "next")]), 3);
    assert_eq!(all_reports(producer.as_mut()), [(3, topic.name.clone(), 0, 0, 1, Seen::At(1))]);
    let read: Vec<_> = read_topic(&storage, &topic.name).into_iter().map(|record| record.value.unwrap()).collect();
    assert_eq!(read, [b"before".to_vec(), b"next".to_vec()]);
}

#[test]
fn what_is_handed_over_before_a_failure_is_known_fails_too() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "halted", 1, &[("max.message.bytes", "50000")]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let refused = "x".repeat(100_000);
    produce_all(producer.as_mut(), &batch_of(&topic.name, &[(0, &refused)]), 1);
    produce_all(producer.as_mut(), &batch_of(&topic.name, &[(0, "too early")]), 2);
    let name = topic.name.clone();
    let expected = [
        (1, name.clone(), 0, 0, 1, Seen::Failed(ErrorKind::TooLarge)),
        (2, name.clone(), 0, 0, 1, Seen::Failed(ErrorKind::Cancelled)),
    ];
    assert_eq!(all_reports(producer.as_mut()), expected);
    produce_all(producer.as_mut(), &batch_of(&topic.name, &[(0, "in time")]), 3);
    assert_eq!(all_reports(producer.as_mut()), [(3, name, 0, 0, 1, Seen::At(0))]);
}

#[test]
fn large_messages_need_no_setting_of_the_client() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "large", 1, &[("max.message.bytes", "20000000")]);
    let huge = "x".repeat(10_000_000);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    produce_all(producer.as_mut(), &batch_of(&topic.name, &[(0, &huge), (0, "small"), (0, &huge)]), 1);
    assert_eq!(all_reports(producer.as_mut()).iter().map(|report| report.4).sum::<u64>(), 3);
    let read = read_topic(&storage, &topic.name);
    assert_eq!(
        read.iter().map(|record| record.value.as_ref().unwrap().len()).collect::<Vec<_>>(),
        [10_000_000, 5, 10_000_000]
    );
}

#[test]
fn a_message_that_is_larger_than_what_may_be_under_way_is_written() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "huge", 1, &[("max.message.bytes", "80000000")]);
    let huge = "x".repeat(70_000_000);
    let options = ProducerOptions { buffer_bytes_max: 1 << 20, ..ProducerOptions::default() };
    let mut producer = storage.producer(&options).unwrap();
    produce_all(producer.as_mut(), &batch_of(&topic.name, &[(0, "small"), (0, &huge), (0, "small")]), 1);
    assert_eq!(all_reports(producer.as_mut()), [(1, topic.name.clone(), 0, 0, 3, Seen::At(0))]);
}

#[test]
fn what_is_under_way_is_bounded() {
    // Nothing leaves the queue before the linger is over.
    let storage = cluster(&[("linger.ms", "2000"), ("batch.size", "10000000")]);
    let topic = TestTopic::new(&storage, "bounded", 1, &[]);
    let mut producer =
        storage.producer(&ProducerOptions { buffer_bytes_max: 100_000, ..ProducerOptions::default() }).unwrap();
    let value = "x".repeat(9_000);
    let batch = batch_of(&topic.name, &vec![(0, value.as_str()); 20]);
    assert_eq!(producer.produce(&batch, 0, 1, Duration::from_millis(500)).unwrap(), 10);
    let mut from = 10;
    while from < batch.len() {
        from += producer.produce(&batch, from, 1, WAIT).unwrap();
    }
    producer.flush(WAIT).unwrap();
    assert_eq!(all_reports(producer.as_mut()).iter().map(|report| report.4).sum::<u64>(), 20);
}

#[test]
fn batches_are_no_larger_than_a_topic_takes() {
    let storage = cluster(&[]);
    let small = TestTopic::new(&storage, "small-batches", 1, &[("max.message.bytes", "10000")]);
    let (other, smaller) = (
        TestTopic::new(&storage, "other", 1, &[]),
        TestTopic::new(&storage, "smaller-batches", 2, &[("max.message.bytes", "1000")]),
    );
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let tiny: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let tiny: Vec<(i32, &str)> = tiny.iter().map(|number| (0, number.as_str())).collect();
    // The other topic is under way when the one comes of which batches have to be smaller.
    for (token, topic) in [(1, &other), (2, &small), (3, &other), (4, &smaller)] {
        produce_all(producer.as_mut(), &batch_of(&topic.name, &tiny), token);
    }
    let reports = all_reports(producer.as_mut());
    assert!(reports.iter().all(|report| matches!(report.5, Seen::At(_))), "{reports:?}");
    for (topic, copies) in [(&other, 2), (&small, 1), (&smaller, 1)] {
        let read: Vec<_> = read_topic(&storage, &topic.name).into_iter().map(|record| record.value.unwrap()).collect();
        let expected: Vec<_> =
            (0..copies).flat_map(|_| tiny.iter().map(|(_, number)| number.as_bytes().to_vec())).collect();
        assert_eq!(read, expected);
    }
    // What does not fit by itself is named, and what stands before it is written.
    let large = "x".repeat(2_000);
    produce_all(producer.as_mut(), &batch_of(&smaller.name, &[(1, "before"), (1, &large), (1, "after")]), 5);
    let (name, reports) = (smaller.name.clone(), all_reports(producer.as_mut()));
    assert_eq!(
        reports[..2],
        [(5, name.clone(), 1, 0, 1, Seen::At(0)), (5, name, 1, 1, 1, Seen::Failed(ErrorKind::TooLarge))]
    );
}

#[test]
fn a_message_that_fails_is_named_where_its_partition_was_chosen() {
    let storage = cluster(&[]);
    let topic = TestTopic::new(&storage, "named", 3, &[("max.message.bytes", "1000")]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let large = "x".repeat(2_000);
    let mut messages = vec![(-1, "small"); 50];
    messages[37] = (-1, &large);
    produce_all(producer.as_mut(), &batch_of(&topic.name, &messages), 1);
    let reports = producer.reports(Duration::ZERO).unwrap();
    let index = reports.iter().find_map(|report| match &report.delivery {
        Delivery::Failed(error) if error.kind() == ErrorKind::TooLarge => {
            error.context().find(|(key, _)| *key == MESSAGE_CONTEXT).map(|(_, at)| at.to_string())
        }
        _ => None,
    });
    assert_eq!(index.as_deref(), Some("37"));
}

#[test]
fn kept_offsets_and_transactions_are_refused_when_a_producer_is_made() {
    let storage = cluster(&[]);
    let error = storage.producer(&ProducerOptions { keep_offsets: true, ..ProducerOptions::default() }).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let properties = pairs(&[("transactional.id", "t")]);
    let error = storage.producer(&ProducerOptions { properties, ..ProducerOptions::default() }).err().unwrap();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("transactional.id"), "{error}");
}

#[test]
fn a_producer_without_idempotence_works_too() {
    let storage = cluster(&[("enable.idempotence", "false"), ("acks", "0")]);
    let topic = TestTopic::new(&storage, "plain", 1, &[]);
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    produce_all(producer.as_mut(), &batch_of(&topic.name, &[(0, "1"), (0, "2")]), 1);
    let reports = producer.reports(Duration::ZERO).unwrap();
    assert!(matches!(reports, [Report { count: 2, delivery: Delivery::Unknown, .. }]), "{reports:?}");
}
