//! Copies between storages: what arrives.

use std::thread;

use kafi::{
    Cancel, CopyOptions, Kafi, NewTopic, Offsets, Outgoing, OwnedRecord, ReadOptions, TimestampType, Type, json, shell,
};

use crate::support::{T, bounds, folder, integers, memory, nasty, numbers, on_both, position, put, raw, record};

/// Copies `t` to `copy` with options.
fn copy(source: &Kafi, target: &Kafi, options: &CopyOptions) -> kafi::Result<kafi::CopyResult> {
    shell::cp(source.storage(), target.storage(), &[(T.into(), "copy".into())], options)
}

#[test]
fn nothing_is_lost_on_the_way_through_a_folder_and_back() {
    let (source, back) = (memory(), memory());
    let (folder, _guard) = folder();
    nasty(&source);
    let expected = raw(&source, T);
    assert_eq!(expected.len(), 8);

    let copied = source.cp(T, &folder, "backup").unwrap();
    assert_eq!((copied.read, copied.written), (8, 8));
    assert!(raw(&folder, "backup") == expected, "into the folder");
    assert_eq!(bounds(&folder, "backup"), bounds(&source, T));

    folder.cp("backup", &back, T).unwrap();
    assert!(raw(&back, T) == expected, "back from the folder");
}

#[test]
fn nothing_but_offsets_and_append_times_is_lost_in_a_pipe() {
    let c = memory();
    nasty(&c);
    c.topic(T).types(Type::Auto).to(&c, "copy").unwrap();
    let mut next = [0, 0];
    let expected: Vec<OwnedRecord> = raw(&c, T)
        .into_iter()
        .map(|record| {
            let offset = next[record.partition as usize];
            next[record.partition as usize] += 1;
            OwnedRecord { offset, ..record }
        })
        .collect();
    assert!(raw(&c, "copy") == expected);
}

#[test]
fn an_empty_log_gets_the_offsets_of_the_source() {
    on_both(|c| {
        let source = memory();
        source.touch(T).unwrap();
        put(&source, &[record(0, 5, 1, "a"), record(0, 9, 2, "b"), record(0, 10, 3, "c")], true);
        c.create(&NewTopic::new("copy").partitions(2)).unwrap();
        copy(&source, &c, &CopyOptions::default()).unwrap();
        assert_eq!(raw(&c, "copy"), raw(&source, T));
        assert_eq!(bounds(&c, "copy"), [(5, 11), (0, 0)]);
    });
}

#[test]
fn appending_gives_new_offsets_behind_what_is_there() {
    on_both(|c| {
        let source = memory();
        source.touch(T).unwrap();
        put(&source, &[record(0, 5, 1, "3"), record(0, 9, 2, "4")], true);
        c.touch("copy").unwrap();
        c.produce("copy", [json!(0), json!(1), json!(2)]).unwrap();
        let append = CopyOptions { append: true, ..CopyOptions::default() };
        assert_eq!(copy(&source, &c, &append).unwrap().copied.written, 2);
        assert_eq!(integers(&c, "copy"), [0, 1, 2, 3, 4]);
        assert_eq!(bounds(&c, "copy"), [(0, 5)]);
        // Again, and also into a log that is empty.
        copy(&source, &c, &append).unwrap();
        assert_eq!(integers(&c, "copy"), [0, 1, 2, 3, 4, 3, 4]);
        shell::cp(source.storage(), c.storage(), &[(T.into(), "fresh".into())], &append).unwrap();
        assert_eq!(bounds(&c, "fresh"), [(0, 2)]);
    });
}

#[test]
fn partitions_are_copied_by_several_threads() {
    on_both(|c| {
        const PARTITIONS: i32 = 8;
        let source = memory();
        source.create(&NewTopic::new(T).partitions(PARTITIONS)).unwrap();
        let message =
            |number: i64| Outgoing::new(number).partition((number % i64::from(PARTITIONS)) as i32).timestamp(number);
        source.produce(T, (0..20_000).map(message)).unwrap();
        let expected = raw(&source, T);
        for (threads, topic) in [(0, "auto"), (1, "one"), (3, "three"), (100, "hundred")] {
            let read = ReadOptions { batch_records_max: 100, ..ReadOptions::default() };
            let result = shell::cp(
                source.storage(),
                c.storage(),
                &[(T.into(), topic.into())],
                &CopyOptions { threads, read, ..CopyOptions::default() },
            );
            let result = result.unwrap();
            assert_eq!((result.copied.read, result.copied.written, result.finished.cancelled), (20_000, 20_000, false));
            assert_eq!(result.finished.reached, (0..PARTITIONS).map(|p| position(p, 2_500)).collect::<Vec<_>>());
            assert!(raw(&c, topic) == expected, "{threads} threads");
        }
    });
}

#[test]
fn what_is_read_can_be_chosen() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(3)).unwrap();
        c.produce(T, (0..30).map(|n: i64| Outgoing::new(n).partition((n % 3) as i32))).unwrap();
        let offsets = Offsets::parse(&["8", "1=4:6"], false).unwrap();
        let read = ReadOptions { partitions: Some(vec![1, 2]), offsets, ..ReadOptions::default() };
        let result = copy(&c, &c, &CopyOptions { read, ..CopyOptions::default() }).unwrap();
        assert_eq!(result.copied.written, 4);
        let places: Vec<_> = raw(&c, "copy").iter().map(|record| (record.partition, record.offset)).collect();
        assert_eq!(places, [(1, 4), (1, 5), (2, 8), (2, 9)]);

        let read = ReadOptions { max: Some(7), ..ReadOptions::default() };
        let result = shell::cp(
            c.storage(),
            c.storage(),
            &[(T.into(), "seven".into())],
            &CopyOptions { read, threads: 3, ..CopyOptions::default() },
        )
        .unwrap();
        assert_eq!((result.copied.written, raw(&c, "seven").len()), (7, 7));
        let reached: i64 = result.finished.reached.iter().map(|position| position.offset).sum();
        assert_eq!(reached, 7);
    });
}

#[test]
fn several_topics_go_to_topics_of_their_own_or_to_one() {
    on_both(|c| {
        for (topic, number) in [("a", 1), ("b", 2)] {
            c.touch(topic).unwrap();
            c.produce(topic, [json!(number), json!(number)]).unwrap();
        }
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect::<Vec<_>>()
        };
        let options = CopyOptions::default();
        let other = memory();
        shell::cp(c.storage(), other.storage(), &pairs(&[("a", "a"), ("b", "x")]), &options).unwrap();
        assert_eq!((integers(&other, "a"), integers(&other, "x")), (vec![1, 1], vec![2, 2]));

        let result =
            shell::cp(c.storage(), other.storage(), &pairs(&[("a", "both"), ("b", "both")]), &options).unwrap();
        assert_eq!((result.copied.read, result.copied.written), (4, 4));
        let mut both = integers(&other, "both");
        both.sort();
        assert_eq!(both, [1, 1, 2, 2]);
    });
}

#[test]
fn timestamps_can_be_forgotten() {
    let c = memory();
    nasty(&c);
    copy(&c, &c, &CopyOptions { ignore_timestamp: true, ..CopyOptions::default() }).unwrap();
    let copied = raw(&c, "copy");
    assert!(copied.iter().all(|record| record.timestamp > 1_700_000_000_000 && record.timestamp < i64::MAX / 8));
    assert!(copied.iter().all(|record| record.timestamp_type == TimestampType::Create));
    assert_eq!(copied.len(), 8);
}

#[test]
fn another_thread_ends_a_copy_that_follows() {
    on_both(|c| {
        numbers(&c, 3);
        let target = memory();
        let cancel = Cancel::new();
        let read = ReadOptions { follow: true, cancel: cancel.clone(), ..ReadOptions::default() };
        let progress = read.progress.clone();
        let options = CopyOptions { read, ..CopyOptions::default() };
        let result = thread::scope(|scope| {
            let copying = scope.spawn(|| copy(&c, &target, &options));
            while progress.read() < 3 {
                assert!(!copying.is_finished());
                thread::yield_now();
            }
            c.produce(T, [json!(3)]).unwrap();
            while progress.read() < 4 {
                assert!(!copying.is_finished());
                thread::yield_now();
            }
            cancel.cancel();
            copying.join().unwrap().unwrap()
        });
        assert_eq!((result.copied.read, result.copied.written), (4, 4));
        assert_eq!((result.finished.cancelled, result.finished.reached), (true, vec![position(0, 4)]));
        assert_eq!(integers(&target, "copy"), [0, 1, 2, 3]);
    });
}

#[test]
fn each_copy_counts_for_itself() {
    let c = memory();
    numbers(&c, 3);
    let options = CopyOptions { append: true, ..CopyOptions::default() };
    for _ in 0..2 {
        let copied = copy(&c, &c, &options).unwrap().copied;
        assert_eq!((copied.read, copied.written), (3, 3));
    }
    assert_eq!(options.read.progress.read(), 6);
}
