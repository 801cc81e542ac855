//! A JSON Schema as Confluent's registry sees it: each schema is of one class, and what says several things at once is
//! all of its parts. What is the same place in the text is one node, so that recursion ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kafi_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use crate::compat::OPERATION;
use crate::compat::jsonschema::documents::{Index, Scope};

/// Where a schema stands in the model.
pub(super) type NodeId = u32;

/// All schemas of both texts.
#[derive(Default)]
pub(super) struct Model<'a> {
    nodes: Vec<Node<'a>>,
    /// The nodes by where their JSON lies in memory.
    places: HashMap<*const Value, NodeId>,
    left: Vec<(NodeId, Scope<'a>)>,
}

/// A schema.
pub(super) struct Node<'a> {
    pub value: &'a Value,
    pub shape: Shape<'a>,
}

/// The class of a schema.
pub(super) enum Shape<'a> {
    /// `true`, or an object that says nothing.
    Any,
    /// `false`.
    Never,
    Null,
    Boolean,
    Text,
    Number {
        is_integer: bool,
    },
    Enum,
    Const,
    /// What has `if`, `then`, `else`, which are not compared.
    Conditional,
    Not(NodeId),
    Object(Box<Object<'a>>),
    Array(Array),
    Combined(Criterion, Vec<NodeId>),
    Reference(NodeId),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Criterion {
    All,
    Any,
    One,
}

/// What an object may hold, or an array, besides what is listed.
#[derive(Clone, Copy)]
pub(super) enum Extra {
    Open,
    Closed,
    Schema(NodeId),
}

pub(super) struct Object<'a> {
    pub properties: BTreeMap<&'a str, NodeId>,
    pub patterns: Vec<(&'a str, NodeId)>,
    pub additional: Extra,
    pub required: BTreeSet<&'a str>,
    /// The names that have to be there with another.
    pub dependent_names: BTreeMap<&'a str, BTreeSet<&'a str>>,
    pub dependent_schemas: BTreeMap<&'a str, NodeId>,
}

pub(super) struct Array {
    /// What all elements are.
    pub all: Option<NodeId>,
    /// What the first ones are.
    pub items: Vec<NodeId>,
    pub additional: Extra,
}

const OBJECT_WORDS: [&str; 10] = [
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
];
const ARRAY_WORDS: [&str; 7] =
    ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"];
const NUMBER_WORDS: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const TEXT_WORDS: [&str; 4] = ["minLength", "maxLength", "pattern", "format"];

impl Criterion {
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "allOf",
            Self::Any => "anyOf",
            Self::One => "oneOf",
        }
    }
}

impl<'a> Model<'a> {
    pub fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    /// The schema that a reference stands for in the end; one that only refers to itself stands for itself.
    pub fn follow(&self, mut id: NodeId) -> NodeId {
        for _ in 0..self.nodes.len() {
            match self.node(id).shape {
                Shape::Reference(target) => id = target,
                _ => return id,
            }
        }
        id
    }

    /// Takes in the first of the documents, and all that it leads to.
    pub fn add(&mut self, index: &'a Index<'a>) -> Result<NodeId> {
        let root = self.place(index.root(), index.scope());
        // No recursion, since references can lead as far as there are schemas.
        while let Some((id, scope)) = self.left.pop() {
            let value = self.node(id).value;
            let shape = self.shape(value, scope)?;
            self.nodes[id as usize].shape = shape;
        }
        Ok(root)
    }

    fn push(&mut self, value: &'a Value, shape: Shape<'a>) -> NodeId {
        self.nodes.push(Node { value, shape });
        self.nodes.len() as NodeId - 1
    }

    /// The node of a schema, which is looked at later.
    fn place(&mut self, value: &'a Value, scope: Scope<'a>) -> NodeId {
        if let Some(id) = self.places.get(&std::ptr::from_ref(value)) {
            return *id;
        }
        let id = self.push(value, Shape::Any);
        self.places.insert(value, id);
        self.left.push((id, scope));
        id
    }

    fn places(&mut self, values: &'a [Value], scope: Scope<'a>) -> Vec<NodeId> {
        values.iter().map(|value| self.place(value, scope)).collect()
    }

    fn shape(&mut self, value: &'a Value, scope: Scope<'a>) -> Result<Shape<'a>> {
        let words = match value {
            Value::Object(words) => words,
            Value::Bool(false) => return Ok(Shape::Never),
            _ => return Ok(Shape::Any),
        };
        let scope = scope.within(value);
        let mut parts = Vec::new();
        let reference = ["$ref", "$dynamicRef", "$recursiveRef"].iter().find_map(|word| words.get(*word)?.as_str());
        if let Some(reference) = reference {
            let missing =
                || Error::new(ErrorKind::Corrupt, OPERATION, "a reference leads nowhere").with("reference", reference);
            let (target, within) = scope.resolve(reference).ok_or_else(missing)?;
            let target = Shape::Reference(self.place(target, within));
            if scope.is_reference_alone() {
                return Ok(target);
            }
            parts.push(target);
        }
        self.parts(words, scope, &mut parts);
        let last = parts.pop();
        if parts.is_empty() {
            return Ok(last.unwrap_or(Shape::Any));
        }
        let ids = parts.into_iter().chain(last).map(|part| self.push(value, part)).collect();
        Ok(Shape::Combined(Criterion::All, ids))
    }

    /// All that an object says, each as a schema of its own.
    fn parts(&mut self, words: &'a Map<String, Value>, scope: Scope<'a>, parts: &mut Vec<Shape<'a>>) {
        let has = |names: &[&str]| names.iter().any(|name| words.contains_key(*name));
        if has(&["enum"]) {
            parts.push(Shape::Enum);
        }
        for criterion in [Criterion::All, Criterion::Any, Criterion::One] {
            if let Some(Value::Array(schemas)) = words.get(criterion.word()) {
                let ids = self.places(&schemas[..], scope);
                parts.push(Shape::Combined(criterion, self.distinct(ids)));
            }
        }
        if let Some(not) = words.get("not") {
            parts.push(Shape::Not(self.place(not, scope)));
        }
        if has(&["const"]) {
            parts.push(Shape::Const);
        }
        match words.get("type") {
            Some(Value::String(type_)) => parts.push(self.typed(type_, words, scope)),
            Some(Value::Array(types)) => {
                let types = types.iter().filter_map(Value::as_str);
                let shapes: Vec<Shape<'a>> = types.map(|type_| self.typed(type_, words, scope)).collect();
                let value = scope.value();
                let ids = shapes.into_iter().map(|shape| self.push(value, shape)).collect();
                parts.push(Shape::Combined(Criterion::Any, ids));
            }
            _ if has(&ARRAY_WORDS) => parts.push(self.typed("array", words, scope)),
            _ if has(&OBJECT_WORDS) => parts.push(self.typed("object", words, scope)),
            _ if has(&NUMBER_WORDS) => parts.push(Shape::Number { is_integer: false }),
            _ if has(&TEXT_WORDS) => parts.push(Shape::Text),
            _ => {}
        }
        if has(&["if"]) {
            parts.push(Shape::Conditional);
        }
    }

    /// Each schema once.
    fn distinct(&self, mut ids: Vec<NodeId>) -> Vec<NodeId> {
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(self.node(*id).value.to_string()));
        ids
    }

    fn typed(&mut self, type_: &str, words: &'a Map<String, Value>, scope: Scope<'a>) -> Shape<'a> {
        match type_ {
            "null" => Shape::Null,
            "boolean" => Shape::Boolean,
            "string" => Shape::Text,
            "number" => Shape::Number { is_integer: false },
            "integer" => Shape::Number { is_integer: true },
            "array" => Shape::Array(self.array(words, scope)),
            "object" => Shape::Object(Box::new(self.object(words, scope))),
            _ => Shape::Any,
        }
    }

    fn extra(&mut self, value: Option<&'a Value>, scope: Scope<'a>) -> Extra {
        match value {
            None | Some(Value::Bool(true)) => Extra::Open,
            Some(Value::Bool(false)) => Extra::Closed,
            Some(schema) => Extra::Schema(self.place(schema, scope)),
        }
    }

    fn array(&mut self, words: &'a Map<String, Value>, scope: Scope<'a>) -> Array {
        let (listed, rest) = match (words.get("prefixItems"), words.get("items")) {
            (Some(Value::Array(listed)), rest) => (Some(listed), rest),
            (_, Some(Value::Array(listed))) => (Some(listed), words.get("additionalItems")),
            (_, all) => {
                let all = all.map(|all| self.place(all, scope));
                return Array { all, items: Vec::new(), additional: Extra::Open };
            }
        };
        let items = listed.map_or_else(Vec::new, |listed| self.places(&listed[..], scope));
        let additional = self.extra(rest.or_else(|| words.get("unevaluatedItems")), scope);
        Array { all: None, items, additional }
    }

    fn object(&mut self, words: &'a Map<String, Value>, scope: Scope<'a>) -> Object<'a> {
        let members = |word: &str| words.get(word).and_then(Value::as_object).into_iter().flatten();
        let additional = words.get("additionalProperties").or_else(|| words.get("unevaluatedProperties"));
        let mut object = Object {
            properties: members("properties").map(|(name, value)| (&**name, self.place(value, scope))).collect(),
            patterns: members("patternProperties").map(|(name, value)| (&**name, self.place(value, scope))).collect(),
            additional: self.extra(additional, scope),
            required: words.get("required").map(names).unwrap_or_default(),
            dependent_names: BTreeMap::new(),
            dependent_schemas: BTreeMap::new(),
        };
        let dependencies =
            members("dependencies").chain(members("dependentRequired")).chain(members("dependentSchemas"));
        for (name, dependency) in dependencies {
            if dependency.is_array() {
                object.dependent_names.insert(name, names(dependency));
            } else {
                object.dependent_schemas.insert(name, self.place(dependency, scope));
            }
        }
        object
    }
}

/// The names in an array of them.
fn names(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
