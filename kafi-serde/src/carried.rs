//! Copies of bytes between two registries: the schemas are carried over, and what names them is written anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use kafi_core::{Cancel, Coding, Error, ErrorKind, Field, IdLocation, Recoder, Recoding, Result, SchemaHeader};

use crate::registry::{Deleted, LookupOptions, Registry, SchemaCopyOptions, SubjectVersion, Version, copy_schemas};
use crate::wire::{Framed, Guid, SchemaId, header_name};

const OPERATION: &str = "carry schema";

/// How many schemas are remembered; a hostile source names a new one with each message.
const SCHEMAS_MAX: usize = 10_000;

/// A copy of bytes along with their schemas: what names a schema of the source's registry, in front of payloads or in a
/// header, names the same schema of the target's instead, and the payloads are not looked at.
///
/// The first message of a schema has its subject carried over, with all versions and what they refer to: that of the
/// topic (`orders-value`; in a topic of another name it is called as that one is), or else those that are called after
/// the topic and a record, or else all that have the schema. What the target has already is left alone, so that a copy
/// that goes on asks, and changes nothing.
///
/// With [`without_registering`](Self::without_registering) nothing is carried over: the target's registry has to have
/// the schema already, in the subject where it would be carried to.
///
/// Null stays null. A key or value that names no schema is `Corrupt`, as is one that the source's registry does not know.
#[derive(Clone)]
pub struct CarriedSchemas {
    shared: Arc<Shared>,
    fields: Vec<Field>,
}

struct Shared {
    source: Arc<dyn Registry>,
    target: Arc<dyn Registry>,
    registers: bool,
    /// What became of the schemas that messages named. Whoever carries one over holds the lock, so that it is done once.
    known: Mutex<HashMap<SchemaId, Vec<Known>>>,
}

/// What became of a schema, for the messages that go from one topic to another.
struct Known {
    field: Field,
    topic: String,
    target: String,
    /// What names it in the target, or why nothing does.
    outcome: Result<SchemaId>,
}

impl CarriedSchemas {
    /// From one registry to another, for these fields; the others stay byte for byte.
    pub fn new(source: Arc<dyn Registry>, target: Arc<dyn Registry>, fields: &[Field]) -> Self {
        let shared = Shared { source, target, registers: true, known: Mutex::default() };
        Self { shared: Arc::new(shared), fields: fields.to_vec() }
    }

    /// The same, but nothing changes in the target's registry: a schema that is not there is `NotFound`.
    pub fn without_registering(self) -> Self {
        let Shared { source, target, .. } = &*self.shared;
        let shared =
            Shared { source: source.clone(), target: target.clone(), registers: false, known: Mutex::default() };
        Self { shared: Arc::new(shared), fields: self.fields }
    }
}

impl Recoding for CarriedSchemas {
    fn recoder(&self, field: Field) -> Result<Option<Box<dyn Recoder>>> {
        if !self.fields.contains(&field) {
            return Ok(None);
        }
        Ok(Some(Box::new(Carrier { shared: Arc::clone(&self.shared), last: None, header: None })))
    }
}

struct Carrier {
    shared: Arc<Shared>,
    /// The schema of the message before, with its topics and what names it in the target.
    last: Option<Last>,
    /// The value of the header of the message before, where it names another schema now.
    header: Option<Vec<u8>>,
}

struct Last {
    from: SchemaId,
    topic: String,
    target: String,
    to: SchemaId,
}

impl Carrier {
    fn carried(&mut self, from: SchemaId, coding: &Coding<'_>, target: &str) -> Result<SchemaId> {
        if let Some(last) = &self.last
            && last.from == from
            && last.topic == coding.topic
            && last.target == target
        {
            return Ok(last.to);
        }
        let to = self.shared.carried(from, coding, target)?;
        let last = self.last.get_or_insert_with(|| Last { from, topic: String::new(), target: String::new(), to });
        (last.from, last.to) = (from, to);
        // Their memory is kept, since messages of several schemas may alternate.
        for (kept, name) in [(&mut last.topic, coding.topic), (&mut last.target, target)] {
            kept.clear();
            kept.push_str(name);
        }
        Ok(to)
    }
}

impl Recoder for Carrier {
    fn recode(&mut self, coding: &Coding<'_>, bytes: Option<&[u8]>, target: &str, out: &mut Vec<u8>) -> Result<bool> {
        self.header = None;
        let has_header = coding.headers.get(header_name(coding.field).as_bytes()).is_some();
        if bytes.is_none() && !has_header {
            return Ok(false);
        }
        let framed = Framed::read(coding.field, bytes.unwrap_or_default(), coding.headers)
            .map_err(|error| unframed(error, coding))?;
        let to = self.carried(framed.id(), coding, target)?;
        let Some(bytes) = bytes else {
            self.header = (to != framed.id()).then(|| named(to, framed.rest()));
            return Ok(false);
        };
        match framed.location() {
            IdLocation::Payload => {
                to.write(out);
                out.extend_from_slice(framed.rest());
            }
            IdLocation::Header => {
                self.header = (to != framed.id()).then(|| named(to, framed.rest()));
                out.extend_from_slice(bytes);
            }
        }
        Ok(true)
    }

    fn schema_header(&self) -> SchemaHeader<'_> {
        self.header.as_deref().map_or(SchemaHeader::Keep, SchemaHeader::Set)
    }
}

/// What names a schema, with what follows it.
fn named(id: SchemaId, rest: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    id.write(&mut value);
    value.extend_from_slice(rest);
    value
}

/// The error that a field names no schema, of which there would be something to carry over.
fn unframed(error: Error, coding: &Coding<'_>) -> Error {
    let other = if coding.field == Field::Key { Field::Value } else { Field::Key };
    let hint = format!("--with-schemas={other} leaves the {field}s as they are", field = coding.field);
    error.with("topic", coding.topic).hint(hint)
}

impl Shared {
    /// What names a schema of the source in the target.
    fn carried(&self, id: SchemaId, coding: &Coding<'_>, target: &str) -> Result<SchemaId> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it =
            |known: &&Known| known.field == coding.field && known.topic == coding.topic && known.target == target;
        if let Some(found) = known.get(&id).and_then(|known| known.iter().find(is_it)) {
            return found.outcome.as_ref().copied().map_err(Error::duplicate);
        }
        let registers = self.registers;
        let outcome = Carrying { source: &*self.source, to: &*self.target, registers, id, coding, target }.run();
        let outcome =
            outcome.map_err(|error| error.with("topic", coding.topic).with("field", coding.field).with("schema", id));
        if outcome.as_ref().is_err_and(Error::concerns_all) {
            return outcome;
        }
        if known.len() >= SCHEMAS_MAX {
            known.clear();
        }
        let (topic, target) = (coding.topic.to_string(), target.to_string());
        let remembered = outcome.as_ref().copied().map_err(Error::duplicate);
        known.entry(id).or_default().push(Known { field: coding.field, topic, target, outcome: remembered });
        outcome
    }
}

/// One schema on its way.
struct Carrying<'a> {
    source: &'a dyn Registry,
    to: &'a dyn Registry,
    registers: bool,
    id: SchemaId,
    coding: &'a Coding<'a>,
    /// The topic to which the messages go.
    target: &'a str,
}

impl Carrying<'_> {
    fn run(&self) -> Result<SchemaId> {
        let timeout = self.coding.timeout;
        let number = self.number()?;
        let (versions, deleted) = self.versions_of(number)?;
        let (subjects, renamed) = self.subjects(&versions);
        let dry_run = !self.registers;
        let options = SchemaCopyOptions { deleted, renamed, dry_run, ..SchemaCopyOptions::default() };
        let mut found = None;
        copy_schemas(self.source, self.to, &subjects, (&options, timeout), &mut |copied| {
            if copied.id == number
                && let Some(ids) = copied.target_version.zip(copied.target_id)
            {
                let subject = options.renamed.get(&copied.subject).unwrap_or(&copied.subject);
                found = Some((subject.clone(), ids));
            }
            match self.coding.cancel.is_some_and(Cancel::is_cancelled) {
                true => Err(Error::new(ErrorKind::Cancelled, OPERATION, "it was interrupted")),
                false => Ok(()),
            }
        })?;
        let (subject, (version, id)) =
            found.ok_or_else(|| if self.registers { self.unknown() } else { self.missing(&subjects) })?;
        match self.id {
            SchemaId::Number(_) => Ok(SchemaId::Number(id)),
            SchemaId::Guid(_) => {
                let there = self.to.version(&subject, Version::Number(version), true, timeout)?;
                Ok(there.guid.map_or(SchemaId::Number(id), SchemaId::Guid))
            }
        }
    }

    /// The number of the schema in the source's registry.
    fn number(&self) -> Result<u32> {
        let guid = match self.id {
            SchemaId::Number(number) => return Ok(number),
            SchemaId::Guid(guid) => guid,
        };
        match self.source.ids_of(guid, self.coding.timeout) {
            Ok(ids) => {
                let of_default = ids.iter().find(|(context, _)| context == "." || context.is_empty());
                of_default.map(|(_, id)| *id).ok_or_else(|| self.unknown())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.unknown()),
            Err(error) if error.kind() == ErrorKind::Unsupported => self.looked_up(guid),
            Err(error) => Err(error),
        }
    }

    /// The same from a registry that does not tell it of a GUID alone.
    fn looked_up(&self, guid: Guid) -> Result<u32> {
        let timeout = self.coding.timeout;
        let definition = self.source.schema(SchemaId::Guid(guid), None, timeout).map_err(|error| self.known(error))?;
        let subject = topic_subject(self.coding.topic, self.coding.field);
        let options = LookupOptions { deleted: true, ..LookupOptions::default() };
        self.source.lookup(&subject, &definition, options, timeout).map(|found| found.id)
    }

    /// Where the schema is registered, and whether that is deleted everywhere.
    fn versions_of(&self, number: u32) -> Result<(Vec<SubjectVersion>, bool)> {
        let ask = |deleted| match self.source.versions_of(number, deleted, self.coding.timeout) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            versions => versions,
        };
        let there = ask(Deleted::Excluded)?;
        if !there.is_empty() {
            return Ok((there, false));
        }
        let deleted = ask(Deleted::Included)?;
        if deleted.is_empty() { Err(self.unknown()) } else { Ok((deleted, true)) }
    }

    /// Which subjects are carried over, and what those are called that go with the topic's name.
    fn subjects(&self, versions: &[SubjectVersion]) -> (Vec<String>, HashMap<String, String>) {
        let Coding { topic, field, .. } = *self.coding;
        let all: BTreeSet<&str> = versions.iter().map(|version| version.subject.as_str()).collect();
        let own = topic_subject(topic, field);
        if all.contains(own.as_str()) {
            let renamed = HashMap::from([(own.clone(), topic_subject(self.target, field))]);
            return (vec![own], renamed);
        }
        let record = |subject: &str| {
            let record = subject.strip_prefix(topic)?.strip_prefix('-')?;
            // That is the subject of a topic of a longer name.
            let is_another = [Field::Key, Field::Value].iter().any(|field| record.ends_with(&format!("-{field}")));
            (!is_another).then(|| (subject.to_string(), format!("{}-{record}", self.target)))
        };
        let renamed: HashMap<String, String> = all.iter().copied().filter_map(record).collect();
        match renamed.is_empty() {
            true => (all.into_iter().map(str::to_string).collect(), renamed),
            false => (renamed.keys().cloned().collect(), renamed),
        }
    }

    fn unknown(&self) -> Error {
        Error::new(ErrorKind::NotFound, OPERATION, "the source's registry does not know the schema of this id")
            .with("registry", self.source.name())
    }

    fn missing(&self, subjects: &[String]) -> Error {
        Error::new(ErrorKind::NotFound, OPERATION, "the target's registry does not have the schema")
            .with("registry", self.to.name())
            .with("subject", subjects.join(" or "))
            .hint("without --no-register it is carried over")
    }

    /// The error of a registry, which may be that it does not know the schema.
    fn known(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::NotFound { self.unknown() } else { error }
    }
}

fn topic_subject(topic: &str, field: Field) -> String {
    format!("{topic}-{field}")
}
