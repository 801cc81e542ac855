//! JSON text into values.

use std::borrow::Cow;
use std::rc::Rc;

use kafi_core::json_text::{Fault, Scanner, unescape};

use crate::number::Num;
use crate::value::{Map, Val, shared_name};

impl Val {
    /// Reads one JSON value, with white space around it.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.value()?;
        scanner.end()?;
        Ok(Self::read_checked(text))
    }

    /// Reads one JSON value that was checked.
    pub(crate) fn read_checked(text: &str) -> Self {
        Reader { text, at: 0 }.value()
    }
}

/// Reads text that was checked.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self) -> Val {
        self.space();
        match self.peek() {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => Val::Str(self.string()),
            b'n' => self.word("null", Val::Null),
            b't' => self.word("true", Val::Bool(true)),
            b'f' => self.word("false", Val::Bool(false)),
            _ => {
                let start = self.at;
                while matches!(self.peek(), b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') {
                    self.at += 1;
                }
                Val::Num(Num::read(&self.text[start..self.at]))
            }
        }
    }

    fn object(&mut self) -> Val {
        let mut map = Map::default();
        self.at += 1;
        loop {
            self.space();
            match self.peek() {
                b'}' => break,
                b',' => {
                    self.at += 1;
                    self.space();
                }
                _ => {}
            }
            let name = self.name();
            self.space();
            self.at += 1;
            let value = self.value();
            map.insert(name, value);
        }
        self.at += 1;
        Val::object(map)
    }

    fn array(&mut self) -> Val {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.space();
            match self.peek() {
                b']' => break,
                b',' => self.at += 1,
                _ => {}
            }
            items.push(self.value());
        }
        self.at += 1;
        Val::array(items)
    }

    fn string(&mut self) -> Rc<str> {
        match self.characters() {
            (inner, true) => inner.into(),
            (inner, false) => characters(inner).into(),
        }
    }

    fn name(&mut self) -> Rc<str> {
        match self.characters() {
            (inner, true) => shared_name(inner),
            (inner, false) => shared_name(&characters(inner)),
        }
    }

    /// What stands between the quotes of a string, and whether it has no escapes.
    fn characters(&mut self) -> (&'t str, bool) {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = start;
        let mut is_plain = true;
        while bytes[end] != b'"' {
            is_plain &= bytes[end] != b'\\';
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        self.at = end + 1;
        (&self.text[start..end], is_plain)
    }

    fn word(&mut self, word: &str, value: Val) -> Val {
        self.at += word.len();
        value
    }

    /// The byte that comes next; 0 at the end.
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }
}

/// As [`characters`], which need no memory where there are no escapes.
pub(crate) fn plain_or_characters(inner: &str) -> Cow<'_, str> {
    if inner.contains('\\') { characters(inner).into() } else { inner.into() }
}

/// The characters of a JSON string, with U+FFFD for each half of one.
pub(crate) fn characters(inner: &str) -> String {
    let (mut out, mut rest) = (Vec::with_capacity(inner.len()), inner);
    loop {
        let start = out.len();
        match unescape(rest, &mut out) {
            Ok(()) => break,
            Err(half) => {
                out.truncate(start);
                unescape(&rest[..half.at], &mut out).expect("everything before it is whole");
                out.extend_from_slice("\u{fffd}".as_bytes());
                // The escape of half a character has six bytes.
                rest = &rest[half.at + 6..];
            }
        }
    }
    String::from_utf8(out).expect("unescaping keeps UTF-8")
}
