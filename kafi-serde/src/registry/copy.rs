//! Copies subjects from one registry to another: with the ids that they have, or with new ones.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Result};

use crate::registry::{
    Code, Deleted, LookupOptions, Mode, RegisterOptions, RegisteredSchema, Registry, SchemaDefinition, Version,
};

const OPERATION: &str = "copy schemas";

/// How long a chain of references may be.
const DEPTH_MAX: usize = 100;

/// What of a registry is copied, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaCopyOptions {
    /// Whether ids and versions stay as they are, by the mode [`Import`](Mode::Import) of each subject. Otherwise the
    /// target gives new ones, and its levels of compatibility apply.
    pub keep_ids: bool,
    /// Whether versions that were deleted, but not permanently, come along, and are deleted there, too.
    pub deleted: bool,
    /// Subjects that have another name in the target, by their names in the source. What refers to them follows.
    pub renamed: HashMap<String, String>,
    /// Whether it is only looked what would be done: nothing is changed in the target.
    pub dry_run: bool,
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedSchema {
    /// The subject in the source.
    pub subject: String,
    /// The version in the source.
    pub version: u32,
    /// The id in the source.
    pub id: u32,
    /// The version in the target; `None` where it was only looked what would be done, and the target would give one.
    pub target_version: Option<u32>,
    /// The id in the target, or `None` likewise.
    pub target_id: Option<u32>,
    /// Whether it was there already.
    pub existed: bool,
}

/// Copies subjects with their versions, those first that others refer to, which come along wherever they are. What is
/// in the target already is left alone, so that a copy that was interrupted can be made again. `each` is told of every
/// version that is done; its error ends the copy.
///
/// Each question to a registry blocks up to `timeout`.
///
/// # Errors
/// Those of both registries and of `each`; `Conflict` where the target has another schema in the place of one whose ids
/// are to be kept, or a schema does not fit to those that are there; `Unsupported` for a target that does not keep ids;
/// `Corrupt` for schemas that refer to themselves in a circle. The modes of subjects are as they were, also then.
pub fn copy_schemas(
    source: &dyn Registry,
    target: &dyn Registry,
    subjects: &[String],
    (options, timeout): (&SchemaCopyOptions, Duration),
    each: &mut dyn FnMut(&CopiedSchema) -> Result<()>,
) -> Result<()> {
    let mut copier = Copier {
        source,
        target,
        options,
        timeout,
        each,
        known: HashMap::new(),
        open: HashSet::new(),
        done: HashMap::new(),
        modes: Vec::new(),
        to_delete: Vec::new(),
        is_importing: options.keep_ids && !options.dry_run && target.mode(None, false, timeout)? == Mode::Import,
    };
    let copied = subjects.iter().try_for_each(|subject| copier.subject(subject));
    let restored = copier.restore_modes();
    copied?;
    restored?;
    copier.delete()
}

/// A version of a subject.
type Place = (String, u32);

struct Copier<'a> {
    source: &'a dyn Registry,
    target: &'a dyn Registry,
    options: &'a SchemaCopyOptions,
    timeout: Duration,
    each: &'a mut dyn FnMut(&CopiedSchema) -> Result<()>,
    /// The versions of the source's subjects that are not deleted.
    known: HashMap<String, Vec<u32>>,
    /// What is being copied, each for the one before it.
    open: HashSet<Place>,
    /// The version in the target of what is done, as far as it is known.
    done: HashMap<Place, Option<u32>>,
    /// The modes that subjects had before.
    modes: Vec<(String, Option<Mode>)>,
    /// What was deleted in the source, by its places in the target.
    to_delete: Vec<Place>,
    /// Whether the whole target takes ids.
    is_importing: bool,
}

impl Copier<'_> {
    fn subject(&mut self, subject: &str) -> Result<()> {
        let versions = match self.options.deleted {
            true => self.source.versions(subject, Deleted::Included, self.timeout)?,
            false => self.there(subject)?.to_vec(),
        };
        versions.into_iter().try_for_each(|version| self.version(subject, version))
    }

    /// The versions of a subject of the source that are not deleted; none where all are.
    fn there(&mut self, subject: &str) -> Result<&[u32]> {
        if !self.known.contains_key(subject) {
            let versions = match self.source.versions(subject, Deleted::Excluded, self.timeout) {
                Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
                versions => versions?,
            };
            self.known.insert(subject.to_string(), versions);
        }
        Ok(&self.known[subject])
    }

    fn version(&mut self, subject: &str, version: u32) -> Result<()> {
        let place = (subject.to_string(), version);
        if self.done.contains_key(&place) {
            return Ok(());
        }
        let located = |kind, why: &str| {
            Error::new(kind, OPERATION, why)
                .with("registry", self.source.name())
                .with("subject", subject)
                .with("version", version)
        };
        if self.open.contains(&place) {
            return Err(located(ErrorKind::Corrupt, "it refers to itself, through what it refers to"));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(located(ErrorKind::TooLarge, "it stands at the end of more than 100 references"));
        }
        self.open.insert(place.clone());
        let found = self.source.version(subject, Version::Number(version), true, self.timeout)?;
        for reference in &found.schema.references {
            // The target numbers the versions of a subject as they come.
            let earlier: Vec<u32> = self
                .there(&reference.subject)?
                .iter()
                .copied()
                .filter(|earlier| *earlier < reference.version)
                .collect();
            for version in earlier.into_iter().chain([reference.version]) {
                self.version(&reference.subject, version)?;
            }
        }
        let copied = if self.options.keep_ids { self.with_its_id(&found)? } else { self.with_a_new_id(&found)? };
        self.open.remove(&place);
        self.done.insert(place, copied.target_version);
        if !self.there(subject)?.contains(&version)
            && let Some(target_version) = copied.target_version.filter(|_| !self.options.dry_run)
        {
            self.to_delete.push((self.name_of(subject).to_string(), target_version));
        }
        (self.each)(&copied)
    }

    /// What a subject of the source is called in the target.
    fn name_of<'s>(&'s self, subject: &'s str) -> &'s str {
        self.options.renamed.get(subject).map_or(subject, String::as_str)
    }

    /// A schema as the target gets it: its references lead to where the target has what they mean.
    fn for_target(&self, found: &RegisteredSchema) -> SchemaDefinition {
        let mut schema: SchemaDefinition = found.schema.clone();
        for reference in &mut schema.references {
            let place = (reference.subject.clone(), reference.version);
            if !self.options.keep_ids
                && let Some(Some(version)) = self.done.get(&place)
            {
                reference.version = *version;
            }
            reference.subject = self.name_of(&reference.subject).to_string();
        }
        schema
    }

    fn with_its_id(&mut self, found: &RegisteredSchema) -> Result<CopiedSchema> {
        let (at, subject) = (Version::Number(found.version), self.name_of(&found.subject).to_string());
        let wrong = |kind, why: String| {
            Error::new(kind, OPERATION, why)
                .with("registry", self.target.name())
                .with("subject", &subject)
                .with("version", found.version)
        };
        match self.target.version(&subject, at, true, self.timeout) {
            Ok(there) if there.id == found.id => return Ok(copied(found, Some((found.version, found.id)), true)),
            Ok(there) => {
                return Err(wrong(
                    ErrorKind::Conflict,
                    format!("the id {} is there, instead of {}", there.id, found.id),
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if self.options.dry_run {
            return Ok(copied(found, Some((found.version, found.id)), false));
        }
        self.import(&subject)?;
        let options = RegisterOptions { id: Some(found.id), version: Some(found.version), normalize: false };
        let registered = self.target.register(&subject, &self.for_target(found), options, self.timeout)?;
        if registered.id == found.id && registered.version.is_none_or(|version| version == found.version) {
            return Ok(copied(found, Some((found.version, found.id)), false));
        }
        let why = format!("it gave the id {} instead of {}: it does not keep ids", registered.id, found.id);
        Err(wrong(ErrorKind::Unsupported, why).hint("without --keep-ids schemas are copied with new ids"))
    }

    fn with_a_new_id(&mut self, found: &RegisteredSchema) -> Result<CopiedSchema> {
        let (schema, subject) = (self.for_target(found), self.name_of(&found.subject));
        let options = LookupOptions { normalize: false, deleted: self.options.deleted };
        match self.target.lookup(subject, &schema, options, self.timeout) {
            Ok(there) => return Ok(copied(found, Some((there.version, there.id)), true)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if self.options.dry_run {
            return Ok(copied(found, None, false));
        }
        let registered = self.target.register(subject, &schema, RegisterOptions::default(), self.timeout);
        let registered = registered.map_err(|error| match error.kind() {
            ErrorKind::Conflict => {
                error.hint("the level of compatibility of the target's subject decides what it takes")
            }
            _ => error,
        })?;
        let version = match registered.version {
            Some(version) => version,
            None => self.target.lookup(subject, &schema, LookupOptions::default(), self.timeout)?.version,
        };
        Ok(copied(found, Some((version, registered.id)), false))
    }

    /// Lets a subject of the target take ids.
    fn import(&mut self, subject: &str) -> Result<()> {
        if self.is_importing || self.modes.iter().any(|(known, _)| known == subject) {
            return Ok(());
        }
        let before = match self.target.mode(Some(subject), false, self.timeout) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            mode => Some(mode?),
        };
        self.modes.push((subject.to_string(), before));
        if before == Some(Mode::Import) {
            return Ok(());
        }
        self.target.set_mode(Some(subject), Mode::Import, true, self.timeout)
    }

    /// Gives each subject its mode back; where one cannot be, the others get theirs.
    fn restore_modes(&mut self) -> Result<()> {
        let mut first = Ok(());
        for (subject, mode) in self.modes.drain(..) {
            let restored = match mode {
                Some(mode) => self.target.set_mode(Some(&subject), mode, true, self.timeout),
                None => self.target.delete_mode(Some(&subject), self.timeout),
            };
            first = first.and(restored);
        }
        first
    }

    /// Deletes in the target what is deleted in the source, those first that refer to others.
    fn delete(&mut self) -> Result<()> {
        for (subject, version) in self.to_delete.drain(..).rev() {
            match self.target.delete_version(&subject, Version::Number(version), false, self.timeout) {
                Err(error) if error.kind() == ErrorKind::NotFound || Code::VersionSoftDeleted.is_of(&error) => {}
                deleted => drop(deleted?),
            }
        }
        Ok(())
    }
}

fn copied(found: &RegisteredSchema, target: Option<(u32, u32)>, existed: bool) -> CopiedSchema {
    let (target_version, target_id) = target.unzip();
    let (subject, version, id) = (found.subject.clone(), found.version, found.id);
    CopiedSchema { subject, version, id, target_version, target_id, existed }
}
