//! Merging small objects beside readers, cut off at every step, and with answers that are lost.

use super::faulty::{Fault, FaultyObjects, Kind};
use super::*;

/// Larger than everything together.
const ALL: u64 = 1 << 20;

fn filled(messages: i64) -> (Arc<MemoryObjects>, ObjectStorage) {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 1);
    write_numbers(&storage, 0, messages);
    (io, storage)
}

#[test]
fn merged_objects_read_the_same_and_the_newest_stays() {
    let (io, storage) = filled(20);
    let answer = merge(&storage, ALL, 0).unwrap();
    assert_eq!(
        answer,
        r#"{"partitions":[{"deleted":18,"left":0,"merged":18,"objects":20,"partition":0}],"topic":"t"}"#
    );
    assert_eq!(names(&io), [0, 19]);
    assert_eq!(read(&storage), numbers(0, 20));
    for start in 0..=20 {
        assert_eq!(drain(&mut *consumer(&super::storage(&io), start, Some(20))), numbers(start, 20));
    }
    // Nothing is left to be done, and writing goes on.
    assert!(merge(&storage, ALL, 0).unwrap().contains(r#""merged":0"#));
    write_numbers(&storage, 20, 25);
    assert_eq!(read(&super::storage(&io)), numbers(0, 25));
    // What was merged can be merged again.
    merge(&storage, ALL, 0).unwrap();
    assert_eq!(names(&io), [0, 24]);
    assert_eq!(read(&storage), numbers(0, 25));
}

#[test]
fn merged_objects_are_bounded() {
    let (io, storage) = filled(30);
    let len = io.keys().iter().find(|(key, _)| key.ends_with("00.log")).unwrap().1;
    merge(&storage, len * 4, 0).unwrap();
    let lens: Vec<u64> = io.keys().iter().filter(|(key, _)| key.ends_with(".log")).map(|(_, len)| *len).collect();
    assert!(lens.len() <= 10 && lens.iter().all(|other| *other <= len * 4), "{lens:?}");
    assert_eq!(read(&storage), numbers(0, 30));
}

#[test]
fn within_the_grace_time_nothing_is_deleted() {
    let (io, storage) = filled(10);
    let argument = format!(r#"{{"topic":"t","bytes_max":{ALL},"grace_ms":3600000}}"#);
    let answer = admin(&storage).operation("merge", &argument, Duration::from_secs(1)).unwrap();
    assert!(answer.contains(r#""deleted":0,"left":8"#), "{answer}");
    assert_eq!(names(&io).len(), 10);
    for start in 0..=10 {
        assert_eq!(drain(&mut *consumer(&super::storage(&io), start, Some(10))), numbers(start, 10));
    }
    // A later merge, for which the time is over, cleans up.
    let answer = merge(&storage, ALL, 0).unwrap();
    assert!(answer.contains(r#""deleted":8,"left":0,"merged":0"#), "{answer}");
    assert_eq!(names(&io), [0, 9]);
    assert_eq!(read(&storage), numbers(0, 10));
}

#[test]
fn a_merge_that_is_cut_off_leaves_a_log_that_reads_right() {
    for last in 0.. {
        let (io, storage) = filled(12);
        let killed = storage_over(FaultyObjects::killed_at(&io, last));
        let argument = format!(r#"{{"topic":"t","bytes_max":{ALL},"grace_ms":0}}"#);
        // One request is made for each object, so that it is cut off between any two.
        let done = admin(&killed).operation("merge", &argument, Duration::from_millis(40));
        for start in 0..=12 {
            assert_eq!(
                drain(&mut *consumer(&super::storage(&io), start, Some(12))),
                numbers(start, 12),
                "killed at request {last}"
            );
        }
        write_numbers(&super::storage(&io), 12, 14);
        assert_eq!(read(&super::storage(&io)), numbers(0, 14), "killed at request {last}");
        merge(&storage, ALL, 0).unwrap();
        let names = names(&io);
        assert!(names.len() <= 3 && names.last() == Some(&13), "killed at request {last}: {names:?}");
        assert_eq!(read(&super::storage(&io)), numbers(0, 14));
        if done.is_ok() {
            assert!(last > 20, "only {last} requests");
            break;
        }
    }
}

#[test]
fn a_deletion_that_is_cut_off_half_way_is_passed_over() {
    // Objects that were merged go in rising order; each beginning of that is a state that a kill may leave.
    for deleted in 0..=8 {
        let (io, storage) = filled(10);
        let argument = format!(r#"{{"topic":"t","bytes_max":{ALL},"grace_ms":3600000}}"#);
        admin(&storage).operation("merge", &argument, Duration::from_millis(100)).unwrap();
        let keys: Vec<_> = io.keys().into_iter().map(|(key, _)| key).filter(|key| key.ends_with(".log")).collect();
        keys[1..=deleted].iter().for_each(|key| io.remove(key));
        for start in 0..=10 {
            assert_eq!(
                drain(&mut *consumer(&super::storage(&io), start, Some(10))),
                numbers(start, 10),
                "{deleted} deleted"
            );
        }
        assert_eq!(write(&mut *producer(&super::storage(&io)), &["10"]), Ok(10));
        merge(&storage, ALL, 0).unwrap();
        assert_eq!(read(&super::storage(&io)), numbers(0, 11), "{deleted} deleted");
    }
}

#[test]
fn lost_answers_do_not_disturb_a_merge() {
    for fault in [Fault::Lost, Fault::Again, Fault::Failed] {
        let (io, _) = filled(10);
        let mut first = true;
        let script = move |kind, key: &str| {
            let hit = kind == Kind::Put && key.ends_with(".log") && first;
            first &= !hit;
            if hit { fault } else { Fault::None }
        };
        let storage = storage_over(FaultyObjects::new(&io, script));
        let answer = merge(&storage, ALL, 0).unwrap();
        assert!(answer.contains(r#""deleted":8,"left":0,"merged":8"#), "{fault:?}: {answer}");
        assert_eq!(read(&storage), numbers(0, 10));
    }
}

#[test]
fn a_merge_that_was_overtaken_changes_nothing() {
    let (io, _) = filled(12);
    let (others, mut is_first) = (Arc::clone(&io), true);
    // Right before it overwrites the first object, another one merges more, and deletes what it merged.
    let script = move |kind, key: &str| {
        if kind == Kind::Put && key.ends_with(".log") && is_first {
            is_first = false;
            merge(&super::storage(&others), ALL, 0).unwrap();
        }
        Fault::None
    };
    merge(&storage_over(FaultyObjects::new(&io, script)), 300, 0).unwrap();
    assert_eq!(names(&io), [0, 11]);
    assert_eq!(read(&storage(&io)), numbers(0, 12));
}

#[test]
fn merges_that_overlap_lose_nothing() {
    let (io, _) = filled(6);
    let len = io.keys().iter().find(|(key, _)| key.ends_with("00.log")).unwrap().1;
    merge(&storage(&io), 2 * len, 0).unwrap();
    assert_eq!(names(&io), [0, 2, 4, 5]);
    write_numbers(&storage(&io), 6, 8);
    let others = Arc::clone(&io);
    let (slow, mut is_first) = (Arc::new(std::sync::Mutex::new(None)), true);
    let running = Arc::clone(&slow);
    // One merges 4 and 5. Meanwhile another one merges 2 to 4, and deletes 4 after a while, in which 5 was merged into
    // it.
    let script = move |kind, key: &str| {
        if kind == Kind::Put && key.ends_with("04.log") && is_first {
            is_first = false;
            let target = || others.keys().iter().find(|(key, _)| key.ends_with("02.log")).unwrap().1;
            let storage = super::storage(&others);
            *running.lock().unwrap() = Some(std::thread::spawn(move || merge(&storage, 3 * len, 300).unwrap()));
            let until = std::time::Instant::now() + WAIT;
            while target() < 3 * len {
                assert!(std::time::Instant::now() < until, "{:?}", others.keys());
                std::thread::yield_now();
            }
        }
        Fault::None
    };
    merge(&storage_over(FaultyObjects::new(&io, script)), 2 * len, 0).unwrap();
    slow.lock().unwrap().take().expect("it was started").join().unwrap();
    assert_eq!(read(&storage(&io)), numbers(0, 8), "{:?}", names(&io));
    merge(&storage(&io), ALL, 0).unwrap();
    assert_eq!(read(&storage(&io)), numbers(0, 8));
}

#[test]
fn objects_that_were_asked_for_before_a_merge_are_read_once() {
    let (io, _) = filled(12);
    let (others, mut is_first) = (Arc::clone(&io), true);
    // The first object is merged with the others while all of them are on their way to the reader, and they stay.
    let script = move |kind, key: &str| {
        if kind == Kind::Get && key.ends_with("00.log") && is_first {
            is_first = false;
            let argument = format!(r#"{{"topic":"t","bytes_max":{ALL},"grace_ms":3600000}}"#);
            admin(&super::storage(&others)).operation("merge", &argument, Duration::from_millis(100)).unwrap();
        }
        Fault::None
    };
    let reader = storage_over(FaultyObjects::new(&io, script));
    assert_eq!(drain(&mut *consumer(&reader, 0, Some(12))), numbers(0, 12));
}

#[test]
fn readers_in_the_middle_see_no_gap_and_nothing_twice() {
    for taken in 0..12 {
        for ahead in [true, false] {
            let (io, storage) = filled(12);
            let mut consumer = consumer(&super::storage(&io), 0, Some(14));
            let (mut batch, mut seen) = (Batch::with_limits(1, usize::MAX), Vec::new());
            while seen.len() < taken {
                if consumer.poll(&mut batch, WAIT).unwrap() == Polled::Records {
                    seen.extend(batch.iter().map(|record| (record.offset, text(record.value))));
                }
            }
            if ahead {
                // What it has asked for is there before anything is merged.
                consumer.poll(&mut batch, Duration::ZERO).unwrap();
                seen.extend(batch.iter().map(|record| (record.offset, text(record.value))));
            }
            merge(&storage, ALL, 0).unwrap();
            write_numbers(&storage, 12, 14);
            seen.extend(drain(&mut *consumer));
            assert_eq!(seen, numbers(0, 14), "merged after {taken} messages");
        }
    }
}

#[test]
fn merges_beside_each_other_lose_nothing() {
    for round in 0..20 {
        let (io, _) = filled(16);
        let merging = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let storage = storage_over(interrupted(&io, round));
                    // They leave a little time, as all who merge do.
                    for bytes_max in [300, 600, ALL] {
                        merge(&storage, bytes_max, 30).unwrap();
                        merging.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            scope.spawn(|| {
                let storage = storage(&io);
                while merging.load(Ordering::Relaxed) < 9 {
                    assert_eq!(read(&storage), numbers(0, 16), "round {round}");
                }
            });
        });
        assert_eq!(read(&storage(&io)), numbers(0, 16), "round {round}");
    }
}

/// Gives other threads their turn between requests.
fn interrupted(io: &Arc<MemoryObjects>, seed: u64) -> Arc<FaultyObjects> {
    let mut random = Random(seed);
    FaultyObjects::new(io, move |_, _| {
        (0..random.next(4)).for_each(|_| std::thread::yield_now());
        Fault::None
    })
}

#[test]
fn a_missing_object_is_an_error_of_merges_and_readers() {
    let (io, storage) = filled(10);
    let key = io.keys().into_iter().map(|(key, _)| key).find(|key| key.ends_with("04.log")).unwrap();
    io.remove(&key);
    let error = merge(&storage, ALL, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("the object of the offset 4 is missing"), "{error}");
    let mut reader = consumer(&storage, 0, Some(10));
    let (mut batch, mut seen) = (Batch::new(), Vec::new());
    let error = loop {
        match reader.poll(&mut batch, WAIT) {
            Ok(Polled::Records) => seen.extend(batch.iter().map(|record| record.offset)),
            Ok(other) => panic!("{other:?} after {seen:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!((seen, error.kind()), (vec![0, 1, 2, 3], ErrorKind::Corrupt));
    assert!(error.to_string().contains("the offsets 4 to 4 cannot be read"), "{error}");
    assert_eq!(reader.poll(&mut batch, WAIT).unwrap_err().kind(), ErrorKind::Corrupt, "and again");
    let mut lenient = storage.consumer(&ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() }).unwrap();
    lenient.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(10) }], WAIT).unwrap();
    let expected: Vec<_> = numbers(0, 4).into_iter().chain(numbers(5, 10)).collect();
    assert_eq!(drain(&mut *lenient), expected);
}

#[test]
fn bad_arguments_are_refused() {
    let (_, storage) = filled(1);
    for (operation, argument, kind) in [
        ("shrink", "{}", ErrorKind::Unsupported),
        ("merge", "{}", ErrorKind::Usage),
        ("merge", r#"{"topic":"t","grace":1}"#, ErrorKind::Usage),
        ("merge", r#"{"topic":"missing"}"#, ErrorKind::NotFound),
        ("merge", r#"{"topic":"t","partition":7}"#, ErrorKind::NotFound),
    ] {
        let error = admin(&storage).operation(operation, argument, WAIT).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("objects"), "it names the storage: {error}");
    }
    let size = admin(&storage).operation("size", r#"{"topic":"t"}"#, WAIT).unwrap();
    assert!(size.starts_with(r#"{"partitions":[{"bytes":"#) && size.contains(r#""objects":1,"partition":0"#), "{size}");
}
