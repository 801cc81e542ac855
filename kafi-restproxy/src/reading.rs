//! Partitions that are read: where each goes on, and where it ends.

use kafi_core::{Assignment, Error, ErrorKind, Position, Result, TopicPartition, Watermarks};

/// A partition that is read.
pub(crate) struct Reading {
    pub place: TopicPartition,
    pub next: i64,
    pub end: Option<i64>,
}

impl Reading {
    pub fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    pub fn is_at(&self, position: &Position) -> bool {
        self.place.partition == position.partition && self.place.topic == position.topic
    }

    pub fn position(&self) -> Position {
        Position { topic: self.place.topic.clone(), partition: self.place.partition, offset: self.next }
    }

    /// Everything before `next` was given out, or is never delivered. Past its end nobody looks.
    pub fn go_on(&mut self, next: i64) {
        self.next = self.next.max(self.end.map_or(next, |end| next.min(end)));
    }
}

/// Where a partition is read from.
pub(crate) fn start(wanted: &Assignment, mark: &Watermarks, allow_gap: bool) -> Result<i64> {
    if (mark.low..=mark.high).contains(&wanted.start) {
        return Ok(wanted.start);
    }
    if allow_gap && wanted.start < mark.low {
        log::warn!(
            "topic {} [{}]: the offsets from {} to {} were deleted",
            wanted.topic,
            wanted.partition,
            wanted.start,
            mark.low
        );
        return Ok(mark.low);
    }
    let why = format!("offset {} is outside of {} to {}", wanted.start, mark.low, mark.high);
    let error = Error::new(ErrorKind::OutOfRange, "assign", why);
    Err(error.with("topic", &wanted.topic).with("partition", wanted.partition))
}

/// The partition among those that are read; a member of a group may be given others.
pub(crate) fn reading_of<'a>(
    all: &'a mut Vec<Reading>,
    topic: &str,
    partition: i32,
    may_add: bool,
) -> Option<&'a mut Reading> {
    let at = all.iter().position(|reading| reading.place.partition == partition && reading.place.topic == topic);
    match at {
        Some(at) => all.get_mut(at),
        None if may_add => {
            all.push(Reading { place: TopicPartition { topic: topic.into(), partition }, next: 0, end: None });
            all.last_mut()
        }
        None => None,
    }
}
