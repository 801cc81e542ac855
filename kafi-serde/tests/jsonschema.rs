//! JSON Schema: drafts, references, what is wrong with values, and schemas and values that nobody honest writes.

#![cfg(feature = "jsonschema")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use kafi_core::{ErrorKind, Result};
use kafi_serde::jsonschema::{Reader, Schema, Writer};

fn read(schema: &str, payload: &[u8]) -> Result<Vec<u8>> {
    let mut out = b"before".to_vec();
    let read = Reader::new(Arc::new(Schema::parse(schema)?)).read(payload, &mut out);
    let bytes = out.strip_prefix(b"before").unwrap().to_vec();
    assert!(read.is_ok() || bytes.is_empty());
    read.map(|()| bytes)
}

fn write(schema: &str, json: &str) -> Result<Vec<u8>> {
    let mut out = b"before".to_vec();
    let written = Writer::new(Arc::new(Schema::parse(schema)?)).write(json, &mut out);
    let bytes = out.strip_prefix(b"before").unwrap().to_vec();
    assert!(written.is_ok() || bytes.is_empty());
    written.map(|()| bytes)
}

#[test]
fn values_pass_as_they_are() {
    let schema =
        r#"{"type": "object", "properties": {"id": {"type": "integer"}, "price": {"type": "number", "maximum": 20}}}"#;
    for json in
        [" {\"price\" : 19.990, \"id\":123456789012345678901234567890 }\n", "{\"id\":1.0}", "{}", "{\"x\":\"\\u00e4\"}"]
    {
        assert_eq!(read(schema, json.as_bytes()).unwrap(), json.as_bytes());
        assert_eq!(write(schema, json).unwrap(), json.as_bytes());
    }
    assert_eq!(read("true", b"null").unwrap(), b"null");
}

#[test]
fn what_is_wrong_says_where_and_why() {
    let schema = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "lines": {"items": {"properties": {"a b": {"enum": ["x", 1]}}}}}}"#;
    for (json, expected) in [
        ("{}", "\"id\" is a required property"),
        ("[]", "[] is not of type \"object\""),
        ("{\"id\":1.5}", "path .id: 1.5 is not of type \"integer\""),
        ("{\"id\":1,\"lines\":[{},{\"a b\":2}]}", "path .lines[1][\"a b\"]: 2 is not one of \"x\" or 1"),
        ("{\"lines\":[{\"a b\":2}]}", "\"id\" is a required property (and 1 more)"),
    ] {
        assert_eq!(write(schema, json).unwrap_err().to_string(), format!("encode JSON Schema: {expected}"), "{json}");
        let error = read(schema, json.as_bytes()).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Corrupt, format!("decode JSON Schema: {expected}")));
    }
    assert_eq!(read(schema, b"\xff").unwrap_err().to_string(), "decode JSON Schema: byte 0 is not UTF-8");
    assert_eq!(
        write(schema, "{\n x}").unwrap_err().to_string(),
        "read JSON: line 2, column 2: this is not JSON: a name in quotes is missing"
    );
    let long = format!("{{\"id\":\"{}\"}}", "ä".repeat(1000));
    assert!(write(schema, &long).unwrap_err().to_string().chars().count() < 300);
    let twice = "{\"id\":1,\"lines\":[{\"x\":1,\"x\":2}]}";
    assert_eq!(
        write(schema, twice).unwrap_err().to_string(),
        "encode JSON Schema: path .lines[0]: the name \"x\" stands twice in the object, and one of the two would be lost"
    );
    assert!(read(schema, twice.as_bytes()).is_ok());
}

#[test]
fn drafts_are_told_apart() {
    let schema = |draft: &str, rest: &str| format!("{{\"$schema\":\"{draft}\",{rest}}}");
    // Draft 4 has its own bounds, and ids; later ones have const; the newest ones other items.
    let draft4 =
        schema("http://json-schema.org/draft-04/schema#", "\"maximum\":5,\"exclusiveMaximum\":true,\"const\":1");
    assert!(write(&draft4, "4").is_ok() && write(&draft4, "5").is_err());
    for draft in ["http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-07/schema#"] {
        let text = schema(draft, "\"items\":[{\"const\":1}],\"additionalItems\":false");
        assert!(write(&text, "[1]").is_ok() && write(&text, "[1,2]").is_err() && write(&text, "[2]").is_err());
    }
    let draft2019 = schema(
        "https://json-schema.org/draft/2019-09/schema",
        "\"dependentRequired\":{\"a\":[\"b\"]},\"items\":[{\"const\":1}]",
    );
    assert!(write(&draft2019, "[1,2]").is_ok() && write(&draft2019, "{\"a\":1}").is_err());
    let draft2020 = schema(
        "https://json-schema.org/draft/2020-12/schema",
        "\"prefixItems\":[{\"const\":1}],\"unevaluatedItems\":false",
    );
    assert!(write(&draft2020, "[1]").is_ok() && write(&draft2020, "[1,2]").is_err());
    // Without a word it is draft 7, which does not know this.
    assert!(
        write("{\"prefixItems\":[{\"const\":1}]}", "[2]").is_ok()
            && write("{\"items\":[{\"const\":1}]}", "[2]").is_err()
    );
    let error = Schema::parse(&schema("http://json-schema.org/draft-03/schema#", "\"type\":\"any\"")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn references_come_from_what_is_given_only() {
    let line = r##"{"type": "object", "required": ["price"], "definitions": {"money": {"type": "number"}}, "properties": {"price": {"$ref": "#/definitions/money"}}}"##;
    let fits = |schema: &str, name: &str| {
        let schema =
            Schema::parse_with_references(schema, &[(name, line)]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut writer = Writer::new(Arc::new(schema));
        writer.write("[{\"price\":1}]", &mut Vec::new()).unwrap();
        let error = writer.write("[{\"price\":\"x\"}]", &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "encode JSON Schema: path [0].price: \"x\" is not of type \"number\"");
    };
    fits(r#"{"items": {"$ref": "line.json"}}"#, "line.json");
    fits(r#"{"items": {"$ref": "./line.json"}}"#, "./line.json");
    fits(r#"{"items": {"$ref": "line.json"}}"#, "./line.json");
    fits(r#"{"items": {"$ref": "shop/line.json"}}"#, "shop/line.json");
    fits(r#"{"items": {"$ref": "http://a/line.json"}}"#, "http://a/line.json");
    fits(r#"{"$id": "http://a/b/order.json", "items": {"$ref": "line.json"}}"#, "line.json");
    fits(r#"{"$id": "http://a/b/order.json", "items": {"$ref": "line.json"}}"#, "http://a/b/line.json");
    fits(
        r#"{"$schema": "http://json-schema.org/draft-04/schema#", "id": "http://a/b/order.json", "items": {"$ref": "line.json"}}"#,
        "line.json",
    );
    for schema in [
        r#"{"items": {"$ref": "line.json"}}"#,
        r#"{"items": {"$ref": "http://127.0.0.1:9/line.json"}}"#,
        r#"{"items": {"$ref": "file:///etc/passwd"}}"#,
    ] {
        let error = Schema::parse(schema).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Corrupt && error.to_string().contains("not among the references"),
            "{error}"
        );
    }
    // A circle of documents is fine.
    let node = r#"{"properties": {"next": {"$ref": "b"}}}"#;
    let schema =
        Schema::parse_with_references(r#"{"$ref": "a"}"#, &[("a", node), ("b", r#"{"$ref": "a", "type": "object"}"#)])
            .unwrap();
    assert_eq!(schema.title(), None);
    assert_eq!(Schema::parse("{\"title\":\"Order\"}").unwrap().title(), Some("Order"));
}

#[test]
fn what_is_no_schema_is_an_error() {
    for (text, expected) in [
        ("{\"type\":}", "read JSON Schema: line 1, column 9: this is not JSON: a value is missing"),
        (
            "{\"type\":\"integr\"}",
            "read JSON Schema: path .type: \"integr\" is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
        (
            "{\"properties\":{\"a\":{\"minimum\":\"x\"}}}",
            "read JSON Schema: path .properties.a.minimum: \"x\" is not of type \"number\"",
        ),
    ] {
        assert_eq!(Schema::parse(text).unwrap_err().to_string(), expected);
    }
    assert!(Schema::parse("{\"pattern\":\"(\"}").is_err());
    assert_eq!(
        Schema::parse_with_references("{}", &[("a", "x")]).unwrap_err().to_string().split(": this").next(),
        Some("read JSON Schema: line 1, column 1, reference a")
    );
    assert_eq!(Schema::parse(&" ".repeat((16 << 20) + 1)).unwrap_err().kind(), ErrorKind::TooLarge);
}

/// A chain of definitions, each of which applies the next `times` times.
fn chain(len: usize, keyword: &str, times: usize, last: &str) -> String {
    let next = |at: usize| vec![format!("{{\"$ref\":\"#/definitions/a{}\"}}", at + 1); times].join(",");
    let links: Vec<String> = (0..len).map(|at| format!("\"a{at}\":{{\"{keyword}\":[{}]}}", next(at))).collect();
    format!("{{\"$ref\":\"#/definitions/a0\",\"definitions\":{{{},\"a{len}\":{last}}}}}", links.join(","))
}

#[test]
fn schemas_that_make_endless_work_are_refused() {
    for (len, times) in [(40, 2), (1500, 1), (50_000, 1)] {
        assert_eq!(
            Schema::parse(&chain(len, "anyOf", times, "false")).unwrap_err().kind(),
            ErrorKind::TooLarge,
            "{len} {times}"
        );
    }
    assert!(write(&chain(400, "allOf", 1, "{\"type\":\"string\"}"), "\"x\"").is_ok());
    let error = write(&chain(10, "oneOf", 2, "true"), "1").unwrap_err().to_string();
    assert!(error.contains("nested too deep to find out where"), "{error}");
    // What only refers to itself says nothing, and ends.
    assert!(write("{\"$ref\":\"#\"}", "1").is_ok());
}

#[test]
fn deep_values_need_no_stack_of_the_caller() {
    // On each of 127 levels hundreds of schemas apply one through another.
    let schema = chain(450, "allOf", 1, "{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}");
    let json = format!("{}1{}", "{\"a\":".repeat(126), "}".repeat(126));
    let checked = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(move || write(&schema, &json).map_err(|error| error.to_string()))
        .unwrap();
    assert!(checked.join().unwrap().is_ok());
    let recursive = r##"{"anyOf": [{"const": 7}, {"properties": {"a": {"$ref": "#"}}, "type": "object"}, {"properties": {"a": {"$ref": "#"}}, "minProperties": 1, "type": "object"}]}"##;
    let error = write(recursive, &format!("{}8{}", "{\"a\":".repeat(120), "}".repeat(120))).unwrap_err().to_string();
    assert_eq!(error, "encode JSON Schema: it is not as the schema says, and nested too deep to find out where");
}

#[test]
fn patterns_that_take_for_ever_are_given_up() {
    let error = write(r#"{"pattern": "^(?:(a+)+)\\1$"}"#, &format!("\"{}b\"", "a".repeat(40))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}
