//! Access control: who may do what.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::base::AdminBase;
use super::words::{UNKNOWN, Words};
use crate::error::{Error, ErrorKind, Result};

/// What an [`Acl`] is about. Its words are `topic`, `group`, `cluster`, `transactional-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum AclResource {
    /// Topics.
    Topic,
    /// Groups.
    Group,
    /// The cluster as a whole, whose name is `kafka-cluster`.
    Cluster,
    /// Names of transactions.
    TransactionalId,
    /// What a newer broker knows.
    #[cfg_attr(feature = "plugin", serde(other))]
    Unknown,
}

/// How an [`Acl`] names what it is about. Its words are `literal`, `prefixed`, `match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum AclPattern {
    /// The one of this name; `*` is all.
    Literal,
    /// All whose names begin so.
    Prefixed,
    /// In filters only: all that concern the thing of this name, by its name, by a prefix, or by `*`.
    Match,
    /// What a newer broker knows.
    #[cfg_attr(feature = "plugin", serde(other))]
    Unknown,
}

/// What somebody does. Its words are Kafka's: `read`, `describe-configs`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum AclOperation {
    /// Everything.
    All,
    /// Reads messages; as a group: commits.
    Read,
    /// Writes messages.
    Write,
    /// Makes topics.
    Create,
    /// Deletes topics, messages, groups.
    Delete,
    /// Changes topics, ACLs, users.
    Alter,
    /// Sees that it is there, and what it is like.
    Describe,
    /// What brokers do among themselves.
    ClusterAction,
    /// Sees settings.
    DescribeConfigs,
    /// Changes settings.
    AlterConfigs,
    /// Writes with an idempotent producer; of old, on clusters.
    IdempotentWrite,
    /// What a newer broker knows.
    #[cfg_attr(feature = "plugin", serde(other))]
    Unknown,
}

/// Whether an [`Acl`] allows or denies. Its words are `allow` and `deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum AclPermission {
    /// It may be done.
    Allow,
    /// It may not be done, whatever else allows it.
    Deny,
    /// What a newer broker knows.
    #[cfg_attr(feature = "plugin", serde(other))]
    Unknown,
}

impl Words for AclResource {
    const WHAT: &'static str = "kind of resource";
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Topic, "topic"),
        (Self::Group, "group"),
        (Self::Cluster, "cluster"),
        (Self::TransactionalId, "transactional-id"),
        (Self::Unknown, UNKNOWN),
    ];
}

impl Words for AclPattern {
    const WHAT: &'static str = "kind of pattern";
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Literal, "literal"), (Self::Prefixed, "prefixed"), (Self::Match, "match"), (Self::Unknown, UNKNOWN)];
}

impl Words for AclOperation {
    const WHAT: &'static str = "operation";
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::All, "all"),
        (Self::Read, "read"),
        (Self::Write, "write"),
        (Self::Create, "create"),
        (Self::Delete, "delete"),
        (Self::Alter, "alter"),
        (Self::Describe, "describe"),
        (Self::ClusterAction, "cluster-action"),
        (Self::DescribeConfigs, "describe-configs"),
        (Self::AlterConfigs, "alter-configs"),
        (Self::IdempotentWrite, "idempotent-write"),
        (Self::Unknown, UNKNOWN),
    ];
}

impl Words for AclPermission {
    const WHAT: &'static str = "kind of permission";
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Allow, "allow"), (Self::Deny, "deny"), (Self::Unknown, UNKNOWN)];
}

impl fmt::Display for AclResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

impl fmt::Display for AclPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

impl fmt::Display for AclOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

impl fmt::Display for AclPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

impl FromStr for AclResource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text)
    }
}

impl FromStr for AclPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text)
    }
}

impl FromStr for AclOperation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text)
    }
}

impl FromStr for AclPermission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text)
    }
}

/// A rule: who may do, or may not do, what, with what, from where. Ordered by what it is about, then by whom.
///
/// ```
/// use kafi_core::{Acl, AclOperation, AclResource};
/// let acl = Acl::allow("User:alice", AclOperation::Read, AclResource::Topic, "orders");
/// assert_eq!(acl.to_string(), "allow User:alice to read topic orders");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct Acl {
    /// What it is about.
    pub resource: AclResource,
    /// The name, or its beginning.
    pub name: String,
    /// Which of the two.
    pub pattern: AclPattern,
    /// Who: `User:alice`, `User:*`.
    pub principal: String,
    /// From where, as an address; `*` is everywhere.
    pub host: String,
    /// What they do.
    pub operation: AclOperation,
    /// Whether they may.
    pub permission: AclPermission,
}

impl Acl {
    /// A rule that allows it from everywhere, for the one of this name.
    pub fn allow(
        principal: impl Into<String>,
        operation: AclOperation,
        resource: AclResource,
        name: impl Into<String>,
    ) -> Self {
        let (pattern, permission) = (AclPattern::Literal, AclPermission::Allow);
        Self {
            resource,
            name: name.into(),
            pattern,
            principal: principal.into(),
            host: "*".into(),
            operation,
            permission,
        }
    }

    /// The filter that matches this rule and no other.
    pub fn filter(&self) -> AclFilter {
        AclFilter {
            resource: Some(self.resource),
            name: Some(self.name.clone()),
            pattern: Some(self.pattern),
            principal: Some(self.principal.clone()),
            host: Some(self.host.clone()),
            operation: Some(self.operation),
            permission: Some(self.permission),
        }
    }
}

impl fmt::Display for Acl {
    /// In one line, as one says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, name, pattern, principal, host, operation, permission } = self;
        write!(f, "{permission} {principal} to {operation} {resource} {name}")?;
        if *pattern == AclPattern::Prefixed {
            f.write_str("…")?;
        }
        if host == "*" { Ok(()) } else { write!(f, " from {host}") }
    }
}

/// Which rules are meant: those that have all of this. What is `None` may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct AclFilter {
    /// What they are about.
    pub resource: Option<AclResource>,
    /// The name.
    pub name: Option<String>,
    /// How they name it.
    pub pattern: Option<AclPattern>,
    /// Who.
    pub principal: Option<String>,
    /// From where.
    pub host: Option<String>,
    /// What they do.
    pub operation: Option<AclOperation>,
    /// Whether they may.
    pub permission: Option<AclPermission>,
}

/// Lists, makes, and deletes rules of access, and says what oneself may do. A storage that has none writes no method:
/// all of them are `Unsupported`.
pub trait AclAdmin: AdminBase {
    /// The rules that the filter matches, sorted.
    ///
    /// # Errors
    /// `Unsupported` where there is no access control.
    fn acls(&mut self, _filter: &AclFilter, _timeout: Duration) -> Result<Vec<Acl>> {
        Err(no_acls(self.storage_name(), "list ACLs"))
    }

    /// Makes rules: an answer for each, in their order. One that is there already stays as it is.
    ///
    /// # Errors
    /// `Unsupported` where there is no access control; of a single rule: `Usage` for one that makes no sense.
    fn create_acls(&mut self, _acls: &[Acl], _timeout: Duration) -> Result<Vec<Result<()>>> {
        Err(no_acls(self.storage_name(), "create ACLs"))
    }

    /// Deletes the rules that these filters match: an answer for each filter, in their order, with what it deleted.
    ///
    /// # Errors
    /// `Unsupported` where there is no access control.
    fn delete_acls(&mut self, _filters: &[AclFilter], _timeout: Duration) -> Result<Vec<Result<Vec<Acl>>>> {
        Err(no_acls(self.storage_name(), "delete ACLs"))
    }

    /// What whoever asks may do with a topic or a group of this name, or with the cluster, whose name does not matter;
    /// sorted.
    ///
    /// # Errors
    /// `Unsupported` where there is no access control, and for other resources; `NotFound`.
    fn allowed_operations(
        &mut self,
        _resource: AclResource,
        _name: &str,
        _timeout: Duration,
    ) -> Result<Vec<AclOperation>> {
        Err(no_acls(self.storage_name(), "read own rights"))
    }
}

fn no_acls(storage: &str, operation: &'static str) -> Error {
    let error = Error::new(ErrorKind::Unsupported, operation, "this kind of storage has no access control of its own");
    error.with("storage", storage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_spelling_and_shown_in_one() {
        for text in ["describe-configs", "DescribeConfigs", "DESCRIBE_CONFIGS"] {
            let operation: AclOperation = text.parse().expect("it is one");
            assert_eq!(
                (operation, operation.to_string().as_str()),
                (AclOperation::DescribeConfigs, "describe-configs")
            );
        }
        for (_, word) in AclResource::ALL.iter().filter(|(value, _)| *value != AclResource::Unknown) {
            assert_eq!(word.parse::<AclResource>().expect("it is one").to_string(), *word);
        }
        let error = "unknown".parse::<AclPermission>().expect_err("nobody means it");
        assert_eq!(
            (error.kind(), error.to_string().as_str(), error.hint_text()),
            (
                ErrorKind::Usage,
                r#"read arguments: given "unknown": there is no such kind of permission"#,
                Some("there are allow, deny")
            )
        );
    }

    #[test]
    fn a_rule_is_said_in_one_line() {
        let acl = Acl::allow("User:a", AclOperation::All, AclResource::Group, "g");
        let acl =
            Acl { pattern: AclPattern::Prefixed, host: "10.0.0.1".into(), permission: AclPermission::Deny, ..acl };
        assert_eq!(acl.to_string(), "deny User:a to all group g… from 10.0.0.1");
    }

    #[cfg(feature = "plugin")]
    #[test]
    fn what_a_newer_side_knows_is_unknown() {
        let read = |text| serde_json::from_str::<AclOperation>(text).expect("it is a word");
        assert_eq!((read("\"create-tokens\""), read("\"read\"")), (AclOperation::Unknown, AclOperation::Read));
    }
}
