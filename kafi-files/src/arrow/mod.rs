//! Formats on Arrow: rows go through JSON text into columns of the types that were found, and back.

#[cfg(feature = "orc")]
mod blocks;
#[cfg(any(feature = "parquet", feature = "orc"))]
mod chunks;
mod fits;
mod frame;
mod infer;
mod io;
#[cfg(feature = "orc")]
mod orc;
mod typed;
mod write;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use kafi_core::{ColumnType, Error, ErrorKind, FileWriter, Json, JsonKind, Result};

use crate::cell::Cell;
use crate::envelope::{ENVELOPE, write_envelope_cell};
use crate::format::Format;
use crate::infer::Kind;
use crate::input::FileInput;
use crate::options::{ExportOptions, Exported, ImportOptions, Infer};
use crate::row::Row;
use crate::rows::{RowWriter, envelopes_to, messages_to};
use crate::sink::RowSink;
use crate::source::{TopicSource, look_ahead, unexpected};
pub use frame::{DataFrame, df_to_topic, topic_to_df};
use infer::{Column, Columns};
use io::{ColumnReader, ColumnWriter};
use typed::{Said, Schemas};
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
        let columns = Found { columns: Columns::of_envelope(), are_all: false };
        let mut rows = Rows::new(columns, file, options.format.format)?;
        envelopes_to(source, &mut rows)?;
        return rows.finish();
    }
    let (mut found, again) = found(source, options)?;
    if options.format.format == Format::Orc {
        found.columns.keep_scalars();
    }
    let texts = found.columns.texts();
    let mut rows = Rows::new(found, file, options.format.format)?;
    messages_to(&again, options, &mut rows)?;
    Ok(Exported { texts, ..rows.finish()? })
}

/// The columns of messages.
struct Found {
    columns: Columns,
    /// Whether these very messages were looked at, so that nothing else can stand in them.
    are_all: bool,
}

/// The columns that messages have, and the source of the same messages.
fn found<'a>(source: &TopicSource<'a>, options: &ExportOptions) -> Result<(Found, TopicSource<'a>)> {
    let mut columns = Columns::default();
    let mut is_said = false;
    if let Some(schema) = &options.schema {
        typed::add(&Kind::of_type(schema), options, &mut columns);
        is_said = schema.is_open();
    }
    if options.schema.is_some() && !is_said {
        return Ok((Found { columns, are_all: false }, source.with(source.options.clone())));
    }
    options.columns.names().into_iter().flatten().for_each(|name| columns.add(&name, Kind::Null));
    let mut schemas = Schemas::of(source, options)?;
    let again = look_ahead(source, options, |row| {
        let said = match row {
            Row::Message(message) => schemas.add(message, options, &mut columns),
            Row::Object(_) => Said::Nothing,
        };
        if said == Said::All {
            return Ok(());
        }
        columns.rewind();
        row.each(options, &mut |name, cell| {
            if is_said || said == Said::Some {
                columns.add_said(name, cell)
            } else {
                columns.add(name, Kind::of(cell))
            }
            Ok(())
        })
    })?;
    // Functions may make something else the second time.
    let are_all = source.through.is_none() && !matches!(options.infer, Infer::First(_));
    Ok((Found { columns, are_all }, again))
}

/// Rows that become columns.
struct RowBuilder {
    columns: Columns,
    decoder: Decoder,
    schema: SchemaRef,
    /// Whether columns read JSON objects as they are: by the names of the members that they take.
    takes_objects: bool,
    line: Vec<u8>,
    text: Vec<u8>,
    /// What is gathered for the next columns.
    rows: usize,
    bytes: usize,
}

impl RowBuilder {
    fn new(found: Found) -> Result<Self> {
        let Found { mut columns, are_all } = found;
        columns.settle(are_all);
        let takes_objects = are_all && columns.iter().all(Column::is_read_as_it_is);
        let schema: SchemaRef = Arc::new(Schema::new(columns.fields()));
        let builder = ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(ROWS + 1).with_coerce_primitive(true);
        let decoder = builder.build_decoder().map_err(|error| failed("write rows", &error))?;
        let (line, text) = (Vec::new(), Vec::new());
        Ok(Self { columns, decoder, schema, takes_objects, line, text, rows: 0, bytes: 0 })
    }

    fn decode(&mut self, row: &[u8]) -> Result<()> {
        let read = self.decoder.decode(row).map_err(|error| failed("write row", &error))?;
        debug_assert_eq!(read, row.len(), "a decoder takes as many rows as a batch has");
        self.bytes += row.len();
        self.rows += 1;
        Ok(())
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
        let Some(Column { kind, is_text, is_rewritten, is_checked, .. }) = self.columns.get(name) else {
            return Err(unexpected(name));
        };
        if *is_checked && let Some(why) = kind.misfit(cell) {
            return Err(Error::new(ErrorKind::Corrupt, "write row", why).with("column", name));
        }
        self.line.push(if self.line.is_empty() { b'{' } else { b',' });
        Cell::Str(name).write_json(&mut self.line);
        self.line.push(b':');
        match (*is_rewritten, cell) {
            (true, Cell::Json(json)) => {
                kind.write(json, &mut self.line);
                return Ok(());
            }
            (true, Cell::Raw(text)) => {
                kind.write(&Json::from_valid(text), &mut self.line);
                return Ok(());
            }
            _ => {}
        }
        // Most strings are JSON already.
        if *is_text && !matches!(cell, Cell::Raw(text) if text.starts_with('"') && !text.contains('\\')) {
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
        let line = std::mem::take(&mut self.line);
        let decoded = self.decode(&line);
        self.line = line;
        self.line.clear();
        self.columns.rewind();
        decoded
    }

    fn abandon(&mut self) {
        self.line.clear();
        self.columns.rewind();
    }

    fn object(&mut self, text: &str) -> Result<bool> {
        if self.takes_objects { self.decode(text.as_bytes()).map(|()| true) } else { Ok(false) }
    }
}

/// Rows that become columns of a file.
struct Rows<'f> {
    builder: RowBuilder,
    writer: ColumnWriter<'f>,
    count: u64,
}

impl<'f> Rows<'f> {
    fn new(found: Found, file: &'f mut dyn FileWriter, format: Format) -> Result<Self> {
        let builder = RowBuilder::new(found)?;
        let writer = ColumnWriter::open(file, &builder.schema, format)?;
        Ok(Self { builder, writer, count: 0 })
    }

    fn flush(&mut self) -> Result<()> {
        self.builder.take()?.map_or(Ok(()), |columns| self.writer.write(&columns))
    }

    /// Counts a row.
    fn count(&mut self) -> Result<()> {
        self.count += 1;
        if self.builder.is_full() { self.flush() } else { Ok(()) }
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
        self.count()
    }

    fn abandon(&mut self) {
        self.builder.abandon();
    }

    fn object(&mut self, text: &str) -> Result<bool> {
        if !self.builder.object(text)? {
            return Ok(false);
        }
        self.count().map(|()| true)
    }
}

/// What the values are that rows become, by the types of a file's columns; `None` where what stands in them says it.
pub(crate) fn column_type_of_file(input: &mut FileInput, options: &ImportOptions) -> Result<Option<ColumnType>> {
    if !matches!(options.format.format, Format::Parquet | Format::Feather | Format::Orc) {
        return Ok(None);
    }
    let columns = ColumnReader::open(input.take_file(options.format)?, options.format.format)?;
    let schema = columns.schema();
    let members = schema.fields().iter().map(|field| (field.name().clone(), infer::column_type(field.data_type())));
    Ok(Some(ColumnType::Struct(members.collect())))
}

pub(crate) fn file_to_topic(input: &mut FileInput, options: &ImportOptions, sink: &mut dyn RowSink) -> Result<()> {
    let columns = ColumnReader::open(input.take_file(options.format)?, options.format.format)?;
    columns_to(columns, options, sink)
}

/// Takes the rows of columns.
fn columns_to(
    columns: impl Iterator<Item = Result<RecordBatch>>,
    options: &ImportOptions,
    sink: &mut dyn RowSink,
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
        let line = text.lines().next().unwrap_or_default();
        // Whose error it was says nothing of what is wrong.
        let why = ["Parquet argument error: ", "Parser error: ", "Json error: ", "Parquet error: "];
        Error::new(ErrorKind::Corrupt, operation, why.iter().fold(line, |line, of| line.trim_start_matches(of)))
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
