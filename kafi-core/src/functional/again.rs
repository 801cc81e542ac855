//! Beginning again: what follows topics without an end outlives what passes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result, Retry};

/// The first wait before something begins again; it doubles each time.
const WAIT_MIN: Duration = Duration::from_millis(500);

/// No wait is longer.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// When something that failed begins again.
#[derive(Default)]
pub struct Backoff {
    wait: Duration,
    until: Option<Instant>,
}

impl Backoff {
    /// Takes note that it failed, which is said where it went well before.
    pub fn failed(&mut self, error: &Error) {
        match self.wait.is_zero() {
            true => log::warn!("{error}: going on as soon as that is over"),
            false => log::info!("{error}"),
        }
        self.wait = (2 * self.wait).clamp(WAIT_MIN, WAIT_MAX);
        self.until = Some(Instant::now() + self.wait);
    }

    /// How long it is until the next attempt; `None` if none is due.
    pub fn left(&self) -> Option<Duration> {
        Some(self.until?.saturating_duration_since(Instant::now()))
    }

    /// Takes note that an attempt was made that did not fail at once.
    pub fn begun(&mut self) {
        self.until = None;
    }

    /// It goes well.
    pub fn goes_on(&mut self) {
        if !self.wait.is_zero() && self.until.is_none() {
            log::info!("it goes on");
            self.wait = Duration::ZERO;
        }
    }
}

/// Whether what failed like this may succeed when it begins anew: also where it was tried for long already.
pub fn may_pass(error: &Error) -> bool {
    match error.retryable() {
        Retry::Later => true,
        Retry::Never => error.kind() == ErrorKind::Timeout,
        Retry::Exhausted => matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout),
    }
}

/// What `work` gives.
///
/// # Errors
/// What `work` fails with; `Unexpected` where it panics.
pub fn caught<T>(operation: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Nothing that a panic may leave half done is used afterwards.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(operation, panic.as_ref())))
}

fn panicked(operation: &'static str, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(
        ErrorKind::Unexpected,
        operation,
        format!("a thread panicked: {}", text.unwrap_or("it does not say why")),
    )
}
