//! One assignment or subscription: from librdkafka's queue into batches, each partition exactly up to its end.

use std::collections::HashMap;
use std::time::Duration;

use kafi_core::{
    Batch, Error, ErrorKind, Isolation, Polled, Position, RecordMeta, Result, Retry, Span, TopicPartition,
};

use crate::error::{self, broker, local};
use crate::ffi::{Client, Deadline, Fetched, MessageRef, PartitionList, Pending, TopicHandle, cstring};
use crate::member::Member;
use crate::offsets::PendingEnds;
use crate::part::{AT_END, OPERATION, Part, lost};
use crate::retry::is_for_later;

/// How long to wait for messages before looking at what happens to brokers.
const SLICE_MS: i32 = 50;
/// How long no broker may be reached before that is an error; a restart takes less.
const OUTAGE_MAX: Duration = Duration::from_secs(60);

/// How long the question where a log starts may take.
const LOG_START_MAX: Duration = Duration::from_secs(10);
/// Where nobody knows right now, they are asked again after this long.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What ends the reading of a partition before its end; it is told at every poll from then on.
struct Failure {
    part: usize,
    code: i32,
    offset: i64,
    why: String,
    /// The log start, where the offset is not in the log any more.
    low: Option<i64>,
}

/// A partition whose next offset is not in the log, and the question where the log starts.
struct Lost {
    part: usize,
    ends: PendingEnds,
    /// So long it is asked for.
    until: Deadline,
}

/// Whether polls deliver messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// They do.
    No,
    /// They do not, but librdkafka may still fetch some.
    Wanted,
    /// Nothing is fetched either.
    Told,
}

/// How errors of partitions are treated.
#[derive(Clone, Copy)]
pub(crate) struct Tolerance {
    pub(crate) gap: bool,
    pub(crate) corrupt: bool,
}

/// A client that reads, and what it has read. Its parts are dropped in this order.
pub(crate) struct Session {
    pub(crate) fetched: Fetched,
    topics: Vec<TopicHandle>,
    pub(crate) parts: Vec<Part>,
    /// From librdkafka's topic and the partition to the index of the part.
    index: HashMap<(usize, i32), usize>,
    failure: Option<Failure>,
    lost: Option<Lost>,
    tolerance: Tolerance,
    pub(crate) member: Option<Member>,
    probe: Option<Pending>,
    /// Whether polls deliver nothing, and whether librdkafka knows that of all partitions.
    pause: Pause,
    /// Whether the bytes of headers can be read where they lie.
    knows_inner: bool,
    pub(crate) client: Client,
}

/// What one message did.
enum Step {
    Taken,
    Failed(Failure),
    /// The next offset of this part is not in the log.
    Lost(usize),
}

impl Session {
    /// Reads these partitions by themselves.
    pub(crate) fn assigned(client: Client, parts: Vec<Part>, tolerance: Tolerance) -> Result<Self> {
        let fetched = Fetched::new(client.queue());
        let mut session = Self::new(client, fetched, parts, tolerance, None);
        for index in 0..session.parts.len() {
            if !session.parts[index].done {
                session.start(index)?;
            }
        }
        Ok(session)
    }

    /// Reads what falls to a member.
    pub(crate) fn subscribed(client: Client, member: Member, tolerance: Tolerance) -> Self {
        let fetched = Fetched::new(client.member_queue());
        Self::new(client, fetched, Vec::new(), tolerance, Some(member))
    }

    fn new(client: Client, fetched: Fetched, parts: Vec<Part>, tolerance: Tolerance, member: Option<Member>) -> Self {
        let knows_inner = crate::ffi::knows_inner_message();
        Self {
            fetched,
            topics: Vec::new(),
            parts,
            index: HashMap::new(),
            failure: None,
            lost: None,
            tolerance,
            member,
            probe: None,
            pause: Pause::No,
            knows_inner,
            client,
        }
    }

    /// Fills the batch, as [`kafi_core::Consumer::poll`] says.
    ///
    /// What the group takes back is given up at the start of a poll, so that the caller has had the time to commit
    /// between two.
    pub(crate) fn poll(&mut self, batch: &mut Batch, deadline: Deadline) -> Result<Polled> {
        self.serve_member(deadline)?;
        if self.pause != Pause::No {
            return self.stay(deadline);
        }
        loop {
            if self.client.is_revoking() {
                self.take(batch)?;
                return Ok(if batch.is_empty() { Polled::Timeout } else { Polled::Records });
            }
            self.serve_member(deadline)?;
            self.take(batch)?;
            // What is left, because an error waits for its turn, comes first at the next poll.
            if batch.is_full() || (!batch.is_empty() && (self.fetched.first().is_some() || !self.fetched.fill(0))) {
                return Ok(Polled::Records);
            }
            if !batch.is_empty() {
                continue;
            }
            if let Some(failure) = &self.failure {
                return Err(self.explain(failure));
            }
            if self.lost.is_some() {
                self.find_log_start(deadline)?;
                if self.lost.is_some() && deadline.is_over() {
                    return Ok(Polled::Timeout);
                }
                continue;
            }
            if self.member.is_none() && self.parts.iter().all(|part| part.done) {
                return Ok(Polled::End);
            }
            if self.fetched.fill(deadline.left_ms(self.slice_ms())) {
                self.client.health().note_heard();
                continue;
            }
            self.watch_brokers()?;
            if deadline.is_over() {
                return Ok(Polled::Timeout);
            }
        }
    }

    /// From now on polls deliver nothing.
    pub(crate) fn pause(&mut self) {
        if self.pause == Pause::No {
            self.pause = Pause::Wanted;
        }
    }

    /// Polls deliver again.
    pub(crate) fn resume(&mut self) -> Result<()> {
        if self.pause == Pause::Told && !self.parts.is_empty() {
            self.client.resume(&PartitionList::of_positions(OPERATION, &self.positions())?);
        }
        self.pause = Pause::No;
        Ok(())
    }

    /// A poll that delivers nothing, by which the group knows that this member is there. What had been fetched is kept.
    fn stay(&mut self, deadline: Deadline) -> Result<Polled> {
        loop {
            if self.pause == Pause::Wanted && !self.parts.is_empty() {
                self.client.pause(&PartitionList::of_positions(OPERATION, &self.positions())?);
                self.pause = Pause::Told;
            }
            self.fetched.fill_one(deadline.left_ms(SLICE_MS));
            self.watch_brokers()?;
            if self.client.is_revoking() || deadline.is_over() {
                return Ok(Polled::Timeout);
            }
            self.serve_member(deadline)?;
        }
    }

    /// Whether it is at the end of what it can do.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The next offset of each partition.
    pub(crate) fn positions(&self) -> Vec<Position> {
        self.parts
            .iter()
            .map(|part| Position { topic: part.topic.to_string(), partition: part.partition, offset: part.next })
            .collect()
    }

    /// Goes on at another offset of a partition.
    pub(crate) fn seek(&mut self, position: &Position, deadline: Deadline) -> Result<()> {
        let found =
            self.parts.iter().position(|part| *part.topic == *position.topic && part.partition == position.partition);
        let Some(index) = found else {
            let error = Error::new(ErrorKind::NotFound, "seek", "this partition is not assigned");
            return Err(error.with("topic", &position.topic).with("partition", position.partition));
        };
        if position.offset < 0 {
            return Err(
                Error::new(ErrorKind::Usage, "seek", "an offset is not negative").with("offset", position.offset)
            );
        }
        self.discard(index);
        let had_failed = self.failure.take_if(|failure| failure.part == index).is_some()
            || self.lost.take_if(|lost| lost.part == index).is_some();
        let part = &mut self.parts[index];
        part.next = position.offset;
        part.done = part.end.is_some_and(|end| position.offset >= end);
        match (part.done, part.started) {
            (true, _) => Ok(()),
            (false, false) => self.start(index),
            (false, true) if had_failed => self.restart(index),
            (false, true) => {
                let list = PartitionList::of_positions("seek", std::slice::from_ref(position))?;
                self.client.seek("seek", &list, deadline)
            }
        }
    }

    /// Forgets what librdkafka's topics stand for, because the partitions changed.
    pub(crate) fn reindex(&mut self) {
        if self.pause == Pause::Told {
            self.pause = Pause::Wanted;
        }
        self.index.clear();
    }

    /// Drops what was taken and not yet delivered of a partition.
    fn discard(&mut self, index: usize) {
        let part = &self.parts[index];
        self.fetched.retain(|message| message.partition() != part.partition || message.topic() != &*part.topic);
    }

    fn start(&mut self, index: usize) -> Result<()> {
        let part = &mut self.parts[index];
        let handle = self.client.topic(OPERATION, &part.topic)?;
        handle
            .start(OPERATION, part.partition, part.next, self.fetched.queue())
            .map_err(|error| error.with("topic", &part.topic))?;
        part.started = true;
        if self.topics.iter().all(|topic| topic.id() != handle.id()) {
            self.topics.push(handle);
        }
        Ok(())
    }

    fn slice_ms(&self) -> i32 {
        match &self.member {
            Some(member) if member.is_joining() => 5,
            _ => SLICE_MS,
        }
    }

    fn serve_member(&mut self, deadline: Deadline) -> Result<()> {
        let Some(mut member) = self.member.take() else { return Ok(()) };
        let served = member.serve(self, deadline);
        self.member = Some(member);
        served
    }

    /// Moves messages into the batch until it is full or none are left.
    fn take(&mut self, batch: &mut Batch) -> Result<()> {
        let mut run = Run { knows_inner: self.knows_inner, ..Run::default() };
        while !batch.is_full() && self.failure.is_none() && self.lost.is_none() {
            let Some(message) = self.fetched.first() else { return Ok(()) };
            let step = match message.error() {
                0 => take_message(message, batch, &mut self.parts, &mut self.index, &mut run),
                code => take_error(code, message, &mut self.parts, self.tolerance),
            };
            // An error waits until the messages before it are delivered.
            if matches!(step, Err(_) | Ok(Step::Lost(_) | Step::Failed(_))) && !batch.is_empty() {
                return Ok(());
            }
            self.fetched.remove_first();
            match step? {
                Step::Taken => {}
                Step::Failed(failure) => self.failure = Some(failure),
                Step::Lost(index) => {
                    self.lost = Some(self.ask_log_start(index, Deadline::after(LOG_START_MAX))?);
                }
            }
            if let Some(index) = run.finished.take() {
                self.finish(index)?;
            }
        }
        Ok(())
    }

    /// Stops asking for messages after the end of a partition, while others go on.
    fn finish(&mut self, index: usize) -> Result<()> {
        let part = &self.parts[index];
        if self.parts.iter().all(|part| part.done) {
            return Ok(());
        }
        let mut list = PartitionList::new();
        list.add(&cstring(OPERATION, "topic", &part.topic)?, part.partition, part.next);
        self.client.pause(&list);
        Ok(())
    }

    fn ask_log_start(&self, index: usize, until: Deadline) -> Result<Lost> {
        let part = &self.parts[index];
        let partition = [TopicPartition { topic: part.topic.to_string(), partition: part.partition }];
        let ends = PendingEnds::start(&self.client, &partition, Isolation::ReadUncommitted, until, OPERATION)?;
        Ok(Lost { part: index, ends, until })
    }

    /// Goes on at the log start, where the caller allows that.
    fn find_log_start(&mut self, deadline: Deadline) -> Result<()> {
        let Some(Lost { part: index, mut ends, until }) = self.lost.take() else { return Ok(()) };
        let part = &self.parts[index];
        let partition = [TopicPartition { topic: part.topic.to_string(), partition: part.partition }];
        let low = match ends.take(&self.client, &partition, OPERATION, deadline.left_ms(SLICE_MS)) {
            Ok(None) => {
                self.lost = Some(Lost { part: index, ends, until });
                return Ok(());
            }
            Err(error) if is_for_later(&error) && !until.is_over() => {
                std::thread::sleep(ASK_AGAIN.min(deadline.left()));
                self.lost = Some(self.ask_log_start(index, until)?);
                return Ok(());
            }
            Ok(Some(ends)) => Some(ends[0].0).filter(|low| *low > part.next),
            Err(_) => None,
        };
        let offset = part.next;
        let Some(low) = low.filter(|_| self.tolerance.gap) else {
            self.failure =
                Some(Failure { part: index, code: local::AUTO_OFFSET_RESET, offset, why: String::new(), low });
            return Ok(());
        };
        log::warn!(
            "offsets {offset} to {} of {} [{}] are no longer there: going on at {low}",
            low - 1,
            part.topic,
            part.partition
        );
        let part = &mut self.parts[index];
        part.next = part.end.map_or(low, |end| low.min(end)).max(offset);
        part.done = part.end.is_some_and(|end| low >= end);
        if part.done { Ok(()) } else { self.restart(index) }
    }

    /// Starts a partition anew that librdkafka gave up.
    fn restart(&mut self, index: usize) -> Result<()> {
        let part = &self.parts[index];
        let position = Position { topic: part.topic.to_string(), partition: part.partition, offset: part.next };
        let list = PartitionList::of_positions(OPERATION, &[position])?;
        if self.member.is_none() {
            return self.start(index);
        }
        if self.client.is_cooperative() {
            self.client.unassign(OPERATION, &list)?;
            return self.client.assign_more(OPERATION, &list);
        }
        self.client.assign_all(OPERATION, &PartitionList::of_positions(OPERATION, &self.positions())?)
    }

    fn explain(&self, failure: &Failure) -> Error {
        let part = &self.parts[failure.part];
        let error = match failure.code {
            local::AUTO_OFFSET_RESET => match failure.low {
                Some(low) => lost(failure.offset, low),
                None => {
                    Error::new(ErrorKind::OutOfRange, OPERATION, format!("offset {} is not in the log", failure.offset))
                        .hint(AT_END)
                }
            },
            local::BAD_MESSAGE | local::BAD_COMPRESSION | broker::CORRUPT_MESSAGE => {
                let error = error::with_text(OPERATION, failure.code, &self.client.redact(&failure.why));
                error.with("offset", failure.offset).hint("--skip-corrupt goes on after the damage")
            }
            code => error::with_text(OPERATION, code, &self.client.redact(&failure.why)),
        };
        error.with("topic", &part.topic).with("partition", part.partition)
    }

    /// Looks at what happened to brokers, and asks whether one is there when none could be reached for long.
    fn watch_brokers(&mut self) -> Result<()> {
        self.client.note_events();
        let down = self.client.health().down_since();
        if down.is_none() {
            self.probe = None;
            return Ok(());
        }
        let probe = match self.probe.take() {
            Some(probe) => probe,
            None => self.client.start_probe(OPERATION, OUTAGE_MAX)?,
        };
        match self.client.take_probe(OPERATION, &probe) {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.probe = Some(probe);
                Ok(())
            }
            Err(error) => Err(error.retry(Retry::Later)),
        }
    }
}

/// Where the last message came from and went to, so that a run of one partition is looked up once.
#[derive(Default)]
struct Run {
    topic_id: usize,
    partition: i32,
    part: usize,
    topic: u32,
    is_set: bool,
    finished: Option<usize>,
    knows_inner: bool,
}

#[inline]
fn take_message(
    message: MessageRef<'_>,
    batch: &mut Batch,
    parts: &mut [Part],
    index: &mut HashMap<(usize, i32), usize>,
    run: &mut Run,
) -> Result<Step> {
    if !(run.is_set && run.topic_id == message.topic_id() && run.partition == message.partition()) {
        let Some(part) = find(message, parts, index) else { return Ok(Step::Taken) };
        let topic = batch.topic_index(&parts[part].topic);
        *run = Run {
            topic_id: message.topic_id(),
            partition: message.partition(),
            part,
            topic,
            is_set: true,
            finished: None,
            ..*run
        };
    }
    let part = &mut parts[run.part];
    let offset = message.offset();
    if part.done || offset < part.next {
        return Ok(Step::Taken);
    }
    if part.end.is_some_and(|end| offset >= end) {
        finish(part, run);
        return Ok(Step::Taken);
    }
    let (records, header_start, bytes) = (batch.len(), batch.header_mark(), batch.bytes());
    if let Err(code) = message.for_each_header(run.knows_inner, |header| batch.push_header(header)) {
        batch.rewind(records, header_start, bytes);
        return Ok(Step::Failed(Failure {
            part: run.part,
            code,
            offset,
            why: "the headers are damaged".into(),
            low: None,
        }));
    }
    let header_count = batch.header_mark() - header_start;
    let (timestamp, timestamp_type) = message.timestamp();
    let key = Span::append(batch.arena(), message.key());
    let value = Span::append(batch.arena(), message.value());
    batch.push_meta(RecordMeta {
        offset,
        timestamp,
        topic: run.topic,
        partition: run.partition,
        key,
        value,
        header_start,
        header_count,
        timestamp_type,
    });
    part.next = offset + 1;
    if part.end == Some(part.next) {
        finish(part, run);
    }
    Ok(Step::Taken)
}

fn finish(part: &mut Part, run: &mut Run) {
    part.done = true;
    part.next = part.end.unwrap_or(part.next).max(part.next);
    run.finished = Some(run.part);
}

fn take_error(code: i32, message: MessageRef<'_>, parts: &mut [Part], tolerance: Tolerance) -> Result<Step> {
    let found = parts.iter().position(|part| part.partition == message.partition() && *part.topic == *message.topic());
    let Some(index) = found else {
        // What is left of a partition that went, or something about the group as a whole.
        return match code {
            local::PARTITION_EOF | local::AUTO_OFFSET_RESET => Ok(Step::Taken),
            code => Err(error::with_text(OPERATION, code, &message.error_text())),
        };
    };
    let (part, offset) = (&mut parts[index], message.offset());
    if part.done {
        return Ok(Step::Taken);
    }
    match code {
        local::PARTITION_EOF => {
            part.next = part.next.max(part.end.map_or(offset, |end| offset.min(end)));
            part.done = part.end.is_some_and(|end| offset >= end);
            Ok(Step::Taken)
        }
        local::AUTO_OFFSET_RESET => Ok(Step::Lost(index)),
        local::BAD_MESSAGE | local::BAD_COMPRESSION | broker::CORRUPT_MESSAGE if tolerance.corrupt => {
            log::warn!(
                "skipping damaged messages of {} [{}] at offset {offset}: {}",
                part.topic,
                part.partition,
                message.error_text()
            );
            Ok(Step::Taken)
        }
        code => Ok(Step::Failed(Failure { part: index, code, offset, why: message.error_text(), low: None })),
    }
}

fn find(message: MessageRef<'_>, parts: &[Part], index: &mut HashMap<(usize, i32), usize>) -> Option<usize> {
    let key = (message.topic_id(), message.partition());
    if let Some(part) = index.get(&key) {
        return Some(*part);
    }
    let part =
        parts.iter().position(|part| part.partition == message.partition() && *part.topic == *message.topic())?;
    index.insert(key, part);
    Some(part)
}
