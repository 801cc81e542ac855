//! Functions over the messages of batches, between who reads them and who uses them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use kafi_core::functional::TextDecoder;
use kafi_core::json_text::Members;
use kafi_core::{Batch, Encoder, Failures, Field, Place, Record, Result, Serdes, Type};

use crate::making::{Made, Making, Spare, TargetOf};
use crate::message::{MessageView, shown, shown_with_members};
use crate::step::{Step, Steps};
use crate::through::{Between, answers};

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
    /// Whether offsets are lines of an input.
    is_input: bool,
    made: AtomicU64,
    idle: Mutex<Vec<Worker>>,
}

/// What one thread works with.
struct Worker {
    texts: TextDecoder,
    /// What makes bytes of keys and values, where messages are to be written.
    encoders: Option<[Box<dyn Encoder>; 2]>,
    done: Batch,
    /// Those of the value in hand.
    members: Members,
    spare: Spare,
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
            is_input: false,
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

    /// The same for messages that were not read from a topic, but from lines of an input, whose numbers are their offsets.
    pub fn of_input(self) -> Self {
        Self { is_input: true, ..self }
    }

    /// How many batches may go through at once: as many as there are processors. Programs want their messages in order,
    /// and so do those who read what was left out.
    pub fn at_once(&self) -> usize {
        let has_program = self.steps.steps.iter().any(|step| matches!(step, Step::Through(_)));
        if has_program || self.failures.leaves_out() {
            return 1;
        }
        thread::available_parallelism().map_or(1, usize::from)
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
        Ok(Worker {
            texts: TextDecoder::open(&self.place, &self.serdes)?,
            encoders,
            done: Batch::new(),
            members: Members::default(),
            spare: Spare::default(),
        })
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
            self.retain(&mut worker, batch)
        } else {
            self.make(&mut worker, batch, target_of)
        };
        self.made.fetch_add(batch.len() as u64, Ordering::Relaxed);
        idle().push(worker);
        applied
    }

    fn retain(&self, worker: &mut Worker, batch: &mut Batch) -> Result<()> {
        let Worker { texts, members, .. } = worker;
        let mut failed = Ok(());
        batch.retain(|record| {
            failed.is_ok()
                && self.keeps((texts, members), record).unwrap_or_else(|error| {
                    failed = self.failures.take(&record, error);
                    false
                })
        });
        failed
    }

    fn keeps(&self, (texts, members): (&mut TextDecoder, &mut Members), record: Record<'_>) -> Result<bool> {
        let (shown, schemas) = texts.show(record)?;
        let view = self.view_of(&shown, [schemas[0].is_some(), schemas[1].is_some()], members);
        for step in self.steps.steps.iter() {
            if let Step::Filter(function) = step
                && !function.keeps(&view)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn make(&self, worker: &mut Worker, batch: &mut Batch, target_of: &TargetOf<'_>) -> Result<()> {
        let Worker { texts, encoders, done, members, spare } = worker;
        spare.forget_target();
        done.clear();
        let programs = self.steps.steps.iter().filter_map(|step| match step {
            Step::Through(program) => Some(program),
            _ => None,
        });
        let mut programs = programs.peekable();
        let mut steps = self.steps.steps.split(|step| matches!(step, Step::Through(_)));
        let first = steps.next().expect("there is a part before the first program");
        let mut between = programs.peek().map(|_| Between::new(self.is_input));
        let mut made = {
            let mut made = Between::made(between.as_mut(), encoders, (done, spare));
            self.make_of_read((texts, members), batch, first, (target_of, &mut made))
        };
        while let (Some(program), Some(given)) = (programs.next(), between.take()) {
            between = programs.peek().map(|_| Between::new(self.is_input));
            let rest = steps.next().expect("there is a part behind each program");
            let mut out = Between::made(between.as_mut(), encoders, (done, spare));
            let making = |origin| given.making(origin, batch, self.steps.routes, target_of);
            let answered = answers(program, rest, (&given, &making), batch, (&self.failures, &mut out));
            // What fails here came before what failed already.
            made = answered.and(made);
        }
        std::mem::swap(batch, done);
        batch.set_limits(done.records_max(), done.bytes_max());
        made
    }

    /// What the functions before the first program make of the messages that were read.
    fn make_of_read(
        &self,
        (texts, members): (&mut TextDecoder, &mut Members),
        batch: &Batch,
        steps: &[Step],
        (target_of, made): (&TargetOf<'_>, &mut Made<'_>),
    ) -> Result<()> {
        for (index, record) in batch.iter().enumerate() {
            let before = made.begin();
            let result = texts.show(record).and_then(|(shown, schemas)| {
                let are_json = [0, 1].map(|field| schemas[field].is_some() || self.types[field] == Type::Json);
                let view = self.view_of(&shown, are_json, members);
                let schemas = [schemas[0].as_ref(), schemas[1].as_ref()];
                // What is written as text has no quotes to keep.
                let are_json = [0, 1].map(|field| are_json[field] && !self.becomes_text[field]);
                let routes = self.steps.routes;
                Making { index, from: record.topic, routes, are_json, schemas, target_of }.go(steps, &view, made)
            });
            if let Err(error) = result {
                made.rewind(before);
                self.failures.take(&record, error)?;
            }
        }
        Ok(())
    }

    /// A record whose key and value are text, as functions see it.
    fn view_of<'a>(&self, record: &Record<'a>, are_json: [bool; 2], members: &'a mut Members) -> MessageView<'a> {
        let key = shown(record.key, self.types[0], are_json[0]);
        let (value, members) = shown_with_members(record.value, self.types[1], are_json[1], members);
        MessageView { is_input: self.is_input, members, ..MessageView::new(record, key, value) }
    }
}
