//! `storage merge`: merges the objects of topics.

use std::time::Duration;

use clap::Parser;
use kafi::{Json, Result, StorageAddress};

use crate::address::{open_topics, several};
use crate::args::TopicsArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// How long a merge may take: it rewrites what is there, and waits until nobody reads what was merged before it deletes
/// that.
const MERGE_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a merge says of a partition: how many objects there were, were merged into others, are deleted, and are left
/// for the next merge to delete.
const COLUMNS: [&str; 6] = ["topic", "partition", "objects", "merged", "deleted", "left"];

/// Merge small objects of topics into larger ones, where topics are kept as objects
#[derive(Parser)]
pub struct MergeArgs {
    #[command(flatten)]
    topics: TopicsArgs,
    /// Only this partition
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Make no object larger than this many bytes, or a size such as 64MB; without it the size that the storage writes
    #[arg(long, value_name = "SIZE", value_parser = crate::args::size_of_something)]
    bytes: Option<u64>,
    /// Delete what was merged into others N milliseconds later, when nobody reads it any more; the command waits for it
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    grace_ms: u64,
}

/// Merges topic after topic. Who is interrupted loses nothing: what is left over goes with the next merge.
impl Verb for MergeArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_topics(context, &self.topics.addresses)?;
        let mut table = Table::of_storages(several(opened.iter().map(|opened| &opened.storage)), &COLUMNS);
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            // A storage that is not there, and a topic that is missing, are told soon.
            admin.topics(&opened.topics, TIMEOUT)?;
            for topic in &opened.topics {
                let answer = admin.operation("merge", &argument(topic, self), MERGE_TIMEOUT);
                let answer = answer.map_err(|error| {
                    let names_storage = error.context().any(|(key, _)| key == "storage");
                    if names_storage { error } else { error.with("storage", &opened.storage) }
                })?;
                add_rows(&opened.storage, topic, &Json::parse(answer)?, &mut table)?;
            }
        }
        table.print(&context.output)?;
        Ok(Exit::Done)
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}

fn argument(topic: &str, args: &MergeArgs) -> String {
    let partition = args.partition.map(|partition| format!(",\"partition\":{partition}")).unwrap_or_default();
    let bytes = args.bytes.map(|bytes| format!(",\"bytes_max\":{bytes}")).unwrap_or_default();
    format!("{{\"topic\":{}{partition}{bytes},\"grace_ms\":{}}}", Json::from(topic), args.grace_ms)
}

fn add_rows(storage: &StorageAddress, topic: &str, answer: &Json, table: &mut Table) -> Result<()> {
    for partition in answer["partitions"].iter() {
        let numbers =
            COLUMNS[1..].iter().map(|name| Ok(Cell::Number(partition[*name].int()?))).collect::<Result<Vec<_>>>()?;
        table.row_on(storage, [Cell::Text(topic.to_string())].into_iter().chain(numbers));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_is_asked_for_and_shown() {
        let mut args =
            MergeArgs { topics: TopicsArgs { addresses: Vec::new() }, partition: None, bytes: None, grace_ms: 60_000 };
        assert_eq!(argument("t", &args), r#"{"topic":"t","grace_ms":60000}"#);
        (args.partition, args.bytes, args.grace_ms) = (Some(3), Some(7), 0);
        assert_eq!(argument("t", &args), r#"{"topic":"t","partition":3,"bytes_max":7,"grace_ms":0}"#);
        let answer = r#"{"topic":"t","partitions":[{"partition":3,"objects":9,"merged":8,"deleted":7,"left":1}]}"#;
        let storage = StorageAddress::Memory;
        let mut table = Table::of_storages(false, &COLUMNS);
        add_rows(&storage, "t", &Json::parse(answer).unwrap(), &mut table).unwrap();
        let mut expected = Table::of_storages(false, &COLUMNS);
        expected.row_on(&storage, [Cell::Text("t".into())].into_iter().chain([3, 9, 8, 7, 1].map(Cell::Number)));
        assert_eq!(table, expected);
        assert!(add_rows(&storage, "t", &Json::parse(r#"{"partitions":[{}]}"#).unwrap(), &mut table).is_err());
    }
}
