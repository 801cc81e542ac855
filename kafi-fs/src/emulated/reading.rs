//! How stored batches are read: how large they may be, and what a reader does about what is not there.

use kafi_core::Error;
use kafi_records::Decoder;

/// What a batch may take in memory where nobody says otherwise, in bytes.
pub const BATCH_BYTES_MAX: usize = 256 << 20;

/// What a reader does about what is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leniency {
    /// Goes on at the log start where the next message was deleted.
    pub allow_gap: bool,
    /// Goes on behind damaged batches.
    pub skip_corrupt: bool,
}

/// A decoder for a consumer whose batches may take so many bytes.
pub fn decoder(batch_bytes_max: u64) -> Decoder {
    Decoder::new().with_bytes_max(usize::try_from(batch_bytes_max).unwrap_or(usize::MAX))
}

/// Says how a batch can be read that takes more memory than it may.
pub fn hint_at_batch_bytes(error: Error) -> Error {
    error.hint("raise consume.batch.bytes.max (--batch-bytes-max) if there is memory for it")
}

/// What to do about a start beyond the end, such as one that a group has committed.
pub fn hint_at_end(high: i64) -> String {
    format!("start at {high}, or allow the gap (--allow-gap); `kafi group reset` changes what a group has committed")
}
