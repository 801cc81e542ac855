//! Characters that XML has no way to write: `_x0001_` stands for them, as it does in Excel, in text and in names.

use std::borrow::Cow;

/// Appends text between the tags of XML.
pub(crate) fn push_text(text: &str, out: &mut Vec<u8>) {
    for (at, c) in text.char_indices() {
        match c {
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '&' => out.extend_from_slice(b"&amp;"),
            // Readers make a line end of it otherwise.
            '\r' => out.extend_from_slice(b"&#13;"),
            '_' if is_escape(&text[at..]) => push_escape(c, out),
            '\t' | '\n' => out.push(c as u8),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => push_escape(c, out),
            c => push_char(c, out),
        }
    }
}

/// Appends a name as the name of an element.
#[cfg(any(feature = "xml", test))]
pub(crate) fn push_name(name: &str, out: &mut Vec<u8>) {
    if name.is_empty() {
        out.extend_from_slice(b"_x_");
    }
    for (at, c) in name.char_indices() {
        match c {
            '_' if is_escape(&name[at..]) || name == "_x_" && at == 0 => push_escape(c, out),
            c if is_name_start(c) || at > 0 && is_name(c) => push_char(c, out),
            c => push_escape(c, out),
        }
    }
}

/// The text with what was written in place of its characters.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find("_x") else { return Cow::Borrowed(text) };
    let (mut out, mut rest) = (text[..first].to_string(), &text[first..]);
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match escaped(rest) {
            Some(c) => {
                out.push(c);
                rest = &rest[7..];
            }
            None => {
                out.push('_');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The name that the name of an element stands for.
#[cfg(any(feature = "xml", test))]
pub(crate) fn unescape_name(name: &str) -> Cow<'_, str> {
    if name == "_x_" { Cow::Borrowed("") } else { unescape(name) }
}

fn is_escape(text: &str) -> bool {
    escaped(text).is_some()
}

/// The character that stands at the beginning as `_x0001_`.
fn escaped(text: &str) -> Option<char> {
    let digits = text.strip_prefix("_x")?.get(..5)?.strip_suffix('_')?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32))?
}

fn push_escape(c: char, out: &mut Vec<u8>) {
    // All that XML lacks, and lacks in names, lies below.
    out.extend_from_slice(format!("_x{:04X}_", c as u32).as_bytes());
}

fn push_char(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What a name may begin with, but for the colon, which leads in front of a namespace.
#[cfg(any(feature = "xml", test))]
fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{10ffff}')
}

#[cfg(any(feature = "xml", test))]
fn is_name(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut out = Vec::new();
        push_text(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn name(name: &str) -> String {
        let mut out = Vec::new();
        push_name(name, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_xml_lacks_comes_back() {
        assert_eq!(
            text("a<b>&\r\n\u{1}_x0041_ _x41_\u{fffe}"),
            "a&lt;b&gt;&amp;&#13;\n_x0001__x005F_x0041_ _x41__xFFFE_"
        );
        assert_eq!(unescape("_x0001__x005F_x0041_ _x41_ _x_xD800_"), "\u{1}_x0041_ _x41_ _x_xD800_");
        assert_eq!(name("a b:c"), "a_x0020_b_x003A_c");
        assert_eq!(name("1.x-y"), "_x0031_.x-y");
        for text in
            ["", "_x_", "_x005F_", "a", "ä", "1", "a b", "\u{1F600}", "-", "\u{ffff}", "__x0020_", "_x0020_x0020_"]
        {
            assert_eq!(unescape_name(&name(text)), text, "{text:?}");
            assert_eq!(unescape(&super::tests::text(text)), text, "{text:?}");
        }
    }
}
