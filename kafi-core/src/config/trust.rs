//! What a configuration may do that somebody else may have written: one that lies in the working directory.

use std::path::Path;

use super::{Config, OPERATION};
use crate::error::{Error, ErrorKind, Result};

/// Properties of the client underneath (librdkafka's names) that do more than to say how brokers are spoken to, and
/// what they do.
const POWERS: [(&str, &str); 11] = [
    ("plugin.library.paths", LOADS),
    ("ssl.engine.location", LOADS),
    ("ssl.engine.id", LOADS),
    ("ssl.providers", LOADS),
    ("sasl.kerberos.kinit.cmd", RUNS),
    ("offset.store.method", WRITES),
    ("offset.store.path", WRITES),
    ("sasl.oauthbearer.assertion.file", SENDS),
    ("sasl.oauthbearer.assertion.jwt.template.file", SENDS),
    ("sasl.oauthbearer.assertion.private.key.file", "signs with a key of this machine"),
    ("sasl.oauthbearer.metadata.authentication.type", "fetches a token of this machine and sends it to the brokers"),
];

const LOADS: &str = "loads a library";
const RUNS: &str = "runs a command";
const WRITES: &str = "writes a file";
const SENDS: &str = "sends a file to a server";

/// Properties that librdkafka puts into a command line as they are.
const IN_COMMANDS: [&str; 3] = ["sasl.kerberos.principal", "sasl.kerberos.keytab", "sasl.kerberos.service.name"];

/// What a property does beyond saying how brokers are spoken to, if it does: it loads a library, runs a command, writes
/// a file, or sends away what is not a storage's own.
///
/// Such properties are taken from whoever runs the program (`-X`, code, a configuration below an explicit
/// `$KAFI_HOME`), and refused in addresses and in configurations that were found in the working directory.
///
/// ```
/// use kafi_core::power_of;
/// assert_eq!(power_of("plugin.library.paths", "x.so"), Some("loads a library"));
/// assert_eq!(power_of("ssl.ca.location", "ca.pem"), None);
/// ```
pub fn power_of(key: &str, value: &str) -> Option<&'static str> {
    // librdkafka's names are in small letters; whoever takes others is not to be tricked.
    let key = key.trim().to_ascii_lowercase();
    if let Some((_, power)) = POWERS.iter().find(|(name, _)| *name == key) {
        return Some(power);
    }
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '@' | ':' | '+' | ',' | '=');
    (IN_COMMANDS.contains(&key.as_str()) && (!value.chars().all(is_plain) || value.starts_with('-')))
        .then_some("becomes part of a command")
}

/// Whether configurations below `home` are those of whoever runs the program: those below a folder that was named are,
/// and those that just lie in the working directory are not.
pub(super) fn is_trusted(home: &Path) -> bool {
    home != Path::new(".") || std::env::var_os("KAFI_HOME").is_some_and(|home| !home.is_empty())
}

/// Refuses a configuration that would do more than to say how a storage is spoken to.
///
/// # Errors
/// `Config` names the property and what it does.
pub(super) fn refuse_powers(config: &Config) -> Result<()> {
    let Some((key, power)) = config.storage.iter().find_map(|(key, value)| Some((key, power_of(key, value)?))) else {
        return Ok(());
    };
    let why =
        format!("this property {power}, which is not done for a configuration that lies in the working directory");
    let error = Error::new(ErrorKind::Config, OPERATION, why);
    let error = config.path.iter().fold(error, |error, path| error.with("file", path.display()));
    Err(error
        .with("section", config.kind.section())
        .with("key", key)
        .hint("set it with -X, or set KAFI_HOME to the folder if all of its configurations are yours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_code_or_sends_files_is_known() {
        for (key, value) in [
            ("plugin.library.paths", "a.so"),
            ("Plugin.Library.Paths", "a.so"),
            ("ssl.engine.location", "a.so"),
            ("ssl.engine.id", "dynamic"),
            ("ssl.providers", "/tmp/x"),
            ("sasl.kerberos.kinit.cmd", "touch x"),
            ("sasl.kerberos.principal", "me$(touch x)"),
            ("sasl.kerberos.principal", "me; touch x"),
            ("sasl.kerberos.keytab", "a\" || touch x"),
            ("sasl.kerberos.keytab", "-c"),
            ("offset.store.path", "/home/me/.bashrc"),
            ("sasl.oauthbearer.assertion.file", "/etc/passwd"),
            ("sasl.oauthbearer.metadata.authentication.type", "azure_imds"),
        ] {
            assert!(power_of(key, value).is_some(), "{key}");
        }
        for (key, value) in [
            ("sasl.kerberos.principal", "me/host.example@REALM"),
            ("sasl.kerberos.keytab", "/etc/me.keytab"),
            ("sasl.kerberos.service.name", "kafka"),
            ("ssl.ca.location", "ca.pem"),
            ("ssl.key.location", "key.pem"),
            ("ssl.keystore.location", "store.p12"),
            ("sasl.oauthbearer.token.endpoint.url", "https://h/token"),
            ("bootstrap.servers", "$(touch x)"),
        ] {
            assert_eq!(power_of(key, value), None, "{key}");
        }
    }

    #[test]
    fn only_the_working_directory_is_not_trusted() {
        assert!(is_trusted(Path::new("/etc/kafi")) && is_trusted(Path::new("./configs")));
    }
}
