//! Files of another segment, partition, or topic, in the place of a file or beside it: whole as they are, they are
//! damage where they lie, and hide nothing.

use std::fs;
use std::path::PathBuf;

use crate::support::*;
use kafi_core::{ErrorKind, Isolation, OwnedRecord, Position};
use kafi_fs::LogStorage;

/// The offset at or after a time; the messages of [`messages`] have the times from 1,000 on.
fn at_time(storage: &LogStorage, timestamp: i64) -> kafi_core::Result<i64> {
    let asked = Position { topic: "t".into(), partition: 0, offset: timestamp };
    Ok(admin(storage).offsets_for_times(&[asked], WAIT)?[0].offset)
}

/// Two topics of the same shape, `t` and `u`, in several segments; the segments of both, `t`'s first.
fn alike(folder: &Folder) -> Vec<PathBuf> {
    one_by_one(folder, 12, 100, &[("segment.bytes", "600")]);
    create(&folder.storage, "u", 1, &[("segment.bytes", "600")]);
    for record in messages("u", 12, 100) {
        deliver(&folder.storage, &[record]);
    }
    let of = |topic| folder.segments(topic, 0).into_iter().map(move |name| (topic, name));
    let segments: Vec<PathBuf> = of("t").chain(of("u")).map(|(topic, name)| folder.file(topic, 0, &name)).collect();
    assert!(segments.len() >= 6, "{segments:?}");
    segments
}

/// A foreign file that begins within another segment is told, and hides nothing: neither an empty one, nor one with any
/// bytes in it.
#[test]
fn a_foreign_segment_hides_nothing() {
    for bytes in ["", "x", "no batch at all, but longer than the header of one would be, which is 61 bytes"] {
        let folder = Folder::new();
        one_by_one(&folder, 30, 20, &[]);
        fs::write(folder.file("t", 0, "00000000000000000013.log"), bytes).unwrap();
        assert_eq!(watermarks(&folder.storage, "t", 0).high, 30);
        for start in [0, 13, 27] {
            let error = read_range(&mut *consumer(&folder.storage), "t", 0, start, 30).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            let read = read_lenient(&folder.storage, start, 30);
            assert!(read.iter().copied().eq(start..13.max(start)), "{read:?}");
        }
        deliver(&folder.storage, &messages("t", 1, 20));
        assert_eq!(read_lenient(&folder.storage, 0, 31), (0..13).chain([30]).collect::<Vec<_>>());
        assert_eq!(read_range(&mut *consumer(&folder.storage), "t", 0, 20, 31).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

/// Also for those who begin to read behind its base, and where nothing says what was durable. It is no reason to delete
/// or give away what the segment before it holds.
#[test]
fn a_foreign_segment_within_another_hides_nothing_wherever_one_begins() {
    for (name, how) in [(4, 0), (4, 2), (5, 0), (8, 0), (8, 2), (13, 2), (13, 1)] {
        for bytes in ["", "no batch at all, but longer than the header of one would be, which is 61 bytes"] {
            let folder = Folder::new();
            one_by_one(&folder, 15, 20, &[("segment.bytes", "600")]);
            let bases: Vec<i64> =
                folder.segments("t", 0).iter().map(|name| name[..20].parse().unwrap()).chain([15]).collect();
            assert_eq!(bases, [0, 6, 12, 15]);
            forget(&folder, how);
            fs::write(folder.file("t", 0, &format!("{name:020}.log")), bytes).unwrap();
            let next = bases.iter().copied().find(|base| *base > name).unwrap();
            assert_eq!(watermarks(&folder.storage, "t", 0).high, 15, "{name}, {how}");
            for start in 0..15 {
                let read = read_range(&mut *consumer(&folder.storage), "t", 0, start, 15);
                match start < next {
                    true => assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt, "{name}, {how}, from {start}"),
                    false => assert_eq!(read.unwrap().len() as i64, 15 - start),
                }
                let read = read_lenient(&folder.storage, start, 15);
                assert_eq!(
                    read,
                    (start..15).filter(|offset| !(name..next).contains(offset)).collect::<Vec<_>>(),
                    "{name}, {how}, from {start}"
                );
            }
            deliver(&open(folder.root()), &messages("t", 1, 20));
            assert_eq!(read_lenient(&folder.storage, next, 16), (next..16).collect::<Vec<_>>());
            let before = Position { topic: "t".into(), partition: 0, offset: name };
            admin(&folder.storage).delete_records(&[before], WAIT).unwrap();
            fs::remove_file(folder.file("t", 0, &format!("{name:020}.log"))).unwrap();
            assert_eq!(read_lenient(&folder.storage, name, 16), (name..16).collect::<Vec<_>>(), "{name}, {how}");
        }
    }
}

/// Between its offsets and the end lies a gap, whatever it holds: nobody waits for messages there.
#[test]
fn a_foreign_segment_beyond_the_end_lets_nobody_wait() {
    for bytes in ["", "no batch at all, but longer than the header of one would be, which is 61 bytes"] {
        let folder = Folder::new();
        one_by_one(&folder, 12, 20, &[]);
        fs::write(folder.file("t", 0, "00000000000000000019.log"), bytes).unwrap();
        assert_eq!(watermarks(&folder.storage, "t", 0).high, 19);
        assert_eq!(read(&folder.storage, "t", 0).len(), 12);
        deliver(&folder.storage, &messages("t", 1, 20));
        assert_eq!(read_lenient(&folder.storage, 0, 20), (0..12).chain([19]).collect::<Vec<_>>());
    }
}

/// Its batches are all too low: stepping over them does not lead beyond what follows.
#[test]
fn a_foreign_segment_with_more_messages_hides_nothing_behind_it() {
    for name in ["00000000000000000005.log", "00000000000000000013.log"] {
        let folder = Folder::new();
        one_by_one(&folder, 15, 20, &[("segment.bytes", "800")]);
        create(&folder.storage, "u", 1, &[]);
        for record in messages("u", 40, 20) {
            deliver(&folder.storage, &[record]);
        }
        fs::copy(folder.file("u", 0, LOG), folder.file("t", 0, name)).unwrap();
        let end = watermarks(&folder.storage, "t", 0).high;
        assert!(end >= 15);
        deliver(&folder.storage, &messages("t", 1, 20));
        assert_eq!(
            read_range(&mut *consumer(&folder.storage), "t", 0, 0, end + 1).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
        let read = read_lenient(&folder.storage, 0, end + 1);
        assert_eq!(read.last(), Some(&end), "{read:?}");
        assert!((0..5).all(|offset| read.contains(&offset)), "{read:?}");
    }
}

/// The batches of another segment are whole, but their offsets are not those that can be there: they are damage, and
/// what is behind them stays where it is.
#[test]
fn what_was_put_behind_a_segment_hides_no_other() {
    let folder = Folder::new();
    let all = alike(&folder);
    let (own, last) = (&all[..all.len() / 2], all.len() / 2 - 1);
    for (number, path) in own.iter().enumerate() {
        let whole = fs::read(path).unwrap();
        for other in all.iter().filter(|other| *other != path) {
            fs::write(path, [&whole[..], &fs::read(other).unwrap()].concat()).unwrap();
            for start in 0..12 {
                let read = read_lenient(&folder.storage, start, watermarks(&folder.storage, "t", 0).high);
                assert!(
                    read.iter().copied().filter(|offset| *offset < 12).eq(start..12),
                    "{} behind {}: {read:?}",
                    other.display(),
                    path.display()
                );
            }
            if number < last {
                let error = read_range(&mut *consumer(&folder.storage), "t", 0, 0, 12).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            }
            for time in 0..12 {
                assert!(at_time(&folder.storage, 1_000 + time).map_or(true, |offset| offset <= time), "{time}");
            }
        }
        fs::write(path, whole).unwrap();
    }
    assert_eq!(read(&folder.storage, "t", 0).len(), 12);
}

#[test]
fn another_segment_in_the_place_of_one_is_told_and_gives_no_wrong_time() {
    let folder = Folder::new();
    let all = alike(&folder);
    let own = &all[..all.len() / 2];
    let bases: Vec<i64> =
        own.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap()).chain([12]).collect();
    for (number, path) in own[..own.len() - 1].iter().enumerate() {
        let whole = fs::read(path).unwrap();
        for other in own.iter().filter(|other| *other != path) {
            fs::copy(other, path).unwrap();
            let text = assert_told(
                &folder.storage,
                12,
                (0..12).filter(|offset| !(bases[number]..bases[number + 1]).contains(offset)),
            );
            assert!(text.contains(path.file_name().unwrap().to_str().unwrap()), "{text}");
            for time in 0..12 {
                let found = at_time(&folder.storage, 1_000 + time);
                match (bases[number]..bases[number + 1]).contains(&time) {
                    true => assert_eq!(found.unwrap_err().kind(), ErrorKind::Corrupt),
                    false => assert!(found.map_or(true, |offset| offset == time), "{time}"),
                }
            }
        }
        fs::write(path, whole).unwrap();
    }
}

#[test]
fn an_index_that_belongs_to_another_log_is_not_believed() {
    let (folder, other) = (Folder::new(), Folder::new());
    one_by_one(&folder, 300, 1_000, &[]);
    one_by_one(&other, 200, 2_000, &[]);
    fs::copy(other.file("t", 0, INDEX), folder.file("t", 0, INDEX)).unwrap();
    for how in [0, 2] {
        forget(&folder, how);
        assert_eq!(watermarks(&folder.storage, "t", 0).high, 300);
        for start in [0, 1, 150, 299] {
            let read = read_range(&mut *consumer(&folder.storage), "t", 0, start, 300).unwrap();
            assert_eq!(read.len() as i64, 300 - start);
        }
    }
    deliver(&folder.storage, &messages("t", 1, 20));
    assert_eq!(read(&folder.storage, "t", 0).len(), 301);
}

/// Such an index promises messages that begin in another segment: what lies between is not skipped as missing.
#[test]
fn an_index_of_another_segment_is_not_believed() {
    let folder = Folder::new();
    one_by_one(&folder, 12, 100, &[("segment.bytes", "600")]);
    let segments = folder.segments("t", 0);
    let indexes: Vec<_> =
        segments[..segments.len() - 1].iter().map(|name| folder.file("t", 0, &name.replace(".log", ".kidx"))).collect();
    assert!(indexes.len() >= 3, "{segments:?}");
    for (to, own) in indexes.iter().enumerate() {
        let whole = fs::read(own).unwrap();
        for (from, other) in indexes.iter().enumerate().filter(|(from, _)| *from != to) {
            fs::copy(other, own).unwrap();
            for start in 0..12 {
                assert!(
                    read_lenient(&folder.storage, start, 12).into_iter().eq(start..12),
                    "the index {from} as {to}, from {start} on"
                );
            }
            assert_eq!(read(&folder.storage, "t", 0).len(), 12, "the index {from} as {to}");
        }
        fs::write(own, whole).unwrap();
    }
}

/// Neither that of another segment nor that of another partition of the same shape, which has other times only.
#[test]
fn the_times_of_a_foreign_index_hide_no_message() {
    for bytes in [100, 40_000] {
        let folder = Folder::new();
        let segment_bytes = (bytes * 3 + 500).to_string();
        one_by_one(&folder, 12, bytes, &[("segment.bytes", &segment_bytes)]);
        create(&folder.storage, "u", 1, &[("segment.bytes", &segment_bytes)]);
        for record in messages("u", 12, bytes) {
            deliver(&folder.storage, &[OwnedRecord { timestamp: record.timestamp - 600, ..record }]);
        }
        assert_eq!(folder.segments("t", 0), folder.segments("u", 0));
        let index =
            |topic, number: usize| folder.file(topic, 0, &folder.segments(topic, 0)[number].replace(".log", ".kidx"));
        for number in 0..3 {
            let whole = fs::read(index("t", number)).unwrap();
            for other in [index("u", number), index("t", (number + 1) % 3), index("t", (number + 2) % 3)] {
                fs::copy(&other, index("t", number)).unwrap();
                for time in 0..12 {
                    assert_eq!(
                        at_time(&folder.storage, 1_000 + time).unwrap(),
                        time,
                        "{} as {number}",
                        other.display()
                    );
                }
            }
            fs::write(index("t", number), whole).unwrap();
        }
    }
}

/// It may say that a later segment is written, or that an earlier one is.
#[test]
fn the_recovery_of_another_partition_hides_nothing_and_gives_no_offset_away() {
    for (base, length, next_offset) in
        [(12, 0, 12), (12, 180, 14), (40, 0, 40), (40, 500, 44), (5, 100, 8), (0, 100, 8), (29, 1, 30)]
    {
        for settings in [&[][..], &[("segment.bytes", "800")]] {
            let folder = Folder::new();
            one_by_one(&folder, 30, 20, settings);
            fs::write(folder.file("t", 0, "recovery"), recovery(base, length, next_offset)).unwrap();
            let end = watermarks(&folder.storage, "t", 0).high;
            assert_eq!(end, next_offset.max(30), "{base}, {length}");
            assert_eq!(read_lenient(&folder.storage, 0, end), (0..30).collect::<Vec<_>>(), "{base}, {length}");
            if length > 0 && next_offset > 30 {
                assert_eq!(
                    read_range(&mut *consumer(&folder.storage), "t", 0, 0, end).unwrap_err().kind(),
                    ErrorKind::Corrupt
                );
            }
            for count in 1..4 {
                deliver(&open(folder.root()), &messages("t", 1, 20));
                let read = read_lenient(&folder.storage, 0, end + count);
                assert_eq!(read, (0..30).chain(end..end + count).collect::<Vec<_>>(), "{base}, {length}");
            }
            assert!(
                folder.segments("t", 0).len() <= if settings.is_empty() { 2 } else { 7 },
                "one is begun, if at all: {:?}",
                folder.segments("t", 0)
            );
        }
    }
}

#[test]
fn the_file_of_another_topic_is_named_and_one_without_a_name_is_read() {
    let folder = Folder::new();
    one_by_one(&folder, 3, 10, &[]);
    create(&folder.storage, "u", 1, &[]);
    let file = |topic: &str| folder.root().join("topics").join(topic).join("topic.json");
    let own = fs::read_to_string(file("t")).unwrap();
    fs::copy(file("u"), file("t")).unwrap();
    let partition = kafi_core::TopicPartition { topic: "t".into(), partition: 0 };
    for error in [
        admin(&folder.storage).topics(&["t".into()], WAIT).unwrap_err(),
        admin(&folder.storage).watermarks(&[partition], Isolation::ReadCommitted, WAIT).unwrap_err(),
        admin(&folder.storage).delete_topic("t", WAIT).unwrap_err(),
    ] {
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("topics/t/topic.json"), "{error}");
    }
    let names: Vec<_> = admin(&folder.storage).topics(&[], WAIT).unwrap().into_iter().map(|topic| topic.name).collect();
    assert_eq!(names, ["t", "u"], "it is not hidden");
    // As earlier versions wrote it. Whoever changes it adds the name.
    let unnamed: String = own.lines().filter(|line| !line.contains("\"name\"")).collect();
    assert!(unnamed.len() < own.len() - 10, "{own}");
    fs::write(file("t"), unnamed).unwrap();
    assert_eq!(watermarks(&folder.storage, "t", 0).high, 3);
    admin(&folder.storage).create_partitions("t", 2, WAIT).unwrap();
    assert!(fs::read_to_string(file("t")).unwrap().contains("\"name\": \"t\""));
    assert_eq!(watermarks(&folder.storage, "t", 0).high, 3);
}
