//! `ls`: lists topics.

use std::collections::BTreeMap;

use clap::Parser;
use kafi::{Address, Admin, Error, Isolation, Result, Topic, TopicPartition, Watermarks, default_storage};

use crate::address::{parsed, several};
use crate::context::Context;
use crate::exit::{Exit, end_list};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// List topics
#[derive(Parser)]
#[command(visible_alias = "l")]
pub struct LsArgs {
    /// Storages (prod:), topics, or globs (prod:orders-*); without any the default storage
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Show partitions, replicas, messages, and bytes
    #[arg(short, long)]
    long: bool,
    /// Show internal topics too
    #[arg(short, long)]
    all: bool,
}

impl Verb for LsArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let mut listed = Vec::new();
        let addresses = if self.addresses.is_empty() {
            vec![Address { storage: default_storage()?, topic: None }]
        } else {
            parsed(&self.addresses)?
        };
        for address in &addresses {
            let kafi = context.registry.open_address(&address.storage)?;
            let wanted = match &address.topic {
                None => Vec::new(),
                Some(glob) if address.is_glob() => crate::address::matching(&kafi, glob, self.all)?,
                Some(_) => address.name().into_iter().collect(),
            };
            // A glob that matches nothing lists nothing, where an empty list of names would list everything.
            if address.is_glob() && wanted.is_empty() {
                continue;
            }
            listed.push((kafi, &address.storage, wanted));
        }
        let columns: &[&str] =
            if self.long { &["topic", "partitions", "replicas", "messages", "bytes"] } else { &["topic"] };
        let table = Table::of_storages(several(addresses.iter().map(|address| &address.storage)), columns);
        let mut table = if self.long { table } else { table.without_names() };
        let mut failures = Vec::new();
        for (kafi, storage, wanted) in &listed {
            let mut admin = kafi.admin()?;
            let mut topics = described(admin.as_mut(), wanted, &mut failures)?;
            topics.retain(|topic| self.all || !topic.internal || wanted.contains(&topic.name));
            let messages = if self.long { messages(admin.as_mut(), &topics, &mut failures)? } else { BTreeMap::new() };
            for topic in topics {
                let cells = match self.long {
                    true => row(&topic, messages.get(&topic.name).copied()),
                    false => vec![Cell::Text(topic.name)],
                };
                table.row_on(storage, cells);
            }
        }
        // What is wrong with one topic hides no other.
        end_list(false, failures, || table.print(&context.output))
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}

/// The topics of these names, or all. Of several, one that cannot be described is among the failures and hides no
/// other.
fn described(admin: &mut dyn Admin, wanted: &[String], failures: &mut Vec<Error>) -> Result<Vec<Topic>> {
    let mut topics = match admin.topics(wanted, TIMEOUT) {
        Err(_) if wanted.len() > 1 => {
            let mut topics = Vec::new();
            for name in wanted {
                match admin.topics(std::slice::from_ref(name), TIMEOUT) {
                    Ok(described) => topics.extend(described),
                    Err(error) => failures.push(error),
                }
            }
            topics
        }
        topics => topics?,
    };
    // In a list of all it comes without partitions, and is asked for once more to learn why.
    topics.retain(|topic| {
        match topic.partitions.is_empty().then(|| admin.topics(std::slice::from_ref(&topic.name), TIMEOUT)) {
            Some(Err(error)) => {
                failures.push(error);
                false
            }
            _ => true,
        }
    });
    Ok(topics)
}

/// How many messages each topic holds, by its watermarks, asked in one go. What partitions fail with that cannot be
/// asked about is among the failures, and their topics are left out.
fn messages(admin: &mut dyn Admin, topics: &[Topic], failures: &mut Vec<Error>) -> Result<BTreeMap<String, i64>> {
    let of_topic = |topic: &Topic| {
        topic
            .partitions
            .iter()
            .map(|p| TopicPartition { topic: topic.name.clone(), partition: p.partition })
            .collect::<Vec<_>>()
    };
    let partitions: Vec<_> = topics.iter().flat_map(of_topic).collect();
    let mut messages: BTreeMap<String, i64> = topics.iter().map(|topic| (topic.name.clone(), 0)).collect();
    let answers = admin.watermarks_of_each(&partitions, Isolation::ReadUncommitted, TIMEOUT)?;
    for (partition, watermarks) in partitions.iter().zip(answers) {
        match watermarks {
            Ok(Watermarks { low, high, .. }) => {
                drop(messages.entry(partition.topic.clone()).and_modify(|sum| *sum += high - low))
            }
            Err(error) => {
                messages.remove(&partition.topic);
                failures.push(error);
            }
        }
    }
    Ok(messages)
}

fn row(topic: &Topic, messages: Option<i64>) -> Vec<Cell> {
    let replicas = topic.partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0);
    let bytes = topic.partitions.iter().map(|p| p.bytes).sum::<Option<u64>>();
    vec![
        Cell::Text(topic.name.clone()),
        Cell::Number(topic.partitions.len() as i64),
        Cell::Number(replicas as i64),
        messages.map_or(Cell::Unknown, Cell::Number),
        bytes.map_or(Cell::Unknown, Cell::Bytes),
    ]
}
