//! Messages to stored batches.

use kafi_core::{Error, ErrorKind, NO_TIMESTAMP, Record, Result, TimestampType};

use crate::KEEP_BYTES_MAX;
use crate::compression::{Compression, Compressor};
use crate::header::{ATTRIBUTES_AT, BatchHeader, CRC_AT, LOG_OVERHEAD, MAGIC, TIMESTAMP_TYPE_BIT};
use crate::varint::{varint_bytes, write_varint};

/// The most that the records of a batch take before compression, in bytes: what no codec makes longer than a batch can
/// be.
const RECORDS_BYTES_MAX: usize = 1 << 30;

/// The most that a length takes.
const VARINT_BYTES_MAX: usize = 5;

/// Encodes one batch after another.
///
/// Records are pushed in the order of their offsets and encoded at once into the encoder's own buffer, which is used
/// again for the next batch: nothing is allocated per record.
pub struct Encoder {
    compression: Compression,
    compressor: Compressor,
    /// Room for the header, and the records.
    plain: Vec<u8>,
    records: u32,
    base_offset: i64,
    last_offset: i64,
    base_timestamp: i64,
    max_timestamp: i64,
    timestamp_type: TimestampType,
}

impl Encoder {
    /// An empty encoder.
    pub fn new(compression: Compression) -> Self {
        Self {
            compression,
            compressor: Compressor::default(),
            plain: Vec::new(),
            records: 0,
            base_offset: 0,
            last_offset: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            timestamp_type: TimestampType::Create,
        }
    }

    /// Changes how batches are compressed, from the one on that is finished next.
    pub fn set_compression(&mut self, compression: Compression) {
        self.compression = compression;
    }

    /// How the next batch is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Whether no record was pushed since the last batch.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The records pushed so far.
    pub fn records(&self) -> u32 {
        self.records
    }

    /// The bytes of the batch so far, header included, before compression; 0 without records.
    pub fn bytes(&self) -> usize {
        self.plain.len()
    }

    /// Adds `record` at `offset`, which counts instead of the record's own; topic and partition are not part of a
    /// batch. A timestamp of -1 is written as it is.
    ///
    /// `Ok(false)`: the record is fine, but not in this batch; finish it and push the record again. That is so for
    /// another timestamp type, for another timestamp of type append, for an offset more than 2^31-1 above the first,
    /// and beyond 2^31-1 records or 1 GiB.
    ///
    /// # Errors
    /// `TooLarge` for a record of more than 1 GiB, which no batch can hold; `Usage` for an offset that is negative or
    /// not above the one before. The encoder stays as it was.
    pub fn push(&mut self, record: Record<'_>, offset: i64) -> Result<bool> {
        if offset < 0 || self.records > 0 && offset <= self.last_offset {
            return Err(self.bad_offset(offset));
        }
        let (base_offset, base_timestamp) =
            if self.records == 0 { (offset, record.timestamp) } else { (self.base_offset, self.base_timestamp) };
        let offset_delta = offset - base_offset;
        let timestamp_delta = record.timestamp.wrapping_sub(base_timestamp);
        let body_bytes = body_bytes(&record, offset_delta, timestamp_delta);
        if body_bytes > RECORDS_BYTES_MAX - VARINT_BYTES_MAX {
            return Err(too_large(&record, body_bytes));
        }
        if self.records > 0 && !self.has_room(&record, offset_delta, body_bytes) {
            return Ok(false);
        }
        if self.records == 0 {
            self.plain.resize(BatchHeader::LEN, 0);
            self.base_offset = offset;
            self.base_timestamp = record.timestamp;
            self.max_timestamp = record.timestamp;
            self.timestamp_type = record.timestamp_type;
        }
        self.write(&record, offset_delta, timestamp_delta, body_bytes);
        self.records += 1;
        self.last_offset = offset;
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        Ok(true)
    }

    /// Compresses the records and writes the batch at the end of `out`, then empties the encoder. The base offset is
    /// that of the first record, the leader epoch 0, and the producer's fields are -1. Returns the header that was
    /// written.
    ///
    /// Without compression and with an empty `out`, the two exchange their buffers and nothing is copied.
    ///
    /// # Errors
    /// `Usage` without records; `Unexpected` if a codec fails, which leaves encoder and `out` as they were.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<BatchHeader> {
        if self.records == 0 {
            return Err(Error::new(ErrorKind::Usage, "encode batch", "it has no records"));
        }
        let start = out.len();
        if self.compression == Compression::None && start == 0 {
            std::mem::swap(out, &mut self.plain);
        } else {
            out.extend_from_slice(&[0; BatchHeader::LEN]);
            if let Err(error) = self.compressor.append(self.compression, &self.plain[BatchHeader::LEN..], out) {
                out.truncate(start);
                return Err(error);
            }
        }
        let header = self.write_header(&mut out[start..]);
        self.clear();
        Ok(header)
    }

    /// Forgets all records.
    pub fn clear(&mut self) {
        self.records = 0;
        self.plain.clear();
        self.plain.shrink_to(KEEP_BYTES_MAX);
    }

    /// Gives back the memory that an empty encoder keeps for the next batch, if that is more than `bytes`; does nothing
    /// while it holds records.
    pub fn give_back_above(&mut self, bytes: usize) {
        if self.records == 0 && self.plain.capacity() > bytes {
            self.plain = Vec::new();
        }
    }

    fn has_room(&self, record: &Record<'_>, offset_delta: i64, body_bytes: usize) -> bool {
        let same_clock = record.timestamp_type == self.timestamp_type
            && (self.timestamp_type == TimestampType::Create || record.timestamp == self.base_timestamp);
        let bytes = self.plain.len() - BatchHeader::LEN + body_bytes + VARINT_BYTES_MAX;
        same_clock
            && offset_delta <= i64::from(i32::MAX)
            && self.records < i32::MAX as u32
            && bytes <= RECORDS_BYTES_MAX
    }

    #[inline(always)]
    fn write(&mut self, record: &Record<'_>, offset_delta: i64, timestamp_delta: i64, body_bytes: usize) {
        let out = &mut self.plain;
        out.reserve(body_bytes + VARINT_BYTES_MAX);
        write_varint(out, body_bytes as i64);
        // The attributes of a record: none are in use.
        out.push(0);
        write_varint(out, timestamp_delta);
        write_varint(out, offset_delta);
        write_bytes(out, record.key);
        write_bytes(out, record.value);
        write_varint(out, record.headers.len() as i64);
        for header in record.headers.iter() {
            write_bytes(out, Some(header.name));
            write_bytes(out, header.value);
        }
    }

    fn write_header(&self, batch: &mut [u8]) -> BatchHeader {
        let append_bit = if self.timestamp_type == TimestampType::Append { TIMESTAMP_TYPE_BIT } else { 0 };
        let mut header = BatchHeader {
            base_offset: self.base_offset,
            batch_length: i32::try_from(batch.len() - LOG_OVERHEAD).expect("no codec makes 1 GiB longer than 2 GiB"),
            leader_epoch: 0,
            magic: MAGIC,
            crc: 0,
            attributes: self.compression as i16 | append_bit,
            last_offset_delta: i32::try_from(self.last_offset - self.base_offset).expect("push checks the delta"),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: i32::try_from(self.records).expect("push checks the count"),
        };
        batch[..BatchHeader::LEN].copy_from_slice(&header.encode());
        header.crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
        batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&header.crc.to_be_bytes());
        header
    }

    #[cold]
    fn bad_offset(&self, offset: i64) -> Error {
        let message = match self.records {
            0 => "an offset cannot be negative".to_string(),
            _ => format!("it is not above the one before, {}", self.last_offset),
        };
        Error::new(ErrorKind::Usage, "encode batch", message).with("offset", offset)
    }
}

/// The bytes of a record behind its length.
#[inline(always)]
fn body_bytes(record: &Record<'_>, offset_delta: i64, timestamp_delta: i64) -> usize {
    let mut bytes = 1
        + varint_bytes(timestamp_delta)
        + varint_bytes(offset_delta)
        + field_bytes(record.key)
        + field_bytes(record.value);
    bytes += varint_bytes(record.headers.len() as i64);
    for header in record.headers.iter() {
        bytes += field_bytes(Some(header.name)) + field_bytes(header.value);
    }
    bytes
}

#[inline(always)]
fn field_bytes(field: Option<&[u8]>) -> usize {
    match field {
        Some(bytes) => varint_bytes(bytes.len() as i64) + bytes.len(),
        None => 1,
    }
}

#[inline(always)]
fn write_bytes(out: &mut Vec<u8>, field: Option<&[u8]>) {
    let Some(bytes) = field else { return write_varint(out, -1) };
    write_varint(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

#[cold]
fn too_large(record: &Record<'_>, bytes: usize) -> Error {
    let message = format!("a message of {bytes} bytes is larger than a batch can be, {RECORDS_BYTES_MAX} bytes");
    Error::new(ErrorKind::TooLarge, "encode batch", message).with("topic", record.topic)
}
