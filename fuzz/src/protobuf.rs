//! Protobuf: a payload is JSON or one error, and what it becomes is read back as the same, in all forms; a JSON text is
//! a payload or one error.

use std::sync::{Arc, LazyLock};

use kafi_core::{ErrorKind, Json};
use kafi_serde::protobuf::{Form, Integers, Reader, Schema, Writer};

/// A message with fields of all kinds, which holds itself.
const SOURCE: &str = r#"syntax = "proto3"; import "google/protobuf/any.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/field_mask.proto";
    import "google/protobuf/struct.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
    enum E { ZERO = 0; ONE = 1; }
    message M { int32 a = 1; sint64 b = 2; fixed32 c = 3; double d = 4; float e = 5; bool f = 6; string g = 7; bytes h = 8; E i = 9; M j = 10; repeated sint32 k = 11;
        repeated string l = 12; repeated M m = 13; map<string, M> n = 14; map<int32, string> o = 15; oneof p { int64 q = 16; M r = 17; string s = 18; }
        google.protobuf.Any t = 19; google.protobuf.Timestamp u = 20; google.protobuf.Duration v = 21; google.protobuf.FieldMask w = 22; google.protobuf.Struct x = 23;
        google.protobuf.Value y = 24; google.protobuf.Int64Value z = 25; optional bool aa = 26; google.protobuf.NullValue ab = 27; repeated google.protobuf.Value ac = 28; }"#;

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::parse(SOURCE).unwrap()));

/// Takes `data` for a payload, and for a text.
pub fn run(data: &[u8]) {
    let message = SCHEMA.first_message().unwrap();
    let mut writer = Writer::new(Arc::clone(&SCHEMA));
    for (integers, shows_defaults, keeps_unknown) in
        [(Integers::Numbers, false, false), (Integers::Strings, false, true), (Integers::Numbers, true, true)]
    {
        let mut reader = Reader::new(Arc::clone(&SCHEMA), Form { integers, shows_defaults, keeps_unknown });
        if let Some(json) = read(&mut reader, data) {
            let mut again = Vec::new();
            match writer.write(message, &json, &mut again) {
                Ok(()) => assert_eq!(read(&mut reader, &again), Some(json)),
                // An Any may be of a type that is none.
                Err(error) => assert!(
                    error.message().contains("no type of an Any")
                        || error.message().contains("@type")
                        || error.message().contains("is needed"),
                    "{error}: {json}"
                ),
            }
        }
    }
    let Ok(json) = std::str::from_utf8(data) else { return };
    let mut written = Vec::new();
    match writer.write(message, json, &mut written) {
        Ok(()) => {
            let mut reader = Reader::new(Arc::clone(&SCHEMA), Form { keeps_unknown: true, ..Form::default() });
            // What was kept of fields that nobody knows may be anything.
            let Some(json) = read(&mut reader, &written).filter(|json| !json.contains("@unknown")) else { return };
            let mut again = Vec::new();
            writer.write(message, &json, &mut again).unwrap();
            assert_eq!(again, written, "{json}");
        }
        Err(error) => assert!(error.kind() == ErrorKind::Corrupt && written.is_empty(), "{error:?}"),
    }
}

fn read(reader: &mut Reader, payload: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    match reader.read(SCHEMA.first_message().unwrap(), payload, &mut out) {
        Ok(()) => {
            let json = String::from_utf8(out).unwrap();
            Json::parse(json.as_str()).unwrap();
            Some(json)
        }
        Err(error) => {
            assert!(
                error.kind() == ErrorKind::Corrupt && out.is_empty() && !error.to_string().contains('\n'),
                "{error:?}"
            );
            None
        }
    }
}
