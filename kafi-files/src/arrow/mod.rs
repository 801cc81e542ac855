//! Formats on Arrow: rows go through JSON text into columns of the types that were found, and back.

mod frame;
mod infer;
mod io;
mod typed;
mod write;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use kafi_core::{Error, ErrorKind, FileWriter, Json, JsonKind, Result};

use crate::cell::Cell;
use crate::envelope::{ENVELOPE, write_envelope_cell};
use crate::format::Format;
use crate::input::FileInput;
use crate::options::{ExportOptions, Exported, ImportOptions};
use crate::rows::{RowWriter, envelopes_to, messages_to};
use crate::sink::Sink;
use crate::source::{TopicSource, look_ahead, unexpected};
pub use frame::{DataFrame, df_to_topic, topic_to_df};
use infer::{Column, Columns, Kind};
use io::{ColumnReader, ColumnWriter};
use typed::Schemas;
pub(crate) use write::write_lines;

/// So many rows become columns at once, or so many bytes of JSON.
const ROWS: usize = 8 << 10;
const BYTES: usize = 8 << 20;

pub(crate) fn topic_to_file(
    source: &TopicSource<'_>,
    file: &mut dyn FileWriter,
    options: &ExportOptions,
) -> Result<Exported> {
    if options.envelope {
        let mut rows = Rows::new(Columns::of_envelope(), file, options.format.format)?;
        envelopes_to(source, &mut rows)?;
        return rows.finish();
    }
    let (columns, again) = found(source, options)?;
    let texts = columns.texts();
    let mut rows = Rows::new(columns, file, options.format.format)?;
    messages_to(&again, options, &mut rows)?;
    Ok(Exported { texts, ..rows.finish()? })
}

/// The columns that messages have, and the source of the same messages.
fn found<'a>(source: &TopicSource<'a>, options: &ExportOptions) -> Result<(Columns, TopicSource<'a>)> {
    let mut columns = Columns::default();
    if let Some(schema) = &options.schema {
        typed::add(&Kind::of_type(schema), options, &mut columns);
        return Ok((columns, source.with(source.options.clone())));
    }
    options.columns.names().into_iter().flatten().for_each(|name| columns.add(&name, Kind::Null));
    let mut schemas = Schemas::of(source, options)?;
    let again = look_ahead(source, options, |message| {
        if schemas.add(message, options, &mut columns) {
            return Ok(());
        }
        options.columns.each(message, options.flatten.as_deref(), &mut |name, cell| {
            columns.add(name, Kind::of(cell));
            Ok(())
        })
    })?;
    Ok((columns, again))
}

/// Rows that become columns.
struct RowBuilder {
    columns: Columns,
    decoder: Decoder,
    schema: SchemaRef,
    line: Vec<u8>,
    text: Vec<u8>,
    /// What is gathered for the next columns.
    rows: usize,
    bytes: usize,
}

impl RowBuilder {
    fn new(mut columns: Columns) -> Result<Self> {
        columns.settle();
        let schema: SchemaRef = Arc::new(Schema::new(columns.fields()));
        let builder = ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(ROWS + 1).with_coerce_primitive(true);
        let decoder = builder.build_decoder().map_err(|error| failed("write rows", &error))?;
        Ok(Self { columns, decoder, schema, line: Vec::new(), text: Vec::new(), rows: 0, bytes: 0 })
    }

    /// Whether it is time to take the columns.
    fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    /// The columns of the rows so far; `None` where there are none.
    fn take(&mut self) -> Result<Option<RecordBatch>> {
        (self.rows, self.bytes) = (0, 0);
        self.decoder.flush().map_err(|error| failed("write rows", &error))
    }
}

impl RowWriter for RowBuilder {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        let Some(Column { kind, is_text, has_bytes, .. }) = self.columns.get(name) else {
            return Err(unexpected(name));
        };
        self.line.push(if self.line.is_empty() { b'{' } else { b',' });
        Cell::Str(name).write_json(&mut self.line);
        self.line.push(b':');
        if let (true, Cell::Json(json)) = (*has_bytes, cell) {
            kind.write(json, &mut self.line);
            return Ok(());
        }
        if *is_text {
            self.text.clear();
            if !cell.write_text(&mut self.text) {
                self.line.extend_from_slice(b"null");
                return Ok(());
            }
            let text = std::str::from_utf8(&self.text).expect("texts of cells are UTF-8");
            Cell::Str(text).write_json(&mut self.line);
            return Ok(());
        }
        cell.write_json(&mut self.line);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.line.is_empty() {
            self.line.push(b'{');
        }
        self.line.extend_from_slice(b"}\n");
        let read = self.decoder.decode(&self.line).map_err(|error| failed("write row", &error))?;
        debug_assert_eq!(read, self.line.len(), "a decoder takes as many rows as a batch has");
        self.bytes += self.line.len();
        self.rows += 1;
        self.line.clear();
        Ok(())
    }
}

/// Rows that become columns of a file.
struct Rows<'f> {
    builder: RowBuilder,
    writer: ColumnWriter<'f>,
    count: u64,
}

impl<'f> Rows<'f> {
    fn new(columns: Columns, file: &'f mut dyn FileWriter, format: Format) -> Result<Self> {
        let builder = RowBuilder::new(columns)?;
        let writer = ColumnWriter::open(file, &builder.schema, format)?;
        Ok(Self { builder, writer, count: 0 })
    }

    fn flush(&mut self) -> Result<()> {
        self.builder.take()?.map_or(Ok(()), |columns| self.writer.write(&columns))
    }

    fn finish(mut self) -> Result<Exported> {
        self.flush()?;
        Ok(Exported::new(self.count, self.writer.finish()?))
    }
}

impl RowWriter for Rows<'_> {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        self.builder.cell(name, cell)
    }

    fn end(&mut self) -> Result<()> {
        self.builder.end()?;
        self.count += 1;
        if self.builder.is_full() { self.flush() } else { Ok(()) }
    }
}

pub(crate) fn file_to_topic(input: &mut FileInput, options: &ImportOptions, sink: &mut Sink<'_>) -> Result<()> {
    let columns = ColumnReader::open(input.take_file(options.format)?, options.format.format)?;
    columns_to(columns, options, sink)
}

/// Takes the rows of columns.
fn columns_to(
    columns: impl Iterator<Item = Result<RecordBatch>>,
    options: &ImportOptions,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let (mut row, mut lines) = (Vec::new(), Vec::new());
    for columns in columns {
        let columns = columns?;
        // Of few rows, since columns may hold much, and their text more.
        for start in (0..columns.num_rows()).step_by(ROWS) {
            if sink.is_cancelled() {
                return Ok(());
            }
            lines.clear();
            write_lines(&columns.slice(start, ROWS.min(columns.num_rows() - start)), &mut lines)?;
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                if options.envelope {
                    envelope_of(line, &mut row)?;
                    sink.push(&row)?;
                } else {
                    sink.push(line)?;
                }
            }
        }
    }
    Ok(())
}

/// Makes an envelope of a row of an envelope's columns: what is null is missing.
fn envelope_of(line: &[u8], row: &mut Vec<u8>) -> Result<()> {
    let text = std::str::from_utf8(line).map_err(|_| Error::new(ErrorKind::Corrupt, "read row", "it is not UTF-8"))?;
    let json = Json::parse(text)?;
    row.clear();
    row.push(b'{');
    for (name, member) in json.members().filter(|(_, member)| !member.is_null()) {
        if row.len() > 1 {
            row.push(b',');
        }
        Cell::Str(name).write_json(row);
        row.push(b':');
        match (member.kind(), member.str()) {
            (JsonKind::Str, Ok(text)) => write_envelope_cell(name, text, row),
            _ => row.extend_from_slice(member.text().trim().as_bytes()),
        }
    }
    row.push(b'}');
    Ok(())
}

/// An error of Arrow's, as one line.
fn failed(operation: &'static str, error: &ArrowError) -> Error {
    io::of_file(operation, error).unwrap_or_else(|| {
        let text = error.to_string();
        Error::new(ErrorKind::Corrupt, operation, text.lines().next().unwrap_or_default())
    })
}

/// The columns of an envelope.
impl Columns {
    fn of_envelope() -> Self {
        let mut columns = Self::default();
        for name in ENVELOPE {
            let is_number = matches!(name, "partition" | "offset" | "timestamp" | "key_schema_id" | "value_schema_id");
            columns.add(name, if is_number { Kind::int64() } else { Kind::Text });
        }
        columns
    }

    fn fields(&self) -> Vec<Field> {
        self.iter()
            .map(|column| Field::new(&column.name, column.kind.data_type().unwrap_or(DataType::Utf8), true))
            .collect()
    }
}
