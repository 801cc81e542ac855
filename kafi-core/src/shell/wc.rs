//! `wc`: counts messages and bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{AddAssign, ControlFlow};

use crate::batch::Batch;
use crate::error::Result;
use crate::functional::ReadOptions;
use crate::shell::cat::{Finished, read_then};
use crate::storage::Storage;

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

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.key_bytes += other.key_bytes;
        self.value_bytes += other.value_bytes;
        self.tombstones += other.tombstones;
    }
}

/// Counts the messages of each of `topics`. Blocks as [`cat`](crate::shell::cat) does.
///
/// # Errors
/// Those of [`cat`](crate::shell::cat).
pub fn wc(storage: &dyn Storage, topics: &[String], options: &ReadOptions, threads: usize) -> Result<(BTreeMap<String, Counts>, Finished)> {
    let mut counted = BTreeMap::new();
    let finished = wc_then(storage, topics, options, threads, |counts, _| {
        counted.clone_from(counts);
        Ok(())
    })?;
    Ok((counted, finished))
}

/// As [`wc`], but the work is done only when `then` has returned, which is given the counts; a group's offsets are committed after it.
///
/// # Errors
/// As for [`wc`], and what `then` fails with.
pub fn wc_then(
    storage: &dyn Storage,
    topics: &[String],
    options: &ReadOptions,
    threads: usize,
    then: impl FnOnce(&BTreeMap<String, Counts>, &Finished) -> Result<()>,
) -> Result<Finished> {
    let counts: RefCell<BTreeMap<String, Counts>> = RefCell::new(topics.iter().map(|topic| (topic.clone(), Counts::default())).collect());
    let count = |batch: &mut Batch| {
        for (index, topic) in batch.topics().iter().enumerate() {
            let mut of_topic = Counts::default();
            for meta in batch.metas().iter().filter(|meta| meta.topic as usize == index) {
                of_topic += Counts {
                    messages: 1,
                    key_bytes: meta.key.len.max(0) as u64,
                    value_bytes: meta.value.len.max(0) as u64,
                    tombstones: u64::from(meta.value.len < 0),
                };
            }
            *counts.borrow_mut().entry(topic.clone()).or_default() += of_topic;
        }
        Ok(ControlFlow::Continue(()))
    };
    read_then(storage, topics, options, threads, |_| Ok(()), count, |finished| then(&counts.borrow(), finished))
}
