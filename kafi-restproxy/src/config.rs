//! The settings of a REST Proxy.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Result, Secrets};
use reqwest::{Certificate, Identity};

const OPEN: &str = "open storage";

/// Who we are.
pub(crate) enum Auth {
    None,
    Basic(String, String),
    Token(String),
}

/// What a configuration or an address says.
pub(crate) struct Config {
    /// The address, without a slash at its end.
    pub base: String,
    pub auth: Auth,
    pub ca: Option<Vec<Certificate>>,
    pub identity: Option<Identity>,
    /// The cluster behind a proxy that has several.
    pub cluster: Option<String>,
    /// How often a request that failed is made again.
    pub retries: u32,
    pub fetch_bytes_min: Option<u32>,
    /// How long the server waits for messages before it says that there are none.
    pub request_timeout: Duration,
    /// How often there must be none before that is the end.
    pub attempts: u32,
    pub secrets: Secrets,
}

impl fmt::Debug for Config {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base", &self.base).field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads the items of the section `rest_proxy`. Reads certificates and keys, and speaks to no server.
    pub fn read(properties: &[(String, String)]) -> Result<Self> {
        let mut config = Self {
            base: String::new(),
            auth: Auth::None,
            ca: None,
            identity: None,
            cluster: None,
            retries: 10,
            fetch_bytes_min: None,
            request_timeout: Duration::from_secs(1),
            attempts: 3,
            secrets: Secrets::of(properties.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
        };
        let (mut certificate, mut key) = (None, None);
        for (name, value) in properties {
            match name.as_str() {
                "rest.proxy.url" => config.base = base(value)?,
                "basic.auth.user.info" => config.auth = basic(value)?,
                "bearer.auth.token" => config.auth = Auth::Token(value.clone()),
                "ssl.ca.location" => config.ca = Some(certificates(value)?),
                "ssl.certificate.location" => certificate = Some(value),
                "ssl.key.location" => key = Some(value),
                "cluster.id" => config.cluster = Some(value.clone()),
                "requests.num.retries" => config.retries = number(name, value)?,
                "fetch.min.bytes" => {
                    config.fetch_bytes_min = (value != "-1").then(|| number(name, value)).transpose()?
                }
                "consumer.request.timeout.ms" => {
                    config.request_timeout = Duration::from_millis(number(name, value)?.into());
                }
                "consume.num.attempts" => config.attempts = number(name, value)?,
                other => return Err(bad(other, "unknown key")),
            }
        }
        if config.base.is_empty() {
            return Err(bad("rest.proxy.url", "it is missing"));
        }
        config.identity = identity(certificate, key)?;
        Ok(config)
    }
}

fn base(value: &str) -> Result<String> {
    // What addresses of Kafi's hold is a host with a port.
    let base = if value.contains("://") { value.to_string() } else { format!("http://{value}") };
    let url = reqwest::Url::parse(&base).map_err(|error| bad("rest.proxy.url", error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("rest.proxy.url", "it is written http://HOST:PORT or https://HOST:PORT"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("rest.proxy.url", "user and password belong into basic.auth.user.info"));
    }
    Ok(base.trim_end_matches('/').to_string())
}

fn basic(value: &str) -> Result<Auth> {
    let (user, password) =
        value.split_once(':').ok_or_else(|| bad("basic.auth.user.info", "it is written user:password"))?;
    Ok(Auth::Basic(user.into(), password.into()))
}

fn certificates(path: &str) -> Result<Vec<Certificate>> {
    let pem = read(path)?;
    Certificate::from_pem_bundle(&pem)
        .map_err(|error| bad("ssl.ca.location", "it has no certificates in PEM").source(error))
}

fn identity(certificate: Option<&String>, key: Option<&String>) -> Result<Option<Identity>> {
    let Some(certificate) = certificate else { return Ok(None) };
    let mut pem = read(certificate)?;
    if let Some(key) = key {
        pem.push(b'\n');
        pem.extend(read(key)?);
    }
    let identity = Identity::from_pem(&pem);
    identity
        .map(Some)
        .map_err(|error| bad("ssl.certificate.location", "it has no certificate with its key").source(error))
}

fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(Path::new(path)).map_err(|error| Error::io(OPEN, error).with("file", path))
}

fn number(name: &str, value: &str) -> Result<u32> {
    value.parse().map_err(|_| bad(name, "it is a whole number"))
}

fn bad(key: &str, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, OPEN, why).with("key", key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(items: &[(&str, &str)]) -> Result<Config> {
        let items: Vec<_> = items.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect();
        Config::read(&items)
    }

    #[test]
    fn addresses_are_read() {
        for (text, base) in [("h:8082", "http://h:8082"), ("https://h/proxy/", "https://h/proxy")] {
            assert_eq!(read_all(&[("rest.proxy.url", text)]).unwrap().base, base);
        }
        for text in ["ftp://h", "http://me:secret@h", "http://"] {
            let error = read_all(&[("rest.proxy.url", text)]).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && !error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(read_all(&[]).unwrap_err().to_string(), "open storage: key rest.proxy.url: it is missing");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let url = ("rest.proxy.url", "http://h");
        for (key, value) in [("cluster", "a"), ("requests.num.retries", "x"), ("basic.auth.user.info", "alone")] {
            let error = read_all(&[url, (key, value)]).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && error.to_string().contains(key), "{error}");
        }
        assert_eq!(read_all(&[url, ("fetch.min.bytes", "-1")]).unwrap().fetch_bytes_min, None);
    }
}
