//! `storage ls`: lists the configured storages.

use clap::Parser;
use kafi::Result;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List the storages that configuration files describe
#[derive(Parser)]
pub struct LsArgs {}

impl Verb for LsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let mut table = Table::new(&["storage", "kind", "file"]);
        for file in context.registry.configs()? {
            let path = file.path.display().to_string();
            table.row(vec![
                Cell::Text(file.full_name()),
                Cell::Text(file.kind.section().to_string()),
                Cell::Text(path),
            ]);
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}
