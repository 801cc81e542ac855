//! The settings of topics.

use std::fmt;
use std::time::Duration;

use super::base::AdminBase;
use crate::error::{Error, Result};
use crate::secret::shown_value;

/// A setting of a topic or a broker.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct ConfigEntry {
    /// Kafka's name.
    pub name: String,
    /// The value; `None` where the storage keeps it to itself (a secret).
    pub value: Option<String>,
    /// Whether it was never set for this topic or broker.
    pub default: bool,
    /// Whether it cannot be changed.
    pub read_only: bool,
}

impl fmt::Debug for ConfigEntry {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, default, read_only } = self;
        let value = value.as_deref().map(|value| shown_value(name, value));
        f.debug_struct("ConfigEntry")
            .field("name", name)
            .field("value", &value)
            .field("default", default)
            .field("read_only", read_only)
            .finish()
    }
}

/// A change of one setting: `None` goes back to the default.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct ConfigChange {
    /// Kafka's name.
    pub name: String,
    /// The new value.
    pub value: Option<String>,
}

impl fmt::Debug for ConfigChange {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_deref().map(|value| shown_value(&self.name, value));
        f.debug_struct("ConfigChange").field("name", &self.name).field("value", &value).finish()
    }
}

/// Reads and changes the settings of topics. A method that a storage does not write is `Unsupported`.
pub trait ConfigAdmin: AdminBase {
    /// The settings of a topic, sorted by name.
    fn topic_config(&mut self, _topic: &str, _timeout: Duration) -> Result<Vec<ConfigEntry>> {
        Err(Error::unsupported(self.storage_name(), "read settings"))
    }

    /// Changes some settings of a topic and leaves the others.
    ///
    /// # Errors
    /// `Usage` for an unknown setting or a bad value.
    fn alter_topic_config(&mut self, _topic: &str, _changes: &[ConfigChange], _timeout: Duration) -> Result<()> {
        Err(Error::unsupported(self.storage_name(), "change settings"))
    }
}
