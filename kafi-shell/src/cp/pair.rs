//! A source and a target of a copy, and what is noted of the two beside committed offsets.

use std::time::Duration;

use kafi_core::{Admin, Isolation, Result, Topic, TopicPartition};

/// What a note begins with; the metadata of others begins with something else.
const MARK: &str = "kafi-cp";

/// What stands beside a committed offset: the source and the target by their ids, and what the target held when
/// everything before the offset was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) source: String,
    pub(crate) target: String,
    /// The first offsets of all partitions of the target, summed up.
    pub(crate) low: i64,
    /// The offsets after their last messages, summed up.
    pub(crate) end: i64,
    /// The target's storage and name: a group may be copied to several.
    pub(crate) to: String,
}

impl Note {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(6, ' ');
        if words.next()? != MARK {
            return None;
        }
        let (source, target) = (words.next()?.to_string(), words.next()?.to_string());
        let (low, end) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { source, target, low, end, to: words.next()?.to_string() })
    }

    fn text(&self) -> String {
        let Self { source, target, low, end, to } = self;
        format!("{MARK} {source} {target} {low} {end} {to}")
    }
}

/// Whether the metadata of an offset is a note of a copy.
pub(crate) fn is_note(metadata: &str) -> bool {
    Note::parse(metadata).is_some()
}

/// A source and a target, by what stays the same of them.
#[derive(Clone)]
pub(crate) struct Pair {
    source: String,
    target: String,
    to: String,
    partitions: Vec<TopicPartition>,
}

impl Pair {
    /// `to` names the target's storage and the target.
    pub(crate) fn new(source: &Topic, target: &Topic, to: &str) -> Self {
        Self {
            source: word(&source.id),
            target: word(&target.id),
            to: to.to_string(),
            partitions: partitions_of(target),
        }
    }

    pub(crate) fn note(&self, admin: &mut dyn Admin, timeout: Duration) -> Result<String> {
        let held = Held::of(admin, &self.partitions, timeout)?;
        Ok(Note {
            source: self.source.clone(),
            target: self.target.clone(),
            low: held.low,
            end: held.end,
            to: self.to.clone(),
        }
        .text())
    }
}

/// What a topic holds, summed up over its partitions.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) low: i64,
    pub(crate) end: i64,
}

impl Held {
    pub(crate) fn of(admin: &mut dyn Admin, partitions: &[TopicPartition], timeout: Duration) -> Result<Self> {
        let bounds = admin.watermarks(partitions, Isolation::ReadUncommitted, timeout)?;
        Ok(Self {
            low: bounds.iter().map(|bounds| bounds.low).sum(),
            end: bounds.iter().map(|bounds| bounds.high).sum(),
        })
    }
}

pub(crate) fn partitions_of(topic: &Topic) -> Vec<TopicPartition> {
    topic
        .partitions
        .iter()
        .map(|partition| TopicPartition { topic: topic.name.clone(), partition: partition.partition })
        .collect()
}

/// An id as one word; a storage that has none is taken at its name.
pub(crate) fn word(id: &str) -> String {
    if id.is_empty() { "-".into() } else { id.replace(' ', "_") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_as_it_was_written_and_others_are_none() {
        let note = Note { source: "a".into(), target: "-".into(), low: 3, end: 7, to: "/a folder/t".into() };
        assert_eq!(Note::parse(&note.text()), Some(note));
        for other in ["", "kafi-cp", "kafi-cp a b 1", "kafi-cp a b x 2 t", "AgAAAYo= 1 2 3 4 5"] {
            assert_eq!(Note::parse(other), None, "{other}");
        }
    }
}
