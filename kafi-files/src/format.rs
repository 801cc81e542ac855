//! Which formats there are, and which one a name means.

use std::fmt;
use std::str::FromStr;

use kafi_core::{Error, ErrorKind, Result};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a line of names, by RFC 4180.
    Csv,
    /// The same with tabulators.
    Tsv,
    /// JSON: a row a line; read also as one array of rows.
    Json,
    /// XML, in the shape that pandas writes and reads: a row an element, and in it an element for each column.
    Xml,
    /// A workbook of Excel.
    Xlsx,
    /// Apache Parquet.
    Parquet,
    /// Feather version 2, which is a file of Arrow IPC.
    Feather,
    /// Apache ORC.
    Orc,
}

/// What is around a text format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Nothing.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// A format, and what is around it.
///
/// ```
/// use kafi_files::{Compression, FileFormat, Format};
/// let format = FileFormat::of_name("reports/orders.jsonl.zst")?;
/// assert_eq!(format, FileFormat { format: Format::Json, compression: Compression::Zstd });
/// assert_eq!("parquet".parse::<FileFormat>()?.format, Format::Parquet);
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFormat {
    /// The format.
    pub format: Format,
    /// What is around it.
    pub compression: Compression,
}

const NAMES: [(&str, Format); 11] = [
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("json", Format::Json),
    ("jsonl", Format::Json),
    ("ndjson", Format::Json),
    ("xml", Format::Xml),
    ("xlsx", Format::Xlsx),
    ("parquet", Format::Parquet),
    ("feather", Format::Feather),
    ("arrow", Format::Feather),
    ("orc", Format::Orc),
];

impl FileFormat {
    /// The format that the suffixes of a name mean: `csv tsv json jsonl ndjson xml xlsx parquet feather arrow orc`, with `.gz` or
    /// `.zst` behind those of text.
    ///
    /// # Errors
    /// `Usage` where they mean none.
    pub fn of_name(name: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        let (rest, compression) = match (lower.strip_suffix(".gz"), lower.strip_suffix(".zst")) {
            (Some(rest), _) => (rest, Compression::Gzip),
            (_, Some(rest)) => (rest, Compression::Zstd),
            _ => (lower.as_str(), Compression::None),
        };
        let suffix = rest.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        let known = NAMES.iter().find(|(known, _)| *known == suffix).map(|(_, format)| *format);
        let Some(format) = known else {
            let error = Error::new(ErrorKind::Usage, "find format", "the name says no format that is known");
            return Err(error.with("file", name).hint(
                "--format says which: csv, tsv, json, xml, xlsx, parquet, feather, orc; .gz or .zst behind those of text compresses",
            ));
        };
        let is_text = matches!(format, Format::Csv | Format::Tsv | Format::Json | Format::Xml);
        if compression != Compression::None && !is_text {
            let why = "this format compresses by itself, and is not compressed once more";
            return Err(Error::new(ErrorKind::Usage, "find format", why).with("file", name));
        }
        Ok(Self { format, compression })
    }
}

impl FromStr for FileFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::of_name(&format!(".{text}"))
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.format {
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Json => "json",
            Format::Xml => "xml",
            Format::Xlsx => "xlsx",
            Format::Parquet => "parquet",
            Format::Feather => "feather",
            Format::Orc => "orc",
        })?;
        f.write_str(match self.compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        })
    }
}

impl FileFormat {
    /// Refuses a format that was not compiled in.
    pub(crate) fn check(self) -> Result<()> {
        let is_there = match self.format {
            Format::Csv | Format::Tsv | Format::Json => true,
            Format::Xml => cfg!(feature = "xml"),
            Format::Xlsx => cfg!(feature = "xlsx"),
            Format::Parquet => cfg!(feature = "parquet"),
            Format::Feather => cfg!(feature = "feather"),
            Format::Orc => cfg!(feature = "orc"),
        };
        if is_there {
            return Ok(());
        }
        let feature = FileFormat { compression: Compression::None, ..self };
        let error = Error::new(ErrorKind::Unsupported, "find format", "this build lacks the format");
        Err(error.with("format", self).hint(format!("build with the feature {feature}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_say_the_format() {
        for (name, expected) in [
            ("a.csv", "csv"),
            ("a/b.TSV.gz", "tsv.gz"),
            ("x.json", "json"),
            ("x.y.jsonl.zst", "json.zst"),
            ("x.ndjson", "json"),
            ("x.xml.gz", "xml.gz"),
            ("x.XLSX", "xlsx"),
            ("x.parquet", "parquet"),
            ("x.arrow", "feather"),
            ("x.orc", "orc"),
        ] {
            assert_eq!(FileFormat::of_name(name).unwrap().to_string(), expected, "{name}");
        }
        for name in ["x", "csv", "x.doc", "x.gz", "x.parquet.gz", "x.xlsx.gz", ""] {
            assert_eq!(FileFormat::of_name(name).unwrap_err().kind(), ErrorKind::Usage, "{name}");
        }
        assert!("csv.gz".parse::<FileFormat>().is_ok() && "xls".parse::<FileFormat>().is_err());
    }
}
