//! A JSON Schema with the documents that it refers to, and what its references lead to.

use std::collections::HashMap;

use jsonschema::Draft;
use kafi_core::{Result, percent_decoded};
use serde_json::Value;

use crate::jsonschema::{draft_of, value_of};
use crate::source::Source;

/// The documents of one schema.
pub(super) struct Documents {
    /// The schema itself comes first.
    all: Vec<Value>,
    draft: Draft,
    /// The name of each document but the first.
    names: Vec<String>,
}

/// The documents by their names, and what in them has one.
pub(super) struct Index<'a> {
    documents: &'a Documents,
    /// Each with the document that it stands in.
    ids: HashMap<&'a str, (&'a Value, &'a Value)>,
    /// The same by the last part of its id.
    last_parts: HashMap<&'a str, (&'a Value, &'a Value)>,
    anchors: HashMap<(*const Value, &'a str), &'a Value>,
}

/// Where in its documents a schema stands.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    index: &'a Index<'a>,
    /// The document.
    root: &'a Value,
    /// The nearest schema around it that has an id, or the document.
    base: &'a Value,
    value: &'a Value,
}

impl Documents {
    /// Compiles the source, so that what is wrong with it is said as everywhere, and takes it apart.
    pub fn of(source: &Source) -> Result<Self> {
        source.compile()?;
        let schema = value_of(source.text())?;
        let draft = draft_of(&schema)?;
        let mut documents = Self { all: vec![schema], draft, names: Vec::new() };
        for (name, text) in source.references() {
            documents.names.push(name.trim_start_matches("./").into());
            documents.all.push(value_of(text)?);
        }
        Ok(documents)
    }
}

impl<'a> Index<'a> {
    pub fn of(documents: &'a Documents) -> Self {
        let mut index = Self { documents, ids: HashMap::new(), last_parts: HashMap::new(), anchors: HashMap::new() };
        for (name, document) in documents.names.iter().zip(&documents.all[1..]) {
            index.know(name, document, document);
        }
        for document in &documents.all {
            index.look(document, document);
        }
        index
    }

    pub fn root(&self) -> &'a Value {
        &self.documents.all[0]
    }

    pub fn scope(&'a self) -> Scope<'a> {
        let root = self.root();
        Scope { index: self, root, base: root, value: root }
    }

    fn know(&mut self, name: &'a str, root: &'a Value, value: &'a Value) {
        let name = name.trim_end_matches('#');
        self.ids.entry(name).or_insert((root, value));
        self.last_parts.entry(last_part(name)).or_insert((root, value));
    }

    /// Looks for names in a document; texts nest no deeper than JSON may.
    fn look(&mut self, root: &'a Value, value: &'a Value) {
        match value {
            Value::Array(elements) => elements.iter().for_each(|element| self.look(root, element)),
            Value::Object(members) => {
                let anchors = ["$anchor", "$dynamicAnchor"].iter().filter_map(|word| members.get(*word)?.as_str());
                for anchor in anchors.chain(id_of(value).and_then(|id| id.strip_prefix('#'))) {
                    self.anchors.entry((root, anchor)).or_insert(value);
                }
                if let Some(id) = id_of(value).filter(|id| !id.starts_with('#')) {
                    self.know(id, root, value);
                }
                members.values().for_each(|member| self.look(root, member));
            }
            _ => {}
        }
    }
}

impl<'a> Scope<'a> {
    /// The scope of a schema in this one.
    pub fn within(self, value: &'a Value) -> Self {
        let base = if id_of(value).is_some_and(|id| !id.starts_with('#')) { value } else { self.base };
        Self { base, value, ..self }
    }

    pub fn value(self) -> &'a Value {
        self.value
    }

    /// Whether nothing counts that stands beside a reference, as before the draft 2019-09.
    pub fn is_reference_alone(self) -> bool {
        matches!(self.index.documents.draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7)
    }

    /// What a reference leads to, and the scope of that.
    pub fn resolve(self, reference: &str) -> Option<(&'a Value, Scope<'a>)> {
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let (root, base) = match document {
            "" => (self.root, self.base),
            _ => self.named(document)?,
        };
        let fragment = percent_decoded(fragment);
        let target = if fragment.is_empty() {
            base
        } else if fragment.starts_with('/') {
            base.pointer(&fragment).or_else(|| root.pointer(&fragment))?
        } else {
            *self.index.anchors.get(&(std::ptr::from_ref(root), fragment.as_str()))?
        };
        Some((target, Scope { root, base, value: target, ..self }))
    }

    /// What has this URI: as it is, relative to the own one, or by its last part.
    fn named(self, uri: &str) -> Option<(&'a Value, &'a Value)> {
        let trimmed = uri.trim_start_matches("./");
        let own = id_of(self.base).and_then(|id| id.rsplit_once('/')).map(|(base, _)| format!("{base}/{trimmed}"));
        let ids = &self.index.ids;
        let found = ids.get(uri).or_else(|| ids.get(trimmed)).or_else(|| ids.get(own?.as_str()));
        found.or_else(|| self.index.last_parts.get(last_part(trimmed))).copied()
    }
}

fn last_part(uri: &str) -> &str {
    uri.rsplit('/').find(|part| !part.is_empty()).unwrap_or(uri)
}

/// The id of a schema, in any draft.
fn id_of(value: &Value) -> Option<&str> {
    value.get("$id").or_else(|| value.get("id")).and_then(Value::as_str)
}
