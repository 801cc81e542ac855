//! Avro: a text is a schema or one error; a payload is JSON or one error, and what it becomes is read back as the same,
//! in both forms; a JSON text is a payload or one error.

use std::sync::Arc;

use kafi_core::{ErrorKind, Json};
use kafi_serde::avro::{Form, Reader, Schema, Writer};

/// Schemas that inputs can choose.
pub const SCHEMAS: [&str; 6] = [
    r#"{"type":"record","name":"a.R","fields":[{"name":"id","type":"long"},{"name":"o","type":["null","string","double",{"type":"map","values":["null","a.R"]}]},
        {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":30,"scale":3}},{"name":"l","type":{"type":"array","items":["int","long","bytes"]}}]}"#,
    r#"{"type":"map","values":[{"type":"enum","name":"E","symbols":["A","B"],"default":"A"},"null",{"type":"fixed","name":"F","size":3},"float"]}"#,
    r#"{"type":"array","items":{"type":"record","name":"N","fields":[{"name":"x","type":"null"}]}}"#,
    r#"[{"type":"fixed","name":"U","size":16,"logicalType":"uuid"},{"type":"fixed","name":"D","size":12,"logicalType":"duration"},"boolean",
        {"type":"fixed","name":"P","size":5,"logicalType":"decimal","precision":9,"scale":2}]"#,
    r#"{"type":"record","name":"L","fields":[{"name":"v","type":{"type":"int","logicalType":"date"},"default":7},{"name":"next","type":["null","L"],"default":null}]}"#,
    "\"string\"",
];

/// Takes the first byte of `data` for one of the schemas, or what stands before a zero byte for a schema of its own;
/// the rest is a payload, and a text.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let (text, payload) = match SCHEMAS.get(usize::from(*first)) {
        Some(text) => (*text, rest),
        None => {
            let (text, payload) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
            (std::str::from_utf8(text).unwrap_or_default(), payload)
        }
    };
    let schema = match Schema::parse(text) {
        Ok(schema) => Arc::new(schema),
        Err(error) => {
            return assert!(error.kind() == ErrorKind::Corrupt && !error.to_string().contains('\n'), "{error:?}");
        }
    };
    schema.canonical_form();
    for form in [Form::Readable, Form::Standard] {
        let mut reader = Reader::new(&schema, form);
        let mut resolving = Reader::with_reader_schema(&schema, &schema, form);
        let mut writer = Writer::new(Arc::clone(&schema), form);
        if let Some(json) = read(&mut reader, payload) {
            if let Ok(resolving) = &mut resolving {
                assert_eq!(read(resolving, payload).as_ref(), Some(&json), "what is read as itself is the same");
            }
            let mut again = Vec::new();
            match writer.write(&json, &mut again) {
                Ok(()) => assert_eq!(read(&mut reader, &again), Some(json)),
                // A map of a payload may have a name twice, and a decimal more digits than it should.
                Err(error) => assert!(
                    error.message().contains("stands twice") || error.message().contains("more digits"),
                    "{error}: {json}"
                ),
            }
        }
        let Ok(json) = std::str::from_utf8(payload) else { continue };
        let mut written = Vec::new();
        match writer.write(json, &mut written) {
            Ok(()) => {
                let json = read(&mut reader, &written).expect("what was written is read");
                let mut again = Vec::new();
                writer.write(&json, &mut again).unwrap();
                assert_eq!(again, written);
            }
            Err(error) => assert!(error.kind() == ErrorKind::Corrupt && written.is_empty(), "{error:?}"),
        }
    }
}

fn read(reader: &mut Reader, payload: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    match reader.read(payload, &mut out) {
        Ok(()) => {
            let json = String::from_utf8(out).unwrap();
            Json::parse(json.as_str()).unwrap();
            Some(json)
        }
        Err(error) => {
            assert!(
                error.kind() == ErrorKind::Corrupt && out.is_empty() && !error.to_string().contains('\n'),
                "{error:?}"
            );
            None
        }
    }
}
