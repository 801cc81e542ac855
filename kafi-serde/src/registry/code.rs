//! The codes by which registries say what went wrong, and what they are as errors of Kafi.

use std::borrow::Cow;

use kafi_core::{Error, ErrorKind};

/// The name of the code in the context of an error.
const CONTEXT: &str = "code";

/// Why a registry refuses something. The numbers are those of Confluent's registry; their first three digits are the
/// status of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// There is no such subject.
    SubjectNotFound = 40401,
    /// The subject has no such version.
    VersionNotFound = 40402,
    /// There is no such schema.
    SchemaNotFound = 40403,
    /// The subject was deleted, and can be deleted permanently.
    SubjectSoftDeleted = 40404,
    /// The subject must be deleted before it can be deleted permanently.
    SubjectNotSoftDeleted = 40405,
    /// The version was deleted, and can be deleted permanently.
    VersionSoftDeleted = 40406,
    /// The version must be deleted before it can be deleted permanently.
    VersionNotSoftDeleted = 40407,
    /// The subject has no configuration of its own.
    SubjectConfigNotFound = 40408,
    /// The subject has no mode of its own.
    SubjectModeNotFound = 40409,
    /// There is no such exporter.
    ExporterNotFound = 40450,
    /// The schema does not fit to those that are there.
    Incompatible = 40901,
    /// The schema is none, or refers to what is not there.
    InvalidSchema = 42201,
    /// A version is a number from 1, or `latest`.
    InvalidVersion = 42202,
    /// There is no such level of compatibility.
    InvalidCompatibilityLevel = 42203,
    /// There is no such mode.
    InvalidMode = 42204,
    /// The mode does not allow it.
    NotPermitted = 42205,
    /// Another schema refers to it.
    ReferenceExists = 42206,
    /// The id is that of another schema.
    IdConflict = 42207,
    /// A subject cannot be called that.
    InvalidSubject = 42208,
    /// The store behind the registry failed.
    Store = 50001,
    /// The registry ran out of time.
    TimedOut = 50002,
}

impl Code {
    /// The number.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// An error of this code, for who implements a registry: its kind follows from the code.
    pub fn error(self, operation: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
        let kind = kind_of(self.number()).unwrap_or(ErrorKind::Unexpected);
        Error::new(kind, operation, message).with(CONTEXT, self.number())
    }

    /// The code that an error of a registry carries, known here or not; `None` where the registry gave none, or another
    /// thing failed.
    pub fn of(error: &Error) -> Option<u32> {
        error.context().find(|(key, _)| *key == CONTEXT).and_then(|(_, code)| code.parse().ok())
    }

    /// Whether an error carries this code.
    pub fn is_of(self, error: &Error) -> bool {
        Self::of(error) == Some(self.number())
    }
}

/// The kind of error that a registry's code, or a bare status of HTTP, stands for; `None` if it is no refusal.
pub(super) fn kind_of(code: u32) -> Option<ErrorKind> {
    let status = if code >= 1000 { code / 100 } else { code };
    Some(match (status, code) {
        (401, _) => ErrorKind::Authentication,
        (403, _) | (_, 42205) => ErrorKind::PermissionDenied,
        (404, _) => ErrorKind::NotFound,
        (405 | 501, _) => ErrorKind::Unsupported,
        (408 | 504, _) | (_, 50002) => ErrorKind::Timeout,
        (409, _) => ErrorKind::Conflict,
        (413, _) => ErrorKind::TooLarge,
        (429 | 500..=599, _) => ErrorKind::Unavailable,
        (400..=499, _) => ErrorKind::Usage,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds_and_are_found_again() {
        let error = Code::SubjectNotFound.error("get version", "Subject 'x' not found.").with("subject", "x");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "get version: code 40401, subject x: Subject 'x' not found.");
        assert!(Code::SubjectNotFound.is_of(&error) && !Code::SchemaNotFound.is_of(&error));
        assert_eq!(Code::of(&Error::new(ErrorKind::NotFound, "a", "b")), None);
        for (code, kind) in [
            (Code::Incompatible, ErrorKind::Conflict),
            (Code::InvalidSchema, ErrorKind::Usage),
            (Code::NotPermitted, ErrorKind::PermissionDenied),
            (Code::Store, ErrorKind::Unavailable),
            (Code::TimedOut, ErrorKind::Timeout),
        ] {
            assert_eq!(code.error("a", "b").kind(), kind, "{code:?}");
        }
        assert_eq!(
            (kind_of(401), kind_of(40301)),
            (Some(ErrorKind::Authentication), Some(ErrorKind::PermissionDenied))
        );
        assert_eq!(kind_of(200), None);
    }
}
