//! `group ls`: lists groups.

use clap::Args;
use kafi::{Address, Admin, Group, Kafi, Result, shell};

use crate::args::TIMEOUT;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};

#[derive(Args)]
pub struct LsArgs {
    /// Storages (prod:), groups (prod:billing), or globs; without any the default storage
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Show state, members, partitions, and lag
    #[arg(short, long)]
    long: bool,
}

pub fn run(args: &LsArgs, context: &Context) -> Result<Exit> {
    let mut listed: Vec<(Kafi, Vec<Group>)> = Vec::new();
    if args.addresses.is_empty() {
        let kafi = context.registry.open("")?;
        let groups = kafi.admin()?.groups(TIMEOUT)?;
        listed.push((kafi, groups));
    }
    for text in &args.addresses {
        let address = Address::parse(text)?;
        let kafi = context.registry.open_address(&address.storage)?;
        let groups = wanted(&address, kafi.admin()?.as_mut())?;
        listed.push((kafi, groups));
    }
    let mut table = match args.long {
        true => Table::new(&["group", "state", "members", "partitions", "lag"]),
        false => Table::new(&["group"]).without_names(),
    };
    for (kafi, groups) in listed {
        let mut admin = kafi.admin()?;
        if args.long {
            rows(admin.as_mut(), groups, &mut table)?;
        } else {
            groups.into_iter().for_each(|group| table.row(vec![Cell::Text(group.name)]));
        }
    }
    table.print(context)?;
    Ok(Exit::Done)
}

fn wanted(address: &Address, admin: &mut dyn Admin) -> Result<Vec<Group>> {
    let Some(name) = &address.topic else { return admin.groups(TIMEOUT) };
    if !address.is_glob() {
        let described = admin.group(name, TIMEOUT).map_err(|error| super::explain(admin, name, error))?;
        return Ok(vec![Group { name: described.name, state: described.state }]);
    }
    let matching = super::matching(admin, name)?;
    Ok(admin.groups(TIMEOUT)?.into_iter().filter(|group| matching.contains(&group.name)).collect())
}

/// Groups that were deleted between the listing and the look are left out.
fn rows(admin: &mut dyn Admin, groups: Vec<Group>, table: &mut Table) -> Result<()> {
    let names: Vec<String> = groups.into_iter().map(|group| group.name).collect();
    let described = admin.describe_groups(&names, TIMEOUT)?;
    let lags = shell::lag_of_groups(admin, &described, TIMEOUT)?;
    for (described, partitions) in described.into_iter().zip(lags) {
        let lag: i64 = partitions.iter().filter_map(kafi::GroupLag::lag).sum();
        let numbers = [described.members.len() as i64, partitions.len() as i64, lag].map(Cell::Number);
        table.row([Cell::Text(described.name), Cell::Text(described.state)].into_iter().chain(numbers).collect());
    }
    Ok(())
}
