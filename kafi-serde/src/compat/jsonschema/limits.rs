//! What bounds strings, numbers, objects, and arrays: loosening a bound fits, tightening it does not.

use serde_json::Value;

use crate::compat::found::Found;
use crate::compat::jsonschema::Checker;

/// A bound: its word, and what it is called when it appears, and when it becomes tighter.
pub(super) struct Bound {
    word: &'static str,
    is_upper: bool,
    added: &'static str,
    tightened: &'static str,
}

const fn upper(word: &'static str, added: &'static str, tightened: &'static str) -> Bound {
    Bound { word, is_upper: true, added, tightened }
}

const fn lower(word: &'static str, added: &'static str, tightened: &'static str) -> Bound {
    Bound { word, is_upper: false, added, tightened }
}

const OF_TEXTS: [Bound; 2] = [
    upper("maxLength", "MAX_LENGTH_ADDED", "MAX_LENGTH_DECREASED"),
    lower("minLength", "MIN_LENGTH_ADDED", "MIN_LENGTH_INCREASED"),
];

const OF_NUMBERS: [Bound; 4] = [
    upper("maximum", "MAXIMUM_ADDED", "MAXIMUM_DECREASED"),
    lower("minimum", "MINIMUM_ADDED", "MINIMUM_INCREASED"),
    upper("exclusiveMaximum", "EXCLUSIVE_MAXIMUM_ADDED", "EXCLUSIVE_MAXIMUM_DECREASED"),
    lower("exclusiveMinimum", "EXCLUSIVE_MINIMUM_ADDED", "EXCLUSIVE_MINIMUM_INCREASED"),
];

pub(super) const OF_OBJECTS: [Bound; 2] = [
    upper("maxProperties", "MAX_PROPERTIES_ADDED", "MAX_PROPERTIES_DECREASED"),
    lower("minProperties", "MIN_PROPERTIES_ADDED", "MIN_PROPERTIES_INCREASED"),
];

pub(super) const OF_ARRAYS: [Bound; 4] = [
    upper("maxItems", "MAX_ITEMS_ADDED", "MAX_ITEMS_DECREASED"),
    lower("minItems", "MIN_ITEMS_ADDED", "MIN_ITEMS_INCREASED"),
    upper("maxContains", "MAX_CONTAINS_ADDED", "MAX_CONTAINS_DECREASED"),
    lower("minContains", "MIN_CONTAINS_ADDED", "MIN_CONTAINS_INCREASED"),
];

impl Checker<'_> {
    pub(super) fn bounds(&self, bounds: &[Bound], old: &Value, new: &Value, found: &mut Found) {
        for bound in bounds {
            // Draft 4 has words that are numbers elsewhere with true and false.
            let number = |schema: &Value| schema.get(bound.word).and_then(Value::as_f64);
            let Some(is) = number(new) else { continue };
            let path = self.at(bound.word);
            match number(old) {
                None => found.push(bound.added, &path, format!("{} is {is}, and was not there", bound.word)),
                Some(was) if if bound.is_upper { is < was } else { is > was } => {
                    let how = if bound.is_upper { "less" } else { "more" };
                    found.push(bound.tightened, &path, format!("{} is {is}, {how} than {was}", bound.word));
                }
                Some(_) => {}
            }
        }
    }

    pub(super) fn texts(&self, old: &Value, new: &Value) -> Found {
        let mut found = Found::default();
        self.bounds(&OF_TEXTS, old, new, &mut found);
        match (old["pattern"].as_str(), new["pattern"].as_str()) {
            (None, Some(_)) => {
                found.push("PATTERN_ADDED", &self.at("pattern"), "there is a pattern, and was none");
            }
            (Some(was), Some(is)) if was != is => {
                found.push("PATTERN_CHANGED", &self.at("pattern"), "the pattern is another one");
            }
            _ => {}
        }
        found
    }

    pub(super) fn numbers(&self, old: &Value, new: &Value) -> Found {
        let mut found = Found::default();
        self.bounds(&OF_NUMBERS, old, new, &mut found);
        let Some(is) = new["multipleOf"].as_f64() else { return found };
        let path = self.at("multipleOf");
        match old["multipleOf"].as_f64() {
            None => found.push("MULTIPLE_OF_ADDED", &path, format!("multipleOf is {is}, and was not there")),
            // The new one divides the old one.
            Some(was) if is_multiple(was, is) => {}
            Some(was) => {
                let kind = if is_multiple(is, was) { "MULTIPLE_OF_EXPANDED" } else { "MULTIPLE_OF_CHANGED" };
                found.push(kind, &path, format!("multipleOf is {is}, which does not divide {was}"));
            }
        }
        found
    }
}

/// Whether a number is a whole multiple of another one, as closely as floating point tells.
fn is_multiple(number: f64, of: f64) -> bool {
    let times = number / of;
    times.is_finite() && (times - times.round()).abs() <= times.abs() * 1e-12
}
