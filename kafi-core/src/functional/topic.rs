//! Topics that are about to be read as messages: what to read is said first, then a function or an end begins to read.

use std::sync::Arc;

use crate::batch::Batch;
use crate::error::Result;
use crate::functional::reader::Next;
use crate::functional::{BatchDecoder, Copied, Pipe, Progress, ReadOptions, Reader, Target, topic_names};
use crate::kafi::Kafi;
use crate::message::Message;
use crate::offsets::Offsets;
use crate::types::Type;

/// The messages of one or more topics, not read yet.
///
/// Its functions and ends are those of [`Pipe`], which see; a `for` loop is one of them.
#[derive(Clone)]
#[must_use = "nothing is read until an end asks for messages"]
pub struct TopicReader<'a> {
    kafi: &'a Kafi,
    topics: Vec<String>,
    key_type: Option<Type>,
    value_type: Option<Type>,
    options: ReadOptions,
}

impl<'a> TopicReader<'a> {
    pub(crate) fn new(kafi: &'a Kafi, topics: Vec<String>) -> Self {
        Self { kafi, topics, key_type: None, value_type: None, options: kafi.read_options() }
    }

    /// Reads keys and values as this type.
    pub fn types(self, both: Type) -> Self {
        Self { key_type: Some(both), value_type: Some(both), ..self }
    }

    /// Reads the keys as this type. Default: what the configuration says, else [`Type::Auto`].
    pub fn key_type(self, key_type: Type) -> Self {
        Self { key_type: Some(key_type), ..self }
    }

    /// Reads the values as this type. Default: what the configuration says, else [`Type::Auto`].
    pub fn value_type(self, value_type: Type) -> Self {
        Self { value_type: Some(value_type), ..self }
    }

    /// Stops after this many messages in all.
    pub fn max(mut self, messages: u64) -> Self {
        self.options.max = Some(messages);
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

    /// The messages as a pipe. Nothing is read, and no server is asked, before the first message is wanted.
    pub fn messages(self) -> Pipe<'a, Message> {
        let progress = self.options.progress.clone();
        let (kafi, topics) = (self.kafi, self.topics.clone());
        let partitions = move || kafi.partitions_max(&topics);
        let mut source = None;
        let next = move || {
            let source = match &mut source {
                Some(source) => source,
                closed => closed.insert(Source::open(&self)?),
            };
            source.next()
        };
        Pipe::new(next, progress, partitions)
    }

    /// Decodes batches that come another way with this topic's types.
    pub(crate) fn batch_decoder(&self) -> Result<BatchDecoder> {
        BatchDecoder::open(self.kafi, self.key_type, self.value_type)
    }

    /// See [`Pipe::map`].
    pub fn map<U: 'a>(self, function: impl FnMut(Message) -> Result<U> + 'a) -> Pipe<'a, U> {
        self.messages().map(function)
    }

    /// See [`Pipe::filter`].
    pub fn filter(self, function: impl FnMut(&Message) -> Result<bool> + 'a) -> Pipe<'a, Message> {
        self.messages().filter(function)
    }

    /// See [`Pipe::flatmap`].
    pub fn flatmap<I>(self, function: impl FnMut(Message) -> Result<I> + 'a) -> Pipe<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
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
    pub fn zip_foldl<A>(self, other: TopicReader<'_>, initial: A, function: impl FnMut(A, Message, Message) -> Result<A>) -> Result<A> {
        self.messages().zip_foldl(other.messages(), initial, function)
    }

    /// See [`Pipe::to`].
    ///
    /// # Errors
    /// As there.
    pub fn to(self, storage: &Kafi, topic: &str) -> Result<Copied> {
        self.messages().to(storage, topic)
    }

    /// See [`Pipe::to_target`].
    ///
    /// # Errors
    /// As there.
    pub fn to_target(self, target: Target<'_>) -> Result<Copied> {
        self.messages().to_target(target)
    }
}

impl<'a> IntoIterator for TopicReader<'a> {
    type Item = Result<Message>;
    type IntoIter = Pipe<'a, Message>;

    fn into_iter(self) -> Pipe<'a, Message> {
        self.messages()
    }
}

/// Messages that are being read and decoded.
struct Source {
    reader: Reader,
    decoder: BatchDecoder,
    batch: Batch,
    names: Vec<Arc<str>>,
    at: usize,
    logged: Logged,
}

impl Source {
    fn open(topic: &TopicReader<'_>) -> Result<Self> {
        let kafi = topic.kafi;
        let settings = kafi.settings();
        Ok(Self {
            reader: Reader::open(kafi.storage(), &topic.topics, &topic.options)?,
            decoder: topic.batch_decoder()?,
            batch: Batch::new(),
            names: Vec::new(),
            at: 0,
            logged: Logged { every: settings.progress_num_messages, next: settings.progress_num_messages, progress: topic.options.progress.clone() },
        })
    }

    fn next(&mut self) -> Result<Option<Message>> {
        if self.at == self.batch.len() {
            self.at = 0;
            self.logged.look();
            if !self.read()? {
                return Ok(None);
            }
            self.names = topic_names(&self.batch);
        }
        let index = self.at;
        self.at += 1;
        let name = self.names[self.batch.metas()[index].topic as usize].clone();
        self.decoder.decode(self.batch.get(index), name).map(Some)
    }

    /// Reads the next batch. Whoever asks for the message behind a batch has done the work on it.
    fn read(&mut self) -> Result<bool> {
        loop {
            if self.reader.wants_commit() {
                self.reader.commit_for_now()?;
            }
            match self.reader.read_some(&mut self.batch)? {
                Next::Messages => return Ok(true),
                Next::Nothing => {}
                Next::End => return self.reader.commit_last().map(|()| false),
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
