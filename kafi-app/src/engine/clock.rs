//! The time by which an app waits before it tries again.

use std::time::Instant;

/// The system's clock.
#[derive(Default)]
pub(crate) struct Clock;

impl Clock {
    /// The time by this clock.
    pub(crate) fn now(&self) -> Instant {
        Instant::now()
    }
}
