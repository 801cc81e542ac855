//! What a storage and everything that it hands out have in common.

use std::sync::Arc;

use crate::config::FolderOptions;
use crate::groups::Groups;
use crate::topics::Topics;

/// What everything that a storage hands out holds on to.
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    pub(crate) scheme: &'static str,
    pub(crate) options: FolderOptions,
    pub(crate) topics: Topics,
    pub(crate) groups: Groups,
}
