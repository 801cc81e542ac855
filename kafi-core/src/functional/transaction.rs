//! Writing in transactions, batch after batch.

use std::thread;
use std::time::{Duration, Instant};

use crate::consumer::{CommittedOffset, GroupMetadata};
use crate::error::Result;
use crate::functional::writer::{PAUSE, Writer};
use crate::producer::Producer;

/// One wait is this long at most, so that a wish to stop is seen.
const SLICE: Duration = Duration::from_secs(1);

/// Offsets have so long to be taken: after that the transaction is aborted.
const OFFSETS_MAX: Duration = Duration::from_secs(10);

impl Writer {
    /// Makes the storage ready for transactions; the writer was opened with a
    /// [transactional id](crate::ProducerOptions::transactional_id). Waits until the storage has stalled.
    ///
    /// # Errors
    /// Those of [`Producer::init_transactions`], and what the storage waits for once it has stalled.
    pub fn init_transactions(&mut self) -> Result<()> {
        self.insist(|producer| producer.init_transactions(SLICE))?;
        self.stall.was_reached = true;
        Ok(())
    }

    /// Begins a transaction. What is written from here on belongs to it; a failure of a message is told as ever, and
    /// makes an end of it.
    ///
    /// # Errors
    /// Those of [`Producer::begin_transaction`].
    pub fn begin_transaction(&mut self) -> Result<()> {
        self.producer.begin_transaction()?;
        self.transaction = Some(self.written);
        Ok(())
    }

    /// Flushes, and commits the transaction, with offsets of a group. Waits until the storage has stalled.
    ///
    /// # Errors
    /// Those of [`flush`](Writer::flush), [`Producer::send_offsets_to_transaction`], and
    /// [`Producer::commit_transaction`]; after `Cancelled`, and a failure of a message, the transaction is to be aborted.
    pub fn commit_transaction(&mut self, offsets: &[CommittedOffset], group: &GroupMetadata) -> Result<()> {
        self.flush(None)?;
        if !offsets.is_empty() {
            self.producer.send_offsets_to_transaction(offsets, group, OFFSETS_MAX)?;
        }
        self.insist(|producer| producer.commit_transaction(SLICE))?;
        self.transaction = None;
        Ok(())
    }

    /// Aborts the transaction, if one is open, and forgets what was handed over in it. Waits until the storage has
    /// stalled.
    ///
    /// # Errors
    /// Those of [`Producer::abort_transaction`], after which the writer is of no use any more.
    pub fn abort_transaction(&mut self) -> Result<()> {
        let Some(written) = self.transaction else { return Ok(()) };
        self.insist(|producer| producer.abort_transaction(SLICE))?;
        // Each message has its report now.
        while self.take_in(Duration::ZERO)?.0 {}
        self.forget();
        (self.written, self.transaction) = (written, None);
        Ok(())
    }

    /// Makes a call again and again, until it succeeds, fails for good, or the storage has stalled.
    fn insist(&mut self, mut call: impl FnMut(&mut dyn Producer) -> Result<()>) -> Result<()> {
        self.stall.end();
        loop {
            let begun = Instant::now();
            let Err(error) = call(self.producer.as_mut()) else {
                self.stall.end();
                return Ok(());
            };
            self.not_yet(error)?;
            self.check_stall()?;
            thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
        }
    }
}
