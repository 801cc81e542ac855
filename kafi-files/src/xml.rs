//! XML, in the shape that pandas writes and reads: within the root an element for each row, and within it one for each
//! column. Null is an empty element (`<name/>`), the empty string one with two tags, and what is missing is not there.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use kafi_core::{Error, ErrorKind, FileWriter, Result, json_text::write_string};
use quick_xml::events::Event;

use crate::cell::Cell;
use crate::envelope::write_envelope_cell;
use crate::escape::{push_name, push_text, unescape, unescape_name};
use crate::input::{Bytes, FileInput, bytes_of};
use crate::kinds::{Kind, STREAM_ROWS, write_kind};
use crate::markup::{Markup, bad, cut_off, name_of};
use crate::options::{ExportOptions, Exported, ImportOptions};
use crate::output::Output;
use crate::rows::{RowWriter, envelopes_to, messages_to};
use crate::sink::RowSink;
use crate::source::TopicSource;

pub(crate) fn topic_to_file(
    source: &TopicSource<'_>,
    file: &mut dyn FileWriter,
    options: &ExportOptions,
) -> Result<Exported> {
    let mut out = Output::new(file, options.format.compression)?;
    out.push(b"<?xml version='1.0' encoding='utf-8'?>\n<data>\n")?;
    let mut rows =
        XmlRows { out, line: Vec::new(), cells: Vec::new(), names: Distinct::default(), text: Vec::new(), count: 0 };
    match options.envelope {
        true => envelopes_to(source, &mut rows)?,
        false => messages_to(source, options, &mut rows)?,
    }
    rows.out.push(b"</data>\n")?;
    Ok(Exported::new(rows.count, rows.out.finish()?))
}

struct XmlRows<'f> {
    out: Output<'f>,
    line: Vec<u8>,
    /// Where each cell lies in the line, and its name in that.
    cells: Vec<(Range<usize>, usize)>,
    names: Distinct,
    text: Vec<u8>,
    count: u64,
}

impl RowWriter for XmlRows<'_> {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        let Self { line, text, cells, .. } = self;
        text.clear();
        let start = line.len();
        line.push(b'<');
        push_name(name, line);
        let name = start + 1..line.len();
        if cell.write_text(text) {
            line.push(b'>');
            push_text(std::str::from_utf8(text).expect("texts of cells are UTF-8"), line);
            line.extend_from_slice(b"</");
            line.extend_from_within(name.clone());
            line.push(b'>');
        } else {
            line.extend_from_slice(b"/>");
        }
        cells.push((start..line.len(), name.len()));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.count += 1;
        self.drop_twins();
        self.out.push(b"<row>")?;
        self.out.push(&self.line)?;
        self.abandon();
        self.out.push(b"</row>\n")
    }

    fn abandon(&mut self) {
        self.line.clear();
        self.cells.clear();
    }
}

impl XmlRows<'_> {
    /// Of members of one name the last one counts, as it does in JSON.
    fn drop_twins(&mut self) {
        let Self { line, cells, names, .. } = self;
        let name = |index: usize| {
            let (cell, name) = &cells[index];
            &line[cell.start + 1..][..*name]
        };
        if names.check(cells.len(), name) {
            return;
        }
        let mut last: HashSet<&[u8]> = HashSet::new();
        let kept: Vec<bool> = (0..cells.len()).rev().map(|index| last.insert(name(index))).collect();
        let kept = cells.iter().zip(kept.iter().rev()).filter(|(_, kept)| **kept);
        *line = kept.flat_map(|((cell, _), _)| &line[cell.clone()]).copied().collect();
    }
}

/// Looks whether the names of a row are distinct; they mostly are those of the row before, of which that is known.
#[derive(Default)]
struct Distinct {
    names: Vec<Vec<u8>>,
    are_distinct: bool,
}

impl Distinct {
    fn check<'n>(&mut self, count: usize, name: impl Fn(usize) -> &'n [u8]) -> bool {
        if self.names.len() != count || (0..count).any(|index| self.names[index] != name(index)) {
            self.names.clear();
            self.names.extend((0..count).map(|index| name(index).to_vec()));
            let distinct: HashSet<&[u8]> = self.names.iter().map(Vec::as_slice).collect();
            self.are_distinct = distinct.len() == count;
        }
        self.are_distinct || count == 0
    }
}

pub(crate) fn file_to_topic(input: &mut FileInput, options: &ImportOptions, sink: &mut dyn RowSink) -> Result<()> {
    let mut kinds = Kinds::default();
    let mut cells = Cells::new();
    let mut first = Vec::new();
    if let (FileInput::File(_), false) = (&input, options.envelope) {
        let mut reader = XmlReader::new(bytes_of(input)?);
        while !sink.is_cancelled() && reader.read(&mut cells)? {
            kinds.add(reader.row, &cells);
        }
    }
    let is_stream = matches!(input, FileInput::Stream(_));
    let mut reader = XmlReader::new(bytes_of(input)?);
    if is_stream && !options.envelope {
        while reader.row < STREAM_ROWS && reader.read(&mut cells)? {
            kinds.add(reader.row, &cells);
            first.push(std::mem::take(&mut cells));
        }
    }
    let mut row = Vec::new();
    let mut put = |cells: &Cells, sink: &mut dyn RowSink| {
        row.clear();
        match kinds.write(cells, options, &mut row) {
            Ok(()) => sink.push(&row),
            Err(error) => sink.fail(&row, error),
        }
    };
    for cells in &first {
        put(cells, sink)?;
    }
    while !sink.is_cancelled() && reader.read(&mut cells)? {
        put(&cells, sink)?;
    }
    Ok(())
}

/// The columns of a row, in order; null where there is no text.
type Cells = Vec<(String, Option<String>)>;

/// What pandas calls the numbers of rows.
const INDEX: &str = "index";

/// What the columns are.
struct Kinds {
    kinds: HashMap<String, Kind>,
    /// Whether each row has its number, as pandas writes its index.
    has_index: bool,
}

impl Default for Kinds {
    fn default() -> Self {
        Self { kinds: HashMap::new(), has_index: true }
    }
}

impl Kinds {
    fn add(&mut self, row: u64, cells: &Cells) {
        let index = cells.iter().find(|(name, _)| name == INDEX).and_then(|(_, text)| text.as_deref());
        self.has_index &= index.is_some_and(|text| text.parse() == Ok(row - 1));
        for (name, text) in cells {
            let Some(text) = text else { continue };
            match self.kinds.get_mut(name) {
                Some(kind) => *kind = kind.with(text.as_bytes()),
                None => {
                    self.kinds.insert(name.clone(), Kind::Empty.with(text.as_bytes()));
                }
            }
        }
    }

    fn write(&self, cells: &Cells, options: &ImportOptions, row: &mut Vec<u8>) -> Result<()> {
        row.push(b'{');
        let has_index = self.has_index && self.kinds.len() > 1;
        for (name, text) in cells.iter().filter(|(name, _)| !has_index || name != INDEX) {
            if row.len() > 1 {
                row.push(b',');
            }
            write_string(row, name);
            row.push(b':');
            match text {
                None => row.extend_from_slice(b"null"),
                Some(text) if options.envelope => write_envelope_cell(name, text, row),
                Some(text) => {
                    let kind = self.kinds.get(name).copied().unwrap_or(Kind::Text);
                    write_kind(kind, name, text.as_bytes(), row)?;
                }
            }
        }
        row.push(b'}');
        Ok(())
    }
}

/// Where the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Outside,
    Root,
    Row,
    Column,
    Over,
}

struct XmlReader<'a> {
    markup: Markup<Bytes<'a>>,
    at: At,
    /// The number of the row that was read last, from 1.
    row: u64,
    names: Distinct,
}

impl<'a> XmlReader<'a> {
    fn new(bytes: Bytes<'a>) -> Self {
        Self { markup: Markup::new(bytes), at: At::Outside, row: 0, names: Distinct::default() }
    }

    /// Reads the next row; false at the end.
    fn read(&mut self, cells: &mut Cells) -> Result<bool> {
        cells.clear();
        self.markup.begin();
        let number = self.row + 1;
        let is_row = self.read_row(cells).and_then(|is_row| self.check_names(cells).map(|()| is_row));
        let is_row = is_row.map_err(|error| error.with("row", number))?;
        self.row += u64::from(is_row);
        Ok(is_row)
    }

    fn check_names(&mut self, cells: &Cells) -> Result<()> {
        if self.names.check(cells.len(), |index| cells[index].0.as_bytes()) {
            return Ok(());
        }
        let mut known = HashSet::new();
        let twin = cells.iter().find(|(name, _)| !known.insert(name)).map_or("", |(name, _)| name);
        Err(wrong("a column stands there twice").with("column", twin))
    }

    fn read_row(&mut self, cells: &mut Cells) -> Result<bool> {
        loop {
            let event = self.markup.next()?;
            let (at, ends_row) = match (self.at, event) {
                (At::Over | At::Outside, Event::Eof) if self.at == At::Over => return Ok(false),
                (_, Event::Eof) => return Err(cut_off()),
                (At::Outside, Event::Start(_)) => (At::Root, false),
                (At::Outside, Event::Empty(_)) => (At::Over, false),
                (At::Root, Event::Start(row)) => {
                    add_attributes(&row, cells)?;
                    (At::Row, false)
                }
                (At::Root, Event::Empty(row)) => {
                    add_attributes(&row, cells)?;
                    (At::Root, true)
                }
                (At::Root, Event::End(_)) => (At::Over, false),
                (At::Row, Event::Start(column)) => {
                    add(name_of(&column)?, Some(String::new()), cells);
                    (At::Column, false)
                }
                (At::Row, Event::Empty(column)) => {
                    add(name_of(&column)?, None, cells);
                    (At::Row, false)
                }
                (At::Row, Event::End(_)) => (At::Root, true),
                (At::Column, Event::End(_)) => {
                    let text = &mut cells.last_mut().expect("a column has begun").1;
                    if let Some(text) = text
                        && text.contains("_x")
                    {
                        *text = unescape(text).into_owned();
                    }
                    (At::Row, false)
                }
                (At::Column, Event::Text(text)) => {
                    push(&text.unescape().map_err(bad)?, cells);
                    (At::Column, false)
                }
                (At::Column, Event::CData(text)) => {
                    let text = text.into_inner();
                    let text = std::str::from_utf8(&text).map_err(|_| wrong("a text is not UTF-8"))?;
                    push(text, cells);
                    (At::Column, false)
                }
                (At::Column, Event::Start(_) | Event::Empty(_)) => {
                    let (column, _) = cells.last().expect("a column has begun");
                    return Err(wrong("there are elements within a column, which has text only").with("column", column));
                }
                (At::Over, Event::Start(_) | Event::Empty(_)) => {
                    return Err(wrong("something stands behind the end of the document"));
                }
                (at, Event::Text(text)) => {
                    if text.iter().any(|byte| !byte.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(byte)) {
                        return Err(wrong("there is text outside of columns"));
                    }
                    (at, false)
                }
                (at, _) => (at, false),
            };
            self.at = at;
            if ends_row {
                return Ok(true);
            }
        }
    }
}

/// Attributes of a row are columns, too.
fn add_attributes(row: &quick_xml::events::BytesStart<'_>, cells: &mut Cells) -> Result<()> {
    for attribute in row.attributes() {
        let attribute = attribute.map_err(|error| bad(error.into()))?;
        let name =
            std::str::from_utf8(attribute.key.local_name().into_inner()).map_err(|_| wrong("a name is not UTF-8"))?;
        add(name, Some(attribute.unescape_value().map_err(bad)?.into_owned()), cells);
    }
    Ok(())
}

fn add(name: &str, text: Option<String>, cells: &mut Cells) {
    cells.push((unescape_name(name).into_owned(), text));
}

fn push(text: &str, cells: &mut Cells) {
    if let Some((_, Some(known))) = cells.last_mut() {
        known.push_str(text);
    }
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read XML", why)
}
