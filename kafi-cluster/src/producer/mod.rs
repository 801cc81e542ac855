//! Writing messages.

use std::time::{Duration, Instant};

use kafi_core::{
    ANY_PARTITION, Batch, CommittedOffset, Error, ErrorKind, GroupMetadata, NO_TIMESTAMP, Producer, ProducerOptions,
    Report, Result, Retry,
};

use crate::config::{Settings, WriterClient};
use crate::error::{self, broker, local};
use crate::ffi::{Deadline, Run};
use crate::refusal::{named, objection, refusal, refused};
use crate::tokens::{Bytes, End, Reports, Tokens};
use crate::writer::Writer;

mod transactions;

use transactions::Standing;

const OPERATION: &str = "write";
/// How many messages are handed over between two looks at the reports.
const SERVE_EVERY: usize = 1000;
/// How many messages are handed over with one call.
const RUN_MAX: usize = 250;
/// The most bytes of a message in such a call: librdkafka takes it with any `message.max.bytes`.
const RUN_MESSAGE_BYTES_MAX: u64 = 1000;
/// How long a wait lasts at most before the brokers are looked at.
const SLICE_MS: i32 = 1000;
/// The same where reports have to be taken in meanwhile.
const SHORT_SLICE_MS: i32 = 10;
/// So late librdkafka may tell what it knows, or answer when its time is over.
const LATE_MAX: Duration = Duration::from_secs(1);

/// A producer.
///
/// It is idempotent, and once a broker has refused a message librdkafka writes none that was handed over later
/// (`enable.gapless.guarantee`): what is under way then fails, too, for all partitions, and so does what is handed over
/// before the caller has fetched the report. After that it goes on with a new client. With `enable.idempotence=false`
/// none of this holds. One that writes in transactions goes on once the transaction is aborted.
pub(crate) struct KafkaProducer {
    settings: Settings,
    options: ProducerOptions,
    /// Whether nothing may be written after a failure.
    is_strict: bool,
    writer: Option<Writer>,
    /// The most bytes of a batch, as the client was told.
    batch_bytes: u64,
    /// The most bytes that may be under way, but for a single larger message.
    buffer_bytes: u64,
    tokens: Tokens,
    reports: Reports,
    /// A failure was reported that the caller has not fetched yet.
    is_halted: bool,
    /// The client takes nothing more.
    is_broken: bool,
    /// Where one stands that writes in transactions.
    transactions: Option<Standing>,
    /// Whether the next transaction begins with a new client.
    renews: bool,
    /// So long a transaction may take, after which brokers abort it.
    transaction_max: Duration,
    /// Since when the end of a transaction is waited for.
    ending_since: Option<Instant>,
    /// For the topics of the batch at hand, which of ours they are.
    topics: Vec<u32>,
    run: Run,
}

/// How handing over one message ended.
enum Outcome {
    Taken,
    Full,
    Broken,
}

impl KafkaProducer {
    pub(crate) fn new(settings: &Settings, options: &ProducerOptions) -> Result<Self> {
        let WriterClient { client, is_strict, batch_bytes, buffer_bytes, transaction_max } =
            settings.producer(options, u64::MAX)?;
        Ok(Self {
            settings: settings.clone(),
            options: options.clone(),
            is_strict,
            writer: Some(Writer::new(client)),
            batch_bytes,
            buffer_bytes,
            tokens: Tokens::default(),
            reports: Reports::default(),
            is_halted: false,
            is_broken: false,
            transactions: options.transactional_id.is_some().then_some(Standing::New),
            renews: false,
            transaction_max,
            ending_since: None,
            topics: Vec::new(),
            run: Run::default(),
        })
    }

    fn hand_over(&mut self, batch: &Batch, from: usize, token: u64, deadline: Deadline) -> Result<usize> {
        if let Some(writer) = self.writer.as_ref().filter(|_| self.tokens.in_flight() == 0) {
            // Nobody was to be heard of, so that it was not quiet for too long.
            writer.client.health().note_heard();
        }
        self.serve(0)?;
        if let Some(standing) = self.transactions {
            standing.check(OPERATION, &[Standing::Open, Standing::Spoiled])?;
        }
        self.renew(deadline)?;
        self.tokens.select(token);
        if !self.look_up(batch, from, deadline)? {
            return Ok(0);
        }
        let (mut index, mut served) = (from, from);
        while index < batch.len() {
            if index - served >= SERVE_EVERY {
                served = index;
                self.serve(0)?;
            }
            // The first one goes by itself: of a topic that has got more partitions librdkafka may choose another for it.
            let run = if index > from { self.hand_over_run(batch, index) } else { 0 };
            index += run;
            if run > 0 {
                continue;
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
                    self.serve_slice(deadline)?;
                    self.check_hopeless()?;
                }
            }
        }
        Ok(index - from)
    }

    /// Hands over what can go with one call: small messages for one partition without headers and timestamps. Returns
    /// how many were taken; the next one has to go by itself, which tells what stops it.
    ///
    /// Where a topic has one partition, messages without keys are handed over for that one, so that librdkafka need not
    /// choose it for each of them.
    fn hand_over_run(&mut self, batch: &Batch, from: usize) -> usize {
        let Self { writer: Some(writer), tokens, run, .. } = self else { return 0 };
        if self.is_halted || self.is_broken || self.options.keep_timestamps || self.transactions.is_some() {
            return 0;
        }
        let (metas, partition) = (batch.metas(), batch.metas()[from].partition);
        let topic = self.topics[metas[from].topic as usize];
        let entry = &mut writer.topics[topic as usize];
        let Some(handle) = &entry.handle else { return 0 };
        if entry.code != 0 || entry.is_halted || !(ANY_PARTITION..entry.partitions).contains(&partition) {
            return 0;
        }
        let is_only = partition == ANY_PARTITION && entry.partitions == 1 && batch.get(from).key.is_none();
        let (has_keyless, buffer_bytes) = (&mut entry.has_keyless, self.buffer_bytes);
        let records = (from..batch.len().min(from + RUN_MAX)).map_while(|index| {
            let record = batch.get(index);
            let bytes = Bytes::of(&record);
            let goes_along = metas[index].topic == metas[from].topic
                && record.partition == partition
                && record.timestamp == NO_TIMESTAMP
                && record.headers.is_empty()
                && (record.key.is_none() || !is_only)
                && bytes.all() <= RUN_MESSAGE_BYTES_MAX
                && (tokens.in_flight() == 0 || tokens.bytes() + bytes.all() <= buffer_bytes);
            goes_along.then(|| {
                *has_keyless |= record.key.is_none();
                (record, tokens.hand_over(topic, partition.max(-1), bytes))
            })
        });
        let taken = writer.client.produce_run(handle, if is_only { 0 } else { partition }, records, run);
        for index in (taken..run.len()).rev() {
            tokens.take_back(run.opaque(index), Bytes::of(&batch.get(from + index)));
        }
        taken
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
        if record.partition >= writer.topics[topic as usize].partitions
            && writer.topics[topic as usize].handle.is_some()
        {
            // It may have got more partitions meanwhile.
            if !writer.describe(&[topic], deadline)? {
                return Ok(Outcome::Full);
            }
        }
        if let Some(code) = objection(&writer.topics[topic as usize], &record) {
            self.refuse(topic, record.partition, code);
            return Ok(Outcome::Taken);
        }
        let bytes = Bytes::of(&record);
        if self.tokens.in_flight() > 0 && self.tokens.bytes() + bytes.all() > self.buffer_bytes {
            return Ok(Outcome::Full);
        }
        let opaque = self.tokens.hand_over(topic, record.partition.max(-1), bytes);
        writer.topics[topic as usize].has_keyless |= record.key.is_none();
        let handle = writer.topics[topic as usize].handle.as_ref().expect("a topic without a handle is objected to");
        let Err(code) = writer.client.produce(handle, &record, opaque, self.options.keep_timestamps) else {
            return Ok(Outcome::Taken);
        };
        self.tokens.take_back(opaque, bytes);
        match code {
            local::QUEUE_FULL if self.tokens.in_flight() > 0 => return Ok(Outcome::Full),
            local::QUEUE_FULL => self.refuse(topic, record.partition, refused::OVER_QUEUE),
            local::STATE if self.transactions.is_some() => {
                if self.learn_of_failure()? {
                    self.refuse(topic, record.partition, refused::AFTER_FAILURE);
                    return Ok(Outcome::Taken);
                }
                // Here it says why the transaction that is open cannot go on.
                let begun = self.writer.as_ref().ok_or_else(closed)?.client.begin_transaction(OPERATION);
                return Err(begun.err().unwrap_or_else(|| error::from_code(OPERATION, code).retry(Retry::Never)));
            }
            local::FATAL if self.transactions.is_some() => return Err(writer.client.fatal(OPERATION)),
            local::FATAL => {
                self.give_up_client();
                return Ok(Outcome::Broken);
            }
            code => self.refuse(topic, record.partition, code),
        }
        Ok(Outcome::Taken)
    }

    /// Whether a message of the open transaction has failed. librdkafka ends the transaction a moment before it reports
    /// that.
    fn learn_of_failure(&mut self) -> Result<bool> {
        let soon = Deadline::after(LATE_MAX);
        while self.transactions == Some(Standing::Open) && self.tokens.in_flight() > 0 && !soon.is_over() {
            self.serve(soon.left_ms(SHORT_SLICE_MS))?;
        }
        Ok(self.transactions == Some(Standing::Spoiled))
    }

    /// Reports a message as failed without handing it over, and its topic's next ones with it until the caller knows.
    fn refuse(&mut self, topic: u32, partition: i32, code: i32) {
        self.spoil();
        let Some(writer) = &mut self.writer else { return };
        let opaque = self.tokens.hand_over(topic, partition.max(-1), Bytes::default());
        let reported = self.tokens.report(opaque, topic, partition.max(-1), 0);
        let entry = &mut writer.topics[topic as usize];
        entry.is_halted = true;
        let (name, partitions, index) = (&entry.name, entry.partitions, reported.index);
        let end = End { partition: partition.max(-1), offset: -1, code };
        self.reports.add(name, reported, end, || named(refusal(code, name, partition, partitions), index));
    }

    /// Finds the topics of the batch, and asks about those that are new or were missing; false if the answer is not
    /// there by `deadline`.
    fn look_up(&mut self, batch: &Batch, from: usize, deadline: Deadline) -> Result<bool> {
        let writer = self.writer.as_mut().ok_or_else(closed)?;
        self.topics.clear();
        self.topics.extend(batch.topics().iter().map(|name| writer.topic(name)));
        let mut is_used = vec![false; batch.topics().len()];
        batch.metas()[from.min(batch.len())..].iter().for_each(|meta| is_used[meta.topic as usize] = true);
        let used: Vec<u32> =
            self.topics.iter().zip(&is_used).filter(|(_, is_used)| **is_used).map(|(topic, _)| *topic).collect();
        let unknown: Vec<u32> =
            used.iter().filter(|topic| writer.topics[**topic as usize].handle.is_none()).copied().collect();
        if !unknown.is_empty() && !writer.describe(&unknown, deadline)? || !writer.look_up_limits(&used, deadline)? {
            return Ok(false);
        }
        let limit = writer.limit(&used);
        if limit >= self.batch_bytes {
            return Ok(true);
        }
        if self.transactions.is_some() {
            (self.batch_bytes, self.renews) = (limit, true);
            return Err(transactions::smaller_batches(OPERATION, limit));
        }
        Ok(self.shrink_batches(limit, deadline)? && (self.is_halted || self.look_up(batch, from, deadline)?))
    }

    /// Goes on with a client whose batches are no larger than a topic allows, once everything is reported; false if it
    /// is not by `deadline`.
    ///
    /// librdkafka has one limit for all topics of a client, and gives a batch up that a broker refuses, though each of
    /// its messages may be small enough.
    fn shrink_batches(&mut self, limit: u64, deadline: Deadline) -> Result<bool> {
        while self.tokens.in_flight() > 0 {
            self.serve(deadline.left_ms(SLICE_MS))?;
            self.check_hopeless()?;
            if deadline.is_over() && self.tokens.in_flight() > 0 {
                return Ok(false);
            }
        }
        if !self.is_halted {
            self.batch_bytes = limit;
            self.replace_client()?;
        }
        Ok(true)
    }

    /// Takes in reports, and waits for a first one, up to `deadline` and for no longer than a slice.
    ///
    /// Behind a message of a transaction that a broker refused, librdkafka keeps those that were sent back because of the
    /// number that is missing then, and reports them when the transaction is aborted, which the caller does once all are
    /// reported: so they are given up here, save for what a broker has to answer.
    fn serve_slice(&mut self, deadline: Deadline) -> Result<()> {
        if self.transactions != Some(Standing::Spoiled) || !self.renews {
            return self.serve(deadline.left_ms(SLICE_MS));
        }
        if let Some(writer) = &self.writer {
            writer.client.purge_queue();
        }
        self.serve(deadline.left_ms(SHORT_SLICE_MS))
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
                let reported = tokens.report(delivered.opaque, topic, partition, Bytes::of_lengths(delivered.bytes));
                let (entry, index) = (&mut writer.topics[topic as usize], reported.index);
                if code == 0 {
                    entry.partitions = entry.partitions.max(partition.saturating_add(1));
                }
                // Of what Kafi writes a broker finds only one thing wrong.
                let code = if code == broker::INVALID_RECORD && entry.has_keyless { refused::KEYLESS } else { code };
                let name = &entry.name;
                let end = End { partition, offset: delivered.offset, code };
                reports.add(name, reported, end, || named(refusal(code, name, partition, 0), index));
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
        if has_failed && self.spoil() {
            // librdkafka 2.12.1 would go on behind a message that a broker refused, where that waits for its number; so
            // the next transaction would come to nothing, too.
            self.renews = true;
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
        while self.is_broken && !self.is_halted && self.tokens.in_flight() > 0 {
            self.serve(deadline.left_ms(SLICE_MS))?;
            if deadline.is_over() && self.tokens.in_flight() > 0 {
                return Err(error::timed_out(OPERATION));
            }
        }
        if !self.is_broken || self.is_halted {
            return Ok(());
        }
        self.replace_client()
    }

    fn replace_client(&mut self) -> Result<()> {
        let WriterClient { client, .. } = self.settings.producer(&self.options, self.batch_bytes)?;
        let writer = Writer::new(client);
        self.writer = Some(match &self.writer {
            Some(before) => writer.with_topics_of(before),
            None => writer,
        });
        self.is_broken = false;
        Ok(())
    }

    /// Whether brokers refuse who we are, and have done so for longer than a restart takes; or the open transaction has
    /// come to an end that no report tells.
    fn check_hopeless(&mut self) -> Result<()> {
        let Some(writer) = &self.writer else { return Ok(()) };
        writer.client.health().refusal(OPERATION).map_or(Ok(()), Err)?;
        if self.transactions != Some(Standing::Open) {
            return Ok(());
        }
        let ends = |error: &Error| error.kind() == ErrorKind::Cancelled || writer.client.fatal_error().is_some();
        match writer.client.begin_transaction(OPERATION).err().filter(ends) {
            Some(end) if !self.learn_of_failure()? => Err(end),
            _ => Ok(()),
        }
    }

    /// Why messages are still under way: what is wrong with the brokers, if anything is.
    fn not_yet(&self) -> Error {
        let last = self.writer.as_ref().and_then(|writer| writer.client.health().last_error(OPERATION));
        let why = format!("{} messages are not acknowledged yet", self.tokens.in_flight());
        last.unwrap_or_else(|| Error::new(ErrorKind::Timeout, OPERATION, why)).retry(Retry::Later)
    }

    fn wait_for_all(&mut self, deadline: Deadline) -> Result<()> {
        while self.tokens.in_flight() > 0 {
            self.serve_slice(deadline)?;
            if self.tokens.in_flight() == 0 {
                break;
            }
            self.check_hopeless()?;
            if deadline.is_over() {
                return Err(self.not_yet());
            }
        }
        Ok(())
    }

    /// Goes on after failures.
    fn take_more(&mut self) {
        self.is_halted = false;
        if let Some(writer) = &mut self.writer {
            writer.topics.iter_mut().for_each(|topic| topic.is_halted = false);
        }
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
        while served.is_ok() && self.reports.is_empty() && self.tokens.in_flight() > 0 && !deadline.is_over() {
            served = self.serve_slice(deadline).and_then(|()| self.check_hopeless());
        }
        self.in_storage(served)?;
        // The caller knows of every failure now.
        if self.transactions != Some(Standing::Spoiled) {
            self.take_more();
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

    fn init_transactions(&mut self, timeout: Duration) -> Result<()> {
        let initialised = self.init(Deadline::after(timeout));
        self.in_storage(initialised)
    }

    fn begin_transaction(&mut self) -> Result<()> {
        let begun = self.begin();
        self.in_storage(begun)
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<()> {
        let sent = self.send_offsets(offsets, group, Deadline::after(timeout));
        self.in_storage(sent)
    }

    fn commit_transaction(&mut self, timeout: Duration) -> Result<()> {
        let committed = self.commit(Deadline::after(timeout));
        self.in_storage(committed)
    }

    fn abort_transaction(&mut self, timeout: Duration) -> Result<()> {
        let aborted = self.abort(Deadline::after(timeout));
        self.in_storage(aborted)
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Usage, OPERATION, "this producer is closed")
}
