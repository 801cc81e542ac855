//! Copies between registries, with the same ids and with new ones.

use kafi_core::{Error, ErrorKind, Result};
use kafi_serde::Format;
use kafi_serde::registry::{
    CopiedSchema, Deleted, Mode, Reference, RegisterOptions, Registry, SchemaCopyOptions, SchemaDefinition, Version,
    copy_schemas,
};

use crate::TIMEOUT;
use crate::fake::Fake;

/// A schema that no other is equal to.
fn schema(name: &str, references: &[(&str, u32)]) -> SchemaDefinition {
    let text = format!(r#"{{"type":"fixed","name":"{name}","size":1}}"#);
    let reference = |(subject, version): &(&str, u32)| Reference {
        name: subject.to_string(),
        subject: subject.to_string(),
        version: *version,
    };
    SchemaDefinition {
        references: references.iter().map(reference).collect(),
        ..SchemaDefinition::new(Format::Avro, text)
    }
}

/// Two versions of `z`, of which the first is deleted, and what refers to both of them: `a`, and by that `b`.
fn source() -> Fake {
    let source = Fake::from_id(10);
    let register = |subject: &str, schema: SchemaDefinition| {
        source.register(subject, &schema, RegisterOptions::default(), TIMEOUT).unwrap()
    };
    register("z", schema("z1", &[]));
    register("z", schema("z2", &[]));
    register("a", schema("a1", &[("z", 2)]));
    register("b", schema("b1", &[("a", 1)]));
    source.delete_version("z", Version::Number(1), false, TIMEOUT).unwrap();
    source
}

fn copy(source: &Fake, target: &Fake, subjects: &[&str], options: &SchemaCopyOptions) -> Result<Vec<CopiedSchema>> {
    let subjects: Vec<String> = subjects.iter().map(|subject| subject.to_string()).collect();
    let mut copied = Vec::new();
    copy_schemas(source, target, &subjects, (options, TIMEOUT), &mut |one| {
        copied.push(one.clone());
        Ok(())
    })?;
    Ok(copied)
}

fn row(subject: &str, version: u32, id: u32, deleted: bool) -> (String, u32, u32, bool) {
    (subject.to_string(), version, id, deleted)
}

#[test]
fn new_ids_and_versions_are_told_and_references_follow() {
    let (source, target) = (source(), Fake::from_id(50));
    let copied = copy(&source, &target, &["a", "b", "z"], &SchemaCopyOptions::default()).unwrap();
    assert_eq!(target.all(), [row("a", 1, 52, false), row("b", 1, 53, false), row("z", 1, 51, false)]);
    let told: Vec<_> =
        copied.iter().map(|one| (&*one.subject, one.version, one.id, one.target_version.zip(one.target_id))).collect();
    assert_eq!(told, [("z", 2, 12, Some((1, 51))), ("a", 1, 13, Some((1, 52))), ("b", 1, 14, Some((1, 53)))]);
    let a = target.version("a", Version::Latest, false, TIMEOUT).unwrap();
    assert_eq!(a.schema.references[0].version, 1);

    // What is there is left alone.
    let again = copy(&source, &target, &["a", "b", "z"], &SchemaCopyOptions::default()).unwrap();
    assert!(again.iter().all(|one| one.existed) && again.len() == 3 && target.all().len() == 3);
}

#[test]
fn subjects_may_be_called_otherwise_and_references_follow() {
    let (source, target) = (source(), Fake::from_id(50));
    let renamed = [("z".to_string(), "y".to_string())].into();
    let options = SchemaCopyOptions { renamed, ..SchemaCopyOptions::default() };
    copy(&source, &target, &["a", "z"], &options).unwrap();
    assert_eq!(target.all(), [row("a", 1, 52, false), row("y", 1, 51, false)]);
    let reference = target.version("a", Version::Latest, false, TIMEOUT).unwrap().schema.references.remove(0);
    assert_eq!((&*reference.name, &*reference.subject, reference.version), ("z", "y", 1));
    assert!(copy(&source, &target, &["a", "z"], &options).unwrap().iter().all(|one| one.existed));
}

#[test]
fn a_look_at_what_would_be_copied_changes_nothing() {
    let (source, target) = (source(), Fake::from_id(50));
    target.register("z", &schema("z2", &[]), RegisterOptions::default(), TIMEOUT).unwrap();
    for keep_ids in [false, true] {
        let dry_run = SchemaCopyOptions { keep_ids, dry_run: true, deleted: true, ..SchemaCopyOptions::default() };
        let told = copy(&source, &target, &["a"], &dry_run);
        assert_eq!(target.all(), [row("z", 1, 51, false)]);
        assert!(target.modes().is_empty());
        if !keep_ids {
            let rows: Vec<_> = told.unwrap().iter().map(|one| (one.target_id, one.existed)).collect();
            assert_eq!(rows, [(Some(51), true), (None, false)]);
        }
    }
}

#[test]
fn ids_and_versions_stay_where_they_are_to() {
    let (source, target) = (source(), Fake::from_id(50));
    target.set_mode(Some("z"), Mode::ReadOnly, false, TIMEOUT).unwrap();
    let keep = SchemaCopyOptions { keep_ids: true, deleted: true, ..SchemaCopyOptions::default() };
    // Whatever is referred to comes along.
    copy(&source, &target, &["b", "z"], &keep).unwrap();
    assert_eq!(target.all(), source.all());
    assert_eq!(target.modes().into_iter().collect::<Vec<_>>(), [("z".to_string(), Mode::ReadOnly)]);
    let again = copy(&source, &target, &["a", "b", "z"], &keep).unwrap();
    assert!(again.iter().all(|one| one.existed) && again.len() == 4);
    assert_eq!(target.all(), source.all());
}

#[test]
fn a_copy_that_was_interrupted_goes_on() {
    let (source, target) = (source(), Fake::from_id(50));
    let keep = SchemaCopyOptions { keep_ids: true, ..SchemaCopyOptions::default() };
    let subjects = ["a".to_string(), "b".to_string()];
    let stop = &mut |_: &CopiedSchema| Err(Error::new(ErrorKind::Cancelled, "copy", "enough"));
    let stopped = copy_schemas(&source, &target, &subjects, (&keep, TIMEOUT), stop).unwrap_err();
    assert_eq!((stopped.kind(), target.all().len()), (ErrorKind::Cancelled, 1));
    assert!(target.modes().is_empty());
    let copied = copy(&source, &target, &["a", "b"], &keep).unwrap();
    assert_eq!(copied.iter().map(|one| one.existed).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(target.all(), [row("a", 1, 13, false), row("b", 1, 14, false), row("z", 2, 12, false)]);
}

#[test]
fn ids_that_cannot_be_kept_are_an_error() {
    let keep = SchemaCopyOptions { keep_ids: true, ..SchemaCopyOptions::default() };
    let mut target = Fake::from_id(50);
    target.ignores_ids = true;
    let error = copy(&source(), &target, &["a"], &keep).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("subject z, version 2: it gave the id 51 instead of 12"), "{error}");
    assert!(target.modes().is_empty());

    let target = Fake::from_id(50);
    target.register("z", &schema("other", &[]), RegisterOptions::default(), TIMEOUT).unwrap();
    target.register("z", &schema("other2", &[]), RegisterOptions::default(), TIMEOUT).unwrap();
    let error = copy(&source(), &target, &["a"], &keep).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("the id 52 is there, instead of 12"), "{error}");
    assert_eq!(target.versions("z", Deleted::Excluded, TIMEOUT).unwrap(), [1, 2]);
}

#[test]
fn circles_are_named() {
    let source = Fake::from_id(0);
    let register = |subject: &str, references: &[(&str, u32)]| {
        source.register(subject, &schema(subject, references), RegisterOptions::default(), TIMEOUT).unwrap();
    };
    register("x", &[]);
    register("y", &[("x", 1)]);
    // Registries do not let this happen; what was written into their store may be so.
    source.set_mode(Some("x"), Mode::Import, false, TIMEOUT).unwrap();
    let options = RegisterOptions { id: Some(9), version: Some(1), normalize: false };
    source.register("x", &schema("x", &[("y", 1)]), options, TIMEOUT).unwrap();
    let error = copy(&source, &Fake::from_id(0), &["x"], &SchemaCopyOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("subject x, version 1: it refers to itself"), "{error}");
}
