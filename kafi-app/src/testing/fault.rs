//! What goes wrong in a test, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kafi_core::{CommittedOffset, Error, ErrorKind, Position, Record, Result};

/// What an app does with messages, one step after another; a [`Fault`] can come behind each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Messages were read, and none of them is handled.
    Read,
    /// A message was handled, and its outputs are not handed to the producer.
    Handled,
    /// The storage has the outputs of a message, and the app has no report of that.
    Produced,
    /// The reports of outputs are in, and nothing is committed.
    Reported,
    /// The storage has the committed offsets, and the app does not know that.
    Committed,
}

/// Something that goes wrong. It happens with the next step of the app, or [after](Fault::after) a certain one.
///
/// ```
/// use kafi_app::testing::{Fault, Step};
/// let at_once = Fault::revoke("orders", 0);
/// let later = Fault::crash().after(Step::Produced, 3);
/// ```
#[derive(Debug)]
pub struct Fault {
    what: What,
    after: Option<(Step, u64)>,
}

#[derive(Debug)]
enum What {
    Crash,
    Revoke(String, i32),
    Lose(String, i32),
    Restore(String, i32),
    FailOutput(String, Error),
}

impl Fault {
    /// The app ends as a process does that is killed. The next run starts it again. What its handlers share in memory
    /// stays, where a process would lose it.
    pub fn crash() -> Self {
        Self { what: What::Crash, after: None }
    }

    /// The group takes a partition back: the app is told, and may commit before the partition goes.
    pub fn revoke(topic: impl Into<String>, partition: i32) -> Self {
        Self { what: What::Revoke(topic.into(), partition), after: None }
    }

    /// A partition goes without a word, as it does where a member was silent for too long.
    pub fn lose(topic: impl Into<String>, partition: i32) -> Self {
        Self { what: What::Lose(topic.into(), partition), after: None }
    }

    /// A partition that went comes back, and is read from the committed offset on.
    pub fn restore(topic: impl Into<String>, partition: i32) -> Self {
        Self { what: What::Restore(topic.into(), partition), after: None }
    }

    /// The next output to this topic is not written, and its report says this error. One that is
    /// [`TooLarge`](ErrorKind::TooLarge), or otherwise wrong by itself, is the failure of its message; any other ends the
    /// app.
    pub fn fail_output(topic: impl Into<String>, error: Error) -> Self {
        Self { what: What::FailOutput(topic.into(), error), after: None }
    }

    /// It happens right after the app has done this step for the `nth` time (from 1) from now on. A step is done for
    /// each message, but for [`Read`](Step::Read), which takes what is there, and [`Committed`](Step::Committed).
    pub fn after(mut self, step: Step, nth: u64) -> Self {
        self.after = Some((step, nth.max(1)));
        self
    }
}

/// The faults of a test, shared by everything that stands between an app and its storages.
#[derive(Default)]
pub(super) struct Faults(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Fault>,
    is_dead: bool,
    /// Partitions that go once the app was told, that are to go with the next poll, and that have gone.
    told: BTreeSet<(String, i32)>,
    to_tell: BTreeSet<(String, i32)>,
    going: BTreeSet<(String, i32)>,
    gone: BTreeSet<(String, i32)>,
    to_restore: BTreeSet<(String, i32)>,
    failing: Vec<(String, Error)>,
    commits: Vec<CommittedOffset>,
    /// Where partitions were read first.
    began: BTreeMap<(String, i32), i64>,
}

impl Faults {
    /// Takes a fault, which happens now if it waits for no step.
    pub(super) fn add(&self, fault: Fault) {
        let mut state = self.lock();
        match fault.after {
            Some(_) => state.waiting.push(fault),
            None => state.happen(fault.what),
        }
    }

    /// Takes note of a step.
    ///
    /// # Errors
    /// Where the app crashes with it.
    pub(super) fn step(&self, step: Step) -> Result<()> {
        let mut state = self.lock();
        let mut due = Vec::new();
        for fault in &mut state.waiting {
            if let Some((after, left)) = &mut fault.after
                && *after == step
            {
                *left -= 1;
            }
        }
        let mut index = 0;
        while index < state.waiting.len() {
            if state.waiting[index].after.is_some_and(|(_, left)| left == 0) {
                due.push(state.waiting.remove(index));
            } else {
                index += 1;
            }
        }
        due.into_iter().for_each(|fault| state.happen(fault.what));
        state.check()
    }

    /// # Errors
    /// Where the app has crashed.
    pub(super) fn check(&self) -> Result<()> {
        self.lock().check()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.lock().is_dead
    }

    /// A new process starts, as the only member of its group.
    pub(super) fn revive(&self) {
        let mut state = self.lock();
        let (waiting, failing) = (std::mem::take(&mut state.waiting), std::mem::take(&mut state.failing));
        let commits = std::mem::take(&mut state.commits);
        *state = State { waiting, failing, commits, ..State::default() };
    }

    /// What was committed, in its order.
    pub(super) fn commits(&self) -> Vec<CommittedOffset> {
        self.lock().commits.clone()
    }

    pub(super) fn note_commits(&self, offsets: &[CommittedOffset]) {
        self.lock().commits.extend_from_slice(offsets);
    }

    /// Lets the partitions go of which the app was told, and tells it of those that go next; whether there are some.
    pub(super) fn begin_poll(&self) -> bool {
        let mut state = self.lock();
        let mut going = std::mem::take(&mut state.told);
        going.append(&mut state.going);
        state.gone.append(&mut going);
        state.told = std::mem::take(&mut state.to_tell);
        !state.told.is_empty()
    }

    /// Whether the app is told that partitions go.
    pub(super) fn is_revoking(&self) -> bool {
        !self.lock().told.is_empty()
    }

    /// The partitions that come back.
    pub(super) fn take_restored(&self) -> Vec<(String, i32)> {
        let mut state = self.lock();
        let restored = std::mem::take(&mut state.to_restore);
        let back: Vec<_> = restored.into_iter().filter(|partition| state.gone.contains(partition)).collect();
        back.iter().for_each(|partition| {
            state.gone.remove(partition);
        });
        back
    }

    /// Takes note of where partitions are read, the first time.
    pub(super) fn note_began(&self, positions: &[Position]) {
        let mut state = self.lock();
        for at in positions {
            state.began.entry((at.topic.clone(), at.partition)).or_insert(at.offset);
        }
    }

    pub(super) fn began(&self, partition: &(String, i32)) -> i64 {
        self.lock().began.get(partition).copied().unwrap_or(0)
    }

    pub(super) fn any_gone(&self) -> bool {
        !self.lock().gone.is_empty()
    }

    pub(super) fn is_gone(&self, topic: &str, partition: i32) -> bool {
        self.lock().gone.iter().any(|(gone, number)| gone == topic && *number == partition)
    }

    /// The first of some outputs that is not written, and why.
    pub(super) fn failing<'a>(&self, mut outputs: impl Iterator<Item = Record<'a>>) -> Option<(usize, Error)> {
        let mut state = self.lock();
        if state.failing.is_empty() {
            return None;
        }
        let failing = |record: Record<'a>| state.failing.iter().position(|(topic, _)| topic == record.topic);
        let (index, which) = outputs.by_ref().enumerate().find_map(|(at, record)| Some((at, failing(record)?)))?;
        Some((index, state.failing.remove(which).1))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn happen(&mut self, what: What) {
        match what {
            What::Crash => self.is_dead = true,
            What::Revoke(topic, partition) => self.to_tell.extend([(topic, partition)]),
            What::Lose(topic, partition) => self.going.extend([(topic, partition)]),
            What::Restore(topic, partition) => self.to_restore.extend([(topic, partition)]),
            What::FailOutput(topic, error) => self.failing.push((topic, error)),
        }
    }

    fn check(&self) -> Result<()> {
        if self.is_dead { Err(Error::new(ErrorKind::Unexpected, "test", "the app has crashed")) } else { Ok(()) }
    }
}
