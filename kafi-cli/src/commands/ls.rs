//! `ls`: lists topics.

use clap::Args;
use kafi::{Address, Isolation, Kafi, Result, Topic, TopicPartition};

use crate::address::with_hint;
use crate::args::TIMEOUT;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Stdout, Table};

#[derive(Args)]
pub struct LsArgs {
    /// Storages (prod:), topics, or globs (prod:orders-*); without any the default storage
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Show partitions, replicas, messages, and bytes
    #[arg(short, long)]
    long: bool,
    /// Show internal topics too
    #[arg(short, long)]
    all: bool,
}

pub fn run(args: &LsArgs, context: &Context) -> Result<Exit> {
    let mut listed = Vec::new();
    if args.addresses.is_empty() {
        listed.push((context.registry.open("")?, Vec::new()));
    }
    for text in &args.addresses {
        let address = Address::parse(text)?;
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
        listed.push((kafi, wanted));
    }
    let mut table = Table::new(if args.long { &["topic", "partitions", "replicas", "messages", "bytes"] } else { &["topic"] });
    let mut names = Vec::new();
    for (kafi, wanted) in &listed {
        let topics = kafi.admin()?.topics(wanted, TIMEOUT).map_err(|error| with_hint(error, &args.addresses))?;
        for topic in topics.into_iter().filter(|topic| args.all || !topic.internal || wanted.contains(&topic.name)) {
            if args.long {
                table.row(row(kafi, &topic)?);
            } else if context.json {
                table.row(vec![Cell::Text(topic.name)]);
            } else {
                names.push(topic.name);
            }
        }
    }
    table.print(context)?;
    let mut stdout = Stdout::open()?;
    for name in names {
        stdout.line(&name)?;
    }
    stdout.flush()?;
    Ok(Exit::Done)
}

fn row(kafi: &Kafi, topic: &Topic) -> Result<Vec<Cell>> {
    let partitions: Vec<_> = topic.partitions.iter().map(|p| TopicPartition { topic: topic.name.clone(), partition: p.partition }).collect();
    let watermarks = kafi.admin()?.watermarks(&partitions, Isolation::ReadUncommitted, TIMEOUT)?;
    let messages = watermarks.iter().map(|w| w.high - w.low).sum();
    let replicas = topic.partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0);
    let bytes = topic.partitions.iter().map(|p| p.bytes).sum::<Option<u64>>();
    Ok(vec![
        Cell::Text(topic.name.clone()),
        Cell::Number(partitions.len() as i64),
        Cell::Number(replicas as i64),
        Cell::Number(messages),
        bytes.map_or(Cell::Unknown, Cell::Bytes),
    ])
}
