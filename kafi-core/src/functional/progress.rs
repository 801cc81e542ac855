//! How far a job has come, and how it is told to stop; both are shared between threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A wish to stop, shared between the one who asks (a signal handler, another thread) and the jobs that look at it
/// between two batches.
///
/// ```
/// let cancel = kafi_core::Cancel::new();
/// let theirs = cancel.clone();
/// theirs.cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    asked: AtomicBool,
    /// Who asks this one, asks these, too.
    above: Option<Cancel>,
}

impl Cancel {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A wish of its own for some of the jobs: they stop when they are asked by it, or by this one.
    pub fn child(&self) -> Self {
        Self(Arc::new(Wish { asked: AtomicBool::new(false), above: Some(self.clone()) }))
    }

    /// Asks all jobs that share this to stop after the batch in hand. Safe to call in a signal handler.
    pub fn cancel(&self) {
        self.0.asked.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed) || self.0.above.as_ref().is_some_and(Self::is_cancelled)
    }
}

/// How many messages may still be read, by several reads together.
///
/// ```
/// let limit = kafi_core::Limit::new(3);
/// assert_eq!([limit.take(2), limit.clone().take(2), limit.left()], [2, 1, 0]);
/// ```
#[derive(Clone, Debug)]
pub struct Limit(Arc<AtomicU64>);

impl Limit {
    /// So many in all.
    pub fn new(max: u64) -> Self {
        Self(Arc::new(AtomicU64::new(max)))
    }

    /// How many are left.
    pub fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes up to so many of those that are left, and says how many those are.
    pub fn take(&self, wanted: u64) -> u64 {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
        left.expect("the closure never refuses").min(wanted)
    }
}

/// Running totals of a job.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicU64,
    bytes: AtomicU64,
    written: AtomicU64,
    skipped: AtomicU64,
    done: AtomicU64,
    expected: AtomicU64,
}

impl Progress {
    /// The messages read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The bytes read so far: keys, values, headers, and whatever lies between them where they are read in one piece.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The messages written so far, as far as they were reported.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The messages that were read and left out, because the target has them already.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// The share of the known end that is reached, from 0 to 1, by offsets; `None` as long as nothing is known or where
    /// there is no end.
    pub fn share(&self) -> Option<f64> {
        let expected = self.expected.load(Ordering::Relaxed);
        (expected > 0).then(|| (self.done.load(Ordering::Relaxed) as f64 / expected as f64).min(1.0))
    }

    /// The offsets passed so far.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Counts messages that were read, the bytes of their keys, values, and headers, and the offsets that were passed
    /// with them.
    pub fn add_read(&self, messages: u64, bytes: u64, offsets: u64) {
        self.read.fetch_add(messages, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.done.fetch_add(offsets, Ordering::Relaxed);
    }

    pub(crate) fn add_written(&self, messages: u64) {
        self.written.fetch_add(messages, Ordering::Relaxed);
    }

    /// Counts messages that were passed over.
    pub fn add_skipped(&self, messages: u64) {
        self.skipped.fetch_add(messages, Ordering::Relaxed);
    }

    /// Says that so many more offsets are to be passed, for [`share`](Progress::share).
    pub fn expect(&self, offsets: u64) {
        self.expected.fetch_add(offsets, Ordering::Relaxed);
    }
}
