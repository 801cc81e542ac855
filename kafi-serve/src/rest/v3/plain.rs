//! Records in the form in which clients write nearly all of them, read without a tree of their JSON, straight into a
//! batch. What has another form, or something wrong, is left to the reader of records.

use kafi_core::json_text::Scanner;
use kafi_core::{ANY_PARTITION, Batch, HeaderMeta, NO_TIMESTAMP, RecordMeta, Span, TimestampType, parse_time};

use crate::rest::encoding::{Form, decode_base64};

/// How a key or value was written, for the answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    pub form: Option<Form>,
    pub size: usize,
    pub schema_id: Option<u32>,
}

impl Shape {
    /// One without a schema.
    pub fn new(form: Form, size: usize) -> Self {
        Self { form: Some(form), size, schema_id: None }
    }
}

/// A record; its key, its value, and its headers are still text.
struct Plain<'a> {
    partition: i32,
    timestamp: i64,
    headers: Option<&'a [u8]>,
    key: Option<Part<'a>>,
    value: Option<Part<'a>>,
}

/// A key or a value.
struct Part<'a> {
    form: Form,
    data: &'a [u8],
}

/// Appends the record that is this object of JSON to a batch, and says how key and value were written; nothing, and
/// nothing appended, for one of another form.
pub fn push(topic: &str, text: &str, batch: &mut Batch) -> Option<[Shape; 2]> {
    let plain = read(text.as_bytes())?;
    let (records, headers, bytes) = (batch.len(), batch.header_mark(), batch.bytes());
    let pushed = append(topic, &plain, batch);
    if pushed.is_none() {
        batch.rewind(records, headers, bytes);
    }
    pushed
}

fn read(text: &[u8]) -> Option<Plain<'_>> {
    let mut plain = Plain { partition: ANY_PARTITION, timestamp: NO_TIMESTAMP, headers: None, key: None, value: None };
    for_each_member(text, |name, value| {
        match name {
            // The last of two is not what all readers would take.
            b"\"key\"" if plain.key.is_none() => plain.key = part(value)?,
            b"\"value\"" if plain.value.is_none() => plain.value = part(value)?,
            b"\"headers\"" if plain.headers.is_none() => plain.headers = Some(value),
            b"\"partition_id\"" if plain.partition == ANY_PARTITION => {
                plain.partition = number(value).filter(|partition: &i32| *partition >= 0)?;
            }
            b"\"timestamp\"" if plain.timestamp == NO_TIMESTAMP => plain.timestamp = timestamp(value)?,
            _ => return None,
        }
        Some(())
    })?;
    Some(plain)
}

fn append(topic: &str, plain: &Plain<'_>, batch: &mut Batch) -> Option<[Shape; 2]> {
    let header_start = batch.header_mark();
    if let Some(headers) = plain.headers {
        push_headers(headers, batch)?;
    }
    let key = push_part(plain.key.as_ref(), batch.arena())?;
    let value = push_part(plain.value.as_ref(), batch.arena())?;
    let topic_index = batch.topic_index(topic);
    batch.push_meta(RecordMeta {
        // It has none before it is written.
        offset: -1,
        timestamp: plain.timestamp,
        topic: topic_index,
        partition: plain.partition,
        key,
        value,
        header_start,
        header_count: batch.header_mark() - header_start,
        timestamp_type: TimestampType::Create,
    });
    let shape = |part: &Option<Part<'_>>, span: Span| match part {
        Some(part) => Shape::new(part.form, usize::try_from(span.len).unwrap_or_default()),
        None => Shape::default(),
    };
    Some([shape(&plain.key, key), shape(&plain.value, value)])
}

/// `{"type":"BINARY","data":"…"}`; null is nothing.
fn part(text: &[u8]) -> Option<Option<Part<'_>>> {
    if text == b"null" {
        return Some(None);
    }
    let (mut form, mut data) = (None, None);
    for_each_member(text, |name, value| {
        match name {
            b"\"type\"" if form.is_none() => form = Some(value),
            b"\"data\"" if data.is_none() => data = Some(value),
            _ => return None,
        }
        Some(())
    })?;
    let form = match form? {
        b"\"BINARY\"" => Form::Binary,
        b"\"STRING\"" => Form::Text,
        b"\"JSON\"" => Form::Json,
        _ => return None,
    };
    Some(Some(Part { form, data: data.unwrap_or(b"null") }))
}

fn push_part(part: Option<&Part<'_>>, out: &mut Vec<u8>) -> Option<Span> {
    let Some(Part { form, data }) = part.filter(|part| part.data != b"null") else { return Some(Span::NULL) };
    let start = out.len();
    match form {
        Form::Binary => return decode(data, out),
        Form::Text => out.extend_from_slice(inner(data).filter(|inner| !inner.contains(&b'\\'))?),
        Form::Json => out.extend_from_slice(data),
        Form::Schema(_) => return None,
    }
    Some(Span::between(start, out.len()))
}

fn push_headers(text: &[u8], batch: &mut Batch) -> Option<()> {
    if text == b"null" {
        return Some(());
    }
    let mut is_plain = true;
    let each = |range: std::ops::Range<usize>| is_plain = is_plain && push_header(&text[range], batch).is_some();
    Scanner::new(text).elements(each).ok()?;
    is_plain.then_some(())
}

fn push_header(text: &[u8], batch: &mut Batch) -> Option<()> {
    let (mut name, mut value) = (None, None);
    for_each_member(text, |member, text| {
        match member {
            b"\"name\"" if name.is_none() => name = Some(text),
            b"\"value\"" if value.is_none() => value = Some(text),
            _ => return None,
        }
        Some(())
    })?;
    let name = inner(name?).filter(|name| !name.contains(&b'\\'))?;
    let name = Span::append(batch.arena(), Some(name));
    let value = match value {
        None | Some(b"null") => Span::NULL,
        Some(value) => decode(value, batch.arena())?,
    };
    batch.push_header_meta(HeaderMeta { name, value });
    Some(())
}

/// Decodes a string of base64 to the end of the bytes.
fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<Span> {
    let start = out.len();
    decode_base64(inner(text)?, out)?;
    Some(Span::between(start, out.len()))
}

fn timestamp(value: &[u8]) -> Option<i64> {
    match inner(value) {
        Some(text) => parse_time(std::str::from_utf8(text).ok()?, true).ok(),
        None => number(value),
    }
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// What stands between the quotes of a string.
fn inner(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'"', inner @ .., b'"'] => Some(inner),
        _ => None,
    }
}

/// Calls `each` with the name, in its quotes, and the text of each member of an object, until one is not wanted.
fn for_each_member<'a>(text: &'a [u8], mut each: impl FnMut(&[u8], &'a [u8]) -> Option<()>) -> Option<()> {
    let mut scanner = Scanner::new(text);
    scanner.expect(b'{', "").ok()?;
    let mut is_first = true;
    while let Some(member) = scanner.member(is_first).ok()? {
        is_first = false;
        each(&text[member.name], &text[member.value])?;
    }
    Some(())
}
