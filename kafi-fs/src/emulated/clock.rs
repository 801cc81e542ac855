//! Times as emulated Kafka keeps them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When a call has to be over; far away for time-outs that no clock can hold.
pub fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(1 << 30))
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
