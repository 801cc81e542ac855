//! Asking brokers for offsets.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use kafi_core::{Error, ErrorKind, Isolation, Position, Result, Retry, TopicPartition, Watermarks};

use crate::error::{self, broker};
use crate::ffi::{Client, Deadline, OffsetAnswer, PartitionList, Pending, cstring};
use crate::retry::{is_for_later, retried};

/// The log start, in place of a timestamp.
pub(crate) const EARLIEST: i64 = -2;
/// The end, in place of a timestamp.
pub(crate) const LATEST: i64 = -1;

/// So long it is looked for what is missing, where nobody answers and a poll waits.
const EXPLAIN_MAX: Duration = Duration::from_secs(1);

/// Asks for offsets on behalf of one call.
pub(crate) struct Offsets<'a> {
    pub(crate) client: &'a Client,
    pub(crate) operation: &'static str,
    pub(crate) deadline: Deadline,
}

/// Offsets of partitions and their ends, on their way.
pub(crate) struct PendingEnds {
    found: Pending,
    ends: Pending,
    /// The answer to the first question, which waits for the second.
    answers: Option<Vec<OffsetAnswer>>,
}

impl Offsets<'_> {
    /// Both ends of these partitions, in the order asked for.
    pub(crate) fn watermarks(&self, partitions: &[TopicPartition], isolation: Isolation) -> Result<Vec<Watermarks>> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        retried(self.deadline, || self.watermarks_once(partitions, isolation))
    }

    fn watermarks_once(&self, partitions: &[TopicPartition], isolation: Isolation) -> Result<Vec<Watermarks>> {
        let low = self.start(partitions.iter().map(|p| (p, EARLIEST)), isolation)?;
        let high = self.start(partitions.iter().map(|p| (p, LATEST)), isolation)?;
        let (lows, highs) = (self.wait(&low)?, self.wait(&high)?);
        let (lows, highs) = (Found::new(self.operation, &lows), Found::new(self.operation, &highs));
        let watermark = |p: &TopicPartition| {
            Ok(Watermarks {
                topic: p.topic.clone(),
                partition: p.partition,
                low: lows.end_of(p)?,
                high: highs.end_of(p)?,
            })
        };
        partitions.iter().map(watermark).collect::<Result<_>>().map_err(|error| self.explain(error, partitions))
    }

    /// For each partition the first offset at or after a time, or the end.
    pub(crate) fn for_times(&self, times: &[Position]) -> Result<Vec<Position>> {
        if times.is_empty() {
            return Ok(Vec::new());
        }
        retried(self.deadline, || self.for_times_once(times))
    }

    fn for_times_once(&self, times: &[Position]) -> Result<Vec<Position>> {
        let partitions: Vec<_> =
            times.iter().map(|t| TopicPartition { topic: t.topic.clone(), partition: t.partition }).collect();
        // A partition may be asked for only once in a request.
        let mut rounds: Vec<Vec<usize>> = Vec::new();
        let mut asked: HashMap<&TopicPartition, usize> = HashMap::new();
        for (index, partition) in partitions.iter().enumerate() {
            let round = asked.entry(partition).and_modify(|round| *round += 1).or_insert(0);
            if rounds.len() == *round {
                rounds.push(Vec::new());
            }
            rounds[*round].push(index);
        }
        let high = self.start(partitions.iter().map(|p| (p, LATEST)), Isolation::ReadCommitted)?;
        let pending = rounds.iter().map(|round| {
            // Negative times would be taken for the ends.
            self.start(
                round.iter().map(|index| (&partitions[*index], times[*index].offset.max(0))),
                Isolation::ReadCommitted,
            )
        });
        let pending: Vec<Pending> = pending.collect::<Result<_>>()?;
        let highs = self.wait(&high)?;
        let highs = Found::new(self.operation, &highs);
        let mut found = times.to_vec();
        for (round, pending) in rounds.iter().zip(&pending) {
            let answers = self.wait(pending)?;
            let answers = Found::new(self.operation, &answers);
            for index in round {
                let offset = answers.of(&partitions[*index]).map_err(|error| self.explain(error, &partitions))?;
                found[*index].offset = if offset >= 0 { offset } else { highs.end_of(&partitions[*index])? };
            }
        }
        Ok(found)
    }

    /// Asks for the offsets at these times or ends, each partition once.
    fn start<'p>(
        &self,
        partitions: impl Iterator<Item = (&'p TopicPartition, i64)>,
        isolation: Isolation,
    ) -> Result<Pending> {
        let mut seen = BTreeSet::new();
        let mut list = PartitionList::new();
        for (partition, time) in partitions {
            if partition.partition < 0 {
                return Err(no_such_partition(self.operation, partition));
            }
            if seen.insert(partition) {
                list.add(&cstring(self.operation, "topic", &partition.topic)?, partition.partition, time);
            }
        }
        Ok(self.client.start_list_offsets(&list, isolation, self.deadline))
    }

    /// Asks for the offsets at these times or ends, and for the ends of the same partitions.
    pub(crate) fn start_both<'p>(
        &self,
        partitions: impl Iterator<Item = (&'p TopicPartition, i64)> + Clone,
        isolation: Isolation,
    ) -> Result<PendingEnds> {
        let found = self.start(partitions.clone(), isolation)?;
        let ends = self.start(partitions.map(|(partition, _)| (partition, LATEST)), isolation)?;
        Ok(PendingEnds { found, ends, answers: None })
    }

    fn wait(&self, pending: &Pending) -> Result<Vec<OffsetAnswer>> {
        match self.client.wait_offsets(self.operation, pending, self.deadline) {
            // None of the partitions has a leader; what is missing is found out below.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            result => result,
        }
    }

    fn explain(&self, error: Error, partitions: &[TopicPartition]) -> Error {
        explain(
            self.client,
            self.operation,
            error,
            partitions.iter().map(|p| (p.topic.as_str(), p.partition)),
            self.deadline,
        )
    }
}

impl PendingEnds {
    /// Asks for both ends of the partitions of the list.
    pub(crate) fn start(
        client: &Client,
        partitions: &[TopicPartition],
        isolation: Isolation,
        deadline: Deadline,
        operation: &'static str,
    ) -> Result<Self> {
        Offsets { client, operation, deadline }.start_both(partitions.iter().map(|p| (p, EARLIEST)), isolation)
    }

    /// Both ends, once they are there, as (low, high) by partition.
    pub(crate) fn take(
        &mut self,
        client: &Client,
        partitions: &[TopicPartition],
        operation: &'static str,
        timeout_ms: i32,
    ) -> Result<Option<Vec<(i64, i64)>>> {
        let both = |(lows, highs): (Vec<OffsetAnswer>, Vec<OffsetAnswer>)| {
            let (lows, highs) = (Found::new(operation, &lows), Found::new(operation, &highs));
            partitions.iter().map(|p| Ok((lows.end_of(p)?, highs.end_of(p)?))).collect::<Result<_>>()
        };
        let taken = self.take_both(client, operation, timeout_ms).and_then(|taken| taken.map(both).transpose());
        let places = partitions.iter().map(|p| (p.topic.as_str(), p.partition));
        taken.map_err(|error| explain(client, operation, error, places, Deadline::after(EXPLAIN_MAX)))
    }

    /// The answers to both questions, once they are there.
    pub(crate) fn take_both(
        &mut self,
        client: &Client,
        operation: &'static str,
        timeout_ms: i32,
    ) -> Result<Option<(Vec<OffsetAnswer>, Vec<OffsetAnswer>)>> {
        if self.answers.is_none() {
            self.answers = client.take_offsets(operation, &self.found, timeout_ms)?;
        }
        if self.answers.is_none() {
            return Ok(None);
        }
        let ends = client.take_offsets(operation, &self.ends, timeout_ms)?;
        Ok(ends.and_then(|ends| Some((self.answers.take()?, ends))))
    }
}

/// A better error for partitions that no broker answers for: what is missing by name. Where nothing is known to be
/// missing, a leader is; it may come.
pub(crate) fn explain<'a>(
    client: &Client,
    operation: &'static str,
    error: Error,
    partitions: impl Iterator<Item = (&'a str, i32)> + Clone,
    deadline: Deadline,
) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    let topics: BTreeSet<&str> = partitions.clone().map(|(topic, _)| topic).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let led_by_nobody = || error::with_code(again_as_led_by_nobody(operation, &error), broker::LEADER_NOT_AVAILABLE);
    match client.describe_topics(operation, &topics, deadline) {
        Ok(answers) => check_partitions(operation, &answers, partitions).err().unwrap_or_else(led_by_nobody),
        // Whether anything is missing is not known yet.
        Err(why) if is_for_later(&why) => led_by_nobody(),
        Err(_) => error,
    }
}

/// The error again, as one that passes.
fn again_as_led_by_nobody(operation: &'static str, error: &Error) -> Error {
    let places = error.context().filter(|(key, _)| matches!(*key, "topic" | "partition"));
    places.fold(led_by_nobody(operation), |led, (key, value)| led.with(key.to_string(), value))
}

/// A partition without a leader, which may come.
pub(crate) fn led_by_nobody(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, operation, "no broker leads this partition").retry(Retry::Later)
}

/// Checks that these partitions exist, by what the cluster says about their topics.
pub(crate) fn check_partitions<'a>(
    operation: &'static str,
    topics: &[crate::ffi::TopicAnswer],
    partitions: impl Iterator<Item = (&'a str, i32)>,
) -> Result<()> {
    for (topic, partition) in partitions {
        let Some(answer) = topics.iter().find(|answer| answer.name == topic) else { continue };
        match answer.error {
            0 if answer.partitions.iter().any(|known| known.partition == partition) => {}
            0 => return Err(error::no_partition(operation, topic, partition, answer.partitions.len() as i32)),
            error::broker::UNKNOWN_TOPIC_OR_PARTITION => return Err(error::no_topic(operation, topic)),
            code => return Err(error::from_code(operation, code).with("topic", topic)),
        }
    }
    Ok(())
}

pub(crate) fn no_such_partition(operation: &'static str, partition: &TopicPartition) -> Error {
    let error = Error::new(ErrorKind::NotFound, operation, "no such partition");
    error.with("topic", &partition.topic).with("partition", partition.partition)
}

/// Answers by partition.
pub(crate) struct Found<'a> {
    operation: &'static str,
    answers: HashMap<(&'a str, i32), &'a OffsetAnswer>,
}

impl<'a> Found<'a> {
    pub(crate) fn new(operation: &'static str, answers: &'a [OffsetAnswer]) -> Self {
        Self {
            operation,
            answers: answers.iter().map(|answer| ((answer.topic.as_str(), answer.partition), answer)).collect(),
        }
    }

    pub(crate) fn of(&self, partition: &TopicPartition) -> Result<i64> {
        let error = match self.answers.get(&(partition.topic.as_str(), partition.partition)) {
            Some(answer) if answer.error == 0 => return Ok(answer.offset),
            Some(answer) => error::from_code(self.operation, answer.error),
            None => Error::new(ErrorKind::NotFound, self.operation, "no broker leads this partition"),
        };
        Err(error.with("topic", &partition.topic).with("partition", partition.partition))
    }

    /// An end of a partition, which is an offset; anything else is librdkafka's answer for a leader that it could not
    /// ask.
    pub(crate) fn end_of(&self, partition: &TopicPartition) -> Result<i64> {
        match self.of(partition)? {
            offset if offset >= 0 => Ok(offset),
            _ => {
                let error = error::from_code(self.operation, broker::LEADER_NOT_AVAILABLE);
                Err(error.with("topic", &partition.topic).with("partition", partition.partition))
            }
        }
    }
}
