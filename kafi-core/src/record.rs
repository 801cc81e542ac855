//! One message as bytes: a borrowed view into a batch, and its owned twin.

use crate::meta::{HeaderMeta, Span, TimestampType};

/// A timestamp that says "none": consumers report it for messages without one, producers take it as "now" unless they
/// are to keep timestamps.
pub const NO_TIMESTAMP: i64 = -1;

/// A partition that says "any": the producer's partitioner chooses.
pub const ANY_PARTITION: i32 = -1;

/// One header: names are bytes, not necessarily UTF-8, and null is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name, as bytes.
    pub name: &'a [u8],
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

/// The headers of a message: an ordered list in which names may repeat.
#[derive(Clone, Copy, Default)]
pub struct Headers<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) metas: &'a [HeaderMeta],
}

impl<'a> Headers<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.metas.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.metas.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Header<'a>> + use<'a> {
        let data = self.data;
        self.metas
            .iter()
            .map(move |meta| Header { name: meta.name.of(data).unwrap_or_default(), value: meta.value.of(data) })
    }

    /// The value of the last header of this name, as Kafka's `lastHeader` gives it; the outer `None` means that there
    /// is no such header.
    pub fn get(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.iter().filter(|header| header.name == name).last().map(|header| header.value)
    }
}

impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

/// Owned headers.
///
/// ```
/// use kafi_core::HeadersBuf;
/// let mut headers = HeadersBuf::new();
/// headers.push("trace", "abc");
/// headers.push_null("trace");
/// assert_eq!(headers.as_headers().len(), 2);
/// ```
#[derive(Clone, Default)]
pub struct HeadersBuf {
    data: Vec<u8>,
    metas: Vec<HeaderMeta>,
}

impl HeadersBuf {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.push_header(Header { name: name.as_ref(), value: Some(value.as_ref()) });
    }

    /// Adds a header whose value is null at the end.
    pub fn push_null(&mut self, name: impl AsRef<[u8]>) {
        self.push_header(Header { name: name.as_ref(), value: None });
    }

    /// Adds a copy of `header` at the end.
    pub fn push_header(&mut self, header: Header<'_>) {
        let name = Span::append(&mut self.data, Some(header.name));
        let value = Span::append(&mut self.data, header.value);
        self.metas.push(HeaderMeta { name, value });
    }

    /// Removes all headers of this name, and says how many there were.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) -> usize {
        let before = self.metas.len();
        let data = &self.data;
        self.metas.retain(|meta| meta.name.of(data) != Some(name.as_ref()));
        before - self.metas.len()
    }

    /// Removes all headers and keeps the memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.metas.clear();
    }

    /// A borrowed view.
    pub fn as_headers(&self) -> Headers<'_> {
        Headers { data: &self.data, metas: &self.metas }
    }
}

impl From<Headers<'_>> for HeadersBuf {
    fn from(headers: Headers<'_>) -> Self {
        let mut buf = Self::new();
        for header in headers.iter() {
            buf.push_header(header);
        }
        buf
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for HeadersBuf {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut buf = Self::new();
        for (name, value) in pairs {
            buf.push(name, value);
        }
        buf
    }
}

impl std::fmt::Debug for HeadersBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_headers().fmt(f)
    }
}

impl PartialEq for HeadersBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_headers() == other.as_headers()
    }
}

/// One message, borrowed from a [`Batch`](crate::Batch).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition; [`ANY_PARTITION`] lets the producer choose.
    pub partition: i32,
    /// The offset; producers ignore it unless they keep offsets.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00Z, or [`NO_TIMESTAMP`].
    pub timestamp: i64,
    /// Whose clock the timestamp comes from.
    pub timestamp_type: TimestampType,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: Headers<'a>,
}

impl<'a> Record<'a> {
    /// A record for `topic` with a key and a value; any partition, the current time, no headers.
    pub fn new(topic: &'a str, key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Self {
        Self {
            topic,
            partition: ANY_PARTITION,
            offset: -1,
            timestamp: NO_TIMESTAMP,
            timestamp_type: TimestampType::Create,
            key,
            value,
            headers: Headers::default(),
        }
    }

    /// The bytes of key, value, and headers together.
    pub fn payload_bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|header| header.name.len() + header.value.map_or(0, <[u8]>::len)).sum();
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers
    }

    /// A copy that owns its bytes.
    pub fn to_owned(&self) -> OwnedRecord {
        OwnedRecord {
            topic: self.topic.to_string(),
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            timestamp_type: self.timestamp_type,
            key: self.key.map(<[u8]>::to_vec),
            value: self.value.map(<[u8]>::to_vec),
            headers: self.headers.into(),
        }
    }
}

/// One message that owns its bytes; the fields are those of [`Record`].
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedRecord {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00Z, or [`NO_TIMESTAMP`].
    pub timestamp: i64,
    /// Whose clock the timestamp comes from.
    pub timestamp_type: TimestampType,
    /// The key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is null.
    pub value: Option<Vec<u8>>,
    /// The headers, in order.
    pub headers: HeadersBuf,
}

impl OwnedRecord {
    /// A borrowed view.
    pub fn as_record(&self) -> Record<'_> {
        Record {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            timestamp_type: self.timestamp_type,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.as_headers(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_order_duplicates_nulls_and_bytes() {
        let mut headers = HeadersBuf::new();
        headers.push("a", "1");
        headers.push(b"\xff\x00", "");
        headers.push_null("a");
        let all: Vec<_> = headers.as_headers().iter().collect();
        assert_eq!(all[0], Header { name: b"a", value: Some(b"1") });
        assert_eq!(all[1], Header { name: b"\xff\x00", value: Some(b"") });
        assert_eq!(all[2], Header { name: b"a", value: None });
        assert_eq!(headers.as_headers().get(b"a"), Some(None));
        assert_eq!(headers.as_headers().get(b"b"), None);
        assert_eq!(headers.remove("a"), 2);
        assert_eq!(headers.as_headers().len(), 1);
    }
}
