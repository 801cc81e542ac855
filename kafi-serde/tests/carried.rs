//! Copies of bytes along with their schemas, between registries in topics of memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Coding, ErrorKind, Field, Headers, HeadersBuf, Recoding, Result, SchemaHeader, schema_id_header};
use kafi_serde::registry::{
    CompatibilityLevel, Deleted, Reference, RegisterOptions, Registry, RegistryConfig, SchemaDefinition, TopicRegistry,
    Version,
};
use kafi_serde::wire::{Guid, SchemaId};
use kafi_serde::{CarriedSchemas, Format};

const WAIT: Duration = Duration::from_secs(60);
const BOTH: [Field; 2] = [Field::Key, Field::Value];

fn registry(name: &str) -> Arc<dyn Registry> {
    Arc::new(TopicRegistry::new(Arc::new(kafi_fs::open_memory(name))))
}

/// One whose first ids are taken, so that those of others change.
fn later(name: &str) -> Arc<dyn Registry> {
    let registry = registry(name);
    for field in ["p", "q", "r"] {
        register(&*registry, &format!("unused_{field}-value"), &avro("Unused", field));
    }
    registry
}

fn avro(name: &str, field: &str) -> SchemaDefinition {
    let text = format!(
        r#"{{"type":"record","name":"{name}","fields":[{{"name":"{field}","type":["null","long"],"default":null}}]}}"#
    );
    SchemaDefinition::new(Format::Avro, text)
}

fn register(registry: &dyn Registry, subject: &str, schema: &SchemaDefinition) -> (u32, Guid) {
    let given = registry.register(subject, schema, RegisterOptions::default(), WAIT).unwrap();
    (given.id, given.guid.unwrap())
}

fn framed(id: SchemaId, rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    id.write(&mut bytes);
    [bytes, rest.to_vec()].concat()
}

/// What becomes of a field: its bytes, and the header where it is set.
type Carried = (Option<Vec<u8>>, Option<Vec<u8>>);

fn carry(
    carried: &CarriedSchemas,
    field: Field,
    (topic, target): (&str, &str),
    (bytes, headers): (Option<&[u8]>, Headers<'_>),
) -> Result<Carried> {
    let mut recoder = carried.recoder(field)?.expect("the field is carried");
    let mut out = b"before".to_vec();
    let coding = Coding::new(topic, field).headers(headers);
    let is_there = recoder.recode(&coding, bytes, target, &mut out)?;
    let header = match recoder.schema_header() {
        SchemaHeader::Set(value) => Some(value.to_vec()),
        SchemaHeader::Keep => None,
        SchemaHeader::Drop => panic!("nothing is dropped"),
    };
    Ok((is_there.then(|| out.strip_prefix(b"before").unwrap().to_vec()), header))
}

fn value(carried: &CarriedSchemas, topics: (&str, &str), bytes: &[u8]) -> Result<Vec<u8>> {
    carry(carried, Field::Value, topics, (Some(bytes), Headers::default())).map(|(bytes, _)| bytes.unwrap())
}

#[test]
fn ids_become_those_of_the_target_with_all_versions_and_references() {
    let (source, target) = (registry("a"), later("b"));
    register(&*source, "common", &avro("Common", "a"));
    let mut with_reference = SchemaDefinition::new(
        Format::Avro,
        r#"{"type":"record","name":"Order","fields":[{"name":"c","type":"Common"}]}"#,
    );
    with_reference.references = vec![Reference { name: "Common".into(), subject: "common".into(), version: 1 }];
    source.set_config(Some("orders-value"), &RegistryConfig::from(CompatibilityLevel::None), WAIT).unwrap();
    let (first, _) = register(&*source, "orders-value", &avro("Order", "a"));
    let (second, _) = register(&*source, "orders-value", &with_reference);
    target.set_config(None, &RegistryConfig::from(CompatibilityLevel::None), WAIT).unwrap();

    let carried = CarriedSchemas::new(source.clone(), target.clone(), &BOTH);
    // What stands behind the id is not looked at.
    let bytes = value(&carried, ("orders", "orders"), &framed(SchemaId::Number(second), b"\xffno avro")).unwrap();
    let there = target.version("orders-value", Version::Number(2), false, WAIT).unwrap();
    assert!(there.id != second);
    assert_eq!(bytes, framed(SchemaId::Number(there.id), b"\xffno avro"));
    assert_eq!(there.schema.text, with_reference.text);
    assert_eq!(target.version("common", Version::Latest, false, WAIT).unwrap().schema, avro("Common", "a"));
    let first_there = target.version("orders-value", Version::Number(1), false, WAIT).unwrap().id;
    let bytes = value(&carried, ("orders", "orders"), &framed(SchemaId::Number(first), b"")).unwrap();
    assert_eq!(bytes, framed(SchemaId::Number(first_there), b""));

    // Another copy, and another topic, change nothing but what is new.
    let before = target.subjects("", Deleted::Included, WAIT).unwrap();
    let again = CarriedSchemas::new(source, target.clone(), &BOTH);
    assert_eq!(value(&again, ("orders", "orders"), &framed(SchemaId::Number(first), b"")).unwrap(), bytes);
    assert_eq!(target.subjects("", Deleted::Included, WAIT).unwrap(), before);
    assert_eq!(value(&again, ("orders", "copy"), &framed(SchemaId::Number(first), b"")).unwrap(), bytes);
    assert_eq!(target.versions("copy-value", Deleted::Excluded, WAIT).unwrap(), [1, 2]);
}

#[test]
fn guids_in_headers_stay_where_registries_agree_and_null_stays_null() {
    let (source, target) = (registry("a"), later("b"));
    let (_, guid) = register(&*source, "orders-key", &avro("Order", "a"));
    let carried = CarriedSchemas::new(source.clone(), target.clone(), &BOTH);
    let header = framed(SchemaId::Guid(guid), &[]);
    let headers = HeadersBuf::from_iter([(schema_id_header(Field::Key), &header)]);
    let topics = ("orders", "orders");
    let read = |bytes| carry(&carried, Field::Key, topics, (bytes, headers.as_headers())).unwrap();
    assert_eq!(read(Some(b"payload")), (Some(b"payload".to_vec()), None));
    assert_eq!(read(None), (None, None));
    assert_eq!(target.ids_of(guid, WAIT).unwrap().len(), 1);
    assert_eq!(carry(&carried, Field::Key, topics, (None, Headers::default())).unwrap(), (None, None));

    // A number in a header is that of a registry; the indexes of Protobuf stay behind it.
    let message = SchemaDefinition::new(Format::Protobuf, "syntax = \"proto3\"; message A {} message B {}");
    let (id, _) = register(&*source, "orders-value", &message);
    let headers = HeadersBuf::from_iter([(schema_id_header(Field::Value), framed(SchemaId::Number(id), &[2, 2]))]);
    let (bytes, header) = carry(&carried, Field::Value, topics, (Some(b"\x08"), headers.as_headers())).unwrap();
    let there = target.version("orders-value", Version::Latest, false, WAIT).unwrap().id;
    assert!(there != id);
    assert_eq!((bytes.unwrap(), header.unwrap()), (b"\x08".to_vec(), framed(SchemaId::Number(there), &[2, 2])));
}

#[test]
fn subjects_are_those_of_the_topic_or_else_all() {
    let (source, target) = (registry("a"), later("b"));
    let (id, _) = register(&*source, "other-value", &avro("Order", "a"));
    register(&*source, "orders-shop.Order", &avro("Order", "a"));
    register(&*source, "orders-eu-value", &avro("Order", "a"));
    let carried = CarriedSchemas::new(source.clone(), target.clone(), &[Field::Value]);
    assert!(carried.recoder(Field::Key).unwrap().is_none());
    let subjects = |target: &dyn Registry| {
        let mut subjects = target.subjects("", Deleted::Included, WAIT).unwrap();
        subjects.retain(|subject| !subject.starts_with("unused"));
        subjects
    };
    value(&carried, ("orders", "copy"), &framed(SchemaId::Number(id), b"")).unwrap();
    assert_eq!(subjects(&*target), ["copy-shop.Order"]);
    value(&carried, ("nothing", "nothing"), &framed(SchemaId::Number(id), b"")).unwrap();
    assert_eq!(subjects(&*target), ["copy-shop.Order", "orders-eu-value", "orders-shop.Order", "other-value"]);

    // What was deleted is still named by messages.
    let (id, _) = register(&*source, "gone-value", &avro("Gone", "a"));
    source.delete_subject("gone-value", false, WAIT).unwrap();
    value(&carried, ("gone", "gone"), &framed(SchemaId::Number(id), b"")).unwrap();
    assert!(!subjects(&*target).is_empty() && target.versions("gone-value", Deleted::Included, WAIT).unwrap() == [1]);
    assert!(target.versions("gone-value", Deleted::Excluded, WAIT).is_err());
}

#[test]
fn what_cannot_be_carried_says_why() {
    let (source, target) = (registry("a"), later("b"));
    let (id, _) = register(&*source, "orders-value", &avro("Order", "a"));
    let other = SchemaDefinition::new(Format::Avro, r#"{"type":"fixed","name":"Two","size":2}"#);
    register(&*target, "orders-value", &other);
    let carried = CarriedSchemas::new(source, target, &BOTH);
    let topics = ("orders", "orders");
    let error = |field, bytes: &[u8]| carry(&carried, field, topics, (Some(bytes), Headers::default())).unwrap_err();

    let refused = error(Field::Value, &framed(SchemaId::Number(id), b""));
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("topic orders, field value, schema 1"), "{refused}");
    // It is not tried with each message.
    assert_eq!(error(Field::Value, &framed(SchemaId::Number(id), b"")).to_string(), refused.to_string());

    let unknown = error(Field::Value, &framed(SchemaId::Number(77), b""));
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    assert!(unknown.to_string().contains("does not know the schema of this id"), "{unknown}");
    let unframed = error(Field::Key, b"plain");
    assert_eq!(
        (unframed.kind(), unframed.hint_text()),
        (ErrorKind::Corrupt, Some("--with-schemas=value leaves the keys as they are"))
    );
    assert!(error(Field::Key, b"").to_string().contains("it is empty"));
}

#[test]
fn without_registering_the_target_has_to_know_the_schema() {
    let (source, target) = (registry("a"), later("b"));
    let (id, _) = register(&*source, "orders-value", &avro("Order", "a"));
    let carried = CarriedSchemas::new(source.clone(), target.clone(), &BOTH).without_registering();
    let bytes = framed(SchemaId::Number(id), b"rest");
    let missing = value(&carried, ("orders", "orders"), &bytes).unwrap_err();
    assert_eq!(
        (missing.kind(), missing.hint_text()),
        (ErrorKind::NotFound, Some("without --no-register it is carried over"))
    );
    assert!(missing.to_string().contains("subject orders-value"), "{missing}");
    assert!(!target.subjects("", Deleted::Included, WAIT).unwrap().contains(&"orders-value".to_string()));
    let (there, _) = register(&*target, "orders-value", &avro("Order", "a"));
    let carried = CarriedSchemas::new(source, target, &BOTH).without_registering();
    assert_eq!(value(&carried, ("orders", "orders"), &bytes).unwrap(), framed(SchemaId::Number(there), b"rest"));
}
