//! The tables `avro.txt`, `protobuf.txt`, and `jsonschema.txt`: of each case the old and the new schema, and each thing
//! that does not fit when the new one reads (`backward`) and when the old one does (`forward`).

use std::fmt::Write;

use kafi_serde::registry::CompatibilityLevel;
use kafi_serde::{Format, Source};

use crate::compare;

/// Compares a table with what comes out; what does is left beside the test's other output.
fn check(format: Format, table: &str, at_least: usize) {
    let mut actual = String::new();
    let mut count = 0;
    for case in table.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let line = |name: &str| case.lines().find_map(|line| line.strip_prefix(name));
        let (old, new) = (line("old ").expect(case), line("new ").expect(case));
        writeln!(actual, "# {}\nold {old}\nnew {new}", line("# ").expect(case)).unwrap();
        for (direction, reader, writer) in [("backward", new, old), ("forward", old, new)] {
            for found in compare(format, reader, writer).unwrap_or_else(|error| panic!("{case}: {error}")) {
                writeln!(actual, "{direction} {} {found}", found.kind()).unwrap();
            }
        }
        actual.push('\n');
        count += 1;
    }
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{format}.txt"));
    std::fs::write(&path, &actual).unwrap();
    for (case, is) in table.split("\n\n").zip(actual.split("\n\n")) {
        assert_eq!(is.trim(), case.trim(), "see {}", path.display());
    }
    assert!(count >= at_least, "{count} cases");
}

#[test]
fn avro() {
    check(Format::Avro, include_str!("avro.txt"), 70);
}

#[test]
fn protobuf() {
    check(Format::Protobuf, include_str!("protobuf.txt"), 80);
}

#[test]
fn json_schema() {
    check(Format::JsonSchema, include_str!("jsonschema.txt"), 95);
}

#[test]
fn formats_do_not_mix() {
    let avro = Source::of_text("\"int\"", None).unwrap();
    let json = Source::of_text("{}", Some(Format::JsonSchema)).unwrap();
    let found = kafi_serde::compat::check(&avro, &json).unwrap();
    assert_eq!(found[0].to_string(), "/: the format was jsonschema, and is avro");
}

#[test]
fn references_are_followed() {
    let source = |format, text: &str, name: &str, other: &str| {
        Source::of_text(text, Some(format)).unwrap().with_references(vec![(name.into(), other.into())])
    };
    for (format, text, name, old, new, expected) in [
        (
            Format::Avro,
            r#"{"type": "array", "items": "I"}"#,
            "I",
            r#"{"type": "record", "name": "I", "fields": []}"#,
            r#"{"type": "record", "name": "I", "fields": [{"name": "a", "type": "int"}]}"#,
            "/items/fields/0: the reader's field a has no default, and the writer does not have it",
        ),
        (
            Format::Protobuf,
            r#"syntax = "proto3"; package p; import "i.proto"; message M { q.I i = 1; }"#,
            "i.proto",
            r#"syntax = "proto3"; package q; message I { int32 a = 1; }"#,
            r#"syntax = "proto3"; package q; message I { string a = 1; }"#,
            "/I/1: the field a was of the type int32, and is of string",
        ),
        (
            Format::JsonSchema,
            r#"{"type": "object", "properties": {"a": {"$ref": "i.json#/definitions/T"}}}"#,
            "i.json",
            r#"{"definitions": {"T": {"type": "string"}}}"#,
            r#"{"definitions": {"T": {"type": "integer"}}}"#,
            "/properties/a: it was a string, and is an integer",
        ),
    ] {
        let (old, new) = (source(format, text, name, old), source(format, text, name, new));
        let found = kafi_serde::compat::check(&new, &old).unwrap();
        assert_eq!(found[0].to_string(), expected, "{format}: {found:?}");
        assert_eq!(kafi_serde::compat::check(&old, &old).unwrap(), [], "{format}");
    }
}

#[test]
fn levels_say_what_is_compared_and_how() {
    let record = |fields: &str| {
        Source::of_text(format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#), Some(Format::Avro))
            .unwrap()
    };
    let [none, a, ab] =
        ["", r#"{"name": "a", "type": "int"}"#, r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#]
            .map(record);
    for (level, new, earlier, fits) in [
        (CompatibilityLevel::None, &ab, [&a, &none], true),
        (CompatibilityLevel::Backward, &a, [&ab, &none], true),
        (CompatibilityLevel::Backward, &ab, [&a, &none], false),
        (CompatibilityLevel::BackwardTransitive, &a, [&ab, &none], false),
        (CompatibilityLevel::Forward, &ab, [&a, &none], true),
        (CompatibilityLevel::Forward, &none, [&a, &ab], false),
        (CompatibilityLevel::ForwardTransitive, &a, [&none, &ab], false),
        (CompatibilityLevel::ForwardTransitive, &ab, [&a, &none], true),
        (CompatibilityLevel::Full, &a, [&a, &none], true),
        (CompatibilityLevel::Full, &a, [&none, &a], false),
        (CompatibilityLevel::FullTransitive, &a, [&a, &none], false),
    ] {
        assert_eq!(level.check(new, earlier).unwrap().is_empty(), fits, "{level} {new:?}");
    }
}
