//! The schema registry of a storage, by the names that Kafi's users know.

use std::sync::Arc;

use kafi_core::{Error, ErrorKind, Field, Result};
use kafi_serde::registry::{
    Against, Compatibility, CompatibilityLevel, Deleted, LookupOptions, RegisterOptions, RegisteredSchema, Registry,
    RegistryConfig, SchemaDefinition, SubjectVersion, Version,
};
use kafi_serde::wire::SchemaId;

use super::{Kafi, TIMEOUT, codecs};

/// Calls block up to 30 seconds; [`registry`](Kafi::registry) has all of them, with time-outs.
///
/// Any of them fails as [`registry`](Kafi::registry) does where there is none, and with `Unavailable`, `Timeout`,
/// `Authentication`, and `PermissionDenied`, beside what it says itself.
impl Kafi {
    /// The same with this schema registry, which the types with a schema ask, too.
    pub fn with_registry(mut self, registry: Arc<dyn Registry>) -> Self {
        self.registry = Some(Arc::clone(&registry));
        self.with_codecs(codecs(Some(registry)))
    }

    /// The schema registry: what the section `schema_registry` of the configuration says, or
    /// [`with_registry`](Kafi::with_registry); else the one in the storage's own topic `_schemas`.
    ///
    /// # Errors
    /// `Config` where there is none.
    pub fn registry(&self) -> Result<&Arc<dyn Registry>> {
        self.registry.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Config, "open schema registry", "the storage has none")
                .with("storage", self.storage().name())
                .hint("schema.registry.url in the section schema_registry of its configuration names one, and so does $KAFI_REGISTRY")
        })
    }

    /// The subjects, sorted; with `deleted` also those that were deleted, but not permanently.
    ///
    /// # Errors
    /// See above.
    pub fn get_subjects(&self, deleted: bool) -> Result<Vec<String>> {
        self.registry()?.subjects("", included(deleted), TIMEOUT)
    }

    /// Short for [`get_subjects`](Kafi::get_subjects).
    ///
    /// # Errors
    /// As there.
    pub fn sls(&self, deleted: bool) -> Result<Vec<String>> {
        self.get_subjects(deleted)
    }

    /// Deletes a subject, and returns the versions that it had. To delete it `permanent`ly is a second step.
    ///
    /// # Errors
    /// Those of [`Registry::delete_subject`].
    pub fn delete_subject(&self, subject: &str, permanent: bool) -> Result<Vec<u32>> {
        self.registry()?.delete_subject(subject, permanent, TIMEOUT)
    }

    /// Short for [`delete_subject`](Kafi::delete_subject).
    ///
    /// # Errors
    /// As there.
    pub fn srm(&self, subject: &str, permanent: bool) -> Result<Vec<u32>> {
        self.delete_subject(subject, permanent)
    }

    /// Deletes a version of a subject, and returns its number. To delete it `permanent`ly is a second step.
    ///
    /// # Errors
    /// Those of [`Registry::delete_version`].
    pub fn delete_version(&self, subject: &str, version: Version, permanent: bool) -> Result<u32> {
        self.registry()?.delete_version(subject, version, permanent, TIMEOUT)
    }

    /// The versions of a subject, ascending.
    ///
    /// # Errors
    /// Those of [`Registry::versions`].
    pub fn get_versions(&self, subject: &str) -> Result<Vec<u32>> {
        self.registry()?.versions(subject, Deleted::Excluded, TIMEOUT)
    }

    /// A version of a subject; with `deleted` also one that was deleted, but not permanently.
    ///
    /// # Errors
    /// Those of [`Registry::version`].
    pub fn get_version(&self, subject: &str, version: u32, deleted: bool) -> Result<RegisteredSchema> {
        self.registry()?.version(subject, Version::Number(version), deleted, TIMEOUT)
    }

    /// The latest version of a subject.
    ///
    /// ```
    /// # fn latest(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// let latest = c.get_latest_version("topic_jsonschema-value")?;
    /// println!("id {}, version {}: {}", latest.id, latest.version, latest.schema.text);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Registry::version`].
    pub fn get_latest_version(&self, subject: &str) -> Result<RegisteredSchema> {
        self.registry()?.version(subject, Version::Latest, false, TIMEOUT)
    }

    /// The schema of an id.
    ///
    /// # Errors
    /// Those of [`Registry::schema`].
    pub fn get_schema(&self, schema_id: u32) -> Result<SchemaDefinition> {
        self.registry()?.schema(SchemaId::Number(schema_id), None, TIMEOUT)
    }

    /// The subjects and versions under which the schema of an id is registered.
    ///
    /// # Errors
    /// Those of [`Registry::versions_of`].
    pub fn get_schema_versions(&self, schema_id: u32) -> Result<Vec<SubjectVersion>> {
        self.registry()?.versions_of(schema_id, Deleted::Excluded, TIMEOUT)
    }

    /// The version of a subject that is this schema.
    ///
    /// # Errors
    /// Those of [`Registry::lookup`].
    pub fn lookup_schema(&self, subject: &str, schema: &SchemaDefinition, normalize: bool) -> Result<RegisteredSchema> {
        self.registry()?.lookup(subject, schema, LookupOptions { normalize, deleted: false }, TIMEOUT)
    }

    /// Registers a schema in a subject, and returns its id.
    ///
    /// ```
    /// # fn register(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// use kafi_core::Field;
    /// use kafi_serde::{Format, registry::SchemaDefinition};
    /// use kafi_shell::subject_name;
    ///
    /// let schema = SchemaDefinition::new(Format::Avro, r#"{"type": "record", "name": "R", "fields": []}"#);
    /// let id = c.register_schema(&subject_name("topic_avro", Field::Value), &schema, false)?;
    /// assert_eq!(c.get_schema(id)?.format, Format::Avro);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Registry::register`].
    pub fn register_schema(&self, subject: &str, schema: &SchemaDefinition, normalize: bool) -> Result<u32> {
        let options = RegisterOptions { normalize, ..RegisterOptions::default() };
        Ok(self.registry()?.register(subject, schema, options, TIMEOUT)?.id)
    }

    /// The level of compatibility that applies to a subject; without one of its own that of the registry.
    ///
    /// # Errors
    /// `Unsupported` if the registry does not say.
    pub fn get_compatibility(&self, subject: &str) -> Result<CompatibilityLevel> {
        let registry = self.registry()?;
        registry.config(Some(subject), true, TIMEOUT)?.compatibility.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "get compatibility", "the registry does not say")
                .with("registry", registry.name())
                .with("subject", subject)
        })
    }

    /// Short for [`get_compatibility`](Kafi::get_compatibility).
    ///
    /// # Errors
    /// As there.
    pub fn get_comp(&self, subject: &str) -> Result<CompatibilityLevel> {
        self.get_compatibility(subject)
    }

    /// Sets the level of compatibility of a subject.
    ///
    /// # Errors
    /// Those of [`Registry::set_config`].
    pub fn set_compatibility(&self, subject: &str, level: CompatibilityLevel) -> Result<()> {
        self.registry()?.set_config(Some(subject), &RegistryConfig::from(level), TIMEOUT)
    }

    /// Short for [`set_compatibility`](Kafi::set_compatibility).
    ///
    /// # Errors
    /// As there.
    pub fn set_comp(&self, subject: &str, level: CompatibilityLevel) -> Result<()> {
        self.set_compatibility(subject, level)
    }

    /// Whether a schema fits to a version of a subject, and why not.
    ///
    /// # Errors
    /// Those of [`Registry::check`].
    pub fn test_compatibility(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        version: Version,
    ) -> Result<Compatibility> {
        self.registry()?.check(subject, schema, Against::Version(version), TIMEOUT)
    }

    /// Short for [`test_compatibility`](Kafi::test_compatibility).
    ///
    /// # Errors
    /// As there.
    pub fn test_comp(&self, subject: &str, schema: &SchemaDefinition, version: Version) -> Result<Compatibility> {
        self.test_compatibility(subject, schema, version)
    }
}

/// The subject of a topic's keys or values, by the strategy that is the default everywhere: `orders-value`.
///
/// ```
/// use kafi_core::Field;
/// assert_eq!(kafi_shell::subject_name("orders", Field::Key), "orders-key");
/// ```
#[doc(alias = "create_subject_name_str")]
pub fn subject_name(topic: &str, field: Field) -> String {
    format!("{topic}-{field}")
}

fn included(deleted: bool) -> Deleted {
    if deleted { Deleted::Included } else { Deleted::Excluded }
}
