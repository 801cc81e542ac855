//! What brokers refuse for a moment only is asked again until the time of the call is over. This is the one place that
//! does so.

use std::time::Duration;

use kafi_core::{Error, Result};

use crate::error::{code_of, says_later};
use crate::ffi::Deadline;

/// The pauses between two attempts.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The pauses between attempts, which grow.
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(PAUSE_MIN)
    }

    /// Waits before the next attempt; false, and at once, where no time is left for one.
    pub(crate) fn pause(&mut self, deadline: Deadline) -> bool {
        if deadline.left() <= self.0 {
            return false;
        }
        std::thread::sleep(self.0);
        self.0 = (self.0 * 2).min(PAUSE_MAX);
        true
    }
}

/// Whether the same call can succeed a moment later, because leaders or coordinators are on the move.
pub(crate) fn is_for_later(error: &Error) -> bool {
    code_of(error).is_some_and(says_later)
}

/// Calls until the answer is not "later", or the time is over.
///
/// # Errors
/// The last one.
pub(crate) fn retried<T>(deadline: Deadline, mut call: impl FnMut() -> Result<T>) -> Result<T> {
    let mut pauses = Pauses::new();
    loop {
        match call() {
            Err(error) if is_for_later(&error) && pauses.pause(deadline) => log::debug!("asking again: {error}"),
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::from_code;

    #[test]
    fn what_is_for_later_is_done_again_and_nothing_else() {
        let deadline = Deadline::after(Duration::from_secs(60));
        let mut answers = vec![Ok(7), Err(from_code("x", 16).with("group", "g")), Err(from_code("x", 14))];
        assert_eq!(
            retried(deadline, || answers.pop().expect("it stops at the first answer"))
                .expect("the third attempt succeeds"),
            7
        );
        let mut calls = 0;
        let refused: Result<()> = retried(deadline, || {
            calls += 1;
            Err(from_code("x", 30))
        });
        assert!(refused.is_err() && calls == 1);
    }

    #[test]
    fn the_time_of_the_call_is_kept() {
        let mut calls = 0;
        let late: Result<()> = retried(Deadline::after(Duration::ZERO), || {
            calls += 1;
            Err(from_code("x", 16))
        });
        assert!(late.is_err() && calls == 1);
    }
}
