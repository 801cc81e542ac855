//! The JSON of a schema into its table of types.

use std::collections::{HashMap, HashSet};
use std::fmt;

use kafi_core::{Error, ErrorKind, Json, JsonKind, Result};

use crate::avro::logical;
use crate::avro::schema::{Enum, Fixed, Names, Node, NodeId, Record, RecordField, Schema, Shape};

const OPERATION: &str = "read Avro schema";

/// How large a fixed may be: no message is larger.
const FIXED_BYTES_MAX: u32 = i32::MAX as u32;

impl Schema {
    /// Reads a schema that refers to no other.
    ///
    /// # Errors
    /// `Corrupt`: for text that is not JSON with line and column, for a schema that is wrong with the path of what is.
    /// `TooLarge` above [`TEXT_BYTES_MAX`](Self::TEXT_BYTES_MAX).
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with_references(text, &[])
    }

    /// Reads a schema that uses names which other schemas define: those that an earlier one of `references` needs come
    /// first. A name may be defined several times if it is always defined alike.
    ///
    /// ```
    /// use kafi_serde::avro::Schema;
    /// let item = r#"{"type": "fixed", "name": "shop.Item", "size": 4}"#;
    /// let schema = Schema::parse_with_references(r#"{"type": "array", "items": "shop.Item"}"#, &[item])?;
    /// assert_eq!(schema.canonical_form(), r#"{"type":"array","items":{"name":"shop.Item","type":"fixed","size":4}}"#);
    /// # Ok::<(), kafi_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As those of [`parse`](Self::parse); what is wrong in a reference says the number of it, from 1.
    pub fn parse_with_references(text: &str, references: &[&str]) -> Result<Self> {
        let mut parser = Parser::default();
        for (index, reference) in references.iter().enumerate() {
            parser.read(reference).map_err(|error| error.with("reference", index + 1))?;
        }
        let root = parser.read(text)?;
        Ok(Self { nodes: parser.into_nodes(), root })
    }
}

/// Reads texts one after another; what the earlier ones define, the later ones may use.
#[derive(Default)]
struct Parser {
    nodes: Vec<Node>,
    defined: HashMap<Box<str>, Definition>,
    /// How many texts were begun.
    texts: usize,
    /// Where in the text it is, for errors.
    path: String,
}

/// Where a name was defined, and how.
struct Definition {
    node: NodeId,
    text: usize,
    json: Json,
    namespace: Box<str>,
}

impl Parser {
    /// Reads one schema, and returns its outermost type.
    pub fn read(&mut self, text: &str) -> Result<NodeId> {
        if text.len() > Schema::TEXT_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::TooLarge,
                OPERATION,
                format!("its text has {} bytes, more than {}", text.len(), Schema::TEXT_BYTES_MAX),
            ));
        }
        self.texts += 1;
        self.path.clear();
        let json = Json::parse(text).map_err(|error| {
            let place = error
                .context()
                .fold(Error::new(ErrorKind::Corrupt, OPERATION, error.message()), |error, (key, value)| {
                    error.with(key.to_string(), value)
                });
            place.hint("a schema that is only a name stands in quotes: \"string\"")
        })?;
        self.schema(&json, "")
    }

    /// All types that were read.
    pub fn into_nodes(self) -> Box<[Node]> {
        self.nodes.into()
    }

    fn schema(&mut self, json: &Json, namespace: &str) -> Result<NodeId> {
        match json.kind() {
            JsonKind::Str => self.named(self.text_of(json)?, namespace),
            JsonKind::Array => self.union(json, namespace),
            JsonKind::Object => self.object(json, namespace),
            _ => self.wrong("a schema is a name, an object, or an array of them"),
        }
    }

    /// A type that is known already, or a primitive one.
    fn named(&mut self, name: &str, namespace: &str) -> Result<NodeId> {
        if let Some(shape) = Shape::primitive(name) {
            return Ok(self.push(Node { shape, logical: None }));
        }
        // Outside of its namespace a name without one is still found where it was defined without one.
        let found = self.defined.get(&*full_name(name, namespace)).or_else(|| self.defined.get(name));
        match found {
            Some(definition) => Ok(definition.node),
            None => self.wrong(format_args!("there is no type {name}")),
        }
    }

    fn union(&mut self, json: &Json, namespace: &str) -> Result<NodeId> {
        let mut branches = Vec::with_capacity(json.len());
        let mut seen = HashSet::new();
        for (index, branch) in json.iter().enumerate() {
            let node = self.within(format_args!("[{index}]"), |parser| parser.schema(branch, namespace))?;
            if let Shape::Union(_) = self.nodes[node as usize].shape {
                return self.wrong("a union holds another union");
            }
            let name = self.nodes[node as usize].type_name();
            if !seen.insert(name.to_string()) {
                return self.wrong(format_args!("a union holds {name} twice"));
            }
            branches.push(node);
        }
        Ok(self.push(Node { shape: Shape::Union(branches.into()), logical: None }))
    }

    fn object(&mut self, json: &Json, namespace: &str) -> Result<NodeId> {
        let Some(type_) = json.get("type") else { return self.wrong("its type is missing") };
        if type_.kind() != JsonKind::Str {
            return self.within(format_args!(".type"), |parser| parser.schema(type_, namespace));
        }
        match self.within(format_args!(".type"), |parser| parser.text_of(type_))? {
            "record" | "error" => self.define(json, namespace, Self::record),
            "enum" => self.define(json, namespace, Self::symbols),
            "fixed" => self.define(json, namespace, Self::fixed),
            "array" => {
                let items = self.part(json, "items", namespace)?;
                Ok(self.push(Node { shape: Shape::Array(items), logical: None }))
            }
            "map" => {
                let values = self.part(json, "values", namespace)?;
                Ok(self.push(Node { shape: Shape::Map(values), logical: None }))
            }
            name => {
                let Some(shape) = Shape::primitive(name) else {
                    return self.within(format_args!(".type"), |parser| parser.named(name, namespace));
                };
                let logical = logical::of(json, &shape);
                Ok(self.push(Node { shape, logical }))
            }
        }
    }

    fn part(&mut self, json: &Json, name: &'static str, namespace: &str) -> Result<NodeId> {
        match json.get(name) {
            Some(part) => self.within(format_args!(".{name}"), |parser| parser.schema(part, namespace)),
            None => self.wrong(format_args!("its {name} are missing")),
        }
    }

    /// A type with a name: it is known before its parts are read, which may use it.
    fn define(
        &mut self,
        json: &Json,
        enclosing: &str,
        shape: fn(&mut Self, &Json, Names, &str) -> Result<Shape>,
    ) -> Result<NodeId> {
        let Some(name) = json.get("name") else { return self.wrong("its name is missing") };
        let name = self.within(format_args!(".name"), |parser| parser.text_of(name))?;
        let namespace = match json.get("namespace") {
            Some(namespace) if !namespace.is_null() => {
                self.within(format_args!(".namespace"), |parser| parser.text_of(namespace))?
            }
            _ => enclosing,
        };
        let full = full_name(name, namespace);
        if !full.split('.').all(is_name) {
            return self.wrong(format_args!(
                "{full:?} is not a name: they are letters, digits, and underscores, with dots between the parts"
            ));
        }
        if Shape::primitive(&full).is_some() {
            return self.wrong(format_args!("{full} is the name of a type of Avro's"));
        }
        let namespace = full.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_string();
        if let Some(earlier) = self.defined.get(&*full) {
            if earlier.text != self.texts && *earlier.namespace == *enclosing && earlier.json == *json {
                return Ok(earlier.node);
            }
            return self.wrong(format_args!("{full} is defined twice"));
        }
        let aliases = self.texts_of(json, "aliases")?;
        let aliases = aliases.iter().map(|alias| full_name(alias, &namespace)).collect();
        let names = Names { full, aliases };
        // Until it is read it stands there with its name, which is all that its parts look at.
        let node = self.push(Node {
            shape: Shape::Record(Record { names: names.clone(), fields: Box::default() }),
            logical: None,
        });
        let definition = Definition { node, text: self.texts, json: json.clone(), namespace: enclosing.into() };
        self.defined.insert(names.full.clone(), definition);
        let shape = shape(self, json, names, &namespace)?;
        let logical = logical::of(json, &shape);
        self.nodes[node as usize] = Node { shape, logical };
        Ok(node)
    }

    fn record(&mut self, json: &Json, names: Names, namespace: &str) -> Result<Shape> {
        let Some(list) = json.get("fields").filter(|fields| fields.kind() == JsonKind::Array) else {
            return self.wrong("its fields are missing, an array");
        };
        let mut fields: Vec<RecordField> = Vec::with_capacity(list.len());
        let mut seen = HashSet::new();
        for (index, json) in list.iter().enumerate() {
            let field = self.within(format_args!(".fields[{index}]"), |parser| parser.field(json, namespace))?;
            if !seen.insert(field.name.clone()) {
                return self.wrong(format_args!("there are two fields {}", field.name));
            }
            fields.push(field);
        }
        Ok(Shape::Record(Record { names, fields: fields.into() }))
    }

    fn field(&mut self, json: &Json, namespace: &str) -> Result<RecordField> {
        let Some(name) = json.get("name") else { return self.wrong("the field's name is missing") };
        let name = self.within(format_args!(".name"), |parser| parser.text_of(name))?;
        if !is_name(name) {
            return self.wrong(format_args!("{name:?} is not a name: they are letters, digits, and underscores"));
        }
        let Some(type_) = json.get("type") else { return self.wrong("the field's type is missing") };
        let node = self.within(format_args!(".type"), |parser| parser.schema(type_, namespace))?;
        let aliases = self.texts_of(json, "aliases")?;
        Ok(RecordField { name: name.into(), aliases: aliases.into(), node, default: json.get("default").cloned() })
    }

    fn symbols(&mut self, json: &Json, names: Names, _namespace: &str) -> Result<Shape> {
        if json.get("symbols").is_none() {
            return self.wrong("its symbols are missing");
        }
        let symbols = self.texts_of(json, "symbols")?;
        let mut seen = HashSet::new();
        for symbol in &symbols {
            if !is_name(symbol) {
                return self
                    .wrong(format_args!("{symbol:?} is not a symbol: they are letters, digits, and underscores"));
            }
            if !seen.insert(symbol) {
                return self.wrong(format_args!("the symbol {symbol} stands there twice"));
            }
        }
        let default = match json.get("default") {
            None => None,
            Some(default) => {
                let default = self.within(format_args!(".default"), |parser| parser.text_of(default))?;
                let Some(index) = symbols.iter().position(|symbol| **symbol == *default) else {
                    return self.wrong(format_args!("its default {default} is none of its symbols"));
                };
                Some(index as u32)
            }
        };
        Ok(Shape::Enum(Enum { names, symbols: symbols.into(), default }))
    }

    fn fixed(&mut self, json: &Json, names: Names, _namespace: &str) -> Result<Shape> {
        let size = json
            .get("size")
            .and_then(|size| u32::try_from(size.int().ok()?).ok())
            .filter(|size| *size <= FIXED_BYTES_MAX);
        match size {
            Some(size) => Ok(Shape::Fixed(Fixed { names, size })),
            None => self.wrong("its size is missing, a number of bytes"),
        }
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() as NodeId - 1
    }

    /// The strings of an array that may be missing.
    fn texts_of(&mut self, json: &Json, name: &'static str) -> Result<Vec<Box<str>>> {
        let Some(list) = json.get(name).filter(|list| !list.is_null()) else { return Ok(Vec::new()) };
        if list.kind() != JsonKind::Array {
            return self.within(format_args!(".{name}"), |parser| parser.wrong("this is an array of names"));
        }
        let texts = list.iter().enumerate();
        texts
            .map(|(index, text)| {
                self.within(format_args!(".{name}[{index}]"), |parser| parser.text_of(text).map(Box::from))
            })
            .collect()
    }

    fn text_of<'a>(&self, json: &'a Json) -> Result<&'a str> {
        match json.str() {
            Ok(text) => Ok(text),
            Err(_) => self.wrong("this is a string"),
        }
    }

    /// Does something one step further into the text.
    fn within<T>(&mut self, step: fmt::Arguments<'_>, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let len = self.path.len();
        self.path.push_str(&step.to_string());
        let result = work(self);
        self.path.truncate(len);
        result
    }

    fn wrong<T>(&self, what: impl fmt::Display) -> Result<T> {
        let error = Error::new(ErrorKind::Corrupt, OPERATION, what.to_string());
        Err(if self.path.is_empty() { error } else { error.with("path", &self.path) })
    }
}

/// A name with its namespace, unless it brings one.
fn full_name(name: &str, namespace: &str) -> Box<str> {
    if name.contains('.') || namespace.is_empty() {
        return name.trim_start_matches('.').into();
    }
    format!("{namespace}.{name}").into()
}

/// Whether it is a name without dots. Letters of all scripts are, as in Java.
fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c == '_' || c.is_alphabetic();
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let error = Schema::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        error.to_string()
    }

    #[test]
    fn what_is_wrong_says_where() {
        let record = |fields: &str| format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#);
        for (text, expected) in [
            ("{\"type\": \n x}", "line 2, column 2: this is not JSON: a value is missing"),
            ("string", "line 1, column 1: this is not JSON: a value is missing"),
            ("7", "a schema is a name, an object, or an array of them"),
            ("\"strin\"", "there is no type strin"),
            ("{}", "its type is missing"),
            ("{\"type\": \"array\"}", "its items are missing"),
            ("{\"type\": \"map\", \"values\": 1}", "path .values: a schema is a name, an object, or an array of them"),
            ("[\"int\", [\"int\"]]", "a union holds another union"),
            ("[\"int\", {\"type\": \"int\"}]", "a union holds int twice"),
            ("{\"type\": \"record\", \"name\": \"R\"}", "its fields are missing, an array"),
            ("{\"type\": \"record\", \"fields\": []}", "its name is missing"),
            (
                "{\"type\": \"record\", \"name\": \"a-b\", \"fields\": []}",
                "\"a-b\" is not a name: they are letters, digits, and underscores, with dots between the parts",
            ),
            ("{\"type\": \"record\", \"name\": \"int\", \"fields\": []}", "int is the name of a type of Avro's"),
            ("{\"type\": \"enum\", \"name\": \"E\"}", "its symbols are missing"),
            ("{\"type\": \"enum\", \"name\": \"E\", \"symbols\": [\"A\", \"A\"]}", "the symbol A stands there twice"),
            ("{\"type\": \"enum\", \"name\": \"E\", \"symbols\": [\"A\", 1]}", "path .symbols[1]: this is a string"),
            (
                "{\"type\": \"enum\", \"name\": \"E\", \"symbols\": [\"A\"], \"default\": \"B\"}",
                "its default B is none of its symbols",
            ),
            ("{\"type\": \"fixed\", \"name\": \"F\", \"size\": -1}", "its size is missing, a number of bytes"),
            (&record("{\"name\": \"a\"}"), "path .fields[0]: the field's type is missing"),
            (&record("{\"type\": \"int\"}"), "path .fields[0]: the field's name is missing"),
            (
                &record("{\"name\": \"a\", \"type\": \"int\"}, {\"name\": \"a\", \"type\": \"int\"}"),
                "there are two fields a",
            ),
            (
                &record(
                    "{\"name\": \"a\", \"type\": [\"null\", {\"type\": \"array\", \"items\": {\"type\": \"fixed\", \"name\": \"R\", \"size\": 1}}]}",
                ),
                "path .fields[0].type[1].items: R is defined twice",
            ),
        ] {
            assert_eq!(error(text), format!("read Avro schema: {expected}"));
        }
        assert!(error(&"[".repeat(100_000)).contains("nested deeper than 127"));
        assert_eq!(Schema::parse(&" ".repeat(Schema::TEXT_BYTES_MAX + 1)).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn names_take_the_namespace_around_them() {
        let text = r#"{"type": "record", "name": "R", "namespace": "a.b", "fields": [
            {"name": "one", "type": {"type": "fixed", "name": "F", "size": 1}},
            {"name": "two", "type": {"type": "enum", "name": "c.E", "symbols": ["X"]}},
            {"name": "three", "type": {"type": "record", "name": "G", "namespace": "", "fields": [{"name": "self", "type": ["null", "G", "a.b.R"]}]}},
            {"name": "four", "type": ["F", "c.E", "G", "R"]}]}"#;
        let schema = Schema::parse(text).unwrap();
        let names: Vec<_> = schema.nodes.iter().filter_map(Node::names).map(|names| &*names.full).collect();
        assert_eq!((schema.name(), names), (Some("a.b.R"), vec!["a.b.R", "a.b.F", "c.E", "G"]));
    }

    #[test]
    fn references_define_names() {
        let money = r#"{"type": "record", "name": "shop.Money", "fields": [{"name": "cents", "type": "long"}]}"#;
        let item = r#"{"type": "record", "name": "Item", "namespace": "shop", "fields": [{"name": "price", "type": "Money"}]}"#;
        let order = r#"{"type": "array", "items": "shop.Item"}"#;
        let schema = Schema::parse_with_references(order, &[money, item]).unwrap();
        assert!(schema.canonical_form().contains(r#"{"name":"cents","type":"long"}"#));
        Schema::parse_with_references(order, &[money, item, money]).unwrap();
        let error = Schema::parse_with_references(order, &[item]).unwrap_err();
        assert_eq!(error.to_string(), "read Avro schema: path .fields[0].type, reference 1: there is no type Money");
        let other = r#"{"type": "fixed", "name": "shop.Money", "size": 1}"#;
        assert!(
            Schema::parse_with_references(order, &[money, item, other])
                .unwrap_err()
                .to_string()
                .contains("reference 3: shop.Money is defined twice")
        );
    }

    #[test]
    fn forms_that_people_write_are_taken() {
        for text in [
            r#"{"type": {"type": "string", "avro.java.string": "String"}}"#,
            r#"{"type": ["null", "string"]}"#,
            r#"{"type": "error", "name": "E", "fields": [{"name": "straße", "type": "int", "aliases": ["strasse"], "order": "ignore"}]}"#,
            r#"{"type": "record", "name": "R", "namespace": null, "aliases": null, "fields": []}"#,
            "[]",
        ] {
            Schema::parse(text).unwrap();
        }
    }
}
