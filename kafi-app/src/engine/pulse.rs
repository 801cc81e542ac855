//! How an app does, for who asks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The upper bounds of the histogram of how long handlers take, in microseconds.
pub(crate) const BOUNDS_US: [u64; 10] =
    [100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000];

/// The thread that reads looks round at least this often, unless it hangs.
const ROUND_MAX: Duration = Duration::from_secs(60);

/// How long handlers took.
#[derive(Default)]
pub(crate) struct Histogram {
    pub(crate) counts: [AtomicU64; BOUNDS_US.len()],
    pub(crate) all: AtomicU64,
    pub(crate) sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn add(&self, took: Duration, messages: u64) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX) / messages.max(1);
        if let Some(slot) = BOUNDS_US.iter().position(|bound| us <= *bound) {
            self.counts[slot].fetch_add(messages, Ordering::Relaxed);
        }
        self.all.fetch_add(messages, Ordering::Relaxed);
        self.sum_us.fetch_add(us.saturating_mul(messages), Ordering::Relaxed);
    }
}

/// How it goes, as the thread that reads has seen it last.
pub(crate) struct Pulse {
    begun: Instant,
    /// When it looked round last, in milliseconds since it began.
    round_ms: AtomicU64,
    /// The partitions that are ours.
    pub(crate) partitions: AtomicU64,
    /// Whether the group has said what falls to this member.
    pub(crate) has_joined: AtomicBool,
    /// The messages that wait for a thread, and the outputs that wait for their reports.
    pub(crate) waiting: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    /// The messages that lie behind what was committed, of those that were read.
    pub(crate) undone: AtomicU64,
    pub(crate) commits: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            round_ms: AtomicU64::new(0),
            partitions: AtomicU64::new(0),
            has_joined: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            undone: AtomicU64::new(0),
            commits: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    pub(crate) fn beat(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.round_ms.store(now, Ordering::Relaxed);
    }

    /// How long ago it looked round.
    fn since(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.round_ms.load(Ordering::Relaxed)))
    }

    /// Why it does not live, or is not ready.
    pub(crate) fn complaint(&self, asks_ready: bool) -> Option<String> {
        let since = self.since();
        if since > ROUND_MAX {
            return Some(format!("nothing was read, written, or committed for {} s", since.as_secs()));
        }
        let is_joining = asks_ready && !self.has_joined.load(Ordering::Relaxed);
        is_joining.then(|| "the group has not said yet which partitions fall to this member".to_string())
    }
}
