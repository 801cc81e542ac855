//! What functions one after another make of one message.

use std::borrow::Cow;
use std::ops::ControlFlow;

use kafi_core::functional::push_headers;
use kafi_core::{
    ANY_PARTITION, Batch, Coding, Encoder, Error, ErrorKind, Field, RecordMeta, Result, SchemaHeader, SchemaRef, Span,
    Value,
};

use crate::bytes::Buffers;
use crate::change::{Change, NewPart};
use crate::limits::{Limits, Runaway};
use crate::message::{MessageView, Part};
use crate::step::Step;
use crate::value::plain_or_characters;

/// Says to which topic messages of a topic are written.
pub(crate) type TargetOf<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// What is made of one message.
pub(crate) struct Making<'a> {
    /// Where it stands among those that were read.
    pub(crate) index: usize,
    /// The topic that it was read from.
    pub(crate) from: &'a str,
    pub(crate) routes: bool,
    /// Whether key and value stay JSON whatever they become: strings keep their quotes.
    pub(crate) are_json: [bool; 2],
    /// The schemas that decoded key and value.
    pub(crate) schemas: [Option<&'a SchemaRef>; 2],
    pub(crate) target_of: &'a TargetOf<'a>,
}

/// Where what is made goes.
pub(crate) struct Made<'w> {
    /// What makes bytes of keys and values, where messages are to be written.
    pub(crate) encoders: Option<&'w mut [Box<dyn Encoder>; 2]>,
    pub(crate) batch: &'w mut Batch,
    /// What is known of each message besides, where a program sees them next.
    pub(crate) of: Option<&'w mut Vec<Origin>>,
    pub(crate) spare: &'w mut Spare,
    /// The bytes that were there before the message in hand.
    pub(crate) message_start: usize,
}

/// Memory that is used again from message to message.
#[derive(Default)]
pub(crate) struct Spare {
    buffers: Vec<Buffers>,
    /// The characters of a key or value.
    text: String,
    /// What is printed of a message.
    printed: Vec<u8>,
    /// The topic that was asked about last, and the target's.
    target: (String, Option<String>),
}

/// Where a message came from that waits between two functions.
pub(crate) struct Origin {
    /// Where the message that it was made of stands among those that were read.
    pub(crate) index: usize,
    /// Whether key and value are JSON text.
    pub(crate) hold_json: [bool; 2],
    /// Whether they stay JSON whatever they become.
    pub(crate) are_json: [bool; 2],
    /// The schemas that decoded them.
    pub(crate) schemas: [Option<SchemaRef>; 2],
}

impl Spare {
    /// Targets are those of one batch.
    pub(crate) fn forget_target(&mut self) {
        self.target = Default::default();
    }
}

impl Made<'_> {
    /// How much there is before what is made of the next message.
    pub(crate) fn begin(&mut self) -> (usize, u32, usize) {
        self.message_start = self.batch.bytes();
        (self.batch.len(), self.batch.header_mark(), self.batch.bytes())
    }

    /// Takes back what came after this mark.
    pub(crate) fn rewind(&mut self, (records, headers, bytes): (usize, u32, usize)) {
        self.batch.rewind(records, headers, bytes);
        if let Some(of) = &mut self.of {
            of.truncate(records);
        }
    }
}

impl Making<'_> {
    /// Puts what the steps make of a message to the end of what is made.
    pub(crate) fn go(&self, steps: &[Step], view: &MessageView<'_>, made: &mut Made<'_>) -> Result<()> {
        let Some((step, rest)) = steps.split_first() else { return self.push(view, made) };
        match step {
            Step::Filter(function) => {
                if function.keeps(view)? {
                    self.go(rest, view, made)?;
                }
                Ok(())
            }
            // What lies behind a program waits for its answers.
            Step::Through(_) => self.push(view, made),
            Step::Print { function, raw } => {
                let mut printed = std::mem::take(&mut made.spare.printed);
                let ran = function.run_message_with(&mut printed, view, |text| {
                    let bare =
                        raw.then(|| text.strip_prefix('"')?.strip_suffix('"').map(plain_or_characters)).flatten();
                    let value = Part::Text(bare.as_deref().unwrap_or(text));
                    self.push(&MessageView { value, members: None, ..*view }, made)?;
                    Ok(ControlFlow::Continue(()))
                });
                made.spare.printed = printed;
                ran
            }
            Step::Map(function) | Step::Flatmap(function) => {
                let mut buffers = made.spare.buffers.pop().unwrap_or_default();
                let replaced = function.edited(view, &mut buffers).map(|edited| {
                    let (key, value) = (self.new_part(edited.key, 0), self.new_part(edited.value, 1));
                    let members = if value.is_some() { None } else { view.members };
                    let next = MessageView {
                        key: key.as_ref().map_or(view.key, Characters::part),
                        value: value.as_ref().map_or(view.value, Characters::part),
                        members,
                        ..*view
                    };
                    self.go(rest, &next, made)
                });
                made.spare.buffers.push(buffers);
                if let Some(replaced) = replaced {
                    return replaced;
                }
                let mut changes = Vec::new();
                function.change_message(view, |text| {
                    changes.push(Change::read(text).map_err(|error| view.located(error))?);
                    Ok(ControlFlow::Continue(()))
                })?;
                if matches!(step, Step::Map(_)) && changes.len() != 1 {
                    let why = format!("it makes {} messages of one", changes.len());
                    let error = Error::new(ErrorKind::Function, "run function", why);
                    return Err(view.located(error.hint("--flatmap may make none or many")));
                }
                changes.iter().try_for_each(|change| self.changed(rest, view, change, made))
            }
        }
    }

    pub(crate) fn changed(
        &self,
        rest: &[Step],
        view: &MessageView<'_>,
        change: &Change,
        made: &mut Made<'_>,
    ) -> Result<()> {
        let topic = change.topic.as_deref().unwrap_or(view.topic);
        let is_elsewhere = topic != view.topic;
        if topic != self.from && !self.routes {
            let why = format!("it sends a message to the topic {topic}");
            let error = Error::new(ErrorKind::Function, "run function", why);
            return Err(view.located(error.hint("--route lets functions change topics")));
        }
        // Another topic may have other partitions.
        let partition = change.partition.unwrap_or(if is_elsewhere { ANY_PARTITION } else { view.partition });
        let [key_text, value_text] =
            [(&change.key, 0), (&change.value, 1)].map(|(part, field)| text_of(part, self.are_json[field]));
        let next = MessageView {
            topic,
            partition,
            timestamp: change.timestamp.unwrap_or(view.timestamp),
            headers: change.headers.as_ref().map_or(view.headers, |headers| headers.as_headers()),
            key: part_of(&change.key, key_text.as_deref(), view.key),
            value: part_of(&change.value, value_text.as_deref(), view.value),
            members: if change.value.is_some() { None } else { view.members },
            ..*view
        };
        self.go(rest, &next, made)
    }

    /// A key or value that is JSON text now.
    fn new_part<'t>(&self, text: Option<&'t str>, field: usize) -> Option<Characters<'t>> {
        let text = text?;
        Some(if text == "null" {
            Characters::Null
        } else if text.starts_with('"') && !self.are_json[field] {
            Characters::Text(plain_or_characters(&text[1..text.len() - 1]))
        } else {
            Characters::Json(text)
        })
    }

    /// Puts a message to the end of what is made.
    fn push(&self, view: &MessageView<'_>, made: &mut Made<'_>) -> Result<()> {
        let Made { encoders, batch, of, spare, message_start } = made;
        // Each message that is made holds what stays of the one that it was made of.
        let limits = Limits::default();
        if batch.bytes() - *message_start > limits.bytes_max {
            return Err(view.located(Runaway::Bytes.error(&limits)));
        }
        let is_encoded = encoders.is_some();
        let mut spans = [Span::NULL; 2];
        let parts = [(view.key, Field::Key), (view.value, Field::Value)];
        match encoders {
            None => {
                for (span, (part, _)) in spans.iter_mut().zip(parts) {
                    *span = Span::append(batch.arena(), bytes_of(part));
                }
            }
            Some(encoders) => {
                let Spare { text, target, .. } = &mut **spare;
                if target.0 != view.topic {
                    *target = (view.topic.to_string(), (self.target_of)(view.topic));
                }
                let topic = target.1.as_deref().unwrap_or(view.topic);
                for (index, (part, field)) in parts.into_iter().enumerate() {
                    let coding = Coding::new(topic, field).headers(view.headers).schema(self.schemas[index]);
                    let start = batch.bytes();
                    let encoded = encode(encoders[index].as_mut(), &coding, part, (text, batch.arena()));
                    let located = |error: Error| error.with("partition", view.partition).with("offset", view.offset);
                    let explained = |error| explained(error, field, self.schemas[index].is_some());
                    spans[index] = match encoded.map_err(|error| explained(located(error)))? {
                        true => Span::between(start, batch.bytes()),
                        false => Span::NULL,
                    };
                }
            }
        }
        let wanted = match encoders {
            Some([key, value]) => [key.schema_header(), value.schema_header()],
            None => [SchemaHeader::Keep; 2],
        };
        if let Some(of) = of {
            let hold_json = [view.key, view.value].map(|part| matches!(part, Part::Json(_)));
            let schemas = self.schemas.map(|schema| schema.cloned());
            of.push(Origin { index: self.index, hold_json, are_json: self.are_json, schemas });
        }
        let header_start = batch.header_mark();
        push_headers(view.headers, wanted, batch);
        let topic = batch.topic_index(view.topic);
        batch.push_meta(RecordMeta {
            offset: view.offset,
            timestamp: view.timestamp,
            topic,
            partition: view.partition,
            key: spans[0],
            value: spans[1],
            header_start,
            header_count: batch.header_mark() - header_start,
            timestamp_type: view.timestamp_type,
        });
        if !is_encoded && self.schemas.iter().any(Option::is_some) {
            let parts = [(view.key, self.schemas[0]), (view.value, self.schemas[1])];
            batch.note_schemas(parts.map(|(part, schema)| schema.filter(|_| matches!(part, Part::Json(_)))));
        }
        Ok(())
    }
}

/// Says what can be done where what functions made does not fit the schema that came with its message.
fn explained(error: Error, field: Field, has_schema: bool) -> Error {
    if !has_schema || !error.operation().starts_with("encode") || error.hint_text().is_some() {
        return error;
    }
    error.hint(format!(
        "it is written by the schema that it was read by: --to-{field}-schema names another one, and --to-{field}-type json takes none"
    ))
}

fn bytes_of(part: Part<'_>) -> Option<&[u8]> {
    match part {
        Part::Null => None,
        Part::Json(text) | Part::Text(text) => Some(text.as_bytes()),
        Part::Bytes(bytes) => Some(bytes),
    }
}

/// A key or value that is new.
enum Characters<'t> {
    Null,
    Json(&'t str),
    Text(Cow<'t, str>),
}

impl Characters<'_> {
    fn part(&self) -> Part<'_> {
        match self {
            Self::Null => Part::Null,
            Self::Json(text) => Part::Json(text),
            Self::Text(text) => Part::Text(text),
        }
    }
}

/// Appends the bytes of a key or value; false is null.
fn encode(
    encoder: &mut dyn Encoder,
    coding: &Coding<'_>,
    part: Part<'_>,
    (spare, out): (&mut String, &mut Vec<u8>),
) -> Result<bool> {
    match part {
        Part::Null => encoder.encode(coding, &Value::Null, out),
        Part::Json(text) => encoder.encode_text(coding, text.as_bytes(), out).map(|()| true),
        Part::Bytes(bytes) => encoder.encode(coding, &Value::Bytes(bytes.to_vec()), out),
        Part::Text(text) => {
            spare.clear();
            spare.push_str(text);
            let value = Value::Str(std::mem::take(spare));
            let encoded = encoder.encode(coding, &value, out);
            if let Value::Str(text) = value {
                *spare = text;
            }
            encoded
        }
    }
}

/// The characters of a new part that is a string, and becomes no JSON.
fn text_of(part: &Option<NewPart>, is_json: bool) -> Option<Cow<'_, str>> {
    match part {
        Some(NewPart::Json(text)) if text.starts_with('"') && !is_json => {
            Some(plain_or_characters(&text[1..text.len() - 1]))
        }
        _ => None,
    }
}

fn part_of<'a>(part: &'a Option<NewPart>, text: Option<&'a str>, old: Part<'a>) -> Part<'a> {
    match (part, text) {
        (None, _) => old,
        (Some(_), Some(text)) => Part::Text(text),
        (Some(NewPart::Null), _) => Part::Null,
        (Some(NewPart::Json(json)), _) => Part::Json(json),
        (Some(NewPart::Bytes(bytes)), _) => Part::Bytes(bytes),
    }
}
