//! A topic as Confluent's registry leaves it, and as it would be read there.

use std::sync::Arc;

use kafi_core::{
    Assignment, Batch, ConsumerOptions, Isolation, NewTopic, Polled, ProducerOptions, Record, Storage, TopicPartition,
};
use kafi_serde::Format;
use kafi_serde::registry::{
    CompatibilityLevel, Deleted, Mode, Reference, Registry, SchemaDefinition, TopicRegistry, Version,
};
use kafi_serde::wire::SchemaId;

use crate::{WAIT, avro, code, register};

/// Keys and values with a tab between them; no tab, and the value is null.
const DUMP: &str = include_str!("../data/schemas-topic.txt");

fn write(storage: &dyn Storage, lines: &str) {
    let mut batch = Batch::new();
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.split_once('\t').map_or((line, None), |(key, value)| (key, Some(value)));
        let record = Record::new("_schemas", Some(key.as_bytes()), value.map(str::as_bytes));
        batch.push(Record { partition: 0, ..record });
    }
    let mut producer = storage.producer(&ProducerOptions::default()).unwrap();
    let mut from = 0;
    while from < batch.len() {
        from += producer.produce(&batch, from, 1, WAIT).unwrap();
    }
    producer.flush(WAIT).unwrap();
}

/// All keys and values of a topic.
pub fn records(storage: &dyn Storage, topic: &str) -> Vec<(String, Option<String>)> {
    let mut consumer = storage.consumer(&ConsumerOptions::default()).unwrap();
    let partition = TopicPartition { topic: topic.into(), partition: 0 };
    let marks = storage.admin().unwrap().watermarks(&[partition], Isolation::ReadCommitted, WAIT).unwrap();
    let all = Assignment { topic: topic.into(), partition: 0, start: marks[0].low, end: Some(marks[0].high) };
    consumer.assign(&[all], WAIT).unwrap();
    let (mut batch, mut found) = (Batch::new(), Vec::new());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    while consumer.poll(&mut batch, WAIT).unwrap() != Polled::End {
        found.extend(batch.iter().map(|record| (text(record.key.unwrap()), record.value.map(text))));
    }
    found
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(kafi_fs::open_memory("mem"))
}

#[test]
fn the_topic_of_a_real_registry_is_one_here() {
    let storage = memory();
    storage.admin().unwrap().create_topic(&NewTopic::new("_schemas").partitions(1), WAIT).unwrap();
    write(&*storage, DUMP);
    let registry = TopicRegistry::new(Arc::clone(&storage));
    assert_eq!(registry.subjects("", Deleted::Excluded, WAIT).unwrap(), ["lines", "orders-value"]);
    assert_eq!(registry.subjects("", Deleted::Only, WAIT).unwrap(), ["old-value"]);
    assert_eq!(
        registry.subjects(":*:", Deleted::Excluded, WAIT).unwrap(),
        [":.eu:orders-value", "lines", "orders-value"]
    );
    assert_eq!(registry.versions("orders-value", Deleted::Excluded, WAIT).unwrap(), [2, 3]);
    assert_eq!(registry.versions("orders-value", Deleted::Included, WAIT).unwrap(), [1, 2, 3]);
    assert_eq!(code(registry.versions("gone-value", Deleted::Included, WAIT)), 40401);
    let latest = registry.version("orders-value", Version::Latest, false, WAIT).unwrap();
    assert_eq!((latest.id, latest.schema.format), (5, Format::Protobuf));
    let reference = Reference { name: "lines.proto".into(), subject: "lines".into(), version: 1 };
    assert_eq!(latest.schema.references, [reference]);
    assert_eq!(latest.guid.unwrap().to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    assert_eq!(registry.schema(SchemaId::Number(1), Some(":.eu:"), WAIT).unwrap().text, "\"long\"");
    assert_eq!(registry.config(None, false, WAIT).unwrap(), CompatibilityLevel::Full.into());
    assert_eq!(registry.config(Some("orders-value"), false, WAIT).unwrap(), CompatibilityLevel::None.into());
    assert_eq!(registry.mode(Some("lines"), false, WAIT).unwrap(), Mode::ReadOnly);
    assert_eq!(registry.contexts(WAIT).unwrap(), [".", ".eu", ".us"]);
    assert_eq!(code(registry.delete_subject("lines", false, WAIT)), 42205);
    assert_eq!(register(&registry, "new-value", &avro("")).unwrap(), (8, 1), "behind the highest id that there was");
}

#[test]
fn what_is_written_is_what_a_real_registry_reads() {
    let storage = memory();
    let registry = TopicRegistry::new(Arc::clone(&storage));
    registry.set_config(None, &CompatibilityLevel::Full.into(), WAIT).unwrap();
    register(&registry, "a-value", &SchemaDefinition::new(Format::Avro, "\"string\"")).unwrap();
    register(&registry, ":.eu:b", &SchemaDefinition::new(Format::JsonSchema, "{ }")).unwrap();
    registry.set_mode(Some("a-value"), Mode::ReadWrite, false, WAIT).unwrap();
    registry.delete_version("a-value", Version::Latest, false, WAIT).unwrap();
    registry.delete_version("a-value", Version::Number(1), true, WAIT).unwrap();
    registry.delete_subject(":.eu:b", false, WAIT).unwrap();
    let topic = storage.admin().unwrap().topics(&["_schemas".into()], WAIT).unwrap().remove(0);
    assert_eq!(topic.partitions.len(), 1);
    let config = storage.admin().unwrap().topic_config("_schemas", WAIT).unwrap();
    let policy = config.iter().find(|entry| entry.name == "cleanup.policy").unwrap();
    assert_eq!(policy.value.as_deref(), Some("compact"));
    let expected = [
        "{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}\t{\"compatibilityLevel\":\"FULL\"}",
        "{\"keytype\":\"SCHEMA\",\"subject\":\"a-value\",\"version\":1,\"magic\":1}\t{\"subject\":\"a-value\",\"version\":1,\"id\":1,\"md5\":\"CV1xzxJVa51eMwrVdbPfXQ==\",\"schema\":\"\\\"string\\\"\",\"deleted\":false}",
        "{\"keytype\":\"CONTEXT\",\"tenant\":\"default\",\"context\":\".eu\",\"magic\":0}\t{\"tenant\":\"default\",\"context\":\".eu\"}",
        "{\"keytype\":\"SCHEMA\",\"subject\":\":.eu:b\",\"version\":1,\"magic\":1}\t{\"subject\":\":.eu:b\",\"version\":1,\"id\":1,\"md5\":\"mZFLkyvTelC5g8XnyQrpOw==\",\"schemaType\":\"JSON\",\"schema\":\"{}\",\"deleted\":false}",
        "{\"keytype\":\"MODE\",\"subject\":\"a-value\",\"magic\":0}\t{\"subject\":\"a-value\",\"mode\":\"READWRITE\"}",
        "{\"keytype\":\"SCHEMA\",\"subject\":\"a-value\",\"version\":1,\"magic\":1}\t{\"subject\":\"a-value\",\"version\":1,\"id\":1,\"md5\":\"CV1xzxJVa51eMwrVdbPfXQ==\",\"schema\":\"\\\"string\\\"\",\"deleted\":true}",
        "{\"keytype\":\"MODE\",\"subject\":\"a-value\",\"magic\":0}",
        "{\"keytype\":\"SCHEMA\",\"subject\":\"a-value\",\"version\":1,\"magic\":1}",
        "{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\":.eu:b\",\"magic\":0}\t{\"subject\":\":.eu:b\",\"version\":1}",
    ];
    let written = records(&*storage, "_schemas").into_iter();
    let lines = written.map(|(key, value)| value.map_or(key.clone(), |value| format!("{key}\t{value}")));
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}

#[test]
fn reading_makes_no_topic() {
    let storage = memory();
    let registry = TopicRegistry::new(Arc::clone(&storage));
    assert_eq!(registry.subjects("", Deleted::Excluded, WAIT).unwrap(), [""; 0]);
    assert_eq!(code(registry.delete_subject("a", false, WAIT)), 40401);
    assert!(storage.admin().unwrap().topics(&[], WAIT).unwrap().is_empty());
}

#[test]
fn the_first_record_has_the_version_and_the_id() {
    let storage = memory();
    storage.admin().unwrap().create_topic(&NewTopic::new("_schemas").partitions(1), WAIT).unwrap();
    let schema = |subject: &str, version: u32, id: u32, text: &str| {
        format!(
            "{{\"keytype\":\"SCHEMA\",\"subject\":\"{subject}\",\"version\":{version},\"magic\":1}}\t{{\"subject\":\"{subject}\",\"version\":{version},\"id\":{id},\"schema\":\"\\\"{text}\\\"\",\"deleted\":false}}\n"
        )
    };
    write(
        &*storage,
        &[
            schema("a", 1, 1, "int"),
            schema("a", 1, 1, "long"),
            schema("a", 1, 2, "int"),
            schema("b", 1, 1, "long"),
            schema("b", 1, 2, "long"),
            "not json\tx\n".into(),
            "{\"keytype\":\"SCHEMA\",\"subject\":\"c\",\"version\":1,\"magic\":1}\t{}\n".into(),
        ]
        .concat(),
    );
    let registry = TopicRegistry::new(storage);
    let all = ["a", "b"].map(|subject| {
        let version = registry.version(subject, Version::Latest, false, WAIT).unwrap();
        (version.id, version.schema.text)
    });
    assert_eq!(all, [(1, "\"int\"".to_string()), (2, "\"long\"".to_string())]);
    assert_eq!(registry.subjects("", Deleted::Included, WAIT).unwrap(), ["a", "b"]);
}

#[test]
fn a_topic_that_is_made_anew_is_read_anew() {
    let storage = memory();
    let registry = TopicRegistry::new(Arc::clone(&storage));
    register(&registry, "a", &avro("")).unwrap();
    let other = TopicRegistry::new(Arc::clone(&storage));
    assert_eq!(other.subjects("", Deleted::Excluded, WAIT).unwrap(), ["a"]);
    storage.admin().unwrap().delete_topic("_schemas", WAIT).unwrap();
    assert_eq!(other.subjects("", Deleted::Excluded, WAIT).unwrap(), [""; 0]);
    register(&registry, "b", &avro("x")).unwrap();
    assert_eq!(other.subjects("", Deleted::Excluded, WAIT).unwrap(), ["b"]);
}

#[test]
fn a_topic_of_several_partitions_is_none() {
    let storage = memory();
    storage.admin().unwrap().create_topic(&NewTopic::new("_schemas").partitions(2), WAIT).unwrap();
    let error = TopicRegistry::new(storage).subjects("", Deleted::Excluded, WAIT).unwrap_err();
    assert!(error.to_string().contains("it has 2 partitions"), "{error}");
}

#[test]
fn ids_and_versions_that_are_used_up_are_an_error() {
    let storage = memory();
    storage.admin().unwrap().create_topic(&NewTopic::new("_schemas").partitions(1), WAIT).unwrap();
    let last = |subject: &str, version: u32, id: u32| {
        format!(
            "{{\"keytype\":\"SCHEMA\",\"subject\":\"{subject}\",\"version\":{version},\"magic\":1}}\t{{\"id\":{id},\"schema\":\"\\\"int\\\"\"}}\n"
        )
    };
    let lines = [last("a", 1, i32::MAX as u32), last(":.c:a", i32::MAX as u32, 1)].concat();
    write(&*storage, &lines);
    let registry = TopicRegistry::new(storage);
    assert_eq!(code(register(&registry, "b", &avro(""))), 42207);
    registry.set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
    assert_eq!(code(register(&registry, ":.c:a", &avro(""))), 42207);
    assert_eq!(
        register(&registry, "c", &SchemaDefinition::new(Format::Avro, "\"int\"")).unwrap(),
        (i32::MAX as u32, 1)
    );
}
