//! The time by which an app waits: that of the system, or, in tests, one that passes only when everybody waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Whoever sleeps looks this often whether it should not go on sleeping.
const SLICE: Duration = Duration::from_millis(50);
const VIRTUAL_SLICE: Duration = Duration::from_millis(5);

/// The clock of an app.
#[derive(Clone, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    Virtual(Arc<VirtualClock>),
}

/// A clock that stands until somebody moves it.
pub(crate) struct VirtualClock {
    begun: Instant,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    passed: Duration,
    /// The threads that sleep, and until when.
    sleepers: HashMap<ThreadId, Instant>,
    /// Whether nobody is to sleep any more.
    is_over: bool,
}

impl Clock {
    /// The time by this clock.
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            Self::Virtual(clock) => clock.now(),
        }
    }

    /// The virtual clock, if it is one.
    pub(crate) fn as_virtual(&self) -> Option<&Arc<VirtualClock>> {
        match self {
            Self::System => None,
            Self::Virtual(clock) => Some(clock),
        }
    }

    /// Sleeps until then; false if `is_interrupted` says meanwhile that it should not.
    pub(crate) fn sleep_until(&self, until: Instant, is_interrupted: impl Fn() -> bool) -> bool {
        if let Self::Virtual(clock) = self {
            return clock.sleep_until(until, is_interrupted);
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if is_interrupted() {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(SLICE));
        }
    }
}

impl VirtualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), state: Mutex::default(), moved: Condvar::new() })
    }

    pub(crate) fn now(&self) -> Instant {
        self.begun + self.passed()
    }

    /// How much time has passed since it was made.
    pub(crate) fn passed(&self) -> Duration {
        self.lock().passed
    }

    /// Lets time pass until then, and wakes who slept until then.
    pub(crate) fn move_to(&self, to: Instant) {
        let mut state = self.lock();
        state.passed = state.passed.max(to.saturating_duration_since(self.begun));
        let now = self.begun + state.passed;
        // From now on they count as those who are at work.
        state.sleepers.retain(|_, until| *until > now);
        self.moved.notify_all();
    }

    /// As [`Clock::sleep_until`].
    pub(crate) fn sleep_until(&self, until: Instant, is_interrupted: impl Fn() -> bool) -> bool {
        let me = thread::current().id();
        let mut state = self.lock();
        if self.begun + state.passed < until {
            state.sleepers.insert(me, until);
        }
        while self.begun + state.passed < until && !state.is_over && !is_interrupted() {
            state = self.moved.wait_timeout(state, VIRTUAL_SLICE).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.sleepers.remove(&me);
        !is_interrupted()
    }

    /// How many threads sleep, and when the first of them wakes.
    pub(crate) fn sleepers(&self) -> (usize, Option<Instant>) {
        let state = self.lock();
        (state.sleepers.len(), state.sleepers.values().min().copied())
    }

    /// No longer counts a thread, whose work somebody else has.
    pub(crate) fn forget(&self, thread: ThreadId) {
        self.lock().sleepers.remove(&thread);
    }

    /// Wakes everybody, and lets nobody sleep any more.
    pub(crate) fn end(&self) {
        self.lock().is_over = true;
        self.moved.notify_all();
    }

    /// Lets threads sleep again.
    pub(crate) fn begin(&self) {
        self.lock().is_over = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
