//! Rows on their way into a file, whatever its format.

use std::collections::HashMap;

use kafi_core::{Error, Result};

use crate::cell::Cell;
use crate::envelope::envelope_cells;
use crate::options::ExportOptions;
use crate::row::Row;
#[cfg(any(feature = "xml", feature = "xlsx"))]
use crate::source::each_row;
use crate::source::{TopicSource, each_envelope, unexpected};

/// What rows are written to, cell by cell.
pub(crate) trait RowWriter {
    /// Takes what stands in a column of the row; what is missing is not told.
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()>;

    /// Ends the row.
    fn end(&mut self) -> Result<()>;

    /// Forgets the cells of a row that has not ended.
    fn abandon(&mut self);
}

/// Writes a row; where it does not fit into its columns it is left out, and the error says why.
pub(crate) fn row_to(row: &Row<'_>, options: &ExportOptions, rows: &mut dyn RowWriter) -> Result<Option<Error>> {
    if let Err(error) = row.each(options, &mut |name, cell| rows.cell(name, cell)) {
        rows.abandon();
        return Ok(Some(error));
    }
    rows.end().map(|()| None)
}

/// Writes a row for each message.
#[cfg(any(feature = "xml", feature = "xlsx"))]
pub(crate) fn messages_to(source: &TopicSource<'_>, options: &ExportOptions, rows: &mut dyn RowWriter) -> Result<()> {
    each_row(source, options, |row| row_to(row, options, rows))
}

/// Writes the envelope of each message as a row.
pub(crate) fn envelopes_to(source: &TopicSource<'_>, rows: &mut dyn RowWriter) -> Result<()> {
    each_envelope(source, |envelope| {
        if let Err(error) = envelope_cells(envelope, &mut |name, cell| rows.cell(name, cell)) {
            rows.abandon();
            return Ok(Some(error));
        }
        rows.end().map(|()| None)
    })
}

/// The names of columns, and where each is.
#[derive(Clone, Default)]
pub(crate) struct Names {
    names: Vec<String>,
    index: HashMap<String, usize>,
    /// The column that probably comes next.
    next: usize,
}

impl Names {
    pub(crate) fn new(names: Vec<String>) -> Self {
        let index = names.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect();
        Self { names, index, next: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &String> {
        self.names.iter()
    }

    /// Adds the names of the columns of a row.
    pub(crate) fn look(&mut self, row: &Row<'_>, options: &ExportOptions) {
        self.rewind();
        let _told_later = row.each(options, &mut |name, _| {
            self.add(name);
            Ok(())
        });
    }

    /// Adds the names of later rows; true where there are new ones.
    pub(crate) fn join(&mut self, later: &Self) -> bool {
        let before = self.names.len();
        later.names.iter().for_each(|name| self.add(name));
        self.names.len() > before
    }

    /// Adds a name, unless it is there.
    fn add(&mut self, name: &str) {
        if self.names.get(self.next).is_some_and(|next| next == name) {
            self.next += 1;
        } else if !self.index.contains_key(name) {
            self.index.insert(name.to_string(), self.names.len());
            self.names.push(name.to_string());
        }
    }

    /// Where the column of this name is.
    pub(crate) fn at(&mut self, name: &str) -> Result<usize> {
        let column = match self.names.get(self.next) {
            Some(next) if next == name => self.next,
            _ => *self.index.get(name).ok_or_else(|| unexpected(name))?,
        };
        self.next = column + 1;
        Ok(column)
    }

    /// Begins the next row.
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
    }
}

/// The texts of the cells of one row, by column.
#[derive(Default)]
pub(crate) struct Texts {
    texts: Vec<u8>,
    cells: Vec<Option<(usize, usize)>>,
}

impl Texts {
    pub(crate) fn new(columns: usize) -> Self {
        Self { texts: Vec::new(), cells: vec![None; columns] }
    }

    /// Takes the text of a cell.
    pub(crate) fn set(&mut self, column: usize, cell: Cell<'_>) {
        let start = self.texts.len();
        self.cells[column] = cell.write_text(&mut self.texts).then_some((start, self.texts.len()));
    }

    /// Hands over the text of each column, and is empty then.
    pub(crate) fn take(&mut self, mut each: impl FnMut(usize, Option<&[u8]>)) {
        for (column, cell) in self.cells.iter_mut().enumerate() {
            each(column, cell.take().map(|(start, end)| &self.texts[start..end]));
        }
        self.texts.clear();
    }
}
