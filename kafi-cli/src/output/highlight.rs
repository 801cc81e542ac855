//! Colours for a terminal.

use crate::output::escape;

const DIM: &str = "\x1b[2m";
const KEY: &str = "\x1b[34m";
const STRING: &str = "\x1b[32m";
const GONE: &str = "\x1b[31m";
const NEW: &str = "\x1b[32m";
const WORD: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// Appends `text` dimmed.
pub fn dim(text: &str, color: bool, out: &mut String) {
    paint(text, DIM, color, out);
}

/// Appends a key.
pub fn key(text: &str, color: bool, out: &mut String) {
    paint(text, KEY, color, out);
}

/// Appends a line of a comparison that stands on the left only.
pub fn gone(text: &str, color: bool, out: &mut String) {
    paint(text, GONE, color, out);
}

/// Appends a line of a comparison that stands on the right only.
pub fn new(text: &str, color: bool, out: &mut String) {
    paint(text, NEW, color, out);
}

/// Appends JSON with its names, strings, and other words coloured. What is not quite JSON is shown all the same.
pub fn json(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (len, color) = match first {
            '"' => {
                let len = string_len(rest);
                let is_name = rest[len..].trim_start().starts_with(':');
                (len, if is_name { KEY } else { STRING })
            }
            c if c.is_ascii_alphanumeric() || c == '-' => {
                let len = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'))).unwrap_or(rest.len());
                (len, WORD)
            }
            c => {
                escape::push(c.encode_utf8(&mut [0; 4]).as_bytes(), out);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        let mut escaped = String::new();
        escape::push(&rest.as_bytes()[..len], &mut escaped);
        paint(&escaped, color, true, out);
        rest = &rest[len..];
    }
}

fn paint(text: &str, style: &str, color: bool, out: &mut String) {
    if !color {
        out.push_str(text);
        return;
    }
    out.push_str(style);
    out.push_str(text);
    out.push_str(RESET);
}

/// The bytes of the string that `text` begins with, quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_coloured_and_nothing_is_lost() {
        let mut out = String::new();
        json(r#"{"a\"b": "x", "n": [1.5e+3, true]}"#, &mut out);
        assert!(out.contains("\x1b[34m\"a\\\"b\"\x1b[0m: \x1b[32m\"x\"\x1b[0m"), "{out:?}");
        assert!(out.contains("\x1b[36m1.5e+3\x1b[0m") && out.contains("\x1b[36mtrue\x1b[0m"));
        for broken in ["{\"a", "\"a\\", "{\u{1b}[31m"] {
            let mut out = String::new();
            json(broken, &mut out);
            assert!(!out.contains("\x1b[31m"), "{out:?}");
        }
    }
}
