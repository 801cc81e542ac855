//! Schemas of any format and what they validate: a text is a schema or one error, and so is what stands in front of a
//! payload.

use std::sync::Arc;

use kafi_core::{ErrorKind, Field, HeadersBuf, Json};
use kafi_serde::jsonschema::{Reader, Schema, Writer};
use kafi_serde::wire::{Framed, MessageIndexes};
use kafi_serde::{Format, Source};

/// Takes what stands before a zero byte for a schema, and the rest for a payload; and all of `data` for a payload with
/// an id, and for a header.
pub fn run(data: &[u8]) {
    framed(data);
    let (text, payload) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(source) = Source::of_text(text, None) {
        // Sources of Protobuf are compiled by others.
        assert!(
            source.format() == Format::Protobuf || source.compile().err().is_none_or(|error| is_fine(error.kind())),
            "{text}"
        );
    }
    let Ok(schema) = Schema::parse(text) else { return };
    let schema = Arc::new(schema);
    let payload = payload.strip_prefix(b"\0").unwrap_or_default();
    let mut out = Vec::new();
    match Reader::new(Arc::clone(&schema)).read(payload, &mut out) {
        Ok(()) => {
            assert!(out == payload && Json::parse(String::from_utf8(out).unwrap()).is_ok());
        }
        Err(error) => assert!(error.kind() == ErrorKind::Corrupt && out.is_empty(), "{error:?}"),
    }
    let Ok(json) = std::str::from_utf8(payload) else { return };
    let mut written = Vec::new();
    let is_written = Writer::new(schema).write(json, &mut written).is_ok();
    assert!(!is_written || written == payload, "{json}");
}

fn is_fine(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Corrupt | ErrorKind::TooLarge | ErrorKind::Unsupported)
}

fn framed(data: &[u8]) {
    let headers = HeadersBuf::new();
    let in_header = HeadersBuf::from_iter([("__key_schema_id", data)]);
    for framed in
        [Framed::read(Field::Value, data, headers.as_headers()), Framed::read(Field::Key, data, in_header.as_headers())]
    {
        let Ok(framed) = framed else { continue };
        let _ = framed.payload();
        let mut indexes = MessageIndexes::new();
        let Ok(payload) = framed.message(&mut indexes) else { continue };
        let mut written = Vec::new();
        framed.id().write(&mut written);
        indexes.write(&mut written);
        // The same in as few bytes as it needs.
        assert!(written.len() <= data.len());
        written.extend_from_slice(payload);
        let again = Framed::read(Field::Value, &written, headers.as_headers()).unwrap();
        let mut indexes_again = MessageIndexes::new();
        assert_eq!(
            (again.id(), again.message(&mut indexes_again).unwrap(), indexes_again),
            (framed.id(), payload, indexes)
        );
    }
}
