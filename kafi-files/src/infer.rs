//! Which types columns have, found by what stands in them: whole numbers, decimals, floats, and strings widen into one
//! another so that nothing is lost.

#[cfg(feature = "arrow")]
use kafi_core::BytesText;
use kafi_core::{ColumnType, Json, JsonKind};

#[cfg(feature = "arrow")]
use crate::cell::Cell;

/// The digits that decimals hold in every format, and floats for certain.
pub(crate) const DECIMAL_DIGITS: u32 = 38;
pub(crate) const FLOAT_DIGITS: u32 = 15;

/// The digits of the longest decimals that there are.
#[cfg(feature = "arrow")]
const LONG_DECIMAL_DIGITS: u32 = 76;

/// What can stand in a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
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
    #[cfg(feature = "arrow")]
    Bytes(BytesText),
    /// Of this type, by a schema.
    Typed(ColumnType),
    /// Of several kinds: strings as they are, everything else as JSON text.
    Text,
}

/// What all numbers of a column need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
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

    /// Makes room for a whole number of so many digits.
    #[cfg(feature = "arrow")]
    #[inline]
    pub(crate) fn widen(&mut self, digits: usize) {
        self.whole = self.whole.max(digits as u32);
    }

    /// Whether a number has no more digits, before the point and behind it, and no exponent.
    #[cfg(feature = "arrow")]
    #[inline]
    pub(crate) fn has_digits_of(self, text: &str) -> bool {
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        let whole = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
        let scale = (digits.len() - whole).saturating_sub(1);
        whole <= self.whole as usize
            && scale <= self.scale as usize
            && !digits[whole..].contains(&b'e')
            && !digits.contains(&b'E')
    }

    fn with(self, other: Self) -> Self {
        Self {
            whole: self.whole.max(other.whole),
            scale: self.scale.max(other.scale),
            is_int64: self.is_int64 && other.is_int64,
            has_exponent: self.has_exponent || other.has_exponent,
        }
    }

    /// The type that holds all of their digits; anything where none does.
    pub(crate) fn column_type(self) -> ColumnType {
        let digits = self.whole + self.scale;
        match self {
            _ if self.is_int64 => ColumnType::Int64,
            _ if self.has_exponent && digits <= FLOAT_DIGITS => ColumnType::Float64,
            _ if !self.has_exponent && digits <= DECIMAL_DIGITS => {
                ColumnType::Decimal { precision: digits, scale: self.scale }
            }
            _ => ColumnType::Any,
        }
    }
}

impl Kind {
    /// Whole numbers of 64 bits.
    #[cfg(feature = "arrow")]
    pub(crate) fn int64() -> Self {
        Self::Number(Number { whole: 19, scale: 0, is_int64: true, has_exponent: false })
    }

    /// What a schema says of it.
    #[cfg(feature = "arrow")]
    pub(crate) fn of_type(type_: &ColumnType) -> Self {
        match type_ {
            ColumnType::Bool => Self::Bool,
            ColumnType::Int64 => Self::int64(),
            ColumnType::Str => Self::Str,
            ColumnType::Bytes(text) => Self::Bytes(*text),
            ColumnType::List(element) => Self::List(Box::new(Self::of_type(element))),
            ColumnType::Map(value) => Self::Map(Box::new(Self::of_type(value))),
            ColumnType::Struct(members) => {
                Self::Struct(members.iter().map(|(name, type_)| (name.clone(), Self::of_type(type_))).collect())
            }
            ColumnType::Decimal { precision, .. } if *precision > LONG_DECIMAL_DIGITS => Self::Text,
            ColumnType::Any => Self::Text,
            ColumnType::Number => Self::Number(Number::of("0")),
            ColumnType::Open => Self::Null,
            type_ => Self::Typed(type_.clone()),
        }
    }

    /// The type that holds what stands there.
    pub(crate) fn column_type(&self) -> ColumnType {
        match self {
            Self::Null | Self::Str => ColumnType::Str,
            Self::Bool => ColumnType::Bool,
            Self::Number(number) => number.column_type(),
            Self::List(element) => ColumnType::List(Box::new(element.column_type())),
            Self::Struct(members) if members.is_empty() => ColumnType::Any,
            Self::Struct(members) => {
                ColumnType::Struct(members.iter().map(|(name, kind)| (name.clone(), kind.column_type())).collect())
            }
            Self::Map(value) => ColumnType::Map(Box::new(value.column_type())),
            #[cfg(feature = "arrow")]
            Self::Bytes(text) => ColumnType::Bytes(*text),
            Self::Typed(type_) => type_.clone(),
            Self::Text => ColumnType::Any,
        }
    }

    /// What stands in a cell.
    #[cfg(feature = "arrow")]
    pub(crate) fn of(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Int(_) => Self::int64(),
            Cell::Str(_) | Cell::Bytes(_) => Self::Str,
            Cell::JsonText(_) => Self::Text,
            Cell::Json(json) => Self::of_json(json),
            Cell::Raw(text) => match cell.kind() {
                JsonKind::Null => Self::Null,
                JsonKind::Bool => Self::Bool,
                JsonKind::Number => Self::Number(Number::of(text)),
                JsonKind::Str if !text.contains('\\') => Self::Str,
                _ => Self::of_json(&Json::from_valid(text)),
            },
        }
    }

    pub(crate) fn of_json(json: &Json) -> Self {
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
    pub(crate) fn with(self, other: Self) -> Self {
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
            (Self::Typed(ColumnType::Int32), number @ Self::Number(Number { is_int64: true, .. }))
            | (number @ Self::Number(Number { is_int64: true, .. }), Self::Typed(ColumnType::Int32)) => number,
            (
                Self::Typed(ColumnType::Float32 | ColumnType::Float64),
                Self::Typed(ColumnType::Float32 | ColumnType::Float64),
            ) => Self::Typed(ColumnType::Float64),
            _ => Self::Text,
        }
    }
}
