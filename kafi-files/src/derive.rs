//! What columns a file has, so that a schema can be made of them.

use kafi_core::{ColumnType, Error, Json, Result};

use crate::import::read_file;
use crate::infer::Kind;
use crate::input::FileInput;
use crate::options::ImportOptions;
use crate::sink::RowSink;

/// What the values are that rows of files become: of Parquet and Feather by the types of their columns, of others by
/// what stands in all rows. Columns that leave the value are not among them. Each file is looked at by
/// [`add`](Self::add), and can be imported once it is opened again.
///
/// ```
/// use kafi_core::{Cancel, ColumnType};
/// use kafi_files::{FileColumns, FileInput, ImportOptions};
/// # fn columns(file: Box<dyn kafi_core::FileReader>) -> kafi_core::Result<ColumnType> {
/// let mut columns = FileColumns::default();
/// columns.add(&mut FileInput::File(file), &ImportOptions::new("csv".parse()?), &Cancel::new())?;
/// Ok(columns.column_type())
/// # }
/// ```
pub struct FileColumns(Kind);

impl Default for FileColumns {
    fn default() -> Self {
        Self(Kind::Null)
    }
}

impl FileColumns {
    /// Looks at a file. Memory is constant. What is no row is left for the import to tell.
    ///
    /// # Errors
    /// `Corrupt` for a damaged file; `Unsupported` for a format that was not compiled in.
    pub fn add(&mut self, input: &mut FileInput, options: &ImportOptions, cancel: &kafi_core::Cancel) -> Result<()> {
        options.format.check()?;
        #[cfg(feature = "arrow")]
        if let Some(type_) = crate::arrow::column_type_of_file(input, options)? {
            self.take(Kind::of_type(&type_), options);
            return Ok(());
        }
        let mut look = Look { kind: Kind::Null, cancel };
        read_file(input, options, &mut look)?;
        let kind = look.kind;
        self.take(kind, options);
        Ok(())
    }

    /// What all of them are.
    pub fn column_type(&self) -> ColumnType {
        self.0.column_type()
    }

    fn take(&mut self, mut kind: Kind, options: &ImportOptions) {
        if let Kind::Struct(members) = &mut kind {
            let leaving = [&options.timestamp_column, &options.partition_column];
            members.retain(|(name, _)| {
                !leaving.iter().any(|column| column.as_ref() == Some(name)) && !options.header_columns.contains(name)
            });
        }
        self.0 = std::mem::replace(&mut self.0, Kind::Null).with(kind);
    }
}

/// Looks at rows.
struct Look<'a> {
    kind: Kind,
    cancel: &'a kafi_core::Cancel,
}

impl RowSink for Look<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn push(&mut self, row: &[u8]) -> Result<()> {
        if let Some(json) = std::str::from_utf8(row).ok().and_then(|text| Json::parse(text).ok()) {
            self.kind = std::mem::replace(&mut self.kind, Kind::Null).with(Kind::of_json(&json));
        }
        Ok(())
    }

    fn fail(&mut self, _row: &[u8], _error: Error) -> Result<()> {
        Ok(())
    }
}
