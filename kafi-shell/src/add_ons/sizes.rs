//! How large the messages of topics are.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use kafi_core::{Record, Result};

use crate::cat::{Finished, TopicsToRead, cat};

/// A message by its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizedMessage {
    /// The bytes of key, value, and headers.
    pub bytes: u64,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// How large messages are: the bytes of keys, values, and headers, as they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeStats {
    /// How many there are.
    pub messages: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// The smallest; of several the one in the lowest partition, at the lowest offset. `None` where there are none.
    pub smallest: Option<SizedMessage>,
    /// The largest, likewise.
    pub largest: Option<SizedMessage>,
}

impl SizeStats {
    /// The average size; `None` where there are no messages.
    pub fn average(&self) -> Option<f64> {
        (self.messages > 0).then(|| self.bytes as f64 / self.messages as f64)
    }

    fn add(&mut self, record: &Record<'_>) {
        let headers = record.headers.iter().map(|header| header.name.len() + header.value.map_or(0, <[u8]>::len));
        let fields = [record.key, record.value].into_iter().flatten().map(<[u8]>::len);
        let bytes = (fields.sum::<usize>() + headers.sum::<usize>()) as u64;
        let message = SizedMessage { bytes, partition: record.partition, offset: record.offset };
        let place = |message: &SizedMessage| (message.partition, message.offset);
        let is_smaller = |least: &SizedMessage| (bytes, place(&message)) < (least.bytes, place(least));
        let is_larger =
            |most: &SizedMessage| bytes > most.bytes || bytes == most.bytes && place(&message) < place(most);
        self.messages += 1;
        self.bytes += bytes;
        if self.smallest.as_ref().is_none_or(is_smaller) {
            self.smallest = Some(message);
        }
        if self.largest.as_ref().is_none_or(is_larger) {
            self.largest = Some(message);
        }
    }
}

/// How large the messages of each of these topics are. Blocks as [`cat`](crate::cat()) does.
///
/// # Errors
/// Those of [`cat`](crate::cat()).
pub fn sizes(reading: TopicsToRead<'_>) -> Result<(BTreeMap<String, SizeStats>, Finished)> {
    let mut all: BTreeMap<String, SizeStats> =
        reading.topics().iter().map(|topic| (topic.clone(), SizeStats::default())).collect();
    let finished = cat(reading, |batch| {
        for record in batch.iter() {
            match all.get_mut(record.topic) {
                Some(stats) => stats.add(&record),
                None => all.entry(record.topic.to_string()).or_default().add(&record),
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((all, finished))
}
