//! How files are written and read, and what was done.

use crate::columns::Columns;
use crate::format::FileFormat;

/// How a file is written.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The format.
    pub format: FileFormat,
    /// JSON as one array instead of lines. Default: false.
    pub array: bool,
    /// The columns. Default: the members of the value.
    pub columns: Columns,
    /// All of each message, so that [`file_to_topic`](crate::file_to_topic) makes the same topic of it; `columns` and
    /// `flatten` then count for nothing. Default: false.
    pub envelope: bool,
    /// Makes columns of objects in the value, with this between their names. Default: they stay objects, or JSON text
    /// where the format has none.
    pub flatten: Option<String>,
    /// How many messages say which columns there are, in formats that need to know before the first row; one that comes
    /// later is an error. Default: all of them, which are then read twice.
    pub infer: Option<u64>,
}

impl ExportOptions {
    /// The defaults for this format.
    pub fn new(format: FileFormat) -> Self {
        let (columns, flatten) = (Columns::default(), None);
        Self { format, array: false, columns, envelope: false, flatten, infer: None }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The messages, each a row.
    pub rows: u64,
    /// The bytes of the file.
    pub bytes: u64,
}

/// How rows become messages.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The format. Compression is seen by the bytes.
    pub format: FileFormat,
    /// The column that becomes the key, as text; it stays in the value. Default: no key.
    pub key_column: Option<String>,
    /// The column that becomes the timestamp, and leaves the value: epoch milliseconds, or a date and time. Default:
    /// the current time.
    pub timestamp_column: Option<String>,
    /// The column that becomes the partition, and leaves the value. Default: the key decides.
    pub partition_column: Option<String>,
    /// The rows are envelopes, as an export with `envelope` writes them. Default: false.
    pub envelope: bool,
}

impl ImportOptions {
    /// The defaults for this format.
    pub fn new(format: FileFormat) -> Self {
        Self { format, key_column: None, timestamp_column: None, partition_column: None, envelope: false }
    }
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The rows.
    pub rows: u64,
    /// The messages that are delivered.
    pub written: u64,
}
