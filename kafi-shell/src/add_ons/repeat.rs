//! `repeat`: the newest messages once more.

use std::ops::ControlFlow;
use std::sync::Arc;

use kafi_core::functional::{Progress, ReadOptions, Writer};
use kafi_core::{Batch, NO_TIMESTAMP, ProducerOptions, Result, Storage, TimestampType};

use crate::cat::TopicsToRead;
use crate::tail::tail;

/// Produces the `count` newest messages of a topic to the same topic once more, in their order, and returns them as they
/// were read: each in its partition, with its key, value, and headers, and the time now. Blocks until all are
/// delivered. Holds them in memory.
///
/// # Errors
/// Those of [`tail`], and of [`Writer::write`]; the messages before the first that fails may be written.
pub fn repeat(storage: &dyn Storage, topic: &str, count: u64, options: &ReadOptions) -> Result<Batch> {
    let mut newest = Batch::new();
    let once = ReadOptions { follow: false, group: None, ..options.clone() };
    tail(TopicsToRead::new(storage, &[topic.to_string()], &once), count, |batch| {
        std::mem::swap(&mut newest, batch);
        Ok(ControlFlow::Break(()))
    })?;
    if newest.is_empty() || options.cancel.is_cancelled() {
        return Ok(newest);
    }
    let mut again = newest.clone();
    for meta in again.metas_mut() {
        (meta.timestamp, meta.timestamp_type, meta.offset) = (NO_TIMESTAMP, TimestampType::Create, -1);
    }
    let progress: Arc<Progress> = Arc::clone(&options.progress);
    let mut writer = Writer::open(storage, &ProducerOptions::default(), progress)?.reached();
    writer.write(&again)?;
    writer.close(None)?;
    Ok(newest)
}
