//! JSON text into payloads.

use std::sync::Arc;

use kafi_core::{JsonKind, Result, nearest};

use crate::fault::{Fault, Outcome};
use crate::protobuf::form::UNKNOWN_MEMBER;
use crate::protobuf::output::{half_character, misfit, set_length, write_scalar, write_tag, write_varint, write_whole};
use crate::protobuf::schema::{Message, Schema};
use crate::protobuf::types::{self, Field, Kind, MessageId, Shape, Special, Types, Wire};
use crate::tape::{Item, Tape};

const OPERATION: &str = "encode Protobuf";

/// Turns JSON text into payloads: fields in the order of their numbers, as other writers put them.
///
/// Every [`Form`](super::Form) is read, and the names of fields in JSON as well as those in the source. Null is a field
/// that is not there.
///
/// ```
/// use std::sync::Arc;
/// use kafi_serde::protobuf::{Schema, Writer};
/// let schema = Arc::new(Schema::parse(r#"syntax = "proto3"; message Order { int64 id = 1; repeated string tag_names = 2; }"#)?);
/// let mut writer = Writer::new(Arc::clone(&schema));
/// let mut out = Vec::new();
/// writer.write(schema.first_message()?, r#"{"tag_names": ["a", "b"], "id": "7"}"#, &mut out)?;
/// assert_eq!(out, b"\x08\x07\x12\x01a\x12\x01b");
///
/// let error = writer.write(schema.first_message()?, r#"{"tagNames": [1]}"#, &mut out).unwrap_err();
/// assert_eq!(error.to_string(), "encode Protobuf: path .tagNames[0]: a string is needed, and it is the number 1");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    schema: Arc<Schema>,
    tape: Tape,
    space: Space,
}

/// Memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// For each field of the messages that are being written where its value is on the tape, 0 where it is missing.
    places: Vec<u32>,
    pub characters: Vec<u8>,
}

impl Writer {
    /// A writer of messages of `schema`.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { schema, tape: Tape::default(), space: Space::default() }
    }

    /// Appends the payload of a JSON text.
    ///
    /// # Errors
    /// `Corrupt`: for what is not JSON with line and column; for what does not fit the message with the path and the
    /// reason, among them members that it does not have, names that stand twice, two members of one oneof, and required
    /// fields that are missing. `out` is as it was then.
    pub fn write(&mut self, message: Message, json: &str, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let item = self.tape.read(json)?;
        let mut run = Run { types: &self.schema.types, out, space: &mut self.space };
        run.message(message.0, item).map_err(|fault| {
            out.truncate(start);
            self.space.places.clear();
            fault.error(OPERATION)
        })
    }
}

pub(crate) struct Run<'a> {
    pub types: &'a Types,
    pub out: &'a mut Vec<u8>,
    pub space: &'a mut Space,
}

impl Run<'_> {
    /// Writes a message without its length.
    pub fn message(&mut self, id: MessageId, item: Item<'_>) -> Outcome<()> {
        let types = self.types;
        let message = types.message(id);
        match message.special {
            Special::None if item.kind() == JsonKind::Object => self.members(message, item, None),
            Special::None => Err(misfit(types, Kind::Message(id), item)),
            special => self.special(special, id, item),
        }
    }

    /// Writes a message from an object, of which a member may be somebody else's.
    pub fn members(&mut self, message: &types::Message, item: Item<'_>, foreign: Option<&str>) -> Outcome<()> {
        let first = self.space.places.len();
        self.space.places.resize(first + message.fields.len() + message.oneofs, 0);
        let mut unknown = None;
        let mut expected = 0;
        for (name, value) in item.members() {
            let key = name.string(&mut self.space.characters).ok_or_else(|| half_character(name))?;
            if foreign == Some(key) {
                continue;
            }
            // Members mostly come in the order of the fields.
            let place = match message.fields.get(expected).filter(|field| *field.name == *key) {
                Some(_) => expected,
                None => match message.by_name.get(key) {
                    Some(place) => *place as usize,
                    None if key == UNKNOWN_MEMBER => {
                        unknown = Some(value);
                        continue;
                    }
                    None => return Err(no_such_field(message, key)),
                },
            };
            expected = place + 1;
            let field = &message.fields[place];
            if self.space.places[first + place] != 0 {
                return Err(Fault::new(format!(
                    "the field {} stands twice in the object, and one of the two would be lost",
                    field.name
                )));
            }
            self.space.places[first + place] = value.place();
            if value.kind() == JsonKind::Null && !self.takes_null(field) {
                // It is not there, but its name is taken.
                self.space.places[first + place] = u32::MAX;
                continue;
            }
            if let Some(oneof) = field.oneof {
                let other = &mut self.space.places[first + message.fields.len() + oneof as usize];
                if *other != 0 {
                    let other = &message.fields[*other as usize - 1].name;
                    return Err(Fault::new(format!(
                        "of {other} and {} only one can be there, since they are members of one oneof",
                        field.name
                    )));
                }
                *other = place as u32 + 1;
            }
        }
        for (place, field) in message.fields.iter().enumerate() {
            match self.space.places[first + place] {
                0 | u32::MAX if field.is_required => {
                    return Err(
                        Fault::new(format!("it is missing, and {} requires it", message.name)).in_member(&field.name)
                    );
                }
                0 | u32::MAX => {}
                value => self.field(field, item.at(value)).map_err(|fault| fault.in_member(&field.name))?,
            }
        }
        self.space.places.truncate(first);
        match unknown {
            Some(value) => self.unknown(value).map_err(|fault| fault.in_member(UNKNOWN_MEMBER)),
            None => Ok(()),
        }
    }

    /// Writes something, and its length in front of it.
    pub fn with_length(&mut self, write: impl FnOnce(&mut Self) -> Outcome<()>) -> Outcome<()> {
        let start = self.out.len();
        self.out.push(0);
        write(self)?;
        set_length(self.out, start);
        Ok(())
    }

    fn field(&mut self, field: &Field, item: Item<'_>) -> Outcome<()> {
        match field.shape {
            Shape::Single => {
                let start = self.out.len();
                write_tag(self.out, field.number, field.kind.wire());
                let content = self.out.len();
                self.value(field, item)?;
                if !field.has_presence
                    && self.out[content..].iter().all(|byte| *byte == 0)
                    && is_default(field.kind, self.out.len() - content)
                {
                    self.out.truncate(start);
                }
                Ok(())
            }
            Shape::Repeated if item.kind() == JsonKind::Array => self.repeated(field, item),
            Shape::Repeated => Err(Fault::new(format!("an array is needed, and it is {}", item.described()))),
            Shape::Map => self.map(field, item),
        }
    }

    /// Writes a value behind its tag.
    fn value(&mut self, field: &Field, item: Item<'_>) -> Outcome<()> {
        match field.kind {
            Kind::Message(id) => self.with_length(|run| run.message(id, item)),
            Kind::Group(id) => {
                self.message(id, item)?;
                // The end of a group has a wire type of its own.
                write_varint(self.out, u64::from(field.number) << 3 | 4);
                Ok(())
            }
            kind => write_scalar(self.types, kind, item, &mut self.space.characters, self.out),
        }
    }

    fn repeated(&mut self, field: &Field, item: Item<'_>) -> Outcome<()> {
        if field.is_packed && field.kind.can_be_packed() {
            if item.elements().next().is_none() {
                return Ok(());
            }
            write_tag(self.out, field.number, Wire::Len);
            return self.with_length(|run| {
                let mut elements = item.elements().enumerate();
                elements
                    .try_for_each(|(index, element)| run.value(field, element).map_err(|fault| fault.in_element(index)))
            });
        }
        for (index, element) in item.elements().enumerate() {
            write_tag(self.out, field.number, field.kind.wire());
            self.value(field, element).map_err(|fault| fault.in_element(index))?;
        }
        Ok(())
    }

    fn map(&mut self, field: &Field, item: Item<'_>) -> Outcome<()> {
        let types = self.types;
        let Kind::Message(id) = field.kind else { return Err(misfit(types, field.kind, item)) };
        if item.kind() != JsonKind::Object {
            return Err(Fault::new(format!("an object is needed, and it is {}", item.described())));
        }
        item.check_names()?;
        let entry = types.message(id);
        let (Some(key), Some(value)) = (entry.place(1), entry.place(2)) else {
            return Err(misfit(types, field.kind, item));
        };
        let (key_field, value_field) = (&entry.fields[key as usize], &entry.fields[value as usize]);
        for (name, value) in item.members() {
            write_tag(self.out, field.number, Wire::Len);
            let written = self.with_length(|run| {
                run.key(key_field.kind, name)?;
                write_tag(run.out, 2, value_field.kind.wire());
                run.value(value_field, value)
            });
            written.map_err(|fault| fault.in_member(name.string(&mut Vec::new()).unwrap_or_default()))?;
        }
        Ok(())
    }

    /// Writes the key of an entry, which is a string in JSON whatever it is.
    fn key(&mut self, kind: Kind, name: Item<'_>) -> Outcome<()> {
        write_tag(self.out, 1, kind.wire());
        let text = name.string(&mut self.space.characters).ok_or_else(|| half_character(name))?;
        match (kind, text) {
            (Kind::String, text) => {
                write_varint(self.out, text.len() as u64);
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            (Kind::Bool, "false") => {
                self.out.push(0);
                Ok(())
            }
            (Kind::Bool, "true") => {
                self.out.push(1);
                Ok(())
            }
            (kind, text) => write_whole(self.types, kind, text, name, self.out),
        }
    }

    /// Writes the fields that the message does not have, as they were read.
    fn unknown(&mut self, item: Item<'_>) -> Outcome<()> {
        let bytes = super::output::base64(item, &mut self.space.characters)
            .ok_or_else(|| misfit(self.types, Kind::Bytes, item))?;
        self.out.extend_from_slice(&bytes);
        Ok(())
    }

    /// Whether null is a value of the field.
    fn takes_null(&self, field: &Field) -> bool {
        match (field.shape, field.kind) {
            (Shape::Single, Kind::Message(id)) => self.types.message(id).special == Special::Value,
            (Shape::Single, Kind::Enum(id)) => self.types.symbols(id).is_null,
            _ => false,
        }
    }
}

/// Whether so many zeros are the default of a kind: the length of what has one, or the number itself.
fn is_default(kind: Kind, zeros: usize) -> bool {
    match kind.wire() {
        Wire::Varint | Wire::Len => zeros == 1,
        Wire::Fixed32 | Wire::Fixed64 => true,
        Wire::Group => false,
    }
}

fn no_such_field(message: &types::Message, name: &str) -> Box<Fault> {
    let what = match nearest(name, message.fields.iter().map(|field| &*field.name)) {
        Some(near) => format!("{} has no such field; did you mean {near}?", message.name),
        None => format!("{} has no such field", message.name),
    };
    Fault::new(what).in_member(name)
}
