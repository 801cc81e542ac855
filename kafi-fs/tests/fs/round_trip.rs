//! What is written comes back as it was.

use std::time::{Duration, Instant};

use crate::support::*;
use kafi_core::{
    ANY_PARTITION, Assignment, Batch, Delivery, ErrorKind, OwnedRecord, Polled, Position, Producer, Record, Report,
    Storage, TimestampType, TopicPartition, partition_of,
};

#[test]
fn nasty_messages_come_back_under_every_codec() {
    both(|storage| {
        for codec in CODECS {
            create(storage, codec, 1, &[("compression.type", codec)]);
            let records = nasty(codec);
            deliver(storage, &records);
            deliver(storage, &records);
            let expected: Vec<_> = records.iter().chain(&records).cloned().collect();
            assert_same(&read(storage, codec, 0), &with_offsets(&expected, 0..));
        }
    });
}

#[test]
fn codecs_make_files_smaller() {
    let folder = Folder::new();
    let mut sizes = Vec::new();
    for codec in CODECS {
        create(&folder.storage, codec, 1, &[("compression.type", codec)]);
        deliver(&folder.storage, &messages(codec, 1_000, 100));
        let topic = admin(&folder.storage).topics(&[codec.to_string()], WAIT).unwrap().remove(0);
        sizes.push(topic.partitions[0].bytes.unwrap());
    }
    assert!(sizes[1..].iter().all(|size| *size < sizes[0] / 2), "{sizes:?}");
}

#[test]
fn batch_limits_are_kept_and_one_message_always_fits() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let mut records = messages("t", 100, 10);
        records.push(message("t", vec![b'x'; 50_000], 1));
        deliver(storage, &records);
        let mut consumer = consumer(storage);
        for (records_max, bytes_max) in [(1, 1 << 20), (7, 1 << 20), (1_000, 1), (1_000, 333)] {
            consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(101) }], WAIT).unwrap();
            let mut batch = Batch::with_limits(records_max, bytes_max);
            let mut next = 0;
            while consumer.poll(&mut batch, WAIT).unwrap() == Polled::Records {
                assert!(batch.len() <= records_max);
                let before_last =
                    batch.metas()[..batch.len() - 1].iter().map(|meta| meta.value.len as usize).sum::<usize>();
                assert!(before_last < bytes_max, "{before_last} bytes before the last message, {bytes_max} allowed");
                for record in batch.iter() {
                    assert_eq!(record.offset, next);
                    next += 1;
                }
                assert_eq!(consumer.positions()[0].offset, next);
            }
            assert_eq!(next, 101);
        }
    });
}

#[test]
fn ends_are_exact_wherever_batches_end() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let mut producer = producer(storage);
        for _ in 0..3 {
            produce(&mut *producer, &messages("t", 10, 10));
        }
        let mut consumer = consumer(storage);
        for start in 0..=30 {
            for end in [start, (start + 1).min(30), 10, 15, 20, 30] {
                let read = read_range(&mut *consumer, "t", 0, start, end).unwrap();
                let offsets: Vec<i64> = read.iter().map(|record| record.offset).collect();
                assert_eq!(offsets, (start..end).collect::<Vec<_>>(), "{start}..{end}");
                assert_eq!(consumer.positions()[0].offset, end.max(start));
            }
        }
    });
}

#[test]
fn reading_follows_what_is_written_after() {
    both(|storage| {
        create(storage, "t", 2, &[]);
        let mut consumer = consumer(storage);
        let all = |partition| Assignment { topic: "t".into(), partition, start: 0, end: None };
        consumer.assign(&[all(0), all(1)], WAIT).unwrap();
        let mut batch = Batch::new();
        assert_eq!(consumer.poll(&mut batch, Duration::ZERO).unwrap(), Polled::Timeout);
        let mut producer = producer(storage);
        for round in 0..5 {
            let partition = round % 2;
            produce(&mut *producer, [&OwnedRecord { partition, ..message("t", [round as u8], 1) }]);
            assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records);
            assert_eq!(
                (batch.len(), batch.get(0).partition, batch.get(0).value),
                (1, partition, Some(&[round as u8][..]))
            );
        }
        assert_eq!(consumer.poll(&mut batch, Duration::from_millis(5)).unwrap(), Polled::Timeout);
    });
}

#[test]
fn several_partitions_take_turns() {
    both(|storage| {
        create(storage, "t", 3, &[]);
        let mut producer = producer(storage);
        for _ in 0..10 {
            let records: Vec<_> =
                (0..300).map(|number| OwnedRecord { partition: number % 3, ..message("t", "x", 1) }).collect();
            produce(&mut *producer, &records);
        }
        let mut consumer = consumer(storage);
        let all: Vec<_> =
            (0..3).map(|partition| Assignment { topic: "t".into(), partition, start: 0, end: Some(1_000) }).collect();
        consumer.assign(&all, WAIT).unwrap();
        let mut batch = Batch::with_limits(100, 1 << 20);
        let (mut next, mut seen) = ([0; 3], Vec::new());
        while consumer.poll(&mut batch, WAIT).unwrap() == Polled::Records {
            for record in batch.iter() {
                assert_eq!(record.offset, next[record.partition as usize]);
                next[record.partition as usize] += 1;
            }
            seen.push(batch.get(batch.len() - 1).partition);
        }
        assert_eq!(next, [1_000; 3]);
        assert_eq!(seen[..6], [0, 1, 2, 0, 1, 2]);
    });
}

#[test]
fn a_producer_that_stays_open_writes_to_partitions_that_are_added() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let mut producer = producer(storage);
        produce(&mut *producer, &messages("t", 10, 10));
        admin(storage).create_partitions("t", 3, WAIT).unwrap();
        let reports = produce(&mut *producer, [&OwnedRecord { partition: 2, ..message("t", "explicit", 1) }]);
        assert!(matches!(reports[..], [Report { partition: 2, delivery: Delivery::At(0), .. }]), "{reports:?}");
        admin(storage).create_partitions("t", 4, WAIT).unwrap();
        let large = OwnedRecord { partition: ANY_PARTITION, ..message("t", vec![b'x'; 900_000], 1) };
        let keyless = vec![large; 10];
        let deadline = Instant::now() + WAIT;
        while read(storage, "t", 3).is_empty() {
            assert!(Instant::now() < deadline, "no message without a key came to the new partition");
            produce(&mut *producer, &keyless);
        }
    });
}

#[test]
fn seeking_moves_within_an_assignment() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        deliver(storage, &messages("t", 100, 10));
        let mut consumer = consumer(storage);
        consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(100) }], WAIT).unwrap();
        let mut batch = Batch::with_limits(5, 1 << 20);
        consumer.poll(&mut batch, WAIT).unwrap();
        for offset in [90, 3, 99, 0] {
            consumer.seek(&Position { topic: "t".into(), partition: 0, offset }, WAIT).unwrap();
            assert_eq!(consumer.positions()[0].offset, offset);
            consumer.poll(&mut batch, WAIT).unwrap();
            assert_eq!(batch.get(0).offset, offset);
        }
        let elsewhere = Position { topic: "t".into(), partition: 1, offset: 0 };
        assert_eq!(consumer.seek(&elsewhere, WAIT).unwrap_err().kind(), ErrorKind::NotFound);
        let beyond = Position { topic: "t".into(), partition: 0, offset: 101 };
        assert_eq!(consumer.seek(&beyond, WAIT).unwrap_err().kind(), ErrorKind::OutOfRange);
    });
}

#[test]
fn keys_choose_the_partition_as_everywhere_and_null_keys_take_turns() {
    both(|storage| {
        create(storage, "t", 5, &[]);
        let mut batch = Batch::new();
        for number in 0..100 {
            batch.push(Record::new("t", Some(format!("key {number}").as_bytes()), None));
        }
        let mut producer = producer(storage);
        producer.produce(&batch, 0, 1, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
        for partition in 0..5 {
            for record in read(storage, "t", partition) {
                assert_eq!(partition_of(&record.key.unwrap(), 5), partition);
            }
        }
        create(storage, "turns", 5, &[]);
        let no_keys: Vec<_> =
            (0..20).map(|_| OwnedRecord { partition: -1, ..message("turns", vec![0; 400_000], 1) }).collect();
        deliver(storage, &no_keys);
        for partition in 0..5 {
            assert!(watermarks(storage, "turns", partition).high > 0, "nothing in partition {partition}");
        }
    });
}

#[test]
fn missing_timestamps_become_now_by_the_topics_clock() {
    both(|storage| {
        create(storage, "create", 1, &[]);
        create(storage, "append", 1, &[("message.timestamp.type", "LogAppendTime")]);
        for (topic, expected) in [("create", TimestampType::Create), ("append", TimestampType::Append)] {
            let mut records: Vec<_> = (0..100).map(|_| message(topic, "x", -1)).collect();
            records.push(message(topic, "own", 77));
            deliver(storage, &records);
            let read = read(storage, topic, 0);
            assert!(
                read[..100]
                    .iter()
                    .all(|record| record.timestamp > 1_600_000_000_000 && record.timestamp_type == expected),
                "{topic}"
            );
            assert_eq!((read[100].timestamp, read[100].timestamp_type), (77, TimestampType::Create), "{topic}");
        }
    });
}

#[test]
fn reports_name_tokens_runs_and_offsets() {
    both(|storage| {
        create(storage, "t", 2, &[]);
        let mut producer = producer(storage);
        let mut batch = Batch::new();
        for number in 0..10 {
            batch.push(Record { partition: i32::from(number % 5 == 0), ..Record::new("t", None, Some(b"x")) });
        }
        assert_eq!(producer.produce(&batch, 0, 1, WAIT).unwrap(), 10);
        assert_eq!(producer.produce(&batch, 5, 2, WAIT).unwrap(), 5);
        assert_eq!(producer.produce(&batch, 5, 2, WAIT).unwrap(), 5);
        producer.flush(WAIT).unwrap();
        let mut runs: Vec<_> = take_reports(&mut *producer)
            .iter()
            .map(|report| {
                let Delivery::At(offset) = report.delivery else { panic!("{report:?}") };
                (report.partition, report.token, report.first, report.count, offset)
            })
            .collect();
        runs.sort_unstable();
        assert_eq!(runs, [(0, 1, 0, 8, 0), (0, 2, 0, 8, 8), (1, 1, 0, 2, 0), (1, 2, 0, 2, 2)]);
        assert!(producer.reports(WAIT).unwrap().is_empty(), "nothing is under way, so nothing is waited for");
    });
}

#[test]
fn waiting_for_reports_delivers_without_a_flush() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let mut producer = producer(storage);
        let mut batch = Batch::new();
        batch.push(Record::new("t", None, Some(b"x")));
        producer.produce(&batch, 0, 1, WAIT).unwrap();
        assert_delivered(producer.reports(WAIT).unwrap(), 1);
        assert_eq!(watermarks(storage, "t", 0).high, 1);
    });
}

fn failures(producer: &mut dyn Producer) -> Vec<(i32, u64, u64, ErrorKind)> {
    let failed = |report: &kafi_core::Report| match &report.delivery {
        Delivery::Failed(error) => Some((report.partition, report.first, report.count, error.kind())),
        _ => None,
    };
    take_reports(producer).iter().filter_map(failed).collect()
}

#[test]
fn what_cannot_be_written_is_reported_and_stops_its_partition_until_then() {
    both(|storage| {
        create(storage, "t", 2, &[("max.message.bytes", "1000")]);
        let mut producer = producer(storage);
        let mut batch = Batch::new();
        for (partition, bytes) in [(0, 10), (0, 2_000), (0, 10), (1, 10), (0, 10), (7, 10), (7, 10)] {
            batch.push(Record { partition, ..Record::new("t", None, Some(&vec![b'x'; bytes])) });
        }
        batch.push(Record::new("missing", None, None));
        producer.produce(&batch, 0, 1, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
        let mut failed = failures(&mut *producer);
        failed.sort_by_key(|failed| failed.0);
        let missing = ErrorKind::NotFound;
        assert_eq!(failed, [(-1, 0, 1, missing), (0, 1, 3, ErrorKind::TooLarge), (7, 0, 2, missing)]);
        assert_eq!(watermarks(storage, "t", 0).high, 1);
        assert_eq!(watermarks(storage, "t", 1).high, 1);
        // Now that it is known, the partition takes messages again, and a topic that was made meanwhile is found.
        create(storage, "missing", 1, &[]);
        let again = [message("t", "y", 1), message("missing", "z", 1)];
        assert_delivered(&produce(&mut *producer, &again), 2);
        assert_eq!(read(storage, "t", 0)[1].value.as_deref(), Some(&b"y"[..]));
    });
}

#[test]
fn nothing_is_made_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("not/there");
    let storage = open(&root);
    assert!(admin(&storage).topics(&[], WAIT).unwrap().is_empty());
    assert!(admin(&storage).groups(WAIT).unwrap().is_empty());
    let assignment = Assignment { topic: "t".into(), partition: 0, start: 0, end: None };
    let error = consumer(&storage).assign(&[assignment], WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "find topic: topic t, storage test: no such topic");
    let mut producer = producer(&storage);
    produce(&mut *producer, &[message("t", "x", 1)]);
    assert!(!root.exists());
    let partition = TopicPartition { topic: "t".into(), partition: 0 };
    assert!(admin(&storage).watermarks(&[partition], Default::default(), WAIT).is_err());
    let identity = storage.identity(WAIT).unwrap();
    create(&storage, "t", 1, &[]);
    assert!(root.join("topics/t/topic.json").exists());
    assert_eq!(storage.identity(WAIT).unwrap(), identity);
}
