//! Which library an arena belongs to.

use std::sync::atomic::{AtomicU64, Ordering};

/// A library that was loaded, told from all others of this process: arenas go back to the one that they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Library(u64);

impl Library {
    /// One more library.
    #[expect(clippy::new_without_default, reason = "each is another one, where defaults are alike")]
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(COUNT.fetch_add(1, Ordering::Relaxed))
    }
}
