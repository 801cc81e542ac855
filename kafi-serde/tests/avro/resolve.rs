//! Schema resolution, by the rules of the specification.

use std::sync::Arc;

use kafi_serde::avro::{Form, Reader, Schema, Writer};

/// Writes JSON with one schema and reads it with another.
fn resolve(writer: &str, reader: &str, json: &str) -> Result<String, String> {
    let written = Arc::new(Schema::parse(writer).unwrap());
    let read = Arc::new(Schema::parse(reader).unwrap());
    let mut payload = Vec::new();
    Writer::new(Arc::clone(&written), Form::Readable).write(json, &mut payload).unwrap();
    let mut reader = Reader::with_reader_schema(&written, &read, Form::Readable).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    reader.read(&payload, &mut out).map_err(|error| error.to_string())?;
    let text = String::from_utf8(out).unwrap();
    let mut again = Vec::new();
    Writer::new(read, Form::Readable).write(&text, &mut again).unwrap();
    Ok(text)
}

fn same(writer: &str, reader: &str, json: &str, expected: &str) {
    assert_eq!(resolve(writer, reader, json).as_deref(), Ok(expected), "{writer} as {reader}");
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
}

#[test]
fn types_become_larger_ones() {
    for (writer, reader, json, expected) in [
        ("\"int\"", "\"long\"", "7", "7"),
        ("\"int\"", "\"float\"", "7", "7.0"),
        ("\"int\"", "\"double\"", "7", "7.0"),
        ("\"long\"", "\"float\"", "16777217", "16777216.0"),
        ("\"long\"", "\"double\"", "7", "7.0"),
        ("\"float\"", "\"double\"", "0.1", "0.10000000149011612"),
        ("\"string\"", "\"bytes\"", "\"ü\"", "\"Ã¼\""),
        ("\"bytes\"", "\"string\"", "\"Ã¼\"", "\"ü\""),
    ] {
        same(writer, reader, json, expected);
    }
    assert_eq!(
        resolve("\"long\"", "\"int\"", "7").unwrap_err(),
        "resolve Avro schemas: the writer's long cannot be read as the reader's int"
    );
    assert!(resolve("\"bytes\"", "\"string\"", "\"ÿ\"").unwrap_err().contains("not UTF-8"));
}

#[test]
fn decimals_keep_their_value() {
    let decimal =
        |scale: u32| format!(r#"{{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": {scale}}}"#);
    same(&decimal(2), &decimal(4), "1.50", "1.5000");
    same(&decimal(2), &decimal(1), "1.50", "1.5");
    same(&decimal(2), &decimal(0), "-1.00", "-1");
    same(&decimal(0), &decimal(2), "15", "15.00");
    same(&decimal(0), &decimal(0), "10", "10");
    assert!(
        resolve(&decimal(2), &decimal(1), "1.55")
            .unwrap_err()
            .contains("more digits behind the point than the 1 of the reader's schema")
    );
    assert!(resolve(&decimal(2), &decimal(0), "10.50").is_err());
}

#[test]
fn fields_are_found_by_name_and_alias_and_come_in_the_readers_order() {
    let writer = record(
        r#"{"name": "a", "type": "int"}, {"name": "b", "type": {"type": "array", "items": "string"}}, {"name": "c", "type": ["null", "long"]}"#,
    );
    let json = r#"{"a":1,"b":["x","y"],"c":5}"#;
    let reader = |fields: &str| record(fields);
    same(&writer, &reader(r#"{"name": "a", "type": "int"}"#), json, r#"{"a":1}"#);
    same(&writer, &reader(r#"{"name": "c", "type": ["null", "long"]}"#), json, r#"{"c":5}"#);
    same(&writer, &reader(""), json, "{}");
    same(
        &writer,
        &reader(r#"{"name": "c", "type": ["null", "double"]}, {"name": "a", "type": "long"}"#),
        json,
        r#"{"c":5.0,"a":1}"#,
    );
    same(
        &writer,
        &reader(
            r#"{"name": "n", "type": "string", "default": "d"}, {"name": "c", "type": ["null", "long"]}, {"name": "m", "type": ["null", "int"], "default": null}, {"name": "a", "type": "int"}"#,
        ),
        json,
        r#"{"n":"d","c":5,"m":null,"a":1}"#,
    );
    same(
        &writer,
        &reader(r#"{"name": "x", "aliases": ["z", "a"], "type": "int"}, {"name": "c", "type": ["null", "long"]}"#),
        json,
        r#"{"x":1,"c":5}"#,
    );
    // A name goes before an alias, and nothing is read twice.
    same(
        &writer,
        &reader(r#"{"name": "x", "aliases": ["a"], "type": "int", "default": 9}, {"name": "a", "type": "int"}"#),
        json,
        r#"{"x":9,"a":1}"#,
    );
    assert_eq!(
        resolve(&writer, &reader(r#"{"name": "q", "type": "int"}"#), json).unwrap_err(),
        "resolve Avro schemas: the writer did not write a field of the reader's: default: path .q: it is missing, and the field of R has no default"
    );
    let nested = |fields: &str| {
        record(&format!(
            r#"{{"name": "o", "type": {{"type": "array", "items": {{"type": "record", "name": "I", "fields": [{fields}]}}}}}}, {{"name": "z", "type": "int"}}"#
        ))
    };
    same(
        &nested(r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#),
        &record(
            r#"{"name": "z", "type": "int"}, {"name": "o", "type": {"type": "array", "items": {"type": "record", "name": "I", "fields": [{"name": "b", "type": "int"}, {"name": "a", "type": "int"}]}}}"#,
        ),
        r#"{"o":[{"a":1,"b":2},{"a":3,"b":4}],"z":5}"#,
        r#"{"z":5,"o":[{"b":2,"a":1},{"b":4,"a":3}]}"#,
    );
}

#[test]
fn names_match_without_their_namespaces_or_by_alias() {
    let fixed = |name: &str, more: &str| format!(r#"{{"type": "fixed", "name": "{name}", "size": 1{more}}}"#);
    same(&fixed("a.F", ""), &fixed("b.F", ""), "\"x\"", "\"x\"");
    same(&fixed("a.F", ""), &fixed("b.G", r#", "aliases": ["a.F"]"#), "\"x\"", "\"x\"");
    assert!(resolve(&fixed("a.F", ""), &fixed("b.G", r#", "aliases": ["F"]"#), "\"x\"").is_err());
    assert!(resolve(&fixed("F", ""), r#"{"type": "fixed", "name": "F", "size": 2}"#, "\"x\"").is_err());
    let symbols =
        |symbols: &str, more: &str| format!(r#"{{"type": "enum", "name": "E", "symbols": [{symbols}]{more}}}"#);
    same(&symbols("\"A\", \"B\"", ""), &symbols("\"B\"", ""), "\"B\"", "\"B\"");
    same(&symbols("\"A\", \"B\"", ""), &symbols("\"B\", \"C\"", r#", "default": "C""#), "\"A\"", "\"C\"");
    let error = resolve(&symbols("\"A\", \"B\"", ""), &symbols("\"B\"", ""), "\"A\"").unwrap_err();
    assert_eq!(error, "decode Avro: byte 0: the reader's E has neither the symbol A nor a default");
}

#[test]
fn unions_find_their_branch() {
    same("\"int\"", r#"["null", "int"]"#, "1", "1");
    same(r#"["null", "int"]"#, "\"int\"", "1", "1");
    assert!(
        resolve(r#"["null", "int"]"#, "\"int\"", "null")
            .unwrap_err()
            .contains("the writer's null cannot be read as the reader's int")
    );
    same(r#"["null", "int", "string"]"#, r#"["string", "double", "null"]"#, "1", "1.0");
    same("\"int\"", r#"["float", "long", "int"]"#, "1", "{\"int\":1}");
    same("\"int\"", r#"["string", "double"]"#, "1", "1.0");
    assert!(
        resolve("\"int\"", r#"["string", "null"]"#, "1")
            .unwrap_err()
            .contains("no branch of the reader's union takes the writer's int")
    );
    // Records of the same fields are told apart by their names, whatever their order.
    let branch =
        |name: &str| format!(r#"{{"type": "record", "name": "{name}", "fields": [{{"name": "x", "type": "int"}}]}}"#);
    let (one, two) =
        (format!("[{}, {}]", branch("a.A"), branch("a.B")), format!("[{}, {}]", branch("a.B"), branch("a.A")));
    same(&one, &two, "{\"a.A\":{\"x\":1}}", "{\"a.A\":{\"x\":1}}");
    same(&one, &two, "{\"a.B\":{\"x\":1}}", "{\"a.B\":{\"x\":1}}");
}

#[test]
fn types_that_hold_themselves_are_resolved_once() {
    let list = |more: &str| {
        format!(
            r#"{{"type": "record", "name": "L", "fields": [{more}{{"name": "value", "type": "int"}}, {{"name": "next", "type": ["null", "L"]}}]}}"#
        )
    };
    same(
        &list(""),
        &list(r#"{"name": "new", "type": "int", "default": 0}, "#),
        r#"{"value":1,"next":{"value":2,"next":null}}"#,
        r#"{"new":0,"value":1,"next":{"new":0,"value":2,"next":null}}"#,
    );
}
