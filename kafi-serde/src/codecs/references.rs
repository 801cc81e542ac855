//! What schemas refer to, brought to the registry where they are to be.

use std::sync::Arc;
use std::time::Duration;

use kafi_core::{ErrorKind, Registration, Result, SchemaOptions};

use crate::codecs::known::{KnownSchema, Origin};
use crate::codecs::resolve::{DEPTH_MAX, fetch, wrong};
use crate::format::Format;
use crate::registry::{LookupOptions, Reference, RegisterOptions, Registry, SchemaDefinition};
use crate::source::Source;

/// The definition of a schema as this registry takes it: what it refers to is registered there first, or has to be.
///
/// # Errors
/// Those of the registry.
pub fn definition_for(
    known: &KnownSchema,
    registry: &Arc<dyn Registry>,
    options: &SchemaOptions,
    timeout: Duration,
) -> Result<SchemaDefinition> {
    match known.origin() {
        Origin::Registry(definition, origin) if is_same(origin, registry) => Ok(definition.clone()),
        Origin::Registry(definition, origin) => {
            carried(definition, origin.as_ref(), &Into { registry: registry.as_ref(), options, timeout }, 0)
        }
        Origin::Source(source) => of_source(source, &Into { registry: registry.as_ref(), options, timeout }),
    }
}

/// Whether two handles are on one registry.
pub fn is_same(one: &Arc<dyn Registry>, other: &Arc<dyn Registry>) -> bool {
    Arc::ptr_eq(one, other) || one.name() == other.name()
}

/// Where schemas are brought to, and how.
struct Into<'a> {
    registry: &'a dyn Registry,
    options: &'a SchemaOptions,
    timeout: Duration,
}

impl Into<'_> {
    /// A reference to a schema, which is registered under this subject, or looked up there.
    fn reference(&self, name: &str, subject: &str, definition: &SchemaDefinition) -> Result<Reference> {
        let lookup = || {
            let options =
                LookupOptions { normalize: self.options.normalize.unwrap_or_default(), ..LookupOptions::default() };
            self.registry.lookup(subject, definition, options, self.timeout).map(|found| found.version)
        };
        let version = if self.options.registration.unwrap_or_default() == Registration::Register {
            let options =
                RegisterOptions { normalize: self.options.normalize.unwrap_or_default(), ..RegisterOptions::default() };
            let registered = self.registry.register(subject, definition, options, self.timeout)?;
            registered.version.map_or_else(lookup, Ok)
        } else {
            lookup()
        };
        let version = version.map_err(|error| error.with("reference", name))?;
        Ok(Reference { name: name.to_string(), subject: subject.to_string(), version })
    }
}

/// The definition of a schema of another registry.
fn carried(
    definition: &SchemaDefinition,
    origin: &dyn Registry,
    into: &Into<'_>,
    depth: usize,
) -> Result<SchemaDefinition> {
    let mut carried_definition = definition.clone();
    for reference in &mut carried_definition.references {
        if depth >= DEPTH_MAX {
            return Err(wrong(ErrorKind::TooLarge, "it refers to too many schemas", reference));
        }
        let referred = fetch(origin, reference, into.timeout)?;
        let referred = carried(&referred, origin, into, depth + 1)?;
        *reference = into.reference(&reference.name, &reference.subject, &referred)?;
    }
    Ok(carried_definition)
}

/// The definition of a file or text. What it refers to is registered under the names by which it does, as the official
/// serialisers of Protobuf do it.
fn of_source(source: &Source, into: &Into<'_>) -> Result<SchemaDefinition> {
    let mut known: Vec<Reference> = Vec::new();
    for (name, text) in source.references() {
        let definition = with_references(source.format(), name, text, &known);
        known.push(into.reference(name, name, &definition)?);
    }
    Ok(with_references(source.format(), source.name(), source.text(), &known))
}

/// The definition of a text that refers to some of these; of Avro, which does not say to which, to all.
#[cfg_attr(
    not(any(feature = "protobuf", feature = "jsonschema")),
    allow(unused_variables, reason = "Avro does not name what it refers to")
)]
fn with_references(format: Format, name: &str, text: &str, known: &[Reference]) -> SchemaDefinition {
    let names: Option<Vec<String>> = match format {
        #[cfg(feature = "protobuf")]
        Format::Protobuf => Some(crate::protobuf::imports_of(name, text)),
        #[cfg(feature = "jsonschema")]
        Format::JsonSchema => Some(crate::jsonschema::references_of(name, text)),
        #[allow(unreachable_patterns, reason = "in some builds there is no other format")]
        _ => None,
    };
    let is_meant = |reference: &&Reference| names.as_ref().is_none_or(|names| names.contains(&reference.name));
    let mut definition = SchemaDefinition::new(format, text);
    definition.references = known.iter().filter(is_meant).cloned().collect();
    definition
}
