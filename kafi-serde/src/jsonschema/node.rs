//! A JSON text on its tape as the validator sees it, so that no tree is built of it.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use kafi_core::JsonKind;
use serde_json::Value;

use crate::tape::{Children, Item, Members};

/// The representation.
pub(crate) struct OfTape;

/// A value: one of the text, or the name of a member as one.
#[derive(Clone)]
pub(crate) enum Part<'a> {
    Item(Item<'a>),
    Name(&'a str),
}

impl Json for OfTape {
    type Node<'a> = Part<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = ();

    // A lookup goes over all members.
    const KEYS_PER_LOOKUP: usize = 64;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(_: &mut (), string: &str, f: impl FnOnce(Part<'_>) -> T) -> T {
        f(Part::Name(string))
    }
}

impl<'a> Node<'a, OfTape> for Part<'a> {
    type Object = Entries<'a>;
    type Array = Elements<'a>;
    type Number = Number<'a>;

    fn as_object(&self) -> Option<Entries<'a>> {
        self.item(JsonKind::Object).map(Entries)
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        self.item(JsonKind::Array).map(Elements)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Name(name) => Some(Cow::Borrowed(name)),
            Self::Item(_) => self.item(JsonKind::Str).map(characters),
        }
    }

    fn as_number(&self) -> Option<Number<'a>> {
        self.item(JsonKind::Number).map(|item| Number(item.raw()))
    }

    fn as_boolean(&self) -> Option<bool> {
        self.item(JsonKind::Bool).map(|item| item.raw() == "true")
    }

    fn is_null(&self) -> bool {
        self.item(JsonKind::Null).is_some()
    }

    fn json_type(&self) -> JsonType {
        let Self::Item(item) = self else { return JsonType::String };
        match item.kind() {
            JsonKind::Null => JsonType::Null,
            JsonKind::Bool => JsonType::Boolean,
            JsonKind::Number => JsonType::Number,
            JsonKind::Str => JsonType::String,
            JsonKind::Array => JsonType::Array,
            JsonKind::Object => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (expected, self.json_type()) {
            (Value::String(expected), JsonType::String) => self.as_string().is_some_and(|text| text == *expected),
            (Value::Bool(expected), JsonType::Boolean) => self.as_boolean() == Some(*expected),
            (Value::Null, JsonType::Null) => true,
            (Value::String(_) | Value::Bool(_) | Value::Null, _) => false,
            _ => jsonschema::json::cmp::equal(&self.to_value(), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match self {
            Self::Name(name) => Value::String((*name).into()),
            Self::Item(item) => value(*item),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(match self {
            Self::Item(item) => NodeIdentity::tagged(item.address(), item.place()),
            Self::Name(name) => NodeIdentity::tagged(name.as_ptr() as usize, u32::MAX),
        })
    }
}

impl<'a> Part<'a> {
    fn item(&self, kind: JsonKind) -> Option<Item<'a>> {
        match self {
            Self::Item(item) if item.kind() == kind => Some(*item),
            _ => None,
        }
    }
}

/// An object.
pub(crate) struct Entries<'a>(Item<'a>);

impl<'a> Object<'a, OfTape> for Entries<'a> {
    type Node = Part<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = EntriesIter<'a>;

    fn len(&self) -> usize {
        self.0.members().count()
    }

    fn is_empty(&self) -> bool {
        self.0.members().next().is_none()
    }

    fn get(&self, key: &Box<str>) -> Option<Part<'a>> {
        // Of members with the same name the last counts, as for everybody else.
        self.0.members().filter(|(name, _)| name.is_text(key)).last().map(|(_, value)| Part::Item(value))
    }

    fn members(&self) -> EntriesIter<'a> {
        EntriesIter(self.0.members())
    }
}

/// The members of an object.
pub(crate) struct EntriesIter<'a>(Members<'a>);

impl<'a> Iterator for EntriesIter<'a> {
    type Item = (Cow<'a, str>, Part<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (characters(name), Part::Item(value)))
    }
}

/// An array.
pub(crate) struct Elements<'a>(Item<'a>);

impl<'a> Array<'a, OfTape> for Elements<'a> {
    type Node = Part<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.0.elements().count()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter(self.0.elements())
    }
}

/// The elements of an array.
pub(crate) struct ElementsIter<'a>(Children<'a>);

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        self.0.next().map(Part::Item)
    }
}

/// A number as it is written.
pub(crate) struct Number<'a>(&'a str);

impl JsonNumber for Number<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().map(|number: f64| number.clamp(f64::MIN, f64::MAX))
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(number(self.0))
    }

    fn is_integer(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) || is_whole(self.0)
    }
}

/// Whether a number with a fraction or an exponent is whole.
fn is_whole(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit);
    if digits().all(|digit| digit == b'0') {
        return true;
    }
    let zeros = digits().collect::<Vec<_>>().iter().rev().take_while(|digit| **digit == b'0').count() as i64;
    // An exponent beyond 64 bits is as good as one at their ends.
    let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    exponent.saturating_add(zeros) >= fraction.len() as i64
}

fn number(text: &str) -> serde_json::Number {
    let whole = text
        .parse::<u64>()
        .map(serde_json::Number::from)
        .or_else(|_| text.parse::<i64>().map(serde_json::Number::from));
    whole.unwrap_or_else(|_| {
        let float = text.parse().unwrap_or(0.0f64).clamp(f64::MIN, f64::MAX);
        serde_json::Number::from_f64(float).unwrap_or_else(|| 0.into())
    })
}

/// The characters of a string; half of one is shown as the one that stands for what cannot be.
fn characters(item: Item<'_>) -> Cow<'_, str> {
    let mut space = Vec::new();
    match item.string(&mut space) {
        None => Cow::Owned(serde_json::from_str::<String>(item.raw()).unwrap_or_else(|_| "\u{fffd}".into())),
        // It lies in the text, unless it had to be put together.
        Some(_) if !item.raw().contains('\\') => Cow::Borrowed(&item.raw()[1..item.raw().len() - 1]),
        Some(text) => Cow::Owned(text.to_string()),
    }
}

/// A tree of a part of the text, for what is seldom: errors, and comparisons of what is not simple.
fn value(item: Item<'_>) -> Value {
    match item.kind() {
        JsonKind::Null => Value::Null,
        JsonKind::Bool => Value::Bool(item.raw() == "true"),
        JsonKind::Number => Value::Number(number(item.raw())),
        JsonKind::Str => Value::String(characters(item).into_owned()),
        JsonKind::Array => Value::Array(item.elements().map(value).collect()),
        JsonKind::Object => {
            Value::Object(item.members().map(|(name, member)| (characters(name).into_owned(), value(member))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::Tape;

    #[test]
    fn it_is_what_the_validator_expects() {
        let document = jsonschema::json::conformance::document().to_string();
        let mut tape = Tape::default();
        jsonschema::json::conformance::assert_conformance::<OfTape>(&Part::Item(tape.read(&document).unwrap()));
    }

    #[test]
    fn numbers_are_whole_by_their_value() {
        for (text, expected) in [
            ("1", true),
            ("-1", true),
            ("123456789012345678901234567890", true),
            ("1.0", true),
            ("1e3", true),
            ("1.50e1", true),
            ("1.5", false),
            ("1e-1", false),
            ("10e-1", true),
            ("0.0e-99999999999999999999", true),
            ("1e-99999999999999999999", false),
            ("1e99999999999999999999", true),
        ] {
            assert_eq!(Number(text).is_integer(), expected, "{text}");
        }
        assert_eq!((Number("1e999").as_f64(), number("1e999").as_f64()), (Some(f64::MAX), Some(f64::MAX)));
    }

    #[test]
    fn strings_with_escapes_and_names_that_stand_twice_are_read() {
        let mut tape = Tape::default();
        let item = tape.read(r#"{"\u0061": 1, "b": "\n\ud800", "a": 2}"#).unwrap();
        let object = Part::Item(item).as_object().unwrap();
        assert_eq!(object.get(&"a".into()).unwrap().as_number().unwrap().as_i64(), Some(2));
        assert_eq!(object.get(&"b".into()).unwrap().as_string().unwrap(), "\u{fffd}");
        assert!(object.get(&"c".into()).is_none() && object.len() == 3);
    }
}
