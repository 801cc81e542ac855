//! Messages into a file, by its format.

use kafi_core::{Batch, Error, ErrorKind, FileWriter, JsonKind, Result, SchemaRef, Value};

use crate::cell::{Cell, push_on_one_line};
use crate::delimited::to_csv;
use crate::flow::{Pieces, Rows, Written, flow};
use crate::format::Format;
use crate::known::Target;
use crate::options::{ExportOptions, Exported};
use crate::output::Output;
use crate::row::{Row, is_object};
use crate::rows::{RowWriter, row_to};
use crate::source::{TopicSource, each_envelope};

/// Writes the messages of a source that has an end, and no group that commits.
pub(crate) fn export(source: &TopicSource<'_>, target: &mut Target<'_>, options: &ExportOptions) -> Result<Exported> {
    options.format.check()?;
    match options.format.format {
        Format::Json if options.envelope => envelopes_to_json(source, target.file(), options),
        Format::Json => to_json(source, target.file(), options),
        Format::Csv | Format::Tsv => to_csv(source, target, options),
        #[cfg(feature = "xml")]
        Format::Xml => crate::xml::topic_to_file(source, target.file(), options),
        #[cfg(feature = "xlsx")]
        Format::Xlsx => crate::xlsx::topic_to_file(source, target.file(), options),
        #[cfg(feature = "arrow")]
        Format::Parquet | Format::Feather | Format::Orc => crate::arrow::topic_to_file(source, target, options),
        #[cfg(not(all(feature = "parquet", feature = "feather", feature = "orc", feature = "xml", feature = "xlsx")))]
        _ => unreachable!("the format was checked"),
    }
}

fn to_json(source: &TopicSource<'_>, file: &mut dyn FileWriter, options: &ExportOptions) -> Result<Exported> {
    let mut out = Output::new(file, options.format.compression)?;
    let mut rows = 0;
    let work = |(decoder, lines): &mut (Rows<'_>, JsonRows<'_>), batch: &Batch| {
        let failed = decoder.write(batch, lines)?.unwrap_or_default();
        Ok((lines.take()?, failed))
    };
    let open = || Ok((Rows::open(source, options)?, JsonRows { options, lines: Vec::new(), start: 0, rows: 0 }));
    flow(source, open, work, |(lines, more), _| {
        // The first of an array has none before it.
        let is_first = rows == 0 && more > 0;
        rows += more;
        out.push(if is_first && options.array { b"[" } else { b"" })?;
        out.push(&lines[usize::from(is_first && options.array)..])
    })?;
    finish_json(out, options, rows)
}

fn envelopes_to_json(source: &TopicSource<'_>, file: &mut dyn FileWriter, options: &ExportOptions) -> Result<Exported> {
    let mut out = Output::new(file, options.format.compression)?;
    let mut rows = 0;
    each_envelope(source, |envelope| {
        match (options.array, rows) {
            (true, 0) => out.push(b"[\n")?,
            (true, _) => out.push(b",\n")?,
            (false, _) => {}
        }
        rows += 1;
        out.push(envelope)?;
        out.push(if options.array { b"" } else { b"\n" }).map(|()| None)
    })?;
    finish_json(out, options, rows)
}

fn finish_json(mut out: Output<'_>, options: &ExportOptions, rows: u64) -> Result<Exported> {
    match (options.array, rows) {
        (true, 0) => out.push(b"[\n]\n")?,
        (true, _) => out.push(b"\n]\n")?,
        (false, _) => {}
    }
    Ok(Exported::new(rows, out.finish()?))
}

/// Rows as JSON: lines, or the elements of an array with a comma before each.
struct JsonRows<'o> {
    options: &'o ExportOptions,
    lines: Vec<u8>,
    /// Where the row begins.
    start: usize,
    rows: u64,
}

impl JsonRows<'_> {
    fn begin(&mut self) {
        if self.options.array {
            self.lines.extend_from_slice(b",\n");
        }
    }

    fn ended(&mut self) {
        if !self.options.array {
            self.lines.push(b'\n');
        }
        self.rows += 1;
        self.start = self.lines.len();
    }
}

impl RowWriter for JsonRows<'_> {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        if self.lines.len() == self.start {
            self.begin();
            self.lines.push(b'{');
        } else {
            self.lines.push(b',');
        }
        Cell::Str(name).write_json(&mut self.lines);
        self.lines.push(b':');
        cell.write_json(&mut self.lines);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.lines.len() == self.start {
            self.begin();
            self.lines.push(b'{');
        }
        self.lines.push(b'}');
        self.ended();
        Ok(())
    }

    fn abandon(&mut self) {
        self.lines.truncate(self.start);
    }
}

impl Pieces for JsonRows<'_> {
    type Piece = (Vec<u8>, u64);

    fn take(&mut self) -> Result<(Vec<u8>, u64)> {
        self.start = 0;
        Ok((std::mem::take(&mut self.lines), std::mem::take(&mut self.rows)))
    }

    fn cell_at(&mut self, _column: usize, _cell: Cell<'_>) -> Result<()> {
        Err(Error::new(ErrorKind::Unexpected, "write row", "JSON has no columns"))
    }

    fn object(&mut self, text: &str, _schema: Option<&SchemaRef>) -> Result<Written> {
        if !is_object(text) {
            return Ok(Written::NoObject);
        }
        self.begin();
        push_on_one_line(text.trim(), &mut self.lines);
        self.ended();
        Ok(Written::Row)
    }

    fn row(&mut self, row: &Row<'_>, options: &ExportOptions) -> Result<Option<Error>> {
        if let Row::Message(message) = row
            && let Value::Json(json) = &message.value
            && json.kind() == JsonKind::Object
            && options.columns.are_the_value()
            && options.flatten.is_none()
        {
            self.begin();
            push_on_one_line(json.text().trim(), &mut self.lines);
            self.ended();
            return Ok(None);
        }
        row_to(row, options, self)
    }
}
