//! Messages into a file, by its format.

use kafi_core::{FileWriter, JsonKind, Result, Value};

use crate::cell::{Cell, push_on_one_line};
use crate::csv::write_field;
use crate::format::Format;
use crate::options::{ExportOptions, Exported};
use crate::output::Output;
use crate::row::Row;
use crate::rows::{Names, RowWriter, Texts, table_to};
use crate::source::{TopicSource, each_envelope, each_row};

/// Writes the messages of a source that has an end, and no group that commits.
pub(crate) fn export(source: &TopicSource<'_>, file: &mut dyn FileWriter, options: &ExportOptions) -> Result<Exported> {
    options.format.check()?;
    match options.format.format {
        Format::Json => to_json(source, file, options),
        Format::Csv => to_csv(source, file, options, b','),
        Format::Tsv => to_csv(source, file, options, b'\t'),
        #[cfg(feature = "xml")]
        Format::Xml => crate::xml::topic_to_file(source, file, options),
        #[cfg(feature = "xlsx")]
        Format::Xlsx => crate::xlsx::topic_to_file(source, file, options),
        #[cfg(feature = "arrow")]
        Format::Parquet | Format::Feather | Format::Orc => crate::arrow::topic_to_file(source, file, options),
        #[cfg(not(all(feature = "parquet", feature = "feather", feature = "orc", feature = "xml", feature = "xlsx")))]
        _ => unreachable!("the format was checked"),
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
        each_row(source, options, |row| put(&mut |line| json_row(row, options, line)).map(|()| None))?;
    }
    if options.array {
        out.push(b"\n]\n")?;
    }
    Ok(Exported::new(rows, out.finish()?))
}

/// Appends a row as a JSON object.
fn json_row(row: &Row<'_>, options: &ExportOptions, line: &mut Vec<u8>) -> Result<()> {
    match row {
        Row::Object(text) => {
            push_on_one_line(text.trim(), line);
            return Ok(());
        }
        Row::Message(message) => {
            if let Value::Json(json) = &message.value
                && json.kind() == JsonKind::Object
                && options.columns.are_the_value()
                && options.flatten.is_none()
            {
                push_on_one_line(json.text().trim(), line);
                return Ok(());
            }
        }
    }
    line.push(b'{');
    let mut is_first = true;
    row.each(options, &mut |name, cell| {
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
    let rows = table_to(source, options, |names| CsvRows::new(names, delimiter, &mut out))?.count;
    Ok(Exported::new(rows, out.finish()?))
}

/// Rows under names.
struct CsvRows<'o, 'f> {
    names: Names,
    texts: Texts,
    delimiter: u8,
    out: &'o mut Output<'f>,
    line: Vec<u8>,
    count: u64,
}

impl<'o, 'f> CsvRows<'o, 'f> {
    fn new(names: Vec<String>, delimiter: u8, out: &'o mut Output<'f>) -> Result<Self> {
        let (line, texts) = (Vec::new(), Texts::new(names.len()));
        let mut rows = Self { names: Names::new(names), texts, delimiter, out, line, count: 0 };
        for (column, name) in rows.names.iter().enumerate() {
            rows.texts.set(column, Cell::Str(name));
        }
        if rows.names.len() > 0 {
            rows.end()?;
        }
        rows.count = 0;
        Ok(rows)
    }
}

impl RowWriter for CsvRows<'_, '_> {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        let column = self.names.at(name)?;
        self.texts.set(column, cell);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Self { names, texts, delimiter, line, .. } = self;
        line.clear();
        texts.take(|column, text| {
            if column > 0 {
                line.push(*delimiter);
            }
            // A line without anything would be none.
            let text = if names.len() == 1 { Some(text.unwrap_or_default()) } else { text };
            write_field(text, *delimiter, line);
        });
        line.push(b'\n');
        names.rewind();
        self.count += 1;
        self.out.push(&self.line)
    }

    fn abandon(&mut self) {
        self.texts.take(|_, _| {});
        self.names.rewind();
    }
}
