//! One message as user functions see it.

use std::fmt;
use std::sync::Arc;

use crate::record::{ANY_PARTITION, HeadersBuf, NO_TIMESTAMP, TimestampType};
use crate::value::Value;

/// One message, decoded.
///
/// ```
/// use kafi_core::{Json, Message};
/// let mut message = Message::new("orders", "k", Json::parse(r#"{"bla": 123}"#)?);
/// assert!(message.key == "k" && message.value["bla"] == 123);
/// message.value["bla"] = (message.value["bla"].int()? + 42).into();
/// assert_eq!(message.value.to_string(), r#"{"bla":165}"#);
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition; [`ANY_PARTITION`] lets the producer choose.
    pub partition: i32,
    /// The offset; producers ignore it unless they keep offsets.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00Z, or [`NO_TIMESTAMP`].
    pub timestamp: i64,
    /// Whose clock the timestamp comes from.
    pub timestamp_type: TimestampType,
    /// The headers, in order.
    pub headers: HeadersBuf,
    /// The key.
    pub key: Value,
    /// The value.
    pub value: Value,
}

impl Message {
    /// A message for `topic` with a key and a value; any partition, the current time, no headers.
    pub fn new(topic: impl Into<Arc<str>>, key: impl Into<Value>, value: impl Into<Value>) -> Self {
        Self {
            topic: topic.into(),
            partition: ANY_PARTITION,
            offset: -1,
            timestamp: NO_TIMESTAMP,
            timestamp_type: TimestampType::Create,
            headers: HeadersBuf::new(),
            key: key.into(),
            value: value.into(),
        }
    }
}

impl fmt::Display for Message {
    /// Its envelope: one line of JSON, without a line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::envelope::line_of(self))
    }
}
