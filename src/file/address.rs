//! Where a file lies, in one word.

use std::fmt;
use std::path::PathBuf;

use kafi_core::{AddressPlace, Error, ErrorKind, Result, StorageKind};

use crate::address::{Address, StorageAddress, expand_home};

/// A file: `out/x.parquet`, `-`, `prod:reports/x.parquet`, `s3://bucket/x.parquet`.
///
/// A storage keeps its files beside its topics; the name counts from there on. What has no colon is a path of the local
/// file system, as in scp.
///
/// ```
/// use kafi::{FileAddress, StorageAddress};
/// let address = FileAddress::parse("prod:reports/x.parquet")?;
/// let storage = StorageAddress::Config("prod".into());
/// assert_eq!(address, FileAddress::Storage { storage, name: "reports/x.parquet".into() });
/// assert_eq!(FileAddress::parse("x.parquet")?, FileAddress::Local("x.parquet".into()));
/// # Ok::<(), kafi::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileAddress {
    /// A path of the local file system.
    Local(PathBuf),
    /// Standard input or output.
    Standard,
    /// A file on a storage.
    Storage {
        /// The storage.
        storage: StorageAddress,
        /// The file's name; empty for the storage itself.
        name: String,
    },
}

impl FileAddress {
    /// Reads what is written as in the examples. Does not look whether there is such a file.
    ///
    /// # Errors
    /// `Usage` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            let error = Error::new(ErrorKind::Usage, "read address", "the name of a file cannot be empty");
            return Err(error.with("address", "\"\""));
        }
        if text == "-" {
            return Ok(Self::Standard);
        }
        if text.starts_with(['.', '/', '~']) {
            return Ok(Self::Local(expand_home(text)?));
        }
        if let Some(path) = text.strip_prefix("file:") {
            // What reads this as an address refuses what must not stand there.
            Address::parse(text)?;
            return Ok(Self::Local(expand_home(path.strip_prefix("//").unwrap_or(path))?));
        }
        if text.contains("://") {
            let Address { storage, topic } = Address::parse(text)?;
            return Ok(of_url(storage, topic.unwrap_or_default()));
        }
        match text.split_once(':') {
            Some(("mem", name)) => {
                Ok(Self::Storage { storage: StorageAddress::Memory, name: name.trim_start_matches('/').to_string() })
            }
            Some((storage, name)) => {
                // The storage is checked as in every other address.
                let storage = Address::parse(&format!("{storage}:"))?.storage;
                Ok(Self::Storage { storage, name: name.to_string() })
            }
            None => Ok(Self::Local(PathBuf::from(text))),
        }
    }

    /// Whether the name is a glob, which can mean several files of a storage; a shell knows those of paths.
    pub fn is_glob(&self) -> bool {
        matches!(self, Self::Storage { name, .. } if name.contains(['*', '?', '[', '{']))
    }

    /// What stands behind the last slash of the name or path; nothing for a storage, and for `-`.
    pub fn base_name(&self) -> String {
        match self {
            Self::Local(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            Self::Standard => String::new(),
            Self::Storage { name, .. } => name.rsplit('/').next().unwrap_or_default().to_string(),
        }
    }
}

/// The file of a URL. In a bucket its whole path is the name.
fn of_url(storage: StorageAddress, last: String) -> FileAddress {
    match storage {
        StorageAddress::Url { scheme, authority, path, mut properties }
            if StorageKind::from_scheme(&scheme)
                .is_some_and(|kind| matches!(kind.place(), AddressPlace::Bucket(_))) =>
        {
            if !properties.iter().any(|(key, _)| key == "files.dir") {
                properties.push(("files.dir".into(), "/".into()));
            }
            let name = if path.is_empty() { last } else { format!("{path}/{last}") };
            let storage = StorageAddress::Url { scheme, authority, path: String::new(), properties };
            FileAddress::Storage { storage, name }
        }
        storage => FileAddress::Storage { storage, name: last },
    }
}

impl fmt::Display for FileAddress {
    /// Without the properties of a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Standard => f.write_str("-"),
            Self::Storage { storage: storage @ StorageAddress::Url { .. }, name } => write!(f, "{storage}/{name}"),
            Self::Storage { storage, name } => write!(f, "{storage}:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_contract() {
        for (text, shown, is_local) in [
            ("x.parquet", "x.parquet", true),
            ("out/x.parquet", "out/x.parquet", true),
            ("./x:y.csv", "./x:y.csv", true),
            ("/tmp/x.csv", "/tmp/x.csv", true),
            ("file:x.csv", "x.csv", true),
            ("file:///tmp/x.csv", "/tmp/x.csv", true),
            ("-", "-", false),
            ("prod:x.parquet", "prod:x.parquet", false),
            ("clusters/prod:a/x.parquet", "clusters/prod:a/x.parquet", false),
            ("prod:", "prod:", false),
            ("mem:a/x", "mem:a/x", false),
            ("s3://bucket/x.parquet?endpoint=http://h", "s3://bucket/x.parquet", false),
            ("s3://bucket/a/b/x.parquet", "s3://bucket/a/b/x.parquet", false),
            ("azure://container/a/", "azure://container/a/", false),
        ] {
            let address = FileAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), shown, "{text}");
            assert_eq!(matches!(address, FileAddress::Local(_)), is_local, "{text}");
        }
        let FileAddress::Storage { name, .. } = FileAddress::parse("s3://bucket/a/b/x.parquet").unwrap() else {
            panic!("it lies on a storage");
        };
        assert_eq!(name, "a/b/x.parquet");
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("", "cannot be empty"),
            (":x", "storage before the colon is missing"),
            ("s3:///x", "host or bucket is missing"),
            ("s3://me:hunter2@h/x", "user and password"),
            ("file://me:hunter2@h/x", "user and password"),
        ] {
            let error = FileAddress::parse(text).unwrap_err();
            assert!(error.to_string().contains(why), "{text}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
