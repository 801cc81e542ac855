//! Makes data fit for a terminal: what could control it is shown, never sent.

/// Whether a character could control a terminal or reorder its text: C0, DEL, C1, and the bidirectional controls.
fn controls(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
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
            // Every character that controls is one of the first plane.
            true => out.push_str(&format!("\\u{:04x}", c as u32)),
            false => out.push(c),
        }
    }
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
        c => out.push_str(&format!("\\u{:04x}", c as u32)),
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
        push_json("{\"a\":\"\u{9b}\u{202e}ä\"}".as_bytes(), &mut out);
        assert_eq!(out, "{\"a\":\"\\u009b\\u202eä\"}");
    }
}
