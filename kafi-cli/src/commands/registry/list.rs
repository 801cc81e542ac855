//! `registry subjects`, `versions`, `contexts`, `types`: what there is.

use clap::Args;
use kafi::serde::registry::Deleted;
use kafi::{Glob, Result};

use super::{NamedRegistry, number};
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
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        let scope = Scope::parse(self.glob.as_deref().unwrap_or("*"))?;
        let matching = |deleted| scope.subjects(named, deleted);
        if !self.deleted {
            let subjects = matching(Deleted::Excluded)?.into_iter().map(Cell::Text).collect();
            return named.print_list(context, "subject", subjects);
        }
        let (all, there) = (matching(Deleted::Included)?, matching(Deleted::Excluded)?);
        let mut table = named.table(&["subject", "deleted"]);
        for subject in all {
            let deleted = !there.contains(&subject);
            named.row(&mut table, [Cell::Text(subject), Cell::Flag(deleted)]);
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
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        if !self.deleted {
            let versions = named.registry.versions(&self.subject, Deleted::Excluded, TIMEOUT)?;
            return named.print_list(context, "version", versions.into_iter().map(number).collect());
        }
        let all = named.registry.versions(&self.subject, Deleted::Included, TIMEOUT)?;
        let there = versions_there(named, &self.subject)?;
        let mut table = named.table(&["version", "deleted"]);
        for version in all {
            named.row(&mut table, [number(version), Cell::Flag(!there.contains(&version))]);
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}

/// The versions of a subject that are not deleted; none where all of them are.
fn versions_there(named: &NamedRegistry, subject: &str) -> Result<Vec<u32>> {
    match named.registry.versions(subject, Deleted::Excluded, TIMEOUT) {
        Err(error) if error.kind() == kafi::ErrorKind::NotFound => Ok(Vec::new()),
        versions => versions,
    }
}

pub fn contexts(named: &NamedRegistry, context: &Context) -> Result<Exit> {
    let contexts = named.registry.contexts(TIMEOUT)?;
    named.print_list(context, "context", contexts.into_iter().map(Cell::Text).collect())
}

pub fn types(named: &NamedRegistry, context: &Context) -> Result<Exit> {
    let types = named.registry.types(TIMEOUT)?;
    named.print_list(context, "type", types.into_iter().map(Cell::Text).collect())
}

/// A glob of subjects, and the context that it is looked for in.
pub struct Scope {
    /// `:.staging:`, `:*:` for all, and nothing for the default one.
    context: String,
    /// What the subjects are called behind their contexts.
    glob: Glob,
}

impl Scope {
    /// Reads a glob with its context in front.
    ///
    /// # Errors
    /// Those of the glob.
    pub fn parse(text: &str) -> Result<Self> {
        let (context, glob) = text.split_at(context_len(text));
        Ok(Self { context: context.to_string(), glob: Glob::parse(if glob.is_empty() { "*" } else { glob })? })
    }

    /// The subjects of a registry that it matches.
    ///
    /// # Errors
    /// Those of the registry.
    pub fn subjects(&self, named: &NamedRegistry, deleted: Deleted) -> Result<Vec<String>> {
        let mut subjects = named.registry.subjects(&self.context, deleted, TIMEOUT)?;
        subjects.retain(|subject| self.matches(subject));
        Ok(subjects)
    }

    fn matches(&self, subject: &str) -> bool {
        self.glob.matches(&subject[context_len(subject)..])
    }
}

/// How long the context in front of a subject or a glob is, with its colons.
fn context_len(text: &str) -> usize {
    let end = |begin: &str| {
        let rest = text.strip_prefix(begin)?;
        rest.find(':').map(|at| begin.len() + at + 1)
    };
    if text.starts_with(":*:") { 3 } else { end(":.").unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_have_the_context_in_front() {
        for (text, context, matched, other) in [
            ("orders-*", "", "orders-value", "x"),
            (":.staging:orders-*", ":.staging:", ":.staging:orders-value", ":.staging:x"),
            (":.staging:", ":.staging:", ":.staging:anything", ""),
            (":*:*-value", ":*:", ":.a:b-value", ":.a:b-key"),
            (":*:*-value", ":*:", "b-value", "b"),
            (":a", "", ":a", "a"),
        ] {
            let scope = Scope::parse(text).unwrap();
            assert!(scope.context == context && scope.matches(matched), "{text}");
            assert!(other.is_empty() || !scope.matches(other), "{text} {other}");
        }
    }
}
