//! Batches that the Java classes of Apache Kafka 4.3.1 have written (`MemoryRecordsBuilder`): base offset 100, last
//! offset 112, leader epoch 7.

use kafi_core::{OwnedRecord, TimestampType};
use kafi_records::{BatchHeader, Compression};

use crate::generator::{decode, decoder, record};

const NONE: &str = "\
    000000000000006400000067000000070232f80dc800000000000c00000000000003e800000000000003edffffffffffffffffffffffffffff0000000340000002066b65 \
    792e76616c75652076616c75652076616c75652076616c7565001a000a04010004026802310268010c001314000100";

const GZIP: &str = "\
    00000000000000640000006b000000070286cef68a00010000000c00000000000003e800000000000003edffffffffffffffffffffffffffff000000031f8b0800000000 \
    0000ff7360606062cb4eadd42b4bcc294d55c02019a418b8581819589832980c9932187918844518181900fb2f304836000000";

const SNAPPY: &str = "\
    0000000000000064000000700000000702789fd2c900020000000c00000000000003e800000000000003edffffffffffffffffffffffffffff0000000382534e41505059 \
    0000000001000000010000002b363840000002066b65792e76616c75652042060054001a000a04010004026802310268010c001314000100";

const LZ4: &str = "\
    00000000000000640000006b0000000702f0535f9400030000000c00000000000003e800000000000003edffffffffffffffffffffffffffff0000000304224d18604082 \
    2b000000fd0040000002066b65792e76616c7565200600f007001a000a04010004026802310268010c00131400010000000000";

const ZSTD: &str = "\
    0000000000000064000000690000000702747c3f6800040000000c00000000000003e800000000000003edffffffffffffffffffffffffffff0000000328b52ffd005864 \
    0100540240000002066b65792e76616c756520001a000a04010004026802310268010c0013140001000100994b1d010000";

const APPEND: &str = "\
    000000000000006400000067000000070276a4e75500180000000c00000000000003e8000000000000138800000000000000090002000000280000000340000002066b65 \
    792e76616c75652076616c75652076616c75652076616c7565001a000a04010004026802310268010c001314000100";

const HORIZON: &str = "\
    00000000000000640000006f000000070274381b5e00440000000c000000000000c35000000000000003edffffffffffffffffffffffffffff0000000328b52ffd005894 \
    0100b4024400cffd0502066b65792e76616c756520001e00c5fd0504010004026802310268011000e3fd05140001000100339725010000";

const CONTROL: &str = "\
    00000000000000640000004200000007026415cd1e00300000000000000000000003e800000000000003e800000000000000090002ffffffff0000000120000000080000 \
    00010c00000000000000";

const EMPTY: &str = "\
    000000000000006400000031000000070219f10e0d00100000000cffffffffffffffff00000000000003ed000000000000000900020000002800000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.bytes().filter_map(|digit| char::from(digit).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn expected() -> Vec<OwnedRecord> {
    let mut records = vec![
        record(101, Some(b"key"), Some(b"value value value value")),
        record(102, None, Some(b"")),
        record(110, Some(b""), None),
    ];
    records[1].headers.push("h", "1");
    records[1].headers.push_null("h");
    for (record, timestamp) in records.iter_mut().zip([1_000, 1_005, 990]) {
        record.timestamp = timestamp;
    }
    records
}

#[test]
fn all_codecs_of_java_are_read() {
    for (hex, compression) in [NONE, GZIP, SNAPPY, LZ4, ZSTD].into_iter().zip(Compression::ALL) {
        let stored = bytes(hex);
        let header = BatchHeader::parse(&stored).unwrap().unwrap();
        assert_eq!(header.compression().unwrap(), compression);
        assert_eq!(
            (header.base_offset, header.last_offset(), header.leader_epoch, header.record_count),
            (100, 112, 7, 3)
        );
        assert_eq!((header.base_timestamp, header.max_timestamp), (1_000, 1_005));
        assert_eq!(decode(&stored).unwrap(), expected(), "{compression}");
    }
}

#[test]
fn append_time_is_read_as_java_means_it() {
    let stored = bytes(APPEND);
    let header = BatchHeader::parse(&stored).unwrap().unwrap();
    assert_eq!(
        (header.timestamp_type(), header.max_timestamp, header.is_transactional()),
        (TimestampType::Append, 5_000, true)
    );
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (9, 2, 40));
    let mut records = expected();
    for record in &mut records {
        record.timestamp = 5_000;
        record.timestamp_type = TimestampType::Append;
    }
    assert_eq!(decode(&stored).unwrap(), records);
}

#[test]
fn a_delete_horizon_does_not_change_the_timestamps() {
    let stored = bytes(HORIZON);
    let header = BatchHeader::parse(&stored).unwrap().unwrap();
    assert_eq!(
        (header.delete_horizon_ms(), header.base_timestamp, header.max_timestamp),
        (Some(50_000), 50_000, 1_005)
    );
    assert_eq!(decode(&stored).unwrap(), expected());
}

#[test]
fn a_marker_is_no_message() {
    let stored = bytes(CONTROL);
    let header = decoder(&stored).open().unwrap();
    assert!(header.is_control() && header.is_transactional());
    assert_eq!(decode(&stored).unwrap(), []);
}

#[test]
fn an_emptied_batch_is_read() {
    let stored = bytes(EMPTY);
    let header = decoder(&stored).open().unwrap();
    assert_eq!(
        (header.record_count, header.next_offset(), header.base_timestamp, header.max_timestamp),
        (0, 113, -1, 1_005)
    );
    assert_eq!(decode(&stored).unwrap(), []);
}
