//! What a mirror has seen of its source, and what is new there.

use std::collections::{BTreeMap, BTreeSet};

use kafi_core::functional::may_pass;
use kafi_core::{Error, ErrorKind, Result, Topic};

use crate::cp::plan::{Planner, ReadyTopic};

/// What a mirror copies already.
pub(crate) struct Mirror {
    topics: BTreeMap<String, Seen>,
}

/// A topic that is copied.
struct Seen {
    id: String,
    target: String,
    partitions: BTreeSet<i32>,
}

impl Seen {
    fn of(source: &Topic, target: &str) -> Self {
        Self { id: source.id.clone(), target: target.to_string(), partitions: numbers(source).collect() }
    }
}

impl Mirror {
    pub(crate) fn new(topics: &[ReadyTopic]) -> Self {
        let seen = |topic: &ReadyTopic| (topic.source.name.clone(), Seen::of(&topic.source, topic.target.name()));
        Self { topics: topics.iter().map(seen).collect() }
    }

    /// Takes note of topics and partitions that are copied from now on.
    pub(crate) fn add(&mut self, more: Self) {
        self.topics.extend(more.topics);
    }

    /// What is new at the source, made ready to be copied from its start. Where the source cannot be asked right now,
    /// that is nothing.
    ///
    /// # Errors
    /// `Conflict` for a topic that was deleted and made anew, and what making the targets fails with.
    pub(crate) fn look(&self, planner: &mut Planner<'_>) -> Result<Vec<ReadyTopic>> {
        let Some(found) = self.ask(planner)? else { return Ok(Vec::new()) };
        let mut ready = Vec::new();
        for source in found {
            let planned = match self.topics.get(&source.name) {
                Some(seen) if seen.id != source.id => return Err(made_anew(&source.name)),
                Some(seen) => {
                    let new: Vec<i32> =
                        numbers(&source).filter(|partition| !seen.partitions.contains(partition)).collect();
                    if new.is_empty() {
                        continue;
                    }
                    log::info!("topic {} has {} more partitions", source.name, new.len());
                    vec![planner.plan_partitions(source, &seen.target, &new)?]
                }
                None => {
                    let target_of = planner.options.new_topics.as_ref().filter(|_| !source.internal);
                    let Some(target) = target_of.and_then(|new_topics| new_topics.target_of(&source.name)) else {
                        continue;
                    };
                    log::info!("topic {} is new", source.name);
                    planner.plan_more(&[(source.name, target)])?
                }
            };
            ready.extend(planner.make_all(planned)?);
        }
        Ok(ready)
    }

    /// The topics of the source among which new ones may be.
    fn ask(&self, planner: &mut Planner<'_>) -> Result<Option<Vec<Topic>>> {
        let names: Vec<String> =
            if planner.options.new_topics.is_some() { Vec::new() } else { self.topics.keys().cloned().collect() };
        match planner.source_admin.topics(&names, planner.options.read.timeout) {
            Ok(topics) => Ok(Some(topics)),
            Err(error) if may_pass(&error) => {
                log::info!("the source cannot be asked for new topics right now: {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn numbers(topic: &Topic) -> impl Iterator<Item = i32> {
    topic.partitions.iter().map(|partition| partition.partition)
}

fn made_anew(topic: &str) -> Error {
    let error =
        Error::new(ErrorKind::Conflict, "copy", "the source was deleted, and there is another topic of its name now");
    error.with("topic", topic).hint("copy the new one into a new topic")
}
