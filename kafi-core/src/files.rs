//! Files that lie on a storage beside its topics: what topics are exported to and imported from.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// The longest name of a file, in bytes: what every storage takes, also below a root of its own.
pub const FILE_NAME_LEN_MAX: usize = 512;

/// The longest part of a name between two slashes, in bytes.
const PART_LEN_MAX: usize = 200;

/// A file of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Serialize, serde::Deserialize))]
pub struct FileInfo {
    /// Its name, with `/` between its parts.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// The files of a storage, which its topics know nothing of. [`Storage::files`](crate::Storage::files) hands it out.
///
/// A name has one or more parts with `/` between them, as [`check_file_name`] says; every call that takes one is `Usage`
/// for a bad one. Folders come and go with the files in them. All calls block up to `timeout`.
///
/// # Errors
/// All calls: `Io`, `PermissionDenied`, `NoSpace`, and on a server `Unavailable`, `Timeout`, `Authentication`.
pub trait Files: Send {
    /// The files whose names begin with `prefix`, which need not end at a slash, in the order of the names' bytes; all
    /// files for an empty one. Only whole files are there. Files that others put there under names that Kafi would
    /// refuse are left out.
    fn list(&mut self, prefix: &str, timeout: Duration) -> Result<Vec<FileInfo>>;

    /// Opens a file to be read.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    fn open(&mut self, name: &str, timeout: Duration) -> Result<Box<dyn FileReader>>;

    /// Begins a file, which is there under its name when its writer [finishes](FileWriter::finish), as a whole or not
    /// at all. It then replaces the file that had the name, if any.
    fn create(&mut self, name: &str, timeout: Duration) -> Result<Box<dyn FileWriter>>;

    /// Deletes a file.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    fn delete(&mut self, name: &str, timeout: Duration) -> Result<()>;
}

/// A file that is read. It shows what was there when it was opened.
pub trait FileReader: Send {
    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// Reads up to `into.len()` bytes from `at` on, and returns how many: fewer only at the end of the file, where none
    /// is the end itself. Blocks up to `timeout`.
    ///
    /// # Errors
    /// Those of [`Files`], and `Conflict` where the file was replaced or deleted meanwhile and the storage no longer has
    /// what it was.
    fn read_at(&mut self, at: u64, into: &mut [u8], timeout: Duration) -> Result<usize>;
}

/// A file that is being written. Nobody sees it before it is finished; one that is dropped without that never was.
pub trait FileWriter: Send {
    /// Adds bytes at the end. Memory is bounded: what does not fit goes to the storage. Blocks up to `timeout`.
    ///
    /// # Errors
    /// Those of [`Files`]; after one the file can only be aborted. `TooLarge` for more than the storage takes for one
    /// file.
    fn write(&mut self, bytes: &[u8], timeout: Duration) -> Result<()>;

    /// Makes the file durable, and gives it its name. Blocks up to `timeout`.
    ///
    /// # Errors
    /// Those of [`Files`]; the file is then not there, or is there as a whole, where only the last answer was lost.
    /// `Usage` for a file that was finished or aborted before.
    fn finish(&mut self, timeout: Duration) -> Result<()>;

    /// Gives up: what was written is deleted. Does nothing for a file that is finished. Dropping does the same, for as
    /// long as it takes without an outage, and tells no error. Blocks up to `timeout`.
    ///
    /// # Errors
    /// Those of [`Files`]: something may be left that nobody sees under a name.
    fn abort(&mut self, timeout: Duration) -> Result<()>;
}

/// Whether a text can be the name of a file, by one rule for all storages: parts with `/` between them, of at most 200
/// bytes each and 512 together; none is empty or `.` or `..`, begins with `~`, or ends with a dot or a space; there are
/// no control characters and no backslashes.
///
/// ```
/// assert!(kafi_core::check_file_name("reports/2026/orders.parquet").is_ok());
/// assert!(kafi_core::check_file_name("../orders.parquet").is_err());
/// ```
///
/// # Errors
/// `Usage` says what is wrong with it.
pub fn check_file_name(name: &str) -> Result<()> {
    let bad =
        |why: &str| Err(Error::new(ErrorKind::Usage, "check file name", why).with("file", format_args!("{name:?}")));
    if name.is_empty() {
        return bad("a file needs a name");
    }
    if name.len() > FILE_NAME_LEN_MAX {
        return bad("a name has at most 512 bytes");
    }
    if name.starts_with('/') {
        return bad("a name does not begin with a slash: it counts from the storage's files on");
    }
    if name.chars().any(|c| c.is_control() || c == '\\') {
        return bad("a name has no control characters and no backslashes");
    }
    for part in name.split('/') {
        match part {
            "" => return bad("a part of the name is empty"),
            "." | ".." => return bad("a name does not lead through . or .."),
            _ if part.len() > PART_LEN_MAX => return bad("a part of a name has at most 200 bytes"),
            _ if part.starts_with('~') => {
                return bad("no part of a name begins with ~, as files do that are not whole");
            }
            _ if part.ends_with(['.', ' ']) => return bad("no part of a name ends with a dot or a space"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let long = "x".repeat(PART_LEN_MAX);
        for good in ["a", "a.csv", "a/b c/d", "ä/ö.parquet", ".hidden", "a~", "...x", &long] {
            check_file_name(good).unwrap();
        }
        let (part, all) = (format!("{long}x"), format!("{long}/{long}/{long}"));
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "~a", "a/~b", "a.", "a ", "a\\b",
            "a\nb", "a\u{7f}", &part, &all,
        ] {
            assert_eq!(check_file_name(bad).map_err(|error| error.kind()), Err(ErrorKind::Usage), "{bad:?}");
        }
    }
}
