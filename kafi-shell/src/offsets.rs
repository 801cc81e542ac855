//! Where offsets, times, and counts lie in the partitions of topics.

use std::time::Duration;

use kafi_core::functional::{partitions_of, partitions_of_each};
use kafi_core::{Admin, Error, Isolation, Offsets, Resolved, Result, resolve, resolve_each};

/// What `offsets` mean for the partitions of these topics, or for those of them that are `wanted`; by topic and
/// partition, up to the high watermarks. Blocks up to `timeout` for each of its few questions.
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

/// The same for what can be asked about, and what that fails with of the other topics and partitions, which hide
/// nothing else.
///
/// # Errors
/// What concerns the storage as a whole; `OutOfRange` as for [`resolve`].
pub fn offsets_of_each(
    admin: &mut dyn Admin,
    topics: &[String],
    wanted: Option<&[i32]>,
    offsets: &Offsets,
    allow_gap: bool,
    timeout: Duration,
) -> Result<(Vec<Resolved>, Vec<Error>)> {
    let (partitions, failed) = partitions_of_each(admin, topics, wanted, timeout)?;
    let mut failures: Vec<Error> = failed.into_iter().map(|(_, error)| error).collect();
    let mut found = Vec::with_capacity(partitions.len());
    if !partitions.is_empty() {
        for resolved in
            resolve_each(admin, &partitions, offsets, Isolation::ReadUncommitted, false, allow_gap, timeout)?
        {
            match resolved {
                Ok(resolved) => found.push(resolved),
                Err(error) => failures.push(error),
            }
        }
    }
    Ok((found, failures))
}
