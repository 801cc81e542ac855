//! What a storage and everything that it hands out have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::ObjectOptions;
use crate::groups::ObjectGroups;
use crate::topics::ObjectTopics;

/// What everything that a storage hands out holds on to.
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    pub(crate) scheme: &'static str,
    pub(crate) options: ObjectOptions,
    pub(crate) topics: ObjectTopics,
    pub(crate) groups: ObjectGroups,
}

impl Shared {
    /// How large the objects of a topic with these settings get.
    pub(crate) fn object_bytes(&self, config: &BTreeMap<String, String>) -> u64 {
        let set = config.get("segment.bytes").and_then(|bytes| bytes.parse().ok());
        set.unwrap_or(self.options.object_bytes).min(self.options.object_bytes_max).max(1)
    }
}
