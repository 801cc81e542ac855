//! Errors across the interface: flattened on one side, rebuilt on the other.

use std::error::Error as StdError;
use std::fmt;

use kafi_abi::abi_stable::std_types::{ROption, RString, RVec};
use kafi_abi::{Failure, Pair};

use crate::error::{Error, ErrorKind, Retry};

/// The causes that cross at most; whoever has more has a loop.
const CAUSES_MAX: usize = 32;

/// The kinds in the order of their numbers.
const KINDS: [ErrorKind; 19] = [
    ErrorKind::Unexpected,
    ErrorKind::Usage,
    ErrorKind::Config,
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::Unsupported,
    ErrorKind::Authentication,
    ErrorKind::PermissionDenied,
    ErrorKind::Unavailable,
    ErrorKind::Timeout,
    ErrorKind::OutOfRange,
    ErrorKind::TooLarge,
    ErrorKind::Corrupt,
    ErrorKind::NoSpace,
    ErrorKind::Conflict,
    ErrorKind::Fenced,
    ErrorKind::Io,
    ErrorKind::Cancelled,
    ErrorKind::Function,
];

/// An error as it crosses.
pub(super) fn flatten(error: &Error) -> Failure {
    let causes = std::iter::successors(StdError::source(error), next_cause);
    Failure {
        kind: error.kind() as u32,
        retry: match error.retryable() {
            Retry::Never => 0,
            Retry::Later => 1,
            Retry::Exhausted => 2,
        },
        operation: error.operation().into(),
        message: error.message().into(),
        context: error.context().map(|(key, value)| Pair { key: key.into(), value: value.into() }).collect(),
        hint: error.hint_text().map(RString::from).into(),
        chain: causes.take(CAUSES_MAX).map(|cause| RString::from(cause.to_string())).collect::<RVec<_>>(),
    }
}

fn next_cause<'a>(cause: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    (*cause).source()
}

/// The error that crossed.
pub(super) fn rebuild(failure: Failure) -> Error {
    let kind = KINDS.get(failure.kind as usize).copied().unwrap_or(ErrorKind::Unexpected);
    let retry = match failure.retry {
        1 => Retry::Later,
        2 => Retry::Exhausted,
        _ => Retry::Never,
    };
    let mut error = Error::new(kind, failure.operation.into_string(), failure.message).retry(retry);
    for Pair { key, value } in failure.context {
        error = error.with(key.into_string(), value);
    }
    if let ROption::RSome(hint) = failure.hint {
        error = error.hint(hint);
    }
    let cause = failure.chain.into_iter().take(CAUSES_MAX).collect::<Vec<_>>();
    let cause =
        cause.into_iter().rev().fold(None, |source, text| Some(Box::new(Cause { text: text.into_string(), source })));
    match cause {
        Some(cause) => error.source(cause as Box<dyn StdError + Send + Sync>),
        None => error,
    }
}

/// A cause of which only the text crossed.
#[derive(Debug)]
struct Cause {
    text: String,
    source: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_back_as_they_were() {
        for (number, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(rebuild(flatten(&Error::new(kind, "a", "b"))).kind(), kind);
        }
        let inner = Error::new(ErrorKind::Io, "open", "no luck").source(std::io::Error::other("the disk is on fire"));
        let error = Error::new(ErrorKind::Corrupt, "read", "bad")
            .with("topic", "t")
            .with("offset", 3)
            .hint("look")
            .retry(Retry::Exhausted)
            .source(inner);
        let twin = rebuild(flatten(&error));
        assert_eq!(format!("{twin:?}"), format!("{error:?}"));
        assert!(format!("{twin:?}").contains("caused by: the disk is on fire"));
        assert_eq!((twin.hint_text(), twin.retryable()), (Some("look"), Retry::Exhausted));
    }

    #[test]
    fn a_kind_that_nobody_knows_is_unexpected() {
        let mut failure = flatten(&Error::new(ErrorKind::Usage, "a", "b"));
        failure.kind = 99;
        assert_eq!(rebuild(failure).kind(), ErrorKind::Unexpected);
    }
}
