//! How fast a copy may be.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result, bytes_of};

/// Batches are cut so small that there are this many a second, so that what is slow is also even.
const BATCHES_A_SECOND: u64 = 10;

/// One sleep is this long at most, so that a wish to stop is seen soon.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// A number of messages, or of bytes, a second.
///
/// ```
/// use kafi_shell::Rate;
/// assert_eq!("500".parse::<Rate>().unwrap(), Rate::Messages(500));
/// assert_eq!("10MB".parse::<Rate>().unwrap(), Rate::Bytes(10_000_000));
/// assert_eq!("1.5 KiB/s".parse::<Rate>().unwrap(), Rate::Bytes(1536));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Messages a second; at least 1.
    Messages(u64),
    /// Bytes of keys, values, and headers a second; at least 1.
    Bytes(u64),
}

impl FromStr for Rate {
    type Err = Error;

    /// Reads a number of messages, or a number with a unit of bytes: `B`, `kB`, `MB`, `GB` (powers of 1000), `KiB`,
    /// `MiB`, `GiB` (powers of 1024); `/s` may follow.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(
                ErrorKind::Usage,
                "read rate",
                "a rate is a number of messages a second, or bytes a second with a unit, such as 10MB",
            )
            .with("rate", text)
        };
        let rate = text.trim().strip_suffix("/s").unwrap_or(text).trim();
        let digits = rate.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rate.len());
        let (number, unit) = (rate[..digits].parse::<f64>().map_err(|_| bad())?, rate[digits..].trim());
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" => 1,
            "k" => 1_000,
            "m" => 1_000_000,
            "g" => 1_000_000_000,
            unit => bytes_of(unit).ok_or_else(bad)?,
        };
        let count = (number * factor as f64).round() as u64;
        if count == 0 {
            return Err(bad());
        }
        let counts_messages = unit.len() < 2 && !unit.eq_ignore_ascii_case("b");
        Ok(if counts_messages { Self::Messages(count) } else { Self::Bytes(count) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Messages(count) => write!(f, "{count} messages/s"),
            Self::Bytes(count) => write!(f, "{count} B/s"),
        }
    }
}

impl Rate {
    /// The limits of a batch, in messages and bytes, given those that it would have otherwise.
    pub(crate) fn limits(self, records: usize, bytes: usize) -> (usize, usize) {
        let share = |count: u64| usize::try_from((count / BATCHES_A_SECOND).max(1)).unwrap_or(usize::MAX);
        match self {
            Self::Messages(count) => (records.min(share(count)), bytes),
            Self::Bytes(count) => (records, bytes.min(share(count))),
        }
    }
}

/// Keeps several threads together to a rate.
#[derive(Debug)]
pub(crate) struct Pacer {
    rate: Rate,
    /// When the next batch may go.
    next: Mutex<Instant>,
}

impl Pacer {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, next: Mutex::new(Instant::now()) }
    }

    /// Waits until it is the turn of a batch of so many messages and bytes, or nobody wants to wait any more.
    pub(crate) fn wait(&self, messages: usize, bytes: usize, is_over: impl Fn() -> bool) {
        let at = self.reserve(Instant::now(), messages, bytes);
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() || is_over() {
                return;
            }
            thread::sleep(left.min(SLEEP_MAX));
        }
    }

    /// When the batch may go; what comes after it waits for as long as it takes at this rate.
    fn reserve(&self, now: Instant, messages: usize, bytes: usize) -> Instant {
        let seconds = match self.rate {
            Rate::Messages(rate) => messages as f64 / rate as f64,
            Rate::Bytes(rate) => bytes as f64 / rate as f64,
        };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(now);
        *next = at + Duration::from_secs_f64(seconds);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        let cases = [
            ("1", Rate::Messages(1)),
            ("2k", Rate::Messages(2_000)),
            ("1000/s", Rate::Messages(1_000)),
            ("1B", Rate::Bytes(1)),
            ("10 kB/s", Rate::Bytes(10_000)),
            ("10KB", Rate::Bytes(10_000)),
            ("0.5MiB", Rate::Bytes(1 << 19)),
            ("2GB", Rate::Bytes(2_000_000_000)),
        ];
        for (text, rate) in cases {
            assert_eq!(text.parse::<Rate>().unwrap(), rate, "{text}");
        }
        for bad in ["", "0", "x", "-1", "10X", "MB", "1.2.3", "0.0001", "1e3"] {
            assert_eq!(bad.parse::<Rate>().unwrap_err().kind(), ErrorKind::Usage, "{bad}");
        }
    }

    #[test]
    fn batches_wait_for_those_before_them() {
        let begun = Instant::now();
        let after = |pacer: &Pacer, now_ms, messages, bytes| {
            pacer.reserve(begun + Duration::from_millis(now_ms), messages, bytes).duration_since(begun).as_millis()
        };
        let pacer = Pacer { rate: Rate::Messages(100), next: Mutex::new(begun) };
        assert_eq!([after(&pacer, 0, 10, 0), after(&pacer, 0, 50, 0), after(&pacer, 0, 1, 0)], [0, 100, 600]);
        // Time that nobody used is not made up for.
        assert_eq!([after(&pacer, 5_000, 10, 0), after(&pacer, 5_000, 10, 0)], [5_000, 5_100]);
        let pacer = Pacer { rate: Rate::Bytes(1_000), next: Mutex::new(begun) };
        assert_eq!([after(&pacer, 0, 1, 500), after(&pacer, 0, 1, 1)], [0, 500]);
    }

    #[test]
    fn batches_are_cut_to_the_rate() {
        assert_eq!(Rate::Messages(100).limits(1_000, 5), (10, 5));
        assert_eq!(Rate::Messages(1).limits(1_000, 5), (1, 5));
        assert_eq!(Rate::Bytes(1_000).limits(7, 1_000_000), (7, 100));
        assert_eq!(Rate::Bytes(1_000_000_000_000).limits(7, 9), (7, 9));
    }
}
