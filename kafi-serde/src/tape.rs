//! A JSON text as a flat list of its values, made in one pass into memory that is used again: what encoders walk.

use std::collections::HashSet;

use kafi_core::json_text::{self, Scanner, unescape};
use kafi_core::{Json, JsonKind, Result};

#[cfg(any(feature = "avro", feature = "protobuf"))]
use crate::fault::shortened;
use crate::fault::{Fault, Outcome};

/// Up to how many names of an object are compared one by one.
const COMPARED_MAX: usize = 16;

type Scanned<T> = std::result::Result<T, json_text::Fault>;

/// The values of a text, in order: of an object the name and the value of each member, of an array its elements.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    tokens: Vec<Token>,
    open: Vec<u32>,
}

/// One value, or the name of a member.
#[derive(Debug)]
struct Token {
    start: u32,
    end: u32,
    /// The token behind it and all that it holds.
    next: u32,
    kind: JsonKind,
    /// Whether a string holds escapes.
    is_escaped: bool,
}

/// A value of a text, or the name of a member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    tokens: &'a [Token],
    text: &'a str,
    at: u32,
}

/// What an array holds, or names and values of an object in turns.
#[derive(Clone, Debug)]
pub(crate) struct Children<'a> {
    next: Item<'a>,
    end: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let child = (self.next.at < self.end).then_some(self.next)?;
        self.next.at = child.token().next;
        Some(child)
    }
}

/// The names and values of an object.
#[derive(Clone, Debug)]
pub(crate) struct Members<'a>(Children<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<(Item<'a>, Item<'a>)> {
        Some((self.0.next()?, self.0.next()?))
    }
}

impl Tape {
    /// Takes in a text, in place of the last one.
    pub fn read<'a>(&'a mut self, text: &'a str) -> Result<Item<'a>> {
        self.tokens.clear();
        self.open.clear();
        if let Err(fault) = self.fill(text) {
            // It says line and column as for every other JSON text; texts that are too large are refused there, too.
            Json::parse(text)?;
            unreachable!("both read the same JSON, which ends at byte {}: {}", fault.at, fault.what);
        }
        Ok(Item { tokens: &self.tokens, text, at: 0 })
    }

    fn fill(&mut self, text: &str) -> Scanned<()> {
        if u32::try_from(text.len()).is_err() {
            return Err(json_text::Fault { at: 0, what: "it is too large" });
        }
        let bytes = text.as_bytes();
        let mut scanner = Scanner::new(bytes);
        scanner.space();
        loop {
            let (start, first) = (scanner.position() as u32, scanner.peek());
            match first {
                Some(b'{' | b'[') => {
                    if self.open(&mut scanner, first == Some(b'{'))? {
                        continue;
                    }
                }
                Some(b'"') => {
                    let is_escaped = scanner.string()?;
                    self.push(start, scanner.position() as u32, JsonKind::Str, is_escaped);
                }
                _ => {
                    scanner.scalar()?;
                    let kind = match first {
                        Some(b't' | b'f') => JsonKind::Bool,
                        Some(b'n') => JsonKind::Null,
                        _ => JsonKind::Number,
                    };
                    self.push(start, scanner.position() as u32, kind, false);
                }
            }
            if self.close(&mut scanner)? {
                return scanner.end();
            }
        }
    }

    /// Steps into an array or object, up to its first value; false if it is empty, which is a value by itself.
    fn open(&mut self, scanner: &mut Scanner<'_>, is_object: bool) -> Scanned<bool> {
        let (opening, closing, kind) =
            if is_object { (b'{', b'}', JsonKind::Object) } else { (b'[', b']', JsonKind::Array) };
        let start = scanner.position() as u32;
        scanner.expect(opening, "a value is missing")?;
        scanner.space();
        if scanner.peek() == Some(closing) {
            scanner.expect(closing, "a closing bracket is missing")?;
            self.push(start, scanner.position() as u32, kind, false);
            return Ok(false);
        }
        if self.open.len() == Json::DEPTH_MAX as usize {
            return scanner.fault("it is nested too deep");
        }
        self.open.push(self.tokens.len() as u32);
        self.push(start, start, kind, false);
        if is_object {
            self.name(scanner)?;
        }
        Ok(true)
    }

    /// Steps over what follows a value: a comma, and a name; or closing brackets. True once nothing is open.
    fn close(&mut self, scanner: &mut Scanner<'_>) -> Scanned<bool> {
        while let Some(&open) = self.open.last() {
            let is_object = self.tokens[open as usize].kind == JsonKind::Object;
            scanner.space();
            if scanner.peek() == Some(b',') {
                scanner.expect(b',', "")?;
                scanner.space();
                if is_object {
                    self.name(scanner)?;
                }
                return Ok(false);
            }
            scanner.expect(if is_object { b'}' } else { b']' }, "a comma or a closing bracket is missing")?;
            let next = self.tokens.len() as u32;
            let token = &mut self.tokens[open as usize];
            (token.end, token.next) = (scanner.position() as u32, next);
            self.open.pop();
        }
        Ok(true)
    }

    fn name(&mut self, scanner: &mut Scanner<'_>) -> Scanned<()> {
        let start = scanner.position() as u32;
        let is_escaped = scanner.string()?;
        self.push(start, scanner.position() as u32, JsonKind::Str, is_escaped);
        scanner.space();
        scanner.expect(b':', "a colon is missing after the name")?;
        scanner.space();
        Ok(())
    }

    fn push(&mut self, start: u32, end: u32, kind: JsonKind, is_escaped: bool) {
        let next = self.tokens.len() as u32 + 1;
        self.tokens.push(Token { start, end, next, kind, is_escaped });
    }
}

impl<'a> Item<'a> {
    /// What kind of value it is.
    #[inline]
    pub fn kind(self) -> JsonKind {
        self.token().kind
    }

    /// Its text, as it is written.
    #[inline]
    pub fn raw(self) -> &'a str {
        let token = self.token();
        &self.text[token.start as usize..token.end as usize]
    }

    /// The characters of a string, in `space` where it holds escapes; `None` is half a character, and anything but a
    /// string.
    #[inline]
    pub fn string<'b>(self, space: &'b mut Vec<u8>) -> Option<&'b str>
    where
        'a: 'b,
    {
        let token = self.token();
        if token.kind != JsonKind::Str {
            return None;
        }
        let inner = &self.text[token.start as usize + 1..token.end as usize - 1];
        if !token.is_escaped {
            return Some(inner);
        }
        space.clear();
        unescape(inner, space).ok()?;
        std::str::from_utf8(space).ok()
    }

    /// The elements of an array; of anything else none.
    pub fn elements(self) -> Children<'a> {
        self.children(JsonKind::Array)
    }

    /// The names and values of an object's members; of anything else none.
    pub fn members(self) -> Members<'a> {
        Members(self.children(JsonKind::Object))
    }

    /// Its place on the tape; that of what stands in something else is never 0.
    pub fn place(self) -> u32 {
        self.at
    }

    /// Refuses a name that stands twice in an object.
    pub fn check_names(self) -> Outcome<()> {
        let names: Vec<Item<'_>> = self.members().map(|(name, _)| name).collect();
        if names.len() <= COMPARED_MAX && names.iter().all(|name| !name.token().is_escaped) {
            let repeated = names
                .iter()
                .enumerate()
                .find(|(index, name)| names[..*index].iter().any(|other| other.raw() == name.raw()));
            return repeated.map_or(Ok(()), |(_, name)| Err(name.twice()));
        }
        let mut seen = HashSet::with_capacity(names.len());
        match names.into_iter().find(|name| !seen.insert(name.string(&mut Vec::new()).map(str::to_string))) {
            Some(name) => Err(name.twice()),
            None => Ok(()),
        }
    }

    /// That this name stands twice in its object.
    #[cold]
    pub fn twice(self) -> Box<Fault> {
        Fault::new(format!("the name {} stands twice in the object, and one of the two would be lost", self.raw()))
    }

    fn children(self, kind: JsonKind) -> Children<'a> {
        let token = self.token();
        let (at, end) = if token.kind == kind { (self.at + 1, token.next) } else { (0, 0) };
        Children { next: Self { at, ..self }, end }
    }

    #[inline]
    fn token(self) -> &'a Token {
        &self.tokens[self.at as usize]
    }
}

/// What who writes payloads needs.
#[cfg(any(feature = "avro", feature = "protobuf"))]
impl Item<'_> {
    /// The value at another place of the same tape.
    pub fn at(self, place: u32) -> Self {
        Self { at: place, ..self }
    }

    /// What it is, for errors.
    pub fn described(self) -> String {
        match self.kind() {
            JsonKind::Null | JsonKind::Bool => self.raw().to_string(),
            JsonKind::Number => format!("the number {}", shortened(self.raw())),
            JsonKind::Str => format!("the string {}", shortened(self.raw())),
            JsonKind::Array => "an array".into(),
            JsonKind::Object => "an object".into(),
        }
    }
}

/// What who validates needs.
#[cfg(feature = "jsonschema")]
impl Item<'_> {
    /// How deep arrays and objects nest in it.
    pub fn depth(self) -> usize {
        let mut ends: Vec<u32> = Vec::new();
        let mut deepest = 0;
        for at in self.at..self.token().next {
            while ends.last().is_some_and(|end| *end <= at) {
                ends.pop();
            }
            let token = &self.tokens[at as usize];
            if matches!(token.kind, JsonKind::Array | JsonKind::Object) {
                ends.push(token.next);
                deepest = deepest.max(ends.len());
            }
        }
        deepest
    }

    /// What tells its tape from others.
    pub fn address(self) -> usize {
        self.tokens.as_ptr() as usize
    }

    /// Whether it is a string of these characters.
    pub fn is_text(self, text: &str) -> bool {
        let token = self.token();
        token.kind == JsonKind::Str
            && if token.is_escaped {
                self.string(&mut Vec::new()) == Some(text)
            } else {
                self.raw().len() == text.len() + 2 && &self.raw()[1..=text.len()] == text
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a text again from its tape.
    fn again(item: Item<'_>, out: &mut String) {
        match item.kind() {
            JsonKind::Array => {
                out.push('[');
                for (index, element) in item.elements().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    again(element, out);
                }
                out.push(']');
            }
            JsonKind::Object => {
                out.push('{');
                for (index, (name, value)) in item.members().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    again(name, out);
                    out.push(':');
                    again(value, out);
                }
                out.push('}');
            }
            _ => out.push_str(item.raw()),
        }
    }

    #[test]
    fn texts_come_back_without_their_white_space() {
        let mut tape = Tape::default();
        for text in [
            "1",
            "\"a\\n\"",
            "null",
            "true",
            "[]",
            "{}",
            "[1,[],{},[2,{\"a\":null}],\"x\"]",
            "{\"a\":{\"b\":[-1.5e3,false]},\"c\":\"\"}",
        ] {
            let mut out = String::new();
            again(tape.read(&format!("\n {text}\t")).unwrap(), &mut out);
            assert_eq!(out, text);
        }
        let mut out = String::new();
        again(tape.read(" { \"a\" : [ 1 , 2 ] , \"b\" : { } } ").unwrap(), &mut out);
        assert_eq!(out, "{\"a\":[1,2],\"b\":{}}");
    }

    #[test]
    fn it_reads_what_json_reads() {
        let text = "{\"a\": [1, -2.5e3, \"x\\n\\u00fc\"], \"b\": {\"c\": null, \"d\": [true, {}]}}";
        let mut tape = Tape::default();
        for cut in 0..text.len() {
            for byte in *b"{}[],:\"0a\\ " {
                let mut damaged = text.as_bytes().to_vec();
                damaged[cut] = byte;
                for text in [&text[..cut], std::str::from_utf8(&damaged).unwrap()] {
                    let error = Json::parse(text).err().map(|error| error.to_string());
                    assert_eq!(tape.read(text).err().map(|error| error.to_string()), error, "{text}");
                }
            }
        }
        let nested = |depth: usize| "[".repeat(depth) + "{}" + &"]".repeat(depth);
        for depth in [1, 126, 127, 128, 100_000] {
            assert_eq!(tape.read(&nested(depth)).is_ok(), Json::parse(nested(depth)).is_ok(), "{depth}");
        }
    }

    #[test]
    fn strings_are_unescaped_and_half_characters_refused() {
        let mut tape = Tape::default();
        let mut space = Vec::new();
        let item = tape.read(r#"{"\u0061": "x\n", "b": "\ud800"}"#).unwrap();
        let members: Vec<_> =
            item.members().map(|(name, value)| (name.string(&mut space).map(str::to_string), value)).collect();
        assert_eq!((members[0].0.as_deref(), members[1].0.as_deref()), (Some("a"), Some("b")));
        assert_eq!((members[0].1.string(&mut space), item.string(&mut Vec::new())), (Some("x\n"), None));
        assert_eq!(members[1].1.string(&mut space), None);
    }
}
