//! Copies between storages: what is refused, and what happens when one fails.

use kafi::{CopyOptions, ErrorKind, Kafi, NewTopic, Outgoing, ReadOptions, json, shell};

use crate::support::{T, bounds, integers, memory, numbers, on_both, put, raw, record};

fn copy(source: &Kafi, target: &Kafi, pairs: &[(&str, &str)], options: &CopyOptions) -> kafi::Result<kafi::CopyResult> {
    let pairs: Vec<_> = pairs.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect();
    shell::cp(source.storage(), target.storage(), &pairs, options)
}

/// The kind and the line of the error that copying `t` gives.
fn refused(source: &Kafi, target: &Kafi, pairs: &[(&str, &str)], options: &CopyOptions) -> (ErrorKind, String) {
    let error = copy(source, target, pairs, options).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_log_that_holds_messages_is_refused() {
    on_both(|c| {
        numbers(&c, 3);
        let target = memory();
        c.cp(T, &target, T).unwrap();
        let error = c.cp(T, &target, T).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(error.to_string(), "copy: topic t: the target holds 3 messages already");
        assert!(error.hint_text().unwrap().contains("--append"));
        assert_eq!(integers(&target, T), [0, 1, 2]);
    });
}

#[test]
fn a_log_whose_messages_are_deleted_takes_only_later_offsets() {
    let source = memory();
    source.touch(T).unwrap();
    put(&source, &[record(0, 5, 1, "5"), record(0, 6, 1, "6")], true);
    let target = memory();
    target.touch(T).unwrap();
    for (offset, deleted) in [(4, true), (6, false)] {
        put(&target, &[record(0, offset, 1, "x")], true);
        target.delete_records(T, 0, offset + 1).unwrap();
        let copied = source.cp(T, &target, T);
        assert_eq!(copied.is_ok(), deleted, "{copied:?}");
        if let Err(error) = copied {
            assert_eq!(error.kind(), ErrorKind::OutOfRange);
        } else {
            assert_eq!(integers(&target, T), [5, 6]);
            target.rm(T).unwrap();
            target.touch(T).unwrap();
        }
    }
}

#[test]
fn a_copy_onto_itself_is_refused() {
    on_both(|c| {
        numbers(&c, 1);
        let append = CopyOptions { append: true, ..CopyOptions::default() };
        let (kind, line) = refused(&c, &c.clone(), &[(T, T)], &append);
        assert_eq!((kind, line.as_str()), (ErrorKind::Usage, "copy: topic t: source and target are the same topic"));
        assert_eq!(integers(&c, T), [0]);
        // Another storage of the same kind is another one.
        assert_eq!(c.cp(T, &memory(), T).unwrap().written, 1);
    });
}

#[test]
fn a_source_that_is_named_twice_is_refused() {
    let c = memory();
    numbers(&c, 1);
    let (kind, line) = refused(&c, &c, &[(T, "a"), (T, "b")], &CopyOptions::default());
    assert_eq!((kind, line.as_str()), (ErrorKind::Usage, "copy: topic t: the source is named twice"));
    assert_eq!(c.ls().unwrap(), [T]);
}

#[test]
fn targets_with_too_few_partitions_are_refused() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(3)).unwrap();
        c.produce(T, [Outgoing::new(json!(1)).partition(1)]).unwrap();
        c.create(&NewTopic::new("two").partitions(2)).unwrap();
        let (kind, line) = refused(&c, &c, &[(T, "two")], &CopyOptions::default());
        assert_eq!(kind, ErrorKind::Usage);
        assert!(line.contains("topic two") && line.contains("partitions"), "{line}");
        assert_eq!(bounds(&c, "two"), [(0, 0), (0, 0)]);
        // Those that are copied fit.
        let read = ReadOptions { partitions: Some(vec![0, 1]), ..ReadOptions::default() };
        copy(&c, &c, &[(T, "two")], &CopyOptions { read, ..CopyOptions::default() }).unwrap();
        assert_eq!(bounds(&c, "two"), [(0, 0), (0, 1)]);
    });
}

#[test]
fn what_is_missing_is_said_and_nothing_is_made() {
    on_both(|c| {
        numbers(&c, 1);
        let options = CopyOptions::default();
        let (kind, line) = refused(&c, &c, &[("none", "copy")], &options);
        assert_eq!(kind, ErrorKind::NotFound);
        assert!(line.contains("none"), "{line}");
        let (kind, line) = refused(&c, &c, &[(T, "copy")], &CopyOptions { create: false, ..CopyOptions::default() });
        assert_eq!((kind, line.as_str()), (ErrorKind::NotFound, "copy: topic copy: no such topic"));
        let (kind, line) = refused(&c, &c, &[(T, "bad name")], &options);
        assert_eq!(kind, ErrorKind::Usage);
        assert!(line.contains("bad name"), "{line}");
        assert_eq!(c.ls().unwrap(), [T]);
    });
}

#[test]
fn settings_of_a_target_that_is_made() {
    let c = memory();
    numbers(&c, 1);
    let config = vec![("compression.type".to_string(), "zstd".to_string())];
    copy(&c, &c, &[(T, "copy")], &CopyOptions { config, ..CopyOptions::default() }).unwrap();
    let config = c.admin().unwrap().topic_config("copy", std::time::Duration::from_secs(10)).unwrap();
    assert_eq!(config.iter().find(|entry| entry.name == "compression.type").unwrap().value.as_deref(), Some("zstd"));
}

#[test]
fn a_copy_stops_at_the_first_message_that_fails_and_nothing_else_does() {
    on_both(|c| {
        c.create(&NewTopic::new(T).partitions(2)).unwrap();
        let large = "x".repeat(10_000);
        let values = ["0", "1", &large, "3", "4"];
        put(&c, &values.map(|value| record(0, -1, 1, value)), false);
        put(&c, &[record(1, -1, 1, "a")], false);
        c.create(&NewTopic::new("small").partitions(2).config("max.message.bytes", "2000")).unwrap();

        let read = ReadOptions { batch_records_max: 1, ..ReadOptions::default() };
        let options = CopyOptions { read, threads: 2, ..CopyOptions::default() };
        let (kind, line) = refused(&c, &c, &[(T, "small")], &options);
        assert_eq!(kind, ErrorKind::TooLarge);
        assert!(line.contains("topic small, partition 0"), "{line}");
        let written: Vec<_> = raw(&c, "small").into_iter().filter(|record| record.partition == 0).collect();
        assert!(raw(&c, T).starts_with(&written) && written.len() <= 2);

        // The wish to stop was that of this copy alone.
        assert!(!options.read.cancel.is_cancelled());
        assert_eq!(copy(&c, &c, &[(T, "large")], &options).unwrap().copied.written, 6);
    });
}
