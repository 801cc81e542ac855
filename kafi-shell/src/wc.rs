//! `wc`: counts messages and bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{AddAssign, ControlFlow};

use kafi_core::functional::TextDecoder;
use kafi_core::{Batch, Record, RecordMeta, Result};

use crate::cat::{Finished, TopicsToRead, read_then};
use crate::texts::Texts;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The messages.
    pub messages: u64,
    /// The bytes of the keys.
    pub key_bytes: u64,
    /// The bytes of the values.
    pub value_bytes: u64,
    /// The messages whose value is null.
    pub tombstones: u64,
}

/// What was counted of each partition that was read, by topic.
pub type PartitionCounts = BTreeMap<String, BTreeMap<i32, Counts>>;

impl Counts {
    fn of_record(record: &Record<'_>) -> Self {
        let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len) as u64;
        Self {
            messages: 1,
            key_bytes: len(record.key),
            value_bytes: len(record.value),
            tombstones: u64::from(record.value.is_none()),
        }
    }

    fn of(run: &[RecordMeta]) -> Self {
        let mut counts = Self::default();
        for meta in run {
            counts += Self {
                messages: 1,
                key_bytes: meta.key.len.max(0) as u64,
                value_bytes: meta.value.len.max(0) as u64,
                tombstones: u64::from(meta.value.len < 0),
            };
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.key_bytes += other.key_bytes;
        self.value_bytes += other.value_bytes;
        self.tombstones += other.tombstones;
    }
}

/// Counts the messages of each of `topics`. Blocks as [`cat`](crate::cat) does.
///
/// # Errors
/// Those of [`cat`](crate::cat).
pub fn wc(reading: TopicsToRead<'_>) -> Result<(BTreeMap<String, Counts>, Finished)> {
    let mut counted = BTreeMap::new();
    let finished = wc_then(reading, None, |counts, _| {
        for (topic, partitions) in counts {
            let of_topic: &mut Counts = counted.entry(topic.clone()).or_default();
            partitions.values().for_each(|counts| *of_topic += *counts);
        }
        Ok(())
    })?;
    Ok((counted, finished))
}

/// Counts the messages of each partition, their bytes as they are stored, or, with `texts`, those of the text that schemas
/// make of keys and values; messages that cannot be decoded are not counted. The work is done only when `then` has returned, which is given the counts; a
/// group's offsets are committed after it.
///
/// # Errors
/// As for [`wc`], and what `then` fails with.
pub fn wc_then(
    reading: TopicsToRead<'_>,
    texts: Option<&Texts>,
    then: impl FnOnce(&PartitionCounts, &Finished) -> Result<()>,
) -> Result<Finished> {
    let mut decoder = texts.map(Texts::decoder).transpose()?;
    let counts: RefCell<PartitionCounts> =
        RefCell::new(reading.topics().iter().map(|topic| (topic.clone(), BTreeMap::new())).collect());
    let count = |batch: &mut Batch| {
        let mut counts = counts.borrow_mut();
        if let (Some(decoder), Some(texts)) = (&mut decoder, texts)
            && !decoder.is_plain(batch)
        {
            return count_texts(batch, decoder, texts, &mut counts).map(ControlFlow::Continue);
        }
        for run in batch.metas().chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition)) {
            *of_partition(&mut counts, &batch.topics()[run[0].topic as usize], run[0].partition) += Counts::of(run);
        }
        Ok(ControlFlow::Continue(()))
    };
    read_then(
        reading.settling(texts.map(|texts| &texts.failures)),
        |_| Ok(()),
        count,
        |finished| {
            let mut counts = counts.take();
            for position in &finished.reached {
                // Also a partition without messages was looked at.
                counts.entry(position.topic.clone()).or_default().entry(position.partition).or_default();
            }
            if let Some(aside) = reading.options().set_aside() {
                counts.retain(|topic, partitions| !partitions.is_empty() || !aside.has_topic(topic));
            }
            then(&counts, finished)
        },
    )
}

fn of_partition<'c>(counts: &'c mut PartitionCounts, topic: &str, partition: i32) -> &'c mut Counts {
    if !counts.contains_key(topic) {
        counts.insert(topic.to_string(), BTreeMap::new());
    }
    counts.get_mut(topic).expect("it was just looked for").entry(partition).or_default()
}

fn count_texts(batch: &Batch, decoder: &mut TextDecoder, texts: &Texts, counts: &mut PartitionCounts) -> Result<()> {
    for record in batch.iter() {
        match decoder.show(record) {
            Ok((shown, _)) => *of_partition(counts, record.topic, record.partition) += Counts::of_record(&shown),
            Err(error) => texts.failures.take(&record, error)?,
        }
    }
    Ok(())
}
