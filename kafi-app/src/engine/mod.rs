//! What runs an app: one thread reads, writes, and commits; others handle messages.
//!
//! ```text
//!   reader ──runs──▶ lanes ──jobs──▶ workers ──loads──▶ outbox ──reports──▶ ledger ──▶ commit
//! ```
//!
//! What is done is said by the reader's ledger alone: a message is done when every output of it is delivered, or its
//! dead letter, or when it was left out by its route's policy.

pub(crate) mod clock;
mod lane;
mod listener;
mod load;
mod metrics;
mod ours;
mod outbox;
mod patience;
mod pulse;
mod run;
mod setup;
mod task;
mod time;
mod trace;
mod transactions;
mod waiting;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use kafi_core::functional::Next;
use kafi_core::{Batch, Cancel, Error, ErrorKind, GroupOptions, GroupUse, ReadOptions, Reader, Result, Retry};

use crate::policy::{OnError, Order};
use crate::route::Route;
use lane::{Job, Lane};
use listener::Listener;
use ours::Ours;
use outbox::Outbox;
use patience::{Patience, is_away};
use pulse::Pulse;
use run::{Held, Run};
use setup::wrong;
use task::{Common, Counts, Pace, Task};
use transactions::Outcome;
use waiting::Transactions;
use worker::{Event, Slot, Worker};

pub use setup::Done;
pub(crate) use setup::Setup;

/// One wait for messages, while something is in work.
const BUSY_WAIT: Duration = Duration::from_millis(5);

/// A member that reads nothing shows itself to its group this often.
const STAY_EVERY: Duration = Duration::from_millis(200);

/// An app that tries for ever begins anew after such waits.
const AGAIN_MIN: Duration = Duration::from_millis(100);
const AGAIN_MAX: Duration = Duration::from_secs(5);

/// It reads ahead no more than this.
const BUFFER_BYTES_MAX: u64 = 16 << 20;

/// What is known of a topic that has routes.
struct Routed {
    tasks: Vec<usize>,
    /// By how many of several routes each message is done, where that is not all.
    done_by: HashMap<(i32, i64), usize>,
}

pub(crate) struct Engine {
    reader: Reader,
    outbox: Outbox,
    tasks: Vec<Arc<Task>>,
    slots: Vec<(usize, Arc<Slot>)>,
    routed: HashMap<String, Routed>,
    common: Arc<Common>,
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// The bytes of batches that are in work.
    budget: Arc<AtomicUsize>,
    /// The partitions that are ours, as of the last look.
    ours: BTreeMap<(String, i32), Ours>,
    changes: u64,
    /// Rises whenever partitions come, go, or are read anew.
    epoch: u64,
    hasher: RandomState,
    serial: u64,
    limits: Limits,
    cancel: Cancel,
    /// When it was last seen to that this stays a member of its group.
    stayed: Instant,
    /// Told as long as the app runs.
    _listener: Option<Listener>,
}

struct Limits {
    poll_max: Duration,
    in_work_max: usize,
    bytes_max: usize,
    drain_max: Duration,
}

/// Runs an app until it is asked to stop, or also to the end of what is there unless it `follows`.
///
/// # Errors
/// Those of [`App::run`].
pub(crate) fn run(mut app: Setup, follows: bool) -> Result<Done> {
    app.check()?;
    let (is_exact, is_alone) = (app.exactly_once, app.has_own_transactions());
    // Whatever begins anew settles by its name what was left open.
    if is_alone {
        app.transactional_id = Some(Transactions::unlike_others(&app.group_name()));
    }
    let mut all = Done::default();
    let mut wait = AGAIN_MIN;
    loop {
        let (done, ran) = run_once(app.clone(), follows);
        all = all.and(&done);
        let error = match ran {
            Err(error) if app.tries_for_ever() && may_pass_for_ever(&error) => error,
            // Nobody else has its transactional id: it was silent for too long.
            Err(error) if is_alone && error.kind() == ErrorKind::Fenced => error,
            // Committed offsets tell how the last transaction ended.
            Err(error) if is_exact && error.kind() == ErrorKind::Timeout && error.retryable() == Retry::Never => error,
            ran => return ran.map(|()| all),
        };
        // What went well for a while begins with a short wait.
        wait = if done.consumed > 0 { AGAIN_MIN } else { (2 * wait).min(AGAIN_MAX) };
        log::warn!("{error}: trying again in {wait:?}");
        let until = app.clock.now() + wait;
        if !app.clock.sleep_until(until, || app.cancel.is_cancelled()) {
            return Ok(all);
        }
    }
}

/// Whether what Kafka fails with is tried again for ever; what is wrong with the app itself is not.
fn may_pass_for_ever(error: &Error) -> bool {
    use ErrorKind::{Config, Function, Unsupported, Usage};
    !matches!(error.kind(), Config | Function | Unsupported | Usage)
}

/// Runs it until it ends, or fails.
fn run_once(app: Setup, follows: bool) -> (Done, Result<()>) {
    let cancel = app.cancel.clone();
    let mut engine = match Engine::start(app, follows) {
        Ok(engine) => engine,
        // It was stopped while it waited for something to begin with.
        Err(error) if follows && cancel.is_cancelled() && is_away(&error) => return (Done::default(), Ok(())),
        Err(error) => return (Done::default(), Err(error)),
    };
    let ran = engine.work();
    let done = engine.done();
    match engine.end(ran) {
        Ok(done) => (done, Ok(())),
        Err(error) => (done, Err(error)),
    }
}

impl Engine {
    pub(crate) fn start(app: Setup, follows: bool) -> Result<Self> {
        let on_errors: Vec<[OnError; 2]> = app.routes.iter().map(|route| app.on_error_of(route)).collect();
        let group = app.group_name();
        let transactions = app.exactly_once.then(|| {
            let id = app.transactional_id.clone().unwrap_or_else(|| Transactions::unlike_others(&group));
            Transactions::new(id, app.transaction_max, app.stall_limit)
        });
        let common = Arc::new(common_of(&app, &group));
        let listener = app.http.as_deref().map(|address| Listener::start(address, &common)).transpose()?;
        if let (Some(hook), Some(listener)) = (&app.on_http, &listener) {
            hook(listener.address());
        }
        // Whoever runs it to an end learns at once that nothing is there, and who tests it is in no hurry.
        let waits = follows && app.clock.as_virtual().is_none();
        let limit = app.stall_limit.filter(|_| waits).unwrap_or_default();
        let mut patience = Patience::new(&app.clock, limit, &app.cancel);
        if app.exactly_once {
            patience.insist(&common.pulse, || app.check_clusters())?;
        }
        let (mut tasks, mut routed) = (Vec::new(), HashMap::<String, Routed>::new());
        for (index, (route, on_error)) in app.routes.into_iter().zip(on_errors).enumerate() {
            let (task, topic) = task_of(index, route, on_error, &app.retries, &common)?;
            let entry = routed.entry(topic);
            entry.or_insert_with(|| Routed { tasks: Vec::new(), done_by: HashMap::new() }).tasks.push(index);
            tasks.push(task);
        }
        let mut outbox = Outbox::open(&tasks, app.stall_limit, transactions, follows)?;
        outbox.init()?;
        let (sender, events) = channel();
        let mut slots = Vec::new();
        for task in &tasks {
            for _ in 0..task.concurrency {
                let slot = Arc::new(Slot::default());
                Worker::start(task, &sender, &slot)?;
                slots.push((task.index, slot));
            }
        }
        let usage = if app.exactly_once { GroupUse::CommitNothing } else { GroupUse::CommitDone };
        let mut options = ReadOptions {
            follow: follows,
            group: Some(GroupOptions { name: group, usage }),
            track_done: true,
            keep_done: app.keeps_done,
            ..common.consumer.read_options()
        };
        options.batch_records_max = app.batch_records_max;
        options.consumer.buffer_bytes_max = options.consumer.buffer_bytes_max.min(BUFFER_BYTES_MAX);
        let mut topics: Vec<String> = routed.keys().cloned().collect();
        topics.sort();
        // Last, since whoever has joined a group has to leave it.
        let storage = common.consumer.storage.as_ref();
        let reader = patience.insist(&common.pulse, || Reader::open(storage, &topics, &options))?;
        let limits = Limits {
            poll_max: app.poll_max,
            in_work_max: app.in_work_max,
            bytes_max: app.bytes_max,
            drain_max: app.drain_max,
        };
        let mut engine = Self {
            reader,
            outbox,
            tasks,
            slots,
            routed,
            common,
            events,
            sender,
            budget: Arc::default(),
            ours: BTreeMap::new(),
            changes: u64::MAX,
            epoch: 0,
            hasher: RandomState::new(),
            serial: 0,
            limits,
            cancel: app.cancel,
            stayed: Instant::now(),
            _listener: listener,
        };
        engine.look_at_partitions();
        Ok(engine)
    }

    /// Reads, and sees to what comes of it, until it is asked to stop, or there is nothing more.
    pub(crate) fn work(&mut self) -> Result<()> {
        while !self.cancel.is_cancelled() {
            if self.round()? {
                return self.finish_all();
            }
        }
        self.settle(self.limits.drain_max)
    }

    /// Looks once at what came of messages, and reads some; true if there are no more.
    pub(crate) fn round(&mut self) -> Result<bool> {
        self.see_to_results(Duration::ZERO)?;
        if self.reader.is_revoking() {
            self.settle(self.limits.drain_max)?;
        }
        self.commit_for_now()?;
        if !self.has_room() {
            self.see_to_results(BUSY_WAIT)?;
            if self.stayed.elapsed() >= STAY_EVERY {
                self.reader.stay(Duration::ZERO)?;
                self.look_at_partitions();
                self.stayed = Instant::now();
            }
            return Ok(false);
        }
        self.stayed = Instant::now();
        let wait = if self.is_idle() { self.limits.poll_max } else { self.limits.poll_max.min(BUSY_WAIT) };
        let mut batch = Batch::new();
        let next = self.reader.read_within(&mut batch, wait)?;
        self.look_at_partitions();
        match next {
            Next::Messages => self.dispatch(batch),
            Next::Nothing => {}
            Next::End => return Ok(true),
        }
        Ok(false)
    }

    /// Ends after the work has ended like this: commits what is done, and leaves the group.
    pub(crate) fn end(self, ran: Result<()>) -> Result<Done> {
        self.tasks.iter().for_each(|task| task.lane.close());
        let Self { mut reader, outbox, common, .. } = self;
        let done = Done { published: outbox.written(), ..common.done() };
        // With transactions everything is committed by now.
        let is_over = outbox.transactions.is_some();
        let Err(error) = ran.and_then(|()| if is_over { Ok(()) } else { reader.commit_done() }) else {
            reader.close()?;
            outbox.close(Duration::from_secs(30))?;
            return Ok(done);
        };
        // What was done before the failure counts.
        if !is_over && let Err(also) = reader.commit_done() {
            log::info!("{also}");
        }
        reader.abandon();
        Err(error)
    }

    /// Whether more may be read.
    fn has_room(&self) -> bool {
        let waiting: usize = self.tasks.iter().map(|task| task.lane.load().0).sum();
        waiting < self.limits.in_work_max.div_ceil(2)
            && self.outbox.in_flight() < self.limits.in_work_max
            && self.budget.load(Ordering::Relaxed) < self.limits.bytes_max
    }

    /// Whether nothing is in work.
    fn is_idle(&self) -> bool {
        !self.reader.has_undone() && self.outbox.in_flight() == 0
    }

    /// Gives each message to the lanes of its topic's routes.
    fn dispatch(&mut self, batch: Batch) {
        self.look_for_repetitions(&batch);
        let held = Held::new(batch, &self.budget, self.epoch);
        let mut jobs: Vec<Vec<(u64, Job)>> = self.tasks.iter().map(|_| Vec::new()).collect();
        for run in Run::all(&held) {
            let Some(routed) = self.routed.get(run.topic()) else { continue };
            if let Some(consumed) = self.common.consumed.get(run.topic()) {
                consumed.fetch_add(run.len() as u64, Ordering::Relaxed);
            }
            for &task in &routed.tasks {
                let jobs = &mut jobs[task];
                if self.tasks[task].order == Order::Partition {
                    let shard = self.hasher.hash_one((run.topic(), run.partition()));
                    jobs.push((shard, Job { run: run.clone(), attempts: 0 }));
                    continue;
                }
                for index in run.indexes() {
                    let record = run.record(index);
                    let key = record.key.filter(|_| self.tasks[task].order == Order::Key);
                    let shard = match key {
                        Some(key) => self.hasher.hash_one((record.topic, key)),
                        None => {
                            self.serial += 1;
                            self.hasher.hash_one(self.serial)
                        }
                    };
                    jobs.push((shard, Job { run: run.part(index..index + 1), attempts: 0 }));
                }
            }
        }
        for (task, jobs) in self.tasks.iter().zip(jobs) {
            task.lane.put(jobs);
        }
    }

    /// Takes what workers have done, writes it, and takes note of what is delivered. Waits up to `wait_max` for
    /// something to happen.
    fn see_to_results(&mut self, wait_max: Duration) -> Result<()> {
        let waits_for_workers = self.outbox.transactions.is_some()
            || self.tasks.iter().any(|task| task.lane.load().1 > 0)
            || self.outbox.in_flight() == 0;
        let mut wait = if waits_for_workers { wait_max } else { Duration::ZERO };
        loop {
            match self.events.recv_timeout(wait) {
                Ok(Event::Done(load)) => self.outbox.add(load)?,
                Ok(Event::Stop(error)) => {
                    self.settle(self.limits.drain_max)?;
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
            wait = Duration::ZERO;
        }
        self.outbox.send()?;
        self.outbox.look(if waits_for_workers { Duration::ZERO } else { wait_max })?;
        self.take_overdue()?;
        self.note_done();
        self.feel_pulse();
        Ok(())
    }

    /// Takes note of how it goes, for who asks.
    fn feel_pulse(&self) {
        let Common { pulse, counts, .. } = &*self.common;
        let mut at_work = 0;
        for (task, counts) in self.tasks.iter().zip(counts) {
            let (waiting, busy) = task.lane.load();
            counts.waiting.store(waiting as u64, Ordering::Relaxed);
            counts.busy.store(busy as u64, Ordering::Relaxed);
            at_work += busy;
        }
        pulse.in_flight.store(self.outbox.in_flight() as u64, Ordering::Relaxed);
        pulse.undone.store(self.reader.undone(), Ordering::Relaxed);
        pulse.has_joined.store(self.reader.has_joined(), Ordering::Relaxed);
        self.common.published.store(self.outbox.written(), Ordering::Relaxed);
        let Done { processed, failed, .. } = self.common.done();
        pulse.beat(at_work, processed + failed);
        pulse.look(false, || self.reader.reached());
    }

    fn note_done(&mut self) {
        for (_, run) in self.outbox.take_done() {
            let Some(routed) = self.routed.get_mut(run.topic()) else { continue };
            let all = routed.tasks.len();
            if all == 1 {
                self.reader.done(run.topic(), run.partition(), run.offsets());
                continue;
            }
            for index in run.indexes() {
                let record = run.record(index);
                let by = routed.done_by.entry((record.partition, record.offset)).or_default();
                *by += 1;
                if *by == all {
                    routed.done_by.remove(&(record.partition, record.offset));
                    self.reader.done(record.topic, record.partition, record.offset..record.offset + 1);
                }
            }
        }
    }

    /// Takes what was not handled in time from its workers.
    fn take_overdue(&mut self) -> Result<()> {
        for (index, slot) in &mut self.slots {
            let task = &self.tasks[*index];
            if task.time_out.is_none() {
                continue;
            }
            if let Some(load) = slot.take_overdue(task) {
                *slot = Arc::new(Slot::default());
                Worker::start(task, &self.sender, slot)?;
                self.outbox.add(load?)?;
            }
        }
        Ok(())
    }

    /// Lets the messages in hand be finished, and delivers and commits what came of them, within `limit`; what waits
    /// stays where it is.
    fn settle(&mut self, limit: Duration) -> Result<()> {
        let until = self.common.clock.now() + limit;
        self.tasks.iter().for_each(|task| task.lane.hold(true));
        while self.tasks.iter().any(|task| task.lane.load().1 > 0) && self.common.clock.now() < until {
            match self.events.recv_timeout(BUSY_WAIT) {
                Ok(Event::Done(load)) => self.outbox.add(load)?,
                Ok(Event::Stop(error)) => log::warn!("{error}"),
                Err(_) => self.outbox.look(Duration::ZERO)?,
            }
            self.pass_time(until);
        }
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Done(load) => self.outbox.add(load)?,
                Event::Stop(error) => log::warn!("{error}"),
            }
        }
        let left = until.saturating_duration_since(self.common.clock.now()).max(BUSY_WAIT);
        if !self.outbox.flush(left)? {
            log::warn!("what is not delivered within {limit:?} is not committed, and handled again");
        }
        self.note_done();
        self.commit_now()?;
        while self.outbox.has_failed() && self.common.clock.now() < until {
            self.transact()?;
        }
        if !self.cancel.is_cancelled() {
            self.tasks.iter().for_each(|task| task.lane.hold(false));
        }
        Ok(())
    }

    /// Works on until nothing is left of what was read.
    fn finish_all(&mut self) -> Result<()> {
        while !self.cancel.is_cancelled() && !self.is_idle() {
            self.see_to_results(BUSY_WAIT)?;
            self.commit_for_now()?;
        }
        self.settle(self.limits.drain_max)
    }

    fn commit_for_now(&mut self) -> Result<()> {
        let is_due = self.reader.wants_commit() || self.outbox.is_transaction_due();
        if is_due { self.commit_now() } else { Ok(()) }
    }

    /// Writes what waits, and commits it with its messages.
    fn transact(&mut self) -> Result<()> {
        let ours = &self.ours;
        let is_ours = |run: &Run| {
            let found = ours.get(&(run.topic().to_string(), run.partition()));
            found.is_some_and(|ours| ours.since <= run.epoch())
        };
        if let Outcome::Aborted = self.outbox.transact(&mut self.reader, is_ours)? {
            self.reader.stay(STAY_EVERY)?;
            self.look_at_partitions();
        }
        Ok(())
    }

    /// Commits what is done; where that cannot be done now, a later commit makes up for it.
    fn commit_now(&mut self) -> Result<()> {
        let _span = trace::committing(&self.common.app);
        let begun = self.common.clock.now();
        let in_transactions = self.outbox.transactions.is_some();
        let committed = if in_transactions { self.transact() } else { self.reader.commit_done() };
        self.common.pulse.commits.add(self.common.clock.now() - begun, 1);
        if committed.is_err() {
            self.common.pulse.commit_failures.fetch_add(1, Ordering::Relaxed);
        }
        match committed {
            Err(error)
                if !in_transactions && (error.kind() == ErrorKind::Fenced || error.retryable() == Retry::Later) =>
            {
                log::warn!("{error}: what is not committed is handled again by whoever gets the partition");
                Ok(())
            }
            committed => committed,
        }
    }
}

/// What all tasks share.
fn common_of(app: &Setup, group: &str) -> Common {
    Common {
        app: app.name.clone(),
        group: group.to_string(),
        consumer: app.consumer.clone(),
        producer: app.producer.clone(),
        hooks: app.hooks.clone(),
        states: app.states.clone(),
        begins_traces: app.begins_traces,
        pulse: Pulse::new(app.clock.clone(), app.stall_max),
        clock: app.clock.clone(),
        consumed: app.routes.iter().map(|route| (route.topic.clone(), AtomicU64::new(0))).collect(),
        published: AtomicU64::new(0),
        counts: app.routes.iter().map(|route| Counts::new(route.topic.clone())).collect(),
    }
}

/// A route as it runs, and its topic.
fn task_of(
    index: usize,
    route: Route,
    on_error: [OnError; 2],
    retries: &crate::policy::Retries,
    common: &Arc<Common>,
) -> Result<(Arc<Task>, String)> {
    let Route { topic, publish_to, accepts, returns, key_returns, work, policies, .. } = route;
    let task = Task {
        index,
        common: Arc::clone(common),
        publish_to,
        accepts: accepts?,
        returns: returns?,
        key_returns,
        work: work.ok_or_else(|| wrong("a route has no handler"))?,
        order: policies.order,
        concurrency: policies.concurrency,
        retries: policies.retries.unwrap_or_else(|| retries.clone()),
        on_error,
        time_out: policies.time_out,
        pace: policies.rate.map(Pace::new),
        lane: Lane::new(policies.breaker),
    };
    Ok((Arc::new(task), topic))
}
