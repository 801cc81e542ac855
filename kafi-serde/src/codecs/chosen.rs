//! The schema that somebody chose, as a file, a text, or a place in the registry.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Field, Registration, Result, SchemaOptions, SchemaVersion, SubjectStrategy, Type};

use crate::codecs::known::KnownSchema;
use crate::codecs::subject::subject_of;
use crate::codecs::{Shared, format_of};
use crate::format::Format;
use crate::registry::Version;
use crate::source::Source;
use crate::wire::SchemaId;

/// What was chosen in place of what payloads name or messages carry.
pub enum Chosen {
    Nothing,
    /// A file or text, compiled.
    Given(Arc<KnownSchema>),
    /// A place in the registry, which is asked when the first message comes.
    InRegistry,
}

impl Chosen {
    /// What the options say. Reads files, but asks no registry.
    pub fn of(options: &SchemaOptions, type_: Type) -> Result<Self> {
        if options.id.is_some() || options.version.is_some() || options.registration == Some(Registration::UseLatest) {
            return Ok(Self::InRegistry);
        }
        let Some(text) = &options.schema else { return Ok(Self::Nothing) };
        let known = KnownSchema::of_source(source_of(text, format_of(type_))?)?;
        check_message(&known, options)?;
        Ok(Self::Given(Arc::new(known)))
    }
}

/// The schema that the options name in the registry, which is asked.
pub fn in_registry(
    shared: &Shared,
    options: &SchemaOptions,
    (topic, field): (&str, Field),
    timeout: Duration,
) -> Result<Arc<KnownSchema>> {
    let registry = shared.registry("choose schema")?;
    if let Some(id) = options.id {
        let found = shared.schema(SchemaId::Number(id), options, field, topic, timeout)?;
        return found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "choose schema", "the registry has no schema of this id")
                .with("registry", registry.name())
                .with("id", id)
        });
    }
    let version = match options.version {
        Some(SchemaVersion::Number(number)) => Version::Number(number),
        Some(SchemaVersion::Latest) | None => Version::Latest,
    };
    let named = match &options.schema {
        Some(text) if options.strategy.unwrap_or_default() != SubjectStrategy::Topic => {
            Some(KnownSchema::of_source(source_of(text, None)?)?)
        }
        _ => None,
    };
    let subject = subject_of(options, topic, field, named.as_ref())?;
    let registered = registry.version(&subject, version, false, timeout)?;
    let mut known = KnownSchema::of_definition(registered.schema, registry, timeout)?;
    known.set_id(Some(registered.id), registered.guid);
    check_message(&known, options)?;
    Ok(Arc::new(known))
}

/// Refuses a message that a Protobuf schema does not have.
fn check_message(known: &KnownSchema, options: &SchemaOptions) -> Result<()> {
    let Some(message) = &options.message else { return Ok(()) };
    if known.format() != Format::Protobuf {
        return Err(Error::new(ErrorKind::Usage, "choose message", "only Protobuf has messages to choose from")
            .with("message", message)
            .with("format", known.format()));
    }
    known.schema().reader(Default::default())?.choose(message)
}

/// A schema as it was written on a command line: `@` and a file, the path of a file that is there, or its text.
///
/// # Errors
/// Those of [`Source::load`] and [`Source::of_text`]; `NotFound` for what looks like the name of a file, and is none.
pub fn source_of(text: &str, format: Option<Format>) -> Result<Source> {
    if let Some(path) = text.strip_prefix('@') {
        return Source::load(Path::new(path), format);
    }
    let path = Path::new(text);
    // A text is longer than a path can be, or has signs that hardly any path has.
    let is_path = text.len() < 4096 && !text.contains(['\n', '{', '"']);
    if is_path && (path.is_file() || path.extension().is_some() && !text.contains(';')) {
        return Source::load(path, format);
    }
    Source::of_text(text, format)
}
