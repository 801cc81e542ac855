//! A message on its way to a handler.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

use kafi_core::{Coding, Decoder, Error, ErrorKind, Field, Record, Result, Value};

/// What handlers share, by its type.
#[derive(Clone, Default)]
pub(crate) struct States(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl States {
    pub(crate) fn set<S: Send + Sync + 'static>(&mut self, state: S) {
        self.0.insert(TypeId::of::<S>(), Arc::new(state));
    }

    pub(crate) fn get<S: Send + Sync + 'static>(&self) -> Result<Arc<S>> {
        let state = self.0.get(&TypeId::of::<S>()).and_then(|state| Arc::clone(state).downcast().ok());
        state.ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                "start app",
                format!("a handler takes State<{}>, which is not set", type_name::<S>()),
            )
            .hint("set it with App::state")
        })
    }
}

/// What decodes the keys and values of a route's messages.
pub(crate) struct Decoders {
    pub(crate) key: Box<dyn Decoder>,
    pub(crate) value: Box<dyn Decoder>,
}

/// A message as handlers get it: its bytes, and what decodes them.
pub struct Input<'a> {
    record: Record<'a>,
    attempt: u32,
    decoders: &'a mut Decoders,
    states: &'a States,
}

impl<'a> Input<'a> {
    pub(crate) fn new(record: Record<'a>, attempt: u32, decoders: &'a mut Decoders, states: &'a States) -> Self {
        Self { record, attempt, decoders, states }
    }

    /// The message as bytes.
    pub fn record(&self) -> Record<'a> {
        self.record
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The value, decoded as the route's `accepts` says.
    ///
    /// # Errors
    /// What the decoder says.
    pub fn value(&mut self) -> Result<Value> {
        self.decode(Field::Value)
    }

    /// The key, decoded as the configuration says, else as it looks.
    ///
    /// # Errors
    /// What the decoder says.
    pub fn key(&mut self) -> Result<Value> {
        self.decode(Field::Key)
    }

    /// What was given to [`App::state`](crate::App::state).
    ///
    /// # Errors
    /// `Usage` where there is none of this type.
    pub fn state<S: Send + Sync + 'static>(&self) -> Result<Arc<S>> {
        self.states.get()
    }

    fn decode(&mut self, field: Field) -> Result<Value> {
        let Record { topic, headers, key, value, .. } = self.record;
        let coding = Coding::new(topic, field).headers(headers);
        let decoded = match field {
            Field::Key => self.decoders.key.decode(&coding, key),
            Field::Value => self.decoders.value.decode(&coding, value),
        };
        decoded.map(|decoded| decoded.value)
    }
}
