//! Where a producer stands that writes in transactions.
//!
//! ```text
//!   new ──init──▶ ready ──begin──▶ open ──commit──▶ ready
//!                   ▲               │ a message fails
//!                   │               ▼
//!                   └────abort── spoiled
//! ```
//!
//! librdkafka keeps the state of the transaction itself, and says what has become of it. What it does not know of is a
//! message that was never handed over to it, because its topic is missing or takes smaller batches: then the transaction
//! is *spoiled* here, and must not be committed.

use kafi_core::{Error, ErrorKind, Result, Retry};

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing is initialised yet.
    New,
    /// A transaction can begin.
    Ready,
    Open,
    /// The transaction can only be aborted.
    Spoiled,
    /// It was aborted, and goes on with a new client, which is not initialised yet.
    Renewed,
}

impl Standing {
    /// Whether a call is allowed now.
    ///
    /// # Errors
    /// `Usage` where it is not.
    pub(crate) fn check(self, operation: &'static str, allowed: &[Self]) -> Result<()> {
        if allowed.contains(&self) {
            return Ok(());
        }
        let why = match self {
            Self::New => "transactions are not initialised",
            Self::Ready => "no transaction is open",
            Self::Open => "a transaction is open",
            Self::Spoiled | Self::Renewed => "the transaction has to be aborted",
        };
        Err(Error::new(ErrorKind::Usage, operation, why))
    }
}

/// Why a transaction in which a message has failed is not committed.
pub(crate) fn spoiled(operation: &'static str) -> Error {
    let why = "the transaction has to be aborted, because a message of it was not written";
    Error::new(ErrorKind::Cancelled, operation, why)
}

/// A topic takes smaller batches than the client was made for, and another client begins with another transaction.
pub(crate) fn smaller_batches(operation: &'static str, limit: u64) -> Error {
    let why = format!("the transaction has to be aborted: a topic takes no batches of more than {limit} bytes");
    Error::new(ErrorKind::Cancelled, operation, why).retry(Retry::Later)
}
