//! Makes data fit for a terminal: what could control it, or hide in it, is shown, never sent. Everything that is
//! printed for people goes through here.

/// What is not seen but is there: Unicode's property Default_Ignorable_Code_Point (zero-width characters, bidirectional
/// controls, tags, variation selectors), and the separators and annotations beside them.
const INVISIBLE: [(char, char); 16] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
];

/// Whether a character could control a terminal (C0, DEL, C1), reorder its text, or hide in it.
fn controls(c: char) -> bool {
    // Most text is ASCII.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
        || ('\u{e0000}'..='\u{e0fff}').contains(&c)
}

/// Whether a text has nothing that would have to be escaped.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(controls)
}

/// Appends `bytes` as text: controls as `\x1b` or `\u202e`, bytes that are not UTF-8 as `\xNN`.
pub fn push(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_char(c, out);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
}

/// Appends a line of JSON, in which controls can only stand within strings, as JSON that means the same: `\u009b`.
pub fn push_json(json: &[u8], out: &mut String) {
    for c in String::from_utf8_lossy(json).chars() {
        match controls(c) {
            // JSON writes what is not of the first plane as two halves.
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|half| out.push_str(&format!("\\u{half:04x}"))),
            false => out.push(c),
        }
    }
}

/// The same as a text of its own.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_json(text.as_bytes(), &mut out);
    out
}

/// A line for stderr, in which nothing controls the terminal.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_char(c, &mut out));
    out
}

fn push_char(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if !controls(c) => out.push(c),
        c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
        c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_controls_the_terminal() {
        let mut out = String::new();
        push(b"a\x1b[31m\n\xff\xc2\x9b\xe2\x80\xae\xc3\xa4", &mut out);
        assert_eq!(out, "a\\x1b[31m\\n\\xff\\x9b\\u202eä");
        assert_eq!(line("x\ty\u{7f}"), "x\\ty\\x7f");
        let mut out = String::new();
        push_json("{\"a\":\"\u{9b}\u{202e}ä\u{e0041}\"}".as_bytes(), &mut out);
        assert_eq!(out, "{\"a\":\"\\u009b\\u202eä\\udb40\\udc41\"}");
    }

    #[test]
    fn nothing_hides() {
        let hidden = "\u{ad}\u{200b}\u{200d}\u{2060}\u{feff}\u{fe0f}\u{3164}\u{e0001}\u{e0041}\u{e01ef}\u{fffa}\u{2066}\u{1d173}";
        let shown = hidden.chars().map(|c| line(&c.to_string())).collect::<Vec<_>>().join(" ");
        let expected =
            r"\xad \u200b \u200d \u2060 \ufeff \ufe0f \u3164 \u{e0001} \u{e0041} \u{e01ef} \ufffa \u2066 \u{1d173}";
        assert_eq!(shown, expected);
        for plain in ["", "ä ß 語 🙂 ñ", "\u{a0}\u{3000}", "a\u{301}"] {
            assert!(is_plain(plain) && line(plain) == plain, "{plain:?}");
        }
    }
}
