//! Writing messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Batch, Error, ErrorKind, MESSAGE_CONTEXT, Producer, ProducerOptions, Record, Report, Result, Retry};

use crate::config::Settings;
use crate::error::{self, broker, local};
use crate::ffi::{Client, Deadline, Pending, TopicAnswer, TopicHandle, can_write_epoch};
use crate::tokens::{Reports, Tokens};

const OPERATION: &str = "write";
/// How many messages are handed over between two looks at the reports.
const SERVE_EVERY: usize = 1000;
/// How long the brokers have to say which partitions a topic has, however short the call is that needs to know.
const LOOK_UP_MAX: Duration = Duration::from_secs(10);
/// How long a wait lasts at most before the brokers are looked at.
const SLICE_MS: i32 = 1000;
/// A topic that has no leader for now is asked about again after this long.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Why a message was not handed over, where librdkafka has no code for it: beyond the codes that it has.
mod refused {
    pub(super) const HEADER_NAME: i32 = 100_001;
    pub(super) const PARTITION: i32 = 100_002;
    pub(super) const AFTER_FAILURE: i32 = 100_003;
    pub(super) const OVER_QUEUE: i32 = 100_004;
    pub(super) const EPOCH: i32 = 100_005;
    pub(super) const KEYLESS: i32 = 100_006;
}

/// A producer.
///
/// It is idempotent, and once a broker has refused a message librdkafka writes none that was handed over later (`enable.gapless.guarantee`): what is
/// under way then fails, too, for all partitions, and so does what is handed over before the caller has fetched the report. After that it
/// goes on with a new client. With `enable.idempotence=false` none of this holds.
pub(crate) struct KafkaProducer {
    settings: Settings,
    options: ProducerOptions,
    /// Whether nothing may be written after a failure.
    is_strict: bool,
    writer: Option<Writer>,
    tokens: Tokens,
    reports: Reports,
    /// A failure was reported that the caller has not fetched yet.
    is_halted: bool,
    /// The client takes nothing more.
    is_broken: bool,
    /// For the topics of the batch at hand, which of ours they are.
    topics: Vec<u32>,
}

/// A client and its topics, which are dropped first.
struct Writer {
    topics: Vec<Topic>,
    by_name: HashMap<Arc<str>, u32>,
    by_id: HashMap<usize, u32>,
    /// What brokers were asked about these topics.
    asked: Option<(Vec<u32>, Pending)>,
    client: Client,
}

struct Topic {
    name: Arc<str>,
    /// Empty as long as the topic is missing.
    handle: Option<TopicHandle>,
    partitions: i32,
    /// What describing it failed with.
    code: i32,
    /// A message of it was not handed over, and the caller does not know yet.
    is_halted: bool,
    /// A message of it had no key.
    has_keyless: bool,
}

/// How handing over one message ended.
enum Outcome {
    Taken,
    Full,
    Broken,
}

impl KafkaProducer {
    pub(crate) fn new(settings: &Settings, options: &ProducerOptions) -> Result<Self> {
        let (client, is_strict) = settings.producer(options)?;
        Ok(Self {
            settings: settings.clone(),
            options: options.clone(),
            is_strict,
            writer: Some(Writer::new(client)),
            tokens: Tokens::default(),
            reports: Reports::default(),
            is_halted: false,
            is_broken: false,
            topics: Vec::new(),
        })
    }

    fn hand_over(&mut self, batch: &Batch, from: usize, token: u64, deadline: Deadline) -> Result<usize> {
        self.serve(0)?;
        self.renew(deadline)?;
        self.tokens.select(token);
        if !self.look_up(batch, from, deadline)? {
            return Ok(0);
        }
        let mut index = from;
        while index < batch.len() {
            if (index - from) % SERVE_EVERY == SERVE_EVERY - 1 {
                self.serve(0)?;
            }
            match self.hand_over_one(batch, index, deadline)? {
                Outcome::Taken => index += 1,
                Outcome::Broken => {
                    self.renew(deadline)?;
                    if !self.look_up(batch, index, deadline)? {
                        break;
                    }
                }
                Outcome::Full if deadline.is_over() => break,
                Outcome::Full => {
                    self.serve(deadline.left_ms(SLICE_MS))?;
                    self.check_hopeless()?;
                }
            }
        }
        Ok(index - from)
    }

    fn hand_over_one(&mut self, batch: &Batch, index: usize, deadline: Deadline) -> Result<Outcome> {
        let meta = &batch.metas()[index];
        let topic = self.topics[meta.topic as usize];
        let record = batch.get(index);
        if self.is_halted {
            self.refuse(topic, record.partition, refused::AFTER_FAILURE);
            return Ok(Outcome::Taken);
        }
        if self.is_broken {
            return Ok(Outcome::Broken);
        }
        let writer = self.writer.as_mut().ok_or_else(closed)?;
        if record.partition >= writer.topics[topic as usize].partitions && writer.topics[topic as usize].handle.is_some() {
            // It may have got more partitions meanwhile.
            if !writer.describe(&[topic], deadline)? {
                return Ok(Outcome::Full);
            }
        }
        if let Some(code) = objection(&writer.topics[topic as usize], &record) {
            self.refuse(topic, record.partition, code);
            return Ok(Outcome::Taken);
        }
        let opaque = self.tokens.hand_over(topic, record.partition.max(-1));
        writer.topics[topic as usize].has_keyless |= record.key.is_none();
        let handle = writer.topics[topic as usize].handle.as_ref().expect("a topic without a handle is objected to");
        let Err(code) = writer.client.produce(handle, &record, opaque, self.options.keep_timestamps) else { return Ok(Outcome::Taken) };
        self.tokens.take_back(opaque);
        match code {
            local::QUEUE_FULL if self.tokens.under_way() > 0 => return Ok(Outcome::Full),
            local::QUEUE_FULL => self.refuse(topic, record.partition, refused::OVER_QUEUE),
            local::FATAL => {
                self.give_up_client();
                return Ok(Outcome::Broken);
            }
            code => self.refuse(topic, record.partition, code),
        }
        Ok(Outcome::Taken)
    }

    /// Reports a message as failed without handing it over, and its topic's next ones with it until the caller knows.
    fn refuse(&mut self, topic: u32, partition: i32, code: i32) {
        let Some(writer) = &mut self.writer else { return };
        let opaque = self.tokens.hand_over(topic, partition.max(-1));
        let reported = self.tokens.report(opaque, topic, partition.max(-1));
        let entry = &mut writer.topics[topic as usize];
        entry.is_halted = true;
        let (name, partitions, index) = (&entry.name, entry.partitions, reported.index);
        self.reports.add(name, partition.max(-1), reported, -1, code, || named(refusal(code, name, partition, partitions), index));
    }

    /// Finds the topics of the batch, and asks about those that are new or were missing; false if the answer is not there by `deadline`.
    fn look_up(&mut self, batch: &Batch, from: usize, deadline: Deadline) -> Result<bool> {
        let writer = self.writer.as_mut().ok_or_else(closed)?;
        self.topics.clear();
        self.topics.extend(batch.topics().iter().map(|name| writer.topic(name)));
        let mut is_used = vec![false; batch.topics().len()];
        batch.metas()[from.min(batch.len())..].iter().for_each(|meta| is_used[meta.topic as usize] = true);
        let unknown = self.topics.iter().zip(&is_used).filter(|(topic, is_used)| **is_used && writer.topics[**topic as usize].handle.is_none());
        let unknown: Vec<u32> = unknown.map(|(topic, _)| *topic).collect();
        if unknown.is_empty() { Ok(true) } else { writer.describe(&unknown, deadline) }
    }

    /// Takes in the reports that are there, and waits up to `timeout_ms` for a first one.
    fn serve(&mut self, timeout_ms: i32) -> Result<()> {
        let Self { writer, tokens, reports, is_strict, .. } = self;
        let writer = writer.as_mut().ok_or_else(closed)?;
        let mut has_failed = false;
        let mut timeout_ms = timeout_ms;
        while let Some(event) = writer.client.next_event(timeout_ms) {
            timeout_ms = 0;
            if !event.is_delivery() {
                continue;
            }
            let mut last = (0, 0);
            let mut has_delivered = false;
            event.for_each_delivery(|delivered| {
                if last.0 != delivered.topic_id {
                    last = (delivered.topic_id, writer.by_id.get(&delivered.topic_id).copied().unwrap_or(0));
                }
                let (topic, partition, code) = (last.1, delivered.partition, delivered.error);
                has_failed |= code != 0;
                has_delivered |= code == 0;
                let reported = tokens.report(delivered.opaque, topic, partition);
                let (Topic { name, has_keyless, .. }, index) = (&writer.topics[topic as usize], reported.index);
                // Of what Kafi writes a broker finds only one thing wrong.
                let code = if code == broker::INVALID_RECORD && *has_keyless { refused::KEYLESS } else { code };
                reports.add(name, partition, reported, delivered.offset, code, || named(refusal(code, name, partition, 0), index));
            });
            if has_delivered {
                // Whatever was wrong with brokers before is over.
                writer.client.health().note_answer();
            }
        }
        if has_failed && *is_strict {
            self.give_up_client();
            self.is_halted = true;
        }
        Ok(())
    }

    /// Lets everything fail that is under way, after a failure.
    fn give_up_client(&mut self) {
        if self.is_broken {
            return;
        }
        self.is_broken = true;
        if let Some(writer) = &self.writer {
            if let Some((_, why)) = writer.client.fatal_error() {
                log::debug!("starting a new client after a failure: {why}");
            }
            writer.client.purge();
        }
    }

    /// Goes on with a new client, once everything of a broken one is reported and the caller knows.
    fn renew(&mut self, deadline: Deadline) -> Result<()> {
        while self.is_broken && !self.is_halted && self.tokens.under_way() > 0 {
            self.serve(deadline.left_ms(SLICE_MS))?;
            if deadline.is_over() && self.tokens.under_way() > 0 {
                return Err(error::timed_out(OPERATION));
            }
        }
        if !self.is_broken || self.is_halted {
            return Ok(());
        }
        let (client, _) = self.settings.producer(&self.options)?;
        let before = self.writer.replace(Writer::new(client));
        // The numbers of the topics stand in tokens, so that they stay the same.
        if let (Some(writer), Some(before)) = (&mut self.writer, before) {
            before.topics.iter().for_each(|topic| {
                writer.topic(&topic.name);
            });
        }
        self.is_broken = false;
        Ok(())
    }

    /// Whether brokers refuse who we are, and have done so for longer than a restart takes.
    fn check_hopeless(&self) -> Result<()> {
        self.writer.as_ref().and_then(|writer| writer.client.health().refusal(OPERATION)).map_or(Ok(()), Err)
    }

    /// Why messages are still under way: what is wrong with the brokers, if anything is.
    fn not_yet(&self) -> Error {
        let last = self.writer.as_ref().and_then(|writer| writer.client.health().last_error(OPERATION));
        let why = format!("{} messages are not acknowledged yet", self.tokens.under_way());
        last.unwrap_or_else(|| Error::new(ErrorKind::Timeout, OPERATION, why)).retry(Retry::Later)
    }

    fn wait_for_all(&mut self, deadline: Deadline) -> Result<()> {
        while self.tokens.under_way() > 0 {
            self.serve(deadline.left_ms(SLICE_MS))?;
            if self.tokens.under_way() == 0 {
                break;
            }
            self.check_hopeless()?;
            if deadline.is_over() {
                return Err(self.not_yet());
            }
        }
        Ok(())
    }

    fn in_storage<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.with("storage", &self.settings.name))
    }
}

impl Producer for KafkaProducer {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize> {
        let taken = self.hand_over(batch, from, token, Deadline::after(timeout));
        self.in_storage(taken)
    }

    fn reports(&mut self, timeout: Duration) -> Result<&[Report]> {
        let deadline = Deadline::after(timeout);
        let mut served = if self.writer.is_some() { self.serve(0) } else { Ok(()) };
        while served.is_ok() && self.reports.is_empty() && self.tokens.under_way() > 0 && !deadline.is_over() {
            served = self.serve(deadline.left_ms(SLICE_MS)).and_then(|()| self.check_hopeless());
        }
        self.in_storage(served)?;
        // The caller knows of every failure now.
        self.is_halted = false;
        if let Some(writer) = &mut self.writer {
            writer.topics.iter_mut().for_each(|topic| topic.is_halted = false);
        }
        Ok(self.reports.fetch())
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        let flushed = self.wait_for_all(Deadline::after(timeout));
        self.in_storage(flushed)
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        if self.writer.is_none() {
            return Ok(());
        }
        self.flush(timeout)?;
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let client = writer.client.clone();
        drop(writer);
        if client.close(deadline.left()) {
            return Ok(());
        }
        self.in_storage(Err(error::timed_out("close producer")))
    }
}

impl Writer {
    fn new(client: Client) -> Self {
        Self { topics: Vec::new(), by_name: HashMap::new(), by_id: HashMap::new(), asked: None, client }
    }

    /// The number of a topic, which it keeps.
    fn topic(&mut self, name: &str) -> u32 {
        if let Some(topic) = self.by_name.get(name) {
            return *topic;
        }
        let (topic, name) = (self.topics.len() as u32, Arc::<str>::from(name));
        self.topics.push(Topic { name: Arc::clone(&name), handle: None, partitions: 0, code: 0, is_halted: false, has_keyless: false });
        self.by_name.insert(name, topic);
        topic
    }

    /// Finds out about topics; false if the answer is not there by `deadline`. The next call then waits for the same one.
    fn describe(&mut self, topics: &[u32], deadline: Deadline) -> Result<bool> {
        loop {
            let Some((asked, pending)) = self.asked.take().map_or_else(|| self.ask(topics, deadline), |asked| Ok(Some(asked)))? else { return Ok(true) };
            let Some(answers) = self.client.take_topics(OPERATION, &pending, deadline)? else {
                self.asked = Some((asked, pending));
                return Ok(false);
            };
            self.note(answers)?;
            if let Some(topic) = asked.iter().map(|topic| &self.topics[*topic as usize]).find(|topic| error::kind_of(topic.code).1 == Retry::Later) {
                if deadline.is_over() {
                    return Err(error::from_code(OPERATION, topic.code).with("topic", &topic.name));
                }
                std::thread::sleep(deadline.left().min(ASK_AGAIN));
            } else if topics.iter().all(|topic| asked.contains(topic)) {
                return Ok(true);
            }
        }
    }

    /// Asks about topics, unless there is nothing to ask.
    fn ask(&mut self, topics: &[u32], deadline: Deadline) -> Result<Option<(Vec<u32>, Pending)>> {
        let mut names = Vec::new();
        for topic in topics {
            let topic = &mut self.topics[*topic as usize];
            // Such a name cannot be asked for, and cannot exist.
            match kafi_core::check_topic_name(&topic.name) {
                Ok(()) => names.push(Arc::clone(&topic.name)),
                Err(_) => topic.code = broker::UNKNOWN_TOPIC_OR_PARTITION,
            }
        }
        if names.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let pending = self.client.start_describe_topics(OPERATION, &names, deadline.left().max(LOOK_UP_MAX))?;
        Ok(Some((topics.to_vec(), pending)))
    }

    fn note(&mut self, answers: Vec<TopicAnswer>) -> Result<()> {
        for answer in answers {
            let Some(index) = self.by_name.get(answer.name.as_str()).copied() else { continue };
            let topic = &mut self.topics[index as usize];
            topic.code = answer.error;
            topic.partitions = answer.partitions.len() as i32;
            if answer.error == 0 && topic.handle.is_none() {
                let handle = self.client.topic(OPERATION, &topic.name)?;
                self.by_id.insert(handle.id(), index);
                topic.handle = Some(handle);
            }
        }
        Ok(())
    }
}

/// Why a message must not be handed over, if so.
fn objection(topic: &Topic, record: &Record<'_>) -> Option<i32> {
    if topic.handle.is_none() || topic.code != 0 {
        return Some(if topic.code == 0 { broker::UNKNOWN_TOPIC_OR_PARTITION } else { topic.code });
    }
    if topic.is_halted {
        return Some(refused::AFTER_FAILURE);
    }
    if record.partition >= topic.partitions {
        return Some(refused::PARTITION);
    }
    if record.timestamp == 0 && !can_write_epoch() {
        return Some(refused::EPOCH);
    }
    // librdkafka would end the name at the zero byte when it is read.
    let has_zero = !record.headers.is_empty() && record.headers.iter().any(|header| header.name.contains(&0));
    has_zero.then_some(refused::HEADER_NAME)
}

/// The error of a message that was not written.
fn refusal(code: i32, topic: &str, partition: i32, partitions: i32) -> Error {
    let error = match code {
        refused::HEADER_NAME => Error::new(ErrorKind::Usage, OPERATION, "librdkafka cannot write a header whose name holds a zero byte"),
        refused::EPOCH => Error::new(ErrorKind::Unsupported, OPERATION, "this version of librdkafka cannot write timestamp 0"),
        refused::KEYLESS => {
            let error = Error::new(ErrorKind::Usage, OPERATION, "the topic is compacted (cleanup.policy=compact), where each message needs a key");
            error.hint("give keys with -k KEY or -K DELIMITER")
        }
        refused::PARTITION => return error::no_partition(OPERATION, topic, partition, partitions),
        refused::AFTER_FAILURE => Error::new(ErrorKind::Cancelled, OPERATION, "not written, because an earlier message failed").retry(Retry::Later),
        refused::OVER_QUEUE => {
            let error = Error::new(ErrorKind::TooLarge, OPERATION, "the message is larger than the client's queue");
            error.hint("raise queue.buffering.max.kbytes")
        }
        local::PURGE_QUEUE | local::FATAL | local::GAPLESS_GUARANTEE => {
            Error::new(ErrorKind::Cancelled, OPERATION, "not written, because an earlier message failed").retry(Retry::Later)
        }
        local::PURGE_INFLIGHT => Error::new(ErrorKind::Cancelled, OPERATION, "given up on its way, because an earlier message failed").retry(Retry::Later),
        broker::UNKNOWN_TOPIC_OR_PARTITION | local::UNKNOWN_TOPIC => return error::no_topic(OPERATION, topic).hint("create it with --create"),
        broker::MESSAGE_TOO_LARGE => error::from_code(OPERATION, code).hint("raise the topic's max.message.bytes, or lower batch.size"),
        code => error::from_code(OPERATION, code),
    };
    let error = error.with("topic", topic);
    if partition >= 0 { error.with("partition", partition) } else { error }
}

/// Says which message of its token it was, where its partition does not.
fn named(error: Error, index: Option<u64>) -> Error {
    index.into_iter().fold(error, |error, index| error.with(MESSAGE_CONTEXT, index))
}

fn closed() -> Error {
    Error::new(ErrorKind::Usage, OPERATION, "this producer is closed")
}
