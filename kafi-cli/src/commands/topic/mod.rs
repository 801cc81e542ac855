//! `topic`: what else there is to know of topics.

mod show;

use crate::verb::{Entry, entry};

/// What can be done with single topics that has no verb of its own.
pub const TOPIC: Entry =
    Entry::Verbs { name: "topic", about: "Show what topics are like", verbs: &[entry::<show::ShowArgs>("show")] };
