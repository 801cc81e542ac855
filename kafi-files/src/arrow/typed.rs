//! Columns by the schemas of messages.

use kafi_core::{AvroJson, Field, Message, Result, SchemaRef, Type};

use super::infer::Columns;
use crate::columns::OfValue;
use crate::infer::Kind;
use crate::options::{ExportOptions, Infer};
use crate::source::TopicSource;

/// More schemas than these are looked at anew for each message.
const KNOWN_MAX: usize = 100;

/// How much a schema says of the columns of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing: what stands in it counts.
    Nothing,
    /// Which columns there are, and what they should be; JSON Schema does not say how many digits numbers have, and
    /// there may be more in a value than it says.
    Some,
    /// Everything.
    All,
}

/// The schemas that have said what their columns are.
#[derive(Clone)]
pub(super) struct Schemas {
    known: Vec<SchemaRef>,
    /// Whether one has, also one that is not kept.
    have_said: bool,
    /// Whether they count at all.
    count: bool,
}

impl Schemas {
    pub(super) fn of(source: &TopicSource<'_>, options: &ExportOptions) -> Result<Self> {
        let schema = source.place.schema_of(&source.serdes.value, Field::Value)?;
        // Values then have another form than types have.
        let is_standard = schema.avro_json == Some(AvroJson::Standard);
        Ok(Self { known: Vec::new(), have_said: false, count: options.infer == Infer::Schemas && !is_standard })
    }

    /// Whether one has said something.
    pub(super) fn have_said(&self) -> bool {
        self.have_said
    }

    /// Takes what those of later messages have said, which is in their columns.
    pub(super) fn join(&mut self, later: &Self) {
        self.have_said |= later.have_said;
    }

    /// Adds the columns of the schema of a message's value, and tells how much that says.
    pub(super) fn add(&mut self, message: &Message, options: &ExportOptions, columns: &mut Columns) -> Said {
        let Some(schema) = message.value_schema.as_ref().filter(|_| self.count) else { return Said::Nothing };
        let said = if schema.type_() == Type::JsonSchema { Said::Some } else { Said::All };
        if self.known.iter().any(|known| known.is(schema)) {
            return said;
        }
        let Some(type_) = schema.column_type() else { return Said::Nothing };
        self.have_said = true;
        add(&Kind::of_type(&type_), options, columns);
        if self.known.len() < KNOWN_MAX {
            self.known.push(schema.clone());
        }
        said
    }
}

/// Adds the columns of values of this kind, and those of messages.
pub(super) fn add(value: &Kind, options: &ExportOptions, columns: &mut Columns) {
    for (name, of_value) in options.columns.of_values() {
        match (of_value, value) {
            (Some(OfValue::Members), Kind::Struct(members)) => {
                for (name, kind) in members.iter().filter(|(name, _)| !options.columns.hides(name)) {
                    flattened(name, kind, options.flatten.as_deref(), columns);
                }
            }
            // What is left open may yet have members.
            (Some(OfValue::Members), Kind::Null) => {}
            (Some(OfValue::Members), kind) => columns.add("value", kind.clone()),
            (Some(OfValue::Path(path)), kind) => {
                let at = path.iter().try_fold(kind, |kind, step| match kind {
                    Kind::Struct(members) => members.iter().find(|(name, _)| name == step).map(|(_, kind)| kind),
                    Kind::Map(kind) => Some(&**kind),
                    _ => None,
                });
                columns.add(name, at.cloned().unwrap_or(Kind::Null));
            }
            (None, _) if matches!(name, "partition" | "offset" | "timestamp") => columns.add(name, Kind::int64()),
            (None, _) => columns.add(name, Kind::Text),
        }
    }
}

fn flattened(name: &str, kind: &Kind, separator: Option<&str>, columns: &mut Columns) {
    match (kind, separator) {
        (Kind::Struct(members), Some(separator)) if !members.is_empty() => {
            for (member, kind) in members {
                flattened(&format!("{name}{separator}{member}"), kind, Some(separator), columns);
            }
        }
        _ => columns.add(name, kind.clone()),
    }
}
