//! A thread that handles messages of a route.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use kafi_core::{Encoder, Error, ErrorKind, Result};

use crate::engine::lane::{Job, Turn};
use crate::engine::load::{Letter, Load};
use crate::engine::run::Run;
use crate::engine::task::{Task, Verdict};
use crate::engine::trace;
use crate::handler::{Fault, Gathering, caught};
use crate::input::{Decoders, Input};
use crate::output::{Outputs, Trace};
use crate::route::Work;

/// What is done is handed over after so many messages, or so long, or after one that took long.
const MESSAGES_MAX: usize = 1_000;
const GATHER_MAX: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_micros(200);

/// What workers tell the app.
pub(crate) enum Event {
    /// Something was done.
    Done(Load),
    /// A message has failed whose policy is to stop.
    Stop(Error),
}

/// What a worker has in hand, where that has a time-out.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Option<InHand>>);

struct InHand {
    shard: u64,
    run: Run,
    rest: Option<Run>,
    attempts: u32,
    until: Instant,
    thread: ThreadId,
}

/// See the [module](self).
pub(crate) struct Worker {
    task: Arc<Task>,
    events: Sender<Event>,
    slot: Arc<Slot>,
    decoders: Decoders,
    encoders: [Box<dyn Encoder>; 2],
    load: Load,
    /// The shards of which something is in the load, and that nobody else works on meanwhile.
    finished: Vec<Turn>,
    gathering_since: Instant,
}

impl Worker {
    /// A worker of `task`, in a thread that ends when the lane is closed.
    pub(crate) fn start(task: &Arc<Task>, events: &Sender<Event>, slot: &Arc<Slot>) -> Result<()> {
        let worker = Self {
            decoders: task.decoders()?,
            encoders: task.encoders()?,
            load: Load::new(task.index),
            finished: Vec::new(),
            gathering_since: task.common.clock.now(),
            task: Arc::clone(task),
            events: events.clone(),
            slot: Arc::clone(slot),
        };
        let named = thread::Builder::new().name(format!("kafi-app-{}", task.index));
        named.spawn(move || worker.work()).map(drop).map_err(|error| Error::io("start a thread", error))
    }

    fn work(mut self) {
        let (task, mut before) = (Arc::clone(&self.task), None);
        loop {
            let next = task.lane.next(before.take(), &task.common.clock, |give_back| {
                self.send_load();
                self.finished.drain(..).for_each(give_back);
            });
            let Some((shard, job)) = next else { break };
            match self.handle_job(shard, job) {
                // What comes next of a shard must not overtake what came of it before.
                Some(turn) if self.load.is_empty() => before = Some(turn),
                Some(turn) => self.finished.push(turn),
                // Somebody else has this worker's work.
                None => return,
            }
        }
        self.hand_over();
    }

    /// Handles messages of a job, and says what is left of it; `None` if it was given up.
    fn handle_job(&mut self, shard: u64, job: Job) -> Option<Turn> {
        let Job { run, mut attempts } = job;
        // When a message ends is when the next one begins, where nothing lies between them.
        let mut ended = None;
        let mut at = run.indexes().start;
        let end = run.indexes().end;
        while at < end {
            let left = |from: usize, attempts| (from < end).then(|| Job { run: run.part(from..end), attempts });
            if !self.wait_for_turn() {
                self.hand_over();
                return Some(Turn { shard, rest: left(at, attempts).into_iter().collect(), until: None });
            }
            // Several messages that failed together are handled one by one.
            let count = match self.task.work {
                Work::Many(max, _) if attempts == 0 => max.min(end - at),
                _ => 1,
            };
            let part = run.part(at..at + count);
            let begun = ended.take().unwrap_or_else(|| self.task.common.clock.now());
            self.take_in_hand(shard, &part, (at + count < end).then(|| run.part(at + count..end)), attempts);
            let mark = self.load.mark();
            let handled = self.handle(&part, attempts + 1);
            if !self.take_out_of_hand() {
                return None;
            }
            let now = self.task.common.clock.now();
            match handled {
                Ok(()) => self.has_handled(&part, now - begun),
                Err(_) if count > 1 => {
                    self.load.take_back(mark);
                    self.hand_over();
                    let alone = part.indexes().map(|index| Job { run: run.part(index..index + 1), attempts: 1 });
                    let rest = alone.chain(left(at + count, 0)).collect();
                    return Some(Turn { shard, rest, until: None });
                }
                Err(fault) => {
                    self.load.take_back(mark);
                    if let Some(until) = self.has_failed(&part, fault, attempts + 1) {
                        self.hand_over();
                        let again = Job { run: part, attempts: attempts + 1 };
                        let rest = [again].into_iter().chain(left(at + 1, 0)).collect();
                        return Some(Turn { shard, rest, until });
                    }
                }
            }
            attempts = 0;
            at += count;
            self.hand_over_in_time(now, now - begun);
            ended = self.task.pace.is_none().then_some(now);
        }
        Some(Turn { shard, rest: Vec::new(), until: None })
    }

    /// Waits until the next message may be handled; false if none may any more.
    fn wait_for_turn(&self) -> bool {
        let Task { pace, lane, common, .. } = &*self.task;
        let Some(turn) = pace.as_ref().map(|pace| pace.turn(common.clock.now())) else {
            return !lane.is_interrupted();
        };
        common.clock.sleep_until(turn, || lane.is_interrupted())
    }

    fn handle(&mut self, part: &Run, attempt: u32) -> std::result::Result<(), Fault> {
        let Self { task, decoders, encoders, load, .. } = self;
        let first = part.indexes().start;
        let record = part.record(first);
        let origin = load.origin(first, part.len());
        let mut outputs = Outputs {
            encoders,
            batch: &mut load.out,
            origins: &mut load.origins,
            origin,
            topic: task.publish_to.as_ref(),
            input: record,
            trace: task.common.begins_traces.then(Trace::default),
        };
        let _span = trace::handling(&task.common.app, &record, part.len(), attempt);
        if attempt == 1 {
            part.indexes().for_each(|index| task.common.hooks.consumed(&part.record(index)));
        }
        match &task.work {
            Work::Each(handler) => {
                let mut input = Input::new(record, attempt, decoders, &task.common.states);
                caught(|| handler(&mut input, &mut outputs))
            }
            Work::Many(_, handler) => {
                let mut messages = Together { task, part, decoders, attempt };
                caught(|| handler(&mut messages, &mut outputs))
            }
        }
    }

    fn has_handled(&mut self, part: &Run, took: Duration) {
        let common = &self.task.common;
        let counts = self.task.counts();
        counts.processed.fetch_add(part.len() as u64, Ordering::Relaxed);
        counts.took.add(took, part.len() as u64);
        for index in part.indexes() {
            common.hooks.processed(&part.record(index), took.as_secs_f64() / part.len() as f64);
        }
        self.task.lane.has_handled(true, &common.clock);
        self.load.add_run(part.clone());
    }

    /// What becomes of a message that failed: when it is tried again, where it is not done with; `None` in that is now,
    /// if ever.
    fn has_failed(&mut self, part: &Run, fault: Fault, attempts: u32) -> Option<Option<Instant>> {
        self.task.lane.has_handled(false, &self.task.common.clock);
        match settle(&self.task, part, fault, attempts, &mut self.load) {
            Ok(None) => None,
            Ok(Some(until)) => Some(Some(until)),
            Err(error) => {
                // It stays undone, and nobody goes on behind it.
                self.task.lane.hold(true);
                let _nobody_listens = self.events.send(Event::Stop(error));
                Some(None)
            }
        }
    }

    fn hand_over_in_time(&mut self, now: Instant, took: Duration) {
        if self.load.messages <= 1 {
            self.gathering_since = now;
        }
        let is_due = took >= LONG
            || self.load.messages >= MESSAGES_MAX
            || self.load.out.is_full()
            || now.duration_since(self.gathering_since) >= GATHER_MAX
            || self.task.time_out.is_some()
            || self.task.common.clock.as_virtual().is_some();
        if is_due {
            self.hand_over();
        }
    }

    /// Hands over what came of messages, and then gives back the shards that they are of.
    fn hand_over(&mut self) {
        self.send_load();
        if !self.finished.is_empty() {
            self.task.lane.give_back_some(self.finished.drain(..));
        }
    }

    /// Hands over what came of messages; the shards that they are of are to be given back then.
    fn send_load(&mut self) {
        if self.load.is_empty() {
            return;
        }
        let load = std::mem::replace(&mut self.load, Load::new(self.task.index));
        // Where nobody listens any more the app has failed.
        let _nobody_listens = self.events.send(Event::Done(load));
    }

    fn take_in_hand(&self, shard: u64, run: &Run, rest: Option<Run>, attempts: u32) {
        let Some(limit) = self.task.time_out else { return };
        let (until, thread) = (self.task.common.clock.now() + limit, thread::current().id());
        let in_hand = InHand { shard, run: run.clone(), rest, attempts, until, thread };
        *self.slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(in_hand);
    }

    /// False if it took too long, and was given up.
    fn take_out_of_hand(&self) -> bool {
        let taken = || self.slot.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.task.time_out.is_none() || taken().is_some()
    }
}

impl Slot {
    /// When what is in hand takes too long.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|in_hand| in_hand.until)
    }

    /// Takes what is in hand for too long from its worker, which ends with the call; gives the outcome to the lane, and
    /// what came of it back. The caller starts another worker.
    ///
    /// # Errors
    /// Where its policy is to stop.
    pub(crate) fn take_overdue(&self, task: &Arc<Task>) -> Option<Result<Load>> {
        let mut in_hand = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = task.common.clock.now();
        let InHand { shard, run, rest, attempts, thread, .. } = in_hand.take_if(|in_hand| in_hand.until <= now)?;
        drop(in_hand);
        if let Some(clock) = task.common.clock.as_virtual() {
            clock.forget(thread);
        }
        task.lane.has_handled(false, &task.common.clock);
        let limit = task.time_out.unwrap_or_default();
        let why = format!("the handler takes longer than {limit:?}");
        let fault = Fault::Handle(Error::new(ErrorKind::Timeout, "handle", why));
        let mut load = Load::new(task.index);
        let settled = settle(task, &run, fault, attempts + 1, &mut load);
        let until = settled.as_ref().ok().copied().flatten();
        let again = (settled.is_err() || until.is_some()).then(|| Job { run, attempts: attempts + 1 });
        let rest = again.into_iter().chain(rest.map(|run| Job { run, attempts: 0 })).collect();
        if settled.is_err() {
            task.lane.hold(true);
        }
        task.lane.give_back(Turn { shard, rest, until });
        Some(settled.map(|_| load))
    }
}

/// Messages that are handled together.
struct Together<'a> {
    task: &'a Task,
    part: &'a Run,
    decoders: &'a mut Decoders,
    attempt: u32,
}

impl Gathering for Together<'_> {
    fn each(&mut self, take: &mut dyn FnMut(&mut Input<'_>) -> Result<()>) -> Result<()> {
        let Self { task, part, decoders, attempt } = self;
        for index in part.indexes() {
            take(&mut Input::new(part.record(index), *attempt, decoders, &task.common.states))?;
        }
        Ok(())
    }
}

/// What becomes of a message that failed, in `load` where it is done with; else when it is tried again.
///
/// # Errors
/// Its error, where the policy is to stop.
fn settle(task: &Task, part: &Run, fault: Fault, attempts: u32, load: &mut Load) -> Result<Option<Instant>> {
    let index = part.indexes().start;
    let record = part.record(index);
    match task.verdict(&record, fault, attempts) {
        Verdict::Again(until) => return Ok(Some(until)),
        Verdict::Stop(error) => return Err(error),
        Verdict::Skip => {}
        Verdict::Letter(topic, error) => {
            let letter = Letter { topic: &topic, app: &task.common.app, error: &error, attempts };
            let origin = load.origin(index, 1);
            load.push_letter(&record, origin, &letter);
        }
    }
    load.add_run(part.clone());
    Ok(None)
}
