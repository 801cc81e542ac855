//! Users that a storage knows by their passwords (SCRAM).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::base::AdminBase;
use super::words::{UNKNOWN, Words};
use crate::error::{Error, ErrorKind, Result};

/// How a password is proved. Its words are `SCRAM-SHA-256` and `SCRAM-SHA-512`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ScramMechanism {
    /// SCRAM with SHA-256.
    #[cfg_attr(feature = "plugin", serde(rename = "SCRAM-SHA-256"))]
    Sha256,
    /// SCRAM with SHA-512.
    #[cfg_attr(feature = "plugin", serde(rename = "SCRAM-SHA-512"))]
    Sha512,
    /// What a newer broker knows.
    #[cfg_attr(feature = "plugin", serde(other))]
    Unknown,
}

impl Words for ScramMechanism {
    const WHAT: &'static str = "SCRAM mechanism";
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Sha256, "SCRAM-SHA-256"), (Self::Sha512, "SCRAM-SHA-512"), (Self::Unknown, UNKNOWN)];
}

impl fmt::Display for ScramMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

impl FromStr for ScramMechanism {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text)
    }
}

/// A user, by one of the mechanisms that know the password.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct ScramUser {
    /// The name, without `User:`.
    pub name: String,
    /// The mechanism; a user has a password for each.
    pub mechanism: ScramMechanism,
    /// How often the password is hashed.
    pub iterations: i32,
}

/// A user to be made, or one that gets a new password.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct NewScramUser {
    /// The user, the mechanism, and how often the password is to be hashed: Kafka takes 4096 to 16384.
    pub user: ScramUser,
    /// The password.
    pub password: String,
}

impl fmt::Debug for NewScramUser {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewScramUser").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Lists, makes, and deletes users with passwords. A storage that has none writes no method: all of them are
/// `Unsupported`.
pub trait UserAdmin: AdminBase {
    /// The users of these names, or all for an empty list, sorted: one for each mechanism that knows them. A name that
    /// is not there is left out.
    ///
    /// # Errors
    /// `Unsupported` where there are no users.
    fn users(&mut self, _names: &[String], _timeout: Duration) -> Result<Vec<ScramUser>> {
        Err(no_users(self.storage_name(), "list users"))
    }

    /// Makes a user, or gives it a new password for this mechanism.
    ///
    /// # Errors
    /// `Unsupported` where there are no users; `Usage` for a bad name, password, or number of iterations.
    fn create_user(&mut self, _user: &NewScramUser, _timeout: Duration) -> Result<()> {
        Err(no_users(self.storage_name(), "create user"))
    }

    /// Deletes what this mechanism knows of a user, and with the last one the user.
    ///
    /// # Errors
    /// `Unsupported` where there are no users; `NotFound` for one that the mechanism does not know.
    fn delete_user(&mut self, _name: &str, _mechanism: ScramMechanism, _timeout: Duration) -> Result<()> {
        Err(no_users(self.storage_name(), "delete user"))
    }
}

fn no_users(storage: &str, operation: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, operation, "this kind of storage has no users").with("storage", storage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let user = ScramUser { name: "alice".into(), mechanism: ScramMechanism::Sha512, iterations: 4096 };
        let shown = format!("{:?}", NewScramUser { user, password: "hunter2".into() });
        assert!(shown.contains("alice") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn mechanisms_have_kafkas_names() {
        let mechanism: ScramMechanism = "scram-sha-512".parse().expect("it is one");
        assert_eq!((mechanism, mechanism.to_string().as_str()), (ScramMechanism::Sha512, "SCRAM-SHA-512"));
    }
}
