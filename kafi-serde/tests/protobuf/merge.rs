//! Fields that stand in another order than that of their numbers, or several times: as Protobuf says, the last one
//! counts, and messages are merged.

use kafi_serde::protobuf::Form;

use crate::decode;

const SCHEMA: &str = "syntax = \"proto3\"; message M { int32 a = 1; repeated int32 r = 2; M m = 3; map<string, int32> s = 4; oneof o { int32 x = 5; M y = 6; } map<sint32, int32> i = 7;
    map<string, M> mm = 8; }";

fn read(payload: &[u8]) -> String {
    decode(SCHEMA, Form::default(), payload).unwrap()
}

#[test]
fn the_last_one_counts_and_lists_go_on() {
    assert_eq!(read(b"\x08\x01\x08\x02"), r#"{"a":2}"#);
    assert_eq!(read(b"\x08\x01\x08\x00"), "{}");
    assert_eq!(read(b"\x10\x01\x08\x05\x12\x02\x02\x03\x10\x04"), r#"{"a":5,"r":[1,2,3,4]}"#);
    assert_eq!(read(b"\x28\x01\x32\x02\x08\x07"), r#"{"y":{"a":7}}"#);
    assert_eq!(read(b"\x32\x02\x08\x07\x28\x00"), r#"{"x":0}"#);
    assert_eq!(read(b"\x28\x01\x32\x00\x28\x02"), r#"{"x":2}"#);
}

#[test]
fn messages_are_merged() {
    assert_eq!(read(b"\x1a\x04\x08\x01\x10\x01\x08\x09\x1a\x04\x08\x02\x10\x02"), r#"{"a":9,"m":{"a":2,"r":[1,2]}}"#);
    assert_eq!(read(b"\x32\x02\x08\x01\x32\x02\x10\x02"), r#"{"y":{"a":1,"r":[2]}}"#);
}

#[test]
fn of_entries_with_one_key_the_last_counts() {
    assert_eq!(
        read(b"\x22\x05\x0a\x01a\x10\x01\x22\x05\x0a\x01b\x10\x02\x22\x05\x0a\x01a\x10\x03"),
        r#"{"s":{"b":2,"a":3}}"#
    );
    assert_eq!(read(b"\x22\x00\x22\x02\x10\x05"), r#"{"s":{"":5}}"#);
    // The key may stand behind the value, and both several times.
    assert_eq!(read(b"\x22\x0a\x10\x05\x0a\x01x\x0a\x01k\x10\x06"), r#"{"s":{"k":6}}"#);
    assert_eq!(read(b"\x3a\x04\x08\x01\x10\x05\x3a\x0a\x08\x81\x80\x80\x80\x10\x10\x06\x10\x07"), r#"{"i":{"-1":7}}"#);
    assert_eq!(read(b"\x42\x03\x0a\x01k"), r#"{"mm":{"k":{}}}"#);
    let mut many = Vec::new();
    for round in 0..2u8 {
        for key in 0..40u8 {
            many.extend([0x22, 5, 0x0a, 1, b'0' + key, 0x10, round]);
        }
    }
    let expected: Vec<String> =
        (0..40u8).map(|key| format!("\"{}\":1", char::from(b'0' + key).to_string().replace('\\', "\\\\"))).collect();
    assert_eq!(read(&many), format!("{{\"s\":{{{}}}}}", expected.join(",")));
}
