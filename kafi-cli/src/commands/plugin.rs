//! `plugin`: lists the storages that are loaded from dynamic libraries, and checks one.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use kafi::abi::KAFI_ABI;
use kafi::{Plugin, PluginFile, Result, StorageInfo};

use crate::commands::Verb;
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
    /// List the plugins that are found; with --load also the storages that they open
    Ls {
        /// Load each of them, which runs code of theirs, and say what it opens
        #[arg(long)]
        load: bool,
    },
    /// Load a plugin, and say what it is and which keys its configurations have
    Check {
        /// The library
        #[arg(value_name = "PATH", value_hint = ValueHint::FilePath)]
        path: PathBuf,
    },
}

impl Verb for PluginArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        match &self.command {
            PluginCommand::Ls { load } => list(*load, context),
            PluginCommand::Check { path } => check(path, context),
        }
    }
}

fn list(load: bool, context: &Context) -> Result<Exit> {
    let mut table = Table::new(&["plugin", "version", "schemes", "sections", "found_by", "file"])
        .with_optional(&["plugin", "version", "schemes", "sections"]);
    for listed in context.registry.plugins().listed() {
        let PluginFile { path, said_by } = match listed {
            Ok(listed) => listed,
            Err(error) => {
                context.say(&format!("warning: {error}"));
                continue;
            }
        };
        let found_by = Cell::Text(said_by.into());
        if !load {
            table.row(vec![Cell::Unknown, Cell::Unknown, Cell::Unknown, Cell::Unknown, found_by, file(&path)]);
            continue;
        }
        match Plugin::load(&path) {
            Ok(plugin) => {
                let [name, version] =
                    [plugin.announced.name, plugin.announced.version].map(|text| Cell::Text(text.into()));
                let [schemes, sections] = [schemes(&plugin), sections(&plugin)].map(Cell::Text);
                table.row(vec![name, version, schemes, sections, found_by, file(&plugin.path)]);
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
    let mut table =
        Table::new(&["plugin", "version", "interface", "kafi_core", "schemes", "sections", "folders", "keys", "file"]);
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
