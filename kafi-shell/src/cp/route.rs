//! Where the messages of a copy go.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cp::pair::Pair;
use crate::cp::target::CopyTarget;

/// Where the messages of a share go.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) target: CopyTarget,
    /// The group on the source that keeps how far the copy has come, where the target does not.
    pub(crate) progress_group: Option<String>,
    /// What is noted beside what is committed.
    pub(crate) pair: Option<Pair>,
    /// How many partitions the source had when the target was looked at.
    pub(crate) partitions: usize,
}

/// The routes of the topics of a share, by the names of the source.
pub(crate) type Routes = Arc<HashMap<String, Route>>;
