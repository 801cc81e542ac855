//! From what the SDK and the service say to one clear line with a kind.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use http_body_util::LengthLimitError;
use kafi_core::{Error, ErrorKind, Retry, Secrets};
use kafi_objects::said;

use crate::answers::CutOff;

/// What the service's codes mean to a program. What is not listed follows from the HTTP status.
const KINDS: &[(&str, ErrorKind, Retry)] = {
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

    /// An attempt that got no answer in time.
    pub(crate) fn timeout(limit: Duration) -> Self {
        Self::new(ErrorKind::Timeout, Retry::Later, format!("no answer within {:.1} s", limit.as_secs_f64()))
    }

    /// A body that ended before its end.
    pub(crate) fn cut(source: &(dyn StdError + 'static)) -> Self {
        Self::new(ErrorKind::Unavailable, Retry::Later, format!("the connection broke in the middle: {}", root_of(source)))
    }

    /// What is said of one object among several.
    pub(crate) fn of_code(code: Option<&str>, message: Option<&str>) -> Self {
        of_service(0, code.unwrap_or_default(), message, None)
    }

    pub(crate) fn missing_bucket(bucket: &str) -> Self {
        let failure = Self { code: "NoSuchBucket".into(), status: 404, ..Self::new(ErrorKind::NotFound, Retry::Never, "there is no such bucket") };
        failure.hint(format!("create the bucket {bucket}, correct bucket.name, or set bucket.create to true"))
    }

    /// What was asked for is not as the precondition says.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status == 412 || self.code == "PreconditionFailed"
    }

    pub(crate) fn is_missing_key(&self) -> bool {
        self.code == "NoSuchKey" || (self.status == 404 && matches!(self.code.as_str(), "" | "NotFound"))
    }

    pub(crate) fn is_missing_bucket(&self) -> bool {
        self.code == "NoSuchBucket"
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

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(service) => {
                let headers = service.raw().headers();
                let region = headers.get("x-amz-bucket-region");
                of_service(service.raw().status().as_u16(), service.err().code().unwrap_or_default(), service.err().message(), region)
            }
            SdkError::TimeoutError(_) => Self::timeout(ANSWER_TIME),
            // What is wrong is said by the status, if it was not said in time or in few words.
            SdkError::ResponseError(answer) if !answer.raw().status().is_success() => of_service(answer.raw().status().as_u16(), "", None, None),
            SdkError::ResponseError(_) if chain(&error).any(|cause| cause.is::<LengthLimitError>()) => {
                Self::new(ErrorKind::Unavailable, Retry::Never, "the answer is longer than any that it could be")
            }
            SdkError::ResponseError(_) if chain(&error).any(|cause| cause.is::<CutOff>()) => {
                Self::new(ErrorKind::Unavailable, Retry::Later, CutOff.to_string())
            }
            SdkError::ResponseError(_) => Self::cut(&error),
            _ => of_dispatch(&error),
        }
    }
}

/// How long one attempt may take that moves this many bytes: slow lines have their time, a server that hangs does not use up the deadline.
pub(crate) fn attempt_time(len: u64) -> Duration {
    const BYTES_PER_MS: u64 = 256;
    ANSWER_TIME + Duration::from_millis(len / BYTES_PER_MS)
}

fn of_service(status: u16, code: &str, message: Option<&str>, region: Option<&str>) -> Failure {
    let (kind, retry) = match KINDS.iter().find(|(known, ..)| *known == code) {
        Some((_, kind, retry)) => (*kind, *retry),
        None => of_status(status),
    };
    let why = match (message.map(lower_first), code) {
        (Some(message), "") => message,
        (Some(message), code) => format!("{message} ({code})"),
        // The answer to a HEAD has no room for the reason.
        (None, "") if status == 403 => "the server refuses these keys, or what was asked with them (HTTP status 403)".to_string(),
        (None, "") => format!("the server answered with the HTTP status {status}"),
        (None, code) => format!("the server answered {code} (HTTP status {status})"),
    };
    let failure = Failure { code: code.to_string(), status, ..Failure::new(kind, retry, why) };
    match (kind, region) {
        (ErrorKind::Config, Some(region)) => failure.hint(format!("the bucket lies in another region: set region to {}", said(region))),
        (ErrorKind::Authentication, _) if code == "RequestTimeTooSkewed" => failure.hint("set the clock of this machine"),
        (ErrorKind::Authentication, _) => failure.hint("check access.key, secret.key, and session.token, or what the environment or the profile says"),
        _ => failure,
    }
}

fn of_status(status: u16) -> (ErrorKind, Retry) {
    match status {
        301 | 307 => (ErrorKind::Config, Retry::Never),
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
        return Failure::new(ErrorKind::Unavailable, Retry::Never, format!("no secure connection: {root}"));
    }
    let is_reset = chain(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|cause| {
        use std::io::ErrorKind::*;
        matches!(cause.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
    });
    if is_reset || says("IncompleteMessage") || says("connection closed") {
        return Failure::new(ErrorKind::Unavailable, Retry::Later, format!("the connection broke: {root}"));
    }
    Failure { is_unreachable: true, ..Failure::new(ErrorKind::Unavailable, Retry::Later, format!("the server cannot be reached: {root}")) }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

/// What lies at the bottom of it, without the number that the standard library appends.
fn root_of(error: &(dyn StdError + 'static)) -> String {
    let root = chain(error).last().map(ToString::to_string).unwrap_or_default();
    lower_first(root.split(" (os error").next().unwrap_or(&root))
}

fn lower_first(text: &str) -> String {
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
            (507, "", ErrorKind::NoSpace, Retry::Never),
            (418, "Teapot", ErrorKind::Unexpected, Retry::Never),
        ] {
            let failure = of_service(status, code, None, None);
            assert_eq!((failure.kind, failure.retry), (kind, retry), "{status} {code}");
        }
    }

    #[test]
    fn a_failure_is_one_line_without_secrets() {
        let failure = of_service(403, "InvalidAccessKeyId", Some("The key AKIA is not known."), None);
        let error = failure.into_error("read object", "s3", "s3://b/k", &Secrets::of([("access.key", "AKIA")]));
        assert_eq!(error.to_string(), "read object: storage s3, object s3://b/k: the key *** is not known (InvalidAccessKeyId)");
        let failure = of_service(301, "PermanentRedirect", None, Some("eu-west-1"));
        assert!(failure.hint.unwrap().ends_with("set region to eu-west-1"));
    }
}
