//! Columns by the schemas of messages.

use kafi_core::{AvroJson, Field, Result, SchemaRef, Type};

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
    /// Whether one has said something that is not all, or is not kept.
    leave_open: bool,
    /// Whether they count at all.
    count: bool,
}

impl Schemas {
    pub(super) fn of(source: &TopicSource<'_>, options: &ExportOptions) -> Result<Self> {
        let schema = source.place.schema_of(&source.serdes.value, Field::Value)?;
        // Values then have another form than types have.
        let is_standard = schema.avro_json == Some(AvroJson::Standard);
        Ok(Self { known: Vec::new(), leave_open: false, count: options.infer == Infer::Schemas && !is_standard })
    }

    /// Whether values have to be looked at, whatever their schemas have said.
    pub(super) fn leave_open(&self) -> bool {
        self.leave_open
    }

    /// Takes what those of later messages have said, which is in their columns.
    pub(super) fn join(&mut self, later: Self) {
        self.leave_open |= later.leave_open;
        later.known.into_iter().for_each(|schema| self.keep(schema));
    }

    /// Whether this one has said everything of its values.
    pub(super) fn know(&self, schema: &SchemaRef) -> bool {
        let is = |test: fn(&SchemaRef, &SchemaRef) -> bool| self.known.iter().any(|known| test(known, schema));
        said_by(schema) == Said::All && (is(SchemaRef::is) || is(SchemaRef::eq))
    }

    fn keep(&mut self, schema: SchemaRef) {
        if self.known.iter().any(|known| known.is(&schema) || *known == schema) {
            return;
        }
        self.leave_open |= self.known.len() >= KNOWN_MAX;
        if self.known.len() < KNOWN_MAX {
            self.known.push(schema);
        }
    }

    /// Adds the columns of the schema of a message's value, and tells how much that says.
    pub(super) fn add(&mut self, schema: Option<&SchemaRef>, options: &ExportOptions, columns: &mut Columns) -> Said {
        let Some(schema) = schema.filter(|_| self.count) else { return Said::Nothing };
        let said = said_by(schema);
        if self.known.iter().any(|known| known.is(schema)) {
            return said;
        }
        let Some(type_) = schema.column_type() else { return Said::Nothing };
        self.leave_open |= said != Said::All;
        add(&Kind::of_type(&type_), options, columns);
        self.keep(schema.clone());
        said
    }
}

fn said_by(schema: &SchemaRef) -> Said {
    if schema.type_() == Type::JsonSchema { Said::Some } else { Said::All }
}

/// Adds the columns of values of this kind, and those of messages.
pub(super) fn add(value: &Kind, options: &ExportOptions, columns: &mut Columns) {
    for (name, of_value) in options.columns.of_values() {
        match (of_value, value) {
            (Some(OfValue::Members), Kind::Struct(members)) => {
                for (name, kind) in members {
                    flattened(&options.columns.name_of(name), kind, options.flatten.as_deref(), columns);
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
