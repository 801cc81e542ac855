//! Readers beside writers, objects that other programs copied, damage, and ranges.

use super::faulty::{Fault, FaultyObjects, Kind};
use super::*;

#[test]
fn readers_beside_a_writer_see_everything_once_and_in_order() {
    const MESSAGES: i64 = 300;
    for start in [0, 100] {
        let io = Arc::new(MemoryObjects::new());
        create(&storage(&io), "t", 1);
        write_numbers(&storage(&io), 0, start);
        std::thread::scope(|scope| {
            scope.spawn(|| write_numbers(&storage(&io), start, start + MESSAGES));
            for from in [0, start] {
                let io = &io;
                scope.spawn(move || {
                    let mut consumer = consumer(&storage(io), from, Some(start + MESSAGES));
                    assert_eq!(drain(&mut *consumer), numbers(from, start + MESSAGES));
                });
            }
            scope.spawn(|| merge(&storage(&io), 2_000, 20).unwrap());
        });
    }
}

#[test]
fn objects_without_metadata_are_read_and_appended_to() {
    let io = Arc::new(MemoryObjects::new());
    create(&storage(&io), "t", 1);
    write_numbers(&storage(&io), 0, 10);
    // As after a copy by another program.
    for (key, _) in io.keys() {
        let bytes = io.bytes(&key).unwrap();
        io.insert(&key, bytes);
    }
    let head = io.keys().into_iter().map(|(key, _)| key).find(|key| key.ends_with("head.json")).unwrap();
    io.remove(&head);
    assert_eq!(read(&storage(&io)), numbers(0, 10));
    write_numbers(&storage(&io), 10, 12);
    let positions = [Position { offset: 1, ..position(0) }];
    assert_eq!(admin(&storage(&io)).offsets_for_times(&positions, WAIT).unwrap(), [position(0)]);
    merge(&storage(&io), 1 << 20, 0).unwrap();
    assert_eq!(read(&storage(&io)), numbers(0, 12));
}

#[test]
fn objects_come_in_ranges_and_small_budgets_suffice() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 1);
    // Ranges end in the middle of batches and of headers.
    let texts: Vec<String> =
        (0..40).map(|number| format!("{number}:{}", "x".repeat(300_000 + number * 7_919))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut producer = producer(&storage);
    write(&mut *producer, &texts[..39]).unwrap();
    write(&mut *producer, &texts[39..]).unwrap();
    merge(&storage, 1 << 30, 0).unwrap();
    assert!(io.keys().iter().any(|(_, len)| *len > 2 * (4 << 20)), "the object has several ranges");
    for buffer_bytes_max in [1, 5 << 20, 64 << 20] {
        let mut consumer =
            super::storage(&io).consumer(&ConsumerOptions { buffer_bytes_max, ..ConsumerOptions::default() }).unwrap();
        consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(40) }], WAIT).unwrap();
        let read = drain(&mut *consumer);
        assert_eq!(read.len(), 40);
        assert!(read.iter().zip(&texts).all(|((_, read), text)| read == text), "with {buffer_bytes_max} bytes");
    }
}

#[test]
fn many_partitions_share_a_small_budget() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 50);
    let mut producer = producer(&storage);
    let mut batch = Batch::new();
    let value = "x".repeat(20_000);
    (0..500).for_each(|number| {
        batch.push(Record { partition: number % 50, ..Record::new("t", None, Some(value.as_bytes())) })
    });
    let mut from = 0;
    while from < batch.len() {
        from += producer.produce(&batch, from, 1, WAIT).unwrap();
    }
    producer.close(WAIT).unwrap();
    let mut consumer =
        storage.consumer(&ConsumerOptions { buffer_bytes_max: 100_000, ..ConsumerOptions::default() }).unwrap();
    let assignments: Vec<_> =
        (0..50).map(|partition| Assignment { topic: "t".into(), partition, start: 0, end: Some(10) }).collect();
    consumer.assign(&assignments, WAIT).unwrap();
    assert_eq!(drain(&mut *consumer).len(), 500);
}

#[test]
fn damage_is_named_and_skipped_on_request() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 1);
    write_numbers(&storage, 0, 5);
    let key = io.keys().into_iter().map(|(key, _)| key).find(|key| key.ends_with("02.log")).unwrap();
    let whole = io.bytes(&key).unwrap();
    for (at, cut) in [(65, false), (0, true), (16, false), (30, false)] {
        let mut bytes = whole.to_vec();
        if cut {
            bytes.truncate(40);
        } else {
            bytes[at] ^= 0x55;
        }
        io.insert(&key, bytes);
        let mut strict = consumer(&super::storage(&io), 0, Some(5));
        let (mut batch, mut seen) = (Batch::new(), Vec::new());
        let error = loop {
            match strict.poll(&mut batch, WAIT) {
                Ok(Polled::Records) => seen.extend(batch.iter().map(|record| record.offset)),
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        assert_eq!((seen, error.kind()), (vec![0, 1], ErrorKind::Corrupt), "{error}");
        assert!(error.to_string().contains("topic t, partition 0, object objects:topics/t/"), "{error}");
        assert_eq!(strict.poll(&mut batch, WAIT).unwrap_err().kind(), ErrorKind::Corrupt, "and again");
        let mut lenient = super::storage(&io)
            .consumer(&ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() })
            .unwrap();
        lenient.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(5) }], WAIT).unwrap();
        let expected: Vec<_> = numbers(0, 2).into_iter().chain(numbers(3, 5)).collect();
        assert_eq!(drain(&mut *lenient), expected, "byte {at}");
    }
}

#[test]
fn after_an_error_a_reader_goes_on_where_it_was() {
    let io = Arc::new(MemoryObjects::new());
    create(&storage(&io), "t", 1);
    write_numbers(&storage(&io), 0, 60);
    let mut random = Random(7);
    let faults = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&faults);
    let script = move |kind, _: &str| {
        let fails = matches!(kind, Kind::Get | Kind::List) && random.next(4) == 0;
        count.fetch_add(u64::from(fails), Ordering::Relaxed);
        if fails { Fault::Failed } else { Fault::None }
    };
    let storage = storage_over(FaultyObjects::new(&io, script));
    let mut consumer = loop {
        let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
        if consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(60) }], WAIT).is_ok() {
            break consumer;
        }
    };
    let (mut batch, mut seen) = (Batch::with_limits(7, usize::MAX), Vec::new());
    loop {
        match consumer.poll(&mut batch, WAIT) {
            Ok(Polled::Records) => seen.extend(batch.iter().map(|record| (record.offset, text(record.value)))),
            Ok(Polled::End) => break,
            Ok(Polled::Timeout) => panic!("it hangs"),
            Err(error) => panic!("it may pass, and did not last: {error}"),
        }
    }
    assert_eq!(seen, numbers(0, 60));
    assert!(faults.load(Ordering::Relaxed) > 5, "the faults came to nothing");
}

#[test]
fn a_reader_learns_that_records_or_the_topic_were_deleted() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 1);
    write_numbers(&storage, 0, 20);
    let open = |allow_gap| {
        let mut consumer =
            super::storage(&io).consumer(&ConsumerOptions { allow_gap, ..ConsumerOptions::default() }).unwrap();
        consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 3, end: Some(20) }], WAIT).unwrap();
        consumer
    };
    let (mut strict, mut lenient) = (open(false), open(true));
    assert_eq!(admin(&storage).delete_records(&[position(15)], WAIT).unwrap(), [position(15)]);
    assert_eq!(names(&io)[0], 15, "what lies wholly below is deleted");
    let mut batch = Batch::new();
    assert_eq!(strict.poll(&mut batch, WAIT).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(drain(&mut *lenient), numbers(15, 20));
    // Up to the end the newest object stays, so that the end is found.
    admin(&storage).delete_records(&[position(-1)], WAIT).unwrap();
    assert_eq!(names(&io), [19]);
    let bounds = watermarks(&super::storage(&io));
    assert_eq!((bounds.low, bounds.high), (20, 20));
    let mut waiting = consumer(&super::storage(&io), 20, None);
    assert_eq!(waiting.poll(&mut batch, Duration::from_millis(20)).unwrap(), Polled::Timeout);
    let mut reading = consumer(&super::storage(&io), 20, Some(21));
    write_numbers(&storage, 20, 21);
    admin(&storage).delete_topic("t", WAIT).unwrap();
    assert!(io.keys().is_empty(), "{:?}", io.keys());
    // It was not read ahead, and says why it cannot come any more, however late.
    let gone = loop {
        match reading.poll(&mut batch, Duration::from_millis(20)) {
            Err(error) => break error.kind(),
            Ok(Polled::Timeout) => std::thread::yield_now(),
            Ok(Polled::Records) => return,
            Ok(Polled::End) => panic!("it did not reach its end"),
        }
    };
    assert_eq!(gone, ErrorKind::NotFound);
}
