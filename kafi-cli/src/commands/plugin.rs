//! `plugin`: lists the storages that are loaded from dynamic libraries, and checks one.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use kafi::abi::KAFI_ABI;
use kafi::{Plugin, Result, StorageInfo};

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};

#[derive(Args)]
pub struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Subcommand)]
enum PluginCommand {
    /// List the plugins that are found, and the storages that they open
    Ls,
    /// Load a plugin, and say what it is and which keys its configurations have
    Check {
        /// The library
        #[arg(value_name = "PATH", value_hint = ValueHint::FilePath)]
        path: PathBuf,
    },
}

pub fn run(args: &PluginArgs, context: &Context) -> Result<Exit> {
    match &args.command {
        PluginCommand::Ls => list(context),
        PluginCommand::Check { path } => check(path, context),
    }
}

fn list(context: &Context) -> Result<Exit> {
    let mut table = Table::new(&["plugin", "version", "schemes", "sections", "file"]);
    for loaded in context.registry.plugins().all() {
        match loaded {
            Ok(plugin) => {
                let [schemes, sections] = [schemes(&plugin), sections(&plugin)].map(Cell::Text);
                table.row(vec![Cell::Text(plugin.announced.name.into()), Cell::Text(plugin.announced.version.into()), schemes, sections, file(&plugin.path)]);
            }
            Err(error) => context.say(&format!("warning: {error}")),
        }
    }
    table.print(context)?;
    Ok(Exit::Done)
}

fn check(path: &Path, context: &Context) -> Result<Exit> {
    let plugin = Plugin::load(path)?;
    let keys = plugin.announced.storages.iter().flat_map(|storage| storage.keys.iter().map(|key| key.name));
    let mut table = Table::new(&["plugin", "version", "interface", "kafi_core", "schemes", "sections", "folders", "keys", "file"]);
    table.row(vec![
        Cell::Text(plugin.announced.name.into()),
        Cell::Text(plugin.announced.version.into()),
        Cell::Number(KAFI_ABI.into()),
        Cell::Text(plugin.announced.kafi_core.into()),
        Cell::Text(schemes(&plugin)),
        Cell::Text(sections(&plugin)),
        Cell::Text(joined(&plugin, |storage| storage.folder)),
        Cell::Text(keys.collect::<Vec<_>>().join(" ")),
        file(&plugin.path),
    ]);
    table.with_names_beside().print(context)?;
    Ok(Exit::Done)
}

fn schemes(plugin: &Plugin) -> String {
    joined(plugin, |storage| Some(storage.scheme))
}

fn sections(plugin: &Plugin) -> String {
    joined(plugin, |storage| storage.section)
}

fn joined(plugin: &Plugin, of: impl Fn(&StorageInfo) -> Option<&'static str>) -> String {
    plugin.announced.storages.iter().filter_map(of).collect::<Vec<_>>().join(" ")
}

fn file(path: &Path) -> Cell {
    Cell::Text(path.display().to_string())
}
