//! Comparisons that the command line cannot steer: many messages in little memory, and several threads.

use std::ops::ControlFlow;

use kafi::{
    Cancel, DiffField, DiffOptions, DiffSide, Diffed, Error, ErrorKind, Kafi, NewTopic, OwnedRecord, ReadOptions, shell,
};

use crate::support::{T, memory, put, record};

/// How two topics `t` differ: `<partition:offset`, `>partition:offset`, or `partition:offset=field`, sorted.
fn diff(left: &Kafi, right: &Kafi, options: &DiffOptions) -> (Vec<String>, Diffed) {
    let mut seen = Vec::new();
    let side = |c| DiffSide::new(Kafi::storage(c), T);
    let diffed = shell::diff(side(left), side(right), options, |difference| {
        seen.push(match (&difference.left, &difference.right) {
            (Some(left), Some(_)) => format!(
                "{}:{}={}",
                left.partition,
                left.offset,
                difference.fields.iter().map(|field| field.as_str()).collect::<String>()
            ),
            (Some(left), None) => format!("<{}:{}", left.partition, left.offset),
            (None, Some(right)) => format!(">{}:{}", right.partition, right.offset),
            (None, None) => panic!("a difference has a message"),
        });
        Ok(ControlFlow::Continue(()))
    });
    seen.sort();
    (seen, diffed.unwrap())
}

fn with(partitions: i32, records: &[OwnedRecord]) -> Kafi {
    let c = memory();
    c.create(&NewTopic::new(T).partitions(partitions)).unwrap();
    put(&c, records, false);
    c
}

#[test]
fn unordered_messages_are_matched_in_little_memory() {
    const COUNT: i64 = 30_000;
    // Backwards and over other partitions, so that nothing has its like nearby; two messages are missing, far from each
    // other, and two are new.
    let forward: Vec<_> = (0..COUNT).map(|i| record(0, -1, i, &(i % 1000).to_string())).collect();
    let mut backward: Vec<_> =
        (0..COUNT).rev().map(|i| record((i % 4) as i32, -1, i, &(i % 1000).to_string())).collect();
    backward[77] = record(3, -1, 5_000_000, "new");
    backward[29_000] = record(3, -1, 5_000_000, "newer");
    let (left, right) = (with(1, &forward), with(4, &backward));
    for unmatched_max in [1_000_000, 5_000, 2_000] {
        let read = ReadOptions { batch_records_max: 1000, ..ReadOptions::default() };
        let options = DiffOptions { ignore_partitions: true, unmatched_max, read, ..DiffOptions::default() };
        let (seen, diffed) = diff(&left, &right, &options);
        assert_eq!(
            seen[..2],
            [COUNT - 1 - 77, COUNT - 1 - 29_000].map(|offset| format!("<0:{offset}")),
            "{unmatched_max}"
        );
        assert!(seen.len() == 4 && seen[2..].iter().all(|seen| seen.starts_with(">3:")), "{seen:?}");
        assert_eq!(diffed, Diffed { compared: COUNT as u64 + 2, different: 4, cancelled: false });
    }
}

#[test]
fn messages_that_are_there_several_times_are_counted() {
    let same = |count: usize| with(1, &vec![record(0, -1, 1, "same"); count]);
    let options = DiffOptions { ignore_partitions: true, ..DiffOptions::default() };
    assert_eq!(diff(&same(5), &same(5), &options).1.different, 0);
    assert_eq!(diff(&same(5), &same(2), &options).1, Diffed { compared: 5, different: 3, cancelled: false });
    assert_eq!(diff(&same(2), &same(5), &options).1, Diffed { compared: 5, different: 3, cancelled: false });
}

#[test]
fn threads_find_what_one_finds() {
    let mut records: Vec<_> = (0..8000).map(|i| record((i % 8) as i32, -1, i, &i.to_string())).collect();
    let left = with(8, &records);
    for at in [0, 4001, 7999] {
        records[at].value = Some(b"other".to_vec());
    }
    records[17].timestamp += 1;
    let right = with(8, &records);
    let alone = diff(&left, &right, &DiffOptions::default());
    assert_eq!(alone.0, ["0:0=value", "1:2=timestamp", "1:500=value", "7:999=value"]);
    assert_eq!(alone.1, Diffed { compared: 8000, different: 4, cancelled: false });
    assert_eq!(diff(&left, &right, &DiffOptions { threads: 3, ..DiffOptions::default() }), alone);
    assert_eq!(
        diff(&left, &right, &DiffOptions { threads: 100, ignore_offsets: true, ..DiffOptions::default() }),
        alone
    );
    let limited = DiffOptions {
        threads: 3,
        read: ReadOptions { max: Some(100), ..ReadOptions::default() },
        ..DiffOptions::default()
    };
    assert_eq!(diff(&left, &right, &limited).1.compared, 100);
}

#[test]
fn a_handle_compares_with_another() {
    let left = with(2, &[record(0, -1, 1, "a"), record(1, -1, 1, "b")]);
    let right = memory();
    left.cp(T, &right, "copy").unwrap();
    assert_eq!(left.diff(T, &right, "copy").unwrap(), Diffed { compared: 2, different: 0, cancelled: false });
    right.produce("copy", ["c"]).unwrap();
    assert_eq!(left.diff(T, &right, "copy").unwrap(), Diffed { compared: 3, different: 1, cancelled: false });
    assert_eq!(left.diff(T, &right, "nope").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_stop_is_no_difference() {
    let records: Vec<_> = (0..100).map(|i| record(0, i, i, &i.to_string())).collect();
    let (left, right) = (memory(), memory());
    for (c, records) in [(&left, &records[..]), (&right, &records[1..])] {
        c.touch(T).unwrap();
        put(c, records, true);
    }
    let side = |c| DiffSide::new(Kafi::storage(c), T);
    for ignore_partitions in [false, true] {
        let cancel = Cancel::new();
        // The batches of the two sides do not end at the same message.
        let read = ReadOptions { cancel: cancel.clone(), batch_records_max: 10, ..ReadOptions::default() };
        let options = DiffOptions { read, ignore_partitions, ..DiffOptions::default() };
        let diffed = shell::diff(side(&left), side(&right), &options, |_| {
            cancel.cancel();
            Ok(ControlFlow::Continue(()))
        });
        let diffed = diffed.unwrap();
        assert!(diffed.cancelled && diffed.different == 1, "{diffed:?}");
        let diffed = shell::diff(side(&left), side(&right), &options, |_| panic!("nothing is read")).unwrap();
        assert_eq!(diffed, Diffed { compared: 0, different: 0, cancelled: true });
    }
}

#[test]
fn whoever_looks_may_stop_or_fail() {
    let (left, right) = (with(2, &[record(0, -1, 1, "a"), record(1, -1, 1, "b")]), with(2, &[]));
    let side = |c| DiffSide::new(Kafi::storage(c), T);
    for ignore_partitions in [false, true] {
        let options = DiffOptions { ignore_partitions, ..DiffOptions::default() };
        let stopped = shell::diff(side(&left), side(&right), &options, |_| Ok(ControlFlow::Break(()))).unwrap();
        assert_eq!(stopped.different, 1);
        let failed = shell::diff(side(&left), side(&right), &options, |_| Err(Error::function("no"))).unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Function);
    }
    assert_eq!(DiffField::TimestampType.as_str(), "timestamp_type");
}
