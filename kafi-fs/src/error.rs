//! Errors of the file layer, with what a person needs to know about them.

use std::io;

use kafi_core::{Error, ErrorKind};

/// No more files can be opened: by this process, by the system. The numbers are those of Linux and macOS.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// An error of the file layer about one file.
pub(crate) fn io_error(operation: &'static str, path: String, error: io::Error) -> Error {
    let too_many_files = matches!(error.raw_os_error(), Some(EMFILE | ENFILE));
    let error = Error::io(operation, error).with("path", path);
    match error.kind() {
        _ if too_many_files => error.hint("each partition in use takes up to three files: raise the limit (ulimit -n)"),
        ErrorKind::NoSpace => error.hint("free some space and try again: what was reported as delivered is safe"),
        ErrorKind::PermissionDenied => error.hint("check the owner and the mode of that path"),
        _ => error,
    }
}

/// Another error that says the same; the chain of causes stays with the first.
pub(crate) fn copy(error: &Error) -> Error {
    let mut twin = Error::new(error.kind(), error.operation().to_string(), error.message()).retry(error.retryable());
    for (key, value) in error.context() {
        twin = twin.with(key.to_string(), value);
    }
    match error.hint_text() {
        Some(hint) => twin.hint(hint),
        None => twin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_the_same() {
        let error = io_error("append", "/x/y".into(), io::Error::from_raw_os_error(28)).with("topic", "t");
        let twin = copy(&error);
        assert_eq!(twin.kind(), ErrorKind::NoSpace);
        assert_eq!(twin.to_string(), error.to_string());
        assert_eq!(twin.hint_text(), error.hint_text());
    }
}
