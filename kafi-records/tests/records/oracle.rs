//! The same batches, read and written by kafka-protocol, which shares no code with us.

use bytes::{Bytes, BytesMut};
use kafi_core::{OwnedRecord, TimestampType};
use kafi_records::{BatchHeader, Compression};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression as OtherCompression, Record as OtherRecord, TimestampType as OtherType};
use kafka_protocol::records::{RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions};

use crate::generator::{Random, decode, encode};

const COMPRESSIONS: [(Compression, OtherCompression); 5] = [
    (Compression::None, OtherCompression::None),
    (Compression::Gzip, OtherCompression::Gzip),
    (Compression::Snappy, OtherCompression::Snappy),
    (Compression::Lz4, OtherCompression::Lz4),
    (Compression::Zstd, OtherCompression::Zstd),
];

/// Random records without what the other side cannot hold: repeated header names, names that are not UTF-8, and
/// timestamps too far apart.
fn records(random: &mut Random) -> Vec<OwnedRecord> {
    let mut records = random.records();
    for record in &mut records {
        record.timestamp >>= 2;
        let headers = record.headers.clone();
        record.headers.clear();
        for (index, header) in headers.as_headers().iter().enumerate() {
            let name = format!("{index}-ü{}", header.name.len());
            match header.value {
                Some(value) => record.headers.push(name, value),
                None => record.headers.push_null(name),
            }
        }
    }
    records
}

fn to_other(record: &OwnedRecord, base: &OwnedRecord) -> OtherRecord {
    let pairs = record.headers.as_headers().iter().map(|header| {
        let name = StrBytes::from_string(String::from_utf8(header.name.to_vec()).unwrap());
        (name, header.value.map(Bytes::copy_from_slice))
    });
    OtherRecord {
        transactional: true,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 9,
        producer_id: 123,
        producer_epoch: 4,
        timestamp_type: match record.timestamp_type {
            TimestampType::Create => OtherType::Creation,
            TimestampType::Append => OtherType::LogAppend,
        },
        offset: record.offset,
        // It starts a new batch whenever offset and sequence do not rise together.
        sequence: (record.offset - base.offset) as i32,
        timestamp: record.timestamp,
        key: record.key.clone().map(Bytes::from),
        value: record.value.clone().map(Bytes::from),
        headers: pairs.collect(),
    }
}

#[test]
fn reads_what_we_write() {
    for (compression, _) in COMPRESSIONS {
        for seed in 0..30 {
            let records = records(&mut Random::new(5_000 + seed));
            let (stored, _) = encode(&records, compression);
            let set = RecordBatchDecoder::decode(&mut Bytes::from(stored)).unwrap();
            assert_eq!(set.records.len(), records.len());
            for (other, record) in set.records.iter().zip(&records) {
                let expected = to_other(record, &records[0]);
                let plain = OtherRecord {
                    transactional: false,
                    partition_leader_epoch: 0,
                    producer_id: -1,
                    producer_epoch: -1,
                    sequence: other.sequence,
                    ..expected
                };
                assert_eq!(*other, plain, "{compression}, seed {seed}");
            }
        }
    }
}

#[test]
fn we_read_what_it_writes() {
    for (compression, other_compression) in COMPRESSIONS {
        for seed in 0..30 {
            let mut records = records(&mut Random::new(6_000 + seed));
            for record in &mut records {
                // It never writes the bit of the append time.
                record.timestamp_type = TimestampType::Create;
            }
            let others: Vec<_> = records.iter().map(|record| to_other(record, &records[0])).collect();
            let mut stored = BytesMut::new();
            let options = RecordEncodeOptions { version: 2, compression: other_compression };
            RecordBatchEncoder::encode(&mut stored, &others, &options).unwrap();
            let header = BatchHeader::parse(&stored).unwrap().unwrap();
            assert_eq!(header.total_bytes(), stored.len(), "one batch");
            assert_eq!(header.compression().unwrap(), compression);
            assert!(header.is_transactional() && !header.is_control());
            assert_eq!(
                (header.leader_epoch, header.producer_id, header.producer_epoch, header.base_sequence),
                (9, 123, 4, 0)
            );
            assert_eq!(header.last_offset(), records.last().unwrap().offset);
            assert_eq!(decode(&stored).unwrap(), records, "{compression}, seed {seed}");
        }
    }
}

#[test]
fn both_understand_the_delete_horizon_alike() {
    let mut records = records(&mut Random::new(1));
    for (index, record) in records.iter_mut().enumerate() {
        record.timestamp_type = TimestampType::Create;
        record.timestamp = 1_000 + index as i64;
    }
    let (mut stored, _) = encode(&records, Compression::Zstd);
    stored[22] |= 0x40;
    stored[27..35].copy_from_slice(&50_000i64.to_be_bytes());
    crate::generator::seal(&mut stored);
    let ours: Vec<_> = decode(&stored).unwrap().iter().map(|record| record.timestamp).collect();
    let set = RecordBatchDecoder::decode(&mut Bytes::from(stored)).unwrap();
    assert!(set.records[0].delete_horizon);
    assert_eq!(set.records.iter().map(|record| record.timestamp).collect::<Vec<_>>(), ours);
}
