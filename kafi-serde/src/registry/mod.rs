//! Schema registries: what can be asked of one, wherever it lives.
//!
//! [`Registry`] is the API of Confluent's Schema Registry as a trait of blocking calls. A subject is a name under which
//! versions of a schema follow each other (`orders-value`); a schema has one id in a registry, whatever subjects it is
//! registered under. A subject in another context than the default one has that in front: `:.staging:orders-value`.
//!
//! ```
//! use std::time::Duration;
//! use kafi_serde::Format;
//! use kafi_serde::registry::{RegisterOptions, Registry, SchemaDefinition, Version};
//!
//! fn register(registry: &dyn Registry) -> kafi_core::Result<()> {
//!     let timeout = Duration::from_secs(30);
//!     let schema = SchemaDefinition::new(Format::Avro, r#"{"type": "fixed", "name": "Two", "size": 2}"#);
//!     let id = registry.register("orders-value", &schema, RegisterOptions::default(), timeout)?.id;
//!     let latest = registry.version("orders-value", Version::Latest, false, timeout)?;
//!     assert_eq!((latest.id, latest.version), (id, 1));
//!     Ok(())
//! }
//! ```

#[cfg(feature = "registry")]
mod client;
mod code;
mod copy;
mod json;
#[cfg(all(feature = "registry-topic", any(feature = "avro", feature = "protobuf", feature = "jsonschema")))]
mod topic;
mod types;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{Error, Json, Result};

use crate::wire::{Guid, SchemaId};

#[cfg(feature = "registry")]
pub use client::Client;
pub use code::Code;
pub use copy::{CopiedSchema, SchemaCopyOptions, copy_schemas};
#[cfg(all(feature = "registry-topic", any(feature = "avro", feature = "protobuf", feature = "jsonschema")))]
pub use topic::TopicRegistry;
pub use types::{
    Against, Compatibility, CompatibilityLevel, Deleted, LookupOptions, Mode, Reference, RegisterOptions, Registered,
    RegisteredSchema, RegistryConfig, SchemaDefinition, SubjectVersion, Version,
};

/// A schema registry.
///
/// Every call blocks up to `timeout`. Where the registry refuses something, the error has its words, the
/// [code](Code::of) that it gave, and a kind that follows from that: `NotFound` for subjects, versions, and schemas that
/// are not there; `Conflict` for a schema that does not fit to those that are; `Usage` for what is no schema, version,
/// level, or mode; `PermissionDenied` for what the mode or the rights of the user do not allow; `Authentication` for a
/// user or password that is not accepted. Any call may fail with `Unavailable` and `Timeout`, and with `Unsupported`
/// where a registry lacks what it asks for.
pub trait Registry: Send + Sync {
    /// What the user knows it by: its address without secrets, or the storage in which it is a topic.
    fn name(&self) -> &str;

    /// The subjects whose names begin with `prefix`, sorted. An empty prefix means those of the default context,
    /// `:.staging:` those of another one, and `:*:` those of all.
    ///
    /// # Errors
    /// As for all calls.
    fn subjects(&self, prefix: &str, deleted: Deleted, timeout: Duration) -> Result<Vec<String>>;

    /// The versions of a subject, ascending.
    ///
    /// # Errors
    /// `NotFound` if there is no such subject.
    fn versions(&self, subject: &str, deleted: Deleted, timeout: Duration) -> Result<Vec<u32>>;

    /// A version of a subject; `deleted` says whether also one that was deleted, but not permanently.
    ///
    /// # Errors
    /// `NotFound` if there is no such subject, or no such version.
    fn version(&self, subject: &str, version: Version, deleted: bool, timeout: Duration) -> Result<RegisteredSchema>;

    /// The schema of an id or a GUID, also where all of its versions were deleted, but not permanently. A `subject` says
    /// in which context the id is meant (a prefix such as `:.staging:` will do); without one it is the default context.
    ///
    /// It never changes, so implementations keep it; what does not exist they may ask about each time.
    ///
    /// # Errors
    /// `NotFound` if there is no such schema.
    fn schema(&self, id: SchemaId, subject: Option<&str>, timeout: Duration) -> Result<SchemaDefinition>;

    /// The subjects and versions under which the schema of an id is registered.
    ///
    /// # Errors
    /// `NotFound` if there is no such schema.
    fn versions_of(&self, id: u32, deleted: Deleted, timeout: Duration) -> Result<Vec<SubjectVersion>>;

    /// The version of a subject that is this schema.
    ///
    /// # Errors
    /// `NotFound` if there is no such subject, or the schema is not in it.
    fn lookup(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        options: LookupOptions,
        timeout: Duration,
    ) -> Result<RegisteredSchema>;

    /// Registers a schema as the next version of a subject, unless it is in it already.
    ///
    /// # Errors
    /// `Conflict` if it does not fit to the versions that are there, `Usage` if it is no schema, `PermissionDenied` if
    /// the mode does not allow it.
    fn register(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        options: RegisterOptions,
        timeout: Duration,
    ) -> Result<Registered>;

    /// Deletes a subject and returns the versions that it had. What was deleted can be read by its ids still, until it
    /// is deleted permanently, which is a second call.
    ///
    /// # Errors
    /// `NotFound` if there is no such subject, or it is to be deleted permanently and was not deleted before; `Usage`
    /// if other schemas refer to it.
    fn delete_subject(&self, subject: &str, permanent: bool, timeout: Duration) -> Result<Vec<u32>>;

    /// Deletes a version of a subject, as with [`delete_subject`](Self::delete_subject), and returns its number.
    ///
    /// # Errors
    /// As for [`delete_subject`](Self::delete_subject).
    fn delete_version(&self, subject: &str, version: Version, permanent: bool, timeout: Duration) -> Result<u32>;

    /// Whether a schema could be registered in a subject. With [`Against::Level`] one that is not there takes every
    /// schema.
    ///
    /// # Errors
    /// `NotFound` if there is no such version, `Usage` if it is no schema.
    fn check(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        against: Against,
        timeout: Duration,
    ) -> Result<Compatibility>;

    /// The configuration of a subject, or of the whole registry. With `inherited` a subject without one of its own has
    /// what applies to it.
    ///
    /// # Errors
    /// `NotFound` if the subject has none, and what is inherited was not asked for.
    fn config(&self, subject: Option<&str>, inherited: bool, timeout: Duration) -> Result<RegistryConfig>;

    /// Sets what is not `None` of the configuration of a subject, or of the whole registry.
    ///
    /// # Errors
    /// `Usage` for a value that is none.
    fn set_config(&self, subject: Option<&str>, config: &RegistryConfig, timeout: Duration) -> Result<()>;

    /// Deletes the configuration of a subject, or what was set for the whole registry.
    ///
    /// # Errors
    /// `NotFound` if the subject has none.
    fn delete_config(&self, subject: Option<&str>, timeout: Duration) -> Result<()>;

    /// The mode of a subject, or of the whole registry; `inherited` as for [`config`](Self::config).
    ///
    /// # Errors
    /// `NotFound` if the subject has none, and what is inherited was not asked for.
    fn mode(&self, subject: Option<&str>, inherited: bool, timeout: Duration) -> Result<Mode>;

    /// Sets the mode of a subject, or of the whole registry. [`Import`](Mode::Import) needs one without schemas, or
    /// `force`.
    ///
    /// # Errors
    /// `PermissionDenied` or `Usage` if it is not allowed.
    fn set_mode(&self, subject: Option<&str>, mode: Mode, force: bool, timeout: Duration) -> Result<()>;

    /// Deletes the mode of a subject, or what was set for the whole registry.
    ///
    /// # Errors
    /// `NotFound` if the subject has none.
    fn delete_mode(&self, subject: Option<&str>, timeout: Duration) -> Result<()>;

    /// The contexts; `.` is the default one.
    ///
    /// # Errors
    /// As for all calls.
    fn contexts(&self, timeout: Duration) -> Result<Vec<String>>;

    /// The formats that it takes, by their names in registries: `AVRO`, `JSON`, `PROTOBUF`, and what else it knows.
    ///
    /// # Errors
    /// As for all calls.
    fn types(&self, timeout: Duration) -> Result<Vec<String>>;

    /// The ids of the schemas that refer to a version of a subject.
    ///
    /// # Errors
    /// `NotFound` if there is no such subject, or no such version.
    fn referenced_by(&self, subject: &str, version: Version, timeout: Duration) -> Result<Vec<u32>>;

    /// The ids of a schema, each with the context in which it counts.
    ///
    /// # Errors
    /// `NotFound` if there is no such schema.
    fn ids_of(&self, guid: Guid, timeout: Duration) -> Result<Vec<(String, u32)>> {
        let _ = (guid, timeout);
        Err(unsupported(self.name(), "find the ids of a schema"))
    }

    /// Deletes a context, which must have no subjects.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Usage` if it has subjects.
    fn delete_context(&self, context: &str, timeout: Duration) -> Result<()> {
        let _ = (context, timeout);
        Err(unsupported(self.name(), "delete context"))
    }

    /// This registry as it is known already, for who must not wait: calls answer at once, of what was asked for later
    /// than `since` or cannot change, or fail. Nothing can be changed through it. `None`, as it is by default, for one
    /// that remembers nothing.
    fn remembered(&self, since: Instant) -> Option<Arc<dyn Registry>> {
        let _ = since;
        None
    }

    /// The exporters, which keep another registry up to date with this one.
    ///
    /// # Errors
    /// As for all calls.
    fn exporters(&self, timeout: Duration) -> Result<Vec<String>> {
        let _ = timeout;
        Err(unsupported(self.name(), "list exporters"))
    }

    /// What an exporter is, and how far it has come, as the registry writes both in JSON.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    fn exporter(&self, name: &str, timeout: Duration) -> Result<(Json, Json)> {
        let _ = (name, timeout);
        Err(unsupported(self.name(), "describe exporter"))
    }
}

/// The error that a registry lacks an operation.
fn unsupported(name: &str, operation: &'static str) -> Error {
    Error::new(kafi_core::ErrorKind::Unsupported, operation, "this registry does not have that").with("registry", name)
}
