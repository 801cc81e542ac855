//! What people do with whole topics, by the handle.

use std::ops::ControlFlow;
use std::sync::Arc;

use kafi_core::{Message, NewTopic, Result};

use super::{Kafi, TIMEOUT};
use crate::{
    self as shell, CompactOptions, CompactOrder, Compacted, GroupCopyOptions, OffsetChange, Recreation, SizeStats,
    TopicSink, TopicsToRead,
};

impl Kafi {
    /// The newest message of a topic; `None` where it holds none.
    ///
    /// # Errors
    /// Those of [`tail`](Kafi::tail).
    pub fn stat(&self, topic: &str) -> Result<Option<Message>> {
        Ok(self.tail(topic, 1)?.pop())
    }

    /// How large the messages of a topic are: how many, their bytes together, the smallest and the largest with their
    /// places.
    ///
    /// ```
    /// # fn largest(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// let stats = c.message_size_stats("snacks")?;
    /// if let (Some(average), Some(largest)) = (stats.average(), stats.largest) {
    ///     println!("{average:.0} bytes on average, {} at {}:{}", largest.bytes, largest.partition, largest.offset);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What reading fails with.
    #[doc(alias = "message_size")]
    pub fn message_size_stats(&self, topic: &str) -> Result<SizeStats> {
        let (topics, options) = ([topic.to_string()], self.read_options());
        let (mut all, _) = shell::sizes(TopicsToRead::new(self.storage(), &topics, &options))?;
        Ok(all.remove(topic).unwrap_or_default())
    }

    /// The newest message of each key of a topic, in the order in which the keys were seen first; without the keys that are
    /// deleted. [`shell::compact`] has other orders, keeps tombstones, and needs no memory for the messages.
    ///
    /// # Errors
    /// Those of [`shell::compact`].
    pub fn compact(&self, topic: &str) -> Result<Vec<Message>> {
        let mut decode = self.topic(topic).batch_decoder()?;
        let mut messages = Vec::new();
        let options =
            CompactOptions { read: self.read_options(), order: CompactOrder::FirstSeen, ..Default::default() };
        shell::compact(self.storage(), topic, &options, |batch| {
            decode.append(batch, &mut messages).map(|()| ControlFlow::Continue(()))
        })?;
        Ok(messages)
    }

    /// Writes the newest message of each key of a topic to another one, byte for byte, as they lie; a missing topic is
    /// made. Blocks until all are delivered.
    ///
    /// ```
    /// # fn compact(c1: &kafi_shell::Kafi, c2: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// let compacted = c1.compact_to("snacks", c2, "snacks_compacted")?;
    /// println!("{} of {} messages", compacted.kept, compacted.read);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `Usage` where both are the same topic; those of [`shell::compact`]; what writing fails with.
    pub fn compact_to(&self, topic: &str, target: &Kafi, target_topic: &str) -> Result<Compacted> {
        let mut sink = TopicSink::open(target.place(), target_topic, &[(self.place(), topic)], Arc::default())?;
        let options = CompactOptions { read: self.read_options(), ..CompactOptions::default() };
        let compacted = shell::compact(self.storage(), topic, &options, |batch| {
            sink.write(batch)?;
            Ok(ControlFlow::Continue(()))
        });
        let written = sink.close(target.settings().flush_timeout);
        let compacted = compacted?;
        written?;
        Ok(compacted)
    }

    /// Produces the `count` newest messages of a topic to the same topic once more, and returns them as they were read.
    /// See [`shell::repeat`].
    ///
    /// # Errors
    /// Those of [`shell::repeat`].
    pub fn repeat(&self, topic: &str, count: u64) -> Result<Vec<Message>> {
        let mut decode = self.topic(topic).batch_decoder()?;
        let mut messages = Vec::new();
        decode.append(&shell::repeat(self.storage(), topic, count, &self.read_options())?, &mut messages)?;
        Ok(messages)
    }

    /// Deletes a topic with all its messages, and makes it again with its settings, save for what is said anew. Returns
    /// what was made.
    ///
    /// ```
    /// # fn begin_anew(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// use kafi_shell::Recreation;
    /// c.recreate("snacks", &Recreation::default())?;
    /// c.recreate("snacks", &Recreation { partitions: Some(6), ..Recreation::default() })?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`shell::recreate`].
    #[doc(alias = "retouch")]
    pub fn recreate(&self, topic: &str, anew: &Recreation) -> Result<NewTopic> {
        shell::recreate(self.storage(), topic, anew, TIMEOUT)
    }

    /// Gives the committed offsets of `group` to `target_group`, which may be on another storage, and goes on at the same
    /// messages there: for these topics, or for all where none are named. Returns what has changed.
    ///
    /// ```
    /// # fn move_on(c1: &kafi_shell::Kafi, c2: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// c1.cp_group_offsets("billing", c2, "billing", &["snacks"])?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`shell::plan_group_copy`], before anything is changed; those of
    /// [`GroupAdmin::alter_group_offsets`](kafi_core::GroupAdmin::alter_group_offsets).
    pub fn cp_group_offsets(
        &self,
        group: &str,
        target: &Kafi,
        target_group: &str,
        topics: &[&str],
    ) -> Result<Vec<OffsetChange>> {
        let topics: Vec<String> = topics.iter().map(ToString::to_string).collect();
        let options = GroupCopyOptions { topics: &topics, partitions: None, allow_gap: false, timeout: TIMEOUT };
        let mut plan = shell::plan_group_copy((self.storage(), group), (target.storage(), target_group), options)?;
        plan.retain(OffsetChange::is_one);
        if !plan.is_empty() {
            let offsets: Vec<_> = plan.iter().map(|change| change.to.clone()).collect();
            target.set_group_offsets(target_group, &offsets)?;
        }
        Ok(plan)
    }

    /// How many offsets of each partition of a topic lie between two times (epoch ms): from the first message at or after
    /// the one to just before that of the other.
    ///
    /// ```
    /// # fn in_a_day(c: &kafi_shell::Kafi) -> kafi_core::Result<()> {
    /// let all: i64 = c.offsets_diff("snacks", 1_732_660_705_555, 1_732_747_105_555)?.iter().map(|(_, count)| count).sum();
    /// println!("about {all} messages");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`offsets_for_times`](Kafi::offsets_for_times).
    pub fn offsets_diff(&self, topic: &str, from_ms: i64, to_ms: i64) -> Result<Vec<(i32, i64)>> {
        let (from, to) = (self.offsets_for_times(topic, from_ms)?, self.offsets_for_times(topic, to_ms)?);
        let between = from.into_iter().zip(to).map(|(from, to)| (from.partition, (to.offset - from.offset).max(0)));
        Ok(between.collect())
    }
}
