//! Records: defaults, and what does not fit.

use kafi_serde::avro::Form;

use crate::{decode, encode, refused};

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "shop.Order", "fields": [{fields}]}}"#)
}

#[test]
fn what_does_not_fit_says_where_and_why() {
    let schema = record(
        r#"{"name": "id", "type": "int"}, {"name": "lines", "type": {"type": "array", "items":
            {"type": "record", "name": "Line", "fields": [{"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}}]}}},
           {"name": "more", "type": {"type": "map", "values": {"type": "fixed", "name": "Two", "size": 2}}, "default": {}},
           {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["RED"]}, "default": "RED"}"#,
    );
    for (json, expected) in [
        ("[]", "the record shop.Order is needed, and it is an array"),
        ("{\"id\":1}", "path .lines: it is missing, and the field of shop.Order has no default"),
        ("{\"id\":\"x\",\"lines\":[]}", "path .id: an int is needed, and it is the string \"x\""),
        ("{\"id\":1.5,\"lines\":[]}", "path .id: an int is whole, and it is the number 1.5"),
        ("{\"id\":2147483648,\"lines\":[]}", "path .id: the number 2147483648 is too large for an int"),
        ("{\"id\":1,\"lines\":[],\"idd\":1}", "path .idd: shop.Order has no such field; did you mean id?"),
        ("{\"id\":1,\"lines\":[],\"nonsense\":1}", "path .nonsense: shop.Order has no such field"),
        (
            "{\"id\":1,\"lines\":[],\"id\":2}",
            "the name \"id\" stands twice in the object, and one of the two would be lost",
        ),
        (
            "{\"id\":1,\"lines\":[],\"\\u0069d\":2}",
            "the name \"\\u0069d\" stands twice in the object, and one of the two would be lost",
        ),
        (
            "{\"id\":1,\"lines\":[{\"price\":1},{\"price\":1.999}]}",
            "path .lines[1].price: the number 1.999 has more digits behind the point than the decimal's scale, 2",
        ),
        (
            "{\"id\":1,\"lines\":[{\"price\":100}]}",
            "path .lines[0].price: the number 100 has more digits than the decimal's precision, 4, with 2 behind the point",
        ),
        (
            "{\"id\":1,\"lines\":[{\"price\":\"x\"}]}",
            "path .lines[0].price: a decimal is needed, and it is the string \"x\"",
        ),
        (
            "{\"id\":1,\"lines\":[],\"more\":{\"a b\":\"xyz\"}}",
            "path .more[\"a b\"]: shop.Two takes 2 bytes, and it has 3 characters",
        ),
        (
            "{\"id\":1,\"lines\":[],\"more\":{\"a\":\"€a\"}}",
            "path .more.a: bytes are a string of the characters 0 to 255, and '€' is none of them",
        ),
        (
            "{\"id\":1,\"lines\":[],\"more\":{\"a\":\"xx\",\"\\u0061\":\"yy\"}}",
            "path .more: the name \"\\u0061\" stands twice in the object, and one of the two would be lost",
        ),
        ("{\"id\":1,\"lines\":[],\"color\":\"BLUE\"}", "path .color: shop.Color has no symbol \"BLUE\""),
        (
            "{\"id\":1,\"lines\":[],\"color\":\"\\ud800\"}",
            "path .color: the string \"\\ud800\" names half a character (a lone surrogate)",
        ),
    ] {
        assert_eq!(refused(&schema, json), expected, "{json}");
    }
    let error = encode(&schema, Form::Readable, "{\"id\":\n x}").unwrap_err().to_string();
    assert_eq!(error, "read JSON: line 2, column 2: this is not JSON: a value is missing");
    assert_eq!(
        encode(&schema, Form::Readable, "{\"color\":\"RED\",\"lines\":[],\"id\":1}").unwrap(),
        b"\x02\x00\x00\x00"
    );
    assert_eq!(refused("\"float\"", "1e39"), "the number 1e39 is too large for a float");
    assert_eq!(refused("\"string\"", "1"), "a string is needed, and it is the number 1");
}

#[test]
fn defaults_are_taken_as_the_specification_says() {
    for (type_, default, json) in [
        ("\"int\"", "-1", "-1"),
        ("\"bytes\"", "\"\\u00ff\"", "\"ÿ\""),
        (r#"["null", "int"]"#, "null", "null"),
        (r#"["int", "null"]"#, "5", "5"),
        (r#"["null", "int"]"#, "5", "5"),
        (r#"["string", "bytes"]"#, "\"x\"", "{\"string\":\"x\"}"),
        (r#"{"type": "array", "items": "int"}"#, "[1,2]", "[1,2]"),
        (r#"{"type": "map", "values": "string"}"#, "{\"a\":\"b\"}", "{\"a\":\"b\"}"),
        (r#"{"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 3}"#, "\"N\\u0016\"", "19.990"),
        (
            r#"{"type": "record", "name": "I", "fields": [{"name": "a", "type": "int", "default": 7}, {"name": "b", "type": "string"}]}"#,
            "{\"b\":\"x\"}",
            "{\"a\":7,\"b\":\"x\"}",
        ),
    ] {
        let schema = record(&format!(r#"{{"name": "f", "type": {type_}, "default": {default}}}"#));
        let payload = encode(&schema, Form::Readable, "{}").unwrap();
        assert_eq!(payload, encode(&schema, Form::Readable, "{}").unwrap());
        assert_eq!(decode(&schema, Form::Readable, &payload).unwrap(), format!("{{\"f\":{json}}}"));
    }
}

#[test]
fn a_default_that_does_not_fit_is_an_error_where_it_is_needed() {
    let schema = record(r#"{"name": "f", "type": "int", "default": "x"}"#);
    assert_eq!(encode(&schema, Form::Readable, "{\"f\":1}").unwrap(), b"\x02");
    assert_eq!(
        refused(&schema, "{}"),
        "path .f: it is missing, and its default does not fit the schema: read default: an int is needed, and it is the string \"x\""
    );
    let itself = record(r#"{"name": "f", "type": "shop.Order", "default": {}}"#);
    assert!(refused(&itself, "{}").contains("its default holds itself"));
}
