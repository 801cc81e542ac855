//! JSON that stays text until somebody looks at it, and of which only what was changed is written anew.

mod convert;
mod find;
mod index;
mod macros;
pub(crate) mod members;
mod node;
pub(crate) mod number;
pub(crate) mod path;
pub(crate) mod scan;
pub(crate) mod text;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::error::{Error, ErrorKind, Result};
use crate::json::node::{Kind, Node, Text};
use crate::json::path::Missing;

pub use find::JsonPath;

/// A JSON value that keeps its text.
///
/// Numbers keep their digits (beyond 64 bits, `19.990`), objects the order of their members and even duplicate names,
/// and parts that nobody changed are written back byte for byte. A level is parsed when it is first looked at, so that
/// reading one field of a large message is cheap, and a clone of an unchanged value copies nothing.
///
/// A member or element that does not exist reads as null; asking that null for a number is then an error that names the
/// path.
///
/// ```
/// use kafi_core::Json;
/// let mut json = Json::parse(r#"{"bla": 123, "price": 19.990, "tags": ["a"]}"#)?;
/// assert!(json["bla"] == 123 && json["none"]["at all"].is_null());
/// json.set("bla", json["bla"].int()? + 42)?;
/// assert_eq!(json.to_string(), r#"{"bla":165,"price":19.990,"tags":["a"]}"#);
/// assert_eq!(json["tags"][7].str().unwrap_err().to_string(), "read string: path .tags[7]: it is missing");
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Default)]
pub struct Json {
    source: Source,
    node: OnceLock<Box<Node>>,
}

/// Where the text of a value comes from.
#[derive(Clone, Default)]
enum Source {
    /// Null, without any text.
    #[default]
    Null,
    /// Null, because nothing was found.
    Missing(Arc<Missing>),
    /// Unchanged text.
    Text(Text),
    /// None: the node is an array or object that was changed or built.
    Changed,
}

/// What kind of JSON value something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    /// `null`, or missing.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    Str,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl JsonKind {
    /// The kind of a value from its text, which is valid JSON without white space before it.
    pub fn of_valid(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Str,
            Some(b't' | b'f') => Self::Bool,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

/// One step into a JSON value: a member's name, or an element's index from 0. Made from `&str`, `&String`, and `usize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The member of this name.
    Name(&'a str),
    /// The element at this index.
    At(usize),
}

impl Json {
    /// How deep arrays and objects may nest in a text.
    pub const DEPTH_MAX: u32 = scan::DEPTH_MAX;

    /// Takes one JSON value; white space around it is kept.
    ///
    /// # Errors
    /// `Corrupt` says what is wrong and in which line and column; arrays and objects nested deeper than
    /// [`DEPTH_MAX`](Json::DEPTH_MAX) and texts of 4 GiB and more are refused.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self> {
        let text = text.into();
        if u32::try_from(text.len()).is_err() {
            return Err(Error::new(ErrorKind::TooLarge, "read JSON", "the text is larger than 4 GiB"));
        }
        match scan::check(text.as_bytes()) {
            Ok(_) => Ok(Self::from_text(Text::whole(text))),
            Err(fault) => Err(path::not_json(text.as_bytes(), fault)),
        }
    }

    /// Takes the text of one JSON value that a codec wrote, or that was checked already, without looking at it again.
    /// Of any other text the methods say nothing that can be relied on, and may panic.
    ///
    /// # Panics
    /// For texts of 4 GiB and more.
    pub fn from_valid(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        debug_assert!(scan::check(text.as_bytes()).is_ok(), "this is not JSON: {text}");
        Self::from_text(Text::whole(text))
    }

    /// The JSON null.
    pub const fn null() -> Self {
        Self { source: Source::Null, node: OnceLock::new() }
    }

    /// An object of these members, in this order; of equal names the last wins.
    ///
    /// ```
    /// use kafi_core::Json;
    /// let json = Json::object([("bla", 123.into()), ("ok", true.into())]);
    /// assert_eq!(json.to_string(), r#"{"bla":123,"ok":true}"#);
    /// ```
    pub fn object<N: AsRef<str>>(members: impl IntoIterator<Item = (N, Self)>) -> Self {
        let mut node = Node::new(Kind::Object(Vec::new()));
        for (name, value) in members {
            *node.member_mut(name.as_ref()).expect("it is an object") = value;
        }
        Self::built(node)
    }

    /// An array of these elements; `Json::from(vec![1, 2])` is shorter where they are all of one type.
    pub fn array(elements: impl IntoIterator<Item = Self>) -> Self {
        let mut node = Node::new(Kind::Array(Vec::new()));
        elements.into_iter().for_each(|element| node.push(element));
        Self::built(node)
    }

    /// What kind of value it is.
    pub fn kind(&self) -> JsonKind {
        let text = match &self.source {
            Source::Null | Source::Missing(_) => return JsonKind::Null,
            Source::Changed if matches!(self.node().kind, Kind::Array(_)) => return JsonKind::Array,
            Source::Changed => return JsonKind::Object,
            Source::Text(text) => text.as_str().trim_start(),
        };
        JsonKind::of_valid(text)
    }

    /// Whether it is null or missing.
    pub fn is_null(&self) -> bool {
        self.kind() == JsonKind::Null
    }

    /// The integer.
    ///
    /// # Errors
    /// `Function`, with the path, if it is anything else, has a fraction or an exponent, or does not fit into 64 bits;
    /// [`number`](Json::number) gives the digits of any number.
    pub fn int(&self) -> Result<i64> {
        let text = self.number_text().ok_or_else(|| self.wrong("integer"))?;
        text.parse().map_err(|_| self.wrong("integer"))
    }

    /// The number, as the nearest `f64`.
    ///
    /// # Errors
    /// `Function`, with the path, if it is not a number, or too large for an `f64`.
    pub fn float(&self) -> Result<f64> {
        let text = self.number_text().ok_or_else(|| self.wrong("number"))?;
        text.parse().ok().filter(|float: &f64| float.is_finite()).ok_or_else(|| self.wrong("64 bit number"))
    }

    /// The number as it is written, digit for digit.
    ///
    /// # Errors
    /// `Function`, with the path, if it is not a number.
    pub fn number(&self) -> Result<&str> {
        self.number_text().ok_or_else(|| self.wrong("number"))
    }

    /// The characters of the string.
    ///
    /// # Errors
    /// `Function`, with the path, if it is not a string, or one that names half a character (`"\ud800"`).
    pub fn str(&self) -> Result<&str> {
        self.characters().ok_or_else(|| self.wrong("string"))
    }

    /// True or false.
    ///
    /// # Errors
    /// `Function`, with the path, if it is anything else.
    pub fn bool(&self) -> Result<bool> {
        match (self.kind(), &self.source) {
            (JsonKind::Bool, Source::Text(text)) => Ok(text.as_str().trim() == "true"),
            _ => Err(self.wrong("boolean")),
        }
    }

    /// The member or element there, if there is one; of several members of one name the last.
    pub fn get<'a>(&self, step: impl Into<Step<'a>>) -> Option<&Self> {
        self.container()?.get(step.into())
    }

    /// The elements of an array; of anything else none.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Self> {
        self.container().into_iter().flat_map(|node| node.elements())
    }

    /// The names and values of an object's members, in order; of anything else none.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = (&str, &Self)> {
        self.container().into_iter().flat_map(|node| node.members())
    }

    /// How many elements or members there are; 0 for anything but arrays and objects.
    pub fn len(&self) -> usize {
        self.container().map_or(0, |node| node.elements().len() + node.members().len())
    }

    /// Whether there are no elements or members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets a member, at its place or else at the end, or an element that exists. A null becomes an object first.
    ///
    /// # Errors
    /// `Function`, with the path, if this is not an object, or not an array that is long enough.
    pub fn set<'a>(&mut self, step: impl Into<Step<'a>>, value: impl Into<Self>) -> Result<()> {
        *self.slot(step.into())? = value.into();
        Ok(())
    }

    /// Takes a member or element out and returns it; `None` if there was none.
    pub fn remove<'a>(&mut self, step: impl Into<Step<'a>>) -> Option<Self> {
        let step = step.into();
        self.get(step)?;
        self.change().remove(step)
    }

    /// Adds an element at the end of an array. A null becomes an array first.
    ///
    /// # Errors
    /// `Function`, with the path, if this is not an array.
    pub fn push(&mut self, value: impl Into<Self>) -> Result<()> {
        match self.kind() {
            JsonKind::Null => *self = Self::array([value.into()]),
            JsonKind::Array => self.change().push(value.into()),
            _ => return Err(self.wrong("array")),
        }
        Ok(())
    }

    /// Sets all members of `other` here, as Python's `|` does; where both have a name, `other` wins.
    ///
    /// # Errors
    /// `Function`, with the path, if one of the two is not an object; a null here becomes one first.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if other.kind() != JsonKind::Object {
            return Err(other.wrong("object"));
        }
        other.members().try_for_each(|(name, value)| self.set(name, value.clone()))
    }

    /// Its JSON text: as it came if nothing was changed, else without white space where it was.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.source {
            Source::Text(text) => Cow::Borrowed(text.as_str()),
            Source::Null | Source::Missing(_) => Cow::Borrowed("null"),
            Source::Changed => {
                let mut out = Vec::new();
                self.write(&mut out);
                Cow::Owned(String::from_utf8(out).expect("pieces of JSON text are UTF-8"))
            }
        }
    }

    /// Appends its JSON text.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match &self.source {
            Source::Text(text) => out.extend_from_slice(text.as_str().as_bytes()),
            Source::Null | Source::Missing(_) => out.extend_from_slice(b"null"),
            Source::Changed => self.node().write(out),
        }
    }

    /// A value whose text was checked.
    fn from_text(text: Text) -> Self {
        Self { source: Source::Text(text), node: OnceLock::new() }
    }

    fn built(node: Node) -> Self {
        Self { source: Source::Changed, node: OnceLock::from(Box::new(node)) }
    }

    fn node(&self) -> &Node {
        self.node.get_or_init(|| {
            Box::new(match &self.source {
                Source::Text(text) => Node::parse(text),
                _ => Node::new(Kind::Scalar),
            })
        })
    }

    /// The node, if it is one of an array or object.
    fn container(&self) -> Option<&Node> {
        matches!(self.kind(), JsonKind::Array | JsonKind::Object).then(|| self.node())
    }

    /// The node of an array or object, to change it: from here on it has no text of its own.
    fn change(&mut self) -> &mut Node {
        self.node();
        self.source = Source::Changed;
        self.node.get_mut().expect("it was just parsed")
    }

    /// The place for a new value at `step`.
    fn slot(&mut self, step: Step<'_>) -> Result<&mut Self> {
        if self.is_null() && matches!(step, Step::Name(_)) {
            *self = Self::object::<&str>([]);
        }
        match (self.kind(), step) {
            (JsonKind::Object, Step::Name(name)) => Ok(self.change().member_mut(name).expect("it is an object")),
            (JsonKind::Array, Step::At(at)) if at < self.len() => {
                Ok(self.change().element_mut(at).expect("it has this element"))
            }
            (JsonKind::Array, Step::At(at)) => Err(self.too_short(at)),
            (_, Step::Name(_)) => Err(self.wrong("object")),
            (_, Step::At(_)) => Err(self.wrong("array")),
        }
    }

    fn number_text(&self) -> Option<&str> {
        match (self.kind(), &self.source) {
            (JsonKind::Number, Source::Text(text)) => Some(text.as_str().trim()),
            _ => None,
        }
    }

    fn characters(&self) -> Option<&str> {
        let (JsonKind::Str, Source::Text(text)) = (self.kind(), &self.source) else { return None };
        let text = text.as_str().trim();
        let inner = &text[1..text.len() - 1];
        if !inner.contains('\\') {
            return Some(inner);
        }
        match &self.node().kind {
            Kind::Str(characters) => characters.as_deref(),
            _ => None,
        }
    }
}

impl Clone for Json {
    fn clone(&self) -> Self {
        // Parsing again what is still text is cheaper than copying what was parsed.
        let node = if matches!(self.source, Source::Changed) { self.node.clone() } else { OnceLock::new() };
        Self { source: self.source.clone(), node }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests;
