//! A checking walk over JSON text: it finds where values begin and end, without building anything, without recursion.

use std::ops::Range;

/// How deep arrays and objects may nest; serde_json's limit, so that whatever passes here can also be read into a
/// user's own types.
pub const DEPTH_MAX: u32 = 127;

/// Where a text is not JSON, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The byte at which it shows.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// One member of an object, as ranges of the text.
pub struct MemberSpan {
    /// The name with its quotes.
    pub name: Range<usize>,
    /// Whether the name holds escapes.
    pub name_escaped: bool,
    /// The value without the white space around it.
    pub value: Range<usize>,
}

/// A place in a text, which must be UTF-8: the scanner does not look inside of characters.
#[derive(Clone)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    newlines: bool,
}

/// Which of the open brackets are objects: one bit each, the innermost lowest.
#[derive(Default)]
struct Open {
    objects: u128,
    depth: u32,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// A scanner at byte `at` of `bytes`.
    pub fn at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, newlines: false }
    }

    /// The byte where it stands.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether it came over line breaks; they can only stand between the tokens.
    pub fn newlines(&self) -> bool {
        self.newlines
    }

    /// The byte that comes next.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// A fault at this place.
    pub fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, what })
    }

    /// Steps over white space.
    #[inline]
    pub fn space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.newlines = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// Steps over `byte`, or says what is wrong.
    #[inline]
    pub fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return self.fault(what);
        }
        self.at += 1;
        Ok(())
    }

    /// The end of the text, after white space.
    pub fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at < self.bytes.len() {
            return self.fault("there is more after the end of the value");
        }
        Ok(())
    }

    /// Steps over one value of any kind and depth, and returns its range.
    #[inline]
    pub fn value(&mut self) -> Result<Range<usize>, Fault> {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'{' | b'[') => self.container()?,
            _ => self.scalar()?,
        }
        Ok(start..self.at)
    }

    /// Steps over an object or array.
    fn container(&mut self) -> Result<(), Fault> {
        let mut open = Open::default();
        loop {
            self.space();
            let opened = match self.peek() {
                Some(b'{') => self.open_object(&mut open)?,
                Some(b'[') => self.open_array(&mut open)?,
                _ => {
                    self.scalar()?;
                    false
                }
            };
            if !opened && self.close(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Calls `each` with the range of each element of the array that comes next.
    pub fn elements(&mut self, mut each: impl FnMut(Range<usize>)) -> Result<(), Fault> {
        self.expect(b'[', "an array must begin with [")?;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self.value()?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fault("a comma or ] is missing"),
            }
        }
    }

    /// The next member of an object; `None` at its end. Give `first` for the one right after the opening brace.
    pub fn member(&mut self, first: bool) -> Result<Option<MemberSpan>, Fault> {
        self.space();
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !first => {
                self.at += 1;
                self.space();
            }
            _ if !first => return self.fault("a comma or } is missing"),
            _ => {}
        }
        let start = self.at;
        let name_escaped = self.name()?;
        let name = start..self.before_colon(start);
        Ok(Some(MemberSpan { name, name_escaped, value: self.value()? }))
    }

    /// Steps over a string and says whether it holds escapes.
    #[inline]
    pub fn string(&mut self) -> Result<bool, Fault> {
        self.expect(b'"', "a string must begin with a quote")?;
        self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(false);
        }
        self.string_with_escapes()?;
        Ok(true)
    }

    /// Steps over the bytes of a string that need no look.
    #[inline]
    fn plain(&mut self) {
        self.at += plain_bytes(&self.bytes[self.at..]);
    }

    fn string_with_escapes(&mut self) -> Result<(), Fault> {
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return self.fault("a control character in a string must be escaped"),
                None => return self.fault("the closing quote of a string is missing"),
            }
            self.plain();
        }
    }

    fn open_object(&mut self, open: &mut Open) -> Result<bool, Fault> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(false);
        }
        self.push(open, true)?;
        self.name()?;
        Ok(true)
    }

    fn open_array(&mut self, open: &mut Open) -> Result<bool, Fault> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(false);
        }
        self.push(open, false)?;
        Ok(true)
    }

    fn push(&self, open: &mut Open, object: bool) -> Result<(), Fault> {
        if open.depth == DEPTH_MAX {
            return self.fault("it is nested deeper than 127 levels");
        }
        open.objects = (open.objects << 1) | u128::from(object);
        open.depth += 1;
        Ok(())
    }

    /// Steps over the comma or the closing brackets after a value; true once everything is closed.
    fn close(&mut self, open: &mut Open) -> Result<bool, Fault> {
        while open.depth > 0 {
            let object = open.objects & 1 == 1;
            self.space();
            match (self.peek(), object) {
                (Some(b','), false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (Some(b','), true) => {
                    self.at += 1;
                    self.space();
                    self.name()?;
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    open.objects >>= 1;
                    open.depth -= 1;
                }
                (_, true) => return self.fault("a comma or } is missing"),
                (_, false) => return self.fault("a comma or ] is missing"),
            }
        }
        Ok(true)
    }

    /// Steps over a member's name and its colon, and says whether the name holds escapes.
    fn name(&mut self) -> Result<bool, Fault> {
        if self.peek() != Some(b'"') {
            return self.fault("a name in quotes is missing");
        }
        let escaped = self.string()?;
        self.space();
        self.expect(b':', "a colon is missing after the name")?;
        Ok(escaped)
    }

    /// Where the name ends whose colon was just passed.
    fn before_colon(&self, start: usize) -> usize {
        let quote = self.bytes[start..self.at].iter().rposition(|&byte| byte == b'"');
        start + quote.expect("a name ends with a quote") + 1
    }

    /// Steps over a string, a number, true, false, or null.
    #[inline]
    pub fn scalar(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            None => self.fault("a value is missing at the end"),
            Some(_) => self.fault("a value is missing"),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.fault("a value is missing");
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return self.fault("a number must not begin with 0");
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += digits(&self.bytes[start..]);
        if self.at == start {
            return self.fault("a digit is missing");
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let length = match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => 6,
            _ => return self.fault("an unknown escape in a string"),
        };
        let hex = self.bytes.get(self.at + 2..self.at + length).unwrap_or_default();
        if hex.len() + 2 != length || !hex.iter().all(u8::is_ascii_hexdigit) {
            return self.fault("\\u needs four hexadecimal digits");
        }
        self.at += length;
        Ok(())
    }
}

/// Checks that `bytes`, which must be UTF-8, are one JSON value with nothing but white space around it; returns where
/// the value lies, and whether the whole text holds line breaks.
pub(crate) fn check(bytes: &[u8]) -> Result<(Range<usize>, bool), Fault> {
    let mut scanner = Scanner::new(bytes);
    let range = scanner.value()?;
    scanner.end()?;
    Ok((range, scanner.newlines()))
}

/// Whether the first byte that is not white space opens an array or object.
pub(crate) fn is_container(bytes: &[u8]) -> bool {
    let mut scanner = Scanner::new(bytes);
    scanner.space();
    matches!(scanner.peek(), Some(b'{' | b'['))
}

/// How many bytes at the start can stand as they are in a JSON string, looked at eight at a time where there are so
/// many.
#[inline]
pub(crate) fn plain_bytes(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let special = specials(u64::from_le_bytes(*eight));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|&&byte| !is_special(byte)).count()
}

/// How many digits there are at the start, looked at eight at a time where there are so many bytes.
#[inline]
pub(crate) fn digits(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        // A digit is at most 9 now, so that nothing of it gets into its high bit.
        let values = u64::from_le_bytes(*eight) ^ (ONES * b'0' as u64);
        let others = (((values & (ONES * 0x7f)) + ONES * (0x80 - 10)) | values) & (ONES << 7);
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The bytes at which the plain part of a string ends: the quote, the backslash, and the control characters.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        special[byte] = true;
        byte += 1;
    }
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special
};

/// A high bit in each of the eight bytes that are special; above the lowest such byte others may be marked, too.
#[inline]
fn specials(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // Subtracting borrows into the high bit of each byte that was below; bytes that had it set before are no ASCII and
    // do not count.
    let below = |bytes: u64, bound: u64| bytes.wrapping_sub(ONES * bound) & !bytes;
    let quotes = below(eight ^ (ONES * b'"' as u64), 1);
    let backslashes = below(eight ^ (ONES * b'\\' as u64), 1);
    (below(eight, 0x20) | quotes | backslashes) & HIGH
}

/// Whether this byte cannot stand as it is in a JSON string.
#[inline]
fn is_special(byte: u8) -> bool {
    SPECIAL[byte as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees_with_serde_json(text: &str) {
        let ours = check(text.as_bytes());
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{text:?}: {ours:?}, {theirs:?}");
    }

    #[test]
    fn agrees_with_serde_json_on_right_and_wrong_texts() {
        let texts = r#"1|-1|01|-|1.|1.5|.5|1e|1e5|1E+5|1e-|-0|00|+1|true|tru|false|null|nul|nulll|nan|NaN|Infinity|'a'|""|"a|"\"|"\n"|"\x"|"\u12"|"\u12ab"|
            "\ud800"|"	"|"\/"|"ü"|[]|[ ]|[1]|[1,]|[,1]|[1 2]|[1,2|[1]x|[[[]]]|{}|{ }|{"a":1}|{"a":1,}|{,"a":1}|{"a" : 1 , "b":[{}]}|{a:1}|{"a"}|{"a":}|
            {"a":1 "b":2}|{"a":1]|[1}|1 2|{} {}| |"#;
        texts.split('|').for_each(agrees_with_serde_json);
        ["", "[\"\u{1}\"]", "\u{feff}1", "\n1\r\n"].into_iter().for_each(agrees_with_serde_json);
    }

    #[test]
    fn agrees_with_serde_json_on_damaged_texts() {
        let text = "{\"a\": [1, -2.5e3, \"x\\n\\u00fc\"], \"b\": {\"c\": null, \"d\": [true, {}]}}";
        for cut in 0..text.len() {
            agrees_with_serde_json(&text[..cut]);
            for byte in b"{}[],:\"0a\\ " {
                let mut damaged = text.as_bytes().to_vec();
                damaged[cut] = *byte;
                agrees_with_serde_json(std::str::from_utf8(&damaged).unwrap());
            }
        }
    }

    #[test]
    fn finds_the_first_special_byte_wherever_it_is() {
        for plain in 0..20 {
            for byte in 0..=255 {
                let mut text = vec![b'"'; 1 + plain + 1 + 20];
                text[1..=plain].fill(if plain % 2 == 0 { 0x20 } else { 0xff });
                text[plain + 1] = byte;
                let mut scanner = Scanner::at(&text, 1);
                scanner.plain();
                assert_eq!(
                    scanner.position(),
                    if is_special(byte) { plain + 1 } else { plain + 2 },
                    "{byte} after {plain}"
                );
            }
        }
    }

    #[test]
    fn counts_digits_up_to_the_first_other_byte() {
        for count in 0..20 {
            for byte in 0..=255_u8 {
                let mut text: Vec<u8> = (0..40).map(|at| b'0' + at % 10).collect();
                text[count] = byte;
                let expected = if byte.is_ascii_digit() { 40 } else { count };
                assert_eq!((digits(&text), digits(&text[..count])), (expected, count), "{byte} after {count}");
            }
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let nested = |depth: usize| "[".repeat(depth) + "1" + &"]".repeat(depth);
        assert!(check(nested(DEPTH_MAX as usize).as_bytes()).is_ok());
        assert_eq!(
            check(nested(DEPTH_MAX as usize + 1).as_bytes()).unwrap_err().what,
            "it is nested deeper than 127 levels"
        );
        assert!(check("[".repeat(10_000_000).as_bytes()).is_err());
        assert!(serde_json::from_str::<serde_json::Value>(&nested(DEPTH_MAX as usize)).is_ok());
        assert!(serde_json::from_str::<serde_json::Value>(&nested(DEPTH_MAX as usize + 1)).is_err());
    }

    #[test]
    fn finds_members_elements_and_line_breaks() {
        let text = b"{ \"a\" : [1, 2] ,\"\\u0062\":\n{}}";
        let mut scanner = Scanner::at(text, 1);
        let member = scanner.member(true).unwrap().unwrap();
        assert_eq!(
            (&text[member.name], member.name_escaped, &text[member.value]),
            (&b"\"a\""[..], false, &b"[1, 2]"[..])
        );
        let member = scanner.member(false).unwrap().unwrap();
        assert_eq!(
            (&text[member.name], member.name_escaped, &text[member.value]),
            (&b"\"\\u0062\""[..], true, &b"{}"[..])
        );
        assert!(scanner.member(false).unwrap().is_none());
        assert!(scanner.newlines());
        let mut elements = Vec::new();
        Scanner::new(b"[1, [2] ,\"x\"]").elements(|range| elements.push(range)).unwrap();
        assert_eq!(elements, [1..2, 4..7, 9..12]);
        assert_eq!(check(b" [1] ").unwrap(), (1..4, false));
    }
}
