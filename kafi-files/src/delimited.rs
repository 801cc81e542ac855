//! CSV and TSV: rows under a line of names.

use kafi_core::Result;

use crate::cell::Cell;
use crate::csv::write_field;
use crate::envelope::ENVELOPE;
use crate::flow::{Pieces, in_front};
use crate::format::Format;
#[cfg(feature = "xlsx")]
use crate::known::look;
use crate::known::{Job, Known, Sink, Target};
use crate::options::{ExportOptions, Exported};
use crate::output::Output;
use crate::row::Row;
use crate::rows::{Names, RowWriter, Texts, envelopes_to};
use crate::source::TopicSource;

pub(crate) fn to_csv(source: &TopicSource<'_>, target: &mut Target<'_>, options: &ExportOptions) -> Result<Exported> {
    let delimiter = if options.format.format == Format::Tsv { b'\t' } else { b',' };
    if options.envelope {
        let mut file = CsvFile { out: Output::new(target.file(), options.format.compression)?, count: 0 };
        let known = Named { names: Names::new(ENVELOPE.map(str::to_string).to_vec()), delimiter };
        file.begin(&known)?;
        let mut rows = CsvRows::new(&known, false);
        envelopes_to(source, &mut EnvelopeRows { rows: &mut rows, file: &mut file })?;
        return file.finish();
    }
    let mut job = match options.columns.names() {
        Some(names) => Job::known(source, options, Named { names: Names::new(names), delimiter }),
        None => Job::open(source, options, Named { names: Names::default(), delimiter }, target)?,
    };
    loop {
        let mut file = CsvFile { out: Output::new(target.file(), options.format.compression)?, count: 0 };
        if job.write(&mut file)? {
            return file.finish();
        }
        drop(file);
        target.begin_anew()?;
    }
}

/// The names of columns, which are all that CSV says of them.
#[derive(Clone, Default)]
struct Named {
    names: Names,
    delimiter: u8,
}

/// The names of the columns that messages have, and the source of the same messages.
#[cfg(feature = "xlsx")]
pub(crate) fn names_of<'s>(source: &TopicSource<'s>, options: &ExportOptions) -> Result<(Names, TopicSource<'s>)> {
    let (known, again) = look(source, options, Named::default())?;
    Ok((known.names, again))
}

impl Known for Named {
    type Rows = CsvRows;

    fn look(&mut self, row: &Row<'_>, options: &ExportOptions) {
        self.names.look(row, options);
    }

    fn join(&mut self, later: Self) -> bool {
        self.names.join(&later.names)
    }

    fn rows(&self, grows: bool) -> Result<CsvRows> {
        Ok(CsvRows::new(self, grows))
    }

    fn told(&self, _rows: &CsvRows) -> Option<Self> {
        None
    }
}

struct CsvFile<'f> {
    out: Output<'f>,
    count: u64,
}

impl CsvFile<'_> {
    fn finish(self) -> Result<Exported> {
        Ok(Exported::new(self.count, self.out.finish()?))
    }
}

impl Sink<Named> for CsvFile<'_> {
    fn begin(&mut self, known: &Named) -> Result<()> {
        let mut rows = CsvRows::new(known, false);
        for (column, name) in known.names.iter().enumerate() {
            rows.texts.set(column, Cell::Str(name));
        }
        if known.names.len() == 0 {
            return Ok(());
        }
        rows.end()?;
        self.out.push(&rows.lines)
    }

    fn put(&mut self, (lines, rows): (Vec<u8>, u64)) -> Result<()> {
        self.count += rows;
        self.out.push(&lines)
    }
}

/// Rows under names.
struct CsvRows {
    names: Names,
    in_front: Vec<Vec<u8>>,
    texts: Texts,
    delimiter: u8,
    grows: bool,
    is_outgrown: bool,
    lines: Vec<u8>,
    rows: u64,
}

impl CsvRows {
    fn new(known: &Named, grows: bool) -> Self {
        let (mut names, delimiter) = (known.names.clone(), known.delimiter);
        names.rewind();
        let texts = Texts::new(names.len());
        let in_front = names.iter().map(|name| in_front(name)).collect();
        Self { names, in_front, texts, delimiter, grows, is_outgrown: false, lines: Vec::new(), rows: 0 }
    }
}

impl RowWriter for CsvRows {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        let column = self.names.at(name).inspect_err(|_| self.is_outgrown = self.grows)?;
        self.texts.set(column, cell);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Self { names, texts, delimiter, lines, .. } = self;
        texts.take(|column, text| {
            if column > 0 {
                lines.push(*delimiter);
            }
            // A line without anything would be none.
            let text = if names.len() == 1 { Some(text.unwrap_or_default()) } else { text };
            write_field(text, *delimiter, lines);
        });
        lines.push(b'\n');
        names.rewind();
        self.rows += 1;
        Ok(())
    }

    fn abandon(&mut self) {
        self.texts.take(|_, _| {});
        self.names.rewind();
    }
}

impl Pieces for CsvRows {
    type Piece = (Vec<u8>, u64);

    fn take(&mut self) -> Result<(Vec<u8>, u64)> {
        Ok((std::mem::take(&mut self.lines), std::mem::take(&mut self.rows)))
    }

    fn is_outgrown(&self) -> bool {
        self.is_outgrown
    }

    fn names(&self) -> &[Vec<u8>] {
        &self.in_front
    }

    fn cell_at(&mut self, column: usize, cell: Cell<'_>) -> Result<()> {
        self.texts.set(column, cell);
        Ok(())
    }
}

/// Envelopes as rows of a file.
struct EnvelopeRows<'r, 'f> {
    rows: &'r mut CsvRows,
    file: &'r mut CsvFile<'f>,
}

impl RowWriter for EnvelopeRows<'_, '_> {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        self.rows.cell(name, cell)
    }

    fn end(&mut self) -> Result<()> {
        self.rows.end()?;
        let piece = self.rows.take()?;
        self.file.put(piece)
    }

    fn abandon(&mut self) {
        self.rows.abandon();
    }
}
