//! `registry compat` and `mode`: what applies to new versions of a subject, or of all of them.

use std::str::FromStr;

use clap::Args;
use kafi::serde::registry::{CompatibilityLevel, Mode, RegistryConfig};
use kafi::{Error, ErrorKind, Result};

use super::NamedRegistry;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::Cell;

#[derive(Args)]
pub struct CompatArgs {
    /// The subject; without one what applies to all that have no level of their own
    #[arg(value_name = "SUBJECT")]
    subject: Option<String>,
    /// The level to set: NONE, BACKWARD, FORWARD, FULL, or one of the last three with _TRANSITIVE. A level in capitals
    /// without a subject is that of the registry
    #[arg(value_name = "LEVEL")]
    level: Option<String>,
    /// Delete the level of the subject, or that of the registry, so that what stands above it applies
    #[arg(long, conflicts_with = "level")]
    delete: bool,
}

#[derive(Args)]
pub struct ModeArgs {
    /// The subject; without one what applies to all that have no mode of their own
    #[arg(value_name = "SUBJECT")]
    subject: Option<String>,
    /// The mode to set: READWRITE, READONLY, READONLY_OVERRIDE, IMPORT, FORWARD. A mode in capitals without a subject is
    /// that of the registry
    #[arg(value_name = "MODE")]
    mode: Option<String>,
    /// Set IMPORT also where there are schemas
    #[arg(long)]
    force: bool,
    /// Delete the mode of the subject, or that of the registry, so that what stands above it applies
    #[arg(long, conflicts_with = "mode")]
    delete: bool,
}

impl CompatArgs {
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        let registry = &named.registry;
        let (subject, level) = meant::<CompatibilityLevel>(&self.subject, &self.level)?;
        if self.delete {
            registry.delete_config(subject, TIMEOUT)?;
            return Ok(Exit::Done);
        }
        if let Some(level) = level {
            registry.set_config(subject, &RegistryConfig::from(level), TIMEOUT)?;
            return Ok(Exit::Done);
        }
        let (config, inherited) = inherited(subject, |inherited| registry.config(subject, inherited, TIMEOUT))?;
        let level = config.compatibility.map(|level| level.to_string());
        print(named, context, "compatibility", (subject, level, inherited))
    }
}

impl ModeArgs {
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        let registry = &named.registry;
        let (subject, mode) = meant::<Mode>(&self.subject, &self.mode)?;
        if self.delete {
            registry.delete_mode(subject, TIMEOUT)?;
            return Ok(Exit::Done);
        }
        if let Some(mode) = mode {
            registry.set_mode(subject, mode, self.force, TIMEOUT)?;
            return Ok(Exit::Done);
        }
        let (mode, inherited) = inherited(subject, |inherited| registry.mode(subject, inherited, TIMEOUT))?;
        print(named, context, "mode", (subject, Some(mode.to_string()), inherited))
    }
}

/// The subject and the value that were typed. One word in capitals that is a value is no subject.
fn meant<'a, T: FromStr<Err = Error>>(
    first: &'a Option<String>,
    second: &Option<String>,
) -> Result<(Option<&'a str>, Option<T>)> {
    match (first.as_deref(), second) {
        (Some(word), None) if word == word.to_uppercase() && word.parse::<T>().is_ok() => {
            Ok((None, Some(word.parse()?)))
        }
        (subject, value) => Ok((subject, value.as_ref().map(|value| value.parse()).transpose()?)),
    }
}

/// What applies to a subject, or to all, and whether a subject has inherited it. Some registries say what is inherited
/// also where that was not asked for.
fn inherited<T: PartialEq>(subject: Option<&str>, ask: impl Fn(bool) -> Result<T>) -> Result<(T, bool)> {
    let applies = ask(subject.is_some())?;
    if subject.is_none() {
        return Ok((applies, false));
    }
    match ask(false) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((applies, true)),
        own => {
            let is_other = own? != applies;
            Ok((applies, is_other))
        }
    }
}

/// Prints the value alone for people, and what it is of for programs.
fn print(
    named: &NamedRegistry,
    context: &Context,
    name: &'static str,
    (subject, value, inherited): (Option<&str>, Option<String>, bool),
) -> Result<Exit> {
    let mut table =
        named.table(&["subject", name, "inherited"]).without_names().with_programs_only(&["subject", "inherited"]);
    let text = |text: Option<&str>| text.map_or(Cell::Unknown, |text| Cell::Text(text.to_string()));
    named.row(&mut table, [text(subject), text(value.as_deref()), Cell::Flag(inherited)]);
    table.print(&context.output)?;
    Ok(Exit::Done)
}
