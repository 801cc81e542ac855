//! `wc`: counts messages and bytes.

use std::sync::{Mutex, PoisonError};

use clap::{Parser, ValueEnum};
use kafi::{Batch, Counts, PartitionCounts, Result, Serdes, StorageAddress, Texts, shell};

use crate::address::{Opened, open_topics, refuse_format, several};
use crate::args::{JqArgs, TakenArgs, TopicsArgs, open_steps, share_limit, through_steps};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Cell, Reading, Table};
use crate::summary::Summary;
use crate::together::read_all;
use crate::verb::Verb;

/// Count messages and bytes: those of keys and values as they are stored, or, where a type or a schema is named, those of
/// the text that schemas make of them
#[derive(Parser)]
pub struct WcArgs {
    #[command(flatten)]
    topics: TopicsArgs,
    /// What is counted by
    #[arg(long, value_name = "WHAT", default_value = "topic")]
    by: By,
    #[command(flatten)]
    taken: TakenArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Topic,
    Partition,
}

impl Verb for WcArgs {
    fn run(&self, context: &Context) -> Result<Exit> {
        let summary = Summary::start();
        let steps = self.taken.functions.steps(&JqArgs::default(), &context.cancel)?;
        let mut options = self.taken.read.options(context, &self.taken.limit)?;
        share_limit(&steps, &mut options);
        refuse_format(&self.topics.addresses, options.follow, "-F of cat")?;
        let opened = open_topics(context, &self.topics.addresses)?;
        self.taken.read.check_whole(opened.len())?;
        let (serdes, failures) = (self.taken.text.serdes()?, self.taken.text.failures.open(context)?);
        let reading = Reading { serdes: serdes.clone(), failures: failures.clone(), ..Reading::default() };
        let counted: Mutex<Vec<PartitionCounts>> = Mutex::new(vec![PartitionCounts::new(); opened.len()]);
        let exit = read_all(context, &opened, &options, false, |index, options, shown| {
            let at = &opened[index];
            let options = self.taken.read.on_whole(&at.kafi, options);
            // Stored bytes are counted without a look at them.
            let texts = match serdes == Serdes::default() || !steps.only_filters() {
                true => None,
                false => Texts::of(at.kafi.place(), &serdes, failures.clone())?,
            };
            let applied = open_steps(&steps, &at.kafi, &reading)?;
            let through = |batch: &mut Batch| applied.as_ref().map_or(Ok(()), |steps| steps.apply(batch));
            let topics = shell::TopicsToRead::new(at.kafi.storage(), &at.topics, &options);
            let topics = topics.threads(self.taken.read.threads()).leaving_out(&failures);
            shell::wc_then(through_steps(topics, applied.as_ref(), &through), texts.as_ref(), |counts, _| {
                let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
                counted[index].clone_from(counts);
                if opened.len() > 1 {
                    return Ok(());
                }
                // As a group this comes before its offsets are committed.
                shown.end();
                print(self, &opened, &counted, context)
            })
        })?;
        let counted = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
        if opened.len() > 1 {
            print(self, &opened, &counted, context)?;
        }
        let read: u64 = counted
            .iter()
            .flat_map(|counts| counts.values().flat_map(|partitions| partitions.values()))
            .map(|counts| counts.messages)
            .sum();
        summary.count("read", read + failures.count()).skipped(failures.count()).say(context);
        Ok(self.taken.text.failures.exit(&failures, exit))
    }

    fn addresses(&self) -> Vec<String> {
        self.topics.addresses.clone()
    }
}

/// Prints what was counted on each storage, and people the sum of it. A storage that Ctrl-C kept from being read is
/// left out.
fn print(args: &WcArgs, opened: &[Opened], counted: &[PartitionCounts], context: &Context) -> Result<()> {
    let by_partition = args.by == By::Partition;
    let of_partition: &[&'static str] = if by_partition { &["partition"] } else { &[] };
    let columns = [&["topic"], of_partition, &["messages", "key_bytes", "value_bytes", "tombstones"]].concat();
    let names_storage = several(opened.iter().map(|opened| &opened.storage));
    let mut table = Table::of_storages(names_storage, &columns);
    let (mut all, mut rows) = (Counts::default(), 0);
    let mut add = |storage: &StorageAddress, topic: &str, partition: Option<i32>, counts: Counts| {
        let partition = partition.map(|partition| Cell::Number(partition.into()));
        table.row_on(storage, [Cell::Text(topic.to_string())].into_iter().chain(partition).chain(numbers(counts)));
        all += counts;
        rows += 1;
    };
    for (at, counts) in opened.iter().zip(counted).filter(|(_, counts)| !counts.is_empty()) {
        for (topic, partitions) in at.topics.iter().filter_map(|topic| Some((topic, counts.get(topic)?))) {
            if by_partition {
                partitions.iter().for_each(|(partition, counts)| add(&at.storage, topic, Some(*partition), *counts));
                continue;
            }
            let mut of_topic = Counts::default();
            partitions.values().for_each(|counts| of_topic += *counts);
            add(&at.storage, topic, None, of_topic);
        }
    }
    if rows > 1 && !context.output.json {
        let partition = by_partition.then(|| Cell::Text(String::new()));
        let [storage, topic] =
            if names_storage { ["total", ""] } else { ["", "total"] }.map(|text| Cell::Text(text.into()));
        table.row([storage, topic].into_iter().chain(partition).chain(numbers(all)).collect());
    }
    table.print_result(&context.output)
}

fn numbers(counts: Counts) -> impl Iterator<Item = Cell> {
    [counts.messages, counts.key_bytes, counts.value_bytes, counts.tombstones]
        .into_iter()
        .map(|number| Cell::Number(number as i64))
}
