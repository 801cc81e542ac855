//! Deleting: first so that what was deleted can still be read by its ids, then for good.

use std::time::Instant;

use kafi_core::{Error, Result};

use crate::registry::topic::record::{Record, SchemaRecord};
use crate::registry::topic::{Topic, subject};
use crate::registry::{Code, Deleted, Version};

const DELETE_SUBJECT: &str = "delete subject";
const DELETE_VERSION: &str = "delete version";
const DELETE_CONTEXT: &str = "delete context";

impl Topic {
    pub fn delete_subject(&mut self, name: &str, permanent: bool, deadline: Instant) -> Result<Vec<u32>> {
        self.decide(deadline, |topic| {
            let name = topic.unaliased(name);
            topic.check_writable(DELETE_SUBJECT, &name)?;
            let live = topic.state.versions(&name, Deleted::Excluded);
            let all = topic.state.versions(&name, Deleted::Included);
            if all.is_empty() {
                return Err(no_subject(DELETE_SUBJECT, &name));
            }
            if permanent && !live.is_empty() {
                let words = format!("Subject '{name}' was not deleted first before being permanently deleted");
                return Err(Code::SubjectNotSoftDeleted.error(DELETE_SUBJECT, words));
            }
            if !permanent && live.is_empty() {
                let words = format!("Subject '{name}' was soft deleted. Set permanent=true to delete permanently");
                return Err(Code::SubjectSoftDeleted.error(DELETE_SUBJECT, words));
            }
            let versions = if permanent { all } else { live };
            for version in &versions {
                topic.check_unreferenced(DELETE_SUBJECT, &name, *version)?;
            }
            let mut records = match (permanent, versions.last()) {
                (false, Some(last)) => vec![Record::DeleteSubject { subject: name.clone(), version: *last }],
                _ => versions.iter().map(|version| tombstone(&name, *version)).collect(),
            };
            records.extend(topic.unset(&name));
            Ok((records, versions))
        })
    }

    pub fn delete_version(&mut self, name: &str, version: Version, permanent: bool, deadline: Instant) -> Result<u32> {
        self.decide(deadline, |topic| {
            let name = topic.unaliased(name);
            topic.check_writable(DELETE_VERSION, &name)?;
            let (version, record) = topic.find(DELETE_VERSION, &name, version, true)?;
            if permanent && !record.deleted {
                let words = format!(
                    "Subject '{name}' Version {version} was not deleted first before being permanently deleted"
                );
                return Err(Code::VersionNotSoftDeleted.error(DELETE_VERSION, words));
            }
            if !permanent && record.deleted {
                let words = format!(
                    "Subject '{name}' Version {version} was soft deleted. Set permanent=true to delete permanently"
                );
                return Err(Code::VersionSoftDeleted.error(DELETE_VERSION, words));
            }
            topic.check_unreferenced(DELETE_VERSION, &name, version)?;
            let mut records = match permanent {
                true => vec![tombstone(&name, version)],
                false => {
                    let value = SchemaRecord { deleted: true, ..(*record).clone() };
                    vec![Record::Schema { subject: name.clone(), version, value: Some(Box::new(value)) }]
                }
            };
            if topic.state.versions(&name, Deleted::Excluded).iter().all(|live| *live == version) {
                records.extend(topic.unset(&name));
            }
            Ok((records, version))
        })
    }

    pub fn delete_context(&mut self, context: &str, deadline: Instant) -> Result<()> {
        let context = context.trim_matches(':');
        self.decide(deadline, |topic| {
            if context == subject::DEFAULT_CONTEXT || !topic.state.contexts().contains(context) {
                let words = format!("Context '{context}' not found, or it is the default one");
                return Err(Error::new(kafi_core::ErrorKind::NotFound, DELETE_CONTEXT, words));
            }
            let prefix = subject::join(context, "");
            if let Some(held) = topic.state.subjects(Deleted::Included).find(|name| subject::is_meant(name, &prefix)) {
                let words = format!("Context '{context}' is not empty: it has the subject {held}");
                return Err(Error::new(kafi_core::ErrorKind::Usage, DELETE_CONTEXT, words)
                    .hint("delete its subjects permanently first"));
            }
            Ok((vec![Record::Context { context: context.into(), is_there: false }], ()))
        })
    }

    fn check_unreferenced(&self, operation: &'static str, name: &str, version: u32) -> Result<()> {
        let referring = self.state.referring(name, version);
        let Some((from, at, _)) = referring.first() else { return Ok(()) };
        let words = format!(
            "One or more references exist to the schema {{subject={name},version={version}}}: version {at} of {from}"
        );
        Err(Code::ReferenceExists.error(operation, words))
    }
}

pub(super) fn no_subject(operation: &'static str, name: &str) -> Error {
    Code::SubjectNotFound.error(operation, format!("Subject '{name}' not found."))
}

fn tombstone(name: &str, version: u32) -> Record {
    Record::Schema { subject: name.into(), version, value: None }
}
