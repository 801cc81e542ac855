//! Finds one value in the bytes of a JSON text, without a tree of it.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::json::path::not_json;
use crate::json::scan::{Fault, Scanner, check};
use crate::json::text::unescape;

/// A path into a JSON value, in jq's words: `.id`, `.user.name`, `.tags[0]`, `."a b"`, `.["a b"]`; `.` is the value
/// itself. A `$` before it does no harm.
///
/// ```
/// use kafi_core::JsonPath;
/// let path: JsonPath = ".user.name".parse()?;
/// let mut text = Vec::new();
/// assert!(path.push_text(br#"{"user":{"name":"An\u0061"}}"#, &mut text)?);
/// assert_eq!(text, b"Ana");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    written: String,
    steps: Vec<OwnedStep>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum OwnedStep {
    Name(String),
    At(usize),
}

impl FromStr for JsonPath {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self> {
        let bad = || {
            let why = "this is no path; it is written like .id, .user.name, .tags[0], or .\"a b\"";
            Error::new(ErrorKind::Usage, "read path", why).with("path", format!("{written:?}"))
        };
        let mut rest = written.strip_prefix('$').unwrap_or(written);
        if !rest.starts_with('.') {
            return Err(bad());
        }
        let mut steps = Vec::new();
        while !rest.is_empty() && (rest != "." || !steps.is_empty()) {
            let (step, after) = next_step(rest, steps.is_empty()).ok_or_else(bad)?;
            steps.push(step);
            rest = after;
        }
        Ok(Self { written: written.to_string(), steps })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl JsonPath {
    /// Appends the text of the value there: the characters of a string, everything else as it is written. False means
    /// that it is null, and nothing is appended.
    ///
    /// # Errors
    /// `Corrupt` for what is not JSON, `Function` where there is no such value.
    pub fn push_text(&self, json: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        let text = std::str::from_utf8(json).map_err(|error| {
            not_json(&json[..error.valid_up_to()], Fault { at: error.valid_up_to(), what: "it is not UTF-8" })
        })?;
        let fault = |fault| not_json(json, fault);
        let (mut found, _) = check(json).map_err(fault)?;
        for step in &self.steps {
            let next = step.down(text, found.start).map_err(fault)?;
            found = next.ok_or_else(|| {
                Error::new(ErrorKind::Function, "read JSON", "it is missing").with("path", &self.written)
            })?;
        }
        match json[found.start] {
            b'n' => return Ok(false),
            b'"' => unescape(&text[found.start + 1..found.end - 1], out).map_err(fault)?,
            _ => out.extend_from_slice(&json[found]),
        }
        Ok(true)
    }
}

impl OwnedStep {
    /// The range of the value that this step leads to from the one that begins at `start`; of several members of one
    /// name the last.
    fn down(&self, text: &str, start: usize) -> std::result::Result<Option<std::ops::Range<usize>>, Fault> {
        let mut scanner = Scanner::at(text.as_bytes(), start);
        let mut found = None;
        match (self, scanner.peek()) {
            (Self::At(wanted), Some(b'[')) => {
                let mut index = 0;
                scanner.elements(|range| {
                    if index == *wanted {
                        found = Some(range);
                    }
                    index += 1;
                })?;
            }
            (Self::Name(wanted), Some(b'{')) => {
                scanner.expect(b'{', "")?;
                let mut first = true;
                while let Some(member) = scanner.member(first)? {
                    first = false;
                    let name = &text[member.name.start + 1..member.name.end - 1];
                    let is_it = if member.name_escaped { is_unescaped(name, wanted) } else { name == wanted };
                    if is_it {
                        found = Some(member.value);
                    }
                }
            }
            _ => {}
        }
        Ok(found)
    }
}

fn is_unescaped(name: &str, wanted: &str) -> bool {
    let mut characters = Vec::with_capacity(name.len());
    unescape(name, &mut characters).is_ok() && characters == wanted.as_bytes()
}

/// The step that `text` begins with, and what follows.
fn next_step(text: &str, is_first: bool) -> Option<(OwnedStep, &str)> {
    // jq writes the first step of a list `.[0]`.
    let text = if is_first && text.starts_with(".[") { &text[1..] } else { text };
    if let Some(inner) = text.strip_prefix('[') {
        if inner.starts_with('"') {
            let (name, after) = quoted(inner)?;
            return Some((OwnedStep::Name(name), after.strip_prefix(']')?));
        }
        let (index, after) = inner.split_once(']')?;
        let is_number = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        return Some((OwnedStep::At(index.parse().ok().filter(|_| is_number)?), after));
    }
    let name = text.strip_prefix('.')?;
    if name.starts_with('"') {
        let (name, after) = quoted(name)?;
        return Some((OwnedStep::Name(name), after));
    }
    let end = name.find(|c: char| matches!(c, '.' | '[' | ']' | '"') || c.is_whitespace()).unwrap_or(name.len());
    (end > 0).then(|| (OwnedStep::Name(name[..end].to_string()), &name[end..]))
}

/// The characters of the JSON string that `text` begins with, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.string().ok()?;
    let (string, after) = text.split_at(scanner.position());
    let mut characters = Vec::new();
    unescape(&string[1..string.len() - 1], &mut characters).ok()?;
    Some((String::from_utf8(characters).ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, json: &str) -> String {
        let mut out = Vec::new();
        match path.parse::<JsonPath>().and_then(|path| path.push_text(json.as_bytes(), &mut out)) {
            Ok(true) => String::from_utf8(out).unwrap(),
            Ok(false) => "(null)".into(),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn finds_what_stands_there() {
        let json = r#" {"id": 7, "user":{"name":"A\u006e\n","tags":["x", 1.50, {"a b":null}]}, "a.b":true, "d":1, "d":{"e" : [ ]}, "\u0069x":"found"} "#;
        let cases = [
            (".id", "7"),
            ("$.id", "7"),
            (".user.name", "An\n"),
            (".user.tags[1]", "1.50"),
            (".user[\"tags\"][0]", "x"),
            (".user.tags[2].\"a b\"", "(null)"),
            (".user.tags[2][\"a b\"]", "(null)"),
            (".\"a.b\"", "true"),
            (".[\"a.b\"]", "true"),
            (".d", r#"{"e" : [ ]}"#),
            (".d.e", "[ ]"),
            (".ix", "found"),
            (".nope", "! read JSON: path .nope: it is missing"),
            (".id.x", "! read JSON: path .id.x: it is missing"),
            (".user.tags[3]", "! read JSON: path .user.tags[3]: it is missing"),
        ];
        for (path, expected) in cases {
            assert_eq!(text(path, json), expected, "{path}");
        }
        assert_eq!(
            (text(".", " \"x\" "), text(".", "[1, 2]"), text(".[1]", "[1, 2]")),
            ("x".into(), "[1, 2]".into(), "2".into())
        );
        assert!(text(".id", "{\"id\":1").starts_with("! read JSON: line 1, column 8: this is not JSON"));
        assert!(text(".id", "{\"id\":\"\\ud800\"}").contains("half a character"));
    }

    #[test]
    fn what_is_no_path_says_so() {
        for path in ["", "id", "..id", ".a.", ".a[", ".a[x]", ".a[-1]", ".a[]", ".a b", ".\"a", "$", ".a]", ".a..b"] {
            assert!(text(path, "{}").contains("this is no path; it is written like .id"), "{path}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_json() {
        let error = ".a".parse::<JsonPath>().unwrap().push_text(b"{\"a\":\"\xff\"}", &mut Vec::new()).unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("it is not UTF-8"), "{error}");
    }
}
