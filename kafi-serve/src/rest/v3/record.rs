//! Records as version 3 has them: one after another in a body, each an object.

use std::ops::Range;

use kafi_core::{
    ANY_PARTITION, Batch, Error, ErrorKind, Field, HeadersBuf, Json, JsonKind, NO_TIMESTAMP, Record, Result,
    TimeFormat, parse_time,
};

use crate::rest::Rest;
use crate::rest::encoding::{FieldWriter, Form, SchemaChoice, decode_base64, plain};
use crate::rest::pools::Written;
use crate::rest::v3::plain::{self, Shape};

const READ: &str = "read record";

/// Splits bytes into the objects of JSON that they are, as they come.
#[derive(Default)]
pub struct Splitter {
    bytes: Vec<u8>,
    /// What was looked at already.
    seen: usize,
    start: usize,
    depth: usize,
    is_string: bool,
    is_escaped: bool,
}

impl Splitter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes that the ranges so far are of; an object that is not whole yet stays.
    pub fn take(&mut self) -> Vec<u8> {
        let rest = self.bytes[self.start..].to_vec();
        self.seen -= self.start;
        self.start = 0;
        std::mem::replace(&mut self.bytes, rest)
    }

    /// All bytes that it holds.
    pub fn held(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of an object that is not whole yet.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Where the next object is that is whole.
    ///
    /// # Errors
    /// `Corrupt` for what is no object.
    pub fn next(&mut self) -> Result<Option<Range<usize>>> {
        while self.seen < self.bytes.len() {
            if self.is_escaped {
                self.is_escaped = false;
                self.seen += 1;
                continue;
            }
            if self.is_string {
                let rest = &self.bytes[self.seen..];
                let found = memchr::memchr2(b'"', b'\\', rest);
                self.seen += found.map_or(rest.len(), |at| at + 1);
                match found.map(|at| rest[at]) {
                    Some(b'"') => self.is_string = false,
                    Some(_) => self.is_escaped = true,
                    None => {}
                }
                continue;
            }
            let byte = self.bytes[self.seen];
            self.seen += 1;
            match byte {
                b'{' | b'[' if self.depth > 0 || byte == b'{' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        let whole = self.start..self.seen;
                        self.start = self.seen;
                        return Ok(Some(whole));
                    }
                }
                b'"' if self.depth > 0 => self.is_string = true,
                b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => self.start = self.seen,
                // Some clients write a list of records with commas between them.
                b',' if self.depth == 0 => self.start = self.seen,
                _ if self.depth > 0 => {}
                _ => return Err(Error::new(ErrorKind::Corrupt, READ, "a record is an object of JSON")),
            }
        }
        Ok(None)
    }

    /// Whether no object has begun that is not whole.
    pub fn is_between(&self) -> bool {
        self.depth == 0
    }
}

/// Reads the records of one request into batches.
pub struct RecordReader<'a> {
    topic: &'a str,
    writer: FieldWriter<'a>,
    headers: HeadersBuf,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'a> RecordReader<'a> {
    pub fn new(rest: &'a Rest, topic: &'a str) -> Self {
        let (headers, key, value) = (HeadersBuf::new(), Vec::new(), Vec::new());
        Self { topic, writer: FieldWriter::new(rest, topic), headers, key, value }
    }

    /// Appends the record that this text is to a batch, or nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_text(&mut self, text: &[u8], batch: &mut Batch) -> Result<[Shape; 2]> {
        let text = std::str::from_utf8(text).map_err(|_| bad("it is no UTF-8"))?;
        match plain::push(self.topic, text, batch) {
            Some(shapes) => Ok(shapes),
            None => self.read(&Json::parse(text)?, batch),
        }
    }

    /// Appends a record to a batch, or nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, json: &Json, batch: &mut Batch) -> Result<[Shape; 2]> {
        self.headers.clear();
        self.key.clear();
        self.value.clear();
        for header in json.get("headers").into_iter().flat_map(Json::iter) {
            let name = match header.get("name_base64") {
                Some(name) => base64(name, "the name of a header is no base64")?,
                None => header.get("name").ok_or_else(|| bad("a header has no name"))?.str()?.as_bytes().to_vec(),
            };
            match header.get("value").filter(|value| !value.is_null()) {
                Some(value) => self.headers.push(name, base64(value, "the value of a header is no base64")?),
                None => self.headers.push_null(name),
            }
        }
        let partition = match json.get("partition_id").filter(|partition| !partition.is_null()) {
            Some(partition) => i32::try_from(partition.int()?).ok().filter(|partition| *partition >= 0),
            None => Some(ANY_PARTITION),
        };
        let partition = partition.ok_or_else(|| bad("partition_id is no partition"))?;
        let timestamp = match json.get("timestamp").filter(|timestamp| !timestamp.is_null()) {
            Some(timestamp) if timestamp.kind() == JsonKind::Number => timestamp.int()?,
            Some(timestamp) => parse_time(timestamp.str()?, true)?,
            None => NO_TIMESTAMP,
        };
        let (has_key, key_shape) = field(&mut self.writer, Field::Key, json.get("key"), &mut self.key)?;
        let (has_value, value_shape) = field(&mut self.writer, Field::Value, json.get("value"), &mut self.value)?;
        let record = Record::new(self.topic, has_key.then_some(&self.key), has_value.then_some(&self.value));
        batch.push(Record { partition, timestamp, headers: self.headers.as_headers(), ..record });
        Ok([key_shape, value_shape])
    }
}

fn field(writer: &mut FieldWriter<'_>, field: Field, json: Option<&Json>, out: &mut Vec<u8>) -> Result<(bool, Shape)> {
    let Some(json) = json.filter(|json| !json.is_null()) else { return Ok((false, Shape::default())) };
    if json.kind() != JsonKind::Object {
        return Err(bad("a key or value is an object with data"));
    }
    let text = |name: &str| json.get(name).filter(|value| !value.is_null()).map(plain);
    let number = |name: &str| -> Result<Option<u32>> {
        let value = json.get(name).filter(|value| !value.is_null()).map(Json::int).transpose()?;
        value.map(|value| u32::try_from(value).map_err(|_| bad("an id or version is none"))).transpose()
    };
    if text("subject_name_strategy").is_some_and(|strategy| strategy != "TOPIC_NAME") {
        return Err(bad("of the strategies for subjects only TOPIC_NAME is known; name the subject instead"));
    }
    let choice = SchemaChoice {
        id: number("schema_id")?,
        version: number("schema_version")?,
        subject: text("subject"),
        text: text("schema"),
    };
    let none = Json::null();
    let data = json.get("data").unwrap_or(&none);
    let form = match text("type") {
        Some(word) => Form::of_word(&word).ok_or_else(|| bad("there is no such type of key or value"))?,
        None if json.get("data").is_none() && choice == SchemaChoice::default() => {
            return Err(bad("a key or value has data, or names a schema"));
        }
        None if data.is_null() => return Ok((false, Shape::default())),
        // It has the type of its schema, which is the latest of the topic where none is named.
        None => writer.form(field, &choice)?,
    };
    let is_there = writer.write(field, form, &choice, data, out)?;
    let schema_id = match form {
        Form::Schema(format) if is_there => Some(writer.id(field, format, &choice)?),
        _ => None,
    };
    Ok((is_there, Shape { form: Some(form), size: out.len(), schema_id }))
}

/// Writes what became of the records of one topic.
pub struct ResultWriter {
    /// What all of them begin with.
    start: String,
    times: TimeFormat,
}

impl ResultWriter {
    pub fn new(cluster: &str, topic: &str) -> Self {
        let (cluster, topic) = (Json::from(cluster), Json::from(topic));
        let start = format!("{{\"error_code\":200,\"cluster_id\":{cluster},\"topic_name\":{topic},\"partition_id\":");
        Self { start, times: TimeFormat::rfc3339(true) }
    }

    /// Appends what became of a record that was written.
    pub fn write(&self, out: &mut Vec<u8>, written: Written, timestamp: i64, shapes: &[Shape; 2]) {
        let (partition, offset) = written;
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(self.start.as_bytes());
        out.extend_from_slice(digits.format(partition).as_bytes());
        out.extend_from_slice(b",\"offset\":");
        out.extend_from_slice(digits.format(offset.unwrap_or(-1)).as_bytes());
        if timestamp != NO_TIMESTAMP {
            out.extend_from_slice(b",\"timestamp\":\"");
            self.times.write(timestamp, out);
            out.push(b'"');
        }
        for (name, shape) in ["key", "value"].into_iter().zip(shapes) {
            let Some(form) = shape.form else { continue };
            for text in [",\"", name, "\":{\"type\":\"", form.word(), "\",\"size\":", digits.format(shape.size)] {
                out.extend_from_slice(text.as_bytes());
            }
            if let Some(id) = shape.schema_id {
                out.extend_from_slice(b",\"schema_id\":");
                out.extend_from_slice(digits.format(id).as_bytes());
            }
            out.push(b'}');
        }
        out.push(b'}');
    }
}

/// The bytes that a text of base64 means; else it is an error in these words.
fn base64(text: &Json, otherwise: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    decode_base64(text.str()?.as_bytes(), &mut bytes).ok_or_else(|| bad(otherwise))?;
    Ok(bytes)
}

fn bad(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, READ, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&str]) -> Result<Vec<String>> {
        let (mut splitter, mut all) = (Splitter::default(), Vec::new());
        for chunk in chunks {
            splitter.push(chunk.as_bytes());
            while let Some(range) = splitter.next()? {
                all.push(String::from_utf8(splitter.bytes[range].to_vec()).unwrap());
            }
        }
        assert!(splitter.is_between() || splitter.pending() > 0);
        Ok(all)
    }

    #[test]
    fn objects_are_split_wherever_bytes_are_cut() {
        let text = r#" {"a":"}{\"\\"} {"b":[{"c":"]"}]},{}
        {"d":1}"#;
        let expected = [r#"{"a":"}{\"\\"}"#, r#"{"b":[{"c":"]"}]}"#, "{}", r#"{"d":1}"#];
        for cut in 0..text.len() {
            let (left, right) = text.split_at(cut);
            assert_eq!(split(&[left, right]).unwrap(), expected, "{cut}");
        }
        let single: Vec<&str> = text.split_inclusive(|_| true).collect();
        assert_eq!(split(&single).unwrap(), expected);
        for bad in ["[{}]", "1", "\"a\"", "}"] {
            assert_eq!(split(&[bad]).unwrap_err().kind(), ErrorKind::Corrupt, "{bad}");
        }
    }
}
