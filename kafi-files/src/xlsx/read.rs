//! Workbooks as rows: those of the first sheet under its names, and of the sheets behind it that go on with the same.

use std::io::BufRead;

use kafi_core::{Error, ErrorKind, Result, json_text::write_string};
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::dates::{Shows, text_of};
use super::parts::{Shared, of_zip, part, shared, sheets, wrong};
use crate::envelope::write_envelope_cell;
use crate::escape::unescape;
use crate::input::{FileCursor, FileInput};
use crate::kinds::is_number;
use crate::markup::{Markup, attribute, bad, cut_off, name_of};
use crate::options::ImportOptions;
use crate::sink::RowSink;

/// What Excel takes.
const COLUMNS_MAX: usize = 16_384;

pub(crate) fn file_to_topic(input: &mut FileInput, options: &ImportOptions, sink: &mut dyn RowSink) -> Result<()> {
    let file = input.take_file(options.format)?;
    let mut archive = ZipArchive::new(FileCursor::new(file)).map_err(of_zip)?;
    let (sheets, starts_1904) = sheets(&mut archive)?;
    let shared = shared(&mut archive, starts_1904)?;
    let (mut names, mut left_out) = (None, Vec::new());
    for sheet in sheets {
        let Some(markup) = part(&mut archive, &sheet.part)? else {
            return Err(wrong("a sheet is missing").with("sheet", sheet.name));
        };
        let mut rows = SheetReader { markup, shared: &shared, row: 0, last: 0 };
        let read = rows.read_to(options, &mut names, sink);
        let row = rows.row;
        if !read.map_err(|error| error.with("sheet", &sheet.name).with("row of sheet", row))? {
            left_out.push(sheet.name);
        }
    }
    if !left_out.is_empty() {
        log::warn!("left out, since their columns are not those of the first sheet: {}", left_out.join(", "));
    }
    Ok(())
}

/// A cell that holds something.
enum Content {
    Number(String),
    Bool(bool),
    Text(String),
}

impl Content {
    fn text(&self) -> &str {
        match self {
            Self::Number(text) | Self::Text(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
        }
    }
}

/// The columns of a row that hold something.
type Cells = Vec<(usize, Content)>;

struct SheetReader<'a, R: BufRead> {
    markup: Markup<R>,
    shared: &'a Shared,
    /// The number of the row, as the sheet has it, and the column that was read last, from 1.
    row: u64,
    last: usize,
}

impl<R: BufRead> SheetReader<'_, R> {
    /// Reads all rows, if they have these names, or no other sheet had any before.
    fn read_to(
        &mut self,
        options: &ImportOptions,
        known: &mut Option<Vec<Option<String>>>,
        sink: &mut dyn RowSink,
    ) -> Result<bool> {
        let mut cells = Cells::new();
        if !self.read(&mut cells)? {
            return Ok(true);
        }
        let names = names_of(&cells);
        match known {
            Some(known) if *known != names => return Ok(false),
            Some(_) => {}
            None => *known = Some(names.clone()),
        }
        let mut row = Vec::new();
        while !sink.is_cancelled() && self.read(&mut cells)? {
            row.clear();
            write_row(&names, &cells, options, &mut row)?;
            sink.push(&row)?;
        }
        Ok(true)
    }

    /// Reads the next row that holds something; false at the end.
    fn read(&mut self, cells: &mut Cells) -> Result<bool> {
        cells.clear();
        self.markup.begin();
        let mut within = false;
        loop {
            match self.markup.next()? {
                Event::Eof => return Err(cut_off()),
                Event::Start(element) => match name_of(&element)? {
                    "row" => {
                        let number = attribute(&element, "r")?.and_then(|text| text.parse().ok());
                        self.row = number.unwrap_or(self.row + 1);
                        (within, self.last) = (true, 0);
                    }
                    "c" if within => {
                        let head = Head::of(&element)?;
                        let column = head.column.unwrap_or(self.last + 1);
                        if column <= self.last || column > COLUMNS_MAX {
                            return Err(wrong("a cell stands where none can be"));
                        }
                        self.last = column;
                        if let Some(content) = self.content(&head)? {
                            cells.push((column - 1, content));
                        }
                    }
                    _ => {}
                },
                Event::Empty(element) if within && name_of(&element)? == "c" => {
                    self.last = Head::of(&element)?.column.unwrap_or(self.last + 1);
                }
                Event::End(element) => match element.local_name().into_inner() {
                    b"row" if !cells.is_empty() => return Ok(true),
                    b"row" => {
                        within = false;
                        self.markup.begin();
                    }
                    b"sheetData" => return Ok(false),
                    _ => {}
                },
                // A sheet without rows.
                Event::Empty(element) if name_of(&element)? == "sheetData" => return Ok(false),
                _ => {}
            }
        }
    }

    /// What stands in a cell, whose element has begun.
    fn content(&mut self, head: &Head) -> Result<Option<Content>> {
        let (mut value, mut within, mut phonetic, mut has_text) = (String::new(), false, false, false);
        loop {
            match self.markup.next()? {
                Event::Eof => return Err(cut_off()),
                Event::Start(element) => match name_of(&element)? {
                    "v" => within = true,
                    "t" => {
                        within = !phonetic;
                        has_text = true;
                    }
                    "rPh" => phonetic = true,
                    _ => {}
                },
                Event::Empty(element) if name_of(&element)? == "t" => has_text = true,
                Event::End(element) => match element.local_name().into_inner() {
                    b"v" | b"t" => within = false,
                    b"rPh" => phonetic = false,
                    b"c" => break,
                    _ => {}
                },
                Event::Text(text) if within => value.push_str(&text.unescape().map_err(bad)?),
                _ => {}
            }
        }
        head.content(value, has_text, self.shared)
    }
}

/// What the tag of a cell says.
struct Head {
    /// From 1.
    column: Option<usize>,
    kind: String,
    style: usize,
}

impl Head {
    fn of(element: &BytesStart<'_>) -> Result<Self> {
        let column = attribute(element, "r")?.map(|place| column_of(&place));
        let kind = attribute(element, "t")?.unwrap_or_default().into_owned();
        let style = attribute(element, "s")?.and_then(|text| text.parse().ok()).unwrap_or_default();
        Ok(Self { column, kind, style })
    }

    fn content(&self, value: String, has_text: bool, shared: &Shared) -> Result<Option<Content>> {
        let content = match self.kind.as_str() {
            "inlineStr" if has_text => Content::Text(unescape(&value).into_owned()),
            _ if value.is_empty() => return Ok(None),
            "s" => {
                let string = value.trim().parse().ok().and_then(|index| shared.string(index));
                Content::Text(string.ok_or_else(|| wrong("a cell names a string that is not there"))?.to_string())
            }
            "b" => Content::Bool(value.trim() == "1" || value.trim() == "true"),
            "str" => Content::Text(unescape(&value).into_owned()),
            "e" | "d" => Content::Text(value),
            _ => number(value.trim(), shared.style(self.style), shared.starts_1904)?,
        };
        Ok(Some(content))
    }
}

fn number(text: &str, shows: Shows, starts_1904: bool) -> Result<Content> {
    let number: f64 = text.parse().map_err(|_| wrong("a cell holds a number that is none"))?;
    if shows.is_any()
        && let Some(text) = text_of(number, shows, starts_1904)
    {
        return Ok(Content::Text(text));
    }
    if is_number(text.as_bytes()) {
        return Ok(Content::Number(text.to_string()));
    }
    if !number.is_finite() {
        return Err(wrong("a cell holds a number that is none"));
    }
    Ok(Content::Number(number.to_string()))
}

/// The column of a place such as `B7`, from 1; 0 for what is none.
fn column_of(place: &str) -> usize {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    letters.fold(0, |column, letter| column * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1)
}

/// The names of the columns; an index that pandas wrote has none, and is no column.
fn names_of(cells: &Cells) -> Vec<Option<String>> {
    let mut names = vec![None; cells.last().map_or(0, |(column, _)| column + 1)];
    for (column, content) in cells {
        let name = content.text();
        names[*column] = Some(name.to_string()).filter(|name| *column > 0 || name != "Unnamed: 0");
    }
    names
}

fn write_row(names: &[Option<String>], cells: &Cells, options: &ImportOptions, row: &mut Vec<u8>) -> Result<()> {
    row.push(b'{');
    let mut cells = cells.iter().peekable();
    for (column, name) in names.iter().enumerate() {
        let cell = cells.next_if(|(at, _)| *at == column).map(|(_, content)| content);
        let Some(name) = name else {
            // Only the first column is an index.
            if column > 0 && cell.is_some() {
                return Err(without_name(column));
            }
            continue;
        };
        if options.envelope && cell.is_none() {
            continue;
        }
        if row.len() > 1 {
            row.push(b',');
        }
        write_string(row, name);
        row.push(b':');
        match cell {
            None => row.extend_from_slice(b"null"),
            Some(content) if options.envelope => write_envelope_cell(name, content.text(), row),
            Some(Content::Text(text)) => write_string(row, text),
            Some(content) => row.extend_from_slice(content.text().as_bytes()),
        }
    }
    row.push(b'}');
    cells.next().map_or(Ok(()), |(column, _)| Err(without_name(*column)))
}

fn without_name(column: usize) -> Error {
    let why = "a cell stands in a column without a name: the first row holds the names";
    Error::new(ErrorKind::Corrupt, "read workbook", why).with("column", column + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_say_columns() {
        assert_eq!(["A1", "z9", "AA10", "XFD1", "7", ""].map(column_of), [1, 26, 27, 16_384, 0, 0]);
        assert!(column_of("ZZZZZZZZZZZZ1") > COLUMNS_MAX);
    }
}
