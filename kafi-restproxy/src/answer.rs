//! What came back.

use std::time::Duration;

/// An answer.
#[derive(Default)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub location: Option<String>,
    pub server: Option<String>,
    pub retry_after: Option<Duration>,
}
