//! `ls`: lists topics.

use std::collections::BTreeMap;

use clap::Args;
use kafi::{Address, Admin, Isolation, Result, Topic, TopicPartition, default_storage};

use crate::address::{parsed, several};
use crate::args::TIMEOUT;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Table};

#[derive(Args)]
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

pub fn run(args: &LsArgs, context: &Context) -> Result<Exit> {
    let mut listed = Vec::new();
    let addresses = if args.addresses.is_empty() { vec![Address { storage: default_storage()?, topic: None }] } else { parsed(&args.addresses)? };
    for address in &addresses {
        let kafi = context.registry.open_address(&address.storage)?;
        let wanted = match &address.topic {
            None => Vec::new(),
            Some(glob) if address.is_glob() => crate::address::matching(&kafi, glob, args.all)?,
            Some(topic) => vec![topic.clone()],
        };
        // A glob that matches nothing lists nothing, where an empty list of names would list everything.
        if address.is_glob() && wanted.is_empty() {
            continue;
        }
        listed.push((kafi, &address.storage, wanted));
    }
    let columns: &[&str] = if args.long { &["topic", "partitions", "replicas", "messages", "bytes"] } else { &["topic"] };
    let table = Table::of_storages(several(addresses.iter().map(|address| &address.storage)), columns);
    let mut table = if args.long { table } else { table.without_names() };
    for (kafi, storage, wanted) in &listed {
        let mut admin = kafi.admin()?;
        let mut topics = admin.topics(wanted, TIMEOUT)?;
        topics.retain(|topic| args.all || !topic.internal || wanted.contains(&topic.name));
        let messages = if args.long { Some(messages(admin.as_mut(), &topics)?) } else { None };
        for topic in topics {
            let cells = match &messages {
                Some(messages) => row(&topic, messages[&topic.name]),
                None => vec![Cell::Text(topic.name)],
            };
            table.row_on(storage, cells);
        }
    }
    table.print(context)?;
    Ok(Exit::Done)
}

/// How many messages each topic holds, by its watermarks, asked in one go.
fn messages(admin: &mut dyn Admin, topics: &[Topic]) -> Result<BTreeMap<String, i64>> {
    let of_topic = |topic: &Topic| topic.partitions.iter().map(|p| TopicPartition { topic: topic.name.clone(), partition: p.partition }).collect::<Vec<_>>();
    let partitions: Vec<_> = topics.iter().flat_map(of_topic).collect();
    let mut messages: BTreeMap<String, i64> = topics.iter().map(|topic| (topic.name.clone(), 0)).collect();
    for watermarks in admin.watermarks(&partitions, Isolation::ReadUncommitted, TIMEOUT)? {
        *messages.entry(watermarks.topic).or_default() += watermarks.high - watermarks.low;
    }
    Ok(messages)
}

fn row(topic: &Topic, messages: i64) -> Vec<Cell> {
    let replicas = topic.partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0);
    let bytes = topic.partitions.iter().map(|p| p.bytes).sum::<Option<u64>>();
    vec![
        Cell::Text(topic.name.clone()),
        Cell::Number(topic.partitions.len() as i64),
        Cell::Number(replicas as i64),
        Cell::Number(messages),
        bytes.map_or(Cell::Unknown, Cell::Bytes),
    ]
}
