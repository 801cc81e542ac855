//! Rust values into JSON values, and comparisons between the two.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::json::node::Text;
use crate::json::text::quoted;
use crate::json::{Json, JsonKind, number};

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Json {
            fn from(value: $integer) -> Self {
                Self::from_text(Text::whole(value.to_string()))
            }
        }

        impl PartialEq<$integer> for Json {
            fn eq(&self, other: &$integer) -> bool {
                let Some(text) = self.number_text() else { return false };
                match text.parse::<i64>() {
                    Ok(number) => i64::try_from(*other) == Ok(number),
                    Err(_) => number::equal(text, &other.to_string()),
                }
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

impl TryFrom<f64> for Json {
    type Error = Error;

    /// # Errors
    /// `Usage` for infinities and NaN, which JSON does not have.
    fn try_from(value: f64) -> Result<Self> {
        if !value.is_finite() {
            return Err(Error::new(ErrorKind::Usage, "make JSON", format!("JSON has no number {value}")));
        }
        Ok(Self::from_text(Text::whole(format!("{value:?}"))))
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::from_text(Text::whole(if value { "true" } else { "false" }))
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::from_text(Text::whole(quoted(value)))
    }
}

impl From<&String> for Json {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<&Json> for Json {
    fn from(value: &Json) -> Self {
        value.clone()
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::null(), Into::into)
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(elements: Vec<T>) -> Self {
        Self::array(elements.into_iter().map(Into::into))
    }
}

impl<T: Into<Json>, const N: usize> From<[T; N]> for Json {
    fn from(elements: [T; N]) -> Self {
        Self::array(elements.map(Into::into))
    }
}

impl PartialEq for Json {
    /// Equal as values: numbers exactly by value, strings by their characters, objects whatever the order of their
    /// members.
    fn eq(&self, other: &Self) -> bool {
        if self.kind() != other.kind() {
            return false;
        }
        match self.kind() {
            JsonKind::Null => true,
            JsonKind::Bool => self.bool().ok() == other.bool().ok(),
            JsonKind::Number => {
                self.number_text().zip(other.number_text()).is_some_and(|(left, right)| number::equal(left, right))
            }
            JsonKind::Str => match (self.characters(), other.characters()) {
                // Strings that name half a character have nothing but their text.
                (None, None) => self.text().trim() == other.text().trim(),
                (left, right) => left == right,
            },
            JsonKind::Array => self.len() == other.len() && self.iter().eq(other.iter()),
            JsonKind::Object => {
                self.members().collect::<BTreeMap<_, _>>() == other.members().collect::<BTreeMap<_, _>>()
            }
        }
    }
}

impl PartialEq<f64> for Json {
    fn eq(&self, other: &f64) -> bool {
        self.float().is_ok_and(|float| float == *other)
    }
}

impl PartialEq<bool> for Json {
    fn eq(&self, other: &bool) -> bool {
        self.bool().is_ok_and(|bool| bool == *other)
    }
}

impl PartialEq<str> for Json {
    fn eq(&self, other: &str) -> bool {
        self.characters() == Some(other)
    }
}

impl PartialEq<&str> for Json {
    fn eq(&self, other: &&str) -> bool {
        self.characters() == Some(*other)
    }
}

impl PartialEq<String> for Json {
    fn eq(&self, other: &String) -> bool {
        self.characters() == Some(other)
    }
}

impl<'a> From<&'a str> for super::Step<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a String> for super::Step<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name)
    }
}

impl From<usize> for super::Step<'_> {
    fn from(at: usize) -> Self {
        Self::At(at)
    }
}
