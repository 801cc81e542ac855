//! How each type is written as JSON, and read back: docs/decisions/0022.

use kafi_serde::avro::{Form, Schema};

use crate::{decode, encode};

/// A type, a payload, and its JSON in both forms.
const TABLE: &[(&str, &[u8], &str, &str)] = &[
    ("\"null\"", b"", "null", "null"),
    ("\"boolean\"", b"\x01", "true", "true"),
    ("\"int\"", b"\x01", "-1", "-1"),
    ("\"long\"", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "9223372036854775807", "9223372036854775807"),
    ("\"float\"", b"\xcd\xcc\xcc\x3d", "0.1", "0.1"),
    ("\"double\"", b"\x00\x00\x00\x00\x00\x00\xf8\x7f", "\"NaN\"", "\"NaN\""),
    ("\"bytes\"", b"\x08\x00a\"\xff", "\"\\u0000a\\\"ÿ\"", "\"\\u0000a\\\"ÿ\""),
    ("\"string\"", b"\x0a\xe2\x82\xac\na", "\"€\\na\"", "\"€\\na\""),
    (
        r#"{"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 3}"#,
        b"\x04\x4e\x16",
        "19.990",
        "\"N\\u0016\"",
    ),
    (
        r#"{"type": "fixed", "name": "F", "size": 3, "logicalType": "decimal", "precision": 6, "scale": 3}"#,
        b"\xff\xb1\xea",
        "-19.990",
        "\"ÿ±ê\"",
    ),
    (
        r#"{"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"}"#,
        b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
        "\"00010203-0405-0607-0809-0a0b0c0d0e0f\"",
        "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\u0008\\u0009\\u000a\\u000b\\u000c\\u000d\\u000e\\u000f\"",
    ),
    (r#"{"type": "string", "logicalType": "uuid"}"#, b"\x06abc", "\"abc\"", "\"abc\""),
    (
        r#"{"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}"#,
        b"abcdefghijkl",
        "\"abcdefghijkl\"",
        "\"abcdefghijkl\"",
    ),
    (r#"{"type": "int", "logicalType": "date"}"#, b"\xe4\x92\x02", "17586", "17586"),
    (r#"{"type": "long", "logicalType": "timestamp-micros"}"#, b"\x02", "1", "1"),
    (r#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#, b"\x02", "\"B\"", "\"B\""),
    (r#"{"type": "array", "items": "int"}"#, b"\x04\x02\x04\x02\x06\x00", "[1,2,3]", "[1,2,3]"),
    (r#"{"type": "array", "items": "int"}"#, b"\x00", "[]", "[]"),
    (r#"{"type": "array", "items": "int"}"#, b"\x03\x04\x02\x04\x00", "[1,2]", "[1,2]"),
    (r#"{"type": "map", "values": "int"}"#, b"\x04\x02b\x02\x02a\x04\x00", "{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2}"),
    (r#"{"type": "record", "name": "R", "fields": []}"#, b"", "{}", "{}"),
    (r#"["null", "string"]"#, b"\x02\x02x", "\"x\"", "{\"string\":\"x\"}"),
    (r#"["null", "string"]"#, b"\x00", "null", "null"),
    (r#"["int", "long"]"#, b"\x02\x02", "{\"long\":1}", "{\"long\":1}"),
    (
        r#"["string", {"type": "enum", "name": "a.E", "symbols": ["A"]}, "int"]"#,
        b"\x02\x00",
        "{\"a.E\":\"A\"}",
        "{\"a.E\":\"A\"}",
    ),
];

#[test]
fn each_type_is_written_and_read_as_the_table_says() {
    for (schema, payload, readable, standard) in TABLE {
        assert_eq!(decode(schema, Form::Readable, payload).unwrap(), *readable, "{schema}");
        assert_eq!(decode(schema, Form::Standard, payload).unwrap(), *standard, "{schema}");
        // Blocks are written as one.
        let read_back = |form, json: &str| decode(schema, form, &encode(schema, form, json).unwrap()).unwrap();
        assert_eq!(
            (read_back(Form::Readable, readable), read_back(Form::Standard, standard)),
            (readable.to_string(), standard.to_string())
        );
        assert_eq!(read_back(Form::Standard, readable), *standard, "{schema}: the other form is read, too");
    }
}

#[test]
fn what_else_is_read() {
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 3}"#;
    for (schema, json, payload) in [
        ("\"long\"", "\"9223372036854775807\"", &b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..]),
        ("\"long\"", "1e3", b"\xd0\x0f"),
        ("\"int\"", "-2.0", b"\x03"),
        ("\"double\"", "1", b"\x00\x00\x00\x00\x00\x00\xf0\x3f"),
        ("\"float\"", "\"-Infinity\"", b"\x00\x00\x80\xff"),
        (decimal, "19.99", b"\x04\x4e\x16"),
        (decimal, "\"19.9900\"", b"\x04\x4e\x16"),
        (decimal, "1999e-2", b"\x04\x4e\x16"),
        ("\"string\"", "\"\\u20ac\\ud83d\\ude00\"", b"\x0e\xe2\x82\xac\xf0\x9f\x98\x80"),
        (r#"["null", "long"]"#, "\"7\"", b"\x02\x0e"),
        (r#"["null", "double"]"#, "\"NaN\"", b"\x02\x00\x00\x00\x00\x00\x00\xf8\x7f"),
    ] {
        assert_eq!(encode(schema, Form::Readable, json).unwrap(), payload, "{schema}: {json}");
    }
    assert_eq!(encode(decimal, Form::Standard, "\"N\\u0016\"").unwrap(), b"\x04\x4e\x16");
    assert_eq!(encode(decimal, Form::Standard, "19.99").unwrap(), b"\x04\x4e\x16");
}

#[test]
fn the_specifications_single_object_is_read() {
    let schema = include_str!("../data/message-v1.avsc");
    let message = include_bytes!("../data/message-v1.bin");
    let fingerprint = Schema::parse(schema).unwrap().fingerprint();
    assert_eq!(message[..10], [&[0xc3, 0x01][..], &fingerprint.to_le_bytes()].concat());
    let json = decode(schema, Form::Readable, &message[10..]).unwrap();
    assert_eq!(json, r#"{"id":42,"name":"Bill","tags":["dog_lover","cat_hater"]}"#);
    assert_eq!(encode(schema, Form::Readable, &json).unwrap(), &message[10..]);
    assert!(Schema::parse(include_str!("../data/interop.avsc")).is_ok());
}
