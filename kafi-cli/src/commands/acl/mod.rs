//! `acl`: rules of access: who may do what.

mod create;
mod ls;
mod rm;
mod rules;

use crate::verb::{Entry, entry};

/// What can be done with rules of access.
pub const ACL: Entry = Entry::Verbs {
    name: "acl",
    about: "List, make, and delete rules of access (ACLs)",
    verbs: &[entry::<ls::LsArgs>("ls"), entry::<create::CreateArgs>("create"), entry::<rm::RmArgs>("rm")],
};
