//! Where groups stand, and what is to become of their offsets: plans that are looked at before
//! [`GroupAdmin::alter_group_offsets`](kafi_core::GroupAdmin::alter_group_offsets) carries them out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafi_core::functional::partitions_of;
use kafi_core::{
    Admin, CommittedOffset, Error, ErrorKind, GroupDescription, Isolation, Result, Storage, TopicPartition, Watermarks,
    resolve,
};

use crate::cp::is_note;
use crate::offsets::WantedOffsets;
use crate::same_message::{Finder, TargetPlace};

/// What a group has committed, by partition.
pub(crate) type Committed = BTreeMap<TopicPartition, CommittedOffset>;

/// The ranges of offsets that partitions hold.
pub(crate) type Ends = BTreeMap<TopicPartition, (i64, i64)>;

/// Where a group stands in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// What is committed; `None` where nothing is.
    pub committed: Option<CommittedOffset>,
    /// The first offset that is there; `None` where the partition is gone or cannot be asked about.
    pub start: Option<i64>,
    /// The high watermark; `None` where the partition is gone or cannot be asked about.
    pub end: Option<i64>,
    /// The member that reads it, as an index into [`GroupDescription::members`].
    pub member: Option<usize>,
}

impl GroupLag {
    /// How many offsets lie between what is committed and the end, without those that are no longer there; `None` where
    /// either is unknown.
    pub fn lag(&self) -> Option<i64> {
        let next = self.committed.as_ref()?.offset.max(self.start?);
        Some((self.end? - next).max(0))
    }
}

/// What is to become of a committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetChange {
    /// What is committed now.
    pub from: Option<CommittedOffset>,
    /// What is to be.
    pub to: CommittedOffset,
}

impl OffsetChange {
    /// Whether anything becomes other than it is.
    pub fn is_one(&self) -> bool {
        self.from.as_ref() != Some(&self.to)
    }
}

/// Where a group stands, in each partition that it has committed or that a member reads, sorted; and what asking about
/// some of the partitions failed with, whose ends are not known. Blocks up to `timeout` for each of its few questions.
///
/// # Errors
/// `NotFound` for a missing group; those of [`Admin`].
pub fn group_lag(
    admin: &mut dyn Admin,
    description: &GroupDescription,
    timeout: Duration,
) -> Result<(Vec<GroupLag>, Vec<Error>)> {
    let committed = committed(admin.group_offsets(&description.name, timeout))?;
    let all = partitions_of_group(description, &committed);
    let (ends, failed) = known_ends(admin, &all, timeout)?;
    Ok((lag_of(description, &committed, &all, &ends), failed.into_values().collect()))
}

/// The same for several groups, in their order, with no more questions than for one where the storage can; an answer
/// for each, so that one hides no other. Blocks up to `timeout` for each of its few questions.
///
/// # Errors
/// Those of [`Admin`]; a group that is missing has committed nothing.
pub fn lag_of_groups(
    admin: &mut dyn Admin,
    descriptions: &[GroupDescription],
    timeout: Duration,
) -> Result<Vec<Result<Vec<GroupLag>>>> {
    let names: Vec<String> = descriptions.iter().map(|description| description.name.clone()).collect();
    let offsets: Vec<Result<_>> = admin.offsets_of_groups(&names, timeout)?.into_iter().map(committed).collect();
    let nothing = BTreeMap::new();
    let known = offsets.iter().map(|offsets| offsets.as_ref().unwrap_or(&nothing));
    let partitions: Vec<_> = descriptions
        .iter()
        .zip(known)
        .map(|(description, committed)| partitions_of_group(description, committed))
        .collect();
    let (ends, failed) = known_ends(admin, &partitions.iter().flatten().copied().collect(), timeout)?;
    let all = descriptions.iter().zip(&offsets).zip(&partitions);
    let lags = all.map(|((description, committed), partitions)| {
        match (committed, partitions.iter().find_map(|partition| failed.get(*partition))) {
            (Ok(committed), None) => Ok(lag_of(description, committed, partitions, &ends)),
            (_, Some(error)) | (Err(error), None) => Err(error.duplicate()),
        }
    });
    Ok(lags.collect())
}

/// What setting the offsets of a group to those that are `wanted` means: for the partitions of `topics`, or for all
/// that it has committed where none are named. What the group's consumers keep beside an offset belongs to it, and is
/// gone where there is another one, as with Kafka's own tools. Changes nothing. Blocks up to `timeout` for each of its
/// few questions.
///
/// # Errors
/// `NotFound` for a missing topic or partition, and for a missing group where no topics are named; `OutOfRange` for an
/// offset that is not there, unless the nearest may be taken.
pub fn plan_group_reset(
    admin: &mut dyn Admin,
    group: &str,
    topics: &[String],
    wanted: WantedOffsets<'_>,
) -> Result<Vec<OffsetChange>> {
    let known = admin.group_offsets(group, wanted.timeout);
    let committed = if topics.is_empty() { committed(known)? } else { committed_if_any(known)? };
    let partitions = match topics {
        [] => committed
            .keys()
            .filter(|known| wanted.partitions.is_none_or(|wanted| wanted.contains(&known.partition)))
            .cloned()
            .collect(),
        topics => partitions_of(admin, topics, wanted.partitions, wanted.timeout)?,
    };
    let resolved = resolve(admin, &partitions, wanted.resolving())?;
    let change = |(partition, offset): (TopicPartition, i64)| {
        let from = committed.get(&partition).cloned();
        let to = from.clone().filter(|from| from.offset == offset);
        OffsetChange {
            from,
            to: to.unwrap_or_else(|| CommittedOffset::new(partition.topic, partition.partition, offset)),
        }
    };
    Ok(partitions.into_iter().zip(resolved.iter().map(|resolved| resolved.assignment.start)).map(change).collect())
}

/// Which committed offsets of a group are copied, and how.
#[derive(Clone, Copy, Debug)]
pub struct GroupCopyOptions<'a> {
    /// Of these topics; none are named for all.
    pub topics: &'a [String],
    /// Of only these partitions; `None` is all.
    pub partitions: Option<&'a [i32]>,
    /// Takes the nearest offset where the target does not hold the message.
    pub allow_gap: bool,
    /// How long each question may take.
    pub timeout: Duration,
}

/// What giving the committed offsets of a group to another group means, which may be on another storage: of the named
/// topics, or of all. The group goes on at the same message: at the
/// same offset within a storage, and where a log notes that it is a copy with the offsets of the other; elsewhere the
/// message is looked for by its time and its content, or counted. What consumers keep beside an offset comes along, and
/// the leader's epoch within a cluster, to which alone it means something. Changes nothing. Blocks up to `timeout` for
/// each of its questions, and while it reads.
///
/// # Errors
/// `NotFound` for a missing group, and for a topic or partition that the target lacks; `OutOfRange` where the target
/// does not hold the message, or it cannot be told from others, unless `allow_gap` takes the nearest; what reading
/// fails with.
pub fn plan_group_copy(
    source: (&dyn Storage, &str),
    target: (&dyn Storage, &str),
    options: GroupCopyOptions<'_>,
) -> Result<Vec<OffsetChange>> {
    let GroupCopyOptions { topics, partitions: wanted, allow_gap, timeout } = options;
    let mut finder = Finder::open(source.0, target.0, timeout)?;
    let mut offsets = committed(finder.source.admin.group_offsets(source.1, timeout))?;
    if let Some(missing) = topics.iter().find(|topic| offsets.keys().all(|known| known.topic != **topic)) {
        return Err(Error::new(ErrorKind::NotFound, "copy group", "the group has committed nothing for it")
            .with("group", source.1)
            .with("topic", missing));
    }
    offsets.retain(|known, _| {
        (topics.is_empty() || topics.contains(&known.topic))
            && wanted.is_none_or(|wanted| wanted.contains(&known.partition))
    });
    let held = ends(finder.target.admin.as_mut(), &offsets.keys().collect(), timeout)?;
    let now = committed_if_any(finder.target.admin.group_offsets(target.1, timeout))?;
    let mut changes = Vec::with_capacity(offsets.len());
    for (partition, known) in offsets {
        let Some(&held) = held.get(&partition) else {
            let error = Error::new(ErrorKind::NotFound, "copy group", "the target has no such partition");
            return Err(error.with("topic", partition.topic).with("partition", partition.partition));
        };
        let to = same_place(&mut finder, &partition, known, held, allow_gap)?;
        changes.push(OffsetChange { from: now.get(&partition).cloned(), to });
    }
    Ok(changes)
}

/// Where in the target a group goes on that has committed `known` on the source.
fn same_place(
    finder: &mut Finder<'_>,
    at: &TopicPartition,
    known: CommittedOffset,
    (low, high): (i64, i64),
    allow_gap: bool,
) -> Result<CommittedOffset> {
    let offset = known.offset;
    let place = match finder.shares_offsets(at)? {
        true if (low..=high).contains(&offset) => TargetPlace::At(offset),
        true => TargetPlace::Unknown(offset.clamp(low, high)),
        false => finder.find(at, offset)?,
    };
    match place {
        TargetPlace::At(offset) if finder.is_same() => Ok(CommittedOffset { offset, ..known }),
        TargetPlace::At(offset) => {
            // How far a copy of the source has come says nothing about one of the target.
            let metadata = if is_note(&known.metadata) { String::new() } else { known.metadata };
            Ok(CommittedOffset { offset, leader_epoch: None, metadata, ..known })
        }
        TargetPlace::Unknown(near) if allow_gap => Ok(CommittedOffset::new(&at.topic, at.partition, near)),
        TargetPlace::Unknown(_) => {
            let why = match (low..=high).contains(&offset) {
                true => format!(
                    "the target does not hold the message that the group reads next (at offset {offset}), or it cannot be told from others"
                ),
                false => format!("the target does not hold the offset {offset}"),
            };
            let error = Error::new(ErrorKind::OutOfRange, "copy group", why)
                .with("topic", &at.topic)
                .with("partition", at.partition);
            Err(error
                .with("available", format_args!("{low} to {high}"))
                .hint("--allow-gap takes the nearest offset that is there"))
        }
    }
}

/// Whether offsets of a group may be changed from outside: not while somebody reads as it, because its members would
/// overwrite them. Blocks up to `timeout`.
///
/// # Errors
/// `Conflict` where the group has live members; those of [`GroupAdmin::group`](kafi_core::GroupAdmin::group), but a
/// group that is missing may be made.
pub fn check_no_members(admin: &mut dyn Admin, group: &str, timeout: Duration) -> Result<()> {
    let members = match admin.group(group, timeout) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        description => description?.members.len(),
    };
    if members == 0 {
        return Ok(());
    }
    let why = format!("it has {members} live member{}", if members == 1 { "" } else { "s" });
    Err(Error::new(ErrorKind::Conflict, "change group", why).with("group", group).hint("stop its consumers first"))
}

/// The partitions that a group has committed or that a member reads.
fn partitions_of_group<'a>(
    description: &'a GroupDescription,
    committed: &'a Committed,
) -> BTreeSet<&'a TopicPartition> {
    committed.keys().chain(description.members.iter().flat_map(|member| &member.partitions)).collect()
}

fn lag_of(
    description: &GroupDescription,
    committed: &Committed,
    partitions: &BTreeSet<&TopicPartition>,
    ends: &Ends,
) -> Vec<GroupLag> {
    let read: BTreeMap<&TopicPartition, usize> = description
        .members
        .iter()
        .enumerate()
        .flat_map(|(index, member)| member.partitions.iter().map(move |partition| (partition, index)))
        .collect();
    let lag = |partition: &&TopicPartition| GroupLag {
        topic: partition.topic.clone(),
        partition: partition.partition,
        committed: committed.get(*partition).cloned(),
        start: ends.get(*partition).map(|range| range.0),
        end: ends.get(*partition).map(|range| range.1),
        member: read.get(*partition).copied(),
    };
    partitions.iter().map(lag).collect()
}

pub(crate) fn committed(offsets: Result<Vec<CommittedOffset>>) -> Result<Committed> {
    let committed =
        |known: CommittedOffset| (TopicPartition { topic: known.topic.clone(), partition: known.partition }, known);
    Ok(offsets?.into_iter().map(committed).collect())
}

/// The same, but a group that is missing has none.
pub(crate) fn committed_if_any(offsets: Result<Vec<CommittedOffset>>) -> Result<Committed> {
    match committed(offsets) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        known => known,
    }
}

/// The ranges of offsets that these partitions hold; those that are gone are left out.
pub(crate) fn ends(admin: &mut dyn Admin, partitions: &BTreeSet<&TopicPartition>, timeout: Duration) -> Result<Ends> {
    let there = those_there(admin, partitions, timeout)?;
    let watermarks =
        if there.is_empty() { Vec::new() } else { admin.watermarks(&there, Isolation::ReadUncommitted, timeout)? };
    Ok(watermarks.into_iter().map(range_of).collect())
}

/// The same, and what asking about others of these partitions failed with.
fn known_ends(
    admin: &mut dyn Admin,
    partitions: &BTreeSet<&TopicPartition>,
    timeout: Duration,
) -> Result<(Ends, BTreeMap<TopicPartition, Error>)> {
    let there = those_there(admin, partitions, timeout)?;
    let watermarks = if there.is_empty() {
        Vec::new()
    } else {
        admin.watermarks_of_each(&there, Isolation::ReadUncommitted, timeout)?
    };
    let (mut known, mut failed) = (Ends::new(), BTreeMap::new());
    for (partition, found) in there.into_iter().zip(watermarks) {
        match found {
            Ok(found) => known.extend([range_of(found)]),
            Err(error) => drop(failed.insert(partition, error)),
        }
    }
    Ok((known, failed))
}

fn range_of(found: Watermarks) -> (TopicPartition, (i64, i64)) {
    (TopicPartition { topic: found.topic, partition: found.partition }, (found.low, found.high))
}

/// Those of these partitions that are there.
fn those_there(
    admin: &mut dyn Admin,
    partitions: &BTreeSet<&TopicPartition>,
    timeout: Duration,
) -> Result<Vec<TopicPartition>> {
    let mut there = Vec::new();
    let topics = if partitions.is_empty() { Vec::new() } else { admin.topics(&[], timeout)? };
    for topic in topics {
        let partition = |number: i32| TopicPartition { topic: topic.name.clone(), partition: number };
        there.extend(
            topic.partitions.iter().map(|found| partition(found.partition)).filter(|found| partitions.contains(found)),
        );
    }
    Ok(there)
}
