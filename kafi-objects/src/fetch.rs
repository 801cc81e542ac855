//! What the readers of a consumer share: requests under way, and the bytes that may be held for all of them.

use std::ops::{self, Deref};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafi_core::Result;

use crate::config::ObjectOptions;
use crate::io::ObjectStat;
use crate::log::PartitionLog;
use crate::tasks::{Task, Tasks};

/// How long a request of a consumer may take; it goes on beside polls, and so has its own time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The pause between two looks at what the readers want, while nothing is under way.
const PAUSE_IDLE: Duration = Duration::from_millis(5);

/// The requests of a consumer, and their limits.
pub(crate) struct Fetch {
    tasks: Tasks,
    requests_max: usize,
    /// The bytes that are asked for or wait to be read.
    held: Arc<AtomicU64>,
    held_max: u64,
    pub(crate) spares: Spares,
    /// How many readers share that.
    readers: u64,
    /// The size of ranges.
    pub(crate) chunk_bytes: u64,
    /// How long a reader at the end waits at most until it looks again.
    pub(crate) pause_max: Duration,
    /// When the first of the readers wants to look again.
    wake: Option<Instant>,
    /// How many requests were answered.
    answered: Arc<AtomicU64>,
}

/// A part of what may be held, given back when it is dropped.
pub(crate) struct HeldBytes {
    held: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Memory for ranges, which is used again.
#[derive(Clone)]
pub(crate) struct Spares {
    buffers: Arc<Mutex<Vec<Vec<u8>>>>,
    count_max: usize,
}

/// The bytes of a range; the memory goes back to the spares.
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    spares: Spares,
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut buffers = self.spares.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < self.spares.count_max {
            buffers.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// What a read of a range gives; `None` where there is no object.
pub(crate) type Range = Option<(Buffer, ObjectStat)>;

/// A range of an object that is being read.
pub(crate) struct Chunk {
    pub(crate) task: Task<Range>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Nothing where it is read without a share.
    pub(crate) share: Option<HeldBytes>,
}

impl Fetch {
    pub(crate) fn new(options: &ObjectOptions, held_max: u64) -> Self {
        let chunk_bytes = options.fetch_bytes.min((held_max / 4).max(4 << 20));
        Self {
            tasks: Tasks::new(options.requests_max),
            requests_max: options.requests_max,
            held: Arc::default(),
            held_max,
            spares: Spares {
                buffers: Arc::default(),
                count_max: usize::try_from(held_max / chunk_bytes).unwrap_or(usize::MAX),
            },
            readers: 1,
            chunk_bytes,
            pause_max: Duration::from_millis(options.poll_interval_ms.max(1)),
            wake: None,
            answered: Arc::default(),
        }
    }

    /// Says how many readers there are.
    pub(crate) fn set_readers(&mut self, readers: usize) {
        self.readers = (readers as u64).max(1);
    }

    /// Asks for a chunk of an object, of which `range` is there, if a reader that holds `mine` bytes may have more now,
    /// or in any case if it is urgent.
    pub(crate) fn chunk(
        &mut self,
        log: &PartitionLog,
        name: i64,
        range: ops::Range<u64>,
        mine: u64,
        urgent: bool,
    ) -> Option<Chunk> {
        let (start, bytes) = (range.start, range.end - range.start);
        let held = self.held.load(Ordering::Relaxed);
        let fits = held + bytes <= self.held_max && (mine == 0 || mine + bytes <= self.held_max / self.readers);
        let may = urgent || held == 0 || fits && self.tasks.load() < self.requests_max;
        may.then(|| {
            self.held.fetch_add(bytes, Ordering::Relaxed);
            let share = HeldBytes { held: Arc::clone(&self.held), bytes };
            let end = start + self.chunk_bytes;
            let (log, spares, deadline) = (log.clone(), self.spares.clone(), Instant::now() + REQUEST_TIMEOUT);
            let answered = Arc::clone(&self.answered);
            let task = self.tasks.start(move || counted(&answered, read(&log, name, start..end, &spares, deadline)));
            Chunk { task, start, end, share: Some(share) }
        })
    }

    /// Does something else beside the polls.
    pub(crate) fn start<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(Instant) -> Result<T> + Send + 'static,
    ) -> Task<T> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let answered = Arc::clone(&self.answered);
        self.tasks.start(move || counted(&answered, work(deadline)))
    }

    /// How many requests were answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Says that a reader wants to look again then.
    pub(crate) fn wake_at(&mut self, at: Instant) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    /// Gives back the memory that waits to be used again.
    pub(crate) fn free(&mut self) {
        self.spares.buffers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn finished(&self) -> u64 {
        self.tasks.finished()
    }

    /// Waits until more than `seen` requests have finished, or a reader wants to look again, at most until `until`.
    pub(crate) fn wait(&mut self, seen: u64, until: Instant) {
        let mut until = self.wake.take().map_or(until, |wake| wake.min(until));
        if self.tasks.load() == 0 {
            // One reader may have made room for another, which asks with the next call.
            until = until.min(Instant::now() + PAUSE_IDLE);
        }
        self.tasks.wait(seen, until);
    }
}

fn counted<T>(answered: &AtomicU64, result: Result<T>) -> Result<T> {
    answered.fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
    result
}

/// Reads a range of an object.
pub(crate) fn read(
    log: &PartitionLog,
    name: i64,
    range: std::ops::Range<u64>,
    spares: &Spares,
    deadline: Instant,
) -> Result<Range> {
    let bytes = spares.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    let mut buffer = Buffer { bytes, spares: spares.clone() };
    let stat =
        log.io.get(&log.key(name), Some(range), &mut buffer.bytes, deadline).map_err(|error| log.context(error))?;
    Ok(stat.map(|stat| (buffer, stat)))
}
