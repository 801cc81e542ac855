//! The client over a real registry, for what that does as Confluent's does.

use std::sync::atomic::{AtomicUsize, Ordering};

use kafi_core::{ErrorKind, Result};
use kafi_serde::registry::{
    Against, Client, Code, CompatibilityLevel, Deleted, LookupOptions, Reference, RegisterOptions, Registry,
    SchemaDefinition, Version,
};
use kafi_serde::wire::SchemaId;
use kafi_serde::{Format, Schema};
use kafi_testkit::servers::variable;

use crate::{TIMEOUT, open};

fn client() -> Client {
    open(&[("schema.registry.url", variable("KAFI_TEST_REGISTRY"))])
}

/// A subject, and a name for types, of a test's own.
fn fresh(what: &str) -> (String, String) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{what}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    (format!("{name}-value"), name)
}

fn record(name: &str, fields: &str) -> SchemaDefinition {
    SchemaDefinition::new(Format::Avro, format!(r#"{{"type":"record","name":"{name}","fields":[{fields}]}}"#))
}

fn register(client: &Client, subject: &str, schema: &SchemaDefinition) -> Result<u32> {
    Ok(client.register(subject, schema, RegisterOptions::default(), TIMEOUT)?.id)
}

const ID: &str = r#"{"name":"id","type":"long"}"#;
const NOTE: &str = r#"{"name":"note","type":"string","default":""}"#;

#[test]
fn a_subject_lives_and_is_deleted() {
    let (client, (subject, name)) = (client(), fresh("life"));
    let first = record(&name, ID);
    let second = record(&name, &format!("{ID},{NOTE}"));
    let ids = [register(&client, &subject, &first).unwrap(), register(&client, &subject, &second).unwrap()];
    assert_ne!(ids[0], ids[1]);
    assert_eq!(register(&client, &subject, &first).unwrap(), ids[0]);
    assert_eq!(client.versions(&subject, Deleted::Excluded, TIMEOUT).unwrap(), [1, 2]);
    assert_eq!(client.subjects(&subject, Deleted::Excluded, TIMEOUT).unwrap(), [subject.as_str()]);

    let latest = client.version(&subject, Version::Latest, false, TIMEOUT).unwrap();
    assert_eq!((latest.version, latest.id, latest.schema.format), (2, ids[1], Format::Avro));
    assert_eq!(client.version(&subject, Version::Number(1), false, TIMEOUT).unwrap().id, ids[0]);
    let found = client.schema(SchemaId::Number(ids[0]), None, TIMEOUT).unwrap();
    Schema::parse(found.format, &found.text, &[]).unwrap();
    let looked_up = client.lookup(&subject, &first, LookupOptions::default(), TIMEOUT).unwrap();
    assert_eq!((looked_up.version, looked_up.id), (1, ids[0]));
    let known = client.versions_of(ids[1], Deleted::Excluded, TIMEOUT).unwrap();
    assert!(known.iter().any(|known| known.subject == subject && known.version == 2), "{known:?}");

    assert_eq!(client.delete_version(&subject, Version::Number(1), false, TIMEOUT).unwrap(), 1);
    assert_eq!(client.versions(&subject, Deleted::Excluded, TIMEOUT).unwrap(), [2]);
    assert_eq!(client.versions(&subject, Deleted::Included, TIMEOUT).unwrap(), [1, 2]);
    assert_eq!(client.delete_subject(&subject, false, TIMEOUT).unwrap().last(), Some(&2));
    assert!(client.subjects(&subject, Deleted::Excluded, TIMEOUT).unwrap().is_empty());
    assert_eq!(client.subjects(&subject, Deleted::Included, TIMEOUT).unwrap(), [subject.as_str()]);
    // What was deleted can be read by its id still.
    assert!(self::client().schema(SchemaId::Number(ids[1]), None, TIMEOUT).is_ok());
    client.delete_subject(&subject, true, TIMEOUT).unwrap();
    assert!(client.subjects(&subject, Deleted::Included, TIMEOUT).unwrap().is_empty());
}

#[test]
fn what_is_not_there_has_its_code() {
    let (client, (subject, name)) = (client(), fresh("missing"));
    let code = |error: kafi_core::Error| (error.kind(), Code::of(&error));
    let not_found = |code: Code| (ErrorKind::NotFound, Some(code.number()));
    let missing = client.versions(&subject, Deleted::Excluded, TIMEOUT).unwrap_err();
    assert!(missing.to_string().contains(&format!("subject {subject}")), "{missing}");
    assert_eq!(code(missing), not_found(Code::SubjectNotFound));
    let missing = client.schema(SchemaId::Number(987_654_321), None, TIMEOUT).unwrap_err();
    assert_eq!(code(missing), not_found(Code::SchemaNotFound));
    assert_eq!(code(client.delete_subject(&subject, false, TIMEOUT).unwrap_err()), not_found(Code::SubjectNotFound));
    register(&client, &subject, &record(&name, ID)).unwrap();
    let missing = client.version(&subject, Version::Number(7), false, TIMEOUT).unwrap_err();
    assert_eq!(code(missing), not_found(Code::VersionNotFound));
    let unknown = record(&format!("{name}_other"), ID);
    let missing = client.lookup(&subject, &unknown, LookupOptions::default(), TIMEOUT).unwrap_err();
    assert_eq!(code(missing), not_found(Code::SchemaNotFound));
    let invalid = SchemaDefinition::new(Format::Avro, r#"{"type":"record"}"#);
    assert_eq!(code(register(&client, &subject, &invalid).unwrap_err()), (ErrorKind::Usage, Some(42201)));
}

#[test]
fn schemas_are_compared_by_the_level() {
    let (client, (subject, name)) = (client(), fresh("compatible"));
    register(&client, &subject, &record(&name, ID)).unwrap();
    let inherited = client.config(Some(&subject), true, TIMEOUT).unwrap();
    assert_eq!(inherited.compatibility, Some(CompatibilityLevel::Backward));
    let grown = record(&name, &format!("{ID},{NOTE}"));
    let stricter = record(&name, &format!("{ID},{}", r#"{"name":"must","type":"string"}"#));
    for against in [Against::default(), Against::Level, Against::Version(Version::Number(1))] {
        let check = |schema| client.check(&subject, schema, against, TIMEOUT).unwrap().compatible;
        assert_eq!((check(&grown), check(&stricter)), (true, false), "{against:?}");
    }
    let refused = register(&client, &subject, &stricter).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");

    // Old readers take what is new.
    client.set_config(Some(&subject), &CompatibilityLevel::Forward.into(), TIMEOUT).unwrap();
    let config = client.config(Some(&subject), false, TIMEOUT).unwrap();
    assert_eq!(config.compatibility, Some(CompatibilityLevel::Forward));
    register(&client, &subject, &stricter).unwrap();
    client.delete_config(Some(&subject), TIMEOUT).unwrap();
    assert_eq!(client.config(None, false, TIMEOUT).unwrap().compatibility, Some(CompatibilityLevel::Backward));
}

#[test]
fn references_are_kept_in_all_formats() {
    let client = client();
    for format in [Format::Avro, Format::Protobuf, Format::JsonSchema] {
        let (inner, name) = fresh("inner");
        let (outer, _) = fresh("outer");
        let (reference, inner_text, outer_text) = match format {
            Format::Avro => (
                name.clone(),
                record(&name, ID).text,
                format!(r#"{{"type":"record","name":"O","fields":[{{"name":"i","type":"{name}"}}]}}"#),
            ),
            Format::Protobuf => (
                format!("{name}.proto"),
                format!("syntax = \"proto3\";\nmessage {name} {{\n  int64 id = 1;\n}}\n"),
                format!("syntax = \"proto3\";\nimport \"{name}.proto\";\nmessage O {{\n  {name} i = 1;\n}}\n"),
            ),
            Format::JsonSchema => (
                format!("{name}.json"),
                r#"{"type":"object","properties":{"id":{"type":"integer"}}}"#.to_string(),
                format!(r#"{{"type":"object","properties":{{"i":{{"$ref":"{name}.json"}}}}}}"#),
            ),
        };
        register(&client, &inner, &SchemaDefinition::new(format, inner_text)).unwrap();
        let reference = Reference { name: reference, subject: inner.clone(), version: 1 };
        let schema =
            SchemaDefinition { references: vec![reference.clone()], ..SchemaDefinition::new(format, outer_text) };
        let id = register(&client, &outer, &schema).unwrap();
        let found = client.version(&outer, Version::Latest, false, TIMEOUT).unwrap();
        assert_eq!((found.id, found.schema.format, &found.schema.references), (id, format, &vec![reference]));
        let by = client.referenced_by(&inner, Version::Latest, TIMEOUT).unwrap();
        assert_eq!(by, [id], "{format}");
        let text = client.version(&inner, Version::Latest, false, TIMEOUT).unwrap().schema.text;
        let name = &found.schema.references[0].name;
        Schema::parse(format, &found.schema.text, &[(name, &text)]).unwrap();
    }
}

#[test]
fn contexts_and_types_are_listed() {
    let (client, (subject, name)) = (client(), fresh("context"));
    let in_context = format!(":.{name}:{subject}");
    register(&client, &in_context, &record(&name, ID)).unwrap();
    let context = format!(":.{name}:");
    assert_eq!(client.subjects(&context, Deleted::Excluded, TIMEOUT).unwrap(), [in_context.as_str()]);
    // It lists the default one only.
    assert!(client.contexts(TIMEOUT).unwrap().iter().any(|known| known == "."));
    let types = client.types(TIMEOUT).unwrap();
    for format in [Format::Avro, Format::Protobuf, Format::JsonSchema] {
        assert!(types.iter().any(|known| known == format.registry_name()), "{types:?}");
    }
}
