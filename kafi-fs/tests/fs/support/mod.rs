//! What the tests of this crate share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kafi_core::{
    Admin, Assignment, Batch, Consumer, ConsumerOptions, Delivery, ErrorKind, HeadersBuf, Isolation, NewTopic,
    OwnedRecord, Polled, Producer, ProducerOptions, Record, Report, Result, Storage, TimestampType, TopicPartition,
    Watermarks,
};
use kafi_fs::{FolderOptions, LogStorage, open_folder, open_memory};

/// The first segment of a partition, and its index.
pub const LOG: &str = "00000000000000000000.log";
pub const INDEX: &str = "00000000000000000000.kidx";

/// Long enough for every call; nothing waits this long unless it hangs.
pub const WAIT: Duration = Duration::from_secs(60);

/// All codecs by their word in `compression.type`.
pub const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A storage in a folder of its own, which goes away with it.
pub struct Folder {
    pub storage: LogStorage,
    folder: tempfile::TempDir,
}

impl Folder {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(folder.path());
        Self { storage, folder }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A file of a partition.
    pub fn file(&self, topic: &str, partition: i32, name: &str) -> PathBuf {
        self.root().join("topics").join(topic).join(partition.to_string()).join(name)
    }

    /// The names of the files of a partition, sorted.
    pub fn files(&self, topic: &str, partition: i32) -> Vec<String> {
        let entries = std::fs::read_dir(self.file(topic, partition, "")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The segment files of a partition, in order.
    pub fn segments(&self, topic: &str, partition: i32) -> Vec<String> {
        self.files(topic, partition).into_iter().filter(|name| name.ends_with(".log")).collect()
    }
}

/// Opens a folder as another process would.
pub fn open(root: &Path) -> LogStorage {
    open_folder("test", root, FolderOptions::default()).unwrap()
}

/// Runs a test on a folder and in memory.
pub fn both(test: impl Fn(&LogStorage)) {
    let folder = Folder::new();
    test(&folder.storage);
    test(&open_memory("mem"));
}

pub fn admin(storage: &LogStorage) -> Box<dyn Admin> {
    storage.admin().unwrap()
}

pub fn create(storage: &LogStorage, name: &str, partitions: i32, config: &[(&str, &str)]) {
    let config = config.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let topic = NewTopic { partitions: Some(partitions), config, ..NewTopic::new(name) };
    admin(storage).create_topic(&topic, WAIT).unwrap();
}

pub fn producer(storage: &LogStorage) -> Box<dyn Producer> {
    storage.producer(&ProducerOptions::default()).unwrap()
}

pub fn keeping_producer(storage: &LogStorage) -> Box<dyn Producer> {
    storage.producer(&ProducerOptions { keep_offsets: true, ..ProducerOptions::default() }).unwrap()
}

pub fn consumer(storage: &LogStorage) -> Box<dyn Consumer> {
    storage.consumer(&ConsumerOptions::default()).unwrap()
}

/// Produces and flushes; the reports.
pub fn produce<'a>(producer: &mut dyn Producer, records: impl IntoIterator<Item = &'a OwnedRecord>) -> Vec<Report> {
    let mut batch = Batch::new();
    for record in records {
        batch.push(record.as_record());
    }
    assert_eq!(producer.produce(&batch, 0, 7, WAIT).unwrap(), batch.len());
    producer.flush(WAIT).unwrap();
    take_reports(producer)
}

pub fn take_reports(producer: &mut dyn Producer) -> Vec<Report> {
    let copy = |report: &Report| Report {
        token: report.token,
        topic: report.topic.clone(),
        partition: report.partition,
        first: report.first,
        count: report.count,
        delivery: match &report.delivery {
            Delivery::At(offset) => Delivery::At(*offset),
            Delivery::Unknown => Delivery::Unknown,
            Delivery::Failed(error) => {
                Delivery::Failed(kafi_core::Error::new(error.kind(), error.operation().to_string(), error.message()))
            }
        },
    };
    producer.reports(Duration::ZERO).unwrap().iter().map(copy).collect()
}

/// Produces through a producer of its own, and expects that everything is delivered.
pub fn deliver(storage: &LogStorage, records: &[OwnedRecord]) {
    let mut producer = producer(storage);
    assert_delivered(&produce(&mut *producer, records), records.len());
    producer.close(WAIT).unwrap();
}

/// Expects that `count` messages in all were delivered, and none failed.
pub fn assert_delivered(reports: &[Report], count: usize) {
    for report in reports {
        assert!(matches!(report.delivery, Delivery::At(_)), "{report:?}");
    }
    assert_eq!(reports.iter().map(|report| report.count).sum::<u64>(), count as u64);
}

pub fn watermarks(storage: &LogStorage, topic: &str, partition: i32) -> Watermarks {
    let partition = TopicPartition { topic: topic.into(), partition };
    admin(storage).watermarks(&[partition], Isolation::default(), WAIT).unwrap().remove(0)
}

/// What a partition holds between its watermarks.
pub fn read(storage: &LogStorage, topic: &str, partition: i32) -> Vec<OwnedRecord> {
    let watermarks = watermarks(storage, topic, partition);
    read_range(&mut *consumer(storage), topic, partition, watermarks.low, watermarks.high).unwrap()
}

/// What a partition holds from one offset up to another.
pub fn read_range(
    consumer: &mut dyn Consumer,
    topic: &str,
    partition: i32,
    start: i64,
    end: i64,
) -> Result<Vec<OwnedRecord>> {
    consumer.assign(&[Assignment { topic: topic.into(), partition, start, end: Some(end) }], WAIT)?;
    drain(consumer)
}

/// Reads until all partitions are at their end.
pub fn drain(consumer: &mut dyn Consumer) -> Result<Vec<OwnedRecord>> {
    let mut batch = Batch::new();
    let mut records = Vec::new();
    loop {
        match consumer.poll(&mut batch, WAIT)? {
            Polled::Records => records.extend(batch.iter().map(|record| record.to_owned())),
            Polled::End => return Ok(records),
            Polled::Timeout => panic!("nothing came; positions are {:?}", consumer.positions()),
        }
    }
}

/// A message with a value, a time, and the partition 0.
pub fn message(topic: &str, value: impl AsRef<[u8]>, timestamp: i64) -> OwnedRecord {
    let record = Record { partition: 0, timestamp, ..Record::new(topic, None, Some(value.as_ref())) };
    record.to_owned()
}

/// `count` messages of about `bytes` bytes, that say what they are.
pub fn messages(topic: &str, count: usize, bytes: usize) -> Vec<OwnedRecord> {
    (0..count).map(|number| message(topic, format!("{number:0bytes$}"), 1_000 + number as i64)).collect()
}

/// Messages with everything that is easily lost.
pub fn nasty(topic: &str) -> Vec<OwnedRecord> {
    let big: Vec<u8> = (0..900_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut headers = HeadersBuf::new();
    headers.push("h", "1");
    headers.push("h", "");
    headers.push_null("h");
    headers.push(b"\xff\x00\xfe", b"\x80");
    headers.push("", "empty name");
    let append = TimestampType::Append;
    let base = |timestamp| OwnedRecord { partition: 0, timestamp, ..Record::new(topic, None, None).to_owned() };
    vec![
        base(5_000),
        OwnedRecord { key: Some(vec![]), value: Some(vec![]), ..base(4_000) },
        OwnedRecord { key: Some(b"k".to_vec()), ..base(0) },
        OwnedRecord { value: Some(b"v".to_vec()), headers, ..base(9_000) },
        OwnedRecord { key: Some(b"\xff\xfe\x00".to_vec()), value: Some(big.clone()), ..base(1) },
        OwnedRecord { timestamp_type: append, value: Some(b"appended".to_vec()), ..base(7_000) },
        OwnedRecord { timestamp_type: append, value: Some(b"together".to_vec()), ..base(7_000) },
        OwnedRecord { timestamp_type: append, value: Some(b"earlier".to_vec()), ..base(6_000) },
        OwnedRecord { key: Some(big), value: None, ..base(i64::MAX / 4) },
        OwnedRecord { value: Some("ä€😀\n\r\0".as_bytes().to_vec()), ..base(3_000) },
    ]
}

/// The messages as they come back: with these offsets.
pub fn with_offsets(records: &[OwnedRecord], offsets: impl IntoIterator<Item = i64>) -> Vec<OwnedRecord> {
    records.iter().zip(offsets).map(|(record, offset)| OwnedRecord { offset, ..record.clone() }).collect()
}

/// Compares without printing megabytes.
pub fn assert_same(got: &[OwnedRecord], expected: &[OwnedRecord]) {
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let short = |record: &OwnedRecord| {
            let cut = |bytes: &Option<Vec<u8>>| {
                bytes.as_ref().map(|bytes| (bytes.len(), bytes[..bytes.len().min(20)].to_vec()))
            };
            format!(
                "{:?}",
                (
                    record.offset,
                    record.timestamp,
                    record.timestamp_type,
                    cut(&record.key),
                    cut(&record.value),
                    &record.headers
                )
            )
        };
        assert!(got == expected, "message {index}: {} is not {}", short(got), short(expected));
    }
    assert_eq!(got.len(), expected.len(), "messages");
}

/// Reads what can be read of these offsets.
pub fn read_lenient(storage: &LogStorage, start: i64, end: i64) -> Vec<i64> {
    let lenient = ConsumerOptions { skip_corrupt: true, ..ConsumerOptions::default() };
    let read = read_range(&mut *storage.consumer(&lenient).unwrap(), "t", 0, start, end).unwrap();
    read.iter().map(|record| record.offset).collect()
}

/// Expects that reading everything is an error about damage, and that what is not damaged can be read around it; the
/// error's text.
pub fn assert_told(storage: &LogStorage, end: i64, readable: impl IntoIterator<Item = i64>) -> String {
    let marks = watermarks(storage, "t", 0);
    assert_eq!(marks.high, end);
    let error = read_range(&mut *consumer(storage), "t", 0, marks.low, end).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(error.hint_text(), Some("read around it with --skip-corrupt, or restore the file from a backup"));
    assert_eq!(read_lenient(storage, marks.low, end), readable.into_iter().collect::<Vec<_>>(), "{error}");
    error.to_string()
}

/// A topic of `count` batches of one message each, and where they begin in the log.
pub fn one_by_one(folder: &Folder, count: usize, bytes: usize, settings: &[(&str, &str)]) -> Vec<usize> {
    create(&folder.storage, "t", 1, settings);
    let mut producer = producer(&folder.storage);
    for record in messages("t", count, bytes) {
        assert_delivered(&produce(&mut *producer, [&record]), 1);
    }
    producer.close(WAIT).unwrap();
    starts(&std::fs::read(folder.file("t", 0, LOG)).unwrap())
}

/// Where batches begin.
pub fn starts(log: &[u8]) -> Vec<usize> {
    let mut starts = vec![0];
    while let Some(length) = log.get(starts[starts.len() - 1] + 8..).and_then(|rest| rest.first_chunk()) {
        starts.push(starts[starts.len() - 1] + 12 + i32::from_be_bytes(*length) as usize);
    }
    starts.pop();
    starts
}

/// A `recovery` file.
pub fn recovery(base: i64, length: u64, next_offset: i64) -> String {
    let numbers = format!("{base:020} {length:020} {next_offset:020}");
    format!("{numbers} {:08x}\n", crc32c::crc32c(numbers.as_bytes()))
}

/// What may have become of the files beside a log that came back from a backup: all there, `recovery` from an earlier
/// one or gone, the index gone, too.
pub fn forget(folder: &Folder, how: usize) {
    let path = folder.file("t", 0, "recovery");
    match how {
        0 => {}
        1 => std::fs::write(path, recovery(0, 0, 0)).unwrap(),
        2 => std::fs::remove_file(path).unwrap(),
        _ => {
            std::fs::remove_file(path).unwrap();
            std::fs::remove_file(folder.file("t", 0, INDEX)).unwrap();
        }
    }
}
