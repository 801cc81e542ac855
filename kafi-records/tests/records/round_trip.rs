//! What goes in comes out.

use kafi_core::{Batch, TimestampType};
use kafi_records::{BatchHeader, Compression, Encoder, check_crc};

use crate::generator::{Random, decode, decoder, encode, nasty, record};

#[test]
fn nasty_records_survive_all_codecs() {
    let records = nasty();
    for compression in Compression::ALL {
        let (stored, header) = encode(&records, compression);
        assert_eq!(BatchHeader::parse(&stored).unwrap(), Some(header));
        assert_eq!(header.compression().unwrap(), compression);
        assert_eq!(
            (header.base_offset, header.last_offset(), header.next_offset()),
            (5, 5 + 0x7fff_ffff, 6 + 0x7fff_ffff)
        );
        assert_eq!(
            (header.base_timestamp, header.max_timestamp, header.record_count),
            (1_700_000_000_005, i64::MAX, 7)
        );
        assert_eq!(
            (header.leader_epoch, header.producer_id, header.producer_epoch, header.base_sequence),
            (0, -1, -1, -1)
        );
        assert_eq!(header.total_bytes(), stored.len());
        check_crc(&stored).unwrap();
        assert_eq!(decode(&stored).unwrap(), records, "{compression}");
    }
}

#[test]
fn random_records_survive_all_codecs() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let records = random.records();
        let compression = Compression::ALL[random.below(5) as usize];
        let (stored, header) = encode(&records, compression);
        assert_eq!(header.record_count as usize, records.len());
        assert_eq!(header.max_timestamp, records.iter().map(|record| record.timestamp).max().unwrap());
        assert_eq!(decode(&stored).unwrap(), records, "seed {seed}");
    }
}

#[test]
fn compression_makes_text_smaller() {
    let value = b"the same words again and again ".repeat(100);
    let records: Vec<_> = (0..100).map(|offset| record(offset, None, Some(&value))).collect();
    let plain = encode(&records, Compression::None).0.len();
    for compression in &Compression::ALL[1..] {
        assert!(encode(&records, *compression).0.len() * 5 < plain, "{compression}");
    }
}

#[test]
fn append_time_is_that_of_the_batch() {
    let mut records = vec![record(0, None, Some(b"a")), record(1, None, Some(b"b"))];
    for record in &mut records {
        record.timestamp = 77;
        record.timestamp_type = TimestampType::Append;
    }
    let (stored, header) = encode(&records, Compression::None);
    assert_eq!((header.timestamp_type(), header.max_timestamp), (TimestampType::Append, 77));
    assert_eq!(decode(&stored).unwrap(), records);
}

#[test]
fn an_encoder_and_a_decoder_are_used_again() {
    let mut encoder = Encoder::new(Compression::Zstd);
    let mut decoder = decoder(&[]);
    let mut batch = Batch::new();
    for seed in 0..20 {
        let records = Random::new(seed).records();
        encoder.set_compression(Compression::ALL[seed as usize % 5]);
        for record in &records {
            assert!(encoder.push(record.as_record(), record.offset).unwrap());
        }
        decoder.buffer().clear();
        encoder.finish(decoder.buffer()).unwrap();
        assert!(encoder.is_empty() && encoder.bytes() == 0);
        decoder.open().unwrap();
        batch.clear();
        batch.set_limits(usize::MAX, 1 << 30);
        let topic = batch.topic_index("t");
        assert!(!decoder.read(&mut batch, topic, 3, 0, i64::MAX).unwrap());
        batch.validate().unwrap();
        assert!(batch.iter().eq(records.iter().map(|record| record.as_record())), "seed {seed}");
    }
}

#[test]
fn batches_are_written_one_behind_the_other() {
    let mut out = b"before".to_vec();
    let mut ends = vec![out.len()];
    let mut encoder = Encoder::new(Compression::None);
    for compression in Compression::ALL {
        encoder.set_compression(compression);
        for record in nasty() {
            assert!(encoder.push(record.as_record(), record.offset).unwrap());
        }
        let header = encoder.finish(&mut out).unwrap();
        ends.push(ends.last().unwrap() + header.total_bytes());
    }
    assert_eq!(&out[..6], b"before");
    assert_eq!(*ends.last().unwrap(), out.len());
    for range in ends.windows(2) {
        assert_eq!(decode(&out[range[0]..range[1]]).unwrap(), nasty());
    }
}
