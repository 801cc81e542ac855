//! The properties of a storage on S3.

use std::fmt;

use kafi_core::{Result, Secrets, StorageKind};
use kafi_objects::Properties;
use kafi_objects::requests::Location;

use crate::SCHEME;

/// The region where nothing says another one: most other services take any.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";

/// Where the endpoint is looked for when the properties have none; the SDK would look there as well, and address the
/// bucket by the host's name.
const ENDPOINT_VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

/// Keys that were given, rather than found.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) access: String,
    pub(crate) secret: String,
    pub(crate) session_token: Option<String>,
}

/// The properties, read and checked.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) path_style: bool,
    pub(crate) bucket: String,
    /// What all keys begin with: nothing, or something that ends in `/`.
    pub(crate) prefix: String,
    pub(crate) create_bucket: bool,
    pub(crate) keys: Option<Keys>,
    pub(crate) profile: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("keys", &self.keys.as_ref().map(|_| "***"))
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads the properties; an empty value is as good as none.
    ///
    /// # Errors
    /// `Config` names the property.
    pub(crate) fn new(name: &str, properties: &[(String, String)]) -> Result<Self> {
        let properties = Properties::new(name, StorageKind::S3, properties)?;
        let endpoint = endpoint(&properties)?;
        Ok(Self {
            name: name.to_string(),
            region: properties.get("region").map(str::to_string),
            path_style: properties.flag("path.style", endpoint.is_some())?,
            bucket: bucket(&properties)?,
            prefix: properties.prefix()?,
            create_bucket: properties.flag("bucket.create", false)?,
            keys: keys(&properties)?,
            profile: properties.get("profile").map(str::to_string),
            endpoint,
        })
    }

    /// Where that is, and what messages call it.
    pub(crate) fn place(&self) -> Location {
        let service = self
            .endpoint
            .as_deref()
            .map_or("amazonaws.com", |endpoint| endpoint.split_once("://").map_or(endpoint, |(_, host)| host));
        Location {
            storage: self.name.clone(),
            scheme: SCHEME,
            bucket_word: "bucket",
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            create_bucket: self.create_bucket,
            endpoint: self.endpoint.clone(),
            service: service.to_string(),
            secrets: self.secrets(),
        }
    }

    /// What must not appear in a message.
    fn secrets(&self) -> Secrets {
        let Some(keys) = &self.keys else { return Secrets::default() };
        let token = keys.session_token.as_deref().map(|token| ("session.token", token));
        Secrets::of([("access.key", keys.access.as_str()), ("secret.key", &keys.secret)].into_iter().chain(token))
    }
}

fn endpoint(properties: &Properties<'_>) -> Result<Option<String>> {
    let from_environment =
        ENDPOINT_VARIABLES.iter().find_map(|name| std::env::var(name).ok().filter(|endpoint| !endpoint.is_empty()));
    let Some(endpoint) = properties.get("endpoint").or(from_environment.as_deref()) else { return Ok(None) };
    let rest = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    let Some(authority) = rest.map(|rest| rest.trim_end_matches('/')).filter(|authority| !authority.is_empty()) else {
        return Err(properties.bad("endpoint", "it is written http://HOST:PORT or https://HOST"));
    };
    if authority.contains('@') {
        return Err(properties.bad("endpoint", "keys do not belong into an address: set access.key and secret.key"));
    }
    Ok(Some(endpoint.trim_end_matches('/').to_string()))
}

fn bucket(properties: &Properties<'_>) -> Result<String> {
    let bucket = properties.get("bucket.name").unwrap_or("test");
    let is_good = (3..=255).contains(&bucket.len())
        && bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if is_good {
        return Ok(bucket.to_string());
    }
    Err(properties.bad(
        "bucket.name",
        format!("{bucket:?} is no name of a bucket: at least 3 lower case letters, digits, dots, and dashes"),
    ))
}

fn keys(properties: &Properties<'_>) -> Result<Option<Keys>> {
    let session_token = properties.get("session.token").map(str::to_string);
    let keys = match (properties.get("access.key"), properties.get("secret.key")) {
        (Some(access), Some(secret)) => Keys { access: access.to_string(), secret: secret.to_string(), session_token },
        (None, None) if session_token.is_some() => {
            return Err(properties.bad("session.token", "it needs access.key and secret.key"));
        }
        (None, None) => return Ok(None),
        (None, _) => return Err(properties.bad("access.key", "secret.key is set and this is not")),
        (_, None) => return Err(properties.bad("secret.key", "access.key is set and this is not")),
    };
    if properties.get("profile").is_some() {
        return Err(properties.bad("profile", "keys are given as well: set one of both"));
    }
    Ok(Some(keys))
}

#[cfg(test)]
mod tests {
    use kafi_core::ErrorKind;

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Settings::new("backup", &pairs)
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let read = settings(&[("root.dir", "/a/b/"), ("access.key", "")]).unwrap();
        assert_eq!(
            (read.bucket.as_str(), read.prefix.as_str(), read.path_style, read.create_bucket),
            ("test", "a/b/", false, false)
        );
        assert!(read.keys.is_none() && read.region.is_none());
        let read = settings(&[("endpoint", "http://localhost:9000/")]).unwrap();
        assert_eq!(
            (read.endpoint.as_deref(), read.path_style, read.prefix.as_str()),
            (Some("http://localhost:9000"), true, "")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (pairs, part) in [
            (&[("bucket", "b")][..], "property bucket: there is no such property; did you mean bucket.name?"),
            (&[("endpoint", "localhost:9000")], "http://HOST:PORT"),
            (&[("endpoint", "http://k:hunter2@h")], "do not belong"),
            (&[("bucket.name", "a/b")], "no name of a bucket"),
            (&[("root.dir", "a/../b")], "property root.dir"),
            (&[("access.key", "hunter2")], "property secret.key"),
            (&[("secret.key", "hunter2")], "property access.key"),
            (&[("session.token", "hunter2")], "needs access.key"),
            (&[("access.key", "hunter2"), ("secret.key", "hunter2"), ("profile", "p")], "one of both"),
            (&[("path.style", "yes")], "neither true nor false"),
        ] {
            let error = settings(pairs).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && error.to_string().contains(part), "{pairs:?}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let read =
            settings(&[("access.key", "hunter2"), ("secret.key", "hunter3"), ("session.token", "hunter4")]).unwrap();
        assert!(!format!("{read:?}").contains("hunter"));
        assert_eq!(read.secrets().blank("hunter2 hunter3 hunter4 hunter5"), "*** *** *** hunter5");
    }
}
