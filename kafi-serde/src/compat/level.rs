//! Which versions are compared with a new one, and in which direction.

use kafi_core::Result;

use crate::compat::{Incompatibility, check};
use crate::registry::CompatibilityLevel;
use crate::source::Source;

impl CompatibilityLevel {
    /// What keeps `new` from following the `earlier` schemas, of which the latest comes first: what does not fit with
    /// the first of them with which something does not. Both directions count where the level says so, and only the
    /// latest unless it is transitive.
    ///
    /// # Errors
    /// Those of [`check`](crate::compat::check).
    pub fn check<'a>(
        self,
        new: &Source,
        earlier: impl IntoIterator<Item = &'a Source>,
    ) -> Result<Vec<Incompatibility>> {
        let count = match self {
            Self::None => 0,
            _ if self.is_transitive() => usize::MAX,
            _ => 1,
        };
        for old in earlier.into_iter().take(count) {
            let mut found = if self.is_backward() { check(new, old)? } else { Vec::new() };
            if self.is_forward() {
                found.extend(check(old, new)?.into_iter().map(Incompatibility::forward));
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }
}
