//! What `recovery` and the indexes say of a partition, held against what its segments hold.
//!
//! Both come back from backups older or newer than the log, or are written by somebody hostile. What they promise and
//! the log lacks is damage that is told; where they say less than the log holds, the log counts.

use std::io;

use kafi_core::{ErrorKind, Result};

use super::index::Index;
use super::segment::{Beyond, End, Extent, Search, SegmentPlace, find_end, scan};
use super::{PartitionDir, Recovery};
use crate::io::{Access, IoFile};

/// A segment whose log file is gone, while its index is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) base: i64,
    /// The offset after the last message that it is known to have held.
    pub(crate) next_offset: i64,
}

/// The end of a segment, and what it should be.
pub(crate) struct Known {
    /// The end of the batches that are there.
    pub(crate) end: End,
    /// The offset after the last message that there is or should be.
    pub(crate) next_offset: i64,
    /// The bytes that there should be.
    pub(crate) length: u64,
}

impl Known {
    /// Whether messages are missing at the end that were durable.
    pub(crate) fn lacks(&self) -> bool {
        self.next_offset > self.end.place.offset || self.length > self.end.place.at
    }
}

/// Looks at the end of the last segment, `base`, whose `file` has so many bytes and of which `known` says what is
/// durable. Where `checked` is given, the log was looked at up to there before.
pub(crate) fn look(
    dir: &PartitionDir,
    base: i64,
    (file, len): (&dyn IoFile, u64),
    known: Option<Recovery>,
    checked: Option<SegmentPlace>,
) -> io::Result<Known> {
    let mut promise =
        known.filter(|known| known.base == base).unwrap_or(Recovery { base, length: 0, next_offset: base });
    let from = match checked {
        Some(checked) => checked,
        None => {
            let index = Index::look(dir, base, len)?;
            let from = start(base, file, len, promise, index.as_ref())?;
            // The last segment may be one that was rolled, and the next one gone.
            if let Some((next_offset, length)) = index.and_then(|index| index.promise()) {
                promise.length = promise.length.max(length);
                promise.next_offset = promise.next_offset.max(next_offset);
            }
            from
        }
    };
    let end = if from.at < len {
        find_end(file, from, Extent::new(base, len, None))?
    } else {
        End { place: from, damaged: false, torn: false }
    };
    // What was durable in other segments counts as well: those before it, where somebody has put a file there that
    // begins too early, and one that was announced.
    let next_offset = end.place.offset.max(promise.next_offset).max(known.map_or(0, |known| known.next_offset));
    Ok(Known { end, next_offset, length: promise.length })
}

/// The place behind what `promise` says is durable, or a batch before that, if the log does not have one ending there.
fn start(base: i64, file: &dyn IoFile, len: u64, promise: Recovery, index: Option<&Index>) -> io::Result<SegmentPlace> {
    let (beginning, extent) = (SegmentPlace { at: 0, offset: base }, Extent::new(base, len, None));
    if promise.length == 0 {
        // Without a word on what is durable the index counts, as far as the log agrees, for a whole segment takes
        // seconds.
        return index.map_or(Ok(beginning), |index| index.checked_end(file, extent));
    }
    let from = index.map_or(Ok(beginning), |index| index.checked_place(file, promise.next_offset - 1, extent))?;
    let from = if from.at <= promise.length { from } else { beginning };
    let durable = len.min(promise.length);
    let mut search = Search::new(durable.saturating_sub(from.at));
    let mut place = from;
    while place.at < durable {
        let mut before = place;
        let scanned = scan(file, place, extent, false, |at, header, _| {
            before = SegmentPlace { at, offset: header.base_offset };
            at + (header.total_bytes() as u64) < durable
        })?;
        // The batch for which the visit ended is not counted by the scan.
        place = scanned.end;
        if scanned.fault.is_none() {
            let behind = scan(file, place, extent, false, |at, _, _| at == place.at)?.end;
            // A gap before the last batch that leads beyond what was known is no gap, but damage.
            let is_wrong = before.offset > place.offset && behind.offset > promise.next_offset;
            return Ok(match behind.at == durable {
                true if is_wrong => SegmentPlace { offset: promise.next_offset, ..behind },
                true => behind,
                false => before,
            });
        }
        match search.beyond(
            file,
            place,
            extent,
            Some(SegmentPlace { at: promise.length, offset: promise.next_offset }),
        )? {
            Beyond::Resume(next) if next.at <= durable => place = next,
            // What is damaged in there is for readers to tell; what follows it is the log's end.
            _ if durable == promise.length => return Ok(SegmentPlace { at: durable, offset: promise.next_offset }),
            _ => return Ok(place),
        }
    }
    Ok(place)
}

impl PartitionDir {
    /// The segments whose log file is missing between those that count: a part of the log that is damaged.
    pub(crate) fn lost_segments(&self, indexes: &[i64]) -> Result<Vec<Lost>> {
        let mut lost = Vec::new();
        for base in indexes.iter().copied() {
            let path = self.log_path(base);
            let there = self.io.stat(&path).map_err(|error| self.io_error("look for segment", &path, error))?.is_some();
            // Whoever deletes records moves the log start first, and whoever makes a segment makes its log first.
            if there || base < self.start()? {
                continue;
            }
            let path = self.index_path(base);
            match Index::look(self, base, u64::MAX) {
                Ok(None) => {}
                Ok(Some(index)) => lost.push(Lost { base, next_offset: index.promised().max(base.saturating_add(1)) }),
                Err(error) => return Err(self.io_error("read index", &path, error)),
            }
        }
        Ok(lost)
    }

    /// The offset after the last batch that lies in a segment, wherever the next one begins; `None` where it is gone.
    pub(crate) fn segment_end(&self, operation: &'static str, base: i64) -> Result<Option<i64>> {
        let Some((file, len)) = self.open_log(operation, base)? else { return Ok(None) };
        let known = look(self, base, (&*file, len), None, None)
            .map_err(|error| self.io_error(operation, &self.log_path(base), error))?;
        Ok(Some(known.end.place.offset))
    }

    /// The end of the segment before the last one, where `known` does not say that the last one was begun: then it may
    /// be somebody's file that begins within the one before it. Otherwise 0.
    pub(crate) fn end_before_last(
        &self,
        operation: &'static str,
        segments: &[i64],
        known: Option<Recovery>,
    ) -> Result<i64> {
        match segments {
            [.., before, last] if known.is_none_or(|known| known.base < *last) => {
                Ok(self.segment_end(operation, *before)?.unwrap_or(0))
            }
            _ => Ok(0),
        }
    }

    /// Opens the log file of a segment to read it; `None` where it is gone.
    pub(crate) fn open_log(
        &self,
        operation: &'static str,
        base: i64,
    ) -> Result<Option<(std::sync::Arc<dyn IoFile>, u64)>> {
        let path = self.log_path(base);
        match self.io.open(&path, Access::Read).and_then(|file| file.len().map(|len| (file, len))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some).map_err(|error| self.io_error(operation, &path, error)),
        }
    }

    /// The error about messages that were there, and of which nothing is left in the file at `path`.
    pub(crate) fn lost(&self, path: &str, first: i64, next: i64) -> kafi_core::Error {
        let what = match next - 1 {
            last if last > first => format!("the offsets {first} to {last} are missing"),
            _ => format!("the offset {first} is missing"),
        };
        let rest = if self.io.stat(path).is_ok_and(|stat| stat.is_some()) {
            "the file ends too early"
        } else {
            "the file is not there"
        };
        self.error(ErrorKind::Corrupt, "read", format!("{what}: {rest}")).with("file", self.io.display(path))
    }
}
