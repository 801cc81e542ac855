//! Standard error: lines for people, in which nothing controls the terminal. That nobody reads them (a closed pipe, a full disk) is no failure of the job.

use std::io::{self, Write};

use crate::output::{escape, progress};

/// Prints a line, in the place of a line of progress if there is one.
pub fn say(line: &str) {
    progress::clear_line();
    put(&format!("{}\n", escape::line(line)));
}

/// Prints `text` as it is, without a line's end: questions and progress.
pub fn put(text: &str) {
    let _unread = io::stderr().write_all(text.as_bytes());
}
