//! Errors of the file layer, with what a person needs to know about them.

use std::io;

use kafi_core::{Error, ErrorKind};

/// No more files can be opened: by this process, by the system. The numbers are those of Linux and macOS.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// An error of the file layer about one file.
pub(crate) fn io_error(operation: &'static str, path: String, error: io::Error) -> Error {
    let too_many_files = matches!(error.raw_os_error(), Some(EMFILE | ENFILE));
    // Something else lies where a file of ours should, or it is larger than any of ours: whoever damaged the storage
    // has to be undone, as with damage within a file.
    if error.kind() == io::ErrorKind::InvalidData {
        let hint =
            "what Kafi did not write there is not its to remove: move it away, or restore the file from a backup";
        return Error::new(ErrorKind::Corrupt, operation, error.to_string()).with("path", path).hint(hint);
    }
    let error = Error::io(operation, error).with("path", path);
    match error.kind() {
        _ if too_many_files => error.hint("each partition in use takes up to three files: raise the limit (ulimit -n)"),
        ErrorKind::NoSpace => error.hint("free some space and try again: what was reported as delivered is safe"),
        ErrorKind::PermissionDenied => error.hint("check the owner and the mode of that path"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_what_to_do() {
        let error = io_error("append", "/x/y".into(), io::Error::from_raw_os_error(28));
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert!(
            error.to_string().contains("path /x/y")
                && error.hint_text().is_some_and(|hint| hint.contains("free some space"))
        );
    }
}
