//! What is joined, and how.

use std::str::FromStr;

use kafi_core::{Error, ErrorKind, Failures, ReadOptions, Record, Result, Storage};

use super::key::JoinKey;
use crate::compact::MEMORY;

/// Which rows come out of a join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinHow {
    /// All pairs of messages with the same key.
    #[default]
    Inner,
    /// Those, and the left messages without a partner.
    Left,
    /// The pairs, and the right messages without a partner.
    Right,
    /// The pairs, and the messages of both sides without a partner.
    Full,
    /// The left messages that have a partner, each once.
    Semi,
    /// The left messages that have none.
    Anti,
}

/// What the rows of a side are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinRows {
    /// Every message is one.
    #[default]
    Log,
    /// The newest message of each key of the topic is one; a tombstone removes it.
    Table,
}

/// When messages without a partner come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinEmit {
    /// When the other side is complete, so that each comes once.
    #[default]
    Final,
    /// At once: a message that has no partner yet comes out without one, and again with each that arrives. The two sides
    /// are read message by message in turn. Both are kept in memory.
    Eager,
}

/// The two messages of a row; of one without a partner the other is missing.
#[derive(Clone, Copy, Debug)]
pub struct JoinPair<'a> {
    /// The left message.
    pub left: Option<Record<'a>>,
    /// The right message.
    pub right: Option<Record<'a>>,
}

/// Makes the key of a message, perhaps in another thread than the one that joins.
pub type JoinKeyOf<'a> = dyn FnMut(&Record<'_>, &mut JoinKey) -> Result<()> + Send + 'a;

/// One side of a join.
pub struct JoinSide<'a> {
    /// Where its topic lies.
    pub storage: &'a dyn Storage,
    /// Its topic.
    pub topic: &'a str,
    /// What of it is read. A limit and a group have no say.
    pub read: ReadOptions,
    /// What its rows are.
    pub rows: JoinRows,
    /// What it is joined by.
    pub key: Box<JoinKeyOf<'a>>,
}

/// How two topics are joined.
#[derive(Clone, Debug)]
pub struct JoinOptions {
    /// Which rows come out. Default: all pairs.
    pub how: JoinHow,
    /// When messages without a partner come out. Default: when the other side is complete.
    pub emit: JoinEmit,
    /// About how many bytes of memory it may take; what needs more goes to a file. Default: 256 MiB.
    pub memory: u64,
    /// What becomes of messages of which no key, and rows of which nothing can be made. Default: the first one ends it.
    pub failures: Failures,
}

impl Default for JoinOptions {
    fn default() -> Self {
        Self { how: JoinHow::default(), emit: JoinEmit::default(), memory: MEMORY, failures: Failures::stop() }
    }
}

impl JoinOptions {
    /// What rows may take of the memory: what is read ahead, and written, needs some, too.
    pub(super) fn rows_memory(&self) -> usize {
        usize::try_from(self.memory).unwrap_or(usize::MAX) / 8 * 5
    }
}

impl FromStr for JoinHow {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "inner" => Ok(Self::Inner),
            "left" => Ok(Self::Left),
            "right" => Ok(Self::Right),
            "full" | "outer" => Ok(Self::Full),
            "semi" => Ok(Self::Semi),
            "anti" => Ok(Self::Anti),
            _ => {
                Err(Error::new(ErrorKind::Usage, "join", "it is inner, left, right, full, semi, or anti")
                    .with("how", text))
            }
        }
    }
}
