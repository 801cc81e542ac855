//! The messages that have forms of their own in JSON, from those forms.

use kafi_core::JsonKind;

use crate::fault::{Fault, Outcome};
use crate::number::Float;
use crate::protobuf::output::{half_character, misfit, write_scalar, write_tag, write_varint};
use crate::protobuf::time;
use crate::protobuf::types::{Kind, MessageId, Special, Wire};
use crate::protobuf::write::Run;
use crate::rfc3339::read_timestamp;
use crate::tape::Item;

impl Run<'_> {
    /// Writes a message from its own form.
    pub fn special(&mut self, special: Special, id: MessageId, item: Item<'_>) -> Outcome<()> {
        let types = self.types;
        let kind = Kind::Message(id);
        match special {
            Special::Any if item.kind() == JsonKind::Object => self.any(item),
            Special::Timestamp | Special::Duration => {
                let text = item.string(&mut self.space.characters).ok_or_else(|| misfit(types, kind, item))?;
                let (read, example) = match special {
                    Special::Timestamp => (read_timestamp(text), "2024-11-26T22:05:05.555Z"),
                    _ => (time::read_duration(text), "1.5s"),
                };
                let (seconds, nanos) = read.ok_or_else(|| {
                    Fault::new(format!(
                        "{} is needed, such as {example}, and it is {}",
                        types.message(id).name,
                        item.described()
                    ))
                })?;
                for (number, value) in
                    [(1, seconds), (2, i64::from(nanos))].into_iter().filter(|(_, value)| *value != 0)
                {
                    write_tag(self.out, number, Wire::Varint);
                    write_varint(self.out, value as u64);
                }
                Ok(())
            }
            Special::FieldMask => self.field_mask(id, item),
            Special::Wrapper => {
                let field = &types.message(id).fields[0];
                let start = self.out.len();
                write_tag(self.out, 1, field.kind.wire());
                let content = self.out.len();
                write_scalar(types, field.kind, item, &mut self.space.characters, self.out)?;
                if self.out[content..].iter().all(|byte| *byte == 0)
                    && (self.out.len() == content + 1 || matches!(field.kind, Kind::Double | Kind::Float))
                {
                    self.out.truncate(start);
                }
                Ok(())
            }
            Special::Struct if item.kind() == JsonKind::Object => self.structure(item),
            Special::ListValue if item.kind() == JsonKind::Array => self.list(item),
            Special::Value => self.any_value(item),
            _ => Err(misfit(types, kind, item)),
        }
    }

    fn any(&mut self, item: Item<'_>) -> Outcome<()> {
        let Some((_, url)) = item.members().find(|(name, _)| name.string(&mut Vec::new()) == Some("@type")) else {
            let is_empty = item.members().next().is_none();
            return if is_empty {
                Ok(())
            } else {
                Err(Fault::new("its member @type is missing, which says what message it is"))
            };
        };
        let mut space = Vec::new();
        let text = url
            .string(&mut space)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| misfit(self.types, Kind::String, url).in_member("@type"))?;
        write_tag(self.out, 1, Wire::Len);
        write_varint(self.out, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
        let start = self.out.len();
        write_tag(self.out, 2, Wire::Len);
        let content = self.out.len();
        let types = self.types;
        let id = types.by_name.get(text.rsplit('/').next().unwrap_or(text)).copied();
        self.with_length(|run| run.content_of_any(id, text, item))?;
        if self.out[content..] == [0] {
            self.out.truncate(start);
        }
        Ok(())
    }

    fn content_of_any(&mut self, id: Option<MessageId>, url: &str, item: Item<'_>) -> Outcome<()> {
        let types = self.types;
        let message = id.map(|id| types.message(id));
        if let Some(message) = message
            && message.special == Special::None
        {
            // An empty message may also stand there as the value, as other writers put it.
            let is_empty =
                |(_, value): (Item<'_>, Item<'_>)| value.kind() == JsonKind::Object && value.members().next().is_none();
            if message.fields.is_empty() && value_of(item).is_some_and(is_empty) {
                return Ok(());
            }
            return self.members(message, item, Some("@type"));
        }
        let only_value = item.members().count() == 2;
        let Some((_, value)) = value_of(item).filter(|_| only_value) else {
            return Err(match message {
                Some(message) => {
                    Fault::new(format!("{} stands in the member value, and nothing else beside @type", message.name))
                }
                None => Fault::new(format!("the schema has no message {url}"))
                    .hint("import the file that has it, or give its bytes in the member value, in base64"),
            });
        };
        let written = match id {
            Some(id) => self.message(id, value),
            None if !url.contains('/') => {
                return Err(Fault::new(format!(
                    "{url:?} is no type of an Any: those are written type.googleapis.com/NAME"
                )));
            }
            None => super::output::base64(value, &mut self.space.characters)
                .map(|bytes| self.out.extend_from_slice(&bytes))
                .ok_or_else(|| {
                    Fault::new(format!("the schema has no message {url}, so that its bytes are needed, in base64"))
                }),
        };
        written.map_err(|fault| fault.in_member("value"))
    }

    fn field_mask(&mut self, id: MessageId, item: Item<'_>) -> Outcome<()> {
        let types = self.types;
        let mut space = Vec::new();
        let text = item.string(&mut space).ok_or_else(|| misfit(types, Kind::Message(id), item))?;
        for path in text.split(',').filter(|_| !text.is_empty()) {
            if path.contains('_') || path.contains(|c: char| c.is_whitespace() || !c.is_ascii()) {
                return Err(Fault::new(format!("the path {path:?} of the field mask is not in camel case")));
            }
            let mut snake = Vec::with_capacity(path.len() + 4);
            for byte in path.bytes() {
                if byte.is_ascii_uppercase() {
                    snake.push(b'_');
                }
                snake.push(byte.to_ascii_lowercase());
            }
            write_tag(self.out, 1, Wire::Len);
            write_varint(self.out, snake.len() as u64);
            self.out.extend_from_slice(&snake);
        }
        Ok(())
    }

    fn structure(&mut self, item: Item<'_>) -> Outcome<()> {
        item.check_names()?;
        for (name, value) in item.members() {
            write_tag(self.out, 1, Wire::Len);
            let written = self.with_length(|run| {
                let key = name.string(&mut run.space.characters).ok_or_else(|| half_character(name))?;
                write_tag(run.out, 1, Wire::Len);
                write_varint(run.out, key.len() as u64);
                run.out.extend_from_slice(key.as_bytes());
                write_tag(run.out, 2, Wire::Len);
                run.with_length(|run| run.any_value(value))
            });
            written.map_err(|fault| fault.in_member(name.string(&mut Vec::new()).unwrap_or_default()))?;
        }
        Ok(())
    }

    fn list(&mut self, item: Item<'_>) -> Outcome<()> {
        for (index, element) in item.elements().enumerate() {
            write_tag(self.out, 1, Wire::Len);
            self.with_length(|run| run.any_value(element)).map_err(|fault| fault.in_element(index))?;
        }
        Ok(())
    }

    /// Writes a `google.protobuf.Value`, which any JSON is.
    fn any_value(&mut self, item: Item<'_>) -> Outcome<()> {
        match item.kind() {
            JsonKind::Null => self.out.extend_from_slice(&[0x08, 0]),
            JsonKind::Number => {
                let value = f64::parsed(item.raw())
                    .map_err(|_| Fault::new(format!("{} is too large for a double", item.described())))?;
                write_tag(self.out, 2, Wire::Fixed64);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            JsonKind::Str => {
                let text = item.string(&mut self.space.characters).ok_or_else(|| half_character(item))?;
                write_tag(self.out, 3, Wire::Len);
                write_varint(self.out, text.len() as u64);
                self.out.extend_from_slice(text.as_bytes());
            }
            JsonKind::Bool => self.out.extend_from_slice(&[0x20, u8::from(item.raw() == "true")]),
            JsonKind::Object => {
                write_tag(self.out, 5, Wire::Len);
                return self.with_length(|run| run.structure(item));
            }
            JsonKind::Array => {
                write_tag(self.out, 6, Wire::Len);
                return self.with_length(|run| run.list(item));
            }
        }
        Ok(())
    }
}

/// The member `value` of an object.
fn value_of(item: Item<'_>) -> Option<(Item<'_>, Item<'_>)> {
    item.members().find(|(name, _)| name.string(&mut Vec::new()) == Some("value"))
}
