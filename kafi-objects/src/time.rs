//! Finding messages by their time.

use std::time::Instant;

use kafi_core::{Batch, ErrorKind, Result};
use kafi_fs::emulated::reading::{BATCH_BYTES_MAX, decoder};

use crate::log::{Name, PartitionLog};
use crate::scan::Scan;
use crate::times::Times;

/// The first offset whose message has a timestamp at or after `timestamp`, or the end. Messages need not be in the
/// order of their times: objects are passed over by their latest timestamp, batches by that in their header, and only
/// one batch is decoded.
pub(crate) fn offset_for_time(
    log: &PartitionLog,
    timestamp: i64,
    requests_max: usize,
    deadline: Instant,
) -> Result<i64> {
    let bounds = log.bounds(deadline)?;
    let mut times = Times::open(log, requests_max, deadline)?;
    let found = find(log, &mut times, timestamp, bounds.low, deadline)?;
    times.keep();
    Ok(found.map_or(bounds.high, |offset| offset.min(bounds.high)))
}

fn find(log: &PartitionLog, times: &mut Times<'_>, timestamp: i64, low: i64, deadline: Instant) -> Result<Option<i64>> {
    let mut after = match log.locate(low, deadline)? {
        Some(found) => log.before(found.name.offset),
        None => log.before(0),
    };
    let mut names: Vec<Name> = Vec::new();
    loop {
        let page = log.page(&after, deadline)?;
        names.extend(page.names);
        // The last one waits for the next page, because what comes behind an object tells how much of it counts.
        let count = if page.more.is_some() { names.len().saturating_sub(1) } else { names.len() };
        let at_once = times.requests_max() * 4;
        // As many at a time as can be asked for at once, so that not much is asked in vain.
        for start in (0..count).step_by(at_once) {
            let end = count.min(start + at_once);
            let latest = times.latest(&names[start..end])?;
            for (index, _) in
                (start..end).zip(latest).filter(|(_, latest)| latest.is_some_and(|latest| latest >= timestamp))
            {
                if let Some(offset) = find_in(log, &names[index..], timestamp, low, deadline)? {
                    return Ok(Some(offset));
                }
            }
        }
        names.drain(..count);
        match page.more {
            Some(more) => after = more,
            None => return Ok(None),
        }
    }
}

/// Looks in the first of these objects. None of the others may begin within one of its batches.
fn find_in(log: &PartitionLog, names: &[Name], timestamp: i64, low: i64, deadline: Instant) -> Result<Option<i64>> {
    const HINT: &str = "give an offset instead of a time";
    let Some((name, others)) = names.split_first() else { return Ok(None) };
    let Some(mut scan) = Scan::open(log, name.offset, deadline)? else { return Ok(None) };
    let (mut decoder, mut records) = (decoder(BATCH_BYTES_MAX as u64), Batch::new());
    loop {
        let from = scan.next_offset();
        let Some(header) = scan.next().map_err(|error| error.hint(HINT))? else { return Ok(None) };
        let other = others.get(others.partition_point(|other| other.offset <= from));
        if let Some(other) = other.filter(|other| other.offset < header.next_offset()) {
            let message =
                format!("its offsets end at {}, and another object begins at {}", header.last_offset(), other.offset);
            let error = log
                .error(ErrorKind::Corrupt, "find time", message)
                .with("object", log.io.display(&log.key(name.offset)));
            return Err(error.hint(HINT));
        }
        let begins_here = from > name.offset && others.binary_search_by_key(&from, |other| other.offset).is_ok();
        if begins_here && from < header.base_offset && holds_below(log, from, header.base_offset, deadline)? {
            let message = format!("its offsets go on at {}, and another object begins at {from}", header.base_offset);
            let error = log
                .error(ErrorKind::Corrupt, "find time", message)
                .with("object", log.io.display(&log.key(name.offset)));
            return Err(error.hint(HINT));
        }
        if header.max_timestamp < timestamp || header.next_offset() <= low {
            continue;
        }
        decoder.buffer().clear();
        decoder.buffer().extend_from_slice(scan.batch()?);
        let on_error = |error: kafi_core::Error| {
            log.context(error).with("object", log.io.display(&log.key(name.offset))).hint(HINT)
        };
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
}

/// Whether the object that is named `name` holds something below an offset; one that was merged into an earlier one
/// begins as high as its batch there.
fn holds_below(log: &PartitionLog, name: i64, offset: i64, deadline: Instant) -> Result<bool> {
    let first = Scan::open(log, name, deadline)?.map(|mut scan| scan.next()).transpose()?.flatten();
    Ok(first.is_some_and(|first| first.base_offset < offset))
}
