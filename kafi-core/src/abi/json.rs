//! What crosses as JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use kafi_abi::abi_stable::std_types::RString;
use kafi_abi::{Failure, Pair};

use super::failure::{flatten, rebuild};
use crate::admin::{
    Acl, AclFilter, AclResource, ConfigChange, Election, Group, NewScramUser, NewTopic, ScramMechanism,
};
use crate::consumer::{CommittedOffset, GroupMetadata, Isolation, TopicPartition};
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
    serde_json::from_str(text).map_err(|error| {
        crossing(&format!("the other side sent what this one does not understand: {error}")).source(error)
    })
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
    pub(super) acls: Option<Vec<Acl>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filters: Option<Vec<AclFilter>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<AclResource>,
    /// The name of a resource or a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) new_user: Option<NewScramUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mechanism: Option<ScramMechanism>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) election: Option<Election>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) argument: Option<String>,
}

/// The arguments of a call that belongs to a transaction.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TransactionArguments {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offsets: Option<Vec<CommittedOffset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<GroupMetadata>,
    pub(super) timeout_ns: u64,
}

/// One of several answers: a value, or an error as it crosses.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer<T> {
    Value(T),
    Failure(FailureText),
}

/// The groups that were listed, and what could not be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) groups: Vec<Group>,
    #[serde(default)]
    pub(super) failures: Vec<FailureText>,
}

/// [`kafi_abi::Failure`] as JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct FailureText {
    kind: u32,
    retry: u32,
    operation: String,
    message: String,
    context: Vec<(String, String)>,
    hint: Option<String>,
    chain: Vec<String>,
}

impl FailureText {
    pub(super) fn new(error: &Error) -> Self {
        let Failure { kind, retry, operation, message, context, hint, chain } = flatten(error);
        let context = context.into_iter().map(|pair| (pair.key.into_string(), pair.value.into_string())).collect();
        let chain = chain.into_iter().map(RString::into_string).collect();
        let hint = hint.into_option().map(RString::into_string);
        Self { kind, retry, operation: operation.into_string(), message: message.into_string(), context, hint, chain }
    }

    pub(super) fn error(self) -> Error {
        let Self { kind, retry, operation, message, context, hint, chain } = self;
        let context = context.into_iter().map(|(key, value)| Pair { key: key.into(), value: value.into() }).collect();
        let (operation, message, hint, chain) = (
            operation.into(),
            message.into(),
            hint.map(RString::from).into(),
            chain.into_iter().map(RString::from).collect(),
        );
        rebuild(Failure { kind, retry, operation, message, context, hint, chain })
    }
}

impl<T> Answer<T> {
    /// As they cross.
    pub(super) fn all(answers: Vec<Result<T>>) -> Vec<Self> {
        answers
            .into_iter()
            .map(|answer| answer.map_or_else(|error| Self::Failure(FailureText::new(&error)), Self::Value))
            .collect()
    }

    pub(super) fn result(self) -> Result<T> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Failure(failure) => Err(failure.error()),
        }
    }
}

/// An argument that an operation cannot do without.
///
/// # Errors
/// `Unexpected` where it did not come.
pub(super) fn needed<T>(value: Option<T>, name: &str) -> Result<T> {
    value.ok_or_else(|| crossing("the other side left out an argument").with("argument", name))
}
