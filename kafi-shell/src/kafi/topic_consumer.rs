//! Consuming one topic as a member of a group, step by step.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kafi_core::functional::{
    BatchDecoder, Cancel, GroupOptions, GroupUse, Next, Place, ReadOptions, Reader, topic_names,
};
use kafi_core::{Batch, Error, Message, Position, Result, Serdes};

/// One poll waits this long at most, so that a wish to stop is seen soon.
const POLL_MAX: Duration = Duration::from_millis(100);

/// Consumes one topic as a member of a group, from the group's committed offsets on;
/// [`Kafi::consumer`](crate::Kafi::consumer) makes one.
///
/// Offsets are committed by [`commit`](TopicConsumer::commit), or, where the setting `enable.auto.commit` is true,
/// after each [`consume`](TopicConsumer::consume) and for what it returned. Those of partitions that the group has
/// taken away meanwhile are left to the member that has them.
pub struct TopicConsumer {
    topic: String,
    reader: Reader,
    decoder: BatchDecoder,
    batch: Batch,
    /// The first message of the batch that was not handed out.
    at: usize,
    /// The offsets after what was handed out, as far as they are not committed.
    next: BTreeMap<i32, i64>,
    /// What the next call fails with.
    failure: Option<Error>,
    cancel: Cancel,
    place: Place,
}

impl TopicConsumer {
    pub(crate) fn open(place: &Place, topic: &str, group: &str) -> Result<Self> {
        let group = format!("{}{group}", place.settings.consumer_group_prefix);
        let cancel = Cancel::new();
        // What is done is said by whoever holds the consumer.
        let group = GroupOptions { name: group, usage: GroupUse::CommitNothing };
        let options = ReadOptions { group: Some(group), follow: true, cancel: cancel.clone(), ..place.read_options() };
        Ok(Self {
            topic: topic.to_string(),
            decoder: BatchDecoder::open(place, &Serdes::default())?,
            // Last, since whoever has joined a group has to leave it.
            reader: Reader::open(place.storage.as_ref(), &[topic.to_string()], &options)?,
            batch: Batch::new(),
            at: 0,
            next: BTreeMap::new(),
            failure: None,
            cancel,
            place: place.clone(),
        })
    }

    /// What makes a waiting [`consume`](TopicConsumer::consume) return with what it has, from another thread.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Up to `max` messages. Blocks until there are so many, or none came for as long as the setting `consume.timeout`
    /// says (5 s; for ever at -1; at 0 it takes what is there).
    ///
    /// # Errors
    /// What reading, decoding, or committing fails with. If there are messages before the failure, they are returned,
    /// and the next call fails. The call after that goes on behind the message that could not be decoded.
    pub fn consume(&mut self, max: usize) -> Result<Vec<Message>> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut messages = Vec::new();
        match self.fill(max, &mut messages) {
            Err(error) if messages.is_empty() => return Err(error),
            Err(error) => self.failure = Some(error),
            Ok(()) => {}
        }
        Ok(messages)
    }

    fn fill(&mut self, max: usize, messages: &mut Vec<Message>) -> Result<()> {
        let patience = self.place.settings.consume_timeout;
        let mut quiet_since = Instant::now();
        loop {
            self.take(max, messages)?;
            if messages.len() == max || self.cancel.is_cancelled() {
                break;
            }
            if !messages.is_empty() && self.reader.is_revoking() {
                // The next poll gives partitions up: what there is of them is to be handled, and committed, before.
                break;
            }
            let left = patience.map(|patience| patience.saturating_sub(quiet_since.elapsed()));
            self.at = 0;
            self.reader.limit_batches((max - messages.len()).min(self.place.settings.consume_batch_size));
            match self.reader.read_within(&mut self.batch, left.map_or(POLL_MAX, |left| left.min(POLL_MAX)))? {
                Next::Messages => quiet_since = Instant::now(),
                Next::Nothing if left.is_some_and(|left| left.is_zero()) => break,
                Next::Nothing => {}
                Next::End => break,
            }
        }
        if self.place.settings.enable_auto_commit { self.commit() } else { Ok(()) }
    }

    /// Decodes what the batch still holds.
    fn take(&mut self, max: usize, messages: &mut Vec<Message>) -> Result<()> {
        let names = topic_names(&self.batch);
        while self.at < self.batch.len() && messages.len() < max {
            let record = self.batch.get(self.at);
            let name = names[self.batch.metas()[self.at].topic as usize].clone();
            self.at += 1;
            messages.push(self.decoder.decode(record, name)?);
            self.next.insert(record.partition, record.offset + 1);
        }
        Ok(())
    }

    /// Commits the offsets after everything that was returned, save of partitions that were taken away. Blocks until
    /// the storage has them.
    ///
    /// # Errors
    /// Those of [`Reader::commit`].
    pub fn commit(&mut self) -> Result<()> {
        if self.next.is_empty() {
            return Ok(());
        }
        let position = |(&partition, &offset)| Position { topic: self.topic.clone(), partition, offset };
        let positions: Vec<_> = self.next.iter().map(position).collect();
        self.reader.commit(&positions)?;
        self.next.clear();
        Ok(())
    }

    /// Leaves the group; commits nothing.
    ///
    /// # Errors
    /// Those of [`Reader::close`].
    pub fn close(self) -> Result<()> {
        self.reader.close()
    }
}
