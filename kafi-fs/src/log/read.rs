//! Reading a partition batch by batch, without a lock, beside those who append to it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kafi_core::{Error, ErrorKind, Result};
use kafi_records::{BatchHeader, Decoder};

use super::index::Index;
use super::segment::{Peek, Place, Window, below, scan};
use super::{PartitionDir, Recovery};
use crate::io::{Access, FileId, IoFile};
use crate::turns::Source;

/// How often a look at files that others change meanwhile is repeated.
const LOOKS: usize = 10;

/// The offsets that a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The first that can be read.
    pub(crate) low: i64,
    /// The one after the last.
    pub(crate) high: i64,
}

/// What a reader does about what is not there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leniency {
    /// Goes on at the log start where the next message was deleted.
    pub(crate) allow_gap: bool,
    /// Goes on behind damaged batches.
    pub(crate) skip_corrupt: bool,
}

/// The bounds of a partition, with a look at the little that was appended since the last fsync.
pub(crate) fn bounds(dir: &PartitionDir) -> Result<Bounds> {
    let mut looks = 0;
    loop {
        let known = dir.recovery()?;
        let segments = dir.segments()?;
        if known.is_none() && segments.is_empty() && dir.io.list(dir.folder()).is_ok_and(|names| names.is_empty()) {
            return Err(dir.error(ErrorKind::NotFound, "read", "the partition does not exist"));
        }
        match high(dir, known, &segments) {
            Ok(high) => {
                let low = dir.start()?.max(segments.first().copied().unwrap_or(high)).min(high);
                return Ok(Bounds { low, high });
            }
            // A segment that was listed is gone: somebody deletes.
            Err(error) if error.kind() == ErrorKind::NotFound && looks < LOOKS => looks += 1,
            Err(error) => return Err(error),
        }
    }
}

fn high(dir: &PartitionDir, known: Option<Recovery>, segments: &[i64]) -> Result<i64> {
    let Some(last) = segments.last().copied().filter(|last| known.is_none_or(|known| known.base <= *last)) else {
        return Ok(known.unwrap_or_default().next_offset.max(dir.start()?));
    };
    let path = dir.log_path(last);
    let on_error = |error| dir.io_error("read", &path, error);
    let file = dir.io.open(&path, Access::Read).map_err(on_error)?;
    let len = file.len().map_err(on_error)?;
    let from = match known {
        Some(known) if known.base == last => Place { at: known.length, offset: known.next_offset },
        Some(_) => Place { at: 0, offset: last },
        // Without a word on what is durable the index has to be believed, for a whole segment takes seconds.
        None => Index::open(dir, last, len)?.map_or(Place { at: 0, offset: last }, |index| index.end()),
    };
    Ok(scan(&*file, from, len, true, |_, _, _| true).map_err(on_error)?.end.offset)
}

/// Reads one partition from a position on.
pub(crate) struct Reader {
    dir: PartitionDir,
    leniency: Leniency,
    /// The offset of the next message to read.
    position: i64,
    low: i64,
    low_file: Option<FileId>,
    recovery: Option<Arc<dyn IoFile>>,
    known: Option<Recovery>,
    segment: Option<Segment>,
}

/// The segment that is read.
struct Segment {
    base: i64,
    file: Arc<dyn IoFile>,
    len: u64,
    place: Place,
    /// Where the batch begins that was handed out last.
    last: Place,
    /// The base offset of the next segment, once this one was rolled.
    next_base: Option<i64>,
    /// Stands for the file in a window that several readers share.
    owner: u64,
}

impl Reader {
    /// A reader from `position` on.
    pub(crate) fn open(dir: PartitionDir, position: i64, leniency: Leniency) -> Result<Self> {
        let path = dir.recovery_path();
        let recovery = match dir.io.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => Some(other.map_err(|error| dir.io_error("read", &path, error))?),
        };
        let mut reader = Self { dir, leniency, position, low: 0, low_file: None, recovery, known: None, segment: None };
        reader.seek(position)?;
        Ok(reader)
    }

    /// Goes to another offset, which must lie in the log or at its end.
    pub(crate) fn seek(&mut self, position: i64) -> Result<()> {
        self.low_file = self.dir.start_stat()?.map(|stat| stat.id);
        let bounds = bounds(&self.dir)?;
        self.low = bounds.low;
        self.segment = None;
        self.position = position;
        if position > bounds.high {
            let message = format!("the offset {position} lies beyond the end {}", bounds.high);
            return Err(self.dir.error(ErrorKind::OutOfRange, "read", message));
        }
        self.check_low()
    }

    /// Looks at the next header. The base offset is outside of the checksum, so a gap before a batch is believed only if what follows agrees.
    fn peek(&mut self, window: &mut Window) -> Result<Peek> {
        let limit = self.limit();
        let segment = self.segment.as_mut().expect("the caller found one");
        window.claim(segment.owner);
        let path = self.dir.log_path(segment.base);
        let on_error = |error| self.dir.io_error("read", &path, error);
        let peek = window.header(&*segment.file, segment.place, segment.len).map_err(on_error)?;
        let Peek::Batch(header) = peek else { return Ok(peek) };
        if header.next_offset() > limit {
            return Ok(Peek::Bad(format!("its offsets end at {}, beyond {limit}", header.last_offset())));
        }
        if header.base_offset == segment.place.offset {
            return Ok(peek);
        }
        let after = Place { at: segment.place.at + header.total_bytes() as u64, offset: header.next_offset() };
        match window.header(&*segment.file, after, segment.len).map_err(on_error)? {
            Peek::Below(offset) => Ok(Peek::Bad(format!("its offsets end at {}, but {offset} follows", header.last_offset()))),
            _ => Ok(peek),
        }
    }

    /// What the offsets at the current place lie below.
    fn limit(&self) -> i64 {
        let Some(segment) = &self.segment else { return i64::MAX };
        let durable = self.known.filter(|known| known.base == segment.base && segment.place.at < known.length);
        segment.next_base.or(durable.map(|known| known.next_offset)).unwrap_or(i64::MAX)
    }

    fn check_low(&mut self) -> Result<()> {
        if self.position >= self.low {
            return Ok(());
        }
        let message = format!("the offsets {} to {} were deleted, the log starts at {}", self.position, self.low - 1, self.low);
        if !self.leniency.allow_gap {
            let hint = format!("start at {}, or allow the gap (--allow-gap)", self.low);
            return Err(self.dir.error(ErrorKind::OutOfRange, "read", message).hint(hint));
        }
        log::warn!("read: topic {}, partition {}: {message}; going on there", self.dir.topic, self.dir.partition);
        self.position = self.low;
        self.segment = None;
        Ok(())
    }

    /// Finds the segment and the place in it for the position; false where there is none yet.
    fn find_segment(&mut self) -> Result<bool> {
        for _ in 0..LOOKS {
            self.read_recovery()?;
            let segments = self.dir.segments()?;
            let Some(first) = segments.first().copied() else {
                self.check_deleted()?;
                return Ok(false);
            };
            let base = segments.iter().rev().find(|base| **base <= self.position).copied().unwrap_or(first);
            if base > self.position {
                self.low = self.low.max(base);
                self.check_low()?;
            }
            let next_base = segments.iter().find(|next| **next > base).copied();
            if self.open_segment(base, next_base)? {
                return Ok(true);
            }
        }
        self.check_deleted()?;
        Err(self.dir.error(ErrorKind::NotFound, "read", "segments vanish while they are read"))
    }

    /// Opens a segment at the place for the position; false if it is gone.
    fn open_segment(&mut self, base: i64, next_base: Option<i64>) -> Result<bool> {
        static OWNERS: AtomicU64 = AtomicU64::new(1);
        let path = self.dir.log_path(base);
        let on_error = |error| self.dir.io_error("read", &path, error);
        let file = match self.dir.io.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(on_error)?,
        };
        let len = file.len().map_err(on_error)?;
        let mut place = Place { at: 0, offset: base };
        if self.position > base
            && let Some(index) = Index::open(&self.dir, base, len)?
        {
            place = index.locate(self.position).map_err(|error| self.dir.io_error("read index", &self.dir.index_path(base), error))?;
        }
        self.segment = Some(Segment { base, file, len, place, last: place, next_base, owner: OWNERS.fetch_add(1, Ordering::Relaxed) });
        Ok(true)
    }

    fn read_recovery(&mut self) -> Result<()> {
        let Some(recovery) = &self.recovery else { return Ok(()) };
        let known = Recovery::read(&**recovery).map_err(|error| self.dir.io_error("read", &self.dir.recovery_path(), error))?;
        // A line that is just being overwritten says nothing new.
        self.known = known.or(self.known);
        Ok(())
    }

    /// Looks whether there is more than last time.
    fn refresh(&mut self) -> Result<bool> {
        let known = self.known;
        // In this order: if the segment was rolled by now, the length that follows is its last.
        self.read_recovery()?;
        let Some(segment) = &mut self.segment else { return Ok(true) };
        let len = segment.file.len().map_err(|error| self.dir.io_error("read", &self.dir.log_path(segment.base), error))?;
        let changed = len != segment.len || self.known != known;
        segment.len = len;
        Ok(changed)
    }

    /// Passes over a place where no batch can be read: to the next segment, or behind damage if that is allowed. False where the log just ends there.
    fn pass(&mut self, fault: &str, header: Option<BatchHeader>, window: &mut Window) -> Result<bool> {
        let Some(segment) = &mut self.segment else { return Ok(true) };
        let mut following = [segment.next_base, None];
        if self.known.is_none_or(|known| known.base > segment.base) {
            let segments = self.dir.segments()?;
            let mut later = segments.into_iter().filter(|base| *base > segment.base);
            following = [later.next(), later.next()];
        }
        let next_base = following[0];
        segment.next_base = next_base;
        let rolled = next_base.is_some() || self.known.is_some_and(|known| known.base > segment.base);
        let durable = self.known.filter(|known| known.base == segment.base).map_or(0, |known| known.length);
        if !rolled && segment.place.at >= durable {
            self.check_deleted()?;
            return Ok(false);
        }
        if segment.place.at < segment.len.max(durable) {
            let resume = self.resume(header, window)?;
            let offset = resume.map(|place| place.offset).or(next_base);
            self.report_damage(fault, offset)?;
            if let Some(offset) = offset {
                self.position = self.position.max(offset);
            }
            if let (Some(segment), Some(place)) = (&mut self.segment, resume) {
                segment.place = place;
                return Ok(true);
            }
        }
        let Some(base) = next_base else {
            // The next segment was announced, but not made. What it will begin with is the end for now.
            if let Some(known) = self.known.filter(|_| rolled) {
                self.position = self.position.max(known.next_offset);
            }
            self.check_deleted()?;
            return Ok(false);
        };
        if !self.open_segment(base, following[1])? {
            self.segment = None;
        }
        Ok(true)
    }

    /// The nearest place behind a damaged one in the same segment that certainly begins a batch.
    fn resume(&self, header: Option<BatchHeader>, window: &mut Window) -> Result<Option<Place>> {
        let Some(segment) = &self.segment else { return Ok(None) };
        let path = self.dir.log_path(segment.base);
        let on_error = |error| self.dir.io_error("read", &path, error);
        // A header that leads to a good batch is good enough itself, although its records are not.
        if let Some(header) = header {
            let place = Place { at: segment.place.at + header.total_bytes() as u64, offset: segment.place.offset };
            let mut bytes = Vec::new();
            if let Peek::Batch(next) = window.header(&*segment.file, place, segment.len).map_err(on_error)? {
                window.batch(&*segment.file, place.at, next.total_bytes(), &mut bytes).map_err(on_error)?;
                if kafi_records::check_crc(&bytes).is_ok() {
                    return Ok(Some(Place { offset: next.base_offset, ..place }));
                }
            }
        }
        let mut after = None;
        if let Some(index) = Index::open(&self.dir, segment.base, segment.len)? {
            after = index.after(segment.place.at).map_err(|error| self.dir.io_error("read index", &self.dir.index_path(segment.base), error))?;
        }
        let durable = self.known.filter(|known| known.base == segment.base && known.length > segment.place.at);
        let durable = durable.map(|known| Place { at: known.length, offset: known.next_offset });
        Ok(after.or(durable))
    }

    /// Says what is damaged and what can still be read: an error, or a warning if damage is skipped.
    fn report_damage(&self, fault: &str, resume: Option<i64>) -> Result<()> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let first = self.position.max(segment.place.offset);
        let rest = match resume {
            Some(offset) if offset == first + 1 => format!("the offset {first} cannot be read, those from {offset} on can"),
            Some(offset) if offset > first => format!("the offsets {first} to {} cannot be read, those from {offset} on can", offset - 1),
            Some(offset) => format!("offsets from {offset} on can be read"),
            None => format!("the offsets from {first} on cannot be read"),
        };
        let file = self.dir.io.display(&self.dir.log_path(segment.base));
        let error = self.dir.error(ErrorKind::Corrupt, "read", format!("a damaged batch ({fault}): {rest}"));
        let error = error.with("file", file).with("byte", segment.place.at);
        if self.leniency.skip_corrupt {
            log::warn!("{error}; skipped");
            return Ok(());
        }
        Err(error.hint("read around it with --skip-corrupt, or restore the file from a backup"))
    }

    fn check_deleted(&self) -> Result<()> {
        let gone: Error = self.dir.deleted("read");
        match &self.recovery {
            Some(recovery) if !self.dir.is_current(&**recovery)? => Err(gone),
            _ => Ok(()),
        }
    }
}

impl Source for Reader {
    type Shared = Window;

    fn topic(&self) -> &Arc<str> {
        &self.dir.topic
    }

    fn partition(&self) -> i32 {
        self.dir.partition
    }

    fn position(&self) -> i64 {
        self.position
    }

    fn advance(&mut self, position: i64) {
        self.position = self.position.max(position);
    }

    fn check(&mut self) -> Result<()> {
        let low_file = self.dir.start_stat()?.map(|stat| stat.id);
        if low_file != self.low_file {
            self.low = self.low.max(self.dir.start()?);
            self.low_file = low_file;
        }
        self.check_low()
    }

    fn next(&mut self, window: &mut Window, decoder: &mut Decoder) -> Result<Option<BatchHeader>> {
        loop {
            if self.segment.is_none() && !self.find_segment()? {
                return Ok(None);
            }
            let (fault, header) = match self.peek(window)? {
                Peek::Batch(header) => {
                    let segment = self.segment.as_mut().expect("one was just found");
                    let (place, path) = (segment.place, self.dir.log_path(segment.base));
                    let after = Place { at: place.at + header.total_bytes() as u64, offset: header.next_offset() };
                    if header.next_offset() <= self.position {
                        segment.place = after;
                        continue;
                    }
                    let read = window.batch(&*segment.file, place.at, header.total_bytes(), decoder.buffer());
                    read.map_err(|error| self.dir.io_error("read", &path, error))?;
                    match decoder.open() {
                        Ok(header) => {
                            segment.last = place;
                            segment.place = after;
                            return Ok(Some(header));
                        }
                        Err(error) => (error.message().to_string(), Some(header)),
                    }
                }
                Peek::Partial => ("the batch is not whole".to_string(), None),
                Peek::Below(offset) => (below(offset, self.segment.as_ref().expect("one was just found").place), None),
                Peek::Bad(why) => (why, None),
            };
            if self.refresh()? {
                window.forget();
                continue;
            }
            if !self.pass(&fault, header, window)? {
                window.forget();
                return Ok(None);
            }
        }
    }

    fn unreadable(&mut self, fault: &str, header: &BatchHeader) -> Result<()> {
        if let Some(segment) = &mut self.segment {
            segment.place = segment.last;
        }
        self.report_damage(fault, Some(header.next_offset()))?;
        self.advance(header.next_offset());
        Ok(())
    }
}
