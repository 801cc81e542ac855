//! How each type is written as JSON, and read back: docs/decisions/0022, and Protobuf's own mapping.

use kafi_serde::protobuf::{Form, Integers};

use crate::{decode, encode};

/// A message with one field, `a`, of this type.
fn one(field: &str) -> String {
    format!(
        "syntax = \"proto3\"; import \"google/protobuf/any.proto\"; import \"google/protobuf/duration.proto\"; import \"google/protobuf/empty.proto\";
        import \"google/protobuf/field_mask.proto\"; import \"google/protobuf/struct.proto\"; import \"google/protobuf/timestamp.proto\";
        import \"google/protobuf/wrappers.proto\"; message M {{ {field} a = 1; }} enum E {{ ZERO = 0; ONE = 1; }} message Sub {{ int32 x = 1; }}"
    )
}

const STRINGS: Form = Form { integers: Integers::Strings, shows_defaults: false, keeps_unknown: false };

#[test]
fn each_type_is_written_and_read_as_the_table_says() {
    for (field, payload, json) in [
        ("int32", &b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..], "-1"),
        ("int64", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "9223372036854775807"),
        ("uint64", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "18446744073709551615"),
        ("sint64", b"\x08\x01", "-1"),
        ("sfixed32", b"\x0d\xff\xff\xff\xff", "-1"),
        ("fixed64", b"\x09\x01\0\0\0\0\0\0\0", "1"),
        ("bool", b"\x08\x01", "true"),
        ("float", b"\x0d\xcd\xcc\xcc\x3d", "0.1"),
        ("double", b"\x09\0\0\0\0\0\0\xf0\xff", "\"-Infinity\""),
        ("string", b"\x0a\x04\xe2\x82\xac\n", "\"€\\n\""),
        ("bytes", b"\x0a\x04\xfb\xff\x00a", "\"+/8AYQ==\""),
        ("E", b"\x08\x01", "\"ONE\""),
        ("E", b"\x08\x07", "7"),
        ("Sub", b"\x0a\x00", "{}"),
        ("repeated int32", b"\x0a\x03\x01\x00\x05", "[1,0,5]"),
        ("repeated Sub", b"\x0a\x00\x0a\x02\x08\x05", "[{},{\"x\":5}]"),
        ("map<string, int32>", b"\x0a\x05\x0a\x01k\x10\x05", "{\"k\":5}"),
        ("map<int64, Sub>", b"\x0a\x04\x08\x07\x12\x00", "{\"7\":{}}"),
        ("map<bool, string>", b"\x0a\x04\x08\x01\x12\x00", "{\"true\":\"\"}"),
        ("optional int32", b"\x08\x00", "0"),
        ("google.protobuf.Timestamp", b"\x0a\x07\x08\x01\x10\x80\xad\xe2\x04", "\"1970-01-01T00:00:01.010Z\""),
        ("google.protobuf.Duration", b"\x0a\x02\x08\x03", "\"3s\""),
        ("google.protobuf.FieldMask", b"\x0a\x0d\x0a\x07foo_bar\x0a\x02ab", "\"fooBar,ab\""),
        ("google.protobuf.Int64Value", b"\x0a\x02\x08\x07", "7"),
        ("google.protobuf.StringValue", b"\x0a\x00", "\"\""),
        ("google.protobuf.BytesValue", b"\x0a\x03\x0a\x01a", "\"YQ==\""),
        ("google.protobuf.BoolValue", b"\x0a\x00", "false"),
        ("google.protobuf.DoubleValue", b"\x0a\x09\x09\0\0\0\0\0\0\xf0\x3f", "1.0"),
        ("google.protobuf.Empty", b"\x0a\x00", "{}"),
        ("google.protobuf.Value", b"\x0a\x02\x08\x00", "null"),
        ("google.protobuf.Value", b"\x0a\x09\x11\0\0\0\0\0\0\xf8\x3f", "1.5"),
        ("google.protobuf.Value", b"\x0a\x03\x1a\x01x", "\"x\""),
        ("google.protobuf.Value", b"\x0a\x06\x32\x04\x0a\x02\x20\x01", "[true]"),
        ("google.protobuf.Struct", b"\x0a\x09\x0a\x07\x0a\x01k\x12\x02\x08\x00", "{\"k\":null}"),
        ("google.protobuf.Struct", b"\x0a\x00", "{}"),
        ("google.protobuf.ListValue", b"\x0a\x04\x0a\x02\x20\x00", "[false]"),
        ("google.protobuf.Any", b"\x0a\x0b\x0a\x05x/Sub\x12\x02\x08\x05", "{\"@type\":\"x/Sub\",\"x\":5}"),
        ("google.protobuf.Any", b"\x0a\x07\x0a\x05x/Sub", "{\"@type\":\"x/Sub\"}"),
        ("google.protobuf.Any", b"\x0a\x00", "{}"),
        ("google.protobuf.Any", b"\x0a\x0b\x0a\x05x/Who\x12\x02\x08\x05", "{\"@type\":\"x/Who\",\"value\":\"CAU=\"}"),
    ] {
        let schema = one(field);
        let whole = format!("{{\"a\":{json}}}");
        assert_eq!(decode(&schema, Form::default(), payload).unwrap(), whole, "{field}");
        assert_eq!(encode(&schema, &whole).unwrap(), payload, "{field}: {json}");
        assert_eq!(encode(&schema, &decode(&schema, STRINGS, payload).unwrap()).unwrap(), payload, "{field}: {json}");
    }
    assert_eq!(decode(&one("int64"), STRINGS, b"\x08\x07").unwrap(), "{\"a\":\"7\"}");
    assert_eq!(decode(&one("repeated uint64"), STRINGS, b"\x0a\x01\x07").unwrap(), "{\"a\":[\"7\"]}");
    assert_eq!(
        decode(&one("map<int64, int64>"), STRINGS, b"\x0a\x04\x08\x07\x10\x08").unwrap(),
        "{\"a\":{\"7\":\"8\"}}"
    );
    assert_eq!(
        decode(&one("optional google.protobuf.NullValue"), Form::default(), b"\x08\x00").unwrap(),
        "{\"a\":null}"
    );
    assert_eq!(encode(&one("optional google.protobuf.NullValue"), "{\"a\":null}").unwrap(), b"\x08\x00");
    let inside = "{\"a\":{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"3s\"}}";
    assert_eq!(
        decode(&one("google.protobuf.Any"), Form::default(), &encode(&one("google.protobuf.Any"), inside).unwrap())
            .unwrap(),
        inside
    );
}

#[test]
fn what_else_is_read() {
    for (field, json, payload) in [
        ("int32", "\"-1\"", &b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..]),
        ("int32", "1e2", b"\x08\x64"),
        ("int32", "100.0", b"\x08\x64"),
        ("int32", "0", b""),
        ("int32", "null", b""),
        ("string", "\"\"", b""),
        ("double", "-0.0", b"\x09\0\0\0\0\0\0\0\x80"),
        ("double", "\"1.5\"", b"\x09\0\0\0\0\0\0\xf8\x3f"),
        ("double", "0", b""),
        ("bytes", "\"-_8AYQ\"", b"\x0a\x04\xfb\xff\x00a"),
        ("E", "1", b"\x08\x01"),
        ("E", "\"ZERO\"", b""),
        ("repeated string", "null", b""),
        ("repeated string", "[]", b""),
        ("google.protobuf.Timestamp", "\"1970-01-01T01:00:01+01:00\"", b"\x0a\x02\x08\x01"),
        ("google.protobuf.FieldMask", "\"\"", b"\x0a\x00"),
        ("google.protobuf.Int64Value", "null", b""),
        ("google.protobuf.Any", "{\"x\":5,\"@type\":\"x/Sub\"}", b"\x0a\x0b\x0a\x05x/Sub\x12\x02\x08\x05"),
        (
            "google.protobuf.Any",
            "{\"@type\":\"x/google.protobuf.Empty\",\"value\":{}}",
            b"\x0a\x19\x0a\x17x/google.protobuf.Empty",
        ),
    ] {
        assert_eq!(encode(&one(field), &format!("{{\"a\":{json}}}")).unwrap(), payload, "{field}: {json}");
    }
    // Implicit zeros in a payload count as not there.
    assert_eq!(decode(&one("int32"), Form::default(), b"\x08\x00").unwrap(), "{}");
    assert_eq!(decode(&one("string"), Form::default(), b"\x0a\x00").unwrap(), "{}");
}

#[test]
fn defaults_are_written_where_they_are_wanted() {
    let shows_defaults = Form { shows_defaults: true, ..Form::default() };
    let schema = "syntax = \"proto3\"; message M { int32 i = 1; optional int32 o = 2; repeated int32 r = 3; map<string, M> m = 4; string s = 5; bytes b = 6; E e = 7; M sub = 8;
        oneof x { int32 y = 9; } bool t = 10; double d = 11; int64 l = 12; } enum E { ZERO = 0; }";
    let expected = r#"{"i":0,"r":[],"m":{},"s":"","b":"","e":"ZERO","t":false,"d":0.0,"l":0}"#;
    assert_eq!(decode(schema, shows_defaults, b"").unwrap(), expected);
    assert_eq!(
        decode(schema, shows_defaults, b"\x28\x01").unwrap(),
        expected,
        "the wrong wire type is an unknown field"
    );
    assert_eq!(
        decode(schema, shows_defaults, b"\x1a\x01\x05\x48\x00").unwrap(),
        expected.replace("[]", "[5]").replace("\"t\"", "\"y\":0,\"t\"")
    );
    assert_eq!(encode(schema, expected).unwrap(), b"");
}

#[test]
fn proto2_has_groups_extensions_and_required_fields() {
    let schema = "syntax = \"proto2\"; package p; message M { required int32 r = 1; optional group Grp = 2 { optional int32 x = 1; } repeated group Many = 3 { optional string s = 1; }
        optional int32 d = 4 [default = 7]; extensions 100 to 200; optional int32 named = 5 [json_name = \"other\"]; repeated int32 u = 6; repeated int32 p = 7 [packed = true]; }
        extend M { optional int64 e = 100; repeated M m = 101; }";
    let payload = b"\x08\x00\x13\x08\x05\x14\x1b\x0a\x01a\x1c\x1b\x1c\x28\x01\x30\x01\x30\x02\x3a\x02\x01\x02\xa0\x06\x09\xaa\x06\x02\x08\x01";
    let json =
        r#"{"r":0,"grp":{"x":5},"many":[{"s":"a"},{}],"other":1,"u":[1,2],"p":[1,2],"[p.e]":9,"[p.m]":[{"r":1}]}"#;
    assert_eq!(decode(schema, Form::default(), payload).unwrap(), json);
    assert_eq!(encode(schema, json).unwrap(), payload);
    assert_eq!(encode(schema, "{\"named\":1,\"r\":2}").unwrap(), b"\x08\x02\x28\x01");
    // What is missing is shown as it is.
    assert_eq!(decode(schema, Form::default(), b"").unwrap(), "{}");
    // Packed or not, both are read.
    assert_eq!(
        decode(schema, Form::default(), b"\x32\x02\x01\x02\x38\x01\x38\x02").unwrap(),
        r#"{"u":[1,2],"p":[1,2]}"#
    );
}

#[test]
fn unknown_fields_are_kept_where_they_are_wanted() {
    let old = "syntax = \"proto3\"; message M { int32 a = 2; M m = 3; google.protobuf.Timestamp t = 4; } import \"google/protobuf/timestamp.proto\";";
    let payload = b"\x10\x05\x1a\x06\x10\x07\x4a\x02hi\x08\x01\x4b\x08\x01\x4c\x51\x01\x02\x03\x04\x05\x06\x07\x08";
    assert_eq!(decode(old, Form::default(), payload).unwrap(), r#"{"a":5,"m":{"a":7}}"#);
    let kept = decode(old, Form { keeps_unknown: true, ..Form::default() }, payload).unwrap();
    assert_eq!(kept, r#"{"a":5,"m":{"a":7,"@unknown":"SgJoaQ=="},"@unknown":"CAFLCAFMUQECAwQFBgcI"}"#);
    // They come behind the others.
    assert_eq!(
        encode(old, &kept).unwrap(),
        b"\x10\x05\x1a\x06\x10\x07\x4a\x02hi\x08\x01\x4b\x08\x01\x4c\x51\x01\x02\x03\x04\x05\x06\x07\x08"
    );
}
