//! What stands in a column of a row.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::{Json, JsonKind, Value, json_text::write_string};

/// A value in a row. All of them can be written as JSON, and as the bare text of CSV.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Null,
    /// A number of our own.
    Int(i64),
    /// Characters.
    Str(&'a str),
    /// Bytes, which are shown in base64.
    Bytes(&'a [u8]),
    /// A value of a message.
    Json(&'a Json),
    /// The same as its text, which was checked, without space around it.
    Raw(&'a str),
    /// JSON text that is shown as text.
    JsonText(&'a str),
}

impl<'a> Cell<'a> {
    /// A key, or a value without members.
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Str(text) => Self::Str(text),
            Value::Json(json) => Self::Json(json),
            _ => Self::Null,
        }
    }

    /// Appends it as JSON, in one line.
    pub(crate) fn write_json(self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Str(text) | Self::JsonText(text) => write_string(out, text),
            Self::Bytes(bytes) => write_string(out, &STANDARD.encode(bytes)),
            Self::Json(json) => push_on_one_line(&json.text(), out),
            Self::Raw(text) => push_on_one_line(text, out),
        }
    }

    /// What kind of JSON it is.
    pub(crate) fn kind(self) -> JsonKind {
        match self {
            Self::Null => JsonKind::Null,
            Self::Int(_) => JsonKind::Number,
            Self::Str(_) | Self::Bytes(_) | Self::JsonText(_) => JsonKind::Str,
            Self::Json(json) => json.kind(),
            Self::Raw(text) => JsonKind::of_valid(text),
        }
    }

    /// Appends its bare text, in one line but for the lines of strings; false for null, of which there is none.
    pub(crate) fn write_text(self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Null => return false,
            Self::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Str(text) | Self::JsonText(text) => out.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(STANDARD.encode(bytes).as_bytes()),
            Self::Json(json) => match json.kind() {
                JsonKind::Null => return false,
                // Half a character has no text of its own.
                JsonKind::Str => match json.str() {
                    Ok(text) => out.extend_from_slice(text.as_bytes()),
                    Err(_) => push_on_one_line(&json.text(), out),
                },
                _ => push_on_one_line(json.text().trim(), out),
            },
            Self::Raw(text) => match self.kind() {
                JsonKind::Null => return false,
                JsonKind::Str if !text.contains('\\') => out.extend_from_slice(&text.as_bytes()[1..text.len() - 1]),
                JsonKind::Str => return Cell::Json(&Json::from_valid(text)).write_text(out),
                _ => push_on_one_line(text, out),
            },
        }
        true
    }
}

/// Appends JSON text, whose line ends can only stand between its tokens.
pub(crate) fn push_on_one_line(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    out[start..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}
