//! Tables: aligned for people, one JSON document a row for programs.

use std::fmt::Write as _;

use kafi::Result;

use crate::context::Context;
use crate::output::{Stdout, escape, highlight, number};

/// A value in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text; on the left.
    Text(String),
    /// A number; on the right.
    Number(i64),
    /// A number of bytes, shown with a unit.
    Bytes(u64),
    /// Yes or no.
    Flag(bool),
    /// Nothing is known.
    Unknown,
}

/// Rows under names.
pub struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// The rows that matter less.
    dimmed: Vec<usize>,
    layout: Layout,
}

/// How a table looks to people.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Names above columns.
    Columns,
    /// Columns without their names, as grep prints counts.
    Bare,
    /// A line for each cell, its name before it.
    Records,
}

impl Table {
    /// A table without rows. The names are also the keys of the JSON documents.
    pub fn new(names: &[&'static str]) -> Self {
        Self { names: names.to_vec(), rows: Vec::new(), dimmed: Vec::new(), layout: Layout::Columns }
    }

    /// The same, without the names above.
    pub fn without_names(self) -> Self {
        Self { layout: Layout::Bare, ..self }
    }

    /// The same, with a line for each cell.
    pub fn with_names_beside(self) -> Self {
        Self { layout: Layout::Records, ..self }
    }

    /// Adds a row, with a cell for each name.
    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.names.len());
        self.rows.push(cells);
    }

    /// Adds a row that matters less, which is dimmed where there are colours.
    pub fn dimmed_row(&mut self, cells: Vec<Cell>) {
        self.dimmed.push(self.rows.len());
        self.row(cells);
    }

    /// Prints it. A table without rows prints nothing.
    pub fn print(&self, context: &Context) -> Result<()> {
        let mut stdout = Stdout::open()?;
        if self.rows.is_empty() {
            return Ok(());
        }
        let lines = match self.layout {
            _ if context.json => self.json_lines(),
            Layout::Records => self.record_lines(),
            Layout::Columns | Layout::Bare => self.aligned_lines(),
        };
        let above = usize::from(self.layout == Layout::Columns && !context.json);
        for (index, line) in lines.into_iter().enumerate() {
            let is_dimmed = context.color && !context.json && index.checked_sub(above).is_some_and(|row| self.dimmed.contains(&row));
            let mut shown = String::with_capacity(line.len());
            highlight::dim(&line, is_dimmed, &mut shown);
            stdout.line(&shown)?;
        }
        stdout.flush().map(|_| ())
    }

    fn json_lines(&self) -> Vec<String> {
        let line = |row: &Vec<Cell>| {
            let mut line = String::from("{");
            for (index, (name, cell)) in self.names.iter().zip(row).enumerate() {
                let comma = if index > 0 { "," } else { "" };
                let _ = write!(line, "{comma}\"{name}\":");
                match cell {
                    Cell::Text(text) => line.push_str(&json_string(text)),
                    Cell::Number(number) => line.push_str(&number.to_string()),
                    Cell::Bytes(bytes) => line.push_str(&bytes.to_string()),
                    Cell::Flag(flag) => line.push_str(&flag.to_string()),
                    Cell::Unknown => line.push_str("null"),
                }
            }
            line.push('}');
            line
        };
        self.rows.iter().map(line).collect()
    }

    fn aligned_lines(&self) -> Vec<String> {
        let shown: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(show).collect()).collect();
        let header = (self.layout == Layout::Columns).then(|| self.names.iter().map(|name| name.to_uppercase().replace('_', " ")).collect());
        let lines: Vec<Vec<String>> = header.into_iter().chain(shown).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.names.len()).map(width).collect();
        lines.iter().map(|line| aligned(line, &widths, |column| self.is_right(column))).collect()
    }

    fn record_lines(&self) -> Vec<String> {
        let width = self.names.iter().map(|name| name.len()).max().unwrap_or(0);
        let cells = self.rows.iter().flat_map(|row| self.names.iter().zip(row));
        cells.map(|(name, cell)| format!("{name:<width$}  {}", show(cell))).collect()
    }

    fn is_right(&self, column: usize) -> bool {
        self.rows.iter().any(|row| matches!(row[column], Cell::Number(_) | Cell::Bytes(_)))
    }
}

fn aligned(cells: &[String], widths: &[usize], is_right: impl Fn(usize) -> bool) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let _ = if is_right(column) { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:<width$}  ") };
    }
    line.truncate(line.trim_end().len());
    line
}

fn show(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => escape::line(text),
        Cell::Number(number) => number.to_string(),
        Cell::Bytes(bytes) => number::bytes(*bytes),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.into(),
        Cell::Unknown => "-".into(),
    }
}

fn json_string(text: &str) -> String {
    kafi::Json::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_documents_are_json() {
        let mut table = Table::new(&["topic", "messages", "size"]);
        table.row(vec![Cell::Text("a".into()), Cell::Number(7), Cell::Bytes(1500)]);
        table.row(vec![Cell::Text("long\"er".into()), Cell::Number(1234), Cell::Unknown]);
        assert_eq!(table.aligned_lines(), ["TOPIC    MESSAGES    SIZE", "a               7  1.5 kB", "long\"er      1234       -"]);
        assert_eq!(table.json_lines()[1], r#"{"topic":"long\"er","messages":1234,"size":null}"#);
    }
}
