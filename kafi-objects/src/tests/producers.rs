//! Several producers on one partition, lost answers, and uploads that fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::faulty::{Fault, FaultyObjects, Kind};
use super::*;

/// Puts of log objects fail in all ways.
fn unreliable(io: &Arc<MemoryObjects>, seed: u64) -> Arc<FaultyObjects> {
    let mut random = Random(seed);
    FaultyObjects::new(io, move |kind, key| match random.next(20) {
        // As long as a thread may be interrupted.
        0 => {
            std::thread::yield_now();
            Fault::None
        }
        1 | 2 if kind == Kind::Put && key.ends_with(".log") => Fault::Lost,
        3 | 4 if kind == Kind::Put && key.ends_with(".log") => Fault::Again,
        5 if kind == Kind::Put && key.ends_with(".log") => Fault::Failed,
        6 if kind == Kind::Stat => Fault::Failed,
        _ => Fault::None,
    })
}

#[test]
fn producers_beside_each_other_lose_and_double_nothing() {
    const MESSAGES: usize = 12;
    for round in 0..25 {
        let io = Arc::new(MemoryObjects::new());
        create(&storage(&io), "t", 1);
        let delivered = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for writer in 0..3_u64 {
                let (io, delivered) = (&io, &delivered);
                scope.spawn(move || {
                    let storage = storage_over(unreliable(io, round * 10 + writer));
                    let mut producer = producer(&storage);
                    for number in 0..MESSAGES {
                        let texts = [format!("{writer}:{number}a"), format!("{writer}:{number}b")];
                        let offset = write(&mut *producer, &[&texts[0], &texts[1]]).unwrap();
                        let mut delivered = delivered.lock().unwrap();
                        for (offset, text) in (offset..).zip(texts) {
                            assert_eq!(
                                delivered.insert(offset, text),
                                None,
                                "two messages at {offset} in round {round}"
                            );
                        }
                    }
                    producer.close(WAIT).unwrap();
                });
            }
        });
        let delivered: Vec<_> = delivered.into_inner().unwrap().into_iter().collect();
        let read = read(&storage(&io));
        assert_eq!(read, delivered, "round {round}");
        assert_eq!(
            read.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(),
            (0..MESSAGES as i64 * 6).collect::<Vec<_>>()
        );
    }
}

#[test]
fn whatever_becomes_of_an_upload_it_is_there_once() {
    for faults in [
        &[Fault::Failed][..],
        &[Fault::Lost],
        &[Fault::Again],
        &[Fault::Failed, Fault::Lost],
        &[Fault::Lost, Fault::Failed],
        &[Fault::Lost, Fault::Again],
        &[Fault::Failed, Fault::Failed, Fault::Again],
    ] {
        for trust_ms in [0, 20_000] {
            let io = Arc::new(MemoryObjects::new());
            create(&storage(&io), "t", 1);
            write_numbers(&storage(&io), 0, 3);
            let mut left = faults.to_vec();
            let script = move |kind, key: &str| {
                let is_upload = kind == Kind::Put && key.ends_with(".log");
                if is_upload && !left.is_empty() { left.remove(0) } else { Fault::None }
            };
            let options = ObjectOptions { trust_ms, ..ObjectOptions::default() };
            let storage = open("objects", "mem", FaultyObjects::new(&io, script), options);
            let mut producer = producer(&storage);
            assert_eq!(write(&mut *producer, &["3", "4"]), Ok(3), "{faults:?}");
            assert_eq!(write(&mut *producer, &["5"]), Ok(5), "{faults:?}");
            assert_eq!(read(&storage), numbers(0, 6), "{faults:?}");
            assert_eq!(names(&io), [0, 1, 2, 3, 5], "{faults:?}");
        }
    }
}

#[test]
fn a_lost_answer_and_another_producer_right_behind() {
    let io = Arc::new(MemoryObjects::new());
    let other = storage(&io);
    create(&other, "t", 1);
    let mut count = 0;
    let behind = storage(&io);
    let script = move |kind, key: &str| {
        count += usize::from(kind == Kind::Put && key.ends_with(".log"));
        // Before the second attempt another producer writes behind the first one, which did take place.
        if kind == Kind::Put && key.ends_with(".log") && count == 2 {
            write(&mut *producer(&behind), &["other"]).unwrap();
        }
        if kind == Kind::Put && key.ends_with(".log") && count == 1 { Fault::Lost } else { Fault::None }
    };
    let storage = storage_over(FaultyObjects::new(&io, script));
    let mut producer = producer(&storage);
    assert_eq!(write(&mut *producer, &["mine"]), Ok(0));
    assert_eq!(write(&mut *producer, &["mine too"]), Ok(2));
    assert_eq!(read(&other), [(0, "mine".to_string()), (1, "other".to_string()), (2, "mine too".to_string())]);
}

#[test]
fn after_a_failed_upload_nothing_later_is_written_until_the_caller_knows() {
    let io = Arc::new(MemoryObjects::new());
    create(&storage(&io), "t", 1);
    let failing = Arc::new(AtomicU64::new(1));
    let fails = Arc::clone(&failing);
    let script = move |kind, key: &str| {
        let fails = kind == Kind::Put && key.ends_with(".log") && fails.load(Ordering::Relaxed) == 1;
        if fails { Fault::Failed } else { Fault::None }
    };
    let options = ObjectOptions { delivery_timeout_ms: 100, ..ObjectOptions::default() };
    let storage = open("objects", "mem", FaultyObjects::new(&io, script), options);
    let mut producer = producer(&storage);
    producer.produce(&values(&["lost"]), 0, 1, WAIT).unwrap();
    producer.flush(WAIT).unwrap();
    // The reports were not fetched, so what comes now is refused, although the store works again.
    failing.store(0, Ordering::Relaxed);
    producer.produce(&values(&["too early"]), 0, 2, WAIT).unwrap();
    producer.flush(WAIT).unwrap();
    let failed: Vec<_> = producer
        .reports(WAIT)
        .unwrap()
        .iter()
        .map(|report| (report.token, matches!(report.delivery, Delivery::Failed(_))))
        .collect();
    assert_eq!(failed, [(1, true), (2, true)]);
    assert_eq!(write(&mut *producer, &["good"]), Ok(0));
    assert_eq!(read(&storage), [(0, "good".to_string())]);
}

#[test]
fn what_a_killed_producer_was_told_is_there() {
    // Whatever request is the last one of a process: what it was told before is there, and others go on.
    for last in 0..40 {
        let io = Arc::new(MemoryObjects::new());
        create(&storage(&io), "t", 1);
        let options = ObjectOptions { delivery_timeout_ms: 1, ..ObjectOptions::default() };
        let killed = open("objects", "mem", FaultyObjects::killed_at(&io, last), options);
        let (mut told, mut dying) = (Vec::new(), producer(&killed));
        for number in 0..5 {
            let text = number.to_string();
            if dying.produce(&values(&[&text]), 0, 1, WAIT).is_err() {
                break;
            }
            dying.flush(WAIT).unwrap();
            match &dying.reports(WAIT).unwrap()[0].delivery {
                Delivery::At(offset) => told.push((*offset, text)),
                _ => break,
            }
        }
        drop(dying);
        let after = storage(&io);
        let end = write(&mut *producer(&after), &["after"]).unwrap();
        let read = read(&after);
        assert_eq!(read[..told.len()], told[..], "killed at request {last}");
        assert_eq!(read.last(), Some(&(end, "after".to_string())));
        assert!(read.len() <= told.len() + 2, "at most one message more: {read:?}");
    }
}

#[test]
fn a_producer_that_was_away_finds_the_end_of_merged_objects() {
    let io = Arc::new(MemoryObjects::new());
    // It trusts nothing that it knows.
    let options = ObjectOptions { trust_ms: 0, ..ObjectOptions::default() };
    let puts = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&puts);
    let script = move |kind, key: &str| {
        count.fetch_add(u64::from(kind == Kind::Put && key.ends_with(".log")), Ordering::Relaxed);
        Fault::None
    };
    let away = open("objects", "mem", FaultyObjects::new(&io, script), options);
    create(&away, "t", 1);
    let mut idle = producer(&away);
    assert_eq!(write(&mut *idle, &["0"]), Ok(0));
    for round in 0..3 {
        let start = 1 + round * 11;
        write_numbers(&storage(&io), start, start + 10);
        merge(&storage(&io), 1 << 20, 0).unwrap();
        assert_eq!(names(&io).len(), 2, "all but the newest were merged");
        assert_eq!(write(&mut *idle, &[&(start + 10).to_string()]), Ok(start + 10));
    }
    assert_eq!(read(&storage(&io)), numbers(0, 34));
    assert_eq!(puts.load(Ordering::Relaxed), 4, "it never put anything where it did not belong");
}

#[test]
fn a_put_that_took_too_long_is_taken_back() {
    let io = Arc::new(MemoryObjects::new());
    create(&storage(&io), "t", 1);
    write_numbers(&storage(&io), 0, 2);
    let (others, mut is_first) = (Arc::clone(&io), true);
    // While the request is on its way, others write, merge, and delete, so that the name that it wants is free again.
    let script = move |kind, key: &str| {
        if kind == Kind::Put && key.ends_with(".log") && is_first {
            is_first = false;
            write_numbers(&storage(&others), 2, 6);
            merge(&storage(&others), 1 << 20, 0).unwrap();
            assert_eq!(names(&others), [0, 5]);
        }
        Fault::None
    };
    let options = ObjectOptions { trust_ms: 0, ..ObjectOptions::default() };
    let slow = open("objects", "mem", FaultyObjects::new(&io, script), options);
    assert_eq!(write(&mut *producer(&slow), &["6", "7"]), Ok(6));
    assert_eq!(names(&io), [0, 5, 6]);
    assert_eq!(read(&storage(&io)), numbers(0, 8));
}

#[test]
fn kept_offsets_lie_in_a_chain_without_holes() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 1);
    let mut producer = storage.producer(&ProducerOptions { keep_offsets: true, ..ProducerOptions::default() }).unwrap();
    for offset in [1_000, 1_001, 5_000] {
        let mut batch = Batch::new();
        batch.push(Record { partition: 0, offset, ..Record::new("t", None, Some(b"x")) });
        producer.produce(&batch, 0, 1, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
        assert!(matches!(producer.reports(WAIT).unwrap()[0].delivery, Delivery::At(at) if at == offset));
    }
    assert_eq!(names(&io), [0, 1_001, 1_002]);
    let bounds = watermarks(&storage);
    assert_eq!((bounds.low, bounds.high), (1_000, 5_001), "the log begins with its first message");
    assert_eq!(read(&storage).iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1_000, 1_001, 5_000]);
}

#[test]
fn objects_are_bounded_and_large_messages_stand_alone() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    admin(&storage).create_topic(&NewTopic::new("t").config("segment.bytes", "5000"), WAIT).unwrap();
    let (small, large) = ("s".repeat(1_000), "l".repeat(20_000));
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut texts = vec![small.as_str(); 10];
    texts.insert(5, &large);
    let options = ObjectOptions { batch_records_max: 1, ..ObjectOptions::default() };
    let narrow = open("objects", "mem", Arc::clone(&io) as Arc<dyn ObjectIo>, options);
    let mut narrow = narrow.producer(&ProducerOptions::default()).unwrap();
    write(&mut *narrow, &texts).unwrap();
    let lens: Vec<u64> = io.keys().iter().filter(|(key, _)| key.ends_with(".log")).map(|(_, len)| *len).collect();
    assert!(lens.len() >= 4 && lens.iter().filter(|len| **len > 5_000).count() == 1, "{lens:?}");
    write(&mut *producer, &["last"]).unwrap();
    assert_eq!(read(&storage).len(), 12);
}

/// The ordinals of the messages that are reported, and whether they were delivered.
fn take_reports(producer: &mut dyn Producer) -> Vec<(u64, bool)> {
    let reports = producer.reports(Duration::ZERO).unwrap();
    reports
        .iter()
        .flat_map(|report| {
            (report.first..report.first + report.count)
                .map(|ordinal| (ordinal, matches!(report.delivery, Delivery::At(_))))
        })
        .collect()
}

#[test]
fn every_message_has_one_report_when_its_topic_goes_under_its_upload() {
    for again in [false, true] {
        for at in [Kind::Put, Kind::Stat] {
            let io = Arc::new(MemoryObjects::new());
            create(&storage(&io), "t", 2);
            let (others, mut is_first) = (storage(&io), true);
            // The topic goes while one partition is written, and the other one waits.
            let script = move |kind, key: &str| {
                let hits = kind == at && (key.ends_with(".log") || key.ends_with("topic.json"));
                if hits && std::mem::replace(&mut is_first, false) {
                    admin(&others).delete_topic("t", WAIT).unwrap();
                    if again {
                        create(&others, "t", 2);
                    }
                }
                Fault::None
            };
            let options =
                ObjectOptions { batch_records_max: 1, object_bytes: 1, requests_max: 2, ..ObjectOptions::default() };
            let storage = open("objects", "mem", FaultyObjects::new(&io, script), options);
            let mut producer = producer(&storage);
            let (mut count, mut reported) = (0, Vec::new());
            // What was handed over before the topic went may count as written before.
            while !reported.iter().any(|(_, delivered)| !delivered) {
                assert!(count < 200, "again: {again}, {at:?}");
                // Of one token, so that the ordinals go on whatever becomes of the topic.
                let mut batch = values(&["a", "b", "c"]);
                batch.push(Record { partition: 0, timestamp: 1, ..Record::new("t", None, Some(b"d")) });
                let mut from = 0;
                while from < batch.len() {
                    from += producer.produce(&batch, from, 7, WAIT).unwrap();
                }
                count += batch.len() as u64;
                if count % 20 == 0 {
                    producer.flush(WAIT).unwrap();
                    reported.extend(take_reports(&mut *producer));
                }
            }
            reported.sort_unstable();
            assert_eq!(
                reported.iter().map(|(ordinal, _)| *ordinal).collect::<Vec<_>>(),
                (0..count).collect::<Vec<_>>(),
                "again: {again}, {at:?}"
            );
            // Once that was told, messages of the same token count on, and are written if the topic is there.
            producer.produce(&values(&["later"]), 0, 7, WAIT).unwrap();
            producer.flush(WAIT).unwrap();
            assert_eq!(take_reports(&mut *producer), [(count, again)], "{at:?}");
            producer.close(WAIT).unwrap();
            if again {
                assert_eq!(read(&super::storage(&io)), [(0, "later".to_string())]);
            }
        }
    }
}

#[test]
fn every_message_has_one_report_when_the_store_panics() {
    let io = Arc::new(MemoryObjects::new());
    create(&storage(&io), "t", 1);
    let mut left = 2;
    let script = move |kind, key: &str| {
        if kind == Kind::Put && key.ends_with(".log") && left > 0 {
            left -= 1;
            // The lock of the test must not be poisoned by it.
            return Fault::Panic;
        }
        Fault::None
    };
    let storage = storage_over(FaultyObjects::new(&io, script));
    let mut producer = producer(&storage);
    for token in 1..=2 {
        producer.produce(&values(&["a", "b"]), 0, token, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
        assert_eq!(take_reports(&mut *producer), [(0, false), (1, false)]);
    }
    assert_eq!(write(&mut *producer, &["c"]), Ok(0));
    assert_eq!(read(&storage), [(0, "c".to_string())]);
}

#[test]
fn an_object_that_failed_and_arrives_late_is_not_taken_for_a_later_one() {
    let io = Arc::new(MemoryObjects::new());
    create(&storage(&io), "t", 1);
    let mut count = 0;
    // The first put fails, and arrives only when the second one is on its way.
    let script = move |kind, key: &str| {
        if kind != Kind::Put || !key.ends_with(".log") {
            return Fault::None;
        }
        count += 1;
        match count {
            1 => Fault::Held,
            2 => Fault::Arrives,
            _ => Fault::None,
        }
    };
    let options = ObjectOptions { delivery_timeout_ms: 20, ..ObjectOptions::default() };
    let faulty = FaultyObjects::new(&io, script);
    let storage = open("objects", "mem", faulty, options);
    let mut producer = producer(&storage);
    assert_eq!(write(&mut *producer, &["first"]), Err(ErrorKind::Unavailable));
    let mut second = open("objects", "mem", Arc::clone(&io) as Arc<dyn ObjectIo>, ObjectOptions::default())
        .producer(&ProducerOptions::default())
        .unwrap();
    assert_eq!(write(&mut *producer, &["second"]), Ok(1));
    assert_eq!(write(&mut *second, &["third"]), Ok(2));
    assert_eq!(
        read(&super::storage(&io)).iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
        ["first", "second", "third"]
    );
}
