//! `registry rm`: deletes subjects and versions.

use clap::Args;
use kafi::serde::registry::{Code, Version};
use kafi::{Error, Result};

use super::schema::parsed;
use super::{NamedRegistry, number};
use crate::args::ConfirmArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;

#[derive(Args)]
pub struct RmArgs {
    /// The subject
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// One version of it: a number, or latest
    #[arg(value_name = "VERSION", value_parser = parsed::<Version>)]
    version: Option<Version>,
    /// Delete for good what was deleted before: its id is not known any more, and messages that have it cannot be read
    #[arg(long)]
    permanent: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl RmArgs {
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        let what = match self.version {
            Some(version) => format!("version {version} of subject {}", self.subject),
            None => format!("subject {}", self.subject),
        };
        let how = if self.permanent { " for good" } else { "" };
        let question = format!("delete {what} in {}{how}?", named.name);
        if !self.confirm.allow("delete subject", &question)? {
            return Ok(Exit::Failed);
        }
        let deleted = match self.version {
            Some(version) => named
                .registry
                .delete_version(&self.subject, version, self.permanent, TIMEOUT)
                .map(|version| vec![version]),
            None => named.registry.delete_subject(&self.subject, self.permanent, TIMEOUT),
        };
        let deleted = deleted.map_err(|error| self.explain(error))?;
        named.print_list(context, "version", deleted.into_iter().map(number).collect())
    }

    /// Says how the two steps of a deletion follow each other.
    fn explain(&self, error: Error) -> Error {
        let code = Code::of(&error);
        let is = |codes: &[Code]| codes.iter().any(|known| code == Some(known.number()));
        if is(&[Code::SubjectNotSoftDeleted, Code::VersionNotSoftDeleted]) {
            return error.hint("delete it without --permanent first");
        }
        if is(&[Code::SubjectSoftDeleted, Code::VersionSoftDeleted]) && !self.permanent {
            return error.hint("it is deleted already; --permanent deletes it for good");
        }
        error
    }
}
