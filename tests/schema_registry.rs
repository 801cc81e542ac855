//! Schema registries of storages: where they come from, and the functions that people know. `KAFI_TEST_REGISTRY` says
//! where one is; without it the project's script starts one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kafi::serde::Format;
use kafi::serde::registry::{CompatibilityLevel, SchemaDefinition, Version};
use kafi::{Config, ErrorKind, Field, Kafi, Registry, subject_name};
use kafi_testkit::servers::variable;

const JSON_SCHEMA: &str = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","title":"myrecord","properties":{"bla":{"type":"integer"}},"required":["bla"],"additionalProperties":false}"#;

/// The subject of a topic of a test's own.
fn subject(topic: &str) -> String {
    subject_name(&format!("{topic}_{}", std::process::id()), Field::Value)
}

#[test]
fn subjects_are_listed_and_deleted_in_two_steps() {
    let over_http = Registry::new().with_schema_registry(variable("KAFI_TEST_REGISTRY"));
    for registry in [over_http, Registry::new()] {
        a_subject_lives(&registry.open("mem:").unwrap());
    }
}

fn a_subject_lives(c: &Kafi) {
    let (avro, json) = (subject("topic_avro"), subject("topic_jsonschema"));
    let schema = SchemaDefinition::new(Format::Avro, r#"{"type":"record","name":"myrecord","fields":[]}"#);
    let id = c.register_schema(&avro, &schema, false).unwrap();
    assert_eq!(c.get_schema(id).unwrap().format, Format::Avro);
    assert!(c.get_schema_versions(id).unwrap().iter().any(|known| known.subject == avro && known.version == 1));
    let schema = SchemaDefinition::new(Format::JsonSchema, JSON_SCHEMA);
    let id = c.register_schema(&json, &schema, false).unwrap();

    let has = |subject: &String, deleted| c.get_subjects(deleted).unwrap().contains(subject);
    assert!(has(&avro, false) && has(&json, false));
    assert_eq!(c.delete_subject(&avro, false).unwrap(), [1]);
    assert!(!has(&avro, false) && has(&avro, true) && has(&json, false));
    assert_eq!(c.delete_subject(&avro, true).unwrap(), [1]);
    assert!(!has(&avro, true) && c.sls(true).unwrap().contains(&json));

    let latest = c.get_latest_version(&json).unwrap();
    assert_eq!((latest.id, &latest.subject, latest.version), (id, &json, 1));
    assert_eq!((latest.schema.format, &*latest.schema.text), (Format::JsonSchema, JSON_SCHEMA));
    assert_eq!(c.get_versions(&json).unwrap(), [1]);
    assert_eq!(c.get_version(&json, 1, false).unwrap(), latest);
    assert_eq!(c.lookup_schema(&json, &schema, false).unwrap().id, id);
    assert_eq!(c.get_compatibility(&json).unwrap(), CompatibilityLevel::Backward);
    c.set_compatibility(&json, CompatibilityLevel::Full).unwrap();
    assert_eq!(c.get_comp(&json).unwrap(), CompatibilityLevel::Full);
    let stricter = SchemaDefinition::new(Format::JsonSchema, JSON_SCHEMA.replace("integer", "string"));
    assert!(!c.test_compatibility(&json, &stricter, Version::Latest).unwrap().compatible);
    assert!(c.test_comp(&json, &schema, Version::Number(1)).unwrap().compatible);
    assert_eq!(c.delete_version(&json, Version::Number(1), false).unwrap(), 1);
}

#[test]
fn the_configuration_names_the_registry_of_a_storage() {
    let folder = tempfile::tempdir().unwrap();
    let config = |more: &str| {
        let yaml = format!("local:\n  root.dir: {}\nschema_registry:\n{more}", folder.path().display());
        Config::from_yaml("archive", &yaml).unwrap()
    };
    let url = variable("KAFI_TEST_REGISTRY");
    let c = Registry::new().open_config(config(&format!("  schema.registry.url: {url}\n"))).unwrap();
    assert_eq!(c.registry().unwrap().name(), url);
    c.get_subjects(false).unwrap();
    // Who names a registry is not sent the password of another one.
    let both = "  schema.registry.url: http://127.0.0.1:1\n  basic.auth.user.info: me:hunter2\n";
    let c = Registry::new().with_schema_registry(url).open_config(config(both)).unwrap();
    assert_eq!(c.registry().unwrap().name(), url);

    let bad = config("  basic.auth.user.info: me:hunter2\n");
    let Err(error) = Registry::new().open_config(bad) else { panic!("it has no address") };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("storage archive: it is missing"), "{error}");
}

#[test]
fn a_storage_without_a_registry_has_one_in_a_topic() {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().to_str().unwrap();
    let open = || Registry::new().open(address).unwrap();
    let c = open();
    assert!(c.get_subjects(true).unwrap().is_empty() && c.ls().unwrap().is_empty(), "reading makes no topic");
    let schema = SchemaDefinition::new(Format::Avro, r#"{"type":"record","name":"myrecord","fields":[]}"#);
    let id = c.register_schema("topic_avro-value", &schema, false).unwrap();
    let other = open();
    assert_eq!(other.get_schema(id).unwrap(), schema);
    assert_eq!(other.get_subjects(false).unwrap(), ["topic_avro-value"]);
    let text = r#"{"type":"record","name":"myrecord","fields":[{"name":"a","type":"int"}]}"#;
    let error =
        other.register_schema("topic_avro-value", &SchemaDefinition::new(Format::Avro, text), false).unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("the reader's field a"), "{error}");
    assert_eq!(other.delete_subject("topic_avro-value", false).unwrap(), [1]);
    assert_eq!(open().delete_subject("topic_avro-value", true).unwrap(), [1]);
    assert!(c.get_subjects(true).unwrap().is_empty());
}

#[test]
fn an_address_opens_the_registry_alone() {
    let url = variable("KAFI_TEST_REGISTRY");
    let registry = Registry::new();
    assert_eq!(registry.open_schema_registry(url).unwrap().name(), url);
    let Err(error) = registry.open_schema_registry("http://me:hunter2@h:8081") else { panic!("others can see it") };
    assert!(error.kind() == ErrorKind::Usage && !format!("{error:?}").contains("hunter2"), "{error:?}");
    let named = registry.with_schema_registry(url);
    assert_eq!(named.open_schema_registry("").unwrap().name(), url);
    assert_eq!(named.open_schema_registry("mem:").unwrap().name(), url);
}
