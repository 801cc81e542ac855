//! The index of a segment, `<base>.kidx`: for each block of about 64 KiB its offsets, its bytes, and its smallest and
//! largest timestamp.
//!
//! A head of 64 bytes is followed by entries of 64 bytes, each with its own checksum. An entry is written once, when
//! its block is complete, and carries the CRC-32C of the whole log file up to there; the entry that seals a rolled
//! segment covers all of it. The index says nothing that the log does not say: it can be rebuilt at any time, and what
//! is missing or damaged is read from the log.

use std::io;
use std::sync::Arc;

use kafi_core::{Batch, Result};
use kafi_records::{BatchHeader, Decoder};

use super::PartitionDir;
use super::segment::{Extent, Scanned, SegmentPlace, scan};
use crate::emulated::reading::{BATCH_BYTES_MAX, decoder};
use crate::io::{Access, IoFile};

/// A block is complete when it has at least this many bytes.
pub(crate) const BLOCK_BYTES: u64 = 64 << 10;

const ENTRY_BYTES: usize = 64;
const HEAD: &[u8; ENTRY_BYTES] = b"kafi index 1: entries of 64 bytes, see the manual of kafi-fs   \n";

/// How many entries are read at once.
const READ_ENTRIES: usize = 1024;

/// How many entries that are not good are passed over at the end of an index; a crash leaves one.
const BAD_ENTRIES_MAX: u64 = 1024;

/// What an entry covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Block = 1,
    Segment = 2,
}

/// What is known of a piece of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    kind: Kind,
    /// The CRC-32C of the log file from its beginning to `end`.
    pub(crate) file_crc: u32,
    /// The base offset of the first batch.
    pub(crate) first_offset: i64,
    /// The offset after the last batch.
    pub(crate) next_offset: i64,
    /// The first byte.
    pub(crate) start: u64,
    /// The byte after the last.
    pub(crate) end: u64,
    /// The smallest timestamp.
    pub(crate) min_timestamp: i64,
    /// The largest timestamp.
    pub(crate) max_timestamp: i64,
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[0..4].copy_from_slice(&(self.kind as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&self.file_crc.to_le_bytes());
        let numbers = [
            self.first_offset as u64,
            self.next_offset as u64,
            self.start,
            self.end,
            self.min_timestamp as u64,
            self.max_timestamp as u64,
        ];
        for (slot, number) in bytes[8..56].chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.get(..ENTRY_BYTES)?.split_at(60);
        if crc32c::crc32c(body).to_le_bytes() != crc {
            return None;
        }
        let kind = match u32::from_le_bytes(body[..4].try_into().ok()?) {
            1 => Kind::Block,
            2 => Kind::Segment,
            _ => return None,
        };
        let file_crc = u32::from_le_bytes(body[4..8].try_into().ok()?);
        let number =
            |index: usize| body[8 + 8 * index..16 + 8 * index].try_into().map(u64::from_le_bytes).unwrap_or_default();
        Some(Self {
            kind,
            file_crc,
            first_offset: number(0) as i64,
            next_offset: number(1) as i64,
            start: number(2),
            end: number(3),
            min_timestamp: number(4) as i64,
            max_timestamp: number(5) as i64,
        })
    }

    fn start_place(&self) -> SegmentPlace {
        SegmentPlace { at: self.start, offset: self.first_offset }
    }

    fn end_place(&self) -> SegmentPlace {
        SegmentPlace { at: self.end, offset: self.next_offset }
    }
}

/// An index to read.
pub(crate) struct Index {
    file: Arc<dyn IoFile>,
    base: i64,
    /// The good block entries.
    blocks: u64,
    last: Option<Entry>,
    seal: Option<Entry>,
    /// The offset after the last message that the segment is known to have held when it was rolled, and its length
    /// then.
    promise: Option<(i64, u64)>,
}

impl Index {
    /// Opens the index of segment `base`, whose log file has `log_len` bytes. A missing one, and whatever of it is
    /// damaged or beyond the log, counts as empty.
    pub(crate) fn open(dir: &PartitionDir, base: i64, log_len: u64) -> Result<Option<Self>> {
        Self::look(dir, base, log_len).map_err(|error| dir.io_error("read index", &dir.index_path(base), error))
    }

    /// As [`open`](Self::open), with the error as it is.
    pub(crate) fn look(dir: &PartitionDir, base: i64, log_len: u64) -> io::Result<Option<Self>> {
        match dir.io.open(&dir.index_path(base), Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.and_then(|file| Self::of(file, base, log_len)).map(Some),
        }
    }

    fn of(file: Arc<dyn IoFile>, base: i64, log_len: u64) -> io::Result<Self> {
        let mut index = Self { file, base, blocks: 0, last: None, seal: None, promise: None };
        let mut head = [0; ENTRY_BYTES];
        if index.file.read_at(&mut head, 0)? < ENTRY_BYTES || &head != HEAD {
            return Ok(index);
        }
        let all = index.file.len()? / ENTRY_BYTES as u64 - 1;
        // Behind those that the log is long enough for only its last is of interest, which may say that the log was
        // longer.
        let mut entries = all.min((log_len / BLOCK_BYTES).saturating_add(2));
        if all > entries {
            index.promise = index
                .entry(all - 1)?
                .filter(|entry| entry.kind == Kind::Segment)
                .map(|entry| (entry.next_offset, entry.end));
        }
        let mut left = BAD_ENTRIES_MAX;
        // What a crash left behind the last good entry is passed over here, and overwritten by whoever appends next.
        while entries > 0 && left > 0 {
            left -= 1;
            let entry = index.entry(entries - 1)?;
            if let Some(entry) = entry.filter(|entry| entry.kind == Kind::Segment) {
                index.promise = index.promise.or(Some((entry.next_offset, entry.end)));
            }
            match entry.filter(|entry| entry.end <= log_len) {
                Some(entry) if entry.kind == Kind::Block => {
                    index.last = Some(entry);
                    break;
                }
                Some(seal) if seal.end == log_len => index.seal = Some(seal),
                _ => {}
            }
            entries -= 1;
        }
        index.blocks = if index.last.is_some() { entries } else { 0 };
        Ok(index)
    }

    fn entry(&self, number: u64) -> io::Result<Option<Entry>> {
        let mut bytes = [0; ENTRY_BYTES];
        let read = self.file.read_at(&mut bytes, (number + 1) * ENTRY_BYTES as u64)?;
        Ok(Entry::parse(&bytes[..read]))
    }

    /// Whether the segment was sealed, and all its messages are earlier than `timestamp`.
    pub(crate) fn is_before(&self, timestamp: i64) -> bool {
        self.seal.is_some_and(|seal| seal.end_place() == self.end() && seal.max_timestamp < timestamp)
    }

    /// The offset after the last message that the segment is known to have held, or its base offset.
    pub(crate) fn promised(&self) -> i64 {
        let promise = self.promise.map_or(self.base, |(next_offset, _)| next_offset);
        promise.max(self.end().offset).max(self.base)
    }

    /// What a segment that was rolled held at least: the offset after its last message, and its length.
    pub(crate) fn promise(&self) -> Option<(i64, u64)> {
        self.promise
    }

    /// Whether the last block of `log` is as the index says, with its bytes, offsets, and times. An index may have come
    /// from elsewhere than its log.
    pub(crate) fn agrees(&self, log: &dyn IoFile, extent: Extent) -> io::Result<bool> {
        let Some(last) = &self.last else { return Ok(true) };
        let (mut first, mut max_timestamp) = (None, i64::MIN);
        let scanned = scan(log, last.start_place(), extent, false, |at, header, _| {
            first.get_or_insert(header.base_offset);
            if at < last.end {
                max_timestamp = max_timestamp.max(header.max_timestamp);
            }
            at < last.end
        })?;
        Ok(first == Some(last.first_offset) && scanned.end == last.end_place() && max_timestamp == last.max_timestamp)
    }

    /// As [`end`](Self::end), if `log` [`agrees`](Self::agrees); otherwise the beginning.
    pub(crate) fn checked_end(&self, log: &dyn IoFile, extent: Extent) -> io::Result<SegmentPlace> {
        Ok(if self.agrees(log, extent)? { self.end() } else { SegmentPlace { at: 0, offset: self.base } })
    }

    /// As [`locate`](Self::locate), as far as `log` agrees.
    pub(crate) fn checked_place(&self, log: &dyn IoFile, offset: i64, extent: Extent) -> io::Result<SegmentPlace> {
        self.checked(self.locate(offset)?, log, extent)
    }

    /// A place that the index says, if a batch begins there in `log`; otherwise the beginning.
    pub(crate) fn checked(&self, place: SegmentPlace, log: &dyn IoFile, extent: Extent) -> io::Result<SegmentPlace> {
        if place == self.end() {
            return self.checked_end(log, extent);
        }
        let mut first = None;
        scan(log, place, extent, false, |_, header, _| {
            first = Some(header.base_offset);
            false
        })?;
        Ok(if first == Some(place.offset) { place } else { SegmentPlace { at: 0, offset: self.base } })
    }

    /// The place behind the last complete block.
    pub(crate) fn end(&self) -> SegmentPlace {
        self.last.map_or(SegmentPlace { at: 0, offset: self.base }, |last| last.end_place())
    }

    /// The nearest place known at or before the batch that holds `offset`.
    pub(crate) fn locate(&self, offset: i64) -> io::Result<SegmentPlace> {
        let end = self.end();
        if offset >= end.offset {
            return Ok(end);
        }
        let mut found = SegmentPlace { at: 0, offset: self.base };
        let (mut low, mut high) = (0, self.blocks);
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(entry) = self.entry(middle)? else { return Ok(SegmentPlace { at: 0, offset: self.base }) };
            if entry.first_offset > offset {
                high = middle;
            } else {
                found = entry.start_place();
                low = middle + 1;
            }
        }
        Ok(found)
    }

    /// The place of the first block from `offset` on that holds a timestamp at or after `timestamp`, or the end of the
    /// index.
    pub(crate) fn locate_time(&self, timestamp: i64, offset: i64) -> io::Result<SegmentPlace> {
        let hit = |entry: &Entry| entry.max_timestamp >= timestamp && entry.next_offset > offset;
        match self.find(hit) {
            Ok(found) => Ok(found.map_or(self.end(), |entry| entry.start_place())),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(SegmentPlace { at: 0, offset: self.base }),
            Err(error) => Err(error),
        }
    }

    /// The first entry for which `hit` says so; a damaged one before it is an error of kind `InvalidData`.
    fn find(&self, mut hit: impl FnMut(&Entry) -> bool) -> io::Result<Option<Entry>> {
        let mut bytes = vec![0; ENTRY_BYTES * READ_ENTRIES.min(usize::try_from(self.blocks).unwrap_or(READ_ENTRIES))];
        let mut number = 0;
        while number < self.blocks {
            let want = (self.blocks - number).min(READ_ENTRIES as u64) as usize * ENTRY_BYTES;
            let read = self.file.read_at(&mut bytes[..want], (number + 1) * ENTRY_BYTES as u64)?;
            for bytes in bytes[..read].chunks_exact(ENTRY_BYTES) {
                let entry = Entry::parse(bytes).ok_or(io::ErrorKind::InvalidData)?;
                if hit(&entry) {
                    return Ok(Some(entry));
                }
            }
            number += READ_ENTRIES as u64;
        }
        Ok(None)
    }
}

/// The index of the active segment, extended by whoever holds the partition's lock.
pub(crate) struct IndexWriter {
    file: Arc<dyn IoFile>,
    path: String,
    /// The bytes of the file that count.
    len: u64,
    /// The block that is not complete yet.
    block: Option<Entry>,
    /// The CRC of the log file so far.
    file_crc: u32,
    warned: bool,
}

impl IndexWriter {
    /// Opens the index of the segment `base`, makes it where it is missing, and reads what it lacks from the `log_len`
    /// bytes of `log`. Reading ends where the log is damaged, which the second value tells.
    pub(crate) fn open(dir: &PartitionDir, base: i64, log: &dyn IoFile, log_len: u64) -> Result<(Self, Scanned)> {
        let path = dir.index_path(base);
        Self::of(dir, path.clone(), base, log, log_len).map_err(|error| dir.io_error("open index", &path, error))
    }

    /// The index in `file`, to which only a promise is added.
    pub(crate) fn of_lost(file: Arc<dyn IoFile>, path: String) -> io::Result<Self> {
        let len = file.len()? / ENTRY_BYTES as u64 * ENTRY_BYTES as u64;
        if len == 0 {
            file.write_at(HEAD, 0)?;
        }
        Ok(Self { file, path, len: len.max(ENTRY_BYTES as u64), block: None, file_crc: 0, warned: false })
    }

    fn of(dir: &PartitionDir, path: String, base: i64, log: &dyn IoFile, log_len: u64) -> io::Result<(Self, Scanned)> {
        let file = dir.io.open(&path, Access::Write)?;
        let mut index = Index::of(Arc::clone(&file), base, log_len)?;
        let extent = Extent::new(base, log_len, None);
        if !index.agrees(log, extent)? {
            (index.blocks, index.last) = (0, None);
        }
        let len = (index.blocks + 1) * ENTRY_BYTES as u64;
        if index.blocks == 0 {
            file.write_at(HEAD, 0)?;
        }
        if file.len()? != len {
            file.truncate(len)?;
        }
        let file_crc = index.last.map_or(0, |last| last.file_crc);
        let mut writer = Self { file, path, len, block: None, file_crc, warned: false };
        let mut times = BatchTimes::default();
        let scanned = scan(log, index.end(), extent, true, |at, header, bytes| {
            let min_timestamp = times.min(header, bytes);
            writer.push(at, header, min_timestamp, bytes);
            true
        })?;
        Ok((writer, scanned))
    }

    /// Takes note of a batch that was written at byte `at`. An index that cannot be written costs time later and is no
    /// reason to fail.
    pub(crate) fn push(&mut self, at: u64, header: &BatchHeader, min_timestamp: i64, bytes: &[u8]) {
        self.file_crc = crc32c::crc32c_append(self.file_crc, bytes);
        let block = self.block.get_or_insert(Entry {
            kind: Kind::Block,
            file_crc: 0,
            first_offset: header.base_offset,
            next_offset: header.base_offset,
            start: at,
            end: at,
            min_timestamp,
            max_timestamp: header.max_timestamp,
        });
        block.file_crc = self.file_crc;
        block.next_offset = header.next_offset();
        block.end = at + bytes.len() as u64;
        block.min_timestamp = block.min_timestamp.min(min_timestamp);
        block.max_timestamp = block.max_timestamp.max(header.max_timestamp);
        if block.end - block.start >= BLOCK_BYTES {
            let block = *block;
            self.write(&block);
        }
    }

    /// Ends the index of a segment that is rolled: the last block, and the entry over the whole segment.
    pub(crate) fn seal(&mut self, base: i64) {
        if let Some(block) = self.block
            && !self.write(&block)
        {
            return;
        }
        let mut seal: Option<Entry> = None;
        let index = Index::of(Arc::clone(&self.file), base, u64::MAX);
        let walked = index.and_then(|index| {
            index.find(|entry| {
                let all = seal.get_or_insert(Entry { kind: Kind::Segment, ..*entry });
                all.end = entry.end;
                all.next_offset = entry.next_offset;
                all.file_crc = entry.file_crc;
                all.min_timestamp = all.min_timestamp.min(entry.min_timestamp);
                all.max_timestamp = all.max_timestamp.max(entry.max_timestamp);
                false
            })
        });
        match (walked, seal) {
            (Ok(_), Some(seal)) if seal.start == 0 && seal.file_crc == self.file_crc => {
                self.write(&seal);
            }
            (Ok(_), _) => {}
            (Err(error), _) => self.warn(&error),
        }
        if let Err(error) = self.file.sync() {
            self.warn(&error);
        }
    }

    /// Ends the index of a segment that is damaged, and says what it held, so that what is missing is noticed also
    /// later.
    pub(crate) fn promise(&mut self, base: i64, length: u64, next_offset: i64) {
        let (min_timestamp, max_timestamp) = (i64::MIN, i64::MAX);
        let promise = Entry {
            kind: Kind::Segment,
            file_crc: 0,
            first_offset: base,
            next_offset,
            start: 0,
            end: length,
            min_timestamp,
            max_timestamp,
        };
        self.block = None;
        self.write(&promise);
        if let Err(error) = self.file.sync() {
            self.warn(&error);
        }
    }

    fn write(&mut self, entry: &Entry) -> bool {
        match self.file.write_at(&entry.encode(), self.len) {
            Ok(()) => {
                self.len += ENTRY_BYTES as u64;
                self.block = None;
                true
            }
            Err(error) => {
                // The block stays open and grows, so the next attempt covers it.
                self.warn(&error);
                false
            }
        }
    }

    fn warn(&mut self, error: &io::Error) {
        if !self.warned {
            log::warn!("the index {} cannot be written, so reading will take longer: {error}", self.path);
            self.warned = true;
        }
    }
}

/// Finds the smallest timestamp of batches, which their headers do not hold.
struct BatchTimes {
    decoder: Decoder,
    records: Batch,
}

impl Default for BatchTimes {
    fn default() -> Self {
        Self { decoder: decoder(BATCH_BYTES_MAX as u64), records: Batch::new() }
    }
}

impl BatchTimes {
    fn min(&mut self, header: &BatchHeader, bytes: &[u8]) -> i64 {
        let mut min = header.max_timestamp;
        self.decoder.buffer().clear();
        self.decoder.buffer().extend_from_slice(bytes);
        let mut more = self.decoder.open().is_ok();
        while more {
            self.records.clear();
            // A batch with a good checksum and unreadable records is the reader's matter.
            more = self.decoder.read(&mut self.records, 0, 0, 0, i64::MAX).unwrap_or(false);
            min = self.records.metas().iter().map(|meta| meta.timestamp).fold(min, i64::min);
        }
        min
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_damage_is_seen() {
        let entry = Entry {
            kind: Kind::Segment,
            file_crc: 7,
            first_offset: 1,
            next_offset: i64::MAX,
            start: 3,
            end: u64::MAX,
            min_timestamp: i64::MIN,
            max_timestamp: -1,
        };
        let bytes = entry.encode();
        assert_eq!(Entry::parse(&bytes), Some(entry));
        for at in 0..ENTRY_BYTES {
            let mut damaged = bytes;
            damaged[at] ^= 4;
            assert_eq!(Entry::parse(&damaged), None, "{at}");
        }
    }
}
