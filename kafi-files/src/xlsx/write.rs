//! Rows as a workbook, as they come: strings stand in the cells themselves, so that nothing has to be kept.

use std::io::Write;

use kafi_core::{Error, ErrorKind, FileWriter, JsonKind, Result};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use crate::cell::Cell;
use crate::delimited::names_of;
use crate::envelope::ENVELOPE;
use crate::escape::push_text;
use crate::options::{ExportOptions, Exported};
use crate::output::{FileStream, of_stream};
use crate::rows::{Names, RowWriter, envelopes_to, messages_to};
use crate::source::TopicSource;

/// What Excel takes.
const SHEET_ROWS_MAX: u32 = 1_048_576;
const COLUMNS_MAX: usize = 16_384;
const CELL_UNITS_MAX: usize = 32_767;
const DIGITS_MAX: usize = 15;

/// Fast, and not much larger than the best.
const COMPRESSION_LEVEL: i64 = 3;

/// XML goes to the compressor in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const SHEET_START: &str = r#"<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>"#;
const STYLES: &str = r#"<fonts count="1"><font/></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="1"><xf/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"#;

pub(crate) fn topic_to_file(
    source: &TopicSource<'_>,
    file: &mut dyn FileWriter,
    options: &ExportOptions,
) -> Result<Exported> {
    if options.envelope {
        let mut rows = Workbook::new(Names::new(ENVELOPE.map(str::to_string).to_vec()), file, SHEET_ROWS_MAX)?;
        envelopes_to(source, &mut rows)?;
        return rows.finish();
    }
    let (names, source) = match options.columns.names() {
        Some(names) => (Names::new(names), source.with(source.options.clone())),
        None => names_of(source, options)?,
    };
    let mut rows = Workbook::new(names, file, SHEET_ROWS_MAX)?;
    messages_to(&source, options, &mut rows)?;
    rows.finish()
}

struct Workbook<'f> {
    zip: ZipWriter<StreamWriter<FileStream<'f>>>,
    names: Names,
    /// The letters of each column.
    letters: Vec<String>,
    /// Whether numbers of the column became text.
    texts: Vec<bool>,
    /// The cells of the row, by column, and those that are filled.
    cells: Vec<Vec<u8>>,
    xml: Vec<u8>,
    text: Vec<u8>,
    sheets: u32,
    sheet_rows_max: u32,
    /// The rows of the sheet so far.
    rows: u32,
    count: u64,
}

impl<'f> Workbook<'f> {
    fn new(mut names: Names, file: &'f mut dyn FileWriter, sheet_rows_max: u32) -> Result<Self> {
        let columns = names.len();
        if columns > COLUMNS_MAX {
            let why = format!("a sheet has at most {COLUMNS_MAX} columns, and there are {columns}");
            return Err(Error::new(ErrorKind::TooLarge, "write workbook", why).hint("--columns chooses some"));
        }
        names.rewind();
        let mut workbook = Self {
            zip: ZipWriter::new_stream(FileStream::new(file)),
            names,
            letters: (0..columns).map(letters_of).collect(),
            texts: vec![false; columns],
            cells: vec![Vec::new(); columns],
            xml: Vec::new(),
            text: Vec::new(),
            sheets: 0,
            sheet_rows_max,
            rows: 0,
            count: 0,
        };
        workbook.begin_sheet()?;
        Ok(workbook)
    }

    fn begin_part(&mut self, name: &str) -> Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let options = options.compression_level(Some(COMPRESSION_LEVEL)).large_file(true);
        self.zip.start_file(name, options).map_err(of_zip)?;
        self.xml.clear();
        self.xml.extend_from_slice(DECLARATION.as_bytes());
        Ok(())
    }

    fn end_part(&mut self) -> Result<()> {
        self.zip.write_all(&self.xml).map_err(of_stream)
    }

    fn begin_sheet(&mut self) -> Result<()> {
        self.sheets += 1;
        self.rows = 0;
        self.begin_part(&format!("xl/worksheets/sheet{}.xml", self.sheets))?;
        self.xml.extend_from_slice(format!("<worksheet xmlns=\"{MAIN}\">{SHEET_START}").as_bytes());
        if self.names.len() == 0 {
            return Ok(());
        }
        let names: Vec<String> = self.names.iter().cloned().collect();
        for (column, name) in names.iter().enumerate() {
            self.put(column, Cell::Str(name)).map_err(|error| error.with("column", name))?;
        }
        self.end_row()
    }

    fn end_sheet(&mut self) -> Result<()> {
        self.xml.extend_from_slice(b"</sheetData></worksheet>");
        self.end_part()
    }

    /// Puts what stands in a column into the row.
    fn put(&mut self, column: usize, cell: Cell<'_>) -> Result<()> {
        let Self { cells, text, texts, letters, rows, .. } = self;
        text.clear();
        if !cell.write_text(text) {
            return Ok(());
        }
        let out = &mut cells[column];
        out.clear();
        out.extend_from_slice(b"<c r=\"");
        out.extend_from_slice(letters[column].as_bytes());
        out.extend_from_slice((*rows + 1).to_string().as_bytes());
        let kind = kind_of(cell);
        match kind {
            JsonKind::Number if fits(text) => push_value(b"\"><v>", text, out),
            JsonKind::Bool => push_value(b"\" t=\"b\"><v>", if text == b"true" { b"1" } else { b"0" }, out),
            _ => {
                texts[column] |= kind == JsonKind::Number;
                let text = std::str::from_utf8(text).expect("texts of cells are UTF-8");
                if text.len() > CELL_UNITS_MAX && text.encode_utf16().count() > CELL_UNITS_MAX {
                    out.clear();
                    let why = format!("a cell holds at most {CELL_UNITS_MAX} characters");
                    return Err(Error::new(ErrorKind::TooLarge, "write workbook", why));
                }
                out.extend_from_slice(b"\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
                push_text(text, out);
                out.extend_from_slice(b"</t></is></c>");
            }
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<()> {
        self.rows += 1;
        self.xml.extend_from_slice(format!("<row r=\"{}\">", self.rows).as_bytes());
        for cell in &mut self.cells {
            self.xml.extend_from_slice(cell);
            cell.clear();
        }
        self.xml.extend_from_slice(b"</row>");
        if self.xml.len() >= PIECE_BYTES {
            self.zip.write_all(&self.xml).map_err(of_stream)?;
            self.xml.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Exported> {
        self.end_sheet()?;
        let sheets = 1..=self.sheets;
        let listed = |each: fn(u32) -> String| sheets.clone().map(each).collect::<String>();
        let package = "http://schemas.openxmlformats.org/package/2006";
        let document = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
        let types = listed(|sheet| {
            format!(
                "<Override PartName=\"/xl/worksheets/sheet{sheet}.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>"
            )
        });
        let names = listed(|sheet| format!("<sheet name=\"Sheet{sheet}\" sheetId=\"{sheet}\" r:id=\"rId{sheet}\"/>"));
        let links = listed(|sheet| {
            format!(
                "<Relationship Id=\"rId{sheet}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet{sheet}.xml\"/>"
            )
        });
        let styles = self.sheets + 1;
        for (name, xml) in [
            (
                "[Content_Types].xml",
                format!(
                    "<Types xmlns=\"{package}/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"{kind}.sheet.main+xml\"/><Override PartName=\"/xl/styles.xml\" ContentType=\"{kind}.styles+xml\"/>{types}</Types>"
                ),
            ),
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" Type=\"{document}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/workbook.xml",
                format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{document}\"><sheets>{names}</sheets></workbook>"),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{package}/relationships\">{links}<Relationship Id=\"rId{styles}\" Type=\"{document}/styles\" Target=\"styles.xml\"/></Relationships>"
                ),
            ),
            ("xl/styles.xml", format!("<styleSheet xmlns=\"{MAIN}\">{STYLES}")),
        ] {
            self.begin_part(name)?;
            self.xml.extend_from_slice(xml.as_bytes());
            self.end_part()?;
        }
        let texts = self.names.iter().zip(&self.texts).filter(|(_, is_text)| **is_text);
        let texts = texts.map(|(name, _)| name.clone()).collect();
        let bytes = self.zip.finish().map_err(of_zip)?.into_inner().finish()?;
        Ok(Exported { rows: self.count, bytes, texts })
    }
}

impl RowWriter for Workbook<'_> {
    fn cell(&mut self, name: &str, cell: Cell<'_>) -> Result<()> {
        let column = self.names.at(name)?;
        self.put(column, cell).map_err(|error| error.with("column", name))
    }

    fn end(&mut self) -> Result<()> {
        self.end_row()?;
        self.names.rewind();
        self.count += 1;
        if self.rows == self.sheet_rows_max {
            self.end_sheet()?;
            self.begin_sheet()?;
        }
        Ok(())
    }

    fn abandon(&mut self) {
        self.cells.iter_mut().for_each(Vec::clear);
        self.names.rewind();
    }
}

fn push_value(start: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(start);
    out.extend_from_slice(value);
    out.extend_from_slice(b"</v></c>");
}

/// What a cell is for Excel, as the kinds of JSON say it.
fn kind_of(cell: Cell<'_>) -> JsonKind {
    match cell {
        Cell::Int(_) => JsonKind::Number,
        Cell::Json(_) | Cell::Raw(_) => cell.kind(),
        _ => JsonKind::Str,
    }
}

/// Whether Excel keeps all digits of a number, of which it has 15.
fn fits(text: &[u8]) -> bool {
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
    let first = digits.iter().position(|digit| *digit != b'0');
    let last = digits.iter().rposition(|digit| *digit != b'0');
    let (Some(first), Some(last)) = (first, last) else { return true };
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    last - first < DIGITS_MAX && number.is_some_and(|number| (2.3e-308..9.9e307).contains(&number.abs()))
}

/// The letters of a column: A to Z, then AA.
fn letters_of(column: usize) -> String {
    let mut letters = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        left -= 1;
        letters.push(b'A' + (left % 26) as u8);
        left /= 26;
    }
    letters.reverse();
    String::from_utf8(letters).expect("they are letters")
}

fn of_zip(error: zip::result::ZipError) -> Error {
    match error {
        zip::result::ZipError::Io(error) => of_stream(error),
        error => Error::new(ErrorKind::Io, "write workbook", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters_and_numbers_their_digits() {
        let letters = [0, 25, 26, 51, 701, 702, 16_383].map(letters_of);
        assert_eq!(letters, ["A", "Z", "AA", "AZ", "ZZ", "AAA", "XFD"]);
        for text in
            ["0", "-0.000", "123456789012345", "19.990", "1e21", "100000000000000000000", "0.000123456789012345"]
        {
            assert!(fits(text.as_bytes()), "{text}");
        }
        for text in ["9007199254740993", "0.1234567890123456", "1e308", "1e-308", "1e999"] {
            assert!(!fits(text.as_bytes()), "{text}");
        }
    }
}
