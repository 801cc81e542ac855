//! From what the SDK and the service say to one clear line with a kind.

use std::error::Error as StdError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use http_body_util::LengthLimitError;
use kafi_core::{ErrorKind, Retry};
use kafi_objects::requests::{ANSWER_TIME, Failure, Kinds, Meaning, chain, root_of};
use kafi_objects::said;

use crate::answers::CutOff;

/// What the service's codes mean to a program. What is not listed follows from the HTTP status.
const KINDS: &Kinds = {
    use ErrorKind::*;
    use Retry::*;
    &[
        ("InvalidAccessKeyId", Authentication, Never),
        // So versitygw calls it.
        ("XAdminUserNotFound", Authentication, Never),
        ("SignatureDoesNotMatch", Authentication, Never),
        ("InvalidToken", Authentication, Never),
        ("ExpiredToken", Authentication, Never),
        ("InvalidSecurity", Authentication, Never),
        ("RequestTimeTooSkewed", Authentication, Never),
        ("AccessDenied", PermissionDenied, Never),
        ("AllAccessDisabled", PermissionDenied, Never),
        ("AccountProblem", PermissionDenied, Never),
        ("NoSuchBucket", NotFound, Never),
        ("NoSuchUpload", NotFound, Never),
        ("SlowDown", Unavailable, Later),
        ("SlowDownRead", Unavailable, Later),
        ("SlowDownWrite", Unavailable, Later),
        ("ServiceUnavailable", Unavailable, Later),
        ("InternalError", Unavailable, Later),
        ("Throttling", Unavailable, Later),
        ("ThrottlingException", Unavailable, Later),
        ("RequestLimitExceeded", Unavailable, Later),
        ("TooManyRequests", Unavailable, Later),
        ("RequestTimeout", Unavailable, Later),
        // Of a body that arrived cut off or damaged.
        ("IncompleteBody", Unavailable, Later),
        ("BadDigest", Unavailable, Later),
        ("XAmzContentSHA256Mismatch", Unavailable, Later),
        // Somebody else is writing the same key: the next attempt learns who came first.
        ("ConditionalRequestConflict", Conflict, Later),
        ("OperationAborted", Conflict, Later),
        ("QuotaExceeded", NoSpace, Never),
        ("InsufficientStorage", NoSpace, Never),
        ("XMinioStorageFull", NoSpace, Never),
        ("EntityTooLarge", TooLarge, Never),
        ("MaxMessageLengthExceeded", TooLarge, Never),
        ("KeyTooLongError", Usage, Never),
        ("NotImplemented", Unsupported, Never),
        ("MethodNotAllowed", Unsupported, Never),
        ("InvalidBucketName", Config, Never),
        ("IllegalLocationConstraintException", Config, Never),
        ("PermanentRedirect", Config, Never),
        ("AuthorizationHeaderMalformed", Config, Never),
    ]
};

/// What the SDK says of a request.
pub(crate) fn failure<E>(error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match &error {
        SdkError::ServiceError(service) => {
            let headers = service.raw().headers();
            let region = headers.get("x-amz-bucket-region");
            of_service(
                service.raw().status().as_u16(),
                service.err().code().unwrap_or_default(),
                service.err().message(),
                region,
            )
        }
        SdkError::TimeoutError(_) => Failure::timeout(ANSWER_TIME),
        // What is wrong is said by the status, if it was not said in time or in few words.
        SdkError::ResponseError(answer) if !answer.raw().status().is_success() => {
            of_service(answer.raw().status().as_u16(), "", None, None)
        }
        SdkError::ResponseError(_) if chain(&error).any(|cause| cause.is::<LengthLimitError>()) => {
            Failure::new(ErrorKind::Unavailable, Retry::Never, "the answer is longer than any that it could be")
        }
        SdkError::ResponseError(_) if chain(&error).any(|cause| cause.is::<CutOff>()) => {
            Failure::new(ErrorKind::Unavailable, Retry::Later, CutOff.to_string())
        }
        SdkError::ResponseError(_) => Failure::cut(&root_of(&error)),
        _ => of_dispatch(&error),
    }
}

/// What is said of one object among several.
pub(crate) fn of_code(code: Option<&str>, message: Option<&str>) -> Failure {
    of_service(0, code.unwrap_or_default(), message, None)
}

fn of_service(status: u16, code: &str, message: Option<&str>, region: Option<&str>) -> Failure {
    let mut failure = match (status, code, message) {
        // The answer to a HEAD has no room for the reason.
        (403, "", None) => Failure::answered(
            KINDS,
            status,
            code,
            Some("the server refuses these keys, or what was asked with them (HTTP status 403)"),
        ),
        _ => Failure::answered(KINDS, status, code, message),
    };
    // Another region's bucket, where no code says more.
    if matches!(status, 301 | 307) && !KINDS.iter().any(|(known, ..)| *known == code) {
        failure.kind = ErrorKind::Config;
    }
    let failure = failure.meaning(match (status, code) {
        (_, "NoSuchBucket") => Meaning::NoBucket,
        (_, "NoSuchUpload") => Meaning::NoUpload,
        (_, "NoSuchKey") | (404, "" | "NotFound") => Meaning::NoObject,
        (_, "PreconditionFailed") | (412, _) => Meaning::Refused,
        (416, _) => Meaning::BehindEnd,
        _ => Meaning::Other,
    });
    match (failure.kind, region) {
        (ErrorKind::Config, Some(region)) => {
            failure.hint(format!("the bucket lies in another region: set region to {}", said(region)))
        }
        (ErrorKind::Authentication, _) if code == "RequestTimeTooSkewed" => {
            failure.hint("set the clock of this machine")
        }
        (ErrorKind::Authentication, _) => {
            failure.hint("check access.key, secret.key, and session.token, or what the environment or the profile says")
        }
        _ => failure,
    }
}

/// A request that was not answered: no credentials, no server, no connection that holds.
fn of_dispatch(error: &(dyn StdError + 'static)) -> Failure {
    let root = root_of(error);
    // The SDK's types for this are hidden behind boxes of several kinds; its texts are not.
    let texts: Vec<String> = chain(error).map(|cause| cause.to_string()).collect();
    let says = |part: &str| texts.iter().any(|text| text.contains(part));
    if says("credential") || says("identity resolver") || says("profile") {
        return Failure::new(ErrorKind::Authentication, Retry::Never, format!("no credentials could be loaded: {root}"))
            .hint("set access.key and secret.key, the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile");
    }
    if says("certificate") || says("InvalidContentType") {
        return Failure::insecure(&root);
    }
    let is_reset = chain(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|cause| {
        use std::io::ErrorKind::*;
        matches!(cause.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
    });
    if is_reset || says("IncompleteMessage") || says("connection closed") {
        return Failure::broken(&root);
    }
    Failure::no_server(&root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_become_kinds() {
        for (status, code, kind, retry) in [
            (503, "SlowDown", ErrorKind::Unavailable, Retry::Later),
            (503, "", ErrorKind::Unavailable, Retry::Later),
            (403, "AccessDenied", ErrorKind::PermissionDenied, Retry::Never),
            (404, "InvalidAccessKeyId", ErrorKind::Authentication, Retry::Never),
            (403, "SignatureDoesNotMatch", ErrorKind::Authentication, Retry::Never),
            (404, "NoSuchBucket", ErrorKind::NotFound, Retry::Never),
            (400, "EntityTooLarge", ErrorKind::TooLarge, Retry::Never),
            (307, "", ErrorKind::Config, Retry::Never),
            (507, "", ErrorKind::NoSpace, Retry::Never),
            (418, "Teapot", ErrorKind::Unexpected, Retry::Never),
        ] {
            let failure = of_service(status, code, None, None);
            assert_eq!((failure.kind, failure.retry), (kind, retry), "{status} {code}");
        }
    }

    #[test]
    fn codes_and_statuses_have_a_meaning() {
        for (status, code, meaning) in [
            (404, "NoSuchBucket", Meaning::NoBucket),
            (404, "NoSuchKey", Meaning::NoObject),
            (0, "NoSuchKey", Meaning::NoObject),
            (404, "", Meaning::NoObject),
            (404, "NotFound", Meaning::NoObject),
            (404, "InvalidAccessKeyId", Meaning::Other),
            (412, "", Meaning::Refused),
            (409, "PreconditionFailed", Meaning::Refused),
            (416, "InvalidRange", Meaning::BehindEnd),
            (409, "ConditionalRequestConflict", Meaning::Other),
        ] {
            assert_eq!(of_service(status, code, None, None).meaning, meaning, "{status} {code}");
        }
    }
}
