//! The verbs of the shell over bytes: `cat`, `head`, `tail`, `grep`, `wc`, `cp`, and `diff`, on any storage and between storages.
//!
//! Beside them stands what is planned before it is done: where offsets lie, and what is to become of those of groups.
//!
//! The verbs hand out batches and decode nothing; what prints, decodes, or applies functions stands on top of them.

mod cat;
mod copy_check;
mod copy_job;
mod copy_mirror;
mod copy_note;
mod copy_plan;
mod copy_progress;
mod copy_settings;
mod copy_share;
mod cp;
mod diff;
mod grep;
mod groups;
mod offsets;
mod pattern;
mod rate;
mod same_message;
mod tail;
mod target;
mod wc;

pub(crate) use cat::finish;
pub use cat::{Finished, cat};
pub use cp::{CopyOptions, CopyResult, NewTopics, PlannedPart, cp, plan_cp};
pub use diff::{DiffField, DiffOptions, DiffSide, Diffed, Difference, diff};
pub use grep::{GrepFields, GrepOptions, grep, grep_then};
pub use groups::{GroupLag, OffsetChange, check_no_members, group_lag, lag_of_groups, plan_group_copy, plan_group_reset};
pub use offsets::offsets;
pub use pattern::{Pattern, PatternOptions};
pub use rate::Rate;
pub use tail::tail;
pub use wc::{Counts, PartitionCounts, wc, wc_then};
