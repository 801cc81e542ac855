//! Arrays: what all elements are, and what those at the front are.

use kafi_core::Result;
use serde_json::Value;

use crate::compat::found::Found;
use crate::compat::jsonschema::Checker;
use crate::compat::jsonschema::limits::OF_ARRAYS;
use crate::compat::jsonschema::model::{Array, Extra, NodeId, Shape};

impl<'a> Checker<'a> {
    pub(super) fn arrays(&mut self, old: &Array, new: &Array, (was, is): (&'a Value, &'a Value)) -> Result<Found> {
        let mut found = match (old.all, new.all) {
            (Some(old), Some(new)) => self.pair_at("items", old, new)?,
            (None, Some(_)) => {
                self.one("SCHEMA_ADDED", "items", "the elements could be anything, and are described now")
            }
            (_, None) => Found::default(),
        };
        for index in 0..old.items.len().max(new.items.len()) {
            found.merge(&match (old.items.get(index), new.items.get(index)) {
                (Some(old), Some(new)) => self.element(index, *old, *new)?,
                (Some(old), None) => self.element_removed(index, *old, new)?,
                (None, Some(new)) => self.element_added(index, *new, old)?,
                (None, None) => Found::default(),
            });
        }
        let kinds = ["ADDITIONAL_ITEMS_REMOVED", "ADDITIONAL_ITEMS_NARROWED"];
        found.merge(&self.additional("additionalItems", old.additional, new.additional, kinds)?);
        self.bounds(&OF_ARRAYS, was, is, &mut found);
        if is["uniqueItems"] == true && was["uniqueItems"] != true {
            found.push("UNIQUE_ITEMS_ADDED", &self.at("uniqueItems"), "elements may no longer be equal");
        }
        Ok(found)
    }

    fn element(&mut self, index: usize, old: NodeId, new: NodeId) -> Result<Found> {
        self.within("items", |checker| checker.pair_at(&index.to_string(), old, new))
    }

    fn element_removed(&mut self, index: usize, old: NodeId, array: &Array) -> Result<Found> {
        let path = self.at(&format!("items/{index}"));
        match array.additional {
            Extra::Open => Ok(Found::default()),
            Extra::Schema(covering) => {
                let mut found = self.element(index, old, covering)?;
                if !found.is_empty() {
                    let reason = "the element is no longer listed, and what stands for it does not fit";
                    found.push("ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", &path, reason);
                }
                Ok(found)
            }
            Extra::Closed if matches!(self.model.node(old).shape, Shape::Never) => Ok(Found::default()),
            Extra::Closed => {
                let reason = "the element is no longer listed, and others are not allowed";
                Ok(Found::one("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", &path, reason))
            }
        }
    }

    fn element_added(&mut self, index: usize, new: NodeId, array: &Array) -> Result<Found> {
        let path = self.at(&format!("items/{index}"));
        match array.additional {
            Extra::Closed => Ok(Found::default()),
            Extra::Open if matches!(self.model.node(new).shape, Shape::Any) => Ok(Found::default()),
            Extra::Open => {
                let reason = "the element is listed now, and could be anything";
                Ok(Found::one("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", &path, reason))
            }
            Extra::Schema(covering) => {
                let mut found = self.element(index, covering, new)?;
                if !found.is_empty() {
                    let reason = "the element is listed now, and does not fit what stood for it";
                    found.push("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", &path, reason);
                }
                Ok(found)
            }
        }
    }
}
