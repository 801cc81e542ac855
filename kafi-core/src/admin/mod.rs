//! Administration, in facets: topics, offsets, settings, brokers, groups, access, users, elections.

mod acls;
mod base;
mod brokers;
mod config;
mod elections;
mod groups;
mod offsets;
mod topics;
mod users;
mod words;

use std::time::Duration;

pub use acls::{Acl, AclAdmin, AclFilter, AclOperation, AclPattern, AclPermission, AclResource};
pub use base::AdminBase;
pub use brokers::{Broker, BrokerAdmin, Cluster};
pub use config::{ConfigAdmin, ConfigChange, ConfigEntry};
pub use elections::{Election, ElectionAdmin};
pub use groups::{Group, GroupAdmin, GroupDescription, GroupMember};
#[cfg(feature = "plugin")]
pub(crate) use groups::{is_missing, one_by_one};
pub(crate) use offsets::together_or_one_by_one;
pub use offsets::{OffsetAdmin, Watermarks};
pub use topics::{NewTopic, Partition, Topic, TopicAdmin, existing};
pub use users::{NewScramUser, ScramMechanism, ScramUser, UserAdmin};

use crate::error::{Error, ErrorKind, Result};

/// Administers a storage: all facets together. Every call blocks up to its `timeout`.
///
/// Whoever has an `Admin` calls the methods of all facets; whoever needs one facet only takes that
/// (`&mut dyn GroupAdmin`). A storage implements them one by one. Over the plugin interface each method is an operation
/// of its own name, so that facets and methods can be added without a new interface.
///
/// # Errors
/// All calls: `NotFound` for a missing topic, partition, or group; `Unsupported`; `Unavailable`, `Timeout`,
/// `Authentication`, `PermissionDenied`. Others are named where they occur.
pub trait Admin:
    TopicAdmin + OffsetAdmin + ConfigAdmin + BrokerAdmin + GroupAdmin + AclAdmin + UserAdmin + ElectionAdmin
{
    /// Does what only this kind of storage can do, named by `operation`. Argument and answer are JSON. What there is
    /// stands in the documentation of the storage's crate.
    ///
    /// # Errors
    /// `Unsupported` for an operation that it does not know, which is all of them by default; `Usage` for a bad
    /// argument.
    fn operation(&mut self, operation: &str, _argument: &str, _timeout: Duration) -> Result<String> {
        Err(Error::new(ErrorKind::Unsupported, operation.to_string(), "this kind of storage has no such operation"))
    }
}
