//! A route that runs.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafi_core::functional::Place;
use kafi_core::{Encoder, Error, Field, Record, Result, Serde, Type};

use crate::engine::clock::Clock;
use crate::engine::lane::Lane;
use crate::engine::pulse::{Histogram, Pulse};
use crate::engine::setup::Done;
use crate::engine::trace;
use crate::handler::Fault;
use crate::hooks::Hooks;
use crate::input::{Decoders, States};
use crate::policy::{OnError, Order, Retries};
use crate::route::Work;

/// What all tasks of an app share.
pub(crate) struct Common {
    pub(crate) app: String,
    pub(crate) group: String,
    pub(crate) consumer: Place,
    pub(crate) producer: Place,
    pub(crate) hooks: Hooks,
    pub(crate) states: States,
    pub(crate) clock: Clock,
    /// Whether messages without a trace context begin one.
    pub(crate) begins_traces: bool,
    /// The messages that were read, by topic.
    pub(crate) consumed: BTreeMap<String, AtomicU64>,
    /// The outputs that were delivered.
    pub(crate) published: AtomicU64,
    /// What happened on each route.
    pub(crate) counts: Vec<Counts>,
    pub(crate) pulse: Pulse,
}

/// What happened so far on a route.
pub(crate) struct Counts {
    pub(crate) topic: String,
    pub(crate) processed: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) took: Histogram,
    /// The messages that wait for a thread, and the threads that work, as of the last look.
    pub(crate) waiting: AtomicU64,
    pub(crate) busy: AtomicU64,
}

impl Counts {
    pub(crate) fn new(topic: String) -> Self {
        Self {
            topic,
            processed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            dead_letters: AtomicU64::new(0),
            took: Histogram::default(),
            waiting: AtomicU64::new(0),
            busy: AtomicU64::new(0),
        }
    }
}

impl Common {
    /// What the app did so far.
    pub(crate) fn done(&self) -> Done {
        let mut done = Done { published: self.published.load(Ordering::Relaxed), ..Done::default() };
        done.consumed = self.consumed.values().map(|count| count.load(Ordering::Relaxed)).sum();
        for Counts { processed, failed, skipped, dead_letters, .. } in &self.counts {
            done.processed += processed.load(Ordering::Relaxed);
            done.failed += failed.load(Ordering::Relaxed);
            done.skipped += skipped.load(Ordering::Relaxed);
            done.dead_letters += dead_letters.load(Ordering::Relaxed);
        }
        done
    }
}

/// A route that runs, shared by its threads.
pub(crate) struct Task {
    pub(crate) index: usize,
    pub(crate) common: Arc<Common>,
    pub(crate) publish_to: Option<Arc<str>>,
    pub(crate) accepts: Serde,
    pub(crate) returns: Serde,
    pub(crate) key_returns: Serde,
    pub(crate) work: Work,
    pub(crate) order: Order,
    pub(crate) concurrency: usize,
    pub(crate) retries: Retries,
    /// For what cannot be decoded, and for the rest.
    pub(crate) on_error: [OnError; 2],
    pub(crate) time_out: Option<Duration>,
    pub(crate) pace: Option<Pace>,
    pub(crate) lane: Lane,
}

/// What becomes of a message that failed.
pub(crate) enum Verdict {
    /// It is tried again then.
    Again(Instant),
    /// It is written to this topic.
    Letter(String, Error),
    /// It is left out.
    Skip,
    /// The app stops.
    Stop(Error),
}

impl Task {
    /// What happened so far.
    pub(crate) fn counts(&self) -> &Counts {
        &self.common.counts[self.index]
    }

    /// What decodes its messages.
    pub(crate) fn decoders(&self) -> Result<Decoders> {
        let Common { consumer, .. } = &*self.common;
        let key = consumer.decoder(&Serde::default(), Field::Key)?;
        Ok(Decoders { key, value: consumer.decoder(&self.accepts, Field::Value)? })
    }

    /// What encodes its outputs.
    pub(crate) fn encoders(&self) -> Result<[Box<dyn Encoder>; 2]> {
        let Common { producer, .. } = &*self.common;
        let key = producer.encoder(&self.key_returns, Field::Key, Type::Auto)?;
        Ok([key, producer.encoder(&self.returns, Field::Value, Type::Auto)?])
    }

    /// What becomes of a message that has failed so often.
    pub(crate) fn verdict(&self, record: &Record<'_>, fault: Fault, attempts: u32) -> Verdict {
        let (error, is_decoding) = match fault {
            Fault::Decode(error) => (error, true),
            Fault::Handle(error) => (error, false),
        };
        let error = located(error, record);
        self.counts().failed.fetch_add(1, Ordering::Relaxed);
        trace::failed(&self.common.app, record, &error, attempts);
        self.common.hooks.failed(record, &error, attempts);
        // Where a registry cannot be reached no message is to blame.
        let is_for_good = is_decoding && !error.concerns_all();
        let wait = self.retries.wait_after(attempts, &error, RandomState::new().hash_one(record.offset));
        if let Some(wait) = wait.filter(|_| !is_for_good) {
            log::info!("attempt {attempts}: {error}: trying again in {wait:?}");
            self.counts().retried.fetch_add(1, Ordering::Relaxed);
            return Verdict::Again(self.common.clock.now() + wait);
        }
        self.last_verdict(error, is_decoding)
    }

    /// What becomes of a message that is not tried again.
    pub(crate) fn last_verdict(&self, error: Error, is_decoding: bool) -> Verdict {
        let Counts { dead_letters, skipped, .. } = self.counts();
        match &self.on_error[usize::from(!is_decoding)] {
            OnError::DeadLetter(topic) => {
                log::warn!("dead letter: {error}");
                dead_letters.fetch_add(1, Ordering::Relaxed);
                Verdict::Letter(topic.clone(), error)
            }
            OnError::Skip => {
                log::warn!("left out: {error}");
                skipped.fetch_add(1, Ordering::Relaxed);
                Verdict::Skip
            }
            OnError::Stop => Verdict::Stop(error),
        }
    }
}

/// The error with the place of the message, as far as it does not say that itself.
fn located(error: Error, record: &Record<'_>) -> Error {
    let is_there = |key: &str| error.context().any(|(known, _)| known == key);
    let missing = ["topic", "partition", "offset"].map(|key| !is_there(key));
    let place = [record.topic.to_string(), record.partition.to_string(), record.offset.to_string()];
    let pairs = ["topic", "partition", "offset"].into_iter().zip(place).zip(missing);
    pairs.filter(|(_, is_missing)| *is_missing).fold(error, |error, ((key, value), _)| error.with(key, value))
}

/// So many messages a second.
pub(crate) struct Pace {
    every: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(per_second: f64) -> Self {
        Self { every: Duration::from_secs_f64(1.0 / per_second), next: Mutex::new(None) }
    }

    /// When the message in hand may be handled.
    pub(crate) fn turn(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.every);
        turn
    }
}
