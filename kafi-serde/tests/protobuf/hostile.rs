//! Payloads and texts that nobody honest writes: each is one error, with bounded memory and time.

use std::fmt::Write;

use kafi_core::ErrorKind;
use kafi_serde::protobuf::Form;

use crate::{decode, encode};

const SCHEMA: &str = "syntax = \"proto3\"; import \"google/protobuf/struct.proto\"; message M { int32 a = 1; string s = 2; M m = 3; repeated M r = 4; google.protobuf.Value v = 5; }";

fn error(schema: &str, payload: &[u8]) -> String {
    let error = decode(schema, Form::default(), payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    error.to_string().strip_prefix("decode Protobuf: ").unwrap().to_string()
}

#[test]
fn payloads_that_end_or_claim_too_much_are_errors() {
    for (payload, expected) in [
        (&b"\x08"[..], "byte 1: it ends within a number"),
        (b"\x08\x80", "byte 1: it ends within a number"),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "byte 1: a number is larger than 64 bits"),
        (b"\x12\x05ab", "byte 2: a field claims 5 bytes, and 2 are left"),
        (
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "byte 11: a field claims 18446744073709551615 bytes, and 0 are left",
        ),
        (b"\x12\x02a\xff", "path .s, byte 3: a string is not UTF-8"),
        (b"\x00\x01", "byte 0: there is no field 0: is this the message that it is?"),
        (b"\xf8\xff\xff\xff\xff\x01\x00", "byte 0: there is no field 8589934591: is this the message that it is?"),
        (b"\x0f", "byte 0: there is no wire type 7: is this the message that it is?"),
        (b"\x1a\x02\x12\x05", "path .m, byte 4: a field claims 5 bytes, and 0 are left"),
        (b"\x22\x00\x22\x01\x08", "path .r[1], byte 5: it ends within a number"),
        (b"\x0c", "byte 1: a group ends that did not begin"),
        (b"\x4b\x08\x01", "byte 3: it ends within a group"),
        (b"\x4b\x54", "byte 1: another group ends than the one that began"),
        (
            b"\x2a\x09\x11\0\0\0\0\0\0\xf0\x7f",
            "path .v, byte 2: a google.protobuf.Value holds a number that is none, which JSON cannot tell from a string",
        ),
    ] {
        assert_eq!(error(SCHEMA, payload), expected, "{payload:?}");
    }
}

#[test]
fn deep_messages_and_groups_are_errors() {
    let nested = |depth: usize| {
        let mut payload = Vec::new();
        for _ in 0..depth {
            let mut outer = vec![0x1a];
            crate::generator::varint(payload.len() as u64, &mut outer);
            outer.extend(payload);
            payload = outer;
        }
        payload
    };
    assert!(decode(SCHEMA, Form::default(), &nested(100)).is_ok());
    for depth in [127, 5_000] {
        assert!(error(SCHEMA, &nested(depth)).contains("it is nested deeper than 127 levels"));
    }
    // Fields that stand twice are merged on each level; that must not double the work each time.
    let mut payload = Vec::new();
    for _ in 0..100 {
        let mut outer = vec![0x1a];
        crate::generator::varint(payload.len() as u64, &mut outer);
        outer.extend(payload);
        outer.extend(b"\x1a\x00\x08\x01");
        payload = outer;
    }
    assert!(decode(SCHEMA, Form::default(), &payload).is_ok());
    assert!(error(SCHEMA, &vec![0x4b; 1_000_000]).contains("groups are nested deeper than 100"));
    assert!(encode(SCHEMA, &"{\"m\":".repeat(100_000)).unwrap_err().to_string().contains("nested deeper"));
}

#[test]
fn small_payloads_that_become_huge_are_errors() {
    let mut schema = String::from("syntax = \"proto3\"; message M { repeated Wide w = 1; } message Wide {");
    for number in 1..2_000 {
        write!(schema, "int64 a_name_that_is_rather_long_{number} = {number};").unwrap();
    }
    schema.push('}');
    let payload = b"\x0a\x00".repeat(20_000);
    assert!(decode(&schema, Form::default(), &payload).is_ok());
    let error = decode(&schema, Form { shows_defaults: true, ..Form::default() }, &payload).unwrap_err();
    assert!(error.to_string().ends_with("it becomes more than 256 MiB of JSON"), "{error}");
}
