//! Stored batches to messages.

use kafi_core::{Batch, HeaderMeta, RecordMeta, Result, Span, TimestampType};

use crate::KEEP_BYTES_MAX;
use crate::compression::{Compression, DECOMPRESSED_BYTES_MAX, Decompressor};
use crate::edit::check_batch;
use crate::header::{BatchHeader, RECORD_BYTES_MIN};
use crate::malformed::{Malformed, corrupt};
use crate::varint::{read_varint, read_varlong};

/// How many bytes are copied into the arena ahead of the walk over them: they are still in the processor's cache then.
const COPY_AHEAD_BYTES: usize = 16 << 10;

/// Decodes one stored batch after another.
///
/// It owns the buffers, so that a file is read straight into it, and hands out the records of a batch in as many portions as the caller's
/// [`Batch`] needs. The buffers are used again: nothing is allocated per record.
#[derive(Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    decompressor: Decompressor,
    open: Option<Open>,
}

/// The batch that is being read, and how far.
struct Open {
    header: BatchHeader,
    compressed: bool,
    /// Where the next record starts, counted from the first.
    position: usize,
    /// The records behind us.
    records: i32,
    /// The offset delta of the last of them, or -1.
    offset_delta: i32,
}

impl Open {
    fn is_done(&self) -> bool {
        self.records == self.header.record_count || self.header.is_control()
    }
}

impl Decoder {
    /// A decoder without a batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// The buffer that the caller fills with exactly one whole batch, header included, before [`open`](Self::open). It still holds the bytes
    /// of the batch before, which is closed by this.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.open = None;
        if self.buffer.capacity() > KEEP_BYTES_MAX {
            self.buffer.shrink_to(KEEP_BYTES_MAX);
        }
        &mut self.buffer
    }

    /// Checks header, length, and checksum of the batch in the buffer, and decompresses it, to at most 2^31-1 bytes.
    ///
    /// # Errors
    /// `Corrupt` says what is wrong, and leaves the decoder without a batch.
    pub fn open(&mut self) -> Result<BatchHeader> {
        self.open = None;
        let header = check_batch(&self.buffer)?;
        let compression = header.compression()?;
        let mut open = Open { header, compressed: compression != Compression::None, position: 0, records: 0, offset_delta: -1 };
        if open.compressed && !open.is_done() {
            let filled = self.decompressor.fill(compression, &self.buffer[BatchHeader::LEN..], DECOMPRESSED_BYTES_MAX);
            filled.map_err(|reason| corrupt(header.base_offset, format!("its {compression} data cannot be decompressed: {reason}")))?;
            let bytes = self.decompressor.data().len();
            if header.record_count as usize > bytes / RECORD_BYTES_MIN {
                return Err(corrupt(header.base_offset, format!("its record count is {}, too many for {bytes} bytes", header.record_count)));
            }
        }
        if header.record_count == 0 && !open.compressed && self.buffer.len() > BatchHeader::LEN {
            return Err(corrupt(header.base_offset, "it has no records, but bytes follow its header"));
        }
        open.position = 0;
        self.open = Some(open);
        Ok(header)
    }

    /// The header of the open batch.
    pub fn header(&self) -> Option<&BatchHeader> {
        self.open.as_ref().map(|open| &open.header)
    }

    /// Whether there is nothing left to read: no batch is open, it is a control batch, or all records were taken or skipped.
    pub fn is_done(&self) -> bool {
        self.open.as_ref().is_none_or(Open::is_done)
    }

    /// Appends the records with `from <= offset < until` to `out`, under the topic at index `topic` and under `partition`, until `out` is
    /// full. Goes forward only: what lies below `from` or was taken is behind it. At least one record is taken, however large, if `out` is not
    /// full. The records of control batches are not messages and are never taken.
    ///
    /// Returns whether `out` is full and the batch may hold more in that range: call again with room. If not, the batch is used up or the
    /// next record lies at or above `until`.
    ///
    /// The timestamp is the record's own, or the batch's largest for type append.
    ///
    /// # Errors
    /// `Corrupt` says what is wrong with which record (the batch's first is 0). It takes back what this call has added and closes the batch.
    pub fn read(&mut self, out: &mut Batch, topic: u32, partition: i32, from: i64, until: i64) -> Result<bool> {
        let Some(open) = self.open.as_mut().filter(|open| !open.is_done()) else { return Ok(false) };
        let data = if open.compressed { self.decompressor.data() } else { &self.buffer[BatchHeader::LEN..] };
        let mark = (out.len(), out.header_mark(), out.bytes());
        let taken = skip(open, data, from).and_then(|()| take(open, data, out, (topic, partition), until));
        let malformed = match taken {
            Ok(more) => return Ok(more),
            Err(malformed) => malformed,
        };
        let error = malformed.into_error(open.header.base_offset, open.records);
        out.rewind(mark.0, mark.1, mark.2);
        self.open = None;
        Err(error)
    }
}

/// Moves behind the records below offset `from`; of those, only length and offset are read.
fn skip(open: &mut Open, data: &[u8], from: i64) -> std::result::Result<(), Malformed> {
    let below = from.saturating_sub(open.header.base_offset);
    while open.records < open.header.record_count && i64::from(open.offset_delta) + 1 < below {
        let start = read_start(open, data)?;
        if i64::from(start.offset_delta) >= below {
            return Ok(());
        }
        open.advance(&start);
    }
    check_end(open, data)
}

/// Copies records below offset `until` into `out` while it has room, and returns whether it was the room that ended.
fn take(open: &mut Open, data: &[u8], out: &mut Batch, (topic, partition): (u32, i32), until: i64) -> std::result::Result<bool, Malformed> {
    let header = open.header;
    let append_time = header.timestamp_type() == TimestampType::Append;
    let below = until.saturating_sub(header.base_offset);
    let records_room = out.records_max().saturating_sub(out.len());
    let bytes_room = out.bytes_max().saturating_sub(out.bytes());
    let ahead = ahead_bytes(&header, data.len(), records_room, bytes_room);
    let first = open.position;
    let arena_start = out.bytes();
    let records_end = open.records.saturating_add(i32::try_from(records_room).unwrap_or(i32::MAX)).min(header.record_count);
    let mut copied = first;
    let mut reached = false;

    while open.records < records_end && open.position - first < bytes_room {
        let start = read_start(open, data)?;
        if i64::from(start.offset_delta) >= below {
            reached = true;
            break;
        }
        if start.end > copied {
            let target = start.end.max(data.len().min(copied + ahead));
            out.arena().extend_from_slice(&data[copied..target]);
            copied = target;
        }
        // The arena begins below its limit of 1 GiB and grows by at most one batch of 2 GiB, so positions in it fit 32 bits.
        let to_arena = |position: usize| (arena_start + (position - first)) as u32;
        let mut position = start.fields;
        let key = read_field(data, &mut position, Malformed::Key, to_arena)?;
        let value = read_field(data, &mut position, Malformed::Value, to_arena)?;
        let header_count = read_varint(data, &mut position)?;
        let header_start = out.header_mark();
        if header_count != 0 {
            read_headers(data, &mut position, header_count, out, to_arena)?;
        }
        if position != start.end {
            return Err(Malformed::Fields);
        }
        out.push_meta(RecordMeta {
            offset: header.base_offset + i64::from(start.offset_delta),
            timestamp: if append_time { header.max_timestamp } else { header.base_timestamp.wrapping_add(start.timestamp_delta) },
            topic,
            partition,
            key,
            value,
            header_start,
            header_count: header_count as u32,
            timestamp_type: header.timestamp_type(),
        });
        open.advance(&start);
    }
    out.arena().truncate(arena_start + (open.position - first));
    check_end(open, data)?;
    Ok(!reached && !open.is_done())
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

impl Open {
    #[inline(always)]
    fn advance(&mut self, start: &Start) {
        self.position = start.end;
        self.records += 1;
        self.offset_delta = start.offset_delta;
    }
}

#[inline(always)]
fn read_start(open: &Open, data: &[u8]) -> std::result::Result<Start, Malformed> {
    let mut position = open.position;
    let length = read_varint(data, &mut position)?;
    if length < 0 || length as usize > data.len() - position {
        return Err(Malformed::Length);
    }
    let end = position + length as usize;
    // The attributes of a record: none are in use, and Kafka ignores what stands there.
    position += 1;
    let timestamp_delta = read_varlong(data, &mut position)?;
    let offset_delta = read_varint(data, &mut position)?;
    if offset_delta <= open.offset_delta || offset_delta > open.header.last_offset_delta {
        return Err(Malformed::Offset);
    }
    Ok(Start { timestamp_delta, offset_delta, fields: position, end })
}

/// Reads the length of a key or value and steps over its bytes.
#[inline(always)]
fn read_field(data: &[u8], position: &mut usize, malformed: Malformed, to_arena: impl Fn(usize) -> u32) -> std::result::Result<Span, Malformed> {
    let len = read_varint(data, position)?;
    if len == -1 {
        return Ok(Span::NULL);
    }
    if len < 0 || len as usize > data.len() - *position {
        return Err(malformed);
    }
    let start = to_arena(*position);
    *position += len as usize;
    Ok(Span { start, len })
}

fn read_headers(data: &[u8], position: &mut usize, count: i32, out: &mut Batch, to_arena: impl Fn(usize) -> u32 + Copy) -> std::result::Result<(), Malformed> {
    // A header takes at least two bytes: the lengths of its name and its value.
    if count < 0 || count as usize > (data.len() - *position) / 2 {
        return Err(Malformed::HeaderCount);
    }
    for _ in 0..count {
        let name = read_field(data, position, Malformed::HeaderName, to_arena)?;
        if name.len < 0 {
            return Err(Malformed::HeaderName);
        }
        let value = read_field(data, position, Malformed::HeaderValue, to_arena)?;
        out.push_header_meta(HeaderMeta { name, value });
    }
    Ok(())
}

/// After the last record nothing may follow.
fn check_end(open: &Open, data: &[u8]) -> std::result::Result<(), Malformed> {
    if open.records == open.header.record_count && open.position != data.len() {
        return Err(Malformed::Trailing);
    }
    Ok(())
}

/// How far to copy ahead: no more than the records that will be taken are likely to need, so that small portions of a large batch stay cheap.
fn ahead_bytes(header: &BatchHeader, data_bytes: usize, records_room: usize, bytes_room: usize) -> usize {
    let record_bytes = data_bytes / header.record_count.max(1) as usize + 1;
    COPY_AHEAD_BYTES.min(record_bytes.saturating_mul(records_room)).min(bytes_room)
}
