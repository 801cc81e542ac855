//! How much work a schema can make of one value: how many schemas apply to it one through another, in a row and in all.
//! What says so comes with the schema, and may be anybody's.

use std::collections::HashMap;

use kafi_core::percent_decoded;
use serde_json::Value;

/// How often a schema may apply others to one and the same value, in all.
const PATHS_MAX: u64 = 1 << 20;

/// How many may apply one through another.
const CHAIN_MAX: usize = 1000;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most schemas that apply to one value in a row, each because of the one before.
    pub chain: usize,
    /// How many apply to it in all.
    pub paths: u64,
}

impl Limits {
    /// Looks at a schema and all documents that it may refer to.
    pub fn of<'a>(documents: impl Iterator<Item = (&'a str, &'a Value)>) -> Self {
        let mut graph = Graph::default();
        let roots: Vec<(u32, &str, &Value)> =
            documents.map(|(name, document)| (graph.node(), name, document)).collect();
        for (root, name, document) in &roots {
            graph.roots.push(*root);
            graph.known_as(name, *root);
            graph.add(*root, document);
        }
        graph.resolve();
        graph.measure()
    }

    /// Whether it is so much that nobody honest wrote it.
    pub fn are_too_large(&self) -> bool {
        self.paths > PATHS_MAX || self.chain > CHAIN_MAX
    }
}

/// The objects of all documents, and which of them apply to the same value as which others.
#[derive(Default)]
struct Graph<'a> {
    edges: Vec<Vec<u32>>,
    /// The objects in each object by the steps that lead to them from a root, as a pointer.
    pointers: HashMap<(u32, String), u32>,
    /// The objects by their names: the last part of a URI, or an anchor.
    names: HashMap<&'a str, Vec<u32>>,
    roots: Vec<u32>,
    /// What refers to something, the root of its document, and how.
    references: Vec<(u32, u32, &'a str)>,
}

/// What a keyword of a schema holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Schemas, or a list of them, that apply to the same value.
    Applying,
    /// Such schemas by names.
    ApplyingByName,
    /// Schemas for other values, or no schemas.
    Others,
}

impl<'a> Graph<'a> {
    fn node(&mut self) -> u32 {
        self.edges.push(Vec::new());
        self.edges.len() as u32 - 1
    }

    fn known_as(&mut self, uri: &'a str, node: u32) {
        self.names.entry(last_part(uri)).or_default().push(node);
    }

    /// Takes in a document; texts nest no deeper than JSON may.
    fn add(&mut self, root: u32, document: &'a Value) {
        self.pointers.insert((root, String::new()), root);
        self.walk(root, root, document, &mut String::new());
    }

    fn walk(&mut self, root: u32, node: u32, value: &'a Value, pointer: &mut String) {
        let Value::Object(members) = value else { return };
        for (name, member) in members {
            match (name.as_str(), member) {
                ("$ref" | "$dynamicRef", Value::String(uri)) => self.references.push((node, root, uri)),
                ("$recursiveRef", Value::String(_)) => self.references.push((node, root, "#")),
                ("$id" | "id", Value::String(uri)) => self.known_as(uri, node),
                ("$anchor" | "$dynamicAnchor", Value::String(anchor)) => {
                    self.names.entry(anchor.as_str()).or_default().push(node)
                }
                _ => {}
            }
            let holds = match name.as_str() {
                "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" => Holds::Applying,
                "dependentSchemas" | "dependencies" => Holds::ApplyingByName,
                _ => Holds::Others,
            };
            let len = pointer.len();
            pointer.push('/');
            pointer.push_str(name);
            self.part(root, node, member, pointer, holds);
            pointer.truncate(len);
        }
    }

    /// A part of an object, which may hold schemas that apply to the same value.
    fn part(&mut self, root: u32, node: u32, value: &'a Value, pointer: &mut String, holds: Holds) {
        match value {
            Value::Object(members) if holds == Holds::ApplyingByName => {
                for (name, member) in members {
                    let len = pointer.len();
                    pointer.push('/');
                    pointer.push_str(name);
                    self.part(root, node, member, pointer, Holds::Applying);
                    pointer.truncate(len);
                }
            }
            Value::Object(_) => {
                let part = self.node();
                self.pointers.insert((root, pointer.clone()), part);
                if holds != Holds::Others {
                    self.edges[node as usize].push(part);
                }
                self.walk(root, part, value, pointer);
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let len = pointer.len();
                    pointer.push_str(&format!("/{index}"));
                    self.part(root, node, element, pointer, holds);
                    pointer.truncate(len);
                }
            }
            _ => {}
        }
    }

    /// Makes edges of references: to all that they may mean, where that is not clear.
    fn resolve(&mut self) {
        for (node, root, uri) in std::mem::take(&mut self.references) {
            let (document, fragment) = uri.split_once('#').unwrap_or((uri, ""));
            let roots: Vec<u32> = if document.is_empty() {
                vec![root]
            } else {
                self.names.get(last_part(document)).cloned().unwrap_or_default()
            };
            let mut targets = match fragment.strip_prefix('/') {
                _ if fragment.is_empty() => roots,
                Some(_) => {
                    let pointer = unescaped(fragment);
                    let within = |roots: &[u32]| {
                        roots
                            .iter()
                            .filter_map(|root| self.pointers.get(&(*root, pointer.clone())))
                            .copied()
                            .collect::<Vec<u32>>()
                    };
                    // It may also be a pointer into a part that has a name of its own.
                    Some(within(&roots)).filter(|found| !found.is_empty()).unwrap_or_else(|| within(&self.roots))
                }
                None => self.names.get(fragment).cloned().unwrap_or_default(),
            };
            targets.sort_unstable();
            targets.dedup();
            self.edges[node as usize].extend(targets);
        }
    }

    /// Goes over all objects, those that apply first; no recursion, since a chain can be as long as there are objects.
    fn measure(&self) -> Limits {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let mut states = vec![NEW; self.edges.len()];
        let mut found = vec![Limits { chain: 0, paths: 1 }; self.edges.len()];
        let mut has_cycle = false;
        for start in 0..self.edges.len() {
            let mut stack = vec![(start, 0)];
            while let Some((node, next)) = stack.last_mut() {
                let node = *node;
                if *next == 0 {
                    if states[node] != NEW {
                        stack.pop();
                        continue;
                    }
                    states[node] = OPEN;
                }
                match self.edges[node].get(*next) {
                    Some(target) => {
                        *next += 1;
                        let target = *target as usize;
                        has_cycle |= states[target] == OPEN;
                        if states[target] == NEW {
                            stack.push((target, 0));
                        }
                    }
                    None => {
                        let parts = self.edges[node].iter().map(|target| found[*target as usize]);
                        found[node] = parts.fold(Limits { chain: 0, paths: 1 }, |sum, part| Limits {
                            chain: sum.chain.max(part.chain + 1),
                            paths: sum.paths.saturating_add(part.paths),
                        });
                        states[node] = DONE;
                        stack.pop();
                    }
                }
            }
        }
        let chain = found.iter().map(|limits| limits.chain).max().unwrap_or(0);
        let paths = found.iter().map(|limits| limits.paths).max().unwrap_or(1);
        // In a circle each may come before each other. It may only seem to be one, where names are not clear.
        let all: usize = self.edges.iter().map(Vec::len).sum();
        Limits { chain: if has_cycle { chain.max(all.min(CHAIN_MAX)) } else { chain }, paths }
    }
}

/// What follows the last slash of a URI, without a fragment.
fn last_part(uri: &str) -> &str {
    let uri = uri.split('#').next().unwrap_or(uri);
    uri.rsplit('/').find(|part| !part.is_empty()).unwrap_or(uri)
}

/// A pointer as the names of members, where it has a URI's and a pointer's escapes.
fn unescaped(fragment: &str) -> String {
    percent_decoded(fragment).replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(documents: &[(&str, &str)]) -> (usize, u64) {
        let documents: Vec<(&str, Value)> =
            documents.iter().map(|(name, text)| (*name, serde_json::from_str(text).unwrap())).collect();
        let found = Limits::of(documents.iter().map(|(name, document)| (*name, document)));
        (found.chain, found.paths)
    }

    #[test]
    fn only_what_applies_to_the_same_value_counts() {
        assert_eq!(
            limits(&[("", r#"{"type": "object", "properties": {"a": {"items": {"type": "string"}}}}"#)]),
            (0, 1)
        );
        assert_eq!(limits(&[("", r##"{"properties": {"a": {"$ref": "#"}}}"##)]), (1, 2));
        assert_eq!(limits(&[("", r#"{"anyOf": [{"type": "null"}, {"allOf": [{}, {"not": {}}]}]}"#)]), (3, 6));
        assert_eq!(
            limits(&[("", r##"{"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"if": {}, "then": {}}}}"##)]),
            (2, 4)
        );
        assert_eq!(
            limits(&[(
                "",
                r##"{"allOf": [{"$ref": "#x"}, {"$dynamicRef": "#x"}], "$defs": {"y": {"$anchor": "x", "not": {}}}}"##
            )]),
            (3, 7)
        );
        assert_eq!(
            limits(&[
                ("", r#"{"$ref": "line.json#/definitions/a"}"#),
                ("line.json", r#"{"definitions": {"a": {"dependencies": {"x": {}, "y": ["z"]}}}}"#)
            ]),
            (2, 3)
        );
        assert_eq!(
            limits(&[("", r#"{"$ref": "http://a/b/c.json"}"#), ("x", r#"{"$id": "http://a/b/c.json", "not": {}}"#)]),
            (2, 3)
        );
    }

    #[test]
    fn what_refers_to_itself_and_what_multiplies_is_found() {
        assert_eq!(limits(&[("", r##"{"allOf": [{"$ref": "#"}, {}]}"##)]).0, 3);
        let doubled: Vec<String> = (0..40)
            .map(|at| {
                format!(r##""a{at}": {{"allOf": [{{"$ref": "#/$defs/a{0}"}}, {{"$ref": "#/$defs/a{0}"}}]}}"##, at + 1)
            })
            .collect();
        let text = format!(r##"{{"$ref": "#/$defs/a0", "$defs": {{{}}}}}"##, doubled.join(","));
        let document: Value = serde_json::from_str(&text).unwrap();
        assert!(Limits::of([("", &document)].into_iter()).are_too_large());
        let long: Vec<String> =
            (0..50_000).map(|at| format!(r##""a{at}": {{"$ref": "#/$defs/a{}"}}"##, at + 1)).collect();
        assert_eq!(limits(&[("", &format!(r##"{{"$defs": {{{}}}}}"##, long.join(",")))]), (49_999, 50_000));
    }
}
