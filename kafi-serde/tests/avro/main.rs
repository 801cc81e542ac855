//! Avro: round trips of generated schemas and values, beside apache-avro; the mapping to JSON; schema resolution;
//! payloads that nobody honest writes.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

mod ambiguous;
mod encode;
mod generator;
mod hostile;
mod mapping;
mod oracle;
mod resolve;
mod round_trip;

use std::sync::Arc;

use kafi_serde::avro::{Form, Reader, Schema, Writer};

pub fn decode(schema: &str, form: Form, payload: &[u8]) -> kafi_core::Result<String> {
    let schema = Schema::parse(schema).unwrap();
    let mut out = b"before".to_vec();
    let read = Reader::new(&schema, form).read(payload, &mut out);
    let text = String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_string();
    assert!(read.is_ok() || text.is_empty());
    read.map(|()| text)
}

pub fn encode(schema: &str, form: Form, json: &str) -> kafi_core::Result<Vec<u8>> {
    let schema = Schema::parse(schema).unwrap();
    let mut out = b"before".to_vec();
    let written = Writer::new(Arc::new(schema), form).write(json, &mut out);
    let bytes = out.strip_prefix(b"before").unwrap().to_vec();
    assert!(written.is_ok() || bytes.is_empty());
    written.map(|()| bytes)
}

/// What encoding says is wrong.
pub fn refused(schema: &str, json: &str) -> String {
    let error = encode(schema, Form::Readable, json).unwrap_err();
    assert_eq!(error.kind(), kafi_core::ErrorKind::Corrupt);
    error.to_string().strip_prefix("encode Avro: ").unwrap().to_string()
}
