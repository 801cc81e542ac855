//! Lazy pipes: functions over messages that are applied one by one, as they are read.

use std::sync::Arc;

use crate::batch::Batch;
use crate::error::Result;
use crate::functional::{BatchEncoder, Progress, Writer};
use crate::kafi::Kafi;
use crate::message::Message;
use crate::producer::ProducerOptions;
use crate::types::Type;

/// What a copy did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The messages read.
    pub read: u64,
    /// The messages written, each of them delivered.
    pub written: u64,
}

/// A lazy sequence of items that are read, one after another, when an end asks for them: [`foldl`](Pipe::foldl), [`foreach`](Pipe::foreach),
/// [`collect`](Pipe::collect), [`zip_foldl`](Pipe::zip_foldl), [`to`](Pipe::to), or a `for` loop.
///
/// Memory stays flat however long the sequence is. Functions may fail; the first failure ends the pipe.
#[must_use = "a pipe does nothing until an end asks for its items"]
pub struct Pipe<'a, T> {
    next: Box<dyn FnMut() -> Result<Option<T>> + 'a>,
    progress: Arc<Progress>,
    partitions: Partitions<'a>,
}

/// The partition counts of the topics that are read, for a target that has to be made.
type Partitions<'a> = Box<dyn Fn() -> Result<i32> + 'a>;

impl<'a, T: 'a> Pipe<'a, T> {
    pub(crate) fn new(next: impl FnMut() -> Result<Option<T>> + 'a, progress: Arc<Progress>, partitions: impl Fn() -> Result<i32> + 'a) -> Self {
        Self { next: Box::new(next), progress, partitions: Box::new(partitions) }
    }

    /// Applies `function` to each item.
    pub fn map<U: 'a>(self, mut function: impl FnMut(T) -> Result<U> + 'a) -> Pipe<'a, U> {
        let mut next = self.next;
        Pipe { next: Box::new(move || next()?.map(&mut function).transpose()), progress: self.progress, partitions: self.partitions }
    }

    /// Keeps the items for which `function` says so.
    pub fn filter(self, mut function: impl FnMut(&T) -> Result<bool> + 'a) -> Self {
        let mut next = self.next;
        let filtered = move || {
            while let Some(item) = next()? {
                if function(&item)? {
                    return Ok(Some(item));
                }
            }
            Ok(None)
        };
        Self { next: Box::new(filtered), progress: self.progress, partitions: self.partitions }
    }

    /// Applies `function`, which makes none, one, or many out of each item.
    pub fn flatmap<I>(self, mut function: impl FnMut(T) -> Result<I> + 'a) -> Pipe<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
    {
        let mut next = self.next;
        let mut made: Option<I::IntoIter> = None;
        let flat = move || {
            loop {
                if let Some(item) = made.as_mut().and_then(Iterator::next) {
                    return Ok(Some(item));
                }
                match next()? {
                    Some(item) => made = Some(function(item)?.into_iter()),
                    None => return Ok(None),
                }
            }
        };
        Pipe { next: Box::new(flat), progress: self.progress, partitions: self.partitions }
    }

    /// Folds all items into one value, from the first to the last.
    ///
    /// # Errors
    /// What reading or `function` fails with.
    pub fn foldl<A>(mut self, initial: A, mut function: impl FnMut(A, T) -> Result<A>) -> Result<A> {
        let mut folded = initial;
        while let Some(item) = (self.next)()? {
            folded = function(folded, item)?;
        }
        Ok(folded)
    }

    /// Calls `function` with each item and returns how many there were.
    ///
    /// # Errors
    /// As for [`foldl`](Pipe::foldl).
    pub fn foreach(self, mut function: impl FnMut(T) -> Result<()>) -> Result<u64> {
        self.foldl(0, |count, item| function(item).map(|()| count + 1))
    }

    /// All items in memory.
    ///
    /// # Errors
    /// As for [`foldl`](Pipe::foldl).
    pub fn collect(self) -> Result<Vec<T>> {
        self.foldl(Vec::new(), |mut all, item| {
            all.push(item);
            Ok(all)
        })
    }

    /// Folds the pairs of this pipe's and `other`'s items, the first with the first and so on, until either ends.
    ///
    /// # Errors
    /// As for [`foldl`](Pipe::foldl).
    pub fn zip_foldl<U: 'a, A>(mut self, mut other: Pipe<'_, U>, initial: A, mut function: impl FnMut(A, T, U) -> Result<A>) -> Result<A> {
        let mut folded = initial;
        while let Some(left) = (self.next)()?
            && let Some(right) = (other.next)()?
        {
            folded = function(folded, left, right)?;
        }
        Ok(folded)
    }
}

impl<'a> Pipe<'a, Message> {
    /// Writes the messages to `topic` on `storage`, encoded as they were decoded. A missing topic is made, with as many partitions as the source
    /// has. Partitions, timestamps, and headers are those of the messages. Blocks until all are delivered.
    ///
    /// # Errors
    /// What reading, the functions, or writing fails with; writing stops at the first message that fails.
    pub fn to(self, storage: &Kafi, topic: &str) -> Result<Copied> {
        self.to_target(Target::new(storage, topic))
    }

    /// As [`to`](Pipe::to), with the types of the target chosen.
    ///
    /// # Errors
    /// As for [`to`](Pipe::to).
    pub fn to_target(mut self, target: Target<'_>) -> Result<Copied> {
        target.storage.touch_if_missing(target.topic, || (self.partitions)())?;
        let read_before = self.progress.read();
        let storage = target.storage;
        let mut encoder = BatchEncoder::open(storage, target.topic, target.key_type, target.value_type)?;
        let mut writer = Writer::open(storage.storage(), &ProducerOptions::default(), self.progress.clone())?;
        let mut batch = Batch::with_limits(storage.settings().produce_batch_size, Batch::BYTES_MAX);
        while let Some(message) = (self.next)()? {
            encoder.push(message, &mut batch)?;
            if batch.is_full() {
                writer.write(&batch)?;
                batch.clear();
            }
        }
        writer.write(&batch)?;
        let written = writer.close(storage.settings().flush_timeout)?;
        Ok(Copied { read: self.progress.read() - read_before, written })
    }
}

impl<T> Iterator for Pipe<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        (self.next)().transpose()
    }
}

/// Where a pipe of messages ends.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    storage: &'a Kafi,
    topic: &'a str,
    key_type: Type,
    value_type: Type,
}

impl<'a> Target<'a> {
    /// `topic` on `storage`, with every key and value written as what it is.
    pub fn new(storage: &'a Kafi, topic: &'a str) -> Self {
        Self { storage, topic, key_type: Type::Auto, value_type: Type::Auto }
    }

    /// Writes the keys as this type.
    pub fn key_type(self, key_type: Type) -> Self {
        Self { key_type, ..self }
    }

    /// Writes the values as this type.
    pub fn value_type(self, value_type: Type) -> Self {
        Self { value_type, ..self }
    }
}
