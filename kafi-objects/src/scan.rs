//! A walk over the batches of an object from its first byte on, in ranges, so that it takes the same memory however
//! large the object is; and what an object holds, as its metadata or such a walk say.

use std::time::Instant;

use kafi_core::{Error, ErrorKind, Result, Retry};
use kafi_records::BatchHeader;

use crate::io::ObjectStat;
use crate::log::{Facts, PartitionLog};

/// How much is read at a time, unless a batch has more.
const RANGE_BYTES: u64 = 8 << 20;

/// The batches of an object, one after another.
pub(crate) struct Scan<'a> {
    log: &'a PartitionLog,
    key: String,
    deadline: Instant,
    stat: ObjectStat,
    /// A range of the object, and where it begins.
    buffer: Vec<u8>,
    start: u64,
    /// Where the last batch that was told begins and ends.
    batch: (u64, u64),
    /// The offset after it.
    next_offset: i64,
}

impl<'a> Scan<'a> {
    /// Begins at the object that is named `name`; `None` where there is none.
    pub(crate) fn open(log: &'a PartitionLog, name: i64, deadline: Instant) -> Result<Option<Self>> {
        let (key, mut buffer) = (log.key(name), Vec::new());
        let stat = log.io.get(&key, Some(0..RANGE_BYTES), &mut buffer, deadline).map_err(|error| log.context(error))?;
        Ok(stat.map(|stat| Self { log, key, deadline, stat, buffer, start: 0, batch: (0, 0), next_offset: name }))
    }

    pub(crate) fn stat(&self) -> &ObjectStat {
        &self.stat
    }

    /// The offset after the last batch that was told; before the first one, the object's name.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Where the last batch that was told ends in the object.
    pub(crate) fn end(&self) -> u64 {
        self.batch.1
    }

    /// The header of the next batch; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` for what is no batch, and for one that does not follow those before it.
    pub(crate) fn next(&mut self) -> Result<Option<BatchHeader>> {
        let at = self.batch.1;
        let left = self.stat.len.saturating_sub(at);
        if left == 0 {
            return Ok(None);
        }
        if left < BatchHeader::LEN as u64 {
            return Err(self.corrupt("its last batch is not whole"));
        }
        let header =
            BatchHeader::parse(self.bytes(at, BatchHeader::LEN as u64)?).map_err(|error| self.context(error))?;
        let Some(header) = header.filter(|header| header.total_bytes() as u64 <= left) else {
            return Err(self.corrupt("its last batch is not whole"));
        };
        if header.base_offset < self.next_offset {
            return Err(self.corrupt(&format!("the base offset {} is below {}", header.base_offset, self.next_offset)));
        }
        self.batch = (at, at + header.total_bytes() as u64);
        self.next_offset = header.next_offset();
        Ok(Some(header))
    }

    /// The bytes of the last batch that was told.
    pub(crate) fn batch(&mut self) -> Result<&[u8]> {
        let (start, end) = self.batch;
        self.bytes(start, end - start)
    }

    /// Bytes of the object, which are there as far as its length says.
    pub(crate) fn bytes(&mut self, at: u64, len: u64) -> Result<&[u8]> {
        let held = self.start..self.start + self.buffer.len() as u64;
        if at < held.start || at + len > held.end {
            let range = at..at + len.max(RANGE_BYTES);
            let stat = self
                .log
                .io
                .get(&self.key, Some(range), &mut self.buffer, self.deadline)
                .map_err(|error| self.log.context(error))?;
            self.start = at;
            if stat.is_none_or(|stat| stat.etag != self.stat.etag) || (self.buffer.len() as u64) < len {
                self.buffer.clear();
                let error = Error::new(ErrorKind::Conflict, "read object", "the object was replaced while it was read")
                    .retry(Retry::Later);
                return Err(self.context(error));
            }
        }
        let from = (at - self.start) as usize;
        Ok(&self.buffer[from..from + len as usize])
    }

    fn corrupt(&self, why: &str) -> Error {
        let error = Error::new(ErrorKind::Corrupt, "read object", why);
        self.context(error).hint("restore the object from a backup")
    }

    fn context(&self, error: Error) -> Error {
        self.log.context(error).with("object", self.log.io.display(&self.key)).with("byte", self.batch.1)
    }
}

impl Facts {
    /// What the batches of an object say.
    fn scan(scan: &mut Scan<'_>) -> Result<Self> {
        let mut facts = Self { min_timestamp: i64::MAX, max_timestamp: i64::MIN, ..Self::default() };
        while let Some(header) = scan.next()? {
            facts.add(&header);
        }
        Ok(facts)
    }
}

impl PartitionLog {
    /// What is known of the object that begins at `offset`, from its metadata or else from its bytes; `None` where
    /// there is none.
    pub(crate) fn facts(&self, offset: i64, deadline: Instant) -> Result<Option<(Facts, ObjectStat)>> {
        let key = self.key(offset);
        let Some(stat) = self.io.stat(&key, deadline).map_err(|error| self.context(error))? else { return Ok(None) };
        if let Some(facts) = Facts::of(&stat, offset) {
            return Ok(Some((facts, stat)));
        }
        let Some(mut scan) = Scan::open(self, offset, deadline)? else { return Ok(None) };
        let facts = Facts::scan(&mut scan)?;
        if facts.end > offset {
            return Ok(Some((facts, scan.stat().clone())));
        }
        let error = self
            .error(ErrorKind::Corrupt, "read object", "there is no batch in it")
            .with("object", self.io.display(&key));
        Err(error.hint("restore the object from a backup, or delete it if it does not belong there"))
    }
}
