//! CSV and TSV, by RFC 4180: fields that hold a delimiter, a quote, or a line end stand in quotes, and quotes in them
//! are doubled. What is missing or null is an empty field, the empty string two quotes; these are null, too, where there
//! is one column, since a line without anything is no row.

use std::io::BufRead;

use kafi_core::{Error, ErrorKind, Result, json_text::write_string};

use crate::input::{Bytes, failed, skip_mark};

/// The largest row that is read, so that a quote that nobody closed ends in an error; less in tests, which are not
/// optimised.
pub(crate) const ROW_BYTES_MAX: usize = if cfg!(test) { 8 << 20 } else { 256 << 20 };

/// Appends a field; null is nothing.
pub(crate) fn write_field(text: Option<&[u8]>, delimiter: u8, out: &mut Vec<u8>) {
    let Some(text) = text else { return };
    let needs_quotes = text.is_empty()
        || text.iter().any(|byte| matches!(byte, b'"' | b'\n' | b'\r') || *byte == delimiter)
        || text.first() == Some(&b' ')
        || text.last() == Some(&b' ');
    if !needs_quotes {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for piece in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(piece);
        if piece.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// A row, as it is used again and again.
#[derive(Default)]
pub(crate) struct Fields {
    bytes: Vec<u8>,
    /// The end of each field, and whether it stood in quotes.
    ends: Vec<(usize, bool)>,
}

impl Fields {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a field; `None` for an empty one without quotes, or which is the only one.
    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let (end, quoted) = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1].0 };
        (end > start || quoted && self.len() > 1).then(|| &self.bytes[start..end])
    }
}

impl Fields {
    /// Replaces what `out` holds with all fields as an array of JSON, whatever bytes they are.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(b'[');
        for index in 0..self.len() {
            if index > 0 {
                out.push(b',');
            }
            match self.get(index) {
                Some(field) => write_string(out, &String::from_utf8_lossy(field)),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b']');
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// The beginning of a field.
    Start,
    Bare,
    Quoted,
    /// Behind a quote within quotes: its end, or the first of two.
    Quote,
}

/// Rows of a stream.
pub(crate) struct CsvReader<'a> {
    bytes: Bytes<'a>,
    delimiter: u8,
    row: u64,
}

impl<'a> CsvReader<'a> {
    pub(crate) fn new(mut bytes: Bytes<'a>, delimiter: u8) -> Result<Self> {
        skip_mark(&mut bytes)?;
        Ok(Self { bytes, delimiter, row: 0 })
    }

    /// Reads the next row that is not an empty line; false at the end.
    pub(crate) fn read(&mut self, fields: &mut Fields) -> Result<bool> {
        fields.bytes.clear();
        fields.ends.clear();
        let (mut at, mut is_over) = (At::Start, false);
        while !is_over {
            let block = self.bytes.fill_buf().map_err(failed)?;
            if block.is_empty() {
                return self.end(fields, at);
            }
            let mut used = 0;
            while used < block.len() && !is_over {
                used += step(&block[used..], self.delimiter, &mut at, fields);
                if at == At::Start && is_line_end(block[used - 1]) {
                    // An empty line is none, such as the one between the two bytes that end a line on Windows.
                    is_over = fields.ends != [(0, false)];
                    if !is_over {
                        fields.ends.clear();
                    }
                }
            }
            self.bytes.consume(used);
            if fields.bytes.len() > ROW_BYTES_MAX {
                let why = "a row has more than 256 MiB: is there a quote that nobody closed?";
                return Err(Error::new(ErrorKind::TooLarge, "read CSV", why).with("row", self.row + 1));
            }
        }
        self.row += 1;
        Ok(true)
    }

    /// The last row, which may lack its line end.
    fn end(&mut self, fields: &mut Fields, at: At) -> Result<bool> {
        if at == At::Quoted {
            let why = "the file ends within quotes: it is damaged or cut off";
            return Err(Error::new(ErrorKind::Corrupt, "read CSV", why).with("row", self.row + 1));
        }
        if at != At::Start || fields.len() > 0 {
            fields.ends.push((fields.bytes.len(), at == At::Quote));
            self.row += 1;
            return Ok(true);
        }
        Ok(false)
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Takes some bytes, and says how many.
fn step(block: &[u8], delimiter: u8, at: &mut At, fields: &mut Fields) -> usize {
    let byte = block[0];
    match *at {
        At::Quoted => {
            let len = block.iter().position(|byte| *byte == b'"').unwrap_or(block.len());
            fields.bytes.extend_from_slice(&block[..len]);
            if len < block.len() {
                *at = At::Quote;
                return len + 1;
            }
            return len;
        }
        At::Quote if byte == b'"' => {
            fields.bytes.push(b'"');
            *at = At::Quoted;
            return 1;
        }
        At::Start if byte == b'"' => {
            *at = At::Quoted;
            return 1;
        }
        _ => {}
    }
    if byte == delimiter || is_line_end(byte) {
        fields.ends.push((fields.bytes.len(), *at == At::Quote));
        *at = At::Start;
        return 1;
    }
    let len = memchr::memchr3(delimiter, b'\n', b'\r', block).unwrap_or(block.len());
    fields.bytes.extend_from_slice(&block[..len]);
    *at = At::Bare;
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn rows(text: &[u8], buffer: usize) -> Result<Vec<Vec<Option<String>>>> {
        let mut reader = CsvReader::new(Box::new(BufReader::with_capacity(buffer, text)), b',')?;
        let (mut fields, mut rows) = (Fields::default(), Vec::new());
        while reader.read(&mut fields)? {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            rows.push((0..fields.len()).map(|index| fields.get(index).map(text)).collect());
        }
        Ok(rows)
    }

    #[test]
    fn what_is_written_is_read_whatever_the_blocks() {
        let fields =
            [Some("a"), None, Some(""), Some("a,b"), Some("\"q\" \"\""), Some("two\r\nlines"), Some(" x "), Some("ä")];
        let mut text = Vec::new();
        for _ in 0..2 {
            for (index, field) in fields.iter().enumerate() {
                text.extend_from_slice(if index == 0 { b"" } else { b"," });
                write_field(field.map(str::as_bytes), b',', &mut text);
            }
            text.push(b'\n');
        }
        let expected: Vec<_> = fields.iter().map(|field| field.map(str::to_string)).collect();
        for buffer in [4, 5, 7, 1000] {
            assert_eq!(rows(&text, buffer).unwrap(), [expected.clone(), expected.clone()], "{buffer}");
        }
    }

    #[test]
    fn other_writers_are_read_too() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(
            rows(b"\xef\xbb\xbfa,b\r\n1,\"x\"\r\n\r\n\n,", 100).unwrap(),
            [vec![some("a"), some("b")], vec![some("1"), some("x")], vec![None, None]]
        );
        let lines = [vec![some("a"), some("b")], vec![some("1"), some("")], vec![some(" x"), some("y ")]];
        for text in ["a,b\r1,\"\"\r x,y ", "a,b\r\n1,\"\"\r\n x,y \r\n", "\r\ra,b\n\n1,\"\"\n x,y \n"] {
            for buffer in [4, 5, 100] {
                assert_eq!(rows(text.as_bytes(), buffer).unwrap(), lines, "{text}");
            }
        }
        assert_eq!(rows(b"a\n\"\"\n1\n\"\"", 100).unwrap(), [[some("a")], [None], [some("1")], [None]]);
        assert_eq!(rows(b"", 100).unwrap(), Vec::<Vec<_>>::new());
        assert_eq!(rows(b"a,b\n\"x", 100).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
