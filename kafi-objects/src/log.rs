//! The log of a partition as objects: their names, what is known of each, and where the log begins and ends.
//!
//! The objects form a chain: each is named by the offset at which the one before it ends. Two rules let everybody find
//! their way with few requests: the object with the greatest name is never deleted and never merged into another, and
//! an object that is merged into an earlier one is deleted only after a grace time. So an offset at which a log ended
//! once is still its end if a listing from the newest known object on shows nothing new.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafi_core::{Error, ErrorKind, Result, Retry};
use kafi_fs::emulated::segment_name::segment_base;
use kafi_records::BatchHeader;
use serde::{Deserialize, Serialize};

use crate::io::{ObjectIo, ObjectStat, Precondition, Put, PutRequest, get_small, list};

/// How often a put is made again whose answer was lost, and the first pause in between.
const PUT_ATTEMPTS: u32 = 4;
const PUT_PAUSE: Duration = Duration::from_millis(50);

/// The most that `head.json` and `start.json` may have: they hold a number or two.
const NUMBERS_BYTES_MAX: u64 = 64 << 10;

/// A partition of a topic in a store of objects.
#[derive(Clone)]
pub(crate) struct PartitionLog {
    pub(crate) io: Arc<dyn ObjectIo>,
    pub(crate) topic: Arc<str>,
    /// The id of the topic: another topic of the same name is another log.
    pub(crate) topic_id: Arc<str>,
    pub(crate) partition: i32,
    prefix: String,
    tails: Tails,
}

/// The newest ends that this process has seen, by topic id and partition.
#[derive(Clone, Default)]
pub(crate) struct Tails(Arc<Mutex<KnownTails>>);

type KnownTails = HashMap<(Arc<str>, i32), Tail>;

/// Where a log ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Tail {
    /// The name of the newest object, if there is one.
    #[serde(rename = "object")]
    pub(crate) newest: Option<i64>,
    /// The offset after the last.
    pub(crate) end: i64,
}

/// The offsets that a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// An object of a log, as a listing tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) offset: i64,
    pub(crate) len: u64,
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(crate) names: Vec<Name>,
    /// After which key there is more.
    pub(crate) more: Option<String>,
}

/// What is known of the records of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The offset after the last record.
    pub(crate) end: i64,
    pub(crate) min_timestamp: i64,
    pub(crate) max_timestamp: i64,
    /// Who wrote it, and as its which object.
    pub(crate) writer: String,
    pub(crate) sequence: u64,
    /// When others were merged into it; milliseconds since 1970.
    pub(crate) merged_ms: Option<i64>,
}

impl Facts {
    /// The metadata of an object of `len` bytes that is named `name`.
    pub(crate) fn metadata(&self, name: i64, len: u64) -> Vec<(&'static str, String)> {
        let mut metadata = vec![
            ("end", self.end.to_string()),
            ("mintime", self.min_timestamp.to_string()),
            ("maxtime", self.max_timestamp.to_string()),
            ("writer", self.writer.clone()),
            ("sequence", self.sequence.to_string()),
        ];
        metadata.extend(self.merged_ms.map(|merged| ("merged", merged.to_string())));
        metadata.push(("check", self.check(name, len)));
        metadata
    }

    /// A checksum, so that metadata which were changed, or belong to another object, or to more of it, are not
    /// believed.
    fn check(&self, name: i64, len: u64) -> String {
        let Self { end, min_timestamp, max_timestamp, writer, sequence, merged_ms } = self;
        let text = format!("{name} {len} {end} {min_timestamp} {max_timestamp} {writer} {sequence} {merged_ms:?}");
        format!("{:08x}", crc32c::crc32c(text.as_bytes()))
    }

    /// What the metadata say of the object that is named `name`; `None` where another program left them out, or they
    /// cannot be true.
    pub(crate) fn of(stat: &ObjectStat, name: i64) -> Option<Self> {
        let value = |name: &str| stat.metadata.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let number = |name: &str| value(name)?.parse::<i64>().ok();
        let facts = Self {
            end: number("end").filter(|end| *end > name)?,
            min_timestamp: number("mintime")?,
            max_timestamp: number("maxtime")?,
            writer: value("writer")?.to_string(),
            sequence: value("sequence")?.parse().ok()?,
            merged_ms: number("merged"),
        };
        // Those that were written before there was a checksum have none.
        Some(facts).filter(|facts| value("check").is_none_or(|check| check == facts.check(name, stat.len)))
    }

    /// What the bytes of the object that is named `name` say.
    ///
    /// # Errors
    /// `Corrupt` for what is not batches that follow each other.
    pub(crate) fn of_bytes(bytes: &[u8], name: i64) -> Result<Self> {
        let mut facts = Self { end: name, min_timestamp: i64::MAX, max_timestamp: i64::MIN, ..Self::default() };
        let mut rest = bytes;
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest)?
                .filter(|header| header.total_bytes() <= rest.len() && header.base_offset >= facts.end);
            let header = header.ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, "read object", "its batches are not whole, or not in order")
            })?;
            facts.add(&header);
            rest = &rest[header.total_bytes()..];
        }
        Ok(facts)
    }

    /// Takes note of one more batch.
    pub(crate) fn add(&mut self, header: &BatchHeader) {
        self.end = header.next_offset();
        self.min_timestamp = self.min_timestamp.min(header.base_timestamp);
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }
}

impl PartitionLog {
    pub(crate) fn new(
        io: &Arc<dyn ObjectIo>,
        tails: &Tails,
        topic: &Arc<str>,
        topic_id: &Arc<str>,
        partition: i32,
    ) -> Self {
        let prefix = format!("topics/{topic}/{topic_id}/{partition}/");
        let (io, tails, topic, topic_id) = (Arc::clone(io), tails.clone(), Arc::clone(topic), Arc::clone(topic_id));
        Self { io, topic, topic_id, partition, prefix, tails }
    }

    /// The key of the object that begins at `offset`.
    pub(crate) fn key(&self, offset: i64) -> String {
        format!("{}{offset:020}.log", self.prefix)
    }

    /// A key right before that of the object that begins at `offset`.
    pub(crate) fn before(&self, offset: i64) -> String {
        format!("{}{offset:020}", self.prefix)
    }

    /// The key of something that belongs to the partition beside its objects.
    pub(crate) fn beside(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The names that a listing after `after` shows. Offsets have at most 19 digits, so that all names begin with a
    /// zero, and nothing else does.
    pub(crate) fn page(&self, after: &str, deadline: Instant) -> Result<Page> {
        let mut after = after.to_string();
        loop {
            let listing =
                list(&*self.io, &self.beside("0"), &after, false, deadline).map_err(|error| self.context(error))?;
            let more = listing.objects.last().map(|last| last.key.clone()).filter(|_| listing.more);
            let name = |key: &str| segment_base(key.strip_prefix(&self.prefix)?);
            let names: Vec<Name> = listing
                .objects
                .iter()
                .filter_map(|object| Some(Name { offset: name(&object.key)?, len: object.len }))
                .collect();
            match more {
                // A page of foreign objects.
                Some(last) if names.is_empty() => after = last,
                more => return Ok(Page { names, more }),
            }
        }
    }

    /// The log start that deleting records set; 0 where nothing was deleted. Together with what stands there.
    pub(crate) fn start(&self, deadline: Instant) -> Result<(i64, Option<ObjectStat>)> {
        let key = self.beside("start.json");
        let mut bytes = Vec::new();
        let stat =
            get_small(&*self.io, &key, NUMBERS_BYTES_MAX, &mut bytes, deadline).map_err(|error| self.context(error))?;
        let Some(stat) = stat else { return Ok((0, None)) };
        let start: Start = serde_json::from_slice(&bytes).map_err(|error| {
            let hint = "write {\"start\": N} into that object, or delete it to read from the first object on";
            let error = Error::new(ErrorKind::Corrupt, "read log start", "there is no offset in the object")
                .source(error)
                .hint(hint);
            self.context(error).with("object", self.io.display(&key))
        })?;
        Ok((start.start.max(0), Some(stat)))
    }

    /// Moves the log start to `start`, unless it lies behind it already. Returns the log start.
    pub(crate) fn move_start(&self, start: i64, deadline: Instant) -> Result<i64> {
        let key = self.beside("start.json");
        loop {
            let (known, stat) = self.start(deadline)?;
            if known >= start {
                return Ok(known);
            }
            let bytes = serde_json::to_vec(&Start { start }).expect("a number is JSON");
            let precondition = stat.as_ref().map_or(Precondition::Absent, |stat| Precondition::Matches(&stat.etag));
            let put =
                put(&*self.io, &PutRequest { key: &key, bytes: bytes.into(), precondition, metadata: &[] }, deadline);
            if let Put::Written(_) = put.map_err(|error| self.context(error))? {
                return Ok(start);
            }
            self.check_time("delete records", deadline)?;
        }
    }

    /// The object that `head.json` calls the newest one, which may be long ago or untrue; `None` where it says nothing.
    pub(crate) fn head(&self, deadline: Instant) -> Result<Option<i64>> {
        let mut bytes = Vec::new();
        match get_small(&*self.io, &self.beside("head.json"), NUMBERS_BYTES_MAX, &mut bytes, deadline) {
            Ok(found) => Ok(found
                .and_then(|_| serde_json::from_slice::<Tail>(&bytes).ok()?.newest)
                .filter(|newest| *newest >= 0)),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            Err(error) => Err(self.context(error)),
        }
    }

    /// Writes `head.json`, which saves others the search for the end.
    pub(crate) fn write_head(&self, tail: Tail, deadline: Instant) -> Result<()> {
        let bytes: Bytes = serde_json::to_vec(&tail).expect("numbers are JSON").into();
        let request =
            PutRequest { key: &self.beside("head.json"), bytes, precondition: Precondition::None, metadata: &[] };
        self.io.put(&request, deadline).map(|_| ()).map_err(|error| self.context(error))
    }

    /// The newest end that this process has seen.
    pub(crate) fn known_tail(&self) -> Option<Tail> {
        self.tails
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(Arc::clone(&self.topic_id), self.partition))
            .copied()
    }

    pub(crate) fn note_tail(&self, tail: Tail) {
        let mut tails = self.tails.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tails.entry((Arc::clone(&self.topic_id), self.partition)).or_default();
        if known.end <= tail.end {
            *known = tail;
        }
    }

    /// Adds to an error where it happened.
    pub(crate) fn context(&self, error: Error) -> Error {
        error.with("topic", &self.topic).with("partition", self.partition)
    }

    /// An error about this partition.
    pub(crate) fn error(&self, kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Error {
        self.context(Error::new(kind, operation, message))
    }

    /// The error of those who still hold a topic that was deleted.
    pub(crate) fn deleted(&self, operation: &'static str) -> Error {
        self.error(ErrorKind::NotFound, operation, "the topic was deleted meanwhile")
    }

    pub(crate) fn check_time(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        check_time(operation, deadline).map_err(|error| self.context(error))
    }
}

/// What `start.json` holds.
#[derive(Deserialize, Serialize)]
struct Start {
    start: i64,
}

/// Puts an object, again where the answer was lost. `Refused` may be the answer to the second of two puts of which the
/// first took place.
pub(crate) fn put(io: &dyn ObjectIo, request: &PutRequest<'_>, deadline: Instant) -> Result<Put> {
    let mut pause = PUT_PAUSE;
    for attempt in 1.. {
        match io.put(request, deadline) {
            Err(error) if is_open(&error) && attempt < PUT_ATTEMPTS && Instant::now() + pause < deadline => {
                std::thread::sleep(pause);
                pause *= 2;
            }
            answer => return answer,
        }
    }
    unreachable!("the last attempt returns")
}

/// Whether an error leaves open if a write took place.
pub(crate) fn is_open(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) || error.retryable() == Retry::Later
}

/// The error as one that may pass, if all that went wrong is that the store could not be reached or was busy for as
/// long as it was tried: whoever called can go on.
pub(crate) fn not_yet(error: Error) -> Error {
    if is_passing(&error) { error.retry(Retry::Later) } else { error }
}

/// Whether the store could not be reached, or was busy: it may go on later.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
        && (error.kind() == ErrorKind::Timeout || error.retryable() != Retry::Never)
}

/// Fails once the time is over, where others change the same thing again and again.
pub(crate) fn check_time(operation: &'static str, deadline: Instant) -> Result<()> {
    if Instant::now() < deadline {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Timeout, operation, "others changed the same object all the time"))
}
