//! Deleting records: the log start moves, then the objects wholly below it go.

use std::time::{Duration, Instant};

use kafi_core::{ErrorKind, Result};

use crate::log::{Name, PartitionLog};
use crate::tasks::for_all;

/// What was seen of objects is not believed any longer than this before they are deleted: whoever merges objects leaves
/// more time.
const TRUST: Duration = Duration::from_secs(20);

/// Moves the log start up to `offset`, to the end for -1, and deletes the objects wholly below, but never the newest
/// one. Returns the log start.
pub(crate) fn delete_before(log: &PartitionLog, offset: i64, requests_max: usize, deadline: Instant) -> Result<i64> {
    let bounds = log.bounds(deadline)?;
    if offset < -1 || offset > bounds.high {
        let message = format!("the offset {offset} lies beyond the end {}", bounds.high);
        return Err(log.error(ErrorKind::OutOfRange, "delete records", message));
    }
    let start = if offset == -1 { bounds.high } else { offset }.max(bounds.low);
    if start > bounds.low {
        log.move_start(start, deadline)?;
    }
    delete_objects(log, start, requests_max, deadline)?;
    Ok(start)
}

/// Deletes the objects whose records all lie below `start`. Where an object ends is asked for each, because others may
/// have been merged into it; and the next one has to begin there at the latest, so that a wrong answer deletes nothing
/// that is still wanted.
fn delete_objects(log: &PartitionLog, start: i64, requests_max: usize, deadline: Instant) -> Result<()> {
    let mut after = log.before(0);
    loop {
        let page = log.page(&after, deadline)?;
        // The last one of the page may be the newest, so it waits for the next page.
        let Some((last, rest)) = page.names.split_last() else { return Ok(()) };
        let looked_at = Instant::now();
        let candidates: Vec<Name> =
            page.names.windows(2).take_while(|pair| pair[1].offset <= start).map(|pair| pair[0]).collect();
        let ends = for_all(&candidates, requests_max, |name| {
            Ok(log.facts(name.offset, deadline)?.map_or(i64::MAX, |(facts, _)| facts.end))
        })?;
        let keys: Vec<String> = candidates
            .iter()
            .zip(ends)
            .filter(|(_, end)| *end <= start)
            .map(|(name, _)| log.key(name.offset))
            .collect();
        // Whoever merges objects leaves more time than this between writing the one and deleting the others.
        if looked_at.elapsed() < TRUST && !keys.is_empty() {
            log.io.delete(&keys, deadline).map_err(|error| log.context(error))?;
        }
        if page.more.is_none() || last.offset >= start {
            return Ok(());
        }
        after = log.before(last.offset);
        if rest.is_empty() {
            return Ok(());
        }
    }
}
