//! How files are written and read, and what was done.

use std::str::FromStr;
use std::time::Duration;

use kafi_core::{ColumnType, Error, ErrorKind, Result, bytes_of, parse_size, setting_value};

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
    /// What says which columns there are, and their types, in formats that need to know before the first row.
    pub infer: Infer,
    /// What values are, where somebody knows: then nothing else says which columns there are. Default: nobody.
    pub schema: Option<ColumnType>,
}

impl ExportOptions {
    /// The defaults for this format.
    pub fn new(format: FileFormat) -> Self {
        let (columns, infer) = (Columns::default(), Infer::default());
        Self { format, array: false, columns, envelope: false, flatten: None, infer, schema: None }
    }
}

/// What says which columns there are, and their types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Infer {
    /// All messages, by the schemas of their values where they have some, and else by what stands in them. The first
    /// ones say it for those that fit; where a later one does not, the file is begun anew.
    #[default]
    Schemas,
    /// What stands in all messages, whatever their schemas say.
    All,
    /// The same in so many messages; a column that comes later is an error.
    First(u64),
}

/// When a file is full, and the next one begins: whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    /// After so many messages. Default: no limit.
    pub messages: Option<u64>,
    /// After so many bytes of keys and values, as they are in the topic. Default: no limit.
    pub bytes: Option<u64>,
    /// So long after its first message was read. Default: no limit.
    pub time: Option<Duration>,
}

/// ```
/// use kafi_files::Roll;
/// use std::time::Duration;
/// assert_eq!("100000".parse::<Roll>()?.messages, Some(100_000));
/// assert_eq!("64MB".parse::<Roll>()?.bytes, Some(64_000_000));
/// assert_eq!("10min".parse::<Roll>()?.time, Some(Duration::from_secs(600)));
/// # Ok::<(), kafi_core::Error>(())
/// ```
impl FromStr for Roll {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Ok(messages @ 1..) = text.parse() {
            return Ok(Self { messages: Some(messages), ..Self::default() });
        }
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim();
        if bytes_of(unit).is_some()
            && let Ok(bytes @ 1..) = parse_size(text)
        {
            return Ok(Self { bytes: Some(bytes), ..Self::default() });
        }
        let duration = text.strip_suffix("in").filter(|text| text.ends_with('m')).unwrap_or(text);
        let millis = setting_value("roll.ms", duration).ok().and_then(|millis| millis.parse().ok());
        match millis {
            Some(millis @ 1..) if !unit.is_empty() => {
                Ok(Self { time: Some(Duration::from_millis(millis)), ..Self::default() })
            }
            _ => {
                let why = "it is a number of messages, a size such as 100MB, or a time such as 10min";
                Err(Error::new(ErrorKind::Usage, "read roll", why).with("roll", text))
            }
        }
    }
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The messages, each a row.
    pub rows: u64,
    /// The bytes of the file.
    pub bytes: u64,
    /// The columns with numbers that became text, since the format has no type that holds all that stands there.
    pub texts: Vec<String>,
}

impl Exported {
    /// Of a format that holds everything as it is.
    pub(crate) fn new(rows: u64, bytes: u64) -> Self {
        Self { rows, bytes, texts: Vec::new() }
    }
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
    /// The columns that become headers of their names, as text, and leave the value. Default: none.
    pub header_columns: Vec<String>,
    /// The rows are envelopes, as an export with `envelope` writes them. Default: false.
    pub envelope: bool,
}

impl ImportOptions {
    /// The defaults for this format.
    pub fn new(format: FileFormat) -> Self {
        let (key_column, timestamp_column, partition_column) = (None, None, None);
        let header_columns = Vec::new();
        Self { format, key_column, timestamp_column, partition_column, header_columns, envelope: false }
    }

    /// Whether a row becomes the value as it is, and nothing else.
    pub(crate) fn takes_no_column(&self) -> bool {
        let columns = [&self.key_column, &self.timestamp_column, &self.partition_column];
        !self.envelope && self.header_columns.is_empty() && columns.iter().all(|column| column.is_none())
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
