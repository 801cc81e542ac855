//! What became of the messages of a join.

use kafi_core::{Assignment, Error, ErrorKind, Result};

/// What became of the messages of one side: `read` is the sum of all below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinedSide {
    /// The messages that were read.
    pub read: u64,
    /// Those whose key the other side has.
    pub matched: u64,
    /// Those whose key it has not.
    pub unmatched: u64,
    /// Those whose key is null, which matches nothing.
    pub null_keys: u64,
    /// Of a table, those that are no row of it: older than another one of their key, tombstones, or without a key.
    pub superseded: u64,
    /// Those of which no key could be made, and which were left out.
    pub skipped: u64,
}

/// What became of the messages of a join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The left side.
    pub left: JoinedSide,
    /// The right side.
    pub right: JoinedSide,
    /// The rows that came out: pairs, and messages without a partner.
    pub rows: u64,
    /// How many of them the projection could make nothing of, and which were left out.
    pub rows_skipped: u64,
    /// How many bytes did not fit into memory, and went to a file.
    pub spilled_bytes: u64,
    /// Whether somebody asked to stop before the end.
    pub cancelled: bool,
    /// What of the left topic was read: another join of the same has the same result.
    pub left_offsets: Vec<Assignment>,
    /// What of the right topic was read.
    pub right_offsets: Vec<Assignment>,
}

impl JoinedSide {
    /// Checks that nothing was lost.
    pub(super) fn check(&self, side: &'static str) -> Result<()> {
        let Self { read, matched, unmatched, null_keys, superseded, skipped } = *self;
        if read == matched + unmatched + null_keys + superseded + skipped {
            return Ok(());
        }
        let why = format!("what became of the messages does not add up to what was read: {self:?}");
        Err(Error::new(ErrorKind::Unexpected, "join", why).with("side", side))
    }
}

impl Joined {
    /// Offsets as they can be given to another join: `0=0:100,1=7:50`; where there is no end, `0=0:`.
    pub fn offsets_text(assignments: &[Assignment]) -> String {
        let text = |assignment: &Assignment| {
            let end = assignment.end.map_or_else(String::new, |end| end.to_string());
            format!("{}={}:{end}", assignment.partition, assignment.start)
        };
        assignments.iter().map(text).collect::<Vec<_>>().join(",")
    }
}
