//! A schema that is ready to write with: registered, compiled, and with the bytes that name it.

use std::sync::Arc;

use kafi_core::{
    Coding, Error, ErrorKind, IdLocation, Registration, Result, SchemaOptions, SchemaRef, TravellingSchema,
};

use crate::codecs::known::{KnownSchema, Origin};
use crate::codecs::references::definition_for;
use crate::codecs::subject::subject_of;
use crate::codecs::{Shared, forms_of};
use crate::format::Format;
use crate::registry::{LookupOptions, RegisterOptions, Registry};
use crate::schema::Writer;
use crate::wire::{Guid, SchemaId};

/// What writes messages of one topic with one schema.
pub struct PreparedSchema {
    topic: String,
    /// The schema that travels with the messages; `None` where one was chosen for all.
    travels: Option<SchemaRef>,
    pub writer: Writer,
    /// What stands in front of payloads, or is the value of a header; `None` without a registry.
    framing: Option<Framing>,
}

struct Framing {
    prefix: Vec<u8>,
    header: Vec<u8>,
}

impl PreparedSchema {
    /// Whether it writes what is asked for.
    pub fn is_for(&self, coding: &Coding<'_>, travels: Option<&SchemaRef>) -> bool {
        let is_same = match (&self.travels, travels) {
            (Some(own), Some(other)) => own.is(other),
            (None, None) => true,
            _ => false,
        };
        is_same && self.topic == coding.topic
    }

    /// Makes ready: registers the schema, or looks it up, unless it is one that the registry named.
    pub fn open(
        shared: &Shared,
        options: &SchemaOptions,
        coding: &Coding<'_>,
        known: &KnownSchema,
        travels: Option<&SchemaRef>,
    ) -> Result<Self> {
        let mut writer = known.schema().writer(forms_of(options))?;
        if let Some(message) = options.message.as_deref().or(known.message()) {
            writer.choose(message)?;
        }
        let framing = match &shared.registry {
            None if matches!(known.origin(), Origin::Registry(..)) => return Err(no_registry(coding)),
            None => None,
            Some(registry) => {
                let ids = match known.schema_id() {
                    (Some(id), guid) if travels.is_none() => (id, guid),
                    _ => registered(registry, options, coding, known)?,
                };
                Some(Framing::of(ids, &writer))
            }
        };
        Ok(Self { topic: coding.topic.to_string(), travels: travels.cloned(), writer, framing })
    }

    /// What stands in front of payloads where the id is written there.
    pub fn prefix(&self, location: IdLocation) -> &[u8] {
        match (&self.framing, location) {
            (Some(framing), IdLocation::Payload) => &framing.prefix,
            _ => &[],
        }
    }

    /// The value of the header where the id is written there.
    pub fn header(&self, location: IdLocation) -> Option<&[u8]> {
        self.framing.as_ref().filter(|_| location == IdLocation::Header).map(|framing| framing.header.as_slice())
    }
}

impl Framing {
    /// Numbers stand in front of payloads; in headers GUIDs, which every registry knows, where there is one.
    fn of((id, guid): (u32, Option<Guid>), writer: &Writer) -> Self {
        let of = |id: SchemaId| {
            let mut out = Vec::new();
            id.write(&mut out);
            if let Some(indexes) = writer.indexes() {
                indexes.write(&mut out);
            }
            out
        };
        Self { prefix: of(SchemaId::Number(id)), header: of(guid.map_or(SchemaId::Number(id), SchemaId::Guid)) }
    }
}

/// Registers a schema as the official serialisers do, or looks it up where it is not to be registered.
fn registered(
    registry: &Arc<dyn Registry>,
    options: &SchemaOptions,
    coding: &Coding<'_>,
    known: &KnownSchema,
) -> Result<(u32, Option<Guid>)> {
    let subject = subject_of(options, coding.topic, coding.field, Some(known))?;
    let definition = definition_for(known, registry, options, coding.timeout)?;
    let normalize = options.normalize.unwrap_or_default();
    let done = if options.registration.unwrap_or_default() == Registration::Register {
        let options = RegisterOptions { normalize, ..RegisterOptions::default() };
        let registered = registry.register(&subject, &definition, options, coding.timeout);
        registered.map(|registered| (registered.id, registered.guid))
    } else {
        let options = LookupOptions { normalize, ..LookupOptions::default() };
        let found = registry.lookup(&subject, &definition, options, coding.timeout);
        found.map(|found| (found.id, found.guid)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => error.hint("without --no-register it is registered"),
            _ => error,
        })
    };
    done.map_err(|error| error.with("subject", subject))
}

/// The error that a schema cannot go along, without which nobody could read what is written.
fn no_registry(coding: &Coding<'_>) -> Error {
    let why = "the schema of the message comes from a registry, and there is none here to which it could go along";
    Error::new(ErrorKind::Usage, "write schema", why)
        .with("topic", coding.topic)
        .with("field", coding.field)
        .hint("schema.registry.url in the configuration or --registry names one; the type json writes without a schema")
}

/// The error that there is no schema to write with.
pub fn no_schema(type_: kafi_core::Type, coding: &Coding<'_>) -> Error {
    Error::new(ErrorKind::Usage, "choose schema", "there is no schema to write with, and none travels with the message")
        .with("type", type_)
        .with("topic", coding.topic)
        .with("field", coding.field)
        .hint(format!(
            "--{field}-schema (of a copy --to-{field}-schema) names one, --use-latest takes the subject's newest",
            field = coding.field
        ))
}

/// Whether a schema belongs to this format.
pub fn is_of(schema: &SchemaRef, format: Option<Format>) -> bool {
    format.is_none_or(|format| crate::codecs::format_of(schema.type_()) == Some(format))
}
