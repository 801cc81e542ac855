//! Formats on Arrow: rows go through JSON text into columns of the types that were found, and back.

mod infer;
mod io;

use std::sync::Arc;

use arrow_array::{RecordBatch, make_array};
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use kafi_core::{Error, ErrorKind, FileWriter, Json, JsonKind, Message, Result};

use crate::cell::Cell;
use crate::envelope::{ENVELOPE, envelope_cells, write_envelope_cell};
use crate::format::{FileFormat, Format};
use crate::input::FileInput;
use crate::options::{ExportOptions, Exported, ImportOptions};
use crate::sink::Sink;
use crate::source::{TopicSource, each_envelope, each_message, look_ahead, unexpected};
use infer::{Column, Columns, Kind};
use io::{ColumnReader, ColumnWriter};

/// So many rows become columns at once, or so many bytes of JSON.
const ROWS: usize = 8 << 10;
const BYTES: usize = 8 << 20;

pub(crate) fn topic_to_file(
    source: &TopicSource<'_>,
    file: &mut dyn FileWriter,
    options: &ExportOptions,
) -> Result<Exported> {
    check(options.format)?;
    if options.envelope {
        let mut rows = Rows::new(Columns::of_envelope(), file, options.format.format)?;
        each_envelope(source, |line| {
            envelope_cells(line, &mut |name, cell| rows.cell(name, cell))?;
            rows.end()
        })?;
        return rows.finish();
    }
    let mut columns = Columns::default();
    options.columns.names().into_iter().flatten().for_each(|name| columns.add(&name, Kind::Null));
    let again = look_ahead(source, options, |name, cell| columns.add(name, Kind::of(cell)))?;
    let mut rows = Rows::new(columns, file, options.format.format)?;
    if let Some(source) = again {
        each_message(&source, |message: &Message| {
            options.columns.each(message, options.flatten.as_deref(), &mut |name, cell| rows.cell(name, cell))?;
            rows.end()
        })?;
    }
    rows.finish()
}

/// Rows that become columns.
struct Rows<'f> {
    columns: Columns,
    decoder: Decoder,
    writer: ColumnWriter<'f>,
    line: Vec<u8>,
    text: Vec<u8>,
    /// What is gathered for the next columns.
    rows: usize,
    bytes: usize,
    count: u64,
}

impl<'f> Rows<'f> {
    fn new(columns: Columns, file: &'f mut dyn FileWriter, format: Format) -> Result<Self> {
        let schema: SchemaRef = Arc::new(Schema::new(columns.fields()));
        let decoder = decoder(&schema)?;
        let writer = ColumnWriter::open(file, &schema, format)?;
        let (line, text) = (Vec::new(), Vec::new());
        Ok(Self { columns, decoder, writer, line, text, rows: 0, bytes: 0, count: 0 })
    }

    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        let Some(Column { kind, .. }) = self.columns.get(name) else { return Err(unexpected(name)) };
        self.line.push(if self.line.is_empty() { b'{' } else { b',' });
        Cell::Str(name).write_json(&mut self.line);
        self.line.push(b':');
        if kind.is_text() {
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
        (self.rows, self.count) = (self.rows + 1, self.count + 1);
        self.line.clear();
        if self.rows == ROWS || self.bytes >= BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        (self.rows, self.bytes) = (0, 0);
        let columns = self.decoder.flush().map_err(|error| failed("write rows", &error))?;
        columns.map_or(Ok(()), |columns| self.writer.write(&columns))
    }

    fn finish(mut self) -> Result<Exported> {
        self.flush()?;
        Ok(Exported { rows: self.count, bytes: self.writer.finish()? })
    }
}

fn decoder(schema: &SchemaRef) -> Result<Decoder> {
    let builder = ReaderBuilder::new(Arc::clone(schema)).with_batch_size(ROWS + 1).with_coerce_primitive(true);
    builder.build_decoder().map_err(|error| failed("write rows", &error))
}

pub(crate) fn file_to_topic(input: &mut FileInput, options: &ImportOptions, sink: &mut Sink<'_>) -> Result<()> {
    check(options.format)?;
    let FileInput::File(file) = std::mem::replace(input, FileInput::Stream(Box::new(std::io::empty()))) else {
        let why = "this format is read from its end, which a pipe does not have";
        let error = Error::new(ErrorKind::Usage, "read file", why).with("format", options.format);
        return Err(error.hint("save it to a file first"));
    };
    let mut row = Vec::new();
    for columns in ColumnReader::open(file, options.format.format)? {
        let columns = columns?;
        if sink.is_cancelled() {
            return Ok(());
        }
        let mut lines = Vec::new();
        write_lines(&in_utc(columns)?, &mut lines)?;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if options.envelope {
                envelope_of(line, &mut row)?;
                sink.push(&row)?;
            } else {
                sink.push(line)?;
            }
        }
    }
    Ok(())
}

/// The same with timestamps whose zone has a name, such as those of pandas, in UTC: instants are stored in UTC, and
/// names of zones are not known here.
fn in_utc(columns: RecordBatch) -> Result<RecordBatch> {
    let schema = columns.schema();
    let has_name = |field: &Field| match field.data_type() {
        DataType::Timestamp(_, Some(zone)) => !zone.starts_with(['+', '-']),
        _ => false,
    };
    if !schema.fields().iter().any(|field| has_name(field)) {
        return Ok(columns);
    }
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (field, array) in schema.fields().iter().zip(columns.columns()) {
        let DataType::Timestamp(unit, Some(_)) = field.data_type() else {
            fields.push(field.as_ref().clone());
            arrays.push(Arc::clone(array));
            continue;
        };
        let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
        let data = array.to_data().into_builder().data_type(utc.clone()).build();
        arrays.push(make_array(data.map_err(|error| failed("read rows", &error))?));
        fields.push(field.as_ref().clone().with_data_type(utc));
    }
    let columns = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
    columns.map_err(|error| failed("read rows", &error))
}

/// Appends rows as objects, a line each, with all members also where they are null.
fn write_lines(columns: &RecordBatch, lines: &mut Vec<u8>) -> Result<()> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(lines);
    writer.write(columns).and_then(|()| writer.finish()).map_err(|error| failed("read rows", &error))
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

/// Refuses a format that was not compiled in.
fn check(format: FileFormat) -> Result<()> {
    let is_there = match format.format {
        Format::Parquet => cfg!(feature = "parquet"),
        Format::Feather => cfg!(feature = "feather"),
        _ => true,
    };
    if is_there {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Unsupported, "find format", "this build lacks the format");
    Err(error.with("format", format).hint(format!("build with the feature {format}")))
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, TimestampMicrosecondArray};

    #[test]
    fn zones_with_names_become_utc() {
        let times = TimestampMicrosecondArray::from(vec![Some(1_767_323_045_123_456), None]);
        let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
        let columns = RecordBatch::try_from_iter_with_nullable([("at", times, true)]).unwrap();
        let mut lines = Vec::new();
        write_lines(&in_utc(columns).unwrap(), &mut lines).unwrap();
        assert_eq!(String::from_utf8(lines).unwrap(), "{\"at\":\"2026-01-02T03:04:05.123456Z\"}\n{\"at\":null}\n");
    }
}
