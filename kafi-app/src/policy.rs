//! What a route does with messages beside handling them, as values.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::Error;

/// In which order the messages of a route are handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// One after another within each partition.
    #[default]
    Partition,
    /// One after another among those of the same key. Messages without a key have no order.
    Key,
    /// In no order.
    None,
}

/// How often a message that fails is handled, and how long is waited in between.
///
/// While a message waits, so do those behind it in its order; all others go on. Default: three times in all, with
/// half a second and then a second in between.
#[derive(Clone)]
pub struct Retries {
    attempts: u32,
    first: Duration,
    factor: u32,
    max: Duration,
    jitter: bool,
    only: Option<Which>,
}

/// Says of an error whether it is tried again.
type Which = Arc<dyn Fn(&Error) -> bool + Send + Sync>;

impl Retries {
    /// Each message has one chance.
    pub fn none() -> Self {
        Self::fixed(1, Duration::ZERO)
    }

    /// So many attempts in all (0: without an end), with the same wait in between.
    pub fn fixed(attempts: u32, wait: Duration) -> Self {
        Self { attempts, first: wait, factor: 1, max: Duration::MAX, jitter: false, only: None }
    }

    /// So many attempts in all (0: without an end), with a wait that doubles each time, up to a minute, and varies by up
    /// to a half, so that what failed together does not come back together.
    pub fn exponential(attempts: u32, first: Duration) -> Self {
        Self { attempts, first, factor: 2, max: Duration::from_secs(60), jitter: true, only: None }
    }

    /// No wait is longer than this.
    pub fn cap(self, max: Duration) -> Self {
        Self { max, ..self }
    }

    /// Only errors for which `which` says so are tried again.
    pub fn only_if(self, which: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        Self { only: Some(Arc::new(which)), ..self }
    }

    /// How long to wait after so many attempts before the next one; `None` if there is none. `random` is any number.
    pub(crate) fn wait_after(&self, attempts: u32, error: &Error, random: u64) -> Option<Duration> {
        if self.attempts != 0 && attempts >= self.attempts || self.only.as_ref().is_some_and(|only| !only(error)) {
            return None;
        }
        let factor = self.factor.saturating_pow(attempts.saturating_sub(1));
        let wait = self.first.saturating_mul(factor).min(self.max);
        if !self.jitter {
            return Some(wait);
        }
        // From three quarters to five quarters.
        Some(wait.mul_f64(0.75 + (random % 1024) as f64 / 2048.0).min(self.max))
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self::exponential(3, Duration::from_millis(500))
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempts, first, factor, max, jitter, only } = self;
        let mut shown = f.debug_struct("Retries");
        shown.field("attempts", attempts).field("first", first).field("factor", factor).field("max", max);
        shown.field("jitter", jitter).field("only", &only.is_some()).finish()
    }
}

/// What becomes of a message that has failed for the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// It is written to this topic of the producer's storage, byte for byte, with headers that say where it was, why it
    /// failed, how often, and when.
    DeadLetter(String),
    /// It is left out, with a warning in the log.
    Skip,
    /// The app stops. This is the default.
    #[default]
    Stop,
}

/// When a route stops for a while because everything fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    pub(crate) failures: u32,
    pub(crate) pause: Duration,
}

impl Breaker {
    /// After so many failures in a row nothing is handled for this long; then one message is tried, and if it fails,
    /// too, it waits again.
    pub fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(retries: &Retries, random: u64) -> Vec<u64> {
        let error = Error::function("no");
        (1..).map_while(|attempt| retries.wait_after(attempt, &error, random)).map(|w| w.as_millis() as u64).collect()
    }

    #[test]
    fn waits_grow_vary_and_end() {
        let second = Duration::from_secs(1);
        assert!(waits(&Retries::none(), 0).is_empty());
        assert_eq!(waits(&Retries::fixed(3, second), 9), [1000, 1000]);
        assert_eq!(waits(&Retries::exponential(5, second).cap(3 * second), 512), [1000, 2000, 3000, 3000]);
        assert_eq!(waits(&Retries::exponential(3, second), 0), [750, 1500]);
        assert!(Retries::fixed(0, second).wait_after(u32::MAX, &Error::function("no"), 0).is_some());
        assert!(Retries::exponential(0, second).wait_after(u32::MAX, &Error::function("no"), 1023).is_some());
        let only = Retries::fixed(3, second).only_if(|error| error.message() == "later");
        assert_eq!(only.wait_after(1, &Error::function("no"), 0), None);
        assert_eq!(only.wait_after(1, &Error::function("later"), 0), Some(second));
    }
}
