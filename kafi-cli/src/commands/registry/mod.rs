//! `registry`: the schema registry of a storage: its subjects, versions, schemas, and what applies to them.

mod cp;
mod get;
mod level;
mod list;
mod register;
mod rm;
mod schema;

use std::sync::Arc;

use clap::{Parser, Subcommand};
use kafi::serde::registry::Registry;
use kafi::{Result, default_storage};

use crate::address::FirstUse;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Stdout, Table, escape, nobody_reads};
use crate::verb::Verb;

/// Schemas of a schema registry: list, print, register, check, copy, and delete them
#[derive(Parser)]
pub struct RegistryArgs {
    /// The storage whose registry is meant (prod:), or the address of a registry (http://host:8081); without one that
    /// of --registry, or of the default storage
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    #[command(subcommand)]
    command: RegistryCommand,
}

#[derive(Subcommand)]
enum RegistryCommand {
    /// List subjects
    Subjects(list::SubjectsArgs),
    /// List the versions of a subject
    Versions(list::VersionsArgs),
    /// Print a schema
    Get(get::GetArgs),
    /// Find the version of a subject that is a schema
    Lookup(schema::LookupArgs),
    /// Register a schema as the next version of a subject, and print its id
    Register(register::RegisterArgs),
    /// Say whether a schema fits to the versions of a subject, and why not; exit code 1 where it does not
    Check(schema::CheckArgs),
    /// Delete a subject or a version; what was deleted can be read by its id, until it is deleted again with --permanent
    Rm(rm::RmArgs),
    /// Show or set the level of compatibility of a subject, or of the registry
    Compat(level::CompatArgs),
    /// Show or set the mode of a subject, or of the registry
    Mode(level::ModeArgs),
    /// List contexts
    Contexts,
    /// List the types of schemas that the registry takes
    Types,
    /// Copy subjects with all their versions to another registry, and print what became of the ids
    Cp(cp::CpArgs),
}

/// An opened registry, and what it is called in what is printed.
struct NamedRegistry {
    name: String,
    registry: Arc<dyn Registry>,
}

impl NamedRegistry {
    fn open(context: &Context, address: &str) -> Result<Self> {
        let registry = context.registry.open_schema_registry(address)?;
        let name = if address.is_empty() || address.contains("://") {
            registry.name().to_string()
        } else {
            address.trim_end_matches([':', '/']).to_string()
        };
        Ok(Self { name, registry })
    }

    /// A table whose documents say first which registry it is.
    fn table(&self, names: &[&'static str]) -> Table {
        Table::of_storages(false, names)
    }

    /// Adds a row.
    fn row(&self, table: &mut Table, cells: impl IntoIterator<Item = Cell>) {
        table.row([Cell::Text(self.name.clone())].into_iter().chain(cells).collect());
    }

    /// Prints a table of one column, of which people see nothing else.
    fn print_list(&self, context: &Context, name: &'static str, items: Vec<Cell>) -> Result<Exit> {
        let mut table = self.table(&[name]).without_names();
        items.into_iter().for_each(|item| self.row(&mut table, [item]));
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}

impl Verb for RegistryArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        if let RegistryCommand::Cp(args) = &self.command {
            return args.run(context);
        }
        let named = NamedRegistry::open(context, self.address.as_deref().unwrap_or_default())?;
        let first_use = match self.address {
            Some(_) => None,
            None => Some(FirstUse::of(&default_storage()?)),
        };
        let exit = self.run_on(&named, context)?;
        first_use.iter().for_each(|first_use| first_use.say(context));
        Ok(exit)
    }

    /// 1 is what `check` says where a schema does not fit.
    fn fails_with(&self) -> Exit {
        if matches!(self.command, RegistryCommand::Check(_)) { Exit::Usage } else { Exit::Failed }
    }
}

impl RegistryArgs {
    fn run_on(&self, named: &NamedRegistry, context: &Context) -> Result<Exit> {
        match &self.command {
            RegistryCommand::Subjects(args) => args.run(named, context),
            RegistryCommand::Versions(args) => args.run(named, context),
            RegistryCommand::Get(args) => args.run(named, context),
            RegistryCommand::Lookup(args) => args.run(named, context),
            RegistryCommand::Register(args) => args.run(named, context),
            RegistryCommand::Check(args) => args.run(named, context),
            RegistryCommand::Rm(args) => args.run(named, context),
            RegistryCommand::Compat(args) => args.run(named, context),
            RegistryCommand::Mode(args) => args.run(named, context),
            RegistryCommand::Contexts => list::contexts(named, context),
            RegistryCommand::Types => list::types(named, context),
            RegistryCommand::Cp(args) => args.run(context),
        }
    }
}

/// Prints a text as it is; on a terminal line by line without what would control it.
fn print_text(context: &Context, text: &str) -> Result<()> {
    let mut stdout = Stdout::open()?;
    for line in text.trim_end_matches('\n').split('\n') {
        let shown = if context.output.terminal { escape::line(line) } else { line.to_string() };
        if !stdout.line(&shown)? {
            return Err(nobody_reads());
        }
    }
    if stdout.flush()? { Ok(()) } else { Err(nobody_reads()) }
}

/// A number as a cell.
fn number(number: u32) -> Cell {
    Cell::Number(number.into())
}
