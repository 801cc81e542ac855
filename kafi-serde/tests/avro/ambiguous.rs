//! Values that two branches of a union take, and objects that look as if they named one.

use kafi_serde::avro::Form;

use crate::{decode, encode, refused};

fn round_trip(schema: &str, json: &str) {
    let payload = encode(schema, Form::Readable, json).unwrap();
    assert_eq!(decode(schema, Form::Readable, &payload).unwrap(), json, "{schema}");
}

#[test]
fn what_two_branches_take_is_an_error_that_names_them() {
    assert_eq!(refused(r#"["int", "long"]"#, "1"), "the union's branches int and long both take the number 1");
    assert_eq!(
        refused(r#"["null", "string", "bytes"]"#, "\"x\""),
        "the union's branches string and bytes both take the string \"x\""
    );
    let records = r#"[{"type": "record", "name": "a.R", "fields": [{"name": "x", "type": "int"}]},
        {"type": "record", "name": "b.R", "fields": [{"name": "x", "type": "int"}, {"name": "y", "type": "int", "default": 0}]}]"#;
    assert_eq!(refused(records, "{\"x\":1}"), "the union's branches a.R and b.R both take an object");
    assert_eq!(encode(records, Form::Readable, "{\"x\":1,\"y\":2}").unwrap(), b"\x02\x02\x04");
    assert_eq!(encode(records, Form::Readable, "{\"b.R\":{\"x\":1}}").unwrap(), b"\x02\x02\x00");
    assert_eq!(refused(records, "{\"R\":{\"x\":1}}"), "none of the union's branches (a.R, b.R) takes an object");
}

#[test]
fn what_only_one_takes_is_meant_for_it() {
    assert_eq!(encode(r#"["int", "long"]"#, Form::Readable, "5000000000").unwrap(), b"\x02\x80\xc8\xaf\xa0\x25");
    assert_eq!(
        encode(r#"["long", "double"]"#, Form::Readable, "0.5").unwrap(),
        b"\x02\x00\x00\x00\x00\x00\x00\xe0\x3f"
    );
    assert_eq!(encode(r#"["bytes", "string"]"#, Form::Readable, "\"€\"").unwrap(), b"\x02\x06\xe2\x82\xac");
    let symbols =
        r#"[{"type": "enum", "name": "E", "symbols": ["A"]}, "null", {"type": "fixed", "name": "F", "size": 2}]"#;
    assert_eq!(encode(symbols, Form::Readable, "\"A\"").unwrap(), b"\x00\x00");
    assert_eq!(encode(symbols, Form::Readable, "\"AB\"").unwrap(), b"\x04AB");
    assert_eq!(refused(r#"["null", "int"]"#, "[1]"), "none of the union's branches (null, int) takes an array");
    assert_eq!(refused(r#"["null", "int"]"#, "1.5"), "an int is whole, and it is the number 1.5");
    assert_eq!(refused(r#"["int", "string"]"#, "null"), "none of the union's branches (int, string) takes null");
    // The simple name is enough where it is clear.
    let fixed = r#"["null", {"type": "fixed", "name": "a.b.F", "size": 1}, "string"]"#;
    assert_eq!(encode(fixed, Form::Readable, "{\"F\":\"x\"}").unwrap(), b"\x02x");
}

#[test]
fn objects_that_look_like_names_of_branches_keep_their_meaning() {
    let map = r#"["null", {"type": "map", "values": ["null", "int", {"type": "map", "values": "int"}]}]"#;
    round_trip(map, "{\"a\":1}");
    round_trip(map, "{\"map\":{\"map\":1}}");
    round_trip(map, "{\"map\":{\"null\":null}}");
    round_trip(map, "{\"map\":1,\"a\":2}");
    round_trip(map, "{}");
    // It cannot be meant for the branch, so it is the map's own.
    assert_eq!(
        decode(map, Form::Readable, &encode(map, Form::Readable, "{\"map\":1}").unwrap()).unwrap(),
        "{\"map\":{\"map\":1}}"
    );
    let record = r#"["null", {"type": "record", "name": "R", "fields": [{"name": "R", "type": ["null", "int"]}]}]"#;
    round_trip(record, "{\"R\":{\"R\":1}}");
    round_trip(r#"["null", {"type": "record", "name": "R", "fields": [{"name": "S", "type": "int"}]}]"#, "{\"S\":1}");
    let double = r#"["string", "double"]"#;
    round_trip(double, "{\"double\":\"NaN\"}");
    round_trip(double, "1.5");
    round_trip(double, "\"NaN\"");
    round_trip(r#"["null", "float"]"#, "\"NaN\"");
}
