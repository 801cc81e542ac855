//! Writes what comes of messages, and says which of these are done.
//!
//! Outputs are handed to the producer in loads, one after another. The messages of a load are done when it is delivered.
//! An output that can never be delivered, such as one that is too large, is the failure of its message: everything that
//! may not be delivered is then handed over again, in small portions, without the outputs of that message, for which its
//! route's policy says what becomes of it. So outputs may be written twice, and none is lost.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kafi_core::{Error, ErrorKind, ProducerOptions, Result, Retry, Writer};

use crate::engine::load::{Letter, Load};
use crate::engine::patience::is_away;
use crate::engine::run::Run;
use crate::engine::task::{Common, Task, Verdict};
use crate::engine::trace;
use crate::engine::waiting::Transactions;
use crate::output::Origin;

/// Loads that are smaller are gathered before they are handed over.
const SMALL: usize = 1_000;

/// So many outputs are handed over at once after a failure.
const PORTION: usize = 100;

/// See the [module](self).
pub(crate) struct Outbox {
    pub(super) writer: Writer,
    tasks: Vec<Arc<Task>>,
    gathering: Load,
    /// Where everything is written in transactions, what waits for the next one.
    pub(super) transactions: Option<Transactions>,
    /// What was handed over, with the writer's number of it.
    sent: VecDeque<(u64, Load)>,
    /// The messages that are done, and nobody has asked for, with their tasks.
    done: Vec<(usize, Run)>,
    /// Whether what comes of each message is handed over by itself, as in tests.
    is_stepwise: bool,
}

impl Outbox {
    pub(crate) fn open(
        tasks: &[Arc<Task>],
        stall_limit: Option<Duration>,
        transactions: Option<Transactions>,
        follows: bool,
    ) -> Result<Self> {
        let id = transactions.as_ref().map(|transactions| transactions.id.clone());
        // Where there are transactions somebody has asked which cluster it is; what it says first may be "later".
        let is_reached = follows || stall_limit.is_none() || id.is_some() || is_there(tasks);
        let writer = open_writer(tasks, stall_limit, id, is_reached)?;
        Ok(Self {
            writer,
            is_stepwise: tasks[0].common.clock.as_virtual().is_some(),
            tasks: tasks.to_vec(),
            gathering: Load::new(0),
            transactions,
            sent: VecDeque::new(),
            done: Vec::new(),
        })
    }

    /// Takes what came of messages.
    ///
    /// # Errors
    /// What the writer fails with, save for failures of single messages.
    pub(crate) fn add(&mut self, load: Load) -> Result<()> {
        if let Some(transactions) = &mut self.transactions {
            transactions.add(load);
            return Ok(());
        }
        if load.out.is_empty() {
            let Load { task, runs, .. } = load;
            self.done.extend(runs.into_iter().map(|run| (task, run)));
            return Ok(());
        }
        if self.gathering.task != load.task || load.out.len() >= SMALL {
            self.send()?;
        }
        if self.gathering.is_empty() {
            self.gathering = load;
        } else {
            self.gathering.append(&load);
        }
        let is_due = self.gathering.out.len() >= SMALL || self.gathering.out.is_full() || self.is_stepwise;
        if is_due { self.send() } else { Ok(()) }
    }

    /// Hands over what was gathered. Blocks while the producer's queue is full.
    ///
    /// # Errors
    /// As for [`add`](Outbox::add).
    pub(crate) fn send(&mut self) -> Result<()> {
        if self.gathering.is_empty() {
            return Ok(());
        }
        let load = std::mem::replace(&mut self.gathering, Load::new(0));
        let written = self.hand_over(load);
        self.recovered(written)
    }

    /// Takes in the reports that are there, and waits up to `wait_max` for a first one.
    ///
    /// # Errors
    /// As for [`add`](Outbox::add).
    pub(crate) fn look(&mut self, wait_max: Duration) -> Result<()> {
        let looked = self.writer.look(wait_max);
        self.recovered(looked)?;
        self.take_delivered();
        Ok(())
    }

    /// Waits until everything is delivered, up to `limit`; false if it is not.
    ///
    /// # Errors
    /// As for [`add`](Outbox::add).
    pub(crate) fn flush(&mut self, limit: Duration) -> Result<bool> {
        self.send()?;
        let flushed = match self.writer.flush(Some(limit)) {
            // What the writer waits for says why the time was not enough.
            Err(error) if self.writer.in_flight() > 0 && is_away(&error) && error.retryable() == Retry::Later => {
                return Ok(false);
            }
            flushed => flushed,
        };
        self.recovered(flushed)?;
        self.take_delivered();
        Ok(self.sent.is_empty())
    }

    /// The messages that are done since this was asked last, with their tasks.
    pub(crate) fn take_done(&mut self) -> impl Iterator<Item = (usize, Run)> {
        self.done.drain(..)
    }

    /// How many outputs are not delivered yet.
    pub(crate) fn in_flight(&self) -> usize {
        let waiting = self.transactions.as_ref().map_or(0, Transactions::waiting);
        self.writer.in_flight() as usize + self.gathering.out.len() + waiting
    }

    /// How many outputs were delivered, and committed where that is done in transactions.
    pub(crate) fn written(&self) -> u64 {
        self.transactions.as_ref().map_or_else(|| self.writer.written(), Transactions::committed)
    }

    /// Frees the writer, after a [`flush`](Outbox::flush).
    ///
    /// # Errors
    /// Those of [`Writer::close`].
    pub(crate) fn close(self, limit: Duration) -> Result<u64> {
        self.writer.close(Some(limit))
    }

    fn hand_over(&mut self, mut load: Load) -> Result<()> {
        // So that a report of a failure says which one it was.
        load.out.metas_mut().iter_mut().enumerate().for_each(|(index, meta)| meta.offset = index as i64);
        let _span = trace::producing(&self.tasks[load.task].common.app, load.out.len());
        let written = self.writer.write(&load.out);
        self.sent.push_back((self.writer.handed_over(), load));
        written
    }

    fn take_delivered(&mut self) {
        while let Some((_, load)) = self.sent.pop_front_if(|(number, _)| *number <= self.writer.delivered()) {
            if !load.is_part {
                self.done.extend(load.runs.into_iter().map(|run| (load.task, run)));
            }
        }
    }

    /// Goes on after the failure of an output.
    fn recovered(&mut self, written: Result<()>) -> Result<()> {
        let Err(failure) = written else { return Ok(()) };
        let copy = failure.duplicate();
        if !is_of_message(&failure) {
            return Err(failure);
        }
        let place = self.writer.go_on_after(failure)?;
        self.take_delivered();
        let mut rest: VecDeque<Load> = VecDeque::new();
        for (number, mut load) in std::mem::take(&mut self.sent) {
            if number == place.0 && place.1.start() == place.1.end() {
                self.blame(&mut load, *place.1.start() as usize, copy.duplicate())?;
            }
            rest.push_back(load);
        }
        rest.into_iter().try_for_each(|load| self.send_carefully(load))
    }

    /// Hands a load over in small portions, and waits for each.
    fn send_carefully(&mut self, load: Load) -> Result<()> {
        let mut portions = VecDeque::from(portions(load, PORTION));
        while let Some(load) = portions.pop_front() {
            let written = self.hand_over(load).and_then(|()| self.writer.flush(None));
            let Err(failure) = written else {
                self.take_delivered();
                continue;
            };
            let copy = failure.duplicate();
            if !is_of_message(&failure) {
                return Err(failure);
            }
            let (_, among) = self.writer.go_on_after(failure)?;
            let (_, mut load) = self.sent.pop_back().expect("it was handed over");
            if among.start() == among.end() {
                self.blame(&mut load, *among.start() as usize, copy)?;
                portions.push_front(load);
            } else {
                // It is one of several: each is tried by itself.
                let half = load.out.len().div_ceil(2);
                self::portions(load, half).into_iter().rev().for_each(|half| portions.push_front(half));
            }
        }
        Ok(())
    }

    /// Does with the messages behind an output what their route says of failures.
    pub(super) fn blame(&mut self, load: &mut Load, output: usize, error: Error) -> Result<()> {
        let origin = load.origins[output];
        if origin.is_letter {
            let why = format!("a dead letter cannot be written: {}", error.message());
            let error = Error::new(error.kind(), "write dead letter", why);
            let run = &load.runs[origin.run as usize];
            let error = error.with("topic", run.topic()).with("partition", run.partition());
            return Err(error.hint("the message stays uncommitted; raise the limit of the topic of dead letters"));
        }
        let task = Arc::clone(&self.tasks[load.task]);
        let (mut kept, old) = (Load::new(load.task), std::mem::replace(load, Load::new(0)));
        for (record, of) in old.out.iter().zip(&old.origins) {
            if *of != origin {
                kept.out.push(record);
                kept.origins.push(*of);
            }
        }
        let run = old.runs[origin.run as usize].clone();
        for index in origin.first..origin.first + origin.count {
            let record = run.record(index as usize);
            task.common.hooks.failed(&record, &error, 1);
            match task.last_verdict(error.duplicate(), false) {
                Verdict::Stop(error) => return Err(error.with("of offset", record.offset)),
                Verdict::Letter(topic, error) => {
                    let letter = Letter { topic: &topic, app: &task.common.app, error: &error, attempts: 1 };
                    kept.push_letter(&record, Origin { first: index, count: 1, ..origin }, &letter);
                }
                Verdict::Skip | Verdict::Again(_) => {}
            }
        }
        (kept.runs, kept.messages, kept.is_part) = (old.runs, old.messages, old.is_part);
        *load = kept;
        Ok(())
    }
}

/// The same in loads of so many outputs; its messages are done with the last.
fn portions(load: Load, size: usize) -> Vec<Load> {
    let Load { task, out, origins, runs, messages, is_part } = load;
    let count = out.len().div_ceil(size.max(1)).max(1);
    let mut all: Vec<Load> = (0..count).map(|_| Load::new(task)).collect();
    for (index, (record, origin)) in out.iter().zip(origins).enumerate() {
        let portion = &mut all[index / size.max(1)];
        portion.out.push(record);
        portion.origins.push(origin);
    }
    // Who is to blame for an output is looked up in any of them.
    all.iter_mut().for_each(|portion| portion.runs.clone_from(&runs));
    if let Some((last, before)) = all.split_last_mut() {
        (last.messages, last.is_part) = (messages, is_part);
        before.iter_mut().for_each(|portion| portion.is_part = true);
    }
    all
}

/// A writer to the storage of the outputs.
fn open_writer(
    tasks: &[Arc<Task>],
    stall_limit: Option<Duration>,
    transactional_id: Option<String>,
    is_reached: bool,
) -> Result<Writer> {
    let common = &tasks[0].common;
    let options = ProducerOptions { transactional_id, ..ProducerOptions::default() };
    let mut writer = Writer::open(common.producer.storage.as_ref(), &options, Arc::default())?;
    writer = writer.stall_limit(stall_limit.unwrap_or(Duration::MAX));
    if is_reached {
        writer = writer.reached();
    }
    if !common.hooks.on_published.is_empty() {
        let common = Arc::clone(common);
        writer.on_delivery(move |report| common.hooks.published(report));
    }
    Ok(writer)
}

/// Whether the storage of the outputs is there for certain, so that it is waited for also where it cannot be reached when
/// there is something to write for the first time: messages are read from it, or it answers now.
fn is_there(tasks: &[Arc<Task>]) -> bool {
    let Common { consumer, producer, .. } = &*tasks[0].common;
    let answers = || {
        let topic = tasks.iter().find_map(|task| task.publish_to.as_deref());
        topic.is_some_and(|topic| producer.exists(topic).is_ok())
    };
    Arc::ptr_eq(&consumer.storage, &producer.storage) || answers()
}

/// Whether an output failed by itself, and others may not.
pub(super) fn is_of_message(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Usage | ErrorKind::Corrupt | ErrorKind::OutOfRange)
}
