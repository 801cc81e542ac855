//! Partition against partition, in their order.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering as Memory};
use std::sync::{MutexGuard, PoisonError};
use std::thread;

use kafi_core::functional::ReadOptions;
use kafi_core::{Record, Result};

use crate::diff::source::SideReader;
use crate::diff::{DiffField, Difference, Found, Job, Pair, differing};

/// Where offsets do not say which messages belong together: how many messages may be missing or new in one place, for
/// those behind them to be compared with their like again.
const LOOK_AHEAD: usize = 64;

/// The messages that are compared are counted in steps of this many, so that threads seldom meet.
const COUNTED_AT_ONCE: u64 = 4096;

/// What two messages, the next of each side, are to each other.
enum Step {
    Same,
    Different(Vec<DiffField>),
    /// So many are on the left only.
    Left(usize),
    /// So many are on the right only.
    Right(usize),
}

/// What the threads share.
struct Shared {
    next: AtomicUsize,
    left: AtomicU64,
    stop: AtomicBool,
}

impl<F: FnMut(&Difference<'_>) -> Result<ControlFlow<()>> + Send> Job<'_, F> {
    /// Compares these partitions.
    pub(super) fn compare_partitions(&self, pairs: Vec<Pair>) -> Result<()> {
        let threads = self.options.threads.clamp(1, pairs.len().max(1));
        let mut read = self.read.clone();
        // Two consumers a thread share the memory of one.
        read.consumer.buffer_bytes_max = (read.consumer.buffer_bytes_max / (2 * threads as u64)).max(1 << 20);
        let shared = Shared {
            next: AtomicUsize::new(0),
            left: AtomicU64::new(self.options.read.max.unwrap_or(u64::MAX)),
            stop: AtomicBool::new(false),
        };
        let work = || {
            while let Some(pair) = pairs.get(shared.next.fetch_add(1, Memory::Relaxed)) {
                if let Err(error) = self.compare_partition(pair, &read, &shared) {
                    shared.stop.store(true, Memory::Relaxed);
                    return Err(error);
                }
            }
            Ok(())
        };
        if threads == 1 {
            return work();
        }
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let ends = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            ends.collect()
        })
    }

    fn compare_partition(&self, (left, right): &Pair, read: &ReadOptions, shared: &Shared) -> Result<()> {
        let mut left = SideReader::open(self.left, left.iter().cloned().collect(), read)?;
        let mut right = SideReader::open(self.right, right.iter().cloned().collect(), read)?;
        let mut compared = 0;
        loop {
            let there = (left.has_record()?, right.has_record()?);
            // Who stops early has not reached the end, though it looks like it.
            if there == (false, false) || read.cancel.is_cancelled() || shared.stop.load(Memory::Relaxed) {
                break;
            }
            let step = match there {
                (true, true) => self.step(&left, &right),
                (true, false) => Step::Left(1),
                (false, _) => Step::Right(1),
            };
            let count = match step {
                Step::Left(count) | Step::Right(count) => count as u64,
                Step::Same | Step::Different(_) => 1,
            };
            if !take(&shared.left, count) {
                break;
            }
            compared += count;
            if matches!(step, Step::Same) {
                left.advance();
                right.advance();
            } else {
                self.tell(step, &mut left, &mut right, shared)?;
            }
            if compared >= COUNTED_AT_ONCE {
                self.found().diffed.compared += std::mem::take(&mut compared);
            }
        }
        self.found().diffed.compared += compared;
        left.close()?;
        right.close()
    }

    fn step(&self, left: &SideReader, right: &SideReader) -> Step {
        let (a, b) = (left.peek(0), right.peek(0));
        if !self.options.ignore_offsets {
            match a.offset.cmp(&b.offset) {
                Ordering::Less => return Step::Left(1),
                Ordering::Greater => return Step::Right(1),
                Ordering::Equal => {}
            }
        }
        let fields = self.differing(&a, &b);
        if fields.is_empty() {
            return Step::Same;
        }
        if !self.options.ignore_offsets {
            return Step::Different(fields);
        }
        for ahead in 1..=LOOK_AHEAD {
            if ahead < left.ready() && self.differing(&left.peek(ahead), &b).is_empty() {
                return Step::Left(ahead);
            }
            if ahead < right.ready() && self.differing(&a, &right.peek(ahead)).is_empty() {
                return Step::Right(ahead);
            }
        }
        Step::Different(fields)
    }

    fn differing(&self, left: &Record<'_>, right: &Record<'_>) -> Vec<DiffField> {
        differing(left, right, self.options.ignore_timestamps)
    }

    /// Tells what differs and goes on behind it.
    fn tell(&self, step: Step, left: &mut SideReader, right: &mut SideReader, shared: &Shared) -> Result<()> {
        let mut found = self.found();
        match step {
            Step::Same => {}
            Step::Different(fields) => {
                found.tell(&Difference { left: Some(left.peek(0)), right: Some(right.peek(0)), fields })?;
                left.advance();
                right.advance();
            }
            Step::Left(count) => {
                for _ in 0..count {
                    found.tell(&Difference { left: Some(left.peek(0)), right: None, fields: Vec::new() })?;
                    left.advance();
                }
            }
            Step::Right(count) => {
                for _ in 0..count {
                    found.tell(&Difference { left: None, right: Some(right.peek(0)), fields: Vec::new() })?;
                    right.advance();
                }
            }
        }
        shared.stop.fetch_or(found.stopped, Memory::Relaxed);
        Ok(())
    }
}

impl<F> Job<'_, F> {
    /// What was found; a thread that panicked while it told takes the others with it.
    pub(super) fn found(&self) -> MutexGuard<'_, Found<F>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes from what may still be compared, if it is enough.
fn take(left: &AtomicU64, count: u64) -> bool {
    // The common case is no limit, for which threads need not meet.
    left.load(Memory::Relaxed) == u64::MAX
        || left.fetch_update(Memory::Relaxed, Memory::Relaxed, |left| left.checked_sub(count)).is_ok()
}
