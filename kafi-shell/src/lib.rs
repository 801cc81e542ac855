//! The verbs of the shell over bytes: [`cat()`], [`tail()`], [`grep()`], [`wc()`], [`cp()`], and [`diff()`], on any
//! storage and between storages; and [`Kafi`], the handle that has them.
//!
//! Beside them stands what is planned before it is done: where offsets lie ([`offsets()`]), and what is to become of
//! those of groups ([`plan_group_reset`], [`plan_group_copy`]).
//!
//! The verbs hand out batches and decode nothing; what prints, decodes, or applies functions stands on top of them.
//!
//! ```
//! use std::ops::ControlFlow;
//! use kafi_core::{Batch, ReadOptions, Result, Storage};
//! use kafi_shell::TopicsToRead;
//!
//! /// The bytes of all values of a topic.
//! fn value_bytes(storage: &dyn Storage, topic: &str) -> Result<usize> {
//!     let mut bytes = 0;
//!     kafi_shell::cat(TopicsToRead::new(storage, &[topic.to_string()], &ReadOptions::default()), |batch: &mut Batch| {
//!         bytes += batch.iter().filter_map(|record| record.value).map(<[u8]>::len).sum::<usize>();
//!         Ok(ControlFlow::Continue(()))
//!     })?;
//!     Ok(bytes)
//! }
//! ```

#![deny(missing_docs)]

mod add_ons;
mod cat;
mod compact;
mod cp;
mod diff;
mod glob;
mod grep;
mod group_plans;
mod groups;
mod join;
mod kafi;
mod offsets;
mod pattern;
mod rate;
mod same_message;
mod same_storage;
mod spill;
mod tail;
mod texts;
mod through;
mod topic_sink;
mod wc;

pub use add_ons::{Recreation, SizeStats, SizedMessage, explain_settings, recreate, repeat, sizes};
pub use cat::{Finished, TopicsToRead, cat, cat_then};
pub use compact::{CompactOptions, CompactOrder, Compacted, compact};
pub use cp::{CopyOptions, CopyResult, CopyThrough, NewTopics, PlannedPart, cp, plan_cp};
pub use diff::{DiffField, DiffOptions, DiffSide, Diffed, Difference, diff};
pub use glob::Glob;
pub use grep::{GrepFields, GrepOptions, grep, grep_then};
pub use group_plans::{GroupShift, plan_group_offsets, plan_group_shift};
pub use groups::{
    GroupCopyOptions, GroupLag, OffsetChange, check_no_members, group_lag, lag_of_groups, plan_group_copy,
    plan_group_reset,
};
pub use join::{
    JoinEach, JoinEmit, JoinHow, JoinKey, JoinKeyOf, JoinOptions, JoinPair, JoinProject, JoinRows, JoinSide, Joined,
    JoinedSide, MemberPath, ObjectMerger, join, merge_objects,
};
pub use kafi::{Join, Kafi, Outgoing, TopicConsumer, TopicProducer, subject_name};
pub use offsets::{WantedOffsets, offsets, offsets_of_each};
pub use pattern::{Pattern, PatternOptions};
pub use rate::Rate;
pub use tail::tail;
pub use texts::Texts;
pub use through::Through;
pub use topic_sink::TopicSink;
pub use wc::{Counts, PartitionCounts, wc, wc_then};
