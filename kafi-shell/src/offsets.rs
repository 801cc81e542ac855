//! Where offsets, times, and counts lie in the partitions of topics.

use std::time::Duration;

use kafi_core::functional::partitions_of;
use kafi_core::{Admin, Isolation, Offsets, Resolved, Result, resolve};

/// What `offsets` mean for the partitions of these topics, or for those of them that are `wanted`; by topic and partition, up to the high watermarks. Blocks up to `timeout`
/// for each of its few questions.
///
/// # Errors
/// `NotFound` for a missing topic or partition; those of [`resolve`].
pub fn offsets(
    admin: &mut dyn Admin,
    topics: &[String],
    wanted: Option<&[i32]>,
    offsets: &Offsets,
    allow_gap: bool,
    timeout: Duration,
) -> Result<Vec<Resolved>> {
    let partitions = partitions_of(admin, topics, wanted, timeout)?;
    resolve(admin, &partitions, offsets, Isolation::ReadUncommitted, false, allow_gap, timeout)
}
