//! `group ls`: lists groups.

use clap::{Args, Parser};
use kafi::{Address, Admin, Error, ErrorKind, Glob, Group, Kafi, Result, StorageAddress, default_storage, shell};

use super::without_members;
use crate::address::{parsed, several};
use crate::context::Context;
use crate::exit::{Exit, end_list};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List groups
#[derive(Parser)]
pub struct LsArgs {
    /// Storages (prod:), groups (prod:billing), or globs; without any the default storage
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Show type, protocol, state, members, partitions, and lag
    #[arg(short, long)]
    long: bool,
    #[command(flatten)]
    filter: Filter,
}

/// Which groups.
#[derive(Args, Default)]
pub struct Filter {
    /// Only groups in this state: stable, empty, …; repeatable
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,
    /// Only groups of this type, or of members of this protocol: classic, consumer, connect, …; repeatable
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

impl Filter {
    fn is_match(&self, group: &Group) -> bool {
        let is_one = |wanted: &[String], words: &[&str]| {
            wanted.is_empty() || wanted.iter().any(|wanted| words.iter().any(|word| wanted.eq_ignore_ascii_case(word)))
        };
        is_one(&self.state, &[&group.state])
            && match group.group_type.as_str() {
                // Consumers are called so by their protocol as well, of whichever type their group is.
                "classic" if group.is_of_consumers() => is_one(&self.types, &["classic"]),
                group_type => is_one(&self.types, &[group_type, &group.protocol]),
            }
    }
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
            let (groups, unlisted) = wanted(address, &self.filter, kafi.admin()?.as_mut())?;
            failures.extend(unlisted);
            listed.push((kafi, &address.storage, groups));
        }
        let names_storage = several(addresses.iter().map(|address| &address.storage));
        let long = ["group", "type", "protocol", "state", "members", "partitions", "lag"];
        let mut table = match self.long {
            true => Table::of_storages(names_storage, &long).with_optional(&["type", "protocol"]),
            false => Table::of_storages(names_storage, &["group"]).without_names(),
        };
        for (kafi, storage, groups) in listed {
            let mut admin = kafi.admin()?;
            if self.long {
                failures.extend(rows(admin.as_mut(), &groups, storage, &mut table)?);
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

/// The groups that an address means and the filter matches, and what could not be asked for them.
pub fn wanted(address: &Address, filter: &Filter, admin: &mut dyn Admin) -> Result<(Vec<Group>, Vec<Error>)> {
    if let Some(name) = address.name().filter(|_| !address.is_glob()) {
        let (listed, _) = admin.list_groups(TIMEOUT).unwrap_or_default();
        let group = match listed.into_iter().find(|listed| listed.name == name) {
            Some(known) => known,
            // Asked by its name, a group is found although its broker is not listed.
            None => {
                let described = admin.group(&name, TIMEOUT).map_err(|error| super::explain(admin, &name, error))?;
                Group::new(described.name, described.state)
            }
        };
        return Ok((Some(group).filter(|group| filter.is_match(group)).into_iter().collect(), Vec::new()));
    }
    let glob = address.topic.as_deref().map(Glob::parse).transpose()?;
    let (mut groups, failures) = admin.list_groups(TIMEOUT)?;
    groups.retain(|group| glob.as_ref().is_none_or(|glob| glob.matches(&group.name)) && filter.is_match(group));
    Ok((groups, failures))
}

/// Groups that were deleted between the listing and the look are left out. Returns what is not known of others.
fn rows(admin: &mut dyn Admin, groups: &[Group], storage: &StorageAddress, table: &mut Table) -> Result<Vec<Error>> {
    let names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    let (mut of, mut described, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for (group, answer) in groups.iter().zip(admin.describe_groups(&names, TIMEOUT)?) {
        match answer {
            Ok(description) => {
                of.push(group);
                described.push(description);
            }
            // There are kinds of groups that cannot be looked at in this way, and some of them commit offsets.
            Err(error) if error.kind() == ErrorKind::NotFound && group.is_of_streams() => {
                of.push(group);
                described.push(without_members(group.clone()));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !group.is_of_consumers() => {
                let unknown = [Cell::Unknown, Cell::Unknown, Cell::Unknown];
                table.row_on(storage, words(group, &group.state).into_iter().chain(unknown));
            }
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
    for ((group, described), partitions) in of.into_iter().zip(described).zip(lags) {
        let is_known = partitions.is_ok();
        let partitions = partitions.unwrap_or_else(|error| {
            failures.push(error);
            Vec::new()
        });
        let lag: i64 = partitions.iter().filter_map(kafi::GroupLag::lag).sum();
        let known = |number: i64| {
            if !is_known || partitions.is_empty() && has_failed { Cell::Unknown } else { Cell::Number(number) }
        };
        let members = if group.is_of_streams() { Cell::Unknown } else { Cell::Number(described.members.len() as i64) };
        let numbers = [members, known(partitions.len() as i64), known(lag)];
        table.row_on(storage, words(group, &described.state).into_iter().chain(numbers));
    }
    Ok(failures)
}

fn words(group: &Group, state: &str) -> [Cell; 4] {
    let word = |word: &str| if word.is_empty() { Cell::Unknown } else { Cell::Text(word.to_string()) };
    [Cell::Text(group.name.clone()), word(&group.group_type), word(&group.protocol), word(state)]
}
