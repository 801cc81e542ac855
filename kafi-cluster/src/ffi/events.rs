//! Events: answers, delivery reports, errors.

use std::ptr::NonNull;

use super::Client;
use super::raw;
use super::text;

/// One event, freed on drop.
pub(crate) struct Event(NonNull<raw::rd_kafka_event_t>);

// SAFETY: an event may be used and freed by any thread.
unsafe impl Send for Event {}

impl Event {
    /// Takes over what a queue gave, if anything. The client is named to say that it must be there still.
    pub(super) fn new(event: *mut raw::rd_kafka_event_t, _client: &Client) -> Option<Self> {
        NonNull::new(event).map(Self)
    }

    /// Takes over what a queue gave, if anything.
    ///
    /// # Safety
    /// The client must be there for as long as the event is.
    pub(super) unsafe fn of(event: *mut raw::rd_kafka_event_t) -> Option<Self> {
        NonNull::new(event).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut raw::rd_kafka_event_t {
        self.0.as_ptr()
    }

    fn kind(&self) -> i32 {
        // SAFETY: the event is valid.
        unsafe { raw::rd_kafka_event_type(self.as_ptr()) }
    }

    /// Whether it says that something is wrong with a broker, or with the client.
    pub(super) fn is_error(&self) -> bool {
        self.kind() == raw::RD_KAFKA_EVENT_ERROR
    }

    /// Whether it holds delivery reports.
    pub(crate) fn is_delivery(&self) -> bool {
        self.kind() == raw::RD_KAFKA_EVENT_DR
    }

    /// The error of the event as a whole, 0 for none, without its words.
    pub(super) fn code(&self) -> i32 {
        // SAFETY: the event is valid.
        unsafe { raw::event_error(self.as_ptr()) }
    }

    /// The error of the event as a whole, 0 for none, and its words.
    pub(super) fn error_text(&self) -> (i32, String) {
        // SAFETY: the event is valid, and so is its string while it is.
        unsafe {
            match raw::event_error(self.as_ptr()) {
                0 => (0, String::new()),
                code => (code, text(raw::rd_kafka_event_error_string(self.as_ptr()))),
            }
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it is owned, and nobody else has it.
        unsafe { raw::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}
