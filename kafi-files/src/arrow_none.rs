//! Formats of Arrow, where none was compiled in.

use kafi_core::{Error, ErrorKind, FileWriter, Result};

use crate::format::FileFormat;
use crate::input::FileInput;
use crate::options::{ExportOptions, Exported, ImportOptions};
use crate::sink::Sink;
use crate::source::TopicSource;

pub(crate) fn topic_to_file(
    _source: &TopicSource<'_>,
    _file: &mut dyn FileWriter,
    options: &ExportOptions,
) -> Result<Exported> {
    Err(missing(options.format))
}

pub(crate) fn file_to_topic(_input: &mut FileInput, options: &ImportOptions, _sink: &mut Sink<'_>) -> Result<()> {
    Err(missing(options.format))
}

/// The error about a format that is not there.
fn missing(format: FileFormat) -> Error {
    let error = Error::new(ErrorKind::Unsupported, "find format", "this build lacks the format");
    error.with("format", format).hint(format!("build with the feature {format}"))
}
