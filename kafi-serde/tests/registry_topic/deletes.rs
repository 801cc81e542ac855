//! Deleting, first softly, then for good.

use kafi_serde::registry::{CompatibilityLevel, Deleted, LookupOptions, Registry, Version};
use kafi_serde::wire::SchemaId;

use crate::{WAIT, avro, code, everywhere, register};

#[test]
fn subjects_are_deleted_softly_and_then_for_good() {
    everywhere(|open| {
        let registry = open();
        registry.set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
        register(&registry, "a", &avro("x")).unwrap();
        register(&registry, "a", &avro("y")).unwrap();
        registry.set_config(Some("a"), &CompatibilityLevel::Full.into(), WAIT).unwrap();
        assert_eq!(code(registry.delete_subject("b", false, WAIT)), 40401);
        assert_eq!(code(registry.delete_subject("a", true, WAIT)), 40405);
        assert_eq!(registry.delete_subject("a", false, WAIT).unwrap(), [1, 2]);
        assert_eq!(code(registry.config(Some("a"), false, WAIT)), 40408, "its configuration is gone");

        let other = open();
        assert_eq!(other.subjects("", Deleted::Excluded, WAIT).unwrap(), [""; 0]);
        assert_eq!(other.subjects("", Deleted::Only, WAIT).unwrap(), ["a"]);
        assert_eq!(code(other.versions("a", Deleted::Excluded, WAIT)), 40401);
        assert_eq!(other.versions("a", Deleted::Included, WAIT).unwrap(), [1, 2]);
        assert_eq!(code(other.delete_subject("a", false, WAIT)), 40404);
        assert_eq!(other.schema(SchemaId::Number(1), None, WAIT).unwrap(), avro("x"), "ids can still be read");
        let deleted = LookupOptions { deleted: true, ..LookupOptions::default() };
        assert_eq!(other.lookup("a", &avro("x"), deleted, WAIT).unwrap().version, 1);
        assert_eq!(register(&other, "a", &avro("x")).unwrap(), (1, 3), "the id stays, the version does not come again");
        assert_eq!(code(other.delete_subject("a", true, WAIT)), 40405);
        assert_eq!(other.delete_subject("a", false, WAIT).unwrap(), [3]);
        assert_eq!(registry.delete_subject("a", true, WAIT).unwrap(), [1, 2, 3]);

        let third = open();
        assert_eq!(third.subjects("", Deleted::Included, WAIT).unwrap(), [""; 0]);
        assert_eq!(code(third.schema(SchemaId::Number(1), None, WAIT)), 40403);
        assert_eq!(code(third.delete_subject("a", true, WAIT)), 40401);
        assert_eq!(register(&third, "a", &avro("z")).unwrap().0, 3, "ids do not come again");
    });
}

#[test]
fn versions_are_deleted_softly_and_then_for_good() {
    everywhere(|open| {
        let registry = open();
        registry.set_config(None, &CompatibilityLevel::None.into(), WAIT).unwrap();
        for fields in ["x", "y", "z"] {
            register(&registry, "a", &avro(fields)).unwrap();
        }
        let delete = |version, permanent| open().delete_version("a", version, permanent, WAIT);
        assert_eq!(code(delete(Version::Number(4), false)), 40402);
        assert_eq!(code(delete(Version::Number(2), true)), 40407);
        assert_eq!(delete(Version::Number(2), false).unwrap(), 2);
        assert_eq!(code(delete(Version::Number(2), false)), 40406);
        assert_eq!(registry.versions("a", Deleted::Excluded, WAIT).unwrap(), [1, 3]);
        assert_eq!(registry.versions("a", Deleted::Only, WAIT).unwrap(), [2]);
        assert_eq!(code(registry.version("a", Version::Number(2), false, WAIT)), 40402);
        assert_eq!(registry.version("a", Version::Number(2), true, WAIT).unwrap().schema, avro("y"));
        assert_eq!(delete(Version::Number(2), true).unwrap(), 2);
        assert_eq!(code(registry.version("a", Version::Number(2), true, WAIT)), 40402);
        assert_eq!(delete(Version::Latest, false).unwrap(), 3);
        assert_eq!(registry.version("a", Version::Latest, false, WAIT).unwrap().version, 1);
    });
}
