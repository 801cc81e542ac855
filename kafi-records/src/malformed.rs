//! What can be wrong with a record inside a batch whose checksum is right.

use kafi_core::{Error, ErrorKind};

/// Why a record cannot be read.
///
/// One byte, so that the results of the hot path fit into a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The batch ends where the record should start.
    Missing,
    /// The record ends inside of a field.
    End,
    /// A varint has more bits than its type.
    Varint,
    /// The record's length is negative or points outside of the batch.
    Length,
    /// The fields end before or behind the record's length.
    Fields,
    /// The offset is negative, not above the one before, or above the batch's last.
    Offset,
    /// The key's length is below -1 or points outside of the record.
    Key,
    /// The value's length is below -1 or points outside of the record.
    Value,
    /// The number of headers is negative or larger than the record can hold.
    HeaderCount,
    /// A header name's length is negative or points outside of the record.
    HeaderName,
    /// A header value's length is below -1 or points outside of the record.
    HeaderValue,
    /// Bytes follow the last record.
    Trailing,
}

impl Malformed {
    fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "the batch ends before it",
            Self::End => "it ends inside of a field",
            Self::Varint => "a varint has more bits than it may",
            Self::Length => "its length is negative or runs past the end of the batch",
            Self::Fields => "its fields do not fill its length",
            Self::Offset => "its offset is not above the one before, or above the batch's last",
            Self::Key => "its key's length is below -1 or runs past the end of the record",
            Self::Value => "its value's length is below -1 or runs past the end of the record",
            Self::HeaderCount => "its number of headers is negative or more than it can hold",
            Self::HeaderName => "a header name's length is negative or runs past the end of the record",
            Self::HeaderValue => "a header value's length is below -1 or runs past the end of the record",
            Self::Trailing => "bytes follow the batch's last record",
        }
    }

    /// The error that a user sees, for the record at `index` of the batch at `base_offset`.
    #[cold]
    pub fn into_error(self, base_offset: i64, index: i32) -> Error {
        corrupt(base_offset, self.as_str()).with("record", index)
    }
}

/// The error for the batch at `base_offset`.
#[cold]
pub fn corrupt(base_offset: i64, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, "read batch", message).with("base offset", base_offset)
}

/// The error for the batch at `base_offset` that takes more memory than it may.
#[cold]
pub fn too_large(base_offset: i64, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::TooLarge, "read batch", message).with("base offset", base_offset)
}
