//! Joins by the handle, with functions over messages.

use std::ops::ControlFlow;
use std::sync::Arc;

use kafi_core::functional::{BatchDecoder, Target, TopicReader};
use kafi_core::{Batch, Error, ErrorKind, Message, Record, Result, Value};

use super::Kafi;
use crate::{
    self as shell, JoinEmit, JoinHow, JoinKey, JoinOptions, JoinPair, JoinRows, JoinSide, Joined, TopicSink,
    merge_objects,
};

/// Makes the key of a message.
type KeyOf = Box<dyn FnMut(&Message) -> Result<Value> + Send>;

/// Makes a message of two, of which one may be missing.
type Projection = Box<dyn FnMut(Option<Message>, Option<Message>) -> Result<Message>>;

/// A join of two topics, which is not begun yet: say how, and then where to.
///
/// By default it is an inner join by the keys of the messages, and a pair becomes the left message with the members of the
/// right one's value in its own; where both have a member, the right one's counts.
///
/// ```
/// # fn join(c1: &kafi_shell::Kafi, c2: &kafi_shell::Kafi, c3: &kafi_shell::Kafi) -> kafi_core::Result<()> {
/// let joined = c1
///     .join("snacks", c2, "snacks_countries")
///     .left_key(|m| Ok(m.value["name"].clone()))
///     .right_key(|m| Ok(m.value["snack_name"].clone()))
///     .to(c3, "snacks_join")?;
/// assert_eq!(joined.left.read, joined.left.matched + joined.left.unmatched + joined.left.null_keys);
/// # Ok(()) }
/// ```
#[must_use = "nothing is read until it is said where to"]
pub struct Join {
    left: Side,
    right: Side,
    options: JoinOptions,
    project: Projection,
}

struct Side {
    topic: TopicReader,
    rows: JoinRows,
    key: KeyOf,
}

impl Kafi {
    /// A join of the messages of a topic with those of another one, which may be on another storage. See [`Join`].
    #[doc(alias = "join_to")]
    pub fn join(&self, topic: &str, other: &Kafi, other_topic: &str) -> Join {
        let side = |topic: TopicReader| Side { topic, rows: JoinRows::Log, key: Box::new(|m| Ok(m.key.clone())) };
        let (left, right) = (side(self.topic(topic)), side(other.topic(other_topic)));
        Join { left, right, options: JoinOptions::default(), project: Box::new(merged) }
    }
}

impl Join {
    /// Which rows come out. Default: all pairs.
    pub fn how(mut self, how: JoinHow) -> Self {
        self.options.how = how;
        self
    }

    /// What left messages are joined by: any JSON value, compared by value. Null matches nothing. The function may run in
    /// another thread. Default: their keys.
    pub fn left_key<V: Into<Value>>(mut self, mut key: impl FnMut(&Message) -> Result<V> + Send + 'static) -> Self {
        self.left.key = Box::new(move |message| key(message).map(Into::into));
        self
    }

    /// What right messages are joined by, likewise.
    pub fn right_key<V: Into<Value>>(mut self, mut key: impl FnMut(&Message) -> Result<V> + Send + 'static) -> Self {
        self.right.key = Box::new(move |message| key(message).map(Into::into));
        self
    }

    /// What becomes of a pair, or of a message without a partner, whose other side is `None`.
    pub fn project(
        mut self,
        project: impl FnMut(Option<Message>, Option<Message>) -> Result<Message> + 'static,
    ) -> Self {
        self.project = Box::new(project);
        self
    }

    /// Takes the left topic for a table: of each key its newest message, which a tombstone removes.
    pub fn left_table(mut self) -> Self {
        self.left.rows = JoinRows::Table;
        self
    }

    /// Takes the right topic for a table, likewise.
    pub fn right_table(mut self) -> Self {
        self.right.rows = JoinRows::Table;
        self
    }

    /// Changes what of the left topic is read, and as what: types, schemas, offsets.
    pub fn left(mut self, change: impl FnOnce(TopicReader) -> TopicReader) -> Self {
        self.left.topic = change(self.left.topic);
        self
    }

    /// Changes what of the right topic is read, and as what.
    pub fn right(mut self, change: impl FnOnce(TopicReader) -> TopicReader) -> Self {
        self.right.topic = change(self.right.topic);
        self
    }

    /// Puts out a message that has no partner yet at once, and again with each partner, in place of only at the end. The
    /// topics are read message by message in turn, and kept in memory.
    pub fn eager(mut self) -> Self {
        self.options.emit = JoinEmit::Eager;
        self
    }

    /// About how many bytes of memory it may take; what needs more goes to a file. Default: 256 MiB.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.options.memory = bytes;
        self
    }

    /// Changes any other option.
    pub fn options(mut self, change: impl FnOnce(&mut JoinOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Writes what comes out to a topic, encoded as it was decoded, in partitions by key. A missing topic is made, with as
    /// many partitions as the left one has. Blocks until all is delivered.
    ///
    /// # Errors
    /// `Usage` where that is one of the two that are joined; those of [`shell::join`]; what writing fails with.
    pub fn to(self, target: &Kafi, topic: &str) -> Result<Joined> {
        self.to_target(Target::new(target, topic))
    }

    /// As [`to`](Join::to), with the types of the target chosen.
    ///
    /// # Errors
    /// As for [`to`](Join::to).
    pub fn to_target(mut self, target: Target) -> Result<Joined> {
        let sources = [&self.left.topic, &self.right.topic];
        let sources: Vec<_> = sources
            .into_iter()
            .flat_map(|topic| topic.topics().iter().map(|name| (topic.place(), name.as_str())))
            .collect();
        let mut sink = TopicSink::open(target.place(), target.topic(), &sources, Arc::default())?.by_key();
        let mut encoder = target.batch_encoder()?;
        let mut project = std::mem::replace(&mut self.project, Box::new(merged));
        let joined = self.run(
            |left, right, batch| encoder.push(project(left, right)?, batch),
            |batch| {
                sink.write(batch)?;
                Ok(ControlFlow::Continue(()))
            },
        );
        // What came before a failure is written all the same.
        let written = sink.close(target.place().settings.flush_timeout);
        let joined = joined?;
        written?;
        Ok(joined)
    }

    /// All that comes out, in memory.
    ///
    /// # Errors
    /// Those of [`shell::join`].
    pub fn collect(self) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        self.foreach(|message| {
            messages.push(message);
            Ok(())
        })?;
        Ok(messages)
    }

    /// Calls `function` with each message that comes out.
    ///
    /// # Errors
    /// Those of [`shell::join`], and of `function`.
    pub fn foreach(mut self, mut function: impl FnMut(Message) -> Result<()>) -> Result<Joined> {
        let mut project = std::mem::replace(&mut self.project, Box::new(merged));
        self.run(|left, right, _| function(project(left, right)?), |_| Ok(ControlFlow::Continue(())))
    }

    fn run(
        self,
        mut project: impl FnMut(Option<Message>, Option<Message>, &mut Batch) -> Result<()>,
        mut each: impl FnMut(&mut Batch) -> Result<ControlFlow<()>>,
    ) -> Result<Joined> {
        let Self { mut left, mut right, options, .. } = self;
        let [mut left_decoding, mut right_decoding] = [Decoding::of(&left.topic)?, Decoding::of(&right.topic)?];
        let mut project = |pair: JoinPair<'_>, batch: &mut Batch| {
            let left = pair.left.map(|record| left_decoding.decode(record)).transpose()?;
            let right = pair.right.map(|record| right_decoding.decode(record)).transpose()?;
            project(left, right, batch)
        };
        let sides = [side(&mut left)?, side(&mut right)?];
        shell::join(sides, &options, |_| Ok(()), &mut project, &mut each)
    }
}

/// Decodes the messages of one topic.
struct Decoding {
    decoder: BatchDecoder,
    topic: Arc<str>,
}

impl Decoding {
    fn of(topic: &TopicReader) -> Result<Self> {
        let name = topic.topics().first().map_or("", String::as_str);
        Ok(Self { decoder: topic.batch_decoder()?, topic: Arc::from(name) })
    }

    fn decode(&mut self, record: Record<'_>) -> Result<Message> {
        self.decoder.decode(record, Arc::clone(&self.topic))
    }
}

fn side(side: &mut Side) -> Result<JoinSide<'_>> {
    let Side { topic, rows, key } = side;
    let mut decoding = Decoding::of(topic)?;
    let [name] = topic.topics() else {
        return Err(Error::new(ErrorKind::Usage, "join", "each side is one topic"));
    };
    let key_of = move |record: &Record<'_>, out: &mut JoinKey| {
        let message = decoding.decode(*record)?;
        out.set_value(&key(&message)?)
    };
    Ok(JoinSide {
        storage: topic.place().storage.as_ref(),
        topic: name,
        read: topic.read_options().clone(),
        rows: *rows,
        key: Box::new(key_of),
    })
}

/// The left message with the members of the right one's value; of one without a partner itself.
fn merged(left: Option<Message>, right: Option<Message>) -> Result<Message> {
    match (left, right) {
        (Some(mut left), Some(right)) => {
            let mut out = Vec::new();
            merge_objects(&json_of(&left.value)?, &json_of(&right.value)?, &mut out)?;
            let text = String::from_utf8(out).expect("pieces of JSON text are UTF-8");
            // Another value has another schema.
            left.value_schema = None;
            left.value = if text == "null" { Value::Null } else { Value::Json(kafi_core::Json::from_valid(text)) };
            Ok(left)
        }
        (Some(one), None) | (None, Some(one)) => Ok(one),
        (None, None) => Err(Error::new(ErrorKind::Unexpected, "join", "a row has no side")),
    }
}

fn json_of(value: &Value) -> Result<String> {
    match value {
        Value::Null => Ok("null".to_string()),
        value => Ok(value.json()?.text().into_owned()),
    }
}
