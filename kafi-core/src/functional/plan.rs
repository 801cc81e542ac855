//! What there is to read: topics become partitions, and what the user says about places absolute offsets.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::admin::{Admin, Topic, together_or_one_by_one};
use crate::consumer::{Assignment, TopicPartition};
use crate::error::{Error, ErrorKind, Result};
use crate::functional::group::start_at_committed;
use crate::functional::{GroupUse, ReadOptions, SetAside};
use crate::offsets::{OffsetSpec, Offsets, ResolveOptions, resolve, resolve_each};
use crate::storage::Storage;

/// A topic, and what asking about it failed with.
pub type TopicFailure = (String, Error);

/// What there is to read, in absolute offsets: everything that depends on the user's words is settled here.
///
/// # Errors
/// As for [`Reader::open`](crate::Reader::open).
pub fn plan(storage: &dyn Storage, topics: &[String], options: &ReadOptions) -> Result<Vec<Assignment>> {
    // To a storage, no names mean all topics.
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let offsets = offsets_of(options)?;
    let mut admin = storage.admin()?;
    let mut assignments = match options.set_aside() {
        Some(aside) => plan_each(admin.as_mut(), topics, &offsets, options, aside)?,
        None => {
            let partitions = partitions_of(admin.as_mut(), topics, options.partitions.as_deref(), options.timeout)?;
            let resolved = resolve(admin.as_mut(), &partitions, resolving(&offsets, options))?;
            resolved.into_iter().map(|resolved| resolved.assignment).collect()
        }
    };
    match &options.group {
        // The group tells the starts; what is known here are the ends.
        Some(group) if group.usage != GroupUse::LookOnly => return Ok(assignments),
        Some(group) => start_at_committed(storage, group, &mut assignments, options)?,
        None => {}
    }
    for Assignment { topic, partition, start, end } in &assignments {
        let end = end.map_or("no end".to_string(), |end| end.to_string());
        log::info!("reading topic {topic}, partition {partition}: from {start} to {end}");
    }
    Ok(assignments)
}

fn resolving<'a>(offsets: &'a Offsets, options: &ReadOptions) -> ResolveOptions<'a> {
    let (isolation, allow_gap) = (options.consumer.isolation, options.consumer.allow_gap);
    ResolveOptions { offsets, isolation, follow: options.follow, allow_gap, timeout: options.timeout }
}

/// The same, without what cannot be asked about, of which `aside` takes note.
fn plan_each(
    admin: &mut dyn Admin,
    topics: &[String],
    offsets: &Offsets,
    options: &ReadOptions,
    aside: &SetAside,
) -> Result<Vec<Assignment>> {
    let (partitions, topics_failed) =
        partitions_of_each(admin, topics, options.partitions.as_deref(), options.timeout)?;
    let resolved = match partitions.is_empty() {
        true => Vec::new(),
        false => resolve_each(admin, &partitions, resolving(offsets, options))?,
    };
    let (mut assignments, mut failed) = (Vec::with_capacity(partitions.len()), Vec::new());
    for (partition, resolved) in partitions.into_iter().zip(resolved) {
        match resolved {
            Ok(resolved) => assignments.push(resolved.assignment),
            Err(error) => failed.push((partition, error)),
        }
    }
    aside.plan(&assignments, topics_failed, failed)?;
    Ok(assignments)
}

/// The partitions of these topics as [`partitions_of`] finds them, and the topics for which that fails.
///
/// # Errors
/// What concerns all of them.
pub fn partitions_of_each(
    admin: &mut dyn Admin,
    topics: &[String],
    wanted: Option<&[i32]>,
    timeout: Duration,
) -> Result<(Vec<TopicPartition>, Vec<TopicFailure>)> {
    let topics = sorted(topics);
    let (mut partitions, mut failed) = (Vec::new(), Vec::new());
    let described = if topics.is_empty() {
        Vec::new()
    } else {
        together_or_one_by_one(&topics, timeout, |topics, timeout| admin.topics(topics, timeout))?
    };
    for (name, topic) in topics.into_iter().zip(described) {
        match topic.and_then(|topic| wanted_of(&topic, wanted)) {
            Ok(found) => partitions.extend(found),
            Err(error) if error.concerns_all() => return Err(error),
            Err(error) => failed.push((name, error)),
        }
    }
    Ok((partitions, failed))
}

/// The partitions of these topics, or those of them that are wanted; sorted, each once.
///
/// # Errors
/// `NotFound` for a topic that is missing, or lacks a partition that is wanted; those of
/// [`TopicAdmin::topics`](crate::TopicAdmin::topics).
pub fn partitions_of(
    admin: &mut dyn Admin,
    topics: &[String],
    wanted: Option<&[i32]>,
    timeout: Duration,
) -> Result<Vec<TopicPartition>> {
    let topics = sorted(topics);
    // To a storage, no names mean all topics.
    let topics = if topics.is_empty() { Vec::new() } else { admin.topics(&topics, timeout)? };
    let mut partitions = Vec::new();
    for topic in topics {
        partitions.extend(wanted_of(&topic, wanted)?);
    }
    Ok(partitions)
}

fn sorted(topics: &[String]) -> Vec<String> {
    topics.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// The partitions of a topic, or those of them that are wanted.
fn wanted_of(topic: &Topic, wanted: Option<&[i32]>) -> Result<impl Iterator<Item = TopicPartition> + use<>> {
    let known: BTreeSet<i32> = topic.partitions.iter().map(|partition| partition.partition).collect();
    let wanted = wanted.map_or_else(|| known.clone(), |partitions| partitions.iter().copied().collect());
    if let Some(missing) = wanted.iter().find(|partition| !known.contains(partition)) {
        return Err(no_partition(&topic.name, *missing, known.len()));
    }
    let topic = topic.name.clone();
    Ok(wanted.into_iter().map(move |partition| TopicPartition { topic: topic.clone(), partition }))
}

/// Where partitions begin for which a group has committed nothing, or else what the user asked for.
fn offsets_of(options: &ReadOptions) -> Result<Offsets> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::Usage, "read as a group", why));
    if options.group.is_none() {
        return Ok(options.offsets.clone());
    }
    if options.offsets != Offsets::default() {
        return refuse("the group's committed offsets say where to read");
    }
    if options.joined().is_some() && options.partitions.is_some() {
        return refuse("the group says which partitions fall to a member");
    }
    Ok(Offsets::all(if options.consumer.start_at_earliest { OffsetSpec::Start } else { OffsetSpec::End }))
}

fn no_partition(topic: &str, partition: i32, count: usize) -> Error {
    let have = if count == 1 {
        "the topic has one partition: 0".to_string()
    } else {
        format!("the topic has partitions 0 to {}", count - 1)
    };
    Error::new(ErrorKind::NotFound, "read", have).with("topic", topic).with("partition", partition)
}
