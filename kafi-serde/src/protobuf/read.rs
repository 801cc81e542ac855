//! Payloads into JSON text: the fields of a message are found first, then written in the order of their numbers,
//! straight from the payload.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::json_text::write_string;
use kafi_core::{Json, Result};

use crate::fault::{Fault, Outcome};
use crate::number::{write_float, write_integer};
use crate::protobuf::form::{Form, Integers};
use crate::protobuf::input::{Input, Occurrence, UNKNOWN};
use crate::protobuf::schema::{Message, Schema};
use crate::protobuf::types::{self, Field, Kind, MessageId, Shape, Special, Types, Wire};

pub(crate) const OPERATION: &str = "decode Protobuf";

/// How much JSON one payload may become, in bytes: far more than any honest one does.
const OUTPUT_BYTES_MAX: usize = 256 << 20;

/// Turns payloads into JSON text.
///
/// ```
/// use std::sync::Arc;
/// use kafi_serde::protobuf::{Form, Reader, Schema};
/// let schema = Arc::new(Schema::parse(r#"syntax = "proto3"; message Order { int64 id = 1; repeated string tag_names = 2; }"#)?);
/// let mut reader = Reader::new(Arc::clone(&schema), Form::default());
/// let mut out = Vec::new();
/// reader.read(schema.first_message()?, b"\x08\x07\x12\x01a\x12\x01b", &mut out)?;
/// assert_eq!(out, br#"{"id":7,"tagNames":["a","b"]}"#);
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    schema: Arc<Schema>,
    form: Form,
    space: Space,
}

/// Memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// The fields of the messages that are being read, those of the innermost last.
    pub occurrences: Vec<Occurrence>,
    /// Where the last member of each oneof stands in those messages.
    last_of_oneof: Vec<u32>,
}

impl Reader {
    /// A reader of messages of `schema`.
    pub fn new(schema: Arc<Schema>, form: Form) -> Self {
        Self { schema, form, space: Space::default() }
    }

    /// Appends a payload as JSON text. Nothing is allocated beyond `out` for a message whose fields come as writers put
    /// them, save for what memory is kept.
    ///
    /// # Errors
    /// `Corrupt`, with the path and the byte, if the payload is not of this message, nests too deep, or would become
    /// more than 256 MiB of text; `out` is as it was then.
    pub fn read(&mut self, message: Message, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        self.space.occurrences.clear();
        self.space.last_of_oneof.clear();
        let limit = start.saturating_add(OUTPUT_BYTES_MAX);
        let mut run = Run { types: &self.schema.types, form: self.form, out, space: &mut self.space, limit, depth: 0 };
        let read = if u32::try_from(payload.len()).is_ok() {
            run.message(message.0, payload, 0)
        } else {
            Err(Fault::new("it is larger than 4 GiB"))
        };
        read.map_err(|fault| {
            out.truncate(start);
            fault.error(OPERATION)
        })
    }
}

pub(crate) struct Run<'a> {
    pub types: &'a Types,
    pub form: Form,
    pub out: &'a mut Vec<u8>,
    pub space: &'a mut Space,
    /// The length of the output that is too much.
    limit: usize,
    depth: u32,
}

impl Run<'_> {
    /// Writes the message that stands in `bytes`, which begin at `at` in the payload.
    pub fn message(&mut self, id: MessageId, bytes: &[u8], at: usize) -> Outcome<()> {
        let types = self.types;
        let message = types.message(id);
        self.enter(at)?;
        let first = self.scan(message, bytes, at)?;
        match message.special {
            Special::None => self.members(message, first, bytes, at)?,
            special => self.special(special, message, first, bytes, at)?,
        }
        self.space.occurrences.truncate(first);
        self.depth -= 1;
        Ok(())
    }

    /// Finds the fields of a message, in the order of their numbers; returns where they begin.
    pub fn scan(&mut self, message: &types::Message, bytes: &[u8], at: usize) -> Outcome<usize> {
        let first = self.space.occurrences.len();
        let mut input = Input::new(bytes, at);
        let (mut last, mut is_sorted) = (0, true);
        while !input.is_at_end() {
            let start = input.position();
            let (number, Some(wire)) = input.tag()? else { return Err(input.fault("a group ends that did not begin")) };
            let value = input.value(number, wire)?;
            let place = match message.place(number) {
                Some(place) if message.fields[place as usize].takes(wire) => place,
                _ if !self.form.keeps_unknown => continue,
                _ => UNKNOWN,
            };
            is_sorted &= place >= last;
            last = place;
            let (wire, value) = if place == UNKNOWN {
                (Wire::Len, (start as u64) << 32 | (input.position() - start) as u64)
            } else {
                (wire, value)
            };
            self.space.occurrences.push(Occurrence { place, wire, at: start as u32, value });
        }
        if !is_sorted {
            self.space.occurrences[first..].sort_by_key(|occurrence| occurrence.place);
        }
        Ok(first)
    }

    /// Writes an object of the fields that were found.
    pub fn members(&mut self, message: &types::Message, first: usize, bytes: &[u8], at: usize) -> Outcome<()> {
        let oneofs = self.note_oneofs(message, first);
        let (mut from, end) = (first, self.space.occurrences.len());
        let (mut before, mut shown) = (b'{', 0);
        while from < end {
            let place = self.space.occurrences[from].place;
            let until =
                from + self.space.occurrences[from..end].iter().take_while(|other| other.place == place).count();
            if place == UNKNOWN {
                break;
            }
            let field = &message.fields[place as usize];
            self.absent(&message.fields[shown..place as usize], &mut before);
            shown = place as usize + 1;
            let is_last = field.oneof.is_none_or(|oneof| {
                self.space.last_of_oneof[oneofs + oneof as usize] == self.space.occurrences[until - 1].at
            });
            if is_last && self.is_shown(field, self.space.occurrences[until - 1]) {
                self.check_output(at)?;
                self.out.push(before);
                self.out.extend_from_slice(&field.label);
                self.field(field, from..until, bytes, at).map_err(|fault| fault.in_member(&field.name))?;
                before = b',';
            }
            from = until;
        }
        self.absent(&message.fields[shown..], &mut before);
        if from < end {
            self.unknown(from..end, bytes, before);
            before = b',';
        }
        if before == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        self.space.last_of_oneof.truncate(oneofs);
        Ok(())
    }

    /// Notes of each oneof which member stands last, which is the one that counts.
    fn note_oneofs(&mut self, message: &types::Message, first: usize) -> usize {
        let base = self.space.last_of_oneof.len();
        if message.oneofs > 0 {
            self.space.last_of_oneof.resize(base + message.oneofs, 0);
            for occurrence in &self.space.occurrences[first..] {
                let oneof = message.fields.get(occurrence.place as usize).and_then(|field| field.oneof);
                if let Some(oneof) = oneof {
                    let last = &mut self.space.last_of_oneof[base + oneof as usize];
                    *last = occurrence.at.max(*last);
                }
            }
        }
        base
    }

    /// Whether a value is worth a member: not where it is the default, and nothing tells that from none.
    fn is_shown(&self, field: &Field, last: Occurrence) -> bool {
        let is_default =
            || if last.wire == Wire::Len { last.range().is_empty() } else { is_zero(field.kind, last.value) };
        field.has_presence || field.shape != Shape::Single || self.form.shows_defaults || !is_default()
    }

    /// Writes the defaults of fields that are not there, where they are wanted.
    fn absent(&mut self, fields: &[Field], before: &mut u8) {
        if !self.form.shows_defaults {
            return;
        }
        for field in fields.iter().filter(|field| !field.has_presence) {
            self.out.push(*before);
            *before = b',';
            self.out.extend_from_slice(&field.label);
            match field.shape {
                Shape::Single => self.default(field.kind),
                Shape::Repeated => self.out.extend_from_slice(b"[]"),
                Shape::Map => self.out.extend_from_slice(b"{}"),
            }
        }
    }

    /// Writes the default of what has no presence.
    pub fn default(&mut self, kind: Kind) {
        match kind {
            Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Group(_) => self.out.extend_from_slice(b"\"\""),
            kind => self.number(kind, 0),
        }
    }

    /// Writes the value of a field from all its occurrences.
    pub fn field(
        &mut self,
        field: &Field,
        occurrences: std::ops::Range<usize>,
        bytes: &[u8],
        at: usize,
    ) -> Outcome<()> {
        match field.shape {
            Shape::Repeated => self.repeated(field, occurrences, bytes, at),
            Shape::Map => self.map(field, occurrences, bytes, at),
            Shape::Single => {
                let last = self.space.occurrences[occurrences.end - 1];
                if let (Kind::Message(id) | Kind::Group(id), true) = (field.kind, occurrences.len() > 1) {
                    // Messages that stand there several times are one, as if their bytes stood one behind the other.
                    let ranges = occurrences.map(|index| self.space.occurrences[index].range());
                    let merged: Vec<u8> = ranges.flat_map(|range| bytes[range].iter().copied()).collect();
                    return self.message(id, &merged, at);
                }
                self.value(field.kind, last, bytes, at)
            }
        }
    }

    fn repeated(&mut self, field: &Field, occurrences: std::ops::Range<usize>, bytes: &[u8], at: usize) -> Outcome<()> {
        self.enter(at)?;
        self.out.push(b'[');
        let mut index = 0;
        for place in occurrences {
            let occurrence = self.space.occurrences[place];
            if occurrence.wire == Wire::Len && field.kind.can_be_packed() {
                let mut input = Input::new(&bytes[occurrence.range()], at + occurrence.range().start);
                while !input.is_at_end() {
                    self.separate(index, at)?;
                    let value = input.value(field.number, field.kind.wire())?;
                    self.number(field.kind, value);
                    index += 1;
                }
                continue;
            }
            self.separate(index, at)?;
            self.value(field.kind, occurrence, bytes, at).map_err(|fault| fault.in_element(index))?;
            index += 1;
        }
        self.out.push(b']');
        self.depth -= 1;
        Ok(())
    }

    fn separate(&mut self, index: usize, at: usize) -> Outcome<()> {
        if index > 0 {
            self.out.push(b',');
        }
        self.check_output(at)
    }

    /// Writes one value.
    pub fn value(&mut self, kind: Kind, occurrence: Occurrence, bytes: &[u8], at: usize) -> Outcome<()> {
        let range = || occurrence.range();
        match kind {
            Kind::Message(id) | Kind::Group(id) => self.message(id, &bytes[range()], at + range().start),
            Kind::String => {
                let text = std::str::from_utf8(&bytes[range()]);
                let text =
                    text.map_err(|error| Fault::at(at + range().start + error.valid_up_to(), "a string is not UTF-8"))?;
                write_string(self.out, text);
                Ok(())
            }
            Kind::Bytes => {
                self.base64(&bytes[range()]);
                Ok(())
            }
            kind => {
                self.number(kind, occurrence.value);
                Ok(())
            }
        }
    }

    /// Writes what is a number in the payload.
    pub fn number(&mut self, kind: Kind, value: u64) {
        match kind {
            Kind::Double => write_float(self.out, f64::from_bits(value)),
            Kind::Float => write_float(self.out, f32::from_bits(value as u32)),
            Kind::Int32 | Kind::Sfixed32 => write_integer(self.out, value as i32),
            Kind::Uint32 | Kind::Fixed32 => write_integer(self.out, value as u32),
            Kind::Sint32 => write_integer(self.out, unzigzag(u64::from(value as u32)) as i32),
            Kind::Bool => self.out.extend_from_slice(if value == 0 { b"false" } else { b"true" }),
            Kind::Enum(id) => {
                let symbols = self.types.symbols(id);
                match symbols.text(value as i32) {
                    _ if symbols.is_null => self.out.extend_from_slice(b"null"),
                    Some(text) => self.out.extend_from_slice(text),
                    None => write_integer(self.out, value as i32),
                }
            }
            _ => {
                let is_text = self.form.integers == Integers::Strings;
                self.out.extend_from_slice(if is_text { b"\"" } else { b"" });
                match kind {
                    Kind::Uint64 | Kind::Fixed64 => write_integer(self.out, value),
                    Kind::Sint64 => write_integer(self.out, unzigzag(value)),
                    _ => write_integer(self.out, value as i64),
                }
                self.out.extend_from_slice(if is_text { b"\"" } else { b"" });
            }
        }
    }

    pub fn base64(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        let start = self.out.len();
        self.out.resize(start + base64::encoded_len(bytes.len(), true).expect("a payload is smaller than 4 GiB"), 0);
        let written = STANDARD.encode_slice(bytes, &mut self.out[start..]);
        written.expect("there is room for it");
        self.out.push(b'"');
    }

    /// Writes the fields that the message does not have, as they stand in the payload.
    fn unknown(&mut self, occurrences: std::ops::Range<usize>, bytes: &[u8], before: u8) {
        let ranges = occurrences.map(|index| self.space.occurrences[index].range());
        let all: Vec<u8> = ranges.flat_map(|range| bytes[range].iter().copied()).collect();
        self.out.push(before);
        write_string(self.out, super::form::UNKNOWN_MEMBER);
        self.out.push(b':');
        self.base64(&all);
    }

    pub fn enter(&mut self, at: usize) -> Outcome<()> {
        if self.depth == Json::DEPTH_MAX {
            return Err(Fault::at(at, format!("it is nested deeper than {} levels", Json::DEPTH_MAX)));
        }
        self.depth += 1;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    fn check_output(&self, at: usize) -> Outcome<()> {
        if self.out.len() > self.limit {
            return Err(Fault::at(at, format!("it becomes more than {} MiB of JSON", OUTPUT_BYTES_MAX >> 20)));
        }
        Ok(())
    }
}

impl Field {
    /// Whether a value that is laid out so can be one of this field.
    #[inline]
    fn takes(&self, wire: Wire) -> bool {
        self.kind.wire() == wire || self.shape == Shape::Repeated && wire == Wire::Len && self.kind.can_be_packed()
    }
}

/// Whether what stands in the payload is the default of its kind.
fn is_zero(kind: Kind, value: u64) -> bool {
    match kind.wire() {
        // What is only 32 bits long in the message counts as such, whatever stands above them.
        Wire::Varint if matches!(kind, Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Enum(_)) => value as u32 == 0,
        _ => value == 0,
    }
}

pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
