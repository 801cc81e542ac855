//! `plugin check`: loads a plugin, and says what it is.

use std::path::PathBuf;

use clap::{Parser, ValueHint};
use kafi::abi::KAFI_ABI;
use kafi::{Plugin, Result};

use super::{file, joined, schemes, sections};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Load a plugin, and say what it is and which keys its configurations have
#[derive(Parser)]
pub struct CheckArgs {
    /// The library
    #[arg(value_name = "PATH", value_hint = ValueHint::FilePath)]
    path: PathBuf,
}

impl Verb for CheckArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let plugin = Plugin::load(&self.path)?;
        let keys = plugin.announced.storages.iter().flat_map(|storage| storage.keys.iter().map(|key| key.name));
        let mut table = Table::new(&[
            "plugin",
            "version",
            "interface",
            "kafi_core",
            "schemes",
            "sections",
            "folders",
            "keys",
            "file",
        ]);
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
        table.with_names_beside().print(&context.output)?;
        Ok(Exit::Done)
    }
}
