//! What becomes of messages that cannot be decoded, mapped, or encoded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::functional::{Place, Progress, Writer};
use crate::producer::ProducerOptions;
use crate::record::{ANY_PARTITION, HeadersBuf, Record};

/// What becomes of messages that cannot be decoded, mapped, or encoded, and how many there were. Clones count together.
///
/// A dead letter is the message as it was read, with headers that say where it was and why: `kafi.error.topic`,
/// `kafi.error.partition`, `kafi.error.offset`, and `kafi.error.message`.
#[derive(Clone, Default)]
pub struct Failures(Arc<Inner>);

#[derive(Default)]
struct Inner {
    skips: bool,
    letters: Option<Mutex<Letters>>,
    count: AtomicU64,
}

/// Messages on their way to where dead letters are kept.
struct Letters {
    topic: String,
    writer: Writer,
    batch: Batch,
}

impl Failures {
    /// The first one stops the job. This is the default.
    pub fn stop() -> Self {
        Self::default()
    }

    /// They are left out.
    pub fn skip() -> Self {
        Self(Arc::new(Inner { skips: true, ..Inner::default() }))
    }

    /// They are left out, and written to this topic, which has to be there.
    ///
    /// # Errors
    /// Those of [`Storage::producer`](crate::Storage::producer).
    pub fn dead_letters(place: &Place, topic: &str) -> Result<Self> {
        let options = ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() };
        let writer = Writer::open(place.storage.as_ref(), &options, Arc::<Progress>::default())?;
        let letters = Letters { topic: topic.to_string(), writer, batch: Batch::new() };
        Ok(Self(Arc::new(Inner { skips: true, letters: Some(Mutex::new(letters)), count: AtomicU64::new(0) })))
    }

    /// Whether messages that fail are left out.
    pub fn leaves_out(&self) -> bool {
        self.0.skips
    }

    /// How many were left out.
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Takes a message that failed with `error`. Blocks only while the queue of the dead letters' storage is full.
    ///
    /// # Errors
    /// `error`, unless messages that fail are left out, and it is the message's own: where a registry cannot be reached
    /// no message is to blame; what writing a dead letter fails with.
    pub fn take(&self, record: &Record<'_>, error: Error) -> Result<()> {
        if !self.0.skips || error.concerns_all() {
            return Err(error);
        }
        log::warn!("left out: {error}");
        if let Some(letters) = &self.0.letters {
            letters.lock().unwrap_or_else(PoisonError::into_inner).push(record, &error)?;
        }
        self.0.count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Blocks until all dead letters so far are delivered: nothing that they stand for is done before.
    ///
    /// # Errors
    /// The first failure of one of them.
    pub fn settle(&self) -> Result<()> {
        let Some(letters) = &self.0.letters else { return Ok(()) };
        letters.lock().unwrap_or_else(PoisonError::into_inner).settle()
    }
}

impl std::fmt::Debug for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failures").field("skips", &self.0.skips).field("count", &self.count()).finish_non_exhaustive()
    }
}

impl Letters {
    fn push(&mut self, record: &Record<'_>, error: &Error) -> Result<()> {
        let mut headers = HeadersBuf::from(record.headers);
        headers.push("kafi.error.topic", record.topic);
        headers.push("kafi.error.partition", record.partition.to_string());
        headers.push("kafi.error.offset", record.offset.to_string());
        headers.push("kafi.error.message", error.to_string());
        let topic = self.topic.clone();
        self.batch.push(Record { topic: &topic, partition: ANY_PARTITION, headers: headers.as_headers(), ..*record });
        if self.batch.is_full() { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        let sent = self.writer.write(&self.batch);
        self.batch.clear();
        sent
    }

    fn settle(&mut self) -> Result<()> {
        self.send()?;
        self.writer.flush(None)
    }
}
