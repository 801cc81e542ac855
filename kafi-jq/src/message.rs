//! Messages as functions see them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::json_text::{Members, Scanner, write_string};
use kafi_core::{Error, Headers, Message, Record, Result, TimestampType, Type, Value};

use crate::needs::{Need, Needs};
use crate::number::Num;
use crate::value::{Map, Val, shared_name};

/// A message as functions see it.
#[derive(Clone, Copy, Debug)]
pub struct MessageView<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00Z; negative for none.
    pub timestamp: i64,
    /// Whose clock the timestamp comes from.
    pub timestamp_type: TimestampType,
    /// The headers, in order.
    pub headers: Headers<'a>,
    /// The key.
    pub key: Part<'a>,
    /// The value.
    pub value: Part<'a>,
    /// Whether its offset is the line of the input from which it came.
    pub(crate) is_input: bool,
    /// The members of the value, where that is an object, and they were looked for.
    pub(crate) members: Option<&'a Members>,
}

/// A key or value as functions see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Null.
    Null,
    /// JSON text, which was checked.
    Json(&'a str),
    /// A string of these characters.
    Text(&'a str),
    /// What is not UTF-8: null, and base64 beside it.
    Bytes(&'a [u8]),
}

impl<'a> Part<'a> {
    /// The characters of these bytes.
    pub fn text(bytes: Option<&'a [u8]>) -> Self {
        match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => Self::Null,
            Some((_, Ok(text))) => Self::Text(text),
            Some((bytes, Err(_))) => Self::Bytes(bytes),
        }
    }
}

impl<'a> MessageView<'a> {
    /// The message of `record`, whose key and value are these.
    pub fn new(record: &Record<'a>, key: Part<'a>, value: Part<'a>) -> Self {
        Self {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            headers: record.headers,
            key,
            value,
            is_input: false,
            members: None,
        }
    }

    /// The error with the place of this message.
    pub fn located(&self, error: Error) -> Error {
        if self.is_input {
            return error.with("topic", self.topic).with("input line", self.offset);
        }
        error.with("topic", self.topic).with("partition", self.partition).with("offset", self.offset)
    }
}

/// How functions see a key or value that is text now: JSON, where a schema made that of it, or the type allows it.
pub(crate) fn shown(bytes: Option<&[u8]>, type_: Type, is_json: bool) -> Part<'_> {
    match may_be_json(bytes, type_, is_json) {
        Ok(text) => {
            let mut scanner = Scanner::new(text.as_bytes());
            let is_json = scanner.value().and_then(|_| scanner.end()).is_ok();
            if is_json { Part::Json(text) } else { Part::Text(text) }
        }
        Err(part) => part,
    }
}

/// The same of a value, whose members are looked for in the same pass.
pub(crate) fn shown_with_members<'a>(
    bytes: Option<&'a [u8]>,
    type_: Type,
    is_json: bool,
    members: &'a mut Members,
) -> (Part<'a>, Option<&'a Members>) {
    let text = match may_be_json(bytes, type_, is_json) {
        Ok(text) => text,
        Err(Part::Json(text)) => text,
        Err(part) => return (part, None),
    };
    if first_byte(text) != Some(b'{') {
        return (shown(bytes, type_, is_json), None);
    }
    match members.read(text) {
        Ok(()) => (Part::Json(text), Some(members)),
        Err(_) => (shown(bytes, type_, is_json), None),
    }
}

/// Text that is to be looked at, or what is known without.
fn may_be_json(bytes: Option<&[u8]>, type_: Type, is_json: bool) -> std::result::Result<&str, Part<'_>> {
    let Some(text) = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return Err(Part::text(bytes)) };
    match type_ {
        _ if is_json => Err(Part::Json(text)),
        Type::Json => Ok(text),
        Type::Bytes | Type::Str => Err(Part::Text(text)),
        _ if matches!(first_byte(text), Some(b'{' | b'[')) => Ok(text),
        _ => Err(Part::Text(text)),
    }
}

/// The first byte that is not white space.
#[inline]
fn first_byte(text: &str) -> Option<u8> {
    text.bytes().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Hands a view of a decoded message to `use_it`.
pub(crate) fn with_view<T>(message: &Message, use_it: impl FnOnce(&MessageView<'_>) -> Result<T>) -> Result<T> {
    let (key, value) = (text_of(&message.key), text_of(&message.value));
    use_it(&MessageView {
        topic: &message.topic,
        partition: message.partition,
        offset: message.offset,
        timestamp: message.timestamp,
        timestamp_type: message.timestamp_type,
        headers: message.headers.as_headers(),
        key: part_of(&message.key, &key),
        value: part_of(&message.value, &value),
        is_input: false,
        members: None,
    })
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Json(json) => json.text(),
        _ => Cow::Borrowed(""),
    }
}

fn part_of<'a>(value: &'a Value, text: &'a str) -> Part<'a> {
    match value {
        Value::Json(_) => Part::Json(text),
        Value::Str(text) => Part::Text(text),
        Value::Bytes(bytes) => Part::text(Some(bytes)),
        _ => Part::Null,
    }
}

/// A message as the interpreter gets it, and what of it may be found again in what it makes.
pub(crate) struct Values {
    pub(crate) whole: Val,
    pub(crate) parts: Parts,
}

/// The key and the value, where all of them was given.
#[derive(Default)]
pub(crate) struct Parts {
    key: Option<Val>,
    value: Option<Val>,
}

/// Makes values of what is needed of a message.
pub(crate) fn values_of(message: &MessageView<'_>, needs: &Needs) -> Values {
    let mut map = Map::default();
    let mut set = |name: &str, value: &dyn Fn() -> Val| {
        if needs.of(name) != Need::Nothing {
            map.insert(shared_name(name), value());
        }
    };
    set("topic", &|| Val::str(message.topic));
    set("partition", &|| Val::Num(Num::Int(message.partition.into())));
    set("offset", &|| Val::Num(Num::Int(message.offset)));
    set("timestamp", &|| Val::Num(Num::Int(message.timestamp)));
    set("timestamp_type", &|| Val::str(message.timestamp_type.as_str()));
    set("headers", &|| {
        let headers = message.headers.iter().map(|header| {
            let mut map = Map::default();
            set_part(&mut map, ("key", "key_base64"), Part::text(Some(header.name)), &Need::All);
            set_part(&mut map, ("value", "value_base64"), Part::text(header.value), &Need::All);
            Val::object(map)
        });
        headers.collect()
    });
    let [mut key, mut value] = [None, None];
    for (names, part, found) in
        [(("key", "key_base64"), message.key, &mut key), (("value", "value_base64"), message.value, &mut value)]
    {
        let need = match (needs.of(names.0), needs.of(names.1)) {
            (Need::Nothing, Need::Nothing) => continue,
            (Need::Nothing, _) => Need::All,
            (need, _) => need,
        };
        let members = message.members.filter(|_| names.0 == "value");
        *found = match (&need, part, members) {
            (Need::Members(needed), Part::Json(text), Some(members)) if members.has_plain_names() => {
                let value = |name: &String| Some((shared_name(name), Val::read_checked(&text[members.find(name)?])));
                map.insert(shared_name(names.0), Val::object(needed.iter().filter_map(value).collect()));
                None
            }
            _ => Some(set_part(&mut map, names, part, &need)),
        };
    }
    Values { whole: Val::object(map), parts: Parts { key, value } }
}

fn set_part(map: &mut Map, (name, base64): (&str, &str), part: Part<'_>, need: &Need<'_>) -> Val {
    let value = match part {
        Part::Null => Val::Null,
        Part::Json(text) => Val::read_checked(text),
        Part::Text(text) => Val::str(text),
        Part::Bytes(bytes) => {
            map.insert(shared_name(name), Val::Null);
            if *need == Need::All {
                map.insert(base64.into(), Val::str(&STANDARD.encode(bytes)));
            }
            return Val::Null;
        }
    };
    map.insert(shared_name(name), value.clone());
    value
}

/// Writes what a function made of a message: where it holds the message's own key or value, as the text that they are.
pub(crate) fn write_message(made: &Val, message: &MessageView<'_>, given: &Parts, out: &mut Vec<u8>) {
    let untouched = |value: &Val| match (message.value, message.key) {
        (Part::Json(text), _) if given.value.as_ref().is_some_and(|given| value.is_same(given)) => Some(text),
        (_, Part::Json(text)) if given.key.as_ref().is_some_and(|given| value.is_same(given)) => Some(text),
        _ => None,
    };
    if let Some(text) = untouched(made) {
        return out.extend_from_slice(text.as_bytes());
    }
    let Val::Obj(map, _) = made else { return made.write(out) };
    out.push(b'{');
    for (index, (name, value)) in map.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, name);
        out.push(b':');
        match untouched(value) {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => value.write(out),
        }
    }
    out.push(b'}');
}

/// Appends a message as functions see it: JSON in one line.
pub fn write_seen(message: &Message, out: &mut Vec<u8>) {
    let written: Result<()> = with_view(message, |view| {
        write_envelope(view, out);
        Ok(())
    });
    written.expect("nothing of this fails");
}

/// The same of a view.
pub(crate) fn write_envelope(message: &MessageView<'_>, out: &mut Vec<u8>) {
    let integer = |out: &mut Vec<u8>, name: &str, value: i64| {
        out.extend_from_slice(name.as_bytes());
        Num::Int(value).write(out);
    };
    out.extend_from_slice(b"{\"topic\":");
    write_string(out, message.topic);
    integer(out, ",\"partition\":", message.partition.into());
    integer(out, ",\"offset\":", message.offset);
    integer(out, ",\"timestamp\":", message.timestamp);
    out.extend_from_slice(b",\"timestamp_type\":");
    write_string(out, message.timestamp_type.as_str());
    out.extend_from_slice(b",\"headers\":[");
    for (index, header) in message.headers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        write_part(out, "key", Part::text(Some(header.name)));
        out.push(b',');
        write_part(out, "value", Part::text(header.value));
        out.push(b'}');
    }
    out.extend_from_slice(b"],");
    write_part(out, "key", message.key);
    out.push(b',');
    write_part(out, "value", message.value);
    out.push(b'}');
}

fn write_part(out: &mut Vec<u8>, name: &str, part: Part<'_>) {
    write_string(out, name);
    out.push(b':');
    match part {
        Part::Null => out.extend_from_slice(b"null"),
        Part::Json(text) => write_on_one_line(text, out),
        Part::Text(text) => write_string(out, text),
        Part::Bytes(bytes) => {
            out.extend_from_slice(b"null,");
            write_string(out, &format!("{name}_base64"));
            out.push(b':');
            write_string(out, &STANDARD.encode(bytes));
        }
    }
}

/// Appends JSON text without the white space around it. Line breaks can only stand between tokens, where a space means
/// the same.
pub(crate) fn write_on_one_line(json: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(json.trim_matches([' ', '\t', '\n', '\r']).as_bytes());
    out[start..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}
