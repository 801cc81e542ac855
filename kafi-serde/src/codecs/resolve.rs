//! What schemas refer to, fetched from the registry where they are.

use std::collections::HashSet;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Result};

use crate::registry::{Reference, Registry, SchemaDefinition, Version};

const OPERATION: &str = "resolve references of schema";

/// How many schemas one may refer to, directly or not.
const REFERENCES_MAX: usize = 1000;

/// How deep references may lead from one to the next.
pub const DEPTH_MAX: usize = 64;

/// The names and texts of everything that a schema refers to, those first that others need.
///
/// # Errors
/// Those of the registry, with the reference; `Corrupt` where references lead back to where they came from; `TooLarge`
/// for more than 1000, or deeper than 64.
pub fn resolve(
    definition: &SchemaDefinition,
    registry: &dyn Registry,
    timeout: Duration,
) -> Result<Vec<(String, String)>> {
    let mut resolving = Resolving { registry, timeout, above: Vec::new(), seen: HashSet::new(), found: Vec::new() };
    resolving.all_of(definition)?;
    Ok(resolving.found)
}

struct Resolving<'a> {
    registry: &'a dyn Registry,
    timeout: Duration,
    /// What refers to what is looked at.
    above: Vec<(String, u32)>,
    seen: HashSet<(String, String, u32)>,
    found: Vec<(String, String)>,
}

impl Resolving<'_> {
    fn all_of(&mut self, definition: &SchemaDefinition) -> Result<()> {
        for reference in &definition.references {
            let at = (reference.subject.clone(), reference.version);
            if self.above.contains(&at) {
                return Err(wrong(ErrorKind::Corrupt, "the references lead back to where they came from", reference));
            }
            if !self.seen.insert((reference.name.clone(), at.0.clone(), at.1)) {
                continue;
            }
            if self.seen.len() > REFERENCES_MAX || self.above.len() >= DEPTH_MAX {
                return Err(wrong(ErrorKind::TooLarge, "it refers to too many schemas", reference));
            }
            let referred = fetch(self.registry, reference, self.timeout)?;
            self.above.push(at);
            self.all_of(&referred)?;
            self.above.pop();
            self.found.push((reference.name.clone(), referred.text));
        }
        Ok(())
    }
}

/// What a reference leads to, also if it was deleted meanwhile.
pub fn fetch(registry: &dyn Registry, reference: &Reference, timeout: Duration) -> Result<SchemaDefinition> {
    let version = registry.version(&reference.subject, Version::Number(reference.version), true, timeout);
    version.map(|version| version.schema).map_err(|error| error.with("reference", &reference.name))
}

/// An error of a reference.
pub fn wrong(kind: ErrorKind, what: &'static str, reference: &Reference) -> Error {
    Error::new(kind, OPERATION, what)
        .with("reference", &reference.name)
        .with("subject", &reference.subject)
        .with("version", reference.version)
}
