//! Schemas from files and texts, and raw payloads with them.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use kafi_core::ErrorKind;
use kafi_serde::wire::MessageIndexes;
use kafi_serde::{Format, Forms, Source};

/// A folder with files of these names and texts.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Writes JSON to a payload, and reads it back.
fn round_trip(source: &Source, message: Option<&str>, json: &str) -> Vec<u8> {
    let schema = source.compile().unwrap();
    assert_eq!(schema.format(), source.format());
    let (mut reader, mut writer) = (schema.reader(Forms::default()).unwrap(), schema.writer(Forms::default()).unwrap());
    if let Some(message) = message {
        reader.choose(message).unwrap();
        writer.choose(message).unwrap();
    }
    let (mut payload, mut again) = (Vec::new(), Vec::new());
    writer.write(json, &mut payload).unwrap();
    reader.read(&payload, &mut again).unwrap();
    assert_eq!(String::from_utf8(again).unwrap(), json);
    payload
}

fn names(source: &Source) -> Vec<&str> {
    source.references().map(|(name, _)| name).collect()
}

#[test]
fn avro_is_read_from_files() {
    let folder = folder(&[
        ("order.avsc", b"\xef\xbb\xbf{\"type\": \"record\", \"name\": \"Order\", \"fields\": [{\"name\": \"id\", \"type\": \"long\"}]}"),
        ("two.json", br#"{"type": "array", "items": "Two"}"#),
    ]);
    let source = Source::load(&folder.path().join("order.avsc"), None).unwrap();
    assert_eq!(source.format(), Format::Avro);
    assert_eq!(round_trip(&source, None, "{\"id\":7}"), b"\x0e");
    let source = Source::load(&folder.path().join("two.json"), Some(Format::Avro)).unwrap();
    let error = source.compile().unwrap_err();
    assert_eq!(error.to_string(), "read Avro schema: path .items, file two.json: there is no type Two");
    let source = source.with_references(vec![("Two".into(), r#"{"type": "fixed", "name": "Two", "size": 2}"#.into())]);
    assert_eq!(round_trip(&source, None, "[\"ab\"]"), b"\x02ab\x00");
    assert_eq!(source.compile().unwrap().writer(Forms::default()).unwrap().indexes(), None);
}

#[test]
fn protobuf_is_read_from_files_with_its_imports() {
    let order: &[u8] = b"syntax = \"proto3\"; package shop; import \"shop/money.proto\"; import \"lines.proto\"; import \"google/protobuf/timestamp.proto\";
        message Order { Money total = 1; Line line = 2; google.protobuf.Timestamp at = 3; message Inner { int32 x = 1; } }";
    let folder = folder(&[
        ("protos/shop/order.proto", order),
        (
            "protos/shop/money.proto",
            b"syntax = \"proto3\"; package shop; import \"base.proto\"; message Money { Base cents = 1; }",
        ),
        (
            "protos/shop/lines.proto",
            b"syntax = \"proto3\"; package shop; import \"base.proto\"; message Line { Base b = 1; }",
        ),
        ("protos/base.proto", b"syntax = \"proto3\"; message Base { int64 v = 1; }"),
    ]);
    let source = Source::load(&folder.path().join("protos/shop/order.proto"), None).unwrap();
    assert_eq!(
        (source.format(), names(&source)),
        (Format::Protobuf, vec!["base.proto", "shop/money.proto", "lines.proto"])
    );
    assert_eq!(round_trip(&source, None, "{\"total\":{\"cents\":{\"v\":5}}}"), b"\x0a\x04\x0a\x02\x08\x05");
    assert_eq!(round_trip(&source, Some("Order.Inner"), "{\"x\":5}"), b"\x08\x05");
    let schema = source.compile().unwrap();
    let mut writer = schema.writer(Forms::default()).unwrap();
    writer.choose("shop.Order.Inner").unwrap();
    assert_eq!(writer.indexes(), Some(MessageIndexes::from([0, 0])));
    let mut reader = schema.reader(Forms::default()).unwrap();
    reader.choose_at(&MessageIndexes::from([0, 0])).unwrap();
    let mut out = Vec::new();
    reader.read(b"\x08\x05", &mut out).unwrap();
    assert_eq!(
        (out, reader.choose_at(&MessageIndexes::from([7])).unwrap_err().kind()),
        (b"{\"x\":5}".to_vec(), ErrorKind::Corrupt)
    );
    assert_eq!(reader.choose("Ordr").unwrap_err().hint_text(), Some("did you mean shop.Order?"));
}

#[test]
fn sets_of_descriptors_are_read() {
    let folder = folder(&[
        ("a.proto", br#"syntax = "proto3"; import "p/b.proto"; import "google/protobuf/any.proto"; message A { repeated int32 x = 1; B b = 2; }"#),
        ("p/b.proto", br#"syntax = "proto3"; import "p/c.proto"; message B { C c = 1; }"#),
        ("p/c.proto", br#"syntax = "proto3"; import "google/type/date.proto"; message C { google.type.Date day = 1; }"#),
        ("google/type/date.proto", br#"syntax = "proto3"; package google.type; message Date { int32 year = 1; }"#),
    ]);
    let mut of_folder = protox::Compiler::new([folder.path()]).unwrap();
    of_folder.include_imports(true).open_file(folder.path().join("a.proto")).unwrap();
    for name in ["a.desc", "a.protoset", "a.binpb", "a.pb", "a"] {
        fs::write(folder.path().join(name), of_folder.encode_file_descriptor_set()).unwrap();
        let source = Source::load(&folder.path().join(name), (name == "a").then_some(Format::Protobuf)).unwrap();
        let payload = round_trip(&source, None, "{\"x\":[1,2],\"b\":{\"c\":{\"day\":{\"year\":7}}}}");
        assert_eq!(payload, b"\x0a\x02\x01\x02\x12\x06\x0a\x04\x0a\x02\x08\x07");
        // What a registry is told of it: itself, and what nobody knows that it imports.
        assert_eq!(names(&source), ["p/c.proto", "p/b.proto"]);
        assert!(source.text().starts_with("Cgdh"), "{}", source.text());
    }
    fs::write(folder.path().join("b.desc"), b"\x0a\xff").unwrap();
    assert!(Source::load(&folder.path().join("b.desc"), None).unwrap_err().to_string().contains("file b.desc"));
}

#[test]
fn json_schemas_are_read_with_what_lies_beside_them() {
    let folder = folder(&[
        ("order.json", br#"{"type": "object", "properties": {"line": {"$ref": "parts/line.json"}, "to": {"$ref": "../secret.json"}}}"#),
        ("parts/line.json", br#"{"type": "object", "properties": {"price": {"$ref": "money.json#/definitions/m"}}}"#),
        ("parts/money.json", br#"{"definitions": {"m": {"type": "number"}}}"#),
    ]);
    let path = folder.path().join("order.json");
    let source = Source::load(&path, None).unwrap();
    assert_eq!((source.format(), names(&source)), (Format::JsonSchema, vec!["parts/money.json", "parts/line.json"]));
    assert!(source.compile().unwrap_err().to_string().contains("secret.json"));
    fs::write(&path, r#"{"type": "object", "properties": {"line": {"$ref": "parts/line.json"}}}"#).unwrap();
    let source = Source::load(&path, None).unwrap();
    assert_eq!(round_trip(&source, None, "{\"line\":{\"price\":1.50}}"), b"{\"line\":{\"price\":1.50}}");
    let mut writer = source.compile().unwrap().writer(Forms::default()).unwrap();
    assert!(writer.write("{\"line\":{\"price\":\"x\"}}", &mut Vec::new()).is_err());
}

#[test]
fn texts_say_what_they_are() {
    for (text, format) in [
        ("\"string\"", Format::Avro),
        (" [\"null\", \"int\"]", Format::Avro),
        (r#"{"type": "record", "name": "R", "fields": []}"#, Format::Avro),
        (r#"{"type": "string"}"#, Format::Avro),
        (r#"{"type": "array", "items": "int"}"#, Format::Avro),
        (r#"{"type": "object"}"#, Format::JsonSchema),
        (r#"{"type": "string", "title": "T"}"#, Format::JsonSchema),
        (r#"{"$schema": "http://json-schema.org/draft-07/schema#", "type": "array"}"#, Format::JsonSchema),
        ("{}", Format::JsonSchema),
        ("// a\nsyntax = \"proto3\";", Format::Protobuf),
        ("message M {}", Format::Protobuf),
    ] {
        assert_eq!(Source::of_text(text, None).unwrap().format(), format, "{text}");
    }
    assert_eq!(Source::of_text("hello", None).unwrap_err().kind(), ErrorKind::Usage);
    let source = Source::of_text("{}", Some(Format::Avro)).unwrap();
    assert_eq!(source.compile().unwrap_err().to_string(), "read Avro schema: its type is missing");
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = folder(&[
        ("a.avsc", b"\xff"),
        ("b.txt", b"hello"),
        ("c.proto", b"syntax = \"proto3\"; import \"../../x.proto\"; import \"/etc/passwd\";"),
        ("d.proto", b"syntax = \"proto3\"; import \"none.proto\";"),
    ]);
    let error = |name: &str| Source::load(&folder.path().join(name), None).unwrap_err();
    assert_eq!(error("none").kind(), ErrorKind::NotFound);
    assert_eq!(error("a.avsc").message(), "byte 0 is not UTF-8");
    assert_eq!(error("b.txt").kind(), ErrorKind::Usage);
    assert_eq!(Source::load(folder.path(), None).unwrap_err().message(), "it is not a file");
    let source = Source::load(&folder.path().join("c.proto"), None).unwrap();
    assert!(names(&source).is_empty());
    assert_eq!(source.compile().unwrap_err().kind(), ErrorKind::Corrupt);
    let source = Source::load(&folder.path().join("d.proto"), None).unwrap();
    assert_eq!(
        source.compile().unwrap_err().to_string(),
        "read Protobuf schema: d.proto:1:20: import 'none.proto' not found"
    );
    fs::File::create(folder.path().join("big.avsc")).unwrap().set_len((16 << 20) + 1).unwrap();
    assert_eq!(error("big.avsc").kind(), ErrorKind::TooLarge);
    assert_eq!(Source::load(Path::new("/dev/null"), None).unwrap_err().kind(), ErrorKind::Usage);
}
