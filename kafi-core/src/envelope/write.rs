//! Records into envelopes, straight from their bytes.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::scan::{check, is_container};
use crate::json::text::write_string;
use crate::message::Message;
use crate::record::{Headers, Record};
use crate::schema::SchemaRef;
use crate::types::Type;
use crate::value::Value;

/// Writes records as envelopes.
///
/// ```
/// use kafi_core::{EnvelopeWriter, Record, Type};
/// let mut line = Vec::new();
/// let record = Record { partition: 0, offset: 17, timestamp: 5, ..Record::new("t", Some(b"k"), Some(br#"{"id":1}"#)) };
/// EnvelopeWriter::new(Type::Auto, Type::Auto).write(record, &mut line);
/// let expected = r#"{"topic":"t","partition":0,"offset":17,"timestamp":5,"timestamp_type":"create","headers":[],"key":"k","value":{"id":1}}"#;
/// assert_eq!(String::from_utf8(line).unwrap(), expected);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvelopeWriter {
    key_type: Type,
    value_type: Type,
    names_versions: bool,
}

impl EnvelopeWriter {
    /// A writer for keys and values of these types. The types only say how the bytes are shown: under `auto` objects
    /// and arrays are embedded as JSON, under `json` every JSON value, under `str` and `bytes` none; all of them are
    /// read back to the same bytes.
    pub fn new(key_type: Type, value_type: Type) -> Self {
        Self { key_type, value_type, names_versions: false }
    }

    /// Names subject and version of schemas, too, where they are known: `value_subject`, `value_version`. Default: not.
    pub fn names_versions(self, names_versions: bool) -> Self {
        Self { names_versions, ..self }
    }

    /// Appends the envelope of `record` to `out`: one line without its newline, whatever the bytes are.
    pub fn write(&mut self, record: Record<'_>, out: &mut Vec<u8>) {
        self.write_decoded(record, [None, None], out);
    }

    /// The same for a record of which the key, the value, or both are JSON text that was decoded by a schema, of which
    /// the envelope has the id: `value_schema_id`, and for Protobuf the message, `value_message`.
    pub fn write_decoded(&mut self, record: Record<'_>, schemas: [Option<&SchemaRef>; 2], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"topic\":");
        write_string(out, record.topic);
        write_integer(out, b",\"partition\":", i64::from(record.partition));
        write_integer(out, b",\"offset\":", record.offset);
        write_integer(out, b",\"timestamp\":", record.timestamp);
        out.extend_from_slice(b",\"timestamp_type\":\"");
        out.extend_from_slice(record.timestamp_type.as_str().as_bytes());
        out.extend_from_slice(b"\",\"headers\":[");
        write_headers(out, record.headers);
        out.push(b']');
        out.extend_from_slice(b",");
        let [key_schema, value_schema] = schemas;
        self.write_part(out, "key", self.key_type, (record.key, key_schema));
        out.extend_from_slice(b",");
        self.write_part(out, "value", self.value_type, (record.value, value_schema));
        out.push(b'}');
    }

    /// Appends a key or value, and what is known of its schema.
    fn write_part(
        self,
        out: &mut Vec<u8>,
        name: &str,
        type_: Type,
        (bytes, schema): (Option<&[u8]>, Option<&SchemaRef>),
    ) {
        let (Some(schema), Some(json)) = (schema, bytes) else { return write_field(out, name, type_, bytes) };
        write_name(out, name, "");
        push_on_one_line(json, out);
        if let Some(id) = schema.id() {
            write_integer(out, format!(",\"{name}_schema_id\":").as_bytes(), i64::from(id));
        }
        if let Some(message) = schema.message() {
            out.push(b',');
            write_name(out, name, "_message");
            write_string(out, message);
        }
        if let Some((subject, version)) = schema.version().filter(|_| self.names_versions) {
            out.push(b',');
            write_name(out, name, "_subject");
            write_string(out, subject);
            write_integer(out, format!(",\"{name}_version\":").as_bytes(), i64::from(version));
        }
    }
}

impl fmt::Display for Message {
    /// Its envelope, one line of JSON without a line break: JSON is embedded, text and bytes stand as they would under
    /// their types.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, value) = (self.key.as_bytes(), self.value.as_bytes());
        let record = Record {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            timestamp_type: self.timestamp_type,
            key: key.as_deref(),
            value: value.as_deref(),
            headers: self.headers.as_headers(),
        };
        let mut line = Vec::new();
        let schemas = [(&self.key, &self.key_schema), (&self.value, &self.value_schema)]
            .map(|(value, schema)| schema.as_ref().filter(|_| matches!(value, Value::Json(_))));
        let mut writer = EnvelopeWriter::new(shown_as(&self.key), shown_as(&self.value));
        writer.write_decoded(record, schemas, &mut line);
        f.write_str(std::str::from_utf8(&line).expect("an envelope is UTF-8"))
    }
}

fn shown_as(value: &Value) -> Type {
    match value {
        Value::Json(_) => Type::Json,
        Value::Null | Value::Bytes(_) | Value::Str(_) => Type::Str,
    }
}

fn write_headers(out: &mut Vec<u8>, headers: Headers<'_>) {
    for (index, header) in headers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        write_field(out, "key", Type::Str, Some(header.name));
        out.push(b',');
        write_field(out, "value", Type::Str, header.value);
        out.push(b'}');
    }
}

/// Appends `"name":…` and, where the bytes need it, a second member beside it.
fn write_field(out: &mut Vec<u8>, name: &str, type_: Type, bytes: Option<&[u8]>) {
    write_name(out, name, "");
    let Some(bytes) = bytes else {
        out.extend_from_slice(b"null");
        return;
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        out.extend_from_slice(b"null,");
        write_name(out, name, "_base64");
        write_base64(out, bytes);
        return;
    };
    let may_embed = match type_ {
        Type::Json => true,
        Type::Bytes | Type::Str => false,
        // What a type with a schema did not decode is shown as it would be without.
        _ => is_container(bytes),
    };
    if !may_embed {
        write_string(out, text);
        return;
    }
    match check(bytes) {
        Ok((json, newlines)) => write_embedded(out, name, text, &text[json], newlines),
        Err(_) => write_string(out, text),
    }
}

/// Appends the JSON value `json` of `text`, and the text itself where the value alone would not be read back to it.
fn write_embedded(out: &mut Vec<u8>, name: &str, text: &str, json: &str, newlines: bool) {
    if newlines {
        push_on_one_line(json.as_bytes(), out);
    } else {
        out.extend_from_slice(json.as_bytes());
    }
    let exact = json.len() == text.len() && !newlines && !json.starts_with('"') && json != "null";
    if !exact {
        out.push(b',');
        write_name(out, name, "_raw");
        write_string(out, text);
    }
}

/// Appends JSON text. Line breaks can only stand between tokens, where a space means the same.
fn push_on_one_line(json: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(json);
    out[start..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

fn write_name(out: &mut Vec<u8>, name: &str, suffix: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    STANDARD.encode_slice(bytes, &mut out[start..]).expect("base64 takes four bytes for three");
    out.push(b'"');
}

fn write_integer(out: &mut Vec<u8>, name: &[u8], value: i64) {
    out.extend_from_slice(name);
    // The longest i64 has 19 digits and a sign.
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}
