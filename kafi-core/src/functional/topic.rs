//! Topics that are about to be read as messages: what to read is said first, then a function or an end begins to read.

use std::sync::Arc;

use crate::batch::Batch;
use crate::consumer::Position;
use crate::error::Result;
use crate::functional::ledger::done_with;
use crate::functional::reader::Next;
use crate::functional::stage::{Done, Stage, Step};
use crate::functional::{
    BatchDecoder, Copied, GroupUse, Pipe, Place, Progress, ReadOptions, Reader, Target, topic_names,
};
use crate::message::Message;
use crate::offsets::Offsets;
use crate::schema::Serdes;
use crate::types::Type;

/// The messages of one or more topics, not read yet.
///
/// Its functions and ends are those of [`Pipe`], which see; a `for` loop is one of them.
#[derive(Clone)]
#[must_use = "nothing is read until an end asks for messages"]
pub struct TopicReader {
    place: Place,
    topics: Vec<String>,
    serdes: Serdes,
    options: ReadOptions,
}

impl TopicReader {
    /// The messages of `topics` at `place`, read by its settings.
    pub fn new(place: Place, topics: Vec<String>) -> Self {
        let options = place.read_options();
        Self { place, topics, serdes: Serdes::default(), options }
    }

    /// Reads keys and values as this type.
    pub fn types(self, both: Type) -> Self {
        self.key_type(both).value_type(both)
    }

    /// Reads the keys as this type. Default: what the configuration says, else [`Type::Auto`].
    pub fn key_type(mut self, key_type: Type) -> Self {
        self.serdes.key.type_ = Some(key_type);
        self
    }

    /// Reads the values as this type. Default: what the configuration says, else [`Type::Auto`].
    pub fn value_type(mut self, value_type: Type) -> Self {
        self.serdes.value.type_ = Some(value_type);
        self
    }

    /// Reads the keys by this schema: `@` and a file, the path of a file, or its text. Default: the one that they name.
    pub fn key_schema(mut self, schema: impl Into<String>) -> Self {
        self.serdes.key.schema.schema = Some(schema.into());
        self
    }

    /// Reads the values by this schema, likewise.
    pub fn value_schema(mut self, schema: impl Into<String>) -> Self {
        self.serdes.value.schema.schema = Some(schema.into());
        self
    }

    /// Reads the keys by the schema that has this id in the registry. Default: the one that they name.
    pub fn key_schema_id(mut self, id: u32) -> Self {
        self.serdes.key.schema.id = Some(id);
        self
    }

    /// Reads the values by the schema that has this id in the registry, likewise.
    pub fn value_schema_id(mut self, id: u32) -> Self {
        self.serdes.value.schema.id = Some(id);
        self
    }

    /// Changes any other choice of types and schemas.
    pub fn serdes(mut self, change: impl FnOnce(&mut Serdes)) -> Self {
        change(&mut self.serdes);
        self
    }

    /// Stops after this many messages in all.
    pub fn max(mut self, messages: u64) -> Self {
        self.options.max = Some(messages);
        self
    }

    /// Reads only the messages with exactly these bytes as key.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.options.key = Some(key.into());
        self
    }

    /// Reads only these partitions.
    pub fn partitions(mut self, partitions: &[i32]) -> Self {
        self.options.partitions = Some(partitions.to_vec());
        self
    }

    /// Reads from where to where, in the words of the command line: `start`, `end`, `17`, `-10`, `5:8`, `@-1h`, `0=17`.
    ///
    /// # Errors
    /// `Usage` for anything else.
    pub fn offsets(mut self, specs: &[&str]) -> Result<Self> {
        self.options.offsets = Offsets::parse(specs, false)?;
        Ok(self)
    }

    /// Goes on at the end, for ever.
    pub fn follow(mut self) -> Self {
        self.options.follow = true;
        self
    }

    /// Changes any other option.
    pub fn options(mut self, change: impl FnOnce(&mut ReadOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Where it is read.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The topics that are read.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// What of them is read, and how.
    pub fn read_options(&self) -> &ReadOptions {
        &self.options
    }

    /// The messages as a pipe. Nothing is read, and no server is asked, before the first message is wanted.
    pub fn messages(self) -> Pipe<Message> {
        let progress = self.options.progress.clone();
        let (place, topics) = (self.place.clone(), self.topics.clone());
        Pipe::new(Source { topic: self, state: State::Unopened }, progress, move || place.partitions_max(&topics))
    }

    /// Decodes batches that come another way with this topic's types.
    ///
    /// # Errors
    /// Those of [`BatchDecoder::open`].
    pub fn batch_decoder(&self) -> Result<BatchDecoder> {
        BatchDecoder::open(&self.place, &self.serdes)
    }

    /// See [`Pipe::map`].
    pub fn map<U: 'static>(self, function: impl FnMut(Message) -> Result<U> + Send + 'static) -> Pipe<U> {
        self.messages().map(function)
    }

    /// See [`Pipe::filter`].
    #[doc(alias = "grep_fun")]
    pub fn filter(self, function: impl FnMut(&Message) -> Result<bool> + Send + 'static) -> Pipe<Message> {
        self.messages().filter(function)
    }

    /// See [`Pipe::flatmap`].
    pub fn flatmap<I>(self, function: impl FnMut(Message) -> Result<I> + Send + 'static) -> Pipe<I::Item>
    where
        I: IntoIterator<Item: 'static, IntoIter: Send> + 'static,
    {
        self.messages().flatmap(function)
    }

    /// See [`Pipe::foldl`].
    ///
    /// # Errors
    /// As there.
    pub fn foldl<A>(self, initial: A, function: impl FnMut(A, Message) -> Result<A>) -> Result<A> {
        self.messages().foldl(initial, function)
    }

    /// See [`Pipe::foreach`].
    ///
    /// # Errors
    /// As there.
    pub fn foreach(self, function: impl FnMut(Message) -> Result<()>) -> Result<u64> {
        self.messages().foreach(function)
    }

    /// See [`Pipe::collect`].
    ///
    /// # Errors
    /// As there.
    pub fn collect(self) -> Result<Vec<Message>> {
        self.messages().collect()
    }

    /// See [`Pipe::zip_foldl`].
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "diff_fun")]
    pub fn zip_foldl<A>(
        self,
        other: TopicReader,
        initial: A,
        function: impl FnMut(A, Message, Message) -> Result<A>,
    ) -> Result<A> {
        self.messages().zip_foldl(other.messages(), initial, function)
    }

    /// See [`Pipe::to`].
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "cp")]
    pub fn to(self, place: impl Into<Place>, topic: &str) -> Result<Copied> {
        self.messages().to(place, topic)
    }

    /// See [`Pipe::to_target`].
    ///
    /// # Errors
    /// As there.
    pub fn to_target(self, target: Target) -> Result<Copied> {
        self.messages().to_target(target)
    }
}

impl IntoIterator for TopicReader {
    type Item = Result<Message>;
    type IntoIter = Pipe<Message>;

    fn into_iter(self) -> Pipe<Message> {
        self.messages()
    }
}

/// The first stage of a pipe.
struct Source {
    topic: TopicReader,
    state: State,
}

enum State {
    Unopened,
    Reading(Box<Reading>),
    Ended,
}

impl Stage<Message> for Source {
    fn next(&mut self) -> Result<Step<Message>> {
        match &mut self.state {
            State::Ended => Ok(Step::End),
            State::Reading(open) => open.next(),
            State::Unopened => {
                let mut open = Box::new(Reading::open(&self.topic)?);
                let next = open.next();
                self.state = State::Reading(open);
                next
            }
        }
    }

    fn finish(&mut self, done: Done) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Reading(open) => open.finish(done),
            State::Unopened | State::Ended => Ok(()),
        }
    }

    fn is_one_whole(&mut self) {
        if let Some(group) = self.topic.options.group.as_mut().filter(|group| group.usage == GroupUse::CommitDone) {
            group.usage = GroupUse::CommitAtEnd;
        }
    }
}

/// Messages that are being read and decoded.
struct Reading {
    reader: Reader,
    decoder: BatchDecoder,
    batch: Batch,
    /// The offsets behind everything before the batch.
    before: Vec<Position>,
    names: Vec<Arc<str>>,
    at: usize,
    /// Whether the last message that was handed out is being worked on.
    in_hand: bool,
    /// Whether anything was handed out since the last word that it be finished.
    is_unsettled: bool,
    /// Whether that word is the last that was said.
    settling: bool,
    logged: Logged,
}

impl Reading {
    fn open(topic: &TopicReader) -> Result<Self> {
        let Place { storage, settings, .. } = &topic.place;
        Ok(Self {
            decoder: topic.batch_decoder()?,
            // Last, since whoever has joined a group has to leave it.
            reader: Reader::open(storage.as_ref(), &topic.topics, &topic.options)?,
            batch: Batch::new(),
            before: Vec::new(),
            names: Vec::new(),
            at: 0,
            in_hand: false,
            is_unsettled: false,
            settling: false,
            logged: Logged {
                every: settings.progress_num_messages,
                next: settings.progress_num_messages,
                progress: topic.options.progress.clone(),
            },
        })
    }

    /// Whoever asks for the next message has done the work on the one before, or holds it back until it is said that
    /// all is to be finished.
    fn next(&mut self) -> Result<Step<Message>> {
        self.in_hand = false;
        loop {
            if self.at < self.batch.len() {
                return self.hand_out().map(Step::Item);
            }
            if std::mem::take(&mut self.settling) {
                if self.reader.wants_commit() {
                    self.reader.commit_for_now()?;
                }
            } else if self.reader.wants_commit() {
                return Ok(self.settle());
            }
            self.logged.look();
            self.before = self.reader.to_note().unwrap_or_default();
            self.at = 0;
            match self.reader.read_some(&mut self.batch)? {
                Next::Messages => self.names = topic_names(&self.batch),
                Next::Nothing if self.is_unsettled => return Ok(self.settle()),
                Next::Nothing => {}
                Next::End => return Ok(Step::End),
            }
        }
    }

    fn settle(&mut self) -> Step<Message> {
        (self.settling, self.is_unsettled) = (true, false);
        Step::Settle
    }

    fn hand_out(&mut self) -> Result<Message> {
        let name = self.names[self.batch.metas()[self.at].topic as usize].clone();
        self.at += 1;
        (self.in_hand, self.is_unsettled) = (true, true);
        self.decoder.decode(self.batch.get(self.at - 1), name)
    }

    fn finish(mut self, done: Done) -> Result<()> {
        let count = if done == Done::All { self.at } else { self.at - usize::from(self.in_hand) };
        if count < self.batch.len() {
            self.reader.set_done(done_with(self.before, &self.batch, count));
        }
        match done {
            Done::All | Done::AllButLast => {
                let committed = self.reader.commit_last();
                committed.and(self.reader.close())
            }
            Done::AllButFailed => {
                self.reader.abandon();
                Ok(())
            }
            Done::Nothing => {
                self.reader.abandon_all();
                Ok(())
            }
        }
    }
}

/// The line of progress that the setting `progress.num.messages` asks for.
struct Logged {
    every: u64,
    next: u64,
    progress: Arc<Progress>,
}

impl Logged {
    fn look(&mut self) {
        let read = self.progress.read();
        if self.every > 0 && read >= self.next {
            log::info!("{read} messages read");
            self.next = read - read % self.every + self.every;
        }
    }
}
