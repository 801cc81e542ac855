//! Colours for a terminal.

use std::ops::Range;

use crate::output::escape;

/// What a terminal is told before a piece of text.
pub type Style = &'static str;

/// As it comes.
pub const PLAIN: Style = "";
/// Matters less.
pub const DIM: Style = "\x1b[2m";
/// A key, or a name.
pub const KEY: Style = "\x1b[34m";
const BOLD: Style = "\x1b[1m";
const STRING: Style = "\x1b[32m";
const GONE: Style = "\x1b[31m";
const NEW: Style = "\x1b[32m";
const WORD: Style = "\x1b[36m";
const MATCH: Style = "\x1b[1;31m";
const ERROR: Style = "\x1b[1;31m";
const WARNING: Style = "\x1b[33m";
const RESET: Style = "\x1b[0m";

/// Appends `text` dimmed.
pub fn dim(text: &str, color: bool, out: &mut String) {
    paint(text, DIM, color, out);
}

/// Appends a line of a comparison that stands on the left only.
pub fn gone(text: &str, color: bool, out: &mut String) {
    paint(text, GONE, color, out);
}

/// Appends a line of a comparison that stands on the right only.
pub fn new(text: &str, color: bool, out: &mut String) {
    paint(text, NEW, color, out);
}

/// Appends the names of columns.
pub fn names(text: &str, color: bool, out: &mut String) {
    paint(text, BOLD, color, out);
}

/// Appends a line for stderr, with its first word coloured if it says of which kind the line is.
pub fn message(text: &str, color: bool, out: &mut String) {
    let kinds = [("error:", ERROR), ("warning:", WARNING), ("hint:", WORD), ("note:", WORD), ("caused by:", DIM)];
    match kinds.iter().find(|(word, _)| text.starts_with(word)) {
        Some((word, style)) => {
            paint(word, style, color, out);
            out.push_str(&text[word.len()..]);
        }
        None => out.push_str(text),
    }
}

/// Appends data fit for a terminal, in one style, with the matches of what is looked for.
pub fn data(bytes: &[u8], style: Style, matches: &[Range<usize>], out: &mut String) {
    runs(bytes, [(bytes.len(), style)].into_iter(), matches, out);
}

/// Appends data as it is, with the matches of what is looked for.
pub fn bare(bytes: &[u8], matches: &[Range<usize>], out: &mut Vec<u8>) {
    let mut at = 0;
    for found in matches.iter().filter(|found| !found.is_empty()) {
        out.extend_from_slice(&bytes[at..found.start]);
        out.extend_from_slice(MATCH.as_bytes());
        out.extend_from_slice(&bytes[found.clone()]);
        out.extend_from_slice(RESET.as_bytes());
        at = found.end;
    }
    out.extend_from_slice(&bytes[at..]);
}

/// Appends JSON with its names, strings, and other words coloured, and with the matches of what is looked for. What is
/// not quite JSON is shown all the same.
pub fn json(text: &str, matches: &[Range<usize>], out: &mut String) {
    let mut rest = text;
    let tokens = std::iter::from_fn(|| {
        let first = rest.chars().next()?;
        let (len, style) = match first {
            '"' => {
                let len = string_len(rest);
                let is_name = rest[len..].trim_start().starts_with(':');
                (len, if is_name { KEY } else { STRING })
            }
            c if c.is_ascii_alphanumeric() || c == '-' => {
                let len = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')))
                    .unwrap_or(rest.len());
                (len, WORD)
            }
            c => (c.len_utf8(), PLAIN),
        };
        rest = &rest[len..];
        Some((len, style))
    });
    runs(text.as_bytes(), tokens, matches, out);
}

/// Appends bytes in runs of a length and a style, which matches win over.
fn runs(bytes: &[u8], runs: impl Iterator<Item = (usize, Style)>, matches: &[Range<usize>], out: &mut String) {
    let (mut at, mut run_end) = (0, 0);
    let mut matches = matches.iter().peekable();
    for (len, style) in runs {
        run_end += len;
        while at < run_end {
            while matches.next_if(|found| found.end <= at).is_some() {}
            let (end, style) = match matches.peek() {
                Some(found) if found.start <= at => (found.end.min(run_end), MATCH),
                Some(found) => (found.start.min(run_end), style),
                None => (run_end, style),
            };
            out.push_str(style);
            escape::push(&bytes[at..end], out);
            out.push_str(if style.is_empty() { "" } else { RESET });
            at = end;
        }
    }
}

fn paint(text: &str, style: Style, color: bool, out: &mut String) {
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
        json(r#"{"a\"b": "x", "n": [1.5e+3, true]}"#, &[], &mut out);
        assert!(out.contains("\x1b[34m\"a\\\"b\"\x1b[0m: \x1b[32m\"x\"\x1b[0m"), "{out:?}");
        assert!(out.contains("\x1b[36m1.5e+3\x1b[0m") && out.contains("\x1b[36mtrue\x1b[0m"));
        for broken in ["{\"a", "\"a\\", "{\u{1b}[31m"] {
            let mut out = String::new();
            json(broken, &[], &mut out);
            assert!(!out.contains("\x1b[31m"), "{out:?}");
        }
    }

    #[test]
    fn matches_win_over_styles() {
        let mut out = String::new();
        json(r#"{"ab": 12}"#, &[2..4, 7..8], &mut out);
        let marked = out.replace(MATCH, "<").replace(RESET, ">").replace(KEY, "(").replace(WORD, "[");
        assert_eq!(marked, r#"{(">(b>"#.replace("(b>", "<ab>") + r#"(">: <1>[2>}"#);
        let mut out = String::new();
        data(b"a\x1bb", PLAIN, std::slice::from_ref(&(0..2)), &mut out);
        assert_eq!(out, "\x1b[1;31ma\\x1b\x1b[0mb");
    }

    #[test]
    fn messages_say_of_which_kind_they_are() {
        for (text, shown) in [("error: x: error: y", "\x1b[1;31merror:\x1b[0m x: error: y"), ("3 read", "3 read")] {
            let mut out = String::new();
            message(text, true, &mut out);
            assert_eq!(out, shown);
        }
    }
}
