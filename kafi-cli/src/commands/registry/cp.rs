//! `registry cp`: copies subjects from one registry to another.

use std::collections::BTreeSet;

use clap::Args;
use kafi::serde::registry::{CopiedSchema, Deleted, SchemaCopyOptions, copy_schemas};
use kafi::{Error, ErrorKind, Result};

use super::list::Scope;
use super::{NamedRegistry, number};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::Cell;

#[derive(Args)]
pub struct CpArgs {
    /// The registry to copy from: a storage (prod:), or an address (http://host:8081)
    #[arg(value_name = "FROM")]
    from: String,
    /// The registry to copy to
    #[arg(value_name = "TO")]
    to: String,
    /// Only subjects that this glob matches, and what they refer to; ':*:*' are those of all contexts
    #[arg(value_name = "GLOB", default_value = "*")]
    glob: String,
    /// Keep ids and versions: subjects of the target are in mode IMPORT while they are copied
    #[arg(long)]
    keep_ids: bool,
    /// Also versions that were deleted, but not permanently; they are deleted in the target, too
    #[arg(long)]
    deleted: bool,
    /// Print what would be copied, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl CpArgs {
    pub fn run(&self, context: &Context) -> Result<Exit> {
        let (from, to) = (NamedRegistry::open(context, &self.from)?, NamedRegistry::open(context, &self.to)?);
        if from.registry.name() == to.registry.name() {
            let why = "both are the same registry";
            return Err(Error::new(ErrorKind::Usage, "copy schemas", why).with("registry", from.registry.name()));
        }
        let deleted = if self.deleted { Deleted::Included } else { Deleted::Excluded };
        let subjects = Scope::parse(&self.glob)?.subjects(&from, deleted)?;
        if subjects.is_empty() {
            let error = Error::new(ErrorKind::NotFound, "copy schemas", "no subject matches");
            return Err(error.with("registry", from.registry.name()).with("glob", &self.glob));
        }
        let options = SchemaCopyOptions {
            keep_ids: self.keep_ids,
            deleted: self.deleted,
            dry_run: self.dry_run,
            ..SchemaCopyOptions::default()
        };
        let mut done: Vec<CopiedSchema> = Vec::new();
        context.begin_job();
        let result = copy_schemas(&*from.registry, &*to.registry, &subjects, (&options, TIMEOUT), &mut |one| {
            done.push(one.clone());
            match context.cancel.is_cancelled() {
                true => Err(Error::new(ErrorKind::Cancelled, "copy schemas", "it was interrupted")
                    .hint("the same command goes on")),
                false => Ok(()),
            }
        });
        // What was done before a failure counts, and its ids are needed.
        self.print(&to, context, &done)?;
        result?;
        Ok(Exit::Done)
    }

    fn print(&self, to: &NamedRegistry, context: &Context, done: &[CopiedSchema]) -> Result<()> {
        let last = if self.dry_run { "copies" } else { "copied" };
        let mut table = to.table(&["subject", "version", "id", "target_version", "target_id", last]);
        for one in done {
            let subject = Cell::Text(one.subject.clone());
            let target = [one.target_version, one.target_id].map(|given| given.map_or(Cell::Unknown, number));
            let numbers = [one.version, one.id].map(number).into_iter().chain(target);
            to.row(&mut table, [subject].into_iter().chain(numbers).chain([Cell::Flag(!one.existed)]));
        }
        table.print(&context.output)?;
        let subjects: BTreeSet<&str> = done.iter().map(|one| one.subject.as_str()).collect();
        let copied = done.iter().filter(|one| !one.existed).count();
        let (all, subjects, there) = (done.len(), subjects.len(), done.len() - copied);
        context.say(&match self.dry_run {
            true => format!("{all} versions of {subjects} subjects: {copied} would be copied, {there} are there"),
            false => format!("{all} versions of {subjects} subjects: {copied} copied, {there} were there"),
        });
        Ok(())
    }
}
