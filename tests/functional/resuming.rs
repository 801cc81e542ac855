//! Copies that are resumed: where they go on, and what is refused.

use std::time::Duration;

use kafi::{CopyOptions, ErrorKind, Kafi, NewTopic, Offsets, Outgoing, OwnedRecord, ReadOptions, json, shell};

use crate::support::{T, bounds, integers, memory, numbers, on_both, put, raw, record};

fn resume() -> CopyOptions {
    CopyOptions { resume: true, ..CopyOptions::default() }
}

fn resumed_with(source: &Kafi, target: &Kafi, options: &CopyOptions) -> kafi::Result<u64> {
    let pairs = [(T.to_string(), "copy".to_string())];
    Ok(shell::cp(source.storage(), target.storage(), &pairs, options)?.copied.written)
}

fn resumed(source: &Kafi, target: &Kafi) -> kafi::Result<u64> {
    resumed_with(source, target, &resume())
}

fn setting(c: &Kafi, topic: &str, name: &str) -> Option<String> {
    let config = c.admin().unwrap().topic_config(topic, Duration::from_secs(10)).unwrap();
    config.into_iter().find(|entry| entry.name == name)?.value
}

/// Without what differs between two topics with the same messages.
fn same(source: &Kafi, target: &Kafi) -> bool {
    let places = |records: Vec<OwnedRecord>| records;
    places(raw(source, T)) == places(raw(target, "copy"))
}

#[test]
fn each_run_goes_on_where_the_one_before_stopped() {
    on_both(|c| {
        let source = memory();
        source.create(&NewTopic::new(T).partitions(3)).unwrap();
        // Gaps, and partitions that begin late or not at all.
        put(&source, &[record(0, 5, 1, "a"), record(0, 9, 2, "b"), record(1, 0, 3, "c")], true);
        assert_eq!(resumed(&source, &c).unwrap(), 3);
        assert_eq!(resumed(&source, &c).unwrap(), 0);
        put(&source, &[record(0, 12, 4, "d"), record(2, 0, 5, "e")], true);
        assert_eq!(resumed(&source, &c).unwrap(), 2);
        assert_eq!(resumed(&source, &c).unwrap(), 0);
        assert!(same(&source, &c), "{:?}", raw(&c, "copy"));
        assert_eq!(bounds(&c, "copy"), [(5, 13), (0, 1), (0, 1)]);
        assert_eq!(setting(&c, "copy", "kafi.source.topic").unwrap(), T);
        assert_eq!(setting(&c, "copy", "kafi.source.partitions").unwrap(), "0:5 1:0 2:0");
    });
}

#[test]
fn a_run_that_is_cut_short_anywhere_is_completed_by_the_next() {
    on_both(|c| {
        let source = memory();
        source.create(&NewTopic::new(T).partitions(2)).unwrap();
        source.produce(T, (0..200).map(|n: i64| Outgoing::new(n).partition((n % 2) as i32))).unwrap();
        let mut written = 0;
        for max in [0, 1, 50, 3, 1, 100, 1_000] {
            let read = ReadOptions { max: Some(max), batch_records_max: 7, ..ReadOptions::default() };
            written += resumed_with(&source, &c, &CopyOptions { read, ..resume() }).unwrap();
        }
        assert_eq!(written, 200);
        assert!(same(&source, &c));
    });
}

#[test]
fn a_copy_that_was_not_begun_as_one_to_be_resumed_can_be() {
    on_both(|c| {
        let source = memory();
        numbers(&source, 3);
        assert_eq!(resumed_with(&source, &c, &CopyOptions::default()).unwrap(), 3);
        source.produce(T, [json!(3)]).unwrap();
        let refused = resumed_with(&source, &c, &CopyOptions::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert!(["--resume", "--append"].iter().all(|way_out| refused.hint_text().unwrap().contains(way_out)));
        assert_eq!(resumed(&source, &c).unwrap(), 1);
        assert_eq!(integers(&c, "copy"), [0, 1, 2, 3]);
    });
}

#[test]
fn what_the_first_run_left_out_at_the_start_stays_out() {
    on_both(|c| {
        let source = memory();
        numbers(&source, 10);
        let offsets = Offsets::parse(&["6"], false).unwrap();
        let nothing = ReadOptions { offsets, max: Some(0), ..ReadOptions::default() };
        assert_eq!(resumed_with(&source, &c, &CopyOptions { read: nothing, ..CopyOptions::default() }).unwrap(), 0);
        assert_eq!(resumed(&source, &c).unwrap(), 4);
        assert_eq!(integers(&c, "copy"), [6, 7, 8, 9]);
    });
}

#[test]
fn partitions_that_the_source_got_since_come_too() {
    on_both(|c| {
        let source = memory();
        numbers(&source, 2);
        resumed(&source, &c).unwrap();
        source.admin().unwrap().create_partitions(T, 3, Duration::from_secs(10)).unwrap();
        source.produce(T, [Outgoing::new(json!(2)).partition(2)]).unwrap();
        assert_eq!(resumed(&source, &c).unwrap(), 1);
        assert_eq!(bounds(&c, "copy"), [(0, 2), (0, 0), (0, 1)]);
        assert_eq!(resumed(&source, &c).unwrap(), 0);
        assert!(same(&source, &c));
    });
}

#[test]
fn another_source_is_refused() {
    on_both(|c| {
        let (source, other) = (memory(), memory());
        numbers(&source, 3);
        numbers(&other, 5);
        resumed(&source, &c).unwrap();
        let error = resumed(&other, &c).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(
            error.to_string().starts_with("resume: topic copy: the target is a copy of another source: topic t of "),
            "{error}"
        );
        // A topic that was deleted and made anew is another one, too.
        source.rm(T).unwrap();
        numbers(&source, 5);
        let error = resumed(&source, &c).unwrap_err();
        assert!(error.to_string().ends_with("a topic of the same name that was deleted since"), "{error}");
        assert_eq!(integers(&c, "copy"), [0, 1, 2]);
    });
}

#[test]
fn messages_of_nobody_knows_where_are_refused() {
    on_both(|c| {
        let source = memory();
        numbers(&source, 3);
        c.touch("copy").unwrap();
        c.produce("copy", [json!(0)]).unwrap();
        let error = resumed(&source, &c).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.hint_text().unwrap().contains("--append"));
        // Once something was appended, a log is no copy of its source any more.
        c.rm("copy").unwrap();
        resumed(&source, &c).unwrap();
        resumed_with(&source, &c, &CopyOptions { append: true, ..CopyOptions::default() }).unwrap();
        assert!(
            resumed(&source, &c)
                .unwrap_err()
                .to_string()
                .ends_with("but does not say that they are a copy of this source")
        );
        assert_eq!(integers(&c, "copy"), [0, 1, 2, 0, 1, 2]);
    });
}

#[test]
fn a_source_that_lost_what_comes_next_is_refused() {
    on_both(|c| {
        let source = memory();
        numbers(&source, 3);
        resumed(&source, &c).unwrap();
        source.produce(T, (3..8).map(|n: i64| Outgoing::new(n))).unwrap();
        source.delete_records(T, 0, 5).unwrap();
        let error = resumed(&source, &c).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert_eq!(error.to_string(), "resume: topic t, partition 0: the offsets 3 to 4 are no longer there");
        assert!(error.hint_text().unwrap().contains("--allow-gap"));
        let mut gap = resume();
        gap.read.consumer.allow_gap = true;
        assert_eq!(resumed_with(&source, &c, &gap).unwrap(), 3);
        assert_eq!(integers(&c, "copy"), [0, 1, 2, 5, 6, 7]);
    });
}

#[test]
fn a_source_that_ends_before_the_copy_is_refused() {
    on_both(|c| {
        let source = memory();
        numbers(&source, 3);
        resumed(&source, &c).unwrap();
        // Somebody wrote behind the copy.
        c.produce("copy", [json!(9)]).unwrap();
        let error = resumed(&source, &c).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(
            error.to_string(),
            "resume: topic t, partition 0: the source ends at offset 3, but the copy has come to 4 already: it is not the same any more"
        );
    });
}

#[test]
fn a_target_that_somebody_else_has_written_to_is_refused() {
    on_both(|c| {
        let source = memory();
        numbers(&source, 3);
        resumed(&source, &c).unwrap();
        c.produce("copy", [json!(9)]).unwrap();
        source.produce(T, [json!(3), json!(4), json!(5)]).unwrap();
        let error = resumed(&source, &c).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let why = "resume: topic copy, partition 0: the message at offset 3 is not the source's: somebody else has written to the target";
        assert_eq!(error.to_string(), why);
        assert_eq!(integers(&c, "copy"), [0, 1, 2, 9]);
    });
}

#[test]
fn timestamps_that_were_not_copied_are_not_compared() {
    on_both(|c| {
        let source = memory();
        source.touch(T).unwrap();
        put(&source, &[record(0, -1, 1, "0")], false);
        let forgetting = CopyOptions { ignore_timestamp: true, ..resume() };
        resumed_with(&source, &c, &forgetting).unwrap();
        put(&source, &[record(0, -1, 1, "1")], false);
        assert_eq!(resumed(&source, &c).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(resumed_with(&source, &c, &forgetting).unwrap(), 1);
        assert_eq!(integers(&c, "copy"), [0, 1]);
    });
}

#[test]
fn what_cannot_be_resumed_is_said() {
    let (source, target) = (memory(), memory());
    source.create(&NewTopic::new(T).partitions(2)).unwrap();
    target.touch("copy").unwrap();
    for options in [CopyOptions { append: true, ..resume() }, CopyOptions { repartition: true, ..resume() }] {
        assert_eq!(resumed_with(&source, &target, &options).unwrap_err().kind(), ErrorKind::Usage);
    }
}

#[test]
fn a_plan_says_what_would_be_done_and_makes_nothing() {
    on_both(|c| {
        let source = memory();
        numbers(&source, 5);
        let plan = |topic: &str, options: &CopyOptions| {
            shell::plan_cp(source.storage(), c.storage(), &[(T.into(), topic.into())], options)
        };
        let part = plan("copy", &CopyOptions::default()).unwrap().remove(0);
        assert_eq!((part.topic.as_str(), part.partition, part.start, part.end, part.messages), (T, 0, 0, Some(5), 5));
        assert_eq!((part.target.as_str(), part.creates), ("copy", true));
        assert_eq!(c.ls().unwrap(), [""; 0]);

        resumed(&source, &c).unwrap();
        source.produce(T, [json!(5)]).unwrap();
        assert_eq!(plan("copy", &CopyOptions::default()).unwrap_err().kind(), ErrorKind::AlreadyExists);
        let part = plan("copy", &resume()).unwrap().remove(0);
        assert_eq!((part.start, part.end, part.messages, part.creates), (5, Some(6), 1, false));
        let mut mirror = resume();
        mirror.read.follow = true;
        let part = plan("copy", &mirror).unwrap().remove(0);
        assert_eq!((part.start, part.end, part.messages), (5, None, 1));
        assert_eq!(bounds(&c, "copy"), [(0, 5)]);
    });
}
