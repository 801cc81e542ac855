//! `elect`: elects the leaders of partitions.

use clap::Parser;
use kafi::{Election, Error, ErrorKind, Partition, Result, Topic, TopicPartition};

use crate::address::open_sources;
use crate::args::{ExecuteArgs, PartitionsArgs};
use crate::context::Context;
use crate::exit::{Exit, Several};
use crate::limits::TIMEOUT;
use crate::output::{Cell, Table};
use crate::verb::Verb;

/// Show which partitions are not led by their preferred replica, and let it lead them with --execute
#[derive(Parser)]
pub struct ElectArgs {
    /// Topics, globs, or storages (prod:), which mean all their topics
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
    #[command(flatten)]
    partitions: PartitionsArgs,
    /// Of partitions that nobody leads: let any replica lead that is alive, and lose what it does not hold
    #[arg(long)]
    unclean: bool,
    #[command(flatten)]
    execute: ExecuteArgs,
}

impl Verb for ElectArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let opened = open_sources(context, &self.addresses)?;
        let wanted = self.partitions.list();
        let election = if self.unclean { Election::Unclean } else { Election::Preferred };
        let mut table =
            Table::of_storages(opened.len() > 1, &["topic", "partition", "leader", "to", "replicas", "in_sync"]);
        let mut plans = Vec::new();
        for opened in &opened {
            // A storage without leaders says so by itself.
            opened.kafi.admin()?.elect_leaders(election, &[], TIMEOUT)?;
            if opened.topics.is_empty() {
                continue;
            }
            let topics = opened.kafi.admin()?.topics(&opened.topics, TIMEOUT)?;
            let mut plan = Vec::new();
            for (topic, partition) in topics.iter().flat_map(|topic| in_need(topic, election, wanted.as_deref())) {
                table.row_on(&opened.storage, cells(topic, partition, election));
                plan.push(TopicPartition { topic: topic.name.clone(), partition: partition.partition });
            }
            check_partitions(&topics, wanted.as_deref())?;
            plans.push((opened, plan));
        }
        table.print(&context.output)?;
        let count: usize = plans.iter().map(|(_, plan)| plan.len()).sum();
        if self.unclean && count > 0 {
            context.say("warning: messages that the new leaders do not hold are lost, and others get their offsets");
        }
        if !self.execute.goes_on(count > 0, context) {
            return Ok(Exit::Done);
        }
        let mut several = Several::new(count);
        for (opened, plan) in plans.iter().filter(|(_, plan)| !plan.is_empty()) {
            for elected in opened.kafi.admin()?.elect_leaders(election, plan, TIMEOUT)? {
                several.add(elected.map(drop))?;
            }
        }
        Ok(several.exit())
    }

    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }
}

/// The partitions for which there is something to elect.
fn in_need<'a>(
    topic: &'a Topic,
    election: Election,
    wanted: Option<&'a [i32]>,
) -> impl Iterator<Item = (&'a Topic, &'a Partition)> {
    let is_in_need = move |partition: &&Partition| {
        let is_right = match election {
            Election::Unclean => partition.leader >= 0,
            _ => partition.replicas.first().is_none_or(|first| *first == partition.leader),
        };
        !is_right && wanted.is_none_or(|wanted| wanted.contains(&partition.partition))
    };
    topic.partitions.iter().filter(is_in_need).map(move |partition| (topic, partition))
}

/// Refuses partitions that no topic has.
fn check_partitions(topics: &[Topic], wanted: Option<&[i32]>) -> Result<()> {
    let has = |number: &i32| topics.iter().any(|topic| (0..topic.partitions.len() as i32).contains(number));
    match wanted.unwrap_or_default().iter().find(|number| !has(number)) {
        Some(missing) => {
            Err(Error::new(ErrorKind::NotFound, "elect leaders", "there is no such partition")
                .with("partition", missing))
        }
        None => Ok(()),
    }
}

fn cells(topic: &Topic, partition: &Partition, election: Election) -> [Cell; 6] {
    let broker = |id: i32| if id < 0 { Cell::Unknown } else { Cell::Number(id.into()) };
    let to = match election {
        Election::Unclean => Cell::Unknown,
        _ => partition.replicas.first().map_or(Cell::Unknown, |first| broker(*first)),
    };
    [
        Cell::Text(topic.name.clone()),
        Cell::Number(partition.partition.into()),
        broker(partition.leader),
        to,
        Cell::Text(numbers(&partition.replicas)),
        Cell::Text(numbers(&partition.in_sync)),
    ]
}

/// Numbers with commas between.
fn numbers(numbers: &[i32]) -> String {
    numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}
