//! ORC, by the crate orc-rust. What its writer has no types for was made text before: decimals, and what is nested.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use kafi_core::{Error, ErrorKind, Result};
use orc_rust::compression::CompressionType;
use orc_rust::error::OrcError;
use orc_rust::reader::ChunkReader;
use orc_rust::{ArrowReaderBuilder, ArrowWriter, ArrowWriterBuilder};

use super::blocks::Blocks;
use super::chunks::{Chunk, Chunks};
use super::orc_times::Reader;
use super::write::with_fields;
use crate::output::{FileStream, of_stream};

/// What is held of a stripe, before it is written.
const STRIPE_BYTES: usize = 32 << 20;

/// Columns on their way into a file of ORC.
pub(super) struct Writer<'f> {
    writer: Box<ArrowWriter<Shared<'f>>>,
    fields: Fields,
    file: Shared<'f>,
}

/// The file, which orc-rust does not give back.
#[derive(Clone)]
struct Shared<'f>(Rc<RefCell<FileStream<'f>>>);

impl Write for Shared<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

impl<'f> Writer<'f> {
    pub(super) fn open(file: FileStream<'f>, schema: &SchemaRef) -> Result<Self> {
        let file = Shared(Rc::new(RefCell::new(file)));
        let fields: Fields = schema.fields().iter().map(in_utc).collect();
        let writer = ArrowWriterBuilder::new(file.clone(), Arc::new(Schema::new(fields.clone())))
            .with_stripe_byte_size(STRIPE_BYTES)
            .with_compression(CompressionType::Snappy);
        let writer = Box::new(writer.try_build().map_err(|error| failed("write file", error))?);
        Ok(Self { writer, fields, file })
    }

    pub(super) fn write(&mut self, columns: &RecordBatch) -> Result<()> {
        let columns = with_fields(columns, self.fields.clone()).map_err(|error| super::failed("write file", &error))?;
        self.writer.write(&columns).map_err(|error| failed("write file", error))
    }

    /// Writes what is left, and gives the file back.
    pub(super) fn finish(self) -> Result<FileStream<'f>> {
        self.writer.close().map_err(|error| failed("write file", error))?;
        Ok(Rc::into_inner(self.file.0).expect("the writer is gone").into_inner())
    }
}

/// The field with its times in UTC by that name, which is the only one that orc-rust takes.
fn in_utc(field: &Arc<Field>) -> Field {
    match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let data_type = DataType::Timestamp(*unit, Some("UTC".into()));
            field.as_ref().clone().with_data_type(data_type)
        }
        _ => field.as_ref().clone(),
    }
}

/// The columns of a file of ORC.
pub(super) fn open(file: Chunks) -> Result<Reader<Guarded>> {
    let (blocks, checked) = (Blocks::of(&file)?, Arc::new(OnceLock::new()));
    let file = Guarded { file, checked: Arc::clone(&checked) };
    let reader = ArrowReaderBuilder::try_new(file).map_err(|error| failed("read file", error))?;
    // What is read from here on are whole streams of blocks.
    let _ = checked.set(blocks);
    Ok(Reader::new(reader.with_batch_size(super::ROWS)))
}

/// A file whose blocks are checked before somebody unpacks them.
pub(super) struct Guarded {
    file: Chunks,
    checked: Arc<OnceLock<Blocks>>,
}

impl ChunkReader for Guarded {
    type T = io::BufReader<Chunk>;

    fn len(&self) -> u64 {
        self.file.bytes()
    }

    fn get_read(&self, start: u64) -> io::Result<Self::T> {
        Ok(self.file.read_from(start))
    }

    fn get_bytes(&self, start: u64, length: u64) -> io::Result<bytes::Bytes> {
        let bytes = self.file.bytes_at(start, length)?;
        match self.checked.get() {
            Some(blocks) => blocks.check(&bytes, u64::MAX).map_err(io::Error::other).map(|()| bytes),
            None => Ok(bytes),
        }
    }
}

fn failed(operation: &'static str, error: OrcError) -> Error {
    match error {
        OrcError::IoError { source, .. } if source.kind() != io::ErrorKind::UnexpectedEof => {
            of_stream(source).with("operation", operation)
        }
        error => Error::new(ErrorKind::Corrupt, operation, error.to_string().lines().next().unwrap_or_default()),
    }
}
