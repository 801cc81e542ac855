//! The batch codec: stored bytes are records or one error, and records survive being written again.

use kafi_core::{Batch, ErrorKind, OwnedRecord};
use kafi_records::{BatchHeader, Compression, Decoder, Encoder, check_crc};

/// Where a stored batch has its length, its checksum, and what the checksum covers.
const LENGTH_AT: usize = 8;
const CRC_AT: usize = 17;
const COVERED_FROM: usize = 21;

/// Takes `data` for a stored batch: as it is, with magic and length made right, and after the checks that guard damaged
/// bytes.
pub fn run(data: &[u8]) {
    read_again(data);
    let Some(framed) = framed(data) else { return };
    read_again(&framed);
    let Some(sealed) = sealed(data) else { return };
    // The counts of its header may still contradict each other.
    if let Err(error) = check_crc(&sealed) {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    read_again(&sealed);
}

/// With magic and length made right; `None` for what is too short to be a batch.
fn framed(data: &[u8]) -> Option<Vec<u8>> {
    if data.len() < BatchHeader::LEN {
        return None;
    }
    let mut framed = data.to_vec();
    framed[16] = 2;
    let length = i32::try_from(framed.len() - LENGTH_AT - 4).unwrap();
    framed[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    Some(framed)
}

/// With magic, length and checksum made right.
pub fn sealed(data: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = framed(data)?;
    let crc = crc32c(&sealed[COVERED_FROM..]);
    sealed[CRC_AT..COVERED_FROM].copy_from_slice(&crc.to_be_bytes());
    Some(sealed)
}

/// Reads a stored batch; its records, written with every codec, are the same records.
fn read_again(stored: &[u8]) {
    let records = match read(stored) {
        Ok(records) => records,
        Err(error) => {
            assert!(
                matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::TooLarge),
                "{error:?}"
            );
            assert!(!error.to_string().contains('\n'), "{error}");
            return;
        }
    };
    if records.is_empty() || !records.is_sorted_by(|a, b| a.offset < b.offset) || records[0].offset < 0 {
        return;
    }
    for compression in Compression::ALL {
        let mut encoder = Encoder::new(compression);
        for record in &records {
            // Times or offsets that one batch cannot hold together, and append times that differ.
            if !encoder.push(record.as_record(), record.offset).unwrap_or(false) {
                return;
            }
        }
        let mut written = Vec::new();
        encoder.finish(&mut written).unwrap();
        assert_eq!(read(&written).unwrap(), records, "{compression}");
    }
}

/// The records of a stored batch from offset 0 on.
pub fn read(stored: &[u8]) -> kafi_core::Result<Vec<OwnedRecord>> {
    let mut decoder = Decoder::new();
    decoder.buffer().extend_from_slice(stored);
    decoder.open()?;
    let mut batch = Batch::with_limits(usize::MAX, 1 << 30);
    let topic = batch.topic_index("t");
    decoder.read(&mut batch, topic, 0, 0, i64::MAX)?;
    batch.validate().unwrap();
    Ok(batch.iter().map(|record| record.to_owned()).collect())
}

/// CRC-32C, bit by bit: it shares no code with what it seals for.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
