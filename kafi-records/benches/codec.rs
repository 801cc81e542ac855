//! Encodes and decodes batches of 10,000 messages with 12-byte keys and 100-byte values, next to kafka-protocol in the
//! same run.
//!
//! `cargo bench -p kafi-records --bench codec`. The nanoseconds depend on the machine; the ratios are what to look at.

use std::hint::black_box;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use kafi_core::{Batch, Record};
use kafi_records::{Compression, Decoder, Encoder};
use kafka_protocol::records::{Compression as OtherCompression, Record as OtherRecord, TimestampType as OtherType};
use kafka_protocol::records::{RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions};

const RECORDS: usize = 10_000;
const ROUNDS: usize = 30;

fn main() {
    let source = messages();
    let others = other_messages(&source);
    println!("nanoseconds a record, best of {ROUNDS}      decode                        encode");
    println!("             kafi  kafka-protocol  ratio    kafi  kafka-protocol  ratio");
    for compression in Compression::ALL {
        measure(compression, &source, &others);
    }
}

fn measure(compression: Compression, source: &Batch, others: &[OtherRecord]) {
    let mut encoder = Encoder::new(compression);
    let mut stored = Vec::new();
    let mut decoder = Decoder::new();
    let mut out = Batch::with_limits(RECORDS, 8 << 20);
    let options = RecordEncodeOptions { version: 2, compression: other_compression(compression) };
    let mut best = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        best[0] = best[0].min(nanoseconds(|| encode(&mut encoder, source, &mut stored)));
        best[1] = best[1].min(nanoseconds(|| {
            let mut buffer = BytesMut::new();
            RecordBatchEncoder::encode(&mut buffer, others, &options).expect("kafka-protocol encodes");
            black_box(buffer);
        }));
        decoder.buffer().clear();
        decoder.buffer().extend_from_slice(&stored);
        best[2] = best[2].min(nanoseconds(|| decode(&mut decoder, &mut out)));
        let mut bytes = Bytes::copy_from_slice(&stored);
        best[3] = best[3].min(nanoseconds(|| {
            black_box(RecordBatchDecoder::decode(&mut bytes).expect("kafka-protocol decodes"));
        }));
        assert_eq!(out.len(), RECORDS);
    }
    let [encode, other_encode, decode, other_decode] = best;
    println!(
        "{:<8} {decode:>8.1}  {other_decode:>14.1}  {:>5.1} {encode:>7.1}  {other_encode:>14.1}  {:>5.1}",
        compression.as_str(),
        other_decode / decode,
        other_encode / encode
    );
}

fn encode(encoder: &mut Encoder, source: &Batch, stored: &mut Vec<u8>) {
    stored.clear();
    for (offset, record) in source.iter().enumerate() {
        assert!(encoder.push(record, offset as i64).expect("the record is fine"));
    }
    encoder.finish(stored).expect("there are records");
}

fn decode(decoder: &mut Decoder, out: &mut Batch) {
    out.clear();
    let topic = out.topic_index("s");
    decoder.open().expect("the batch is whole");
    decoder.read(out, topic, 0, 0, i64::MAX).expect("the records are whole");
    black_box(out);
}

fn nanoseconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / RECORDS as f64
}

fn messages() -> Batch {
    let mut batch = Batch::new();
    let mut state = 7u64;
    for index in 0..RECORDS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = format!("key-{:08}", state >> 40);
        let mut value = format!(
            "{{\"id\":{index},\"user\":\"u{}\",\"amount\":{},\"city\":\"Berlin\",\"note\":\"",
            state >> 44,
            (state >> 20) & 0xffff
        );
        while value.len() < 98 {
            value.push('x');
        }
        value.push_str("\"}");
        let timestamp = 1_700_000_000_000 + index as i64 / 3;
        batch.push(Record { timestamp, ..Record::new("s", Some(key.as_bytes()), Some(value.as_bytes())) });
    }
    batch
}

fn other_messages(source: &Batch) -> Vec<OtherRecord> {
    let one = |(index, record): (usize, Record<'_>)| OtherRecord {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: OtherType::Creation,
        offset: index as i64,
        // It starts a new batch whenever offset and sequence do not rise together.
        sequence: index as i32 - 1,
        timestamp: record.timestamp,
        key: record.key.map(Bytes::copy_from_slice),
        value: record.value.map(Bytes::copy_from_slice),
        headers: Default::default(),
    };
    source.iter().enumerate().map(one).collect()
}

fn other_compression(compression: Compression) -> OtherCompression {
    match compression {
        Compression::None => OtherCompression::None,
        Compression::Gzip => OtherCompression::Gzip,
        Compression::Snappy => OtherCompression::Snappy,
        Compression::Lz4 => OtherCompression::Lz4,
        Compression::Zstd => OtherCompression::Zstd,
    }
}
