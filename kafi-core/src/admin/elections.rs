//! Elections: which of its replicas leads a partition.

use std::time::Duration;

use super::base::AdminBase;
use crate::consumer::TopicPartition;
use crate::error::{Error, ErrorKind, Result};

/// Which replica is to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Election {
    /// The first one of the list of replicas, which must be in sync.
    Preferred,
    /// Any one that is alive, where no replica that is in sync is: messages that it does not hold are lost.
    Unclean,
}

/// Holds elections. A storage that has no leaders writes no method: it is `Unsupported`.
pub trait ElectionAdmin: AdminBase {
    /// Elects leaders of these partitions: an answer for each, in their order, which is false where the leader is
    /// already the right one.
    ///
    /// # Errors
    /// `Unsupported` where there are no leaders; of a single partition: `NotFound`; `Unavailable` where the replica
    /// that is to lead is not there.
    fn elect_leaders(
        &mut self,
        _election: Election,
        _partitions: &[TopicPartition],
        _timeout: Duration,
    ) -> Result<Vec<Result<bool>>> {
        let error =
            Error::new(ErrorKind::Unsupported, "elect leaders", "this kind of storage has no brokers that could lead");
        Err(error.with("storage", self.storage_name()))
    }
}
