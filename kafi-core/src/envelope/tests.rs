//! Tests of the envelope: exact lines, and random records that must come back.

use std::sync::Arc;

use super::*;
use crate::batch::Batch;
use crate::error::{Error, ErrorKind};
use crate::meta::TimestampType;
use crate::record::{HeadersBuf, OwnedRecord, Record};
use crate::schema::{SchemaRef, TravellingSchema};
use crate::types::{Field, Type};

const TYPES: [Type; 4] = [Type::Bytes, Type::Str, Type::Json, Type::Auto];

fn line(type_: Type, key: Option<&[u8]>, value: Option<&[u8]>) -> String {
    let mut out = Vec::new();
    EnvelopeWriter::new(type_, type_)
        .write(Record { partition: 0, offset: 0, timestamp: 0, ..Record::new("t", key, value) }, &mut out);
    String::from_utf8(out).unwrap()
}

/// What stands from the value on.
fn value_of(type_: Type, value: &[u8]) -> String {
    let line = line(type_, None, Some(value));
    let record = parse_envelope(line.as_bytes()).unwrap();
    assert_eq!(record.value.as_deref(), Some(value), "{line}");
    line.split_once("\"key\":null,").unwrap().1.strip_suffix('}').unwrap().to_string()
}

fn error(line: &[u8]) -> Error {
    let mut batch = Batch::new();
    batch.push(Record::new("t", None, Some(b"before")));
    let mut reader = EnvelopeReader::new();
    let error = reader.read(line, &mut batch).unwrap_err();
    assert_eq!((batch.len(), batch.bytes(), batch.header_mark()), (1, 6, 0));
    error
}

#[test]
fn a_line_is_as_the_contract_says() {
    let mut headers = HeadersBuf::new();
    headers.push("h", "x");
    headers.push_null("h");
    headers.push("e", "");
    let record = Record {
        partition: 3,
        offset: i64::MAX,
        timestamp: i64::MIN,
        timestamp_type: TimestampType::Append,
        headers: headers.as_headers(),
        ..Record::new("t\"", Some(b""), Some(br#"{"id": 1.50, "id":2}"#))
    };
    let mut out = Vec::new();
    EnvelopeWriter::default().write(record, &mut out);
    let expected = r#"{"topic":"t\"","partition":3,"offset":9223372036854775807,"timestamp":-9223372036854775808,"timestamp_type":"append","headers":[{"key":"h","value":"x"},{"key":"h","value":null},{"key":"e","value":""}],"key":"","value":{"id": 1.50, "id":2}}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!(parse_envelope(expected.as_bytes()).unwrap().as_record(), record);
}

#[test]
fn values_stand_as_their_type_says() {
    assert_eq!(line(Type::Json, None, None).split_once("\"headers\"").unwrap().1, r#":[],"key":null,"value":null}"#);
    assert_eq!(value_of(Type::Auto, b"456"), r#""value":"456""#);
    assert_eq!(value_of(Type::Auto, b"\"x\""), r#""value":"\"x\"""#);
    assert_eq!(value_of(Type::Auto, b"{\"a\":"), r#""value":"{\"a\":""#);
    assert_eq!(value_of(Type::Auto, b" [1] "), r#""value":[1],"value_raw":" [1] ""#);
    assert_eq!(value_of(Type::Auto, b"{\"a\":\r\n1}"), r#""value":{"a":  1},"value_raw":"{\"a\":\r\n1}""#);
    assert_eq!(value_of(Type::Auto, b"\xff\x00"), r#""value":null,"value_base64":"/wA=""#);
    for type_ in [Type::Bytes, Type::Str] {
        assert_eq!(value_of(type_, b"{\"a\":1}"), r#""value":"{\"a\":1}""#);
        assert_eq!(value_of(type_, b"null"), r#""value":"null""#);
        assert_eq!(value_of(type_, "\u{1}\u{2028}ü\n".as_bytes()), "\"value\":\"\\u0001\u{2028}ü\\n\"");
    }
    assert_eq!(value_of(Type::Json, b"456"), r#""value":456"#);
    assert_eq!(value_of(Type::Json, b"19.990"), r#""value":19.990"#);
    assert_eq!(value_of(Type::Json, b"true"), r#""value":true"#);
    assert_eq!(value_of(Type::Json, b"null"), r#""value":null,"value_raw":"null""#);
    assert_eq!(value_of(Type::Json, b"\"x\""), r#""value":"x","value_raw":"\"x\"""#);
    assert_eq!(value_of(Type::Json, b"not json"), r#""value":"not json""#);
    assert_eq!(value_of(Type::Json, b""), r#""value":"""#);
    assert!(line(Type::Json, Some(b"\"k\""), None).contains(r#""key":"k","key_raw":"\"k\"","value":null"#));
    assert!(line(Type::Auto, Some(b"\xff"), None).contains(r#""key":null,"key_base64":"/w==","value":null"#));
}

#[test]
fn reads_what_people_write() {
    let record = parse_envelope(br#" { "value" : 1.50 } "#).unwrap();
    assert_eq!(record, Record::new("", None, Some(b"1.50")).to_owned());
    let record =
        parse_envelope(br#"{"v\u0061lue":"\u00e4\n","key":false,"partition":null,"offset":7,"timestamp":null,"headers":null,"key_schema_id":null}"#).unwrap();
    assert_eq!(
        (record.value.as_deref(), record.key.as_deref(), record.offset),
        (Some("ä\n".as_bytes()), Some(&b"false"[..]), 7)
    );
    let record = parse_envelope(
        br#"{"value_base64":"\/w==","headers":[{"key":"a","value":{"b":[1 ]}},{"key_base64":"/w=="}],"value":null}"#,
    )
    .unwrap();
    let mut headers = HeadersBuf::new();
    headers.push("a", "{\"b\":[1 ]}");
    headers.push_null(b"\xff");
    assert_eq!((record.value.as_deref(), record.headers), (Some(&b"\xff"[..]), headers));
    assert_eq!(parse_envelope(br#"{"value_raw":"x","value":{"y":1}}"#).unwrap().value.as_deref(), Some(&b"x"[..]));
    assert_eq!(parse_envelope(br#"{"value":null}"#).unwrap().value, None);
}

#[test]
fn bad_lines_say_what_and_where() {
    let cases: [(&[u8], &str); 21] = [
        (b"", "column 1: this is not a JSON object"),
        (b"[1]", "column 1: this is not a JSON object"),
        (b"{}", "column 1: there is no value"),
        (b"{\"value\":1} x", "column 13: this is not JSON: there is more after the end of the value"),
        (b"{\"value\":1", "column 11: this is not JSON: a comma or } is missing"),
        ("{\"key\":\"ü\",\"value\":x}".as_bytes(), "column 20: this is not JSON: a value is missing"),
        (b"{\"value\":\"\xff\"}", "column 11: this is not UTF-8"),
        (b"{\"valeu\":1}", "column 2: there is no member valeu"),
        (b"{\"value\":1,\"value\":2}", "column 12: the member value stands there twice"),
        (b"{\"value\":\"\\ud800\"}", "column 11: \\u names half a character (a lone surrogate)"),
        (b"{\"value\":1,\"partition\":\"0\"}", "column 24: this must be an integer of at most 64 bits"),
        (b"{\"value\":1,\"partition\":4294967296}", "column 24: a partition has at most 31 bits"),
        (b"{\"value\":1,\"offset\":1.5}", "column 21: this must be an integer of at most 64 bits"),
        (b"{\"value\":1,\"topic\":1}", "column 20: this must be a string"),
        (b"{\"value\":1,\"timestamp_type\":\"log\"}", "column 29: a timestamp type is \"create\" or \"append\""),
        (b"{\"value\":null,\"value_base64\":\"/w=\"}", "column 30: this is not base64"),
        (b"{\"value\":1,\"value_base64\":\"/w==\"}", "column 27: base64 stands beside a null only"),
        (b"{\"value_raw\":\"1\",\"value_base64\":\"/w==\"}", "column 33: base64 and raw exclude each other"),
        (b"{\"value\":1,\"headers\":{\"a\":1}}", "column 22: headers must be an array"),
        (b"{\"value\":1,\"headers\":[{\"key\":\"a\"},{\"value\":\"x\"}]}", "column 35: a header needs a key"),
        (b"{\"value\":1,\"headers\":[{\"key\":\"a\",\"val\":\"x\"}]}", "column 34: there is no member val"),
    ];
    for (line, expected) in cases {
        let error = error(line);
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.to_string(), format!("read envelope: {expected}"), "{}", String::from_utf8_lossy(line));
    }
    assert_eq!(error(b"{\"valeu\":1}").hint_text(), Some("did you mean value?"));
    assert_eq!(
        error(b"{\"value\":1,\"value_schema_id\":-7}").to_string(),
        "read envelope: column 30: the id of a schema has at most 32 bits"
    );
    let raw = error(b"{\"value\":1,\"value_raw\":\"1 \",\"value_schema_id\":7}");
    assert!(raw.to_string().ends_with("what has a schema stands as JSON, neither base64 nor raw"), "{raw}");
    assert!(error(format!("{{\"value\":{}", "[".repeat(100_000)).as_bytes()).to_string().contains("nested deeper"));
}

/// A small generator (xorshift) with a seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[self.below(from.len())].to_string()
    }

    fn space(&mut self) -> String {
        self.pick(&["", "", "", " ", "\t", "\n", "\r\n"])
    }

    fn text(&mut self) -> String {
        (0..self.below(8))
            .map(|_| {
                self.pick(&[
                    "a", "ü", "😀", "\"", "\\", "\n", "\r", "\0", "\u{7f}", "\u{85}", "\u{2028}", "{", "}", "null", " ",
                ])
            })
            .collect()
    }

    fn json_string(&mut self) -> String {
        let inner: String = (0..self.below(4))
            .map(|_| self.pick(&["a", "ü", "\\n", "\\\"", "\\\\", "\\u00e4", "\\ud83d\\ude00", "\\ud800", "\\/", "😀"]))
            .collect();
        format!("\"{inner}\"")
    }

    fn json(&mut self, depth: usize) -> String {
        let (before, after) = (self.space(), self.space());
        let inner = match self.below(if depth == 0 { 3 } else { 5 }) {
            0 => self.json_string(),
            1 => self.pick(&["0", "-1.50", "1e400", "123456789012345678901234567890", "19.990"]),
            2 => self.pick(&["null", "true", "false"]),
            3 => format!("[{}]", (0..self.below(4)).map(|_| self.json(depth - 1)).collect::<Vec<_>>().join(",")),
            _ => {
                let members: Vec<_> = (0..self.below(4))
                    .map(|_| format!("{}{}:{}", self.space(), self.json_string(), self.json(depth - 1)))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        };
        before + &inner + &after
    }

    fn bytes(&mut self) -> Vec<u8> {
        match self.below(5) {
            0 => (0..self.below(12)).map(|_| self.below(256) as u8).collect(),
            1 => self.text().into_bytes(),
            2 => {
                let mut damaged = self.json(3).into_bytes();
                let at = self.below(damaged.len());
                damaged[at] = self.below(256) as u8;
                damaged
            }
            _ => self.json(3).into_bytes(),
        }
    }

    fn optional(&mut self) -> Option<Vec<u8>> {
        (self.below(6) > 0).then(|| self.bytes())
    }

    fn record(&mut self) -> OwnedRecord {
        let mut headers = HeadersBuf::new();
        for _ in 0..self.below(4) {
            let name = self.bytes();
            match self.optional() {
                Some(value) => headers.push(name, value),
                None => headers.push_null(name),
            }
        }
        OwnedRecord {
            topic: self.text(),
            partition: self.below(100) as i32 - 1,
            offset: self.below(1 << 40) as i64 - 1,
            timestamp: self.below(1 << 50) as i64 - (1 << 49),
            timestamp_type: if self.below(2) == 0 { TimestampType::Create } else { TimestampType::Append },
            key: self.optional(),
            value: self.optional(),
            headers,
        }
    }
}

#[test]
fn whatever_is_written_is_read_back() {
    let mut random = Random(0x5eed_1234_abcd_0001);
    let mut reader = EnvelopeReader::new();
    let mut out = Vec::new();
    for round in 0..20_000 {
        let record = random.record();
        let (key_type, value_type) = (TYPES[round % 4], TYPES[round / 4 % 4]);
        out.clear();
        EnvelopeWriter::new(key_type, value_type).write(record.as_record(), &mut out);
        let line = String::from_utf8_lossy(&out);
        assert!(!out.contains(&b'\n') && !out.contains(&b'\r'), "round {round}: {line}");
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok(), "round {round}: {line}");
        let mut batch = Batch::new();
        reader.read(&out, &mut batch).unwrap_or_else(|error| panic!("round {round}: {error}: {line}"));
        assert_eq!(batch.get(0).to_owned(), record, "round {round}: {line}");
        batch.validate().unwrap();
    }
}

#[test]
fn damaged_lines_never_panic() {
    let mut random = Random(0x5eed_1234_abcd_0002);
    let mut batch = Batch::new();
    let mut reader = EnvelopeReader::new();
    for _ in 0..20_000 {
        let mut out = Vec::new();
        EnvelopeWriter::default().write(random.record().as_record(), &mut out);
        for _ in 0..1 + random.below(3) {
            let at = random.below(out.len());
            match random.below(3) {
                0 => out[at] = random.below(256) as u8,
                1 => out.truncate(at.max(1)),
                _ => out.insert(at, b"\"\\{}[],:"[random.below(8)]),
            }
        }
        batch.clear();
        if reader.read(&out, &mut batch).is_err() {
            assert!(batch.is_empty() && batch.bytes() == 0);
        }
    }
}

/// What a schema tells, for tests.
#[derive(Debug)]
struct Told(Option<u32>, Option<&'static str>);

impl TravellingSchema for Told {
    fn type_(&self) -> Type {
        Type::Protobuf
    }

    fn text(&self) -> &str {
        ""
    }

    fn id(&self) -> Option<u32> {
        self.0
    }

    fn guid(&self) -> Option<[u8; 16]> {
        None
    }

    fn version(&self) -> Option<(&str, u32)> {
        Some(("t-value", 3))
    }

    fn message(&self) -> Option<&str> {
        self.1
    }
}

#[test]
fn what_has_a_schema_stands_as_json_and_comes_back_with_its_id() {
    let write = |value: &[u8], told, names_versions| {
        let mut out = Vec::new();
        let schema = SchemaRef::new(Arc::new(told));
        EnvelopeWriter::default().names_versions(names_versions).write_decoded(
            Record::new("t", Some(b"k"), Some(value)),
            [None, Some(&schema)],
            &mut out,
        );
        String::from_utf8(out).unwrap().split_once("\"key\":\"k\",").unwrap().1.to_string()
    };
    assert_eq!(write(b"\"x\"", Told(Some(7), None), false), r#""value":"x","value_schema_id":7}"#);
    assert_eq!(
        write(b"{\"a\":\n1}", Told(Some(7), Some("p.M")), true),
        r#""value":{"a": 1},"value_schema_id":7,"value_message":"p.M","value_subject":"t-value","value_version":3}"#
    );
    assert_eq!(write(b"1", Told(None, None), false), r#""value":1}"#);

    let mut reader = EnvelopeReader::new();
    let mut batch = Batch::new();
    let lines = [
        (r#"{"key":"k","value":"x","value_schema_id":7,"value_message":"p.M","value_version":3}"#, Some("\"x\"")),
        (r#"{"key":"k","value":null,"value_schema_id":7,"value_message":"p.M"}"#, Some("null")),
        (r#"{"key":"k","value":"x"}"#, Some("x")),
        (r#"{"key":"k","value":null}"#, None),
    ];
    for (index, (line, value)) in lines.into_iter().enumerate() {
        reader.read(line.as_bytes(), &mut batch).unwrap();
        let record = batch.get(index);
        assert_eq!((record.key, record.value), (Some(&b"k"[..]), value.map(str::as_bytes)), "{line}");
        let schema = (index < 2).then(|| EnvelopeSchema { id: 7, message: Some("p.M".into()) });
        assert_eq!((reader.schema(Field::Key), reader.schema(Field::Value)), (None, schema.as_ref()));
    }
    let mut reader = EnvelopeReader::new().takes_json(true, false);
    reader.read(br#"{"key":"k","value":"x"}"#, &mut batch).unwrap();
    assert_eq!((batch.get(4).key, batch.get(4).value), (Some(&b"\"k\""[..]), Some(&b"x"[..])));
    reader.read(br#"{"key":null,"value":"x"}"#, &mut batch).unwrap();
    assert_eq!(batch.get(5).key, None);
}
