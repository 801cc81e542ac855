//! Formats on Arrow: rows go into columns of the types that were found, and back through JSON text.

#[cfg(feature = "orc")]
mod blocks;
mod build;
#[cfg(any(feature = "parquet", feature = "orc"))]
mod chunks;
#[cfg(feature = "feather")]
mod feather;
mod fits;
#[cfg(any(feature = "parquet", feature = "feather"))]
mod flat;
mod frame;
mod infer;
mod io;
mod lines;
#[cfg(feature = "orc")]
mod orc;
#[cfg(feature = "orc")]
mod orc_times;
#[cfg(feature = "parquet")]
mod pages;
mod times;
mod typed;
mod values;
mod write;

use std::io::BufRead;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Field};
use kafi_core::functional::caught;
use kafi_core::{ColumnType, Error, ErrorKind, FileWriter, Json, JsonKind, Result};

use crate::cell::Cell;
use crate::envelope::{ENVELOPE, write_envelope_cell};
use crate::flow::Pieces;
use crate::format::Format;
use crate::infer::Kind;
use crate::input::FileInput;
use crate::known::{Job, Known, Sink, Target};
use crate::options::{ExportOptions, Exported, ImportOptions};
use crate::row::Row;
use crate::rows::{RowWriter, envelopes_to};
use crate::sink::RowSink;
use crate::source::TopicSource;
use build::RowBuilder;
pub use frame::{DataFrame, df_to_topic, topic_to_df};
use infer::Columns;
use io::{ColumnReader, ColumnWriter};
use lines::{Rows, each_rows};
use typed::{Said, Schemas};
pub(crate) use write::write_lines;

/// So many rows become columns at once, or so many bytes of JSON.
const ROWS: usize = 8 << 10;
const BYTES: usize = 8 << 20;

/// So many times this many rows may be read before they are messages.
const LINES_AHEAD: usize = 2;

pub(crate) fn topic_to_file(
    source: &TopicSource<'_>,
    target: &mut Target<'_>,
    options: &ExportOptions,
) -> Result<Exported> {
    let format = options.format.format;
    if options.envelope {
        let known = Found { columns: Columns::of_envelope(format), ..Found::of(source, options)? };
        let mut rows = EnvelopeRows { builder: known.rows(false)?, file: ColumnFile::new(target.file(), format) };
        rows.file.begin(&known)?;
        envelopes_to(source, &mut rows)?;
        rows.flush()?;
        return rows.file.finish();
    }
    let known = Found::of(source, options)?;
    let mut job = match known.is_all() {
        true => Job::known(source, options, known),
        false => Job::open(source, options, known, target)?,
    };
    loop {
        let mut file = ColumnFile::new(target.file(), format);
        if job.write(&mut file)? {
            let exported = file.finish()?;
            return Ok(Exported { texts: job.columns().columns.texts(), ..exported });
        }
        drop(file);
        target.begin_anew()?;
    }
}

/// The columns of messages.
#[derive(Clone)]
struct Found {
    columns: Columns,
    /// What schemas of messages have said.
    schemas: Schemas,
    /// Whether somebody has said which columns there should be, and whether that is all.
    is_said: bool,
    is_all: bool,
    /// Whether these very messages were looked at, so that nothing else can stand in them.
    are_all: bool,
}

impl Found {
    /// What is known before the first message.
    fn of(source: &TopicSource<'_>, options: &ExportOptions) -> Result<Self> {
        let (columns, schemas) = (Columns::of(options.format.format), Schemas::of(source, options)?);
        let mut found = Self { columns, schemas, is_said: false, is_all: false, are_all: false };
        if let Some(schema) = &options.schema {
            typed::add(&Kind::of_type(schema), options, &mut found.columns);
            (found.is_said, found.is_all) = (schema.is_open(), !schema.is_open());
        }
        if !found.is_all {
            options.columns.names().into_iter().flatten().for_each(|name| found.columns.add(&name, Kind::Null));
        }
        Ok(found)
    }

    fn is_all(&self) -> bool {
        self.is_all
    }
}

impl Known for Found {
    type Rows = RowBuilder;

    fn look(&mut self, row: &Row<'_>, options: &ExportOptions) {
        let Self { columns, schemas, is_said, .. } = self;
        let schema = match row {
            Row::Message(message) => message.value_schema.as_ref(),
            Row::Object(_, schema) => schema.as_ref(),
        };
        let said = schemas.add(schema, options, columns);
        if said == Said::All {
            return;
        }
        columns.rewind();
        let _told_later = row.each(options, &mut |name, cell| {
            if *is_said || said == Said::Some {
                columns.add_said(name, cell);
            } else {
                columns.add(name, Kind::of(cell));
            }
            Ok(())
        });
    }

    fn join(&mut self, later: Self) -> bool {
        self.schemas.join(later.schemas);
        self.columns.join(later.columns)
    }

    fn can_grow(&self) -> bool {
        !self.is_said && !self.schemas.leave_open()
    }

    fn are_all(&mut self) {
        self.are_all = true;
    }

    fn rows(&self, grows: bool) -> Result<RowBuilder> {
        RowBuilder::new(self, grows)
    }

    fn told(&self, rows: &RowBuilder) -> Option<Self> {
        Some(Self { columns: rows.columns.clone(), ..self.clone() })
    }
}

/// A file of columns.
struct ColumnFile<'f> {
    file: Option<&'f mut dyn FileWriter>,
    format: Format,
    writer: Option<ColumnWriter<'f>>,
    /// Columns of few rows, which are written together.
    few: Vec<RecordBatch>,
    few_rows: usize,
    few_bytes: usize,
    count: u64,
}

impl<'f> ColumnFile<'f> {
    fn new(file: &'f mut dyn FileWriter, format: Format) -> Self {
        Self { file: Some(file), format, writer: None, few: Vec::new(), few_rows: 0, few_bytes: 0, count: 0 }
    }

    fn flush(&mut self) -> Result<()> {
        (self.few_rows, self.few_bytes) = (0, 0);
        let (few, writer) = (std::mem::take(&mut self.few), self.writer.as_mut().expect("it was begun"));
        match few.as_slice() {
            [] => Ok(()),
            [one] => writer.write(one),
            [first, ..] => {
                let all = arrow_select::concat::concat_batches(first.schema_ref(), &few);
                writer.write(&all.map_err(|error| failed("write rows", &error))?)
            }
        }
    }

    fn finish(mut self) -> Result<Exported> {
        self.flush()?;
        let writer = self.writer.expect("it was begun");
        Ok(Exported::new(self.count, writer.finish()?))
    }
}

impl Sink<Found> for ColumnFile<'_> {
    fn begin(&mut self, known: &Found) -> Result<()> {
        let (schema, file) = (known.rows(false)?.schema, self.file.take().expect("it is begun once"));
        self.writer = Some(ColumnWriter::open(file, &schema, self.format)?);
        Ok(())
    }

    fn put(&mut self, piece: Vec<RecordBatch>) -> Result<()> {
        for columns in piece {
            self.count += columns.num_rows() as u64;
            self.few_rows += columns.num_rows();
            self.few_bytes += columns.get_array_memory_size();
            self.few.push(columns);
            if self.few_rows >= ROWS || self.few_bytes >= BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }
}

/// Envelopes as rows of a file.
struct EnvelopeRows<'f> {
    builder: RowBuilder,
    file: ColumnFile<'f>,
}

impl EnvelopeRows<'_> {
    fn flush(&mut self) -> Result<()> {
        let columns = self.builder.take()?;
        self.file.put(columns)
    }
}

impl RowWriter for EnvelopeRows<'_> {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        self.builder.cell(name, cell)
    }

    fn end(&mut self) -> Result<()> {
        self.builder.end()?;
        if self.builder.is_full() { self.flush() } else { Ok(()) }
    }

    fn abandon(&mut self) {
        self.builder.abandon();
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
    let (file, format, target) = (input.take_file(options.format)?, options.format.format, sink.column_type()?);
    thread::scope(|scope| {
        let (lines, written) = sync_channel(LINES_AHEAD);
        // Columns become lines while lines become messages.
        let reading = scope.spawn(move || {
            caught("read file", || {
                for columns in ColumnReader::open(file, format)? {
                    // Nobody takes lines any more after an error, and where somebody wants to stop.
                    if !each_rows(&columns?, target.as_ref(), &mut |rows| Ok(lines.send(rows).is_ok()))? {
                        break;
                    }
                }
                Ok(())
            })
        });
        let pushed = push_all(written, options, sink);
        let read = reading.join().expect("panics are caught");
        pushed.and(read)
    })
}

fn push_all(all: Receiver<Rows>, options: &ImportOptions, sink: &mut dyn RowSink) -> Result<()> {
    for rows in all {
        if sink.is_cancelled() {
            break;
        }
        push_rows(rows, options, sink)?;
    }
    Ok(())
}

/// Takes the rows of columns.
fn columns_to(
    columns: impl Iterator<Item = Result<RecordBatch>>,
    options: &ImportOptions,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let target = sink.column_type()?;
    for columns in columns {
        each_rows(&columns?, target.as_ref(), &mut |rows| {
            push_rows(rows, options, sink).map(|()| !sink.is_cancelled())
        })?;
    }
    Ok(())
}

fn push_rows(rows: Rows, options: &ImportOptions, sink: &mut dyn RowSink) -> Result<()> {
    match rows {
        Rows::Lines(lines) => push_lines(&lines, options, sink),
        Rows::Wrong(line, error) => sink.fail(&line, error),
    }
}

fn push_lines(mut lines: &[u8], options: &ImportOptions, sink: &mut dyn RowSink) -> Result<()> {
    let mut row = Vec::new();
    while !lines.is_empty() && !sink.is_cancelled() {
        let (mut rest, all) = (lines, lines.len());
        rest.skip_until(b'\n').map_err(|error| Error::io("read rows", error))?;
        let (line, after) = lines.split_at(all - rest.len());
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if options.envelope {
            envelope_of(line, &mut row)?;
            sink.push(&row)?;
        } else {
            sink.push_valid(line)?;
        }
        lines = after;
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
    fn of_envelope(format: Format) -> Self {
        let mut columns = Self::of(format);
        for name in ENVELOPE {
            let is_number = matches!(name, "partition" | "offset" | "timestamp" | "key_schema_id" | "value_schema_id");
            columns.add(name, if is_number { Kind::int64() } else { Kind::Text });
        }
        columns
    }

    fn fields(&self) -> Vec<Field> {
        self.iter().map(|column| Field::new(&column.name, column.data_type(), true)).collect()
    }
}
