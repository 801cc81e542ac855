//! `plugin ls`: lists the plugins that are found.

use clap::Parser;
use kafi::{Plugin, PluginFile, Result};

use super::{file, schemes, sections};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List the plugins that are found; with --load also the storages that they open
#[derive(Parser)]
pub struct LsArgs {
    /// Load each of them, which runs code of theirs, and say what it opens
    #[arg(long)]
    load: bool,
}

impl Verb for LsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
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
            if !self.load {
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
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}
