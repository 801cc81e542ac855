//! What waits for a transaction.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use crate::engine::load::Load;

/// Where nothing is written, what else is to be committed, as that markers were passed, waits for so long.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// What waits for a transaction.
pub(crate) struct Transactions {
    /// The transactional id.
    pub(super) id: String,
    pub(super) loads: VecDeque<Load>,
    outputs: usize,
    messages: usize,
    messages_max: usize,
    wait_max: Duration,
    /// How many outputs are committed.
    committed: u64,
    /// When the first load that waits came, or the last transaction was over.
    since: Instant,
    pub(super) stall_limit: Option<Duration>,
    /// Since when no transaction has succeeded, where some have not.
    pub(super) failing_since: Option<Instant>,
}

impl Transactions {
    /// A transactional id for a member of this group that nobody else has.
    pub(crate) fn unlike_others(group: &str) -> String {
        format!("kafi-app.{group}.{:016x}", RandomState::new().build_hasher().finish())
    }

    pub(crate) fn new(id: String, (messages_max, wait_max): (usize, Duration), stall_limit: Option<Duration>) -> Self {
        Self {
            id,
            loads: VecDeque::new(),
            outputs: 0,
            messages: 0,
            messages_max,
            wait_max,
            committed: 0,
            since: Instant::now(),
            stall_limit,
            failing_since: None,
        }
    }

    /// Takes what came of messages.
    pub(super) fn add(&mut self, load: Load) {
        if self.loads.is_empty() {
            self.since = Instant::now();
        }
        self.outputs += load.out.len();
        self.messages += load.messages;
        self.loads.push_back(load);
    }

    /// Whether it is time for a transaction.
    pub(super) fn is_due(&self) -> bool {
        let wait_max = if self.loads.is_empty() { QUIET_MAX } else { self.wait_max };
        self.messages >= self.messages_max || self.since.elapsed() >= wait_max
    }

    /// How many outputs wait.
    pub(super) fn waiting(&self) -> usize {
        self.outputs
    }

    /// How many outputs are committed.
    pub(super) fn committed(&self) -> u64 {
        self.committed
    }

    /// Takes note of a transaction that is committed with so many outputs.
    pub(super) fn note_committed(&mut self, outputs: usize) {
        self.committed += outputs as u64;
        (self.failing_since, self.since) = (None, Instant::now());
    }

    /// Takes out all that waits.
    pub(super) fn take(&mut self) -> VecDeque<Load> {
        (self.outputs, self.messages) = (0, 0);
        std::mem::take(&mut self.loads)
    }

    /// Lets it wait again.
    pub(super) fn put_back(&mut self, loads: impl IntoIterator<Item = Load>) {
        loads.into_iter().for_each(|load| self.add(load));
        self.since = Instant::now();
    }
}
