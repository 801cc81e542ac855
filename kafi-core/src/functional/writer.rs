//! Writes batch after batch and keeps the account of what was delivered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::functional::Progress;
use crate::producer::{Delivery, Producer, ProducerOptions, Report};
use crate::storage::Storage;

/// One wait is this long at most, so that reports are counted while a queue is full.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How long a storage may take to look up what it needs for a batch.
const LOOK_UP_MAX: Duration = Duration::from_secs(30);

/// A function that sees each delivery report.
pub type OnDelivery = Box<dyn FnMut(&Report) + Send>;

/// Writes batches, waits where the storage is slower, and stops at the first message that fails.
pub struct Writer {
    producer: Box<dyn Producer>,
    progress: Arc<Progress>,
    on_delivery: Option<OnDelivery>,
    token: u64,
    taken: u64,
    written: u64,
    settled: u64,
}

impl Writer {
    /// A writer to any topics of `storage`, which counts what was delivered in `progress`. Does not wait for a server.
    ///
    /// # Errors
    /// Those of [`Storage::producer`].
    pub fn open(storage: &dyn Storage, options: &ProducerOptions, progress: Arc<Progress>) -> Result<Self> {
        let producer = storage.producer(options)?;
        Ok(Self { producer, progress, on_delivery: None, token: 0, taken: 0, written: 0, settled: 0 })
    }

    /// Calls `function` with each delivery report, also with those of failures.
    pub fn on_delivery(&mut self, function: impl FnMut(&Report) + Send + 'static) {
        self.on_delivery = Some(Box::new(function));
    }

    /// Hands over all messages of `batch`. Blocks as long as the storage's queue is full; they are written for certain only after [`flush`](Writer::flush).
    ///
    /// # Errors
    /// The first failure of any message so far, and those of [`Producer::produce`].
    pub fn write(&mut self, batch: &Batch) -> Result<()> {
        self.token += 1;
        let begun = Instant::now();
        let mut from = 0;
        while from < batch.len() {
            let taken = match self.producer.produce(batch, from, self.token, WAIT_MAX) {
                // What a storage has to look up before the first message of a topic takes longer than one wait.
                Err(error) if error.kind() == ErrorKind::Timeout && begun.elapsed() < LOOK_UP_MAX => 0,
                taken => taken?,
            };
            from += taken;
            self.taken += taken as u64;
            self.collect(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Waits until each message that was handed over has its report; for ever without a `timeout`.
    ///
    /// # Errors
    /// The first failure of any message, `Timeout`, and those of [`Producer::flush`].
    pub fn flush(&mut self, timeout: Option<Duration>) -> Result<()> {
        let mut left = timeout;
        while self.settled < self.taken {
            let wait = left.map_or(WAIT_MAX, |left| left.min(WAIT_MAX));
            match self.producer.flush(wait) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Timeout && left.is_none_or(|left| left > wait) => {}
                Err(error) => {
                    self.collect(Duration::ZERO)?;
                    return Err(error);
                }
            }
            left = left.map(|left| left.saturating_sub(wait));
            self.collect(Duration::ZERO)?;
        }
        Ok(())
    }

    /// As [`flush`](Writer::flush) for ever, but also what comes behind a failure gets its report, so that the count of what was written is exact.
    ///
    /// # Errors
    /// The first failure, as for [`flush`](Writer::flush).
    pub(crate) fn settle(&mut self) -> Result<()> {
        let mut first = Ok(());
        loop {
            let settled = self.settled;
            let flushed = self.flush(None);
            let is_over = flushed.is_ok() || self.settled == settled;
            first = first.and(flushed);
            if is_over {
                return first;
            }
        }
    }

    /// The messages that were reported as written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Flushes and frees what the writer holds; returns how many messages were written.
    ///
    /// # Errors
    /// As for [`flush`](Writer::flush).
    pub fn close(mut self, timeout: Option<Duration>) -> Result<u64> {
        self.flush(timeout)?;
        self.producer.close(timeout.unwrap_or(Duration::from_secs(30)))?;
        Ok(self.written)
    }

    fn collect(&mut self, timeout: Duration) -> Result<()> {
        let mut failure = None;
        for report in self.producer.reports(timeout)? {
            self.settled += report.count;
            match &report.delivery {
                Delivery::At(_) | Delivery::Unknown => {
                    self.written += report.count;
                    self.progress.add_written(report.count);
                }
                Delivery::Failed(error) => failure = failure.or_else(|| Some(failed(report, error))),
            }
            if let Some(function) = &mut self.on_delivery {
                function(report);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

fn failed(report: &Report, error: &Error) -> Error {
    let copy = error.duplicate();
    if copy.context().any(|(key, _)| key == "topic") {
        return copy;
    }
    let copy = copy.with("topic", &report.topic);
    if report.partition < 0 { copy } else { copy.with("partition", report.partition) }
}
