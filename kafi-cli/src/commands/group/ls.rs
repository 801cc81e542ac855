//! `group ls`: lists groups.

use clap::Parser;
use kafi::{Address, Admin, Error, ErrorKind, Glob, Group, Kafi, Result, StorageAddress, default_storage, shell};

use crate::address::{parsed, several};
use crate::context::Context;
use crate::exit::{Exit, end_list};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List groups
#[derive(Parser)]
#[command(name = "ls")]
pub struct LsArgs {
    /// Storages (prod:), groups (prod:billing), or globs; without any the default storage
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Show state, members, partitions, and lag
    #[arg(short, long)]
    long: bool,
}

impl Verb for LsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let mut listed: Vec<(Kafi, &StorageAddress, Vec<Group>)> = Vec::new();
        let mut failures = Vec::new();
        let addresses = if self.addresses.is_empty() {
            vec![Address { storage: default_storage()?, topic: None }]
        } else {
            parsed(&self.addresses)?
        };
        for address in &addresses {
            let kafi = context.registry.open_address(&address.storage)?;
            let (groups, unlisted) = wanted(address, kafi.admin()?.as_mut())?;
            failures.extend(unlisted);
            listed.push((kafi, &address.storage, groups));
        }
        let names_storage = several(addresses.iter().map(|address| &address.storage));
        let mut table = match self.long {
            true => Table::of_storages(names_storage, &["group", "state", "members", "partitions", "lag"]),
            false => Table::of_storages(names_storage, &["group"]).without_names(),
        };
        for (kafi, storage, groups) in listed {
            let mut admin = kafi.admin()?;
            if self.long {
                failures.extend(rows(admin.as_mut(), groups, storage, &mut table)?);
            } else {
                groups.into_iter().for_each(|group| table.row_on(storage, [Cell::Text(group.name)]));
            }
        }
        // What is wrong with one group or one broker hides no other.
        end_list(false, failures, || table.print(&context.output))
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}

/// The groups, and what could not be asked for them.
fn wanted(address: &Address, admin: &mut dyn Admin) -> Result<(Vec<Group>, Vec<Error>)> {
    let Some(name) = &address.topic else { return admin.list_groups(TIMEOUT) };
    if !address.is_glob() {
        let described = admin.group(name, TIMEOUT).map_err(|error| super::explain(admin, name, error))?;
        return Ok((vec![Group::new(described.name, described.state)], Vec::new()));
    }
    let glob = Glob::parse(name)?;
    let (mut groups, failures) = admin.list_groups(TIMEOUT)?;
    groups.retain(|group| glob.matches(&group.name));
    Ok((groups, failures))
}

/// Groups that were deleted between the listing and the look are left out. Returns what is not known of others.
fn rows(admin: &mut dyn Admin, groups: Vec<Group>, storage: &StorageAddress, table: &mut Table) -> Result<Vec<Error>> {
    let names: Vec<String> = groups.into_iter().map(|group| group.name).collect();
    let (mut described, mut failures) = (Vec::new(), Vec::new());
    for answer in admin.describe_groups(&names, TIMEOUT)? {
        match answer {
            Ok(description) => described.push(description),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => failures.push(error),
        }
    }
    let mut lags = shell::lag_of_groups(admin, &described, TIMEOUT).unwrap_or_else(|error| {
        failures.push(error);
        Vec::new()
    });
    lags.resize_with(described.len(), || Ok(Vec::new()));
    let has_failed = !failures.is_empty();
    for (described, partitions) in described.into_iter().zip(lags) {
        let is_known = partitions.is_ok();
        let partitions = partitions.unwrap_or_else(|error| {
            failures.push(error);
            Vec::new()
        });
        let lag: i64 = partitions.iter().filter_map(kafi::GroupLag::lag).sum();
        let known = |number: i64| {
            if !is_known || partitions.is_empty() && has_failed { Cell::Unknown } else { Cell::Number(number) }
        };
        let numbers = [Cell::Number(described.members.len() as i64), known(partitions.len() as i64), known(lag)];
        table.row_on(storage, [Cell::Text(described.name), Cell::Text(described.state)].into_iter().chain(numbers));
    }
    Ok(failures)
}
