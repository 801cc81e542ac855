//! Checks and edits of whole encoded batches, without a look at their records.

use kafi_core::Result;

use crate::header::{
    ATTRIBUTES_AT, BASE_SEQUENCE_AT, BatchHeader, CRC_AT, LEADER_EPOCH_AT, LENGTH_AT, MAGIC_AT, PRODUCER_EPOCH_AT,
    PRODUCER_ID_AT,
};
use crate::header::{RECORD_COUNT_AT, TRANSACTIONAL_BIT};
use crate::malformed::corrupt;

/// Checks length and CRC-32C of `batch`, one whole batch with its header, and returns the header.
///
/// # Errors
/// `Corrupt` for an impossible header, for bytes that are more or less than the header says, and for a wrong checksum.
pub(crate) fn check_batch(batch: &[u8]) -> Result<BatchHeader> {
    let Some(header) = BatchHeader::parse(batch)? else {
        return Err(kafi_core::Error::new(
            kafi_core::ErrorKind::Corrupt,
            "read batch",
            format!("it ends after {} bytes, inside of its header of {}", batch.len(), BatchHeader::LEN),
        ));
    };
    if header.total_bytes() != batch.len() {
        return Err(corrupt(
            header.base_offset,
            format!("its header says {} bytes, but there are {}", header.total_bytes(), batch.len()),
        ));
    }
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    if crc != header.crc {
        return Err(corrupt(
            header.base_offset,
            format!("its checksum is {:#010x}, but its bytes give {crc:#010x}", header.crc),
        ));
    }
    Ok(header)
}

/// Checks length and CRC-32C of `batch`, one whole batch with its header.
///
/// # Errors
/// `Corrupt` for an impossible header, for bytes that are more or less than the header says, and for a wrong checksum;
/// it names the base offset and both checksums.
pub fn check_crc(batch: &[u8]) -> Result<()> {
    check_batch(batch).map(|_| ())
}

/// Sets the base offset, and so all offsets of the batch; the checksum does not cover it.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn set_base_offset(batch: &mut [u8], offset: i64) {
    batch[..LENGTH_AT].copy_from_slice(&offset.to_be_bytes());
}

/// Sets the leader epoch, -1 for none; the checksum does not cover it.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn set_leader_epoch(batch: &mut [u8], leader_epoch: i32) {
    batch[LEADER_EPOCH_AT..MAGIC_AT].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Sets the producer's id, epoch, and number of the first record, -1 each for none, and renews the checksum.
///
/// A batch whose checksum was wrong before has a wrong one afterwards: the checksum is moved along, not computed anew.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn set_producer(batch: &mut [u8], producer_id: i64, producer_epoch: i16, base_sequence: i32) {
    edit(batch, |header| {
        header[PRODUCER_ID_AT..PRODUCER_EPOCH_AT].copy_from_slice(&producer_id.to_be_bytes());
        header[PRODUCER_EPOCH_AT..BASE_SEQUENCE_AT].copy_from_slice(&producer_epoch.to_be_bytes());
        header[BASE_SEQUENCE_AT..RECORD_COUNT_AT].copy_from_slice(&base_sequence.to_be_bytes());
    });
}

/// Makes the batch one that no transaction and no idempotent producer wrote: the transactional bit is cleared, the
/// producer's id, epoch and number are -1, and the checksum is renewed.
///
/// A batch whose checksum was wrong before has a wrong one afterwards: the checksum is moved along, not computed anew.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn clear_transaction(batch: &mut [u8]) {
    edit(batch, |header| {
        // All attributes in use lie in the second byte.
        header[ATTRIBUTES_AT + 1] &= !(TRANSACTIONAL_BIT as u8);
        header[PRODUCER_ID_AT..RECORD_COUNT_AT].fill(0xff);
    });
}

/// Lets `change` edit the header behind the checksum, and moves the checksum along.
///
/// A CRC is linear: how it changes follows from the changed bytes and from how many follow, so the records are not
/// read, and damage that the old checksum would have shown is still shown by the new one.
fn edit(batch: &mut [u8], change: impl FnOnce(&mut [u8])) {
    let (header, records) = batch.split_at_mut(BatchHeader::LEN);
    let before = crc32c::crc32c(&header[ATTRIBUTES_AT..]);
    change(header);
    let after = crc32c::crc32c(&header[ATTRIBUTES_AT..]);
    let difference = crc32c::crc32c_combine(before ^ after, 0, records.len());
    let stored: &mut [u8; 4] = header[CRC_AT..].first_chunk_mut().expect("the header holds a checksum");
    *stored = (u32::from_be_bytes(*stored) ^ difference).to_be_bytes();
}
