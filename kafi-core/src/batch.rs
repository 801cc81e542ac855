//! A batch of messages: one arena of bytes and fixed-size metas that point into it.

use crate::abi::Foreign;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{HeaderMeta, RecordMeta, Span};
use crate::record::{Header, Headers, Record};
use crate::schema::SchemaRef;

/// Messages of any number of topics and partitions, in the order in which they were read.
///
/// A consumer fills it up to its limits, whichever is reached first, but always with at least one message, however
/// large. It is made to be reused: [`clear`](Batch::clear) keeps the memory, so that reading allocates nothing per
/// message and, after a while, nothing at all.
///
/// ```
/// use kafi_core::{Batch, Record};
/// let mut batch = Batch::new();
/// batch.push(Record::new("orders", Some(b"k"), None));
/// assert_eq!(batch.get(0).key, Some(&b"k"[..]));
/// assert_eq!(batch.get(0).value, None);
/// ```
#[derive(Debug)]
pub struct Batch {
    data: Vec<u8>,
    records: Vec<RecordMeta>,
    headers: Vec<HeaderMeta>,
    topics: Vec<String>,
    /// What messages were decoded by that are text now.
    schemas: Option<Box<Schemas>>,
    records_max: usize,
    bytes_max: usize,
    /// What a plugin lends, shown instead of the parts above.
    foreign: Foreign,
}

/// The schemas by which keys and values were decoded, each once, and of each message where its own stand among them. The
/// last messages may be missing there: nothing is known of them.
#[derive(Clone, Debug, Default)]
struct Schemas {
    known: Vec<SchemaRef>,
    of: Vec<[Option<u32>; 2]>,
}

impl Clone for Batch {
    fn clone(&self) -> Self {
        let (data, records, headers) = self.parts();
        let (data, records, headers) = (data.to_vec(), records.to_vec(), headers.to_vec());
        Self {
            data,
            records,
            headers,
            topics: self.topics.clone(),
            schemas: self.schemas.clone(),
            records_max: self.records_max,
            bytes_max: self.bytes_max,
            foreign: Foreign::default(),
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// The default limit in messages.
    pub const RECORDS_MAX: usize = 10_000;
    /// The default limit in bytes of the arena: 1 MiB.
    pub const BYTES_MAX: usize = 1 << 20;

    /// An empty batch with the default limits.
    pub fn new() -> Self {
        Self::with_limits(Self::RECORDS_MAX, Self::BYTES_MAX)
    }

    /// An empty batch that counts as full at `records_max` messages or `bytes_max` bytes; both at least 1, bytes at
    /// most 1 GiB.
    pub fn with_limits(records_max: usize, bytes_max: usize) -> Self {
        Self {
            data: Vec::new(),
            records: Vec::new(),
            headers: Vec::new(),
            topics: Vec::new(),
            schemas: None,
            records_max: records_max.max(1),
            bytes_max: bytes_max.clamp(1, 1 << 30),
            foreign: Foreign::default(),
        }
    }

    /// The limit in messages.
    pub fn records_max(&self) -> usize {
        self.records_max
    }

    /// The limit in bytes of the arena.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Changes the limits; what the batch holds stays.
    pub fn set_limits(&mut self, records_max: usize, bytes_max: usize) {
        self.records_max = records_max.max(1);
        self.bytes_max = bytes_max.clamp(1, 1 << 30);
    }

    /// The number of messages.
    pub fn len(&self) -> usize {
        self.metas().len()
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.metas().is_empty()
    }

    /// Whether a limit is reached.
    pub fn is_full(&self) -> bool {
        self.len() >= self.records_max || self.bytes() >= self.bytes_max
    }

    /// The bytes in the arena.
    pub fn bytes(&self) -> usize {
        self.data().len()
    }

    /// Removes all messages. Keeps the memory, but gives back what a single huge message took beyond four times the
    /// limit.
    pub fn clear(&mut self) {
        self.foreign.hide();
        self.data.clear();
        self.records.clear();
        self.headers.clear();
        self.topics.clear();
        self.forget_schemas();
        if self.data.capacity() > 4 * self.bytes_max {
            self.data.shrink_to(self.bytes_max);
        }
    }

    /// Keeps the first `len` messages.
    pub fn truncate(&mut self, len: usize) {
        self.foreign.truncate(len);
        self.records.truncate(len);
        self.truncate_schemas(len);
    }

    /// Keeps the messages for which `keep` says so, in order; the arena stays as it is.
    pub fn retain(&mut self, mut keep: impl FnMut(Record<'_>) -> bool) {
        self.retain_at(|batch, index| keep(batch.get(index)));
    }

    /// As [`retain`](Batch::retain), for a `keep` that is given the batch and the index of the message. What lies
    /// before that index may not be looked at any more.
    pub fn retain_at(&mut self, mut keep: impl FnMut(&Batch, usize) -> bool) {
        let mut kept = 0;
        for index in 0..self.len() {
            if keep(self, index) {
                let metas = self.metas_mut();
                metas[kept] = metas[index];
                if let Some(schemas) = self.schemas.as_mut().filter(|schemas| kept < schemas.of.len()) {
                    schemas.of[kept] = schemas.of.get(index).copied().unwrap_or_default();
                }
                kept += 1;
            }
        }
        self.truncate(kept);
    }

    /// The topics' names; [`RecordMeta::topic`] is an index into them.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// The index of a topic's name, added if it is new.
    pub fn topic_index(&mut self, topic: &str) -> u32 {
        // Batches hold a handful of topics, and the one asked for is nearly always the last.
        let found = self.topics.iter().rposition(|name| name == topic);
        let index = found.unwrap_or_else(|| {
            self.topics.push(topic.to_string());
            self.topics.len() - 1
        });
        u32::try_from(index).expect("a batch holds fewer than 2^32 topics")
    }

    /// Gives the topic at `index` another name, for all its messages at once.
    pub fn rename_topic(&mut self, index: u32, topic: &str) {
        let name = &mut self.topics[index as usize];
        name.clear();
        name.push_str(topic);
    }

    /// Adds a copy of `record`, whatever the limits say.
    pub fn push(&mut self, record: Record<'_>) {
        self.own();
        let topic = self.topic_index(record.topic);
        let header_start = self.header_mark();
        for header in record.headers.iter() {
            self.push_header(header);
        }
        let key = Span::append(&mut self.data, record.key);
        let value = Span::append(&mut self.data, record.value);
        self.records.push(RecordMeta {
            offset: record.offset,
            timestamp: record.timestamp,
            topic,
            partition: record.partition,
            key,
            value,
            header_start,
            header_count: self.header_mark() - header_start,
            timestamp_type: record.timestamp_type,
        });
    }

    /// The message at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Batch::len).
    #[inline]
    pub fn get(&self, index: usize) -> Record<'_> {
        let (data, records, headers) = self.parts();
        let meta = &records[index];
        let header_range = meta.header_start as usize..(meta.header_start + meta.header_count) as usize;
        Record {
            topic: &self.topics[meta.topic as usize],
            partition: meta.partition,
            offset: meta.offset,
            timestamp: meta.timestamp,
            timestamp_type: meta.timestamp_type,
            key: meta.key.of(data),
            value: meta.value.of(data),
            headers: Headers { data, metas: &headers[header_range] },
        }
    }

    /// All messages, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The metas, for codecs.
    pub fn metas(&self) -> &[RecordMeta] {
        self.parts().1
    }

    /// The metas, to change partitions, offsets, and timestamps in place.
    pub fn metas_mut(&mut self) -> &mut [RecordMeta] {
        match self.foreign.metas_mut() {
            Some(metas) => metas,
            None => &mut self.records,
        }
    }

    /// The arena, for codecs that append to it and point into it with [`push_meta`](Batch::push_meta).
    pub fn arena(&mut self) -> &mut Vec<u8> {
        self.own();
        &mut self.data
    }

    /// The arena, the record metas, and the header metas, for codecs that fill all three in one pass. What they add has
    /// to fit together, as [`validate`](Batch::validate) checks.
    pub fn parts_mut(&mut self) -> (&mut Vec<u8>, &mut Vec<RecordMeta>, &mut Vec<HeaderMeta>) {
        self.own();
        (&mut self.data, &mut self.records, &mut self.headers)
    }

    /// The arena's bytes.
    pub fn data(&self) -> &[u8] {
        self.parts().0
    }

    /// Copies a header's bytes into the arena and adds its meta, for a record meta that is pushed next.
    pub fn push_header(&mut self, header: Header<'_>) {
        self.own();
        let name = Span::append(&mut self.data, Some(header.name));
        let value = Span::append(&mut self.data, header.value);
        self.headers.push(HeaderMeta { name, value });
    }

    /// The index that the next header meta gets.
    pub fn header_mark(&self) -> u32 {
        u32::try_from(self.parts().2.len()).expect("a batch holds fewer than 2^32 headers")
    }

    /// Adds a header meta that points into the arena.
    #[inline]
    pub fn push_header_meta(&mut self, meta: HeaderMeta) {
        self.own();
        debug_assert!(meta.name.len >= 0 && meta.name.fits(self.data.len()) && meta.value.fits(self.data.len()));
        self.headers.push(meta);
    }

    /// Adds a record whose bytes are in the arena already.
    #[inline]
    pub fn push_meta(&mut self, meta: RecordMeta) {
        self.own();
        debug_assert!(meta.key.fits(self.data.len()) && meta.value.fits(self.data.len()));
        self.records.push(meta);
    }

    /// Takes back everything that was added after the batch had `records` messages, `headers` header metas and `bytes`
    /// bytes.
    pub fn rewind(&mut self, records: usize, headers: u32, bytes: usize) {
        self.own();
        self.records.truncate(records);
        self.headers.truncate(headers as usize);
        self.data.truncate(bytes);
        self.truncate_schemas(records);
    }

    /// Notes the schemas by which key and value of the last message were decoded, which are text in this batch; writers
    /// take no notice of it. A copy of the message ([`push`](Batch::push)) knows nothing of them.
    pub fn note_schemas(&mut self, schemas: [Option<&SchemaRef>; 2]) {
        let Some(last) = self.len().checked_sub(1) else { return };
        let Schemas { known, of } = &mut **self.schemas.get_or_insert_default();
        let places = schemas.map(|schema| {
            let schema = schema?;
            let found = known.iter().rposition(|known| known.is(schema)).unwrap_or_else(|| {
                known.push(schema.clone());
                known.len() - 1
            });
            Some(u32::try_from(found).expect("a batch holds fewer than 2^32 schemas"))
        });
        of.resize(last, [None; 2]);
        of.push(places);
    }

    /// The schemas by which key and value of the message at `index` were decoded, where that was noted.
    pub fn schemas_of(&self, index: usize) -> [Option<&SchemaRef>; 2] {
        let Some(Schemas { known, of }) = self.schemas.as_deref() else { return [None; 2] };
        of.get(index).copied().unwrap_or_default().map(|place| known.get(place? as usize))
    }

    fn truncate_schemas(&mut self, len: usize) {
        if let Some(schemas) = &mut self.schemas {
            schemas.of.truncate(len);
        }
    }

    fn forget_schemas(&mut self) {
        if let Some(Schemas { known, of }) = self.schemas.as_deref_mut() {
            known.clear();
            of.clear();
        }
    }

    /// Checks that every meta points into the arena, as is done wherever a batch comes from foreign code.
    ///
    /// # Errors
    /// `Corrupt` names the first message that does not fit.
    pub fn validate(&self) -> Result<()> {
        let (data, records, headers) = self.parts();
        let bytes = data.len();
        let bad_header =
            headers.iter().any(|meta| meta.name.len < 0 || !meta.name.fits(bytes) || !meta.value.fits(bytes));
        let bad_record = records.iter().position(|meta| {
            let headers_end = meta.header_start as usize + meta.header_count as usize;
            !meta.key.fits(bytes)
                || !meta.value.fits(bytes)
                || meta.topic as usize >= self.topics.len()
                || headers_end > headers.len()
        });
        if let Some(index) = bad_record {
            return Err(Error::new(ErrorKind::Corrupt, "check batch", "a message points outside of its batch")
                .with("message", index));
        }
        if bad_header {
            return Err(Error::new(ErrorKind::Corrupt, "check batch", "a header points outside of its batch"));
        }
        Ok(())
    }

    /// The arena, the record metas, and the header metas: its own, or those that a plugin lends.
    #[inline]
    fn parts(&self) -> (&[u8], &[RecordMeta], &[HeaderMeta]) {
        self.foreign.parts().unwrap_or((&self.data, &self.records, &self.headers))
    }

    /// Copies what a plugin lends, before something is added to it.
    #[inline]
    fn own(&mut self) {
        let Some((data, records, headers)) = self.foreign.parts() else { return };
        self.data.clear();
        self.data.extend_from_slice(data);
        self.records.clear();
        self.records.extend_from_slice(records);
        self.headers.clear();
        self.headers.extend_from_slice(headers);
        self.foreign.hide();
    }
}

#[cfg(feature = "plugin")]
impl Batch {
    /// The arena, the record metas, and the header metas.
    pub(crate) fn all_parts(&self) -> (&[u8], &[RecordMeta], &[HeaderMeta]) {
        self.parts()
    }

    /// What a plugin lends, to be shown and taken back.
    pub(crate) fn foreign(&mut self) -> &mut Foreign {
        &mut self.foreign
    }

    /// Removes all messages, and replaces the topics' names, whose memory is used again.
    ///
    /// # Errors
    /// Those of the names.
    pub(crate) fn restart<'a>(&mut self, names: impl ExactSizeIterator<Item = Result<&'a str>>) -> Result<()> {
        self.foreign.hide();
        self.data.clear();
        self.records.clear();
        self.headers.clear();
        self.forget_schemas();
        self.topics.truncate(names.len());
        for (index, name) in names.enumerate() {
            let name = name?;
            match self.topics.get_mut(index) {
                Some(known) if known == name => {}
                Some(known) => {
                    known.clear();
                    known.push_str(name);
                }
                None => self.topics.push(name.to_string()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HeadersBuf;

    fn nasty() -> Batch {
        let mut batch = Batch::new();
        let mut headers = HeadersBuf::new();
        headers.push("h", "1");
        headers.push_null("h");
        batch.push(Record { headers: headers.as_headers(), ..Record::new("a", None, Some(b"")) });
        batch.push(Record::new("b", Some(b""), None));
        batch.push(Record { offset: 7, partition: 3, ..Record::new("a", Some(b"k"), Some(b"v")) });
        batch
    }

    #[test]
    fn null_is_not_empty() {
        let batch = nasty();
        assert_eq!((batch.get(0).key, batch.get(0).value), (None, Some(&b""[..])));
        assert_eq!((batch.get(1).key, batch.get(1).value), (Some(&b""[..]), None));
        assert_eq!(batch.get(0).headers.len(), 2);
        assert_eq!(batch.get(2).headers.len(), 0);
        assert_eq!(batch.topics(), ["a", "b"]);
        batch.validate().unwrap();
    }

    #[test]
    fn retain_keeps_order_and_owned_twins_are_equal() {
        let mut batch = nasty();
        let last = batch.get(2).to_owned();
        batch.retain(|record| record.topic == "a");
        assert_eq!(batch.len(), 2);
        assert_eq!(batch.get(1), last.as_record());
    }

    #[test]
    fn schemas_stay_with_their_messages() {
        #[derive(Debug)]
        struct Id(u32);
        impl crate::schema::TravellingSchema for Id {
            fn type_(&self) -> crate::types::Type {
                crate::types::Type::Avro
            }
            fn text(&self) -> &str {
                ""
            }
            fn id(&self) -> Option<u32> {
                Some(self.0)
            }
            fn guid(&self) -> Option<[u8; 16]> {
                None
            }
            fn version(&self) -> Option<(&str, u32)> {
                None
            }
            fn message(&self) -> Option<&str> {
                None
            }
        }
        let schemas = [1, 2].map(|id| SchemaRef::new(std::sync::Arc::new(Id(id))));
        let mut batch = nasty();
        batch.note_schemas([None, Some(&schemas[0])]);
        batch.push(Record::new("c", None, None));
        batch.note_schemas([Some(&schemas[1]), Some(&schemas[0])]);
        batch.push(Record::new("a", None, None));
        let ids = |batch: &Batch| -> Vec<[Option<u32>; 2]> {
            (0..batch.len()).map(|index| batch.schemas_of(index).map(|schema| schema?.id())).collect()
        };
        assert_eq!(ids(&batch), [[None; 2], [None; 2], [None, Some(1)], [Some(2), Some(1)], [None; 2]]);
        batch.retain(|record| record.topic != "b");
        assert_eq!(ids(&batch), [[None; 2], [None, Some(1)], [Some(2), Some(1)], [None; 2]]);
        batch.truncate(2);
        batch.push(Record::new("a", None, None));
        assert_eq!(ids(&batch.clone()), [[None; 2], [None, Some(1)], [None; 2]]);
        batch.clear();
        batch.push(Record::new("a", None, None));
        batch.push(Record::new("a", None, None));
        assert_eq!(ids(&batch), [[None; 2]; 2]);
    }

    #[test]
    fn validate_finds_metas_that_point_outside() {
        let mut batch = nasty();
        batch.metas_mut()[1].key = Span { start: 1_000, len: 1 };
        assert_eq!(batch.validate().unwrap_err().kind(), ErrorKind::Corrupt);
        let mut batch = nasty();
        batch.metas_mut()[2].topic = 2;
        assert!(batch.validate().is_err());
        let mut batch = nasty();
        batch.metas_mut()[0].header_count = 3;
        assert!(batch.validate().is_err());
    }

    #[test]
    fn a_huge_message_does_not_keep_its_memory() {
        let mut batch = Batch::with_limits(10, 1000);
        let value = vec![0; 1_000_000];
        batch.push(Record::new("a", None, Some(&value)));
        assert!(batch.is_full());
        batch.clear();
        assert!(batch.arena().capacity() < 10_000);
    }
}
