//! How a case says that a promise was broken.

use std::fmt::{self, Debug};
use std::panic::Location;

use kafi_core::{Error, ErrorKind, Result};

/// Why a case failed, and where.
pub(super) struct Failure(String);

/// How a case, or a part of one, ended.
pub(super) type Checked<T> = std::result::Result<T, Failure>;

/// How a case ended.
pub(super) type Verdict = Checked<()>;

impl Failure {
    #[track_caller]
    pub(super) fn new(why: impl fmt::Display) -> Self {
        let at = Location::caller();
        Self(format!("{}:{}: {why}", at.file(), at.line()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::new(format_args!("{error:?}"))
    }
}

/// Fails unless `is_true`.
#[track_caller]
pub(super) fn check(is_true: bool, why: impl fmt::Display) -> Verdict {
    if is_true { Ok(()) } else { Err(Failure::new(why)) }
}

/// Fails unless both are equal.
#[track_caller]
pub(super) fn equal<A: Debug + PartialEq<B> + ?Sized, B: Debug + ?Sized>(
    found: &A,
    expected: &B,
    what: impl fmt::Display,
) -> Verdict {
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(format_args!("{what}\n     found: {}\n  expected: {}", shortened(found), shortened(expected))))
}

/// Fails unless a call failed with one of these kinds.
#[track_caller]
pub(super) fn refused<T>(result: Result<T>, kinds: &[ErrorKind], what: impl fmt::Display) -> Checked<Error> {
    match result {
        Ok(_) => Err(Failure::new(format_args!("{what}: it succeeded, where {kinds:?} was expected"))),
        Err(error) if kinds.contains(&error.kind()) => Ok(error),
        Err(error) => Err(Failure::new(format_args!("{what}: {kinds:?} was expected: {error:?}"))),
    }
}

/// What a value looks like, without the middle of what is long.
pub(super) fn shortened(value: &(impl Debug + ?Sized)) -> String {
    const SIDE: usize = 600;
    let text = format!("{value:?}");
    let (head, tail) = (text.char_indices().nth(SIDE), text.char_indices().rev().nth(SIDE));
    match (head, tail) {
        (Some((head, _)), Some((tail, _))) if head < tail => format!("{} … {}", &text[..head], &text[tail..]),
        _ => text,
    }
}
