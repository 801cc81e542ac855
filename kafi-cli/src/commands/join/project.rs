//! What becomes of two messages with the same key, or of one without a partner.

use std::ops::ControlFlow;

use kafi::jq::Change;
use kafi::{
    ANY_PARTITION, Batch, Encoder, EnvelopeWriter, Error, ErrorKind, Field, Function, JoinPair, Kafi, ObjectMerger,
    Record, Result, Serdes, Type, push_texts,
};

use super::side::SideTexts;

/// Makes messages of rows.
pub struct Projector {
    sides: [SideTexts; 2],
    /// What writes a message as functions see it, for each side.
    envelopes: [EnvelopeWriter; 2],
    function: Option<Function>,
    /// How messages are written.
    written: Written,
    merger: ObjectMerger,
    text: Vec<u8>,
    fields: [Vec<u8>; 2],
}

/// How messages are written.
#[derive(Default)]
struct Written {
    /// To which topic, where that is known: schemas are registered for it.
    topic: Option<String>,
    /// What makes bytes of keys and values, where they are more than text.
    encoders: Option<[Box<dyn Encoder>; 2]>,
    /// Whether messages are handed on byte for byte, since nothing is made of them.
    as_they_are: bool,
}

impl Projector {
    /// For the messages of these sides; without a function the members of both values are put together.
    pub fn open(sides: [SideTexts; 2], function: Option<Function>) -> Self {
        let envelopes = [&sides[0], &sides[1]].map(|side| EnvelopeWriter::new(side.types()[0], side.types()[1]));
        Self {
            sides,
            envelopes,
            function,
            written: Written::default(),
            merger: ObjectMerger::default(),
            text: Vec::new(),
            fields: [Vec::new(), Vec::new()],
        }
    }

    /// The same for messages that are written to this topic as these types and schemas. Where a join only says which
    /// messages of its left side are kept, and nothing is said of types, they stay as they are, byte for byte.
    pub fn writing(self, (target, topic): (&Kafi, &str), serdes: &Serdes, only_keeps: bool) -> Result<Self> {
        let encoder = |field| {
            let serde = serdes.of_field(field);
            let is_said = serde.type_.is_some() || serde.schema.names_schema();
            let place = target.place();
            let is_typed = is_said || place.type_or(serde, field, Type::Auto)?.has_schema();
            is_typed.then(|| place.encoder(serde, field, Type::Auto)).transpose()
        };
        let encoders = match (encoder(Field::Key)?, encoder(Field::Value)?) {
            (None, None) => None,
            (key, value) => {
                let bytes = |field| {
                    let serde = kafi::Serde { type_: Some(Type::Bytes), ..Default::default() };
                    target.place().encoder(&serde, field, Type::Bytes)
                };
                Some([key.map_or_else(|| bytes(Field::Key), Ok)?, value.map_or_else(|| bytes(Field::Value), Ok)?])
            }
        };
        let as_they_are = only_keeps && self.function.is_none() && encoders.is_none();
        Ok(Self { written: Written { topic: Some(topic.to_string()), encoders, as_they_are }, ..self })
    }

    /// Puts what becomes of a row to the end of `batch`.
    pub fn push(&mut self, pair: JoinPair<'_>, batch: &mut Batch) -> Result<()> {
        if let (true, Some(left)) = (self.written.as_they_are, pair.left) {
            return self.written.push(left, batch);
        }
        let Self { sides: [left, right], envelopes, function, written, merger, text, fields } = self;
        let (left, right) = (
            pair.left.map(|record| left.show(record)).transpose()?,
            pair.right.map(|record| right.show(record)).transpose()?,
        );
        text.clear();
        if let Some(function) = function {
            text.extend_from_slice(b"{\"left\":");
            let [left_envelopes, right_envelopes] = envelopes;
            push_envelope(left_envelopes, left.as_ref(), text);
            text.extend_from_slice(b",\"right\":");
            push_envelope(right_envelopes, right.as_ref(), text);
            text.push(b'}');
            let base = left.as_ref().or(right.as_ref()).map(|shown| shown.0).ok_or_else(no_side)?;
            let input = std::str::from_utf8(text).expect("envelopes are UTF-8");
            return function.run(input, |made| {
                push_change(base, &Change::read(made)?, fields, written, batch)?;
                Ok(ControlFlow::Continue(()))
            });
        }
        let record = match (&left, &right) {
            (Some((left, _)), Some((right, _))) => {
                let is_null = left.value.is_none() && right.value.is_none();
                merger.merge(json_of(left.value)?, json_of(right.value)?, text)?;
                Record { value: (!is_null).then_some(text.as_slice()), ..*left }
            }
            (Some((one, _)), None) | (None, Some((one, _))) => *one,
            (None, None) => return Err(no_side()),
        };
        written.push(record, batch)
    }
}

fn no_side() -> Error {
    Error::new(ErrorKind::Unexpected, "join", "a row has no side")
}

fn json_of(value: Option<&[u8]>) -> Result<&str> {
    std::str::from_utf8(value.unwrap_or(b"null")).map_err(|_| {
        Error::new(ErrorKind::Function, "merge values", "a value is no JSON object, but bytes that are not UTF-8")
            .hint("--project may make something else of the two messages")
    })
}

fn push_envelope(writer: &mut EnvelopeWriter, shown: Option<&super::side::Shown<'_>>, out: &mut Vec<u8>) {
    match shown {
        Some((record, schemas)) => writer.write_decoded(*record, [schemas[0].as_ref(), schemas[1].as_ref()], out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Pushes a message with what a function says of it.
fn push_change(
    base: Record<'_>,
    change: &Change,
    fields: &mut [Vec<u8>; 2],
    written: &mut Written,
    batch: &mut Batch,
) -> Result<()> {
    if change.topic.as_deref().is_some_and(|topic| topic != base.topic) {
        let why = "a projection cannot change the topic: the rows of a join go to one";
        return Err(Error::new(ErrorKind::Function, "run function", why).hint("--to names it"));
    }
    let [key_text, value_text] = fields;
    let mut made = [(&change.key, base.key, key_text), (&change.value, base.value, value_text)].map(
        |(part, old, text)| match part {
            None => old,
            Some(part) => {
                text.clear();
                let is_there = part.write(false, text);
                is_there.then_some(text.as_slice())
            }
        },
    );
    let [key, value] = &mut made;
    let headers = change.headers.as_ref().map_or(base.headers, |headers| headers.as_headers());
    let timestamp = change.timestamp.unwrap_or(base.timestamp);
    let partition = change.partition.unwrap_or(ANY_PARTITION);
    written.push(Record { key: key.take(), value: value.take(), headers, timestamp, partition, ..base }, batch)
}

impl Written {
    fn push(&mut self, record: Record<'_>, batch: &mut Batch) -> Result<()> {
        let record = Record { topic: self.topic.as_deref().unwrap_or(record.topic), ..record };
        match &mut self.encoders {
            None => {
                batch.push(record);
                Ok(())
            }
            Some([key, value]) => push_texts(record, [Some(key.as_mut()), Some(value.as_mut())], batch),
        }
    }
}
