//! Why an attempt failed, and the one clear line that it becomes.

use std::time::Duration;

use kafi_core::{Error, ErrorKind, Retry, Secrets};
use kafi_objects::said;

/// What the service's codes mean to a program. What is not listed follows from the HTTP status.
const KINDS: &[(&str, ErrorKind, Retry)] = {
    use ErrorKind::*;
    use Retry::*;
    &[
        ("AuthenticationFailed", Authentication, Never),
        ("InvalidAuthenticationInfo", Authentication, Never),
        ("NoAuthenticationInformation", Authentication, Never),
        ("AuthorizationFailure", PermissionDenied, Never),
        ("AuthorizationPermissionMismatch", PermissionDenied, Never),
        ("InsufficientAccountPermissions", PermissionDenied, Never),
        ("AccountIsDisabled", PermissionDenied, Never),
        ("ContainerNotFound", NotFound, Never),
        ("ContainerBeingDeleted", Conflict, Later),
        ("ServerBusy", Unavailable, Later),
        ("InternalError", Unavailable, Later),
        ("OperationTimedOut", Unavailable, Later),
        ("RequestBodyTooLarge", TooLarge, Never),
        ("InvalidResourceName", Config, Never),
    ]
};

/// What a server may need for an attempt besides the time for the bytes.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) retry: Retry,
    /// The service's code, or nothing.
    pub(crate) code: String,
    /// The HTTP status, or 0.
    pub(crate) status: u16,
    /// Whether there was nobody to talk to, so that a retry soon is as good as one much later.
    pub(crate) is_unreachable: bool,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, retry: Retry, message: impl Into<String>) -> Self {
        Self { kind, retry, code: String::new(), status: 0, is_unreachable: false, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// There is nobody to talk to.
    pub(crate) fn unreachable(self) -> Self {
        Self { is_unreachable: true, ..self }
    }

    /// An attempt that got no answer in time.
    pub(crate) fn timeout(limit: Duration) -> Self {
        Self::new(ErrorKind::Timeout, Retry::Later, format!("no answer within {:.1} s", limit.as_secs_f64()))
    }

    /// What the service answered with.
    pub(crate) fn of_service(status: u16, code: &str, message: Option<&str>) -> Self {
        // Azurite has one code for both, and says which it is.
        let is_unknown = message.is_some_and(|message| message.contains("failed to authenticate"));
        let (kind, retry) = match KINDS.iter().find(|(known, ..)| *known == code) {
            _ if is_unknown => (ErrorKind::Authentication, Retry::Never),
            Some((_, kind, retry)) => (*kind, *retry),
            None => of_status(status),
        };
        // The messages end in lines of ids and times.
        let said = message.and_then(|message| message.lines().next()).map(lower_first).filter(|line| !line.is_empty());
        let why = match (said, code) {
            (Some(said), "") => said,
            (Some(said), code) => format!("{said} ({code})"),
            (None, "") => format!("the server answered with the HTTP status {status}"),
            (None, code) => format!("the server answered {code} (HTTP status {status})"),
        };
        let failure = Self { code: code.to_string(), status, ..Self::new(kind, retry, why) };
        match kind {
            ErrorKind::Authentication => failure.hint("check the account's key or signature, and the clock of this machine"),
            ErrorKind::PermissionDenied => failure.hint("check the key or signature, and what it permits: reading, writing, deleting, and listing"),
            _ => failure,
        }
    }

    pub(crate) fn missing_container(container: &str) -> Self {
        let failure = Self { code: "ContainerNotFound".into(), status: 404, ..Self::new(ErrorKind::NotFound, Retry::Never, "there is no such container") };
        failure.hint(format!("create the container {container}, correct container.name, or set container.create to true"))
    }

    /// The precondition of a write does not hold.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status == 412 || self.code == "BlobAlreadyExists"
    }

    pub(crate) fn is_missing_blob(&self) -> bool {
        self.status == 404 && self.code != "ContainerNotFound"
    }

    pub(crate) fn is_missing_container(&self) -> bool {
        self.code == "ContainerNotFound"
    }

    /// The error of a call; `secrets` never appear in it.
    pub(crate) fn into_error(self, operation: &'static str, storage: &str, object: &str, secrets: &Secrets) -> Error {
        let message = said(&secrets.blank(&self.message));
        let error = Error::new(self.kind, operation, message).with("storage", storage).with("object", object).retry(self.retry);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// How long one attempt may take that moves this many bytes: slow lines have their time, a server that hangs does not use up the deadline.
pub(crate) fn attempt_time(len: u64) -> Duration {
    const BYTES_PER_MS: u64 = 256;
    ANSWER_TIME + Duration::from_millis(len / BYTES_PER_MS)
}

pub(crate) fn lower_first(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return String::new() };
    let rest = characters.as_str();
    // An abbreviation stays as it is.
    if rest.starts_with(|second: char| second.is_ascii_uppercase()) {
        return text.to_string();
    }
    first.to_lowercase().chain(rest.chars()).collect()
}

fn of_status(status: u16) -> (ErrorKind, Retry) {
    match status {
        401 => (ErrorKind::Authentication, Retry::Never),
        403 => (ErrorKind::PermissionDenied, Retry::Never),
        405 | 501 => (ErrorKind::Unsupported, Retry::Never),
        408 | 429 | 500 | 502 | 503 | 504 => (ErrorKind::Unavailable, Retry::Later),
        409 => (ErrorKind::Conflict, Retry::Later),
        413 => (ErrorKind::TooLarge, Retry::Never),
        507 => (ErrorKind::NoSpace, Retry::Never),
        _ => (ErrorKind::Unexpected, Retry::Never),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_become_kinds() {
        for (status, code, kind, retry) in [
            (503, "ServerBusy", ErrorKind::Unavailable, Retry::Later),
            (503, "", ErrorKind::Unavailable, Retry::Later),
            (403, "AuthenticationFailed", ErrorKind::Authentication, Retry::Never),
            (403, "AuthorizationFailure", ErrorKind::PermissionDenied, Retry::Never),
            (404, "ContainerNotFound", ErrorKind::NotFound, Retry::Never),
            (413, "RequestBodyTooLarge", ErrorKind::TooLarge, Retry::Never),
            (418, "Teapot", ErrorKind::Unexpected, Retry::Never),
        ] {
            let failure = Failure::of_service(status, code, None);
            assert_eq!((failure.kind, failure.retry), (kind, retry), "{status} {code}");
        }
        assert!(Failure::of_service(409, "BlobAlreadyExists", None).is_refusal());
    }

    #[test]
    fn a_failure_is_one_line_without_secrets() {
        let failure = Failure::of_service(403, "AuthenticationFailed", Some("The key abcd= is wrong.\nRequestId:1\nTime:2"));
        let error = failure.into_error("read object", "a", "azure://c/k", &Secrets::of([("account.key", "abcd=")]));
        assert_eq!(error.to_string(), "read object: storage a, object azure://c/k: the key *** is wrong (AuthenticationFailed)");
    }
}
