//! Finding messages by their time.

use kafi_core::{Batch, ErrorKind, Result};
use kafi_records::Decoder;

use super::PartitionDir;
use super::bounds::bounds;
use super::index::Index;
use super::segment::{Beyond, Extent, Search, SegmentPlace, Window, scan};
use crate::emulated::reading::{BATCH_BYTES_MAX, decoder, hint_at_batch_bytes};
use crate::io::Access;

/// The first offset whose message has a timestamp at or after `timestamp`, or the end. Messages need not be in the
/// order of their times: segments and blocks are passed over by their largest timestamp, batches by that in their
/// header, and only one batch is decoded.
pub(crate) fn offset_for_time(dir: &PartitionDir, timestamp: i64) -> Result<i64> {
    let bounds = bounds(dir)?;
    let known = dir.recovery()?;
    let segments = dir.segments()?;
    for (number, base) in segments.iter().copied().enumerate() {
        let next_base = segments.get(number + 1).copied();
        if next_base.is_some_and(|next| next <= bounds.low) {
            continue;
        }
        let durable = match (next_base, known) {
            (Some(_), _) => u64::MAX,
            (None, Some(known)) if known.base == base => known.length,
            (None, Some(known)) if known.base > base => u64::MAX,
            _ => 0,
        };
        let wanted = Wanted { timestamp, low: bounds.low };
        if let Some(offset) = in_segment(dir, base, next_base, wanted, durable)? {
            return Ok(offset.min(bounds.high));
        }
    }
    Ok(bounds.high)
}

/// The message that is looked for: the first from `low` on that has at least this timestamp.
#[derive(Clone, Copy)]
struct Wanted {
    timestamp: i64,
    low: i64,
}

/// Looks in one segment, of which the first `durable` bytes are known to be good.
fn in_segment(
    dir: &PartitionDir,
    base: i64,
    next_base: Option<i64>,
    wanted: Wanted,
    durable: u64,
) -> Result<Option<i64>> {
    let Wanted { timestamp, low } = wanted;
    let path = dir.log_path(base);
    let on_error = |error| dir.io_error("find time", &path, error);
    let file = dir.io.open(&path, Access::Read).map_err(on_error)?;
    let extent = Extent::new(base, file.len().map_err(on_error)?, next_base);
    let mut from = SegmentPlace { at: 0, offset: base };
    if let Some(index) = Index::open(dir, base, extent.len)?
        && index.agrees(&*file, extent).map_err(on_error)?
    {
        if index.is_before(timestamp) {
            return Ok(None);
        }
        from = index
            .locate_time(timestamp, low)
            .and_then(|place| index.checked(place, &*file, extent))
            .map_err(on_error)?;
    }
    let (mut decoder, mut records) = (decoder(BATCH_BYTES_MAX as u64), Batch::new());
    loop {
        let mut hit = None;
        let scanned = scan(&*file, from, extent, false, |at, header, _| {
            let may_hold = header.max_timestamp >= timestamp && header.next_offset() > low;
            hit = may_hold.then_some((at, *header));
            !may_hold
        });
        let scanned = scanned.map_err(on_error)?;
        let fault = match (hit, scanned.fault) {
            (None, None) => return Ok(None),
            (None, Some(fault)) => (scanned.end.at, fault),
            (Some((at, header)), _) => {
                let too_large = |error: kafi_core::Error| {
                    hint_at_batch_bytes(error.with("topic", &dir.topic).with("partition", dir.partition))
                };
                decoder.check_bytes(&header).map_err(too_large)?;
                Window::default().batch(&*file, at, header.total_bytes(), decoder.buffer()).map_err(on_error)?;
                match find(&mut decoder, &mut records, timestamp, low) {
                    Ok(Some(offset)) => return Ok(Some(offset)),
                    Ok(None) => {
                        from = SegmentPlace { at: at + header.total_bytes() as u64, offset: header.next_offset() };
                        continue;
                    }
                    Err(error) if error.kind() == ErrorKind::TooLarge => return Err(too_large(error)),
                    Err(error) => (at, error.message().to_string()),
                }
            }
        };
        // What a crash left behind the last whole batch is not part of the log.
        let place = SegmentPlace { at: fault.0, offset: scanned.end.offset };
        if fault.0 >= durable
            && Search::new(extent.len - fault.0).beyond(&*file, place, extent, None).map_err(on_error)?
                == Beyond::Nothing
        {
            return Ok(None);
        }
        let error = dir.error(ErrorKind::Corrupt, "find time", format!("a damaged batch ({})", fault.1));
        return Err(error
            .with("file", dir.io.display(&path))
            .with("byte", fault.0)
            .hint("give an offset instead of a time"));
    }
}

/// Looks in the batch that the decoder's buffer holds.
fn find(decoder: &mut Decoder, records: &mut Batch, timestamp: i64, low: i64) -> Result<Option<i64>> {
    decoder.open()?;
    let mut more = true;
    while more {
        records.clear();
        more = decoder.read(records, 0, 0, low, i64::MAX)?;
        if let Some(found) = records.metas().iter().find(|meta| meta.timestamp >= timestamp) {
            return Ok(Some(found.offset));
        }
    }
    Ok(None)
}
