//! What may follow what.

use std::time::Duration;

use kafi_core::{ErrorKind, Json};
use kafi_serde::Format;
use kafi_serde::registry::{
    Against, CompatibilityLevel, Registry, RegistryConfig, SchemaDefinition, TopicRegistry, Version,
};

use crate::{WAIT, avro, code, everywhere, register};

#[test]
fn what_does_not_fit_is_refused_with_reasons() {
    everywhere(|open| {
        let registry = open();
        register(&registry, "a", &avro("x")).unwrap();
        let error = register(&registry, "a", &avro("x y")).unwrap_err();
        assert_eq!((error.kind(), code::<()>(Err(error.duplicate()))), (ErrorKind::Conflict, 40901));
        let why = "by its level BACKWARD, details: READER_FIELD_MISSING_DEFAULT_VALUE at /fields/1";
        assert!(error.to_string().contains(why), "{error}");
        let found = registry.check("a", &avro("x y"), Against::Version(Version::Latest), WAIT).unwrap();
        assert!(!found.compatible && found.reasons.len() == 1 && found.reasons[0].contains("no default"), "{found:?}");
        assert!(registry.check("a", &avro(""), Against::Level, WAIT).unwrap().compatible);
        assert!(registry.check("new", &avro(""), Against::Level, WAIT).unwrap().compatible);
        assert_eq!(code(registry.check("new", &avro(""), Against::default(), WAIT)), 40401);
        assert_eq!(code(registry.check("a", &avro(""), Against::Version(Version::Number(9)), WAIT)), 40402);

        registry.set_config(Some("a"), &CompatibilityLevel::Forward.into(), WAIT).unwrap();
        assert_eq!(register(&open(), "a", &avro("x y")).unwrap().1, 2);
        registry.set_config(Some("a"), &CompatibilityLevel::BackwardTransitive.into(), WAIT).unwrap();
        assert_eq!(code(register(&registry, "a", &avro("y"))), 40901);
        registry.delete_config(Some("a"), WAIT).unwrap();
        assert_eq!(register(&registry, "a", &avro("y")).unwrap().1, 3, "it fits to the latest");
        assert_eq!(registry.config(None, false, WAIT).unwrap(), CompatibilityLevel::Backward.into());
        registry.set_config(Some("a"), &CompatibilityLevel::Full.into(), Duration::MAX).unwrap();
        let error = register(&registry, "a", &avro("")).unwrap_err();
        assert!(error.to_string().contains("(where the older schema reads)"), "{error}");
        let other = SchemaDefinition::new(Format::JsonSchema, "{}");
        assert_eq!(code(register(&registry, "a", &other)), 40901, "formats do not mix");
    });
}

#[test]
fn levels_are_inherited() {
    let registry = TopicRegistry::new(std::sync::Arc::new(kafi_fs::open_memory("mem")));
    let level = |subject| registry.config(Some(subject), true, WAIT).unwrap().compatibility.unwrap();
    registry.set_config(None, &CompatibilityLevel::Full.into(), WAIT).unwrap();
    registry.set_config(Some(":.c:"), &CompatibilityLevel::None.into(), WAIT).unwrap();
    registry.set_config(Some(":.c:a"), &CompatibilityLevel::Forward.into(), WAIT).unwrap();
    assert_eq!(level("a"), CompatibilityLevel::Full);
    assert_eq!(level(":.c:b"), CompatibilityLevel::None);
    assert_eq!(level(":.c:a"), CompatibilityLevel::Forward);
    let more = RegistryConfig { normalize: Some(true), ..RegistryConfig::default() };
    registry.set_config(None, &more, WAIT).unwrap();
    let all = registry.config(None, false, WAIT).unwrap();
    assert_eq!((all.compatibility, all.normalize), (Some(CompatibilityLevel::Full), Some(true)));
    registry.delete_config(None, WAIT).unwrap();
    assert_eq!(level("a"), CompatibilityLevel::Backward);
}

#[test]
fn only_those_of_a_group_are_compared() {
    let registry = TopicRegistry::new(std::sync::Arc::new(kafi_fs::open_memory("mem")));
    let config = RegistryConfig { compatibility_group: Some("major".into()), ..RegistryConfig::default() };
    registry.set_config(Some("a"), &config, WAIT).unwrap();
    let of = |fields, major: u32| {
        let metadata = format!(r#"{{"properties":{{"major":"{major}"}}}}"#);
        SchemaDefinition { metadata: Some(Json::parse(metadata.as_str()).unwrap()), ..avro(fields) }
    };
    register(&registry, "a", &of("x", 1)).unwrap();
    assert_eq!(code(register(&registry, "a", &of("x y", 1))), 40901);
    assert_eq!(register(&registry, "a", &of("x y", 2)).unwrap().1, 2);
    assert_eq!(code(register(&registry, "a", &of("z", 1))), 40901);
}
