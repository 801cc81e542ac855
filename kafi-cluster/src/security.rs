//! What librdkafka would say in words that do not help: files that are missing, and logging in without saying how.

use std::fs::File;
use std::path::Path;

use kafi_core::{Error, ErrorKind, Result};

use crate::error;
use crate::ffi::Conf;

const OPERATION: &str = "configure Kafka client";

/// Properties that name files, with TLS.
const FILES: &[&str] =
    &["ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location", "ssl.crl.location"];

/// The value of `ssl.ca.location` that is no file.
const PROBE: &str = "probe";

/// The names of what says how one logs in.
const MECHANISM: &[&str] = &["sasl.mechanism", "sasl.mechanisms"];

/// Checks the properties of a client before it speaks to anybody. Of a property that is given several times the last
/// counts.
///
/// # Errors
/// `Usage` for a file that cannot be opened, and for SASL without a mechanism, or with one that is not built in.
pub(crate) fn check<'a>(properties: impl DoubleEndedIterator<Item = (&'a str, &'a str)> + Clone) -> Result<()> {
    let last = |names: &[&str]| {
        properties.clone().rev().find(|(name, value)| names.contains(name) && !value.is_empty()).map(|(_, value)| value)
    };
    let protocol = last(&["security.protocol"]).unwrap_or_default().to_ascii_lowercase();
    if protocol.ends_with("ssl") {
        for name in FILES {
            match last(&[*name]) {
                Some(path) if !(*name == FILES[0] && path == PROBE) => check_file(name, path)?,
                _ => {}
            }
        }
    }
    if protocol.starts_with("sasl_") { check_mechanism(last(MECHANISM), &protocol) } else { Ok(()) }
}

fn check_file(name: &'static str, path: &str) -> Result<()> {
    let opened = if name == FILES[0] && Path::new(path).is_dir() { Ok(()) } else { File::open(path).map(drop) };
    opened.map_err(|failure| {
        let why = error::lower_first(failure.to_string().split(" (os error").next().unwrap_or_default());
        Error::new(ErrorKind::Usage, OPERATION, why).with("property", name).with("file", path).source(failure)
    })
}

fn check_mechanism(mechanism: Option<&str>, protocol: &str) -> Result<()> {
    let features = Conf::new().get("builtin.features").unwrap_or_default();
    let can_kerberos = features.split(',').any(|feature| feature.trim() == "sasl_gssapi");
    let ways = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or OAUTHBEARER";
    match mechanism {
        // librdkafka's default.
        None if !can_kerberos => {
            let error = Error::new(
                ErrorKind::Usage,
                OPERATION,
                format!("security.protocol={protocol} needs a mechanism to log in with"),
            );
            Err(error.with("property", MECHANISM[0]).hint(format!("set sasl.mechanism to {ways}")))
        }
        Some(mechanism) if mechanism.eq_ignore_ascii_case("GSSAPI") && !can_kerberos => {
            let error = Error::new(ErrorKind::Usage, OPERATION, "Kerberos (GSSAPI) is not built in");
            Err(error.with("property", MECHANISM[0]).hint(format!("what is built in: {ways}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(properties: &[(&str, &str)]) -> String {
        let error = check(properties.iter().copied()).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Usage);
        format!("{error} {}", error.hint_text().unwrap_or_default())
    }

    #[test]
    fn a_file_that_is_missing_is_named_where_it_is_used() {
        for name in FILES {
            let line =
                refused(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN"), (name, "/no/such/file.pem")]);
            assert!(
                line.contains(name) && line.contains("file /no/such/file.pem") && line.contains("no such file"),
                "{line}"
            );
        }
        let unused = [("ssl.ca.location", "/no/such/file.pem"), ("security.protocol", "plaintext")];
        assert!(check(unused.iter().copied()).is_ok());
        let known = [
            ("security.protocol", "ssl"),
            ("ssl.ca.location", "/no/such/file.pem"),
            ("ssl.ca.location", "/"),
            ("ssl.key.location", "/dev/null"),
        ];
        assert!(check(known.iter().copied()).is_ok(), "the last one counts, and authorities may be a folder");
        assert!(check([("security.protocol", "ssl"), ("ssl.ca.location", "probe")].into_iter()).is_ok());
    }

    #[test]
    fn how_one_logs_in_must_be_said() {
        for mechanism in [None, Some("GSSAPI")] {
            let properties: Vec<_> = [("security.protocol", "sasl_ssl"), ("sasl.username", "u")]
                .into_iter()
                .chain(mechanism.map(|m| ("sasl.mechanisms", m)))
                .collect();
            let line = refused(&properties);
            assert!(
                line.contains("property sasl.mechanism:")
                    && line.contains("SCRAM-SHA-256")
                    && !line.contains("ecompile"),
                "{line}"
            );
        }
        assert!(check([("security.protocol", "sasl_ssl"), ("sasl.mechanism", "plain")].into_iter()).is_ok());
    }
}
