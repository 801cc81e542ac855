//! `json["bla"][0]`, to read and to change.

use std::ops::{Index, IndexMut};
use std::sync::{Arc, OnceLock};

use crate::json::path::Missing;
use crate::json::{Json, Source, Step};

/// The null that lookups give once a value has seen too many of them fail.
static NULL: Json = Json::null();

impl Index<&str> for Json {
    type Output = Self;

    /// The member of this name; null if there is none.
    fn index(&self, name: &str) -> &Self {
        self.lookup(Step::Name(name))
    }
}

impl Index<usize> for Json {
    type Output = Self;

    /// The element at this index; null if there is none.
    fn index(&self, at: usize) -> &Self {
        self.lookup(Step::At(at))
    }
}

impl IndexMut<&str> for Json {
    /// The member of this name, added as null if there is none; a null becomes an object first.
    ///
    /// # Panics
    /// If this is not an object; [`Json::set`] gives an error instead.
    fn index_mut(&mut self, name: &str) -> &mut Self {
        self.slot(Step::Name(name)).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl IndexMut<usize> for Json {
    /// The element at this index.
    ///
    /// # Panics
    /// If this is not an array, or too short; [`Json::set`] gives an error instead.
    fn index_mut(&mut self, at: usize) -> &mut Self {
        self.slot(Step::At(at)).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Json {
    fn lookup(&self, step: Step<'_>) -> &Self {
        if let Some(found) = self.get(step) {
            return found;
        }
        let make =
            || Self { source: Source::Missing(Arc::new(Missing::new(&self.source, step))), node: OnceLock::new() };
        self.node().miss(step, make).unwrap_or(&NULL)
    }

    /// What was looked for, if this is what a failed lookup gave.
    pub(super) fn missing(&self) -> Option<&Missing> {
        match &self.source {
            Source::Missing(missing) => Some(missing),
            _ => None,
        }
    }
}
