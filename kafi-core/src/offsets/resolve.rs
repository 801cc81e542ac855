//! Turns specs into absolute offsets, with as few questions to the storage as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{OffsetSpec, Offsets};
use crate::admin::{Admin, Watermarks};
use crate::consumer::{Assignment, Isolation, Position, TopicPartition};
use crate::error::{Error, ErrorKind, Result};

const OPERATION: &str = "resolve offsets";

/// What to read of a partition, and what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What to read. Without `follow` it always has an end.
    pub assignment: Assignment,
    /// The first offset that can be read.
    pub low: i64,
    /// The offset after the last one that can be read: the high watermark, or the last stable offset under read
    /// committed.
    pub high: i64,
}

/// What specs are resolved to, besides the partitions.
#[derive(Clone, Copy, Debug)]
pub struct ResolveOptions<'a> {
    /// What the user says about places.
    pub offsets: &'a Offsets,
    /// Where a partition ends: at the high watermark, or at the last stable offset under read committed.
    pub isolation: Isolation,
    /// Only those assignments end whose spec says where.
    pub follow: bool,
    /// Takes the nearest offset in place of one that is not there.
    pub allow_gap: bool,
    /// How long all questions may take together.
    pub timeout: Duration,
}

/// Turns specs into absolute assignments, in the order of `partitions`. Blocks up to the time-out.
///
/// Asks once for all watermarks, and once for each different time for all partitions that name it. What follows from
/// the spec:
///
/// - Without `follow` every assignment ends, at the latest at the high watermark (the last stable offset under read
///   committed). With `follow` only those end whose spec says where: there a range may also reach beyond what is there
///   by now.
/// - `-N` and `+N` go no further than there are offsets. Times before 1970 count as 1970.
/// - An absolute offset that is outside of `[low, high]` is an error, or with `allow_gap` a warning in the log and the
///   nearest offset that is inside.
///
/// # Errors
/// `OutOfRange`, naming topic, partition, what was asked for, and what is there; `Usage` where a spec names a partition
/// that is not among `partitions`; else those of [`Admin`].
pub fn resolve(
    admin: &mut dyn Admin,
    partitions: &[TopicPartition],
    options: ResolveOptions<'_>,
) -> Result<Vec<Resolved>> {
    resolve_by(&mut Together(admin), partitions, options)?.into_iter().collect()
}

/// The same with an answer for each partition: what asking about one fails with hides no other.
///
/// # Errors
/// Those of [`resolve`] that do not come from asking, or concern all partitions.
pub fn resolve_each(
    admin: &mut dyn Admin,
    partitions: &[TopicPartition],
    options: ResolveOptions<'_>,
) -> Result<Vec<Result<Resolved>>> {
    resolve_by(&mut Apart(admin), partitions, options)
}

/// How a storage is asked about partitions.
trait Ask {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Result<Watermarks>>>;
    fn times(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Result<Position>>>;
}

/// All of them or none.
struct Together<'a>(&'a mut dyn Admin);

impl Ask for Together<'_> {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Result<Watermarks>>> {
        Ok(self.0.watermarks(partitions, isolation, timeout)?.into_iter().map(Ok).collect())
    }

    fn times(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Result<Position>>> {
        Ok(self.0.offsets_for_times(times, timeout)?.into_iter().map(Ok).collect())
    }
}

/// Each with an answer of its own.
struct Apart<'a>(&'a mut dyn Admin);

impl Ask for Apart<'_> {
    fn watermarks(
        &mut self,
        partitions: &[TopicPartition],
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Result<Watermarks>>> {
        self.0.watermarks_of_each(partitions, isolation, timeout)
    }

    fn times(&mut self, times: &[Position], timeout: Duration) -> Result<Vec<Result<Position>>> {
        self.0.offsets_for_times_of_each(times, timeout)
    }
}

fn resolve_by(
    admin: &mut dyn Ask,
    partitions: &[TopicPartition],
    options: ResolveOptions<'_>,
) -> Result<Vec<Result<Resolved>>> {
    let ResolveOptions { offsets, isolation, follow, allow_gap, timeout } = options;
    check_named(partitions, offsets)?;
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let begun = Instant::now();
    // Times come first: whatever is appended in between lies after what they found, and before the watermarks that
    // bound it.
    let mut times = look_up_times(admin, partitions, offsets, timeout)?;
    let asked: Vec<usize> = (0..partitions.len()).filter(|index| !times.failed.contains_key(index)).collect();
    let questions: Vec<TopicPartition> = asked.iter().map(|index| partitions[*index].clone()).collect();
    let answers = admin.watermarks(&questions, isolation, timeout.saturating_sub(begun.elapsed()))?;
    check_answer(
        &questions,
        answers.iter().map(|answer| answer.as_ref().ok().map(|answer| (answer.topic.as_str(), answer.partition))),
    )?;
    let mut answers = asked.into_iter().zip(answers);
    let bounds = (0..partitions.len()).map(|index| {
        if let Some(error) = times.failed.remove(&index) {
            return Ok(Err(error));
        }
        let (_, answer) = answers.next().expect("it was asked for, and its answer counted");
        let watermarks = match answer {
            Ok(watermarks) => watermarks,
            Err(error) => return Ok(Err(error)),
        };
        let look_up = |time: i64| times.found.get(&(time, index)).copied().expect("every time of a spec was looked up");
        let (start, end) =
            Bounds { watermarks: &watermarks, follow, allow_gap }.of(offsets.of(watermarks.partition), look_up)?;
        let Watermarks { topic, partition, low, high } = watermarks;
        Ok(Ok(Resolved { assignment: Assignment { topic, partition, start, end }, low, high }))
    });
    bounds.collect()
}

fn check_named(partitions: &[TopicPartition], offsets: &Offsets) -> Result<()> {
    let missing = offsets.partitions.keys().find(|named| partitions.iter().all(|read| read.partition != **named));
    match missing {
        None => Ok(()),
        Some(partition) => Err(Error::new(
            ErrorKind::Usage,
            OPERATION,
            "an offset names this partition, but it is not among those to read",
        )
        .with("partition", partition)),
    }
}

/// What was found at the times of specs, by time and index of the partition, and what asking about partitions failed
/// with.
#[derive(Default)]
struct Times {
    found: BTreeMap<(i64, usize), i64>,
    failed: BTreeMap<usize, Error>,
}

/// The offsets for each time of a spec.
fn look_up_times(
    admin: &mut dyn Ask,
    partitions: &[TopicPartition],
    offsets: &Offsets,
    timeout: Duration,
) -> Result<Times> {
    let mut wanted: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
    for (index, partition) in partitions.iter().enumerate() {
        if let OffsetSpec::Time { from, to } = offsets.of(partition.partition) {
            wanted.entry(*from).or_default().insert(index);
            to.map(|to| wanted.entry(to).or_default().insert(index));
        }
    }
    let begun = Instant::now();
    let mut times = Times::default();
    // Ascending: what is appended between two questions cannot put the end of a range before its beginning.
    for (time, mut indices) in wanted {
        indices.retain(|index| !times.failed.contains_key(index));
        // Kafka gives -1 and -2 meanings of their own.
        let question = |index: &usize| Position {
            topic: partitions[*index].topic.clone(),
            partition: partitions[*index].partition,
            offset: time.max(0),
        };
        let questions: Vec<Position> = indices.iter().map(question).collect();
        let answers = admin.times(&questions, timeout.saturating_sub(begun.elapsed()))?;
        let asked: Vec<TopicPartition> = indices.iter().map(|index| partitions[*index].clone()).collect();
        check_answer(
            &asked,
            answers.iter().map(|answer| answer.as_ref().ok().map(|answer| (answer.topic.as_str(), answer.partition))),
        )?;
        for (index, answer) in indices.into_iter().zip(answers) {
            match answer {
                Ok(answer) => drop(times.found.insert((time, index), answer.offset)),
                Err(error) => drop(times.failed.insert(index, error)),
            }
        }
    }
    Ok(times)
}

/// Answers come in the order of the questions; a storage (perhaps one loaded from elsewhere) that breaks this must not
/// make us read the wrong messages.
fn check_answer<'a>(
    asked: &'a [TopicPartition],
    answered: impl ExactSizeIterator<Item = Option<(&'a str, i32)>>,
) -> Result<()> {
    let is_other = |(asked, answered): (&TopicPartition, Option<(&str, i32)>)| {
        answered.is_some_and(|of| of != (asked.topic.as_str(), asked.partition))
    };
    if asked.len() == answered.len() && !asked.iter().zip(answered).any(is_other) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unexpected, OPERATION, "the storage answered for other partitions than those asked for"))
}

/// What bounds the part of one partition.
struct Bounds<'a> {
    watermarks: &'a Watermarks,
    follow: bool,
    allow_gap: bool,
}

impl Bounds<'_> {
    /// The first offset to read, and the one to stop before.
    fn of(&self, spec: &OffsetSpec, look_up: impl Fn(i64) -> i64) -> Result<(i64, Option<i64>)> {
        let Watermarks { low, high, .. } = *self.watermarks;
        let (start, end) = match *spec {
            OffsetSpec::Start => (low, None),
            OffsetSpec::End => (high, None),
            OffsetSpec::Last(count) => (high.saturating_sub_unsigned(count).max(low), None),
            OffsetSpec::Skip(count) => (low.saturating_add_unsigned(count).min(high), None),
            OffsetSpec::At(from) => (self.inside(from, high)?, None),
            OffsetSpec::Range { from, to } => {
                let start = from.map_or(Ok(low), |from| self.inside(from, to.min(high)))?;
                (start, Some(self.inside_or_ahead(to)?))
            }
            OffsetSpec::Time { from, to } => (self.found(look_up(from)), to.map(|to| self.found(look_up(to)))),
        };
        let end = if self.follow { end } else { Some(end.unwrap_or(high)) };
        Ok((start, end.map(|end| end.max(start))))
    }

    /// What a lookup found may be gone by now, or not yet committed.
    fn found(&self, offset: i64) -> i64 {
        let offset = offset.max(self.watermarks.low);
        if self.follow { offset } else { offset.min(self.watermarks.high) }
    }

    /// An offset to begin at; what is lost if it lies before the log ends at most at `until`.
    fn inside(&self, asked: i64, until: i64) -> Result<i64> {
        let Watermarks { low, high, .. } = *self.watermarks;
        if asked < low {
            let lost = format!("the offsets {asked} to {} are no longer there", low.min(until).max(asked + 1) - 1);
            return self.gap(asked, lost, low);
        }
        if asked > high {
            return self.gap(asked, format!("the offsets {high} to {} are not there yet", asked - 1), high);
        }
        Ok(asked)
    }

    /// An offset to stop before; following may reach it later.
    fn inside_or_ahead(&self, asked: i64) -> Result<i64> {
        let Watermarks { low, high, .. } = *self.watermarks;
        if asked < low {
            return self.gap(asked, format!("the offsets before {asked} are no longer there"), low);
        }
        if asked > high && !self.follow {
            return self.gap(asked, format!("the offsets {high} to {} are not there yet", asked - 1), high);
        }
        Ok(asked)
    }

    /// An error about offsets that are not there, or a warning and where to go on.
    fn gap(&self, asked: i64, message: String, instead: i64) -> Result<i64> {
        let Watermarks { topic, partition, low, high } = self.watermarks;
        if self.allow_gap {
            log::warn!(
                "topic {topic}, partition {partition}, asked {asked}, available {low} to {high}: {message}: taking {instead}"
            );
            return Ok(instead);
        }
        let error =
            Error::new(ErrorKind::OutOfRange, OPERATION, message).with("topic", topic).with("partition", partition);
        Err(error
            .with("asked", asked)
            .with("available", format_args!("{low} to {high}"))
            .hint("--allow-gap takes what is there"))
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
