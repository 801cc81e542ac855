//! A whole bucket: whatever becomes of one of its objects, no message is read that was not written, none that is whole
//! is hidden without a word, and none is given away.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafi_core::{
    Assignment, Batch, ConsumerOptions, Delivery, Isolation, NewTopic, Polled, Position, ProducerOptions, Record,
    Result, Storage, TopicPartition,
};
use kafi_objects::{
    Listing, MemoryObjects, ObjectIo, ObjectOptions, ObjectStat, ObjectStorage, Precondition, Put, PutRequest,
};

const WAIT: Duration = Duration::from_secs(10);

/// More requests than all that is done here ever takes, unless it goes on for ever.
const REQUESTS_MAX: u64 = 20_000;

const TOPICS: [&str; 2] = ["t", "u"];

/// The names of metadata, which have to be known before.
const METADATA: [&str; 7] = ["end", "mintime", "maxtime", "writer", "sequence", "merged", "check"];

/// All objects of a bucket.
type Bucket = BTreeMap<String, Object>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Object {
    bytes: Vec<u8>,
    metadata: Vec<(&'static str, String)>,
}

/// The offsets that are whole: in an object as it was written, under its name.
type Whole = BTreeSet<(String, i64)>;

/// A valid bucket, and what it holds.
struct Template {
    bucket: Bucket,
    /// Of each object the topic and the offsets.
    objects: BTreeMap<String, (String, Range<i64>)>,
    /// The batches: what was written with one request.
    batches: Vec<(String, Range<i64>)>,
}

/// Changes one object as the first five bytes say, with the others, and uses the bucket.
pub fn run(data: &[u8]) {
    let [which, other, mode, at, verb, bytes @ ..] = data else { return };
    let template = template();
    let mut bucket = template.bucket.clone();
    damage(&mut bucket, (*which, *other, *mode, *at), bytes);
    let whole = whole(&bucket, template);
    let io = Arc::new(Counting { inner: MemoryObjects::new(), requests: AtomicU64::new(0) });
    for (key, object) in &bucket {
        put(&io.inner, key, object);
    }
    use_it(&io, &whole, &contested(&bucket, template), *verb);
}

/// What becomes of the object.
fn damage(bucket: &mut Bucket, (which, other, mode, at): (u8, u8, u8, u8), bytes: &[u8]) {
    let keys: Vec<String> = bucket.keys().cloned().collect();
    let (key, other) = (&keys[usize::from(which) % keys.len()], &keys[usize::from(other) % keys.len()]);
    if cfg!(test) {
        println!("mode {}, {key}, {other}, {at}, {} bytes", mode % 12, bytes.len());
    }
    let object = bucket.get_mut(key).unwrap();
    let from = object.bytes.len() * usize::from(at) / 256;
    match mode % 12 {
        0 => object.bytes = bytes.to_vec(),
        1 => object.bytes.truncate(from),
        2 => object.bytes.iter_mut().skip(from).zip(bytes).for_each(|(old, new)| *old ^= new),
        3 => drop(bucket.remove(key)),
        4 => object.bytes.extend_from_slice(bytes),
        5 => object.metadata.clear(),
        6 => {
            let count = object.metadata.len().max(1);
            if let Some((_, value)) = object.metadata.get_mut(usize::from(at) % count) {
                *value =
                    i64::from_be_bytes(std::array::from_fn(|index| bytes.get(index).copied().unwrap_or(0))).to_string();
            }
        }
        // Another's bytes, with their metadata or without.
        7 => *bucket.get_mut(key).unwrap() = bucket[other].clone(),
        8 => bucket.get_mut(key).unwrap().bytes = bucket[other].bytes.clone(),
        // Another's behind its own.
        9 => {
            let behind = bucket[other].bytes.clone();
            bucket.get_mut(key).unwrap().bytes.extend(behind);
        }
        // A foreign object, also of a name that could be one of ours.
        10 => {
            let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
            let number = i64::from(at) % 20;
            let copy = if bytes.is_empty() {
                bucket[other].clone()
            } else {
                Object { bytes: bytes.to_vec(), metadata: Vec::new() }
            };
            bucket.entry(format!("{folder}/{number:020}.log")).or_insert(copy);
        }
        _ => {
            let name: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            let content = Object { bytes: bytes.to_vec(), metadata: Vec::new() };
            bucket.entry(format!("{}{name}", &key[..key.len() * usize::from(at) / 256])).or_insert(content);
        }
    }
}

/// What is whole in the bucket.
fn whole(bucket: &Bucket, template: &Template) -> Whole {
    let kept = template
        .objects
        .iter()
        .filter(|(key, _)| bucket.get(*key).is_some_and(|object| object.bytes == template.bucket[*key].bytes));
    kept.flat_map(|(_, (topic, range))| range.clone().map(|offset| (topic.clone(), offset))).collect()
}

/// The offsets of batches within which a foreign object begins. That is said, and what of both is read around it is not
/// certain.
fn contested(bucket: &Bucket, template: &Template) -> Whole {
    let foreign = bucket.keys().filter(|key| !template.bucket.contains_key(*key));
    let names: Vec<(&str, i64)> = foreign
        .filter_map(|key| Some((key.split('/').nth(1)?, key.rsplit('/').next()?.strip_suffix(".log")?.parse().ok()?)))
        .collect();
    let batches = template.batches.iter().filter(|(topic, range)| {
        names.iter().any(|(of, name)| of == topic && range.start < *name && *name < range.end)
    });
    batches.flat_map(|(topic, range)| range.clone().map(|offset| (topic.clone(), offset))).collect()
}

/// Each verb over it, one after another, beginning with one that `verb` says.
fn use_it(io: &Arc<Counting>, whole: &Whole, contested: &Whole, verb: u8) {
    let before = read_all(io, false);
    check_read(&before, whole, io);
    let around = read_all(io, true);
    check_read(&around, &(whole - contested), io);
    check_times(io, whole);
    let mut whole = whole.clone();
    for step in 0..4 {
        match (verb % 4 + step) % 4 {
            0 => append(io, &mut whole),
            1 => delete_records(io, &mut whole),
            2 => TOPICS.iter().for_each(|topic| {
                let argument = format!(r#"{{"topic":"{topic}","bytes_max":1000000,"grace_ms":0}}"#);
                let _answer = open(io).admin().unwrap().operation("merge", &argument, WAIT);
            }),
            _ => groups(io),
        }
        check_read(&read_all(io, true), &(&whole - contested), io);
    }
}

/// What reading a topic gave: its low watermark, the messages, and whether it came to an end.
type Read = BTreeMap<String, Result<(i64, i64, BTreeSet<i64>, Result<()>)>>;

fn read_all(io: &Arc<Counting>, skip_corrupt: bool) -> Read {
    let storage = open(io);
    let mut admin = storage.admin().unwrap();
    let _topics = admin.topics(&[], WAIT);
    TOPICS.iter().map(|topic| (topic.to_string(), read(&storage, topic, skip_corrupt))).collect()
}

fn read(storage: &ObjectStorage, topic: &str, skip_corrupt: bool) -> Result<(i64, i64, BTreeSet<i64>, Result<()>)> {
    let partition = TopicPartition { topic: topic.into(), partition: 0 };
    let marks = storage.admin()?.watermarks(&[partition], Isolation::ReadCommitted, WAIT)?;
    let (low, high) = (marks[0].low, marks[0].high);
    assert!(0 <= low && low <= high, "{low} to {high}");
    let mut consumer = storage.consumer(&ConsumerOptions { skip_corrupt, ..ConsumerOptions::default() })?;
    consumer.assign(&[Assignment { topic: topic.into(), partition: 0, start: low, end: Some(high) }], WAIT)?;
    let (mut batch, mut read) = (Batch::new(), BTreeSet::new());
    let ended = loop {
        match consumer.poll(&mut batch, WAIT) {
            Ok(Polled::Records) => {}
            Ok(Polled::End) => break Ok(()),
            Ok(Polled::Timeout) => panic!("reading {topic} from {low} to {high} hangs at {:?}", consumer.positions()),
            Err(error) => break Err(error),
        }
        batch.validate().unwrap();
        for record in batch.iter() {
            let text = std::str::from_utf8(record.value.unwrap()).unwrap();
            assert!(text.ends_with(&format!(":{}", record.offset)), "{text} at {}", record.offset);
            assert!(read.insert(record.offset), "{} comes twice", record.offset);
        }
    };
    Ok((low, high, read, ended))
}

/// Where nothing was said, nothing is missing.
fn check_read(read: &Read, whole: &Whole, io: &Counting) {
    for (topic, offset) in whole {
        if let Ok((low, high, messages, Ok(()))) = &read[topic] {
            let there = offset < low || messages.contains(offset);
            assert!(
                there,
                "{topic}: offset {offset} is whole, {low} to {high} was read without it: {messages:?}; {:?}",
                io.inner.keys()
            );
        }
    }
}

fn check_times(io: &Arc<Counting>, whole: &Whole) {
    for (topic, time) in TOPICS.iter().flat_map(|topic| [0, 3, 7, 12].map(|time| (topic, time))) {
        let storage = open(io);
        let mut admin = storage.admin().unwrap();
        let partition = TopicPartition { topic: topic.to_string(), partition: 0 };
        let Ok(marks) = admin.watermarks(&[partition], Isolation::ReadCommitted, WAIT) else { continue };
        let asked = Position { offset: time * 10, ..position(topic, 0) };
        if let Ok(found) = admin.offsets_for_times(&[asked], WAIT) {
            // The time of each message is ten times its offset.
            let missed = whole
                .iter()
                .find(|(of, offset)| of == topic && *offset >= marks[0].low.max(time) && *offset < found[0].offset);
            assert!(
                missed.is_none(),
                "{topic}: time {} is said to be at {}, and {missed:?} comes before",
                time * 10,
                found[0].offset
            );
        }
    }
}

/// Appends a message, which takes no offset of one that is there, and can be read.
fn append(io: &Arc<Counting>, whole: &mut Whole) {
    for topic in TOPICS {
        let storage = open(io);
        let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
        let end = whole.iter().filter(|(of, _)| of == topic).map(|(_, offset)| offset + 1).max().unwrap_or(0);
        // Its text cannot be known before its offset; most logs end where they did.
        for guess in [end, 12, 15, 0] {
            let Ok(mut admin) = storage.admin() else { return };
            let partition = TopicPartition { topic: topic.into(), partition: 0 };
            let Ok(marks) = admin.watermarks(&[partition], Isolation::ReadCommitted, WAIT) else { break };
            assert!(marks[0].high >= end, "{topic} ends at {}, and {} is there", marks[0].high, end - 1);
            if marks[0].high != guess {
                continue;
            }
            let (mut batch, text) = (Batch::new(), format!("{topic}:{guess}"));
            batch.push(Record {
                partition: 0,
                timestamp: guess * 10,
                ..Record::new(topic, None, Some(text.as_bytes()))
            });
            if producer.produce(&batch, 0, 1, WAIT).is_err() || producer.flush(WAIT).is_err() {
                break;
            }
            let reports = producer.reports(WAIT).unwrap();
            assert_eq!(reports.iter().map(|report| report.count).sum::<u64>(), 1, "{reports:?}");
            if let Delivery::At(offset) = reports[0].delivery {
                assert_eq!(offset, guess);
                assert!(whole.insert((topic.to_string(), offset)), "{topic}: the offset {offset} is given away");
            }
            break;
        }
        let _closed = producer.close(WAIT);
    }
}

fn delete_records(io: &Arc<Counting>, whole: &mut Whole) {
    for topic in TOPICS {
        // Below what is asked for nothing is wanted any more, whatever becomes of it.
        let _deleted = open(io).admin().unwrap().delete_records(&[position(topic, 4)], WAIT);
        whole.retain(|(of, offset)| of != topic || *offset >= 4);
    }
}

fn groups(io: &Arc<Counting>) {
    let storage = open(io);
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
        let _committed = member.commit(&[position("t", 5).into()], WAIT);
    }
    let _closed = member.close(WAIT);
    let _deleted = admin.delete_group("g", WAIT);
}

fn position(topic: &str, offset: i64) -> Position {
    Position { topic: topic.into(), partition: 0, offset }
}

fn open(io: &Arc<Counting>) -> ObjectStorage {
    let mut options = ObjectOptions::default();
    (options.poll_interval_ms, options.delivery_timeout_ms) = (1, 1_000);
    kafi_objects::open("fuzz", "mem", Arc::clone(io) as Arc<dyn ObjectIo>, options)
}

fn put(io: &MemoryObjects, key: &str, object: &Object) {
    let bytes = Bytes::from(object.bytes.clone());
    io.put(&PutRequest { key, bytes, precondition: Precondition::None, metadata: &object.metadata }, Instant::now())
        .unwrap();
}

/// A bucket with two topics, one of them with merged objects and what was merged into them, a log start, times, and a
/// group; and the messages of each object.
fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let io = Arc::new(Counting { inner: MemoryObjects::new(), requests: AtomicU64::new(0) });
        let storage = open(&io);
        let mut admin = storage.admin().unwrap();
        let mut messages = BTreeMap::new();
        for (topic, counts) in [("t", &[1, 2, 3, 1, 1, 2, 1, 1][..]), ("u", &[3, 2, 1, 5, 1, 3])] {
            admin.create_topic(&NewTopic::new(topic), WAIT).unwrap();
            write(&storage, topic, counts, &io, &mut messages);
        }
        // Parts of what is merged stay beside it, as for a merge that was cut off.
        let argument = r#"{"topic":"t","bytes_max":230,"grace_ms":100000000}"#;
        admin
            .operation("merge", argument, Duration::ZERO)
            .or_else(|_| admin.operation("merge", argument, WAIT))
            .unwrap();
        admin.delete_records(&[position("u", 2)], WAIT).unwrap();
        let mut member =
            storage.consumer(&ConsumerOptions { group: Some("g".into()), ..ConsumerOptions::default() }).unwrap();
        member.subscribe(&["t".into()], WAIT).unwrap();
        member.commit(&[position("t", 7).into()], WAIT).unwrap();
        member.close(WAIT).unwrap();
        let bucket: Bucket =
            io.inner.keys().into_iter().map(|(key, _)| (key.clone(), object(&io.inner, &key))).collect();
        let batches = messages.values().cloned().collect();
        messages.retain(|key, _| bucket.contains_key(key));
        for (key, object) in bucket.iter().filter(|(key, _)| key.ends_with(".log")) {
            let end: i64 = object.metadata.iter().find(|(name, _)| *name == "end").unwrap().1.parse().unwrap();
            let (topic, range) = messages.get_mut(key).unwrap();
            *range = range.start..end;
            range.start = if topic == "u" { range.start.max(2) } else { range.start };
        }
        assert!(bucket.len() >= 14 && bucket.keys().any(|key| key.ends_with("start.json")), "{:?}", bucket.keys());
        Template { bucket, objects: messages, batches }
    })
}

/// Writes objects of so many messages each, and notes which object holds which.
fn write(
    storage: &ObjectStorage,
    topic: &str,
    counts: &[i64],
    io: &Counting,
    messages: &mut BTreeMap<String, (String, Range<i64>)>,
) {
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut next = 0;
    for count in counts {
        let mut batch = Batch::new();
        for offset in next..next + count {
            let text = format!("{topic}:{offset}");
            batch.push(Record {
                partition: 0,
                timestamp: offset * 10,
                ..Record::new(topic, None, Some(text.as_bytes()))
            });
        }
        producer.produce(&batch, 0, 1, WAIT).unwrap();
        producer.flush(WAIT).unwrap();
        let prefix = format!("topics/{topic}/");
        let key = io
            .inner
            .keys()
            .into_iter()
            .map(|(key, _)| key)
            .find(|key| key.starts_with(&prefix) && key.ends_with(&format!("{next:020}.log")))
            .unwrap();
        messages.insert(key, (topic.to_string(), next..next + count));
        next += count;
    }
    producer.close(WAIT).unwrap();
}

fn object(io: &MemoryObjects, key: &str) -> Object {
    let stat = io.stat(key, Instant::now()).unwrap().unwrap();
    let known = |name: &str| METADATA.iter().copied().find(|known| *known == name).unwrap();
    Object {
        bytes: io.bytes(key).unwrap().to_vec(),
        metadata: stat.metadata.iter().map(|(name, value)| (known(name), value.clone())).collect(),
    }
}

/// A store that ends what goes on for ever.
struct Counting {
    inner: MemoryObjects,
    requests: AtomicU64,
}

impl Counting {
    fn count(&self) -> &MemoryObjects {
        assert!(self.requests.fetch_add(1, Ordering::Relaxed) < REQUESTS_MAX, "it goes on for ever");
        &self.inner
    }
}

impl ObjectIo for Counting {
    fn display(&self, key: &str) -> String {
        self.inner.display(key)
    }

    fn identity(&self) -> String {
        self.inner.identity()
    }

    fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        into: &mut Vec<u8>,
        deadline: Instant,
    ) -> Result<Option<ObjectStat>> {
        self.count().get(key, range, into, deadline)
    }

    fn stat(&self, key: &str, deadline: Instant) -> Result<Option<ObjectStat>> {
        self.count().stat(key, deadline)
    }

    fn put(&self, request: &PutRequest<'_>, deadline: Instant) -> Result<Put> {
        self.count().put(request, deadline)
    }

    fn list(&self, prefix: &str, after: &str, folders: bool, deadline: Instant) -> Result<Listing> {
        self.count().list(prefix, after, folders, deadline)
    }

    fn delete(&self, keys: &[String], deadline: Instant) -> Result<()> {
        self.count().delete(keys, deadline)
    }
}
