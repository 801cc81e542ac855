//! A whole folder: whatever becomes of one of its files, no message is read that was not written, none that is whole is
//! hidden without a word, none is given away, nothing hangs, and nothing outside of the folder is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kafi_core::{
    Assignment, Batch, ConfigChange, ConsumerOptions, Delivery, Isolation, NewTopic, Polled, Position, ProducerOptions,
    Record, Result, Settings, Storage, TopicPartition,
};
use kafi_fs::{FolderOptions, LogStorage, open_folder, open_memory};
use rustix::fs::{CWD, FileType, Mode, mknodat};

const WAIT: Duration = Duration::from_secs(10);

/// The partitions that there are.
const PARTITIONS: [(&str, i32); 3] = [("t", 0), ("t", 1), ("u", 0)];

/// Longer than any index or topic file may be, and no bytes on the disk.
const SPARSE_BYTES: u64 = 1 << 40;

/// What a log is made longer by.
const LOG_SPARSE_BYTES: u64 = 3 << 20;

/// The files of a whole folder by their paths in it.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Messages: topic, partition, offset.
type Messages = BTreeSet<(&'static str, i32, i64)>;

/// What is done to a file.
enum Change {
    Replace,
    Cut,
    Flip,
    Grow,
    Sparse,
    Remove,
    Other,
    OtherBehind,
    Link,
    LinkOutside,
    Pipe,
    Socket,
    Folder,
    RemoveFolder,
    LinkFolder,
    Partitions,
    Foreign,
}

const CHANGES: [Change; 17] = [
    Change::Replace,
    Change::Cut,
    Change::Flip,
    Change::Grow,
    Change::Sparse,
    Change::Remove,
    Change::Other,
    Change::OtherBehind,
    Change::Link,
    Change::LinkOutside,
    Change::Pipe,
    Change::Socket,
    Change::Folder,
    Change::RemoveFolder,
    Change::LinkFolder,
    Change::Partitions,
    Change::Foreign,
];

/// What is done to one file: which one it is, another one, what is done, and where.
type What = (u8, u8, u8, u8);

/// A folder that was damaged.
struct Damaged {
    folder: tempfile::TempDir,
    outside: tempfile::TempDir,
    /// The messages that are whole, in their places.
    whole: Messages,
    /// Of these, those of a partition in which a foreign segment begins. That is said, and what is read around it is
    /// not certain.
    contested: Messages,
    /// The partitions whose log start may be another one.
    starts_changed: BTreeSet<(&'static str, i32)>,
}

/// Changes one file as the first five bytes say, with the others, and uses the folder.
pub fn run(data: &[u8]) {
    let &[which, other, mode, at, verb, ref bytes @ ..] = data else { return };
    damage_and_use(&[(which, other, mode, at)], verb, bytes);
}

/// As [`run`], with two changes.
pub fn run_two(data: &[u8]) {
    let &[which, other, mode, at, verb, which_next, other_next, mode_next, at_next, ref bytes @ ..] = data else {
        return;
    };
    damage_and_use(&[(which, other, mode, at), (which_next, other_next, mode_next, at_next)], verb, bytes);
}

fn damage_and_use(changes: &[What], verb: u8, bytes: &[u8]) {
    let mut damaged = damage(changes, bytes);
    let (storage, at) = (open(damaged.folder.path()), i64::from(changes[0].3 % 14));
    for skip_corrupt in [false, true] {
        check_read(&storage, &damaged, skip_corrupt, 0);
        check_read(&storage, &damaged, skip_corrupt, at);
        check_read(&storage, &damaged, skip_corrupt, i64::from(verb % 14));
    }
    check_times(&storage, &damaged);
    check_verbs(&storage, &damaged);
    let whole_before = damaged.whole.clone();
    for step in 0..4 {
        match (verb % 4 + step) % 4 {
            0 => append(&storage, &mut damaged),
            1 => delete_records(&storage, &mut damaged, i64::from(verb / 4 % 14)),
            2 => change_topics(&storage),
            _ => groups(&storage),
        }
        check_read(&storage, &damaged, true, 0);
    }
    check_read(&storage, &damaged, false, 0);
    check_read(&storage, &damaged, false, at);
    // Nothing that is whole was deleted or written over, whether it can be read or not.
    let now = whole(damaged.folder.path());
    let is_lost = |message: &&(&'static str, i32, i64)| {
        damaged.whole.contains(*message)
            && !now.contains(*message)
            && !damaged.starts_changed.contains(&(message.0, message.1))
    };
    let lost: Vec<_> = whole_before.iter().filter(is_lost).collect();
    assert!(lost.is_empty(), "{lost:?} were whole, and are gone");
    assert_eq!(fs::read(damaged.outside.path().join("victim")).unwrap(), b"untouched");
    assert_eq!(fs::read_dir(damaged.outside.path()).unwrap().count(), 1, "something was made outside");
}

/// Makes a folder of the valid files, and does to them what the numbers say.
fn damage(changes: &[What], bytes: &[u8]) -> Damaged {
    let files = template();
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("victim"), "untouched").unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let names: Vec<&PathBuf> = files.keys().collect();
    for (which, other, mode, at) in changes {
        let (name, other) = (names[usize::from(*which) % names.len()], names[usize::from(*other) % names.len()]);
        if cfg!(test) {
            println!(
                "{}: change {}, {}, {at}, {} bytes",
                name.display(),
                usize::from(*mode) % CHANGES.len(),
                other.display(),
                bytes.len()
            );
        }
        apply(
            &CHANGES[usize::from(*mode) % CHANGES.len()],
            &folder.path().join(name),
            &folder.path().join(other),
            outside.path(),
            *at,
            bytes,
        );
    }
    let whole = whole(folder.path());
    let mut damaged = Damaged { folder, outside, whole, contested: Messages::new(), starts_changed: BTreeSet::new() };
    for (topic, partition) in PARTITIONS {
        let name = PathBuf::from(format!("topics/{topic}/{partition}"));
        let path = damaged.folder.path().join(&name);
        if content(&path.join("start")) != files.get(&name.join("start")).cloned() {
            damaged.starts_changed.insert((topic, partition));
        }
        let is_foreign = |entry: fs::DirEntry| {
            entry.path().extension().is_some_and(|extension| extension == "log")
                && !files.contains_key(&name.join(entry.file_name()))
        };
        if fs::read_dir(&path).is_ok_and(|entries| entries.flatten().any(is_foreign)) {
            damaged
                .contested
                .extend(damaged.whole.iter().filter(|(of, number, _)| (*of, *number) == (topic, partition)));
        }
    }
    damaged
}

/// What a regular file that is not made longer than memory holds.
fn content(path: &Path) -> Option<Vec<u8>> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() < SPARSE_BYTES);
    if is_file { fs::read(path).ok() } else { None }
}

/// Changes a file that no change before has taken away.
fn apply(change: &Change, path: &Path, other: &Path, outside: &Path, at: u8, bytes: &[u8]) {
    let parent = path.parent().unwrap();
    let Some(mut own) = content(path).filter(|_| !parent.is_symlink()) else { return };
    let from = own.len() * usize::from(at) / 256;
    let others = content(other).unwrap_or_default();
    let instead = |make: &dyn Fn()| {
        fs::remove_file(path).unwrap();
        make();
    };
    match change {
        Change::Replace => fs::write(path, bytes).unwrap(),
        Change::Cut => fs::write(path, &own[..from]).unwrap(),
        Change::Flip => {
            own.iter_mut().skip(from).zip(bytes).for_each(|(old, new)| *old ^= new);
            fs::write(path, own).unwrap();
        }
        Change::Grow => fs::write(path, [&own, bytes].concat()).unwrap(),
        Change::Sparse => {
            let more = if path.extension().is_some_and(|extension| extension == "log") {
                LOG_SPARSE_BYTES
            } else {
                SPARSE_BYTES
            };
            fs::OpenOptions::new().write(true).open(path).unwrap().set_len(own.len() as u64 + more).unwrap();
        }
        Change::Remove => fs::remove_file(path).unwrap(),
        Change::Other => fs::write(path, others).unwrap(),
        Change::OtherBehind => fs::write(path, [own, others].concat()).unwrap(),
        Change::Link => instead(&|| symlink(other, path).unwrap()),
        Change::LinkOutside => {
            instead(&|| symlink(outside.join(if at.is_multiple_of(2) { "victim" } else { "missing" }), path).unwrap())
        }
        Change::Pipe => instead(&|| mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap()),
        Change::Socket => instead(&|| mknodat(CWD, path, FileType::Socket, Mode::from_raw_mode(0o600), 0).unwrap()),
        Change::Folder => instead(&|| fs::create_dir(path).unwrap()),
        Change::RemoveFolder => fs::remove_dir_all(parent).unwrap(),
        Change::LinkFolder => {
            fs::remove_dir_all(parent).unwrap();
            symlink(if at.is_multiple_of(2) { outside } else { other.parent().unwrap() }, parent).unwrap();
        }
        Change::Partitions => {
            let count = [0, 1, 2, 3, 100_001, i64::from(i32::MAX), -1, i64::MAX][usize::from(at) % 8];
            let text =
                String::from_utf8_lossy(&own).replacen("\"partitions\": 2", &format!("\"partitions\": {count}"), 1);
            fs::write(path, text).unwrap();
        }
        Change::Foreign => {
            let number = i64::from(at) % 20;
            let name = [
                format!("{number:020}.log"),
                format!("{number:020}.kidx"),
                "start".into(),
                "~x".into(),
                number.to_string(),
            ];
            let path = parent.join(&name[bytes.len() % name.len()]);
            if !path.exists() {
                fs::write(path, if at < 128 { others } else { bytes.to_vec() }).unwrap();
            }
        }
    }
}

/// The messages whose batches lie where they were written, in regular files that are reached without links.
fn whole(root: &Path) -> Messages {
    let mut whole = Messages::new();
    for (name, written) in
        template().iter().filter(|(name, _)| name.extension().is_some_and(|extension| extension == "log"))
    {
        let is_through_link =
            name.ancestors().skip(1).any(|folder| !folder.as_os_str().is_empty() && root.join(folder).is_symlink());
        let Some(now) = content(&root.join(name)).filter(|_| !is_through_link) else { continue };
        let parts: Vec<&str> = name.iter().map(|part| part.to_str().unwrap()).collect();
        let (topic, partition) = *PARTITIONS
            .iter()
            .find(|(topic, partition)| *topic == parts[1] && partition.to_string() == parts[2])
            .unwrap();
        let mut at = 0;
        while let Some(length) = written.get(at + 8..).and_then(|rest| rest.first_chunk()) {
            let end = at + 12 + i32::from_be_bytes(*length) as usize;
            if now.get(at..end) == Some(&written[at..end]) {
                let offset = i64::from_be_bytes(*written[at..].first_chunk().unwrap());
                whole.insert((topic, partition, offset));
            }
            at = end;
        }
    }
    // Those below the log start do not count.
    whole.retain(|(topic, partition, offset)| (*topic, *partition) != ("t", 0) || *offset >= 2);
    whole
}

/// What reading a partition gave, from an offset on if that is in it: its first offset and its end, the offsets of its
/// messages, and how it ended.
fn read(
    storage: &LogStorage,
    topic: &str,
    partition: i32,
    skip_corrupt: bool,
    from: i64,
) -> Result<(i64, i64, BTreeSet<i64>, Result<()>)> {
    let asked = TopicPartition { topic: topic.into(), partition };
    let marks = storage.admin()?.watermarks(&[asked], Isolation::ReadCommitted, WAIT)?;
    let (low, high) = (marks[0].low, marks[0].high);
    assert!(0 <= low && low <= high, "{low} to {high}");
    let low = from.clamp(low, high);
    let mut consumer = storage.consumer(&ConsumerOptions { skip_corrupt, ..ConsumerOptions::default() })?;
    consumer.assign(&[Assignment { topic: topic.into(), partition, start: low, end: Some(high) }], WAIT)?;
    let (mut batch, mut read) = (Batch::new(), BTreeSet::new());
    let ended = loop {
        match consumer.poll(&mut batch, WAIT) {
            Ok(Polled::Records) => {}
            Ok(Polled::End) => break Ok(()),
            Ok(Polled::Timeout) => {
                panic!("reading {topic}/{partition} from {low} to {high} hangs at {:?}", consumer.positions())
            }
            Err(error) => break Err(error),
        }
        batch.validate().unwrap();
        for record in batch.iter() {
            let text = std::str::from_utf8(record.value.unwrap()).unwrap();
            assert_eq!(
                text.split(':').nth(2),
                Some(record.offset.to_string().as_str()),
                "{}",
                &text[..text.len().min(40)]
            );
            assert!(read.insert(record.offset), "{} comes twice", record.offset);
        }
    };
    Ok((low, high, read, ended))
}

/// Where nothing was said, nothing is missing.
fn check_read(storage: &LogStorage, damaged: &Damaged, skip_corrupt: bool, from: i64) {
    for (topic, partition) in PARTITIONS {
        let Ok((low, high, messages, Ok(()))) = read(storage, topic, partition, skip_corrupt, from) else { continue };
        for (_, _, offset) in damaged.whole.iter().filter(|(of, number, _)| (*of, *number) == (topic, partition)) {
            let is_contested = skip_corrupt && damaged.contested.contains(&(topic, partition, *offset));
            let there = messages.contains(offset)
                || is_contested
                || damaged.starts_changed.contains(&(topic, partition)) && *offset < low
                || *offset < from;
            assert!(
                there,
                "{topic}/{partition}: offset {offset} is whole, {low} to {high} was read without it: {messages:?}"
            );
        }
    }
}

fn check_times(storage: &LogStorage, damaged: &Damaged) {
    for (topic, partition) in PARTITIONS {
        for time in [0, 3, 9, 25] {
            let asked = Position { topic: topic.into(), partition, offset: time * 10 };
            let Ok(found) = storage.admin().unwrap().offsets_for_times(&[asked], WAIT) else { continue };
            // The time of each message is ten times its offset.
            let is_missed = |(of, number, offset): &&(&str, i32, i64)| {
                (*of, *number) == (topic, partition) && *offset >= time && *offset < found[0].offset
            };
            let missed = damaged.whole.iter().find(is_missed);
            assert!(
                missed.is_none() || damaged.starts_changed.contains(&(topic, partition)),
                "{topic}/{partition}: time {} is said to be at {}, not {missed:?}",
                time * 10,
                found[0].offset
            );
        }
    }
}

/// What people do: each answers, and none says less than there is.
fn check_verbs(storage: &LogStorage, damaged: &Damaged) {
    let kafi = kafi_shell::Kafi::new(Arc::new(storage.clone()), Settings::default());
    for topic in ["t", "u"] {
        let count = damaged.whole.iter().filter(|(of, ..)| *of == topic).count() as u64;
        let _newest = kafi.tail(topic, 3);
        let start_changed = damaged.starts_changed.iter().any(|(of, _)| *of == topic);
        let enough = |messages: u64| messages >= count || start_changed;
        assert!(kafi.wc(topic).map_or(true, |counts| enough(counts.messages)), "wc of {topic} says less than {count}");
        let target = kafi_shell::Kafi::new(Arc::new(open_memory("target")), Settings::default());
        let copied = kafi.cp(topic, &target, topic).is_ok();
        assert!(
            !copied || target.wc(topic).is_ok_and(|counts| enough(counts.messages)),
            "a copy of {topic} holds less than {count}"
        );
    }
    // A topic that has messages is listed, as long as anything names it.
    let listed: BTreeSet<String> =
        kafi.topics().map(|topics| topics.into_iter().map(|topic| topic.name).collect()).unwrap_or_default();
    for (topic, ..) in damaged.whole.iter().filter(|_| kafi.topics().is_ok()) {
        let named = fs::symlink_metadata(damaged.folder.path().join("topics").join(topic).join("topic.json")).is_ok();
        assert!(!named || listed.contains(*topic), "{topic} is not listed: {listed:?}");
    }
}

/// Appends a message to each partition, which takes no offset of one that is there, and can be read.
fn append(storage: &LogStorage, damaged: &mut Damaged) {
    for (topic, partition) in PARTITIONS {
        let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
        let end = damaged
            .whole
            .iter()
            .filter(|(of, number, _)| (*of, *number) == (topic, partition))
            .map(|(.., offset)| offset + 1)
            .max()
            .unwrap_or(0);
        let asked = TopicPartition { topic: topic.into(), partition };
        let Ok(marks) = storage.admin().unwrap().watermarks(&[asked], Isolation::ReadCommitted, WAIT) else { continue };
        assert!(marks[0].high >= end, "{topic}/{partition} ends at {}, and {} is there", marks[0].high, end - 1);
        let (mut batch, text) = (Batch::new(), format!("{topic}:{partition}:{}:", marks[0].high));
        batch.push(Record {
            partition,
            timestamp: marks[0].high.saturating_mul(10),
            ..Record::new(topic, None, Some(text.as_bytes()))
        });
        if producer.produce(&batch, 0, 1, WAIT).is_err() || producer.flush(WAIT).is_err() {
            continue;
        }
        let reports = producer.reports(WAIT).unwrap();
        assert_eq!(reports.iter().map(|report| report.count).sum::<u64>(), 1, "{reports:?}");
        if let Delivery::At(offset) = reports[0].delivery {
            assert_eq!(offset, marks[0].high);
            assert!(
                damaged.whole.insert((topic, partition, offset)),
                "{topic}/{partition}: the offset {offset} is given away"
            );
        }
        let _closed = producer.close(WAIT);
    }
}

fn delete_records(storage: &LogStorage, damaged: &mut Damaged, before: i64) {
    for (topic, partition) in PARTITIONS {
        // Below what is asked for nothing is wanted any more, whatever becomes of it.
        let _deleted = storage
            .admin()
            .unwrap()
            .delete_records(&[Position { topic: topic.into(), partition, offset: before }], WAIT);
        damaged.whole.retain(|(of, number, offset)| (*of, *number) != (topic, partition) || *offset >= before);
    }
}

fn change_topics(storage: &LogStorage) {
    let mut admin = storage.admin().unwrap();
    let change = ConfigChange { name: "segment.bytes".into(), value: Some("700".into()) };
    let _changed = admin.alter_topic_config("t", &[change], WAIT);
    let _more = admin.create_partitions("u", 2, WAIT);
    let _made = admin.create_topic(&NewTopic::new("v"), WAIT);
    let _settings = admin.topic_config("u", WAIT);
    let _deleted = admin.delete_topic("v", WAIT);
}

fn groups(storage: &LogStorage) {
    let mut admin = storage.admin().unwrap();
    for group in admin.groups(WAIT).unwrap_or_default() {
        let _described = admin.group(&group.name, WAIT);
        for committed in admin.group_offsets(&group.name, WAIT).unwrap_or_default() {
            assert!(committed.offset >= 0 && committed.partition >= 0, "{committed:?}");
        }
    }
    let mut member =
        storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap();
    if member.subscribe(&["t".into()], WAIT).is_ok() {
        let _committed = member.commit(&[Position { topic: "t".into(), partition: 0, offset: 5 }.into()], WAIT);
    }
    let _closed = member.close(WAIT);
    let _deleted = admin.delete_group("g", WAIT);
}

fn open(root: &Path) -> LogStorage {
    open_folder("fuzz", root, FolderOptions::default()).unwrap()
}

/// A folder with a topic of two partitions and several segments, one of a single segment with an index, a log start,
/// and a group.
fn template() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(folder.path());
        let mut admin = storage.admin().unwrap();
        let config = vec![("segment.bytes".to_string(), "400".to_string())];
        admin.create_topic(&NewTopic { partitions: Some(2), config, ..NewTopic::new("t") }, WAIT).unwrap();
        admin.create_topic(&NewTopic::new("u"), WAIT).unwrap();
        for (topic, partition) in PARTITIONS {
            let (count, bytes) = if topic == "t" { (14, 10) } else { (30, 5_000) };
            for offset in 0..count {
                write(&storage, topic, partition, offset, bytes);
            }
        }
        admin.delete_records(&[Position { topic: "t".into(), partition: 0, offset: 2 }], WAIT).unwrap();
        let mut member =
            storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap();
        member.subscribe(&["t".into()], WAIT).unwrap();
        member.commit(&[Position { topic: "t".into(), partition: 0, offset: 7 }.into()], WAIT).unwrap();
        member.close(WAIT).unwrap();
        let mut files = Files::new();
        collect(folder.path(), folder.path(), &mut files);
        assert!(files.len() >= 15 && files.keys().any(|path| path.ends_with("start")), "{:?}", files.keys());
        files
    })
}

fn write(storage: &LogStorage, topic: &str, partition: i32, offset: i64, bytes: usize) {
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let (mut batch, text) = (Batch::new(), format!("{topic}:{partition}:{offset}:{}", "x".repeat(bytes)));
    batch.push(Record { partition, timestamp: offset * 10, ..Record::new(topic, None, Some(text.as_bytes())) });
    producer.produce(&batch, 0, 1, WAIT).unwrap();
    producer.flush(WAIT).unwrap();
    producer.close(WAIT).unwrap();
}

fn collect(root: &Path, folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(root, &path, files),
            false => drop(files.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap())),
        }
    }
}
