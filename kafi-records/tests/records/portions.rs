//! A batch handed out in pieces.

use kafi_core::{Batch, OwnedRecord};
use kafi_records::Compression;

use crate::generator::{Random, decoder, encode, nasty, record};

/// Reads `from..until` in portions of at most `records_max` records and `bytes_max` bytes.
fn read(stored: &[u8], from: i64, until: i64, records_max: usize, bytes_max: usize) -> Vec<OwnedRecord> {
    let mut decoder = decoder(stored);
    decoder.open().unwrap();
    let mut all = Vec::new();
    let mut batch = Batch::with_limits(records_max, bytes_max);
    loop {
        batch.clear();
        let topic = batch.topic_index("t");
        let more = decoder.read(&mut batch, topic, 3, from, until).unwrap();
        batch.validate().unwrap();
        assert!(batch.len() <= records_max);
        assert!(!more || batch.is_full(), "more only for want of room");
        all.extend(batch.iter().map(|record| record.to_owned()));
        if !more {
            return all;
        }
    }
}

#[test]
fn any_range_in_any_portions() {
    for seed in 0..200 {
        let mut random = Random::new(1_000 + seed);
        let records = random.records();
        let (stored, header) = encode(&records, Compression::ALL[random.below(5) as usize]);
        let span = header.last_offset() - header.base_offset + 4;
        let from = if random.below(2) == 0 { 0 } else { header.base_offset - 2 + random.below(span as u64) as i64 };
        let until = if random.below(2) == 0 { i64::MAX } else { from + random.below(span as u64) as i64 };
        let records_max = 1 + random.below(20) as usize;
        let bytes_max = if random.below(2) == 0 { 1 << 30 } else { 1 + random.below(2_000) as usize };
        let expected: Vec<_> =
            records.iter().filter(|record| (from..until).contains(&record.offset)).cloned().collect();
        assert_eq!(read(&stored, from, until, records_max, bytes_max), expected, "seed {seed}");
    }
}

#[test]
fn a_record_larger_than_the_limit_is_taken_alone() {
    let (stored, _) = encode(&nasty(), Compression::Lz4);
    assert_eq!(read(&stored, 0, i64::MAX, usize::MAX, 1), nasty());
    assert_eq!(read(&stored, 1_000, 1_001, 10, 100), nasty()[4..5]);
}

#[test]
fn goes_forward_only_and_says_when_it_is_done() {
    let records: Vec<_> = (10..20).map(|offset| record(offset, None, Some(b"v"))).collect();
    let (stored, _) = encode(&records, Compression::None);
    let mut decoder = decoder(&stored);
    assert!(decoder.is_done() && decoder.header().is_none());
    decoder.open().unwrap();
    assert!(!decoder.is_done() && decoder.header().is_some());
    let mut batch = Batch::new();
    let topic = batch.topic_index("t");
    assert!(!decoder.read(&mut batch, topic, 3, 12, 14).unwrap());
    assert!(!decoder.is_done());
    assert!(!decoder.read(&mut batch, topic, 3, 0, 15).unwrap());
    assert!(!decoder.read(&mut batch, topic, 3, 18, i64::MAX).unwrap());
    assert!(decoder.is_done());
    assert!(!decoder.read(&mut batch, topic, 3, 0, i64::MAX).unwrap());
    assert_eq!(batch.iter().map(|record| record.offset).collect::<Vec<_>>(), [12, 13, 14, 18, 19]);
}

#[test]
fn a_full_batch_takes_nothing() {
    let (stored, _) = encode(&[record(0, None, None)], Compression::None);
    let mut decoder = decoder(&stored);
    decoder.open().unwrap();
    let mut batch = Batch::with_limits(1, 100);
    batch.push(record(9, None, None).as_record());
    assert!(decoder.read(&mut batch, 0, 3, 0, i64::MAX).unwrap());
    assert_eq!(batch.len(), 1);
}

#[test]
fn portions_join_what_the_batch_holds_already() {
    let (first, _) = encode(&nasty(), Compression::None);
    let (second, _) = encode(&nasty(), Compression::Gzip);
    let mut batch = Batch::with_limits(100, 1 << 30);
    for (name, stored) in [("t", &first), ("u", &second), ("t", &second)] {
        let mut decoder = decoder(stored);
        decoder.open().unwrap();
        let topic = batch.topic_index(name);
        assert!(!decoder.read(&mut batch, topic, 3, 0, i64::MAX).unwrap());
    }
    batch.validate().unwrap();
    assert_eq!(batch.len(), 21);
    for (index, expected) in nasty().iter().cycle().take(21).enumerate() {
        let topic = if index / 7 == 1 { "u" } else { "t" };
        assert_eq!(batch.get(index), kafi_core::Record { topic, ..expected.as_record() });
    }
}
