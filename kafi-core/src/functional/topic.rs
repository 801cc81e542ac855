//! Topics that are about to be read as messages: what to read is said first, then a function or an end begins to read.

use std::sync::Arc;

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::functional::{Copied, Pipe, Progress, ReadOptions, Reader};
use crate::kafi::Kafi;
use crate::message::Message;
use crate::offsets::Offsets;
use crate::record::Record;
use crate::types::{Decoder, Field, Type};

/// The messages of one or more topics, not read yet.
///
/// Its functions and ends are those of [`Pipe`], which see.
#[derive(Clone)]
#[must_use = "nothing is read until an end asks for messages"]
pub struct TopicReader<'a> {
    kafi: &'a Kafi,
    topics: Vec<String>,
    key_type: Type,
    value_type: Type,
    options: ReadOptions,
}

impl<'a> TopicReader<'a> {
    pub(crate) fn new(kafi: &'a Kafi, topics: Vec<String>) -> Self {
        let settings = kafi.settings();
        let options = kafi.read_options();
        Self { kafi, topics, key_type: settings.key_type_or(Type::Auto), value_type: settings.value_type_or(Type::Auto), options }
    }

    /// Reads keys and values as this type.
    pub fn types(self, both: Type) -> Self {
        Self { key_type: both, value_type: both, ..self }
    }

    /// Reads the keys as this type. Default: what the configuration says, else [`Type::Auto`].
    pub fn key_type(self, key_type: Type) -> Self {
        Self { key_type, ..self }
    }

    /// Reads the values as this type. Default: what the configuration says, else [`Type::Auto`].
    pub fn value_type(self, value_type: Type) -> Self {
        Self { value_type, ..self }
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
}

/// Decodes batches with the types of a topic that is read.
pub(crate) struct BatchDecoder {
    key: Box<dyn Decoder>,
    value: Box<dyn Decoder>,
}

impl BatchDecoder {
    pub(crate) fn open(kafi: &Kafi, key_type: Type, value_type: Type) -> Result<Self> {
        Ok(Self { key: kafi.codecs().decoder(key_type, Field::Key)?, value: kafi.codecs().decoder(value_type, Field::Value)? })
    }

    /// The decoded form of `record`, whose topic has this `name`; an error says which message it was.
    pub(crate) fn decode(&mut self, record: Record<'_>, name: Arc<str>) -> Result<Message> {
        let place = |error: Error| error.with("partition", record.partition).with("offset", record.offset);
        Ok(Message {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            headers: record.headers.into(),
            key: self.key.decode(&name, Field::Key, record.key).map_err(place)?,
            value: self.value.decode(&name, Field::Value, record.value).map_err(place)?,
            topic: name,
        })
    }

    /// Decodes all of `batch` to the end of `messages`.
    pub(crate) fn append(&mut self, batch: &Batch, messages: &mut Vec<Message>) -> Result<()> {
        let names: Vec<Arc<str>> = names_of(batch);
        for (record, meta) in batch.iter().zip(batch.metas()) {
            messages.push(self.decode(record, names[meta.topic as usize].clone())?);
        }
        Ok(())
    }
}

fn names_of(batch: &Batch) -> Vec<Arc<str>> {
    batch.topics().iter().map(|name| Arc::from(name.as_str())).collect()
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
            if !self.reader.read(&mut self.batch)? {
                return Ok(None);
            }
            self.names = names_of(&self.batch);
        }
        let index = self.at;
        self.at += 1;
        let name = self.names[self.batch.metas()[index].topic as usize].clone();
        self.decoder.decode(self.batch.get(index), name).map(Some)
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
