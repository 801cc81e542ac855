//! The walk over the records of a batch: the hot path of reading.

use kafi_core::{HeaderMeta, RecordMeta, Span};

use crate::header::BatchHeader;
use crate::malformed::Malformed;
use crate::varint::{read_varint, read_varlong};

type Result<T> = std::result::Result<T, Malformed>;

/// A place between two records.
#[derive(Clone, Copy)]
pub struct WalkPlace {
    /// Where the next record starts, counted from the batch's first.
    pub position: usize,
    /// The records behind.
    pub records: i32,
    /// The offset delta of the last of them, or -1.
    pub offset_delta: i32,
}

/// What a walk turns records into, and where it ends.
pub struct Walk<'a> {
    /// The header of the batch.
    pub header: &'a BatchHeader,
    /// The topic's index.
    pub topic: u32,
    /// The partition.
    pub partition: i32,
    /// What to add to a position to have that in the arena.
    pub shift: u32,
    /// The walk ends before a record with this offset delta or a higher one,
    pub offset_delta_end: i64,
    /// when so many records are behind,
    pub records_end: i32,
    /// and when a record ends here or later.
    pub position_end: usize,
}

/// The part of a record in front of its key.
struct Start {
    timestamp_delta: i64,
    offset_delta: i32,
    /// Where the key's length lies.
    fields: usize,
    /// Where the next record starts.
    end: usize,
}

impl WalkPlace {
    /// Before the first record.
    pub const START: Self = Self { position: 0, records: 0, offset_delta: -1 };

    /// Moves behind the next record if its offset delta is below `offset_delta_end`, and says so; only its length and
    /// offset are read.
    pub fn skip_below(&mut self, data: &[u8], header: &BatchHeader, offset_delta_end: i64) -> Result<bool> {
        let start = self.read_start(data, header.last_offset_delta)?;
        let below = i64::from(start.offset_delta) < offset_delta_end;
        if below {
            self.advance(&start);
        }
        Ok(below)
    }

    #[inline(always)]
    fn advance(&mut self, start: &Start) {
        self.position = start.end;
        self.records += 1;
        self.offset_delta = start.offset_delta;
    }

    #[inline(always)]
    fn read_start(&self, data: &[u8], last_offset_delta: i32) -> Result<Start> {
        let mut position = self.position;
        if position == data.len() {
            return Err(Malformed::Missing);
        }
        let length = read_varint(data, &mut position)?;
        if length < 0 || length as usize > data.len() - position {
            return Err(Malformed::Length);
        }
        let end = position + length as usize;
        let record = &data[..end];
        // The attributes of a record: none are in use, and Kafka ignores what stands there.
        position += 1;
        let timestamp_delta = read_varlong(record, &mut position)?;
        let offset_delta = read_varint(record, &mut position)?;
        if offset_delta <= self.offset_delta || offset_delta > last_offset_delta {
            return Err(Malformed::Offset);
        }
        Ok(Start { timestamp_delta, offset_delta, fields: position, end })
    }
}

impl Walk<'_> {
    /// Walks on from `place` and adds a meta for each record and header. After an error, `place` lies before the record
    /// that is malformed.
    pub fn run(
        &self,
        place: &mut WalkPlace,
        data: &[u8],
        records: &mut Vec<RecordMeta>,
        headers: &mut Vec<HeaderMeta>,
    ) -> Result<()> {
        // A copy can live in registers, which what is behind a reference cannot.
        let mut at = *place;
        let mut result = Ok(true);
        while let Ok(true) = result
            && at.records < self.records_end
            && at.position < self.position_end
        {
            result = self.step(&mut at, data, records, headers);
        }
        *place = at;
        result.map(|_| ())
    }

    /// Takes one record; `Ok(false)` if it lies behind the end.
    #[inline(always)]
    fn step(
        &self,
        at: &mut WalkPlace,
        data: &[u8],
        records: &mut Vec<RecordMeta>,
        headers: &mut Vec<HeaderMeta>,
    ) -> Result<bool> {
        let start = at.read_start(data, self.header.last_offset_delta)?;
        if i64::from(start.offset_delta) >= self.offset_delta_end {
            return Ok(false);
        }
        let record = &data[..start.end];
        let mut position = start.fields;
        let key = self.read_field(record, &mut position, Malformed::Key)?;
        let value = self.read_field(record, &mut position, Malformed::Value)?;
        let header_count = read_varint(record, &mut position)?;
        let header_start = headers.len() as u32;
        if header_count != 0 {
            self.read_headers(record, &mut position, header_count, headers)?;
        }
        if position != start.end {
            return Err(Malformed::Fields);
        }
        records.push(RecordMeta {
            offset: self.header.base_offset + i64::from(start.offset_delta),
            timestamp: self.timestamp(start.timestamp_delta),
            topic: self.topic,
            partition: self.partition,
            key,
            value,
            header_start,
            header_count: header_count as u32,
            timestamp_type: self.header.timestamp_type(),
        });
        at.advance(&start);
        Ok(true)
    }

    /// With a delete horizon the base timestamp is that horizon, and the deltas count from it all the same.
    #[inline(always)]
    fn timestamp(&self, delta: i64) -> i64 {
        match self.header.timestamp_type() {
            kafi_core::TimestampType::Create => self.header.base_timestamp.wrapping_add(delta),
            kafi_core::TimestampType::Append => self.header.max_timestamp,
        }
    }

    /// Reads a length and steps over its bytes.
    #[inline(always)]
    fn read_field(&self, record: &[u8], position: &mut usize, malformed: Malformed) -> Result<Span> {
        let len = read_varint(record, position)?;
        if len == -1 {
            return Ok(Span::NULL);
        }
        if len < 0 || len as usize > record.len() - *position {
            return Err(malformed);
        }
        let start = (*position as u32).wrapping_add(self.shift);
        *position += len as usize;
        Ok(Span { start, len })
    }

    fn read_headers(
        &self,
        record: &[u8],
        position: &mut usize,
        count: i32,
        headers: &mut Vec<HeaderMeta>,
    ) -> Result<()> {
        // A header takes at least two bytes: the lengths of its name and its value.
        if count < 0 || count as usize > (record.len() - *position) / 2 {
            return Err(Malformed::HeaderCount);
        }
        for _ in 0..count {
            let name = self.read_field(record, position, Malformed::HeaderName)?;
            if name.len < 0 {
                return Err(Malformed::HeaderName);
            }
            let value = self.read_field(record, position, Malformed::HeaderValue)?;
            headers.push(HeaderMeta { name, value });
        }
        Ok(())
    }
}
