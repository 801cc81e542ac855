//! Protobuf: round trips of generated schemas and payloads, beside prost-reflect; the mapping to JSON; payloads that
//! nobody honest writes.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

mod encode;
mod generator;
mod hostile;
mod mapping;
mod merge;
mod round_trip;

use std::sync::Arc;

use kafi_serde::protobuf::{Form, Reader, Schema, Writer};

/// The first message of a source, read.
pub fn decode(source: &str, form: Form, payload: &[u8]) -> kafi_core::Result<String> {
    let schema = Arc::new(Schema::parse(source).unwrap());
    let mut out = b"before".to_vec();
    let read = Reader::new(Arc::clone(&schema), form).read(schema.first_message().unwrap(), payload, &mut out);
    let text = String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_string();
    assert!(read.is_ok() || text.is_empty());
    read.map(|()| text)
}

/// The first message of a source, written.
pub fn encode(source: &str, json: &str) -> kafi_core::Result<Vec<u8>> {
    let schema = Arc::new(Schema::parse(source).unwrap());
    let mut out = b"before".to_vec();
    let written = Writer::new(Arc::clone(&schema)).write(schema.first_message().unwrap(), json, &mut out);
    let bytes = out.strip_prefix(b"before").unwrap().to_vec();
    assert!(written.is_ok() || bytes.is_empty());
    written.map(|()| bytes)
}

/// What encoding says is wrong.
pub fn refused(source: &str, json: &str) -> String {
    let error = encode(source, json).unwrap_err();
    assert_eq!(error.kind(), kafi_core::ErrorKind::Corrupt);
    error.to_string().strip_prefix("encode Protobuf: ").unwrap().to_string()
}
