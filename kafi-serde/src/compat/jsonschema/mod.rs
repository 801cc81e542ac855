//! JSON Schema, by the rules of Confluent's registry, with its strict policy.

mod arrays;
mod combined;
mod documents;
mod limits;
mod model;
mod objects;

use std::collections::{BTreeSet, HashMap, HashSet};

use jsonschema::{PatternOptions, Validator};
use kafi_core::Result;
use serde_json::Value;

use crate::compat::found::Found;
use crate::compat::jsonschema::documents::{Documents, Index};
use crate::compat::jsonschema::model::{Criterion, Model, NodeId, Shape};
use crate::compat::{Budget, Incompatibility, with_stack};
use crate::source::Source;

/// How many pairs of schemas are compared.
const PAIRS_MAX: usize = 1 << 18;

/// How often all is compared again, since what was taken to fit while it was compared did not.
const ROUNDS_MAX: usize = 8;

/// How many places of a name a pattern may try, and how large it may become, in bytes.
const BACKTRACK_MAX: usize = 10_000;
const PATTERN_BYTES_MAX: usize = 1 << 20;

pub(super) fn check(reader: &Source, writer: &Source) -> Result<Vec<Incompatibility>> {
    let (new, old) = (Documents::of(reader)?, Documents::of(writer)?);
    with_stack(|| {
        let (new_index, old_index) = (Index::of(&new), Index::of(&old));
        let mut model = Model::default();
        let new = model.add(&new_index)?;
        let old = model.add(&old_index)?;
        let mut checker = Checker {
            model: &model,
            known: HashMap::new(),
            assumed: HashMap::new(),
            relied_on: HashSet::new(),
            was_wrong: false,
            patterns: HashMap::new(),
            budget: Budget::new(PAIRS_MAX),
            path: String::new(),
        };
        checker.all(old, new).map(Found::into_vec)
    })
}

struct Checker<'a> {
    model: &'a Model<'a>,
    /// What was found for a pair, the old one first; `None` while it is compared.
    known: HashMap<(NodeId, NodeId), Option<Found>>,
    /// What was found for pairs in the round before: a recursive pair fits in the first.
    assumed: HashMap<(NodeId, NodeId), Option<Found>>,
    /// The pairs of which that was relied upon.
    relied_on: HashSet<(NodeId, NodeId)>,
    /// Whether one of them turned out to be otherwise.
    was_wrong: bool,
    patterns: HashMap<&'a str, Option<Validator>>,
    budget: Budget,
    path: String,
}

impl<'a> Checker<'a> {
    fn all(&mut self, old: NodeId, new: NodeId) -> Result<Found> {
        let mut found = self.pair(old, new)?;
        for _ in 1..ROUNDS_MAX {
            if !std::mem::take(&mut self.was_wrong) {
                break;
            }
            self.assumed = std::mem::take(&mut self.known);
            found = self.pair(old, new)?;
        }
        Ok(found)
    }

    fn pair(&mut self, old: NodeId, new: NodeId) -> Result<Found> {
        let pair = (self.model.follow(old), self.model.follow(new));
        match self.known.get(&pair) {
            Some(Some(found)) => return Ok(found.clone()),
            // It is being compared.
            Some(None) => {
                self.relied_on.insert(pair);
                return Ok(self.assumption(pair));
            }
            None => {}
        }
        self.budget.enter()?;
        self.known.insert(pair, None);
        let found = self.compare(pair.0, pair.1)?;
        let is_as_assumed = self.assumption(pair).is_empty() == found.is_empty();
        self.was_wrong |= self.relied_on.remove(&pair) && !is_as_assumed;
        self.known.insert(pair, Some(found.clone()));
        self.budget.leave();
        Ok(found)
    }

    fn assumption(&self, pair: (NodeId, NodeId)) -> Found {
        self.assumed.get(&pair).cloned().flatten().unwrap_or_default()
    }

    fn pair_at(&mut self, step: &str, old: NodeId, new: NodeId) -> Result<Found> {
        let len = self.path.len();
        self.path.push('/');
        self.path.push_str(&step.replace('~', "~0").replace('/', "~1"));
        let found = self.pair(old, new);
        self.path.truncate(len);
        found
    }

    fn within<T>(&mut self, step: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let len = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        let done = work(self);
        self.path.truncate(len);
        done
    }

    /// The place of a part of what is looked at.
    fn at(&self, step: &str) -> String {
        format!("{}/{step}", self.path)
    }

    fn compare(&mut self, old: NodeId, new: NodeId) -> Result<Found> {
        let model = self.model;
        let (was, is) = (model.node(old), model.node(new));
        match (&was.shape, &is.shape) {
            (Shape::Combined(criterion, old), Shape::Combined(is, new)) => {
                return self.combined((*criterion, old), (*is, new));
            }
            (_, Shape::Combined(criterion, parts)) => {
                let is_one_enough = parts.len() == 1 || *criterion != Criterion::All;
                if is_one_enough && self.is_any(parts.iter().map(|part| (old, *part)))? {
                    return Ok(Found::default());
                }
            }
            (Shape::Combined(criterion, parts), _) => {
                let is_one_enough = parts.len() == 1 || *criterion == Criterion::All;
                if is_one_enough && self.is_any(parts.iter().map(|part| (*part, new)))? {
                    return Ok(Found::default());
                }
            }
            (Shape::Text, Shape::Text) => return Ok(self.texts(was.value, is.value)),
            (Shape::Number { is_integer: was_integer }, Shape::Number { is_integer }) => {
                let mut found = self.numbers(was.value, is.value);
                if *is_integer && !was_integer {
                    found.push("TYPE_NARROWED", &self.path, "numbers with a fraction are no longer allowed");
                }
                return Ok(found);
            }
            (Shape::Enum, Shape::Enum) => return Ok(self.enums(was.value, is.value)),
            (Shape::Const, Shape::Const) => {
                let is_same = was.value.get("const") == is.value.get("const");
                let reason = "the only value that is allowed is another one";
                return Ok(if is_same { Found::default() } else { self.one("ENUM_ARRAY_CHANGED", "const", reason) });
            }
            (Shape::Not(old), Shape::Not(new)) => {
                // What is excluded must have become less.
                let is_narrowed = self.pair_at("not", *new, *old)?.is_empty();
                let reason = "more is excluded than was";
                return Ok(if is_narrowed { Found::default() } else { self.one("NOT_TYPE_EXTENDED", "not", reason) });
            }
            (Shape::Object(old), Shape::Object(new)) => return self.objects(old, new, (was.value, is.value)),
            (Shape::Array(old), Shape::Array(new)) => return self.arrays(old, new, (was.value, is.value)),
            _ => {}
        }
        let is_fine = std::mem::discriminant(&was.shape) == std::mem::discriminant(&is.shape)
            || matches!((&was.shape, &is.shape), (Shape::Never, _) | (_, Shape::Any));
        if is_fine {
            return Ok(Found::default());
        }
        let reason = format!("it was {}, and is {}", described(&was.shape), described(&is.shape));
        Ok(Found::one("TYPE_CHANGED", &self.path, reason))
    }

    fn is_any(&mut self, pairs: impl Iterator<Item = (NodeId, NodeId)>) -> Result<bool> {
        for (old, new) in pairs {
            if self.pair(old, new)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn one(&self, kind: &'static str, step: &str, reason: &'static str) -> Found {
        Found::one(kind, &self.at(step), reason)
    }

    fn enums(&self, old: &Value, new: &Value) -> Found {
        let values = |schema: &Value| -> BTreeSet<String> {
            schema["enum"].as_array().into_iter().flatten().map(Value::to_string).collect()
        };
        let (old, new) = (values(old), values(new));
        if new.is_superset(&old) {
            return Found::default();
        }
        let gone: Vec<&str> = old.difference(&new).take(8).map(String::as_str).collect();
        let kind = if new.is_subset(&old) { "ENUM_ARRAY_NARROWED" } else { "ENUM_ARRAY_CHANGED" };
        Found::one(kind, &self.at("enum"), format!("no longer allowed are {}", gone.join(", ")))
    }

    /// Whether a property's name is what a pattern describes; one that takes too long describes nothing.
    fn is_match(&mut self, pattern: &'a str, name: &str) -> bool {
        let validator = self.patterns.entry(pattern).or_insert_with(|| {
            let options = PatternOptions::fancy_regex()
                .backtrack_limit(BACKTRACK_MAX)
                .size_limit(PATTERN_BYTES_MAX)
                .dfa_size_limit(PATTERN_BYTES_MAX);
            let schema = serde_json::json!({ "pattern": pattern });
            jsonschema::options().with_pattern_options(options).build(&schema).ok()
        });
        validator.as_ref().is_some_and(|validator| validator.is_valid(&Value::from(name)))
    }
}

fn described(shape: &Shape<'_>) -> &'static str {
    match shape {
        Shape::Any => "anything",
        Shape::Never => "nothing",
        Shape::Null => "null",
        Shape::Boolean => "a boolean",
        Shape::Text => "a string",
        Shape::Number { is_integer: true } => "an integer",
        Shape::Number { is_integer: false } => "a number",
        Shape::Enum => "an enum",
        Shape::Const => "a constant",
        Shape::Conditional => "a condition",
        Shape::Not(_) => "an exclusion",
        Shape::Object(_) => "an object",
        Shape::Array(_) => "an array",
        Shape::Combined(criterion, _) => criterion.word(),
        Shape::Reference(_) => "a reference to itself",
    }
}
