//! `user ls`: lists users.

use clap::Parser;
use kafi::{Address, Result, default_storage};

use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List users with passwords (SCRAM), by mechanism
#[derive(Parser)]
pub struct LsArgs {
    /// The storage (prod:), or one user (prod:alice); without it the default storage
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
}

impl Verb for LsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let address = match &self.address {
            Some(text) => Address::parse(text)?,
            None => Address { storage: default_storage()?, topic: None },
        };
        let kafi = context.registry.open_address(&address.storage)?;
        let names: Vec<String> = address.name().into_iter().collect();
        let mut table = Table::of_storages(false, &["user", "mechanism", "iterations"]);
        for user in kafi.admin()?.users(&names, TIMEOUT)? {
            let cells =
                [Cell::Text(user.name), Cell::Text(user.mechanism.to_string()), Cell::Number(user.iterations.into())];
            table.row_on(&address.storage, cells);
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}
