//! `cat` and `head`: every message, as it is read.

use std::ops::ControlFlow;

use kafi_core::functional::{Failures, Order, ReadOptions, Reader, plan, pump_helped, read_in_order, readers};
use kafi_core::{Batch, Error, ErrorKind, Position, Result, Storage};

use crate::through::{Outcome, Through};

/// How reading ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// The offset after the last message that was read of each partition.
    pub reached: Vec<Position>,
    /// Whether somebody asked to stop before the end.
    pub cancelled: bool,
}

/// What a verb reads.
#[derive(Clone, Copy)]
pub struct TopicsToRead<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) topics: &'a [String],
    pub(crate) options: &'a ReadOptions,
    threads: usize,
    failures: Option<&'a Failures>,
    pub(crate) through: Option<&'a Through<'a>>,
    at_once: usize,
}

impl<'a> TopicsToRead<'a> {
    /// What `options` say of these topics, by one reader.
    pub fn new(storage: &'a dyn Storage, topics: &'a [String], options: &'a ReadOptions) -> Self {
        Self { storage, topics, options, threads: 1, failures: None, through: None, at_once: 1 }
    }

    /// The same by so many readers, at most one a partition.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The same for work that leaves messages out: nothing counts as done before the dead letters of what was left out are
    /// delivered, and they are at every end.
    pub fn leaving_out(self, failures: &'a Failures) -> Self {
        Self { failures: Some(failures), ..self }
    }

    /// As [`leaving_out`](Self::leaving_out), unless somebody else was named.
    pub(crate) fn settling(self, failures: Option<&'a Failures>) -> Self {
        Self { failures: self.failures.or(failures), ..self }
    }

    /// The same, where each batch goes through `through` first, such as functions that leave out messages, or make others
    /// of them; the verb sees what comes out, and so do its limits. Where `through` fails, what came out before is still
    /// used.
    pub fn through(self, through: &'a Through<'a>) -> Self {
        Self { through: Some(through), ..self }
    }

    /// The same, where so many batches go through at once, each in a thread of its own; the verb sees what comes out in
    /// the order in which it was read. Default: one.
    pub fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// How many threads only work on what readers, so many, have read; several readers work on it themselves.
    fn helpers(&self, readers: usize) -> usize {
        if readers == 1 && self.at_once > 1 { self.at_once } else { 0 }
    }

    pub(crate) fn topics(&self) -> &'a [String] {
        self.topics
    }

    pub(crate) fn options(&self) -> &'a ReadOptions {
        self.options
    }
}

/// Hands every message that is read to `each`, batch by batch, in order within each partition. Blocks until the end, the limit, a wish to stop, or a `Break` of `each`.
///
/// # Errors
/// Those of [`Reader::open`] and [`Reader::read`], and what `each` fails with.
pub fn cat(reading: TopicsToRead<'_>, each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>) -> Result<Finished> {
    read_then(reading, |_| Ok(()), each, |_| Ok(()))
}

/// As [`cat`], where the work is done only when `then` has returned; a group's offsets are committed after it.
///
/// # Errors
/// As for [`cat`], and what `then` fails with.
pub fn cat_then(
    reading: TopicsToRead<'_>,
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    then: impl FnOnce(&Finished) -> Result<()>,
) -> Result<Finished> {
    read_then(reading, |_| Ok(()), each, then)
}

/// Hands everything that `options` ask for to `each`, in the order that they ask for, after `work` has seen it; calls
/// `then` at the end, before the last offsets are committed.
pub(crate) fn read_then(
    reading: TopicsToRead<'_>,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    then: impl FnOnce(&Finished) -> Result<()>,
) -> Result<Finished> {
    match reading.through {
        Some(through) => read_through(reading, through, work, each, then),
        None => read_plain(reading, work, each, then),
    }
}

/// The same, without what batches go through.
fn read_plain(
    reading: TopicsToRead<'_>,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    then: impl FnOnce(&Finished) -> Result<()>,
) -> Result<Finished> {
    let TopicsToRead { storage, topics, options, threads, failures, .. } = reading;
    let settle = || failures.map_or(Ok(()), Failures::settle);
    let then = |finished: &Finished| settle().and_then(|()| then(finished));
    if options.order != Order::AsRead {
        if options.joined().is_some() {
            return Err(Error::new(
                ErrorKind::Usage,
                "sort messages",
                "the partitions of a group's member come and go, and cannot be sorted",
            ));
        }
        let read = read_in_order(storage, plan(storage, topics, options)?, options, work, each);
        let reached = delivered(read, settle)?;
        let finished = Finished { reached, cancelled: options.cancel.is_cancelled() };
        return then(&finished).map(|()| finished);
    }
    let readers = readers(storage, topics, options, threads)?;
    let helpers = reading.helpers(readers.len());
    let read = pump_helped(readers, helpers, work, |batch, ()| each(batch), settle);
    finish_then(delivered(read, settle)?, options, then)
}

/// The same, where batches go through something first; the limits are those of what comes out.
fn read_through(
    reading: TopicsToRead<'_>,
    through: &Through<'_>,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    then: impl FnOnce(&Finished) -> Result<()>,
) -> Result<Finished> {
    let limit = Outcome::limit_of(reading.options);
    let is_over = limit.as_ref().is_some_and(|limit| limit.left() == 0);
    let options = ReadOptions { max: is_over.then_some(0), limit: None, ..reading.options.clone() };
    let outcome = Outcome::new(limit, reading.topics);
    read_plain(
        TopicsToRead { options: &options, through: None, ..reading },
        |batch| outcome.caught(through, batch).and_then(|()| work(batch)),
        outcome.counted(each),
        then,
    )
}

/// What was read; after a failure once the dead letters of what came before are delivered, which it does not take back.
fn delivered<T>(read: Result<T>, settle: impl Fn() -> Result<()>) -> Result<T> {
    read.inspect_err(|_| {
        if let Err(error) = settle() {
            log::error!("{error}");
        }
    })
}

/// Commits what is done, closes the readers, and says how far they came.
pub(crate) fn finish(readers: Vec<Reader>, options: &ReadOptions) -> Result<Finished> {
    finish_then(readers, options, |_| Ok(()))
}

/// As [`finish`], but the work is done only when `then` has returned.
fn finish_then(
    mut readers: Vec<Reader>,
    options: &ReadOptions,
    then: impl FnOnce(&Finished) -> Result<()>,
) -> Result<Finished> {
    let mut reached: Vec<Position> = readers.iter().flat_map(Reader::reached).collect();
    reached.sort();
    let finished = Finished { reached, cancelled: options.cancel.is_cancelled() };
    if let Err(error) = then(&finished) {
        readers.into_iter().for_each(Reader::abandon_all);
        return Err(error);
    }
    // Every reader leaves its group, also where one cannot commit.
    let committed = readers.iter_mut().map(Reader::commit_last).fold(Ok(()), Result::and);
    let closed = readers.into_iter().map(Reader::close).fold(Ok(()), Result::and);
    committed.and(closed).map(|()| finished)
}
