//! `registry subjects`, `versions`, `contexts`, `types`: what there is.

use clap::Args;
use kafi::serde::registry::Deleted;
use kafi::{Glob, Result};

use super::{Place, number};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::Cell;

#[derive(Args)]
pub struct SubjectsArgs {
    /// Only subjects that this glob matches; ':.staging:*' are those of a context, ':*:*' those of all
    #[arg(value_name = "GLOB")]
    glob: Option<String>,
    /// Also those that were deleted, but not permanently
    #[arg(long)]
    deleted: bool,
}

impl SubjectsArgs {
    pub fn run(&self, place: &Place, context: &Context) -> Result<Exit> {
        let (prefix, glob) = scope(self.glob.as_deref().unwrap_or("*"))?;
        let matching = |deleted| -> Result<Vec<String>> {
            let mut subjects = place.registry.subjects(&prefix, deleted, TIMEOUT)?;
            subjects.retain(|subject| glob.matches(subject.strip_prefix(&*prefix).unwrap_or(subject)));
            Ok(subjects)
        };
        if !self.deleted {
            let subjects = matching(Deleted::Excluded)?.into_iter().map(Cell::Text).collect();
            return place.print_list(context, "subject", subjects);
        }
        let (all, there) = (matching(Deleted::Included)?, matching(Deleted::Excluded)?);
        let mut table = place.table(&["subject", "deleted"]);
        for subject in all {
            let deleted = !there.contains(&subject);
            place.row(&mut table, [Cell::Text(subject), Cell::Flag(deleted)]);
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}

#[derive(Args)]
pub struct VersionsArgs {
    /// The subject
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// Also those that were deleted, but not permanently
    #[arg(long)]
    deleted: bool,
}

impl VersionsArgs {
    pub fn run(&self, place: &Place, context: &Context) -> Result<Exit> {
        if !self.deleted {
            let versions = place.registry.versions(&self.subject, Deleted::Excluded, TIMEOUT)?;
            return place.print_list(context, "version", versions.into_iter().map(number).collect());
        }
        let all = place.registry.versions(&self.subject, Deleted::Included, TIMEOUT)?;
        let there = versions_there(place, &self.subject)?;
        let mut table = place.table(&["version", "deleted"]);
        for version in all {
            place.row(&mut table, [number(version), Cell::Flag(!there.contains(&version))]);
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}

/// The versions of a subject that are not deleted; none where all of them are.
fn versions_there(place: &Place, subject: &str) -> Result<Vec<u32>> {
    match place.registry.versions(subject, Deleted::Excluded, TIMEOUT) {
        Err(error) if error.kind() == kafi::ErrorKind::NotFound => Ok(Vec::new()),
        versions => versions,
    }
}

pub fn contexts(place: &Place, context: &Context) -> Result<Exit> {
    let contexts = place.registry.contexts(TIMEOUT)?;
    place.print_list(context, "context", contexts.into_iter().map(Cell::Text).collect())
}

pub fn types(place: &Place, context: &Context) -> Result<Exit> {
    let types = place.registry.types(TIMEOUT)?;
    place.print_list(context, "type", types.into_iter().map(Cell::Text).collect())
}

/// What a glob of subjects is looked for in: the context in front of it, and the glob behind that. Over all contexts
/// the glob matches the whole subject, or its end behind the context.
pub fn scope(text: &str) -> Result<(String, Glob)> {
    let context = ["*", "."].iter().find_map(|begin| {
        let rest = text.strip_prefix(':')?.strip_prefix(begin)?;
        let end = rest.find(':')? + 1 + begin.len() + 1;
        (*begin == "." || end == 3).then_some(end)
    });
    let (context, glob) = text.split_at(context.unwrap_or(0));
    Ok((context.to_string(), Glob::parse(if glob.is_empty() { "*" } else { glob })?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_have_the_context_in_front() {
        for (text, context, matched) in [
            ("orders-*", "", "orders-value"),
            (":.staging:orders-*", ":.staging:", "orders-value"),
            (":.staging:", ":.staging:", "anything"),
            (":*:*", ":*:", ":.a:b"),
            (":a", "", ":a"),
        ] {
            let (found, glob) = scope(text).unwrap();
            assert!(found == context && glob.matches(matched), "{text}");
        }
    }
}
