//! More plans for the committed offsets of groups: shifted by a number, or taken from a list.

use std::collections::BTreeMap;
use std::time::Duration;

use kafi_core::{Admin, CommittedOffset, Error, ErrorKind, Result, TopicPartition};

use crate::groups::{OffsetChange, committed, committed_if_any, ends};

/// What the committed offsets of a group are shifted by, and which.
#[derive(Clone, Copy, Debug)]
pub struct GroupShift<'a> {
    /// So many offsets; negative ones go back.
    pub by: i64,
    /// Of these topics; none are named for all that the group has committed.
    pub topics: &'a [String],
    /// Of only these partitions; `None` is all.
    pub partitions: Option<&'a [i32]>,
    /// Takes the nearest offset in place of one that is not there.
    pub allow_gap: bool,
    /// How long each question may take.
    pub timeout: Duration,
}

/// What shifting the committed offsets of a group means. Changes nothing. Blocks up to the time-out for each of its few
/// questions.
///
/// # Errors
/// `NotFound` for a missing group, a topic for which it has committed nothing, and a partition that is gone;
/// `OutOfRange` for an offset that is not there, unless the nearest may be taken.
pub fn plan_group_shift(admin: &mut dyn Admin, group: &str, shift: GroupShift<'_>) -> Result<Vec<OffsetChange>> {
    let mut known = committed(admin.group_offsets(group, shift.timeout))?;
    if let Some(missing) = shift.topics.iter().find(|topic| known.keys().all(|known| known.topic != **topic)) {
        let error = Error::new(ErrorKind::NotFound, "reset group", "the group has committed nothing for it");
        return Err(error.with("group", group).with("topic", missing));
    }
    known.retain(|at, _| {
        (shift.topics.is_empty() || shift.topics.contains(&at.topic))
            && shift.partitions.is_none_or(|wanted| wanted.contains(&at.partition))
    });
    let wanted = known.iter().map(|(at, from)| (at.clone(), from.offset.saturating_add(shift.by))).collect();
    changes(admin, &wanted, &known, shift.allow_gap, shift.timeout)
}

/// What setting these offsets of a group means, as they are listed. Changes nothing. Blocks up to `timeout` for each of
/// its few questions.
///
/// # Errors
/// `NotFound` for a missing topic or partition; `OutOfRange` for an offset that is not there, unless the nearest may be
/// taken.
pub fn plan_group_offsets(
    admin: &mut dyn Admin,
    group: &str,
    offsets: &[CommittedOffset],
    allow_gap: bool,
    timeout: Duration,
) -> Result<Vec<OffsetChange>> {
    let known = committed_if_any(admin.group_offsets(group, timeout))?;
    let place = |offset: &CommittedOffset| {
        (TopicPartition { topic: offset.topic.clone(), partition: offset.partition }, offset.offset)
    };
    let wanted: BTreeMap<TopicPartition, i64> = offsets.iter().map(place).collect();
    let mut planned = changes(admin, &wanted, &known, allow_gap, timeout)?;
    for change in &mut planned {
        // What was listed beside an offset belongs to that offset.
        let listed = offsets.iter().find(|listed| {
            (&listed.topic, listed.partition, listed.offset)
                == (&change.to.topic, change.to.partition, change.to.offset)
        });
        if let Some(listed) = listed.filter(|listed| listed.leader_epoch.is_some() || !listed.metadata.is_empty()) {
            change.to = listed.clone();
        }
    }
    Ok(planned)
}

/// The changes to these offsets, each within what its partition holds.
fn changes(
    admin: &mut dyn Admin,
    wanted: &BTreeMap<TopicPartition, i64>,
    known: &BTreeMap<TopicPartition, CommittedOffset>,
    allow_gap: bool,
    timeout: Duration,
) -> Result<Vec<OffsetChange>> {
    let held = ends(admin, &wanted.keys().collect(), timeout)?;
    let change = |(at, offset): (&TopicPartition, &i64)| {
        let Some(&range) = held.get(at) else {
            let error = Error::new(ErrorKind::NotFound, "reset group", "there is no such partition");
            return Err(error.with("topic", &at.topic).with("partition", at.partition));
        };
        let offset = within(at, *offset, range, allow_gap)?;
        let from = known.get(at).cloned();
        let to = from.clone().filter(|from| from.offset == offset);
        Ok(OffsetChange { from, to: to.unwrap_or_else(|| CommittedOffset::new(&at.topic, at.partition, offset)) })
    };
    wanted.iter().map(change).collect()
}

fn within(at: &TopicPartition, offset: i64, (low, high): (i64, i64), allow_gap: bool) -> Result<i64> {
    if (low..=high).contains(&offset) {
        return Ok(offset);
    }
    let error = Error::new(ErrorKind::OutOfRange, "reset group", "there is no such offset")
        .with("topic", &at.topic)
        .with("partition", at.partition)
        .with("asked", offset)
        .with("available", format_args!("{low} to {high}"));
    if !allow_gap {
        return Err(error.hint("--allow-gap takes the nearest offset that is there"));
    }
    let near = offset.clamp(low, high);
    log::warn!("{error}: taking {near}");
    Ok(near)
}
