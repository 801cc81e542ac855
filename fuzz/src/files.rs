//! The files of a folder: whatever lies in one of them, no message is read that was not written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use kafi_core::{Assignment, Batch, CommittedOffset, ConsumerOptions, Isolation, NewTopic, Polled, ProducerOptions, Record, Result, Storage, TopicPartition};
use kafi_fs::{FolderOptions, LogStorage, open_folder};

const WAIT: Duration = Duration::from_secs(10);
const MESSAGES: usize = 40;

/// The files of a whole folder, relative to it.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// Puts `data` into one file, all of it or from some byte on; the first three bytes say where.
pub fn run(data: &[u8]) {
    let [which, at, mode, bytes @ ..] = data else { return };
    let files = template();
    let folder = tempfile::tempdir().unwrap();
    let chosen = usize::from(*which) % files.len();
    for (index, (path, content)) in files.iter().enumerate() {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut content = content.clone();
        if index == chosen {
            let from = content.len() * usize::from(*at) / 256;
            match mode % 3 {
                0 => content = bytes.to_vec(),
                1 => content.truncate(from),
                _ => content.iter_mut().skip(from).zip(bytes).for_each(|(old, new)| *old ^= new),
            }
        }
        fs::write(path, content).unwrap();
    }
    // An error is an answer.
    let _answer = open(folder.path()).and_then(|storage| use_it(&storage));
}

fn open(root: &Path) -> Result<LogStorage> {
    open_folder("fuzz", root, FolderOptions::default())
}

fn value(number: usize) -> String {
    format!("value-{number}-{}", "x".repeat(number * 7))
}

/// Describes, reads, commits and writes, each also where another one fails.
fn use_it(storage: &LogStorage) -> Result<()> {
    let mut admin = storage.admin()?;
    let _topics = admin.topics(&[], WAIT);
    let _committed = admin.groups(WAIT);
    for skip_corrupt in [false, true] {
        let _read = read(storage, skip_corrupt);
    }
    let mut member = storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() })?;
    let _subscribed = member.subscribe(&["t".into()], WAIT);
    let _closed = member.close(WAIT);
    let mut producer = storage.producer(&ProducerOptions::default())?;
    let mut batch = Batch::new();
    batch.push(Record { partition: 0, ..Record::new("t", None, Some(value(0).as_bytes())) });
    if producer.produce(&batch, 0, 1, WAIT).is_ok() {
        let _flushed = producer.flush(WAIT);
    }
    let _closed = producer.close(WAIT);
    read(storage, true)
}

/// Reads the topic; each message is one that was written.
fn read(storage: &LogStorage, skip_corrupt: bool) -> Result<()> {
    let partition = TopicPartition { topic: "t".into(), partition: 0 };
    let marks = storage.admin()?.watermarks(&[partition], Isolation::ReadCommitted, WAIT)?;
    let mut consumer = storage.consumer(&ConsumerOptions { skip_corrupt, ..ConsumerOptions::default() })?;
    consumer.assign(&[Assignment { topic: "t".into(), partition: 0, start: marks[0].low, end: Some(marks[0].high) }], WAIT)?;
    let mut batch = Batch::new();
    while consumer.poll(&mut batch, WAIT)? == Polled::Records {
        batch.validate().unwrap();
        for record in batch.iter() {
            let text = std::str::from_utf8(record.value.unwrap()).unwrap();
            let number: usize = text.split('-').nth(1).unwrap().parse().unwrap();
            assert!(text == value(number) && number < MESSAGES, "{text}");
        }
    }
    consumer.close(WAIT)
}

/// A folder with a topic of several segments, an index, a log start, and a group.
fn template() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        write(&open(folder.path()).unwrap());
        let mut files = Vec::new();
        collect(folder.path(), folder.path(), &mut files);
        files.sort();
        assert!(files.len() >= 5, "{files:?}");
        files
    })
}

fn write(storage: &LogStorage) {
    let mut admin = storage.admin().unwrap();
    let config = vec![("segment.bytes".to_string(), "2048".to_string())];
    admin.create_topic(&NewTopic { partitions: Some(1), config, ..NewTopic::new("t") }, WAIT).unwrap();
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    for number in 0..MESSAGES {
        let mut batch = Batch::new();
        batch.push(Record { partition: 0, ..Record::new("t", None, Some(value(number).as_bytes())) });
        producer.produce(&batch, 0, 1, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
    }
    producer.close(WAIT).unwrap();
    let mut member = storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap();
    member.subscribe(&["t".into()], WAIT).unwrap();
    member.commit(&[CommittedOffset::new("t", 0, 7)], WAIT).unwrap();
    member.close(WAIT).unwrap();
}

fn collect(root: &Path, folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(root, &path, files),
            false => files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap())),
        }
    }
}
