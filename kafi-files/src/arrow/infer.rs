//! Which types of Arrow's columns have, by what stands in them.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Fields, TimeUnit};
use kafi_core::{ColumnType, Json, JsonKind, json_text::write_string};

use super::fits::{bytes_of, without_zone};
use crate::cell::Cell;
use crate::infer::{DECIMAL_DIGITS, Kind};

impl Kind {
    /// Whether bytes or times of day stand somewhere in it, which Arrow reads in another form.
    fn is_rewritten(&self) -> bool {
        match self {
            Self::Bytes(_) | Self::Typed(ColumnType::Time(_)) => true,
            Self::List(kind) | Self::Map(kind) => kind.is_rewritten(),
            Self::Struct(members) => members.iter().any(|(_, kind)| kind.is_rewritten()),
            _ => false,
        }
    }

    /// Appends JSON with bytes and times of day in the form that Arrow reads.
    pub(super) fn write(&self, json: &Json, out: &mut Vec<u8>) {
        match (self, json.kind()) {
            (Self::Bytes(text), JsonKind::Str) => {
                match json.str().ok().and_then(|shown| bytes_of(shown, *text)) {
                    Some(bytes) => {
                        out.push(b'"');
                        bytes.iter().for_each(|byte| out.extend_from_slice(format!("{byte:02x}").as_bytes()));
                        out.push(b'"');
                    }
                    // No hexadecimal number, so that it is an error.
                    None => out.extend_from_slice(b"\"?\""),
                }
            }
            (Self::Typed(ColumnType::Time(_)), JsonKind::Str) => {
                write_string(out, without_zone(json.str().unwrap_or_default()));
            }
            (Self::List(kind), JsonKind::Array) => {
                out.push(b'[');
                for (index, element) in json.iter().enumerate() {
                    out.extend_from_slice(if index > 0 { b"," } else { b"" });
                    kind.write(element, out);
                }
                out.push(b']');
            }
            (Self::Map(_) | Self::Struct(_), JsonKind::Object) => {
                out.push(b'{');
                for (index, (name, member)) in json.members().enumerate() {
                    out.extend_from_slice(if index > 0 { b"," } else { b"" });
                    write_string(out, name);
                    out.push(b':');
                    self.of_member(name).write(member, out);
                }
                out.push(b'}');
            }
            _ => out.extend_from_slice(json.text().trim().as_bytes()),
        }
    }

    pub(super) fn of_member(&self, name: &str) -> &Self {
        match self {
            Self::Map(kind) => kind,
            Self::Struct(members) => {
                members.iter().find(|(known, _)| known == name).map_or(&Self::Null, |(_, kind)| kind)
            }
            _ => &Self::Null,
        }
    }

    /// Whether what stands there is written as a string, whatever it is.
    fn is_text(&self) -> bool {
        self.data_type().is_none_or(|data_type| data_type == DataType::Utf8)
    }

    /// The type of Arrow's that holds it; `None` where none does, also not within lists and members, and it becomes
    /// text.
    pub(super) fn data_type(&self) -> Option<DataType> {
        match self {
            Self::Null | Self::Str => Some(DataType::Utf8),
            Self::Bool => Some(DataType::Boolean),
            Self::Number(number) => scalar(&number.column_type()),
            Self::List(element) => Some(DataType::List(Field::new_list_field(element.data_type()?, true).into())),
            // Not every format has members without any.
            Self::Struct(members) if members.is_empty() => None,
            Self::Struct(members) => {
                let field = |(name, kind): &(String, Self)| Some(Field::new(name, kind.data_type()?, true));
                Some(DataType::Struct(members.iter().map(field).collect::<Option<Fields>>()?))
            }
            Self::Map(value) => {
                let members = [Field::new("key", DataType::Utf8, false), Field::new("value", value.data_type()?, true)];
                let entries = Field::new("entries", DataType::Struct(Fields::from_iter(members)), false);
                Some(DataType::Map(entries.into(), false))
            }
            Self::Bytes(_) => Some(DataType::Binary),
            Self::Typed(type_) => scalar(type_),
            Self::Text => None,
        }
    }
}

/// The type of Arrow's for one that is neither of lists nor of members.
fn scalar(type_: &ColumnType) -> Option<DataType> {
    Some(match type_ {
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::UInt32 => DataType::UInt32,
        ColumnType::UInt64 => DataType::UInt64,
        ColumnType::Float32 => DataType::Float32,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Decimal { precision: digits @ ..=DECIMAL_DIGITS, scale } => {
            DataType::Decimal128(*digits as u8, *scale as i8)
        }
        ColumnType::Decimal { precision, scale } => DataType::Decimal256(*precision as u8, *scale as i8),
        ColumnType::Date => DataType::Date32,
        ColumnType::Time(kafi_core::TimeUnit::Milliseconds) => DataType::Time32(TimeUnit::Millisecond),
        ColumnType::Time(unit) => DataType::Time64(unit_of(*unit)),
        ColumnType::Timestamp { unit, utc } => DataType::Timestamp(unit_of(*unit), utc.then(|| "+00:00".into())),
        _ => return None,
    })
}

/// What the JSON is that values of a type become: times, which JSON lacks, and bytes are text.
pub(super) fn column_type(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Boolean => ColumnType::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => ColumnType::Int32,
        DataType::Int64 | DataType::UInt32 => ColumnType::Int64,
        DataType::UInt64 => ColumnType::UInt64,
        DataType::Float16 | DataType::Float32 => ColumnType::Float32,
        DataType::Float64 => ColumnType::Float64,
        DataType::Decimal32(precision, scale @ 0..)
        | DataType::Decimal64(precision, scale @ 0..)
        | DataType::Decimal128(precision, scale @ 0..)
        | DataType::Decimal256(precision, scale @ 0..) => {
            ColumnType::Decimal { precision: u32::from(*precision), scale: scale.unsigned_abs().into() }
        }
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            ColumnType::List(Box::new(column_type(element.data_type())))
        }
        DataType::Struct(members) => ColumnType::Struct(
            members.iter().map(|member| (member.name().clone(), column_type(member.data_type()))).collect(),
        ),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(members) if members.len() == 2 => {
                ColumnType::Map(Box::new(column_type(members[1].data_type())))
            }
            _ => ColumnType::Any,
        },
        DataType::Dictionary(_, values) => column_type(values),
        DataType::Union(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => ColumnType::Any,
        _ => ColumnType::Str,
    }
}

fn unit_of(unit: kafi_core::TimeUnit) -> TimeUnit {
    match unit {
        kafi_core::TimeUnit::Milliseconds => TimeUnit::Millisecond,
        kafi_core::TimeUnit::Microseconds => TimeUnit::Microsecond,
        kafi_core::TimeUnit::Nanoseconds => TimeUnit::Nanosecond,
    }
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether what stands there is written as a string, and whether something in it is rewritten, once all is known.
    pub(super) is_text: bool,
    pub(super) is_rewritten: bool,
    /// Whether something may come that does not fit into it.
    pub(super) is_checked: bool,
}

impl Column {
    /// Whether Arrow reads what JSON has there as it is written; numbers and JSON that become text it does not.
    pub(super) fn is_read_as_it_is(&self) -> bool {
        !self.is_rewritten && (!self.is_text || matches!(self.kind, Kind::Null | Kind::Str))
    }
}

/// The columns of a file, in the order in which they came.
#[derive(Default)]
pub(super) struct Columns {
    columns: Vec<Column>,
    index: HashMap<String, usize>,
    /// The column that probably comes next.
    next: usize,
}

impl Columns {
    /// Takes what stands in a column, of which a schema has said what it should be: there texts may be dates.
    pub(super) fn add_said(&mut self, name: &str, cell: Cell<'_>) {
        let kind = match (self.at(name), cell) {
            (Some(at), Cell::Json(json)) => self.columns[at].kind.said(json),
            (Some(at), Cell::Raw(text)) => self.columns[at].kind.said(&Json::from_valid(text)),
            _ => Kind::of(cell),
        };
        self.add(name, kind);
    }

    /// Takes what stands in a column.
    pub(super) fn add(&mut self, name: &str, kind: Kind) {
        if let Some(at) = self.at(name) {
            let known = &mut self.columns[at].kind;
            *known = std::mem::replace(known, Kind::Null).with(kind);
            return;
        }
        self.index.insert(name.to_string(), self.columns.len());
        self.columns.push(Column {
            name: name.to_string(),
            kind,
            is_text: false,
            is_rewritten: false,
            is_checked: false,
        });
    }

    /// Makes text of what has no type in ORC, or none that can be written: decimals, times of day, and what is nested.
    pub(super) fn keep_scalars(&mut self) {
        for column in &mut self.columns {
            let kept = match column.kind.data_type() {
                Some(DataType::UInt32) => Kind::int64(),
                Some(
                    DataType::UInt64
                    | DataType::Decimal128(..)
                    | DataType::Decimal256(..)
                    | DataType::Time32(_)
                    | DataType::Time64(_)
                    | DataType::List(_)
                    | DataType::Struct(_)
                    | DataType::Map(..),
                ) => Kind::Text,
                _ => continue,
            };
            column.kind = kept;
        }
    }

    /// Nothing is added from here on; `are_all` says that the columns were made of the very values that come.
    pub(super) fn settle(&mut self, are_all: bool) {
        for column in &mut self.columns {
            let kind = &column.kind;
            let holds_all = kind.data_type().is_none() || *kind == Kind::Null;
            column.is_checked = !holds_all && (!are_all || kind.has_times());
            (column.is_text, column.is_rewritten) = (column.kind.is_text(), column.kind.is_rewritten());
        }
    }

    pub(super) fn get(&mut self, name: &str) -> Option<&Column> {
        self.at(name).map(|at| &self.columns[at])
    }

    /// Where the column of this name is, which is mostly the one behind the last.
    fn at(&mut self, name: &str) -> Option<usize> {
        let at = match self.columns.get(self.next) {
            Some(next) if next.name == name => self.next,
            _ => *self.index.get(name)?,
        };
        self.next = at + 1;
        Some(at)
    }

    /// Begins the next row.
    pub(super) fn rewind(&mut self) {
        self.next = 0;
    }

    /// The names of those that hold more than strings, and become text.
    pub(super) fn texts(&self) -> Vec<String> {
        self.iter().filter(|column| column.kind.data_type().is_none()).map(|column| column.name.clone()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_type(values: &[&str]) -> Option<DataType> {
        let kind = |text: &&str| Kind::of_json(&Json::parse(*text).unwrap());
        values.iter().map(kind).fold(Kind::Null, Kind::with).data_type()
    }

    #[test]
    fn types_widen_without_loss() {
        assert_eq!(data_type(&["1", "-9007199254740993", "null"]), Some(DataType::Int64));
        assert_eq!(data_type(&["1", "19.990"]), Some(DataType::Decimal128(5, 3)));
        assert_eq!(data_type(&["18446744073709551615"]), Some(DataType::Decimal128(20, 0)));
        assert_eq!(data_type(&["1.5e3", "2"]), Some(DataType::Float64));
        assert_eq!(data_type(&["1.5e3", "9007199254740993"]), None);
        assert_eq!(data_type(&[&"9".repeat(39)]), None);
        assert_eq!(data_type(&["true", "false"]), Some(DataType::Boolean));
        assert_eq!(data_type(&["\"a\"", "null"]), Some(DataType::Utf8));
        assert_eq!(data_type(&["\"a\"", "1"]), None);
        assert_eq!(data_type(&["[1]", "[]", "[null]"]).unwrap().to_string(), "List(Int64)");
        assert_eq!(data_type(&["[1,\"a\"]"]), None);
        assert_eq!(data_type(&["{}"]), None);
        let DataType::Struct(fields) = data_type(&[r#"{"a":1}"#, r#"{"b":{"c":true},"a":null}"#]).unwrap() else {
            panic!("they have members");
        };
        assert_eq!(fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
