//! What is read and written again is the same payload, in both forms, whatever the schema.

use std::sync::Arc;

use kafi_core::Json;
use kafi_serde::avro::{Form, Reader, Schema, Writer};

use crate::generator::{Generator, value};

#[test]
fn payloads_come_back_byte_for_byte() {
    for seed in 0..3_000 {
        let mut generator = Generator::new(seed);
        let type_ = generator.schema(4);
        let text = type_.text();
        let schema = Arc::new(Schema::parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}: {text}")));
        // The canonical form knows no namespaces, so that a name without one takes that around it.
        let is_clear = !text.contains("\"namespace\":\"\"");
        assert!(
            !is_clear || Schema::parse(&schema.canonical_form()).unwrap().canonical_form() == schema.canonical_form()
        );
        let forms = [Form::Readable, Form::Standard];
        let mut readers = forms.map(|form| Reader::new(&schema, form));
        let mut resolving = forms.map(|form| Reader::with_reader_schema(&schema, &schema, form).unwrap());
        let mut writers = forms.map(|form| Writer::new(Arc::clone(&schema), form));
        for _ in 0..4 {
            let mut payload = Vec::new();
            value(&mut generator.random, &type_, &mut Vec::new(), 0, &mut payload);
            for index in 0..2 {
                let mut json = Vec::new();
                readers[index].read(&payload, &mut json).unwrap_or_else(|error| panic!("seed {seed}: {error}: {text}"));
                let json = String::from_utf8(json).unwrap();
                Json::parse(json.as_str()).unwrap_or_else(|error| panic!("seed {seed}: {error}: {json}"));
                let mut again = Vec::new();
                writers[index]
                    .write(&json, &mut again)
                    .unwrap_or_else(|error| panic!("seed {seed}: {error}: {json}: {text}"));
                assert_eq!(again, payload, "seed {seed}: {json}: {text}");
                let mut resolved = Vec::new();
                resolving[index].read(&payload, &mut resolved).unwrap();
                assert_eq!(String::from_utf8(resolved).unwrap(), json, "seed {seed}: {text}");
                damaged(&mut readers[index], &payload, &mut generator);
            }
        }
    }
}

/// Whatever becomes of a payload, it is JSON or one error.
fn damaged(reader: &mut Reader, payload: &[u8], generator: &mut Generator) {
    let mut bytes = payload.to_vec();
    for _ in 0..1 + generator.random.below(3) {
        match generator.random.below(3) {
            0 => bytes.truncate(generator.random.below(bytes.len() + 1)),
            1 => bytes.push(generator.random.next() as u8),
            _ if bytes.is_empty() => {}
            _ => {
                let at = generator.random.below(bytes.len());
                bytes[at] = generator.random.next() as u8;
            }
        }
    }
    let mut out = Vec::new();
    match reader.read(&bytes, &mut out) {
        Ok(()) => drop(Json::parse(String::from_utf8(out).unwrap()).unwrap()),
        Err(error) => assert!(error.kind() == kafi_core::ErrorKind::Corrupt && out.is_empty(), "{error}"),
    }
}
