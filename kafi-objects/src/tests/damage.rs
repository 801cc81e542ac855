//! What lies in a store and should not: whoever can write into it is not trusted, and backups come back incomplete.

use kafi_core::Retry;

use super::faulty::{Fault, FaultyObjects, Kind};
use super::*;
use crate::io::{Listed, Listing, ObjectStat, Precondition, Put, PutRequest};

fn key_of(io: &MemoryObjects, name: &str) -> String {
    io.keys()
        .into_iter()
        .map(|(key, _)| key)
        .find(|key| key.ends_with(name))
        .unwrap_or_else(|| panic!("{name} is there"))
}

fn log_key(io: &MemoryObjects, offset: i64) -> String {
    key_of(io, &format!("{offset:020}.log"))
}

/// A bucket with so many objects of a message each.
fn bucket(objects: i64) -> Arc<MemoryObjects> {
    let io = Arc::new(MemoryObjects::new());
    create(&storage(&io), "t", 1);
    write_numbers(&storage(&io), 0, objects);
    io
}

/// The error of reading partition 0 of `t` up to its end.
fn read_error(storage: &ObjectStorage) -> kafi_core::Error {
    let partition = TopicPartition { topic: "t".into(), partition: 0 };
    let bounds = match admin(storage).watermarks(&[partition], Default::default(), WAIT) {
        Ok(mut bounds) => bounds.remove(0),
        Err(error) => return error,
    };
    let mut consumer = consumer(storage, bounds.low, Some(bounds.high));
    let mut batch = Batch::new();
    loop {
        match consumer.poll(&mut batch, WAIT) {
            Ok(Polled::Records) => {}
            Ok(other) => panic!("{other:?} at {:?} of {:?}, where an error was expected", consumer.positions(), bounds),
            Err(error) => return error,
        }
    }
}

/// What is read with damage passed over.
fn read_around(storage: &ObjectStorage) -> Vec<(i64, String)> {
    let bounds = watermarks(storage);
    let mut consumer = storage.consumer(&ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() }).unwrap();
    consumer
        .assign(&[Assignment { topic: "t".into(), partition: 0, start: bounds.low, end: Some(bounds.high) }], WAIT)
        .unwrap();
    drain(&mut *consumer)
}

#[test]
fn whatever_is_wrong_in_the_head_changes_no_answer() {
    let heads = [
        r#"{"object":0,"end":0}"#,
        r#"{"object":0,"end":1000000}"#,
        r#"{"object":2,"end":0}"#,
        r#"{"object":2,"end":1000000}"#,
        r#"{"object":2,"end":-7}"#,
        r#"{"object":1,"end":2}"#,
        r#"{"object":999,"end":1000}"#,
        r#"{"object":-5,"end":9223372036854775807}"#,
        r#"{"object":9223372036854775807,"end":9223372036854775807}"#,
        r#"{"object":99999999999999999999,"end":1}"#,
        r#"{"object":null,"end":0}"#,
        r#"{"object":null,"end":77}"#,
        "",
        "{",
        "[]",
        "\u{0}\u{1}",
    ];
    let huge = format!(r#"{{"object":0,"end":0,"x":"{}"}}"#, "x".repeat(1 << 20));
    let deep = "[".repeat(10_000);
    for objects in [1, 3] {
        for head in heads.iter().copied().chain([huge.as_str(), deep.as_str()]) {
            let what = &head[..head.len().min(60)];
            let io = bucket(objects);
            io.insert(&key_of(&io, "head.json"), head.to_string());
            assert_eq!(read(&storage(&io)), numbers(0, objects), "{what}");
            assert_eq!(watermarks(&storage(&io)).high, objects, "{what}");
            assert_eq!(write(&mut *producer(&storage(&io)), &[&objects.to_string()]), Ok(objects), "{what}");
            assert_eq!(read(&storage(&io)), numbers(0, objects + 1), "{what}");
            assert_eq!(names(&io), (0..=objects).collect::<Vec<_>>(), "{what}");
        }
    }
}

/// A store whose listings are changed by `change`.
struct Listings<F> {
    inner: Arc<MemoryObjects>,
    change: F,
}

impl<F: Fn(&mut Listing) + Send + Sync> ObjectIo for Listings<F> {
    fn display(&self, key: &str) -> String {
        self.inner.display(key)
    }

    fn identity(&self) -> String {
        self.inner.identity()
    }

    fn get(
        &self,
        key: &str,
        range: Option<std::ops::Range<u64>>,
        into: &mut Vec<u8>,
        deadline: std::time::Instant,
    ) -> kafi_core::Result<Option<ObjectStat>> {
        self.inner.get(key, range, into, deadline)
    }

    fn stat(&self, key: &str, deadline: std::time::Instant) -> kafi_core::Result<Option<ObjectStat>> {
        self.inner.stat(key, deadline)
    }

    fn put(&self, request: &PutRequest<'_>, deadline: std::time::Instant) -> kafi_core::Result<Put> {
        self.inner.put(request, deadline)
    }

    fn list(
        &self,
        prefix: &str,
        after: &str,
        folders: bool,
        deadline: std::time::Instant,
    ) -> kafi_core::Result<Listing> {
        let mut listing = self.inner.list(prefix, after, folders, deadline)?;
        (self.change)(&mut listing);
        Ok(listing)
    }

    fn delete(&self, keys: &[String], deadline: std::time::Instant) -> kafi_core::Result<()> {
        self.inner.delete(keys, deadline)
    }
}

#[test]
fn a_listing_that_cannot_be_one_is_an_error_and_never_the_whole() {
    type Change = (&'static str, fn(&mut Listing));
    let changes: [Change; 4] = [
        ("more than nothing", |listing| {
            *listing = Listing { more: true, ..Listing::default() };
        }),
        ("the same again and again", |listing| {
            listing.more = true;
            listing.folders.truncate(1);
            listing.objects.truncate(1);
            listing.folders.iter_mut().for_each(|folder| *folder = "topics/t/".into());
            listing.objects.iter_mut().for_each(|object| object.key = object.key.replace("2.log", "0.log"));
        }),
        ("what was not asked for", |listing| {
            listing.folders.push("zzz/".into());
            listing.objects.push(Listed { key: "zzz".into(), len: 1 });
        }),
        ("out of order", |listing| {
            listing.folders.insert(0, "topics/zzz/".into());
            listing.objects.reverse();
        }),
    ];
    for (what, change) in changes {
        let io = bucket(3);
        let storage = storage_over(Arc::new(Listings { inner: io, change }));
        assert_eq!(admin(&storage).topics(&[], WAIT).unwrap_err().kind(), ErrorKind::Unavailable, "{what}");
        let partition = TopicPartition { topic: "t".into(), partition: 0 };
        assert_eq!(
            admin(&storage).watermarks(&[partition], Default::default(), WAIT).unwrap_err().kind(),
            ErrorKind::Unavailable,
            "{what}"
        );
    }
}

#[test]
fn a_topic_file_that_cannot_be_one_is_named_and_hides_no_other() {
    let huge = format!(r#"{{"id":"a","partitions":1,"created":0,"x":"{}"}}"#, "x".repeat(20 << 20));
    for text in [
        r#"{"id":"a","partitions":2147483647,"created":0}"#,
        r#"{"id":"a","partitions":-1,"created":0}"#,
        r#"{"id":"","partitions":1,"created":0}"#,
        r#"{"id":"../../other","partitions":1,"created":0}"#,
        "",
        "no JSON",
        huge.as_str(),
    ] {
        let io = bucket(1);
        io.insert("topics/u/topic.json", text.to_string());
        io.insert("topics/v", "a file in place of a folder");
        io.insert("topics/\u{1}/topic.json", "a name that no topic has");
        let storage = storage(&io);
        let topics: Vec<_> = admin(&storage).topics(&[], WAIT).unwrap().into_iter().map(|topic| topic.name).collect();
        assert_eq!(topics, ["t"]);
        let error = admin(&storage).topics(&["u".into()], WAIT).unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("topics/u/topic.json"), "{error}");
        assert!(error.to_string().len() < 300, "{error}");
        assert_eq!(read(&storage), numbers(0, 1));
    }
}

#[test]
fn the_file_of_another_topic_is_named_and_one_without_a_name_is_read() {
    let io = bucket(3);
    create(&storage(&io), "u", 1);
    let (key, own) = ("topics/t/topic.json", io.bytes("topics/t/topic.json").unwrap());
    io.insert(key, io.bytes("topics/u/topic.json").unwrap());
    let opened = storage(&io);
    for error in [
        admin(&opened).topics(&["t".into()], WAIT).unwrap_err(),
        read_error(&opened),
        admin(&opened).delete_topic("t", WAIT).unwrap_err(),
    ] {
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("topics/t/topic.json"), "{error}");
    }
    let topics: Vec<_> = admin(&opened).topics(&[], WAIT).unwrap().into_iter().map(|topic| topic.name).collect();
    assert_eq!(topics, ["u"]);
    let mut writer = producer(&opened);
    let written = writer.produce(&values(&["x"]), 0, 1, WAIT).and_then(|_| writer.flush(WAIT));
    let is_failed =
        |delivery: &Delivery| matches!(delivery, Delivery::Failed(error) if error.kind() == ErrorKind::Corrupt);
    assert!(
        written.is_err_and(|error| error.kind() == ErrorKind::Corrupt)
            || writer.reports(WAIT).unwrap().iter().all(|report| is_failed(&report.delivery))
    );
    // As earlier versions wrote it. Whoever changes it adds the name.
    let text = String::from_utf8(own.to_vec()).unwrap();
    let unnamed: String = text.lines().filter(|line| !line.contains("\"name\"")).collect();
    assert!(unnamed.len() < text.len() - 10, "{text}");
    io.insert(key, unnamed);
    assert_eq!(read(&storage(&io)), numbers(0, 3));
    admin(&storage(&io)).create_partitions("t", 2, WAIT).unwrap();
    assert!(String::from_utf8(io.bytes(key).unwrap().to_vec()).unwrap().contains("\"name\": \"t\""));
    assert_eq!(read(&storage(&io)), numbers(0, 3));
}

#[test]
fn a_log_start_behind_the_end_is_an_error() {
    let io = bucket(3);
    let key = log_key(&io, 0).replace("00000000000000000000.log", "start.json");
    for (text, low) in [(r#"{"start":3}"#, 3), (r#"{"start":1}"#, 1), (r#"{"start":-1}"#, 0)] {
        io.insert(&key, text);
        assert_eq!((watermarks(&storage(&io)).low, watermarks(&storage(&io)).high), (low, 3));
    }
    for text in [
        r#"{"start":4}"#,
        r#"{"start":9223372036854775807}"#,
        "{",
        r#"{"start":99999999999999999999}"#,
        &"x".repeat(1 << 20),
    ] {
        io.insert(&key, text.to_string());
        let error = read_error(&storage(&io));
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("start.json"), "{error}");
    }
}

#[test]
fn objects_that_do_not_fit_are_errors_and_what_is_whole_can_be_read_around_them() {
    // What is damaged, what of the messages 0 to 5 is there all the same, and whether something is missing, so that it
    // has to be said.
    type Damage = fn(&MemoryObjects);
    let damages: &[(&str, Damage, &[i64])] = &[
        ("one is missing in the middle", |io| io.remove(&log_key(io, 2)), &[0, 1, 3, 4, 5]),
        (
            "one is cut",
            |io| io.insert(&log_key(io, 2), io.bytes(&log_key(io, 2)).unwrap().slice(..30)),
            &[0, 1, 3, 4, 5],
        ),
        ("one is empty", |io| io.insert(&log_key(io, 2), ""), &[0, 1, 3, 4, 5]),
        (
            "one holds a later one's messages",
            |io| io.insert(&log_key(io, 1), io.bytes(&log_key(io, 4)).unwrap()),
            &[0, 2, 3, 4, 5],
        ),
        (
            "one holds an earlier one's messages",
            |io| io.insert(&log_key(io, 4), io.bytes(&log_key(io, 1)).unwrap()),
            &[0, 1, 2, 3, 5],
        ),
        ("one holds another program's bytes", |io| io.insert(&log_key(io, 3), vec![b'x'; 500]), &[0, 1, 2, 4, 5]),
        ("one has something behind", |io| append(io, 3, b"behind"), &[0, 1, 2, 3, 4, 5]),
        (
            "one holds a later one's messages, too",
            |io| append(io, 2, &io.bytes(&log_key(io, 4)).unwrap()),
            &[0, 1, 2, 3, 4, 5],
        ),
    ];
    for (what, damage, whole) in damages {
        let io = bucket(6);
        damage(&io);
        println!("{what}");
        if whole.len() < 6 {
            let error = read_error(&storage(&io));
            assert!(error.kind() == ErrorKind::Corrupt && error.hint_text().is_some(), "{error}");
        } else {
            assert_eq!(read(&storage(&io)), numbers(0, 6));
        }
        assert_eq!(read_around(&storage(&io)).iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), *whole);
        // Nothing is given away that is there, and nothing of it goes.
        assert_eq!(write(&mut *producer(&storage(&io)), &["6"]), Ok(6));
        let _merged = merge(&storage(&io), 1 << 20, 0);
        let after: Vec<_> = read_around(&storage(&io)).iter().map(|(offset, _)| *offset).collect();
        assert!(whole.iter().all(|offset| after.contains(offset)) && after.last() == Some(&6), "{after:?}");
    }
}

/// Adds bytes behind those of an object.
fn append(io: &MemoryObjects, offset: i64, behind: &[u8]) {
    let key = log_key(io, offset);
    io.insert(&key, [&io.bytes(&key).unwrap()[..], behind].concat());
}

/// Writes messages to `t` with their offsets kept, as one object.
fn write_kept(storage: &ObjectStorage, offsets: std::ops::Range<i64>, text: impl Fn(i64) -> String) {
    let mut producer = storage.producer(&ProducerOptions { keep_offsets: true, ..ProducerOptions::default() }).unwrap();
    let mut batch = Batch::new();
    for offset in offsets {
        batch.push(Record {
            partition: 0,
            offset,
            timestamp: offset * 10,
            ..Record::new("t", None, Some(text(offset).as_bytes()))
        });
    }
    producer.produce(&batch, 0, 1, WAIT).unwrap();
    producer.close(WAIT).unwrap();
}

fn offset_for_time(storage: &ObjectStorage, time: i64) -> kafi_core::Result<i64> {
    Ok(admin(storage).offsets_for_times(&[position(time)], WAIT)?[0].offset)
}

#[test]
fn a_foreign_batch_behind_an_object_does_not_hide_the_object_that_begins_there() {
    // What lies behind begins higher than where the object ends, as with kept offsets, and ends with the next object or
    // before.
    let other = Arc::new(MemoryObjects::new());
    create(&storage(&other), "t", 1);
    write_kept(&storage(&other), 5..6, |_| "another topic's".into());
    for merged in [false, true] {
        let io = Arc::new(MemoryObjects::new());
        create(&storage(&io), "t", 1);
        for offsets in [0..1, 1..3, 3..6, 6..7] {
            write_kept(&storage(&io), offsets, |offset| offset.to_string());
        }
        if merged {
            let (key, more) = (log_key(&io, 0), io.bytes(&log_key(&io, 1)).unwrap());
            io.insert(&key, [&io.bytes(&key).unwrap()[..], &more[..]].concat());
        }
        append(&io, if merged { 0 } else { 1 }, &other.bytes(&log_key(&other, 0)).unwrap());
        assert_eq!(read(&storage(&io)), numbers(0, 7), "merged {merged}");
        assert_eq!(read_around(&storage(&io)), numbers(0, 7), "merged {merged}");
        for start in 0..7 {
            assert_eq!(drain(&mut *consumer(&storage(&io), start, Some(7))), numbers(start, 7), "merged {merged}");
        }
        assert_eq!(offset_for_time(&storage(&io), 10).unwrap(), 1);
        let error = offset_for_time(&storage(&io), 30).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Corrupt && error.to_string().contains("another object begins at 3"),
            "{error}"
        );
        assert_eq!(merge(&storage(&io), 1 << 20, 0).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(read(&storage(&io)), numbers(0, 7), "merged {merged}");
    }
}

#[test]
fn parts_beside_a_merged_object_may_begin_with_a_gap() {
    let io = Arc::new(MemoryObjects::new());
    create(&storage(&io), "t", 1);
    for offsets in [0..2, 5..6, 8..9, 20..21] {
        write_kept(&storage(&io), offsets, |offset| offset.to_string());
    }
    assert_eq!(names(&io), [0, 2, 6, 9]);
    let expected: Vec<_> = [0, 1, 5, 8, 20].map(|offset: i64| (offset, offset.to_string())).into();
    let parts: Vec<_> = [2, 6].map(|offset| (log_key(&io, offset), io.bytes(&log_key(&io, offset)).unwrap())).into();
    merge(&storage(&io), 1 << 20, 0).unwrap();
    assert_eq!(names(&io), [0, 9]);
    // All parts, those that a merge leaves that was cut off, and one without those behind it.
    for left in [&parts[..], &parts[1..], &parts[..1]] {
        left.iter().for_each(|(key, bytes)| io.insert(key, bytes.clone()));
        assert_eq!(read(&storage(&io)), expected);
        assert_eq!(read_around(&storage(&io)), expected);
        for (time, offset) in [(0, 0), (11, 5), (50, 5), (51, 8), (81, 20)] {
            assert_eq!(offset_for_time(&storage(&io), time).unwrap(), offset, "time {time}");
        }
        parts.iter().for_each(|(key, _)| io.remove(key));
    }
}

#[test]
fn what_is_damaged_in_a_merged_object_is_read_from_the_parts_beside_it() {
    let io = bucket(5);
    let parts: Vec<_> = (1..4).map(|offset| (log_key(&io, offset), io.bytes(&log_key(&io, offset)).unwrap())).collect();
    let first = io.bytes(&log_key(&io, 0)).unwrap().len();
    merge(&storage(&io), 1 << 20, 0).unwrap();
    parts.iter().for_each(|(key, bytes)| io.insert(key, bytes.clone()));
    let (key, merged) = (log_key(&io, 0), io.bytes(&log_key(&io, 0)).unwrap());
    for at in 0..merged.len() {
        let mut bytes = merged.to_vec();
        bytes[at] ^= 0x15;
        io.insert(&key, bytes);
        let around = read_around(&storage(&io));
        let whole = numbers(i64::from(at < first), 5);
        assert!(around.ends_with(&whole), "byte {at}: {around:?}");
    }
}

#[test]
fn objects_without_metadata_and_parts_beside_a_merged_one_are_the_right_answer() {
    let io = bucket(6);
    let parts: Vec<_> = (0..6).map(|offset| (log_key(&io, offset), io.bytes(&log_key(&io, offset)).unwrap())).collect();
    merge(&storage(&io), 1 << 20, 0).unwrap();
    assert_eq!(names(&io), [0, 5]);
    // A backup that was made while parts were still there, by a program that knows of no metadata.
    let merged = io.bytes(&log_key(&io, 0)).unwrap();
    io.insert(&parts[0].0, merged);
    parts[1..].iter().for_each(|(key, bytes)| io.insert(key, bytes.clone()));
    io.insert("topics/t/foreign", "x");
    io.insert(&parts[0].0.replace("00000000000000000000.log", "0-foreign.log"), "x");
    assert_eq!(read(&storage(&io)), numbers(0, 6));
    merge(&storage(&io), 1 << 20, 0).unwrap();
    assert_eq!((read(&storage(&io)), names(&io)), (numbers(0, 6), vec![0, 5]));
    // What only looks like a part is not deleted.
    io.insert(&parts[2].0, parts[3].1.clone());
    assert_eq!(merge(&storage(&io), 1 << 20, 0).unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(io.bytes(&parts[2].0).is_some());
}

#[test]
fn metadata_that_do_not_fit_are_not_believed() {
    for (end, len_lies) in [("1", false), ("100", false), ("9223372036854775807", false), ("3", true)] {
        let io = bucket(3);
        let key = log_key(&io, 2);
        let stat = io.stat(&key, std::time::Instant::now()).unwrap().unwrap();
        let value = |name: &str| stat.metadata.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let names = ["mintime", "maxtime", "writer", "sequence", "check"];
        let mut metadata: Vec<_> = names.iter().map(|name| (*name, value(name))).collect();
        metadata.push(("end", end.to_string()));
        let mut bytes = io.bytes(&key).unwrap().to_vec();
        if len_lies {
            bytes.truncate(20);
        }
        io.put(
            &PutRequest { key: &key, bytes: bytes.into(), precondition: Precondition::None, metadata: &metadata },
            std::time::Instant::now(),
        )
        .unwrap();
        if len_lies {
            assert_eq!(read_error(&storage(&io)).kind(), ErrorKind::Corrupt);
            continue;
        }
        assert_eq!(read(&storage(&io)), numbers(0, 3), "{end}");
        assert_eq!(write(&mut *producer(&storage(&io)), &["3"]), Ok(3), "{end}");
    }
}

#[test]
fn a_store_that_is_another_with_each_look_ends_with_an_error() {
    let io = bucket(3);
    let (others, key) = (Arc::clone(&io), log_key(&io, 1));
    // Each read finds another etag than the listing before.
    let script = move |kind, asked: &str| {
        if kind == Kind::Get && asked == key {
            let bytes = others.bytes(&key).unwrap();
            others.remove(&key);
            others.insert(&key, bytes);
            return Fault::None;
        }
        Fault::None
    };
    let changing = storage_over(FaultyObjects::new(&io, script));
    assert_eq!(read(&changing), numbers(0, 3), "a small object is read with one request");
    // One that every listing shows, and that is never there.
    let key = log_key(&io, 1);
    let gone = Arc::new(Listings {
        inner: Arc::clone(&io),
        change: move |listing: &mut Listing| {
            let missing = Listed { key: key.clone(), len: 100 };
            if let Err(at) = listing.objects.binary_search_by(|object| object.key.cmp(&missing.key))
                && listing.objects.first().is_some_and(|first| first.key < missing.key)
            {
                listing.objects.insert(at, missing);
            }
        },
    });
    io.remove(&log_key(&io, 1));
    let error = read_error(&storage_over(gone));
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable), "{error}");
    assert_ne!(error.retryable(), Retry::Exhausted);
}

#[test]
fn a_lease_in_the_far_future_and_offsets_that_are_none_block_nobody() {
    let io = bucket(3);
    let storage = storage(&io);
    let id = admin(&storage).topics(&["t".into()], WAIT).unwrap()[0].id.clone();
    let file = |offset: i64, until: i64| {
        format!(
            r#"{{"offsets":[{{"topic":"t","topic_id":"{id}","partition":0,"offset":{offset}}}],"generation":18446744073709551615,"member":{{"id":"x","until":{until}}}}}"#
        )
    };
    io.insert("groups/g.json", file(1, i64::MAX));
    io.insert("groups/bad.json", "{");
    io.insert("groups/%zz.json", "{");
    io.insert("groups/negative.json", file(-7, 0));
    let groups: Vec<_> =
        admin(&storage).groups(WAIT).unwrap().into_iter().map(|group| (group.name, group.state.to_string())).collect();
    assert_eq!(groups, [("g".to_string(), "Empty".to_string())], "what cannot be read hides no other");
    for (group, part) in [("negative", "-7"), ("bad", "damaged")] {
        let error = admin(&storage).group_offsets(group, WAIT).unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(part), "{error}");
        // The way out.
        admin(&storage).delete_group(group, WAIT).unwrap();
    }
    let mut member =
        storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap();
    member.subscribe(&["t".into()], WAIT).unwrap();
    assert_eq!(member.positions(), [position(1)]);
    let mut second =
        storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap();
    let error = second.subscribe(&["t".into()], WAIT).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Conflict
            && error.to_string().contains("for ")
            && error.hint_text().unwrap().contains("counts as gone"),
        "{error}"
    );
    member.commit(&[position(2).into()], WAIT).unwrap();
    member.close(WAIT).unwrap();
    assert_eq!(admin(&storage).group_offsets("g", WAIT).unwrap(), [position(2).into()]);
}

#[test]
fn topics_and_groups_that_differ_only_in_case_are_two() {
    let io = bucket(2);
    let storage = storage(&io);
    create(&storage, "T", 1);
    assert_eq!(watermarks(&storage).high, 2);
    let topics: Vec<_> = admin(&storage).topics(&[], WAIT).unwrap().into_iter().map(|topic| topic.name).collect();
    assert_eq!(topics, ["T", "t"]);
    for group in ["g", "G"] {
        admin(&storage).alter_group_offsets(group, &[position(1).into()], WAIT).unwrap();
    }
    admin(&storage).delete_topic("T", WAIT).unwrap();
    assert_eq!(read(&storage), numbers(0, 2));
}
