//! The topics that were made a moment ago: brokers hear of them one after the other, so that one that does not know
//! such a topic is asked again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long a broker may not know of a topic.
const UNKNOWN_MAX: Duration = Duration::from_secs(10);

/// What all clients of a storage know of topics that it made. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made(Arc<Mutex<HashMap<String, Instant>>>);

impl Made {
    fn topics(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a topic that was made.
    pub(crate) fn note(&self, topic: &str) {
        let mut topics = self.topics();
        topics.retain(|_, since| since.elapsed() < UNKNOWN_MAX);
        topics.insert(topic.to_string(), Instant::now());
    }

    /// Takes note of a topic that was deleted.
    pub(crate) fn forget(&self, topic: &str) {
        self.topics().remove(topic);
    }

    /// Whether a broker may not know of this topic yet.
    pub(crate) fn is_new(&self, topic: &str) -> bool {
        self.topics().get(topic).is_some_and(|since| since.elapsed() < UNKNOWN_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_new_until_it_is_deleted() {
        let made = Made::default();
        made.note("t");
        assert!(made.clone().is_new("t") && !made.is_new("u"));
        made.forget("t");
        assert!(!made.is_new("t"));
    }
}
