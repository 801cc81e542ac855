//! The user's handle on a storage: shell verbs, functions over messages, producers, and consumers in a few letters.

mod add_ons;
mod administration;
mod join;
mod registry;
mod topic_consumer;
mod topic_producer;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::functional::{Copied, Failures, Place, ReadOptions, TopicReader};
use kafi_core::{
    Admin, Codecs, Isolation, Message, NewTopic, Position, Result, Serdes, Settings, Storage, Topic, TopicPartition,
    Watermarks,
};
use kafi_serde::registry::Registry;

use crate::{self as shell, CopyOptions, Counts, DiffOptions, DiffSide, Diffed, Glob, GrepOptions, Pattern, Texts};

pub use join::Join;
pub use registry::subject_name;
pub use topic_consumer::TopicConsumer;
pub use topic_producer::{Outgoing, TopicProducer};

/// How long a question to the storage may take, where the user did not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A storage with its settings. Cheap to clone; clones share the connection, not the settings.
///
/// Everything blocks until it is done, and reads to the end that is seen at the start.
#[derive(Clone)]
pub struct Kafi {
    place: Place,
    registry: Option<Arc<dyn Registry>>,
}

impl From<&Kafi> for Place {
    fn from(kafi: &Kafi) -> Self {
        kafi.place.clone()
    }
}

impl Kafi {
    /// A handle on `storage`.
    pub fn new(storage: Arc<dyn Storage>, settings: Settings) -> Self {
        Self { place: Place::new(storage, settings), registry: None }.with_codecs(codecs(None))
    }

    /// The same with other codecs, which may know more types.
    pub fn with_codecs(mut self, codecs: Arc<dyn Codecs>) -> Self {
        self.place.codecs = codecs;
        self
    }

    /// The storage, with codecs and settings.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The storage.
    pub fn storage(&self) -> &dyn Storage {
        self.place.storage.as_ref()
    }

    /// The storage, shared with this handle.
    pub fn shared_storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.place.storage)
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.place.settings
    }

    /// The settings, to change them from here on.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.place.settings
    }

    /// The codecs.
    pub fn codecs(&self) -> &dyn Codecs {
        self.place.codecs.as_ref()
    }

    /// An admin client.
    ///
    /// # Errors
    /// Those of [`Storage::admin`].
    pub fn admin(&self) -> Result<Box<dyn Admin>> {
        self.storage().admin()
    }

    /// The names of the topics, sorted, without internal ones.
    ///
    /// # Errors
    /// Those of [`TopicAdmin::topics`](kafi_core::TopicAdmin::topics).
    pub fn ls(&self) -> Result<Vec<String>> {
        let topics = self.topics()?;
        Ok(topics.into_iter().filter(|topic| !topic.internal).map(|topic| topic.name).collect())
    }

    /// The names of the topics that a glob matches (`orders-*`, `{a,b}`, `v[0-9]`), sorted, without internal ones; a name
    /// that is no glob means itself, whether there is such a topic or not.
    ///
    /// ```
    /// # fn all_orders(c: &kafi_shell::Kafi) -> kafi_core::Result<u64> {
    /// let topics = c.matching("orders-*")?;
    /// c.topics_named(&topics).foldl(0, |count, _| Ok(count + 1))
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Usage` for a bad glob; those of [`TopicAdmin::topics`](kafi_core::TopicAdmin::topics).
    pub fn matching(&self, pattern: &str) -> Result<Vec<String>> {
        if !Glob::is_glob(pattern) {
            return Ok(vec![pattern.to_string()]);
        }
        Glob::parse(pattern)?.topics(self.admin()?.as_mut(), false, TIMEOUT)
    }

    /// All topics with their partitions, sorted by name.
    ///
    /// # Errors
    /// Those of [`TopicAdmin::topics`](kafi_core::TopicAdmin::topics).
    #[doc(alias("ll", "l"))]
    pub fn topics(&self) -> Result<Vec<Topic>> {
        self.place.topics(&[])
    }

    /// Whether there is a topic of this name.
    ///
    /// # Errors
    /// Those of [`TopicAdmin::topics`](kafi_core::TopicAdmin::topics).
    pub fn exists(&self, topic: &str) -> Result<bool> {
        self.place.exists(topic)
    }

    /// Makes a topic with everything at the storage's defaults, save for the setting `retention.ms` if that was
    /// changed.
    ///
    /// # Errors
    /// Those of [`TopicAdmin::create_topic`](kafi_core::TopicAdmin::create_topic).
    pub fn touch(&self, topic: &str) -> Result<()> {
        self.create(&NewTopic::new(topic))
    }

    /// Makes a topic. The setting `retention.ms` counts, if it was changed and the topic does not say otherwise.
    ///
    /// # Errors
    /// Those of [`TopicAdmin::create_topic`](kafi_core::TopicAdmin::create_topic).
    pub fn create(&self, topic: &NewTopic) -> Result<()> {
        self.place.create(topic, None)
    }

    /// The same, blocking up to `timeout`.
    ///
    /// # Errors
    /// Those of [`TopicAdmin::create_topic`](kafi_core::TopicAdmin::create_topic).
    pub fn create_within(&self, topic: &NewTopic, timeout: Duration) -> Result<()> {
        self.place.create(topic, Some(timeout))
    }

    /// Deletes a topic with all its messages, or all topics that a glob [matches](Kafi::matching), one after another up to
    /// the first that cannot be deleted.
    ///
    /// # Errors
    /// Those of [`matching`](Kafi::matching) and [`TopicAdmin::delete_topic`](kafi_core::TopicAdmin::delete_topic).
    #[doc(alias = "delete")]
    pub fn rm(&self, pattern: &str) -> Result<()> {
        let (topics, mut admin) = (self.matching(pattern)?, self.admin()?);
        topics.iter().try_for_each(|topic| admin.delete_topic(topic, TIMEOUT))
    }

    /// The offsets that each partition of a topic holds, or of all topics that a glob [matches](Kafi::matching).
    ///
    /// # Errors
    /// Those of [`matching`](Kafi::matching) and [`OffsetAdmin::watermarks`](kafi_core::OffsetAdmin::watermarks).
    pub fn watermarks(&self, pattern: &str) -> Result<Vec<Watermarks>> {
        let (topics, mut admin) = (self.matching(pattern)?, self.admin()?);
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let topics = admin.topics(&topics, TIMEOUT)?;
        let partitions = topics.iter().flat_map(|topic| {
            let partition = |partition: i32| TopicPartition { topic: topic.name.clone(), partition };
            topic.partitions.iter().map(move |p| partition(p.partition))
        });
        admin.watermarks(&partitions.collect::<Vec<_>>(), Isolation::default(), TIMEOUT)
    }

    /// Deletes the messages before `offset` of a partition, and returns the new first offset.
    ///
    /// # Errors
    /// Those of [`OffsetAdmin::delete_records`](kafi_core::OffsetAdmin::delete_records).
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) -> Result<i64> {
        let before = [Position { topic: topic.to_string(), partition, offset }];
        let starts = self.admin()?.delete_records(&before, TIMEOUT)?;
        Ok(starts.first().map_or(offset, |start| start.offset))
    }

    /// The messages of a topic, to be read: say what of it, and then what to do with them.
    pub fn topic(&self, topic: &str) -> TopicReader {
        self.topics_named(&[topic])
    }

    /// The messages of several topics, as they come.
    pub fn topics_named(&self, topics: &[impl AsRef<str>]) -> TopicReader {
        TopicReader::new(self.place.clone(), topics.iter().map(|topic| topic.as_ref().to_string()).collect())
    }

    /// Produces messages to a topic: values, `(key, value)` pairs, or [`Outgoing`]s with more. Blocks until all are
    /// delivered, and returns how many there were.
    ///
    /// ```
    /// # fn produce(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// use kafi_core::json;
    /// c.produce("snacks", [("1", json!({"name": "cookie"})), ("2", json!({"name": "cake"}))])?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`producer`](Kafi::producer), and of what it makes; the messages before the first that fails may be
    /// written.
    pub fn produce<M: Into<Outgoing>>(&self, topic: &str, messages: impl IntoIterator<Item = M>) -> Result<u64> {
        let mut producer = self.producer(topic)?;
        messages.into_iter().try_for_each(|message| producer.produce(message))?;
        producer.close()
    }

    /// A producer to a topic.
    ///
    /// # Errors
    /// Those of [`Storage::producer`], and of [`Codecs::encoder`].
    pub fn producer(&self, topic: &str) -> Result<TopicProducer> {
        TopicProducer::open(&self.place, topic)
    }

    /// A consumer of a topic, as a member of `group`.
    ///
    /// # Errors
    /// Those of [`Storage::consumer`] and [`Consumer::subscribe`](kafi_core::Consumer::subscribe).
    pub fn consumer(&self, topic: &str, group: &str) -> Result<TopicConsumer> {
        TopicConsumer::open(&self.place, topic, group)
    }

    /// All messages of a topic, in memory; [`topic`](Kafi::topic) reads them one by one.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn cat(&self, topic: &str) -> Result<Vec<Message>> {
        self.topic(topic).collect()
    }

    /// The first `count` messages of a topic, as they are read.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn head(&self, topic: &str, count: u64) -> Result<Vec<Message>> {
        self.topic(topic).max(count).collect()
    }

    /// The `count` newest messages of a topic.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn tail(&self, topic: &str, count: u64) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        let mut decode = self.topic(topic).batch_decoder()?;
        let (topics, options) = ([topic.to_string()], self.read_options());
        shell::tail(shell::TopicsToRead::new(self.storage(), &topics, &options), count, |batch| {
            decode.append(batch, &mut messages).map(|()| ControlFlow::Continue(()))
        })?;
        Ok(messages)
    }

    /// The messages of a topic whose key or value, as the text that it is shown as, matches a regular expression, and
    /// how many were read.
    ///
    /// # Errors
    /// `Usage` for a bad expression; what reading fails with.
    pub fn grep(&self, topic: &str, pattern: &str) -> Result<(Vec<Message>, u64)> {
        let mut messages = Vec::new();
        let mut decode = self.topic(topic).batch_decoder()?;
        let options = self.read_options();
        let mut look_for = GrepOptions::new(Pattern::new(pattern, false)?);
        look_for.texts = Texts::of(&self.place, &Serdes::default(), Failures::stop())?;
        shell::grep(shell::TopicsToRead::new(self.storage(), &[topic.to_string()], &options), &look_for, |batch| {
            decode.append(batch, &mut messages).map(|()| ControlFlow::Continue(()))
        })?;
        Ok((messages, options.progress.read()))
    }

    /// Counts the messages and bytes of a topic.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn wc(&self, topic: &str) -> Result<Counts> {
        let (counts, _) =
            shell::wc(shell::TopicsToRead::new(self.storage(), &[topic.to_string()], &self.read_options()))?;
        Ok(counts.into_values().fold(Counts::default(), |mut all, of_topic| {
            all += of_topic;
            all
        }))
    }

    /// Copies a topic, byte for byte; a missing target is made. For a copy with functions see [`topic`](Kafi::topic)
    /// and [`Pipe::to`](kafi_core::functional::Pipe::to).
    ///
    /// # Errors
    /// Those of [`shell::cp`].
    pub fn cp(&self, topic: &str, target: &Kafi, target_topic: &str) -> Result<Copied> {
        let options = CopyOptions { read: self.read_options(), ..CopyOptions::default() };
        let pairs = [(topic.to_string(), target_topic.to_string())];
        Ok(shell::cp(self.storage(), target.storage(), &pairs, &options)?.copied)
    }

    /// Compares a topic with another one, message by message, and counts what differs: keys and values that have a schema
    /// by what they are decoded to. What it is and what may differ: [`shell::diff`].
    ///
    /// # Errors
    /// Those of [`shell::diff`].
    pub fn diff(&self, topic: &str, other: &Kafi, other_topic: &str) -> Result<Diffed> {
        let options = DiffOptions { read: self.read_options(), ..DiffOptions::default() };
        let texts = |kafi: &Self| Texts::new(&kafi.place, Serdes::default(), Failures::stop());
        let (ours, theirs) = (texts(self), texts(other));
        let side = DiffSide::new(self.storage(), topic).texts(&ours);
        let other_side = DiffSide::new(other.storage(), other_topic).texts(&theirs);
        shell::diff(side, other_side, &options, |_| Ok(ControlFlow::Continue(())))
    }

    /// How this handle reads, by its settings.
    pub fn read_options(&self) -> ReadOptions {
        self.place.read_options()
    }
}

/// The codecs of a storage: all types that this build knows.
#[cfg(feature = "serde")]
fn codecs(registry: Option<Arc<dyn Registry>>) -> Arc<dyn Codecs> {
    Arc::new(kafi_serde::SchemaCodecs::new(registry))
}

#[cfg(not(feature = "serde"))]
fn codecs(_registry: Option<Arc<dyn Registry>>) -> Arc<dyn Codecs> {
    Arc::new(kafi_core::PlainCodecs)
}
