//! The properties of a storage on objects, as configurations and addresses give them.

use kafi_core::{Error, ErrorKind, Result, StorageKind, nearest};

/// Properties that were given; an empty value is as good as none, and of several the last one wins.
pub struct Properties<'a> {
    storage: &'a str,
    pairs: &'a [(String, String)],
}

impl<'a> Properties<'a> {
    /// Takes the properties of a storage of this kind, known as `storage`.
    ///
    /// # Errors
    /// `Config` for a property that this kind does not have.
    pub fn new(storage: &'a str, kind: StorageKind, pairs: &'a [(String, String)]) -> Result<Self> {
        let properties = Self { storage, pairs };
        let known = || kind.keys().iter().map(|key| key.name);
        let Some((unknown, _)) = pairs.iter().find(|(name, _)| !known().any(|known| known == name)) else {
            return Ok(properties);
        };
        let why = match nearest(unknown, known()) {
            Some(near) => format!("there is no such property; did you mean {near}?"),
            None => format!("there is no such property; there are {}", known().collect::<Vec<_>>().join(", ")),
        };
        Err(properties.bad(unknown, why))
    }

    /// The value of a property, without spaces around it.
    pub fn get(&self, property: &str) -> Option<&'a str> {
        self.pairs
            .iter()
            .rev()
            .find(|(name, _)| name == property)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// What is `true` or `false`.
    ///
    /// # Errors
    /// `Config` for anything else.
    pub fn flag(&self, property: &str, default: bool) -> Result<bool> {
        match self.get(property) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(self.bad(property, format!("{other:?} is neither true nor false"))),
        }
    }

    /// What all keys begin with, as `root.dir` says: nothing, or something that ends in `/`.
    ///
    /// # Errors
    /// `Config` for a root with an empty part, a dot for a part, or a control character.
    pub fn prefix(&self) -> Result<String> {
        self.folder("root.dir", "")
    }

    /// What the keys of files begin with, from there on, as `files.dir` says: `files/`, or with `/` nothing.
    ///
    /// # Errors
    /// As for [`prefix`](Self::prefix).
    pub fn files_prefix(&self) -> Result<String> {
        self.folder("files.dir", "files")
    }

    fn folder(&self, property: &str, default: &str) -> Result<String> {
        let root = self.get(property).unwrap_or(default).trim_matches('/');
        if root.is_empty() {
            return Ok(String::new());
        }
        if root.chars().any(char::is_control) || root.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(
                self.bad(property, format!("{root:?} has an empty part, a dot for a part, or a control character"))
            );
        }
        Ok(format!("{root}/"))
    }

    /// The error about a property.
    pub fn bad(&self, property: &str, why: impl Into<String>) -> Error {
        Error::new(ErrorKind::Config, "open storage", why).with("storage", self.storage).with("property", property)
    }
}
