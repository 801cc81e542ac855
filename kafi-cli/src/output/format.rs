//! The `--format` string: kcat's and kcl's verbs.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kafi::{Error, ErrorKind, Record, Result, TimeFormat};

use crate::output::escape;

/// A parsed format.
#[derive(Clone, Debug, Default)]
pub struct Format {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key(Shape),
    Value(Shape),
    KeyLen,
    ValueLen,
    ValueLenBinary,
    Headers,
    Date(TimeFormat),
}

/// How bytes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Raw,
    Escaped,
    Hex,
    Base64,
}

const VERBS: &str = "%t %p %o %T %k %v %s %h %K %S %R %%, %k{hex} %v{base64} %d{%F %T}";

impl Format {
    /// Reads a format string; its times are local, or UTC with `utc`.
    ///
    /// # Errors
    /// `Usage` for a verb or an escape that is not known.
    pub fn parse(text: &str, utc: bool) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['%', '\\']) {
            literal.extend_from_slice(&rest.as_bytes()[..at]);
            rest = &rest[at..];
            if rest.starts_with('\\') {
                rest = &rest[unescape_one(rest, &mut literal)?..];
                continue;
            }
            let (piece, len) = verb(text, rest, utc)?;
            match piece {
                Some(piece) => {
                    flush(&mut literal, &mut pieces);
                    pieces.push(piece);
                }
                None => literal.push(b'%'),
            }
            rest = &rest[len..];
        }
        literal.extend_from_slice(rest.as_bytes());
        flush(&mut literal, &mut pieces);
        Ok(Self { pieces })
    }

    /// The format of `-K`: key, delimiter, value, separator.
    pub fn key_value(delimiter: &[u8], separator: &[u8]) -> Self {
        let literal = |bytes: &[u8]| Piece::Literal(bytes.to_vec());
        Self { pieces: vec![Piece::Key(Shape::Raw), literal(delimiter), Piece::Value(Shape::Raw), literal(separator)] }
    }

    /// Appends `record`; `null` stands for null keys, values, and header values. For a terminal, data is made fit to be
    /// looked at.
    pub fn write(&self, record: &Record<'_>, null: &[u8], terminal: bool, out: &mut Vec<u8>) {
        let shown = |bytes: Option<&[u8]>, shape: Shape, out: &mut Vec<u8>| {
            let shape = if terminal && shape == Shape::Raw { Shape::Escaped } else { shape };
            push_bytes(bytes, shape, null, out);
        };
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => out.extend_from_slice(bytes),
                Piece::Topic => shown(Some(record.topic.as_bytes()), Shape::Raw, out),
                Piece::Partition => push_number(record.partition.into(), out),
                Piece::Offset => push_number(record.offset, out),
                Piece::Timestamp => push_number(record.timestamp, out),
                Piece::Key(shape) => shown(record.key, *shape, out),
                Piece::Value(shape) => shown(record.value, *shape, out),
                Piece::KeyLen => push_number(len(record.key), out),
                Piece::ValueLen => push_number(len(record.value), out),
                Piece::ValueLenBinary => shown(Some(&(len(record.value) as i32).to_be_bytes()), Shape::Raw, out),
                Piece::Headers => push_headers(record, |bytes, out| shown(bytes, Shape::Raw, out), out),
                Piece::Date(format) => format.write(record.timestamp, out),
            }
        }
    }
}

/// Reads `\n`, `\t`, `\xNN` and the like, as they stand in `-K` and `-D` too.
///
/// # Errors
/// `Usage` for an escape that is not known.
pub fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        rest = &rest[unescape_one(rest, &mut bytes)?..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The piece of the verb that `rest` begins with (none for `%%`), and how long it is.
fn verb(text: &str, rest: &str, utc: bool) -> Result<(Option<Piece>, usize)> {
    let letter = rest[1..].chars().next().unwrap_or(' ');
    let piece = match letter {
        't' => Piece::Topic,
        'p' => Piece::Partition,
        'o' => Piece::Offset,
        'T' => Piece::Timestamp,
        'k' => return with_shape(text, rest, Piece::Key),
        's' | 'v' => return with_shape(text, rest, Piece::Value),
        'K' => Piece::KeyLen,
        'S' => Piece::ValueLen,
        'R' => Piece::ValueLenBinary,
        'h' => Piece::Headers,
        'd' => {
            let inner =
                braces(&rest[2..]).ok_or_else(|| bad(text, "%d needs a format of its own, such as %d{%F %T}"))?;
            return Ok((Some(Piece::Date(TimeFormat::new(inner, utc)?)), 2 + inner.len() + 2));
        }
        '%' => return Ok((None, 2)),
        _ => return Err(bad(text, format!("%{letter} is not known; there are {VERBS}"))),
    };
    Ok((Some(piece), 2))
}

fn with_shape(text: &str, rest: &str, piece: impl Fn(Shape) -> Piece) -> Result<(Option<Piece>, usize)> {
    let Some(name) = braces(&rest[2..]) else { return Ok((Some(piece(Shape::Raw)), 2)) };
    let shape = match name {
        "hex" => Shape::Hex,
        "base64" => Shape::Base64,
        _ => return Err(bad(text, format!("{{{name}}} is not known; there are {{hex}} and {{base64}}"))),
    };
    Ok((Some(piece(shape)), 2 + name.len() + 2))
}

fn braces(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?;
    inner.find('}').map(|end| &inner[..end])
}

/// Appends the byte of the escape that `text` begins with and says how long it is.
fn unescape_one(text: &str, out: &mut Vec<u8>) -> Result<usize> {
    let byte = match text.as_bytes().get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'0') => 0,
        Some(b'\\') => b'\\',
        Some(b'x') => {
            let hex = text.get(2..4).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            out.push(hex.ok_or_else(|| bad(text, "\\x needs two hexadecimal digits"))?);
            return Ok(4);
        }
        _ => return Err(bad(text, "this escape is not known; there are \\n \\t \\r \\0 \\\\ \\xNN")),
    };
    out.push(byte);
    Ok(2)
}

fn flush(literal: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(std::mem::take(literal)));
    }
}

fn push_number(number: i64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("a vector takes everything");
}

fn push_bytes(bytes: Option<&[u8]>, shape: Shape, null: &[u8], out: &mut Vec<u8>) {
    let Some(bytes) = bytes else { return out.extend_from_slice(null) };
    match shape {
        Shape::Raw => out.extend_from_slice(bytes),
        Shape::Escaped => {
            let mut text = String::new();
            escape::push(bytes, &mut text);
            out.extend_from_slice(text.as_bytes());
        }
        Shape::Hex => bytes.iter().for_each(|byte| write!(out, "{byte:02x}").expect("a vector takes everything")),
        Shape::Base64 => out.extend_from_slice(BASE64.encode(bytes).as_bytes()),
    }
}

/// As kcat shows them: `name=value,name=value`.
fn push_headers(record: &Record<'_>, push: impl Fn(Option<&[u8]>, &mut Vec<u8>), out: &mut Vec<u8>) {
    for (index, header) in record.headers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(Some(header.name), out);
        out.push(b'=');
        push(header.value, out);
    }
}

/// kcat's length: -1 for null.
fn len(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| bytes.len() as i64)
}

fn bad(text: &str, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, "read format", why).with("format", format!("{text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafi::HeadersBuf;

    fn shown(format: &str) -> String {
        let mut headers = HeadersBuf::new();
        headers.push("a", "1");
        headers.push_null("b");
        let record = Record {
            partition: 3,
            offset: 17,
            timestamp: 1_732_660_705_555,
            headers: headers.as_headers(),
            ..Record::new("t", Some(b"k\xff"), Some(b"val"))
        };
        let mut out = Vec::new();
        match Format::parse(format, true) {
            Ok(format) => format.write(&record, b"NULL", false, &mut out),
            Err(error) => return error.to_string(),
        }
        out.escape_ascii().to_string()
    }

    #[test]
    fn verbs_shapes_and_escapes() {
        for (format, expected) in [
            ("%t[%p]@%o %T", "t[3]@17 1732660705555"),
            ("%k %v %s", "k\\xff val val"),
            ("%k{hex} %v{base64}", "6bff dmFs"),
            ("%K %S %R", "2 3 \\x00\\x00\\x00\\x03"),
            ("%h\\n\\t\\x41\\\\%%", "a=1,b=NULL\\n\\tA\\\\%"),
            ("%d{%F %T}", "2024-11-26 22:38:25"),
            ("", ""),
        ] {
            assert_eq!(shown(format), expected, "{format}");
        }
    }

    #[test]
    fn a_terminal_gets_nothing_that_controls_it() {
        let record = Record::new("t", Some(b"\x1b[2J"), Some(b"\xff\n"));
        let mut out = Vec::new();
        Format::parse("%k|%v|%R|%k{hex}\\n", true).unwrap().write(&record, b"", true, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\\x1b[2J|\\xff\\n|\\x00\\x00\\x00\\x02|1b5b324a\n");
    }

    #[test]
    fn what_is_not_known_says_what_is() {
        for (format, why) in [
            ("%q", "%q is not known"),
            ("%", "% "),
            ("%k{b64}", "{hex} and {base64}"),
            ("\\q", "escape"),
            ("\\x4", "two hexadecimal"),
            ("%d", "%d{%F %T}"),
        ] {
            assert!(shown(format).contains(why), "{format}: {}", shown(format));
        }
    }
}
