//! What is secret, and how it is shown: the one place that decides.
//!
//! A value is known to be secret by the name of its key ([`is_secret_key`]). Where properties are shown, those values
//! are masked ([`Shown`]); where somebody else's words are shown, the values that are known are taken out of them
//! ([`Secrets`]); and whatever becomes part of an error or a log line is looked through for what reads like a secret
//! ([`without_secrets`]), so that one that was put in a wrong place is not shown either.

use std::borrow::Cow;
use std::fmt;

const MASK: &str = "***";

/// A key with one of these in its name has a secret value.
const SECRET_WORDS: [&str; 17] = [
    "pass",
    "pwd",
    "secret",
    "key",
    "token",
    "connection.string",
    "connectionstring",
    "user.info",
    "userinfo",
    "jaas",
    "credential",
    "signature",
    "authorization",
    "oauthbearer.config",
    "kinit.cmd",
    ".pem",
    "private",
];

/// A part of a key, between dots, that says the same.
const SECRET_PARTS: [&str; 3] = ["sas", "sig", "pw"];

/// Keys with a secret word whose value is a place, a format, or a method.
const OPEN_ENDINGS: [&str; 7] = [".location", ".url", ".type", ".source", ".file", ".keytab", ".algorithm"];

/// Words of plain English, which stand before all kinds of values.
const PLAIN_WORDS: [&str; 2] = ["key", "keys"];

/// Shorter secrets are not blanked out of texts, which they would make unreadable.
const SECRET_LEN_MIN: usize = 3;

/// Nothing is looked for in a URL that is longer.
const URL_LEN_MAX: usize = 4096;

/// A line of a longer secret that is worth blanking out by itself.
const LINE_LEN_MIN: usize = 8;

/// Whether the value of this configuration key must not be shown: passwords, keys, tokens, connection strings, user
/// infos.
///
/// Decided by the words in the name, rather too often than too seldom; where a key or certificate merely lies
/// (`ssl.key.location`) is no secret.
///
/// ```
/// use kafi_core::is_secret_key;
/// assert!(is_secret_key("sasl.password") && is_secret_key("access.key") && is_secret_key("AccountKey"));
/// assert!(!is_secret_key("bootstrap.servers") && !is_secret_key("ssl.key.location"));
/// ```
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace(['_', '-'], ".");
    let says =
        SECRET_WORDS.iter().any(|word| key.contains(word)) || key.split('.').any(|part| SECRET_PARTS.contains(&part));
    says && !OPEN_ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// The value of a key as it may be shown: `***` for a secret, and user and password of a URL masked.
pub fn shown_value<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if is_secret_key(key) { Cow::Borrowed(MASK) } else { without_secrets(value) }
}

/// Properties as they may be shown, by `Debug`.
///
/// ```
/// use kafi_core::Shown;
/// let properties = [("acks".to_string(), "all".to_string()), ("sasl.password".to_string(), "hunter2".to_string())];
/// assert_eq!(format!("{:?}", Shown(&properties)), r#"{"acks": "all", "sasl.password": "***"}"#);
/// ```
pub struct Shown<'a>(pub &'a [(String, String)]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(key, value)| (without_secrets(key), shown_value(key, value))))
            .finish()
    }
}

/// Secrets that are known, to be taken out of what others say: servers, libraries.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The secrets among properties: whole, line by line, and their parts (`sig=…` of a signature, the password of a
    /// user info), as they are written and percent-decoded.
    pub fn of<'a>(properties: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all = Vec::new();
        for (key, value) in properties {
            if is_secret_key(key) {
                add_value(key, value.trim(), &mut all);
            }
            for url in value.split(',') {
                all.extend(
                    user_of(url.trim()).and_then(|user| user.split_once(':')).map(|(_, password)| password.to_string()),
                );
            }
        }
        let decoded: Vec<String> =
            all.iter().filter(|secret| secret.contains('%')).map(|secret| percent_decoded(secret)).collect();
        all.extend(decoded);
        all.retain(|secret| secret.len() >= SECRET_LEN_MIN && secret != MASK);
        // What holds another one goes first.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self(all)
    }

    /// The text without any of these, and without what reads like a secret.
    pub fn blank(&self, text: &str) -> String {
        let text = self.0.iter().fold(Cow::Borrowed(text), |text, secret| match text.contains(secret.as_str()) {
            true => Cow::Owned(text.replace(secret.as_str(), MASK)),
            false => text,
        });
        without_secrets(&text).into_owned()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// Adds a secret, and those of its parts that may be shown without the rest.
fn add_value(key: &str, value: &str, all: &mut Vec<String>) {
    all.push(value.to_string());
    all.extend(
        value
            .lines()
            .map(str::trim)
            .filter(|line| line.len() >= LINE_LEN_MIN && *line != value && !line.starts_with("-----"))
            .map(str::to_string),
    );
    let pairs = value.split(['&', ';']).filter_map(|pair| pair.split_once('='));
    all.extend(
        pairs.filter(|(name, _)| is_secret_key(name.trim())).map(|(_, part)| part.trim().trim_matches('"').to_string()),
    );
    if key.to_ascii_lowercase().replace(['_', '-'], ".").ends_with("user.info") {
        all.extend(value.split_once(':').map(|(_, password)| password.to_string()));
    }
}

/// A text in which nothing reads like a secret any more: neither `password=…`, `sasl.password:…`, `"token": "…"`, nor
/// user and password in a URL, nor a private key.
///
/// It is the net below everything that knows better: texts of errors and log lines go through it. Variables (`${NAME}`)
/// are no secrets.
///
/// ```
/// use kafi_core::without_secrets;
/// assert_eq!(without_secrets("bad address s3:///t?secret.key=hunter2&a=b"), "bad address s3:///t?secret.key=***&a=b");
/// assert_eq!(without_secrets("http://me:hunter2@host/path"), "http://***@host/path");
/// ```
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    // Most texts have nothing that is worth a look.
    if !text.bytes().any(|byte| matches!(byte, b'=' | b':')) && !text.contains("PRIVATE KEY") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some((start, end)) = next_secret(text, at) {
        shown.push_str(&text[copied..start]);
        shown.push_str(MASK);
        (copied, at) = (end, end);
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[copied..]);
    Cow::Owned(shown)
}

/// Where the next secret from `from` on begins and ends.
fn next_secret(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    for at in from..bytes.len() {
        let found = match bytes[at] {
            b'=' | b':' if text[at..].starts_with("://") => user_in_url(text, at + 3),
            b'=' | b':' => value_after(text, from, at),
            b'-' if text[at..].starts_with("-----BEGIN") => private_key(text, at),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The value behind the separator at `at`, if what stands before it is the name of a secret.
fn value_after(text: &str, from: usize, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let is_quoted = at > from && matches!(bytes[at - 1], b'"' | b'\'');
    let name_end = at - usize::from(is_quoted);
    let name = &text[from..name_end];
    let name_start =
        name.rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '%'))).map_or(0, |before| {
            // The character before the name may have several bytes.
            before + name[before..].chars().next().map_or(1, char::len_utf8)
        });
    let name = percent_decoded(name[name_start..].trim_start_matches('-'));
    if !is_secret_key(&name) || PLAIN_WORDS.contains(&name.to_ascii_lowercase().as_str()) {
        return None;
    }
    let rest = &text[at + 1..];
    // A colon and a space end a sentence's part more often than they introduce a value, unless the name stood in quotes
    // as JSON's do.
    let spaces = if is_quoted { rest.len() - rest.trim_start().len() } else { 0 };
    let value = &rest[spaces..];
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let start = at + 1 + spaces + usize::from(quote.is_some());
    let value = &text[start..];
    let len = match quote {
        Some(quote) => value.find(quote).unwrap_or(value.len()),
        None => value.find(|c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | '`')).unwrap_or(value.len()),
    };
    let value = &value[..len];
    let is_harmless = value.is_empty() || value.starts_with("${") || value.starts_with(MASK) || value.starts_with("//");
    (!is_harmless).then_some((start, start + len))
}

/// User and password of the URL whose authority begins at `start`.
fn user_in_url(text: &str, start: usize) -> Option<(usize, usize)> {
    let user = user_of_rest(&text[start..])?;
    (user != MASK).then_some((start, start + user.len()))
}

/// User and password of a URL, if it has them.
fn user_of(url: &str) -> Option<&str> {
    user_of_rest(&url[url.find("://")? + 3..])
}

fn user_of_rest(rest: &str) -> Option<&str> {
    let rest = &rest[..rest.floor_char_boundary(URL_LEN_MAX)];
    let rest = &rest
        [..rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>')).unwrap_or(rest.len())];
    // Several URLs may stand in a row, and several hosts in one URL.
    let is_next_url =
        |at: &usize| rest[at + 1..].split(['/', ',', '@']).next().is_some_and(|scheme| scheme.ends_with(':'));
    let rest = &rest[..rest.match_indices(',').map(|(at, _)| at).find(is_next_url).unwrap_or(rest.len())];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if let Some(at) = authority.rfind('@') {
        return Some(&rest[..at]);
    }
    // A password with a slash looks like a port that is none.
    let port = authority.rsplit_once(':').map(|(_, port)| port)?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) || authority.ends_with(']');
    if is_port { None } else { rest.rfind('@').map(|at| &rest[..at]) }
}

/// A private key in PEM, from its first line to its last.
fn private_key(text: &str, start: usize) -> Option<(usize, usize)> {
    let rest = &text[start..];
    let head = &rest[..rest[10..].find("-----").map_or(rest.len(), |at| at + 15)];
    if !head.contains("PRIVATE KEY") {
        return None;
    }
    let end = rest[head.len()..].find("-----END").map_or(rest.len(), |at| {
        let last = head.len() + at + 8;
        rest[last..].find("-----").map_or(rest.len(), |at| last + at + 5)
    });
    Some((start, start + end))
}

/// `%20` and the like decoded; a percent sign that begins no such thing stays, and what is no UTF-8 becomes U+FFFD.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let byte = hex
            .filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_secrets() {
        let secret = [
            "sasl.password",
            "ssl.key.password",
            "ssl.key.pem",
            "ssl.keystore.password",
            "access.key",
            "secret.key",
            "connection.string",
            "basic.auth.user.info",
            "sasl.jaas.config",
            "SASL_PASSWORD",
            "CONNECTION_STRING",
            "session.token",
            "sas.token",
            "ssl.key.passphrase",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.config",
            "sasl.kerberos.kinit.cmd",
            "AccountKey",
            "SharedAccessSignature",
            "X-Amz-Signature",
            "sig",
            "Authorization",
        ];
        let open = [
            "bootstrap.servers",
            "sasl.username",
            "ssl.key.location",
            "ssl.keystore.location",
            "sasl.oauthbearer.token.endpoint.url",
            "sasl.oauthbearer.assertion.private.key.file",
            "sasl.kerberos.keytab",
            "root.dir",
            "key.type",
            "basic.auth.credentials.source",
            "sasl.mechanisms",
            "group.id",
        ];
        for key in secret {
            assert!(is_secret_key(key), "{key}");
        }
        for key in open {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn masks_values() {
        let cases = [
            ("sasl.password", "hunter2", "***"),
            ("bootstrap.servers", "h1:9092", "h1:9092"),
            ("schema.registry.url", "http://h:8081", "http://h:8081"),
            ("schema.registry.url", "http://u:p@ss@h:8081/x@y", "http://***@h:8081/x@y"),
            ("schema.registry.url", "http://h/a@b", "http://h/a@b"),
            ("schema.registry.url", "http://h:8081/a@b", "http://h:8081/a@b"),
            ("schema.registry.url", "http://[::1]/a@b", "http://[::1]/a@b"),
            ("schema.registry.url", "http://u:p@h1,https://u:p@h2", "http://***@h1,https://***@h2"),
        ];
        for (key, value, expected) in cases {
            assert_eq!(shown_value(key, value), expected, "{key} {value}");
        }
    }

    #[test]
    fn what_reads_like_a_secret_is_not_shown() {
        let cases = [
            ("sasl.password=hunter2", "sasl.password=***"),
            ("invalid value 'sasl.password:hunter2' for", "invalid value 'sasl.password:***' for"),
            ("t?a=b&secret%2Ekey=hunter2&c=d", "t?a=b&secret%2Ekey=***&c=d"),
            ("t?%73ecret.key=hunter2", "t?%73ecret.key=***"),
            ("ä–secret.key=hunter2", "ä–secret.key=***"),
            ("AccountName=a;AccountKey=aHVudGVyMg==;X=y", "AccountName=a;AccountKey=***"),
            ("https://a.blob/c?sv=1&sig=hunter2%3D&se=2", "https://a.blob/c?sv=1&sig=***&se=2"),
            ("required username=\"u\" password=\"hunter2 3\";", "required username=\"u\" password=\"***\";"),
            ("{\"password\": \"hunter2\", \"a\": 1}", "{\"password\": \"***\", \"a\": 1}"),
            ("kafka://me:hunter2@h/t", "kafka://***@h/t"),
            ("kafka://me:hun/ter2@h/t", "kafka://***@h/t"),
            ("kafka://h1:1,me:hunter2@h/t x", "kafka://***@h/t x"),
            ("a -----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY----- b", "a *** b"),
            ("-----BEGIN PRIVATE KEY----- hunter2", "***"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_secrets(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "key sasl.password: the environment variable PASSWORD is not set",
            "property access.key: secret.key is set and this is not",
            "write secret.key='${VARIABLE}', or use a configuration file",
            "sasl.password=${PASSWORD}",
            "it is written KEY=VALUE",
            "key=1 keys=2",
            "sasl.password=***",
            "sasl.oauthbearer.token.endpoint.url=http://h",
            "retention.ms=7d",
            "kafka://h1:9092,h2:9092/orders?acks=all",
            "-----BEGIN CERTIFICATE----- abc",
            "password=",
            "secret=",
            "=",
            ":",
            "é=é",
        ] {
            assert_eq!(without_secrets(text), text);
            assert!(matches!(without_secrets(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn known_secrets_are_blanked_out_with_their_parts() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\nhunter3hunter3\n-----END PRIVATE KEY-----";
        let secrets = Secrets::of([
            ("sasl.password", "hunter2"),
            ("ssl.key.pem", pem),
            ("sas.token", "?sv=1&sig=ab%2Fcd%3D"),
            ("basic.auth.user.info", "me:hunter4"),
            ("schema.registry.url", "http://me:hunter5@h"),
            ("bootstrap.servers", "host:9092"),
            ("ssl.key.password", "x"),
        ]);
        let text = "hunter2, MIIEvQIBADAN hunter3hunter3, ab%2Fcd%3D ab/cd=, hunter4, hunter5 at host:9092 x";
        assert_eq!(secrets.blank(text), "***, *** ***, *** ***, ***, *** at host:9092 x");
        assert!(format!("{secrets:?}").starts_with("Secrets("));
        assert_eq!(Secrets::default().blank("plain"), "plain");
    }

    #[test]
    fn percent_signs_that_mean_nothing_stay() {
        assert_eq!(percent_decoded("a%20b%zz%+1%4"), "a b%zz%+1%4");
    }
}
