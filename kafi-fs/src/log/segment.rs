//! Batches in one segment file.

use std::io;
use std::sync::Arc;

use kafi_records::{BatchHeader, check_crc, set_base_offset, set_leader_epoch};

use super::ahead::{ReadAhead, Spot};
use crate::io::IoFile;

/// Where the format's number stands in a batch, and what it is.
const MAGIC_AT: usize = 16;
const MAGIC: u8 = 2;

/// Where what the checksum covers begins in a batch.
const CHECKED_AT: u64 = 21;

/// How many offsets a segment may span: Kafka's tools count them in 32 bits.
pub(crate) const SEGMENT_OFFSETS_MAX: i64 = 1 << 31;

/// The bytes that are read at once while looking at headers.
const WINDOW_BYTES: usize = 64 << 10;

/// The bytes that are read at once while looking for a batch behind damage.
const SEARCH_BYTES: usize = 1 << 20;

/// How far behind damage a batch is looked for: no segment is longer than two of the largest batches.
const SEARCH_BYTES_MAX: u64 = 4 << 30;

/// Bytes that only look like batches are read in vain. So many may be, beside a few times as many as there are.
const VAIN_BYTES_MIN: u64 = 64 << 20;
const VAIN_SHARE: u64 = 4;

/// A place in a segment where a batch begins or may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentPlace {
    /// The byte.
    pub(crate) at: u64,
    /// The lowest offset that a batch there can have.
    pub(crate) offset: i64,
}

/// What a segment has room for. A batch outside of it came from elsewhere, however whole it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its bytes.
    pub(crate) len: u64,
    /// All its offsets are below this one.
    pub(crate) limit: i64,
}

impl Extent {
    /// The segment `base`, of `len` bytes, that another one follows, or none.
    pub(crate) fn new(base: i64, len: u64, next_base: Option<i64>) -> Self {
        Self { len, limit: next_base.unwrap_or(i64::MAX).min(base.saturating_add(SEGMENT_OFFSETS_MAX)) }
    }
}

/// What stands at a place.
pub(crate) enum Peek {
    /// A batch that fits into the segment, as far as its header tells.
    Batch(BatchHeader),
    /// Nothing, or the beginning of a batch whose rest is not there.
    Partial,
    /// A batch whose offset is lower than it can be there.
    Below(i64),
    /// Bytes that are no batch, and why.
    Bad(String),
}

/// A piece of a file in memory, so that small batches do not cost a system call each, and large ones are there when
/// they are wanted.
#[derive(Default)]
pub(crate) struct Window {
    data: Vec<u8>,
    start: u64,
    owner: u64,
    ahead: ReadAhead,
}

impl Window {
    /// Forgets what it holds, unless that is of the same `owner`: any number that stands for one file.
    pub(crate) fn claim(&mut self, owner: u64) {
        if self.owner != owner {
            self.owner = owner;
            self.data.clear();
        }
    }

    /// Forgets what it holds, because the file may have changed there.
    pub(crate) fn forget(&mut self) {
        self.data.clear();
        self.ahead.forget();
    }

    /// Holds the batch at `at` of the file that has claimed it from now on, if that was fetched ahead.
    pub(crate) fn go_to(&mut self, at: u64) {
        if let Some(data) = self.ahead.take(Spot { owner: self.owner, at }) {
            (self.data, self.start) = (data, at);
        }
    }

    /// Says that the batch of `bytes` that ends at `end` was read from `file`, which has claimed it and has `len` bytes,
    /// so that the next one may be fetched ahead.
    pub(crate) fn read_to(&mut self, end: u64, bytes: usize, file: &Arc<dyn IoFile>, len: u64) {
        // What is held lies behind, once the batch is larger than that.
        self.ahead.read_to(Spot { owner: self.owner, at: end }, bytes, file, len, &mut self.data);
    }

    /// Looks at the header at `place` in a segment.
    pub(crate) fn header(&mut self, file: &dyn IoFile, place: SegmentPlace, extent: Extent) -> io::Result<Peek> {
        let left = extent.len.saturating_sub(place.at);
        if left < BatchHeader::LEN as u64 {
            return Ok(Peek::Partial);
        }
        if !self.holds(place.at, BatchHeader::LEN) {
            self.fill(file, place.at, left)?;
        }
        let header = match BatchHeader::parse(self.from(place.at)) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(Peek::Partial),
            Err(error) => return Ok(Peek::Bad(error.message().to_string())),
        };
        if header.base_offset < place.offset {
            return Ok(Peek::Below(header.base_offset));
        }
        if header.leader_epoch != 0 {
            return Ok(Peek::Bad(format!("its leader epoch is {}, not 0", header.leader_epoch)));
        }
        if header.next_offset() > extent.limit {
            return Ok(Peek::Bad(beyond(&header, extent.limit)));
        }
        if header.total_bytes() as u64 > left { Ok(Peek::Partial) } else { Ok(Peek::Batch(header)) }
    }

    /// Reads the `total` bytes of the batch at `at` into `out`, replacing what was there.
    pub(crate) fn batch(&mut self, file: &dyn IoFile, at: u64, total: usize, out: &mut Vec<u8>) -> io::Result<()> {
        if self.start == at && self.data.len() == total {
            std::mem::swap(&mut self.data, out);
            self.data.clear();
            return Ok(());
        }
        let known = if self.holds(at, 1) { self.from(at).len().min(total) } else { 0 };
        // Only what is longer than last time is filled with zeros first.
        out.resize(total, 0);
        out[..known].copy_from_slice(&self.from(at)[..known]);
        if known == total {
            return Ok(());
        }
        let read = file.read_at(&mut out[known..], at + known as u64)?;
        if known + read < total { Err(io::Error::from(io::ErrorKind::UnexpectedEof)) } else { Ok(()) }
    }

    fn holds(&self, at: u64, count: usize) -> bool {
        at >= self.start && at + count as u64 <= self.start + self.data.len() as u64
    }

    fn from(&self, at: u64) -> &[u8] {
        let skip = usize::try_from(at.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.data.get(skip..).unwrap_or_default()
    }

    fn fill(&mut self, file: &dyn IoFile, at: u64, left: u64) -> io::Result<()> {
        let want = left.min(WINDOW_BYTES as u64) as usize;
        self.data.resize(want, 0);
        self.start = at;
        match file.read_at(&mut self.data, at) {
            Ok(read) => self.data.truncate(read),
            Err(error) => {
                self.data.clear();
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Why a batch with a base offset too low is not accepted.
pub(crate) fn below(offset: i64, place: SegmentPlace) -> String {
    format!("its base offset {offset} is below {}", place.offset)
}

/// Why a batch with offsets too high is not accepted.
pub(crate) fn beyond(header: &BatchHeader, limit: i64) -> String {
    format!("its offsets end at {}, beyond {limit}", header.last_offset())
}

/// What lies at and behind a place where no batch can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// No whole batch: it is what a crash leaves behind.
    Nothing,
    /// What was written there is damaged, since a whole batch follows, or the batch itself is whole but for its first
    /// bytes or for what it holds. From here on batches can be read, or the file ends here.
    Resume(SegmentPlace),
    /// It looks like batches in too many places to try them all.
    Unknown,
}

/// Looks for whole batches behind damage. What it costs is bounded for all looks together, whatever the file holds.
pub(crate) struct Search {
    /// How many bytes may still be read of what turns out to be no batch.
    vain_bytes: u64,
}

impl Search {
    /// For a file of `len` bytes.
    pub(crate) fn new(len: u64) -> Self {
        Self { vain_bytes: len.min(SEARCH_BYTES_MAX).saturating_mul(VAIN_SHARE) + VAIN_BYTES_MIN }
    }

    /// Looks at and behind a place where no batch can be read. What begins before `durable` has lower offsets than
    /// that.
    pub(crate) fn beyond(
        &mut self,
        file: &dyn IoFile,
        place: SegmentPlace,
        extent: Extent,
        durable: Option<SegmentPlace>,
    ) -> io::Result<Beyond> {
        if let Some(after) = self.behind_head(file, place, extent)? {
            return Ok(Beyond::Resume(after));
        }
        let Extent { len, limit } = extent;
        let end = len.min(place.at.saturating_add(SEARCH_BYTES_MAX));
        let mut at = place.at + 1;
        let mut buf = Vec::new();
        let mut is_unknown = end < len;
        'pieces: while at + BatchHeader::LEN as u64 <= end {
            buf.resize((end - at).min(SEARCH_BYTES as u64) as usize, 0);
            let read = file.read_at(&mut buf, at)?;
            let Some(last) = read.checked_sub(BatchHeader::LEN) else { break };
            for start in (0..=last).filter(|start| buf[start + MAGIC_AT] == MAGIC) {
                let Ok(Some(header)) = BatchHeader::parse(&buf[start..read]) else { continue };
                let (from, total) = (at + start as u64, header.total_bytes() as u64);
                let fits = total <= len - from
                    && header.leader_epoch == 0
                    && header.base_offset >= place.offset
                    && header.next_offset() <= limit;
                if !fits {
                    continue;
                }
                if total > self.vain_bytes {
                    return Ok(Beyond::Unknown);
                }
                if has_checksum(file, from, &header)? {
                    let after = SegmentPlace { at: from + total, offset: header.next_offset() };
                    if is_followed(file, after, extent, durable)? {
                        return Ok(Beyond::Resume(SegmentPlace { at: from, offset: header.base_offset }));
                    }
                    (at, is_unknown) = (after.at, true);
                    continue 'pieces;
                }
                self.vain_bytes -= total;
            }
            at += last as u64 + 1;
        }
        Ok(if is_unknown { Beyond::Unknown } else { Beyond::Nothing })
    }

    /// The place behind the batch at `place`, if that is whole but for the bytes in front of its checksum, which that
    /// does not cover, and has its offsets there.
    fn behind_head(
        &mut self,
        file: &dyn IoFile,
        place: SegmentPlace,
        extent: Extent,
    ) -> io::Result<Option<SegmentPlace>> {
        let mut head = [0; BatchHeader::LEN];
        if file.read_at(&mut head, place.at)? < head.len() {
            return Ok(None);
        }
        set_base_offset(&mut head, place.offset);
        set_leader_epoch(&mut head, 0);
        head[MAGIC_AT] = MAGIC;
        let Ok(Some(header)) = BatchHeader::parse(&head) else { return Ok(None) };
        let total = header.total_bytes() as u64;
        let fits = total <= extent.len.saturating_sub(place.at) && header.next_offset() <= extent.limit;
        if !fits || total > self.vain_bytes {
            return Ok(None);
        }
        if has_checksum(file, place.at, &header)? {
            return Ok(Some(SegmentPlace { at: place.at + total, offset: header.next_offset() }));
        }
        self.vain_bytes -= total;
        Ok(None)
    }
}

/// Whether what follows a batch that ends at `after` agrees with its offsets, which are outside of the checksum, and
/// which no batch before it vouches for.
fn is_followed(
    file: &dyn IoFile,
    after: SegmentPlace,
    extent: Extent,
    durable: Option<SegmentPlace>,
) -> io::Result<bool> {
    Ok(match Window::default().header(file, after, extent)? {
        Peek::Batch(_) => true,
        Peek::Below(_) => false,
        Peek::Partial | Peek::Bad(_) => {
            durable.is_none_or(|durable| after.at > durable.at || after.offset <= durable.offset)
        }
    })
}

/// Whether the bytes of the batch at `at` have the checksum that its header says.
fn has_checksum(file: &dyn IoFile, at: u64, header: &BatchHeader) -> io::Result<bool> {
    let (mut from, end) = (at + CHECKED_AT, at + header.total_bytes() as u64);
    let mut crc = 0;
    let mut buf = Vec::new();
    while from < end {
        buf.resize((end - from).min(SEARCH_BYTES as u64) as usize, 0);
        if file.read_at(&mut buf, from)? < buf.len() {
            return Ok(false);
        }
        crc = crc32c::crc32c_append(crc, &buf);
        from += buf.len() as u64;
    }
    Ok(crc == header.crc)
}

/// Where batches end in a file.
pub(crate) struct End {
    /// The place behind the last whole batch.
    pub(crate) place: SegmentPlace,
    /// Whether something between the batches cannot be read.
    pub(crate) damaged: bool,
    /// Whether what follows is what a crash leaves behind, and nothing else.
    pub(crate) torn: bool,
}

/// Finds the end of the batches from `from` on in a segment. Whatever no whole batch follows is not part of the log.
pub(crate) fn find_end(file: &dyn IoFile, from: SegmentPlace, extent: Extent) -> io::Result<End> {
    let mut search = Search::new(extent.len.saturating_sub(from.at));
    let (mut place, mut damaged) = (from, false);
    loop {
        let scanned = scan(file, place, extent, true, |_, _, _| true)?;
        place = scanned.end;
        if scanned.fault.is_none() {
            return Ok(End { place, damaged, torn: false });
        }
        match search.beyond(file, place, extent, None)? {
            Beyond::Nothing => return Ok(End { place, damaged, torn: true }),
            Beyond::Unknown => return Ok(End { place, damaged: true, torn: false }),
            Beyond::Resume(next) => (place, damaged) = (next, true),
        }
    }
}

/// How a scan ended.
pub(crate) struct Scanned {
    /// The place after the last good batch.
    pub(crate) end: SegmentPlace,
    /// Why it ended there, if that was before the end of the file.
    pub(crate) fault: Option<String>,
}

/// Visits the batches from `from` on in a segment, as far as they are good or until `visit` says false. With `verify`
/// each batch is read and its checksum compared, and `visit` sees its bytes; without it only headers are read and the
/// bytes are empty.
pub(crate) fn scan(
    file: &dyn IoFile,
    from: SegmentPlace,
    extent: Extent,
    verify: bool,
    mut visit: impl FnMut(u64, &BatchHeader, &[u8]) -> bool,
) -> io::Result<Scanned> {
    let mut window = Window::default();
    let mut batch = Vec::new();
    let mut end = from;
    while end.at < extent.len {
        let header = match window.header(file, end, extent)? {
            Peek::Batch(header) => header,
            Peek::Partial => return Ok(Scanned { end, fault: Some("the batch is not whole".into()) }),
            Peek::Below(offset) => return Ok(Scanned { end, fault: Some(below(offset, end)) }),
            Peek::Bad(why) => return Ok(Scanned { end, fault: Some(why) }),
        };
        // The base offset is outside of the checksum, so a gap before a batch is believed only if what follows agrees.
        let after = SegmentPlace { at: end.at + header.total_bytes() as u64, offset: header.next_offset() };
        if header.base_offset != end.offset
            && let Peek::Below(offset) = window.header(file, after, extent)?
        {
            return Ok(Scanned {
                end,
                fault: Some(format!("its offsets end at {}, but {offset} follows", header.last_offset())),
            });
        }
        if verify {
            window.batch(file, end.at, header.total_bytes(), &mut batch)?;
            if let Err(error) = check_crc(&batch) {
                return Ok(Scanned { end, fault: Some(error.message().to_string()) });
            }
        }
        if !visit(end.at, &header, &batch) {
            break;
        }
        end = after;
    }
    Ok(Scanned { end, fault: None })
}
