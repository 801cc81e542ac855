//! What a case works with: the storage, topics and groups of its own, and the calls that most cases make.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kafi_core::{
    Admin, Assignment, Batch, Capabilities, CommittedOffset, Consumer, ConsumerOptions, Delivery, ErrorKind, Files,
    Isolation, NewTopic, OwnedRecord, Polled, Position, Producer, ProducerOptions, Record, Result, Storage,
    TopicPartition,
};

use super::check::{Checked, Failure, Verdict, check, equal};
use super::{Case, Opener, Setup};

/// The timestamp of the first message of most cases; each next one is a second later.
pub(super) const FIRST_MS: i64 = 1_700_000_000_000;

/// A time-out that is expected to run out.
pub(super) const SHORT: Duration = Duration::from_millis(500);

/// A call may come back late by this part of what anything may take, and so many times its time-out, before that is a
/// failure.
const LATE_PART: u32 = 4;
const LATE_TIMES: u32 = 3;

/// What one report says, without its error's text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Receipt {
    pub(super) token: u64,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) first: u64,
    pub(super) count: u64,
    /// The first offset, or -1 where it is not known; or why it failed.
    pub(super) offset: std::result::Result<i64, u32>,
}

impl Receipt {
    pub(super) fn failed_with(&self, kind: ErrorKind) -> bool {
        self.offset == Err(kind as u32)
    }
}

/// A storage under test, and what a case has made in it.
pub(super) struct Context {
    setup: Arc<Setup>,
    pub(super) storage: Arc<dyn Storage>,
    topics: RefCell<Vec<String>>,
    groups: RefCell<Vec<String>>,
    files: RefCell<Vec<String>>,
}

/// Opens a storage; what that panics with, as for a server that cannot be started, is a failure.
pub(super) fn open(opener: &Opener) -> Checked<Arc<dyn Storage>> {
    let opened: std::thread::Result<Result<Arc<dyn Storage>>> = panic::catch_unwind(AssertUnwindSafe(opener));
    match opened {
        Ok(opened) => Ok(opened?),
        Err(panic) => Err(panicked(panic.as_ref())),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::new(format_args!("it panicked: {}", text.unwrap_or("without a text")))
}

impl Context {
    pub(super) fn new(setup: Arc<Setup>) -> Checked<Self> {
        let storage = open(&setup.open)?;
        let (topics, groups, files) = (RefCell::default(), RefCell::default(), RefCell::default());
        Ok(Self { setup, storage, topics, groups, files })
    }

    /// Runs a case, and deletes what it made.
    pub(super) fn run(self, case: &Case) -> Verdict {
        let verdict = panic::catch_unwind(AssertUnwindSafe(|| (case.run)(&self)));
        let verdict = verdict.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        let cleaned = self.clean();
        verdict.and(cleaned)
    }

    fn clean(&self) -> Verdict {
        for prefix in self.files.take() {
            let mut files = self.files()?;
            for file in files.list(&prefix, self.wait())? {
                files.delete(&file.name, self.wait())?;
            }
        }
        let (topics, groups) = (self.topics.take(), self.groups.take());
        if topics.is_empty() && groups.is_empty() {
            return Ok(());
        }
        let mut admin = self.admin()?;
        let deletes_groups = self.has(Capabilities::ADMIN_GROUPS);
        let groups = groups
            .iter()
            .filter(|_| deletes_groups)
            .map(|group| admin.delete_group(group, self.wait()))
            .collect::<Vec<_>>();
        let topics = topics.iter().map(|topic| admin.delete_topic(topic, self.wait())).collect::<Vec<_>>();
        for deleted in groups.into_iter().chain(topics) {
            match deleted {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Failure::new(format_args!("while cleaning up: {error:?}")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// How long anything may take that is expected to succeed.
    pub(super) fn wait(&self) -> Duration {
        self.setup.wait
    }

    /// The topic that was there before.
    pub(super) fn sample(&self) -> &str {
        self.setup.sample.as_deref().expect("a case that needs it is left out without it")
    }

    pub(super) fn has(&self, capabilities: Capabilities) -> bool {
        self.setup.capabilities(&*self.storage).contains(capabilities)
    }

    /// Another handle on the same storage.
    pub(super) fn reopen(&self) -> Checked<Arc<dyn Storage>> {
        open(&self.setup.open)
    }

    /// A storage whose server never answers.
    pub(super) fn unreachable(&self) -> Checked<Arc<dyn Storage>> {
        open(self.setup.unreachable.as_ref().expect("a case that needs it is ignored without it"))
    }

    pub(super) fn admin(&self) -> Checked<Box<dyn Admin>> {
        Ok(self.storage.admin()?)
    }

    /// A name for a topic that nobody else has. The topic, should it come to be, is deleted at the end.
    pub(super) fn topic_name(&self) -> String {
        let name = unique("topic");
        self.own_topic(name.clone());
        name
    }

    /// Deletes a topic at the end.
    pub(super) fn own_topic(&self, name: String) {
        self.topics.borrow_mut().push(name);
    }

    /// A topic to be made, with the settings that all have.
    pub(super) fn new_topic(&self, name: &str, partitions: i32) -> NewTopic {
        let topic = NewTopic::new(name).partitions(partitions);
        self.setup.topic_config.iter().fold(topic, |topic, (name, value)| topic.config(name, value))
    }

    /// Makes a topic of some partitions.
    pub(super) fn topic(&self, partitions: i32) -> Checked<String> {
        let name = self.topic_name();
        self.admin()?.create_topic(&self.new_topic(&name, partitions), self.wait())?;
        Ok(name)
    }

    /// The name of a group that nobody else has, and that is deleted at the end.
    pub(super) fn group(&self) -> String {
        let name = unique("group");
        self.own_group(name.clone());
        name
    }

    /// Deletes a group at the end.
    pub(super) fn own_group(&self, name: String) {
        self.groups.borrow_mut().push(name);
    }

    pub(super) fn files(&self) -> Checked<Box<dyn Files>> {
        Ok(self.storage.files()?)
    }

    /// What the names of files begin with that nobody else has. They are deleted at the end.
    pub(super) fn file_prefix(&self) -> String {
        let prefix = format!("{}/", unique("files"));
        self.files.borrow_mut().push(prefix.clone());
        prefix
    }

    pub(super) fn producer(&self) -> Checked<Box<dyn Producer>> {
        Ok(self.storage.producer(&ProducerOptions::default())?)
    }

    pub(super) fn consumer(&self) -> Checked<Box<dyn Consumer>> {
        Ok(self.storage.consumer(&ConsumerOptions::default())?)
    }

    /// A consumer of a group.
    pub(super) fn member(&self, group: &str) -> Checked<Box<dyn Consumer>> {
        Ok(self.storage.consumer(&ConsumerOptions { group: Some(group.into()), ..ConsumerOptions::default() })?)
    }

    /// Hands over a whole batch.
    pub(super) fn hand_over(&self, producer: &mut dyn Producer, batch: &Batch, token: u64) -> Verdict {
        let (mut from, until) = (0, Instant::now() + self.wait());
        while from < batch.len() {
            let taken = producer.produce(batch, from, token, self.wait())?;
            check(from + taken <= batch.len(), format_args!("{taken} messages were taken of {}", batch.len() - from))?;
            check(taken > 0 || Instant::now() < until, "produce takes nothing more")?;
            from += taken;
        }
        Ok(())
    }

    /// Flushes, and takes all reports, by token, topic, partition, and ordinal.
    pub(super) fn receipts(&self, producer: &mut dyn Producer) -> Checked<Vec<Receipt>> {
        producer.flush(self.wait())?;
        let mut receipts = fetch(producer, Duration::ZERO)?;
        receipts.sort();
        Ok(receipts)
    }

    /// Writes all messages with a producer of its own, and checks that each was delivered.
    pub(super) fn write(&self, records: &[OwnedRecord]) -> Verdict {
        self.write_with(&ProducerOptions::default(), records)
    }

    pub(super) fn write_with(&self, options: &ProducerOptions, records: &[OwnedRecord]) -> Verdict {
        let mut producer = self.storage.producer(options)?;
        self.hand_over(producer.as_mut(), &batch_of(records), 1)?;
        let receipts = self.receipts(producer.as_mut())?;
        let failed: Vec<_> = receipts.iter().filter(|receipt| receipt.offset.is_err()).collect();
        check(failed.is_empty(), format_args!("messages failed: {failed:?}"))?;
        equal(
            &receipts.iter().map(|receipt| receipt.count).sum::<u64>(),
            &(records.len() as u64),
            "as many messages are reported as were written",
        )?;
        producer.close(self.wait())?;
        Ok(())
    }

    /// The log starts and ends of the first partitions of a topic.
    pub(super) fn bounds(&self, topic: &str, partitions: i32) -> Checked<Vec<(i64, i64)>> {
        let asked: Vec<_> =
            (0..partitions).map(|partition| TopicPartition { topic: topic.into(), partition }).collect();
        let watermarks = self.admin()?.watermarks(&asked, Isolation::ReadCommitted, self.wait())?;
        Ok(watermarks.into_iter().map(|marks| (marks.low, marks.high)).collect())
    }

    /// Every partition of a topic, from its log start to its end.
    pub(super) fn whole(&self, topic: &str) -> Checked<Vec<Assignment>> {
        let topics = self.admin()?.topics(&[topic.to_string()], self.wait())?;
        let partitions = topics.first().map_or(0, |topic| topic.partitions.len());
        let bounds = self.bounds(topic, partitions as i32)?;
        Ok((0..).zip(bounds).map(|(partition, (low, high))| assignment(topic, partition, low, Some(high))).collect())
    }

    /// Reads a whole topic, by partition and offset.
    pub(super) fn read(&self, topic: &str) -> Checked<Vec<OwnedRecord>> {
        self.read_assigned(&ConsumerOptions::default(), &self.whole(topic)?)
    }

    /// Reads assigned partitions up to their ends, by partition and offset.
    pub(super) fn read_assigned(
        &self,
        options: &ConsumerOptions,
        assignments: &[Assignment],
    ) -> Checked<Vec<OwnedRecord>> {
        let mut consumer = self.storage.consumer(options)?;
        consumer.assign(assignments, self.wait())?;
        let mut records = self.read_to_end(consumer.as_mut())?;
        consumer.close(self.wait())?;
        records.sort_by(|a, b| (&a.topic, a.partition, a.offset).cmp(&(&b.topic, b.partition, b.offset)));
        Ok(records)
    }

    /// Polls until the end, and checks each batch: its metas fit, and the offsets of each partition rise.
    pub(super) fn read_to_end(&self, consumer: &mut dyn Consumer) -> Checked<Vec<OwnedRecord>> {
        let (mut records, mut batch) = (Vec::new(), Batch::new());
        while self.poll(consumer, &mut batch)? == Polled::Records {
            records.extend(batch.iter().map(|record| record.to_owned()));
        }
        check_order(&records)?;
        Ok(records)
    }

    /// Polls once, with time enough for what is expected, and checks that the batch fits the answer.
    pub(super) fn poll(&self, consumer: &mut dyn Consumer, batch: &mut Batch) -> Checked<Polled> {
        let polled = poll(consumer, batch, self.wait())?;
        check(polled != Polled::Timeout, format_args!("nothing came within {} s", self.wait().as_secs()))?;
        Ok(polled)
    }

    /// Makes a call that has `timeout`, and checks that it came back in time, with a wide margin.
    #[track_caller]
    pub(super) fn within<T>(&self, timeout: Duration, what: &str, call: impl FnOnce() -> T) -> Checked<T> {
        let started = Instant::now();
        let result = call();
        let (took, limit) = (started.elapsed(), timeout * LATE_TIMES + self.wait() / LATE_PART);
        check(
            took <= limit,
            format_args!("{what} with a time-out of {} ms took {} ms", timeout.as_millis(), took.as_millis()),
        )?;
        Ok(result)
    }

    /// Polls until at least `count` messages have come.
    pub(super) fn read_some(&self, consumer: &mut dyn Consumer, count: usize) -> Checked<Vec<OwnedRecord>> {
        let (mut records, mut batch) = (Vec::new(), Batch::new());
        while records.len() < count {
            let polled = self.poll(consumer, &mut batch)?;
            equal(
                &polled,
                &Polled::Records,
                format_args!("there are {count} messages to read, and {} have come", records.len()),
            )?;
            records.extend(batch.iter().map(|record| record.to_owned()));
        }
        check_order(&records)?;
        Ok(records)
    }
}

/// Takes the reports that are there.
pub(super) fn fetch(producer: &mut dyn Producer, timeout: Duration) -> Checked<Vec<Receipt>> {
    let receipt = |report: &kafi_core::Report| Receipt {
        token: report.token,
        topic: report.topic.to_string(),
        partition: report.partition,
        first: report.first,
        count: report.count,
        offset: match &report.delivery {
            Delivery::At(offset) => Ok(*offset),
            Delivery::Unknown => Ok(-1),
            Delivery::Failed(error) => Err(error.kind() as u32),
        },
    };
    Ok(producer.reports(timeout)?.iter().map(receipt).collect())
}

/// Polls once, and checks that the batch fits the answer.
pub(super) fn poll(consumer: &mut dyn Consumer, batch: &mut Batch, timeout: Duration) -> Checked<Polled> {
    let polled = consumer.poll(batch, timeout)?;
    batch.validate()?;
    equal(
        &batch.is_empty(),
        &(polled != Polled::Records),
        format_args!("whether the batch is empty after {polled:?}"),
    )?;
    Ok(polled)
}

/// The offsets of each partition rise in the order in which they were read.
fn check_order(records: &[OwnedRecord]) -> Verdict {
    let mut last: std::collections::HashMap<(&str, i32), i64> = std::collections::HashMap::new();
    for record in records {
        let before = last.insert((&record.topic, record.partition), record.offset);
        check(
            before.is_none_or(|before| before < record.offset),
            format_args!("offset {} of partition {} came after {before:?}", record.offset, record.partition),
        )?;
    }
    Ok(())
}

/// A name that nobody else has.
pub(super) fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros());
    format!("kafi-testkit-{what}-{}-{now}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A message without a key.
pub(super) fn message(topic: &str, partition: i32, value: impl AsRef<[u8]>) -> OwnedRecord {
    OwnedRecord { partition, timestamp: FIRST_MS, ..Record::new(topic, None, Some(value.as_ref())).to_owned() }
}

/// Messages with the values `from` to `to - 1`, a second apart.
pub(super) fn numbers(topic: &str, partition: i32, from: i64, to: i64) -> Vec<OwnedRecord> {
    (from..to)
        .map(|number| OwnedRecord {
            timestamp: FIRST_MS + 1_000 * number,
            ..message(topic, partition, number.to_string())
        })
        .collect()
}

/// The values of messages, as text.
pub(super) fn values(records: &[OwnedRecord]) -> Vec<String> {
    records
        .iter()
        .map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap_or(b"null")).into_owned())
        .collect()
}

/// The numbers `from` to `to - 1`, as text.
pub(super) fn texts(from: i64, to: i64) -> Vec<String> {
    (from..to).map(|number| number.to_string()).collect()
}

pub(super) fn batch_of(records: &[OwnedRecord]) -> Batch {
    let mut batch = Batch::with_limits(usize::MAX, 1 << 30);
    records.iter().for_each(|record| batch.push(record.as_record()));
    batch
}

pub(super) fn assignment(topic: &str, partition: i32, start: i64, end: Option<i64>) -> Assignment {
    Assignment { topic: topic.into(), partition, start, end }
}

pub(super) fn position(topic: &str, partition: i32, offset: i64) -> Position {
    Position { topic: topic.into(), partition, offset }
}

pub(super) fn offset(topic: &str, partition: i32, offset: i64) -> CommittedOffset {
    CommittedOffset::new(topic, partition, offset)
}

pub(super) fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.into(), partition }
}
