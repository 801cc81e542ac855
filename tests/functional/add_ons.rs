//! What people do with whole topics: sizes, the newest once more, a topic made anew, compaction.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use kafi::{
    CommittedOffset, CompactOptions, CompactOrder, ErrorKind, HeadersBuf, Kafi, NewTopic, OwnedRecord, Record,
    Recreation, shell,
};

use crate::support::{Random, T, folder, integers, memory, numbers, on_both, put, raw};

#[test]
fn sizes_are_counted_with_their_places() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(2)).unwrap();
        let stats = c.message_size_stats(T).unwrap();
        assert_eq!((stats.messages, stats.average(), stats.smallest), (0, None, None));
        assert!(c.stat(T).unwrap().is_none());
        let mut headers = HeadersBuf::new();
        headers.push("h", "xyz");
        headers.push_null("n");
        let record = |partition, offset, value: &str, headers: &HeadersBuf| OwnedRecord {
            partition,
            offset,
            timestamp: offset,
            ..Record { headers: headers.as_headers(), ..Record::new(T, Some(b"k"), Some(value.as_bytes())) }.to_owned()
        };
        let none = HeadersBuf::new();
        put(&c, &[record(0, 0, "aa", &none), record(0, 1, "", &headers), record(1, 0, "aaaaa", &none)], true);
        put(
            &c,
            &[OwnedRecord { partition: 1, offset: 5, timestamp: 9, ..Record::new(T, None, None).to_owned() }],
            true,
        );
        let stats = c.message_size_stats(T).unwrap();
        assert_eq!((stats.messages, stats.bytes, stats.average()), (4, 15, Some(3.75)));
        let place = |message: Option<kafi::SizedMessage>| message.map(|m| (m.bytes, m.partition, m.offset));
        assert_eq!((place(stats.smallest), place(stats.largest)), (Some((0, 1, 5)), Some((6, 0, 1))));
        assert_eq!(c.stat(T).unwrap().map(|m| (m.partition, m.offset)), Some((1, 5)));
    });
}

#[test]
fn the_newest_come_once_more_with_the_time_now() {
    on_both(|c| {
        let mut headers = HeadersBuf::new();
        headers.push_null("h");
        c.create(&NewTopic::new(T).partitions(2)).unwrap();
        let record = |partition, offset, timestamp| OwnedRecord {
            partition,
            offset,
            timestamp,
            ..Record { headers: headers.as_headers(), ..Record::new(T, Some(b"k"), None) }.to_owned()
        };
        put(&c, &[record(0, 0, 7), record(0, 1, 1), record(1, 0, 5)], true);
        let repeated = c.repeat(T, 2).unwrap();
        assert_eq!(repeated.iter().map(|m| (m.partition, m.offset)).collect::<Vec<_>>(), [(1, 0), (0, 0)]);
        let all = raw(&c, T);
        let again: Vec<_> = all.iter().filter(|record| record.timestamp > 1_000_000_000_000).collect();
        assert_eq!((all.len(), again.len()), (5, 2));
        for record in again {
            let shown = (record.key.as_deref(), record.value.as_deref(), record.headers.as_headers().len());
            assert_eq!((shown, record.offset > 0), ((Some(&b"k"[..]), None, 1), true));
        }
        assert_eq!(c.repeat(T, 0).unwrap().len(), 0);
        assert_eq!(c.repeat("none", 1).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_topic_is_made_anew_with_its_settings() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(3).config("cleanup.policy", "compact").config("retention.ms", "5"))
            .unwrap();
        c.produce(T, ["a", "b"]).unwrap();
        let id = c.topics().unwrap()[0].id.clone();
        for (name, value) in [("retention", "1"), ("retention.ms", "long")] {
            let wrong = Recreation { config: vec![(name.into(), value.into())], ..Recreation::default() };
            assert_eq!(c.recreate(T, &wrong).unwrap_err().kind(), ErrorKind::Usage, "{name}");
        }
        let wrong = Recreation { config: vec![("retention.m".into(), "1".into())], ..Recreation::default() };
        assert_eq!(c.recreate(T, &wrong).unwrap_err().hint_text(), Some("did you mean retention.ms?"));
        for partitions in [0, i32::MAX] {
            let wrong = Recreation { partitions: Some(partitions), ..Recreation::default() };
            assert_eq!(c.recreate(T, &wrong).unwrap_err().kind(), ErrorKind::Usage, "{partitions}");
        }
        assert_eq!((c.topics().unwrap()[0].id.clone(), raw(&c, T).len()), (id.clone(), 2));
        let made = c.recreate(T, &Recreation::default()).unwrap();
        assert_eq!((made.partitions, made.config.len()), (Some(3), 2));
        assert_eq!(raw(&c, T), []);
        assert!(c.topics().unwrap()[0].id != id && c.partitions(T).unwrap() == 3);
        let anew = Recreation { partitions: Some(1), config: vec![("retention.ms".into(), "7".into())] };
        c.recreate(T, &anew).unwrap();
        let set: BTreeMap<String, String> = c
            .config(T)
            .unwrap()
            .into_iter()
            .filter(|entry| !entry.default)
            .map(|entry| (entry.name, entry.value.unwrap()))
            .collect();
        assert_eq!(set, [("cleanup.policy".into(), "compact".into()), ("retention.ms".into(), "7".into())].into());
        assert_eq!(c.partitions(T).unwrap(), 1);
        assert_eq!(c.recreate("none", &Recreation::default()).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn offsets_of_groups_go_to_other_storages_and_times_are_counted() {
    let (c, d) = (memory(), memory());
    for storage in [&c, &d] {
        storage.touch(T).unwrap();
        put(storage, &[1000, 2000, 3000].map(|time| crate::support::record(0, time / 1000 - 1, time, "v")), true);
    }
    c.set_group_offsets("g", &[CommittedOffset::new(T, 0, 2)]).unwrap();
    let changed = c.cp_group_offsets("g", &d, "h", &[]).unwrap();
    assert_eq!((changed.len(), d.group_offsets("h").unwrap()[0].offset), (1, 2));
    assert!(c.cp_group_offsets("g", &d, "h", &[T]).unwrap().is_empty());
    assert_eq!(c.offsets_diff(T, 1000, 3000).unwrap(), [(0, 2)]);
    assert_eq!(c.offsets_diff(T, 3000, 1000).unwrap(), [(0, 0)]);
}

#[test]
fn compaction_keeps_the_newest_of_each_key() {
    on_both(|c| {
        c.touch(T).unwrap();
        c.produce(T, [("b", "1"), ("a", "1"), ("b", "2"), ("c", "1")]).unwrap();
        let tombstone = OwnedRecord { offset: 4, timestamp: 0, ..Record::new(T, Some(b"c"), None).to_owned() };
        put(&c, &[tombstone, OwnedRecord { offset: 5, ..Record::new(T, None, Some(b"no key")).to_owned() }], false);
        let kept = c.compact(T).unwrap();
        assert_eq!(kept.iter().map(|m| m.offset).collect::<Vec<_>>(), [2, 1]);
        let compacted = c.compact_to(T, &c, "u").unwrap();
        assert_eq!((compacted.read, compacted.kept, compacted.superseded), (6, 2, 2));
        assert_eq!((compacted.tombstones, compacted.without_key), (1, 1));
        let values: Vec<_> = raw(&c, "u").into_iter().map(|record| record.value).collect();
        assert_eq!(values, [Some(b"\"1\"".to_vec()), Some(b"\"2\"".to_vec())]);
        assert_eq!(c.compact_to(T, &c, T).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(c.compact_to(T, &c, "u").unwrap().kept, 2);
        assert_eq!(raw(&c, "u").len(), 4);
    });
}

/// A topic with few keys in several partitions, in part of the cases in more than one, with tombstones and times that are
/// not in order.
fn keyed(c: &Kafi, random: &mut Random) -> Vec<OwnedRecord> {
    let partitions = 1 + random.below(4);
    c.create(&NewTopic::new(T).partitions(partitions as i32)).unwrap();
    let (keys, moves) = (1 + random.below(400), random.below(2) == 0);
    let mut next = [0; 4];
    let mut records = Vec::new();
    for _ in 0..random.below(3000) {
        let key = random.below(keys);
        let partition = if moves { random.below(partitions) } else { key % partitions } as usize;
        // Offsets with gaps.
        next[partition] += 1 + random.below(20) / 19;
        let value = (random.below(5) > 0).then(|| format!("{}", random.below(1000)).into_bytes());
        let key = (random.below(30) > 0).then(|| format!("key {key}").into_bytes());
        records.push(OwnedRecord {
            partition: partition as i32,
            offset: next[partition] as i64,
            timestamp: random.below(10_000) as i64,
            key,
            value,
            ..Record::new(T, None, None).to_owned()
        });
    }
    put(c, &records, true);
    records
}

/// The newest message of each key with the number of its first one, in no order.
fn newest(records: &[OwnedRecord]) -> Vec<((i32, i64), &OwnedRecord)> {
    let mut sorted: Vec<&OwnedRecord> = records.iter().filter(|record| record.key.is_some()).collect();
    sorted.sort_by_key(|record| (record.partition, record.offset));
    let mut first: HashMap<&Option<Vec<u8>>, (i32, i64)> = HashMap::new();
    let mut last: BTreeMap<(&Option<Vec<u8>>, i32), &OwnedRecord> = BTreeMap::new();
    for record in sorted {
        first.entry(&record.key).or_insert((record.partition, record.offset));
        last.insert((&record.key, record.partition), record);
    }
    let mut best: HashMap<&Option<Vec<u8>>, &OwnedRecord> = HashMap::new();
    for ((key, _), record) in last {
        let known = best.entry(key).or_insert(record);
        if (record.timestamp, record.partition) > (known.timestamp, known.partition) {
            *known = record;
        }
    }
    best.into_iter().map(|(key, record)| (first[key], record)).collect()
}

#[test]
fn any_topic_is_compacted_as_a_map_of_all_would() {
    let mut random = Random(7);
    for round in 0..60 {
        let (c, _folder) = if round % 10 == 0 { folder() } else { (memory(), tempfile::TempDir::new().unwrap()) };
        let records = keyed(&c, &mut random);
        for order in [CompactOrder::Offset, CompactOrder::FirstSeen] {
            for (keep_tombstones, memory) in [(false, 1 << 28), (true, 1 << 28), (false, 5000), (true, 60_000)] {
                let mut found: Vec<(i32, i64)> = Vec::new();
                let options = CompactOptions { keep_tombstones, order, memory, ..CompactOptions::default() };
                let compacted = shell::compact(c.storage(), T, &options, |batch| {
                    found.extend(batch.iter().map(|record| (record.partition, record.offset)));
                    Ok(ControlFlow::Continue(()))
                })
                .unwrap();
                let mut expected = newest(&records);
                let keys = expected.len();
                expected.retain(|(_, record)| keep_tombstones || record.value.is_some());
                expected.sort_by_key(|(first, record)| match order {
                    CompactOrder::FirstSeen => *first,
                    CompactOrder::Offset => (record.partition, record.offset),
                });
                let expected: Vec<(i32, i64)> = expected.iter().map(|(_, r)| (r.partition, r.offset)).collect();
                if order == CompactOrder::Offset {
                    found.sort();
                }
                assert_eq!(found, expected, "round {round}, {order:?}, {keep_tombstones}, {memory}");
                let without_key = records.iter().filter(|record| record.key.is_none()).count();
                assert_eq!(
                    [compacted.read, compacted.kept, compacted.superseded, compacted.tombstones, compacted.without_key],
                    [records.len(), found.len(), records.len() - without_key - keys, keys - found.len(), without_key]
                        .map(|count| count as u64)
                );
                let spills = compacted.spilled_bytes > 0;
                assert!(if memory < 10_000 && keys > 300 { spills } else { memory < 100_000 || !spills }, "{keys}");
            }
        }
    }
}

#[test]
fn a_compaction_may_be_broken_off() {
    let c = memory();
    numbers(&c, 3);
    assert_eq!(integers(&c, T), [0, 1, 2]);
    c.produce(T, [("a", "1")]).unwrap();
    let broken = shell::compact(c.storage(), T, &CompactOptions::default(), |_| Ok(ControlFlow::Break(()))).unwrap();
    assert_eq!((broken.read, broken.without_key, broken.kept), (4, 3, 1));
    let options = CompactOptions::default();
    options.read.cancel.cancel();
    let cancelled = shell::compact(c.storage(), T, &options, |_| panic!("nothing is read")).unwrap();
    assert!(cancelled.finished.cancelled);
}
