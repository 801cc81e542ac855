//! The root of the four traits: a place where topics live.

use std::time::Duration;

use crate::admin::Admin;
use crate::capability::Capabilities;
use crate::consumer::{Consumer, ConsumerOptions};
use crate::error::{Error, Result};
use crate::files::Files;
use crate::producer::{Producer, ProducerOptions};

/// A connection to a place where topics live: a Kafka cluster, a folder, a bucket.
///
/// Opening one checks its configuration and nothing else; servers are first spoken to by what it hands out. It is
/// shared freely between threads, and reading in parallel means one consumer per share of the partitions.
///
/// The four traits are synchronous, and every type in them is plain (no generics, no callbacks, no foreign types),
/// because they are mirrored over a C interface.
pub trait Storage: Send + Sync {
    /// The name under which the user knows it: that of its configuration, or its address without secrets.
    fn name(&self) -> &str;

    /// Its kind, one word: `kafka`, `file`, `mem`.
    fn scheme(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// What stays the same for as long as it is the same storage: the cluster id of Kafka, the full path of a folder.
    /// Blocks up to `timeout`.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `Authentication`.
    #[doc(alias = "get_cluster_id")]
    fn identity(&self, timeout: Duration) -> Result<String>;

    /// Makes a consumer. Does not wait for a server.
    ///
    /// # Errors
    /// `Unsupported` for an option that this kind lacks, `Config` for a bad property.
    fn consumer(&self, options: &ConsumerOptions) -> Result<Box<dyn Consumer>>;

    /// Makes a producer. Does not wait for a server.
    ///
    /// # Errors
    /// As for [`consumer`](Storage::consumer).
    fn producer(&self, options: &ProducerOptions) -> Result<Box<dyn Producer>>;

    /// Makes an admin client. Does not wait for a server.
    ///
    /// # Errors
    /// As for [`consumer`](Storage::consumer).
    fn admin(&self) -> Result<Box<dyn Admin>>;

    /// Makes a client for the files that lie beside the topics. Does not wait for a server. A storage that has the
    /// capability [`FILES`](crate::Capabilities::FILES) writes this method; all others are `Unsupported`.
    ///
    /// # Errors
    /// `Unsupported` where there is no place for files.
    fn files(&self) -> Result<Box<dyn Files>> {
        Err(Error::unsupported(self.name(), "keep files"))
    }
}
