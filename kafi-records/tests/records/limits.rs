//! What does not fit a batch.

use kafi_core::{Batch, ErrorKind, Record, TimestampType};
use kafi_records::{BatchHeader, Compression, Decoder, Encoder};

use crate::generator::{decode, record};

#[test]
fn bytes_are_those_of_the_uncompressed_batch() {
    let mut encoder = Encoder::new(Compression::None);
    assert!(encoder.is_empty() && encoder.bytes() == 0 && encoder.records() == 0);
    assert!(encoder.push(record(0, Some(b"k"), Some(b"v")).as_record(), 0).unwrap());
    assert_eq!((encoder.bytes(), encoder.records()), (BatchHeader::LEN + 9, 1));
    let mut out = Vec::new();
    encoder.finish(&mut out).unwrap();
    assert_eq!(out.len(), BatchHeader::LEN + 9);
}

#[test]
fn another_clock_needs_another_batch() {
    let mut encoder = Encoder::new(Compression::None);
    let create = Record { timestamp: 5, ..Record::new("t", None, None) };
    let append = Record { timestamp_type: TimestampType::Append, ..create };
    assert!(encoder.push(create, 0).unwrap());
    assert!(encoder.push(Record { timestamp: 6, ..create }, 1).unwrap());
    assert!(!encoder.push(append, 2).unwrap());
    encoder.clear();
    assert!(encoder.push(append, 2).unwrap());
    assert!(encoder.push(append, 3).unwrap());
    assert!(!encoder.push(Record { timestamp: 6, ..append }, 4).unwrap());
    assert!(!encoder.push(create, 4).unwrap());
    let mut out = Vec::new();
    assert_eq!(encoder.finish(&mut out).unwrap().record_count, 2);
}

#[test]
fn an_offset_delta_has_31_bits() {
    let mut encoder = Encoder::new(Compression::None);
    let record = Record::new("t", None, None);
    assert!(encoder.push(record, 7).unwrap());
    assert!(!encoder.push(record, 8 + i64::from(i32::MAX)).unwrap());
    assert!(encoder.push(record, 7 + i64::from(i32::MAX)).unwrap());
    let mut out = Vec::new();
    encoder.finish(&mut out).unwrap();
    assert_eq!(decode(&out).unwrap()[1].offset, 7 + i64::from(i32::MAX));
}

#[test]
fn offsets_rise() {
    let mut encoder = Encoder::new(Compression::None);
    let record = Record::new("t", None, None);
    let error = encoder.push(record, -1).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Usage, "encode batch: offset -1: an offset cannot be negative")
    );
    assert!(encoder.push(record, 7).unwrap());
    let error = encoder.push(record, 7).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Usage, "encode batch: offset 7: it is not above the one before, 7")
    );
    assert_eq!(encoder.records(), 1);
}

#[test]
fn nothing_is_no_batch() {
    let error = Encoder::new(Compression::None).finish(&mut Vec::new()).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Usage, "encode batch: it has no records"));
}

#[test]
fn a_record_that_no_batch_can_hold_is_too_large() {
    // The zeroes are never touched, so they take no memory.
    let huge = vec![0; 1 << 30];
    let mut encoder = Encoder::new(Compression::None);
    let error = encoder.push(Record::new("t", None, Some(&huge)), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(encoder.is_empty());
    let large = &huge[..(1 << 30) - 100];
    assert!(encoder.push(Record::new("t", None, None), 0).unwrap());
    assert!(!encoder.push(Record::new("t", Some(&[0; 80]), Some(large)), 1).unwrap());
    assert_eq!(encoder.records(), 1);
}

/// A bomb in every codec: what a batch takes in memory is bounded before it is unpacked, and what fits is read.
#[test]
fn a_batch_takes_no_more_memory_than_it_may() {
    let value = vec![0; 20 << 20];
    for compression in Compression::ALL {
        let mut encoder = Encoder::new(compression);
        assert!(encoder.push(Record::new("t", None, Some(&value)), 7).unwrap());
        let mut decoder = Decoder::new();
        let header = encoder.finish(decoder.buffer()).unwrap();
        assert_eq!(decoder.open().unwrap(), header);
        let mut small = Decoder::new().with_bytes_max(20 << 20);
        std::mem::swap(small.buffer(), decoder.buffer());
        let error = small.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{compression}");
        assert!(
            error.to_string().starts_with("read batch: base offset 7: it")
                && error.to_string().contains("more than 20971520"),
            "{error}"
        );
        assert_eq!(small.check_bytes(&header).is_err(), compression == Compression::None);
        let mut large = Decoder::new().with_bytes_max((20 << 20) + 200);
        std::mem::swap(large.buffer(), small.buffer());
        large.open().unwrap();
        let mut batch = Batch::new();
        let topic = batch.topic_index("t");
        large.read(&mut batch, topic, 0, 0, i64::MAX).unwrap();
        assert_eq!(batch.get(0).value.map(<[u8]>::len), Some(20 << 20), "{compression}");
    }
}
