//! The batches of an object that comes in ranges.

use std::collections::VecDeque;

use kafi_core::{Error, ErrorKind, Result};
use kafi_records::{BatchHeader, Decoder};

use crate::fetch::{Buffer, Chunk, HeldBytes};
use crate::io::ObjectStat;
use crate::log::{Facts, Name};

/// An object that is being read.
pub(crate) struct Object {
    name: Name,
    /// What was asked for, in order.
    chunks: VecDeque<Chunk>,
    /// Up to where it was asked for.
    asked: u64,
    /// What the first answer said.
    stat: Option<ObjectStat>,
    /// The offset after its last record, as its writer says.
    end: Option<i64>,
    /// The range that is being parsed, and up to where it is.
    buffer: Option<Buffer>,
    at: usize,
    share: Option<HeldBytes>,
    /// The beginning of a batch whose rest is in the next range.
    part: Vec<u8>,
    /// The bytes of the object that are parsed.
    parsed: u64,
    /// The offset after the last batch so far.
    next_offset: i64,
    /// Whether it was found by its name, at the end of the log, rather than in a listing.
    newest: bool,
}

/// What comes next in an object.
pub(crate) enum Parsed {
    /// A batch, which the decoder's buffer holds now.
    Batch,
    /// Something that is not there yet.
    Wait,
    /// Nothing; the next object begins at this offset.
    End(i64),
    /// There is no such object.
    Missing,
    /// It became another object while it was read.
    Changed,
    /// Bytes that are no batch.
    Bad(String),
}

impl Object {
    pub(crate) fn new(name: Name, chunk: Chunk) -> Self {
        Self {
            name,
            asked: chunk.end,
            chunks: VecDeque::from([chunk]),
            stat: None,
            end: None,
            buffer: None,
            at: 0,
            share: None,
            part: Vec::new(),
            parsed: 0,
            next_offset: name.offset,
            newest: false,
        }
    }

    /// One that was found by its name, at the end of the log.
    pub(crate) fn newest(name: Name, chunk: Chunk) -> Self {
        Self { newest: true, ..Self::new(name, chunk) }
    }

    pub(crate) fn is_newest(&self) -> bool {
        self.newest
    }

    pub(crate) fn offset(&self) -> i64 {
        self.name.offset
    }

    pub(crate) fn len(&self) -> u64 {
        self.stat.as_ref().map_or(self.name.len, |stat| stat.len)
    }

    /// The offset after its last record, as its writer says.
    pub(crate) fn end(&self) -> Option<i64> {
        self.end
    }

    /// Up to which byte it is parsed.
    pub(crate) fn at(&self) -> u64 {
        self.parsed
    }

    /// The bytes that are asked for or held.
    pub(crate) fn held(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.end.min(self.len().max(1)).saturating_sub(chunk.start)).sum::<u64>()
            + self.bytes().len() as u64
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.as_deref().unwrap_or_default()
    }

    /// Whether nothing of it is left to be parsed, and nothing is asked for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.chunks.is_empty() && self.at == self.bytes().len()
    }

    /// From which byte on more has to be asked for.
    pub(crate) fn wants(&self) -> Option<u64> {
        (self.asked < self.len()).then_some(self.asked)
    }

    pub(crate) fn add(&mut self, chunk: Chunk) {
        self.asked = chunk.end;
        self.chunks.push_back(chunk);
    }

    /// The offset after the last batch so far.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Puts the next batch that reaches beyond `position` into the decoder's buffer. `begins_behind` tells where the
    /// first other object begins behind an offset: one that was merged into this one begins where a batch does, and
    /// another one may not begin within. Where a batch does not go on where the last one ended, and another object
    /// does, this one ends. With `lenient`, a batch counts although there is damage behind it.
    pub(crate) fn next(
        &mut self,
        position: i64,
        lenient: bool,
        begins_behind: impl Fn(i64) -> Option<i64>,
        decoder: &mut Decoder,
    ) -> Result<Parsed> {
        loop {
            if self.at == self.bytes().len() {
                (self.buffer, self.at, self.share) = (None, 0, None);
                if let Some(stat) = self.stat.as_ref().filter(|stat| self.parsed + self.part.len() as u64 >= stat.len) {
                    let whole = self.part.is_empty() && stat.len > 0;
                    return Ok(if whole { self.finish() } else { Parsed::Bad("the batch is not whole".into()) });
                }
                match self.take_chunk()? {
                    None => continue,
                    Some(other) => return Ok(other),
                }
            }
            let header = match self.take_header(&begins_behind) {
                Ok(Some(header)) => header,
                Ok(None) => continue,
                Err(fault) => return Ok(Parsed::Bad(fault)),
            };
            if position <= self.next_offset && self.skips_another(&header, &begins_behind) {
                return Ok(Parsed::End(self.next_offset));
            }
            let total = header.total_bytes();
            let left = self.len().saturating_sub(self.parsed + total as u64);
            if !lenient && left > 0 && self.end == Some(header.next_offset()) {
                return Ok(Parsed::Bad(format!("{left} bytes lie behind its last offset {}", header.last_offset())));
            }
            let bytes = self.buffer.as_deref().unwrap_or_default();
            let taken = if self.part.is_empty() { bytes.get(self.at..self.at + total) } else { None };
            if let Some(batch) = taken {
                if header.next_offset() > position {
                    let buffer = decoder.buffer();
                    buffer.clear();
                    buffer.extend_from_slice(batch);
                }
                self.at += total;
            } else {
                let rest = &bytes[self.at..];
                let count = rest.len().min(total - self.part.len());
                self.part.extend_from_slice(&rest[..count]);
                self.at += count;
                if self.part.len() < total {
                    continue;
                }
                std::mem::swap(decoder.buffer(), &mut self.part);
                self.part.clear();
            }
            self.parsed += total as u64;
            self.next_offset = header.next_offset();
            if header.next_offset() > position {
                return Ok(Parsed::Batch);
            }
        }
    }

    /// Whether another object begins where the last batch ended, and this one begins higher. With kept offsets that is
    /// so for an object that was merged into this one; but what lies here may also not belong to it, and what the other
    /// object holds tells both apart: it has the same messages, or those that are missing here.
    fn skips_another(&self, header: &BatchHeader, begins_behind: impl Fn(i64) -> Option<i64>) -> bool {
        let (name, next) = (self.name.offset, self.next_offset);
        name < next && next < header.base_offset && begins_behind(next - 1) == Some(next)
    }

    fn finish(&self) -> Parsed {
        match self.end {
            Some(end) if end != self.next_offset => {
                Parsed::Bad(format!("its offsets end at {}, not at {end}", self.next_offset))
            }
            _ => Parsed::End(self.next_offset),
        }
    }

    /// Goes to the next range; what it gives stands in the way of that.
    fn take_chunk(&mut self) -> Result<Option<Parsed>> {
        let Some(answer) = self.chunks.front().and_then(|chunk| chunk.task.take()) else {
            return Ok(Some(Parsed::Wait));
        };
        let chunk = self.chunks.pop_front().expect("its task was just taken");
        let Some((bytes, stat)) = answer? else { return Ok(Some(Parsed::Missing)) };
        if self.stat.as_ref().is_some_and(|known| known.etag != stat.etag) {
            return Ok(Some(Parsed::Changed));
        }
        let expected = chunk.end.min(stat.len).saturating_sub(chunk.start);
        if bytes.len() as u64 != expected {
            let message = format!("{} bytes came, but {expected} were asked for", bytes.len());
            return Err(Error::new(ErrorKind::Unavailable, "read object", message).retry(kafi_core::Retry::Later));
        }
        self.end = self.end.or(Facts::of(&stat, self.name.offset).map(|facts| facts.end));
        self.stat.get_or_insert(stat);
        (self.buffer, self.at, self.share) = (Some(bytes), 0, chunk.share);
        Ok(None)
    }

    /// The header of the next batch; `None` where its rest is in the next range.
    fn take_header(
        &mut self,
        begins_behind: impl Fn(i64) -> Option<i64>,
    ) -> std::result::Result<Option<BatchHeader>, String> {
        let rest = &self.buffer.as_deref().unwrap_or_default()[self.at..];
        if self.part.len() < BatchHeader::LEN && !(self.part.is_empty() && rest.len() >= BatchHeader::LEN) {
            let count = rest.len().min(BatchHeader::LEN - self.part.len());
            self.part.extend_from_slice(&rest[..count]);
            self.at += count;
            if self.part.len() < BatchHeader::LEN {
                return Ok(None);
            }
        }
        let bytes = if self.part.is_empty() { &self.bytes()[self.at..] } else { &self.part[..] };
        let header =
            BatchHeader::parse(bytes).map_err(|error| error.message().to_string())?.ok_or("the batch is not whole")?;
        if header.base_offset < self.next_offset {
            return Err(format!("its base offset {} is below {}", header.base_offset, self.next_offset));
        }
        if self.end.is_some_and(|end| header.next_offset() > end) {
            return Err(format!("its offsets end at {}, beyond those of its object", header.last_offset()));
        }
        if let Some(other) = begins_behind(self.next_offset).filter(|other| *other < header.next_offset()) {
            return Err(format!("its offsets end at {}, and another object begins at {other}", header.last_offset()));
        }
        if header.leader_epoch != 0 {
            return Err(format!("its leader epoch is {}, not 0", header.leader_epoch));
        }
        if self.parsed + header.total_bytes() as u64 > self.len() {
            return Err("the batch is not whole".into());
        }
        Ok(Some(header))
    }
}
