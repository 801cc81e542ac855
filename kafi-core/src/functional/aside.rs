//! What a read leaves out because it cannot be read, so that it goes on with the rest.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::consumer::{Assignment, TopicPartition};
use crate::error::{Error, ErrorKind, Result};

/// What could not be read while other topics and partitions were: each is said in the log (as an error) when that is
/// known, and [`outcome`](SetAside::outcome) is to be asked at the end. Clones are the same.
///
/// ```
/// use kafi_core::{ReadOptions, SetAside};
/// let aside = SetAside::default();
/// let options = ReadOptions { set_aside: Some(aside.clone()), ..ReadOptions::default() };
/// // After reading with these options:
/// aside.outcome()?;
/// # Ok::<(), kafi_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct SetAside(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// What is to be read.
    planned: BTreeSet<TopicPartition>,
    /// What of it is not.
    partitions: BTreeSet<TopicPartition>,
    /// Topics of which nothing is.
    topics: BTreeSet<String>,
    first: Option<Error>,
}

impl Inner {
    fn note(&mut self, error: Error) {
        let hint = error.hint_text().map_or(String::new(), |hint| format!(" ({hint})"));
        log::error!("{error}{hint}");
        self.first.get_or_insert(error);
    }
}

impl SetAside {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says at the end whether everything was read. What was set aside is forgotten then.
    ///
    /// # Errors
    /// How many topics and partitions were not, with the kind of the first failure (of wrong usage it makes `Conflict`,
    /// since the rest is read) and itself as the cause.
    pub fn outcome(&self) -> Result<()> {
        let Inner { partitions, topics, first, .. } = std::mem::take(&mut *self.inner());
        let Some(first) = first else { return Ok(()) };
        let count = |count: usize, what: &str| {
            (count > 0).then(|| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
        };
        let parts: Vec<String> =
            [count(topics.len(), "topic"), count(partitions.len(), "partition")].into_iter().flatten().collect();
        let (was, reasons) = if topics.len() + partitions.len() == 1 { ("was", "reason") } else { ("were", "reasons") };
        let kind = if matches!(first.kind(), ErrorKind::Usage | ErrorKind::Config | ErrorKind::Unsupported) {
            ErrorKind::Conflict
        } else {
            first.kind()
        };
        Err(Error::new(kind, "read", format!("{} {was} not read, for the {reasons} above", parts.join(" and ")))
            .source(first))
    }

    /// Whether nothing of this topic is read.
    pub fn has_topic(&self, topic: &str) -> bool {
        let inner = self.inner();
        inner.topics.contains(topic)
            || inner.partitions.iter().any(|aside| aside.topic == topic)
                && inner
                    .planned
                    .iter()
                    .filter(|planned| planned.topic == topic)
                    .all(|planned| inner.partitions.contains(planned))
    }

    /// Whether this partition is not read.
    pub(crate) fn has(&self, topic: &str, partition: i32) -> bool {
        let inner = self.inner();
        !inner.partitions.is_empty()
            && inner.partitions.iter().any(|aside| aside.partition == partition && aside.topic == topic)
    }

    /// Takes note of what is to be read, and of topics and partitions that are not.
    ///
    /// # Errors
    /// The first failure, where there is nothing to be read.
    pub(crate) fn plan(
        &self,
        planned: &[Assignment],
        topics: Vec<(String, Error)>,
        partitions: Vec<(TopicPartition, Error)>,
    ) -> Result<()> {
        let mut inner = self.inner();
        inner.planned.extend(planned.iter().map(partition_of));
        let mut failures: Vec<Error> = Vec::with_capacity(topics.len() + partitions.len());
        let is_nothing_left = planned.is_empty();
        for (topic, error) in topics {
            inner.topics.insert(topic);
            failures.push(error);
        }
        for (partition, error) in partitions {
            inner.planned.insert(partition.clone());
            inner.partitions.insert(partition);
            failures.push(error);
        }
        if is_nothing_left && !failures.is_empty() {
            let first = failures.remove(0);
            failures.into_iter().for_each(|error| inner.note(error));
            *inner = Inner::default();
            return Err(first);
        }
        failures.into_iter().for_each(|error| inner.note(error));
        Ok(())
    }

    /// What is left of `assigned` where reading it failed with this error.
    ///
    /// # Errors
    /// The error itself, where it is about none of these partitions or about all, and where nothing at all would be
    /// left to read.
    pub(crate) fn rest(&self, assigned: Vec<Assignment>, error: Error) -> Result<Vec<Assignment>> {
        let named = |key: &str| error.context().find(|(name, _)| *name == key).map(|(_, value)| value.to_string());
        let (topic, partition) =
            (named("topic"), named("partition").and_then(|partition| partition.parse::<i32>().ok()));
        let is_broken = |a: &Assignment| {
            Some(&a.topic) == topic.as_ref() && partition.is_none_or(|partition| a.partition == partition)
        };
        let (broken, rest): (Vec<Assignment>, Vec<Assignment>) = assigned.into_iter().partition(is_broken);
        // What the system fails with (no more files, no space) may be the same with the next.
        if broken.is_empty() || error.concerns_all() || matches!(error.kind(), ErrorKind::Io | ErrorKind::NoSpace) {
            return Err(error);
        }
        let mut inner = self.inner();
        let mut aside = inner.partitions.clone();
        aside.extend(broken.iter().map(partition_of));
        if inner.planned.is_subset(&aside) {
            return Err(error);
        }
        inner.partitions = aside;
        inner.note(error);
        Ok(rest)
    }
}

impl fmt::Debug for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("SetAside").field("topics", &inner.topics).field("partitions", &inner.partitions).finish()
    }
}

fn partition_of(assignment: &Assignment) -> TopicPartition {
    TopicPartition { topic: assignment.topic.clone(), partition: assignment.partition }
}
