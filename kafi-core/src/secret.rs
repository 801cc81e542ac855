//! Keeps secrets out of what people get to see.

use std::borrow::Cow;

const SECRET_WORDS: [&str; 8] = ["pass", "secret", "key", "token", "connection.string", "user.info", "jaas", "credential"];
/// Keys with a secret word whose value is a place, a format, or a method.
const OPEN_ENDINGS: [&str; 5] = [".location", ".url", ".type", ".source", ".file"];

/// Whether the value of this configuration key must not be shown: passwords, keys, tokens, connection strings, user infos.
///
/// Decided by the words in the name, rather too often than too seldom; where a key or certificate merely lies (`ssl.key.location`) is no secret.
///
/// ```
/// use kafi_core::is_secret_key;
/// assert!(is_secret_key("sasl.password") && is_secret_key("access.key"));
/// assert!(!is_secret_key("bootstrap.servers") && !is_secret_key("ssl.key.location"));
/// ```
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace(['_', '-'], ".");
    SECRET_WORDS.iter().any(|word| key.contains(word)) && !OPEN_ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// The value as it may be shown: `***` for a secret, and user and password of a URL masked.
pub(crate) fn shown<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if is_secret_key(key) {
        return Cow::Borrowed("***");
    }
    if !value.contains("://") || !value.contains('@') {
        return Cow::Borrowed(value);
    }
    let masked: Vec<String> = value.split(',').map(without_user).collect();
    Cow::Owned(masked.join(","))
}

/// Masks what stands between `://` and the last `@` before the path.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => url.into(),
    }
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
            "access.key",
            "secret.key",
            "connection.string",
            "basic.auth.user.info",
            "sasl.jaas.config",
            "SASL_PASSWORD",
            "CONNECTION_STRING",
            "session.token",
            "ssl.key.passphrase",
            "sasl.oauthbearer.client.secret",
        ];
        let open = [
            "bootstrap.servers",
            "sasl.username",
            "ssl.key.location",
            "sasl.oauthbearer.token.endpoint.url",
            "root.dir",
            "key.type",
            "basic.auth.credentials.source",
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
            ("schema.registry.url", "http://u:p@h1,https://u:p@h2", "http://***@h1,https://***@h2"),
        ];
        for (key, value, expected) in cases {
            assert_eq!(shown(key, value), expected, "{key} {value}");
        }
    }
}
