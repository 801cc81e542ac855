//! What crosses as HTTP: an answer, and texts within addresses.

use reqwest::StatusCode;

/// An answer, read whole.
pub(super) struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub body: String,
}

/// Appends a part of a path or a query, percent-encoded.
pub(super) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}
