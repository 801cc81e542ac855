//! Reading a partition batch by batch, without a lock, beside those who append to it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kafi_core::{Error, ErrorKind, Result};
use kafi_records::{BatchHeader, Decoder};

use super::bounds::{HINT_RESTORE, LOOKS, bounds};
use super::index::Index;
use super::segment::{Beyond, Extent, Peek, Search, SegmentPlace, Window, below, beyond};
use super::{Listing, PartitionDir, Recovery};
use crate::emulated::reading::{Leniency, hint_at_batch_bytes, hint_at_end};
use crate::emulated::turns::PartitionReader;
use crate::io::{Access, IoFile};

/// Reads one partition from a position on.
pub(crate) struct Reader {
    dir: PartitionDir,
    leniency: Leniency,
    /// The offset of the next message to read.
    position: i64,
    low: i64,
    /// The end when the position was set: up to there it is read, or told to be missing.
    high: i64,
    recovery: Option<Arc<dyn IoFile>>,
    known: Option<Recovery>,
    segment: Option<Segment>,
}

/// The segment that is read.
struct Segment {
    base: i64,
    file: Arc<dyn IoFile>,
    len: u64,
    place: SegmentPlace,
    /// Where the batch begins that was handed out last.
    last: SegmentPlace,
    /// The base offset of the next segment, once this one was rolled.
    next_base: Option<i64>,
    /// Stands for the file in a window that several readers share.
    owner: u64,
    /// Looks for what lies behind damage.
    search: Search,
    /// The place, and the length of the file, where nothing was found behind it.
    torn: Option<(u64, u64)>,
    /// The place that is looked at once more before it counts as damaged.
    suspect: Option<u64>,
    /// The segment before it, where the position was looked for in this one, and not read on from there.
    before: Option<i64>,
    /// The next segment when the end of this one was held against what is known of it.
    checked: Option<Option<i64>>,
}

impl Segment {
    /// What it has room for.
    fn extent(&self) -> Extent {
        Extent::new(self.base, self.len, self.next_base)
    }
}

impl Reader {
    /// A reader from `position` on.
    pub(crate) fn open(dir: PartitionDir, position: i64, leniency: Leniency) -> Result<Self> {
        let path = dir.recovery_path();
        let recovery = match dir.io.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => Some(other.map_err(|error| dir.io_error("read", &path, error))?),
        };
        let mut reader = Self { dir, leniency, position, low: 0, high: 0, recovery, known: None, segment: None };
        reader.seek(position)?;
        Ok(reader)
    }

    /// Goes to another offset, which must lie in the log or at its end.
    pub(crate) fn seek(&mut self, position: i64) -> Result<()> {
        let bounds = bounds(&self.dir)?;
        (self.low, self.high) = (bounds.low, bounds.high);
        self.segment = None;
        self.position = position;
        if position > bounds.high {
            let message = format!("the offset {position} lies beyond the end {}", bounds.high);
            if !self.leniency.allow_gap {
                return Err(self.dir.error(ErrorKind::OutOfRange, "read", message).hint(hint_at_end(bounds.high)));
            }
            log::warn!(
                "read: topic {}, partition {}: {message}; starting at the end",
                self.dir.topic,
                self.dir.partition
            );
            self.position = bounds.high;
        }
        self.check_low()
    }

    /// Looks at the next header. The base offset is outside of the checksum, so a gap before a batch is believed only
    /// if what follows agrees.
    fn peek(&mut self, window: &mut Window) -> Result<Peek> {
        let segment = self.segment.as_ref().expect("the caller found one");
        window.claim(segment.owner);
        window.go_to(segment.place.at);
        let path = self.dir.log_path(segment.base);
        let on_error = |error| self.dir.io_error("read", &path, error);
        let peek = window.header(&*segment.file, segment.place, segment.extent()).map_err(on_error)?;
        let Peek::Batch(header) = peek else { return Ok(peek) };
        if header.base_offset == segment.place.offset {
            return Ok(peek);
        }
        if let Some(durable) = self.durable().filter(|durable| header.next_offset() > durable.offset) {
            return Ok(Peek::Bad(beyond(&header, durable.offset)));
        }
        let after = SegmentPlace { at: segment.place.at + header.total_bytes() as u64, offset: header.next_offset() };
        match window.header(&*segment.file, after, segment.extent()).map_err(on_error)? {
            Peek::Below(offset) => {
                Ok(Peek::Bad(format!("its offsets end at {}, but {offset} follows", header.last_offset())))
            }
            _ => Ok(peek),
        }
    }

    /// The place up to which the rest of the segment is known to be durable. Where another segment follows, that was
    /// said of another partition or long ago.
    fn durable(&self) -> Option<SegmentPlace> {
        let segment = self.segment.as_ref().filter(|segment| segment.next_base.is_none())?;
        let known = self.known.filter(|known| known.base == segment.base && known.length > segment.place.at)?;
        Some(SegmentPlace { at: known.length, offset: known.next_offset })
    }

    fn check_low(&mut self) -> Result<()> {
        if self.position >= self.low {
            return Ok(());
        }
        let message =
            format!("the offsets {} to {} were deleted, the log starts at {}", self.position, self.low - 1, self.low);
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
            let Listing { segments, alone, .. } = self.dir.listing()?;
            let Some(first) = segments.first().copied() else {
                self.check_deleted()?;
                self.pass_lost(&alone, None)?;
                return Ok(false);
            };
            let base = segments.iter().rev().find(|base| **base <= self.position).copied().unwrap_or(first);
            if base > self.position && !self.pass_lost(&alone, Some(base))? {
                self.low = self.low.max(base);
                self.check_low()?;
            }
            let next_base = segments.iter().find(|next| **next > base).copied();
            if self.open_segment(base, next_base)? {
                let before = segments.iter().rev().find(|before| **before < base).copied();
                self.segment.iter_mut().for_each(|segment| segment.before = before);
                return Ok(true);
            }
        }
        self.check_deleted()?;
        Err(self.dir.error(ErrorKind::NotFound, "read", "segments vanish while they are read"))
    }

    /// Tells that the messages at the position are missing, because the first segments are gone that held them: those
    /// before `first`, or all. False where that is not so.
    fn pass_lost(&mut self, alone: &[i64], first: Option<i64>) -> Result<bool> {
        let before: Vec<i64> = alone.iter().copied().filter(|alone| first.is_none_or(|first| *alone < first)).collect();
        let lost = self.dir.lost_segments(&before)?;
        let mut missing = lost.last().map(|lost| (lost.base, first.unwrap_or(lost.next_offset)));
        if let Some(known) = self.known.filter(|known| first.is_none() && known.length > 0) {
            missing = missing
                .filter(|(_, next_offset)| *next_offset >= known.next_offset)
                .or(Some((known.base, known.next_offset)));
        }
        let Some((base, next_offset)) = missing.filter(|(_, next_offset)| *next_offset > self.position) else {
            return Ok(false);
        };
        self.report(self.dir.lost(&self.dir.log_path(base), self.position, next_offset))?;
        self.position = next_offset;
        Ok(true)
    }

    /// Opens a segment at the place for the position; false if it is gone.
    fn open_segment(&mut self, base: i64, next_base: Option<i64>) -> Result<bool> {
        static OWNERS: AtomicU64 = AtomicU64::new(1);
        let Some((file, len)) = self.dir.open_log("read", base)? else { return Ok(false) };
        let mut place = SegmentPlace { at: 0, offset: base };
        if self.position > base
            && let Some(index) = Index::open(&self.dir, base, len)?
        {
            let located = index.checked_place(&*file, self.position, Extent::new(base, len, next_base));
            place = located.map_err(|error| self.dir.io_error("read index", &self.dir.index_path(base), error))?;
        }
        let owner = OWNERS.fetch_add(1, Ordering::Relaxed);
        let search = Search::new(len);
        self.segment = Some(Segment {
            base,
            file,
            len,
            place,
            last: place,
            next_base,
            owner,
            search,
            torn: None,
            suspect: None,
            before: None,
            checked: None,
        });
        Ok(true)
    }

    fn read_recovery(&mut self) -> Result<()> {
        let Some(recovery) = &self.recovery else { return Ok(()) };
        let known =
            Recovery::read(&**recovery).map_err(|error| self.dir.io_error("read", &self.dir.recovery_path(), error))?;
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
        let len =
            segment.file.len().map_err(|error| self.dir.io_error("read", &self.dir.log_path(segment.base), error))?;
        let changed = len != segment.len || self.known != known;
        segment.len = len;
        Ok(changed)
    }

    /// Passes over a place where no batch can be read: to the next segment, or behind damage if that is allowed. False
    /// where the log just ends there.
    fn pass(&mut self, fault: &str, window: &mut Window) -> Result<bool> {
        let Some(segment) = &mut self.segment else { return Ok(true) };
        let mut following = [None, None];
        // Only of the segment that is written to is it certain that none follows.
        if segment.next_base.is_some() || self.known.is_none_or(|known| known.base != segment.base) {
            let mut later = self.dir.segments()?.into_iter().filter(|base| *base > segment.base);
            following = [later.next(), later.next()];
        }
        let next_base = following[0];
        if next_base != segment.next_base {
            // More may have been appended before the next one was begun.
            segment.next_base = next_base;
            return Ok(true);
        }
        let rolled = next_base.is_some() || self.known.is_some_and(|known| known.base > segment.base);
        let (place, len) = (segment.place, segment.len);
        if place.at < len {
            // What was promised and is not there is no torn tail.
            let is_promised = self.known.is_some_and(|known| {
                known.next_offset > place.offset || known.base == segment.base && known.length > place.at
            });
            let may_be_torn = !rolled && !is_promised;
            let is_torn = may_be_torn && segment.torn == Some((place.at, len));
            // What is in the window may be older than what was written there meanwhile.
            if !is_torn && segment.suspect != Some(place.at) {
                segment.suspect = Some(place.at);
                window.forget();
                return Ok(true);
            }
            let beyond = if is_torn { Beyond::Nothing } else { self.beyond()? };
            if may_be_torn && beyond == Beyond::Nothing {
                self.note_torn();
            } else if self.pass_damage(fault, beyond, next_base)? {
                return Ok(true);
            }
        }
        if !self.check_complete(next_base)? {
            return Ok(true);
        }
        if let Some(next) = next_base {
            self.check_before(next)?;
        }
        let Some(base) = next_base else {
            self.pass_gap(rolled);
            self.check_deleted()?;
            return Ok(false);
        };
        if !self.open_segment(base, following[1])? {
            self.segment = None;
        }
        Ok(true)
    }

    /// What lies behind the place where no batch can be read.
    fn beyond(&mut self) -> Result<Beyond> {
        let durable = self.durable();
        let Some(segment) = &mut self.segment else { return Ok(Beyond::Nothing) };
        let extent = segment.extent();
        let found = segment.search.beyond(&*segment.file, segment.place, extent, durable);
        found.map_err(|error| self.dir.io_error("read", &self.dir.log_path(segment.base), error))
    }

    /// Keeps in mind that only what a crash left follows, so that it is not looked at again until the file changes.
    fn note_torn(&mut self) {
        if let Some(segment) = &mut self.segment {
            segment.torn = Some((segment.place.at, segment.len));
        }
    }

    /// Goes over what lies between the last message and where the log goes on: at the end of the last segment, or where
    /// one begins that was announced, but not made.
    fn pass_gap(&mut self, announced: bool) {
        let end = self.segment.as_ref().map(|segment| segment.place.offset);
        let announced = self.known.filter(|_| announced).map(|known| known.next_offset);
        self.position = [end, announced].into_iter().flatten().fold(self.position, i64::max);
    }

    /// Says what is damaged, and goes behind it if that is allowed; false where nothing in this segment can be read any
    /// more.
    fn pass_damage(&mut self, fault: &str, beyond: Beyond, next_base: Option<i64>) -> Result<bool> {
        let len = self.segment.as_ref().map_or(0, |segment| segment.len);
        let durable = self.durable().filter(|durable| durable.at <= len);
        let resume = match beyond {
            Beyond::Resume(place) => Some(place),
            Beyond::Nothing | Beyond::Unknown => durable,
        };
        let offset = resume.map(|place| place.offset).or(next_base).or(self.lost_offset());
        self.report_damage(fault, offset)?;
        self.position = self.position.max(offset.unwrap_or(self.position));
        let Some(segment) = &mut self.segment else { return Ok(true) };
        segment.place = match resume {
            Some(place) => place,
            // It was told, and is not told once more as missing.
            None => SegmentPlace { at: segment.len, offset: offset.unwrap_or(segment.place.offset) },
        };
        Ok(resume.is_some())
    }

    /// What the log should reach to, where it does not.
    fn lost_offset(&self) -> Option<i64> {
        let segment = self.segment.as_ref()?;
        self.known.map(|known| known.next_offset).filter(|next_offset| *next_offset > segment.place.offset)
    }

    /// At the end of a segment: whether that is where it should end. False if somebody has written meanwhile, so that
    /// it has to be looked at once more.
    fn check_complete(&mut self, next_base: Option<i64>) -> Result<bool> {
        let Some(segment) =
            self.segment.as_ref().filter(|segment| segment.checked != Some(next_base) || self.lost_offset().is_some())
        else {
            return Ok(true);
        };
        let (base, first) = (segment.base, segment.place.offset);
        let gone = self.dir.listing()?.alone;
        let between: Vec<i64> =
            gone.into_iter().filter(|alone| *alone > base && next_base.is_none_or(|next| *alone < next)).collect();
        let mut missing = None;
        if let Some(lost) = self.dir.lost_segments(&between)?.last() {
            missing = Some((self.dir.log_path(lost.base), next_base.unwrap_or(lost.next_offset)));
        }
        let promise = Index::open(&self.dir, base, segment.len)?.and_then(|index| index.promise());
        // An index that says more than there is room for came from elsewhere.
        let promise = promise.filter(|(next_offset, _)| next_base.is_none_or(|next| *next_offset <= next));
        if let Some((next_offset, length)) = promise
            && (next_offset > first || length > segment.len)
        {
            missing = missing.or(Some((self.dir.log_path(base), next_offset)));
        }
        if let Some(known) =
            self.known.filter(|known| next_base.is_none() && known.length > 0 && known.next_offset > first)
        {
            missing = missing.or(Some((self.dir.log_path(known.base), known.next_offset)));
        }
        // What was the end when the position was set is no gap, unless a segment was announced that begins there.
        let announced = self.known.filter(|known| known.base > base).map_or(first, |known| known.next_offset);
        if next_base.is_none() && self.high > first.max(announced) {
            missing = missing.or(Some((self.dir.log_path(base), self.high)));
        }
        if let Some((path, next_offset)) = missing.filter(|(_, next_offset)| *next_offset > self.position.max(first)) {
            self.check_deleted()?;
            if self.refresh()? {
                return Ok(false);
            }
            self.report(self.dir.lost(&path, self.position.max(first), next_offset))?;
            self.position = self.position.max(next_offset);
            if let Some(segment) = &mut self.segment {
                segment.place.offset = segment.place.offset.max(next_offset);
            }
        }
        if let Some(segment) = &mut self.segment {
            segment.checked = Some(next_base);
        }
        Ok(true)
    }

    /// Where the position lies in a gap of the segment that it was looked for in, up to the offset `next`: whether the
    /// segment before that one holds messages there, since this one is somebody's file that begins within it.
    fn check_before(&mut self, next: i64) -> Result<()> {
        let Some((base, before)) = self.segment.as_ref().and_then(|segment| Some((segment.base, segment.before?)))
        else {
            return Ok(());
        };
        if let Some(end) = self.dir.segment_end("read", before)?.filter(|end| *end > self.position) {
            let message = format!(
                "the file begins at {base}, and the one before it ends at {end}: the offsets {} to {} cannot be read",
                self.position,
                end.min(next) - 1
            );
            self.report(
                self.dir
                    .error(ErrorKind::Corrupt, "read", message)
                    .with("file", self.dir.io.display(&self.dir.log_path(base))),
            )?;
        }
        self.segment.iter_mut().for_each(|segment| segment.before = None);
        Ok(())
    }

    /// Says what is damaged and what can still be read: an error, or a warning if damage is skipped.
    fn report_damage(&self, fault: &str, resume: Option<i64>) -> Result<()> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let first = self.position.max(segment.place.offset);
        let rest = match resume {
            Some(offset) if offset == first + 1 => {
                format!("the offset {first} cannot be read, those from {offset} on can")
            }
            Some(offset) if offset > first => {
                format!("the offsets {first} to {} cannot be read, those from {offset} on can", offset - 1)
            }
            Some(offset) => format!("offsets from {offset} on can be read"),
            None => format!("the offsets from {first} on cannot be read"),
        };
        let file = self.dir.io.display(&self.dir.log_path(segment.base));
        let error = self.dir.error(ErrorKind::Corrupt, "read", format!("a damaged batch ({fault}): {rest}"));
        self.report(error.with("file", file).with("byte", segment.place.at))
    }

    /// An error about damage, or a warning if that is skipped.
    fn report(&self, error: Error) -> Result<()> {
        if self.leniency.skip_corrupt {
            log::warn!("{error}; skipped");
            return Ok(());
        }
        Err(error.hint(HINT_RESTORE))
    }

    fn check_deleted(&self) -> Result<()> {
        let gone: Error = self.dir.deleted("read");
        match &self.recovery {
            Some(recovery) if !self.dir.is_current(&**recovery)? => Err(gone),
            _ => Ok(()),
        }
    }
}

impl PartitionReader for Reader {
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
        self.low = self.low.max(self.dir.start()?);
        self.check_low()
    }

    fn next(&mut self, window: &mut Window, decoder: &mut Decoder) -> Result<Option<BatchHeader>> {
        loop {
            if self.segment.is_none() && !self.find_segment()? {
                return Ok(None);
            }
            let fault = match self.peek(window)? {
                Peek::Batch(header) => {
                    let segment = self.segment.as_mut().expect("one was just found");
                    let (place, path) = (segment.place, self.dir.log_path(segment.base));
                    let after =
                        SegmentPlace { at: place.at + header.total_bytes() as u64, offset: header.next_offset() };
                    if header.next_offset() <= self.position {
                        segment.place = after;
                        continue;
                    }
                    if segment.before.is_some() && header.base_offset > self.position {
                        self.check_before(header.base_offset)?;
                        continue;
                    }
                    let too_large = |error: Error| {
                        hint_at_batch_bytes(error.with("topic", &self.dir.topic).with("partition", self.dir.partition))
                    };
                    decoder.check_bytes(&header).map_err(too_large)?;
                    let read = window.batch(&*segment.file, place.at, header.total_bytes(), decoder.buffer());
                    read.map_err(|error| self.dir.io_error("read", &path, error))?;
                    match decoder.open() {
                        Ok(header) => {
                            segment.last = place;
                            segment.place = after;
                            window.read_to(after.at, header.total_bytes(), &segment.file, segment.len);
                            return Ok(Some(header));
                        }
                        Err(error) if error.kind() == ErrorKind::TooLarge => return Err(too_large(error)),
                        Err(error) => error.message().to_string(),
                    }
                }
                Peek::Partial => "the batch is not whole".to_string(),
                Peek::Below(offset) => below(offset, self.segment.as_ref().expect("one was just found").place),
                Peek::Bad(why) => why,
            };
            if self.refresh()? {
                window.forget();
                continue;
            }
            if !self.pass(&fault, window)? {
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
