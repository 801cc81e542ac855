//! Appending to the files of a partition, by several producers and processes in turn.
//!
//! Each append holds the partition's lock: it looks at what others appended, rolls, writes, and extends the index. What
//! was appended is delivered only after [`Appender::commit`], which makes it durable and then says so in the `recovery`
//! file.

use std::sync::Arc;
use std::time::Instant;

use kafi_core::{Error, ErrorKind, Result, Retry};
use kafi_records::{BatchHeader, set_base_offset};

use super::index::{Index, IndexWriter};
use super::known::look;
use super::segment::{Extent, SEGMENT_OFFSETS_MAX};
use super::{PartitionDir, Recovery};
use crate::io::{Access, IoFile, Lock, lock};

/// How many bytes are copied at once.
const COPY_BYTES: u64 = 1 << 20;

/// A batch to append.
pub(crate) struct NewBatch<'a> {
    /// The encoded batch; its base offset is set here, unless it is kept.
    pub(crate) bytes: &'a mut [u8],
    pub(crate) header: BatchHeader,
    /// The smallest timestamp in it.
    pub(crate) min_timestamp: i64,
    /// Whether it keeps its base offset.
    pub(crate) keep_offset: bool,
    /// The segment is rolled before it gets larger than this, if it holds anything.
    pub(crate) segment_bytes: u64,
}

/// Appends to one partition.
pub(crate) struct Appender {
    dir: PartitionDir,
    /// The `recovery` file, which is the lock, too.
    recovery: Arc<dyn IoFile>,
    active: Option<Active>,
    next_offset: i64,
    /// Whether something was appended since the last commit.
    uncommitted: bool,
}

/// The segment that is written.
struct Active {
    base: i64,
    log: Arc<dyn IoFile>,
    /// The bytes of whole batches.
    len: u64,
    index: IndexWriter,
    /// Bytes that were known to be durable are damaged: nothing may follow them here.
    damaged: bool,
    /// An fsync failed, or may have in a process before: what is not known to be durable is written once more before
    /// the next.
    rewrite: bool,
}

impl Appender {
    /// Opens a partition for appending. Reads nothing of the log yet.
    pub(crate) fn open(dir: PartitionDir) -> Result<Self> {
        let path = dir.recovery_path();
        let recovery = dir.io.open(&path, Access::Write).map_err(|error| dir.io_error("append", &path, error))?;
        Ok(Self { dir, recovery, active: None, next_offset: 0, uncommitted: false })
    }

    /// Appends a batch and returns its base offset; `None` if others held the lock until `deadline`, and nothing was
    /// done.
    pub(crate) fn append(&mut self, batch: NewBatch<'_>, deadline: Instant) -> Result<Option<i64>> {
        let Some(_lock) = self.lock("append", deadline)? else { return Ok(None) };
        self.look()?;
        let mut header = batch.header;
        if !batch.keep_offset {
            header.base_offset = self.next_offset;
            set_base_offset(batch.bytes, header.base_offset);
        } else if header.base_offset < self.next_offset {
            let message = format!(
                "the offset {} cannot be kept, the log ends at {} already",
                header.base_offset, self.next_offset
            );
            return Err(self
                .dir
                .error(ErrorKind::OutOfRange, "append", message)
                .hint("resume after the end of the target, or let it assign new offsets"));
        }
        if header.base_offset.checked_add(i64::from(header.last_offset_delta) + 1).is_none() {
            return Err(self.dir.error(ErrorKind::OutOfRange, "append", "the offsets of this partition are used up"));
        }
        if self.must_roll(&batch, &header) {
            self.roll(header.base_offset)?;
        }
        let active = self.active.as_mut().expect("rolling makes a segment where there was none");
        if let Err(error) = active.log.write_at(batch.bytes, active.len) {
            let path = self.dir.log_path(active.base);
            if let Err(cut) = active.log.truncate(active.len) {
                // Whoever appends next sees a length that nobody wrote, and cuts it as a torn tail.
                log::warn!("{}: half an append could not be taken back: {cut}", self.dir.io.display(&path));
            }
            return Err(self.dir.io_error("append", &path, error));
        }
        active.index.push(active.len, &header, batch.min_timestamp, batch.bytes);
        active.len += batch.bytes.len() as u64;
        self.next_offset = header.next_offset();
        self.uncommitted = true;
        Ok(Some(header.base_offset))
    }

    /// Makes everything durable that was appended, and notes it; false if others held the lock until `deadline`.
    pub(crate) fn commit(&mut self, deadline: Instant) -> Result<bool> {
        let Some(active) = self.active.as_mut().filter(|_| self.uncommitted) else { return Ok(true) };
        let place = Recovery { base: active.base, length: active.len, next_offset: self.next_offset };
        let log = Arc::clone(&active.log);
        let rewrite = active.rewrite;
        if rewrite {
            let Some(_lock) = self.lock("write", deadline)? else { return Ok(false) };
            self.write_again(place)?;
        }
        if let Err(error) = log.sync() {
            self.uncommitted = false;
            return Err(self.sync_failed(place.base, error));
        }
        let Some(_lock) = self.lock("write", deadline)? else { return Ok(false) };
        if let Some(active) = &mut self.active {
            active.rewrite = false;
        }
        self.uncommitted = false;
        self.note(place);
        Ok(true)
    }

    /// Moves the log start up to `offset`, to the end for -1, and deletes the segments wholly below. Returns the log
    /// start; `None` if others held the lock until `deadline`.
    pub(crate) fn delete_before(&mut self, offset: i64, deadline: Instant) -> Result<Option<i64>> {
        let Some(_lock) = self.lock("delete records", deadline)? else { return Ok(None) };
        self.look()?;
        let end = self.next_offset;
        if offset < -1 || offset > end {
            let message = format!("the offset {offset} lies beyond the end {end}");
            return Err(self.dir.error(ErrorKind::OutOfRange, "delete records", message));
        }
        let segments = self.dir.segments()?;
        let low = self.dir.start()?.max(segments.first().copied().unwrap_or(end));
        let start = if offset == -1 { end } else { offset }.max(low);
        if start > low {
            self.dir.set_start(start)?;
        }
        for pair in segments.windows(2).filter(|pair| pair[1] <= start) {
            // The next one may be somebody's file that begins within this one.
            if self.dir.segment_end("delete records", pair[0])?.is_some_and(|end| end > start) {
                log::warn!(
                    "{}: it holds messages from {start} on, and is not deleted",
                    self.dir.io.display(&self.dir.log_path(pair[0]))
                );
                continue;
            }
            for path in [self.dir.log_path(pair[0]), self.dir.index_path(pair[0])] {
                self.dir.io.remove(&path).map_err(|error| self.dir.io_error("delete records", &path, error))?;
            }
        }
        Ok(Some(start))
    }

    /// Takes the lock, and makes sure that the topic is still the one that was opened.
    fn lock(&self, operation: &'static str, deadline: Instant) -> Result<Option<Lock>> {
        let held = lock(&self.recovery, deadline)
            .map_err(|error| self.dir.io_error(operation, &self.dir.recovery_path(), error))?;
        if held.is_some() && !self.dir.is_current(&*self.recovery)? {
            return Err(self.dir.deleted(operation));
        }
        Ok(held)
    }

    fn read_recovery(&self) -> Result<Option<Recovery>> {
        Recovery::read(&*self.recovery).map_err(|error| self.dir.io_error("append", &self.dir.recovery_path(), error))
    }

    /// Notes that the log is durable up to `place`. If that fails, a later recovery checks more than it had to.
    fn note(&self, place: Recovery) {
        let noted = Recovery::read(&*self.recovery).and_then(|known| {
            let further = known.is_none_or(|known| (known.base, known.length) < (place.base, place.length));
            if further { place.write(&*self.recovery) } else { Ok(()) }
        });
        if let Err(error) = noted {
            log::warn!("{}: {error}", self.dir.io.display(&self.dir.recovery_path()));
        }
    }

    /// Looks at what others did since the last append. Under the lock.
    fn look(&mut self) -> Result<()> {
        let known = self.read_recovery()?;
        let Some(active) = &self.active else { return self.reopen(known, false) };
        let len =
            active.log.len().map_err(|error| self.dir.io_error("append", &self.dir.log_path(active.base), error))?;
        if len == active.len && known.is_some_and(|known| known.base == active.base) {
            return Ok(());
        }
        // Whoever appended was alive after we opened the log, so no power was lost, and what it put into the index was
        // written to the log.
        let rewrite = active.rewrite;
        self.reopen(known, true)?;
        if let Some(active) = &mut self.active {
            active.rewrite = rewrite;
        }
        Ok(())
    }

    fn reopen(&mut self, known: Option<Recovery>, trust_index: bool) -> Result<()> {
        let listing = self.dir.listing()?;
        // Offsets of messages that are missing are not given to others.
        let lost = self.dir.lost_segments(&listing.alone)?.into_iter().map(|lost| lost.next_offset).max().unwrap_or(0);
        let before = self.dir.end_before_last("append", &listing.segments, known)?;
        let lowest = lost.max(self.dir.start()?).max(before);
        let Some(base) = listing.segments.last().copied() else { return self.begin(known.unwrap_or_default(), lowest) };
        let path = self.dir.log_path(base);
        let on_error = |error| self.dir.io_error("append", &path, error);
        let log = self.dir.io.open(&path, Access::Write).map_err(on_error)?;
        let len = log.len().map_err(on_error)?;
        if let Some(known) = known.filter(|known| known.base > base) {
            let end = look(&self.dir, base, (&*log, len), None, None).map_err(on_error)?.next_offset;
            return self.begin(known, lowest.max(end));
        }
        let safe = known.filter(|known| known.base == base).map_or(0, |known| known.length);
        let mut checked = None;
        if trust_index && let Some(index) = Index::open(&self.dir, base, len)? {
            checked = Some(index.checked_end(&*log, Extent::new(base, len, None)).map_err(on_error)?)
                .filter(|end| end.at >= safe);
        }
        let found = look(&self.dir, base, (&*log, len), known, checked).map_err(on_error)?;
        let end = found.end.place;
        if found.end.torn && end.at < len && end.at >= found.length {
            self.cut(base, &log, end.at, len)?;
        }
        let (mut index, indexed) = IndexWriter::open(&self.dir, base, &*log, end.at.min(len))?;
        let (next_offset, lacks) = (found.next_offset, found.lacks());
        let damaged = lacks
            || before > base
            || found.end.damaged
            || found.end.torn && end.at < found.length
            || indexed.end != end;
        if damaged {
            log::warn!("{}: the file is damaged; new messages go to another segment", self.dir.io.display(&path));
        }
        if lacks {
            index.promise(base, found.length.max(end.at), next_offset);
        }
        self.next_offset = next_offset.max(lowest);
        self.active =
            Some(Active { base, log, len: end.at.min(len), index, damaged, rewrite: end.at > safe && !trust_index });
        Ok(())
    }

    /// Goes on with a new segment, at `lowest` or later: nothing was written yet, or the segment in `known` was
    /// announced by somebody who has ended the one before it, which includes its fsync, or its log file is gone. If all
    /// that it is said to have held is there nevertheless, that was said of another partition.
    fn begin(&mut self, known: Recovery, lowest: i64) -> Result<()> {
        if known.length > 0 && known.next_offset > lowest {
            self.promise(known)?;
        }
        self.next_offset = known.next_offset.max(lowest);
        self.active = None;
        Ok(())
    }

    /// Notes in its index what a segment held whose log file is gone, so that this is noticed also later.
    fn promise(&self, known: Recovery) -> Result<()> {
        let path = self.dir.index_path(known.base);
        let index = self.dir.io.open(&path, Access::Write).and_then(|file| IndexWriter::of_lost(file, path.clone()));
        index.map_err(|error| self.dir.io_error("append", &path, error))?.promise(
            known.base,
            known.length,
            known.next_offset,
        );
        Ok(())
    }

    /// Cuts what a crash left behind the last whole batch, after saving it.
    fn cut(&self, base: i64, log: &Arc<dyn IoFile>, at: u64, len: u64) -> Result<()> {
        let path = self.dir.log_path(base);
        let saved_path = self.torn_path(base)?;
        let saved = self
            .dir
            .io
            .open(&saved_path, Access::Create)
            .map_err(|error| self.dir.io_error("save torn tail", &saved_path, error))?;
        let mut buf = Vec::new();
        let mut from = at;
        let copied = (|| {
            while from < len {
                buf.resize((len - from).min(COPY_BYTES) as usize, 0);
                let read = log.read_at(&mut buf, from)?;
                saved.write_at(&buf[..read], from - at)?;
                from += buf.len() as u64;
            }
            saved.sync()?;
            self.dir.io.sync_folder(self.dir.folder())
        })();
        copied.map_err(|error| self.dir.io_error("save torn tail", &saved_path, error))?;
        log::warn!(
            "{}: {} bytes after byte {at} are no whole batch, as a crash leaves them; cut off and saved as {}",
            self.dir.io.display(&path),
            len - at,
            self.dir.io.display(&saved_path)
        );
        log.truncate(at).map_err(|error| self.dir.io_error("cut torn tail", &path, error))
    }

    fn torn_path(&self, base: i64) -> Result<String> {
        let folder = self.dir.folder();
        let names = self.dir.io.list(folder).map_err(|error| self.dir.io_error("list segments", folder, error))?;
        let prefix = format!("{base:020}.torn-");
        let used = names.iter().filter_map(|name| name.strip_prefix(&prefix)?.parse::<u64>().ok()).max().unwrap_or(0);
        Ok(format!("{folder}/{prefix}{}", used + 1))
    }

    fn must_roll(&self, batch: &NewBatch<'_>, header: &BatchHeader) -> bool {
        let Some(active) = &self.active else { return true };
        let full = active.len > 0 && active.len + batch.bytes.len() as u64 > batch.segment_bytes;
        let is_too_far = header.base_offset > active.base && header.next_offset() - active.base >= SEGMENT_OFFSETS_MAX;
        active.damaged || full || is_too_far
    }

    /// Ends the active segment, if there is one, and makes the one that begins at `base`. Under the lock.
    fn roll(&mut self, base: i64) -> Result<()> {
        if let Some(active) = self.active.as_ref().filter(|active| base <= active.base) {
            let error = self.dir.error(
                ErrorKind::Corrupt,
                "append",
                "the last segment is damaged from its beginning on, so nothing can follow it",
            );
            let file = self.dir.io.display(&self.dir.log_path(active.base));
            return Err(error
                .with("file", file)
                .hint("restore the file from a backup, or move it away to give its offsets to new messages"));
        }
        if let Some(active) = &mut self.active {
            let place = Recovery { base: active.base, length: active.len, next_offset: self.next_offset };
            let log = Arc::clone(&active.log);
            if active.rewrite {
                self.write_again(place)?;
            }
            if let Err(error) = log.sync() {
                return Err(self.sync_failed(place.base, error));
            }
        }
        if let Some(active) = self.active.as_mut().filter(|active| !active.damaged) {
            active.index.seal(active.base);
        }
        // Said first, so that everybody sees that a segment was rolled, also after a crash right here.
        let place = Recovery { base, length: 0, next_offset: base };
        place.write(&*self.recovery).map_err(|error| self.dir.io_error("roll", &self.dir.recovery_path(), error))?;
        let path = self.dir.log_path(base);
        let log = self
            .dir
            .io
            .open(&path, Access::Create)
            .and_then(|log| self.dir.io.sync_folder(self.dir.folder()).map(|()| log));
        let log = log.map_err(|error| self.dir.io_error("roll", &path, error))?;
        let (index, _) = IndexWriter::open(&self.dir, base, &*log, 0)?;
        self.active = Some(Active { base, log, len: 0, index, damaged: false, rewrite: false });
        Ok(())
    }

    fn sync_failed(&mut self, base: i64, error: std::io::Error) -> Error {
        if let Some(active) = &mut self.active {
            active.rewrite = true;
        }
        self.dir.io_error("fsync", &self.dir.log_path(base), error)
    }

    /// Writes what is not known to be durable once more, so that the next fsync really covers it: after a failed one
    /// the system takes the pages for clean. Under the lock.
    fn write_again(&self, to: Recovery) -> Result<()> {
        let known = self.read_recovery()?.filter(|known| known.base == to.base);
        let Some(active) = self.active.as_ref().filter(|active| active.base == to.base) else { return Ok(()) };
        let mut from = known.map_or(0, |known| known.length);
        let mut buf = Vec::new();
        let path = self.dir.log_path(to.base);
        while from < to.length {
            buf.resize((to.length - from).min(COPY_BYTES) as usize, 0);
            let copied = active.log.read_at(&mut buf, from).and_then(|read| active.log.write_at(&buf[..read], from));
            copied.map_err(|error| self.dir.io_error("write again", &path, error).retry(Retry::Later))?;
            from += buf.len() as u64;
        }
        Ok(())
    }
}
