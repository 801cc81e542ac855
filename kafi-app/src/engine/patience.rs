//! Waiting for a storage that is away when an app starts.

use std::time::{Duration, Instant};

use kafi_core::{Cancel, Error, ErrorKind, Result};

use crate::engine::clock::Clock;
use crate::engine::pulse::Pulse;

/// What is away is asked again this often.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an app that starts waits for what it needs.
pub(crate) struct Patience {
    clock: Clock,
    limit: Duration,
    until: Instant,
    cancel: Cancel,
    was_said: bool,
}

impl Patience {
    /// That of an app that is to run until it is stopped: it waits for `limit`, as it does later. Zero waits for nothing.
    pub(crate) fn new(clock: &Clock, limit: Duration, cancel: &Cancel) -> Self {
        Self { clock: clock.clone(), limit, until: clock.now() + limit, cancel: cancel.clone(), was_said: false }
    }

    /// What `work` gives, once the storage is there. A wish to stop ends the wait.
    ///
    /// # Errors
    /// What `work` fails with, unless that may pass.
    pub(crate) fn insist<T>(&mut self, pulse: &Pulse, mut work: impl FnMut() -> Result<T>) -> Result<T> {
        loop {
            pulse.beat(0, 0);
            let error = match work() {
                Err(error) if is_away(&error) && self.clock.now() < self.until => error,
                ended => return ended,
            };
            if !std::mem::replace(&mut self.was_said, true) {
                log::warn!("waiting for up to {} s for what cannot be reached yet: {error}", self.limit.as_secs());
            }
            if !self.clock.sleep_until(self.clock.now() + PAUSE, || self.cancel.is_cancelled()) {
                return Err(error);
            }
        }
    }
}

/// Whether a storage cannot be reached, or does not answer.
pub(crate) fn is_away(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn away(kind: ErrorKind) -> Error {
        Error::new(kind, "subscribe", "it is away")
    }

    #[test]
    fn it_ends_with_its_limit_with_another_error_and_with_a_wish_to_stop() {
        let (clock, cancel) = (Clock::default(), Cancel::new());
        let pulse = Pulse::new(clock.clone(), Duration::from_secs(60));
        let asked = Cell::new(0);
        let insist = |limit: Duration, answer: &dyn Fn(u32) -> Result<()>| {
            asked.set(0);
            let work = || {
                asked.set(asked.get() + 1);
                answer(asked.get())
            };
            (Patience::new(&clock, limit, &cancel).insist(&pulse, work).map_err(|error| error.kind()), asked.get())
        };
        let (unavailable, limit) = (ErrorKind::Unavailable, Duration::from_secs(3600));
        assert_eq!(insist(Duration::ZERO, &|_| Err(away(unavailable))), (Err(unavailable), 1));
        assert_eq!(insist(2 * PAUSE, &|_| Err(away(unavailable))).0, Err(unavailable));
        assert!(asked.get() > 1);
        assert_eq!(insist(limit, &|times| if times < 3 { Err(away(unavailable)) } else { Ok(()) }), (Ok(()), 3));
        assert_eq!(insist(limit, &|_| Err(away(ErrorKind::NotFound))), (Err(ErrorKind::NotFound), 1));
        cancel.cancel();
        assert_eq!(insist(limit, &|_| Err(away(unavailable))), (Err(unavailable), 1));
    }
}
