//! `config`: shows and changes the settings of topics, and of brokers.

use std::collections::BTreeSet;

use clap::Parser;
use kafi::{Address, Admin, ConfigChange, ConfigEntry, Error, ErrorKind, Result, StorageAddress, shell};

use crate::address::{Opened, open_topics};
use crate::args::{ExecuteArgs, setting};
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Show and change the settings of topics, and of brokers; of several topics, changes are planned, and made with
/// --execute
#[derive(Parser)]
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
    /// Change nothing unless this setting has this value now, so that nobody's change is lost; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    expect: Vec<(String, String)>,
    #[command(flatten)]
    execute: ExecuteArgs,
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
            Owner::Broker(broker).check_expected(admin.as_mut(), &self.expect)?;
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
        let exit = match self.change(&opened, &changes, context)? {
            Some(exit) => exit,
            // It was only planned.
            None => return Ok(Exit::Done),
        };
        let names_topics = context.output.json || opened.iter().map(|opened| opened.topics.len()).sum::<usize>() > 1;
        let mut table = Table::of_storages(
            false,
            if names_topics { &["topic", "setting", "value", "default"] } else { &["setting", "value", "default"] },
        );
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            for topic in &opened.topics {
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
        Ok(exit)
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }
}

impl ConfigArgs {
    /// Changes the settings of these topics. Of several, the plan is printed first, and nothing is changed unless that
    /// was asked for: then there is no exit.
    fn change(&self, opened: &[Opened], changes: &[ConfigChange], context: &Context) -> Result<Option<Exit>> {
        let topics = || opened.iter().flat_map(|opened| opened.topics.iter().map(move |topic| (opened, topic)));
        // Everything is looked at before anything is changed.
        for (opened, topic) in topics() {
            Owner::Topic(topic).check_expected(opened.kafi.admin()?.as_mut(), &self.expect)?;
        }
        if changes.is_empty() {
            return Ok(Some(Exit::Done));
        }
        let count = topics().count();
        if count > 1 {
            let mut table = Table::of_storages(false, &["topic", "setting", "from", "to"]);
            for (opened, topic) in topics() {
                let entries = Owner::Topic(topic).read(opened.kafi.admin()?.as_mut())?;
                changes.iter().for_each(|change| table.row_on(&opened.storage, planned(topic, change, &entries)));
            }
            table.print(&context.output)?;
            if !self.execute.goes_on(true, context) {
                return Ok(None);
            }
        }
        let mut several = Several::new(count);
        for (opened, topic) in topics() {
            several.add(Owner::Topic(topic).change(opened.kafi.admin()?.as_mut(), changes))?;
        }
        Ok(Some(several.exit()))
    }
}

/// What is to become of a setting.
fn planned(topic: &str, change: &ConfigChange, entries: &[ConfigEntry]) -> [Cell; 4] {
    let known = entries.iter().find(|entry| entry.name == change.name).and_then(|entry| entry.value.clone());
    let cell = |value: Option<String>| value.map_or(Cell::Unknown, Cell::Text);
    [Cell::Text(topic.to_string()), Cell::Text(change.name.clone()), cell(known), cell(change.value.clone())]
}

impl Owner<'_> {
    /// Refuses where a setting is not what is expected.
    fn check_expected(&self, admin: &mut dyn Admin, expected: &[(String, String)]) -> Result<()> {
        if expected.is_empty() {
            return Ok(());
        }
        let entries = self.read(admin)?;
        for (name, value) in expected {
            let Some(entry) = entries.iter().find(|entry| entry.name == *name) else {
                return Err(self.no_such_setting(name, &entries));
            };
            if entry.value.as_ref() != Some(value) {
                let error = Error::new(ErrorKind::Conflict, "change settings", "the setting has another value");
                let error = self.explain(error).with("setting", name).with("expected", kafi::shown_value(name, value));
                let found = entry.value.as_deref().map_or("unknown".into(), |found| kafi::shown_value(name, found));
                return Err(error.with("found", found).hint("nothing was changed"));
            }
        }
        Ok(())
    }

    fn no_such_setting(&self, name: &str, entries: &[ConfigEntry]) -> Error {
        let error = self
            .explain(Error::new(ErrorKind::Usage, "read settings", "there is no such setting"))
            .with("setting", name);
        shell::explain_settings(error, [&name.to_string()], entries)
    }

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
        if error.kind() != ErrorKind::Usage {
            return Err(error);
        }
        // What cannot be listed gives no hint; the error itself matters more.
        let known = self.read(admin).unwrap_or_default();
        Err(shell::explain_settings(error, changes.iter().map(|change| &change.name), &known))
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
        return Err(owner.no_such_setting(unknown, &entries));
    }
    for entry in entries.iter().filter(|entry| wanted.is_empty() || wanted.contains(&entry.name.as_str())) {
        match entry.default {
            true => table.dimmed_row_on(storage, row(entry)),
            false => table.row_on(storage, row(entry)),
        }
    }
    Ok(())
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
