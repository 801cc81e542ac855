//! Keys of joins: bytes that are the same where two JSON values are, whatever they are written like.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use foldhash::quality::FixedState;
use kafi_core::json_text::{Fault, Members, Scanner, push_number, unescape};
use kafi_core::{Error, ErrorKind, Result, Value};

/// The key of a message in a join. Values of JSON are the same where they have the same value: `1` and `1.0`, `"a"` and
/// `"\u0061"`, objects whatever the order of their members is. Null is no key.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct JoinKey {
    bytes: Vec<u8>,
    is_null: bool,
}

/// The names that lead to a member of JSON objects, and what was learned of those that were looked through.
///
/// ```
/// use kafi_shell::{JoinKey, MemberPath};
/// let mut path = MemberPath::new(["user", "id"]);
/// let (mut key, mut same) = (JoinKey::default(), JoinKey::default());
/// assert!(key.set_member(r#"{"user":{"id":1.0},"n":2}"#, &mut path) && same.set_json("1").is_ok());
/// assert_eq!(key, same);
/// assert!(key.set_member(r#"{"user":null}"#, &mut path) && key.is_null());
/// assert!(!key.set_member("[1]", &mut path) && !key.set_member("{", &mut path));
/// ```
#[derive(Clone, Debug)]
pub struct MemberPath(Vec<(String, Members)>);

impl MemberPath {
    /// The path of these names, of which there is at least one.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(|name| (name.into(), Members::default())).collect())
    }
}

impl JoinKey {
    /// Makes it this JSON value.
    ///
    /// # Errors
    /// `Corrupt` for what is not JSON.
    pub fn set_json(&mut self, text: &str) -> Result<()> {
        self.clear();
        let mut scanner = Scanner::new(text.as_bytes());
        let scanned = scanner.value().and_then(|range| scanner.end().map(|()| range));
        let pushed = scanned.and_then(|range| push_value(text, range, &mut self.bytes));
        let fault = |fault: Fault| {
            let error = Error::new(ErrorKind::Corrupt, "read key", format!("it is not JSON: {}", fault.what));
            error.with("byte", fault.at)
        };
        self.is_null = !pushed.map_err(fault)?;
        Ok(())
    }

    /// Makes it the value that a path leads to in a JSON text, as a function `.a.b` does: the text is checked in the
    /// same pass, of members with one name the last counts, and what is missing is null. False, and it is nothing then,
    /// where that cannot be said so quickly: the text is no object, or a name leads into what has no members.
    pub fn set_member(&mut self, text: &str, path: &mut MemberPath) -> bool {
        self.clear();
        if path.0.is_empty() {
            return false;
        }
        let mut found = 0..text.len();
        for (level, (name, members)) in path.0.iter_mut().enumerate() {
            let object = &text[found.clone()];
            if level > 0 && object == "null" {
                self.is_null = true;
                return true;
            }
            if members.read(object).is_err() || !members.has_plain_names() {
                return false;
            }
            let Some(member) = members.find(name) else {
                self.is_null = true;
                return true;
            };
            found = found.start + member.start..found.start + member.end;
        }
        match push_value(text, found, &mut self.bytes) {
            Ok(is_there) => self.is_null = !is_there,
            Err(_) => return false,
        }
        true
    }

    /// Makes it a string of these characters.
    pub fn set_text(&mut self, text: &str) {
        self.clear();
        push_string(text.as_bytes(), &mut self.bytes);
    }

    /// Makes it these bytes, which are a string where they are UTF-8; `None` is null.
    pub fn set_bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => self.set_null(),
            Some((_, Ok(text))) => self.set_text(text),
            Some((bytes, Err(_))) => {
                self.clear();
                self.bytes.push(b'b');
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    /// Makes it the key that a message has whose key is this text: what may be an object or an array is JSON where it is
    /// that, and everything else a string.
    pub fn set_auto(&mut self, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes
            && let Some(b'{' | b'[') = bytes.trim_ascii_start().first()
            && let Ok(text) = std::str::from_utf8(bytes)
            && self.set_json(text).is_ok()
        {
            return;
        }
        self.set_bytes(bytes);
    }

    /// Makes it null.
    pub fn set_null(&mut self) {
        self.clear();
        self.is_null = true;
    }

    /// Makes it what a function made.
    ///
    /// # Errors
    /// As for [`set_json`](JoinKey::set_json).
    pub fn set_value(&mut self, value: &Value) -> Result<()> {
        match value {
            Value::Json(json) => return self.set_json(&json.text()),
            Value::Str(text) => self.set_text(text),
            Value::Bytes(bytes) => self.set_bytes(Some(bytes)),
            _ => self.set_null(),
        }
        Ok(())
    }

    /// Whether it is null, which matches nothing.
    pub fn is_null(&self) -> bool {
        self.is_null
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.is_null = false;
    }
}

/// The hash of a key: the same in every run, so that what is joined comes in the same order.
pub(super) fn hash_of(key: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// Appends the value that stands there, which was checked; false for null.
fn push_value(text: &str, range: Range<usize>, out: &mut Vec<u8>) -> std::result::Result<bool, Fault> {
    let value = &text[range.clone()];
    match value.as_bytes()[0] {
        b'n' => {
            out.push(b'z');
            return Ok(false);
        }
        b't' => out.push(b't'),
        b'f' => out.push(b'f'),
        b'"' => push_quoted(value, out),
        b'[' => {
            out.push(b'[');
            let mut elements = Vec::new();
            Scanner::at(text.as_bytes(), range.start).elements(|element| elements.push(element))?;
            for element in elements {
                push_value(text, element, out)?;
            }
            out.push(b']');
        }
        b'{' => push_object(text, range, out)?,
        _ => {
            out.push(b'n');
            push_number(value, out);
            out.push(b';');
        }
    }
    Ok(true)
}

/// Appends an object: its members by their names; of equal names the last.
fn push_object(text: &str, range: Range<usize>, out: &mut Vec<u8>) -> std::result::Result<(), Fault> {
    let mut scanner = Scanner::at(text.as_bytes(), range.start);
    scanner.expect(b'{', "an object begins with {")?;
    let (mut members, mut is_first) = (Vec::new(), true);
    while let Some(member) = scanner.member(is_first)? {
        is_first = false;
        let mut name = Vec::new();
        push_quoted(&text[member.name], &mut name);
        members.push((name, member.value));
    }
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    out.push(b'{');
    for (index, (name, value)) in members.iter().enumerate() {
        if members.get(index + 1).is_some_and(|(next, _)| next == name) {
            continue;
        }
        out.extend_from_slice(name);
        push_value(text, value.clone(), out)?;
    }
    out.push(b'}');
    Ok(())
}

fn push_quoted(quoted: &str, out: &mut Vec<u8>) {
    let inner = &quoted[1..quoted.len() - 1];
    if !inner.contains('\\') {
        return push_string(inner.as_bytes(), out);
    }
    let mut characters = Vec::with_capacity(inner.len());
    // What names half a character is told apart by how it is written.
    if unescape(inner, &mut characters).is_err() {
        out.push(b'h');
        characters = inner.as_bytes().to_vec();
    }
    push_string(&characters, out);
}

fn push_string(characters: &[u8], out: &mut Vec<u8>) {
    out.push(b's');
    out.extend_from_slice(&(characters.len() as u32).to_le_bytes());
    out.extend_from_slice(characters);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(json: &str) -> Vec<u8> {
        let mut key = JoinKey::default();
        key.set_json(json).unwrap();
        assert_eq!(key.is_null(), json == "null");
        key.bytes
    }

    #[test]
    fn what_has_the_same_value_is_the_same_key() {
        for (one, other) in [
            ("1", "1.0"),
            ("1", "10e-1"),
            ("100", "1E2"),
            ("-0", "0.00"),
            ("0.5", "5e-1"),
            ("123456789012345678901234567890", "123456789012345678901234567890.0"),
            (r#""a""#, r#""\u0061""#),
            (r#"{"a":1,"b":[2,{}]}"#, r#" { "b" : [2.0, { }], "\u0061": 1e0 } "#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("[ ]", "[]"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        let different = [
            "1",
            "-1",
            "10",
            "0.1",
            r#""1""#,
            "true",
            "false",
            "null",
            "[1]",
            "[[1]]",
            "[1,1]",
            "[11]",
            r#"["1"]"#,
            "{}",
            "[]",
            r#"{"a":null}"#,
            r#"{"a":[]}"#,
            r#""""#,
            r#""null""#,
            r#""\ud800""#,
            r#""\\ud800""#,
            "[null]",
            "[1,[]]",
            "123456789012345678901234567890",
            "123456789012345678901234567891",
            "1e400",
            "1e-400",
            r#"["a","b"]"#,
            r#"["ab"]"#,
            r#"["a\",\"b"]"#,
        ];
        for (index, one) in different.iter().enumerate() {
            for other in &different[index + 1..] {
                assert_ne!(key(one), key(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn texts_are_strings_and_only_objects_and_arrays_are_more() {
        let mut auto = JoinKey::default();
        for (bytes, json) in
            [("1", r#""1""#), ("[1.0]", "[1]"), (r#" {"a":1}"#, r#"{"a":1}"#), ("{", r#""{""#), ("", r#""""#)]
        {
            auto.set_auto(Some(bytes.as_bytes()));
            assert_eq!(auto.bytes(), key(json), "{bytes}");
        }
        auto.set_auto(None);
        assert!(auto.is_null());
        auto.set_auto(Some(b"\xff"));
        assert!(!auto.is_null() && auto.bytes() == b"b\xff");
        assert!(auto.set_json("{").unwrap_err().to_string().contains("it is not JSON"));
    }
}
