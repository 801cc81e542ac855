//! Envelopes back into records, bytes exact.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::batch::Batch;
use crate::config::nearest;
use crate::error::{Error, ErrorKind, Result};
use crate::json::path::{column, shortened};
use crate::json::scan::{Fault, Scanner};
use crate::json::text::{unescape, unescape_lossy};
use crate::meta::{HeaderMeta, RecordMeta, Span, TimestampType};
use crate::record::{ANY_PARTITION, NO_TIMESTAMP, OwnedRecord};
use crate::types::Field;

/// The members of an envelope; the constants below are indices into it.
const MEMBERS: [&str; 20] = [
    "topic",
    "partition",
    "offset",
    "timestamp",
    "timestamp_type",
    "headers",
    "key",
    "key_base64",
    "key_raw",
    "value",
    "value_base64",
    "value_raw",
    "key_schema_id",
    "key_message",
    "key_subject",
    "key_version",
    "value_schema_id",
    "value_message",
    "value_subject",
    "value_version",
];
const TOPIC: usize = 0;
const PARTITION: usize = 1;
const OFFSET: usize = 2;
const TIMESTAMP: usize = 3;
const TIMESTAMP_TYPE: usize = 4;
const HEADERS: usize = 5;
const KEY: usize = 6;
const VALUE: usize = 9;
const KEY_SCHEMA: usize = 12;
const VALUE_SCHEMA: usize = 16;

/// The members of a header; the same order as above lets keys and values be read by one function.
const HEADER_MEMBERS: [&str; 6] = ["key", "key_base64", "key_raw", "value", "value_base64", "value_raw"];
const HEADER_VALUE: usize = 3;

/// Where the members of an envelope lie in its line; `None` is missing, or null where null means nothing of its own.
type Places = [Option<Range<usize>>; MEMBERS.len()];

/// Reads envelopes into batches.
///
/// Only the value is needed; the rest has natural defaults: no key, no headers, any partition, the current time, an
/// empty topic name. Members that nobody knows are errors, because a mistyped name would lose data.
///
/// ```
/// use kafi_core::{Batch, EnvelopeReader};
/// let mut batch = Batch::new();
/// let mut reader = EnvelopeReader::new();
/// reader.read(br#"{"key": "k", "value": {"price": 19.990}}"#, &mut batch)?;
/// assert_eq!(batch.get(0).value, Some(&br#"{"price": 19.990}"#[..]));
/// let error = reader.read(br#"{"valu": 1}"#, &mut batch).unwrap_err();
/// assert_eq!(error.to_string(), "read envelope: column 2: there is no member valu");
/// assert_eq!(error.hint_text(), Some("did you mean value?"));
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct EnvelopeReader {
    topic: Vec<u8>,
    base64: Vec<u8>,
    says_no_timestamp: bool,
    /// Whether keys, and values, are taken as JSON text, whatever they are.
    takes_json: [bool; 2],
    schemas: [Option<EnvelopeSchema>; 2],
}

/// The schema that an envelope names for a key or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeSchema {
    /// Its id in a registry.
    pub id: u32,
    /// The full name of the message, of Protobuf.
    pub message: Option<String>,
}

/// Reads one envelope.
///
/// # Errors
/// Those of [`EnvelopeReader::read`].
pub fn parse_envelope(line: &[u8]) -> Result<OwnedRecord> {
    let mut batch = Batch::new();
    EnvelopeReader::new().read(line, &mut batch)?;
    Ok(batch.get(0).to_owned())
}

impl EnvelopeReader {
    /// A reader; it only keeps buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the record of the envelope `line` to `batch`, which stays as it was if that fails.
    ///
    /// # Errors
    /// `Corrupt`, with the column, if the line is not an envelope.
    pub fn read(&mut self, line: &[u8], batch: &mut Batch) -> Result<()> {
        let (records, headers, bytes) = (batch.len(), batch.header_mark(), batch.bytes());
        let result = self.append(line, batch);
        if result.is_err() {
            batch.rewind(records, headers, bytes);
        }
        result
    }

    /// Takes keys, values, or both as the JSON text that they are, for who encodes them by a schema: a string with its
    /// quotes. Default: strings are their characters. Where the envelope names a schema, it is JSON text anyhow.
    pub fn takes_json(self, keys: bool, values: bool) -> Self {
        Self { takes_json: [keys, values], ..self }
    }

    /// The schema that the envelope that was read last names for this field; its bytes in the batch are JSON text then.
    pub fn schema(&self, field: Field) -> Option<&EnvelopeSchema> {
        self.schemas[field as usize].as_ref()
    }

    /// Whether the envelope that was read last says by itself that its message has no timestamp (`"timestamp":-1`),
    /// where one without that member means the current time.
    pub fn says_no_timestamp(&self) -> bool {
        self.says_no_timestamp
    }

    fn append(&mut self, line: &[u8], batch: &mut Batch) -> Result<()> {
        let text = std::str::from_utf8(line).map_err(|error| bad(line, error.valid_up_to(), "this is not UTF-8"))?;
        let places = places_of(text)?;
        self.schemas = [schema_of(text, &places[KEY_SCHEMA..])?, schema_of(text, &places[VALUE_SCHEMA..])?];
        let key = self.append_field(text, Field::Key, &places[KEY..VALUE], batch)?;
        let value = &places[VALUE..KEY_SCHEMA];
        if value.iter().all(Option::is_none) {
            return Err(bad(line, 0, "there is no value").hint("a null is written as \"value\":null"));
        }
        let value = self.append_field(text, Field::Value, value, batch)?;
        let header_start = batch.header_mark();
        if let Some(place) = &places[HEADERS] {
            self.append_headers(text, place.clone(), batch)?;
        }
        let partition = integer(text, &places[PARTITION], ANY_PARTITION.into())?;
        let partition = i32::try_from(partition)
            .map_err(|_| bad_at(text, &places[PARTITION], "a partition has at most 31 bits"))?;
        let topic = self.topic_index(text, &places[TOPIC], batch)?;
        let timestamp = integer(text, &places[TIMESTAMP], NO_TIMESTAMP)?;
        self.says_no_timestamp = timestamp == NO_TIMESTAMP && places[TIMESTAMP].is_some();
        batch.push_meta(RecordMeta {
            offset: integer(text, &places[OFFSET], -1)?,
            timestamp,
            timestamp_type: timestamp_type(text, &places[TIMESTAMP_TYPE])?,
            topic,
            partition,
            key,
            value,
            header_start,
            header_count: batch.header_mark() - header_start,
        });
        Ok(())
    }

    fn topic_index(&mut self, text: &str, place: &Option<Range<usize>>, batch: &mut Batch) -> Result<u32> {
        self.topic.clear();
        if let Some(place) = place {
            unquote(text, place, &mut self.topic)?;
        }
        Ok(batch.topic_index(std::str::from_utf8(&self.topic).expect("unescaping keeps UTF-8")))
    }

    fn append_headers(&mut self, text: &str, place: Range<usize>, batch: &mut Batch) -> Result<()> {
        if !text[place.clone()].starts_with('[') {
            return Err(bad(text.as_bytes(), place.start, "headers must be an array"));
        }
        let mut ranges = Vec::new();
        Scanner::at(text.as_bytes(), place.start)
            .elements(|range| ranges.push(range))
            .map_err(|fault| not_json(text, fault))?;
        for range in ranges {
            let mut places = [const { None }; HEADER_MEMBERS.len()];
            members_of(text, range.start, &HEADER_MEMBERS, &mut places)?;
            let (name, value) = places.split_at(HEADER_VALUE);
            let name = self.append_bytes(text, name, batch)?;
            if name == Span::NULL {
                return Err(bad(text.as_bytes(), range.start, "a header needs a key"));
            }
            let value = self.append_bytes(text, value, batch)?;
            batch.push_header_meta(HeaderMeta { name, value });
        }
        Ok(())
    }

    /// Appends a key or value. With a schema null is a value of JSON, too; without one it is Kafka's.
    fn append_field(
        &mut self,
        text: &str,
        field: Field,
        places: &[Option<Range<usize>>],
        batch: &mut Batch,
    ) -> Result<Span> {
        let has_schema = self.schemas[field as usize].is_some();
        let [Some(plain), None, None] = places else {
            if has_schema && places.iter().any(Option::is_some) {
                let place = places.iter().flatten().map(|place| place.start).max().unwrap_or_default();
                return Err(bad(text.as_bytes(), place, "what has a schema stands as JSON, neither base64 nor raw"));
            }
            return self.append_bytes(text, places, batch);
        };
        let json = &text[plain.clone()];
        if !has_schema && (!self.takes_json[field as usize] || json == "null") {
            return self.append_bytes(text, places, batch);
        }
        let start = batch.bytes();
        batch.arena().extend_from_slice(json.as_bytes());
        span_from(start, batch)
    }

    /// Appends the bytes that `places`, a member and its `_base64` and `_raw` forms, stand for.
    fn append_bytes(&mut self, text: &str, places: &[Option<Range<usize>>], batch: &mut Batch) -> Result<Span> {
        let start = batch.bytes();
        let arena = batch.arena();
        match places {
            [_, Some(base64), Some(_)] => {
                return Err(bad(text.as_bytes(), base64.start, "base64 and raw exclude each other"));
            }
            [_, _, Some(raw)] => unquote(text, raw, arena)?,
            [Some(plain), Some(base64), _] if &text[plain.clone()] != "null" => {
                return Err(bad(text.as_bytes(), base64.start, "base64 stands beside a null only"));
            }
            [_, Some(base64), _] => {
                self.base64.clear();
                unquote(text, base64, &mut self.base64)?;
                STANDARD
                    .decode_vec(&self.base64, arena)
                    .map_err(|error| bad(text.as_bytes(), base64.start, "this is not base64").source(error))?;
            }
            [Some(plain), ..] => match &text[plain.clone()] {
                "null" => return Ok(Span::NULL),
                string if string.starts_with('"') => unquote(text, plain, arena)?,
                json => arena.extend_from_slice(json.as_bytes()),
            },
            _ => return Ok(Span::NULL),
        }
        span_from(start, batch)
    }
}

/// The span from `start` to what the batch holds now.
fn span_from(start: usize, batch: &Batch) -> Result<Span> {
    let len = i32::try_from(batch.bytes() - start)
        .map_err(|_| Error::new(ErrorKind::TooLarge, "read envelope", "a field is larger than 2 GiB"))?;
    Ok(Span { start: u32::try_from(start).expect("an arena is smaller than 4 GiB"), len })
}

/// The schema that these members name: its id, and the message; subject and version are only told.
fn schema_of(text: &str, places: &[Option<Range<usize>>]) -> Result<Option<EnvelopeSchema>> {
    let [id, message, ..] = places else { return Ok(None) };
    if id.is_none() {
        return Ok(None);
    }
    let number = integer(text, id, 0)?;
    let number = u32::try_from(number).map_err(|_| bad_at(text, id, "the id of a schema has at most 32 bits"))?;
    let Some(place) = message else { return Ok(Some(EnvelopeSchema { id: number, message: None })) };
    let mut name = Vec::new();
    unquote(text, place, &mut name)?;
    let name = String::from_utf8(name).expect("unescaping keeps UTF-8");
    Ok(Some(EnvelopeSchema { id: number, message: Some(name) }))
}

fn places_of(text: &str) -> Result<Places> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.space();
    let mut places = [const { None }; MEMBERS.len()];
    let end = members_of(text, scanner.position(), &MEMBERS, &mut places)?;
    Scanner::at(text.as_bytes(), end).end().map_err(|fault| not_json(text, fault))?;
    Ok(places)
}

/// Notes where the members of the object at `start` lie, in the order of `known`, and returns where the object ends.
fn members_of(text: &str, start: usize, known: &[&'static str], places: &mut [Option<Range<usize>>]) -> Result<usize> {
    let bytes = text.as_bytes();
    let mut scanner = Scanner::at(bytes, start);
    if scanner.expect(b'{', "").is_err() {
        return Err(bad(bytes, start, "this is not a JSON object")
            .hint("an envelope is one object a line, such as {\"key\":\"k\",\"value\":1}"));
    }
    let mut first = true;
    while let Some(member) = scanner.member(first).map_err(|fault| not_json(text, fault))? {
        first = false;
        let name = &text[member.name.start + 1..member.name.end - 1];
        let unescaped = member.name_escaped.then(|| unescape_lossy(name));
        let name = unescaped.as_deref().unwrap_or(name);
        let null = &text[member.value.clone()] == "null";
        let Some(index) = known.iter().position(|known| *known == name) else {
            return Err(unknown(text, &member.name, name, known));
        };
        if places[index].is_some() {
            return Err(bad(bytes, member.name.start, format!("the member {name} stands there twice")));
        }
        if !null || name == "key" || name == "value" {
            places[index] = Some(member.value);
        }
    }
    Ok(scanner.position())
}

fn unknown(text: &str, place: &Range<usize>, name: &str, known: &[&'static str]) -> Error {
    let hint = nearest(name, known.iter().copied())
        .map_or_else(|| format!("the members are {}", known.join(", ")), |near| format!("did you mean {near}?"));
    bad(text.as_bytes(), place.start, format!("there is no member {}", shortened(name))).hint(hint)
}

/// Appends the characters of the JSON string at `place`.
fn unquote(text: &str, place: &Range<usize>, out: &mut Vec<u8>) -> Result<()> {
    let json = &text[place.clone()];
    if !json.starts_with('"') {
        return Err(bad(text.as_bytes(), place.start, "this must be a string"));
    }
    let inner = place.start + 1;
    unescape(&text[inner..place.end - 1], out).map_err(|fault| bad(text.as_bytes(), inner + fault.at, fault.what))
}

fn integer(text: &str, place: &Option<Range<usize>>, default: i64) -> Result<i64> {
    let Some(range) = place else { return Ok(default) };
    text[range.clone()].parse().map_err(|_| bad_at(text, place, "this must be an integer of at most 64 bits"))
}

fn timestamp_type(text: &str, place: &Option<Range<usize>>) -> Result<TimestampType> {
    match place.as_ref().map(|range| &text[range.clone()]) {
        None | Some("\"create\"") => Ok(TimestampType::Create),
        Some("\"append\"") => Ok(TimestampType::Append),
        Some(_) => Err(bad_at(text, place, "a timestamp type is \"create\" or \"append\"")),
    }
}

fn not_json(text: &str, fault: Fault) -> Error {
    bad(text.as_bytes(), fault.at, format!("this is not JSON: {}", fault.what))
}

fn bad_at(text: &str, place: &Option<Range<usize>>, message: impl Into<String>) -> Error {
    bad(text.as_bytes(), place.as_ref().map_or(0, |range| range.start), message)
}

fn bad(line: &[u8], at: usize, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, "read envelope", message).with("column", column(&line[..at.min(line.len())]))
}
