//! `storage check`: connects to a storage, and says what it is and can do.

use clap::Parser;
use kafi::{Address, Result};

use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Connect to a storage, and say what it is and can do
#[derive(Parser)]
#[command(name = "check")]
pub struct CheckArgs {
    /// The storage
    #[arg(value_name = "ADDRESS")]
    address: String,
}

impl Verb for CheckArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let kafi = context.registry.open_address(&Address::parse_storage(&self.address)?)?;
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
        table.with_names_beside().print(&context.output)?;
        Ok(Exit::Done)
    }
}
