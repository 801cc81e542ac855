//! The arguments that name places in partitions, where no messages are read.

use clap::Args;
use kafi::{Error, ErrorKind, Offsets, Result};

use crate::args::partitions::PartitionsArgs;
use crate::context::Context;

/// Which places, in which partitions.
#[derive(Args)]
pub struct PlaceArgs {
    /// Where: start, end, N, -N (the last N), +N (all but the first N), @TIME; P=SPEC for one partition; repeatable
    #[arg(short, long = "offset", value_name = "SPEC", allow_hyphen_values = true)]
    offsets: Vec<String>,
    #[command(flatten)]
    partitions: PartitionsArgs,
    /// Warn instead of fail where offsets are not there
    #[arg(long)]
    pub allow_gap: bool,
}

impl PlaceArgs {
    /// The places, which may be ranges; without any the start.
    pub fn ranges(&self, context: &Context) -> Result<Offsets> {
        Offsets::parse(&self.offsets, context.output.utc)
    }

    /// One place for each partition, which must be said because something is about to be changed.
    pub fn places(&self, operation: &'static str, context: &Context) -> Result<Offsets> {
        let refuse = |why: &str, hint: &str| Err(Error::new(ErrorKind::Usage, operation, why).hint(hint));
        if self.offsets.is_empty() {
            return refuse(
                "no offset was given",
                "-o says where: start, end, N, -N, +N, @TIME, or P=SPEC for one partition",
            );
        }
        let offsets = self.ranges(context)?;
        if offsets.has_range() {
            return refuse(
                "a range of offsets was given, where one place is wanted",
                "write N instead of N:M, and @T instead of @T1:T2",
            );
        }
        Ok(offsets)
    }

    /// Whether no place was said.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The partitions; `None` is all.
    pub fn partitions(&self) -> Option<Vec<i32>> {
        self.partitions.list()
    }

    /// The partitions that are about to be changed; `None` is all. Where each place is one of a partition, nothing is
    /// said about the others.
    pub fn changed_partitions(&self) -> Option<Vec<i32>> {
        if self.is_empty() {
            return self.partitions();
        }
        let named =
            self.offsets.iter().map(|spec| spec.split_once('=').and_then(|(partition, _)| partition.parse().ok()));
        named.collect::<Option<Vec<i32>>>().or_else(|| self.partitions())
    }
}
