//! `group lag`: how far groups lie behind.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use kafi::{
    Address, Admin, Error, ErrorKind, Group, GroupDescription, GroupLag, Kafi, Result, StorageAddress, default_storage,
    shell,
};

use super::ls::{Filter, wanted};
use super::without_members;
use crate::address::{parsed, several};
use crate::context::Context;
use crate::exit::{Exit, end_list};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Stdout, Table};
use crate::verb::Verb;

/// Show how far groups lie behind, of all or of those that are named
#[derive(Parser)]
pub struct LagArgs {
    /// Storages (prod:), groups (prod:billing), or globs; without any the default storage
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// What there is a row for
    #[arg(long, value_name = "WHAT", default_value = "topic")]
    by: By,
    /// Show it again every few seconds, until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", require_equals = true, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Group,
    Topic,
    Partition,
}

/// A row: where a group stands, in all, in a topic, or in a partition.
#[derive(Default)]
struct Standing {
    partitions: i64,
    committed: Option<i64>,
    end: Option<i64>,
    /// None where it is known of no partition.
    lag: Option<i64>,
}

impl Verb for LagArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let addresses = if self.addresses.is_empty() {
            vec![Address { storage: default_storage()?, topic: None }]
        } else {
            parsed(&self.addresses)?
        };
        let mut opened: Vec<(Kafi, Address)> = Vec::new();
        for address in addresses {
            opened.push((context.registry.open_address(&address.storage)?, address));
        }
        let Some(seconds) = self.watch else { return self.show(&opened, context) };
        loop {
            if context.output.terminal {
                clear()?;
            }
            self.show(&opened, context)?;
            std::thread::sleep(Duration::from_secs(seconds));
        }
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}

/// What groups are doing, by name, that commit offsets of topics. Those that are listed without members are not asked,
/// which for many idle groups is most of the work, nor are those of streams, whose members are not told.
fn described(groups: Vec<Group>, admin: &mut dyn Admin, failures: &mut Vec<Error>) -> Result<Vec<GroupDescription>> {
    let committing = groups.into_iter().filter(|group| group.is_of_consumers() || group.is_of_streams());
    let (idle, live): (Vec<Group>, Vec<Group>) =
        committing.partition(|group| group.state == "Empty" || group.is_of_streams());
    let mut described: Vec<GroupDescription> = idle.into_iter().map(without_members).collect();
    let names: Vec<String> = live.into_iter().map(|group| group.name).collect();
    for answer in if names.is_empty() { Vec::new() } else { admin.describe_groups(&names, TIMEOUT)? } {
        match answer {
            Ok(description) => described.push(description),
            // It was deleted since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => failures.push(error),
        }
    }
    described.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(described)
}

impl LagArgs {
    fn show(&self, opened: &[(Kafi, Address)], context: &Context) -> Result<Exit> {
        let names_storage = several(opened.iter().map(|(_, address)| &address.storage));
        let columns: &[&str] = match self.by {
            By::Group => &["group", "partitions", "lag"],
            By::Topic => &["group", "topic", "partitions", "lag"],
            By::Partition => &["group", "topic", "partition", "committed", "end", "lag"],
        };
        let (mut table, mut failures, mut is_anything_known) =
            (Table::of_storages(names_storage, columns), Vec::new(), false);
        for (kafi, address) in opened {
            let failed = self.rows(kafi, address, &mut table)?;
            is_anything_known |= failed.1;
            failures.extend(failed.0);
        }
        end_list(!is_anything_known, failures, || match self.watch {
            Some(_) => table.print_result(&context.output),
            None => table.print(&context.output),
        })
    }

    /// Adds the rows of what an address names. Returns what is not known of it, and whether anything is.
    fn rows(&self, kafi: &Kafi, address: &Address, table: &mut Table) -> Result<(Vec<Error>, bool)> {
        let mut admin = kafi.admin()?;
        let (groups, mut failures) = wanted(address, &Filter::default(), admin.as_mut())?;
        let described = described(groups, admin.as_mut(), &mut failures)?;
        let mut is_anything_known = failures.is_empty();
        for (group, lag) in described.iter().zip(shell::lag_of_groups(admin.as_mut(), &described, TIMEOUT)?) {
            match lag {
                Ok(lag) => {
                    is_anything_known = true;
                    self.add(group, &lag, &address.storage, table);
                }
                Err(error) => failures.push(error),
            }
        }
        Ok((failures, is_anything_known))
    }

    fn add(&self, group: &GroupDescription, lags: &[GroupLag], storage: &StorageAddress, table: &mut Table) {
        let mut standings: BTreeMap<(&str, i32), Standing> = BTreeMap::new();
        for lag in lags {
            let key = match self.by {
                By::Group => ("", 0),
                By::Topic => (lag.topic.as_str(), 0),
                By::Partition => (lag.topic.as_str(), lag.partition),
            };
            let standing = standings.entry(key).or_default();
            standing.partitions += 1;
            standing.committed = lag.committed.as_ref().map(|committed| committed.offset);
            standing.end = lag.end;
            if let Some(behind) = lag.lag() {
                standing.lag = Some(standing.lag.unwrap_or(0) + behind);
            }
        }
        if self.by == By::Group {
            standings.entry(("", 0)).or_default();
        }
        let number = |number: Option<i64>| number.map_or(Cell::Unknown, Cell::Number);
        for ((topic, partition), standing) in standings {
            let (name, lag) = (Cell::Text(group.name.clone()), number(standing.lag));
            match self.by {
                By::Group => table.row_on(storage, [name, Cell::Number(standing.partitions), lag]),
                By::Topic => {
                    let topic = Cell::Text(topic.to_string());
                    table.row_on(storage, [name, topic, Cell::Number(standing.partitions), lag]);
                }
                By::Partition => {
                    let (topic, partition) = (Cell::Text(topic.to_string()), Cell::Number(partition.into()));
                    let (committed, end) = (number(standing.committed), number(standing.end));
                    table.row_on(storage, [name, topic, partition, committed, end, lag]);
                }
            }
        }
    }
}

/// Makes the terminal empty.
fn clear() -> Result<()> {
    let mut stdout = Stdout::open()?;
    stdout.buffer().extend_from_slice(b"\x1b[H\x1b[2J");
    stdout.flush().map(drop)
}
