//! How many requests things take.

use kafi_core::Record;

use super::*;
use crate::memory::Requests;

/// As many objects as ten pages of a listing.
const OBJECTS: i64 = 10_000;

/// A partition of many objects with a message each, as several producers leave it. With `head`, the last one was
/// closed.
fn many(io: &Arc<MemoryObjects>, objects: i64) {
    let storage = storage(io);
    create(&storage, "t", 1);
    let mut producer = producer(&storage);
    for number in 0..objects {
        let text = number.to_string();
        let mut batch = Batch::new();
        batch.push(Record { partition: 0, timestamp: number * 10, ..Record::new("t", None, Some(text.as_bytes())) });
        producer.produce(&batch, 0, number as u64 + 1, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
    }
    producer.close(WAIT).unwrap();
}

fn head_key(io: &MemoryObjects) -> String {
    io.keys().into_iter().map(|(key, _)| key).find(|key| key.ends_with("head.json")).unwrap()
}

/// What `watermarks` asks for.
fn watermarks_requests(io: &Arc<MemoryObjects>, end: i64) -> Requests {
    let storage = storage(io);
    io.reset_requests();
    assert_eq!(watermarks(&storage).high, end);
    io.requests()
}

/// What `tail -n 10` asks for: the topic, its bounds, and the last ten messages.
fn tail_requests(io: &Arc<MemoryObjects>, end: i64) -> Requests {
    let storage = storage(io);
    io.reset_requests();
    let topics = admin(&storage).topics(&["t".to_string()], WAIT).unwrap();
    assert_eq!(topics[0].partitions.len(), 1);
    let bounds = watermarks(&storage);
    let mut consumer = consumer(&storage, bounds.high - 10, Some(bounds.high));
    assert_eq!(drain(&mut *consumer).len(), 10);
    assert_eq!(bounds.high, end);
    io.requests()
}

#[test]
fn ten_thousand_objects_take_few_requests() {
    let io = Arc::new(MemoryObjects::new());
    many(&io, OBJECTS);
    let fresh = watermarks_requests(&io, OBJECTS);
    assert!(fresh.sum() <= 5 && fresh.list == 1, "{fresh:?}");
    let fresh = tail_requests(&io, OBJECTS);
    // Each of the ten messages is an object of its own here.
    assert!(fresh.sum() - 10 <= 10 && fresh.list <= 3, "{fresh:?}");

    // An old head leads to where it knows the end was, and the rest is listed.
    let head = head_key(&io);
    io.insert(&head, r#"{"object":4999,"end":5000}"#);
    let old = watermarks_requests(&io, OBJECTS);
    assert!(old.sum() <= 11, "{old:?}");
    // One that speaks of an object which is not there is worth nothing, and none is missed.
    for head_text in [r#"{"object":20000,"end":20001}"#, "{", r#"{"object":null,"end":0}"#] {
        io.insert(&head, head_text);
        assert!(watermarks_requests(&io, OBJECTS).sum() <= 20, "{head_text}");
    }
    io.remove(&head);
    let none = watermarks_requests(&io, OBJECTS);
    assert!(none.sum() <= 20, "{none:?}");
    let none = tail_requests(&io, OBJECTS);
    assert!(none.sum() - 10 <= 20, "{none:?}");

    // In the middle, without knowing anything.
    let storage = storage(&io);
    io.reset_requests();
    assert_eq!(drain(&mut *consumer(&storage, 7_777, Some(7_780))), numbers(7_777, 7_780));
    let middle = io.requests();
    assert!(middle.sum() <= 20 + 3, "{middle:?}");
}

#[test]
fn unevenly_spread_objects_are_found_with_few_listings() {
    // The offsets rise ever faster, so that guesses go wrong.
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    create(&storage, "t", 1);
    let mut producer = storage.producer(&ProducerOptions { keep_offsets: true, ..ProducerOptions::default() }).unwrap();
    let offsets: Vec<i64> = (0..3_000)
        .scan(0_i64, |offset, number| {
            *offset += 1 + number * number * number / 100;
            Some(*offset)
        })
        .collect();
    for (token, offset) in (1..).zip(&offsets) {
        let mut batch = Batch::new();
        batch.push(Record { partition: 0, offset: *offset, ..Record::new("t", None, Some(b"x")) });
        producer.produce(&batch, 0, token, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
    }
    for at in [0, 1, 500, 1_500, 2_500, 2_998] {
        let storage = super::storage(&io);
        let high = watermarks(&storage).high;
        io.reset_requests();
        let read = drain(&mut *consumer(&storage, offsets[at] + 1, Some(high)));
        assert_eq!(read[0].0, offsets[at + 1]);
        assert!(io.requests().list <= 12, "at {at}: {:?}", io.requests());
    }
}

#[test]
fn a_stream_takes_about_one_request_an_object_each_way() {
    let io = Arc::new(MemoryObjects::new());
    let storage = storage(&io);
    admin(&storage).create_topic(&NewTopic::new("t").config("segment.bytes", "100000"), WAIT).unwrap();
    let mut producer = producer(&storage);
    io.reset_requests();
    let value = "x".repeat(1_000);
    for token in 1..=10 {
        let batch = values(&vec![value.as_str(); 1_000]);
        assert_eq!(producer.produce(&batch, 0, token, WAIT).unwrap(), 1_000);
    }
    producer.close(WAIT).unwrap();
    let objects = names(&io).len() as u64;
    let written = io.requests();
    assert!((10..=110).contains(&objects), "{objects} objects");
    // A put and a look at the topic for each, the head from time to time, and what is asked for once.
    assert!(
        written.put <= objects + 5 && written.stat <= objects && written.get <= 5 && written.list <= 2,
        "{objects} objects: {written:?}"
    );

    io.reset_requests();
    assert_eq!(read(&super::storage(&io)).len(), 10_000);
    let read = io.requests();
    assert!(read.get <= objects + 6 && read.list <= 4 && read.put == 0, "{objects} objects: {read:?}");
}

#[test]
fn topics_are_listed_without_their_objects() {
    let io = Arc::new(MemoryObjects::new());
    many(&io, 1_500);
    let storage = storage(&io);
    create(&storage, "other", 3);
    io.reset_requests();
    let topics = admin(&storage).topics(&[], WAIT).unwrap();
    assert_eq!(topics.len(), 2);
    assert_eq!(io.requests(), Requests { list: 1, get: 2, ..Requests::default() });
}

#[test]
fn a_reader_at_the_end_asks_for_the_next_object_only() {
    let io = Arc::new(MemoryObjects::new());
    many(&io, 3);
    let storage = storage(&io);
    let mut consumer = consumer(&storage, 3, None);
    io.reset_requests();
    let mut batch = Batch::new();
    assert_eq!(consumer.poll(&mut batch, Duration::from_millis(50)).unwrap(), Polled::Timeout);
    let idle = io.requests();
    assert!(idle.get >= 1 && idle.sum() == idle.get, "{idle:?}");
}

#[test]
fn times_are_found_with_few_requests_once_they_are_written_down() {
    let io = Arc::new(MemoryObjects::new());
    many(&io, 2_500);
    let find = |time: i64, offset: i64| {
        let storage = storage(&io);
        let asked = Position { offset: time, ..position(0) };
        io.reset_requests();
        assert_eq!(admin(&storage).offsets_for_times(&[asked], WAIT).unwrap(), [position(offset)]);
        io.requests()
    };
    // The first one asks each object up to the one that it is in.
    let first = find(19_995, 2_000);
    assert!((2_000..2_100).contains(&first.stat), "{first:?}");
    let second = find(19_995, 2_000);
    assert!(second.stat <= 1 && second.sum() <= 15, "{second:?}");
    // Further on it asks those that nobody has asked yet, and for good.
    let end = find(1_000_000, 2_500);
    assert!((400..=500).contains(&end.stat) && end.put >= 1, "{end:?}");
    let again = find(1_000_000, 2_500);
    assert!(again.stat <= 1 && again.put == 0 && again.sum() <= 15, "{again:?}");
    // Objects that others were merged into are asked again, and the rest is believed.
    merge(&storage(&io), 1_000, 0).unwrap();
    for (time, offset) in [(0, 0), (5, 1), (12_340, 1_234), (24_990, 2_499), (24_991, 2_500)] {
        find(time, offset);
    }
    admin(&storage(&io)).delete_records(&[position(1_000)], WAIT).unwrap();
    assert_eq!(find(12_340, 1_234).put + find(0, 1_000).put, 0);
    find(24_990, 2_499);
    let last = find(24_990, 2_499);
    assert!(last.stat <= 64, "{last:?}");
}
