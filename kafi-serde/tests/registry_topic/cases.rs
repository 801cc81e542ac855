//! Ids, versions, lookups, references, contexts, modes.

use std::time::Instant;

use kafi_core::{ErrorKind, Json};
use kafi_serde::Format;
use kafi_serde::registry::{
    CompatibilityLevel, Deleted, LookupOptions, Mode, Reference, RegisterOptions, Registry, RegistryConfig,
    SchemaDefinition, SubjectVersion, TopicRegistry, Version,
};
use kafi_serde::wire::SchemaId;

use crate::{WAIT, avro, code, everywhere, register};

/// What is remembered is what was read later than a moment, whoever wrote it, and nothing is asked for.
#[test]
fn what_was_read_is_remembered() {
    everywhere(|open| {
        let (one, other) = (open(), open());
        let start = Instant::now();
        let latest =
            |registry: &dyn Registry| registry.version("a", Version::Latest, false, WAIT).map(|one| one.version);
        let known = |since: Instant| latest(&*one.remembered(since).unwrap()).map_err(|error| error.kind());
        register(&other, "a", &avro("")).unwrap();
        assert_eq!(known(start), Err(ErrorKind::Unavailable), "nothing was read");
        assert_eq!(latest(&one).unwrap(), 1);
        let wider = SchemaDefinition::new(
            Format::Avro,
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":1}]}"#,
        );
        register(&other, "a", &wider).unwrap();
        assert_eq!(known(start), Ok(1), "the topic is not read");
        assert_eq!(known(Instant::now()), Err(ErrorKind::Unavailable), "it was read before that");
        let remembered = one.remembered(Instant::now()).unwrap();
        assert_eq!(remembered.schema(SchemaId::Number(1), None, WAIT).unwrap(), avro(""), "an id does not change");
        assert!(remembered.schema(SchemaId::Number(2), None, WAIT).is_err());
        assert!(register(&*remembered, "a", &avro("")).is_err() && remembered.delete_mode(None, WAIT).is_err());
        assert_eq!((latest(&one).unwrap(), known(start)), (2, Ok(2)));
        // Between a change and the next reading nothing is known for sure.
        one.set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
        assert_eq!(known(start), Err(ErrorKind::Unavailable));
    });
}

#[test]
fn schemas_have_one_id_and_versions_follow_each_other() {
    everywhere(|open| {
        let (one, other) = (open(), open());
        assert_eq!(one.subjects("", Deleted::Included, WAIT).unwrap(), [""; 0]);
        assert_eq!(register(&one, "a-value", &avro("")).unwrap(), (1, 1));
        assert_eq!(register(&other, "a-value", &avro("x")).err().map(|error| error.kind()), Some(ErrorKind::Conflict));
        assert_eq!(register(&other, "b-value", &avro("x")).unwrap(), (2, 1));
        assert_eq!(register(&one, "a-value", &avro("")).unwrap(), (1, 1), "it is there already");
        assert_eq!(register(&one, "b-value", &avro("")).unwrap(), (1, 2), "it has an id already");
        let spaced = SchemaDefinition::new(Format::Avro, avro("").text.replace(',', " ,\n "));
        assert_eq!(register(&one, "a-value", &spaced).unwrap(), (1, 1), "its layout does not matter");

        assert_eq!(other.subjects("", Deleted::Excluded, WAIT).unwrap(), ["a-value", "b-value"]);
        assert_eq!(other.versions("b-value", Deleted::Excluded, WAIT).unwrap(), [1, 2]);
        let latest = other.version("b-value", Version::Latest, false, WAIT).unwrap();
        assert_eq!((latest.id, latest.version, &latest.schema), (1, 2, &avro("")));
        assert_eq!(other.schema(SchemaId::Number(2), None, WAIT).unwrap(), avro("x"));
        let guid = latest.guid.unwrap();
        assert_eq!(one.schema(SchemaId::Guid(guid), None, WAIT).unwrap(), avro(""));
        assert_eq!(one.ids_of(guid, WAIT).unwrap(), [(".".to_string(), 1)]);
        let places = ["a-value", "b-value"].map(|subject| SubjectVersion {
            subject: subject.into(),
            version: if subject == "a-value" { 1 } else { 2 },
        });
        assert_eq!(one.versions_of(1, Deleted::Excluded, WAIT).unwrap(), places);
        let found = one.lookup("b-value", &spaced, LookupOptions::default(), WAIT).unwrap();
        assert_eq!((found.version, found.id), (2, 1));
        assert_eq!(one.types(WAIT).unwrap(), ["JSON", "PROTOBUF", "AVRO"]);
    });
}

#[test]
fn what_is_not_there_has_its_code() {
    let registry = TopicRegistry::new(std::sync::Arc::new(kafi_fs::open_memory("mem")));
    assert_eq!(code(registry.versions("a", Deleted::Excluded, WAIT)), 40401);
    register(&registry, "a", &avro("")).unwrap();
    assert_eq!(code(registry.version("a", Version::Number(2), false, WAIT)), 40402);
    assert_eq!(code(registry.version("b", Version::Latest, false, WAIT)), 40401);
    assert_eq!(code(registry.schema(SchemaId::Number(9), None, WAIT)), 40403);
    assert_eq!(code(registry.versions_of(9, Deleted::Excluded, WAIT)), 40403);
    assert_eq!(code(registry.lookup("a", &avro("x"), LookupOptions::default(), WAIT)), 40403);
    assert_eq!(code(registry.lookup("b", &avro(""), LookupOptions::default(), WAIT)), 40401);
    assert_eq!(code(registry.config(Some("a"), false, WAIT)), 40408);
    assert_eq!(code(registry.mode(Some("a"), false, WAIT)), 40409);
    assert_eq!(code(register(&registry, "a", &SchemaDefinition::new(Format::Avro, "{}"))), 42201);
    assert_eq!(code(register(&registry, "a", &SchemaDefinition::new(Format::Avro, ""))), 42201);
    assert_eq!(code(register(&registry, "a", &SchemaDefinition::new(Format::Protobuf, "message {"))), 42201);
    assert_eq!(code(register(&registry, "", &avro(""))), 42208);
    assert_eq!(code(register(&registry, "__GLOBAL", &avro(""))), 42208);
    assert_eq!(registry.exporters(WAIT).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn references_must_be_there_and_keep_what_they_lead_to() {
    everywhere(|open| {
        let registry = open();
        for (format, name, inner, outer) in [
            (
                Format::Avro,
                "x.I",
                r#"{"type":"record","name":"I","namespace":"x","fields":[]}"#,
                r#"{"type":"array","items":"x.I"}"#,
            ),
            (
                Format::Protobuf,
                "i.proto",
                "syntax = \"proto3\"; package x; message I {}",
                "syntax = \"proto3\"; import \"i.proto\"; message M { x.I i = 1; }",
            ),
            (Format::JsonSchema, "i.json", r#"{"type":"string"}"#, r#"{"type":"array","items":{"$ref":"i.json"}}"#),
        ] {
            let (from, to) = (format!("{format}-outer"), format!("{format}-inner"));
            let mut schema = SchemaDefinition::new(format, outer);
            schema.references.push(Reference { name: name.into(), subject: to.clone(), version: 1 });
            let error = register(&registry, &from, &schema).unwrap_err();
            assert!(error.to_string().contains("No schema reference found"), "{error}");
            assert_eq!(code(register(&registry, &from, &schema)), 42201);
            register(&registry, &to, &SchemaDefinition::new(format, inner)).unwrap();
            let (id, _) = register(&registry, &from, &schema).unwrap();
            assert_eq!(registry.schema(SchemaId::Number(id), None, WAIT).unwrap(), schema);
            assert_eq!(registry.referenced_by(&to, Version::Latest, WAIT).unwrap(), [id]);
            assert_eq!(code(registry.delete_version(&to, Version::Latest, false, WAIT)), 42206);
            assert_eq!(code(registry.delete_subject(&to, false, WAIT)), 42206);
            registry.delete_subject(&from, false, WAIT).unwrap();
            assert_eq!(registry.delete_subject(&to, false, WAIT).unwrap(), [1]);
        }
    });
}

#[test]
fn contexts_have_ids_of_their_own() {
    everywhere(|open| {
        let registry = open();
        register(&registry, "a", &avro("x")).unwrap();
        assert_eq!(register(&registry, ":.staging:a", &avro("")).unwrap(), (1, 1));
        assert_eq!(register(&registry, ":.:b", &avro("y")).unwrap(), (2, 1));
        let other = open();
        assert_eq!(other.subjects("", Deleted::Excluded, WAIT).unwrap(), ["a", "b"]);
        assert_eq!(other.subjects(":.staging:", Deleted::Excluded, WAIT).unwrap(), [":.staging:a"]);
        assert_eq!(other.subjects(":*:", Deleted::Excluded, WAIT).unwrap(), [":.staging:a", "a", "b"]);
        assert_eq!(other.contexts(WAIT).unwrap(), [".", ".staging"]);
        assert_eq!(other.schema(SchemaId::Number(1), Some(":.staging:"), WAIT).unwrap(), avro(""));
        assert_eq!(other.schema(SchemaId::Number(1), None, WAIT).unwrap(), avro("x"));
        assert_eq!(other.delete_context(".staging", WAIT).unwrap_err().kind(), ErrorKind::Usage);
        for permanent in [false, true] {
            other.delete_subject(":.staging:a", permanent, WAIT).unwrap();
        }
        other.delete_context(".staging", WAIT).unwrap();
        assert_eq!(registry.contexts(WAIT).unwrap(), ["."]);
        assert_eq!(registry.delete_context(".staging", WAIT).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn modes_say_what_may_be_registered() {
    everywhere(|open| {
        let registry = open();
        let with_id = |id, version| RegisterOptions { id: Some(id), version, ..RegisterOptions::default() };
        assert_eq!(code(registry.register("a", &avro(""), with_id(7, None), WAIT)), 42205);
        registry.set_mode(None, Mode::Import, false, WAIT).unwrap();
        let given = registry.register("a", &avro(""), with_id(7, Some(3)), WAIT).unwrap();
        assert_eq!((given.id, given.version), (7, Some(3)));
        assert_eq!(registry.register("a", &avro(""), with_id(7, Some(3)), WAIT).unwrap(), given);
        assert_eq!(code(registry.register("a", &avro("x"), with_id(7, Some(4)), WAIT)), 42207);
        assert_eq!(code(registry.register("a", &avro("x"), with_id(8, Some(3)), WAIT)), 42207);
        assert_eq!(code(register(&registry, "a", &avro("x"))), 42205);
        registry.delete_mode(None, WAIT).unwrap();
        assert_eq!(registry.mode(None, false, WAIT).unwrap(), Mode::ReadWrite);
        assert_eq!(register(&registry, "b", &avro("y")).unwrap(), (8, 1), "ids go on behind what was imported");
        assert_eq!(code(registry.set_mode(None, Mode::Import, false, WAIT)), 42205);
        registry.set_mode(None, Mode::Import, true, WAIT).unwrap();
        registry.set_mode(None, Mode::ReadWrite, false, WAIT).unwrap();
        registry.set_mode(Some("b"), Mode::ReadOnly, false, WAIT).unwrap();
        assert_eq!(code(register(&registry, "b", &avro(""))), 42205);
        assert_eq!(code(registry.delete_subject("b", false, WAIT)), 42205);
        assert_eq!(open().mode(Some("b"), false, WAIT).unwrap(), Mode::ReadOnly);
        assert_eq!(open().mode(Some("a"), true, WAIT).unwrap(), Mode::ReadWrite);
        registry.delete_mode(Some("b"), WAIT).unwrap();
        assert_eq!(code(registry.delete_mode(Some("b"), WAIT)), 40409);
    });
}

#[test]
fn what_is_normalised_is_the_same_whatever_it_looks_like() {
    let registry = TopicRegistry::new(std::sync::Arc::new(kafi_fs::open_memory("mem")));
    let one = SchemaDefinition::new(Format::Avro, r#"{"type":"fixed","name":"F","size":4}"#);
    let two = SchemaDefinition::new(Format::Avro, r#"{"size":4,"name":"F","type":"fixed"}"#);
    let normalize = RegisterOptions { normalize: true, ..RegisterOptions::default() };
    let given = registry.register("a", &one, normalize, WAIT).unwrap();
    assert_eq!(registry.register("a", &two, normalize, WAIT).unwrap(), given);
    assert_ne!(register(&registry, "a", &one).unwrap().1, 1, "without it is another one");
    let config = RegistryConfig { normalize: Some(true), ..RegistryConfig::default() };
    registry.set_config(Some("a"), &config, WAIT).unwrap();
    let found = registry.lookup("a", &two, LookupOptions::default(), WAIT).unwrap();
    assert_eq!(found.version, 1);
}

#[test]
fn metadata_and_rules_are_kept_and_make_another_schema() {
    everywhere(|open| {
        let plain = avro("");
        let mut schema = plain.clone();
        schema.metadata = Some(Json::parse(r#"{"properties":{"owner":"a"}}"#).unwrap());
        schema.rule_set = Some(Json::parse(r#"{"domainRules":[]}"#).unwrap());
        let (id, _) = register(&open(), "a", &schema).unwrap();
        assert_eq!(open().schema(SchemaId::Number(id), None, WAIT).unwrap(), schema);
        assert_ne!(register(&open(), "a", &plain).unwrap().0, id);
    });
}

#[test]
fn another_name_means_the_subject() {
    let registry = TopicRegistry::new(std::sync::Arc::new(kafi_fs::open_memory("mem")));
    register(&registry, "a", &avro("")).unwrap();
    let config = RegistryConfig { alias: Some("a".into()), ..RegistryConfig::default() };
    registry.set_config(Some("b"), &config, WAIT).unwrap();
    assert_eq!(registry.version("b", Version::Latest, false, WAIT).unwrap().subject, "a");
    assert_eq!(register(&registry, "b", &avro("")).unwrap(), (1, 1));
    assert_eq!(registry.subjects("", Deleted::Excluded, WAIT).unwrap(), ["a"]);
}
