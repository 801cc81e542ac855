//! Consuming one topic as a member of a group, step by step.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::consumer::{Consumer, ConsumerOptions, Polled, Position};
use crate::error::Result;
use crate::functional::{BatchDecoder, Cancel};
use crate::kafi::{Kafi, TIMEOUT};
use crate::message::Message;

/// Consumes one topic as a member of a group, from the group's committed offsets on; [`Kafi::consumer`] makes one.
///
/// Offsets are committed by [`commit`](TopicConsumer::commit), or, where the setting `enable.auto.commit` is true, after each [`consume`](TopicConsumer::consume) and for what it returned.
pub struct TopicConsumer {
    topic: String,
    consumer: Box<dyn Consumer>,
    decoder: BatchDecoder,
    batch: Batch,
    next: BTreeMap<i32, i64>,
    cancel: Cancel,
    kafi: Kafi,
}

impl TopicConsumer {
    pub(crate) fn open(kafi: &Kafi, topic: &str, group: &str) -> Result<Self> {
        let settings = kafi.settings();
        let group = format!("{}{group}", settings.consumer_group_prefix);
        let mut consumer = kafi.storage().consumer(&ConsumerOptions { group: Some(group), ..kafi.consumer_options() })?;
        consumer.subscribe(&[topic.to_string()], TIMEOUT)?;
        Ok(Self {
            topic: topic.to_string(),
            consumer,
            decoder: BatchDecoder::open(kafi, None, None)?,
            batch: Batch::new(),
            next: BTreeMap::new(),
            cancel: Cancel::new(),
            kafi: kafi.clone(),
        })
    }

    /// What makes a waiting [`consume`](TopicConsumer::consume) return with what it has, from another thread.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Up to `max` messages. Blocks until there are so many, or none came for as long as the setting `consume.timeout` says (5 s; for ever at -1).
    ///
    /// # Errors
    /// What reading, decoding, or committing fails with.
    pub fn consume(&mut self, max: usize) -> Result<Vec<Message>> {
        let patience = self.kafi.settings().consume_timeout;
        let mut messages = Vec::new();
        let mut quiet_since = Instant::now();
        while messages.len() < max && !self.cancel.is_cancelled() && patience.is_none_or(|patience| quiet_since.elapsed() < patience) {
            self.batch.set_limits((max - messages.len()).min(self.kafi.settings().consume_batch_size), Batch::BYTES_MAX);
            match self.consumer.poll(&mut self.batch, Duration::from_millis(100))? {
                Polled::Records => quiet_since = Instant::now(),
                Polled::Timeout => continue,
                Polled::End => break,
            }
            self.decoder.append(&self.batch, &mut messages)?;
            self.next.extend(self.batch.metas().iter().map(|meta| (meta.partition, meta.offset + 1)));
        }
        if self.kafi.settings().enable_auto_commit {
            self.commit()?;
        }
        Ok(messages)
    }

    /// Commits the offsets after everything that was returned. Blocks until the storage has them.
    ///
    /// # Errors
    /// Those of [`Consumer::commit`].
    pub fn commit(&mut self) -> Result<()> {
        if self.next.is_empty() {
            return Ok(());
        }
        let position = |(&partition, &offset)| Position { topic: self.topic.clone(), partition, offset };
        let positions: Vec<_> = self.next.iter().map(position).collect();
        self.consumer.commit(&positions, TIMEOUT)?;
        self.next.clear();
        Ok(())
    }

    /// Leaves the group; commits nothing.
    ///
    /// # Errors
    /// Those of [`Consumer::close`].
    pub fn close(mut self) -> Result<()> {
        self.consumer.close(TIMEOUT)
    }
}
