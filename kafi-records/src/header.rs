//! The 61 bytes in front of a batch's records.

use kafi_core::{Result, TimestampType};

use crate::compression::Compression;
use crate::malformed::corrupt;

/// The bytes of base offset and length, which the length does not count.
pub(crate) const LOG_OVERHEAD: usize = 12;
pub(crate) const LENGTH_AT: usize = 8;
pub(crate) const LEADER_EPOCH_AT: usize = 12;
pub(crate) const MAGIC_AT: usize = 16;
pub(crate) const CRC_AT: usize = 17;
/// The checksum covers everything from here to the end.
pub(crate) const ATTRIBUTES_AT: usize = 21;
pub(crate) const LAST_OFFSET_DELTA_AT: usize = 23;
pub(crate) const BASE_TIMESTAMP_AT: usize = 27;
pub(crate) const MAX_TIMESTAMP_AT: usize = 35;
pub(crate) const PRODUCER_ID_AT: usize = 43;
pub(crate) const PRODUCER_EPOCH_AT: usize = 51;
pub(crate) const BASE_SEQUENCE_AT: usize = 53;
pub(crate) const RECORD_COUNT_AT: usize = 57;

pub(crate) const MAGIC: i8 = 2;
pub(crate) const COMPRESSION_BITS: i16 = 0x07;
pub(crate) const TIMESTAMP_TYPE_BIT: i16 = 0x08;
pub(crate) const TRANSACTIONAL_BIT: i16 = 0x10;
pub(crate) const CONTROL_BIT: i16 = 0x20;
pub(crate) const DELETE_HORIZON_BIT: i16 = 0x40;

/// The smallest record: length, attributes, two deltas, two lengths, and the number of headers, at one byte each.
pub(crate) const RECORD_BYTES_MIN: usize = 7;

/// The 61 bytes of a v2 batch header, decoded; nothing behind it is read.
///
/// The fields are those of Kafka's format, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset that the records' deltas count from: that of the first record when the batch was written.
    pub base_offset: i64,
    /// The bytes that follow this field.
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch; -1 for none. Not covered by the checksum.
    pub leader_epoch: i32,
    /// The version of the format: 2.
    pub magic: i8,
    /// The CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// The bits: compression (0 to 2), timestamp type (3), transactional (4), control (5), delete horizon (6).
    pub attributes: i16,
    /// The last offset when the batch was written, counted from the base offset; compaction does not change it.
    pub last_offset_delta: i32,
    /// What the records' timestamps count from, in milliseconds: the first timestamp, or the delete horizon.
    pub base_timestamp: i64,
    /// The largest timestamp in milliseconds; for append time, the timestamp of every record.
    pub max_timestamp: i64,
    /// The idempotent producer's id; -1 for none.
    pub producer_id: i64,
    /// The idempotent producer's epoch; -1 for none.
    pub producer_epoch: i16,
    /// The idempotent producer's number of the first record; -1 for none.
    pub base_sequence: i32,
    /// The number of records; 0 for a batch that compaction has emptied.
    pub record_count: i32,
}

impl BatchHeader {
    /// The bytes of a header.
    pub const LEN: usize = 61;

    /// Decodes the header at the start of `bytes`, without a look at the checksum or the records; `None` if there are
    /// fewer than [`LEN`](Self::LEN) bytes.
    ///
    /// # Errors
    /// `Corrupt` for a magic other than 2 and for lengths, counts, offsets, and attributes that no batch can have.
    pub fn parse(bytes: &[u8]) -> Result<Option<BatchHeader>> {
        let Some(bytes) = bytes.first_chunk::<{ Self::LEN }>() else { return Ok(None) };
        let header = Self::decode(bytes);
        header.check()?;
        Ok(Some(header))
    }

    /// The bytes of the whole batch, this header included.
    pub fn total_bytes(&self) -> usize {
        LOG_OVERHEAD + self.batch_length as usize
    }

    /// The offset of the last record when the batch was written.
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The offset that follows the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// `Corrupt` for a number that is no codec; a header from [`parse`](Self::parse) never has one.
    pub fn compression(&self) -> Result<Compression> {
        let id = self.attributes & COMPRESSION_BITS;
        Compression::from_id(id).ok_or_else(|| corrupt(self.base_offset, format!("its compression {id} is not known")))
    }

    /// Whose clock the records' timestamps come from.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & TIMESTAMP_TYPE_BIT == 0 { TimestampType::Create } else { TimestampType::Append }
    }

    /// Whether the records are markers of transactions, which no consumer sees.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// When compaction may drop the batch's tombstones and markers, in milliseconds since 1970-01-01T00:00Z, if it has
    /// set that.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON_BIT != 0).then_some(self.base_timestamp)
    }

    /// The header as bytes, as it stands.
    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..LENGTH_AT].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[LENGTH_AT..LEADER_EPOCH_AT].copy_from_slice(&self.batch_length.to_be_bytes());
        bytes[LEADER_EPOCH_AT..MAGIC_AT].copy_from_slice(&self.leader_epoch.to_be_bytes());
        bytes[MAGIC_AT..CRC_AT].copy_from_slice(&self.magic.to_be_bytes());
        bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&self.crc.to_be_bytes());
        bytes[ATTRIBUTES_AT..LAST_OFFSET_DELTA_AT].copy_from_slice(&self.attributes.to_be_bytes());
        bytes[LAST_OFFSET_DELTA_AT..BASE_TIMESTAMP_AT].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[BASE_TIMESTAMP_AT..MAX_TIMESTAMP_AT].copy_from_slice(&self.base_timestamp.to_be_bytes());
        bytes[MAX_TIMESTAMP_AT..PRODUCER_ID_AT].copy_from_slice(&self.max_timestamp.to_be_bytes());
        bytes[PRODUCER_ID_AT..PRODUCER_EPOCH_AT].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[PRODUCER_EPOCH_AT..BASE_SEQUENCE_AT].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[BASE_SEQUENCE_AT..RECORD_COUNT_AT].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[RECORD_COUNT_AT..].copy_from_slice(&self.record_count.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; Self::LEN]) -> Self {
        Self {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            batch_length: i32::from_be_bytes(field(bytes, LENGTH_AT)),
            leader_epoch: i32::from_be_bytes(field(bytes, LEADER_EPOCH_AT)),
            magic: i8::from_be_bytes(field(bytes, MAGIC_AT)),
            crc: u32::from_be_bytes(field(bytes, CRC_AT)),
            attributes: i16::from_be_bytes(field(bytes, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(field(bytes, LAST_OFFSET_DELTA_AT)),
            base_timestamp: i64::from_be_bytes(field(bytes, BASE_TIMESTAMP_AT)),
            max_timestamp: i64::from_be_bytes(field(bytes, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(bytes, PRODUCER_ID_AT)),
            producer_epoch: i16::from_be_bytes(field(bytes, PRODUCER_EPOCH_AT)),
            base_sequence: i32::from_be_bytes(field(bytes, BASE_SEQUENCE_AT)),
            record_count: i32::from_be_bytes(field(bytes, RECORD_COUNT_AT)),
        }
    }

    fn check(&self) -> Result<()> {
        let Self { base_offset, batch_length, magic, leader_epoch, last_offset_delta, record_count, .. } = *self;
        if magic != MAGIC {
            return Err(corrupt(
                base_offset,
                format!("its magic is {magic}, but only 2 (Kafka 0.11 and later) can be read"),
            ));
        }
        if base_offset < 0 || base_offset.checked_add(i64::from(last_offset_delta) + 1).is_none() {
            return Err(corrupt(base_offset, "its offsets lie outside of 0 to 2^63-1"));
        }
        if batch_length < (Self::LEN - LOG_OVERHEAD) as i32 {
            return Err(corrupt(base_offset, format!("its length is {batch_length}, less than that of its header")));
        }
        if leader_epoch < -1 {
            return Err(corrupt(base_offset, format!("its leader epoch is {leader_epoch}, less than -1")));
        }
        if last_offset_delta < 0 {
            return Err(corrupt(base_offset, format!("its last offset delta is {last_offset_delta}, less than 0")));
        }
        if record_count < 0 || i64::from(record_count) > i64::from(last_offset_delta) + 1 {
            return Err(corrupt(
                base_offset,
                format!("its record count is {record_count}, but its last offset delta is {last_offset_delta}"),
            ));
        }
        let records_bytes = self.total_bytes() - Self::LEN;
        if self.compression()? == Compression::None && record_count as usize > records_bytes / RECORD_BYTES_MIN {
            return Err(corrupt(
                base_offset,
                format!("its record count is {record_count}, too many for {records_bytes} bytes"),
            ));
        }
        Ok(())
    }
}

fn field<const N: usize>(bytes: &[u8; BatchHeader::LEN], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("the fields lie in the header")
}
