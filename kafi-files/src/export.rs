//! Topics into files.

use std::collections::{HashMap, HashSet};

use kafi_core::{Error, ErrorKind, FileWriter, JsonKind, Message, Result, Value};

use crate::cell::{Cell, push_on_one_line};
use crate::csv::write_field;
use crate::envelope::{ENVELOPE, envelope_cells};
use crate::format::Format;
use crate::options::{ExportOptions, Exported};
use crate::output::Output;
use crate::source::{TopicSource, each_envelope, each_message, look_ahead, unexpected};

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
