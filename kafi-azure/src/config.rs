//! The properties of a storage on Azure Blob Storage.

use std::fmt;

use kafi_core::{Result, Secrets, StorageKind};
use kafi_objects::Properties;
use kafi_objects::requests::Location;

use crate::SCHEME;

/// The account, key, and address of Azurite, which its documentation names.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const EMULATOR_ENDPOINT: &str = "http://127.0.0.1:10000/devstoreaccount1";

/// Where the connection string is looked for when the properties name no account.
const CONNECTION_STRING_VARIABLE: &str = "AZURE_STORAGE_CONNECTION_STRING";

/// What proves who we are.
#[derive(Clone)]
pub(crate) enum Proof {
    /// The account's key, in base64.
    Key(String),
    /// A shared access signature, without a question mark before it.
    Signature(String),
}

/// The properties, read and checked.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) account: String,
    /// The address of the Blob service, without a slash at its end.
    pub(crate) endpoint: String,
    pub(crate) proof: Proof,
    pub(crate) container: String,
    /// What all keys begin with: nothing, or something that ends in `/`.
    pub(crate) prefix: String,
    pub(crate) create_container: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("account", &self.account)
            .field("endpoint", &self.endpoint)
            .field("container", &self.container)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads the properties; an empty value is as good as none.
    ///
    /// # Errors
    /// `Config` names the property.
    pub(crate) fn new(name: &str, properties: &[(String, String)]) -> Result<Self> {
        let properties = Properties::new(name, StorageKind::AzureBlob, properties)?;
        let (account, endpoint, proof) = account(&properties)?;
        Ok(Self {
            name: name.to_string(),
            account,
            endpoint,
            proof,
            container: container(&properties)?,
            prefix: properties.prefix()?,
            create_container: properties.flag("container.create", false)?,
        })
    }

    /// Where that is, and what messages call it.
    pub(crate) fn place(&self) -> Location {
        Location {
            storage: self.name.clone(),
            scheme: SCHEME,
            bucket_word: "container",
            bucket: self.container.clone(),
            prefix: self.prefix.clone(),
            create_bucket: self.create_container,
            endpoint: Some(self.endpoint.clone()),
            service: self.endpoint.split_once("://").map_or("", |(_, host)| host).to_string(),
            secrets: self.secrets(),
        }
    }

    /// What must not appear in a message.
    fn secrets(&self) -> Secrets {
        Secrets::of([match &self.proof {
            Proof::Key(key) => ("account.key", key.as_str()),
            Proof::Signature(token) => ("sas.token", token.as_str()),
        }])
    }
}

type Account = (String, String, Proof);

fn account(properties: &Properties<'_>) -> Result<Account> {
    let Some(account) = properties.get("account.name") else { return connection_string(properties) };
    if properties.get("connection.string").is_some() {
        return Err(properties.bad("account.name", "a connection string names an account, too: set one of both"));
    }
    let endpoint =
        properties.get("endpoint").map_or_else(|| format!("https://{account}.blob.core.windows.net"), str::to_string);
    let proof = match (properties.get("account.key"), properties.get("sas.token")) {
        (Some(key), None) => Proof::Key(checked_key(properties, "account.key", key)?),
        (None, Some(token)) => signature(token),
        (Some(_), Some(_)) => return Err(properties.bad("sas.token", "account.key is set as well: set one of both")),
        (None, None) => return Err(properties.bad("account.key", "neither this nor sas.token is set")),
    };
    Ok((account.to_string(), checked_endpoint(properties, "endpoint", &endpoint)?, proof))
}

fn connection_string(properties: &Properties<'_>) -> Result<Account> {
    let from_environment = std::env::var(CONNECTION_STRING_VARIABLE).ok();
    let from_environment = from_environment.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let Some(text) = properties.get("connection.string").or(from_environment) else {
        let error = properties.bad("connection.string", "it is not set");
        return Err(error.hint(format!(
            "set it, or {CONNECTION_STRING_VARIABLE} in the environment, or account.name with account.key or sas.token"
        )));
    };
    if let Some(property) = ["account.key", "sas.token"].into_iter().find(|property| properties.get(property).is_some())
    {
        return Err(properties.bad(property, "it needs account.name; a connection string holds its own"));
    }
    let (account, endpoint, proof) = parse(text).map_err(|why| properties.bad("connection.string", why))?;
    let endpoint = properties.get("endpoint").map_or(endpoint, str::to_string);
    if let Proof::Key(key) = &proof {
        checked_key(properties, "connection.string", key)?;
    }
    Ok((account, checked_endpoint(properties, "connection.string", &endpoint)?, proof))
}

fn checked_endpoint(properties: &Properties<'_>, property: &str, endpoint: &str) -> Result<String> {
    let rest = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    let is_good =
        rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['@', '?', ' ']));
    if is_good {
        return Ok(endpoint.trim_end_matches('/').to_string());
    }
    Err(properties.bad(
        property,
        "the address of the service is written https://ACCOUNT.blob.core.windows.net or http://HOST:PORT/ACCOUNT",
    ))
}

fn checked_key(properties: &Properties<'_>, property: &str, key: &str) -> Result<String> {
    let digits = key.trim_end_matches('=');
    let is_base64 = key.len().is_multiple_of(4)
        && key.len() - digits.len() <= 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    if is_base64 {
        return Ok(key.to_string());
    }
    Err(properties.bad(property, "the key of the account is not base64 (it is not shown)"))
}

fn container(properties: &Properties<'_>) -> Result<String> {
    let container = properties.get("container.name").unwrap_or("test");
    let is_good = (3..=63).contains(&container.len())
        && container.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !container.starts_with('-')
        && !container.ends_with('-')
        && !container.contains("--");
    if is_good {
        return Ok(container.to_string());
    }
    Err(properties.bad(
        "container.name",
        format!("{container:?} is no name of a container: 3 to 63 lower case letters, digits, and single dashes"),
    ))
}

/// Reads a connection string, and says what is missing without showing any of it.
fn parse(text: &str) -> std::result::Result<Account, String> {
    let get = |name: &str| {
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(key, value)| (key.trim(), value.trim()))
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value)
    };
    if get("UseDevelopmentStorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok((EMULATOR_ACCOUNT.into(), EMULATOR_ENDPOINT.into(), Proof::Key(EMULATOR_KEY.into())));
    }
    let proof = match (get("AccountKey"), get("SharedAccessSignature")) {
        (_, Some(token)) => signature(token),
        (Some(key), None) => Proof::Key(key.to_string()),
        (None, None) => return Err("it has neither AccountKey nor SharedAccessSignature".into()),
    };
    let endpoint = get("BlobEndpoint").map(str::to_string);
    let account = match (get("AccountName"), &endpoint) {
        (Some(account), _) => account.to_string(),
        // A signature does not need the account's name, which is then the first part of the host's.
        (None, Some(endpoint)) if matches!(proof, Proof::Signature(_)) => endpoint
            .split_once("://")
            .map_or("", |(_, host)| host)
            .split(['.', '/', ':'])
            .next()
            .unwrap_or_default()
            .to_string(),
        _ => return Err("it has no AccountName".into()),
    };
    let protocol = get("DefaultEndpointsProtocol").unwrap_or("https");
    let suffix = get("EndpointSuffix").unwrap_or("core.windows.net");
    let endpoint = endpoint.unwrap_or_else(|| format!("{protocol}://{account}.blob.{suffix}"));
    Ok((account, endpoint, proof))
}

fn signature(token: &str) -> Proof {
    Proof::Signature(token.trim_start_matches('?').to_string())
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
    fn accounts_are_found() {
        let key = "aHVudGVyMg==";
        for (pairs, account, endpoint) in [
            (
                vec![("connection.string", "UseDevelopmentStorage=true")],
                "devstoreaccount1",
                "http://127.0.0.1:10000/devstoreaccount1",
            ),
            (
                vec![("connection.string", "AccountName=a;AccountKey=aHVudGVyMg==")],
                "a",
                "https://a.blob.core.windows.net",
            ),
            (
                vec![(
                    "connection.string",
                    "AccountName=a;AccountKey=aHVudGVyMg==;EndpointSuffix=core.chinacloudapi.cn;",
                )],
                "a",
                "https://a.blob.core.chinacloudapi.cn",
            ),
            (
                vec![(
                    "connection.string",
                    "BlobEndpoint=https://b.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=x%3D",
                )],
                "b",
                "https://b.blob.core.windows.net",
            ),
            (vec![("account.name", "c"), ("account.key", key)], "c", "https://c.blob.core.windows.net"),
            (vec![("account.name", "c"), ("sas.token", "?sig=x"), ("endpoint", "http://h:1/c")], "c", "http://h:1/c"),
        ] {
            let read = settings(&pairs).unwrap();
            assert_eq!((read.account.as_str(), read.endpoint.as_str()), (account, endpoint), "{pairs:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let account = ("connection.string", "AccountName=a;AccountKey=aHVudGVyMg==");
        for (pairs, part) in [
            (vec![("connection.string", "AccountName=a")], "neither AccountKey nor"),
            (vec![("connection.string", "AccountKey=aHVudGVyMg==")], "no AccountName"),
            (vec![("connection.string", "AccountName=a;AccountKey=hunter2!")], "not base64"),
            (vec![account, ("account.name", "b")], "one of both"),
            (vec![account, ("sas.token", "hunter2")], "needs account.name"),
            (vec![("account.name", "b")], "neither this nor sas.token"),
            (vec![("account.name", "b"), ("sas.token", "hunter2"), ("account.key", "hunter2=")], "one of both"),
            (vec![account, ("endpoint", "ftp://x")], "is written https://"),
            (vec![account, ("container.name", "No_Such")], "no name of a container"),
            (vec![account, ("root.dir", "a//b")], "property root.dir"),
            (vec![account, ("container", "b")], "did you mean container.name?"),
            (vec![account, ("container.create", "1")], "neither true nor false"),
        ] {
            let error = settings(&pairs).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && error.to_string().contains(part), "{pairs:?}: {error}");
            assert!(
                !format!("{error} {error:?}").contains("hunter2") && !format!("{error:?}").contains("aHVudGVyMg"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let read = settings(&[("connection.string", "AccountName=a;SharedAccessSignature=sv=1&sig=hunter2")]).unwrap();
        assert!(!format!("{read:?}").contains("hunter"));
        assert_eq!(read.secrets().blank("signature hunter2 of sv=1"), "signature *** of sv=1");
    }
}
