//! Batches in one segment file.

use std::io;

use kafi_records::{BatchHeader, check_crc};

use crate::io::IoFile;

/// The bytes that are read at once while looking at headers.
const WINDOW_BYTES: usize = 64 << 10;

/// A place in a segment where a batch begins or may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The byte.
    pub(crate) at: u64,
    /// The lowest offset that a batch there can have.
    pub(crate) offset: i64,
}

/// What stands at a place.
pub(crate) enum Peek {
    /// A batch that fits into the file, as far as its header tells.
    Batch(BatchHeader),
    /// Nothing, or the beginning of a batch whose rest is not there.
    Partial,
    /// A batch whose offset is lower than it can be there.
    Below(i64),
    /// Bytes that are no batch, and why.
    Bad(String),
}

/// A piece of a file in memory, so that small batches do not cost a system call each.
#[derive(Default)]
pub(crate) struct Window {
    data: Vec<u8>,
    start: u64,
    owner: u64,
}

impl Window {
    /// Forgets what it holds, unless that is of the same `owner`: any number that stands for one file.
    pub(crate) fn claim(&mut self, owner: u64) {
        if self.owner != owner {
            self.owner = owner;
            self.forget();
        }
    }

    /// Forgets what it holds, because the file may have changed there.
    pub(crate) fn forget(&mut self) {
        self.data.clear();
    }

    /// Looks at the header at `place` in a file of `len` bytes.
    pub(crate) fn header(&mut self, file: &dyn IoFile, place: Place, len: u64) -> io::Result<Peek> {
        let left = len.saturating_sub(place.at);
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
        if header.total_bytes() as u64 > left { Ok(Peek::Partial) } else { Ok(Peek::Batch(header)) }
    }

    /// Reads the `total` bytes of the batch at `at` into `out`, replacing what was there.
    pub(crate) fn batch(&mut self, file: &dyn IoFile, at: u64, total: usize, out: &mut Vec<u8>) -> io::Result<()> {
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
pub(crate) fn below(offset: i64, place: Place) -> String {
    format!("its base offset {offset} is below {}", place.offset)
}

/// How a scan ended.
pub(crate) struct Scanned {
    /// The place after the last good batch.
    pub(crate) end: Place,
    /// Why it ended there, if that was before the end of the file.
    pub(crate) fault: Option<String>,
}

/// Visits the batches from `from` on in a file of `len` bytes, as far as they are good or until `visit` says false. With `verify` each batch is read and
/// its checksum compared, and `visit` sees its bytes; without it only headers are read and the bytes are empty.
pub(crate) fn scan(file: &dyn IoFile, from: Place, len: u64, verify: bool, mut visit: impl FnMut(u64, &BatchHeader, &[u8]) -> bool) -> io::Result<Scanned> {
    let mut window = Window::default();
    let mut batch = Vec::new();
    let mut end = from;
    while end.at < len {
        let header = match window.header(file, end, len)? {
            Peek::Batch(header) => header,
            Peek::Partial => return Ok(Scanned { end, fault: Some("the batch is not whole".into()) }),
            Peek::Below(offset) => return Ok(Scanned { end, fault: Some(below(offset, end)) }),
            Peek::Bad(why) => return Ok(Scanned { end, fault: Some(why) }),
        };
        if verify {
            window.batch(file, end.at, header.total_bytes(), &mut batch)?;
            if let Err(error) = check_crc(&batch) {
                return Ok(Scanned { end, fault: Some(error.message().to_string()) });
            }
        }
        if !visit(end.at, &header, &batch) {
            break;
        }
        end = Place { at: end.at + header.total_bytes() as u64, offset: header.next_offset() };
    }
    Ok(Scanned { end, fault: None })
}
