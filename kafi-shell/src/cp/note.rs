//! What a log notes about the source that it is a copy of, so that a later run can go on where this one stopped.

use std::collections::BTreeMap;

use kafi_core::{ConfigChange, ConfigEntry};

/// What the names of all notes begin with; a broker knows none of them.
pub(crate) const NOTE: &str = "kafi.";

const CLUSTER: &str = "kafi.source.cluster";
const TOPIC: &str = "kafi.source.topic";
const ID: &str = "kafi.source.id";
const PARTITIONS: &str = "kafi.source.partitions";

/// The source of a copy, and the offset at which the copy of each partition begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceNote {
    /// The identity of the source's storage.
    pub(crate) cluster: String,
    /// The source's name.
    pub(crate) topic: String,
    /// The source's id, which a topic that was made anew does not share.
    pub(crate) id: String,
    /// The first offset of each partition that is copied.
    pub(crate) starts: BTreeMap<i32, i64>,
}

impl SourceNote {
    /// The note among the settings of a topic; `None` also where an editor broke it.
    pub(crate) fn read(config: &[ConfigEntry]) -> Option<Self> {
        let value = |name: &str| config.iter().find(|entry| entry.name == name)?.value.clone();
        let starts = value(PARTITIONS)?.split_whitespace().map(start).collect::<Option<_>>()?;
        Some(Self { cluster: value(CLUSTER)?, topic: value(TOPIC)?, id: value(ID)?, starts })
    }

    /// Whether both name the same topic of the same storage.
    pub(crate) fn is_same_source(&self, other: &Self) -> bool {
        (&self.cluster, &self.topic, &self.id) == (&other.cluster, &other.topic, &other.id)
    }

    /// The settings that say it.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let starts: Vec<String> = self.starts.iter().map(|(partition, start)| format!("{partition}:{start}")).collect();
        let values = [&self.cluster, &self.topic, &self.id, &starts.join(" ")].map(String::clone);
        [CLUSTER, TOPIC, ID, PARTITIONS].map(String::from).into_iter().zip(values).collect()
    }

    /// The changes that write it.
    pub(crate) fn changes(&self) -> Vec<ConfigChange> {
        self.settings().into_iter().map(|(name, value)| ConfigChange { name, value: Some(value) }).collect()
    }

    /// The changes that remove it.
    pub(crate) fn removal() -> Vec<ConfigChange> {
        [CLUSTER, TOPIC, ID, PARTITIONS].map(|name| ConfigChange { name: name.into(), value: None }).into()
    }
}

fn start(text: &str) -> Option<(i32, i64)> {
    let (partition, offset) = text.split_once(':')?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_as_it_was_written() {
        let note = SourceNote {
            cluster: "/a b:c=d\"".into(),
            topic: "t".into(),
            id: "x".into(),
            starts: [(0, 5), (7, 0)].into(),
        };
        let entry = |(name, value)| ConfigEntry { name, value: Some(value), default: false, read_only: false };
        let mut config: Vec<ConfigEntry> = note.settings().into_iter().map(entry).collect();
        assert_eq!(SourceNote::read(&config), Some(note));
        config.last_mut().unwrap().value = Some("0:5 7".into());
        assert_eq!(SourceNote::read(&config), None);
        assert_eq!(SourceNote::read(&[]), None);
    }
}
