//! The log: segments, times, log starts, kept offsets, administration.

use std::time::Duration;

use crate::support::*;
use kafi_core::{
    Assignment, Batch, ConfigChange, ConsumerOptions, Delivery, ErrorKind, NewTopic, OwnedRecord, Polled, Position,
    Storage, TopicPartition,
};

fn small_segments(storage: &kafi_fs::LogStorage, topic: &str, bytes: &str) {
    create(storage, topic, 1, &[("segment.bytes", bytes)]);
}

fn at(topic: &str, offset: i64) -> Position {
    Position { topic: topic.into(), partition: 0, offset }
}

#[test]
fn segments_roll_by_size_and_are_read_as_one() {
    let folder = Folder::new();
    small_segments(&folder.storage, "t", "1000");
    let mut producer = producer(&folder.storage);
    let records = messages("t", 100, 100);
    for record in &records {
        assert_delivered(&produce(&mut *producer, [record]), 1);
    }
    let segments = folder.segments("t", 0);
    assert!(segments.len() >= 15, "{segments:?}");
    for name in &segments {
        assert!(std::fs::metadata(folder.file("t", 0, name)).unwrap().len() <= 1_000);
    }
    assert_same(&read(&folder.storage, "t", 0), &with_offsets(&records, 0..));
    for start in 0..100 {
        let read = read_range(&mut *consumer(&folder.storage), "t", 0, start, start + 1).unwrap();
        assert_eq!(read[0].offset, start);
    }
    // Another process goes on where this one ended.
    deliver(&open(folder.root()), &records);
    assert_eq!(watermarks(&folder.storage, "t", 0).high, 200);
    assert_delivered(&produce(&mut *producer, &records), 100);
    assert_eq!(read(&folder.storage, "t", 0).len(), 300);
}

#[test]
fn a_batch_larger_than_a_segment_gets_one_of_its_own() {
    both(|storage| {
        small_segments(storage, "t", "100");
        let records = messages("t", 3, 1_000);
        for record in &records {
            deliver(storage, std::slice::from_ref(record));
        }
        assert_same(&read(storage, "t", 0), &with_offsets(&records, 0..));
    });
}

#[test]
fn the_index_can_be_lost_damaged_and_is_made_again() {
    let folder = Folder::new();
    create(&folder.storage, "t", 1, &[("segment.bytes", "1000000")]);
    let records = messages("t", 2_000, 1_000);
    for chunk in records.chunks(20) {
        deliver(&folder.storage, chunk);
    }
    let expected = with_offsets(&records, 0..);
    let indexes: Vec<_> = folder.files("t", 0).into_iter().filter(|name| name.ends_with(".kidx")).collect();
    assert!(indexes.len() >= 2, "{indexes:?}");
    let before: Vec<_> = indexes.iter().map(|name| std::fs::read(folder.file("t", 0, name)).unwrap()).collect();
    assert!(before[0].len() > 10 * 64, "an entry for each 64 KiB");
    let check = || {
        for start in [0, 1, 19, 20, 777, 1_500, 1_999] {
            let read = read_range(&mut *consumer(&folder.storage), "t", 0, start, start + 1).unwrap();
            assert_same(&read, &expected[start as usize..start as usize + 1]);
        }
        let found = admin(&folder.storage).offsets_for_times(&[at("t", 2_500)], WAIT).unwrap();
        assert_eq!(found[0].offset, 1_500);
        assert_eq!(watermarks(&folder.storage, "t", 0).high, 2_000);
    };
    check();
    for name in &indexes {
        let mut bytes = std::fs::read(folder.file("t", 0, name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(folder.file("t", 0, name), &bytes).unwrap();
    }
    check();
    for name in &indexes {
        std::fs::write(folder.file("t", 0, name), b"nonsense").unwrap();
    }
    check();
    for name in &indexes {
        std::fs::remove_file(folder.file("t", 0, name)).unwrap();
    }
    check();
    // Whoever appends next makes the index of the active segment again, as it was.
    deliver(&open(folder.root()), &messages("t", 1, 10));
    let last = indexes.last().unwrap();
    assert_eq!(std::fs::read(folder.file("t", 0, last)).unwrap(), *before.last().unwrap());
}

#[test]
fn a_rolled_segments_index_ends_with_its_length_and_checksum() {
    let folder = Folder::new();
    small_segments(&folder.storage, "t", "100000");
    let mut producer = producer(&folder.storage);
    for chunk in messages("t", 3_000, 100).chunks(10) {
        produce(&mut *producer, chunk);
    }
    let segments = folder.segments("t", 0);
    assert!(segments.len() > 2);
    for name in &segments[..segments.len() - 1] {
        let log = std::fs::read(folder.file("t", 0, name)).unwrap();
        let index = std::fs::read(folder.file("t", 0, &name.replace(".log", ".kidx"))).unwrap();
        let seal = &index[index.len() - 64..];
        assert_eq!(seal[..4], 2_u32.to_le_bytes());
        assert_eq!(seal[4..8], crc32c::crc32c(&log).to_le_bytes());
        assert_eq!(seal[24..32], 0_u64.to_le_bytes());
        assert_eq!(seal[32..40], (log.len() as u64).to_le_bytes());
    }
}

#[test]
fn times_are_found_although_messages_are_not_in_their_order() {
    both(|storage| {
        create(storage, "t", 1, &[("segment.bytes", "2000")]);
        let times = [50, 10, 90, 20, 20, 300, 5, 200, 400, 1, 350];
        let mut producer = producer(storage);
        for pair in times.chunks(2) {
            let records: Vec<_> = pair.iter().map(|time| message("t", vec![b'x'; 300], *time)).collect();
            produce(&mut *producer, &records);
        }
        for time in 0..=401 {
            let expected = times.iter().position(|at| *at >= time).unwrap_or(times.len()) as i64;
            let found = admin(storage).offsets_for_times(&[at("t", time)], WAIT).unwrap();
            assert_eq!(found, [at("t", expected)], "time {time}");
        }
        // Deleted messages are not found.
        admin(storage).delete_records(&[at("t", 7)], WAIT).unwrap();
        for (time, expected) in [(0, 7), (6, 7), (201, 8), (401, 11)] {
            assert_eq!(
                admin(storage).offsets_for_times(&[at("t", time)], WAIT).unwrap(),
                [at("t", expected)],
                "time {time}"
            );
        }
    });
}

#[test]
fn deleting_records_moves_the_log_start_for_good() {
    let folder = Folder::new();
    let storage = &folder.storage;
    small_segments(storage, "t", "1000");
    for record in messages("t", 50, 100) {
        deliver(storage, &[record]);
    }
    let segments = folder.segments("t", 0).len();
    assert_eq!(admin(storage).delete_records(&[at("t", 25)], WAIT).unwrap(), [at("t", 25)]);
    assert!(folder.segments("t", 0).len() < segments);
    let reopened = open(folder.root());
    assert_eq!((watermarks(&reopened, "t", 0).low, watermarks(&reopened, "t", 0).high), (25, 50));
    assert_eq!(read(&reopened, "t", 0).first().unwrap().offset, 25);
    assert_eq!(admin(storage).delete_records(&[at("t", 10)], WAIT).unwrap(), [at("t", 25)], "never backwards");
    assert_eq!(admin(storage).delete_records(&[at("t", 51)], WAIT).unwrap_err().kind(), ErrorKind::OutOfRange);

    let error = read_range(&mut *consumer(storage), "t", 0, 10, 50).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    assert!(error.to_string().contains("the offsets 10 to 24 were deleted, the log starts at 25"), "{error}");
    let lenient = ConsumerOptions { allow_gap: true, ..ConsumerOptions::default() };
    let read = read_range(&mut *storage.consumer(&lenient).unwrap(), "t", 0, 10, 50).unwrap();
    assert_eq!(read.len(), 25);

    assert_eq!(admin(storage).delete_records(&[at("t", -1)], WAIT).unwrap(), [at("t", 50)]);
    assert_eq!((watermarks(storage, "t", 0).low, watermarks(storage, "t", 0).high), (50, 50));
    deliver(&reopened, &messages("t", 1, 10));
    assert_eq!((watermarks(storage, "t", 0).low, watermarks(storage, "t", 0).high), (50, 51));
}

#[test]
fn a_consumer_notices_that_what_it_would_read_next_was_deleted() {
    both(|storage| {
        small_segments(storage, "t", "1000");
        for record in messages("t", 50, 100) {
            deliver(storage, &[record]);
        }
        let lenient = ConsumerOptions { allow_gap: true, ..ConsumerOptions::default() };
        for (options, next) in [(ConsumerOptions::default(), None), (lenient, Some(40))] {
            let from = watermarks(storage, "t", 0).low;
            let mut consumer = storage.consumer(&options).unwrap();
            consumer
                .assign(&[Assignment { topic: "t".into(), partition: 0, start: from, end: Some(50) }], WAIT)
                .unwrap();
            let mut batch = Batch::with_limits(3, 1 << 20);
            consumer.poll(&mut batch, WAIT).unwrap();
            // Twice: the file system gives the file of the second time what told the first file from others.
            for low in [from + 10, from + 20] {
                admin(storage).delete_records(&[at("t", low)], WAIT).unwrap();
            }
            let polled = consumer.poll(&mut batch, WAIT);
            match next {
                None => {
                    assert_eq!(polled.unwrap_err().kind(), ErrorKind::OutOfRange);
                    assert_eq!(consumer.poll(&mut batch, WAIT).unwrap_err().kind(), ErrorKind::OutOfRange, "and again");
                }
                Some(offset) => assert_eq!((polled.unwrap(), batch.get(0).offset), (Polled::Records, offset)),
            }
        }
    });
}

#[test]
fn offsets_are_kept_with_their_gaps() {
    both(|storage| {
        create(storage, "t", 1, &[("segment.bytes", "3000")]);
        let offsets: Vec<i64> =
            [1_000, 1_001, 1_005, 1_006, 5_000, 5_000_000_000, 5_000_000_001, 900_000_000_000].to_vec();
        let records = with_offsets(&messages("t", offsets.len(), 1_000), offsets.iter().copied());
        let mut producer = keeping_producer(storage);
        let reports = produce(&mut *producer, &records);
        assert_delivered(&reports, records.len());
        assert!(matches!(reports[0].delivery, Delivery::At(1_000)), "{reports:?}");
        assert_eq!((watermarks(storage, "t", 0).low, watermarks(storage, "t", 0).high), (1_000, 900_000_000_001));
        assert_same(&read(storage, "t", 0), &records);
        // Ends and starts may lie in gaps.
        let mut consumer = consumer(storage);
        let got = read_range(&mut *consumer, "t", 0, 1_002, 4_000).unwrap();
        assert_eq!(got.iter().map(|record| record.offset).collect::<Vec<_>>(), [1_005, 1_006]);
        assert_eq!(consumer.positions()[0].offset, 4_000);
        assert!(read_range(&mut *consumer, "t", 0, 6_000, 5_000_000_000).unwrap().is_empty());
    });
}

#[test]
fn a_segments_offsets_fit_what_kafkas_tools_count_with() {
    let folder = Folder::new();
    create(&folder.storage, "t", 1, &[]);
    let records = with_offsets(&messages("t", 4, 10), [3, 3 + i64::from(i32::MAX), 10_000_000_000, 20_000_000_000]);
    for record in &records {
        assert_delivered(&produce(&mut *keeping_producer(&folder.storage), [record]), 1);
    }
    let names = [3, 3 + i64::from(i32::MAX), 10_000_000_000, 20_000_000_000_i64].map(|base| format!("{base:020}.log"));
    assert_eq!(folder.segments("t", 0), names);
    assert_same(&read(&folder.storage, "t", 0), &records);
}

#[test]
fn offsets_that_do_not_rise_are_refused() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let mut producer = keeping_producer(storage);
        let records = |offsets: &[i64]| with_offsets(&messages("t", offsets.len(), 5), offsets.iter().copied());
        assert_delivered(&produce(&mut *producer, &records(&[5, 6])), 2);
        for refused in [&[6][..], &[0], &[-1], &[4, 9]] {
            let reports = produce(&mut *producer, &records(refused));
            let Delivery::Failed(error) = &reports[0].delivery else { panic!("{reports:?}") };
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{refused:?}");
            assert_eq!(reports.iter().map(|report| report.count).sum::<u64>(), refused.len() as u64);
        }
        let reports = produce(&mut *producer, &records(&[10, 12, 11, 13]));
        let counts = |delivered| {
            reports
                .iter()
                .filter(|report| matches!(report.delivery, Delivery::At(_)) == delivered)
                .map(|report| report.count)
                .sum()
        };
        let (delivered, failed): (u64, u64) = (counts(true), counts(false));
        assert_eq!((delivered, failed), (2, 2), "{reports:?}");
        let offsets: Vec<i64> = read(storage, "t", 0).iter().map(|record| record.offset).collect();
        assert_eq!(offsets, [5, 6, 10, 12]);
        // Another producer learns the end from the log itself.
        let reports = produce(&mut *keeping_producer(storage), &records(&[12, 20]));
        assert!(
            matches!(&reports[..], [kafi_core::Report { count: 2, delivery: Delivery::Failed(_), .. }]),
            "{reports:?}"
        );
        assert_eq!(watermarks(storage, "t", 0).high, 13);
    });
}

#[test]
fn a_topic_made_anew_is_another_one() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let id = |storage| admin(storage).topics(&["t".into()], WAIT).unwrap().remove(0).id;
        let first = id(storage);
        let mut producer = producer(storage);
        produce(&mut *producer, &messages("t", 3, 10));
        let mut consumer = consumer(storage);
        consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 3, end: None }], WAIT).unwrap();
        admin(storage).delete_topic("t", WAIT).unwrap();
        assert!(admin(storage).topics(&[], WAIT).unwrap().is_empty());
        assert_eq!(consumer.poll(&mut Batch::new(), WAIT).unwrap_err().kind(), ErrorKind::NotFound);
        create(storage, "t", 1, &[]);
        assert_ne!(id(storage), first);
        // The old producer finds out, says so, and then writes to the new topic.
        let reports = produce(&mut *producer, &messages("t", 1, 10));
        assert!(matches!(reports[..], [kafi_core::Report { delivery: Delivery::Failed(_), .. }]), "{reports:?}");
        assert_eq!(watermarks(storage, "t", 0).high, 0);
        assert_delivered(&produce(&mut *producer, &messages("t", 1, 10)), 1);
        assert_eq!(watermarks(storage, "t", 0).high, 1);
    });
}

#[test]
fn topics_that_differ_only_in_case_are_kept_apart() {
    both(|storage| {
        let names = ["Orders", "orders", "ORDERS"];
        for (number, name) in names.into_iter().enumerate() {
            create(storage, name, 1, &[]);
            deliver(storage, &messages(name, number + 1, 20));
            let error = admin(storage).create_topic(&NewTopic::new(name), WAIT).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        }
        let listed: Vec<_> = admin(storage).topics(&[], WAIT).unwrap().into_iter().map(|topic| topic.name).collect();
        assert_eq!(listed, ["ORDERS", "Orders", "orders"]);
        admin(storage).create_partitions("orders", 2, WAIT).unwrap();
        admin(storage).delete_topic("Orders", WAIT).unwrap();
        assert_eq!((watermarks(storage, "orders", 0).high, watermarks(storage, "ORDERS", 0).high), (2, 3));
        create(storage, "Orders", 1, &[]);
        assert_eq!((watermarks(storage, "Orders", 0).high, read(storage, "orders", 0).len()), (0, 2));
        let missing = admin(storage).topics(&["oRDERS".into()], WAIT).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    });
    // No two of the folders are one on a file system that does not tell case.
    let folder = Folder::new();
    let long = "x".repeat(249);
    for name in ["a", "A", &long, &long.to_uppercase()] {
        create(&folder.storage, name, 1, &[]);
    }
    let entries = std::fs::read_dir(folder.root().join("topics")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap().to_lowercase()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "four topics and the lock: {names:?}");
    assert!(folder.root().join("topics/a").exists() && !folder.root().join("topics/A").exists());
}

#[test]
fn topics_are_made_whole_or_not_at_all() {
    let folder = Folder::new();
    let storage = &folder.storage;
    let try_create = |topic: NewTopic| admin(storage).create_topic(&topic, WAIT);
    create(storage, "Orders.v1", 2, &[]);
    assert_eq!(try_create(NewTopic::new("Orders.v1")).unwrap_err().kind(), ErrorKind::AlreadyExists);
    for bad in [
        NewTopic::new("../x"),
        NewTopic { partitions: Some(0), ..NewTopic::new("a") },
        NewTopic { replication: Some(3), ..NewTopic::new("a") },
        NewTopic { config: vec![("segment.byte".into(), "1".into())], ..NewTopic::new("a") },
    ] {
        assert_eq!(try_create(bad.clone()).unwrap_err().kind(), ErrorKind::Usage, "{bad:?}");
    }
    assert_eq!(admin(storage).topics(&[], WAIT).unwrap().len(), 1);
    // What a crash left behind is no topic, and goes away with the next one.
    std::fs::create_dir_all(folder.root().join("topics/~new-1234/0")).unwrap();
    std::fs::create_dir_all(folder.root().join("topics/half/0")).unwrap();
    assert_eq!(admin(storage).topics(&[], WAIT).unwrap().len(), 1);
    create(storage, "more", 1, &[]);
    assert!(!folder.root().join("topics/~new-1234").exists());
    let missing = admin(storage).topics(&["orders".into()], WAIT).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn partitions_are_added_and_used_by_who_is_there_already() {
    both(|storage| {
        create(storage, "t", 1, &[]);
        let mut producer = producer(storage);
        produce(&mut *producer, &messages("t", 1, 10));
        for bad in [0, 1] {
            assert_eq!(admin(storage).create_partitions("t", bad, WAIT).unwrap_err().kind(), ErrorKind::Usage);
        }
        admin(storage).create_partitions("t", 4, WAIT).unwrap();
        assert_eq!(admin(storage).topics(&["t".into()], WAIT).unwrap()[0].partitions.len(), 4);
        produce(&mut *producer, &messages("t", 1, 10));
        let last = OwnedRecord { partition: 3, ..message("t", "x", 1) };
        assert_delivered(&produce(&mut *producer, [&last]), 1);
        assert_eq!(watermarks(storage, "t", 3).high, 1);
    });
}

#[test]
fn settings_are_shown_changed_and_followed() {
    both(|storage| {
        create(storage, "t", 1, &[("compression.type", "zstd")]);
        let get = |name: &str| {
            admin(storage).topic_config("t", WAIT).unwrap().into_iter().find(|entry| entry.name == name).unwrap()
        };
        assert_eq!((get("compression.type").value.as_deref(), get("compression.type").default), (Some("zstd"), false));
        assert_eq!((get("segment.bytes").value.as_deref(), get("segment.bytes").default), (Some("1073741824"), true));
        let change = |name: &str, value: Option<&str>| {
            let change = ConfigChange { name: name.into(), value: value.map(str::to_string) };
            admin(storage).alter_topic_config("t", &[change], WAIT)
        };
        change("segment.bytes", Some("500")).unwrap();
        change("compression.type", None).unwrap();
        assert_eq!(
            (get("compression.type").value.as_deref(), get("segment.bytes").value.as_deref()),
            (Some("producer"), Some("500"))
        );
        assert_eq!(change("nonsense", None).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(change("segment.bytes", Some("many")).unwrap_err().kind(), ErrorKind::Usage);
        let id = |storage| admin(storage).topics(&["t".into()], WAIT).unwrap().remove(0).id;
        assert_eq!(id(storage).len(), 32);
    });
}

#[test]
fn what_others_added_to_a_topics_file_is_kept() {
    let folder = Folder::new();
    create(&folder.storage, "t", 1, &[]);
    let path = folder.root().join("topics/t/topic.json");
    let text = std::fs::read_to_string(&path).unwrap().replacen('{', "{\"source\": {\"cluster\": \"c\"},", 1);
    std::fs::write(&path, text).unwrap();
    admin(&folder.storage).create_partitions("t", 2, WAIT).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"source\"") && text.contains("\"cluster\": \"c\""), "{text}");
    std::fs::write(&path, "{").unwrap();
    let error = admin(&folder.storage).topics(&["t".into()], WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("topic.json"), "{error}");
}

#[test]
fn watermarks_follow_an_unflushed_producer_and_empty_partitions_have_them() {
    both(|storage| {
        create(storage, "t", 2, &[]);
        assert_eq!((watermarks(storage, "t", 1).low, watermarks(storage, "t", 1).high), (0, 0));
        assert!(read(storage, "t", 1).is_empty());
        let partition = TopicPartition { topic: "t".into(), partition: 2 };
        let error = admin(storage).watermarks(&[partition], Default::default(), WAIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let mut producer = producer(storage);
        let mut batch = Batch::new();
        for record in messages("t", 3_000, 1_000) {
            batch.push(record.as_record());
        }
        producer.produce(&batch, 0, 1, Duration::ZERO).unwrap();
        let seen = watermarks(storage, "t", 0).high;
        assert!(seen > 0, "two batches of a megabyte are in the file, flushed or not");
        assert_eq!(read(storage, "t", 0).len() as i64, seen);
        producer.close(WAIT).unwrap();
        assert_eq!(watermarks(storage, "t", 0).high, 3_000);
    });
}
