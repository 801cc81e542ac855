//! `cluster`: the brokers of a storage.

use clap::Parser;
use kafi::{Address, Result, default_storage};

use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List the brokers of a cluster
#[derive(Parser)]
pub struct ClusterArgs {
    /// The storage (prod:); without it the default storage
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
}

impl Verb for ClusterArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let storage = self.address.as_deref().map_or_else(default_storage, Address::parse_storage)?;
        let kafi = context.registry.open_address(&storage)?;
        let cluster = kafi.admin()?.cluster(TIMEOUT)?;
        let mut table = Table::of_storages(false, &["cluster", "broker", "host", "port", "rack", "controller"])
            .with_optional(&["rack"]);
        for broker in cluster.brokers {
            let cells = [
                Cell::Text(cluster.id.clone()),
                Cell::Number(broker.id.into()),
                Cell::Text(broker.host),
                Cell::Number(broker.port.into()),
                broker.rack.map_or(Cell::Unknown, Cell::Text),
                Cell::Flag(broker.id == cluster.controller),
            ];
            table.row_on(&storage, cells);
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }
}
