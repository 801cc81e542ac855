//! Why an attempt failed, and the one clear line that it becomes.

use std::error::Error as StdError;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Retry};

use super::Location;
use crate::said::said;

/// What a service's codes mean to a program.
pub type Kinds = [(&'static str, ErrorKind, Retry)];

/// What a failure says beside its kind, as far as it decides how a call goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing.
    #[default]
    Other,
    /// There is no such object, or maybe no such bucket.
    NoObject,
    /// There is no such bucket.
    NoBucket,
    /// What was asked for is not as the precondition says.
    Refused,
    /// There is no such upload in parts: it was never begun, or is finished or aborted.
    NoUpload,
    /// The range begins behind the end of the object.
    BehindEnd,
}

/// Why an attempt failed.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Whether another attempt may help.
    pub retry: Retry,
    /// What it says beside that.
    pub meaning: Meaning,
    /// The service's code, or nothing.
    pub code: String,
    /// The HTTP status, or 0.
    pub status: u16,
    is_unreachable: bool,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure with this message, which becomes one short line without the place's secrets.
    pub fn new(kind: ErrorKind, retry: Retry, message: impl Into<String>) -> Self {
        let (meaning, code) = (Meaning::Other, String::new());
        Self { kind, retry, meaning, code, status: 0, is_unreachable: false, message: message.into(), hint: None }
    }

    /// What the service answered with: `kinds` says what its codes mean, and what is not listed there follows from the
    /// HTTP status.
    pub fn answered(kinds: &Kinds, status: u16, code: &str, message: Option<&str>) -> Self {
        let known = kinds.iter().find(|(known, ..)| *known == code);
        let (kind, retry) = known.map_or_else(|| status_kind(status), |(_, kind, retry)| (*kind, *retry));
        let why = match (message.map(lower_first).filter(|message| !message.is_empty()), code) {
            (Some(message), "") => message,
            (Some(message), code) => format!("{message} ({code})"),
            (None, "") => format!("the server answered with the HTTP status {status}"),
            (None, code) => format!("the server answered {code} (HTTP status {status})"),
        };
        Self { code: code.to_string(), status, ..Self::new(kind, retry, why) }
    }

    /// An attempt that got no answer in time.
    pub fn timeout(limit: Duration) -> Self {
        Self::new(ErrorKind::Timeout, Retry::Later, format!("no answer within {:.1} s", limit.as_secs_f64()))
    }

    /// A body that ended before its end; `root` says why.
    pub fn cut(root: &str) -> Self {
        Self::new(ErrorKind::Unavailable, Retry::Later, format!("the connection broke in the middle: {root}"))
    }

    /// A connection that did not hold until there was an answer.
    pub fn broken(root: &str) -> Self {
        Self::new(ErrorKind::Unavailable, Retry::Later, format!("the connection broke: {root}"))
    }

    /// A server that does not speak TLS, or that nobody vouches for.
    pub fn insecure(root: &str) -> Self {
        Self::new(ErrorKind::Unavailable, Retry::Never, format!("no secure connection: {root}"))
    }

    /// There is nobody to talk to.
    pub fn no_server(root: &str) -> Self {
        Self::new(ErrorKind::Unavailable, Retry::Later, format!("the server cannot be reached: {root}")).unreachable()
    }

    /// Says that there is nobody to talk to, so that a retry soon is as good as one much later.
    pub fn unreachable(self) -> Self {
        Self { is_unreachable: true, ..self }
    }

    /// Says what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says what it means for the call.
    pub fn meaning(self, meaning: Meaning) -> Self {
        Self { meaning, ..self }
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.is_unreachable
    }

    /// The error of a call about `object`.
    pub(super) fn into_error(self, operation: &'static str, place: &Location, object: String) -> Error {
        let message = said(&place.secrets.blank(&self.message));
        let mut error = Error::new(self.kind, operation, message)
            .with("storage", &place.storage)
            .with("object", object)
            .retry(self.retry);
        if let Some(hint) = self.hint {
            error = error.hint(hint);
        }
        match &place.endpoint {
            Some(endpoint) if self.is_unreachable => error.with("endpoint", endpoint),
            _ => error,
        }
    }
}

/// What an HTTP status means where nothing else says what is wrong.
fn status_kind(status: u16) -> (ErrorKind, Retry) {
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

/// An error and its causes, down to the root.
pub fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

/// What lies at the bottom of it, without the number that the standard library appends.
pub fn root_of(error: &(dyn StdError + 'static)) -> String {
    let root = chain(error).last().map(ToString::to_string).unwrap_or_default();
    lower_first(root.split(" (os error").next().unwrap_or(&root))
}

/// A sentence as it stands behind a colon: without its capital letter, unless that begins an abbreviation, and without
/// its full stop.
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
