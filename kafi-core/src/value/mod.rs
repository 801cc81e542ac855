//! A decoded key or value, as user functions see it.

mod convert;

use std::borrow::Cow;
use std::fmt;
use std::ops::{Index, IndexMut};
use std::sync::LazyLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::json::path::shortened;
use crate::json::text::quoted;
use crate::json::{Json, Step};

/// A decoded key or value.
///
/// ```
/// use kafi_core::{Json, Value};
/// let mut value = Value::from(Json::parse(r#"{"bla": 123, "tags": ["a"]}"#)?);
/// assert!(value["bla"] == 123 && value["tags"][0] == "a" && value["none"].is_null());
/// value["bla"] = 7.into();
/// value.set("ok", true)?;
/// assert_eq!(value.to_string(), r#"{"bla":7,"tags":["a"],"ok":true}"#);
///
/// let bytes = Value::from(vec![0u8, 1, 2]);
/// assert!(bytes[0] == 0 && bytes.bytes()?[1..] == [1, 2]);
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Kafka's null: no key, or a tombstone. Not the same as the JSON text `null`, though both count as
    /// [null](Value::is_null).
    #[default]
    Null,
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Str(String),
    /// JSON, and what registry formats decode to.
    Json(Json),
}

/// What lookups of something that is not there, or not in JSON, give.
static NULL: Json = Json::null();

/// All bytes as JSON numbers, for `value[0] != 0` on bytes.
static BYTES: LazyLock<[Json; 256]> = LazyLock::new(|| std::array::from_fn(Json::from));

impl Value {
    /// Whether it is Kafka's null or JSON's.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Json(json) => json.is_null(),
            Self::Bytes(_) | Self::Str(_) => false,
        }
    }

    /// The integer, of JSON; see [`Json::int`].
    ///
    /// # Errors
    /// `Function` if it is anything else.
    pub fn int(&self) -> Result<i64> {
        self.as_json("integer")?.int()
    }

    /// The number, of JSON; see [`Json::float`].
    ///
    /// # Errors
    /// `Function` if it is anything else.
    pub fn float(&self) -> Result<f64> {
        self.as_json("number")?.float()
    }

    /// True or false, of JSON.
    ///
    /// # Errors
    /// `Function` if it is anything else.
    pub fn bool(&self) -> Result<bool> {
        self.as_json("boolean")?.bool()
    }

    /// The characters of text or of a JSON string.
    ///
    /// # Errors
    /// `Function` if it is anything else.
    pub fn str(&self) -> Result<&str> {
        match self {
            Self::Str(text) => Ok(text),
            _ => self.as_json("string")?.str(),
        }
    }

    /// The bytes, of bytes or text.
    ///
    /// # Errors
    /// `Function` if it is null or JSON.
    pub fn bytes(&self) -> Result<&[u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Str(text) => Ok(text.as_bytes()),
            Self::Null | Self::Json(_) => Err(self.wrong("bytes")),
        }
    }

    /// The bytes, to change them.
    ///
    /// # Errors
    /// `Function` if it is anything but bytes.
    pub fn bytes_mut(&mut self) -> Result<&mut Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong("bytes")),
        }
    }

    /// The JSON.
    ///
    /// # Errors
    /// `Function` if it is anything else.
    pub fn json(&self) -> Result<&Json> {
        self.as_json("JSON")
    }

    /// The JSON, to change it.
    ///
    /// # Errors
    /// `Function` if it is anything else.
    pub fn json_mut(&mut self) -> Result<&mut Json> {
        match self {
            Self::Json(json) => Ok(json),
            _ => Err(self.wrong("JSON")),
        }
    }

    /// The member or element there, if this is JSON and has it.
    pub fn get<'a>(&self, step: impl Into<Step<'a>>) -> Option<&Json> {
        match self {
            Self::Json(json) => json.get(step),
            _ => None,
        }
    }

    /// The elements of a JSON array; of anything else none.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Json> {
        self.json_or_null().iter()
    }

    /// The names and values of a JSON object's members, in order; of anything else none.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = (&str, &Json)> {
        self.json_or_null().members()
    }

    /// Sets a member or an element that exists, as [`Json::set`] does; a null becomes an object first.
    ///
    /// # Errors
    /// `Function` if this is not an object, or not an array that is long enough.
    pub fn set<'a>(&mut self, step: impl Into<Step<'a>>, value: impl Into<Json>) -> Result<()> {
        self.change("JSON object")?.set(step, value)
    }

    /// Takes a member or element out of JSON and returns it; `None` if there was none.
    pub fn remove<'a>(&mut self, step: impl Into<Step<'a>>) -> Option<Json> {
        match self {
            Self::Json(json) => json.remove(step),
            _ => None,
        }
    }

    /// Adds an element at the end of a JSON array; a null becomes an array first.
    ///
    /// # Errors
    /// `Function` if this is anything else.
    pub fn push(&mut self, value: impl Into<Json>) -> Result<()> {
        self.change("JSON array")?.push(value)
    }

    /// Sets all members of `other` here, as Python's `|` does; where both have a name, `other` wins.
    ///
    /// # Errors
    /// `Function` if one of the two is not a JSON object; a null here becomes one first.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let other = other.as_json("object")?;
        self.change("JSON object")?.merge(other)
    }

    /// Reads it into a type of yours.
    ///
    /// ```
    /// # use kafi_core::{Json, Value};
    /// #[derive(serde::Deserialize)]
    /// struct Order { id: u64, price: f64 }
    /// let value = Value::from(Json::parse(r#"{"id": 7, "price": 19.990}"#)?);
    /// let order: Order = value.to()?;
    /// assert_eq!((order.id, order.price), (7, 19.99));
    /// # Ok::<(), kafi_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Function` says what does not fit. Bytes fit nothing: decode them as JSON or text.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        if let Self::Bytes(_) = self {
            return Err(self.wrong("JSON"));
        }
        let text = match self {
            Self::Json(json) => json.text(),
            Self::Str(text) => Cow::Owned(quoted(text)),
            Self::Null | Self::Bytes(_) => Cow::Borrowed("null"),
        };
        let name = std::any::type_name::<T>();
        serde_json::from_str(&text)
            .map_err(|error| Error::new(ErrorKind::Function, format!("read {name}"), error.to_string()).source(error))
    }

    /// Makes a JSON value of a type of yours; what serialises to null becomes Kafka's null.
    ///
    /// # Errors
    /// `Function` says what cannot be JSON, such as a map whose keys are not strings.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let name = std::any::type_name::<T>();
        let text = serde_json::to_string(value).map_err(|error| {
            Error::new(ErrorKind::Function, format!("write {name}"), error.to_string()).source(error)
        })?;
        if text == "null" {
            return Ok(Self::Null);
        }
        Ok(Self::Json(Json::parse(text)?))
    }

    /// Its bytes as they are: text and JSON in UTF-8, nothing added; `None` for Kafka's null.
    pub fn as_bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Null => None,
            Self::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Self::Str(text) => Some(Cow::Borrowed(text.as_bytes())),
            Self::Json(json) => Some(match json.text() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }),
        }
    }

    fn as_json(&self, wanted: &'static str) -> Result<&Json> {
        match self {
            Self::Json(json) => Ok(json),
            _ => Err(self.wrong(wanted)),
        }
    }

    fn json_or_null(&self) -> &Json {
        match self {
            Self::Json(json) => json,
            _ => &NULL,
        }
    }

    /// The JSON to change; a null becomes one.
    fn change(&mut self, wanted: &'static str) -> Result<&mut Json> {
        if let Self::Null = self {
            *self = Self::Json(Json::null());
        }
        match self {
            Self::Json(json) => Ok(json),
            _ => Err(self.wrong(wanted)),
        }
    }

    fn wrong(&self, wanted: &'static str) -> Error {
        let what = match self {
            Self::Json(json) => return json.wrong(wanted),
            Self::Null => "null".into(),
            Self::Bytes(bytes) => format!("{} bytes, not decoded", bytes.len()),
            Self::Str(text) => format!("the text {}", shortened(&quoted(text))),
        };
        let error = Error::new(ErrorKind::Function, format!("read {wanted}"), format!("it is {what}"));
        match self {
            Self::Bytes(_) | Self::Str(_) if wanted != "bytes" => error.hint("the type json decodes it as JSON"),
            _ => error,
        }
    }
}

impl fmt::Display for Value {
    /// Its JSON text. Bytes are shown as a JSON string: of their characters if they are UTF-8, else of their base64.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Json(json) => json.fmt(f),
            Self::Str(text) => f.write_str(&quoted(text)),
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => f.write_str(&quoted(text)),
                Err(_) => write!(
                    f,
                    "\"{}\"",
                    base64::display::Base64Display::new(bytes, &base64::engine::general_purpose::STANDARD)
                ),
            },
        }
    }
}

impl Index<&str> for Value {
    type Output = Json;

    /// The member of this name; null if there is none, or if this is not JSON.
    fn index(&self, name: &str) -> &Json {
        &self.json_or_null()[name]
    }
}

impl Index<usize> for Value {
    type Output = Json;

    /// The element at this index of a JSON array, or the byte of bytes; null if there is none.
    fn index(&self, at: usize) -> &Json {
        match self {
            Self::Bytes(bytes) => bytes.get(at).map_or(&NULL, |&byte| &BYTES[usize::from(byte)]),
            _ => &self.json_or_null()[at],
        }
    }
}

impl IndexMut<&str> for Value {
    /// The member of this name, added as null if there is none; a null becomes an object first.
    ///
    /// # Panics
    /// If this is not a JSON object; [`Value::set`] gives an error instead.
    fn index_mut(&mut self, name: &str) -> &mut Json {
        let json = self.change("JSON object").unwrap_or_else(|error| panic!("{error}"));
        &mut json[name]
    }
}

impl IndexMut<usize> for Value {
    /// The element at this index.
    ///
    /// # Panics
    /// If this is not a JSON array, or too short; [`Value::set`] gives an error instead.
    fn index_mut(&mut self, at: usize) -> &mut Json {
        let json = self.change("JSON array").unwrap_or_else(|error| panic!("{error}"));
        &mut json[at]
    }
}

#[cfg(test)]
mod tests;
