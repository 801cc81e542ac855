//! Which types columns have, found by what stands in them: whole numbers, decimals, floats, and strings widen into one
//! another so that nothing is lost.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Fields, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafi_core::{BytesText, ColumnType, Json, JsonKind, json_text::write_string};

use crate::cell::Cell;

/// The digits that a decimal, a long one, and a float hold for certain.
const DECIMAL_DIGITS: u32 = 38;
const LONG_DECIMAL_DIGITS: u32 = 76;
const FLOAT_DIGITS: u32 = 15;

/// What can stand in a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing was there yet.
    Null,
    Bool,
    Number(Number),
    Str,
    List(Box<Kind>),
    /// Members, in the order in which they came.
    Struct(Vec<(String, Kind)>),
    /// Values of one kind by names that differ.
    Map(Box<Kind>),
    /// Bytes, which JSON shows so.
    Bytes(BytesText),
    /// Of this type, by a schema.
    Typed(DataType),
    /// Of several kinds: strings as they are, everything else as JSON text.
    Text,
}

/// What all numbers of a column need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number {
    /// The digits before the point, and behind it.
    whole: u32,
    scale: u32,
    /// Whether all are whole numbers of 64 bits.
    is_int64: bool,
    /// Whether one is written with an exponent.
    has_exponent: bool,
}

impl Number {
    fn of(text: &str) -> Self {
        let digits = text.trim_start_matches('-');
        let (mantissa, exponent) =
            digits.split_once(['e', 'E']).map_or((digits, false), |(mantissa, _)| (mantissa, true));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Self {
            whole: whole.len() as u32,
            scale: fraction.len() as u32,
            is_int64: text.parse::<i64>().is_ok(),
            has_exponent: exponent,
        }
    }

    fn with(self, other: Self) -> Self {
        Self {
            whole: self.whole.max(other.whole),
            scale: self.scale.max(other.scale),
            is_int64: self.is_int64 && other.is_int64,
            has_exponent: self.has_exponent || other.has_exponent,
        }
    }

    /// `None` where no type of numbers holds all of their digits.
    fn data_type(self) -> Option<DataType> {
        let digits = self.whole + self.scale;
        match self {
            _ if self.is_int64 => Some(DataType::Int64),
            _ if self.has_exponent => (digits <= FLOAT_DIGITS).then_some(DataType::Float64),
            _ if digits <= DECIMAL_DIGITS => Some(DataType::Decimal128(digits as u8, self.scale as i8)),
            _ => None,
        }
    }
}

impl Kind {
    /// Whole numbers of 64 bits.
    pub(super) fn int64() -> Self {
        Self::Number(Number { whole: 19, scale: 0, is_int64: true, has_exponent: false })
    }

    /// What a schema says of it.
    pub(super) fn of_type(type_: &ColumnType) -> Self {
        let timestamp = |unit, utc: bool| DataType::Timestamp(unit_of(unit), utc.then(|| "+00:00".into()));
        match type_ {
            ColumnType::Bool => Self::Bool,
            ColumnType::Int32 => Self::Typed(DataType::Int32),
            ColumnType::Int64 => Self::int64(),
            ColumnType::UInt32 => Self::Typed(DataType::UInt32),
            ColumnType::UInt64 => Self::Typed(DataType::UInt64),
            ColumnType::Float32 => Self::Typed(DataType::Float32),
            ColumnType::Float64 => Self::Typed(DataType::Float64),
            ColumnType::Str => Self::Str,
            ColumnType::Bytes(text) => Self::Bytes(*text),
            ColumnType::Decimal { precision: digits @ ..=DECIMAL_DIGITS, scale } => {
                Self::Typed(DataType::Decimal128(*digits as u8, *scale as i8))
            }
            ColumnType::Decimal { precision: digits @ ..=LONG_DECIMAL_DIGITS, scale } => {
                Self::Typed(DataType::Decimal256(*digits as u8, *scale as i8))
            }
            ColumnType::Date => Self::Typed(DataType::Date32),
            ColumnType::Time(kafi_core::TimeUnit::Milliseconds) => Self::Typed(DataType::Time32(TimeUnit::Millisecond)),
            ColumnType::Time(unit) => Self::Typed(DataType::Time64(unit_of(*unit))),
            ColumnType::Timestamp { unit, utc } => Self::Typed(timestamp(*unit, *utc)),
            ColumnType::List(element) => Self::List(Box::new(Self::of_type(element))),
            ColumnType::Map(value) => Self::Map(Box::new(Self::of_type(value))),
            ColumnType::Struct(members) => {
                Self::Struct(members.iter().map(|(name, type_)| (name.clone(), Self::of_type(type_))).collect())
            }
            _ => Self::Text,
        }
    }

    /// Whether bytes stand somewhere in it, which Arrow reads in another form.
    fn has_bytes(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::List(kind) | Self::Map(kind) => kind.has_bytes(),
            Self::Struct(members) => members.iter().any(|(_, kind)| kind.has_bytes()),
            _ => false,
        }
    }

    /// Appends JSON with bytes in the form that Arrow reads.
    pub(super) fn write(&self, json: &Json, out: &mut Vec<u8>) {
        match (self, json.kind()) {
            (Self::Bytes(text), JsonKind::Str) => {
                let bytes = json.str().ok().and_then(|shown| match text {
                    BytesText::Base64 => STANDARD.decode(shown).ok(),
                    BytesText::Characters => shown.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
                });
                match bytes {
                    Some(bytes) => {
                        out.push(b'"');
                        bytes.iter().for_each(|byte| out.extend_from_slice(format!("{byte:02x}").as_bytes()));
                        out.push(b'"');
                    }
                    // No hexadecimal number, so that it is an error.
                    None => out.extend_from_slice(b"\"?\""),
                }
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

    fn of_member(&self, name: &str) -> &Self {
        match self {
            Self::Map(kind) => kind,
            Self::Struct(members) => {
                members.iter().find(|(known, _)| known == name).map_or(&Self::Null, |(_, kind)| kind)
            }
            _ => &Self::Null,
        }
    }

    pub(super) fn of(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Int(_) => Self::int64(),
            Cell::Str(_) | Cell::Bytes(_) => Self::Str,
            Cell::JsonText(_) => Self::Text,
            Cell::Json(json) => Self::of_json(json),
        }
    }

    fn of_json(json: &Json) -> Self {
        match json.kind() {
            JsonKind::Null => Self::Null,
            JsonKind::Bool => Self::Bool,
            JsonKind::Number => json.number().map_or(Self::Text, |text| Self::Number(Number::of(text.trim()))),
            JsonKind::Str => {
                if json.str().is_ok() {
                    Self::Str
                } else {
                    Self::Text
                }
            }
            JsonKind::Array => {
                Self::List(Box::new(json.iter().fold(Self::Null, |kind, element| kind.with(Self::of_json(element)))))
            }
            JsonKind::Object => {
                Self::Struct(json.members().map(|(name, member)| (name.to_string(), Self::of_json(member))).collect())
            }
        }
    }

    /// The kind that has what both have.
    pub(super) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::Number(one), Self::Number(other)) => Self::Number(one.with(other)),
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.with(*other))),
            (Self::Struct(mut members), Self::Struct(others)) => {
                for (name, kind) in others {
                    match members.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, known)) => *known = std::mem::replace(known, Self::Null).with(kind),
                        None => members.push((name, kind)),
                    }
                }
                Self::Struct(members)
            }
            (Self::Map(one), Self::Map(other)) => Self::Map(Box::new(one.with(*other))),
            (one, other) if one == other => one,
            // Schemas grow so.
            (Self::Typed(DataType::Int32), number @ Self::Number(Number { is_int64: true, .. }))
            | (number @ Self::Number(Number { is_int64: true, .. }), Self::Typed(DataType::Int32)) => number,
            (
                Self::Typed(DataType::Float32 | DataType::Float64),
                Self::Typed(DataType::Float32 | DataType::Float64),
            ) => Self::Typed(DataType::Float64),
            _ => Self::Text,
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
            Self::Number(number) => number.data_type(),
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
            Self::Typed(data_type) => Some(data_type.clone()),
            Self::Text => None,
        }
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
    /// Whether what stands there is written as a string, and whether bytes stand in it, once all is known.
    pub(super) is_text: bool,
    pub(super) has_bytes: bool,
}

/// The columns of a file, in the order in which they came.
#[derive(Default)]
pub(super) struct Columns {
    columns: Vec<Column>,
    index: HashMap<String, usize>,
}

impl Columns {
    /// Takes what stands in a column.
    pub(super) fn add(&mut self, name: &str, kind: Kind) {
        if let Some(at) = self.index.get(name) {
            let known = &mut self.columns[*at].kind;
            *known = std::mem::replace(known, Kind::Null).with(kind);
            return;
        }
        self.index.insert(name.to_string(), self.columns.len());
        self.columns.push(Column { name: name.to_string(), kind, is_text: false, has_bytes: false });
    }

    /// Nothing is added from here on.
    pub(super) fn settle(&mut self) {
        for column in &mut self.columns {
            (column.is_text, column.has_bytes) = (column.kind.is_text(), column.kind.has_bytes());
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Column> {
        self.index.get(name).map(|at| &self.columns[*at])
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
