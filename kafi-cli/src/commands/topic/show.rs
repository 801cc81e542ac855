//! `topic show`: what topics are like.

use clap::Parser;
use kafi::{AclResource, Admin, ConfigEntry, Error, ErrorKind, Json, Partition, Result, StorageAddress, Topic};

use crate::address::{open_topics, several};
use crate::args::TopicsArgs;
use crate::context::Context;
use crate::exit::{Exit, end_list};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Show leaders, replicas, the settings that differ from the default, and what may be done with topics
#[derive(Parser)]
pub struct ShowArgs {
    #[command(flatten)]
    topics: TopicsArgs,
}

/// What is known of a topic.
struct Shown {
    topic: Topic,
    /// None where the settings may not be read.
    config: Option<Vec<ConfigEntry>>,
    /// None where the storage does not say.
    operations: Option<Vec<String>>,
}

impl Verb for ShowArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_topics(context, &self.topics.addresses)?;
        let names_storage = several(opened.iter().map(|opened| &opened.storage));
        let names = ["topic", "id", "internal", "partitions", "config", "operations"];
        let mut topics =
            Table::of_storages(names_storage, &names).with_names_beside().with_optional(&["id", "operations"]);
        let mut partitions =
            Table::of_storages(names_storage, &["topic", "partition", "leader", "replicas", "in_sync"]);
        let (mut failures, mut is_anything_known) = (Vec::new(), false);
        for opened in &opened {
            let mut admin = opened.kafi.admin()?;
            for name in &opened.topics {
                // One topic that cannot be shown hides no other.
                match look_at(admin.as_mut(), name) {
                    Ok((shown, failed)) => {
                        is_anything_known = true;
                        failures.extend(failed);
                        topics.row_on(&opened.storage, cells(&shown));
                        add_partitions(&shown.topic, &opened.storage, &mut partitions);
                    }
                    Err(error) => failures.push(error),
                }
            }
        }
        end_list(!is_anything_known, failures, || {
            topics.print(&context.output)?;
            // A document says it all.
            if context.output.json { Ok(()) } else { partitions.print_below(&context.output) }
        })
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}

/// What is known of a topic, and what some of that fails with.
fn look_at(admin: &mut dyn Admin, name: &str) -> Result<(Shown, Vec<Error>)> {
    let mut topics = admin.topics(&[name.to_string()], TIMEOUT)?;
    if topics.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "list topics", "no such topic").with("topic", name));
    }
    let (topic, mut failures) = (topics.remove(0), Vec::new());
    let config = match admin.topic_config(name, TIMEOUT) {
        Ok(config) => Some(config),
        Err(error) if error.kind() == ErrorKind::Unsupported => None,
        Err(error) => {
            failures.push(error);
            None
        }
    };
    let operations = match admin.allowed_operations(AclResource::Topic, name, TIMEOUT) {
        Ok(operations) if operations.is_empty() => None,
        Ok(operations) => Some(operations.iter().map(ToString::to_string).collect()),
        Err(error) if error.kind() == ErrorKind::Unsupported => None,
        Err(error) => {
            failures.push(error);
            None
        }
    };
    Ok((Shown { topic, config, operations }, failures))
}

fn cells(shown: &Shown) -> [Cell; 6] {
    let Shown { topic, config, operations } = shown;
    let partitions = Json::array(topic.partitions.iter().map(document));
    let known = |text: &str| if text.is_empty() { Cell::Unknown } else { Cell::Text(text.to_string()) };
    [
        Cell::Text(topic.name.clone()),
        known(&topic.id),
        Cell::Flag(topic.internal),
        Cell::Json { shown: topic.partitions.len().to_string(), json: partitions.to_string() },
        config.as_ref().map_or(Cell::Unknown, |config| settings(config)),
        operations.as_ref().map_or(Cell::Unknown, |operations| Cell::Json {
            shown: operations.join(" "),
            json: Json::array(operations.iter().map(|operation| Json::from(operation.as_str()))).to_string(),
        }),
    ]
}

/// The settings that differ from the default.
fn settings(config: &[ConfigEntry]) -> Cell {
    let changed = || config.iter().filter(|entry| !entry.default);
    let shown: Vec<String> =
        changed().map(|entry| format!("{}={}", entry.name, entry.value.as_deref().unwrap_or("?"))).collect();
    let value = |entry: &ConfigEntry| entry.value.as_deref().map_or_else(|| Json::from_valid("null"), Json::from);
    Cell::Json {
        shown: if shown.is_empty() { "-".to_string() } else { shown.join(" ") },
        json: Json::object(changed().map(|entry| (entry.name.as_str(), value(entry)))).to_string(),
    }
}

fn document(partition: &Partition) -> Json {
    let list = |ids: &[i32]| Json::array(ids.iter().map(|id| Json::from(i64::from(*id))));
    Json::object([
        ("partition", Json::from(i64::from(partition.partition))),
        ("leader", Json::from(i64::from(partition.leader))),
        ("replicas", list(&partition.replicas)),
        ("in_sync", list(&partition.in_sync)),
    ])
}

fn add_partitions(topic: &Topic, storage: &StorageAddress, table: &mut Table) {
    let list = |ids: &[i32]| Cell::Text(ids.iter().map(i32::to_string).collect::<Vec<_>>().join(","));
    for partition in &topic.partitions {
        let leader = if partition.leader < 0 { Cell::Unknown } else { Cell::Number(partition.leader.into()) };
        let cells = [
            Cell::Text(topic.name.clone()),
            Cell::Number(partition.partition.into()),
            leader,
            list(&partition.replicas),
            list(&partition.in_sync),
        ];
        table.row_on(storage, cells);
    }
}
