//! Why a request is not answered as it wishes.

use kafi_core::Error;

/// Why a request is not answered as it wishes.
#[derive(Debug)]
pub enum Failure {
    /// It is refused.
    Refused(Refusal),
    /// What it asked for failed; what that is in an API, the API says.
    Failed(Error),
}

/// A status of HTTP, a code that says more, and words.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: u32,
    pub message: String,
}

impl Refusal {
    pub fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// One whose status says all.
    pub fn of_status(status: u16, message: impl Into<String>) -> Self {
        Self::new(status, status.into(), message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
