//! `storage`: what can be done with storages as a whole, and with how they keep topics.

mod check;
mod ls;
mod merge;

use crate::verb::{Entry, entry};

/// What can be done with storages.
pub const STORAGE: Entry = Entry::Verbs {
    name: "storage",
    about: "List and check storages, and merge what they keep as objects",
    verbs: &[entry::<ls::LsArgs>("ls"), entry::<check::CheckArgs>("check"), entry::<merge::MergeArgs>("merge")],
};
