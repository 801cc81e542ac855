//! The section `schema_registry` of a configuration, and what the client makes of it.

use std::fs;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Result, SCHEMA_REGISTRY_KEYS, Secrets, nearest, percent_decoded, without_secrets};
use reqwest::{Certificate, Identity, Url};

const OPERATION: &str = "open schema registry";
const URL: &str = "schema.registry.url";
const BASIC_SOURCE: &str = "basic.auth.credentials.source";
const USER_INFO: &str = "basic.auth.user.info";
const BEARER_SOURCE: &str = "bearer.auth.credentials.source";
const TOKEN: &str = "bearer.auth.token";
const ISSUER: &str = "bearer.auth.issuer.endpoint.url";
const CLIENT_ID: &str = "bearer.auth.client.id";
const CLIENT_SECRET: &str = "bearer.auth.client.secret";
const SCOPE: &str = "bearer.auth.scope";
const CLUSTER: &str = "bearer.auth.logical.cluster";
const POOL: &str = "bearer.auth.identity.pool.id";
const CA: &str = "ssl.ca.location";
const CERTIFICATE: &str = "ssl.certificate.location";
const KEY: &str = "ssl.key.location";
const CAPACITY: &str = "cache.capacity";
const REQUEST_TIMEOUT: &str = "request.timeout.ms";

/// What is taken from the storage's own section, where the registry's credentials are those of the brokers.
pub(super) const SASL_KEYS: [&str; 2] = ["sasl.username", "sasl.password"];

/// A registry's address, and who we are there.
#[derive(Clone)]
pub(super) struct Base {
    /// Without user and password, and without a slash at its end.
    pub url: String,
    pub user: Option<(String, String)>,
}

/// Who we are, wherever the address does not say so.
#[derive(Clone)]
pub(super) enum Auth {
    None,
    Basic(String, String),
    Token(String),
    OAuth(OAuth),
}

/// Where tokens come from, and for whom (client credentials of OAuth 2).
#[derive(Clone)]
pub(super) struct OAuth {
    pub issuer: Url,
    pub id: String,
    pub secret: String,
    pub scope: Option<String>,
}

/// A checked configuration.
pub(super) struct Options {
    pub bases: Vec<Base>,
    pub auth: Auth,
    /// Headers that go with each request.
    pub headers: Vec<(&'static str, String)>,
    pub ca: Option<Vec<Certificate>>,
    pub identity: Option<Identity>,
    pub cache_capacity: usize,
    pub request_timeout: Duration,
    pub secrets: Secrets,
}

impl Options {
    /// Checks the items of the section; certificates and keys are read.
    ///
    /// # Errors
    /// `Config` names the key.
    pub fn read(properties: &[(String, String)]) -> Result<Self> {
        let items = Items(properties);
        items.check_keys()?;
        let bases = items.bases()?;
        let auth = items.auth(&bases)?;
        let headers = [("target-sr-cluster", CLUSTER), ("Confluent-Identity-Pool-Id", POOL)];
        let headers = headers.into_iter().filter_map(|(header, key)| Some((header, items.get(key)?.to_string())));
        Ok(Self {
            bases,
            auth,
            headers: headers.collect(),
            ca: items.ca()?,
            identity: items.identity()?,
            cache_capacity: items.number(CAPACITY, 1000)? as usize,
            request_timeout: Duration::from_millis(items.number(REQUEST_TIMEOUT, 10_000)?.max(1)),
            secrets: Secrets::of(properties.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
        })
    }
}

/// The items of the section as they stand in the file.
struct Items<'a>(&'a [(String, String)]);

impl<'a> Items<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        let found = self.0.iter().rev().find(|(name, _)| name == key)?;
        Some(found.1.trim()).filter(|value| !value.is_empty())
    }

    fn need(&self, key: &'static str, why: &str) -> Result<&'a str> {
        self.get(key).ok_or_else(|| bad(key, format!("it is missing, and {why}")))
    }

    fn number(&self, key: &'static str, default: u64) -> Result<u64> {
        let Some(text) = self.get(key) else { return Ok(default) };
        text.parse::<u32>().map(u64::from).map_err(|_| bad(key, "must be a whole number").with("value", text))
    }

    fn check_keys(&self) -> Result<()> {
        let known = || SCHEMA_REGISTRY_KEYS.iter().map(|key| key.name);
        let is_known = |key: &str| known().any(|name| name == key) || SASL_KEYS.contains(&key);
        let Some((unknown, _)) = self.0.iter().find(|(key, _)| !is_known(key)) else { return Ok(()) };
        let hint = match nearest(unknown, known()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known: {}", known().collect::<Vec<_>>().join(" ")),
        };
        Err(bad(unknown, "unknown key").hint(hint))
    }

    fn bases(&self) -> Result<Vec<Base>> {
        let text = self.need(URL, "it says where the registry is")?;
        let urls = text.split(',').map(str::trim).filter(|url| !url.is_empty());
        let bases: Vec<Base> = urls.map(base).collect::<Result<_>>()?;
        if bases.is_empty() {
            return Err(bad(URL, "it names no address"));
        }
        Ok(bases)
    }

    fn auth(&self, bases: &[Base]) -> Result<Auth> {
        match self.get(BEARER_SOURCE).map(str::to_ascii_uppercase).as_deref() {
            Some("STATIC_TOKEN") => {
                return Ok(Auth::Token(
                    self.need(TOKEN, "bearer.auth.credentials.source is STATIC_TOKEN")?.to_string(),
                ));
            }
            Some("OAUTHBEARER") => return self.oauth(),
            Some(_) => return Err(bad(BEARER_SOURCE, "must be STATIC_TOKEN or OAUTHBEARER")),
            None if self.get(TOKEN).is_some() || self.get(CLIENT_ID).is_some() => {
                return Err(bad(
                    BEARER_SOURCE,
                    "it is missing: STATIC_TOKEN takes bearer.auth.token, OAUTHBEARER asks bearer.auth.issuer.endpoint.url",
                ));
            }
            None => {}
        }
        self.basic(bases)
    }

    fn basic(&self, bases: &[Base]) -> Result<Auth> {
        let user_info = self.get(USER_INFO);
        match (self.get(BASIC_SOURCE).map(str::to_ascii_uppercase).as_deref(), user_info) {
            (Some("USER_INFO"), None) => {
                Err(bad(USER_INFO, "it is missing, and basic.auth.credentials.source is USER_INFO"))
            }
            (Some("USER_INFO") | None, Some(info)) => {
                let (user, password) =
                    info.split_once(':').ok_or_else(|| bad(USER_INFO, "it is written user:password"))?;
                Ok(Auth::Basic(user.to_string(), password.to_string()))
            }
            (Some("URL"), _) if bases.iter().all(|base| base.user.is_none()) => {
                Err(bad(BASIC_SOURCE, "it is URL, and schema.registry.url has no user and password"))
            }
            (Some("URL") | None, _) => Ok(Auth::None),
            (Some("SASL_INHERIT"), _) => {
                let [user, password] = SASL_KEYS.map(|key| {
                    self.get(key).map(str::to_string).ok_or_else(|| {
                        bad(BASIC_SOURCE, format!("it is SASL_INHERIT, and the storage's own section has no {key}"))
                    })
                });
                Ok(Auth::Basic(user?, password?))
            }
            (Some(_), _) => Err(bad(BASIC_SOURCE, "must be USER_INFO, URL, or SASL_INHERIT")),
        }
    }

    fn oauth(&self) -> Result<Auth> {
        const WHY: &str = "bearer.auth.credentials.source is OAUTHBEARER";
        let issuer = self.need(ISSUER, WHY)?;
        let issuer = Url::parse(issuer).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        Ok(Auth::OAuth(OAuth {
            issuer: issuer.ok_or_else(|| bad(ISSUER, "must be an address that begins with http:// or https://"))?,
            id: self.need(CLIENT_ID, WHY)?.to_string(),
            secret: self.need(CLIENT_SECRET, WHY)?.to_string(),
            scope: self.get(SCOPE).map(str::to_string),
        }))
    }

    fn ca(&self) -> Result<Option<Vec<Certificate>>> {
        let Some(path) = self.get(CA) else { return Ok(None) };
        let certificates = Certificate::from_pem_bundle(&file(CA, path)?);
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Ok(Some(certificates)),
            _ => Err(bad(CA, "the file has no certificates in PEM").with("file", path)),
        }
    }

    fn identity(&self) -> Result<Option<Identity>> {
        let Some(path) = self.get(CERTIFICATE) else {
            return match self.get(KEY) {
                Some(_) => Err(bad(CERTIFICATE, "it is missing, and ssl.key.location is set")),
                None => Ok(None),
            };
        };
        let mut pem = file(CERTIFICATE, path)?;
        if let Some(key) = self.get(KEY) {
            pem.push(b'\n');
            pem.extend(file(KEY, key)?);
        }
        let identity = Identity::from_pem(&pem).map_err(|error| {
            bad(CERTIFICATE, "certificate and key are not both there, in PEM, and without a password")
                .with("file", path)
                .source(error)
        });
        identity.map(Some)
    }
}

/// Reads one address.
fn base(text: &str) -> Result<Base> {
    let shown = without_secrets(text).into_owned();
    let refused = |why: &str| bad(URL, why).with("url", &shown);
    if !text.contains("://") {
        return Err(refused("an address begins with http:// or https://"));
    }
    let mut url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(refused("an address begins with http:// or https:// and names a host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("an address has no ? and no #"));
    }
    let user = (!url.username().is_empty())
        .then(|| (percent_decoded(url.username()), percent_decoded(url.password().unwrap_or_default())));
    let _ = url.set_password(None);
    let _ = url.set_username("");
    Ok(Base { url: url.as_str().trim_end_matches('/').to_string(), user })
}

fn file(key: &str, path: &str) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io(OPERATION, error).with("key", key).with("file", path))
}

fn bad(key: &str, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, OPERATION, why).with("section", "schema_registry").with("key", key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(items: &[(&str, &str)]) -> Result<Options> {
        let items: Vec<(String, String)> =
            items.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Options::read(&items)
    }

    #[test]
    fn addresses_lose_their_slash_and_their_user() {
        let options = read(&[(URL, "http://a:8081/, https://me:p%40ss@b/apis/ccompat/v7")]).unwrap();
        assert_eq!(options.bases[0].url, "http://a:8081");
        assert_eq!(options.bases[1].url, "https://b/apis/ccompat/v7");
        assert_eq!(options.bases[1].user, Some(("me".into(), "p@ss".into())));
        assert!(matches!(options.auth, Auth::None));
    }

    #[test]
    fn credentials_come_from_where_the_source_says() {
        let basic = |items: &[(&str, &str)]| match read(items).unwrap().auth {
            Auth::Basic(user, password) => format!("{user}/{password}"),
            Auth::Token(token) => token,
            Auth::OAuth(oauth) => format!("{} {} {:?}", oauth.issuer, oauth.id, oauth.scope),
            Auth::None => "none".into(),
        };
        let url = (URL, "http://h");
        assert_eq!(basic(&[url, (USER_INFO, "me:a:b")]), "me/a:b");
        assert_eq!(basic(&[url, (BASIC_SOURCE, "USER_INFO"), (USER_INFO, "me:x")]), "me/x");
        let sasl = [url, (BASIC_SOURCE, "sasl_inherit"), ("sasl.username", "me"), ("sasl.password", "y")];
        assert_eq!(basic(&sasl), "me/y");
        assert_eq!(basic(&[(URL, "http://me:x@h"), (BASIC_SOURCE, "URL")]), "none");
        assert_eq!(basic(&[url, (BEARER_SOURCE, "STATIC_TOKEN"), (TOKEN, "abc")]), "abc");
        let oauth = [
            url,
            (BEARER_SOURCE, "OAUTHBEARER"),
            (ISSUER, "https://i/token"),
            (CLIENT_ID, "c"),
            (CLIENT_SECRET, "s"),
            (SCOPE, "all"),
        ];
        assert_eq!(basic(&oauth), "https://i/token c Some(\"all\")");
    }

    #[test]
    fn what_does_not_fit_names_the_key() {
        let url = (URL, "http://h");
        for (items, why) in [
            (&[][..], "key schema.registry.url: it is missing"),
            (&[(URL, ",")], "names no address"),
            (&[(URL, "localhost:8081")], "url localhost:8081: an address begins with http:// or https://"),
            (&[(URL, "ftp://h")], "begins with http://"),
            (&[(URL, "http://h?a=b")], "no ? and no #"),
            (&[(URL, "http://me:hunter2@h:x")], "invalid port number"),
            (&[url, ("basic.auth.userinfo", "x")], "key basic.auth.userinfo: unknown key"),
            (&[url, (USER_INFO, "hunter2")], "user:password"),
            (&[url, (BASIC_SOURCE, "USER_INFO")], "basic.auth.user.info: it is missing"),
            (&[url, (BASIC_SOURCE, "URL")], "no user and password"),
            (&[url, (BASIC_SOURCE, "SASL_INHERIT")], "no sasl.username"),
            (&[url, (BASIC_SOURCE, "X")], "must be USER_INFO, URL, or SASL_INHERIT"),
            (&[url, (TOKEN, "hunter2")], "STATIC_TOKEN takes"),
            (&[url, (BEARER_SOURCE, "STATIC_TOKEN")], "bearer.auth.token: it is missing"),
            (&[url, (BEARER_SOURCE, "OAUTHBEARER")], "bearer.auth.issuer.endpoint.url: it is missing"),
            (&[url, (BEARER_SOURCE, "X")], "must be STATIC_TOKEN or OAUTHBEARER"),
            (&[url, (CA, "/nowhere.pem")], "file /nowhere.pem: no such file"),
            (&[url, (KEY, "/nowhere.pem")], "ssl.certificate.location: it is missing"),
            (&[url, (CAPACITY, "many")], "must be a whole number"),
        ] {
            let Err(error) = read(items) else { panic!("{items:?}") };
            assert!(error.to_string().contains(why) && !error.to_string().contains("hunter2"), "{error}");
        }
        let Err(error) = read(&[url, ("basic.auth.userinfo", "x")]) else { panic!("an unknown key") };
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Config, Some("did you mean basic.auth.user.info?")));
    }
}
