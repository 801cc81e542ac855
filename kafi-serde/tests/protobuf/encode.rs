//! JSON that does not fit its message says where and why.

use crate::{encode, refused};

const SCHEMA: &str = "syntax = \"proto3\"; package shop; import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/any.proto\"; import \"google/protobuf/field_mask.proto\";
    import \"google/protobuf/struct.proto\"; import \"google/protobuf/duration.proto\";
    message Order { int64 id = 1; repeated Line lines = 2; map<int32, bytes> blobs = 3; Color color = 4; oneof pay { string card = 5; bool cash = 6; } google.protobuf.Timestamp at = 7;
    google.protobuf.Any any = 8; float f = 9; bool b = 10; google.protobuf.FieldMask mask = 11; google.protobuf.Struct s = 12; google.protobuf.Duration took = 13; string snake_name = 14;
    map<bool, int32> flags = 15; }
    message Line { uint32 count = 1; } enum Color { RED = 0; }";

#[test]
fn what_does_not_fit_says_where_and_why() {
    for (json, expected) in [
        ("[]", "the message shop.Order is needed, and it is an array"),
        ("{\"id\":\"x\"}", "path .id: an int64 is needed, and it is the string \"x\""),
        ("{\"id\":1.5}", "path .id: an int64 is whole, and it is the number 1.5"),
        ("{\"id\":9223372036854775808}", "path .id: the number 9223372036854775808 is too large for an int64"),
        ("{\"id\":true}", "path .id: an int64 is needed, and it is true"),
        ("{\"lines\":[{},{\"count\":-1}]}", "path .lines[1].count: the number -1 is too large for a uint32"),
        ("{\"lines\":{}}", "path .lines: an array is needed, and it is an object"),
        ("{\"lines\":[null]}", "path .lines[0]: the message shop.Line is needed, and it is null"),
        (
            "{\"blobs\":{\"1\":\"!\"}}",
            "path .blobs[\"1\"]: bytes as a string in base64 is needed, and it is the string \"!\"",
        ),
        ("{\"blobs\":{\"x\":\"\"}}", "path .blobs.x: an int32 is needed, and it is the string \"x\""),
        (
            "{\"blobs\":{\"1\":\"\",\"1\":\"\"}}",
            "path .blobs: the name \"1\" stands twice in the object, and one of the two would be lost",
        ),
        ("{\"flags\":{\"yes\":1}}", "path .flags.yes: a bool is needed, and it is the string \"yes\""),
        ("{\"color\":\"BLUE\"}", "path .color: shop.Color has no value \"BLUE\""),
        ("{\"color\":1.5}", "path .color: a value of shop.Color is needed, and it is the number 1.5"),
        (
            "{\"card\":\"x\",\"cash\":true}",
            "of card and cash only one can be there, since they are members of one oneof",
        ),
        (
            "{\"at\":\"yesterday\"}",
            "path .at: google.protobuf.Timestamp is needed, such as 2024-11-26T22:05:05.555Z, and it is the string \"yesterday\"",
        ),
        ("{\"took\":1}", "path .took: the message google.protobuf.Duration is needed, and it is the number 1"),
        ("{\"any\":{\"x\":1}}", "path .any: its member @type is missing, which says what message it is"),
        ("{\"any\":{\"@type\":\"a/B\",\"x\":1}}", "path .any: the schema has no message a/B"),
        ("{\"any\":{\"@type\":\"a/shop.Line\",\"x\":1}}", "path .any.x: shop.Line has no such field"),
        (
            "{\"any\":{\"@type\":\"a/google.protobuf.Duration\",\"value\":\"x\"}}",
            "path .any.value: google.protobuf.Duration is needed, such as 1.5s, and it is the string \"x\"",
        ),
        ("{\"f\":1e39}", "path .f: the number 1e39 is too large for a float"),
        ("{\"f\":\"inf\"}", "path .f: a float is needed, and it is the string \"inf\""),
        ("{\"b\":\"true\"}", "path .b: a bool is needed, and it is the string \"true\""),
        ("{\"mask\":\"a_b\"}", "path .mask: the path \"a_b\" of the field mask is not in camel case"),
        ("{\"s\":{\"a\":[{\"b\":1e999}]}}", "path .s.a[0].b: the number 1e999 is too large for a double"),
        (
            "{\"s\":{\"a\":1,\"a\":2}}",
            "path .s: the name \"a\" stands twice in the object, and one of the two would be lost",
        ),
        ("{\"idd\":1}", "path .idd: shop.Order has no such field; did you mean id?"),
        (
            "{\"snake_name\":\"a\",\"snakeName\":\"b\"}",
            "the field snakeName stands twice in the object, and one of the two would be lost",
        ),
        ("{\"id\":null,\"id\":1}", "the field id stands twice in the object, and one of the two would be lost"),
        ("{\"card\":\"\\ud800\"}", "path .card: the string \"\\ud800\" names half a character (a lone surrogate)"),
    ] {
        assert_eq!(refused(SCHEMA, json), expected, "{json}");
    }
    assert_eq!(
        encode(SCHEMA, "{\"id\":\n x}").unwrap_err().to_string(),
        "read JSON: line 2, column 2: this is not JSON: a value is missing"
    );
    let required = "syntax = \"proto2\"; message M { optional M m = 1; required int32 r = 2; }";
    assert_eq!(refused(required, "{\"m\":{},\"r\":1}"), "path .m.r: it is missing, and M requires it");
    assert_eq!(refused(required, "{\"r\":null}"), "path .r: it is missing, and M requires it");
}
