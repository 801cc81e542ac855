//! Functions one after another over the messages of batches, between who reads them and who uses them.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kafi_core::functional::{TextDecoder, push_headers};
use kafi_core::json_text::Scanner;
use kafi_core::{
    ANY_PARTITION, Batch, Coding, Encoder, Error, ErrorKind, Failures, Field, Json, Place, Record, RecordMeta, Result,
    SchemaHeader, SchemaRef, Serdes, Span, Type, Value,
};

use crate::change::{Change, NewPart};
use crate::function::Function;
use crate::message::{MessageView, Part};
use crate::value::characters;

/// What a function is used for.
#[derive(Debug)]
pub enum Step {
    /// Keeps messages.
    Filter(Function),
    /// Makes one message of each.
    Map(Function),
    /// Makes none, one, or many of each.
    Flatmap(Function),
    /// Makes none, one, or many values of each, which stand in place of its value as JSON text; strings as their
    /// characters, if `raw`.
    Print {
        /// The function.
        function: Function,
        /// Whether strings lose their quotes.
        raw: bool,
    },
}

/// Functions one after another.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    steps: Arc<[Step]>,
    routes: bool,
}

impl Steps {
    /// These functions, in this order. Only where it `routes`, they may change the topics of messages.
    pub fn new(steps: Vec<Step>, routes: bool) -> Self {
        Self { steps: steps.into(), routes }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether what comes out is to be printed, and no message any more.
    pub fn prints(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Print { .. }))
    }

    /// Whether messages stay as they are, as far as they stay.
    pub fn only_filters(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Filter(_)))
    }
}

/// Functions over the batches of one place, for several threads.
pub struct BatchSteps {
    steps: Steps,
    place: Place,
    serdes: Serdes,
    types: [Type; 2],
    failures: Failures,
    writing: Option<(Place, Serdes)>,
    /// Whether key and value are written as text, whatever they were.
    becomes_text: [bool; 2],
    made: AtomicU64,
    idle: Mutex<Vec<Worker>>,
}

/// What one thread works with.
struct Worker {
    texts: TextDecoder,
    /// What makes bytes of keys and values, where messages are to be written.
    encoders: Option<[Box<dyn Encoder>; 2]>,
    done: Batch,
}

impl BatchSteps {
    /// For messages of these types and schemas, or else those of the place's settings; what cannot be decoded, or fails,
    /// goes to `failures`.
    ///
    /// # Errors
    /// Those of [`TextDecoder::open`].
    pub fn open(steps: &Steps, place: &Place, serdes: &Serdes, failures: &Failures) -> Result<Self> {
        let type_of = |field| place.type_or(serdes.of_field(field), field, Type::Auto);
        let types = [type_of(Field::Key)?, type_of(Field::Value)?];
        let mut opened = Self {
            steps: steps.clone(),
            place: place.clone(),
            serdes: serdes.clone(),
            types,
            failures: failures.clone(),
            writing: None,
            becomes_text: [false; 2],
            made: AtomicU64::new(0),
            idle: Mutex::default(),
        };
        opened.idle = Mutex::new(vec![opened.open_worker()?]);
        Ok(opened)
    }

    /// The same for messages that are written at `place` as these types and schemas; those that a schema decoded are
    /// encoded by it again, unless another one is named. Where the functions only filter, messages stay as they are.
    ///
    /// # Errors
    /// Those of [`Place::encoder`].
    pub fn writing(mut self, place: &Place, serdes: &Serdes) -> Result<Self> {
        self.writing = Some((place.clone(), serdes.clone()));
        let is_text = |type_: Option<Type>| matches!(type_, Some(Type::Str | Type::Bytes));
        self.becomes_text = [is_text(serdes.key.type_), is_text(serdes.value.type_)];
        self.idle = Mutex::new(vec![self.open_worker()?]);
        Ok(self)
    }

    /// How many messages came out so far.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    fn open_worker(&self) -> Result<Worker> {
        let encoders = match &self.writing {
            None => None,
            Some((place, serdes)) => {
                let encoder = |field| place.encoder(serdes.of_field(field), field, Type::Auto);
                Some([encoder(Field::Key)?, encoder(Field::Value)?])
            }
        };
        Ok(Worker { texts: TextDecoder::open(&self.place, &self.serdes)?, encoders, done: Batch::new() })
    }

    /// Makes of the messages of a batch what the functions make of them. Where these only filter, what is kept stays as
    /// it is, byte for byte; else keys and values become text, those that a schema decoded JSON. Partition and offset
    /// are those of the message that each came of.
    ///
    /// # Errors
    /// The first failure that `failures` does not take, with topic, partition, and offset; the batch then holds what
    /// came of the messages before.
    pub fn apply(&self, batch: &mut Batch) -> Result<()> {
        self.apply_for(batch, &|_| None)
    }

    /// As [`apply`](Self::apply), where `target_of` says to which topics messages are written.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply).
    pub fn apply_for(&self, batch: &mut Batch, target_of: &dyn Fn(&str) -> Option<String>) -> Result<()> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        let mut worker = known.map_or_else(|| self.open_worker(), Ok)?;
        let applied = if self.steps.only_filters() {
            self.retain(&mut worker.texts, batch)
        } else {
            self.make(&mut worker, batch, target_of)
        };
        self.made.fetch_add(batch.len() as u64, Ordering::Relaxed);
        idle().push(worker);
        applied
    }

    fn retain(&self, texts: &mut TextDecoder, batch: &mut Batch) -> Result<()> {
        let mut failed = Ok(());
        batch.retain(|record| {
            failed.is_ok()
                && self.keeps(texts, record).unwrap_or_else(|error| {
                    failed = self.failures.take(&record, error);
                    false
                })
        });
        failed
    }

    fn keeps(&self, texts: &mut TextDecoder, record: Record<'_>) -> Result<bool> {
        let (shown, schemas) = texts.show(record)?;
        let view = view_of(&shown, self.types, [schemas[0].is_some(), schemas[1].is_some()]);
        for step in self.steps.steps.iter() {
            if let Step::Filter(function) = step
                && !function.keeps(&view)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn make(&self, worker: &mut Worker, batch: &mut Batch, target_of: &dyn Fn(&str) -> Option<String>) -> Result<()> {
        let Worker { texts, encoders, done } = worker;
        done.clear();
        let mut made = Ok(());
        for record in batch.iter() {
            let before = (done.len(), done.header_mark(), done.bytes());
            let result = texts.show(record).and_then(|(shown, schemas)| {
                let are_json = [0, 1].map(|field| schemas[field].is_some() || self.types[field] == Type::Json);
                let view = view_of(&shown, self.types, are_json);
                let schemas = [schemas[0].as_ref(), schemas[1].as_ref()];
                // What is written as text has no quotes to keep.
                let are_json = [0, 1].map(|field| are_json[field] && !self.becomes_text[field]);
                let making = Making { from: record.topic, routes: self.steps.routes, are_json, schemas, target_of };
                making.go(&self.steps.steps, &view, &mut Made { encoders, batch: done })
            });
            if let Err(error) = result {
                done.rewind(before.0, before.1, before.2);
                made = self.failures.take(&record, error);
                if made.is_err() {
                    break;
                }
            }
        }
        std::mem::swap(batch, done);
        batch.set_limits(done.records_max(), done.bytes_max());
        made
    }
}

/// What is made of one message.
struct Making<'a> {
    /// The topic that it was read from.
    from: &'a str,
    routes: bool,
    /// Whether key and value stay JSON whatever they become: strings keep their quotes.
    are_json: [bool; 2],
    /// The schemas that decoded key and value.
    schemas: [Option<&'a SchemaRef>; 2],
    target_of: &'a dyn Fn(&str) -> Option<String>,
}

/// Where what is made goes.
struct Made<'w> {
    encoders: &'w mut Option<[Box<dyn Encoder>; 2]>,
    batch: &'w mut Batch,
}

impl Making<'_> {
    /// Puts what the steps make of a message to the end of what is made.
    fn go(&self, steps: &[Step], view: &MessageView<'_>, made: &mut Made<'_>) -> Result<()> {
        let Some((step, rest)) = steps.split_first() else { return self.push(view, made) };
        match step {
            Step::Filter(function) => {
                if function.keeps(view)? {
                    self.go(rest, view, made)?;
                }
                Ok(())
            }
            Step::Print { function, raw } => function.run_message(view, |text| {
                let bare = raw.then(|| text.strip_prefix('"')?.strip_suffix('"').map(characters)).flatten();
                let value = Part::Text(bare.as_deref().unwrap_or(text));
                self.push(&MessageView { value, ..*view }, made)?;
                Ok(ControlFlow::Continue(()))
            }),
            Step::Map(function) | Step::Flatmap(function) => {
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

    fn changed(&self, rest: &[Step], view: &MessageView<'_>, change: &Change, made: &mut Made<'_>) -> Result<()> {
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
            ..*view
        };
        self.go(rest, &next, made)
    }

    /// Puts a message to the end of what is made.
    fn push(&self, view: &MessageView<'_>, made: &mut Made<'_>) -> Result<()> {
        let Made { encoders, batch } = made;
        let target = (self.target_of)(view.topic);
        let coding = Coding::new(target.as_deref().unwrap_or(view.topic), Field::Key).headers(view.headers);
        let mut spans = [Span::NULL; 2];
        for (index, (part, field)) in [(view.key, Field::Key), (view.value, Field::Value)].into_iter().enumerate() {
            let coding = Coding { field, ..coding }.schema(self.schemas[index]);
            let start = batch.bytes();
            spans[index] = match encoders {
                None => Span::append(batch.arena(), bytes_of(part)),
                Some(encoders) => match encoders[index].encode(&coding, &value_of(part), batch.arena()) {
                    Ok(true) => Span::between(start, batch.bytes()),
                    Ok(false) => Span::NULL,
                    Err(error) => return Err(error.with("partition", view.partition).with("offset", view.offset)),
                },
            };
        }
        let wanted = match encoders {
            Some([key, value]) => [key.schema_header(), value.schema_header()],
            None => [SchemaHeader::Keep; 2],
        };
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
        Ok(())
    }
}

fn bytes_of(part: Part<'_>) -> Option<&[u8]> {
    match part {
        Part::Null => None,
        Part::Json(text) | Part::Text(text) => Some(text.as_bytes()),
        Part::Bytes(bytes) => Some(bytes),
    }
}

fn value_of(part: Part<'_>) -> Value {
    match part {
        Part::Null => Value::Null,
        Part::Json(text) => Value::Json(Json::from_valid(text)),
        Part::Text(text) => Value::Str(text.to_string()),
        Part::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

/// The characters of a new part that is a string, and becomes no JSON.
fn text_of(part: &Option<NewPart>, is_json: bool) -> Option<Cow<'_, str>> {
    match part {
        Some(NewPart::Json(text)) if text.starts_with('"') && !is_json => {
            Some(characters(&text[1..text.len() - 1]).into())
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

/// A record whose key and value are text, as functions see it.
fn view_of<'a>(record: &Record<'a>, types: [Type; 2], are_json: [bool; 2]) -> MessageView<'a> {
    MessageView::new(record, shown(record.key, types[0], are_json[0]), shown(record.value, types[1], are_json[1]))
}

fn shown(bytes: Option<&[u8]>, type_: Type, is_json: bool) -> Part<'_> {
    let Some(text) = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return Part::text(bytes) };
    let may_be_json = match type_ {
        _ if is_json => return Part::Json(text),
        Type::Json => true,
        Type::Bytes | Type::Str => false,
        _ => text.trim_start().starts_with(['{', '[']),
    };
    let mut scanner = Scanner::new(text.as_bytes());
    let is_json = may_be_json && scanner.value().and_then(|_| scanner.end()).is_ok();
    if is_json { Part::Json(text) } else { Part::Text(text) }
}
