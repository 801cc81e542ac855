//! Columns by the schemas of messages.

use kafi_core::{AvroJson, Field, Message, Result, SchemaRef};

use super::infer::Columns;
use crate::columns::OfValue;
use crate::infer::Kind;
use crate::options::{ExportOptions, Infer};
use crate::source::TopicSource;

/// More schemas than these are looked at anew for each message.
const KNOWN_MAX: usize = 100;

/// The schemas that have said what their columns are.
pub(super) struct Schemas {
    known: Vec<SchemaRef>,
    /// Whether they count at all.
    count: bool,
}

impl Schemas {
    pub(super) fn of(source: &TopicSource<'_>, options: &ExportOptions) -> Result<Self> {
        let schema = source.place.schema_of(&source.serdes.value, Field::Value)?;
        // Values then have another form than types have.
        let is_standard = schema.avro_json == Some(AvroJson::Standard);
        Ok(Self { known: Vec::new(), count: options.infer == Infer::Schemas && !is_standard })
    }

    /// Adds the columns of the schema of a message's value; false where it has none, or what stands in it counts.
    pub(super) fn add(&mut self, message: &Message, options: &ExportOptions, columns: &mut Columns) -> bool {
        let Some(schema) = message.value_schema.as_ref().filter(|_| self.count) else { return false };
        if self.known.iter().any(|known| known.is(schema)) {
            return true;
        }
        let Some(type_) = schema.column_type() else { return false };
        add(&Kind::of_type(&type_), options, columns);
        if self.known.len() < KNOWN_MAX {
            self.known.push(schema.clone());
        }
        true
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
