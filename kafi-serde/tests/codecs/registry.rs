//! A registry in memory: what the codecs ask of one, and how often they do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use kafi_core::Result;
use kafi_serde::registry::{
    Against, Code, Compatibility, Deleted, LookupOptions, Mode, RegisterOptions, Registered, RegisteredSchema,
    Registry, RegistryConfig, SchemaDefinition, SubjectVersion, Version,
};
use kafi_serde::wire::{Guid, SchemaId};

#[derive(Default)]
pub struct Memory {
    name: String,
    schemas: Mutex<Vec<RegisteredSchema>>,
    /// How often it was asked.
    pub asked: AtomicUsize,
}

impl Memory {
    /// The first id that it gives is `first`.
    pub fn new(name: &str, first: u32) -> Self {
        let memory = Self { name: name.into(), ..Self::default() };
        for id in 1..first {
            memory.add("unused", &SchemaDefinition::new(kafi_serde::Format::Avro, format!("\"unused {id}\"")));
        }
        memory.asked.store(0, Ordering::Relaxed);
        memory
    }

    pub fn subjects_and_texts(&self) -> Vec<(String, String)> {
        let of = |schema: &RegisteredSchema| (schema.subject.clone(), schema.schema.text.clone());
        self.schemas.lock().unwrap().iter().filter(|schema| schema.subject != "unused").map(of).collect()
    }

    fn ask(&self) -> MutexGuard<'_, Vec<RegisteredSchema>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.schemas.lock().unwrap()
    }

    fn add(&self, subject: &str, schema: &SchemaDefinition) -> RegisteredSchema {
        let mut schemas = self.ask();
        if let Some(known) = schemas.iter().find(|known| known.subject == subject && known.schema == *schema) {
            return known.clone();
        }
        let known = schemas.iter().find(|known| known.schema == *schema).map(|known| known.id);
        let id = known.unwrap_or_else(|| schemas.iter().map(|known| known.id).max().unwrap_or(0) + 1);
        let version = schemas.iter().filter(|known| known.subject == subject).count() as u32 + 1;
        let mut guid = [7; 16];
        guid[12..].copy_from_slice(&id.to_be_bytes());
        schemas.push(RegisteredSchema {
            subject: subject.into(),
            version,
            id,
            guid: Some(Guid(guid)),
            schema: schema.clone(),
        });
        schemas.last().unwrap().clone()
    }
}

fn unused<T>() -> Result<T> {
    unreachable!("no codec asks this")
}

impl Registry for Memory {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self, subject: &str, version: Version, _: bool, _: Duration) -> Result<RegisteredSchema> {
        let schemas = self.ask();
        let mut of_subject = schemas.iter().filter(|schema| schema.subject == subject);
        let found = match version {
            Version::Latest => of_subject.next_back(),
            Version::Number(number) => of_subject.find(|schema| schema.version == number),
        };
        found.cloned().ok_or_else(|| Code::SubjectNotFound.error("read version", "no such subject"))
    }

    fn schema(&self, id: SchemaId, _: Option<&str>, _: Duration) -> Result<SchemaDefinition> {
        let schemas = self.ask();
        let found = schemas.iter().find(|schema| match id {
            SchemaId::Number(id) => schema.id == id,
            SchemaId::Guid(guid) => schema.guid == Some(guid),
        });
        found.map(|found| found.schema.clone()).ok_or_else(|| Code::SchemaNotFound.error("read schema", "no such id"))
    }

    fn versions_of(&self, id: u32, _: Deleted, _: Duration) -> Result<Vec<SubjectVersion>> {
        let of =
            |schema: &RegisteredSchema| SubjectVersion { subject: schema.subject.clone(), version: schema.version };
        Ok(self.ask().iter().filter(|schema| schema.id == id).map(of).collect())
    }

    fn lookup(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        _: LookupOptions,
        _: Duration,
    ) -> Result<RegisteredSchema> {
        let schemas = self.ask();
        let found = schemas.iter().find(|known| known.subject == subject && known.schema == *schema);
        found.cloned().ok_or_else(|| Code::SchemaNotFound.error("look up schema", "it is not there"))
    }

    fn register(
        &self,
        subject: &str,
        schema: &SchemaDefinition,
        _: RegisterOptions,
        _: Duration,
    ) -> Result<Registered> {
        let RegisteredSchema { id, version, guid, .. } = self.add(subject, schema);
        Ok(Registered { id, version: Some(version), guid })
    }

    fn ids_of(&self, guid: Guid, _: Duration) -> Result<Vec<(String, u32)>> {
        let found =
            self.ask().iter().find(|schema| schema.guid == Some(guid)).map(|schema| (".".to_string(), schema.id));
        Ok(found.into_iter().collect())
    }

    fn subjects(&self, _: &str, _: Deleted, _: Duration) -> Result<Vec<String>> {
        unused()
    }

    fn versions(&self, _: &str, _: Deleted, _: Duration) -> Result<Vec<u32>> {
        unused()
    }

    fn delete_subject(&self, _: &str, _: bool, _: Duration) -> Result<Vec<u32>> {
        unused()
    }

    fn delete_version(&self, _: &str, _: Version, _: bool, _: Duration) -> Result<u32> {
        unused()
    }

    fn check(&self, _: &str, _: &SchemaDefinition, _: Against, _: Duration) -> Result<Compatibility> {
        unused()
    }

    fn config(&self, _: Option<&str>, _: bool, _: Duration) -> Result<RegistryConfig> {
        unused()
    }

    fn set_config(&self, _: Option<&str>, _: &RegistryConfig, _: Duration) -> Result<()> {
        unused()
    }

    fn delete_config(&self, _: Option<&str>, _: Duration) -> Result<()> {
        unused()
    }

    fn mode(&self, _: Option<&str>, _: bool, _: Duration) -> Result<Mode> {
        unused()
    }

    fn set_mode(&self, _: Option<&str>, _: Mode, _: bool, _: Duration) -> Result<()> {
        unused()
    }

    fn delete_mode(&self, _: Option<&str>, _: Duration) -> Result<()> {
        unused()
    }

    fn contexts(&self, _: Duration) -> Result<Vec<String>> {
        unused()
    }

    fn types(&self, _: Duration) -> Result<Vec<String>> {
        unused()
    }

    fn referenced_by(&self, _: &str, _: Version, _: Duration) -> Result<Vec<u32>> {
        unused()
    }
}
