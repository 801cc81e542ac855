//! `config`: shows and changes the settings of topics, and of brokers.

use std::collections::BTreeSet;

use clap::Parser;
use kafi::{Address, Admin, ConfigChange, ConfigEntry, Error, ErrorKind, Result, StorageAddress};

use crate::address::open_topics;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Show and change the settings of topics, and of brokers
#[derive(Parser)]
#[command(name = "config")]
pub struct ConfigArgs {
    /// A topic or a glob; with --broker a storage
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Settings to show (all, if nothing is changed), and to change, such as retention.ms=7d or segment.bytes=64MB
    /// (what Kafka gets and shows is its own unit: milliseconds, bytes); the others stay as they are
    #[arg(value_name = "KEY | KEY=VALUE")]
    settings: Vec<String>,
    /// Let a setting go back to its default; repeatable
    #[arg(long, value_name = "KEY")]
    delete: Vec<String>,
    /// The settings of this broker
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    broker: Option<i32>,
}

/// Whose settings they are.
enum Owner<'a> {
    Topic(&'a str),
    Broker(i32),
}

impl Verb for ConfigArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let changes = changes(self)?;
        let wanted: Vec<&str> =
            self.settings.iter().map(String::as_str).filter(|setting| !setting.contains('=')).collect();
        let shows = !wanted.is_empty() || changes.is_empty();
        if let Some(broker) = self.broker {
            let storage = Address::parse_storage(&self.address)?;
            let kafi = context.registry.open_address(&storage)?;
            let mut admin = kafi.admin()?;
            Owner::Broker(broker).change(admin.as_mut(), &changes)?;
            let mut table = Table::of_storages(false, &["setting", "value", "default", "read_only"]);
            if shows {
                add_rows(
                    &Owner::Broker(broker),
                    admin.as_mut(),
                    &wanted,
                    |entry| cells(entry, true),
                    (&storage, &mut table),
                )?;
            }
            table.print(&context.output)?;
            return Ok(Exit::Done);
        }
        if Address::parse(&self.address)?.topic.is_none() {
            let error = Error::new(ErrorKind::Usage, "read settings", "a storage has no settings of its own")
                .with("address", format!("{:?}", self.address));
            return Err(error.hint("name a topic, or with --broker ID one of its brokers"));
        }
        let opened = open_topics(context, std::slice::from_ref(&self.address))?;
        let names_topics = context.output.json || opened.iter().map(|opened| opened.topics.len()).sum::<usize>() > 1;
        let mut table = Table::of_storages(
            false,
            if names_topics { &["topic", "setting", "value", "default"] } else { &["setting", "value", "default"] },
        );
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            for topic in &opened.topics {
                Owner::Topic(topic).change(admin.as_mut(), &changes)?;
                if shows {
                    let row = |entry: &ConfigEntry| {
                        let name = names_topics.then(|| Cell::Text(topic.clone()));
                        name.into_iter().chain(cells(entry, false)).collect()
                    };
                    add_rows(&Owner::Topic(topic), admin.as_mut(), &wanted, row, (&opened.storage, &mut table))?;
                }
            }
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}

impl Owner<'_> {
    fn read(&self, admin: &mut dyn Admin) -> Result<Vec<ConfigEntry>> {
        match self {
            Self::Topic(topic) => admin.topic_config(topic, TIMEOUT),
            Self::Broker(broker) => admin.broker_config(*broker, TIMEOUT),
        }
    }

    fn change(&self, admin: &mut dyn Admin, changes: &[ConfigChange]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let changed = match self {
            Self::Topic(topic) => admin.alter_topic_config(topic, changes, TIMEOUT),
            Self::Broker(broker) => admin.alter_broker_config(*broker, changes, TIMEOUT),
        };
        let Err(error) = changed else { return Ok(()) };
        if error.kind() != ErrorKind::Usage || error.hint_text().is_some() {
            return Err(error);
        }
        // What cannot be listed gives no hint; the error itself matters more.
        let known = self.read(admin).unwrap_or_default();
        let unknown = changes.iter().find(|change| known.iter().all(|entry| entry.name != change.name));
        Err(match unknown.and_then(|change| near(&change.name, &known)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        })
    }

    fn explain(&self, error: Error) -> Error {
        match self {
            Self::Topic(topic) => error.with("topic", topic),
            Self::Broker(broker) => error.with("broker", broker),
        }
    }
}

/// Adds the settings that are wanted, or all.
fn add_rows(
    owner: &Owner<'_>,
    admin: &mut dyn Admin,
    wanted: &[&str],
    row: impl Fn(&ConfigEntry) -> Vec<Cell>,
    (storage, table): (&StorageAddress, &mut Table),
) -> Result<()> {
    let entries = owner.read(admin)?;
    if let Some(unknown) = wanted.iter().find(|wanted| entries.iter().all(|entry| entry.name != **wanted)) {
        let error = owner
            .explain(Error::new(ErrorKind::Usage, "read settings", "there is no such setting"))
            .with("setting", unknown);
        return Err(match near(unknown, &entries) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        });
    }
    for entry in entries.iter().filter(|entry| wanted.is_empty() || wanted.contains(&entry.name.as_str())) {
        match entry.default {
            true => table.dimmed_row_on(storage, row(entry)),
            false => table.row_on(storage, row(entry)),
        }
    }
    Ok(())
}

fn near<'a>(name: &str, entries: &'a [ConfigEntry]) -> Option<&'a str> {
    kafi::nearest(name, entries.iter().map(|entry| entry.name.as_str()))
}

fn cells(entry: &ConfigEntry, says_read_only: bool) -> Vec<Cell> {
    let value = entry.value.clone().map_or(Cell::Unknown, Cell::Text);
    let read_only = says_read_only.then_some(Cell::Flag(entry.read_only));
    [Cell::Text(entry.name.clone()), value, Cell::Flag(entry.default)].into_iter().chain(read_only).collect()
}

fn changes(args: &ConfigArgs) -> Result<Vec<ConfigChange>> {
    let set = args
        .settings
        .iter()
        .filter_map(|setting| setting.split_once('='))
        .map(|(name, value)| (name, Some(value.to_string())));
    let deleted = args.delete.iter().map(|name| (name.as_str(), None));
    let mut names = BTreeSet::new();
    let mut changes = Vec::new();
    for (name, value) in set.chain(deleted) {
        let refuse =
            |why: &str| Err(Error::new(ErrorKind::Usage, "read arguments", why).with("setting", format!("{name:?}")));
        if name.is_empty() {
            return refuse("a setting is written KEY=VALUE");
        }
        if !names.insert(name) {
            return refuse("it is changed twice");
        }
        let value = value.map(|value| kafi::setting_value(name, &value)).transpose()?;
        changes.push(ConfigChange { name: name.to_string(), value });
    }
    Ok(changes)
}
