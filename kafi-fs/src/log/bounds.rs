//! Where a partition begins and ends.

use std::io;

use kafi_core::{ErrorKind, Result};

use super::known::look;
use super::{PartitionDir, Recovery};

/// How often a look at files that others change meanwhile is repeated.
pub(super) const LOOKS: usize = 10;

/// What can be done about damage.
pub(super) const HINT_RESTORE: &str = "read around it with --skip-corrupt, or restore the file from a backup";

/// The offsets that a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The first that can be read.
    pub(crate) low: i64,
    /// The one after the last.
    pub(crate) high: i64,
}

/// The bounds of a partition, with a look at the little that was appended since the last fsync. What is missing or
/// damaged lies within them, so that whoever reads is told.
pub(crate) fn bounds(dir: &PartitionDir) -> Result<Bounds> {
    let mut looks = 0;
    loop {
        let known = dir.recovery()?;
        let listing = dir.listing()?;
        if known.is_none() && listing.is_empty {
            return Err(dir.error(ErrorKind::NotFound, "read", "the partition does not exist"));
        }
        match high(dir, known, &listing.segments) {
            Ok(high) => {
                let lost = dir.lost_segments(&listing.alone)?;
                let high = lost.iter().map(|lost| lost.next_offset).fold(high, i64::max);
                let first =
                    listing.segments.first().copied().into_iter().chain(lost.first().map(|lost| lost.base)).min();
                let start = dir.start()?;
                if start > high {
                    return Err(dir
                        .error(ErrorKind::Corrupt, "read", format!("the log starts at {start}, but ends at {high}"))
                        .hint(HINT_RESTORE));
                }
                return Ok(Bounds { low: start.max(first.unwrap_or(high)).min(high), high });
            }
            // A segment that was listed is gone: somebody deletes.
            Err(error) if error.kind() == ErrorKind::NotFound && looks < LOOKS => looks += 1,
            Err(error) => return Err(error),
        }
    }
}

fn high(dir: &PartitionDir, known: Option<Recovery>, segments: &[i64]) -> Result<i64> {
    let Some(last) = segments.last().copied() else {
        return Ok(known.unwrap_or_default().next_offset.max(dir.start()?));
    };
    let on_error = |error| dir.io_error("read", &dir.log_path(last), error);
    let Some((file, len)) = dir.open_log("read", last)? else { return Err(on_error(io::ErrorKind::NotFound.into())) };
    let end = look(dir, last, (&*file, len), known, None).map_err(on_error)?.next_offset;
    Ok(end.max(dir.end_before_last("read", segments, known)?))
}
