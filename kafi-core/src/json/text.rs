//! Strings in and out of their JSON form.

use crate::json::scan::{Fault, plain_bytes};

/// Appends `text` as a JSON string, with its quotes. Only what must be escaped is.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, after) = rest.split_at(plain_bytes(rest));
        out.extend_from_slice(plain);
        let Some((special, after)) = after.split_first() else { break };
        write_escape(out, *special);
        rest = after;
    }
    out.push(b'"');
}

/// `text` as a JSON string, with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    write_string(&mut out, text);
    String::from_utf8(out).expect("escaping keeps UTF-8")
}

/// Appends the characters of a JSON string; `inner` is what stands between its quotes and was checked by the scanner.
/// The fault is a surrogate without its twin, which is no character.
pub fn unescape(inner: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    let bytes = inner.as_bytes();
    let mut at = 0;
    while let Some(plain) = bytes[at..].iter().position(|&byte| byte == b'\\') {
        out.extend_from_slice(&bytes[at..at + plain]);
        at += plain;
        let (character, length) =
            read_escape(inner, at).ok_or(Fault { at, what: "\\u names half a character (a lone surrogate)" })?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        at += length;
    }
    out.extend_from_slice(&bytes[at..]);
    Ok(())
}

/// The characters of a JSON string, with U+FFFD for each lone surrogate.
pub(crate) fn unescape_lossy(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut at = 0;
    while let Some(plain) = inner[at..].find('\\') {
        out.push_str(&inner[at..at + plain]);
        at += plain;
        let (character, length) = read_escape(inner, at).unwrap_or((char::REPLACEMENT_CHARACTER, 6));
        out.push(character);
        at += length;
    }
    out.push_str(&inner[at..]);
    out
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The character of the escape at `at`, and how many bytes it takes; `None` is a lone surrogate.
fn read_escape(inner: &str, at: usize) -> Option<(char, usize)> {
    let character = match inner.as_bytes()[at + 1] {
        b'u' => return read_unicode(inner, at),
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        other => char::from(other),
    };
    Some((character, 2))
}

fn read_unicode(inner: &str, at: usize) -> Option<(char, usize)> {
    let unit = |at: usize| u32::from_str_radix(inner.get(at..at + 4)?, 16).ok();
    let first = unit(at + 2)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).map(|character| (character, 6));
    }
    if inner.get(at + 6..at + 8) != Some("\\u") {
        return None;
    }
    let second = unit(at + 8).filter(|second| (0xdc00..0xe000).contains(second))?;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).map(|character| (character, 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_as_they_went() {
        let text: String = (0..0x300).filter_map(char::from_u32).chain("\u{2028}😀\u{10ffff}".chars()).collect();
        let json = quoted(&text);
        assert!(!json.bytes().any(|byte| byte < 0x20));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        let mut back = Vec::new();
        unescape(&json[1..json.len() - 1], &mut back).unwrap();
        assert_eq!(back, text.as_bytes());
    }

    #[test]
    fn reads_every_escape_and_refuses_half_characters() {
        let mut out = Vec::new();
        unescape(r#"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00"#, &mut out).unwrap();
        assert_eq!(out, "\"\\/\u{8}\u{c}\n\r\tä😀".as_bytes());
        for half in [r"a\ud83d", r"a\ude00", r"a\ud83dx", r"a\ud83dA"] {
            assert_eq!(unescape(half, &mut Vec::new()).unwrap_err().at, 1, "{half}");
        }
        assert_eq!(unescape_lossy(r"a\ud83d\u0041\n"), "a\u{fffd}A\n");
    }
}
