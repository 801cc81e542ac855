//! Topics into files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use kafi_core::functional::{BatchDecoder, topic_names};
use kafi_core::{
    Batch, EnvelopeWriter, Error, ErrorKind, Failures, FileWriter, Json, JsonKind, Message, Offsets, Place,
    ReadOptions, Reader, Record, Result, SchemaRef, Serdes, TextDecoder, Type, Value,
};

use crate::cell::{Cell, push_on_one_line};
use crate::columns::Columns;
use crate::csv::write_field;
use crate::format::{FileFormat, Format};
use crate::output::Output;

/// The columns of an envelope in a file that has columns. Keys, values, and headers stand in them as JSON text.
pub(crate) const ENVELOPE: [&str; 15] = [
    "partition",
    "offset",
    "timestamp",
    "timestamp_type",
    "headers",
    "key",
    "key_base64",
    "key_raw",
    "key_schema_id",
    "key_message",
    "value",
    "value_base64",
    "value_raw",
    "value_schema_id",
    "value_message",
];

/// Those of them that are JSON text.
pub(crate) const ENVELOPE_JSON: [&str; 3] = ["headers", "key", "value"];

/// A topic, and how it is read.
pub struct TopicSource<'a> {
    /// Where it is.
    pub place: &'a Place,
    /// Its name.
    pub topic: &'a str,
    /// What its keys and values are.
    pub serdes: &'a Serdes,
    /// What of it is read. It has an end, and no group.
    pub options: ReadOptions,
    /// What becomes of messages that cannot be decoded.
    pub failures: Failures,
}

/// How a file is written.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The format.
    pub format: FileFormat,
    /// JSON as one array instead of lines. Default: false.
    pub array: bool,
    /// The columns. Default: the members of the value.
    pub columns: Columns,
    /// All of each message, so that [`file_to_topic`](crate::file_to_topic) makes the same topic of it; `columns` and
    /// `flatten` then count for nothing. Default: false.
    pub envelope: bool,
    /// Makes columns of objects in the value, with this between their names. Default: they stay objects, or JSON text
    /// where the format has none.
    pub flatten: Option<String>,
    /// How many messages say which columns there are, in formats that need to know before the first row; one that comes
    /// later is an error. Default: all of them, which are then read twice.
    pub infer: Option<u64>,
}

impl ExportOptions {
    /// The defaults for this format.
    pub fn new(format: FileFormat) -> Self {
        let (columns, flatten) = (Columns::default(), None);
        Self { format, array: false, columns, envelope: false, flatten, infer: None }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The messages, each a row.
    pub rows: u64,
    /// The bytes of the file.
    pub bytes: u64,
}

/// Writes the messages of a topic to a file, which is there when this returns, and else not at all. Blocks until the
/// end that the topic has at the start; memory is constant.
///
/// # Errors
/// Those of reading and of decoding, unless the source's failures are left out; `Usage` for a source that follows or
/// reads as a group; `Cancelled` where the source's wish to stop came; `Unsupported` for a format that was not compiled
/// in; those of [`FileWriter`].
pub fn topic_to_file(source: &TopicSource<'_>, file: &mut dyn FileWriter, options: &ExportOptions) -> Result<Exported> {
    if source.options.follow || source.options.group.is_some() {
        let why = "a file has an end: what is read has one, too, and no group commits for it";
        return Err(Error::new(ErrorKind::Usage, "export topic", why).with("topic", source.topic));
    }
    match options.format.format {
        Format::Json => to_json(source, file, options),
        Format::Csv => to_csv(source, file, options, b','),
        Format::Tsv => to_csv(source, file, options, b'\t'),
        Format::Parquet | Format::Feather => crate::arrow::topic_to_file(source, file, options),
    }
}

/// Where messages lie that were read, so that the same are read again: by partition the first offset, and the one after
/// the last.
type Seen = BTreeMap<i32, (i64, i64)>;

/// The same source, but only with these; `None` where there are none.
fn again<'a>(source: &TopicSource<'a>, seen: &Seen) -> Result<Option<TopicSource<'a>>> {
    if seen.is_empty() {
        return Ok(None);
    }
    let specs: Vec<String> = seen.iter().map(|(partition, (from, to))| format!("{partition}={from}:{to}")).collect();
    let options = ReadOptions {
        offsets: Offsets::parse(&specs, false)?,
        partitions: Some(seen.keys().copied().collect()),
        max: None,
        progress: Arc::default(),
        ..source.options.clone()
    };
    let TopicSource { place, topic, serdes, failures, .. } = source;
    Ok(Some(TopicSource { place, topic, serdes, options, failures: failures.clone() }))
}

/// Hands over each record.
fn each_record(source: &TopicSource<'_>, mut each: impl FnMut(Record<'_>, &Arc<str>) -> Result<()>) -> Result<()> {
    let topics = [source.topic.to_string()];
    let mut reader = Reader::open(source.place.storage.as_ref(), &topics, &source.options)?;
    let mut batch = Batch::new();
    while reader.read(&mut batch)? {
        let names = topic_names(&batch);
        for (record, meta) in batch.iter().zip(batch.metas()) {
            each(record, &names[meta.topic as usize])?;
        }
    }
    reader.close()?;
    if source.options.cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "export topic", "stopped").with("topic", source.topic));
    }
    source.failures.settle()
}

/// Hands over each message, decoded; what cannot be is left to the source's failures. An error of the function says
/// which message it was.
pub(crate) fn each_message(source: &TopicSource<'_>, mut each: impl FnMut(&Message) -> Result<()>) -> Result<()> {
    let mut decoder = BatchDecoder::open(source.place, source.serdes)?;
    each_record(source, |record, name| match decoder.decode(record, Arc::clone(name)) {
        Ok(message) => {
            each(&message).map_err(|error| error.with("partition", record.partition).with("offset", record.offset))
        }
        Err(error) => source.failures.take(&record, error),
    })
}

/// Hands over the envelope of each message, as one line.
pub(crate) fn each_envelope(source: &TopicSource<'_>, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut decoder = TextDecoder::open(source.place, source.serdes)?;
    let type_of = |field| source.place.type_or(source.serdes.of_field(field), field, Type::Auto);
    let mut writer = EnvelopeWriter::new(type_of(kafi_core::Field::Key)?, type_of(kafi_core::Field::Value)?);
    let mut line = Vec::new();
    each_record(source, |record, _| match decoder.show(record) {
        Ok((shown, schemas)) => {
            line.clear();
            let [key, value] = &schemas;
            let schemas: [Option<&SchemaRef>; 2] = [key.as_ref(), value.as_ref()];
            writer.write_decoded(shown, schemas, &mut line);
            each(&line)
        }
        Err(error) => source.failures.take(&record, error),
    })
}

/// Tells each column of each row, as far as that is wanted, and returns the source of the same messages; `None` where
/// there are none.
pub(crate) fn look_ahead<'a>(
    source: &TopicSource<'a>,
    options: &ExportOptions,
    mut column: impl FnMut(&str, Cell<'_>),
) -> Result<Option<TopicSource<'a>>> {
    let TopicSource { place, topic, serdes, failures, .. } = source;
    let (mut seen, mut first) = (Seen::new(), source.options.clone());
    if let Some(rows) = options.infer {
        first.max = Some(first.max.map_or(rows, |max| max.min(rows)));
        first.progress = Arc::default();
    }
    let first = TopicSource { place, topic, serdes, options: first, failures: failures.clone() };
    let mut decoder = BatchDecoder::open(source.place, source.serdes)?;
    each_record(&first, |record, name| {
        let next = record.offset + 1;
        let range = seen.entry(record.partition).or_insert((record.offset, next));
        *range = (range.0.min(record.offset), range.1.max(next));
        // What cannot be decoded is told when it is to be written.
        let Ok(message) = decoder.decode(record, Arc::clone(name)) else { return Ok(()) };
        options.columns.each(&message, options.flatten.as_deref(), &mut |name, cell| {
            column(name, cell);
            Ok(())
        })
    })?;
    if options.infer.is_some() {
        let (options, failures) = (source.options.clone(), failures.clone());
        return Ok(Some(TopicSource { place, topic, serdes, options, failures }));
    }
    again(source, &seen)
}

fn to_json(source: &TopicSource<'_>, file: &mut dyn FileWriter, options: &ExportOptions) -> Result<Exported> {
    let mut out = Output::new(file, options.format.compression)?;
    let (mut rows, mut line) = (0, Vec::new());
    if options.array {
        out.push(b"[")?;
    }
    let mut put = |row: &mut dyn FnMut(&mut Vec<u8>) -> Result<()>| {
        line.clear();
        if options.array {
            line.extend_from_slice(if rows == 0 { b"\n" } else { b",\n" });
        }
        row(&mut line)?;
        if !options.array {
            line.push(b'\n');
        }
        rows += 1;
        out.push(&line)
    };
    if options.envelope {
        each_envelope(source, |envelope| {
            put(&mut |line| {
                line.extend_from_slice(envelope);
                Ok(())
            })
        })?;
    } else {
        each_message(source, |message| put(&mut |line| json_row(message, options, line)))?;
    }
    if options.array {
        out.push(b"\n]\n")?;
    }
    Ok(Exported { rows, bytes: out.finish()? })
}

/// Appends the row of a message as a JSON object.
pub(crate) fn json_row(message: &Message, options: &ExportOptions, line: &mut Vec<u8>) -> Result<()> {
    if let Value::Json(json) = &message.value
        && json.kind() == JsonKind::Object
        && options.columns.are_the_value()
        && options.flatten.is_none()
    {
        push_on_one_line(json.text().trim(), line);
        return Ok(());
    }
    line.push(b'{');
    let mut is_first = true;
    options.columns.each(message, options.flatten.as_deref(), &mut |name, cell| {
        if !std::mem::replace(&mut is_first, false) {
            line.push(b',');
        }
        Cell::Str(name).write_json(line);
        line.push(b':');
        cell.write_json(line);
        Ok(())
    })?;
    line.push(b'}');
    Ok(())
}

fn to_csv(
    source: &TopicSource<'_>,
    file: &mut dyn FileWriter,
    options: &ExportOptions,
    delimiter: u8,
) -> Result<Exported> {
    let mut out = Output::new(file, options.format.compression)?;
    if options.envelope {
        let mut rows = CsvRows::new(ENVELOPE.map(str::to_string).to_vec(), delimiter, &mut out)?;
        each_envelope(source, |envelope| {
            envelope_cells(envelope, &mut |name, cell| rows.cell(name, cell))?;
            rows.end()
        })?;
        let rows = rows.count;
        return Ok(Exported { rows, bytes: out.finish()? });
    }
    let (mut names, mut again) = (options.columns.names(), None);
    if names.is_none() {
        let (mut found, mut known) = (Vec::new(), HashSet::new());
        again = look_ahead(source, options, |name, _| {
            if !known.contains(name) {
                known.insert(name.to_string());
                found.push(name.to_string());
            }
        })?;
        if again.is_none() {
            return Ok(Exported { rows: 0, bytes: out.finish()? });
        }
        names = Some(found);
    }
    let mut rows = CsvRows::new(names.unwrap_or_default(), delimiter, &mut out)?;
    each_message(again.as_ref().unwrap_or(source), |message| {
        options.columns.each(message, options.flatten.as_deref(), &mut |name, cell| rows.cell(name, cell))?;
        rows.end()
    })?;
    let rows = rows.count;
    Ok(Exported { rows, bytes: out.finish()? })
}

/// Tells the columns of an envelope.
pub(crate) fn envelope_cells(line: &[u8], each: &mut dyn FnMut(&str, Cell<'_>) -> Result<()>) -> Result<()> {
    let text = std::str::from_utf8(line).expect("an envelope is UTF-8");
    let envelope = Json::from_valid(text);
    for (name, json) in envelope.members().filter(|(name, _)| *name != "topic") {
        // Null is not missing: where nothing else says what a key or value is, it is null.
        if ENVELOPE_JSON.contains(&name) {
            each(name, Cell::JsonText(&json.text()))?
        } else {
            each(name, Cell::Json(json))?
        }
    }
    Ok(())
}

/// Rows under names.
struct CsvRows<'o, 'f> {
    index: HashMap<String, usize>,
    names: Vec<String>,
    delimiter: u8,
    out: &'o mut Output<'f>,
    /// The texts of the fields of the row, and where each lies.
    texts: Vec<u8>,
    fields: Vec<Option<(usize, usize)>>,
    /// The column that probably comes next.
    next: usize,
    line: Vec<u8>,
    count: u64,
}

impl<'o, 'f> CsvRows<'o, 'f> {
    fn new(names: Vec<String>, delimiter: u8, out: &'o mut Output<'f>) -> Result<Self> {
        let index = names.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect();
        let (fields, texts, line) = (vec![None; names.len()], Vec::new(), Vec::new());
        let mut rows = Self { index, names, delimiter, out, texts, fields, next: 0, line, count: 0 };
        let names = rows.names.clone();
        for name in &names {
            rows.cell(name, Cell::Str(name))?;
        }
        if !names.is_empty() {
            rows.end()?;
        }
        rows.count = 0;
        Ok(rows)
    }

    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        let column = match self.names.get(self.next) {
            Some(next) if next == name => self.next,
            _ => *self.index.get(name).ok_or_else(|| unexpected(name))?,
        };
        self.next = column + 1;
        let start = self.texts.len();
        self.fields[column] = cell.write_text(&mut self.texts).then_some((start, self.texts.len()));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.line.clear();
        for (index, field) in self.fields.iter_mut().enumerate() {
            if index > 0 {
                self.line.push(self.delimiter);
            }
            let text = field.take().map(|(start, end)| &self.texts[start..end]);
            // A line without anything would be none.
            let text = if self.names.len() == 1 { Some(text.unwrap_or_default()) } else { text };
            write_field(text, self.delimiter, &mut self.line);
        }
        self.line.push(b'\n');
        self.texts.clear();
        (self.next, self.count) = (0, self.count + 1);
        self.out.push(&self.line)
    }
}

/// A column that came after it was settled which ones there are.
pub(crate) fn unexpected(column: &str) -> Error {
    let error =
        Error::new(ErrorKind::Corrupt, "write row", "the messages that were looked at first have no such column");
    error.with("column", column).hint("--infer all looks at all messages first; --columns says which columns there are")
}
