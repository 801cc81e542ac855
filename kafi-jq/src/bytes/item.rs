//! What expressions over bytes work on.

use std::borrow::Cow;
use std::cmp::Ordering;

use kafi_core::json_text::write_string;

use crate::bytes::StepsAside;
use crate::message::MessageView;
use crate::number::Num;
use crate::value::{Val, plain_or_characters};

/// Numbers of so many characters are floating point exactly enough to be compared.
pub(super) const EXACT_LEN_MAX: usize = 15;

/// A value, as far as it had to be looked at.
pub(super) enum Item<'a> {
    /// The message, as a whole.
    Message(&'a MessageView<'a>),
    Null,
    Bool(bool),
    /// A number as it is written.
    Written(&'a str),
    /// A number that was calculated.
    Number(Num),
    Str(Cow<'a, str>),
    /// The text of an array.
    Array(Cow<'a, str>),
    /// The text of an object.
    Object(Cow<'a, str>),
}

impl<'a> Item<'a> {
    /// Of JSON text that was checked, with white space around it.
    pub(super) fn of_json(text: &'a str) -> Self {
        Self::of_value_text(text.trim_matches([' ', '\t', '\n', '\r']))
    }

    /// The same without white space around it.
    pub(super) fn of_value_text(text: &'a str) -> Self {
        match text.as_bytes()[0] {
            b'{' => Self::Object(text.into()),
            b'[' => Self::Array(text.into()),
            b'"' => Self::Str(plain_or_characters(&text[1..text.len() - 1])),
            b'n' => Self::Null,
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            _ => Self::Written(text),
        }
    }

    /// Of a value that is neither array nor object.
    pub(super) fn of_value(value: &'a Val) -> Result<Self, StepsAside> {
        Ok(match value {
            Val::Null => Self::Null,
            Val::Bool(is) => Self::Bool(*is),
            Val::Num(Num::Text(text)) => Self::Written(text),
            Val::Num(number) => Self::Number(number.clone()),
            Val::Str(text) => Self::Str((&**text).into()),
            Val::Arr(..) | Val::Obj(..) => return Err(StepsAside),
        })
    }

    /// As a value.
    pub(super) fn into_value(self) -> Result<Val, StepsAside> {
        Ok(match self {
            Self::Message(_) => return Err(StepsAside),
            Self::Null => Val::Null,
            Self::Bool(is) => Val::Bool(is),
            Self::Written(text) => Val::Num(Num::read(text)),
            Self::Number(number) => Val::Num(number),
            Self::Str(text) => Val::str(&text),
            Self::Array(text) | Self::Object(text) => Val::read(&text).map_err(|_| StepsAside)?,
        })
    }

    pub(super) fn is_true(&self) -> Result<bool, StepsAside> {
        Ok(!matches!(self, Self::Null | Self::Bool(false)))
    }

    /// The number, where it is certain.
    pub(super) fn number(&self) -> Result<Num, StepsAside> {
        match self {
            Self::Written(text) if text.len() <= EXACT_LEN_MAX => Ok(match text.parse::<i64>() {
                Ok(int) if *text != "-0" => Num::Int(int),
                _ => Num::Float(text.parse().map_err(|_| StepsAside)?),
            }),
            Self::Number(Num::Int(int)) => Ok(Num::Int(*int)),
            Self::Number(Num::Float(float)) if float.is_finite() => Ok(Num::Float(*float)),
            _ => Err(StepsAside),
        }
    }

    pub(super) fn text(&self) -> Result<&str, StepsAside> {
        match self {
            Self::Str(text) => Ok(text),
            _ => Err(StepsAside),
        }
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Message(_) | Self::Object(_) => "object",
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Written(_) | Self::Number(_) => "number",
            Self::Str(_) => "string",
            Self::Array(_) => "array",
        }
    }

    /// How it stands to another; arrays and objects are left to the interpreter.
    pub(super) fn compare(&self, other: &Self) -> Result<Ordering, StepsAside> {
        match (self, other) {
            (Self::Str(left), Self::Str(right)) => Ok(left.as_bytes().cmp(right.as_bytes())),
            (Self::Written(_) | Self::Number(_), Self::Written(_) | Self::Number(_)) => {
                let (left, right) = (self.number()?, other.number()?);
                match (&left, &right) {
                    (Num::Int(left), Num::Int(right)) => Ok(left.cmp(right)),
                    _ => left.float().partial_cmp(&right.float()).ok_or(StepsAside),
                }
            }
            _ if self.rank() == other.rank() && self.rank() > 4 => Err(StepsAside),
            _ => Ok(self.rank().cmp(&other.rank())),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(false) => 1,
            Self::Bool(true) => 2,
            Self::Written(_) | Self::Number(_) => 3,
            Self::Str(_) => 4,
            Self::Array(_) => 5,
            Self::Message(_) | Self::Object(_) => 6,
        }
    }

    /// Appends its JSON text: as it stands, where it stands somewhere.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), StepsAside> {
        match self {
            Self::Message(_) => return Err(StepsAside),
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(is) => out.extend_from_slice(if *is { b"true" } else { b"false" }),
            Self::Written(text) => out.extend_from_slice(text.as_bytes()),
            Self::Number(number) => number.write(out),
            Self::Str(text) => write_string(out, text),
            Self::Array(text) | Self::Object(text) => out.extend_from_slice(text.as_bytes()),
        }
        Ok(())
    }
}
