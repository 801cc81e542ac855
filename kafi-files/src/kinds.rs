//! What the fields of CSV and XML are: text that may mean numbers, or true and false.

use kafi_core::{Error, ErrorKind, Result, json_text::write_string};

/// So many rows say what the columns of CSV are, where it cannot be read twice.
pub(crate) const STREAM_ROWS: u64 = 10_000;

/// What all fields of a column can be taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing was there yet.
    #[default]
    Empty,
    /// `true` and `false`, also as Python writes them.
    Bool,
    /// Numbers as JSON has them.
    Number,
    /// Anything.
    Text,
}

impl Kind {
    /// The kind that has these fields and one more.
    pub(crate) fn with(self, field: &[u8]) -> Self {
        let own = match field {
            b"true" | b"false" | b"True" | b"False" => Self::Bool,
            field if is_number(field) => Self::Number,
            _ => Self::Text,
        };
        if self == Self::Empty || self == own { own } else { Self::Text }
    }

    /// Whether it has this field.
    pub(crate) fn takes(self, field: &[u8]) -> bool {
        self.with(field) == self
    }
}

/// Appends a field of a column of this kind as JSON.
pub(crate) fn write_kind(kind: Kind, name: &str, field: &[u8], row: &mut Vec<u8>) -> Result<()> {
    match kind {
        Kind::Number | Kind::Bool if !kind.takes(field) => {
            let why = format!("the first {STREAM_ROWS} rows had nothing but numbers, or true and false, there");
            let error = Error::new(ErrorKind::Corrupt, "read row", why).with("column", name);
            return Err(error.hint("from a file, instead of a pipe, all rows are looked at first"));
        }
        Kind::Number => row.extend_from_slice(field),
        Kind::Bool => row.extend_from_slice(&field.to_ascii_lowercase()),
        Kind::Empty | Kind::Text => write_string(row, utf8(field, name)?),
    }
    Ok(())
}

/// A field as text.
pub(crate) fn utf8<'f>(field: &'f [u8], column: &str) -> Result<&'f str> {
    std::str::from_utf8(field)
        .map_err(|_| Error::new(ErrorKind::Corrupt, "read row", "a field is not UTF-8").with("column", column))
}

/// Whether it is a number as JSON writes them: no leading zeros, no plus, no `NaN`.
pub(crate) fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || whole > 1 && text[0] == b'0' {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = digits(fraction);
        if len == 0 {
            return false;
        }
        rest = &fraction[len..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let len = digits(exponent);
        return len > 0 && len == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_what_all_their_fields_are() {
        let kind = |fields: &[&str]| fields.iter().fold(Kind::Empty, |kind, field| kind.with(field.as_bytes()));
        assert_eq!(kind(&[]), Kind::Empty);
        assert_eq!(kind(&["1", "-2.50", "1e3", "0", "9007199254740993"]), Kind::Number);
        assert_eq!(kind(&["true", "False"]), Kind::Bool);
        for fields in
            [&["007"][..], &["1", "x"], &["true", "1"], &["1."], &[".5"], &["+1"], &["NaN"], &["-"], &["1e"], &[""]]
        {
            assert_eq!(kind(fields), Kind::Text, "{fields:?}");
        }
        assert!(Kind::Text.takes(b"1") && Kind::Number.takes(b"1") && !Kind::Number.takes(b"x"));
    }
}
