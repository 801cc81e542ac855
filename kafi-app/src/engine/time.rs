//! Time that stands still as long as anybody works, by which apps are tested.

use std::time::{Duration, Instant};

use kafi_core::{Isolation, Position, Result, TopicPartition};

use crate::engine::{BUSY_WAIT, Done, Engine};

/// How long one question to the storage may take.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Engine {
    /// Works until nothing is left to be done before time has to pass, and says until when; `None` is for ever, or that
    /// it is asked to stop.
    ///
    /// # Errors
    /// Those of [`round`](Engine::round).
    pub(crate) fn work_until_rest(&mut self) -> Result<Option<Instant>> {
        while !self.cancel.is_cancelled() {
            self.round()?;
            // Whoever rests has handed over what came of the work before.
            let Some(until) = self.rests_until() else {
                self.see_to_results(BUSY_WAIT)?;
                continue;
            };
            let done = self.done();
            self.see_to_results(if self.outbox.in_flight() > 0 { BUSY_WAIT } else { Duration::ZERO })?;
            let is_same = self.done() == done && self.rests_until() == Some(until);
            let is_settled = self.outbox.in_flight() == 0 && !self.reader.is_revoking() && self.reader.has_joined();
            if is_same && is_settled && self.has_read_all()? {
                return Ok(until);
            }
        }
        Ok(None)
    }

    /// Finishes what is in hand, as [`work`](Engine::work) does when it is asked to stop.
    ///
    /// # Errors
    /// As for [`work`](Engine::work).
    pub(crate) fn stop(mut self) -> Result<Done> {
        self.cancel.cancel();
        let settled = self.settle(self.limits.drain_max);
        self.end(settled)
    }

    /// Lets time pass until then.
    pub(crate) fn move_clock(&self, to: Instant) {
        if let Some(clock) = self.common.clock.as_virtual() {
            clock.move_to(to);
            self.tasks.iter().for_each(|task| task.lane.wake());
        }
    }

    /// Commits what is done.
    ///
    /// # Errors
    /// Those of the storage that a retry does not help.
    pub(crate) fn commit_all(&mut self) -> Result<()> {
        self.note_done();
        self.commit_now()
    }

    /// Ends as a process does that is killed: nothing more is written or committed.
    pub(crate) fn kill(self) {
        self.close();
        if let Some(clock) = self.common.clock.as_virtual() {
            clock.end();
        }
        let until = Instant::now() + TIMEOUT;
        while self.tasks.iter().any(|task| task.lane.load().1 > 0) && Instant::now() < until {
            std::thread::sleep(BUSY_WAIT);
        }
    }

    /// Lets its threads end.
    pub(crate) fn close(&self) {
        self.tasks.iter().for_each(|task| task.lane.close());
    }

    /// What it did so far.
    pub(crate) fn done(&self) -> Done {
        Done { published: self.outbox.written(), ..self.common.done() }
    }

    /// Lets time pass where everybody who works sleeps, until the first wakes, or `until`.
    pub(super) fn pass_time(&self, until: Instant) {
        let Some(clock) = self.common.clock.as_virtual() else { return };
        let busy: usize = self.tasks.iter().map(|task| task.lane.load().1).sum();
        let (sleeping, first) = clock.sleepers();
        if busy > 0 && sleeping >= busy {
            clock.move_to(first.map_or(until, |first| first.min(until)));
        }
    }

    /// When something happens by itself; `None` while somebody works.
    fn rests_until(&self) -> Option<Option<Instant>> {
        let clock = self.common.clock.as_virtual()?;
        let now = clock.now();
        let mut waits: Vec<Instant> = self.slots.iter().filter_map(|(_, slot)| slot.until()).collect();
        let mut busy = 0;
        for task in &self.tasks {
            let rest = task.lane.rest(now);
            if rest.is_ready {
                return None;
            }
            busy += rest.busy;
            waits.extend(rest.until);
        }
        // Asked last: who has gone to sleep since then was busy.
        let (sleeping, first) = clock.sleepers();
        waits.extend(first);
        let until = waits.into_iter().min();
        if busy > sleeping || until.is_some_and(|until| until <= now) { None } else { Some(until) }
    }

    /// Whether everything that is there was read.
    fn has_read_all(&self) -> Result<bool> {
        let reached = self.reader.reached();
        let partition = |at: &Position| TopicPartition { topic: at.topic.clone(), partition: at.partition };
        let partitions: Vec<TopicPartition> = reached.iter().map(partition).collect();
        let high = self.common.consumer.storage.admin()?.watermarks(&partitions, Isolation::default(), TIMEOUT)?;
        Ok(reached.iter().zip(high).all(|(at, marks)| at.offset >= marks.high))
    }
}
