//! Files into topics.

use std::sync::Arc;

use kafi_core::functional::BatchEncoder;
use kafi_core::{
    Batch, Cancel, EnvelopeReader, Error, ErrorKind, Json, JsonKind, Message, Place, ProducerOptions, Progress, Result,
    Serdes, Type, Value, Writer, parse_time,
};

use crate::csv::{CsvReader, Fields};
use crate::export::ENVELOPE_JSON;
use crate::format::{FileFormat, Format};
use crate::input::{FileInput, bytes_of};
use crate::json_rows::JsonReader;
use crate::kinds::Kind;
use kafi_core::json_text::write_string;

/// So many rows say what the columns of CSV are, where it cannot be read twice.
const STREAM_ROWS: u64 = 10_000;

/// A topic that rows become messages of. It has to be there.
pub struct TopicTarget<'a> {
    /// Where it is.
    pub place: &'a Place,
    /// Its name.
    pub topic: &'a str,
    /// What keys and values are written as. Default: keys as text, values as JSON.
    pub serdes: &'a Serdes,
    /// The wish to stop.
    pub cancel: Cancel,
    /// Where the job counts.
    pub progress: Arc<Progress>,
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
    /// The rows are envelopes, as an export with `envelope` writes them. Default: false.
    pub envelope: bool,
}

impl ImportOptions {
    /// The defaults for this format.
    pub fn new(format: FileFormat) -> Self {
        Self { format, key_column: None, timestamp_column: None, partition_column: None, envelope: false }
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

/// Makes a message of each row of a file: an object with a member for each column. Returns when all of them are
/// delivered; memory is constant. What came before a row that is wrong is delivered as well.
///
/// # Errors
/// `Corrupt` for a damaged file, and for a row that is no message, with its number; those of the types, and of
/// [`Writer::write`]; `Unsupported` for a format that was not compiled in.
pub fn file_to_topic(input: &mut FileInput, target: &TopicTarget<'_>, options: &ImportOptions) -> Result<Imported> {
    let mut sink = Sink::open(target, options)?;
    let read = match options.format.format {
        Format::Json => read_json(input, options, &mut sink),
        Format::Csv => read_csv(input, options, &mut sink, b','),
        Format::Tsv => read_csv(input, options, &mut sink, b'\t'),
        Format::Parquet | Format::Feather => crate::arrow::file_to_topic(input, options, &mut sink),
    };
    sink.finish(read)
}

/// Where the rows go.
pub(crate) struct Sink<'a> {
    options: &'a ImportOptions,
    target: &'a TopicTarget<'a>,
    encoder: BatchEncoder,
    envelopes: EnvelopeReader,
    writer: Writer,
    batch: Batch,
    topic: Arc<str>,
    rows: u64,
}

impl<'a> Sink<'a> {
    fn open(target: &'a TopicTarget<'a>, options: &'a ImportOptions) -> Result<Self> {
        let TopicTarget { place, topic, serdes, .. } = target;
        let encoder = BatchEncoder::open(place, topic, serdes, [Type::Str, Type::Json])?;
        let producer = ProducerOptions { keep_timestamps: true, ..ProducerOptions::default() };
        let writer = Writer::open(place.storage.as_ref(), &producer, Arc::clone(&target.progress))?.reached();
        let writer = writer.cancelled_by(&target.cancel).offsets_are("row");
        let (envelopes, batch) = (EnvelopeReader::new(), Batch::new());
        Ok(Self { options, target, encoder, envelopes, writer, batch, topic: Arc::from(*topic), rows: 0 })
    }

    /// Whether to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.target.cancel.is_cancelled()
    }

    /// Takes a row, as the text of a JSON object.
    pub(crate) fn push(&mut self, row: &[u8]) -> Result<()> {
        self.rows += 1;
        let pushed = if self.options.envelope { self.push_envelope(row) } else { self.push_value(row) };
        pushed.map_err(|error| error.with("row", self.rows))?;
        if self.batch.is_full() { self.send() } else { Ok(()) }
    }

    fn push_envelope(&mut self, row: &[u8]) -> Result<()> {
        self.envelopes.read(row, &mut self.batch)?;
        let topic = self.batch.topic_index(&self.topic);
        let meta = self.batch.metas_mut().last_mut().expect("an envelope is a message");
        (meta.topic, meta.offset) = (topic, self.rows as i64);
        Ok(())
    }

    fn push_value(&mut self, row: &[u8]) -> Result<()> {
        let text =
            std::str::from_utf8(row).map_err(|_| Error::new(ErrorKind::Corrupt, "read row", "it is not UTF-8"))?;
        let mut json = Json::parse(text)?;
        let mut message = Message::new(Arc::clone(&self.topic), Value::Null, Value::Null);
        if let Some(column) = &self.options.key_column {
            message.key = key_of(named(&json, column)?);
        }
        if let Some(column) = &self.options.timestamp_column {
            message.timestamp = timestamp_of(named(&json, column)?).map_err(|error| error.with("column", column))?;
            json.remove(column.as_str());
        }
        if let Some(column) = &self.options.partition_column {
            let partition = named(&json, column)?.int().ok().and_then(|number| i32::try_from(number).ok());
            message.partition = partition.filter(|partition| *partition >= 0).ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, "read row", "this is no partition").with("column", column)
            })?;
            json.remove(column.as_str());
        }
        message.value = Value::Json(json);
        self.encoder.push(message, &mut self.batch)?;
        // By which the writer names what fails.
        let meta = self.batch.metas_mut().last_mut().expect("a message was added");
        meta.offset = self.rows as i64;
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        let sent = self.writer.write(&self.batch);
        self.batch.clear();
        sent
    }

    fn finish(mut self, read: Result<()>) -> Result<Imported> {
        let (sent, is_cancelled) = (self.send(), self.is_cancelled());
        let written = sent.and_then(|()| self.writer.close(None));
        let written = read.and(written)?;
        if is_cancelled {
            return Err(Error::new(ErrorKind::Cancelled, "import file", "stopped").with("rows", self.rows));
        }
        Ok(Imported { rows: self.rows, written })
    }
}

fn named<'j>(row: &'j Json, column: &str) -> Result<&'j Json> {
    row.get(column)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "read row", "it has no such column").with("column", column))
}

/// The text of a column; null is no key.
fn key_of(json: &Json) -> Value {
    match json.kind() {
        JsonKind::Null => Value::Null,
        JsonKind::Str => {
            json.str().map_or_else(|_| Value::Str(json.text().into_owned()), |text| Value::Str(text.into()))
        }
        _ => Value::Str(json.text().trim().to_string()),
    }
}

fn timestamp_of(json: &Json) -> Result<i64> {
    match json.kind() {
        JsonKind::Null => Ok(kafi_core::NO_TIMESTAMP),
        JsonKind::Number => json.int(),
        // As pandas writes them, without the T.
        _ => parse_time(json.str()?, true),
    }
}

fn read_json(input: &mut FileInput, options: &ImportOptions, sink: &mut Sink<'_>) -> Result<()> {
    let mut rows = JsonReader::new(bytes_of(input)?);
    let mut row = Vec::new();
    while !sink.is_cancelled() && rows.read(&mut row)? {
        let is_object = row.first() == Some(&b'{');
        if !is_object && (options.envelope || options.key_column.is_some()) {
            let why = "this is no object, which has columns";
            return Err(Error::new(ErrorKind::Corrupt, "read row", why).with("row", rows.row()));
        }
        sink.push(&row)?;
    }
    Ok(())
}

fn read_csv(input: &mut FileInput, options: &ImportOptions, sink: &mut Sink<'_>, delimiter: u8) -> Result<()> {
    if options.envelope {
        return read_rows(CsvReader::new(bytes_of(input)?, delimiter)?, None, sink, options);
    }
    // What the columns are is known when all fields have been seen.
    let kinds = match input {
        FileInput::File(_) => Some(kinds_of(&mut CsvReader::new(bytes_of(input)?, delimiter)?, sink)?),
        FileInput::Stream(_) => None,
    };
    read_rows(CsvReader::new(bytes_of(input)?, delimiter)?, kinds, sink, options)
}

fn kinds_of(reader: &mut CsvReader<'_>, sink: &Sink<'_>) -> Result<Vec<Kind>> {
    let (mut fields, mut kinds) = (Fields::default(), Vec::new());
    reader.read(&mut fields)?;
    while !sink.is_cancelled() && reader.read(&mut fields)? {
        add_kinds(&mut kinds, &fields);
    }
    Ok(kinds)
}

fn add_kinds(kinds: &mut Vec<Kind>, fields: &Fields) {
    kinds.resize(kinds.len().max(fields.len()), Kind::Empty);
    for (index, kind) in kinds.iter_mut().enumerate() {
        *kind = fields.get(index).map_or(*kind, |field| kind.with(field));
    }
}

/// Rows with what their columns are; where that is not known, the first rows say it.
fn read_rows(
    mut reader: CsvReader<'_>,
    kinds: Option<Vec<Kind>>,
    sink: &mut Sink<'_>,
    options: &ImportOptions,
) -> Result<()> {
    let mut fields = Fields::default();
    if !reader.read(&mut fields)? {
        return Ok(());
    }
    let names = names_of(&fields)?;
    let mut row = Vec::new();
    let mut first = Vec::new();
    let kinds = match (kinds, options.envelope) {
        (Some(kinds), false) => kinds,
        (_, true) => Vec::new(),
        (None, false) => {
            let mut kinds = Vec::new();
            while (first.len() as u64) < STREAM_ROWS && reader.read(&mut fields)? {
                add_kinds(&mut kinds, &fields);
                first.push(std::mem::take(&mut fields));
            }
            kinds
        }
    };
    let mut put = |fields: &Fields, number: u64, sink: &mut Sink<'_>| {
        row.clear();
        let written = match options.envelope {
            true => write_envelope(&names, fields, &mut row),
            false => write_row(&names, &kinds, fields, &mut row),
        };
        written.map_err(|error| error.with("row", number - 1))?;
        sink.push(&row)
    };
    for (number, fields) in (2..).zip(&first) {
        put(fields, number, sink)?;
    }
    while !sink.is_cancelled() && reader.read(&mut fields)? {
        put(&fields, reader.row(), sink)?;
    }
    Ok(())
}

/// The names of the columns; an index that pandas wrote has none, and is no column.
fn names_of(fields: &Fields) -> Result<Vec<Option<String>>> {
    let text = |index: usize| match fields.get(index) {
        None => Ok(None),
        Some(name) => String::from_utf8(name.to_vec())
            .map(|name| Some(name).filter(|name| index > 0 || name != "Unnamed: 0"))
            .map_err(|_| Error::new(ErrorKind::Corrupt, "read CSV", "the names of the columns are not UTF-8")),
    };
    (0..fields.len()).map(text).collect()
}

fn write_row(names: &[Option<String>], kinds: &[Kind], fields: &Fields, row: &mut Vec<u8>) -> Result<()> {
    if fields.len() > names.len() {
        let why = format!("it has {} fields, and there are {} columns", fields.len(), names.len());
        return Err(Error::new(ErrorKind::Corrupt, "read CSV", why));
    }
    row.push(b'{');
    for (index, name) in names.iter().enumerate() {
        let Some(name) = name else { continue };
        if row.len() > 1 {
            row.push(b',');
        }
        write_string(row, name);
        row.push(b':');
        let Some(field) = fields.get(index) else {
            row.extend_from_slice(b"null");
            continue;
        };
        let kind = kinds.get(index).copied().unwrap_or_default();
        match kind {
            Kind::Number | Kind::Bool if !kind.takes(field) => {
                let why = format!("the first {STREAM_ROWS} rows had nothing but numbers, or true and false, there");
                let error = Error::new(ErrorKind::Corrupt, "read CSV", why).with("column", name);
                return Err(error.hint("from a file, instead of a pipe, all rows are looked at first"));
            }
            Kind::Number => row.extend_from_slice(field),
            Kind::Bool => row.extend_from_slice(&field.to_ascii_lowercase()),
            Kind::Empty | Kind::Text => write_string(row, utf8(field, name)?),
        }
    }
    row.push(b'}');
    Ok(())
}

/// Makes an envelope of the columns of one.
fn write_envelope(names: &[Option<String>], fields: &Fields, row: &mut Vec<u8>) -> Result<()> {
    row.push(b'{');
    for (index, name) in names.iter().enumerate() {
        let (Some(name), Some(field)) = (name, fields.get(index)) else { continue };
        if row.len() > 1 {
            row.push(b',');
        }
        write_string(row, name);
        row.push(b':');
        write_envelope_cell(name, utf8(field, name)?, row);
    }
    row.push(b'}');
    Ok(())
}

/// Appends a member of an envelope that stood in a column as text.
pub(crate) fn write_envelope_cell(name: &str, text: &str, row: &mut Vec<u8>) {
    let is_number = matches!(name, "partition" | "offset" | "timestamp" | "key_schema_id" | "value_schema_id");
    if is_number || ENVELOPE_JSON.contains(&name) {
        row.extend_from_slice(text.as_bytes());
    } else {
        write_string(row, text);
    }
}

fn utf8<'f>(field: &'f [u8], column: &str) -> Result<&'f str> {
    std::str::from_utf8(field)
        .map_err(|_| Error::new(ErrorKind::Corrupt, "read CSV", "a field is not UTF-8").with("column", column))
}
