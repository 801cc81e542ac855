//! What the tests share: storages, and messages as bytes.

use std::ops::ControlFlow;
use std::sync::Arc;

use kafi::{
    Batch, HeadersBuf, Kafi, NewTopic, OwnedRecord, Position, ProducerOptions, ReadOptions, Record, TimestampType,
    Writer, shell,
};
use tempfile::TempDir;

/// A topic of most tests.
pub const T: &str = "t";

/// A storage in memory, of its own.
pub fn memory() -> Kafi {
    with_json("mem:")
}

/// Reads values as JSON, so that numbers come back as numbers.
fn with_json(address: &str) -> Kafi {
    let mut storage = kafi::open(address).unwrap();
    storage.settings_mut().value_type = Some("json".into());
    storage
}

/// A storage in a folder that lives as long as the second.
pub fn folder() -> (Kafi, TempDir) {
    let folder = TempDir::new().unwrap();
    (with_json(&folder.path().display().to_string()), folder)
}

/// Runs a test in memory and in a folder.
pub fn on_both(test: impl Fn(Kafi)) {
    test(memory());
    let (storage, _folder) = folder();
    test(storage);
}

/// Makes the topic `t` with one partition and the values `0` to `count - 1`.
pub fn numbers(c: &Kafi, count: i64) {
    c.touch(T).unwrap();
    c.produce(T, (0..count).map(kafi::Value::from)).unwrap();
}

/// The integers of a topic, as they are read.
pub fn integers(c: &Kafi, topic: &str) -> Vec<i64> {
    c.topic(topic).map(|m| m.value.int()).collect().unwrap()
}

/// A message as bytes.
pub fn record(partition: i32, offset: i64, timestamp: i64, value: &str) -> OwnedRecord {
    OwnedRecord { partition, offset, timestamp, ..Record::new(T, None, Some(value.as_bytes())).to_owned() }
}

/// Writes messages as they are; with their offsets, if they are to be kept.
pub fn put(c: &Kafi, records: &[OwnedRecord], keep_offsets: bool) {
    let mut batch = Batch::new();
    records.iter().for_each(|record| batch.push(record.as_record()));
    let options = ProducerOptions { keep_offsets, keep_timestamps: true, ..ProducerOptions::default() };
    let mut writer = Writer::open(c.storage(), &options, Arc::default()).unwrap();
    writer.write(&batch).unwrap();
    assert_eq!(writer.close(None).unwrap(), records.len() as u64);
}

/// A topic's messages as bytes, by partition and offset, without the topic's name.
pub fn raw(c: &Kafi, topic: &str) -> Vec<OwnedRecord> {
    let mut records = Vec::new();
    shell::cat(shell::TopicsToRead::new(c.storage(), &[topic.into()], &ReadOptions::default()), |batch| {
        records.extend(batch.iter().map(|record| OwnedRecord { topic: String::new(), ..record.to_owned() }));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

/// What a batch holds, value by value.
pub fn values(batch: &Batch) -> Vec<String> {
    batch.iter().map(|record| String::from_utf8_lossy(record.value.unwrap_or(b"null")).into_owned()).collect()
}

pub fn position(partition: i32, offset: i64) -> Position {
    Position { topic: T.into(), partition, offset }
}

/// The first and next offsets of each partition.
pub fn bounds(c: &Kafi, topic: &str) -> Vec<(i64, i64)> {
    c.watermarks(topic).unwrap().iter().map(|w| (w.low, w.high)).collect()
}

/// Makes the topic `t` with two partitions and everything that is easily lost.
pub fn nasty(c: &Kafi) {
    c.create(&NewTopic::new(T).partitions(2)).unwrap();
    let mut headers = HeadersBuf::new();
    headers.push("h", "1");
    headers.push("h", "");
    headers.push_null("h");
    headers.push(b"\xff\x00\xfe", b"\x80");
    headers.push("", "empty name");
    let append = TimestampType::Append;
    let base = |partition, offset, timestamp| OwnedRecord {
        partition,
        offset,
        timestamp,
        ..Record::new(T, None, None).to_owned()
    };
    let records = [
        base(0, 0, 5_000),
        OwnedRecord { key: Some(vec![]), value: Some(vec![]), ..base(0, 1, 4_000) },
        OwnedRecord { key: Some(b"k".to_vec()), ..base(0, 5, 0) },
        OwnedRecord { value: Some(b"{\"a\": 19.990, \"a\":1}\n".to_vec()), headers, ..base(0, 6, 9_000) },
        OwnedRecord { timestamp_type: append, value: Some(b"appended".to_vec()), ..base(0, 7, 7_000) },
        OwnedRecord { timestamp_type: append, value: Some(b"earlier".to_vec()), ..base(0, 100, 6_000) },
        OwnedRecord { key: Some(b"\xff\xfe\x00".to_vec()), value: Some(vec![b'x'; 900_000]), ..base(1, 3, 1) },
        OwnedRecord { value: Some("ä€😀\n\r\0".as_bytes().to_vec()), ..base(1, 4, i64::MAX / 4) },
    ];
    put(c, &records, true);
}

/// Numbers that look random, the same in each run.
pub struct Random(pub u64);

impl Random {
    /// A number below this one.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
