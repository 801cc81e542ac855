//! Tables: aligned for people, one JSON document a row for programs.

use std::fmt::Write as _;
use std::io;

use kafi::{Result, StorageAddress};

use crate::output::options::OutputOptions;
use crate::output::stdout::{Stdout, nobody_reads};
use crate::output::{escape, highlight, number, terminal};

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
    /// What people see, and what programs get.
    Json {
        /// For people; on the left.
        shown: String,
        /// For programs: the text of a JSON value.
        json: String,
    },
    /// Nothing is known.
    Unknown,
}

/// Rows under names.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// The rows that matter less.
    dimmed: Vec<usize>,
    /// Columns that are not shown where nothing is known in any row.
    optional: &'static [&'static str],
    /// Columns that are in the JSON documents only.
    programs_only: &'static [&'static str],
    /// Columns of long names, whose ends tell them apart.
    long: &'static [&'static str],
    /// Whether people see nothing of the first column, because they have named but one storage.
    hides_storage: bool,
    layout: Layout,
}

/// How a table looks to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Self {
            names: names.to_vec(),
            rows: Vec::new(),
            dimmed: Vec::new(),
            optional: &[],
            programs_only: &[],
            long: &[],
            hides_storage: false,
            layout: Layout::Columns,
        }
    }

    /// A table of what lies on storages: the documents say first on which, and so do the columns where `several`
    /// storages were named. Its rows are added with [`row_on`](Table::row_on).
    pub fn of_storages(several: bool, names: &[&'static str]) -> Self {
        let names: Vec<&'static str> = ["storage"].iter().chain(names).copied().collect();
        Self { hides_storage: !several, ..Self::new(&names) }
    }

    /// The same, without the names above.
    pub fn without_names(self) -> Self {
        Self { layout: Layout::Bare, ..self }
    }

    /// The same, with a line for each cell.
    pub fn with_names_beside(self) -> Self {
        Self { layout: Layout::Records, ..self }
    }

    /// The same, without those of these columns, for people, in which no row has anything.
    pub fn with_optional(self, optional: &'static [&'static str]) -> Self {
        Self { optional, ..self }
    }

    /// The same, with these columns in the JSON documents only.
    pub fn with_programs_only(self, programs_only: &'static [&'static str]) -> Self {
        Self { programs_only, ..self }
    }

    /// The same, with these columns of long names, of which people see the ends where not all fits.
    pub fn with_long(self, long: &'static [&'static str]) -> Self {
        Self { long, ..self }
    }

    /// Adds a row, with a cell for each name.
    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.names.len());
        self.rows.push(cells);
    }

    /// Adds a row of a table [of storages](Table::of_storages).
    pub fn row_on(&mut self, storage: &StorageAddress, cells: impl IntoIterator<Item = Cell>) {
        self.row(on(storage, cells));
    }

    /// The same, for a row that matters less.
    pub fn dimmed_row_on(&mut self, storage: &StorageAddress, cells: impl IntoIterator<Item = Cell>) {
        self.dimmed_row(on(storage, cells));
    }

    /// Adds a row that matters less, which is dimmed where there are colours.
    pub fn dimmed_row(&mut self, cells: Vec<Cell>) {
        self.dimmed.push(self.rows.len());
        self.row(cells);
    }

    /// Prints it. A table without rows prints nothing; one that is too wide for the terminal is printed with a line for
    /// each cell. That nobody reads it is no failure.
    pub fn print(&self, options: &OutputOptions) -> Result<()> {
        self.print_all(options).map(|_| ())
    }

    /// The same below another table, after an empty line.
    pub fn print_below(&self, options: &OutputOptions) -> Result<()> {
        if !self.rows.is_empty() {
            let mut stdout = Stdout::open()?;
            stdout.line("")?;
            stdout.flush()?;
        }
        self.print(options)
    }

    /// Prints a result that counts only where it was printed.
    ///
    /// # Errors
    /// [`nobody_reads`] where that is so; what writing fails with.
    pub fn print_result(&self, options: &OutputOptions) -> Result<()> {
        if self.print_all(options)? { Ok(()) } else { Err(nobody_reads()) }
    }

    fn print_all(&self, options: &OutputOptions) -> Result<bool> {
        let mut stdout = Stdout::open()?;
        if self.rows.is_empty() {
            return Ok(true);
        }
        let columns =
            if options.terminal { terminal::columns(&io::stdout()).unwrap_or(usize::MAX) } else { usize::MAX };
        for line in self.lines(options.json, options.terminal, options.color, columns) {
            if !stdout.line(&line)? {
                return Ok(false);
            }
        }
        stdout.flush()
    }

    /// The lines, of which people see no more than so many characters; fit for a terminal where there is one.
    fn lines(&self, json: bool, terminal: bool, color: bool, columns: usize) -> Vec<String> {
        if json {
            return self.json_lines(terminal);
        }
        if self.layout == Layout::Records {
            return self.record_lines(terminal, color, columns);
        }
        let has_names = self.layout == Layout::Columns;
        let fits = |lines: &Vec<String>| !has_names || lines.iter().all(|line| line.chars().count() <= columns);
        let lines = Some(self.aligned_lines(terminal, false))
            .filter(fits)
            .or_else(|| Some(self.aligned_lines(terminal, true)).filter(fits));
        let Some(lines) = lines else { return self.record_lines(terminal, color, columns) };
        let shown = lines.into_iter().enumerate().map(|(index, line)| {
            let mut shown = String::with_capacity(line.len());
            match index.checked_sub(usize::from(has_names)) {
                None => highlight::names(&line, color, &mut shown),
                Some(row) => highlight::dim(&line, color && self.dimmed.binary_search(&row).is_ok(), &mut shown),
            }
            shown
        });
        shown.collect()
    }

    fn json_lines(&self, terminal: bool) -> Vec<String> {
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
                    Cell::Json { json, .. } => line.push_str(json),
                    Cell::Unknown => line.push_str("null"),
                }
            }
            line.push('}');
            if terminal { escape::json(&line) } else { line }
        };
        self.rows.iter().map(line).collect()
    }

    /// The lines of the columns, the long ones perhaps shortened.
    fn aligned_lines(&self, terminal: bool, shorten: bool) -> Vec<String> {
        let columns = self.columns();
        let cell = |row: &Vec<Cell>, column: usize| {
            let cell = show(&row[column], terminal);
            if shorten && self.long.contains(&self.names[column]) { end_of(&cell) } else { cell }
        };
        let shown = self.rows.iter().map(|row| columns.iter().map(|column| cell(row, *column)).collect());
        let header = (self.layout == Layout::Columns)
            .then(|| columns.iter().map(|column| self.names[*column].to_uppercase().replace('_', " ")).collect());
        let lines: Vec<Vec<String>> = header.into_iter().chain(shown).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let on_right: Vec<bool> = columns.iter().map(|column| self.is_right(*column)).collect();
        lines.iter().map(|line| aligned(line, &widths, |column| on_right[column])).collect()
    }

    /// A line for each cell, and an empty one between two rows. Long cells are continued below themselves.
    fn record_lines(&self, terminal: bool, color: bool, columns: usize) -> Vec<String> {
        let width = self.columns().into_iter().map(|column| self.names[column].len()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                lines.push(String::new());
            }
            for column in self.columns() {
                let mut name = String::new();
                highlight::names(&format!("{:<width$}", self.names[column].replace('_', " ")), color, &mut name);
                for part in wrapped(&show(&row[column], terminal), columns.saturating_sub(width + 2)) {
                    lines.push(format!("{name}  {part}").trim_end().to_string());
                    name = " ".repeat(width);
                }
            }
        }
        lines
    }

    /// The columns that are shown.
    fn columns(&self) -> Vec<usize> {
        let has_any = |column: &usize| self.rows.iter().any(|row| row[*column] != Cell::Unknown);
        let is_shown = |column: &usize| {
            !self.programs_only.contains(&self.names[*column])
                && (!self.optional.contains(&self.names[*column]) || has_any(column))
        };
        (usize::from(self.hides_storage)..self.names.len()).filter(is_shown).collect()
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

/// The last characters of a text that is longer.
fn end_of(text: &str) -> String {
    const KEPT: usize = 8;
    match text.char_indices().rev().nth(KEPT - 1) {
        Some((at, _)) if text[..at].chars().count() > 1 => format!("…{}", &text[at..]),
        _ => text.to_string(),
    }
}

/// The words of a text in lines of at most so many characters, save for words that are longer.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        match line.is_empty() || line.chars().count() + 1 + word.chars().count() <= columns {
            true if line.is_empty() => line.push_str(word),
            true => line.extend([" ", word]),
            false => lines.push(word.to_string()),
        }
    }
    lines
}

fn on(storage: &StorageAddress, cells: impl IntoIterator<Item = Cell>) -> Vec<Cell> {
    [Cell::Text(name_of(storage))].into_iter().chain(cells).collect()
}

/// How a storage is called where it is told apart from others: as it was typed, without a slash at its end and without
/// the properties of a URL.
pub fn name_of(storage: &StorageAddress) -> String {
    let name = storage.to_string();
    match storage {
        StorageAddress::Folder(_) if name.len() > 1 => name.trim_end_matches('/').to_string(),
        _ => name,
    }
}

fn show(cell: &Cell, terminal: bool) -> String {
    match cell {
        Cell::Text(text) | Cell::Json { shown: text, .. } if terminal => escape::line(text),
        Cell::Text(text) | Cell::Json { shown: text, .. } => text.clone(),
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
        assert_eq!(
            table.aligned_lines(true, false),
            ["TOPIC    MESSAGES    SIZE", "a               7  1.5 kB", "long\"er      1234       -"]
        );
        assert_eq!(table.json_lines(true)[1], r#"{"topic":"long\"er","messages":1234,"size":null}"#);
    }

    #[test]
    fn people_see_the_storage_where_there_are_several() {
        for (several, expected) in [(false, "TOPIC  MESSAGES"), (true, "STORAGE  TOPIC  MESSAGES")] {
            let mut table = Table::of_storages(several, &["topic", "messages"]);
            table.row_on(&StorageAddress::Folder("./a/".into()), [Cell::Text("t".into()), Cell::Number(7)]);
            assert_eq!(table.aligned_lines(true, false)[0], expected);
            assert_eq!(table.json_lines(true), [r#"{"storage":"./a","topic":"t","messages":7}"#]);
        }
    }

    #[test]
    fn a_terminal_gets_nothing_that_controls_it() {
        let mut table = Table::new(&["group"]);
        table.row(vec![Cell::Text("a\u{9b}\u{200b}".into())]);
        assert_eq!(
            (table.lines(false, true, false, 80)[1].as_str(), table.lines(true, true, false, 80)[0].as_str()),
            ("a\\x9b\\u200b", r#"{"group":"a\u009b\u200b"}"#)
        );
        assert_eq!(
            (table.lines(false, false, false, 80)[1].as_str(), table.lines(true, false, false, 80)[0].as_str()),
            ("a\u{9b}\u{200b}", "{\"group\":\"a\u{9b}\u{200b}\"}")
        );
    }

    #[test]
    fn long_names_are_shortened_before_that() {
        let mut table = Table::new(&["member", "lag"]).with_long(&["member"]);
        table.row(vec![Cell::Text("kafi-0123456789".into()), Cell::Number(7)]);
        table.row(vec![Cell::Text("k-23456789".into()), Cell::Unknown]);
        table.row(vec![Cell::Text("123456789".into()), Cell::Unknown]);
        assert_eq!(table.lines(false, true, false, 20)[..2], ["MEMBER           LAG", "kafi-0123456789    7"]);
        assert_eq!(
            table.lines(false, true, false, 19),
            ["MEMBER     LAG", "…23456789    7", "…23456789    -", "123456789    -"]
        );
        assert_eq!(table.lines(false, true, false, 13)[0], "member  kafi-0123456789");
    }

    #[test]
    fn what_is_too_wide_becomes_a_line_for_each_cell() {
        let mut table = Table::new(&["group", "lag", "member_id", "rack"]).with_optional(&["rack"]);
        table.row(vec![Cell::Text("a b c".into()), Cell::Number(7), Cell::Unknown, Cell::Unknown]);
        table.row(vec![Cell::Text("b".into()), Cell::Number(8), Cell::Text("m".into()), Cell::Unknown]);
        assert_eq!(table.lines(false, true, false, 22), ["GROUP  LAG  MEMBER ID", "a b c    7  -", "b        8  m"]);
        let narrow = [
            "group      a b",
            "           c",
            "lag        7",
            "member id  -",
            "",
            "group      b",
            "lag        8",
            "member id  m",
        ];
        assert_eq!(table.lines(false, true, false, 14), narrow);
        assert_eq!(table.lines(true, true, false, 14)[0], r#"{"group":"a b c","lag":7,"member_id":null,"rack":null}"#);
        assert_eq!(table.lines(false, true, true, 40)[0], "\x1b[1mGROUP  LAG  MEMBER ID\x1b[0m");
    }
}
