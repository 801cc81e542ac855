//! Reads a configuration file into sections of keys and texts, with the text of each value as it was written.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// No file has more sections; it need not know how many there can be.
const SECTIONS_MAX: usize = 32;

/// No section has more items, and no list.
const ITEMS_MAX: usize = 1000;

/// All values together are no longer: YAML's aliases can repeat one as often as they like.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// Brackets are nested no deeper: the parser's time grows with the square of it.
const DEPTH_MAX: usize = 64;

/// The keys whose value may be a list, which stands for the same with commas between.
const LISTS: [&str; 3] = ["bootstrap.servers", "metadata.broker.list", "schema.registry.url"];

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
    let malformed = |error: serde_yaml::Error| {
        let message = error.to_string();
        let place = error
            .location()
            .filter(|_| !message.contains(" at line "))
            .map(|location| (location.line(), location.column()));
        Malformed { message, place, source: error }
    };
    if is_too_deep(text) {
        return Err(malformed(serde_yaml::Error::custom("this is no configuration: it is nested too deeply")));
    }
    let left = Cell::new(TEXT_BYTES_MAX);
    SectionsSeed { left: &left }.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(malformed)
}

/// Whether brackets, or the dashes and question marks at the beginning of a line, could be nested deeper than in any
/// configuration. Brackets within texts count as well, since a configuration has no need of so many that are not closed
/// again.
fn is_too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    text.lines()
        .any(|line| line.split_whitespace().take_while(|word| matches!(*word, "-" | "?" | ":")).count() > DEPTH_MAX)
}

struct SectionsSeed<'a> {
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for SectionsSeed<'_> {
    type Value = Sections;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Sections, D::Error> {
        let value = |_: &str| ItemsSeed { left: self.left };
        // Only an option may be absent, as it is in an empty text.
        let visitor = MappingVisitor {
            value,
            max: SECTIONS_MAX,
            expected: "a configuration is sections, each with lines of the form key: value",
        };
        deserializer.deserialize_option(visitor)
    }
}

struct ItemsSeed<'a> {
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for ItemsSeed<'_> {
    type Value = Items;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Items, D::Error> {
        let value = |key: &str| ValueSeed { may_be_list: LISTS.contains(&key), left: self.left };
        deserializer.deserialize_any(MappingVisitor {
            value,
            max: ITEMS_MAX,
            expected: "a section is lines of the form key: value",
        })
    }
}

/// Takes a mapping without repeated keys, or nothing at all. Everything else fails with a message that does not repeat
/// what stands there: it may be a secret that was put on the wrong line.
struct MappingVisitor<F> {
    value: F,
    max: usize,
    expected: &'static str,
}

impl<'de, S: DeserializeSeed<'de>, F: Fn(&str) -> S> Visitor<'de> for MappingVisitor<F> {
    type Value = Vec<(String, S::Value)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut items: Self::Value = Vec::new();
        while let Some(key) = map.next_key_seed(KeySeed { known: &items })? {
            if items.len() == self.max {
                return Err(A::Error::custom(format_args!(
                    "this is no configuration: it has more than {} keys in a row",
                    self.max
                )));
            }
            let value = map.next_value_seed((self.value)(&key))?;
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

/// Takes the text of a single value, whatever type YAML would see in it; or of a list of them, with commas between.
struct ValueSeed<'a> {
    may_be_list: bool,
    left: &'a Cell<usize>,
}

impl ValueSeed<'_> {
    fn take<E: serde::de::Error>(&self, text: &str) -> Result<Option<String>, E> {
        let left = self
            .left
            .get()
            .checked_sub(text.len())
            .ok_or_else(|| E::custom("this is no configuration: its values are larger than 4 MiB"))?;
        self.left.set(left);
        Ok(Some(text.to_owned()))
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.may_be_list { "a single value, or a list of them" } else { "a single value" })
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        if self.may_be_list { deserializer.deserialize_any(self) } else { deserializer.deserialize_str(self) }
    }

    fn visit_none<E>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<String>, E> {
        self.take(text)
    }

    // What YAML sees a number in is no address, and will be refused as one.
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Option<String>, E> {
        self.take(&number.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<String>, A::Error> {
        if !self.may_be_list {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let mut texts: Vec<String> = Vec::new();
        while let Some(text) = list.next_element_seed(ValueSeed { may_be_list: false, left: self.left })? {
            if texts.len() == ITEMS_MAX {
                return Err(A::Error::custom("this is no configuration: a list has more than 1000 values"));
            }
            texts.push(text.ok_or_else(|| A::Error::custom("a value of the list is missing"))?);
        }
        Ok(Some(texts.join(",")))
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
    fn brokers_may_be_a_list() {
        for (written, expected) in [
            ("[a:9092, b:9092]", "a:9092,b:9092"),
            ("\n    - a:9092\n    - \"b:9092\"", "a:9092,b:9092"),
            ("\n  - ${A}\n  - '[::1]:9092'", "${A},[::1]:9092"),
            ("[a]", "a"),
            ("[]", ""),
            ("a:9092,b:9092", "a:9092,b:9092"),
            ("9092", "9092"),
            ("'012'", "012"),
        ] {
            assert_eq!(
                items(&format!("kafka:\n  bootstrap.servers: {written}\n  b: c\n")),
                [item("bootstrap.servers", expected), item("b", "c")],
                "{written}"
            );
        }
        for (written, expected) in [
            ("[a, ~]", "a value of the list is missing"),
            ("[[a]]", "expected a single value"),
            ("{a: b}", "expected a single value, or a list"),
        ] {
            let Err(error) = sections(&format!("kafka:\n  bootstrap.servers: {written}\n")) else {
                panic!("{written} was taken")
            };
            assert!(error.message.contains(expected), "{written}: {}", error.message);
        }
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        let many = |count: usize, line: fn(usize) -> String| (0..count).map(line).collect::<String>();
        let cases = [
            ("[".repeat(1 << 20), "nested too deeply"),
            ("{".repeat(1 << 20), "nested too deeply"),
            ("- ".repeat(1 << 19), "nested too deeply"),
            ("? ".repeat(1 << 19), "nested too deeply"),
            (format!("kafka:\n{}", many(100_000, |n| format!(" k{n}: 1\n"))), "more than 1000 keys"),
            (many(50_000, |n| format!("s{n}:\n a: 1\n")), "more than 32 keys"),
            (
                format!("kafka:\n a: &x {}\n{}", "x".repeat(500_000), many(900, |n| format!(" k{n}: *x\n"))),
                "larger than 4 MiB",
            ),
            (format!("kafka:\n bootstrap.servers: [{}]\n", "a,".repeat(2000)), "more than 1000 values"),
        ];
        for (text, expected) in cases {
            let Err(error) = sections(&text) else { panic!("{}… was taken", &text[..20]) };
            assert!(error.message.contains(expected), "{}…: {}", &text[..20], error.message);
        }
        assert!(sections(&format!("kafka:\n  a: '{}'\n", "{[".repeat(20))).is_ok());
    }

    #[test]
    fn takes_the_usual_forms() {
        assert!(sections("").is_ok_and(|sections| sections.is_empty()));
        assert!(sections("# nothing\n").is_ok_and(|sections| sections.is_empty()));
        assert!(sections("---\nlocal:\n").is_ok_and(|sections| sections == [("local".to_owned(), vec![])]));
        assert_eq!(items("\u{feff}local: {root.dir: /tmp}"), [item("root.dir", "/tmp")]);
        assert_eq!(items("local:\r\n  root.dir: /tmp\r\n"), [item("root.dir", "/tmp")]);
        assert_eq!(items("local: {}"), []);
        assert_eq!(
            items("kafka:\n  a:\n  b: ~\n  c: \"~\"\n"),
            [("a".to_owned(), None), ("b".to_owned(), None), item("c", "~")]
        );
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
            assert!(
                !error.message.contains("hunter2") && !error.message.contains("12345"),
                "{text}: {}",
                error.message
            );
            let place = match error.place {
                Some((line, column)) => format!("line {line} column {column}"),
                None => error.message,
            };
            assert!(line == 0 || place.contains(&format!("line {line} column {column}")), "{text}: {place}");
        }
    }
}
