//! Where offsets, times, and counts lie in the partitions of topics.

use std::time::Duration;

use kafi_core::functional::{partitions_of, partitions_of_each};
use kafi_core::{Admin, Error, Isolation, Offsets, ResolveOptions, Resolved, Result, resolve, resolve_each};

/// Which offsets are asked for, in which partitions.
#[derive(Clone, Copy, Debug)]
pub struct WantedOffsets<'a> {
    /// Only these partitions; `None` is all.
    pub partitions: Option<&'a [i32]>,
    /// What the user says about places.
    pub offsets: &'a Offsets,
    /// Takes the nearest offset in place of one that is not there.
    pub allow_gap: bool,
    /// How long each question may take.
    pub timeout: Duration,
}

impl<'a> WantedOffsets<'a> {
    /// The offsets at these places, up to the high watermarks.
    pub(crate) fn resolving(self) -> ResolveOptions<'a> {
        let Self { offsets, allow_gap, timeout, .. } = self;
        ResolveOptions { offsets, isolation: Isolation::ReadUncommitted, follow: false, allow_gap, timeout }
    }
}

/// What is `wanted` of these topics, by topic and partition, up to the high watermarks. Blocks up to the time-out for
/// each of its few questions.
///
/// # Errors
/// `NotFound` for a missing topic or partition; those of [`resolve`].
pub fn offsets(admin: &mut dyn Admin, topics: &[String], wanted: WantedOffsets<'_>) -> Result<Vec<Resolved>> {
    let partitions = partitions_of(admin, topics, wanted.partitions, wanted.timeout)?;
    resolve(admin, &partitions, wanted.resolving())
}

/// The same for what can be asked about, and what that fails with of the other topics and partitions, which hide
/// nothing else.
///
/// # Errors
/// What concerns the storage as a whole; `OutOfRange` as for [`resolve`].
pub fn offsets_of_each(
    admin: &mut dyn Admin,
    topics: &[String],
    wanted: WantedOffsets<'_>,
) -> Result<(Vec<Resolved>, Vec<Error>)> {
    let (partitions, failed) = partitions_of_each(admin, topics, wanted.partitions, wanted.timeout)?;
    let mut failures: Vec<Error> = failed.into_iter().map(|(_, error)| error).collect();
    let mut found = Vec::with_capacity(partitions.len());
    if !partitions.is_empty() {
        for resolved in resolve_each(admin, &partitions, wanted.resolving())? {
            match resolved {
                Ok(resolved) => found.push(resolved),
                Err(error) => failures.push(error),
            }
        }
    }
    Ok((found, failures))
}
