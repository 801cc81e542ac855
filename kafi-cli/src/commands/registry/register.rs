//! `registry register`: registers a schema.

use clap::Args;
use kafi::Result;
use kafi::serde::registry::{Code, RegisterOptions};

use super::schema::SchemaArgs;
use super::{NamedRegistry, number};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::Cell;

#[derive(Args)]
pub struct RegisterArgs {
    #[command(flatten)]
    schema: SchemaArgs,
    /// Normalise it first, so that texts that mean the same are the same
    #[arg(long)]
    normalize: bool,
    /// The id that it must have, in mode IMPORT
    #[arg(long, value_name = "ID")]
    id: Option<u32>,
    /// The version that it must have, in mode IMPORT
    #[arg(long, value_name = "VERSION")]
    version: Option<u32>,
}

impl RegisterArgs {
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        let options = RegisterOptions { normalize: self.normalize, id: self.id, version: self.version };
        let registered = named.registry.register(&self.schema.subject, &self.schema.read()?, options, TIMEOUT);
        let registered = registered.map_err(|error| match error.hint_text() {
            None if Code::of(&error).is_some_and(|code| code == 409 || code == Code::Incompatible.number()) => {
                error.hint("kafi registry check says with which version it does not fit")
            }
            _ => error,
        })?;
        let mut table = named
            .table(&["id", "subject", "version", "guid"])
            .without_names()
            .with_programs_only(&["subject", "version", "guid"]);
        let version = registered.version.map_or(Cell::Unknown, number);
        let guid = registered.guid.map_or(Cell::Unknown, |guid| Cell::Text(guid.to_string()));
        named.row(&mut table, [number(registered.id), Cell::Text(self.schema.subject.clone()), version, guid]);
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}
