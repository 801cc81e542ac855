//! What the service says, and what that means.

use kafi_core::{ErrorKind, Retry};
use kafi_objects::requests::{Failure, Kinds, Meaning};

/// What the service's codes mean to a program. What is not listed follows from the HTTP status.
const KINDS: &Kinds = {
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

/// What the service answered with.
pub(crate) fn of_service(status: u16, code: &str, message: Option<&str>) -> Failure {
    // The messages end in lines of ids and times.
    let mut failure = Failure::answered(KINDS, status, code, message.and_then(|message| message.lines().next()));
    // Azurite has one code for both, and says which it is.
    if message.is_some_and(|message| message.contains("failed to authenticate")) {
        (failure.kind, failure.retry) = (ErrorKind::Authentication, Retry::Never);
    }
    let failure = failure.meaning(match (status, code) {
        (_, "ContainerNotFound") => Meaning::NoBucket,
        (404, _) => Meaning::NoObject,
        (_, "BlobAlreadyExists") | (412, _) => Meaning::Refused,
        (416, _) => Meaning::BehindEnd,
        _ => Meaning::Other,
    });
    match failure.kind {
        ErrorKind::Authentication => {
            failure.hint("check the account's key or signature, and the clock of this machine")
        }
        ErrorKind::PermissionDenied => {
            failure.hint("check the key or signature, and what it permits: reading, writing, deleting, and listing")
        }
        _ => failure,
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
            let failure = of_service(status, code, None);
            assert_eq!((failure.kind, failure.retry), (kind, retry), "{status} {code}");
        }
    }

    #[test]
    fn codes_and_statuses_have_a_meaning() {
        for (status, code, meaning) in [
            (404, "ContainerNotFound", Meaning::NoBucket),
            (404, "BlobNotFound", Meaning::NoObject),
            (404, "", Meaning::NoObject),
            (409, "BlobAlreadyExists", Meaning::Refused),
            (412, "ConditionNotMet", Meaning::Refused),
            (416, "InvalidRange", Meaning::BehindEnd),
            (409, "ContainerBeingDeleted", Meaning::Other),
        ] {
            assert_eq!(of_service(status, code, None).meaning, meaning, "{status} {code}");
        }
    }
}
