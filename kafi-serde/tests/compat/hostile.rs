//! Schemas that nest as deep as anybody likes, refer to themselves, or multiply: an answer or an error, soon.

use kafi_core::ErrorKind;
use kafi_serde::compat::check;
use kafi_serde::{Format, Source};

use crate::{compare, kinds};

/// The first of records each of which holds the next one; a reference defines them.
fn chain(length: usize, last: &str) -> Source {
    // From the last to the first, since names have to be known.
    let records: Vec<String> = (0..=length)
        .rev()
        .map(|at| {
            let holds = if at == length { last.to_string() } else { format!("R{}", at + 1) };
            format!(r#"{{"type":"record","name":"R{at}","fields":[{{"name":"f","type":"{holds}"}}]}}"#)
        })
        .collect();
    let all = format!("[{}]", records.join(","));
    Source::of_text("\"R0\"", Some(Format::Avro)).unwrap().with_references(vec![("all".into(), all)])
}

#[test]
fn long_chains_of_avro_records_are_compared_or_refused() {
    let found = check(&chain(9000, "int"), &chain(9000, "string")).unwrap();
    assert_eq!(kinds(&found), ["TYPE_MISMATCH"]);
    assert_eq!(found[0].path().len(), "/fields/0/type".len() * 9001);
    let error = check(&chain(20_000, "int"), &chain(20_000, "int")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(error.to_string(), "compare schemas: they nest more than 10000 levels deep");
}

#[test]
fn avro_unions_that_multiply_are_compared_once() {
    // Each record holds the next one twice: a billion ways to the last.
    let doubled = |last: &str| {
        let mut text = format!("\"{last}\"");
        for at in (0..30).rev() {
            text = match at {
                29 => format!(r#"{{"type":"record","name":"R{at}","fields":[{{"name":"a","type":{text}}}]}}"#),
                _ => format!(
                    r#"{{"type":"record","name":"R{at}","fields":[{{"name":"a","type":{text}}},{{"name":"b","type":["null","R{}"]}}]}}"#,
                    at + 1
                ),
            };
        }
        text
    };
    let found = compare(Format::Avro, &doubled("int"), &doubled("string")).unwrap();
    assert!(!found.is_empty() && found.len() <= 100, "{}", found.len());
}

#[test]
fn too_many_pairs_are_an_error() {
    let records = |count: usize, kind: &str| {
        let all: Vec<String> =
            (0..count).map(|at| format!(r#"{{"type":"record","name":"{kind}{at}","fields":[]}}"#)).collect();
        format!("[{}]", all.join(","))
    };
    let error = compare(Format::Avro, &records(1200, "A"), &records(1200, "B")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(error.to_string(), "compare schemas: the two have too many pairs of parts to be compared");
}

#[test]
fn json_schemas_that_refer_to_each_other_end() {
    let circle = |last: &str| {
        format!(
            r##"{{"$ref": "#/definitions/a", "definitions": {{
                "a": {{"type": "object", "additionalProperties": false, "properties": {{"b": {{"$ref": "#/definitions/b"}}, "v": {last}}}}},
                "b": {{"type": "array", "items": {{"anyOf": [{{"$ref": "#/definitions/a"}}, {{"$ref": "#/definitions/b"}}]}}}}}}}}"##
        )
    };
    let (old, new) = (circle(r#"{"type": "integer"}"#), circle(r#"{"type": "string"}"#));
    assert_eq!(compare(Format::JsonSchema, &old, &old).unwrap(), []);
    assert!(kinds(&compare(Format::JsonSchema, &new, &old).unwrap()).contains(&"TYPE_CHANGED"));
}

#[test]
fn json_schemas_that_multiply_are_compared_once() {
    let doubled = |last: &str| {
        let definitions: Vec<String> = (0..12)
            .map(|at| {
                let next = at + 1;
                format!(r##""a{at}": {{"properties": {{"x": {{"$ref": "#/definitions/a{next}"}}, "y": {{"$ref": "#/definitions/a{next}"}}}}}}"##)
            })
            .collect();
        format!(r##"{{"$ref": "#/definitions/a0", "definitions": {{{}, "a12": {last}}}}}"##, definitions.join(","))
    };
    let found = compare(Format::JsonSchema, &doubled("false"), &doubled(r#"{"type": "string"}"#)).unwrap();
    assert_eq!(kinds(&found), ["TYPE_CHANGED"]);
}

#[test]
fn choices_of_many_schemas_are_matched_or_refused() {
    let choice = |count: usize, from: usize| {
        let all: Vec<String> = (0..count).map(|at| format!(r#"{{"const": {}}}"#, at + from)).collect();
        format!(r#"{{"anyOf": [{}]}}"#, all.join(","))
    };
    assert_eq!(compare(Format::JsonSchema, &choice(300, 0), &choice(300, 0)).unwrap(), []);
    let error = compare(Format::JsonSchema, &choice(600, 0), &choice(600, 600)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn messages_that_hold_each_other_end() {
    let source = |kind: &str| {
        let messages: Vec<String> = (0..200)
            .map(|at| {
                format!("message M{at} {{ M{} a = 1; M{} b = 2; {kind} c = 3; }}", (at + 1) % 200, (at + 7) % 200)
            })
            .collect();
        format!("syntax = \"proto3\"; {}", messages.join(" "))
    };
    let found = compare(Format::Protobuf, &source("int32"), &source("string")).unwrap();
    assert_eq!(found.len(), 100);
    assert!(found.iter().all(|found| found.kind() == "FIELD_SCALAR_KIND_CHANGED"));
}
