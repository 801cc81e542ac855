//! What a function says of the message that it makes: an object with any of its members.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::json_text::Scanner;
use kafi_core::{Error, ErrorKind, HeadersBuf, Json, Message, Result, Value, nearest};

use crate::message::{MessageView, Part, write_on_one_line};
use crate::value::characters;

/// What a function says of the message that it makes. What it says nothing of stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// The topic.
    pub topic: Option<String>,
    /// The partition.
    pub partition: Option<i32>,
    /// The timestamp in milliseconds.
    pub timestamp: Option<i64>,
    /// The headers, all of them.
    pub headers: Option<HeadersBuf>,
    /// The key.
    pub key: Option<NewPart>,
    /// The value.
    pub value: Option<NewPart>,
}

/// A key or value that a function made.
#[derive(Clone, Debug, PartialEq)]
pub enum NewPart {
    /// Null.
    Null,
    /// JSON text.
    Json(String),
    /// Bytes, which were written as base64.
    Bytes(Vec<u8>),
}

/// The members of messages, those that nobody can change last.
const MEMBERS: [&str; 10] = [
    "key",
    "value",
    "headers",
    "timestamp",
    "partition",
    "topic",
    "key_base64",
    "value_base64",
    "offset",
    "timestamp_type",
];

impl NewPart {
    /// Whether it is a string.
    pub fn is_string(&self) -> bool {
        matches!(self, Self::Json(text) if text.starts_with('"'))
    }

    /// Appends its bytes; false is null. A string is its characters, unless it `stays_json`: then it keeps its quotes.
    pub fn write(&self, stays_json: bool, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Null => return false,
            Self::Json(text) if self.is_string() && !stays_json => {
                out.extend_from_slice(characters(&text[1..text.len() - 1]).as_bytes());
            }
            Self::Json(text) => out.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
        true
    }
}

impl Change {
    /// Reads what a function made, as JSON text.
    ///
    /// # Errors
    /// `Function` if it is no object, or has a member that messages have not, or one of a wrong type.
    pub fn read(text: &str) -> Result<Self> {
        let mut change = Self::default();
        let mut bytes: [Option<Vec<u8>>; 2] = [None, None];
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.space();
        if scanner.peek() != Some(b'{') {
            return Err(wrong(format!("it makes {} of a message", shortened(text)))
                .hint("a message is an object with any of key, value, headers, timestamp, partition, topic"));
        }
        let not_json = |fault: kafi_core::json_text::Fault| wrong(format!("it makes what is not JSON: {}", fault.what));
        scanner.expect(b'{', "an object begins with {").map_err(not_json)?;
        let mut is_first = true;
        while let Some(member) = scanner.member(is_first).map_err(not_json)? {
            is_first = false;
            let name = characters(&text[member.name.start + 1..member.name.end - 1]);
            let value = &text[member.value];
            match name.as_str() {
                "key" => change.key = Some(part(value)),
                "value" => change.value = Some(part(value)),
                "headers" => change.headers = Some(headers(value)?),
                "timestamp" => change.timestamp = Some(integer(value, "timestamp")?),
                "partition" => change.partition = Some(partition(value)?),
                "topic" => change.topic = Some(string(value, "topic")?),
                "key_base64" => bytes[0] = base64(value, "key_base64")?,
                "value_base64" => bytes[1] = base64(value, "value_base64")?,
                "offset" | "timestamp_type" => {}
                other => return Err(unknown(other)),
            }
        }
        for (part, bytes) in [&mut change.key, &mut change.value].into_iter().zip(bytes) {
            // As in envelopes, base64 stands beside a null.
            if let (None | Some(NewPart::Null), Some(bytes)) = (&part, bytes) {
                *part = Some(NewPart::Bytes(bytes));
            }
        }
        Ok(change)
    }

    /// Reads what a program answered of a message. What it gives back as it got it stays byte for byte.
    pub(crate) fn answered(line: &[u8], view: &MessageView<'_>) -> Result<Self> {
        let text = std::str::from_utf8(line).map_err(|_| wrong("it makes what is not UTF-8"))?;
        let mut scanner = Scanner::new(line);
        let scanned = scanner.value().and_then(|_| scanner.end());
        scanned.map_err(|fault| wrong(format!("it makes {}, which is not JSON: {}", shortened(text), fault.what)))?;
        let mut change = Self::read(text)?;
        for (new, old) in [(&mut change.key, view.key), (&mut change.value, view.value)] {
            if let (Some(NewPart::Json(new_text)), Part::Json(old)) = (&*new, old) {
                let mut given = Vec::new();
                write_on_one_line(old, &mut given);
                if new_text.as_bytes() == given {
                    *new = None;
                }
            }
        }
        Ok(change)
    }

    /// The message with the change.
    pub(crate) fn applied(self, mut message: Message) -> Message {
        if let Some(topic) = self.topic.filter(|topic| **topic != *message.topic) {
            message.topic = topic.into();
        }
        message.partition = self.partition.unwrap_or(message.partition);
        message.timestamp = self.timestamp.unwrap_or(message.timestamp);
        message.headers = self.headers.unwrap_or(message.headers);
        if let Some(key) = self.key {
            message.key = changed(&message.key, key);
        }
        if let Some(value) = self.value {
            message.value = changed(&message.value, value);
        }
        message
    }
}

/// A new value in place of another: what was JSON stays that, and a string in place of anything else is one.
fn changed(old: &Value, new: NewPart) -> Value {
    let is_string = new.is_string();
    match (old, new) {
        (_, NewPart::Null) => Value::Null,
        (_, NewPart::Bytes(bytes)) => Value::Bytes(bytes),
        (Value::Json(_), NewPart::Json(text)) => Value::Json(Json::from_valid(text)),
        (Value::Bytes(_), NewPart::Json(text)) if is_string => {
            Value::Bytes(characters(&text[1..text.len() - 1]).into_bytes())
        }
        (_, NewPart::Json(text)) if is_string => Value::Str(characters(&text[1..text.len() - 1])),
        (_, NewPart::Json(text)) => Value::Json(Json::from_valid(text)),
    }
}

fn part(json: &str) -> NewPart {
    if json == "null" { NewPart::Null } else { NewPart::Json(json.to_string()) }
}

fn base64(json: &str, name: &str) -> Result<Option<Vec<u8>>> {
    if json == "null" {
        return Ok(None);
    }
    let text = string(json, name)?;
    STANDARD.decode(text).map(Some).map_err(|_| wrong(format!("the member {name} of what it makes is not base64")))
}

fn headers(json: &str) -> Result<HeadersBuf> {
    let must = || wrong(format!("the headers of what it makes are {}", shortened(json)));
    let hint = "headers are an array of {\"key\": …, \"value\": …}";
    let mut ranges = Vec::new();
    let scanned = Scanner::new(json.as_bytes()).elements(|range| ranges.push(range));
    scanned.map_err(|_| must().hint(hint))?;
    let mut headers = HeadersBuf::new();
    for range in ranges {
        let header = Json::parse(&json[range]).map_err(|_| must())?;
        let bytes = |name: &str| -> Result<Option<Vec<u8>>> {
            match header.get(name) {
                Some(value) if !value.is_null() => {
                    let text = value.str().map(str::to_string).unwrap_or_else(|_| value.to_string());
                    Ok(Some(text.into_bytes()))
                }
                _ => match header.get(format!("{name}_base64").as_str()) {
                    Some(text) => base64(&text.to_string(), name),
                    None => Ok(None),
                },
            }
        };
        let name = bytes("key")?.ok_or_else(|| must().hint(hint))?;
        match bytes("value")? {
            Some(value) => headers.push(name, value),
            None => headers.push_null(name),
        }
    }
    Ok(headers)
}

fn partition(json: &str) -> Result<i32> {
    let partition = i32::try_from(integer(json, "partition")?).ok().filter(|partition| *partition >= -1);
    partition.ok_or_else(|| wrong(format!("the partition of what it makes is {}", shortened(json))))
}

fn integer(json: &str, name: &str) -> Result<i64> {
    // Also 1.0 is one.
    let whole =
        || json.parse::<f64>().ok().filter(|float| float.fract() == 0.0 && float.abs() < 9e15).map(|f| f as i64);
    let integer = json.parse().ok().or_else(whole);
    integer.ok_or_else(|| wrong(format!("the {name} of what it makes is {}, and must be an integer", shortened(json))))
}

fn string(json: &str, name: &str) -> Result<String> {
    if !json.starts_with('"') {
        return Err(wrong(format!("the member {name} of what it makes is {}, and must be a string", shortened(json))));
    }
    Ok(characters(&json[1..json.len() - 1]))
}

fn unknown(name: &str) -> Error {
    let error = wrong(format!("what it makes has a member {}, which messages have not", shortened(name)));
    match nearest(name, MEMBERS.into_iter().take(6)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => {
            error.hint(format!("messages have {}; what is said of the value stands in .value", MEMBERS[..6].join(", ")))
        }
    }
}

fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    if text.chars().nth(SHOWN_MAX).is_none() {
        return text.to_string();
    }
    text.chars().take(SHOWN_MAX - 1).chain("…".chars()).collect()
}

fn wrong(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Function, "run function", why)
}
