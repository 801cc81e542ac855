//! Appending objects to a partition, beside other producers and processes.
//!
//! An object is put under the offset at which the log ends, if there is none of that name. Whoever is refused looks who
//! was there: itself, with an answer that was lost, or another producer, behind which it tries again.
//!
//! Why that is enough without a lock: the name is the end, and a store gives a name to one writer only. Two writers that
//! see the same end want the same name; the one that is refused moves its batches behind the other's object, whose
//! metadata say where that ends. So the objects form a chain without holes, whoever dies in between.
//!
//! What makes it hard is the network. A put that ends without an answer may have taken place, take place later, or
//! never; and it must be written exactly once. So each object carries its writer and a number that no other has:
//!
//! ```text
//!            ┌───────── End::At(tail) ◀────────────────────────────────────────────┐
//!            ▼                                                                     │
//!   put if absent ─ written ─▶ is the tail still believed? ─ yes ──▶ appended      │
//!      │      │                        └─ no: does it follow? ─ yes ─▶ appended    │
//!      │      │                                          └─ no: delete it ────────▶┤
//!      │      └──── refused ─▶ whose is it? ─ mine ──▶ appended                    │
//!      │                           ▲  │  └─ another's: its end is the tail now ───▶┤
//!      │                           │  └─ gone, nothing in doubt: look anew ───────▶┤
//!      └── no answer ─▶ in doubt ──┘  └─ gone, and in doubt ─▶ failed: not known   │
//!                          └─ the trust is over, nobody is there, the end is as it was ┘
//! ```
//!
//! *The trust* ([`Appender::trust`]): an end is believed for some time without a look, because a look is a request.
//! Merging rewrites the first of several objects and deletes the others only after a grace time that is longer than any
//! trust; deleting records leaves as much. Whoever was asleep for longer may put its object under a name that was merged
//! and deleted, which the store then gives out again: so after a put that took longer than that, the object before it is
//! looked at, and where the log has gone on from another end, what was just written is deleted again.
//!
//! *In doubt*: as long as time is left, the same bytes are put under the same name, which can only be refused or be the
//! first. Where the name turns out to be taken by another, the own put has lost for good, and the next name may be tried.
//! Where it is gone, it may have been ours and merged since: that is the one case in which an error leaves open whether
//! the messages were written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafi_core::{Error, ErrorKind, Result, Retry};
use kafi_records::set_base_offset;

use crate::io::{Precondition, Put, PutRequest};
use crate::log::{Facts, PartitionLog, Tail, is_open};
use crate::topics::{Loaded, ObjectTopics};

/// How long moving the log start may take, which nobody waits for.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The pauses between attempts whose outcome is not known.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// An object that is ready to be written.
pub(crate) struct NewObject {
    /// Record batches, one after another; what is left of them afterwards is only memory.
    pub(crate) bytes: Vec<u8>,
    /// Where each batch begins, and its base offset: counted from the object's, unless offsets are kept.
    pub(crate) batches: Vec<(usize, i64)>,
    /// The offset of its first record; 0 unless offsets are kept.
    pub(crate) first_offset: i64,
    /// The offset after its last record, counted from the object's, unless offsets are kept.
    pub(crate) next_offset: i64,
    pub(crate) min_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) keep_offsets: bool,
}

/// Where an object was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The name of the object, which is the offset of its first record unless offsets are kept.
    pub(crate) base: i64,
    /// The offset after its last record.
    pub(crate) end: i64,
}

/// Appends to one partition, one object after the other.
pub(crate) struct Appender {
    log: PartitionLog,
    writer: Arc<str>,
    /// How long it is believed where the log ends without a look. Others merge and delete, but leave more time than
    /// this in between.
    trust: Duration,
    sequences: Arc<AtomicU64>,
    trouble: Trouble,
    /// The number of the last object.
    sequence: u64,
    /// Where the log ends, and when that was so.
    known: Option<(Tail, Instant)>,
}

impl Appender {
    /// Appends as `writer`, a name that nobody else has, whose objects `sequences` counts.
    pub(crate) fn new(
        log: PartitionLog,
        writer: &Arc<str>,
        sequences: &Arc<AtomicU64>,
        trouble: &Trouble,
        trust: Duration,
    ) -> Self {
        Self {
            log,
            writer: Arc::clone(writer),
            trust,
            sequences: Arc::clone(sequences),
            trouble: trouble.clone(),
            sequence: 0,
            known: None,
        }
    }

    /// Writes an object at the end of the log. An error that leaves open whether it was written comes only after
    /// `deadline`.
    pub(crate) fn append(&mut self, object: &mut NewObject, deadline: Instant) -> Result<Appended> {
        // A number that nobody had before, also if the last object failed and may still arrive.
        self.sequence = self.sequences.fetch_add(1, Ordering::Relaxed) + 1;
        let mut bytes = Bytes::new();
        let appended = self.append_numbered(object, &mut bytes, deadline);
        if let Ok(memory) = bytes.try_into_mut() {
            object.bytes = memory.into();
        }
        match appended {
            Ok(_) => self.trouble.end(),
            Err(_) => self.known = None,
        }
        appended
    }

    fn append_numbered(&mut self, object: &mut NewObject, bytes: &mut Bytes, deadline: Instant) -> Result<Appended> {
        // Where a put may have taken place without an answer.
        let mut open_at = None;
        let mut pause = PAUSE_MIN;
        let mut bytes_base = None;
        let mut behind_others = false;
        loop {
            if open_at.is_none() && bytes_base.is_some() {
                self.log.check_time("append", deadline)?;
            }
            let (tail, since) = match self.end(open_at, deadline) {
                Ok(End::At(tail, since)) => (tail, since),
                Ok(End::Mine(appended)) => return Ok(self.settle(appended, object)),
                Ok(End::Unknown) => return Err(self.unknown()),
                Err(error) if is_open(&error) && self.trouble.wait(&error, &mut pause, deadline) => continue,
                Err(error) => return Err(self.explain(error, open_at)),
            };
            let appended = self.place(object, tail.end)?;
            if bytes_base != Some(tail.end) {
                // The put before is over, so the bytes are nobody else's.
                let owned =
                    if bytes.is_empty() { std::mem::take(&mut object.bytes) } else { Vec::from(std::mem::take(bytes)) };
                *bytes = Bytes::from(self.rebase(object, owned, tail.end));
                bytes_base = Some(tail.end);
            }
            match self.put(object, appended, bytes, deadline) {
                Ok(Put::Written(_)) if since.elapsed() < self.trust || self.follows(tail, deadline)? => {
                    return Ok(self.settle(appended, object));
                }
                Ok(Put::Written(_)) => {
                    // Others have gone on from a later end, into which the object of this name was merged long ago.
                    self.log.io.delete(&[self.log.key(tail.end)], deadline).map_err(|error| self.log.context(error))?;
                    (open_at, self.known) = (None, None);
                }
                Ok(Put::Refused) => match self.whose(appended, deadline) {
                    Ok(Whose::Mine) => return Ok(self.settle(appended, object)),
                    Ok(Whose::Others(next)) => {
                        open_at = None;
                        self.known = self.behind(next, &mut behind_others);
                    }
                    Ok(Whose::Gone) if open_at.is_none() => self.known = None,
                    Ok(Whose::Gone) => return Err(self.unknown()),
                    Err(error) if is_open(&error) && self.trouble.wait(&error, &mut pause, deadline) => {
                        open_at = Some(appended)
                    }
                    Err(error) => return Err(self.explain(error, Some(appended))),
                },
                Err(error) if is_open(&error) && self.trouble.wait(&error, &mut pause, deadline) => {
                    open_at = Some(appended)
                }
                Err(error) => return Err(self.explain(error, Some(appended))),
            }
        }
    }

    /// Where to put the next object.
    fn end(&mut self, open_at: Option<Appended>, deadline: Instant) -> Result<End> {
        match (self.known, open_at) {
            (Some((tail, since)), _) if since.elapsed() < self.trust => return Ok(End::At(tail, since)),
            (Some((tail, _)), Some(appended)) => return self.end_in_doubt(tail, appended, deadline),
            _ => {}
        }
        let since = Instant::now();
        let tail = self.log.tail(deadline)?;
        self.known = Some((tail, since));
        Ok(End::At(tail, since))
    }

    /// The same after a put that had no answer for a long time: did it take place?
    fn end_in_doubt(&mut self, tail: Tail, appended: Appended, deadline: Instant) -> Result<End> {
        match self.whose(appended, deadline)? {
            Whose::Mine => Ok(End::Mine(appended)),
            Whose::Others((tail, since)) => {
                self.known = Some((tail, since));
                Ok(End::At(tail, since))
            }
            Whose::Gone => {
                let since = Instant::now();
                if self.log.tail(deadline)?.end != tail.end {
                    return Ok(End::Unknown);
                }
                self.known = Some((tail, since));
                Ok(End::At(tail, since))
            }
        }
    }

    /// Who wrote the object that stands where ours was to be.
    fn whose(&self, appended: Appended, deadline: Instant) -> Result<Whose> {
        let since = Instant::now();
        let Some((facts, _)) = self.log.facts(appended.base, deadline)? else { return Ok(Whose::Gone) };
        if *facts.writer == *self.writer && facts.sequence == self.sequence {
            return Ok(Whose::Mine);
        }
        // If it was merged with those behind it, its end is still an end at which the log ended once, or a later one.
        Ok(Whose::Others((Tail { newest: Some(appended.base), end: facts.end }, since)))
    }

    /// Where to go on behind another's object: right there, but if there was another one before, a listing gets to the
    /// end faster.
    fn behind(&self, next: (Tail, Instant), again: &mut bool) -> Option<(Tail, Instant)> {
        self.log.note_tail(next.0);
        let direct = Some(next).filter(|_| !*again);
        *again = !*again;
        direct
    }

    /// Whether what was put at the end of `tail` really follows: the object before it is as it was.
    fn follows(&self, tail: Tail, deadline: Instant) -> Result<bool> {
        match tail.newest {
            Some(newest) => Ok(self.log.facts(newest, deadline)?.is_some_and(|(facts, _)| facts.end == tail.end)),
            None => Ok(self.log.start(deadline)?.0 <= tail.end),
        }
    }

    fn place(&self, object: &NewObject, end: i64) -> Result<Appended> {
        if !object.keep_offsets {
            let next = end.checked_add(object.next_offset);
            let next = next.ok_or_else(|| {
                self.log.error(ErrorKind::OutOfRange, "append", "the offsets of this partition are used up")
            })?;
            return Ok(Appended { base: end, end: next });
        }
        if object.first_offset < end {
            let message = format!("the offset {} cannot be kept, the log ends at {end} already", object.first_offset);
            let error = self.log.error(ErrorKind::OutOfRange, "append", message);
            return Err(error.hint("resume after the end of the target, or let it assign new offsets"));
        }
        Ok(Appended { base: end, end: object.next_offset })
    }

    fn rebase(&self, object: &NewObject, mut bytes: Vec<u8>, base: i64) -> Vec<u8> {
        if !object.keep_offsets {
            object.batches.iter().for_each(|(at, offset)| set_base_offset(&mut bytes[*at..], base + offset));
        }
        bytes
    }

    fn put(&self, object: &NewObject, appended: Appended, bytes: &Bytes, deadline: Instant) -> Result<Put> {
        let facts = Facts {
            end: appended.end,
            min_timestamp: object.min_timestamp,
            max_timestamp: object.max_timestamp,
            writer: self.writer.to_string(),
            sequence: self.sequence,
            merged_ms: None,
        };
        let key = self.log.key(appended.base);
        let metadata = facts.metadata(appended.base, bytes.len() as u64);
        let request =
            PutRequest { key: &key, bytes: bytes.clone(), precondition: Precondition::Absent, metadata: &metadata };
        self.log.io.put(&request, deadline).map_err(|error| self.log.context(error))
    }

    fn settle(&mut self, appended: Appended, object: &NewObject) -> Appended {
        let tail = Tail { newest: Some(appended.base), end: appended.end };
        self.known = Some((tail, Instant::now()));
        self.log.note_tail(tail);
        if appended.base == 0 && object.keep_offsets && object.first_offset > 0 {
            // So that the log begins where its first message is. It only costs readers a look at nothing if this fails.
            if let Err(error) = self.log.move_start(object.first_offset, Instant::now() + START_TIMEOUT) {
                log::warn!("{error}");
            }
        }
        appended
    }

    fn unknown(&self) -> Error {
        self.log.error(
            ErrorKind::Unavailable,
            "append",
            "it is not known whether the messages were written: there was no answer for too long",
        )
    }

    fn explain(&self, error: Error, open_at: Option<Appended>) -> Error {
        match open_at {
            Some(_) if is_open(&error) => {
                error.hint("the messages may have been written, although there was no answer")
            }
            _ => error,
        }
    }
}

enum End {
    At(Tail, Instant),
    /// The put without an answer did take place.
    Mine(Appended),
    /// Whether it did cannot be known any more.
    Unknown,
}

enum Whose {
    Mine,
    /// Another's, and where the log ended with it.
    Others((Tail, Instant)),
    /// There is no object of that name any more.
    Gone,
}

/// Why the uploads of a producer do not go on, for whoever waits for them.
#[derive(Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    /// Notes why something did not succeed, and waits a little; false if that goes beyond the deadline.
    fn wait(&self, cause: &Error, pause: &mut Duration, deadline: Instant) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause.duplicate());
        wait(pause, deadline)
    }

    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The error of whoever could not wait any longer: not yet, and why.
    pub(crate) fn not_yet(&self, storage: &str) -> Error {
        let cause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || {
            Error::new(ErrorKind::Timeout, "flush", "not everything could be written in time").with("storage", storage)
        };
        cause.as_ref().map_or_else(unknown, Error::duplicate).retry(Retry::Later)
    }
}

/// Waits a little, longer each time; false if that goes beyond the deadline.
fn wait(pause: &mut Duration, deadline: Instant) -> bool {
    if Instant::now() + *pause >= deadline {
        return false;
    }
    std::thread::sleep(*pause);
    *pause = (*pause * 2).min(PAUSE_MAX);
    true
}

/// Notices that a topic was changed or deleted while it is written to: one look at `topic.json` for all partitions that
/// are written at the same time.
pub(crate) struct TopicCheck {
    topics: ObjectTopics,
    name: Arc<str>,
    etag: String,
    /// When the last look began that found it unchanged.
    looked_at: Mutex<Option<Instant>>,
}

/// What a topic is, compared with what it was.
pub(crate) enum Checked {
    Same,
    /// Something else now, or gone.
    Changed(Option<Loaded>),
}

impl TopicCheck {
    pub(crate) fn new(topics: &ObjectTopics, name: &Arc<str>, etag: String) -> Self {
        Self { topics: topics.clone(), name: Arc::clone(name), etag, looked_at: Mutex::default() }
    }

    /// What the topic was at some time after `since`.
    pub(crate) fn look(&self, since: Instant, deadline: Instant) -> Result<Checked> {
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if looked_at.is_some_and(|looked_at| looked_at >= since) {
            return Ok(Checked::Same);
        }
        let now = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let etag = self.topics.etag(&self.name, deadline);
            let checked = etag.and_then(|etag| match etag {
                Some(etag) if etag == self.etag => Ok(Checked::Same),
                _ => self.topics.find(&self.name, deadline).map(Checked::Changed),
            });
            match checked {
                Err(error) if is_open(&error) && wait(&mut pause, deadline) => {}
                Ok(Checked::Same) => {
                    *looked_at = Some(now);
                    return Ok(Checked::Same);
                }
                checked => return checked,
            }
        }
    }
}
