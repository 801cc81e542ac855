//! Parquet, Feather, and ORC over Kafi's files.

use std::io;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use kafi_core::functional::caught;
use kafi_core::{Error, ErrorKind, FileReader, FileWriter, Result};

#[cfg(feature = "orc")]
use super::chunks::Chunks;
#[cfg(any(feature = "parquet", feature = "feather"))]
use super::failed;
#[cfg(feature = "feather")]
use super::feather::Feather;
#[cfg(feature = "orc")]
use super::orc;
#[cfg(feature = "parquet")]
use super::pages::of_parquet;
use crate::format::Format;
use crate::output::FileStream;

/// What is held of a row group at most, before it is written.
#[cfg(feature = "parquet")]
const GROUP_BYTES: usize = 64 << 20;

/// Columns on their way into a file.
pub(super) struct ColumnWriter<'f>(Writer<'f>);

enum Writer<'f> {
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::arrow::ArrowWriter<FileStream<'f>>>),
    #[cfg(feature = "feather")]
    Feather(Box<arrow_ipc::writer::FileWriter<FileStream<'f>>>),
    #[cfg(feature = "orc")]
    Orc(orc::Writer<'f>),
}

impl<'f> ColumnWriter<'f> {
    pub(super) fn open(file: &'f mut dyn FileWriter, schema: &SchemaRef, format: Format) -> Result<Self> {
        let bytes = FileStream::new(file);
        match format {
            #[cfg(feature = "feather")]
            Format::Feather => {
                let options = arrow_ipc::writer::IpcWriteOptions::default();
                let options = options.try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME));
                let writer = options
                    .and_then(|options| arrow_ipc::writer::FileWriter::try_new_with_options(bytes, schema, options));
                Ok(Self(Writer::Feather(Box::new(writer.map_err(|error| failed("write file", &error))?))))
            }
            #[cfg(feature = "orc")]
            Format::Orc => Ok(Self(Writer::Orc(orc::Writer::open(bytes, schema)?))),
            #[cfg(feature = "parquet")]
            _ => {
                let properties = parquet::file::properties::WriterProperties::builder();
                let properties = properties.set_compression(parquet::basic::Compression::SNAPPY).build();
                let writer = parquet::arrow::ArrowWriter::try_new(bytes, schema.clone(), Some(properties));
                Ok(Self(Writer::Parquet(Box::new(writer.map_err(of_parquet("write file"))?))))
            }
            #[cfg(not(feature = "parquet"))]
            _ => unreachable!("the formats of this build were checked"),
        }
    }

    pub(super) fn write(&mut self, columns: &RecordBatch) -> Result<()> {
        match &mut self.0 {
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => {
                writer.write(columns).map_err(of_parquet("write file"))?;
                if writer.in_progress_size() >= GROUP_BYTES {
                    writer.flush().map_err(of_parquet("write file"))?;
                }
                Ok(())
            }
            #[cfg(feature = "feather")]
            Writer::Feather(writer) => writer.write(columns).map_err(|error| failed("write file", &error)),
            #[cfg(feature = "orc")]
            Writer::Orc(writer) => writer.write(columns),
        }
    }

    /// Writes what is left, and gives the file its name. Returns its length in bytes.
    pub(super) fn finish(self) -> Result<u64> {
        let bytes = match self.0 {
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => writer.into_inner().map_err(of_parquet("write file"))?,
            #[cfg(feature = "feather")]
            Writer::Feather(mut writer) => {
                writer.finish().and_then(|()| writer.into_inner()).map_err(|error| failed("write file", &error))?
            }
            #[cfg(feature = "orc")]
            Writer::Orc(writer) => writer.finish()?,
        };
        bytes.finish()
    }
}

/// Columns of a file.
pub(super) struct ColumnReader(Reader);

enum Reader {
    #[cfg(feature = "parquet")]
    Parquet(parquet::arrow::arrow_reader::ParquetRecordBatchReader),
    #[cfg(feature = "feather")]
    Feather(Box<Feather>),
    #[cfg(feature = "orc")]
    Orc(Box<super::orc_times::Reader<orc::Guarded>>),
}

impl ColumnReader {
    pub(super) fn open(file: Box<dyn FileReader>, format: Format) -> Result<Self> {
        undamaged(|| Self::opened(file, format))
    }

    fn opened(file: Box<dyn FileReader>, format: Format) -> Result<Self> {
        match format {
            #[cfg(feature = "feather")]
            Format::Feather => Ok(Self(Reader::Feather(Box::new(Feather::open(file)?)))),
            #[cfg(feature = "orc")]
            Format::Orc => Ok(Self(Reader::Orc(Box::new(orc::open(Chunks::new(file))?)))),
            #[cfg(feature = "parquet")]
            _ => {
                let reader = super::pages::open(file)?;
                let reader = reader.with_batch_size(super::ROWS).build().map_err(of_parquet("read file"))?;
                Ok(Self(Reader::Parquet(reader)))
            }
            #[cfg(not(feature = "parquet"))]
            _ => unreachable!("the formats of this build were checked"),
        }
    }
}

impl ColumnReader {
    pub(super) fn schema(&self) -> SchemaRef {
        match &self.0 {
            #[cfg(feature = "parquet")]
            Reader::Parquet(reader) => arrow_array::RecordBatchReader::schema(reader),
            #[cfg(feature = "feather")]
            Reader::Feather(reader) => reader.schema(),
            #[cfg(feature = "orc")]
            Reader::Orc(reader) => reader.schema(),
        }
    }
}

impl Iterator for ColumnReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = undamaged(|| match &mut self.0 {
            #[cfg(feature = "parquet")]
            Reader::Parquet(reader) => reader.next().transpose().map_err(|error| failed("read file", &error)),
            #[cfg(feature = "feather")]
            Reader::Feather(reader) => reader.next(),
            #[cfg(feature = "orc")]
            Reader::Orc(reader) => reader.next().transpose(),
        });
        next.transpose()
    }
}

/// What reading gives. Arrow's readers trust the lengths that stand in a file, and panic where these are wrong; whoever
/// gets an error reads no further.
fn undamaged<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    caught("read file", read).map_err(|error| match error.kind() {
        ErrorKind::Unexpected => {
            let why = format!("it is damaged: {}", error.message().lines().next().unwrap_or_default());
            Error::new(ErrorKind::Corrupt, "read file", why)
        }
        _ => error,
    })
}

/// The error of the file itself, where Arrow hands on one.
pub(super) fn of_file(operation: &'static str, error: &ArrowError) -> Option<Error> {
    let source = match error {
        ArrowError::IoError(_, source) => source.get_ref()?,
        ArrowError::ExternalError(source) => source.as_ref(),
        _ => return None,
    };
    let own = source
        .downcast_ref::<Error>()
        .or_else(|| source.downcast_ref::<io::Error>().and_then(|source| source.get_ref()?.downcast_ref::<Error>()));
    own.map(Error::duplicate).map(|error| error.with("operation", operation))
}
