//! The messages of an answer of version 2, read without a tree of their JSON.

use base64_simd::STANDARD;
use kafi_core::json_text::{Fault, Scanner, unescape};
use kafi_core::{Batch, Error, ErrorKind, HeaderMeta, NO_TIMESTAMP, Position, RecordMeta, Result, Span, TimestampType};

const READ: &str = "read";

/// The messages of one answer, each of which is looked at when it is its turn.
pub(crate) struct Messages {
    text: Vec<u8>,
    at: usize,
}

/// A message; its key, its value, and its headers are still text.
pub(crate) struct Message<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// Whether it comes with a timestamp, and so with its headers.
    pub is_whole: bool,
    timestamp: i64,
    timestamp_type: TimestampType,
    /// Base64 without its quotes.
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    /// The list of them, if there are some.
    headers: Option<&'a [u8]>,
}

impl Messages {
    /// Takes an answer.
    ///
    /// # Errors
    /// `Corrupt` if it is no list.
    pub fn new(text: Vec<u8>) -> Result<Self> {
        let mut scanner = Scanner::new(&text);
        scanner.space();
        if scanner.expect(b'[', "").is_err() {
            return Err(Error::new(ErrorKind::Corrupt, READ, "its answer is no list of messages"));
        }
        scanner.space();
        let at = scanner.position();
        Ok(Self { text, at })
    }

    /// Whether all were taken.
    pub fn is_over(&self) -> bool {
        self.text.get(self.at) == Some(&b']')
    }

    /// The first message of each partition among those that were not taken.
    ///
    /// # Errors
    /// `Corrupt` if there is something else.
    pub fn firsts(&self) -> Result<Vec<Position>> {
        let (mut at, mut firsts) = (self.at, Vec::<Position>::new());
        while let Some((message, next)) = Message::at(&self.text, at)? {
            at = next;
            if !firsts.iter().any(|first| (&*first.topic, first.partition) == (message.topic, message.partition)) {
                let (topic, partition) = (message.topic.to_string(), message.partition);
                firsts.push(Position { topic, partition, offset: message.offset });
            }
        }
        Ok(firsts)
    }

    /// The bytes of the whole answer.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The next one.
    ///
    /// # Errors
    /// `Corrupt` if it is none.
    pub fn next(&mut self) -> Result<Option<Message<'_>>> {
        let Some((message, next)) = Message::at(&self.text, self.at)? else { return Ok(None) };
        self.at = next;
        Ok(Some(message))
    }
}

/// A place in an answer as servers write them: members in their order, and nothing between them. What is written
/// otherwise, or is wrong, is nothing here, and is read by the scanner.
struct Usual<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Usual<'a> {
    fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    /// The message, and where the next one begins.
    fn message(mut self) -> Option<(Message<'a>, usize)> {
        self.skip(b"{\"topic\":")?;
        let topic = std::str::from_utf8(self.text()??).ok().filter(|topic| !topic.is_empty())?;
        self.skip(b",\"key\":")?;
        let key = self.text()?;
        self.skip(b",\"value\":")?;
        let value = self.text()?;
        self.skip(b",\"partition\":")?;
        let partition = i32::try_from(self.number()?).ok()?;
        self.skip(b",\"offset\":")?;
        let offset = self.number()?;
        let mut message = Message { topic, partition, offset, key, value, ..Message::NONE };
        if self.skip(b",\"timestamp\":").is_some() {
            message.timestamp = self.number()?;
            message.is_whole = true;
        }
        if self.skip(b",\"headers\":[").is_some() {
            let mut scanner = Scanner::at(self.text, self.at - 1);
            message.headers = Some(&self.text[scanner.value().ok()?]);
            self.at = scanner.position();
        }
        self.skip(b"}")?;
        match self.text.get(self.at) {
            Some(b',') => Some((message, self.at + 1)),
            Some(b']') => Some((message, self.at)),
            _ => None,
        }
    }

    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(expected).then(|| self.at += expected.len())
    }

    /// Null, or a string without escapes, without its quotes.
    fn text(&mut self) -> Option<Option<&'a [u8]>> {
        if self.skip(b"\"").is_none() {
            return self.skip(b"null").map(|()| None);
        }
        let rest = &self.text[self.at..];
        let length = memchr::memchr2(b'"', b'\\', rest)?;
        self.at += length;
        self.skip(b"\"").map(|()| Some(&rest[..length]))
    }

    /// A number that is an offset, or a time after 1970, of as many digits as fit for certain.
    fn number(&mut self) -> Option<i64> {
        let rest = &self.text[self.at..];
        let (mut number, mut length) = (0, 0);
        for digit in rest.iter().take(19).map(|byte| byte.wrapping_sub(b'0')).take_while(|digit| *digit < 10) {
            number = number * 10 + u64::from(digit);
            length += 1;
        }
        if !(1..=18).contains(&length) || rest[0] == b'0' && length > 1 {
            return None;
        }
        self.at += length;
        i64::try_from(number).ok()
    }
}

impl<'a> Message<'a> {
    const NONE: Self = Self {
        topic: "",
        partition: -1,
        offset: -1,
        is_whole: false,
        timestamp: NO_TIMESTAMP,
        timestamp_type: TimestampType::Create,
        key: None,
        value: None,
        headers: None,
    };

    /// The message at `at`, if there is one more, and where the next one begins.
    fn at(text: &'a [u8], at: usize) -> Result<Option<(Self, usize)>> {
        if text.get(at) == Some(&b']') {
            return Ok(None);
        }
        if let Some(found) = Usual::new(text, at).message() {
            return Ok(Some(found));
        }
        let mut scanner = Scanner::at(text, at);
        let mut end = || {
            let range = scanner.value()?;
            scanner.space();
            match scanner.peek() {
                Some(b',') => scanner.expect(b',', "")?,
                Some(b']') => {}
                _ => return scanner.fault("a comma or ] is missing"),
            }
            scanner.space();
            Ok((range, scanner.position()))
        };
        let (range, end) = end().map_err(no_json)?;
        Ok(Some((Self::read(&text[range])?, end)))
    }

    fn read(text: &'a [u8]) -> Result<Self> {
        let mut message = Self::NONE;
        let mut scanner = Scanner::new(text);
        scanner.expect(b'{', "a message is an object").map_err(no_json)?;
        let mut is_first = true;
        while let Some(member) = scanner.member(is_first).map_err(no_json)? {
            is_first = false;
            let value = &text[member.value];
            match &text[member.name] {
                b"\"topic\"" => message.topic = topic(value)?,
                b"\"partition\"" => message.partition = partition(value)?,
                b"\"offset\"" => message.offset = number(value, "an offset")?,
                b"\"key\"" => message.key = inner(value)?,
                b"\"value\"" => message.value = inner(value)?,
                b"\"timestamp\"" if value != b"null" => {
                    message.timestamp = number(value, "a timestamp")?;
                    message.is_whole = true;
                }
                b"\"timestamp_type\"" if value == b"\"append\"" => message.timestamp_type = TimestampType::Append,
                b"\"headers\"" if value != b"null" => message.headers = Some(value),
                _ => {}
            }
        }
        if message.topic.is_empty() || message.partition < 0 || message.offset < 0 {
            return Err(bad("a message says not where it is from"));
        }
        Ok(message)
    }

    /// Appends it to a batch.
    ///
    /// # Errors
    /// `Corrupt` where something is no base64; then nothing is appended.
    pub fn push(&self, batch: &mut Batch) -> Result<()> {
        let (records, headers, bytes) = (batch.len(), batch.header_mark(), batch.bytes());
        let pushed = self.try_push(batch);
        if pushed.is_err() {
            batch.rewind(records, headers, bytes);
        }
        pushed
    }

    fn try_push(&self, batch: &mut Batch) -> Result<()> {
        let topic = batch.topic_index(self.topic);
        let header_start = batch.header_mark();
        if let Some(headers) = self.headers {
            push_headers(headers, batch)?;
        }
        let key = decode(self.key, batch.arena())?;
        let value = decode(self.value, batch.arena())?;
        batch.push_meta(RecordMeta {
            offset: self.offset,
            timestamp: self.timestamp,
            topic,
            partition: self.partition,
            key,
            value,
            header_start,
            header_count: batch.header_mark() - header_start,
            timestamp_type: self.timestamp_type,
        });
        Ok(())
    }
}

/// Pairs of a name and a value, both in base64.
fn push_headers(text: &[u8], batch: &mut Batch) -> Result<()> {
    for pair in elements(text)? {
        let parts = elements(&text[pair.clone()])?;
        let part = |index: usize| parts.get(index).map(|range| &text[pair.clone()][range.clone()]);
        let name = inner(part(0).unwrap_or(b"null"))?.ok_or_else(|| bad("a header has no name"))?;
        let value = inner(part(1).unwrap_or(b"null"))?;
        let name = decode(Some(name), batch.arena())?;
        let value = decode(value, batch.arena())?;
        batch.push_header_meta(HeaderMeta { name, value });
    }
    Ok(())
}

fn elements(text: &[u8]) -> Result<Vec<std::ops::Range<usize>>> {
    let mut all = Vec::new();
    Scanner::new(text).elements(|range| all.push(range)).map_err(no_json)?;
    Ok(all)
}

/// Decodes base64 to the end of the bytes.
fn decode(text: Option<&[u8]>, out: &mut Vec<u8>) -> Result<Span> {
    let Some(text) = text else { return Ok(Span::NULL) };
    let start = out.len();
    // The decoder itself would make room for this one only.
    out.reserve(text.len());
    if STANDARD.decode_append(text, out).is_err() {
        // JSON may write a slash as \/.
        let mut plain = Vec::new();
        let no_base64 = || bad("a message is no base64");
        unescape(std::str::from_utf8(text).map_err(|_| no_base64())?, &mut plain).map_err(no_json)?;
        STANDARD.decode_append(&plain, out).map_err(|_| no_base64())?;
    }
    Ok(Span::between(start, out.len()))
}

fn topic(value: &[u8]) -> Result<&str> {
    // The names of topics need no escapes.
    inner(value)?.and_then(|name| std::str::from_utf8(name).ok()).ok_or_else(|| bad("a topic is no text"))
}

fn partition(value: &[u8]) -> Result<i32> {
    let number = number(value, "a partition")?;
    i32::try_from(number).map_err(|_| bad(&format!("{number} is no partition")))
}

fn number(value: &[u8], what: &str) -> Result<i64> {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| bad(&format!("{what} is no number")))
}

/// What stands between the quotes of a string; nothing for null.
fn inner(value: &[u8]) -> Result<Option<&[u8]>> {
    match value {
        b"null" => Ok(None),
        [b'"', inner @ .., b'"'] => Ok(Some(inner)),
        _ => Err(bad("a message has something else where a text should be")),
    }
}

fn no_json(fault: Fault) -> Error {
    bad(&format!("its answer is no JSON: {}", fault.what))
}

fn bad(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, READ, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Batch> {
        let (mut messages, mut batch) = (Messages::new(text.as_bytes().to_vec())?, Batch::new());
        while let Some(message) = messages.next()? {
            message.push(&mut batch)?;
        }
        batch.validate()?;
        Ok(batch)
    }

    #[test]
    fn messages_are_read_as_servers_write_them() {
        let text = r#" [ {"topic":"t","key":"aw==","value":null,"partition":3,"offset":7} ,
            {"value":"Pz8\/","more":[{}],"offset":8,"partition":0,"topic":"u","key":null,"timestamp":5,
             "timestamp_type":"append","headers":[["aA==","dg=="],["/w==",null]]} ]"#;
        let batch = read(text).unwrap();
        let records: Vec<_> = batch.iter().collect();
        assert_eq!((records[0].topic, records[0].partition, records[0].offset), ("t", 3, 7));
        assert_eq!((records[0].key, records[0].value, records[0].timestamp), (Some(&b"k"[..]), None, NO_TIMESTAMP));
        assert_eq!((records[1].topic, records[1].value), ("u", Some(&b"???"[..])));
        assert_eq!((records[1].timestamp, records[1].timestamp_type), (5, TimestampType::Append));
        let headers: Vec<_> = records[1].headers.iter().map(|header| (header.name, header.value)).collect();
        assert_eq!(headers, [(&b"h"[..], Some(&b"v"[..])), (&b"\xff"[..], None)]);
        assert!(read("[]").unwrap().is_empty() && read(" [ ] ").unwrap().is_empty());
    }

    /// A message as servers write it, with other members, and then the same with white space, which the scanner reads.
    #[test]
    fn messages_are_read_the_same_way_however_they_are_written() {
        for more in [
            "",
            r#","timestamp":1700000000000"#,
            r#","timestamp":-1"#,
            r#","timestamp":0,"timestamp_type":"append""#,
            r#","timestamp":5,"headers":[["aA==","dg=="],["/w==",null]]"#,
            r#","headers":[]"#,
        ] {
            for (key, value) in [("null", r#""dg==""#), (r#""aw==""#, "null"), (r#""""#, r#""Pz8\/""#)] {
                let one = format!(r#"{{"topic":"t-é","key":{key},"value":{value},"partition":12,"offset":345{more}}}"#);
                let usual = read(&format!("[{one},{one}]")).unwrap();
                let other = read(&format!("[ {one} , {} ]", one.replace(':', ": "))).unwrap();
                assert_eq!(usual.len(), 2);
                assert!(usual.iter().eq(other.iter()), "{one}");
            }
        }
        let usual = r#"{"topic":"t","key":null,"value":"dg==","partition":0,"offset":7,"timestamp":5}"#;
        let (message, next) =
            Usual::new(format!("{usual},").as_bytes(), 0).message().map(|(m, n)| (m.offset, n)).unwrap();
        assert_eq!((message, next), (7, usual.len() + 1));
        for (from, to) in [
            ("7", "07"),
            ("7", "1234567890123456789"),
            ("7", ""),
            ("\"t\"", "null"),
            ("\"t\"", "\"\""),
            ("dg==", "dg\\u003d"),
            (",\"offset", " ,\"offset"),
            ("}", ""),
            ("5", "5.0"),
        ] {
            let text = format!("{},", usual.replacen(from, to, 1));
            assert!(Usual::new(text.as_bytes(), 0).message().is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let valid =
            r#"[{"topic":"t","key":"aw==","value":"dg==","partition":0,"offset":7,"headers":[["aA==","dg=="]]}]"#;
        assert_eq!(read(valid).unwrap().len(), 1);
        for cut in 0..valid.len() {
            assert_eq!(read(&valid[..cut]).unwrap_err().kind(), ErrorKind::Corrupt, "{cut}");
        }
        for (from, to) in
            [("aw==", "a"), ("aA==", "?"), (r#""t""#, "1"), ("7", "1.5"), ("0", "99999999999"), ("[[", "[1,[")]
        {
            let error = read(&valid.replace(from, to)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{from}: {error}");
        }
        assert_eq!(read("{}").unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_message_that_is_none_leaves_nothing() {
        let text = r#"[{"topic":"t","key":"aw==","value":"?","partition":0,"offset":7,"headers":[["aA==",null]]}]"#;
        let (mut messages, mut batch) = (Messages::new(text.into()).unwrap(), Batch::new());
        messages.next().unwrap().unwrap().push(&mut batch).unwrap_err();
        assert_eq!((batch.len(), batch.header_mark(), batch.bytes()), (0, 0, 0));
    }
}
