//! What crosses as JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::admin::{ConfigChange, NewTopic};
use crate::consumer::{CommittedOffset, Isolation, TopicPartition};
use crate::error::{Error, ErrorKind, Result};

/// A value as a text.
///
/// # Errors
/// `Unexpected`, which would be a mistake of ours.
pub(super) fn to_text(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(|error| crossing("a value has no JSON form").source(error))
}

/// A text as a value.
///
/// # Errors
/// `Unexpected` for a text that is none.
pub(super) fn from_text<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| crossing(&format!("the other side sent what this one does not understand: {error}")).source(error))
}

fn crossing(message: &str) -> Error {
    Error::new(ErrorKind::Unexpected, "cross plugin interface", message)
}

/// The arguments of the operations of administration: each takes those that it needs.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Arguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) new_topic: Option<NewTopic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) broker: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partitions: Option<Vec<TopicPartition>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) isolation: Option<Isolation>,
    /// Positions, and offsets of groups with what is kept beside them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) positions: Option<Vec<CommittedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changes: Option<Vec<ConfigChange>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) argument: Option<String>,
}

/// An argument that an operation cannot do without.
///
/// # Errors
/// `Unexpected` where it did not come.
pub(super) fn needed<T>(value: Option<T>, name: &str) -> Result<T> {
    value.ok_or_else(|| crossing("the other side left out an argument").with("argument", name))
}
