//! What does not fit, and where.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// How many of them one part gathers; the rest is more of the same.
const GATHERED_MAX: usize = 100;

/// A reason why one schema cannot read what another one describes.
///
/// Displayed it is its place and the reason: `/fields/0: the reader's field id has no default, …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incompatibility {
    kind: &'static str,
    path: String,
    reason: Cow<'static, str>,
    is_forward: bool,
}

impl Incompatibility {
    pub(crate) fn new(kind: &'static str, path: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, path: path.into(), reason: reason.into(), is_forward: false }
    }

    /// What it is, by the name that Confluent's registry has for it: `FIELD_SCALAR_KIND_CHANGED`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The place in the reader's schema: steps with slashes in front of them, `/fields/0/type`; of Protobuf the names
    /// of messages and oneofs, and the numbers of fields. Empty for the schema as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Why, in words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether it is the older schema that cannot read what the newer one describes, where a
    /// [level](crate::registry::CompatibilityLevel::check) compared both ways; its place is in the older one then.
    pub fn is_forward(&self) -> bool {
        self.is_forward
    }

    pub(super) fn forward(mut self) -> Self {
        self.is_forward = true;
        self
    }
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", if self.path.is_empty() { "/" } else { &self.path }, self.reason)?;
        f.write_str(if self.is_forward { " (where the older schema reads)" } else { "" })
    }
}

/// What was found in a part of the schemas, which may be looked at from several places.
#[derive(Clone, Debug, Default)]
pub(super) struct Found(Vec<Rc<Incompatibility>>);

impl Found {
    pub fn one(kind: &'static str, path: &str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self(vec![Rc::new(Incompatibility::new(kind, path, reason))])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn push(&mut self, kind: &'static str, path: &str, reason: impl Into<Cow<'static, str>>) {
        self.merge(&Self::one(kind, path, reason));
    }

    /// Takes in what is not there yet.
    pub fn merge(&mut self, other: &Self) {
        for found in &other.0 {
            if self.0.len() == GATHERED_MAX {
                return;
            }
            if !self.0.iter().any(|known| Rc::ptr_eq(known, found) || known == found) {
                self.0.push(Rc::clone(found));
            }
        }
    }

    pub fn into_vec(self) -> Vec<Incompatibility> {
        self.0.into_iter().map(|found| Rc::try_unwrap(found).unwrap_or_else(|found| (*found).clone())).collect()
    }
}
