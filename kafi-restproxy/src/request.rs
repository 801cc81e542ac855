//! The messages of one request, as text.

use std::ops::Range;
use std::sync::Arc;

use base64_simd::STANDARD;
use kafi_core::json_text::write_string;
use kafi_core::{ANY_PARTITION, NO_TIMESTAMP, Record, Result, TimeFormat};

/// What became of a message: its partition, and its offset where that is known.
pub(crate) type Outcome = Result<(i32, Option<i64>)>;

/// Messages to one topic. Their text is that of version 3; version 2 has another, which is made of it.
pub(crate) struct Request {
    pub topic: Arc<str>,
    pub text: Vec<u8>,
    pub records: Vec<Gathered>,
    /// How many failures had been reported when the first message came.
    pub failures_told: u64,
}

/// A message that was gathered.
pub(crate) struct Gathered {
    pub token: u64,
    /// Which one it is under its token.
    pub of_token: u64,
    /// The partition that it names.
    pub partition: i32,
    /// Its text.
    pub range: Range<usize>,
    /// What version 2 would lose of it.
    pub needs_v3: bool,
}

impl Request {
    pub fn new(topic: &str, failures_told: u64) -> Self {
        Self { topic: topic.into(), text: Vec::new(), records: Vec::new(), failures_told }
    }

    pub fn push(&mut self, record: &Record<'_>, token: u64, of_token: u64) {
        let start = self.text.len();
        write(record, &mut self.text);
        let range = start..self.text.len();
        let needs_v3 = !record.headers.is_empty() || record.timestamp != NO_TIMESTAMP;
        self.records.push(Gathered { token, of_token, partition: record.partition, range, needs_v3 });
    }
}

fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    if record.partition != ANY_PARTITION {
        out.extend_from_slice(b"\"partition_id\":");
        out.extend_from_slice(itoa::Buffer::new().format(record.partition).as_bytes());
        out.push(b',');
    }
    if !record.headers.is_empty() {
        headers(record, out);
    }
    if record.timestamp != NO_TIMESTAMP {
        out.extend_from_slice(b"\"timestamp\":\"");
        TimeFormat::rfc3339(true).write(record.timestamp, out);
        out.extend_from_slice(b"\",");
    }
    for (start, bytes) in [
        (&b"\"key\":{\"type\":\"BINARY\",\"data\":\""[..], record.key),
        (b"\"value\":{\"type\":\"BINARY\",\"data\":\"", record.value),
    ] {
        if let Some(bytes) = bytes {
            out.extend_from_slice(start);
            base64(bytes, out);
            out.extend_from_slice(b"\"},");
        }
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.extend_from_slice(b"}\n");
}

fn headers(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"headers\":[");
    for (index, header) in record.headers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        match std::str::from_utf8(header.name) {
            Ok(name) => {
                out.extend_from_slice(b"\"name\":");
                write_string(out, name);
            }
            // `kafi serve` takes names that are no text; other servers refuse the message.
            Err(_) => {
                out.extend_from_slice(b"\"name_base64\":\"");
                base64(header.name, out);
                out.push(b'"');
            }
        }
        out.extend_from_slice(b",\"value\":");
        match header.value {
            Some(value) => {
                out.push(b'"');
                base64(value, out);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"],");
}

/// Appends bytes in base64.
fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    // The encoder itself would make room for these only.
    out.reserve(bytes.len().div_ceil(3) * 4);
    STANDARD.encode_append(bytes, out);
}
