//! A registry over HTTP: Confluent's, and those that speak as it does.

mod cache;
mod config;
mod failure;
mod http;
mod token;
mod transport;

use std::time::Duration;

use kafi_core::{Error, ErrorKind, Json, JsonKind, Result};
use reqwest::Method;

use crate::registry::json::{guid, member, number, text};
use crate::registry::{
    Against, Compatibility, Deleted, LookupOptions, Mode, RegisterOptions, Registered, RegisteredSchema, Registry,
    RegistryConfig, SchemaDefinition, SubjectVersion, Version,
};
use crate::wire::{Guid, SchemaId};

use cache::Cache;
use config::Options;
use transport::{Call, Transport};

/// A client of a registry over HTTP.
///
/// Requests go to the address that answered last, and to the others where it does not; what may help later is tried
/// again, with longer and longer pauses, until the time of the call is over (a registry of which nothing can be reached:
/// 2 seconds). A deletion that the registry may have seen is not tried again. Redirects are not followed.
///
/// Schemas by id, lookups, and registrations are kept, up to `cache.capacity` each; lookups and registrations until
/// something is deleted or configured through the same client.
pub struct Client {
    transport: Transport,
    name: String,
    schemas: Cache<(SchemaId, String), SchemaDefinition>,
    lookups: Cache<(String, String), RegisteredSchema>,
    registered: Cache<(String, String), Registered>,
}

impl Client {
    /// Opens the registry that the items of the section `schema_registry` describe
    /// ([`SCHEMA_REGISTRY_KEYS`](kafi_core::SCHEMA_REGISTRY_KEYS)); beside these it takes `sasl.username` and
    /// `sasl.password`, for credentials that are those of the brokers. Reads certificates and keys, and speaks to no
    /// server.
    ///
    /// ```
    /// use kafi_serde::registry::{Client, Registry};
    /// let url = ("schema.registry.url".to_string(), "http://me:secret@localhost:8081".to_string());
    /// assert_eq!(Client::open(&[url])?.name(), "http://localhost:8081");
    /// # Ok::<(), kafi_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Config` for an item that is unknown, missing, or no good; `NotFound`, `PermissionDenied`, or `Io` of a file.
    /// Certificates that do not fit together show with the first call.
    pub fn open(properties: &[(String, String)]) -> Result<Self> {
        let options = Options::read(properties)?;
        let capacity = options.cache_capacity;
        let transport = Transport::new(options);
        Ok(Self {
            name: transport.name(),
            transport,
            schemas: Cache::new(capacity),
            lookups: Cache::new(capacity),
            registered: Cache::new(capacity),
        })
    }

    fn call(&self, call: &Call<'_>, timeout: Duration) -> Result<Json> {
        self.transport.call(call, timeout)
    }

    /// Reads an answer, whose faults are named as the registry's.
    fn read<T>(&self, call: &Call<'_>, timeout: Duration, read: impl FnOnce(&Json) -> Result<T>) -> Result<T> {
        let json = self.call(call, timeout)?;
        read(&json).map_err(|error| {
            let why = format!("its answer cannot be read: {}", error.message());
            let told = Error::new(error.kind(), call.operation, why).with("registry", &self.name);
            call.about.iter().fold(told, |told, (key, value)| told.with(*key, value)).source(error)
        })
    }

    /// Forgets what a change may have made untrue.
    fn forget(&self) {
        self.lookups.clear();
        self.registered.clear();
    }
}

impl Registry for Client {
    fn name(&self) -> &str {
        &self.name
    }

    fn subjects(&self, prefix: &str, deleted: Deleted, timeout: Duration) -> Result<Vec<String>> {
        let call = Call::get("list subjects", &["subjects"]).query("subjectPrefix", prefix, !prefix.is_empty());
        let mut subjects: Vec<String> = self.read(&with_deleted(call, deleted), timeout, texts)?;
        // Not all registries know all of the query, and some take no prefix for that of all contexts.
        subjects.retain(|subject| match prefix.strip_prefix(":*:") {
            Some(prefix) => subject[context_of(subject).len()..].starts_with(prefix),
            None => subject.starts_with(prefix) && context_of(subject) == context_of(prefix),
        });
        subjects.sort();
        Ok(subjects)
    }

    fn versions(&self, subject: &str, deleted: Deleted, timeout: Duration) -> Result<Vec<u32>> {
        let call = Call::get("list versions", &["subjects", subject, "versions"]).about("subject", subject);
        let mut versions = self.read(&with_deleted(call, deleted), timeout, numbers)?;
        versions.sort_unstable();
        Ok(versions)
    }

    fn version(&self, subject: &str, version: Version, deleted: bool, timeout: Duration) -> Result<RegisteredSchema> {
        let number = version.to_string();
        let call = Call::get("get version", &["subjects", subject, "versions", &number])
            .query("deleted", "true", deleted)
            .about("subject", subject)
            .about("version", version);
        self.read(&call, timeout, RegisteredSchema::from_json)
    }

    fn schema(&self, id: SchemaId, subject: Option<&str>, timeout: Duration) -> Result<SchemaDefinition> {
        let key = (id, context_of(subject.unwrap_or_default()).to_string());
        if let Some(known) = self.schemas.get(&key) {
            return Ok(known);
        }
        let text = id.to_string();
        let kind = if matches!(id, SchemaId::Guid(_)) { "guids" } else { "ids" };
        let call = Call::get("get schema", &["schemas", kind, &text])
            .query("subject", subject.unwrap_or_default(), subject.is_some())
            .about(if kind == "ids" { "id" } else { "guid" }, id);
        let schema = self.read(&call, timeout, SchemaDefinition::from_json)?;
        self.schemas.insert(key, schema.clone());
        Ok(schema)
    }

    fn versions_of(&self, id: u32, deleted: Deleted, timeout: Duration) -> Result<Vec<SubjectVersion>> {
        let text = id.to_string();
        let call = Call::get("list versions of schema", &["schemas", "ids", &text, "versions"]).about("id", id);
        let mut versions = self.read(&with_deleted(call, deleted), timeout, |json| {
            let version = |json: &Json| {
                let subject = text_of(member(json, "subject")?)?;
                Ok(SubjectVersion { subject, version: number(member(json, "version")?)? })
            };
            elements(json)?.map(version).collect::<Result<Vec<_>>>()
        })?;
        versions.sort();
        Ok(versions)
    }

    fn lookup(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        options: LookupOptions,
        timeout: Duration,
    ) -> Result<RegisteredSchema> {
        let body = schema.to_json();
        let key = (subject.to_string(), format!("{}{body}", options.normalize));
        if let (false, Some(known)) = (options.deleted, self.lookups.get(&key)) {
            return Ok(known);
        }
        let call = Call::new("look up schema", Method::POST, &["subjects", subject])
            .query("normalize", "true", options.normalize)
            .query("deleted", "true", options.deleted)
            .body(body)
            .about("subject", subject);
        let found = self.read(&call, timeout, RegisteredSchema::from_json)?;
        if !options.deleted {
            self.lookups.insert(key, found.clone());
        }
        Ok(found)
    }

    fn register(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        options: RegisterOptions,
        timeout: Duration,
    ) -> Result<Registered> {
        let mut body = schema.to_json();
        if let Some(id) = options.id {
            body.set("id", id)?;
        }
        if let Some(version) = options.version {
            body.set("version", version)?;
        }
        let key = (subject.to_string(), format!("{}{body}", options.normalize));
        if let Some(known) = self.registered.get(&key) {
            return Ok(known);
        }
        let call = Call::new("register schema", Method::POST, &["subjects", subject, "versions"])
            .query("normalize", "true", options.normalize)
            .body(body)
            .about("subject", subject);
        let registered = self.read(&call, timeout, |json| {
            let version = json.get("version").filter(|version| !version.is_null()).map(number).transpose()?;
            Ok(Registered { id: number(member(json, "id")?)?, version, guid: guid(json)? })
        })?;
        self.registered.insert(key, registered);
        Ok(registered)
    }

    fn delete_subject(&self, subject: &str, permanent: bool, timeout: Duration) -> Result<Vec<u32>> {
        self.forget();
        let call = Call::new("delete subject", Method::DELETE, &["subjects", subject])
            .query("permanent", "true", permanent)
            .about("subject", subject);
        self.read(&call, timeout, numbers)
    }

    fn delete_version(&self, subject: &str, version: Version, permanent: bool, timeout: Duration) -> Result<u32> {
        self.forget();
        let text = version.to_string();
        let call = Call::new("delete version", Method::DELETE, &["subjects", subject, "versions", &text])
            .query("permanent", "true", permanent)
            .about("subject", subject)
            .about("version", version);
        self.read(&call, timeout, number)
    }

    fn check(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        against: Against,
        timeout: Duration,
    ) -> Result<Compatibility> {
        let version = match against {
            Against::Version(version) => Some(version.to_string()),
            Against::Level => None,
        };
        let mut path = vec!["compatibility", "subjects", subject, "versions"];
        path.extend(version.as_deref());
        let mut call = Call::new("check compatibility", Method::POST, &path)
            .query("verbose", "true", true)
            .body(schema.to_json())
            .about("subject", subject);
        if let Some(version) = &version {
            call = call.about("version", version);
        }
        self.read(&call, timeout, |json| {
            let compatible = member(json, "is_compatible")?.bool()?;
            let reasons = json.get("messages").into_iter().flat_map(Json::iter).map(text_of).collect::<Result<_>>()?;
            Ok(Compatibility { compatible, reasons })
        })
    }

    fn config(&self, subject: Option<&str>, inherited: bool, timeout: Duration) -> Result<RegistryConfig> {
        let call = of_subject("get configuration", Method::GET, "config", subject);
        let call = call.query("defaultToGlobal", "true", inherited && subject.is_some());
        self.read(&call, timeout, RegistryConfig::from_json)
    }

    fn set_config(&self, subject: Option<&str>, config: &RegistryConfig, timeout: Duration) -> Result<()> {
        self.forget();
        let call = of_subject("set configuration", Method::PUT, "config", subject).body(config.to_request());
        self.call(&call, timeout).map(drop)
    }

    fn delete_config(&self, subject: Option<&str>, timeout: Duration) -> Result<()> {
        self.forget();
        self.call(&of_subject("delete configuration", Method::DELETE, "config", subject), timeout).map(drop)
    }

    fn mode(&self, subject: Option<&str>, inherited: bool, timeout: Duration) -> Result<Mode> {
        let call = of_subject("get mode", Method::GET, "mode", subject);
        let call = call.query("defaultToGlobal", "true", inherited && subject.is_some());
        self.read(&call, timeout, |json| text(member(json, "mode")?)?.parse())
    }

    fn set_mode(&self, subject: Option<&str>, mode: Mode, force: bool, timeout: Duration) -> Result<()> {
        self.forget();
        let body = Json::object([("mode", mode.as_str().into())]);
        let call = of_subject("set mode", Method::PUT, "mode", subject).query("force", "true", force).body(body);
        self.call(&call, timeout).map(drop)
    }

    fn delete_mode(&self, subject: Option<&str>, timeout: Duration) -> Result<()> {
        self.forget();
        self.call(&of_subject("delete mode", Method::DELETE, "mode", subject), timeout).map(drop)
    }

    fn contexts(&self, timeout: Duration) -> Result<Vec<String>> {
        let mut contexts =
            self.read(&Call::get("list contexts", &["contexts"]), timeout, |json| match json.kind() {
                // Some versions of Apicurio answer with plain text.
                JsonKind::Str => Ok(words(json.str()?)),
                _ => texts(json),
            })?;
        // Others write them as they stand in front of subjects.
        contexts.iter_mut().for_each(|context| *context = context.trim_matches(':').to_string());
        contexts.sort();
        Ok(contexts)
    }

    fn types(&self, timeout: Duration) -> Result<Vec<String>> {
        let mut types = self.read(&Call::get("list types", &["schemas", "types"]), timeout, texts)?;
        types.sort();
        Ok(types)
    }

    fn referenced_by(&self, subject: &str, version: Version, timeout: Duration) -> Result<Vec<u32>> {
        let text = version.to_string();
        let path = ["subjects", subject, "versions", &text, "referencedby"];
        let call = Call::get("list references", &path).about("subject", subject).about("version", version);
        let mut ids = self.read(&call, timeout, numbers)?;
        ids.sort_unstable();
        Ok(ids)
    }

    fn ids_of(&self, guid: Guid, timeout: Duration) -> Result<Vec<(String, u32)>> {
        let text = guid.to_string();
        let call = Call::get("list ids of schema", &["schemas", "guids", &text, "ids"]).about("guid", guid);
        self.read(&call, timeout, |json| {
            let id = |json: &Json| Ok((text_of(member(json, "context")?)?, number(member(json, "id")?)?));
            elements(json)?.map(id).collect()
        })
    }

    fn delete_context(&self, context: &str, timeout: Duration) -> Result<()> {
        self.forget();
        let call = Call::new("delete context", Method::DELETE, &["contexts", context]).about("context", context);
        self.call(&call, timeout).map(drop)
    }

    fn exporters(&self, timeout: Duration) -> Result<Vec<String>> {
        self.read(&Call::get("list exporters", &["exporters"]), timeout, texts)
    }

    fn exporter(&self, name: &str, timeout: Duration) -> Result<(Json, Json)> {
        let described =
            self.call(&Call::get("describe exporter", &["exporters", name]).about("exporter", name), timeout)?;
        let status = Call::get("get status of exporter", &["exporters", name, "status"]).about("exporter", name);
        Ok((described, self.call(&status, timeout)?))
    }
}

/// A call about what a subject, or the whole registry, has one of.
fn of_subject<'a>(operation: &'static str, method: Method, what: &'a str, subject: Option<&'a str>) -> Call<'a> {
    match subject {
        Some(subject) => Call::new(operation, method, &[what, subject]).about("subject", subject),
        None => Call::new(operation, method, &[what]),
    }
}

fn with_deleted(call: Call<'_>, deleted: Deleted) -> Call<'_> {
    call.query("deleted", "true", deleted != Deleted::Excluded).query("deletedOnly", "true", deleted == Deleted::Only)
}

/// The context in front of a subject, with its colons; the default one is empty.
fn context_of(subject: &str) -> &str {
    let end = subject.strip_prefix(":.").and_then(|rest| rest.find(':'));
    end.map_or("", |end| &subject[..end + 3])
}

/// The elements of an array, which an answer must be.
fn elements(json: &Json) -> Result<impl Iterator<Item = &Json>> {
    if json.kind() != JsonKind::Array {
        return Err(Error::new(ErrorKind::Corrupt, "read answer", "it is not an array"));
    }
    Ok(json.iter())
}

fn texts(json: &Json) -> Result<Vec<String>> {
    elements(json)?.map(text_of).collect()
}

fn text_of(json: &Json) -> Result<String> {
    text(json).map(str::to_string)
}

fn numbers(json: &Json) -> Result<Vec<u32>> {
    elements(json)?.map(number).collect()
}

/// The words of a text that lists them.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '"'));
    words.filter(|word| !word.is_empty()).map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_stands_in_front_of_a_subject() {
        for (subject, context) in
            [("orders-value", ""), (":.a:orders", ":.a:"), (":.a:", ":.a:"), (":.a", ""), (":a:b", ""), ("", "")]
        {
            assert_eq!(context_of(subject), context, "{subject}");
        }
        assert_eq!(words("[.,a]"), [".", "a"]);
        assert_eq!(words(".\n:.b:"), [".", ":.b:"]);
    }
}
