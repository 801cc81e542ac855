//! Everything that speaks to librdkafka, and the only place with `unsafe`: what comes out of here is safe to use.
//!
//! Each thing that librdkafka hands out keeps its client alive, so that clients are destroyed last, and always on a
//! thread of their own: destroying one waits for its threads, which a `drop` must not do.

mod admin;
mod admin_access;
mod admin_config;
mod admin_elections;
mod admin_groups;
mod admin_kinds;
mod admin_metadata;
mod admin_users;
mod client;
mod conf;
mod events;
mod lists;
mod messages;
mod produce;
mod question;
pub(crate) mod raw;
mod rebalance;
mod sockets;
mod transactions;

use std::ffi::{CStr, CString, c_char};
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result};

pub(crate) use admin::OffsetAnswer;
pub(crate) use admin_config::Owner;
pub(crate) use admin_groups::GroupAnswer;
pub(crate) use admin_metadata::TopicAnswer;
pub(crate) use client::{Client, Pending};
pub(crate) use conf::{Conf, Refusal};
pub(crate) use lists::PartitionList;
pub(crate) use messages::{Fetched, MessageRef, TopicHandle};
pub(crate) use produce::{Run, can_write_epoch};
pub(crate) use rebalance::{Rebalance, Revoked};

/// The latest point in time up to which a call may wait.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// This far from now.
    pub(crate) fn after(timeout: Duration) -> Self {
        let now = Instant::now();
        // A timeout that does not fit in the clock means "for ever", for which a year will do.
        Self(now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(365 * 86_400)))
    }

    /// What is left.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// This or so far from now, whichever comes first.
    pub(crate) fn at_most(self, timeout: Duration) -> Self {
        Self::after(self.left().min(timeout))
    }

    /// What is left in milliseconds, at most `max_ms`.
    pub(crate) fn left_ms(self, max_ms: i32) -> i32 {
        // Rounded up, so that a wait of less than a millisecond does not become a busy loop.
        let left = self.left().as_micros().div_ceil(1000);
        i32::try_from(left).unwrap_or(i32::MAX).min(max_ms)
    }

    /// Whether nothing is left.
    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

/// librdkafka's words for an error code.
pub(crate) fn text_of(code: i32) -> String {
    // SAFETY: it returns a static string (or a thread's own buffer for unknown codes), which is copied at once.
    unsafe { text(raw::err2str(code)) }
}

/// Kafka's name of an error code, as in `NOT_COORDINATOR`.
pub(crate) fn name_of(code: i32) -> String {
    // SAFETY: as above.
    unsafe { text(raw::err2name(code)) }
}

pub(crate) use raw::knows_inner_message;

/// librdkafka's version, as in `2.12.1`.
pub(crate) fn version() -> String {
    // SAFETY: it returns a static string.
    unsafe { text(raw::rd_kafka_version_str()) }
}

/// Copies a C string; null gives an empty one.
///
/// # Safety
/// `text` must be null or point to a string that ends with a zero byte.
pub(crate) unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller vouches for it.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The C form of a text from the caller.
pub(crate) fn cstring(operation: &'static str, what: &'static str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| {
        Error::new(ErrorKind::Usage, operation, "a zero byte is not allowed here").with(what, format!("{text:?}"))
    })
}

/// A buffer for the error texts of librdkafka.
struct TextBuffer([u8; 512]);

impl TextBuffer {
    fn new() -> Self {
        Self([0; 512])
    }

    fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr().cast()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn text(&self) -> String {
        CStr::from_bytes_until_nul(&self.0).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    }
}
