//! A registry in memory that takes ids, as Confluent's does in mode IMPORT, and that checks nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use kafi_core::Result;
use kafi_serde::registry::{
    Against, Code, Compatibility, Deleted, LookupOptions, Mode, RegisterOptions, Registered, RegisteredSchema,
    Registry, RegistryConfig, SchemaDefinition, SubjectVersion, Version,
};
use kafi_serde::wire::SchemaId;

/// The registry.
#[derive(Default)]
pub struct Fake {
    state: Mutex<State>,
    /// Whether it gives ids of its own, whatever its mode is.
    pub ignores_ids: bool,
}

#[derive(Default)]
struct State {
    /// Each with whether it is deleted.
    versions: BTreeMap<(String, u32), (RegisteredSchema, bool)>,
    modes: BTreeMap<String, Mode>,
    next_id: u32,
}

impl Fake {
    /// One whose ids begin here.
    pub fn from_id(next_id: u32) -> Self {
        Self { state: Mutex::new(State { next_id, ..State::default() }), ignores_ids: false }
    }

    /// Everything that is there: subject, version, id, whether it is deleted.
    pub fn all(&self) -> Vec<(String, u32, u32, bool)> {
        let state = self.state.lock().unwrap();
        state
            .versions
            .values()
            .map(|(schema, deleted)| (schema.subject.clone(), schema.version, schema.id, *deleted))
            .collect()
    }

    /// The modes that subjects have.
    pub fn modes(&self) -> BTreeMap<String, Mode> {
        self.state.lock().unwrap().modes.clone()
    }
}

impl Registry for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn subjects(&self, prefix: &str, deleted: Deleted, _: Duration) -> Result<Vec<String>> {
        let state = self.state.lock().unwrap();
        let there = state.versions.values().filter(|(_, is_deleted)| deleted != Deleted::Excluded || !is_deleted);
        let mut subjects: Vec<String> = there.map(|(schema, _)| schema.subject.clone()).collect();
        subjects.retain(|subject| subject.starts_with(prefix));
        subjects.dedup();
        Ok(subjects)
    }

    fn versions(&self, subject: &str, deleted: Deleted, _: Duration) -> Result<Vec<u32>> {
        let state = self.state.lock().unwrap();
        let there = state
            .versions
            .iter()
            .filter(|((known, _), (_, is_deleted))| known == subject && (deleted != Deleted::Excluded || !is_deleted));
        let versions: Vec<u32> = there.map(|((_, version), _)| *version).collect();
        if versions.is_empty() {
            Err(Code::SubjectNotFound.error("list versions", "no such subject"))
        } else {
            Ok(versions)
        }
    }

    fn version(&self, subject: &str, version: Version, deleted: bool, timeout: Duration) -> Result<RegisteredSchema> {
        let number = match version {
            Version::Number(number) => number,
            Version::Latest => *self.versions(subject, Deleted::Excluded, timeout)?.last().unwrap(),
        };
        let state = self.state.lock().unwrap();
        match state.versions.get(&(subject.to_string(), number)) {
            Some((schema, is_deleted)) if deleted || !is_deleted => Ok(schema.clone()),
            _ => Err(Code::VersionNotFound.error("get version", "no such version")),
        }
    }

    fn lookup(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        options: LookupOptions,
        _: Duration,
    ) -> Result<RegisteredSchema> {
        let state = self.state.lock().unwrap();
        let mut there = state.versions.values().filter(|(_, is_deleted)| options.deleted || !is_deleted);
        let found = there.find(|(known, _)| known.subject == subject && known.schema == *schema);
        found.map(|(found, _)| found.clone()).ok_or_else(|| Code::SchemaNotFound.error("look up", "no such schema"))
    }

    fn register(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        options: RegisterOptions,
        _: Duration,
    ) -> Result<Registered> {
        let mut state = self.state.lock().unwrap();
        for reference in &schema.references {
            if !state.versions.contains_key(&(reference.subject.clone(), reference.version)) {
                return Err(Code::InvalidSchema.error("register", "a reference is missing"));
            }
        }
        let is_import = state.modes.get(subject) == Some(&Mode::Import);
        let wanted = options.id.filter(|_| !self.ignores_ids);
        if wanted.is_some() && !is_import {
            return Err(Code::NotPermitted.error("register", "not in mode IMPORT"));
        }
        let last = state.versions.keys().filter(|(known, _)| known == subject).map(|(_, version)| *version).max();
        let version = options.version.filter(|_| wanted.is_some()).unwrap_or(last.unwrap_or(0) + 1);
        state.next_id += 1;
        let id = wanted.unwrap_or(state.next_id);
        let registered = RegisteredSchema { subject: subject.into(), version, id, guid: None, schema: schema.clone() };
        state.versions.insert((subject.into(), version), (registered, false));
        Ok(Registered { id, version: None, guid: None })
    }

    fn delete_version(&self, subject: &str, version: Version, _: bool, _: Duration) -> Result<u32> {
        let mut state = self.state.lock().unwrap();
        let Version::Number(number) = version else { unreachable!("copies name versions") };
        match state.versions.get_mut(&(subject.to_string(), number)) {
            Some((_, is_deleted)) if !*is_deleted => *is_deleted = true,
            _ => return Err(Code::VersionSoftDeleted.error("delete version", "it is deleted")),
        }
        Ok(number)
    }

    fn mode(&self, subject: Option<&str>, _: bool, _: Duration) -> Result<Mode> {
        let Some(subject) = subject else { return Ok(Mode::ReadWrite) };
        let mode = self.state.lock().unwrap().modes.get(subject).copied();
        mode.ok_or_else(|| Code::SubjectModeNotFound.error("get mode", "no mode"))
    }

    fn set_mode(&self, subject: Option<&str>, mode: Mode, _: bool, _: Duration) -> Result<()> {
        self.state.lock().unwrap().modes.insert(subject.unwrap().into(), mode);
        Ok(())
    }

    fn delete_mode(&self, subject: Option<&str>, _: Duration) -> Result<()> {
        self.state.lock().unwrap().modes.remove(subject.unwrap());
        Ok(())
    }

    fn schema(&self, _: SchemaId, _: Option<&str>, _: Duration) -> Result<SchemaDefinition> {
        unreachable!("no copy asks that")
    }

    fn versions_of(&self, _: u32, _: Deleted, _: Duration) -> Result<Vec<SubjectVersion>> {
        unreachable!("no copy asks that")
    }

    fn delete_subject(&self, _: &str, _: bool, _: Duration) -> Result<Vec<u32>> {
        unreachable!("no copy asks that")
    }

    fn check(&self, _: &str, _: &SchemaDefinition, _: Against, _: Duration) -> Result<Compatibility> {
        unreachable!("no copy asks that")
    }

    fn config(&self, _: Option<&str>, _: bool, _: Duration) -> Result<RegistryConfig> {
        unreachable!("no copy asks that")
    }

    fn set_config(&self, _: Option<&str>, _: &RegistryConfig, _: Duration) -> Result<()> {
        unreachable!("no copy asks that")
    }

    fn delete_config(&self, _: Option<&str>, _: Duration) -> Result<()> {
        unreachable!("no copy asks that")
    }

    fn contexts(&self, _: Duration) -> Result<Vec<String>> {
        unreachable!("no copy asks that")
    }

    fn types(&self, _: Duration) -> Result<Vec<String>> {
        unreachable!("no copy asks that")
    }

    fn referenced_by(&self, _: &str, _: Version, _: Duration) -> Result<Vec<u32>> {
        unreachable!("no copy asks that")
    }
}
