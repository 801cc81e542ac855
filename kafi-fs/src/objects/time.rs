//! Finding messages by their time.

use std::time::Instant;

use kafi_core::{Batch, Result};
use kafi_records::{BatchHeader, Decoder};

use super::log::{Name, PartitionLog};
use super::times::Times;

/// The first offset whose message has a timestamp at or after `timestamp`, or the end. Messages need not be in the order of their times: objects are passed over by
/// their latest timestamp, batches by that in their header, and only one batch is decoded.
pub(crate) fn offset_for_time(log: &PartitionLog, timestamp: i64, requests_max: usize, deadline: Instant) -> Result<i64> {
    let bounds = log.bounds(deadline)?;
    let mut times = Times::open(log, requests_max, deadline)?;
    let found = find(log, &mut times, timestamp, bounds.low, requests_max, deadline)?;
    times.keep();
    Ok(found.map_or(bounds.high, |offset| offset.min(bounds.high)))
}

fn find(log: &PartitionLog, times: &mut Times<'_>, timestamp: i64, low: i64, requests_max: usize, deadline: Instant) -> Result<Option<i64>> {
    let mut after = match log.locate(low, deadline)? {
        Some(found) => log.before(found.name.offset),
        None => log.before(0),
    };
    loop {
        let page = log.page(&after, deadline)?;
        // As many at a time as can be asked for at once, so that not much is asked in vain.
        for names in page.names.chunks(requests_max * 4) {
            let latest = times.latest(names)?;
            for (name, _) in names.iter().zip(latest).filter(|(_, latest)| latest.is_some_and(|latest| latest >= timestamp)) {
                if let Some(offset) = find_in(log, name, timestamp, low, deadline)? {
                    return Ok(Some(offset));
                }
            }
        }
        match page.more {
            Some(more) => after = more,
            None => return Ok(None),
        }
    }
}

/// Looks in one object.
fn find_in(log: &PartitionLog, name: &Name, timestamp: i64, low: i64, deadline: Instant) -> Result<Option<i64>> {
    let key = log.key(name.offset);
    let mut bytes = Vec::new();
    if log.io.get(&key, None, &mut bytes, deadline).map_err(|error| log.context(error))?.is_none() {
        return Ok(None);
    }
    let (mut decoder, mut records) = (Decoder::new(), Batch::new());
    let mut rest = &bytes[..];
    let on_error = |error: kafi_core::Error| log.context(error).with("object", log.io.display(&key)).hint("give an offset instead of a time");
    while let Some(header) = BatchHeader::parse(rest).map_err(on_error)? {
        let (batch, after) = rest.split_at(header.total_bytes().min(rest.len()));
        rest = after;
        if header.max_timestamp < timestamp || header.next_offset() <= low {
            continue;
        }
        decoder.buffer().clear();
        decoder.buffer().extend_from_slice(batch);
        decoder.open().map_err(on_error)?;
        let mut more = true;
        while more {
            records.clear();
            more = decoder.read(&mut records, 0, 0, low, i64::MAX).map_err(on_error)?;
            if let Some(found) = records.metas().iter().find(|meta| meta.timestamp >= timestamp) {
                return Ok(Some(found.offset));
            }
        }
    }
    Ok(None)
}
