//! `cluster`: the brokers of a storage.

use clap::Args;
use kafi::{Address, Result};

use crate::args::TIMEOUT;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};

#[derive(Args)]
pub struct ClusterArgs {
    /// The storage (prod:)
    #[arg(value_name = "ADDRESS")]
    address: String,
}

pub fn run(args: &ClusterArgs, context: &Context) -> Result<Exit> {
    let kafi = context.registry.open_address(&Address::parse_storage(&args.address)?)?;
    let cluster = kafi.admin()?.cluster(TIMEOUT)?;
    let mut table = Table::new(&["cluster", "broker", "host", "port", "rack", "controller"]).with_optional(&["rack"]);
    for broker in cluster.brokers {
        table.row(vec![
            Cell::Text(cluster.id.clone()),
            Cell::Number(broker.id.into()),
            Cell::Text(broker.host),
            Cell::Number(broker.port.into()),
            broker.rack.map_or(Cell::Unknown, Cell::Text),
            Cell::Flag(broker.id == cluster.controller),
        ]);
    }
    table.print(context)?;
    Ok(Exit::Done)
}
