//! Lazy pipes: functions over messages that are applied one by one, as they are read.

use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::functional::stage::{BoxedStage, Done, Filter, Flatmap, Map, Stage, Step};
use crate::functional::{BatchEncoder, Place, Progress, Writer};
use crate::message::Message;
use crate::producer::ProducerOptions;
use crate::schema::Serdes;
use crate::types::Type;

/// What a copy did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The messages read.
    pub read: u64,
    /// The messages written, each of them delivered.
    pub written: u64,
}

/// A lazy sequence of items that are read, one after another, when an end asks for them: [`foldl`](Pipe::foldl),
/// [`foreach`](Pipe::foreach), [`collect`](Pipe::collect), [`zip_foldl`](Pipe::zip_foldl), [`to`](Pipe::to), or a `for`
/// loop.
///
/// Memory stays flat however long the sequence is. Functions may fail; the first failure ends the pipe, save for a
/// loop, which may go on.
///
/// Where the messages are read as a group, their offsets are committed once they are done: for `to` when all that came
/// of them is written, for `foreach` when its function has returned, for a loop when it asks for the next one, for
/// `foldl`, `collect`, and `zip_foldl` with the result. Every end leaves the group, also where it fails. A loop that
/// stops early says with [`close`](Pipe::close) that what it got is done; a pipe that is dropped commits nothing more.
#[must_use = "a pipe does nothing until an end asks for its items"]
pub struct Pipe<T> {
    stage: BoxedStage<T>,
    progress: Arc<Progress>,
    partitions: Partitions,
}

/// The partition counts of the topics that are read, for a target that has to be made.
type Partitions = Box<dyn Fn() -> Result<i32> + Send>;

impl<T: 'static> Pipe<T> {
    pub(crate) fn new(
        stage: impl Stage<T> + 'static,
        progress: Arc<Progress>,
        partitions: impl Fn() -> Result<i32> + Send + 'static,
    ) -> Self {
        Self { stage: Box::new(stage), progress, partitions: Box::new(partitions) }
    }

    fn then<U>(self, stage: impl FnOnce(BoxedStage<T>) -> BoxedStage<U>) -> Pipe<U> {
        Pipe { stage: stage(self.stage), progress: self.progress, partitions: self.partitions }
    }

    /// Applies `function` to each item.
    pub fn map<U: 'static>(self, function: impl FnMut(T) -> Result<U> + Send + 'static) -> Pipe<U> {
        self.then(|before| Box::new(Map { before, function }))
    }

    /// Keeps the items for which `function` says so.
    pub fn filter(self, function: impl FnMut(&T) -> Result<bool> + Send + 'static) -> Self {
        self.then(|before| Box::new(Filter { before, function }))
    }

    /// Applies `function`, which makes none, one, or many out of each item.
    pub fn flatmap<I>(self, function: impl FnMut(T) -> Result<I> + Send + 'static) -> Pipe<I::Item>
    where
        I: IntoIterator<Item: 'static, IntoIter: Send> + 'static,
    {
        self.then(|before| Box::new(Flatmap { before, function, made: None }))
    }

    /// Folds all items into one value, from the first to the last.
    ///
    /// # Errors
    /// What reading or `function` fails with, and committing, for a group.
    pub fn foldl<A>(mut self, initial: A, mut function: impl FnMut(A, T) -> Result<A>) -> Result<A> {
        self.stage.is_one_whole();
        let mut folded = Some(initial);
        let ended = self.each(|item| {
            let before = folded.take().expect("each call puts the next one back");
            function(before, item).map(|after| folded = Some(after))
        });
        self.end(ended, Done::Nothing)?;
        Ok(folded.expect("no call failed"))
    }

    /// Calls `function` with each item and returns how many there were.
    ///
    /// # Errors
    /// As for [`foldl`](Pipe::foldl).
    pub fn foreach(mut self, mut function: impl FnMut(T) -> Result<()>) -> Result<u64> {
        let mut count = 0;
        let ended = self.each(|item| function(item).map(|()| count += 1));
        self.end(ended, Done::AllButFailed)?;
        Ok(count)
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
    pub fn zip_foldl<U: 'static, A>(
        mut self,
        mut other: Pipe<U>,
        initial: A,
        mut function: impl FnMut(A, T, U) -> Result<A>,
    ) -> Result<A> {
        self.stage.is_one_whole();
        other.stage.is_one_whole();
        let fold = || {
            let mut folded = initial;
            loop {
                let Some(left) = self.item()? else { return Ok((folded, Done::All)) };
                // What has no partner is not done.
                let Some(right) = other.item()? else { return Ok((folded, Done::AllButLast)) };
                folded = function(folded, left, right)?;
            }
        };
        let zipped = fold();
        let left = zipped.as_ref().map_or(Done::Nothing, |(_, left)| *left);
        let right = if zipped.is_ok() { Done::All } else { Done::Nothing };
        let finished = [self.stage.finish(left), other.stage.finish(right)];
        let (folded, _) = zipped?;
        finished.into_iter().collect::<Result<()>>()?;
        Ok(folded)
    }

    /// Says that the work on everything that a loop got is done: commits that, where it is read as a group, and leaves
    /// the group. Blocks until that is so.
    ///
    /// # Errors
    /// Those of [`Reader::commit`](crate::functional::Reader::commit) and
    /// [`Reader::close`](crate::functional::Reader::close).
    pub fn close(mut self) -> Result<()> {
        self.stage.finish(Done::All)
    }
}

impl<T> Pipe<T> {
    /// The next item, whose forerunners are done.
    fn item(&mut self) -> Result<Option<T>> {
        loop {
            match self.stage.next()? {
                Step::Item(item) => return Ok(Some(item)),
                Step::Settle => {}
                Step::End => return Ok(None),
            }
        }
    }

    fn each(&mut self, mut function: impl FnMut(T) -> Result<()>) -> Result<()> {
        while let Some(item) = self.item()? {
            function(item)?;
        }
        Ok(())
    }

    /// Ends the pipe; `on_failure` says what is done where something failed. The first failure matters more than those
    /// of ending.
    fn end(&mut self, ended: Result<()>, on_failure: Done) -> Result<()> {
        let finished = self.stage.finish(if ended.is_ok() { Done::All } else { on_failure });
        ended.and(finished)
    }
}

impl Pipe<Message> {
    /// Writes the messages to `topic` at `place`, such as a handle on a storage, encoded as they were decoded. A
    /// missing topic is made, with as many partitions as the source has. Partitions, timestamps, and headers are those
    /// of the messages: also one that was read without a timestamp is written without, where one that was made without
    /// gets the current time. Blocks until all are delivered.
    ///
    /// # Errors
    /// What reading, the functions, or writing fails with; writing stops at the first message that fails. What came
    /// before a failure of reading or of a function is written.
    #[doc(alias("map_to", "flatmap_to", "filter_to", "foldl_to", "zip_foldl_to"))]
    pub fn to(self, place: impl Into<Place>, topic: &str) -> Result<Copied> {
        self.to_target(Target::new(place, topic))
    }

    /// As [`to`](Pipe::to), with the types of the target chosen.
    ///
    /// # Errors
    /// As for [`to`](Pipe::to).
    pub fn to_target(mut self, target: Target) -> Result<Copied> {
        target.place.make_if_missing(&target.topic, || (self.partitions)())?;
        let read_before = self.progress.read();
        let mut sink = Sink::open(&target, &self.progress)?;
        let written = self.write_to(&mut sink).and_then(|()| sink.settle());
        // What a function or the source failed with is no failure of what came before.
        let is_delivered = written.is_ok() || sink.settle().is_ok();
        self.end(written, if is_delivered { Done::AllButFailed } else { Done::Nothing })?;
        let written = sink.writer.close(sink.flush_timeout)?;
        Ok(Copied { read: self.progress.read() - read_before, written })
    }

    fn write_to(&mut self, sink: &mut Sink) -> Result<()> {
        loop {
            match self.stage.next()? {
                Step::Item(message) => sink.push(message)?,
                Step::Settle => sink.settle()?,
                Step::End => return Ok(()),
            }
        }
    }
}

/// What a pipe writes to.
struct Sink {
    encoder: BatchEncoder,
    writer: Writer,
    batch: Batch,
    flush_timeout: Option<Duration>,
    /// After a failure it stays one: what comes behind a message that failed is not done.
    has_failed: bool,
}

impl Sink {
    fn open(target: &Target, progress: &Arc<Progress>) -> Result<Self> {
        let place = &target.place;
        Ok(Self {
            encoder: target.batch_encoder()?,
            writer: Writer::open(
                place.storage.as_ref(),
                &ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() },
                Arc::clone(progress),
            )?,
            batch: Batch::with_limits(place.settings.produce_batch_size, Batch::BYTES_MAX),
            flush_timeout: place.settings.flush_timeout,
            has_failed: false,
        })
    }

    fn push(&mut self, message: Message) -> Result<()> {
        self.encoder.push(message, &mut self.batch)?;
        if self.batch.is_full() { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let written = self.writer.write(&self.batch);
        self.batch.clear();
        self.has_failed |= written.is_err();
        written
    }

    /// Waits until everything that was pushed is delivered.
    fn settle(&mut self) -> Result<()> {
        if self.has_failed {
            return Err(Error::new(ErrorKind::Unexpected, "write", "an earlier message was not delivered"));
        }
        self.write()?;
        let settled = self.writer.flush(self.flush_timeout);
        self.has_failed |= settled.is_err();
        settled
    }
}

impl<T> Iterator for Pipe<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        match self.item() {
            Ok(Some(item)) => Some(Ok(item)),
            Ok(None) => self.end(Ok(()), Done::All).err().map(Err),
            // A loop may leave out a message that cannot be had, and go on.
            Err(error) => Some(Err(error)),
        }
    }
}

/// Where a pipe of messages ends.
#[derive(Clone)]
pub struct Target {
    place: Place,
    topic: String,
    serdes: Serdes,
}

impl Target {
    /// `topic` at `place`, such as a handle on a storage, with every key and value written as what it is: also with the
    /// schema by which it was decoded.
    pub fn new(place: impl Into<Place>, topic: &str) -> Self {
        // A copy keeps what it reads, whatever the settings say of new messages.
        Self { place: place.into(), topic: topic.to_string(), serdes: Serdes::of(Type::Auto) }
    }

    /// Where it lies.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// What encodes messages for it.
    ///
    /// # Errors
    /// Those of [`BatchEncoder::open`].
    pub fn batch_encoder(&self) -> Result<BatchEncoder> {
        BatchEncoder::open(&self.place, &self.topic, &self.serdes, [Type::Auto; 2])
    }

    /// Writes the keys as this type.
    pub fn key_type(mut self, key_type: Type) -> Self {
        self.serdes.key.type_ = Some(key_type);
        self
    }

    /// Writes the values as this type.
    pub fn value_type(mut self, value_type: Type) -> Self {
        self.serdes.value.type_ = Some(value_type);
        self
    }

    /// Writes the keys with this schema: `@` and a file, the path of a file, or its text.
    pub fn key_schema(mut self, schema: impl Into<String>) -> Self {
        self.serdes.key.schema.schema = Some(schema.into());
        self
    }

    /// Writes the values with this schema, likewise.
    pub fn value_schema(mut self, schema: impl Into<String>) -> Self {
        self.serdes.value.schema.schema = Some(schema.into());
        self
    }

    /// Writes the keys with the schema that has this id in the registry.
    pub fn key_schema_id(mut self, id: u32) -> Self {
        self.serdes.key.schema.id = Some(id);
        self
    }

    /// Writes the values with the schema that has this id in the registry.
    pub fn value_schema_id(mut self, id: u32) -> Self {
        self.serdes.value.schema.id = Some(id);
        self
    }

    /// Changes any other choice of types and schemas.
    pub fn serdes(mut self, change: impl FnOnce(&mut Serdes)) -> Self {
        change(&mut self.serdes);
        self
    }
}
