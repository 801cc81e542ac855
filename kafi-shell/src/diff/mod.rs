//! `diff`: compares two topics message by message.

mod comparable;
mod ordered;
mod source;
mod unordered;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

use kafi_core::functional::{ReadOptions, plan};
use kafi_core::{Assignment, Error, ErrorKind, Record, Result, Storage};

use crate::texts::Texts;

/// One of the two topics.
#[derive(Clone, Copy)]
pub struct DiffSide<'a> {
    /// Where it is.
    pub storage: &'a dyn Storage,
    /// Its name.
    pub topic: &'a str,
    /// What its keys and values are: those with a schema are compared as the JSON that it makes of them, and so is what
    /// is said to be JSON, whatever the order of its members and the spaces between them are; the header that names a
    /// schema does not count then. `None` compares bytes.
    pub texts: Option<&'a Texts>,
}

impl<'a> DiffSide<'a> {
    /// A topic whose bytes are compared.
    pub fn new(storage: &'a dyn Storage, topic: &'a str) -> Self {
        Self { storage, topic, texts: None }
    }

    /// The same with keys and values of these types.
    pub fn texts(self, texts: &'a Texts) -> Self {
        Self { texts: Some(texts), ..self }
    }
}

/// What is compared, and how. The default compares everything, save for the names of the topics.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// What to read of both topics; `max` is how many messages are compared.
    pub read: ReadOptions,
    /// How many partitions are compared in parallel. Default: 1.
    pub threads: usize,
    /// Timestamps and their types do not count. Default: false.
    pub ignore_timestamps: bool,
    /// The n-th message of a partition is compared with the n-th, whatever their offsets are. Otherwise the offset says
    /// which messages belong together. Default: false.
    pub ignore_offsets: bool,
    /// A message may stand in any partition, and at any place. Default: false.
    pub ignore_partitions: bool,
    /// With `ignore_partitions`: of how many messages, whose like has not been seen yet, is kept what is needed to know
    /// them again (about 40 bytes each). Where that is not enough the topics are read several times. Default:
    /// 1,000,000.
    pub unmatched_max: usize,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            threads: 1,
            ignore_timestamps: false,
            ignore_offsets: false,
            ignore_partitions: false,
            unmatched_max: 1_000_000,
        }
    }
}

/// A message that is not the same on both sides, or on one of them only.
#[derive(Debug)]
pub struct Difference<'a> {
    /// The message on the left.
    pub left: Option<Record<'a>>,
    /// The message on the right.
    pub right: Option<Record<'a>>,
    /// What differs, in the order of [`DiffField`]; nothing where one side has no message.
    pub fields: Vec<DiffField>,
}

/// A part of a message that can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffField {
    /// The timestamp.
    Timestamp,
    /// Whose clock the timestamp comes from.
    TimestampType,
    /// The headers.
    Headers,
    /// The key.
    Key,
    /// The value.
    Value,
}

impl DiffField {
    /// The word of the JSON envelope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::TimestampType => "timestamp_type",
            Self::Headers => "headers",
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

/// What a comparison came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Diffed {
    /// How many messages were compared: two that belong together count once.
    pub compared: u64,
    /// How many of them differ, or are on one side only.
    pub different: u64,
    /// Whether somebody asked to stop before the end.
    pub cancelled: bool,
}

/// Compares two topics and hands every difference to `each`, in order within each partition. Both sides are read at the
/// same time and in bounded memory. Blocks until the ends that were seen at the start, the limit, a wish to stop, or a
/// `Break` of `each`. Partitions that hold nothing do not count.
///
/// # Errors
/// `NotFound` for a missing topic; `Usage` for a limit, or for failures that leave messages out, together with
/// `ignore_partitions`, and for a consumer group; `Corrupt` for what is not of its type;
/// what reading fails with, and what `each` fails with.
pub fn diff(
    left: DiffSide<'_>,
    right: DiffSide<'_>,
    options: &DiffOptions,
    each: impl FnMut(&Difference<'_>) -> Result<ControlFlow<()>> + Send,
) -> Result<Diffed> {
    if options.ignore_partitions && options.read.max.is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            "compare",
            "a limit makes no sense where messages may stand at any place",
        ));
    }
    let leaves_out = |side: DiffSide<'_>| side.texts.is_some_and(|texts| texts.failures.leaves_out());
    if options.ignore_partitions && (leaves_out(left) || leaves_out(right)) {
        return Err(Error::new(
            ErrorKind::Usage,
            "compare",
            "where messages may stand at any place they may be read several times, and none can be left out",
        ));
    }
    if options.read.group.is_some() {
        return Err(Error::new(ErrorKind::Usage, "compare", "two topics are compared without a consumer group"));
    }
    let read = ReadOptions { follow: false, max: None, ..options.read.clone() };
    let ends = |side: DiffSide<'_>| plan(side.storage, &[side.topic.to_string()], &read);
    let (left_shares, right_shares) = (ends(left)?, ends(right)?);
    let expected: i64 =
        left_shares.iter().chain(&right_shares).filter_map(|share| Some(share.end? - share.start)).sum();
    read.progress.expect(expected.max(0) as u64);
    let found = Mutex::new(Found { diffed: Diffed::default(), stopped: false, each });
    let job = Job { left, right, options, read, found: &found };
    let compared = match options.ignore_partitions {
        true => job.compare_unordered(&left_shares, &right_shares),
        false => job.compare_partitions(pairs(left_shares, right_shares)),
    };
    // Dead letters are delivered on every way out.
    let settled = [left, right].map(|side| side.texts.map_or(Ok(()), |texts| texts.failures.settle()));
    compared?;
    settled.into_iter().collect::<Result<()>>()?;
    let mut diffed = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).diffed;
    diffed.cancelled = options.read.cancel.is_cancelled();
    Ok(diffed)
}

/// What each thread needs.
struct Job<'a, F> {
    left: DiffSide<'a>,
    right: DiffSide<'a>,
    options: &'a DiffOptions,
    /// The options that both sides are read with.
    read: ReadOptions,
    found: &'a Mutex<Found<F>>,
}

/// What was found so far.
struct Found<F> {
    diffed: Diffed,
    /// Nothing more is wanted.
    stopped: bool,
    each: F,
}

impl<F: FnMut(&Difference<'_>) -> Result<ControlFlow<()>>> Found<F> {
    fn tell(&mut self, difference: &Difference<'_>) -> Result<()> {
        if self.stopped {
            return Ok(());
        }
        self.diffed.different += 1;
        self.stopped = (self.each)(difference)?.is_break();
        Ok(())
    }
}

/// What there is to read of one partition on both sides.
type Pair = (Option<Assignment>, Option<Assignment>);

fn pairs(left: Vec<Assignment>, right: Vec<Assignment>) -> Vec<Pair> {
    let mut pairs: BTreeMap<i32, Pair> = BTreeMap::new();
    for share in left {
        let pair = pairs.entry(share.partition).or_default();
        pair.0 = Some(share);
    }
    for share in right {
        let pair = pairs.entry(share.partition).or_default();
        pair.1 = Some(share);
    }
    pairs.into_values().collect()
}

/// What differs between two messages that belong together.
fn differing(left: &Record<'_>, right: &Record<'_>, ignore_timestamps: bool) -> Vec<DiffField> {
    let mut fields = Vec::new();
    let mut note = |differs: bool, field| {
        if differs {
            fields.push(field);
        }
    };
    note(!ignore_timestamps && left.timestamp != right.timestamp, DiffField::Timestamp);
    note(!ignore_timestamps && left.timestamp_type != right.timestamp_type, DiffField::TimestampType);
    note(left.headers != right.headers, DiffField::Headers);
    note(left.key != right.key, DiffField::Key);
    note(left.value != right.value, DiffField::Value);
    fields
}
