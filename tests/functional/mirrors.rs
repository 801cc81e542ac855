//! Copies that go on: what comes later at the source comes too.

use std::thread;
use std::time::{Duration, Instant};

use kafi::shell::{NewTopics, Rate};
use kafi::{
    Cancel, CopyOptions, CopyResult, ErrorKind, GroupOptions, Kafi, NewTopic, Outgoing, ReadOptions, Result, json,
    shell,
};

use crate::support::{T, bounds, integers, memory, numbers, on_both, raw};

/// What is waited for comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a mirror of `t` while `during` does something else, which gets a function that waits for a condition.
fn mirror(
    source: &Kafi,
    target: &Kafi,
    options: &CopyOptions,
    during: impl FnOnce(&dyn Fn(&dyn Fn() -> bool)),
) -> Result<CopyResult> {
    let cancel = Cancel::new();
    let read = ReadOptions { follow: true, cancel: cancel.clone(), ..options.read.clone() };
    let options = CopyOptions { read, ..options.clone() };
    thread::scope(|scope| {
        let copying = scope.spawn(|| shell::cp(source.storage(), target.storage(), &[(T.into(), T.into())], &options));
        let begun = Instant::now();
        during(&|is_so| {
            while !is_so() {
                assert!(begun.elapsed() < PATIENCE && !copying.is_finished(), "waited in vain");
                thread::sleep(Duration::from_millis(5));
            }
        });
        cancel.cancel();
        copying.join().unwrap()
    })
}

/// The topics of a storage that hold so many messages.
fn holds(c: &Kafi, topic: &str, messages: u64) -> bool {
    c.exists(topic).unwrap() && c.wc(topic).unwrap().messages == messages
}

#[test]
fn later_partitions_and_topics_come_too() {
    on_both(|target| {
        let source = memory();
        numbers(&source, 2);
        let new_topics = NewTopics::new(|topic| (topic != "other").then(|| format!("copy-of-{topic}")));
        let options = CopyOptions { new_topics: Some(new_topics), ..CopyOptions::default() };
        let result = mirror(&source, &target, &options, |wait_until| {
            wait_until(&|| holds(&target, T, 2));
            source.admin().unwrap().create_partitions(T, 3, Duration::from_secs(10)).unwrap();
            source.produce(T, [Outgoing::new(json!(2)).partition(2)]).unwrap();
            for topic in ["other", "later"] {
                source.touch(topic).unwrap();
                source.produce(topic, [json!(7)]).unwrap();
            }
            wait_until(&|| holds(&target, T, 3) && holds(&target, "copy-of-later", 1));
            source.produce(T, [Outgoing::new(json!(3)).partition(0)]).unwrap();
            wait_until(&|| holds(&target, T, 4));
        });
        let result = result.unwrap();
        assert_eq!((result.copied.read, result.copied.written, result.finished.cancelled), (5, 5, true));
        assert_eq!(raw(&target, T), raw(&source, T));
        assert_eq!(bounds(&target, T), [(0, 3), (0, 0), (0, 1)]);
        assert_eq!(target.ls().unwrap(), ["copy-of-later", T]);
        // And what a mirror has made can be resumed.
        source.produce(T, [Outgoing::new(json!(4)).partition(2)]).unwrap();
        let resume = CopyOptions { resume: true, ..CopyOptions::default() };
        assert_eq!(
            shell::cp(source.storage(), target.storage(), &[(T.into(), T.into())], &resume).unwrap().copied.written,
            1
        );
        assert_eq!(raw(&target, T), raw(&source, T));
    });
}

#[test]
fn what_comes_last_waits_for_nothing() {
    on_both(|target| {
        let source = memory();
        numbers(&source, 8);
        // The last batch is exactly full, so that nothing about it says that it is the last.
        let read = ReadOptions { batch_records_max: 4, ..ReadOptions::default() };
        let options = CopyOptions { read, ..CopyOptions::default() };
        mirror(&source, &target, &options, |wait_until| wait_until(&|| holds(&target, T, 8))).unwrap();
    });
}

#[test]
fn a_mirror_stops_where_its_source_is_made_anew() {
    let (source, target) = (memory(), memory());
    source.create(&NewTopic::new(T).partitions(2)).unwrap();
    let cancel = Cancel::new();
    let read = ReadOptions { follow: true, cancel: cancel.clone(), ..ReadOptions::default() };
    let options = CopyOptions { read, ..CopyOptions::default() };
    let error = thread::scope(|scope| {
        let copying = scope.spawn(|| shell::cp(source.storage(), target.storage(), &[(T.into(), T.into())], &options));
        let begun = Instant::now();
        while !target.exists(T).unwrap() {
            assert!(begun.elapsed() < PATIENCE);
            thread::yield_now();
        }
        source.rm(T).unwrap();
        source.touch(T).unwrap();
        copying.join().unwrap().unwrap_err()
    });
    assert!(matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound), "{error}");
    assert!(!cancel.is_cancelled());
}

#[test]
fn a_rate_holds_for_all_threads_together() {
    let (source, target) = (memory(), memory());
    source.create(&NewTopic::new(T).partitions(4)).unwrap();
    source.produce(T, (0..40).map(|n: i64| Outgoing::new(n).partition((n % 4) as i32))).unwrap();
    let options = CopyOptions { rate: Some(Rate::Messages(100)), threads: 4, ..CopyOptions::default() };
    let begun = Instant::now();
    let copied = shell::cp(source.storage(), target.storage(), &[(T.into(), T.into())], &options).unwrap().copied;
    assert_eq!(copied.written, 40);
    // The first batch does not wait, and the last ten messages are waited for by nobody.
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[test]
fn a_group_copies_what_it_has_not_committed() {
    on_both(|target| {
        let source = memory();
        numbers(&source, 5);
        let as_group = |group: &str| {
            let read = ReadOptions { group: Some(GroupOptions::new(group)), ..ReadOptions::default() };
            let copied = shell::cp(
                source.storage(),
                target.storage(),
                &[(T.into(), "copy".into())],
                &CopyOptions { read, ..CopyOptions::default() },
            );
            copied.unwrap().copied
        };
        assert_eq!((as_group("g").written, as_group("g").read), (5, 0));
        source.produce(T, [json!(5)]).unwrap();
        assert_eq!((as_group("g").written, as_group("g").read), (1, 0));
        assert_eq!(integers(&target, "copy"), [0, 1, 2, 3, 4, 5]);
        // Another group hands out everything again, which the log has already.
        let again = as_group("h");
        assert_eq!((again.read, again.written), (6, 0));
        assert_eq!(raw(&target, "copy"), raw(&source, T));
    });
}
