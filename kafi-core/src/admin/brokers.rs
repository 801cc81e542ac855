//! Brokers and their settings.

use std::time::Duration;

use super::base::AdminBase;
use super::config::{ConfigChange, ConfigEntry};
use crate::error::{Error, ErrorKind, Result};

/// The brokers of a storage that has some.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Cluster {
    /// What stays the same for as long as it is the same cluster.
    pub id: String,
    /// The broker that decides for the cluster; -1 if there is none right now.
    pub controller: i32,
    /// The brokers, by id.
    pub brokers: Vec<Broker>,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Broker {
    /// The number.
    pub id: i32,
    /// Where clients reach it.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The rack or zone that it says it is in.
    pub rack: Option<String>,
}

/// Lists brokers, and reads and changes their settings. A storage that has none writes no method: all of them are
/// `Unsupported`.
pub trait BrokerAdmin: AdminBase {
    /// The brokers.
    ///
    /// # Errors
    /// `Unsupported` where there are none.
    fn cluster(&mut self, _timeout: Duration) -> Result<Cluster> {
        Err(no_brokers(self.storage_name(), "describe cluster"))
    }

    /// The settings of a broker, sorted by name.
    ///
    /// # Errors
    /// `Unsupported` where there are no brokers; `NotFound` for one that is not there.
    fn broker_config(&mut self, _broker: i32, _timeout: Duration) -> Result<Vec<ConfigEntry>> {
        Err(no_brokers(self.storage_name(), "read settings"))
    }

    /// Changes some settings of a broker and leaves the others.
    ///
    /// # Errors
    /// `Unsupported` where there are no brokers; `NotFound` for one that is not there; `Usage` for a bad value, or a
    /// setting that cannot be changed while it runs.
    fn alter_broker_config(&mut self, _broker: i32, _changes: &[ConfigChange], _timeout: Duration) -> Result<()> {
        Err(no_brokers(self.storage_name(), "change settings"))
    }
}

fn no_brokers(storage: &str, operation: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, operation, "this kind of storage has no brokers").with("storage", storage)
}
