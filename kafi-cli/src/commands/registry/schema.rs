//! `registry lookup` and `check`, and the schemas of the command line.

use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use clap::Args;
use kafi::serde::registry::{
    Against, Code, Compatibility, Deleted, LookupOptions, Reference, RegisteredSchema, SchemaDefinition, Version,
};
use kafi::serde::{Format, Source};
use kafi::{Error, Json, Result};

use super::{NamedRegistry, number, print_text};
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::Cell;

/// A schema in a file, for a subject.
#[derive(Args)]
pub struct SchemaArgs {
    /// The subject
    #[arg(value_name = "SUBJECT")]
    pub subject: String,
    /// The file of the schema, such as orders.avsc, orders.proto, orders.json; - is stdin
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: String,
    /// Its type: avro, protobuf, jsonschema [default: what its suffix says, or else its text]
    #[arg(long = "type", value_name = "TYPE", value_parser = parsed::<Format>)]
    format: Option<Format>,
    /// A schema that it refers to, by the name that it has there; repeatable
    #[arg(long = "reference", value_name = "NAME=SUBJECT:VERSION", value_parser = parsed::<Reference>)]
    references: Vec<Reference>,
}

impl SchemaArgs {
    /// The schema.
    pub fn read(&self) -> Result<SchemaDefinition> {
        let source = match self.file.as_str() {
            "-" => {
                let mut text = String::new();
                io::stdin().lock().read_to_string(&mut text).map_err(|error| Error::io("read stdin", error))?;
                Source::of_text(text, self.format)?
            }
            path => Source::load(Path::new(path), self.format)?,
        };
        let definition = SchemaDefinition::new(source.format(), source.text());
        Ok(SchemaDefinition { references: self.references.clone(), ..definition })
    }
}

#[derive(Args)]
pub struct LookupArgs {
    #[command(flatten)]
    schema: SchemaArgs,
    /// Compare normalised schemas
    #[arg(long)]
    normalize: bool,
    /// Also in versions that were deleted, but not permanently
    #[arg(long)]
    deleted: bool,
}

impl LookupArgs {
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        let options = LookupOptions { normalize: self.normalize, deleted: self.deleted };
        let found = named.registry.lookup(&self.schema.subject, &self.schema.read()?, options, TIMEOUT)?;
        if context.output.json {
            print_text(context, &found.to_json().to_string())?;
            return Ok(Exit::Done);
        }
        let RegisteredSchema { subject, version, id, .. } = found;
        let mut table = named.table(&["subject", "version", "id"]);
        named.row(&mut table, [Cell::Text(subject), number(version), number(id)]);
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}

#[derive(Args)]
pub struct CheckArgs {
    #[command(flatten)]
    schema: SchemaArgs,
    /// The version to compare with: a number, latest, or all, one after another
    #[arg(long, value_name = "VERSION", default_value = "latest", value_parser = versions)]
    version: Versions,
}

#[derive(Clone, Copy)]
enum Versions {
    One(Version),
    All,
}

impl CheckArgs {
    pub fn run(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        let (subject, schema) = (&self.schema.subject, self.schema.read()?);
        let versions = match self.version {
            Versions::One(version) => vec![version],
            Versions::All => {
                let all = named.registry.versions(subject, Deleted::Excluded, TIMEOUT)?;
                all.into_iter().map(Version::Number).collect()
            }
        };
        let (mut fits, mut lines) = (true, Vec::new());
        for version in versions {
            let found = match named.registry.check(subject, &schema, Against::Version(version), TIMEOUT) {
                // Some registries say of what is no schema that it does not fit.
                Err(error) if Code::InvalidSchema.is_of(&error) => return Err(error),
                found => found?,
            };
            fits &= found.compatible;
            if context.output.json {
                lines.push(self.document(named, version, &found));
            } else {
                lines.extend(sentences(version, &found));
            }
        }
        print_text(context, &lines.join("\n"))?;
        Ok(if fits { Exit::Done } else { Exit::Failed })
    }

    fn document(&self, named: &NamedRegistry, version: Version, found: &Compatibility) -> String {
        let version = match version {
            Version::Latest => Json::from("latest"),
            Version::Number(number) => Json::from(number),
        };
        Json::object([
            ("storage", Json::from(&named.name)),
            ("subject", Json::from(&self.schema.subject)),
            ("version", version),
            ("compatible", Json::from(found.compatible)),
            ("reasons", Json::array(found.reasons.iter().map(Json::from))),
        ])
        .to_string()
    }
}

/// What people read of a comparison: a line, or one for each reason.
fn sentences(version: Version, found: &Compatibility) -> Vec<String> {
    if found.compatible {
        return vec![format!("version {version}: it fits")];
    }
    if found.reasons.is_empty() {
        return vec![format!("version {version}: it does not fit; the registry does not say why")];
    }
    found.reasons.iter().map(|reason| format!("version {version}: it does not fit: {reason}")).collect()
}

fn versions(text: &str) -> std::result::Result<Versions, String> {
    if text == "all" { Ok(Versions::All) } else { parsed(text).map(Versions::One) }
}

/// Reads what says itself why it cannot be read.
pub fn parsed<T: FromStr<Err = Error>>(text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|error: Error| match error.hint_text() {
        Some(hint) => format!("{}, {hint}", error.message()),
        None => error.message().to_string(),
    })
}
