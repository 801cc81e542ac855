//! The limits that the operating system sets the process, and those of its patience.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long a question to a storage may take, so that a broker that is not there is reported within 10 seconds.
pub const TIMEOUT: Duration = Duration::from_secs(8);

/// What macOS allows where it says that there is no limit.
const OPEN_FILES_FALLBACK: u64 = 10_240;

/// Lets a write beyond the limit of a file's size (`ulimit -f`) fail, as on a full disk, where the process would end at
/// once and leave half a file. Programs that are started do not inherit it.
pub fn outlive_file_size() {
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()) {
        log::debug!("a file beyond its limit ends the process: {error}");
    }
}

/// Lets the process open as many files as it may, since each partition of a folder that is in use takes up to three.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raise = |current| setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    let is_more = limit.current.is_some_and(|current| current < OPEN_FILES_FALLBACK);
    let raised =
        raise(limit.maximum).or_else(|error| if is_more { raise(Some(OPEN_FILES_FALLBACK)) } else { Err(error) });
    if let Err(error) = raised {
        log::debug!("the limit of open files stays as it is: {error}");
    }
}
