//! Who may ask: users with their passwords, as HTTP's basic authentication gives them, or with the password alone as a
//! bearer token.

use std::fmt;
use std::path::Path;

use base64_simd::STANDARD;
use kafi_core::{Error, ErrorKind, Result};

const READ: &str = "read users";

/// Users with their passwords.
#[derive(Clone)]
pub struct Users(Vec<User>);

#[derive(Clone)]
struct User {
    name: String,
    /// `name:password`.
    both: String,
}

impl Users {
    /// Reads a file of lines `USER:PASSWORD`; empty ones, and those that begin with `#`, say nothing.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, or `Io` of the file; `Config` for a line that is none, or no line at all.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::io(READ, error).with("file", path.display()))?;
        Self::parse(&text).map_err(|error| error.with("file", path.display()))
    }

    /// Reads what such a file holds.
    ///
    /// # Errors
    /// `Config` for a line that is none, or no line at all.
    pub fn parse(text: &str) -> Result<Self> {
        let mut users = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(':') {
                Some((name, password)) if !name.is_empty() && !password.is_empty() => {
                    users.push(User { name: name.into(), both: line.into() });
                }
                _ => {
                    let error = Error::new(ErrorKind::Config, READ, "a line is written USER:PASSWORD");
                    return Err(error.with("line", number + 1));
                }
            }
        }
        if users.is_empty() {
            return Err(Error::new(ErrorKind::Config, READ, "there are none"));
        }
        Ok(Self(users))
    }

    /// The user whom the header `Authorization` names, with the right password, or whose password it is.
    pub(crate) fn known(&self, authorization: Option<&[u8]>) -> Option<&str> {
        let text = std::str::from_utf8(authorization?).ok()?;
        let (scheme, given) = text.split_once(' ')?;
        let given = given.trim();
        // All are compared, so that the time tells nothing of who is known.
        let find = |given: &[u8], of: fn(&User) -> &str| {
            let known = self.0.iter().filter(|user| is_same(of(user).as_bytes(), given));
            known.fold(None, |_, user| Some(user.name.as_str()))
        };
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => find(&STANDARD.decode_to_vec(given).ok()?, |user| &user.both),
            "bearer" => find(given.as_bytes(), |user| &user.both[user.name.len() + 1..]),
            _ => None,
        }
    }
}

impl fmt::Debug for Users {
    /// Without passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|user| &user.name)).finish()
    }
}

/// Compares in a time that depends on the lengths only.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let differences = left.iter().zip(right).fold(0, |all, (left, right)| all | (left ^ right));
    std::hint::black_box(differences) == 0 && left.len() == right.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_known_by_name_and_password() {
        let users = Users::parse("# who may\n\nalice:s3:cret\r\nbob:b\n").unwrap();
        let basic = |both: &str| format!("Basic {}", STANDARD.encode_to_string(both));
        assert_eq!(users.known(Some(basic("alice:s3:cret").as_bytes())), Some("alice"));
        assert_eq!(users.known(Some(basic("bob:b").replace("Basic", "basic").as_bytes())), Some("bob"));
        assert_eq!(users.known(Some(b"Bearer s3:cret")), Some("alice"));
        for wrong in ["alice:s3:cre", "alice:s3:crets", "alice", "", "bob:s3:cret"] {
            assert_eq!(users.known(Some(basic(wrong).as_bytes())), None, "{wrong}");
        }
        for wrong in [
            &b"Bearer YTpi"[..],
            b"Bearer ",
            b"Bearer alice:s3:cret",
            b"Digest b",
            b"Basic ???",
            b"Basic",
            b"\xff",
            b"",
        ] {
            assert_eq!(users.known(Some(wrong)), None);
        }
        assert_eq!(users.known(None), None);
        assert_eq!(format!("{users:?}"), r#"["alice", "bob"]"#);
    }

    #[test]
    fn a_line_that_names_nobody_is_named() {
        let error = Users::parse("a:b\nc\n").unwrap_err().to_string();
        assert_eq!(error, "read users: line 2: a line is written USER:PASSWORD");
        assert_eq!(Users::parse("# nobody\n").unwrap_err().kind(), ErrorKind::Config);
    }
}
