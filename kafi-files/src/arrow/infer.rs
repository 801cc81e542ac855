//! Which types columns have, found by what stands in them: whole numbers, decimals, floats, and strings widen into one
//! another so that nothing is lost.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Fields};
use kafi_core::{Json, JsonKind};

use crate::cell::Cell;

/// The digits that a decimal, and that a float, hold for certain.
const DECIMAL_DIGITS: u32 = 38;
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
            (one, other) if one == other => one,
            _ => Self::Text,
        }
    }

    /// Whether what stands there is written as a string, whatever it is.
    pub(super) fn is_text(&self) -> bool {
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
            Self::Text => None,
        }
    }
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
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
        self.columns.push(Column { name: name.to_string(), kind });
    }

    pub(super) fn get(&self, name: &str) -> Option<&Column> {
        self.index.get(name).map(|at| &self.columns[*at])
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
