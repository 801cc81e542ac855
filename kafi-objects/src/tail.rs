//! Where a partition begins and ends.

use std::time::Instant;

use kafi_core::{ErrorKind, Result};

use crate::log::{Bounds, PartitionLog, Tail};

impl PartitionLog {
    /// Where the log ends: one listing from the newest object on that is known here or from `head.json`, and a look at
    /// the last one unless this process did that before. What `head.json` says is only where to begin, so whatever is
    /// wrong in it changes no answer.
    pub(crate) fn tail(&self, deadline: Instant) -> Result<Tail> {
        let known = match self.known_tail() {
            Some(tail) => tail.newest,
            None => self.head(deadline)?,
        };
        for from in [known, None, None] {
            if let Some(tail) = self.tail_from(from, deadline)? {
                self.note_tail(tail);
                return Ok(tail);
            }
        }
        Err(self.error(ErrorKind::NotFound, "find end", "objects vanish while they are looked at"))
    }

    /// The end, if there are objects from the one on that is named.
    fn tail_from(&self, from: Option<i64>, deadline: Instant) -> Result<Option<Tail>> {
        let Some(found) = self.last_up_to(i64::MAX, from.unwrap_or(0), deadline)? else {
            // Without an object there is nothing; but the newest one that is known cannot have gone.
            return Ok(from.is_none().then(Tail::default));
        };
        let last = found.name.offset;
        if let Some(known) = self.known_tail().filter(|known| known.newest == Some(last)) {
            return Ok(Some(known));
        }
        let facts = self.facts(last, deadline)?;
        Ok(facts.map(|(facts, _)| Tail { newest: Some(last), end: facts.end }))
    }

    pub(crate) fn bounds(&self, deadline: Instant) -> Result<Bounds> {
        let (low, _) = self.start(deadline)?;
        let high = self.tail(deadline)?.end;
        self.checked(Bounds { low, high })
    }

    /// The bounds, as far as they matter at `position`: that the log reaches further than a position that is known to
    /// lie in it is of no interest.
    pub(crate) fn bounds_around(&self, position: i64, deadline: Instant) -> Result<Bounds> {
        let (low, _) = self.start(deadline)?;
        let high = match self.known_tail() {
            Some(tail) if position < tail.end && low <= tail.end => tail.end,
            _ => self.tail(deadline)?.end,
        };
        self.checked(Bounds { low, high })
    }

    /// A log that starts behind its end has lost objects, or what says where it starts is wrong; it is not empty.
    fn checked(&self, bounds: Bounds) -> Result<Bounds> {
        if bounds.low <= bounds.high {
            return Ok(bounds);
        }
        let error = self.error(
            ErrorKind::Corrupt,
            "find bounds",
            format!("the log starts at {} and ends at {} already", bounds.low, bounds.high),
        );
        let error = error.with("object", self.io.display(&self.beside("start.json")));
        Err(error.hint("restore the newest objects from a backup; or write {\"start\": N} into that object, or delete it to read from the first object on"))
    }
}
