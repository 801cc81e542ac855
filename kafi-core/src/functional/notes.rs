//! What a member of a group commits beside its offsets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::consumer::{CommittedOffset, Position};

/// The metadata of the offsets that are committed, by topic; clones share it.
#[derive(Clone, Debug, Default)]
pub struct CommitNotes(Arc<Mutex<BTreeMap<String, String>>>);

impl CommitNotes {
    /// From now on this is committed beside the offsets of `topic`.
    pub fn set(&self, topic: &str, metadata: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(topic.to_string(), metadata.into());
    }

    /// These positions with what is to be committed beside them.
    pub(crate) fn beside(&self, positions: &[Position]) -> Vec<CommittedOffset> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offsets = CommittedOffset::all(positions);
        for offset in &mut offsets {
            offset.metadata = notes.get(&offset.topic).cloned().unwrap_or_default();
        }
        offsets
    }
}
