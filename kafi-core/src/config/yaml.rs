//! Reads a configuration file into sections of keys and texts, with the text of each value as it was written.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

/// The sections of a file in its order.
pub(crate) type Sections = Vec<(String, Items)>;

/// The items of a section in their order. No value has been interpreted: `012` is `012`; one that is missing is `None`.
pub(crate) type Items = Vec<(String, Option<String>)>;

/// What is wrong with a text, with its place where the parser knew it. Holds no value of the file.
pub(crate) struct Malformed {
    pub(crate) message: String,
    /// Line and column, from 1, unless the message says them.
    pub(crate) place: Option<(usize, usize)>,
    pub(crate) source: serde_yaml::Error,
}

/// Reads the sections. An empty section is a section without items; an empty text has no sections.
pub(crate) fn sections(text: &str) -> Result<Sections, Malformed> {
    SectionsSeed.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| {
        let message = error.to_string();
        let place = error.location().filter(|_| !message.contains(" at line ")).map(|location| (location.line(), location.column()));
        Malformed { message, place, source: error }
    })
}

struct SectionsSeed;

impl<'de> DeserializeSeed<'de> for SectionsSeed {
    type Value = Sections;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Sections, D::Error> {
        // Only an option may be absent, as it is in an empty text.
        deserializer.deserialize_option(MappingVisitor { value: || ItemsSeed, expected: "a configuration is sections, each with lines of the form key: value" })
    }
}

struct ItemsSeed;

impl<'de> DeserializeSeed<'de> for ItemsSeed {
    type Value = Items;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Items, D::Error> {
        deserializer.deserialize_any(MappingVisitor { value: || ValueSeed, expected: "a section is lines of the form key: value" })
    }
}

/// Takes a mapping without repeated keys, or nothing at all. Everything else fails with a message that does not repeat what stands there:
/// it may be a secret that was put on the wrong line.
struct MappingVisitor<F> {
    value: F,
    expected: &'static str,
}

impl<'de, S: DeserializeSeed<'de>, F: Fn() -> S> Visitor<'de> for MappingVisitor<F> {
    type Value = Vec<(String, S::Value)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut items: Self::Value = Vec::new();
        while let Some(key) = map.next_key_seed(KeySeed { known: &items })? {
            let value = map.next_value_seed((self.value)())?;
            items.push((key, value));
        }
        Ok(items)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(E::custom(self.expected))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(self.expected))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(E::custom(self.expected))
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<Self::Value, E> {
        Err(E::custom(self.expected))
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<Self::Value, E> {
        Err(E::custom(self.expected))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom(self.expected))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom(self.expected))
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom(self.expected))
    }
}

/// Checks a key where it stands, so that the error has its line.
struct KeySeed<'a, V> {
    known: &'a [(String, V)],
}

impl<'de, V> DeserializeSeed<'de> for KeySeed<'_, V> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<V> Visitor<'_> for KeySeed<'_, V> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key that is a single word")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if self.known.iter().any(|(known, _)| known == key) {
            return Err(E::custom(format_args!("the key {key} stands here a second time")));
        }
        Ok(key.to_owned())
    }
}

/// Takes the text of a single value, whatever type YAML would see in it.
struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_none<E>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Items {
        let sections = sections(text).unwrap_or_else(|error| panic!("{text}: {}", error.message));
        sections.into_iter().next().unwrap().1
    }

    fn item(key: &str, text: &str) -> (String, Option<String>) {
        (key.to_owned(), Some(text.to_owned()))
    }

    #[test]
    fn keeps_the_text_of_values() {
        let cases = [
            ("012", "012"),
            ("1e3", "1e3"),
            ("yes", "yes"),
            ("true", "true"),
            ("FALSE", "FALSE"),
            ("1.0", "1.0"),
            ("-1", "-1"),
            ("0x1F", "0x1F"),
            (".inf", ".inf"),
            ("2024-11-26", "2024-11-26"),
            ("123456789012345678901234567890123456789012345", "123456789012345678901234567890123456789012345"),
            ("'it''s'", "it's"),
            ("\"a\\tb\"", "a\tb"),
            ("\"\"", ""),
            ("'null'", "null"),
            ("!!str 012", "012"),
            ("h1:9092,h2:9092 # brokers", "h1:9092,h2:9092"),
            ("${A}", "${A}"),
            ("a#b", "a#b"),
            ("|\n    one\n    two", "one\ntwo\n"),
        ];
        for (written, expected) in cases {
            let items = items(&format!("kafka:\n  a.key: {written}\n"));
            assert_eq!(items, [item("a.key", expected)], "{written}");
        }
    }

    #[test]
    fn takes_the_usual_forms() {
        assert!(sections("").is_ok_and(|sections| sections.is_empty()));
        assert!(sections("# nothing\n").is_ok_and(|sections| sections.is_empty()));
        assert!(sections("---\nlocal:\n").is_ok_and(|sections| sections == [("local".to_owned(), vec![])]));
        assert_eq!(items("\u{feff}local: {root.dir: /tmp}"), [item("root.dir", "/tmp")]);
        assert_eq!(items("local:\r\n  root.dir: /tmp\r\n"), [item("root.dir", "/tmp")]);
        assert_eq!(items("local: {}"), []);
        assert_eq!(items("kafka:\n  a:\n  b: ~\n  c: \"~\"\n"), [("a".to_owned(), None), ("b".to_owned(), None), item("c", "~")]);
        assert_eq!(items("a: &x {k: v}\nb: *x"), [item("k", "v")]);
    }

    #[test]
    fn says_what_and_where() {
        let cases = [
            ("hunter2", "a configuration is sections", 1, 1),
            ("- kafka", "a configuration is sections", 1, 1),
            ("kafka: hunter2", "a section is lines", 1, 8),
            ("kafka: 12345", "a section is lines", 1, 8),
            ("kafka: -12345", "a section is lines", 1, 8),
            ("kafka: 123456789012345678901234567890", "a section is lines", 1, 8),
            ("kafka: -123456789012345678901234567890", "a section is lines", 1, 8),
            ("kafka: 12345.5", "a section is lines", 1, 8),
            ("kafka: true", "a section is lines", 1, 8),
            ("kafka: !x {a: hunter2}", "a section is lines", 1, 8),
            ("kafka: [hunter2]", "a section is lines", 1, 8),
            ("kafka:\n  a: [hunter2]\n", "expected a single value", 2, 6),
            ("kafka:\n  a:\n    b: hunter2\n", "expected a single value", 3, 5),
            ("kafka:\n  a: hunter2\n  b: 1\n  a: hunter2\n", "the key a stands here a second time", 4, 3),
            ("kafka:\n  a: 1\nkafka:\n  b: 1\n", "the key kafka stands here a second time", 3, 1),
            ("kafka:\n  a: hunter2\n   b: 1\n", "mapping values", 3, 5),
            ("kafka:\n\ta: hunter2\n", "cannot start any token", 2, 1),
            ("kafka:\n  a: 'hunter2\n", "quoted scalar", 3, 1),
            ("kafka:\n  ? [a]\n  : hunter2\n", "a key that is a single word", 2, 5),
            ("kafka:\n  a: *hunter2\n", "unknown anchor", 2, 6),
            ("kafka:\n  a: 1\n---\nkafka:\n", "more than one document", 0, 0),
        ];
        for (text, expected, line, column) in cases {
            let Err(error) = sections(text) else { panic!("{text} was taken") };
            assert!(error.message.contains(expected), "{text}: {}", error.message);
            assert!(!error.message.contains("hunter2") && !error.message.contains("12345"), "{text}: {}", error.message);
            let place = match error.place {
                Some((line, column)) => format!("line {line} column {column}"),
                None => error.message,
            };
            assert!(line == 0 || place.contains(&format!("line {line} column {column}")), "{text}: {place}");
        }
    }
}
