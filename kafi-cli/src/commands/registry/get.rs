//! `registry get`: prints a schema.

use std::collections::HashSet;

use clap::Args;
use kafi::serde::registry::{RegisteredSchema, SchemaDefinition, Version};
use kafi::serde::wire::{Guid, SchemaId};
use kafi::{Error, ErrorKind, Result};

use super::schema::parsed;
use super::{NamedRegistry, number, print_text};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::Cell;

/// How many schemas one may refer to, directly and indirectly.
const REFERENCES_MAX: usize = 1000;

#[derive(Args)]
pub struct GetArgs {
    /// The subject
    #[arg(value_name = "SUBJECT", required_unless_present = "id", conflicts_with = "id")]
    subject: Option<String>,
    /// Its version: a number, or latest
    #[arg(value_name = "VERSION", default_value = "latest", value_parser = parsed::<Version>)]
    version: Version,
    /// The id or the GUID of the schema, instead of a subject
    #[arg(long, value_name = "ID", value_parser = schema_id)]
    id: Option<SchemaId>,
    /// List the schemas that it refers to, directly and indirectly, those first that others need; with --json each of
    /// them whole, and then itself
    #[arg(long)]
    references: bool,
    /// Also a version that was deleted, but not permanently
    #[arg(long)]
    deleted: bool,
}

/// A schema, and where it is registered if it was asked for by that.
enum Got {
    Version(RegisteredSchema),
    Schema(SchemaDefinition),
}

impl Got {
    fn schema(&self) -> &SchemaDefinition {
        match self {
            Self::Version(version) => &version.schema,
            Self::Schema(schema) => schema,
        }
    }
}

impl GetArgs {
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        let got = match (&self.subject, self.id) {
            (Some(subject), _) => Got::Version(named.registry.version(subject, self.version, self.deleted, TIMEOUT)?),
            (None, Some(id)) => Got::Schema(named.registry.schema(id, None, TIMEOUT)?),
            (None, None) => return Err(Error::new(ErrorKind::Usage, "get schema", "no subject and no id was given")),
        };
        let referred = if self.references { referred(named, got.schema())? } else { Vec::new() };
        if context.output.json {
            let own = match &got {
                Got::Version(version) => version.to_json(),
                Got::Schema(schema) => schema.to_json(),
            };
            let all = referred.iter().map(|(_, version)| version.to_json()).chain([own]);
            print_text(context, &all.map(|json| json.to_string()).collect::<Vec<_>>().join("\n"))?;
        } else if self.references {
            let mut table = named.table(&["name", "subject", "version", "id"]);
            for (name, version) in referred {
                let cells =
                    [Cell::Text(name), Cell::Text(version.subject), number(version.version), number(version.id)];
                named.row(&mut table, cells);
            }
            table.print(&context.output)?;
        } else {
            print_text(context, &got.schema().text)?;
        }
        Ok(Exit::Done)
    }
}

/// What a schema refers to, by the names that it has there, those first that others need.
fn referred(named: &NamedRegistry, schema: &SchemaDefinition) -> Result<Vec<(String, RegisteredSchema)>> {
    // A schema is left when all that it refers to is done.
    let mut open = vec![(None, schema.references.clone().into_iter())];
    let (mut seen, mut done) = (HashSet::new(), Vec::new());
    while let Some((_, left)) = open.last_mut() {
        let Some(reference) = left.next() else {
            done.extend(open.pop().and_then(|(left, _)| left));
            continue;
        };
        if !seen.insert((reference.subject.clone(), reference.version)) {
            continue;
        }
        if seen.len() > REFERENCES_MAX {
            let why = format!("it refers to more than {REFERENCES_MAX} schemas");
            return Err(Error::new(ErrorKind::TooLarge, "get schema", why));
        }
        let version = Version::Number(reference.version);
        let found = named.registry.version(&reference.subject, version, true, TIMEOUT)?;
        let next = found.schema.references.clone().into_iter();
        open.push((Some((reference.name, found)), next));
    }
    Ok(done)
}

fn schema_id(text: &str) -> std::result::Result<SchemaId, String> {
    if let Ok(number) = text.parse() {
        return Ok(SchemaId::Number(number));
    }
    text.parse::<Guid>().map(SchemaId::Guid).map_err(|_| "it is neither a number nor a GUID".into())
}
