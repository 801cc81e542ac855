//! Rust values into values, and comparisons between the two.

use crate::error::{Error, Result};
use crate::json::Json;
use crate::value::Value;

macro_rules! from_json {
    ($($type:ty)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::Json(value.into())
            }
        }
    )*};
}

from_json!(Json &Json bool i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize Vec<Json>);

impl TryFrom<f64> for Value {
    type Error = Error;

    /// # Errors
    /// `Usage` for infinities and NaN, which JSON does not have.
    fn try_from(number: f64) -> Result<Self> {
        Json::try_from(number).map(Self::Json)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Str(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! equals_json {
    ($($type:ty)*) => {$(
        impl PartialEq<$type> for Value {
            fn eq(&self, other: &$type) -> bool {
                matches!(self, Self::Json(json) if json == other)
            }
        }
    )*};
}

equals_json!(Json bool i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f64);

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        match self {
            Self::Str(text) => text == other,
            Self::Json(json) => json == other,
            Self::Null | Self::Bytes(_) => false,
        }
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq<String> for Value {
    fn eq(&self, other: &String) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<[u8]> for Value {
    fn eq(&self, other: &[u8]) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes == other)
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Value {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self == other.as_slice()
    }
}
