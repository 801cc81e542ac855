//! A topic that takes what comes of whole topics: of a compaction, or of a join.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::functional::{Place, Progress, Writer};
use kafi_core::{ANY_PARTITION, Batch, ProducerOptions, Result};

/// Writes batches, each of messages of one topic, to one topic.
pub struct TopicSink {
    writer: Writer,
    topic: String,
    keeps_partitions: bool,
}

impl TopicSink {
    /// A sink to `topic`, which is made, with so many partitions, where it is missing. Counts what is written in
    /// `progress`.
    ///
    /// # Errors
    /// Those of [`Place::make_if_missing`] and [`Writer::open`].
    pub fn open(place: &Place, topic: &str, partitions: i32, progress: Arc<Progress>) -> Result<Self> {
        place.make_if_missing(topic, || Ok(partitions))?;
        let keeps_partitions = place.partitions_max(&[topic.to_string()])? == partitions;
        let options = ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() };
        let writer = Writer::open(place.storage.as_ref(), &options, progress)?.reached();
        Ok(Self { writer, topic: topic.to_string(), keeps_partitions })
    }

    /// The same, where the messages lie in partitions by their keys, whatever partitions they come from. By default they
    /// keep those, where the topic has as many partitions as they come from.
    pub fn by_key(self) -> Self {
        Self { keeps_partitions: false, ..self }
    }

    /// The same, with how long the storage may report nothing. Default: [`Writer::STALL_LIMIT`].
    pub fn stall_limit(self, limit: Duration) -> Self {
        Self { writer: self.writer.stall_limit(limit), ..self }
    }

    /// Hands over all messages of `batch`; they are written for certain only when the sink is closed.
    ///
    /// # Errors
    /// Those of [`Writer::write`].
    pub fn write(&mut self, batch: &mut Batch) -> Result<()> {
        for index in 0..batch.topics().len() {
            batch.rename_topic(index as u32, &self.topic);
        }
        if !self.keeps_partitions {
            batch.metas_mut().iter_mut().for_each(|meta| meta.partition = ANY_PARTITION);
        }
        self.writer.write(batch)
    }

    /// Waits until everything is written, and says how many messages that were.
    ///
    /// # Errors
    /// Those of [`Writer::close`].
    pub fn close(self, timeout: Option<Duration>) -> Result<u64> {
        self.writer.close(timeout)
    }

    /// How many messages were written so far.
    pub fn written(&self) -> u64 {
        self.writer.written()
    }

    /// Waits until what was handed over is written, or has failed.
    ///
    /// # Errors
    /// Those of [`Writer::flush`].
    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush(None)
    }
}
