//! The verbs of the shell over bytes: `cat`, `head`, `tail`, `grep`, `wc`, `cp`, and `diff`, on any storage and between storages.
//!
//! They hand out batches and decode nothing; what prints, decodes, or applies functions stands on top of them.

mod cat;
mod cp;
mod diff;
mod grep;
mod tail;
mod target;
mod wc;

pub use cat::{Finished, cat};
pub use cp::{CopyOptions, CopyResult, cp};
pub use diff::{DiffField, DiffOptions, DiffSide, Diffed, Difference, diff};
pub use grep::{GrepFields, GrepOptions, grep};
pub use tail::tail;
pub(crate) use target::existing;
pub use wc::{Counts, wc};
