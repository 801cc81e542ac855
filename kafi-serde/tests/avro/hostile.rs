//! Payloads, texts, and schemas that nobody honest writes: each is one error, with bounded memory and time.

use std::fmt::Write;

use kafi_core::ErrorKind;
use kafi_serde::avro::Form;

use crate::generator::long;
use crate::{decode, encode};

fn error(schema: &str, payload: &[u8]) -> String {
    let error = decode(schema, Form::Readable, payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    error.to_string().strip_prefix("decode Avro: ").unwrap().to_string()
}

#[test]
fn payloads_that_end_or_claim_too_much_are_errors() {
    let array = r#"{"type": "array", "items": "long"}"#;
    for (schema, payload, expected) in [
        ("\"int\"", &b""[..], "byte 0: it ends within a number"),
        ("\"int\"", b"\x80", "byte 0: it ends within a number"),
        ("\"int\"", b"\x80\x80\x80\x80\x10", "byte 0: the int 2147483648 is larger than 32 bits"),
        ("\"long\"", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "byte 0: a number is larger than 64 bits"),
        ("\"boolean\"", b"\x02", "byte 0: a boolean is 0 or 1, and not 2"),
        ("\"double\"", b"\x00", "byte 0: it ends within a double"),
        ("\"string\"", b"\x08abc", "byte 1: it ends within a string or bytes"),
        ("\"string\"", b"\x01", "byte 0: the length -1 is negative"),
        ("\"string\"", b"\x06a\xffb", "byte 2: a string is not UTF-8"),
        ("\"bytes\"", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "byte 10: it ends within a string or bytes"),
        (r#"{"type": "fixed", "name": "F", "size": 2147483647}"#, b"a", "byte 0: it ends within a fixed"),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["A"]}"#,
            b"\x02",
            "byte 0: there is no 1 of 1, which should say a symbol",
        ),
        (r#"["null"]"#, b"\x01", "byte 0: there is no -1 of 1, which should say a branch of the union"),
        (array, b"\x80\x89\x7a\x02", "byte 0: it claims 1000000 elements, more than the 1 bytes behind it can hold"),
        (array, b"\x01\x01\x02", "byte 0: the size of a block is negative"),
        (array, b"\x02\x02", "byte 2: it ends within a number"),
        (array, b"\x02\x80", "path [0], byte 1: it ends within a number"),
        (r#"{"type": "map", "values": "int"}"#, b"\x02\x02a\x80", "path .a, byte 3: it ends within a number"),
        ("\"int\"", b"\x02\x02", "byte 1: 1 bytes follow the value: it was written with another schema"),
    ] {
        assert_eq!(error(schema, payload), expected, "{schema} {payload:?}");
    }
}

#[test]
fn elements_of_no_bytes_are_bounded() {
    for items in
        ["\"null\"", r#"{"type": "record", "name": "R", "fields": []}"#, r#"{"type": "fixed", "name": "F", "size": 0}"#]
    {
        let schema = format!(r#"{{"type": "array", "items": {items}}}"#);
        let mut payload = Vec::new();
        long(60_000, &mut payload);
        let one = [&payload[..], &[0]].concat();
        assert!(decode(&schema, Form::Readable, &one).is_ok());
        let two = [&payload[..], &payload, &[0]].concat();
        assert!(error(&schema, &two).contains("it claims 60000 elements of no bytes, more than 65536 in all"));
        payload.clear();
        long(i64::MIN, &mut payload);
        payload.extend([2, 0]);
        assert!(error(&schema, &payload).contains("elements of no bytes"));
    }
}

#[test]
fn deep_values_are_errors() {
    let list = r#"{"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}"#;
    let deep = |depth: usize| [vec![2; depth - 1], vec![0]].concat();
    assert!(decode(list, Form::Readable, &deep(127)).is_ok());
    for depth in [128, 100_000] {
        assert!(error(list, &deep(depth)).ends_with("byte 127: it is nested deeper than 127 levels"));
    }
    assert!(decode(list, Form::Standard, &deep(64)).is_ok() && decode(list, Form::Standard, &deep(65)).is_err());
    // A record that holds itself without a way out.
    assert!(
        error(r#"{"type": "record", "name": "L", "fields": [{"name": "next", "type": "L"}]}"#, b"")
            .contains("nested deeper")
    );
    assert!(
        encode(list, Form::Readable, &"{\"next\":".repeat(100_000)).unwrap_err().to_string().contains("nested deeper")
    );
}

#[test]
fn small_payloads_that_become_huge_are_errors() {
    // Each record holds the one before it twice: from no bytes at all this would be as many as 2 to the power of 60.
    let mut schema = String::from(r#"[{"type": "record", "name": "R0", "fields": []}"#);
    for depth in 1..60 {
        let before = depth - 1;
        write!(schema, r#", {{"type": "record", "name": "R{depth}", "fields": [{{"name": "a", "type": "R{before}"}}, {{"name": "b", "type": "R{before}"}}]}}"#)
            .unwrap();
    }
    schema.push(']');
    assert!(error(&schema, &[59 * 2]).ends_with("it becomes more than 256 MiB of JSON"));
}

#[test]
fn decimals_beyond_all_digits_are_errors() {
    let schema = r#"{"type": "bytes", "logicalType": "decimal", "precision": 4}"#;
    let mut payload = Vec::new();
    long(1_000_000, &mut payload);
    payload.resize(payload.len() + 1_000_000, 0x7f);
    assert!(error(schema, &payload).contains("a decimal of 1000000 bytes has too many digits"));
}

#[test]
fn names_that_make_types_deep_need_no_stack() {
    let mut schema = String::from(r#"[{"type": "record", "name": "R0", "fields": [{"name": "x", "type": "int"}]}"#);
    for depth in 1..10_000 {
        write!(schema, r#", {{"type": "record", "name": "R{depth}", "fields": [{{"name": "a", "type": "R{}", "default": {{}}}}]}}"#, depth - 1).unwrap();
    }
    schema.push(']');
    let names = kafi_serde::avro::Schema::parse(&schema).unwrap();
    let last = std::sync::Arc::new(kafi_serde::avro::Schema::parse_with_references("\"R9999\"", &[&schema]).unwrap());
    assert!(last.canonical_form().len() > 500_000 && names.canonical_form().len() > 500_000);
    let reader = kafi_serde::avro::Reader::with_reader_schema(&last, &last, Form::Readable);
    assert!(reader.unwrap().read(b"\x02", &mut Vec::new()).unwrap_err().to_string().contains("nested deeper"));
    let mut writer = kafi_serde::avro::Writer::new(last, Form::Readable);
    assert!(
        writer.write("{}", &mut Vec::new()).unwrap_err().to_string().contains("defaults hold one another too deep")
    );
}

#[test]
fn unions_in_unions_take_bounded_time() {
    // In each level two branches take the same object.
    let mut schema = String::from("\"int\"");
    for depth in 0..20 {
        let fields = |name: &str, type_: &str| {
            format!(r#"{{"type": "record", "name": "{name}{depth}", "fields": [{{"name": "x", "type": {type_}}}]}}"#)
        };
        schema = format!(
            "[{}, {}]",
            fields("A", &schema),
            fields("B", &format!(r#"["null", "A{depth}", "string", "int"]"#))
        );
    }
    let json = format!("{}\"none\"{}", "{\"x\":".repeat(20), "}".repeat(20));
    assert!(encode(&schema, Form::Readable, &json).is_err());
}
