//! Objects: which names may be there, which must, and what they hold.

use std::collections::BTreeSet;

use kafi_core::Result;
use serde_json::Value;

use crate::compat::found::Found;
use crate::compat::jsonschema::Checker;
use crate::compat::jsonschema::limits::OF_OBJECTS;
use crate::compat::jsonschema::model::{Extra, NodeId, Object, Shape};

impl<'a> Checker<'a> {
    pub(super) fn objects(
        &mut self,
        old: &Object<'a>,
        new: &Object<'a>,
        (was, is): (&'a Value, &'a Value),
    ) -> Result<Found> {
        let mut found = self.required(old, new);
        for (name, id) in &old.properties {
            found.merge(&match new.properties.get(name) {
                Some(new) => self.within("properties", |checker| checker.pair_at(name, *id, *new))?,
                None => self.removed(name, *id, new)?,
            });
        }
        for (name, id) in new.properties.iter().filter(|(name, _)| !old.properties.contains_key(*name)) {
            found.merge(&self.added(name, *id, old, new)?);
        }
        found.merge(&self.dependencies(old, new)?);
        found.merge(&self.additional(
            "additionalProperties",
            old.additional,
            new.additional,
            ["ADDITIONAL_PROPERTIES_REMOVED", "ADDITIONAL_PROPERTIES_NARROWED"],
        )?);
        self.bounds(&OF_OBJECTS, was, is, &mut found);
        Ok(found)
    }

    fn required(&self, old: &Object<'a>, new: &Object<'a>) -> Found {
        let mut found = Found::default();
        for name in new.required.iter().filter(|name| !old.required.contains(*name)) {
            let Some(id) = new.properties.get(name).filter(|_| old.properties.contains_key(name)) else { continue };
            if !self.has_default(*id) {
                let reason = format!("the property {name} is required, and was not");
                found.push("REQUIRED_ATTRIBUTE_ADDED", &self.at(&format!("required/{name}")), reason);
            }
        }
        found
    }

    fn has_default(&self, id: NodeId) -> bool {
        self.model.node(id).value.get("default").is_some()
    }

    /// A property that is no longer listed: what is not listed has to take it.
    fn removed(&mut self, name: &str, old: NodeId, new: &Object<'a>) -> Result<Found> {
        if is_open(new) {
            return Ok(Found::default());
        }
        let path = self.at(&format!("properties/{name}"));
        match self.covering(new, name) {
            Some(covering) => {
                let mut found = self.within("properties", |checker| checker.pair_at(name, old, covering))?;
                if !found.is_empty() {
                    let reason = format!("the property {name} is no longer there, and what stands for it does not fit");
                    found.push("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", &path, reason);
                }
                Ok(found)
            }
            None if matches!(self.model.node(old).shape, Shape::Never) => Ok(Found::default()),
            None => {
                let reason = format!("the property {name} is no longer there, and others are not allowed");
                Ok(Found::one("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", &path, reason))
            }
        }
    }

    /// A property that was not listed: what was there by its name so far has to fit.
    fn added(&mut self, name: &str, new: NodeId, old: &Object<'a>, object: &Object<'a>) -> Result<Found> {
        let path = self.at(&format!("properties/{name}"));
        if is_open(old) {
            if matches!(self.model.node(new).shape, Shape::Any) {
                return Ok(Found::default());
            }
            let reason = format!("the property {name} is new, and could be there as anything");
            return Ok(Found::one("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", &path, reason));
        }
        let mut found = Found::default();
        if let Some(covering) = self.covering(old, name) {
            found.merge(&self.within("properties", |checker| checker.pair_at(name, covering, new))?);
            if !found.is_empty() {
                let reason = format!("the property {name} is new, and does not fit what stood for it");
                found.push("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", &path, reason);
            }
        }
        if object.required.contains(name) && !self.has_default(new) {
            let reason = format!("the property {name} is new, and required without a default");
            found.push("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", &path, reason);
        }
        Ok(found)
    }

    /// What says what a property is that is not listed.
    fn covering(&mut self, object: &Object<'a>, name: &str) -> Option<NodeId> {
        let by_pattern = object.patterns.iter().find(|(pattern, _)| self.is_match(pattern, name)).map(|(_, id)| *id);
        by_pattern.or(match object.additional {
            Extra::Schema(id) => Some(id),
            Extra::Open | Extra::Closed => None,
        })
    }

    fn dependencies(&mut self, old: &Object<'a>, new: &Object<'a>) -> Result<Found> {
        let none = BTreeSet::new();
        let mut found = Found::default();
        for (name, is) in &new.dependent_names {
            let was = old.dependent_names.get(name);
            let more: Vec<&str> = is.difference(was.unwrap_or(&none)).copied().collect();
            let kind = match was {
                None => "DEPENDENCY_ARRAY_ADDED",
                Some(_) if more.is_empty() => continue,
                Some(was) if is.is_superset(was) => "DEPENDENCY_ARRAY_EXTENDED",
                Some(_) => "DEPENDENCY_ARRAY_CHANGED",
            };
            let reason = format!("with the property {name} there must be {}, too", more.join(", "));
            found.push(kind, &self.at(&format!("dependencies/{name}")), reason);
        }
        for (name, is) in &new.dependent_schemas {
            match old.dependent_schemas.get(name) {
                Some(was) => {
                    found.merge(&self.within("dependencies", |checker| checker.pair_at(name, *was, *is))?);
                }
                None => {
                    let reason = format!("with the property {name} something has to fit that did not have to");
                    found.push("DEPENDENCY_SCHEMA_ADDED", &self.at(&format!("dependencies/{name}")), reason);
                }
            }
        }
        Ok(found)
    }

    /// What is not listed, of objects and arrays; the kinds are those of what is no longer allowed, and of what is
    /// described now.
    pub(super) fn additional(
        &mut self,
        word: &str,
        old: Extra,
        new: Extra,
        [removed, narrowed]: [&'static str; 2],
    ) -> Result<Found> {
        match (old, new) {
            (Extra::Open | Extra::Schema(_), Extra::Closed) => {
                Ok(Found::one(removed, &self.at(word), "what is not listed is no longer allowed"))
            }
            (Extra::Open, Extra::Schema(_)) => {
                Ok(Found::one(narrowed, &self.at(word), "what is not listed could be anything"))
            }
            (Extra::Schema(old), Extra::Schema(new)) => self.pair_at(word, old, new),
            _ => Ok(Found::default()),
        }
    }
}

/// Whether anything may be there by any name that is not listed.
fn is_open(object: &Object<'_>) -> bool {
    object.patterns.is_empty() && matches!(object.additional, Extra::Open)
}
