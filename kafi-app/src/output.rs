//! What handlers publish.

use std::error::Error as StdError;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use kafi_core::{
    Batch, Encoder, Error, ErrorKind, Header, HeadersBuf, Json as JsonValue, Message, Record, Result, Value,
};
use serde::Serialize;

use crate::extract::{Bytes, Json};

/// The headers of the W3C's trace context, which go from a message to what comes of it.
const TRACE: [&[u8]; 2] = [b"traceparent", b"tracestate"];

/// One message that is published: a value, and whatever else is not left to the defaults.
///
/// ```
/// use kafi_app::Output;
/// let output = Output::new("cookie").key("123").header("source", "kafi").topic("snacks").partition(0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Output(Message);

impl Output {
    /// A message with a null key, no headers, any partition, and the current time, to the topic that its route
    /// publishes to.
    pub fn new(value: impl Into<Value>) -> Self {
        Self(Message::new("", Value::Null, value))
    }

    /// Sets the key.
    pub fn key(mut self, key: impl Into<Value>) -> Self {
        self.0.key = key.into();
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.0.headers.push(name, value);
        self
    }

    /// Publishes it to this topic.
    pub fn topic(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.0.topic = topic.into();
        self
    }

    /// Sets the partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.0.partition = partition;
        self
    }

    /// Sets the timestamp, in milliseconds since 1970-01-01T00:00Z.
    pub fn timestamp(mut self, timestamp_ms: i64) -> Self {
        self.0.timestamp = timestamp_ms;
        self
    }
}

macro_rules! output_of_values {
    ($($value:ty)*) => {$(
        impl From<$value> for Output {
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }
    )*};
}

output_of_values!(Value JsonValue &str String &[u8] Vec<u8>);

impl From<Message> for Output {
    /// The message with everything it has; its topic is where it is published.
    fn from(message: Message) -> Self {
        Self(message)
    }
}

/// What an output comes of: some neighbouring messages of a run, nearly always one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Which of the runs of a load.
    pub(crate) run: u32,
    /// The index of the first message in the batch of the run.
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// Whether it is no output, but the message itself, as a dead letter.
    pub(crate) is_letter: bool,
}

/// Where a handler's outputs go.
pub struct Outputs<'a> {
    pub(crate) encoders: &'a mut [Box<dyn Encoder>; 2],
    pub(crate) batch: &'a mut Batch,
    /// Which messages each output comes of.
    pub(crate) origins: &'a mut Vec<Origin>,
    pub(crate) origin: Origin,
    pub(crate) topic: Option<&'a Arc<str>>,
    pub(crate) input: Record<'a>,
    /// The trace that begins with the message, if one may.
    pub(crate) trace: Option<Trace>,
}

/// A trace that begins with a message, once something is published that belongs to none.
#[derive(Default)]
pub(crate) struct Trace(String);

impl Trace {
    /// The header of the W3C's trace context: version, trace, span, and that it is sampled.
    fn parent(&mut self) -> &str {
        while self.0.is_empty() {
            // Each state of hashing has random keys of its own; zeros mean none.
            let [high, low, span] = std::array::from_fn(|n| RandomState::new().hash_one(n));
            if (high | low) != 0 && span != 0 {
                self.0 = format!("00-{high:016x}{low:016x}-{span:016x}-01");
            }
        }
        &self.0
    }
}

impl Outputs<'_> {
    /// Publishes a message.
    ///
    /// # Errors
    /// `Usage` where neither it nor the route names a topic; what the encoders say.
    pub fn push(&mut self, output: impl Into<Output>) -> Result<()> {
        let Output(mut message) = output.into();
        if message.topic.is_empty() {
            message.topic = Arc::clone(self.topic.ok_or_else(no_topic)?);
        }
        let is_set = TRACE.map(|name| message.headers.as_headers().get(name).is_some());
        for header in trace_of(&self.input, is_set) {
            message.headers.push_header(header);
        }
        if let Some(trace) = &mut self.trace
            && message.headers.as_headers().get(TRACE[0]).is_none()
        {
            message.headers.push(TRACE[0], trace.parent());
        }
        let [key, value] = self.encoders;
        message.encode(key.as_mut(), value.as_mut(), self.batch)?;
        self.origins.push(self.origin);
        Ok(())
    }

    /// Publishes a record as it is; one that names the topic of the input goes to that of the route.
    ///
    /// # Errors
    /// `Usage` where neither names a topic.
    #[cfg(feature = "file")]
    pub(crate) fn push_record(&mut self, record: Record<'_>) -> Result<()> {
        let topic = match self.topic {
            Some(topic) if record.topic == self.input.topic => topic,
            None if record.topic == self.input.topic => return Err(no_topic()),
            _ => record.topic,
        };
        let partition =
            if record.partition == self.input.partition { kafi_core::ANY_PARTITION } else { record.partition };
        let mut headers: HeadersBuf;
        let mut record = Record { topic, partition, ..record };
        if let Some(trace) = self.trace.as_mut().filter(|_| record.headers.get(TRACE[0]).is_none()) {
            headers = HeadersBuf::from(record.headers);
            headers.push(TRACE[0], trace.parent());
            record.headers = headers.as_headers();
        }
        self.batch.push(record);
        self.origins.push(self.origin);
        Ok(())
    }

    /// Publishes these bytes as they are, to the topic of the route.
    ///
    /// # Errors
    /// `Usage` where the route names no topic.
    pub fn push_bytes(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        let Some(topic) = self.topic else { return Err(no_topic()) };
        let mut record = Record::new(topic, key, value);
        let mut headers: HeadersBuf;
        if !self.input.headers.is_empty() || self.trace.is_some() {
            headers = HeadersBuf::new();
            trace_of(&self.input, [false; 2]).for_each(|header| headers.push_header(header));
            if let Some(trace) = self.trace.as_mut().filter(|_| self.input.headers.get(TRACE[0]).is_none()) {
                headers.push(TRACE[0], trace.parent());
            }
            record.headers = headers.as_headers();
        }
        self.batch.push(record);
        self.origins.push(self.origin);
        Ok(())
    }
}

fn no_topic() -> Error {
    let why = "the handler publishes something, but neither its route nor the output names a topic";
    Error::new(ErrorKind::Usage, "publish", why).hint("name one with publish_to, or on the Output")
}

/// What of the trace context of a message is not set already.
fn trace_of<'a>(input: &Record<'a>, is_set: [bool; 2]) -> impl Iterator<Item = Header<'a>> {
    let headers = input.headers;
    let wanted = TRACE.into_iter().zip(is_set).filter(move |(_, is_set)| !is_set && !headers.is_empty());
    wanted.filter_map(move |(name, _)| Some(Header { name, value: headers.get(name)? }))
}

/// What a handler may return.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "it returns `()`, an output (a `Value`, `Json`, text, bytes, a pair of value and key, an `Output`), an `Option` or a `Vec` of outputs, or a `Result` of one of these"
)]
pub trait IntoOutputs {
    /// Publishes what there is.
    ///
    /// # Errors
    /// The handler's, and what is wrong with an output.
    fn publish(self, outputs: &mut Outputs<'_>) -> Result<()>;
}

impl IntoOutputs for () {
    fn publish(self, _outputs: &mut Outputs<'_>) -> Result<()> {
        Ok(())
    }
}

macro_rules! publish_as_outputs {
    ($($output:ty)*) => {$(
        impl IntoOutputs for $output {
            fn publish(self, outputs: &mut Outputs<'_>) -> Result<()> {
                outputs.push(self)
            }
        }
    )*};
}

publish_as_outputs!(Output Value JsonValue String &'static str Vec<u8> Message);

impl IntoOutputs for Bytes {
    fn publish(self, outputs: &mut Outputs<'_>) -> Result<()> {
        outputs.push(self.0)
    }
}

impl<T: Serialize> IntoOutputs for Json<T> {
    fn publish(self, outputs: &mut Outputs<'_>) -> Result<()> {
        outputs.push(Value::from_serialize(&self.0)?)
    }
}

/// A value and its key.
impl<V: Into<Output>, K: Into<Value>> IntoOutputs for (V, K) {
    fn publish(self, outputs: &mut Outputs<'_>) -> Result<()> {
        outputs.push(self.0.into().key(self.1))
    }
}

impl<T: Serialize, K: Into<Value>> IntoOutputs for (Json<T>, K) {
    fn publish(self, outputs: &mut Outputs<'_>) -> Result<()> {
        outputs.push(Output::new(Value::from_serialize(&self.0.0)?).key(self.1))
    }
}

impl<O: IntoOutputs> IntoOutputs for Option<O> {
    fn publish(self, outputs: &mut Outputs<'_>) -> Result<()> {
        self.map_or(Ok(()), |output| output.publish(outputs))
    }
}

impl<O: IntoOutputs> IntoOutputs for Vec<O> {
    fn publish(self, outputs: &mut Outputs<'_>) -> Result<()> {
        self.into_iter().try_for_each(|output| output.publish(outputs))
    }
}

impl<O: IntoOutputs, E: Into<Box<dyn StdError + Send + Sync>>> IntoOutputs for std::result::Result<O, E> {
    fn publish(self, outputs: &mut Outputs<'_>) -> Result<()> {
        match self {
            Ok(output) => output.publish(outputs),
            Err(error) => Err(match error.into().downcast::<Error>() {
                Ok(error) => *error,
                Err(other) => Error::function(other),
            }),
        }
    }
}
