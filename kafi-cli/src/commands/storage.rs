//! `storage`: lists the configured storages, checks one, and merges the objects of topics.

use clap::{Args, Subcommand};
use kafi::{Address, Result};

use crate::args::TIMEOUT;
use crate::commands::Verb;
use crate::commands::merge::MergeArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};

#[derive(Args)]
pub struct StorageArgs {
    #[command(subcommand)]
    command: StorageCommand,
}

#[derive(Subcommand)]
enum StorageCommand {
    /// List the storages that configuration files describe
    Ls,
    /// Connect to a storage, and say what it is and can do
    Check {
        /// The storage
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
    /// Merge small objects of topics into larger ones, where topics are kept as objects
    Merge(MergeArgs),
}

impl Verb for StorageArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        match &self.command {
            StorageCommand::Ls => list(context),
            StorageCommand::Check { address } => check(address, context),
            StorageCommand::Merge(args) => args.run(context),
        }
    }

    fn addresses(&self) -> Vec<String> {
        match &self.command {
            StorageCommand::Ls | StorageCommand::Check { .. } => Vec::new(),
            StorageCommand::Merge(args) => args.addresses(),
        }
    }
}

fn list(context: &Context) -> Result<Exit> {
    let mut table = Table::new(&["storage", "kind", "file"]);
    for file in context.registry.configs()? {
        let path = file.path.display().to_string();
        table.row(vec![Cell::Text(file.full_name()), Cell::Text(file.kind.section().to_string()), Cell::Text(path)]);
    }
    table.print(context)?;
    Ok(Exit::Done)
}

fn check(address: &str, context: &Context) -> Result<Exit> {
    let kafi = context.registry.open_address(&Address::parse_storage(address)?)?;
    let storage = kafi.storage();
    let identity = storage.identity(TIMEOUT)?;
    let topics = kafi.admin()?.topics(&[], TIMEOUT)?;
    let mut table = Table::new(&["storage", "kind", "identity", "topics", "capabilities"]);
    table.row(vec![
        Cell::Text(storage.name().to_string()),
        Cell::Text(storage.scheme().to_string()),
        Cell::Text(identity),
        Cell::Number(topics.iter().filter(|topic| !topic.internal).count() as i64),
        Cell::Text(storage.capabilities().to_string()),
    ]);
    table.with_names_beside().print(context)?;
    Ok(Exit::Done)
}
