//! Damage is told, wherever it is and whatever the files beside the log say: nothing that was written is hidden without
//! a word, and its offsets are given to nobody else.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::*;
use kafi_core::{ConsumerOptions, ErrorKind, Isolation, OwnedRecord, Position, Storage};

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0xff;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_batch_hides_nothing_behind_it_and_no_offset_is_given_away() {
    for how in 0..4 {
        // Before the index begins, where it reaches, and in batches that are fetched ahead.
        for (count, bytes) in [(100, 20), (300, 1_000), (10, 65_530)] {
            let folder = Folder::new();
            let starts = one_by_one(&folder, count, bytes, &[]);
            let (end, bad) = (count as i64, count / 2);
            forget(&folder, how);
            let before = fs::read(folder.file("t", 0, LOG)).unwrap();
            flip(&folder.file("t", 0, LOG), starts[bad] + 61 + bytes / 2);
            let readable = || (0..end).filter(|offset| *offset != bad as i64);
            let text = assert_told(&folder.storage, end, readable());
            assert!(
                text.contains(&format!("the offset {bad} cannot be read, those from {} on can", bad + 1)),
                "{text}"
            );
            deliver(&open(folder.root()), &messages("t", 1, 20));
            assert_told(&folder.storage, end + 1, readable().chain([end]));
            let after = fs::read(folder.file("t", 0, LOG)).unwrap();
            let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
            assert!(after.len() >= before.len() && changed == 1, "nothing is cut or written over");
        }
    }
}

#[test]
fn each_byte_of_a_batch_that_good_ones_follow_is_data() {
    let folder = Folder::new();
    let starts = one_by_one(&folder, 6, 20, &[]);
    let log = folder.file("t", 0, LOG);
    let whole = fs::read(&log).unwrap();
    forget(&folder, 3);
    for at in starts[2]..starts[3] {
        fs::write(&log, &whole).unwrap();
        flip(&log, at);
        let text = assert_told(&folder.storage, 6, [0, 1, 3, 4, 5]);
        assert!(text.contains(&format!("byte {}", starts[2])), "{text}");
    }
    // And only what no whole batch follows is a torn tail.
    for at in starts[5] + 17..whole.len() {
        fs::write(&log, &whole).unwrap();
        flip(&log, at);
        assert_eq!(read(&folder.storage, "t", 0).len(), 5, "byte {at}");
    }
}

#[test]
fn several_damaged_places_are_passed_one_by_one() {
    let folder = Folder::new();
    let starts = one_by_one(&folder, 50, 200, &[]);
    forget(&folder, 3);
    for bad in [0, 7, 8, 30] {
        flip(&folder.file("t", 0, LOG), starts[bad] + 30);
    }
    // And the last one is torn.
    let log = folder.file("t", 0, LOG);
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(starts[49] as u64 + 70).unwrap();
    let readable: Vec<i64> = (0..49).filter(|offset| ![0, 7, 8, 30].contains(offset)).collect();
    assert_told(&folder.storage, 49, readable.clone());
    deliver(&folder.storage, &messages("t", 1, 20));
    assert_eq!(fs::read(folder.file("t", 0, "00000000000000000000.torn-1")).unwrap().len(), 70);
    assert_told(&folder.storage, 50, readable.into_iter().chain([49]));
}

#[test]
fn times_are_not_looked_for_behind_damage() {
    let folder = Folder::new();
    let starts = one_by_one(&folder, 20, 20, &[]);
    forget(&folder, 3);
    flip(&folder.file("t", 0, LOG), starts[10] + 9);
    let ask = |timestamp| {
        admin(&folder.storage)
            .offsets_for_times(&[Position { topic: "t".into(), partition: 0, offset: timestamp }], WAIT)
    };
    assert_eq!(ask(1_005).unwrap()[0].offset, 5);
    assert_eq!(ask(1_015).unwrap_err().kind(), ErrorKind::Corrupt);
}

/// Puts the right checksum on a batch that was changed.
fn renew_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn what_cannot_be_unpacked_or_decoded_is_told_at_once_also_at_the_end() {
    for (first, bad) in [(false, 4), (false, 2), (true, 4)] {
        for how in 0..4 {
            let folder = Folder::new();
            create(&folder.storage, "t", 1, &[("compression.type", "gzip")]);
            for record in messages("t", 5, 200) {
                deliver(&folder.storage, &[record]);
            }
            let log = folder.file("t", 0, LOG);
            let mut bytes = fs::read(&log).unwrap();
            let starts = [starts(&bytes), vec![bytes.len()]].concat();
            let batch = &mut bytes[starts[bad]..starts[bad + 1]];
            match first {
                // No gzip at all; or gzip, but the number of records is another.
                true => batch[61..].fill(0x55),
                false => batch[26] = 7,
            }
            renew_crc(batch);
            fs::write(&log, &bytes).unwrap();
            forget(&folder, how);
            let end = watermarks(&folder.storage, "t", 0).high;
            let error = read_range(&mut *consumer(&folder.storage), "t", 0, 0, end);
            // More offsets than there are records are a gap, unless what follows says otherwise.
            if let Err(error) = &error {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            }
            assert!(error.is_err() || !first && bad == 4);
            let read = read_lenient(&folder.storage, 0, end);
            assert!((0..bad as i64).all(|offset| read.contains(&offset)), "{read:?}");
        }
    }
}

#[test]
fn what_recovery_promises_and_the_log_lacks_is_told_also_after_the_next_append() {
    for (base, more_bytes, next_offset) in [(0, 0, 50), (0, 100, 50), (0, 100, 12), (77, 300, 99)] {
        let folder = Folder::new();
        create(&folder.storage, "t", 1, &[]);
        deliver(&folder.storage, &messages("t", 10, 20));
        let len = fs::metadata(folder.file("t", 0, LOG)).unwrap().len();
        let length = if base == 0 { len + more_bytes } else { more_bytes };
        fs::write(folder.file("t", 0, "recovery"), recovery(base, length, next_offset)).unwrap();
        let text = assert_told(&folder.storage, next_offset, 0..10);
        assert!(text.contains("the offset") && text.contains(" missing"), "{text}");
        deliver(&open(folder.root()), &messages("t", 1, 20));
        assert_told(&folder.storage, next_offset + 1, (0..10).chain([next_offset]));
        deliver(&folder.storage, &messages("t", 1, 20));
        assert_told(&folder.storage, next_offset + 2, (0..10).chain([next_offset, next_offset + 1]));
    }
}

#[test]
fn where_recovery_says_less_than_the_log_the_log_counts() {
    for bytes in [20, 2_000] {
        let folder = Folder::new();
        let starts = one_by_one(&folder, 100, bytes, &[]);
        let len = fs::metadata(folder.file("t", 0, LOG)).unwrap().len();
        // An offset that is too low, and lengths in the middle of batches.
        for (length, next_offset) in
            [(len, 60), (starts[50] as u64, 3), (starts[50] as u64 + 9, 50), (len - 1, 99), (1, 0)]
        {
            fs::write(folder.file("t", 0, "recovery"), recovery(0, length, next_offset)).unwrap();
            assert_eq!(watermarks(&folder.storage, "t", 0).high, 100, "{length}, {next_offset}");
            assert_eq!(read_lenient(&folder.storage, 0, 100).len(), 100, "{length}, {next_offset}");
        }
        let mut count = 100;
        for (length, next_offset) in [(len, 60), (starts[50] as u64 + 9, 50), (len - 1, 99)] {
            fs::write(folder.file("t", 0, "recovery"), recovery(0, length, next_offset)).unwrap();
            deliver(&open(folder.root()), &messages("t", 1, 20));
            count += 1;
            assert_eq!(read_lenient(&folder.storage, 0, count).len() as i64, count, "{length}, {next_offset}");
        }
        assert!(folder.files("t", 0).iter().all(|name| !name.contains("torn")), "nothing is cut");
    }
}

#[test]
fn a_segment_that_is_missing_or_too_short_is_told() {
    let folder = Folder::new();
    one_by_one(&folder, 12, 100, &[("segment.bytes", "600")]);
    let segments = folder.segments("t", 0);
    let bases: Vec<i64> = segments.iter().map(|name| name[..20].parse().unwrap()).chain([12]).collect();
    assert!(segments.len() >= 4, "{segments:?}");
    for (number, name) in segments.iter().enumerate() {
        let path = folder.file("t", 0, name);
        let whole = fs::read(&path).unwrap();
        let readable = || (0..12).filter(|offset| !(bases[number]..bases[number + 1]).contains(offset));
        for how in [0, 2] {
            let recovery = fs::read(folder.file("t", 0, "recovery")).unwrap();
            if how == 2 {
                fs::remove_file(folder.file("t", 0, "recovery")).unwrap();
            }
            fs::remove_file(&path).unwrap();
            if how == 0 || number + 1 < segments.len() {
                let text = assert_told(&folder.storage, 12, readable());
                assert!(text.contains("missing: the file is not there") && text.contains(name), "{text}");
            } else {
                // How much the last one held nobody knows, but that it held something.
                assert_told(&folder.storage, bases[number] + 1, readable());
            }
            // Cut behind its first batch.
            fs::write(&path, &whole[..starts(&whole)[1]]).unwrap();
            if number + 1 < segments.len() {
                let text = assert_told(
                    &folder.storage,
                    12,
                    readable().chain([bases[number]]).collect::<std::collections::BTreeSet<_>>(),
                );
                assert!(text.contains("missing: the file ends too early"), "{text}");
            }
            fs::write(&path, &whole).unwrap();
            fs::write(folder.file("t", 0, "recovery"), recovery).unwrap();
        }
    }
    assert_eq!(read(&folder.storage, "t", 0).len(), 12);
}

#[test]
fn a_log_start_beyond_the_end_hides_nothing() {
    let folder = Folder::new();
    create(&folder.storage, "t", 1, &[]);
    deliver(&folder.storage, &messages("t", 10, 20));
    for text in ["11", "9223372036854775807", "-1", "", "x"] {
        fs::write(folder.file("t", 0, "start"), text).unwrap();
        let partition = kafi_core::TopicPartition { topic: "t".into(), partition: 0 };
        let error = admin(&folder.storage).watermarks(&[partition], Isolation::default(), WAIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}: {error}");
    }
    fs::write(folder.file("t", 0, "start"), "10\n").unwrap();
    assert_eq!(watermarks(&folder.storage, "t", 0).low, 10);
}

#[test]
fn a_log_that_nothing_can_follow_is_not_overwritten() {
    let folder = Folder::new();
    create(&folder.storage, "t", 1, &[]);
    deliver(&folder.storage, &messages("t", 10, 20));
    let log = folder.file("t", 0, LOG);
    let whole = fs::read(&log).unwrap();
    // It is said to be longer than it is, and to hold nothing.
    fs::write(folder.file("t", 0, "recovery"), recovery(0, whole.len() as u64 + 1, 0)).unwrap();
    fs::write(&log, "").unwrap();
    let records: Vec<OwnedRecord> = messages("t", 1, 20);
    let reports = produce(&mut *producer(&folder.storage), &records);
    assert!(
        matches!(&reports[0].delivery, kafi_core::Delivery::Failed(error) if error.kind() == ErrorKind::Corrupt),
        "{reports:?}"
    );
    assert_eq!(folder.segments("t", 0), [LOG]);
}

/// Where many bytes look like batches, looking for one behind damage ends, and none of it is cut.
#[test]
fn what_only_looks_like_batches_takes_bounded_time() {
    let folder = Folder::new();
    create(&folder.storage, "t", 1, &[]);
    deliver(&folder.storage, &messages("t", 10, 20));
    let log = folder.file("t", 0, LOG);
    let mut bytes = fs::read(&log).unwrap();
    let len = 6 << 20;
    let head: Vec<u8> = bytes[..61].to_vec();
    while bytes.len() < len {
        let mut fake = head.clone();
        fake[..8].copy_from_slice(&10i64.to_be_bytes());
        fake[8..12].copy_from_slice(&((len - bytes.len() - 12) as i32).to_be_bytes());
        fake[57..61].copy_from_slice(&0i32.to_be_bytes());
        bytes.extend_from_slice(&fake);
    }
    fs::write(&log, &bytes).unwrap();
    let partial: PathBuf = folder.file("t", 0, "00000000000000000000.torn-1");
    assert_eq!(read_lenient(&folder.storage, 0, 10).len(), 10);
    deliver(&folder.storage, &messages("t", 1, 20));
    assert!(!partial.exists(), "it may be data");
    assert_told(&folder.storage, 11, 0..11);
}

/// A few bytes can be made to unpack to gigabytes, so what a batch may take is bounded; and a large message is still
/// read.
#[test]
fn what_a_batch_unpacks_to_is_bounded() {
    for codec in CODECS {
        let folder = Folder::new();
        create(&folder.storage, "t", 1, &[("compression.type", codec)]);
        deliver(&folder.storage, &[message("t", "small", 1)]);
        // A compressed one takes long enough in debug builds once.
        let large = if codec == "none" { 100_000_000 } else { 4_000_000 };
        deliver(&folder.storage, &[message("t", vec![0; large], 2)]);
        assert_eq!(read(&folder.storage, "t", 0)[1].value.as_ref().map(Vec::len), Some(large), "{codec}");
        let options = ConsumerOptions { batch_bytes_max: 2_000_000, skip_corrupt: true, ..ConsumerOptions::default() };
        let mut bounded = folder.storage.consumer(&options).unwrap();
        let error = read_range(&mut *bounded, "t", 0, 0, 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{codec}: {error}");
        assert!(error.to_string().contains("topic t, partition 0"), "{error}");
        assert_eq!(
            error.hint_text(),
            Some("raise consume.batch.bytes.max (--batch-bytes-max) if there is memory for it")
        );
    }
}

/// A topic file that says fewer partitions than there are would hide the messages of the others.
#[test]
fn fewer_partitions_than_there_are_messages_of_hide_nothing() {
    let folder = Folder::new();
    create(&folder.storage, "t", 2, &[]);
    let records: Vec<OwnedRecord> =
        messages("t", 3, 20).into_iter().map(|record| OwnedRecord { partition: 1, ..record }).collect();
    deliver(&folder.storage, &records);
    let path = folder.root().join("topics/t/topic.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"partitions\": 2", "\"partitions\": 1", 1)).unwrap();
    let error = admin(&folder.storage).topics(&["t".into()], WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("there are messages of partition 1"), "{error}");
    // What a crash leaves while partitions are added holds none.
    fs::write(&path, text).unwrap();
    fs::create_dir(folder.root().join("topics/t/2")).unwrap();
    fs::write(folder.file("t", 2, "recovery"), "").unwrap();
    admin(&folder.storage).create_partitions("t", 3, WAIT).unwrap();
}

/// What a crash left behind the last batch hides no segment that is missing behind it.
#[test]
fn a_lost_segment_behind_a_torn_tail_is_told() {
    let folder = Folder::new();
    one_by_one(&folder, 12, 20, &[]);
    forget(&folder, 2);
    let log = folder.file("t", 0, LOG);
    let torn = [fs::read(&log).unwrap(), b"half a batch".to_vec()].concat();
    fs::write(&log, torn).unwrap();
    fs::copy(folder.file("t", 0, INDEX), folder.file("t", 0, "00000000000000000019.kidx")).unwrap();
    let text = assert_told(&folder.storage, 20, 0..12);
    assert!(text.contains("the offsets 12 to 19 are missing"), "{text}");
}

/// The base offset is outside of the checksum, and behind damage no batch before it vouches for it.
#[test]
fn damage_that_reaches_into_the_next_batch_gives_no_message_another_offset() {
    for settings in [&[][..], &[("segment.bytes", "900")]] {
        let folder = Folder::new();
        one_by_one(&folder, 15, 20, settings);
        for name in folder.segments("t", 0) {
            let log = folder.file("t", 0, &name);
            let whole = fs::read(&log).unwrap();
            let first: i64 = name[..20].parse().unwrap();
            for (number, start) in starts(&whole).into_iter().enumerate().skip(1) {
                for byte in 0..8 {
                    let mut bytes = whole.clone();
                    bytes[start - 3] ^= 0x41;
                    bytes[start + byte] ^= 0x21;
                    fs::write(&log, bytes).unwrap();
                    let bad = first + number as i64;
                    assert_told(&folder.storage, 15, (0..15).filter(|offset| *offset != bad && *offset != bad - 1));
                }
            }
            fs::write(&log, whole).unwrap();
        }
    }
}
