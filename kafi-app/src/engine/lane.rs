//! The messages of a route that wait for a thread: in order within each shard (a partition, or a key), and in no order
//! among them.
//!
//! A shard is worked on by one thread at a time. One whose message failed, and is to be tried again later, is parked:
//! its messages wait, and those of others go on.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::clock::Clock;
use crate::engine::run::Run;
use crate::policy::Breaker;

/// Messages to be handled, in order.
pub(crate) struct Job {
    pub(crate) run: Run,
    /// How often its first message was tried.
    pub(crate) attempts: u32,
}

/// What a thread gives back of a shard.
pub(crate) struct Turn {
    pub(crate) shard: u64,
    /// What is left of the job, first things first.
    pub(crate) rest: Vec<Job>,
    /// When it is tried again.
    pub(crate) until: Option<Instant>,
}

/// See the [module](self).
pub(crate) struct Lane {
    state: Mutex<State>,
    wake: Condvar,
    /// Whether whoever works is to stop after the message in hand.
    is_interrupted: AtomicBool,
    breaker: Option<Breaker>,
}

/// What a lane waits for.
pub(crate) struct Rest {
    /// Whether a thread has only to take what is there.
    pub(crate) is_ready: bool,
    /// Threads that work.
    pub(crate) busy: usize,
    /// When something is there to be taken.
    pub(crate) until: Option<Instant>,
}

#[derive(Default)]
struct State {
    shards: HashMap<u64, Shard>,
    ready: VecDeque<u64>,
    parked: BinaryHeap<Reverse<(Instant, u64)>>,
    /// Messages that wait.
    waiting: usize,
    /// Threads that work.
    busy: usize,
    is_held: bool,
    is_closed: bool,
    /// Failures in a row.
    failures: u32,
    /// Nothing is handled before this.
    open_until: Option<Instant>,
}

#[derive(Default)]
struct Shard {
    jobs: VecDeque<Job>,
    is_busy: bool,
    is_parked: bool,
}

impl Lane {
    pub(crate) fn new(breaker: Option<Breaker>) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), is_interrupted: AtomicBool::new(false), breaker }
    }

    /// Adds messages, each at the end of its shard.
    pub(crate) fn put(&self, jobs: impl IntoIterator<Item = (u64, Job)>) {
        let mut state = self.lock();
        let before = state.ready.len();
        for (shard, mut job) in jobs {
            state.waiting += job.run.len();
            let entry = state.shards.entry(shard).or_default();
            let is_ready = !entry.is_busy && !entry.is_parked && entry.jobs.is_empty();
            if entry.is_parked {
                // It may wait for long, and must not keep its whole batch in memory.
                job.run = job.run.alone();
            }
            entry.jobs.push_back(job);
            if is_ready {
                state.ready.push_back(shard);
            }
        }
        let came = state.ready.len() - before;
        drop(state);
        match came {
            0 => {}
            1 => self.wake.notify_one(),
            _ => self.wake.notify_all(),
        }
    }

    /// Gives back what was taken before, and takes the next job; `None` once the lane is closed. Blocks until there is
    /// one, after a call of `wait_begins`, which gives back what else was taken.
    pub(crate) fn next(
        &self,
        before: Option<Turn>,
        clock: &Clock,
        mut wait_begins: impl FnMut(&mut dyn FnMut(Turn)),
    ) -> Option<(u64, Job)> {
        let mut state = self.lock();
        if let Some(turn) = before {
            state.give_back(turn);
        }
        loop {
            if state.is_closed {
                return None;
            }
            let wait = match state.take(clock.now(), self.breaker.as_ref()) {
                Ok(taken) => {
                    if !state.ready.is_empty() {
                        self.wake.notify_one();
                    }
                    return Some(taken);
                }
                Err(wait) => wait,
            };
            let mut were_some = false;
            wait_begins(&mut |turn| {
                state.give_back(turn);
                were_some = true;
            });
            if were_some {
                continue;
            }
            state = match wait {
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                // Whoever moves it wakes everybody.
                Some(_) if clock.as_virtual().is_some() => {
                    self.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
                }
                Some(wait) => self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Gives back what was taken, without taking anything.
    pub(crate) fn give_back(&self, turn: Turn) {
        self.lock().give_back(turn);
        self.wake.notify_all();
    }

    /// Gives back what was taken before whoever took it takes more.
    pub(crate) fn give_back_some(&self, turns: impl Iterator<Item = Turn>) {
        let mut state = self.lock();
        turns.for_each(|turn| state.give_back(turn));
        let is_ready = !state.ready.is_empty();
        drop(state);
        if is_ready {
            // Who takes one wakes the next.
            self.wake.notify_one();
        }
    }

    /// Takes note of whether a message was handled, for the breaker.
    pub(crate) fn has_handled(&self, is_well: bool, clock: &Clock) {
        let Some(Breaker { failures, pause }) = self.breaker else { return };
        let mut state = self.lock();
        if is_well {
            (state.failures, state.open_until) = (0, None);
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= failures {
            if state.open_until.is_none() {
                log::warn!("{} messages in a row have failed: waiting {pause:?}", state.failures);
            }
            state.open_until = Some(clock.now() + pause);
        }
    }

    /// Drops the messages of partitions for which `keeps` says no.
    pub(crate) fn drop_others(&self, keeps: impl Fn(&str, i32) -> bool) {
        let mut guard = self.lock();
        let State { shards, ready, waiting, .. } = &mut *guard;
        for shard in shards.values_mut() {
            shard.jobs.retain(|job| {
                let stays = keeps(job.run.topic(), job.run.partition());
                *waiting -= if stays { 0 } else { job.run.len() };
                stays
            });
        }
        shards.retain(|_, shard| shard.is_busy || !shard.jobs.is_empty());
        ready.retain(|shard| shards.get(shard).is_some_and(|shard| !shard.is_busy && !shard.jobs.is_empty()));
    }

    /// Lets nobody take anything, and whoever works stop after the message in hand; or lets them go on.
    pub(crate) fn hold(&self, holds: bool) {
        self.lock().is_held = holds;
        self.is_interrupted.store(holds, Ordering::Relaxed);
        self.wake.notify_all();
    }

    /// Whether whoever works is to stop after the message in hand.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    /// Lets the threads end.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.is_interrupted.store(true, Ordering::Relaxed);
        self.wake.notify_all();
    }

    /// How many messages wait, and how many threads work.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.waiting, state.busy)
    }

    /// What it waits for, where time stands still.
    pub(crate) fn rest(&self, now: Instant) -> Rest {
        let state = self.lock();
        let open_until = state.open_until.filter(|until| *until > now && self.breaker.is_some());
        let parked_until = state.parked.peek().map(|Reverse((until, _))| *until);
        let has_work = !state.ready.is_empty() || parked_until.is_some_and(|until| until <= now);
        let is_tried = self.breaker.is_some() && state.open_until.is_some() && state.busy > 0;
        let is_ready = has_work && !state.is_held && open_until.is_none() && !is_tried;
        let until = if state.is_held { None } else { open_until.filter(|_| has_work).or(parked_until) };
        Rest { is_ready, busy: state.busy, until: until.filter(|until| *until > now) }
    }

    /// Lets everybody who waits look again.
    pub(crate) fn wake(&self) {
        // Who is about to wait has looked before.
        drop(self.lock());
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the next job, or says how long to wait for one; `None` until somebody says that there is one.
    fn take(&mut self, now: Instant, breaker: Option<&Breaker>) -> Result<(u64, Job), Option<Duration>> {
        while let Some(Reverse((until, shard))) = self.parked.peek().copied()
            && until <= now
        {
            self.parked.pop();
            if let Some(entry) = self.shards.get_mut(&shard) {
                entry.is_parked = false;
                if !entry.is_busy && !entry.jobs.is_empty() {
                    self.ready.push_back(shard);
                }
            }
        }
        let parked_for = self.parked.peek().map(|Reverse((until, _))| until.saturating_duration_since(now));
        if self.is_held {
            return Err(None);
        }
        if let (Some(_), Some(until)) = (breaker, self.open_until) {
            if until > now {
                return Err(Some(until - now));
            }
            // One is tried; others wait for what comes of it.
            if self.busy > 0 {
                return Err(None);
            }
        }
        let Some(shard) = self.ready.pop_front() else { return Err(parked_for) };
        let entry = self.shards.get_mut(&shard).expect("a shard that is ready is there");
        let job = entry.jobs.pop_front().expect("a shard that is ready has a job");
        entry.is_busy = true;
        self.waiting -= job.run.len();
        self.busy += 1;
        Ok((shard, job))
    }

    fn give_back(&mut self, turn: Turn) {
        let Turn { shard, rest, until } = turn;
        self.busy -= 1;
        let Some(entry) = self.shards.get_mut(&shard) else { return };
        entry.is_busy = false;
        for job in rest.into_iter().rev() {
            self.waiting += job.run.len();
            entry.jobs.push_front(job);
        }
        if entry.jobs.is_empty() {
            self.shards.remove(&shard);
            return;
        }
        match until {
            Some(until) => {
                entry.is_parked = true;
                entry.jobs.iter_mut().for_each(|job| job.run = job.run.alone());
                self.parked.push(Reverse((until, shard)));
            }
            None => self.ready.push_back(shard),
        }
    }
}
