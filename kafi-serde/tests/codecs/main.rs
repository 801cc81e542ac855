//! The codecs of types with a schema, over a registry in memory and without one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod registry;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kafi_core::{
    Codecs, Coding, Decoded, ErrorKind, Field, HeadersBuf, IdLocation, Json, Registration, Result, SchemaHeader,
    SchemaOptions, SchemaRef, SchemaVersion, SubjectStrategy, Text, Type, Value, schema_id_header,
};
use kafi_serde::SchemaCodecs;

use crate::registry::Memory;

const AVRO: &str = r#"{"type":"record","name":"shop.Order","fields":[{"name":"bla","type":"int"}]}"#;
const PROTO: &str = "syntax = \"proto3\"; package p; message A { int32 bla = 1; message B { string s = 1; } }";
const JSON: &str = r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{"bla":{"type":"integer"}},"required":["bla"]}"#;

/// What a message is on the wire: its bytes, and the value of the header that names its schema.
#[derive(Clone, Debug, Default, PartialEq)]
struct Stored {
    bytes: Vec<u8>,
    header: Option<Vec<u8>>,
}

impl Stored {
    fn headers(&self, field: Field) -> HeadersBuf {
        self.header.iter().map(|value| (schema_id_header(field), value)).collect()
    }
}

fn options(schema: &str) -> SchemaOptions {
    SchemaOptions { schema: Some(schema.into()), ..SchemaOptions::default() }
}

fn encode(codecs: &SchemaCodecs, type_: Type, options: &SchemaOptions, text: &str) -> Result<Stored> {
    encode_with(codecs, type_, options, (&Json::parse(text)?.into(), None))
}

fn encode_with(
    codecs: &SchemaCodecs,
    type_: Type,
    options: &SchemaOptions,
    (value, schema): (&Value, Option<&SchemaRef>),
) -> Result<Stored> {
    let mut encoder = codecs.encoder(type_, Field::Value, options)?;
    let mut bytes = b"before".to_vec();
    assert!(encoder.encode(&Coding::new("t", Field::Value).schema(schema), value, &mut bytes)?);
    let header = match encoder.schema_header() {
        SchemaHeader::Set(value) => Some(value.to_vec()),
        SchemaHeader::Keep | SchemaHeader::Drop => None,
    };
    let mut again = b"before".to_vec();
    if let Value::Json(json) = value
        && schema.is_none()
    {
        encoder.encode_text(&Coding::new("t", Field::Value), json.text().as_bytes(), &mut again)?;
        assert_eq!(again, bytes);
    }
    Ok(Stored { bytes: bytes.strip_prefix(b"before").unwrap().to_vec(), header })
}

fn decode(codecs: &SchemaCodecs, type_: Type, options: &SchemaOptions, stored: &Stored) -> Result<Decoded> {
    let mut decoder = codecs.decoder(type_, Field::Value, options)?;
    let headers = stored.headers(Field::Value);
    let coding = Coding::new("t", Field::Value).headers(headers.as_headers());
    let decoded = decoder.decode(&coding, Some(&stored.bytes))?;
    let mut text = Vec::new();
    match decoder.text(&coding, &stored.bytes, &mut text)? {
        Text::Json(schema) => {
            assert_eq!(Some(&schema), decoded.schema.as_ref());
            assert_eq!(String::from_utf8(text).unwrap(), decoded.value.to_string());
        }
        Text::Same => assert!(decoded.schema.is_none() && text.is_empty()),
    }
    assert_eq!(decoder.decode(&coding, None)?, Value::Null.into());
    Ok(decoded)
}

/// Codecs over a registry whose first id is 5.
fn codecs() -> (Arc<Memory>, SchemaCodecs) {
    let memory = Arc::new(Memory::new("one", 5));
    (memory.clone(), SchemaCodecs::new(Some(memory)))
}

#[test]
fn every_format_is_written_with_its_id_and_read_back() {
    let (memory, codecs) = codecs();
    let formats = [(Type::Avro, AVRO), (Type::Protobuf, PROTO), (Type::JsonSchema, JSON)];
    for (index, (type_, schema)) in formats.into_iter().enumerate() {
        let stored = encode(&codecs, type_, &options(schema), r#"{"bla":123}"#).unwrap();
        let id = 5 + index as u32;
        assert_eq!(stored.bytes[..5], [&[0][..], &id.to_be_bytes()].concat());
        for as_ in [type_, Type::Auto] {
            let Decoded { value, schema } = decode(&codecs, as_, &SchemaOptions::default(), &stored).unwrap();
            let schema = schema.unwrap();
            assert_eq!((value["bla"].int().unwrap(), schema.id(), schema.type_()), (123, Some(id), type_));
            assert_eq!(schema.message(), (type_ == Type::Protobuf).then_some("p.A"));
            // What travels is written as it came, without a choice.
            assert_eq!(
                encode_with(&codecs, Type::Auto, &SchemaOptions::default(), (&value, Some(&schema))).unwrap(),
                stored
            );
        }
    }
    assert_eq!(
        memory.subjects_and_texts(),
        [("t-value", AVRO), ("t-value", PROTO), ("t-value", JSON)].map(|(s, t)| (s.to_string(), t.to_string()))
    );
    let as_bytes = |stored: &Stored| stored.bytes[5..].to_vec();
    let protobuf = encode(&codecs, Type::Protobuf, &options(PROTO), r#"{"bla":1}"#).unwrap();
    assert_eq!(as_bytes(&protobuf), [0, 8, 1]);
    let nested = SchemaOptions { message: Some("A.B".into()), ..options(PROTO) };
    let nested = encode(&codecs, Type::Protobuf, &nested, r#"{"s":"x"}"#).unwrap();
    assert_eq!(as_bytes(&nested), [4, 0, 0, 10, 1, b'x']);
    let Decoded { value, schema } = decode(&codecs, Type::Auto, &SchemaOptions::default(), &nested).unwrap();
    assert_eq!((value["s"].str().unwrap(), schema.as_ref().unwrap().message()), ("x", Some("p.A.B")));
    let again = encode_with(&codecs, Type::Protobuf, &SchemaOptions::default(), (&value, schema.as_ref()));
    assert_eq!(again.unwrap(), nested);
}

#[test]
fn the_registry_is_asked_once_for_each_schema() {
    let (memory, codecs) = codecs();
    let stored = encode(&codecs, Type::Avro, &options(AVRO), r#"{"bla":1}"#).unwrap();
    assert_eq!(memory.asked.swap(0, Ordering::Relaxed), 1);
    let none = SchemaOptions::default();
    let (mut decoder, mut encoder) = (
        codecs.decoder(Type::Auto, Field::Value, &none).unwrap(),
        codecs.encoder(Type::Auto, Field::Value, &none).unwrap(),
    );
    let coding = Coding::new("t", Field::Value);
    for _ in 0..100 {
        let decoded = decoder.decode(&coding, Some(&stored.bytes)).unwrap();
        encoder.encode(&coding.schema(decoded.schema.as_ref()), &decoded.value, &mut Vec::new()).unwrap();
        assert!(decoder.decode(&coding, Some(b"\0\0\0\0\x63x")).unwrap().schema.is_none());
    }
    // Once the id, once the one that is not there, once the registration.
    assert_eq!(memory.asked.load(Ordering::Relaxed), 3);
}

#[test]
fn auto_takes_each_message_as_what_it_is() {
    let (_, codecs) = codecs();
    let none = SchemaOptions::default();
    let stored = encode(&codecs, Type::Avro, &options(AVRO), r#"{"bla":1}"#).unwrap();
    let decoded = |bytes: &[u8]| {
        let stored = Stored { bytes: bytes.to_vec(), header: None };
        decode(&codecs, Type::Auto, &none, &stored).unwrap()
    };
    assert!(decoded(&stored.bytes).schema.is_some());
    assert!(matches!(decoded(b"{\"a\":1}").value, Value::Json(_)));
    assert_eq!(decoded(b"text").value, "text");
    assert_eq!(decoded(b"\0\0\0\0\x63\xff").value, b"\0\0\0\0\x63\xff");
    // A number of 64 bits that begins as an id does.
    assert_eq!(decoded(b"\0\0\0\0\x05\xff\xff\xff").value, b"\0\0\0\0\x05\xff\xff\xff");
    for (bytes, value) in [(&b"text"[..], Value::from("text")), (b"\xff", Value::from(b"\xff"))] {
        assert_eq!(encode_with(&codecs, Type::Auto, &none, (&value, None)).unwrap().bytes, bytes);
    }
}

#[test]
fn ids_stand_in_headers_where_that_is_wanted_or_was_so() {
    let (_, codecs) = codecs();
    let in_header = SchemaOptions { id_location: Some(IdLocation::Header), ..options(PROTO) };
    let stored = encode(&codecs, Type::Protobuf, &in_header, r#"{"bla":1}"#).unwrap();
    let header = stored.header.clone().unwrap();
    assert_eq!((&stored.bytes[..], header[0], header.len()), (&b"\x08\x01"[..], 1, 18));
    let Decoded { value, schema } = decode(&codecs, Type::Auto, &SchemaOptions::default(), &stored).unwrap();
    assert_eq!((value["bla"].int().unwrap(), schema.as_ref().unwrap().id()), (1, Some(5)));

    let headers = stored.headers(Field::Value);
    let coding = Coding::new("t", Field::Value).headers(headers.as_headers()).schema(schema.as_ref());
    let mut encoder = codecs.encoder(Type::Auto, Field::Value, &SchemaOptions::default()).unwrap();
    let mut bytes = Vec::new();
    encoder.encode(&coding, &value, &mut bytes).unwrap();
    assert_eq!((&bytes, encoder.schema_header()), (&stored.bytes, SchemaHeader::Set(&header)));
    let in_front = SchemaOptions { id_location: Some(IdLocation::Payload), ..SchemaOptions::default() };
    for (type_, options) in [(Type::Auto, &in_front), (Type::Json, &in_front)] {
        let mut encoder = codecs.encoder(type_, Field::Value, options).unwrap();
        encoder.encode(&coding, &value, &mut bytes).unwrap();
        assert_eq!(encoder.schema_header(), SchemaHeader::Drop);
    }
}

#[test]
fn schemas_are_chosen_looked_up_and_called_by_strategy() {
    let (memory, codecs) = codecs();
    let base = options(AVRO);
    let text = r#"{"bla":1}"#;
    let encode = |options: &SchemaOptions| encode(&codecs, Type::Avro, options, text);
    let look_up = SchemaOptions { registration: Some(Registration::LookUp), ..base.clone() };
    let error = encode(&look_up).unwrap_err();
    assert_eq!(
        (error.kind(), error.hint_text()),
        (ErrorKind::NotFound, Some("without --no-register it is registered"))
    );
    let stored = encode(&base).unwrap();
    assert_eq!(encode(&look_up).unwrap(), stored);
    for strategy in [SubjectStrategy::Record, SubjectStrategy::TopicRecord] {
        assert_eq!(encode(&SchemaOptions { strategy: Some(strategy), ..base.clone() }).unwrap(), stored);
    }
    assert_eq!(encode(&SchemaOptions { subject: Some("s".into()), ..base.clone() }).unwrap(), stored);
    let subjects: Vec<_> = memory.subjects_and_texts().into_iter().map(|(subject, _)| subject).collect();
    assert_eq!(subjects, ["t-value", "shop.Order", "t-shop.Order", "s"]);

    let none = SchemaOptions::default();
    for chosen in [
        SchemaOptions { id: Some(5), ..none.clone() },
        SchemaOptions { version: Some(SchemaVersion::Latest), ..none.clone() },
        SchemaOptions { version: Some(SchemaVersion::Number(1)), subject: Some("s".into()), ..none.clone() },
        SchemaOptions { registration: Some(Registration::UseLatest), ..none.clone() },
    ] {
        assert_eq!(encode(&chosen).unwrap(), stored, "{chosen:?}");
    }
    let error = encode(&SchemaOptions { id: Some(99), ..none.clone() }).unwrap_err();
    assert_eq!(error.to_string(), "choose schema: registry one, id 99: the registry has no schema of this id");
    let error = encode(&none).unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("there is no schema to write with"));
    let read = SchemaOptions { versions: true, ..none };
    let schema = decode(&codecs, Type::Avro, &read, &stored).unwrap().schema.unwrap();
    assert_eq!(schema.version(), Some(("t-value", 1)));
}

#[test]
fn a_schema_goes_along_to_another_registry_with_what_it_refers_to() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("item.proto", "syntax = \"proto3\"; package shop; message Item { int64 id = 1; }");
    write(
        "order.proto",
        "syntax = \"proto3\"; import \"item.proto\"; import \"google/protobuf/timestamp.proto\"; message Order { shop.Item item = 1; google.protobuf.Timestamp at = 2; }",
    );
    let (memory, codecs) = codecs();
    let schema = options(folder.path().join("order.proto").to_str().unwrap());
    let text = r#"{"item":{"id":7},"at":"2026-01-02T03:04:05Z"}"#;
    let stored = encode(&codecs, Type::Auto, &schema, text).unwrap();
    let subjects = |memory: &Memory| -> Vec<String> {
        memory.subjects_and_texts().into_iter().map(|(subject, _)| subject).collect()
    };
    assert_eq!(subjects(&memory), ["item.proto", "t-value"]);
    let Decoded { value, schema } = decode(&codecs, Type::Auto, &SchemaOptions::default(), &stored).unwrap();
    assert_eq!(value.to_string(), text);

    let other = Arc::new(Memory::new("other", 9));
    let others = SchemaCodecs::new(Some(other.clone()));
    let carried = encode_with(&others, Type::Auto, &SchemaOptions::default(), (&value, schema.as_ref())).unwrap();
    assert_eq!(subjects(&other), ["item.proto", "t-value"]);
    assert_eq!((&carried.bytes[..5], &carried.bytes[5..]), (&[0, 0, 0, 0, 10][..], &stored.bytes[5..]));
    assert_eq!(decode(&others, Type::Auto, &SchemaOptions::default(), &carried).unwrap().value, value);

    let none = SchemaCodecs::new(None);
    let error = encode_with(&none, Type::Auto, &SchemaOptions::default(), (&value, schema.as_ref())).unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("there is none here"), "{error}");
}

#[test]
fn without_a_registry_payloads_are_raw() {
    let codecs = SchemaCodecs::new(None);
    for (type_, schema, payload) in [
        (Type::Avro, AVRO, &[246, 1][..]),
        (Type::Protobuf, PROTO, &[8, 123]),
        (Type::JsonSchema, JSON, br#"{"bla":123}"#),
    ] {
        let stored = encode(&codecs, Type::Auto, &options(schema), r#"{"bla":123}"#).unwrap();
        assert_eq!(stored.bytes, payload);
        let Decoded { value, schema: travels } = decode(&codecs, Type::Auto, &options(schema), &stored).unwrap();
        assert_eq!((value["bla"].int().unwrap(), travels.as_ref().unwrap().id()), (123, None));
        let again = encode_with(&codecs, type_, &SchemaOptions::default(), (&value, travels.as_ref()));
        assert_eq!(again.unwrap(), stored);
    }
    let framed = Stored { bytes: vec![0, 0, 0, 0, 5, 2], header: None };
    let error = decode(&codecs, Type::Avro, &SchemaOptions::default(), &framed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "find schema: schema 5, topic t, field value: there is no schema registry, which would know the schema of this id"
    );
    let error = codecs.encoder(Type::Avro, Field::Key, &SchemaOptions { id: Some(1), ..SchemaOptions::default() });
    assert_eq!(error.err().unwrap().kind(), ErrorKind::Usage);
}

#[test]
fn avro_is_read_as_the_reader_wants_it() {
    let (_, codecs) = codecs();
    let stored = encode(&codecs, Type::Avro, &options(AVRO), r#"{"bla":1}"#).unwrap();
    let wanted = r#"{"type":"record","name":"shop.Order","fields":[{"name":"bla","type":"double"},{"name":"new","type":"string","default":"d"}]}"#;
    let read = SchemaOptions { reader_schema: Some(wanted.into()), ..SchemaOptions::default() };
    let Decoded { value, schema } = decode(&codecs, Type::Avro, &read, &stored).unwrap();
    assert_eq!(value.to_string(), r#"{"bla":1.0,"new":"d"}"#);
    assert_eq!(schema.unwrap().text(), wanted);
    let error = codecs.decoder(Type::Protobuf, Field::Value, &read).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn what_does_not_fit_says_where_and_why() {
    let (_, codecs) = codecs();
    let none = SchemaOptions::default();
    let stored = encode(&codecs, Type::Avro, &options(AVRO), r#"{"bla":1}"#).unwrap();
    let error = |type_, bytes: &[u8]| {
        decode(&codecs, type_, &none, &Stored { bytes: bytes.to_vec(), header: None }).unwrap_err()
    };
    assert_eq!(
        error(Type::Avro, &stored.bytes[..5]).to_string(),
        "decode Avro: path .bla, byte 0, schema 5, topic t, field value, subject t-value: it ends within a number"
    );
    let other = error(Type::Protobuf, &stored.bytes);
    assert!(other.to_string().contains("it is avro, where protobuf is wanted"), "{other}");
    assert!(error(Type::Avro, b"\0\0\0\0\x63x").to_string().contains("the registry does not know the schema"));
    assert_eq!(error(Type::Avro, b"x").kind(), ErrorKind::Corrupt);
    let error = encode(&codecs, Type::Avro, &options(AVRO), r#"{"bla":"x"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "encode Avro: path .bla, topic t, field value: an int is needed, and it is the string \"x\""
    );
    let error = codecs.encoder(Type::Protobuf, Field::Value, &options(AVRO)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let message = SchemaOptions { message: Some("C".into()), ..options(PROTO) };
    let error = codecs.encoder(Type::Auto, Field::Value, &message).err().unwrap();
    assert_eq!((error.kind(), error.hint_text()), (ErrorKind::NotFound, Some("did you mean p.A?")));
    let error = codecs.encoder(Type::Avro, Field::Value, &options("missing.avsc")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
