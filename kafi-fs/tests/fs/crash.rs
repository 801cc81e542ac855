//! What a crash or a bad disk leaves behind.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::support::*;
use kafi_core::{Assignment, Batch, ConsumerOptions, ErrorKind, Polled, Storage};

fn write_at(path: &Path, bytes: &[u8], at: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

fn flip(path: &Path, at: u64) {
    let byte = fs::read(path).unwrap()[at as usize];
    write_at(path, &[byte ^ 0x10], at);
}

/// Reads what can be read of these offsets.
fn read_lenient(storage: &kafi_fs::LogStorage, start: i64, end: i64) -> Vec<kafi_core::OwnedRecord> {
    let lenient = ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() };
    read_range(&mut *storage.consumer(&lenient).unwrap(), "t", 0, start, end).unwrap()
}

/// Puts `recovery` back to what it was, as if the later fsync had never been.
fn forget_fsync(folder: &Folder, recovery: &[u8]) {
    fs::write(folder.file("t", 0, "recovery"), recovery).unwrap();
}

#[test]
fn a_tail_torn_at_any_byte_is_ignored_then_saved_and_cut() {
    let folder = Folder::new();
    let storage = &folder.storage;
    create(storage, "t", 1, &[]);
    deliver(storage, &messages("t", 5, 20));
    let (log, recovery) = (folder.file("t", 0, LOG), folder.file("t", 0, "recovery"));
    let known = fs::read(&recovery).unwrap();
    let safe = fs::metadata(&log).unwrap().len();
    deliver(storage, &messages("t", 3, 20));
    let whole = fs::read(&log).unwrap();
    let index = fs::read(folder.file("t", 0, INDEX)).unwrap();
    let mut torn_files = 0;
    for cut in safe..whole.len() as u64 {
        fs::write(&log, &whole[..cut as usize]).unwrap();
        fs::write(folder.file("t", 0, INDEX), &index).unwrap();
        forget_fsync(&folder, &known);
        // A reader just ends at the last whole batch, and changes nothing.
        assert_eq!(watermarks(storage, "t", 0).high, 5, "cut at {cut}");
        assert_eq!(read(storage, "t", 0).len(), 5);
        assert_eq!(fs::metadata(&log).unwrap().len(), cut);
        deliver(&open(folder.root()), &messages("t", 1, 20));
        if cut > safe {
            torn_files += 1;
            let saved = fs::read(folder.file("t", 0, &format!("00000000000000000000.torn-{torn_files}"))).unwrap();
            assert_eq!(saved, &whole[safe as usize..cut as usize]);
        }
        assert_eq!(read(storage, "t", 0).len(), 6);
    }
    assert_eq!(folder.files("t", 0).iter().filter(|name| name.contains("torn")).count(), torn_files);
}

#[test]
fn a_damaged_byte_in_what_was_not_durable_ends_the_log_there() {
    let folder = Folder::new();
    let storage = &folder.storage;
    create(storage, "t", 1, &[]);
    deliver(storage, &messages("t", 5, 20));
    let (log, known) = (folder.file("t", 0, LOG), fs::read(folder.file("t", 0, "recovery")).unwrap());
    let safe = fs::metadata(&log).unwrap().len();
    deliver(storage, &messages("t", 3, 20));
    let whole = fs::read(&log).unwrap();
    for at in safe..whole.len() as u64 {
        fs::write(&log, &whole).unwrap();
        forget_fsync(&folder, &known);
        flip(&log, at);
        let end = watermarks(storage, "t", 0).high;
        let read = || read_range(&mut *consumer(storage), "t", 0, 0, end);
        match at - safe {
            // The base offset is outside of the checksum: a larger one is a gap to whoever reads, if it can be in this
            // segment.
            4..8 => assert_eq!(read().unwrap().len(), 8, "byte {at}"),
            // So are the leader epoch and the number of the format, but what they belong to is there, and is told
            // instead of cut.
            0..4 | 12..17 => assert_eq!(read().unwrap_err().kind(), ErrorKind::Corrupt, "byte {at}"),
            _ => assert_eq!(read().unwrap().len(), 5, "byte {at}"),
        }
        deliver(&open(folder.root()), &messages("t", 1, 20));
        let after = watermarks(storage, "t", 0).high;
        assert_eq!(read_lenient(storage, 0, after).last().unwrap().offset, after - 1, "byte {at}");
        assert_eq!(after, if (8..12).contains(&(at - safe)) || at - safe > 16 { 6 } else { end + 1 }, "byte {at}");
        for name in folder.files("t", 0).iter().filter(|name| !["recovery", LOG].contains(&name.as_str())) {
            fs::remove_file(folder.file("t", 0, name)).unwrap();
        }
    }
}

/// A topic of 40 batches of 5 messages each, in two segments and more than one index block.
fn durable_topic(folder: &Folder) -> Vec<kafi_core::OwnedRecord> {
    create(&folder.storage, "t", 1, &[("segment.bytes", "900000")]);
    let records = messages("t", 200, 5_000);
    for chunk in records.chunks(5) {
        deliver(&folder.storage, chunk);
    }
    assert_eq!(folder.segments("t", 0).len(), 2);
    with_offsets(&records, 0..)
}

#[test]
fn damage_in_what_was_durable_is_an_error_that_says_where_or_is_skipped() {
    let folder = Folder::new();
    let storage = &folder.storage;
    let records = durable_topic(&folder);
    let log = folder.file("t", 0, LOG);
    let whole = fs::read(&log).unwrap();
    let batch_bytes = whole.len() as u64 / (folder.segments("t", 0)[1][..20].parse::<u64>().unwrap() / 5);
    // A byte of every field of a header in the middle, and one of the records.
    for at in (0..61).chain([61, 500, batch_bytes - 1]) {
        fs::write(&log, &whole).unwrap();
        flip(&log, 7 * batch_bytes + at);
        let strict = read_range(&mut *consumer(storage), "t", 0, 0, 200);
        let lenient = ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() };
        let mut lenient = storage.consumer(&lenient).unwrap();
        let read = read_range(&mut *lenient, "t", 0, 0, 200).unwrap();
        assert!(strict.is_err(), "byte {at} is damaged");
        let error = strict.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("file {}, byte ", log.display())) && text.contains("can"), "{text}");
        assert!(text.contains("topic t, partition 0"), "{text}");
        // Of 16 batches in an index block at most those up to its end are lost, and nothing comes changed.
        assert!(read.len() >= 120, "byte {at}: {} of 200", read.len());
        assert!(read.iter().all(|record| *record == records[record.offset as usize]), "byte {at}");
        assert!((0..35).all(|offset| read[offset as usize].offset == offset), "byte {at}");
        assert_eq!(read.last().unwrap().offset, 199);
        assert_eq!(lenient.positions()[0].offset, 200);
    }
}

#[test]
fn an_offset_too_large_is_noticed_where_nothing_follows() {
    let folder = Folder::new();
    let storage = &folder.storage;
    create(storage, "t", 1, &[("segment.bytes", "1000")]);
    for chunk in messages("t", 50, 100).chunks(2) {
        deliver(storage, chunk);
    }
    for segment in folder.segments("t", 0) {
        let log = folder.file("t", 0, &segment);
        let whole = fs::read(&log).unwrap();
        let mut last = 0;
        while last + i64::from(length_at(&whole, last)) + 12 < whole.len() as i64 {
            last += i64::from(length_at(&whole, last)) + 12;
        }
        for byte in 0..8 {
            flip(&log, last as u64 + byte);
            let read = read_range(&mut *consumer(storage), "t", 0, 0, 50);
            assert!(read.is_err(), "segment {segment}, byte {byte}");
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt);
            fs::write(&log, &whole).unwrap();
        }
    }
}

/// The length that a batch says it has after its first 12 bytes.
fn length_at(log: &[u8], at: i64) -> i32 {
    let at = at as usize + 8;
    i32::from_be_bytes(log[at..at + 4].try_into().unwrap())
}

/// Puts the right checksum on a batch that was changed.
fn renew_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn records_that_cannot_be_decoded_are_damage_too_each_time_one_asks() {
    let folder = Folder::new();
    let storage = &folder.storage;
    create(storage, "t", 1, &[]);
    for _ in 0..3 {
        deliver(storage, &messages("t", 5, 20));
    }
    let log = folder.file("t", 0, LOG);
    let mut bytes = fs::read(&log).unwrap();
    let batch = bytes.len() / 3;
    // The length of the third record in the second batch.
    let record = (batch - 61) / 5;
    bytes[batch + 61 + 2 * record] ^= 0x40;
    renew_crc(&mut bytes[batch..2 * batch]);
    fs::write(&log, &bytes).unwrap();
    let mut strict = consumer(storage);
    strict.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(15) }], WAIT).unwrap();
    let mut batch = Batch::new();
    assert_eq!(strict.poll(&mut batch, WAIT).unwrap(), Polled::Records);
    assert_eq!(batch.len(), 5);
    for _ in 0..3 {
        let error = strict.poll(&mut batch, WAIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("the offsets 5 to 9 cannot be read, those from 10 on can"), "{error}");
        assert_eq!(strict.positions()[0].offset, 5);
    }
    let lenient = ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() };
    let read = read_range(&mut *storage.consumer(&lenient).unwrap(), "t", 0, 0, 15).unwrap();
    assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
}

#[test]
fn what_came_before_damage_is_delivered_first() {
    let folder = Folder::new();
    durable_topic(&folder);
    flip(&folder.file("t", 0, LOG), 100_000);
    let mut consumer = consumer(&folder.storage);
    consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: 0, end: Some(200) }], WAIT).unwrap();
    let mut batch = Batch::new();
    assert_eq!(consumer.poll(&mut batch, WAIT).unwrap(), Polled::Records);
    assert!(batch.len() > 10);
    for _ in 0..2 {
        assert_eq!(consumer.poll(&mut batch, WAIT).unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(batch.is_empty());
    }
    // Behind the damage everything can be read.
    assert_eq!(read_range(&mut *consumer, "t", 0, 100, 200).unwrap().len(), 100);
}

#[test]
fn nothing_follows_damage_in_the_same_segment_and_nothing_durable_is_cut() {
    let folder = Folder::new();
    let storage = &folder.storage;
    create(storage, "t", 1, &[]);
    deliver(storage, &messages("t", 5, 20));
    deliver(storage, &messages("t", 5, 20));
    let log = folder.file("t", 0, LOG);
    let len = fs::metadata(&log).unwrap().len();
    flip(&log, len - 3);
    deliver(&open(folder.root()), &messages("t", 4, 20));
    assert_eq!(folder.segments("t", 0), [LOG, "00000000000000000010.log"]);
    assert_eq!(fs::metadata(&log).unwrap().len(), len);
    assert_eq!(watermarks(storage, "t", 0).high, 14);
    assert_eq!(read_range(&mut *consumer(storage), "t", 0, 0, 14).unwrap_err().kind(), ErrorKind::Corrupt);
    let lenient = ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() };
    let read = read_range(&mut *storage.consumer(&lenient).unwrap(), "t", 0, 0, 14).unwrap();
    assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 10, 11, 12, 13]);
}

#[test]
fn a_file_that_lost_durable_bytes_is_damaged_too() {
    let folder = Folder::new();
    let storage = &folder.storage;
    create(storage, "t", 1, &[]);
    deliver(storage, &messages("t", 5, 20));
    deliver(storage, &messages("t", 5, 20));
    let log = folder.file("t", 0, LOG);
    let len = fs::metadata(&log).unwrap().len();
    for shorter in [len - 1, len / 2, len / 2 - 1, 0] {
        fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(shorter).unwrap();
        assert_eq!(watermarks(storage, "t", 0).high, 10);
        let error = read_range(&mut *consumer(storage), "t", 0, 0, 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    deliver(&open(folder.root()), &messages("t", 1, 20));
    assert_eq!(folder.segments("t", 0), [LOG, "00000000000000000010.log"]);
    let lenient = ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() };
    let read = read_range(&mut *storage.consumer(&lenient).unwrap(), "t", 0, 0, 11).unwrap();
    assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), [10]);
}

#[test]
fn a_crash_while_rolling_is_harmless() {
    let folder = Folder::new();
    let storage = &folder.storage;
    create(storage, "t", 1, &[("segment.bytes", "200")]);
    for record in messages("t", 3, 100) {
        deliver(storage, &[record]);
    }
    assert_eq!(folder.segments("t", 0).len(), 3);
    // The last segment was announced, but the crash came before it was made.
    fs::remove_file(folder.file("t", 0, "00000000000000000002.log")).unwrap();
    fs::remove_file(folder.file("t", 0, "00000000000000000002.kidx")).unwrap();
    forget_fsync(&folder, recovery(2, 0, 2).as_bytes());
    assert_eq!(watermarks(storage, "t", 0).high, 2);
    assert_eq!(read(storage, "t", 0).len(), 2);
    deliver(&open(folder.root()), &messages("t", 2, 10));
    assert_eq!(read(storage, "t", 0).len(), 4);
    // Without any word on what is durable everything is looked at.
    fs::remove_file(folder.file("t", 0, "recovery")).unwrap();
    assert_eq!(read(storage, "t", 0).len(), 4);
    deliver(&open(folder.root()), &messages("t", 2, 10));
    assert_eq!(read(storage, "t", 0).len(), 6);
}
