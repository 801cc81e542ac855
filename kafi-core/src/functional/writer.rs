//! Writes batch after batch and keeps the account of what was delivered.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::functional::account::Account;
use crate::functional::{Cancel, Progress};
use crate::producer::{Delivery, MESSAGE_CONTEXT, Producer, ProducerOptions, Report};
use crate::storage::Storage;

/// One wait is this long at most, so that reports are counted while a queue is full.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// A storage that answers at once that nothing goes on is asked again after this long.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// How long a storage that has taken nothing yet may take to look up what it needs.
const LOOK_UP_MAX: Duration = Duration::from_secs(30);

/// After so long without a report it is said what is waited for.
const SAY_AFTER: Duration = Duration::from_secs(4);

/// Whoever asked to stop does not want to wait longer than this for a storage that has stalled.
const CANCELLED_MAX: Duration = Duration::from_secs(10);

/// How long the reason of a failure is waited for, where others that came of it are reported first.
const REASON_MAX: Duration = Duration::from_secs(10);

/// How long freeing what a producer holds may take.
const CLOSE_MAX: Duration = Duration::from_secs(30);

/// A function that sees each delivery report.
pub type OnDelivery = Box<dyn FnMut(&Report) + Send>;

/// Writes batches, waits where the storage is slower, and stops at the first message that fails.
///
/// A storage that cannot go on for now (a broker that restarts, requests that are throttled) is waited for until no
/// report has come for [`stall_limit`](Writer::stall_limit); what is waited for is said once, as a warning of the log.
pub struct Writer {
    pub(super) producer: Box<dyn Producer>,
    storage: String,
    progress: Arc<Progress>,
    on_delivery: Option<OnDelivery>,
    account: Account,
    token: u64,
    pub(super) written: u64,
    /// What was written when the transaction began that is open.
    pub(super) transaction: Option<u64>,
    /// What the offsets of messages that fail are called.
    offsets: Option<&'static str>,
    /// The message that failed by itself, since the writer began: its batch, by number, and its offset there, or those
    /// among which it is.
    failed_at: Option<(u64, RangeInclusive<i64>)>,
    pub(super) stall: Stall,
}

/// What is known of a storage that does not go on.
pub(super) struct Stall {
    limit: Duration,
    cancel: Option<Cancel>,
    /// Whether anything was ever taken, or is sure to be.
    pub(super) was_reached: bool,
    /// When the last report came, or the first message that waits for one was handed over.
    since: Instant,
    /// Why it does not go on, in the storage's words.
    cause: Option<Error>,
    was_said: bool,
}

impl Writer {
    /// How long a storage may report nothing before that is an error, unless it is told otherwise.
    pub const STALL_LIMIT: Duration = Duration::from_secs(120);

    /// A writer to any topics of `storage`, which counts what was delivered in `progress`. Does not wait for a server.
    ///
    /// # Errors
    /// Those of [`Storage::producer`].
    pub fn open(storage: &dyn Storage, options: &ProducerOptions, progress: Arc<Progress>) -> Result<Self> {
        let stall = Stall {
            limit: Self::STALL_LIMIT,
            cancel: None,
            was_reached: false,
            since: Instant::now(),
            cause: None,
            was_said: false,
        };
        Ok(Self {
            producer: storage.producer(options)?,
            storage: storage.name().to_string(),
            progress,
            on_delivery: None,
            account: Account::default(),
            token: 0,
            written: 0,
            transaction: None,
            offsets: None,
            failed_at: None,
            stall,
        })
    }

    /// How long the storage may report nothing, while messages wait for their reports, before that is an error.
    /// Default: [`STALL_LIMIT`](Writer::STALL_LIMIT).
    pub fn stall_limit(mut self, limit: Duration) -> Self {
        self.stall.limit = limit;
        self
    }

    /// Somebody has spoken to the storage just now, so that it is waited for also where it cannot be reached for the
    /// first message. Default: that is an error at once.
    pub fn reached(mut self) -> Self {
        self.stall.was_reached = true;
        self
    }

    /// A wish to stop, after which a storage that has stalled is not waited for long. Default: none.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.stall.cancel = Some(cancel.clone());
        self
    }

    /// What the offsets of the messages that are written mean, "source offset" or "input line"; the error of a message
    /// that fails then names it. Default: nothing.
    pub fn offsets_are(mut self, what: &'static str) -> Self {
        self.offsets = Some(what);
        self
    }

    /// Calls `function` with each delivery report, also with those of failures.
    pub fn on_delivery(&mut self, function: impl FnMut(&Report) + Send + 'static) {
        self.on_delivery = Some(Box::new(function));
    }

    /// Hands over all messages of `batch`. Blocks as long as the storage's queue is full; they are written for certain
    /// only after [`flush`](Writer::flush).
    ///
    /// # Errors
    /// The first failure of any message so far, what the storage waits for once it has stalled, those of
    /// [`Producer::produce`] that a retry does not help, and `Unexpected` for a storage that does not report each
    /// message once.
    pub fn write(&mut self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.token += 1;
        self.account.begin(self.token);
        if self.account.in_flight() == 0 {
            self.stall.end();
        }
        let mut from = 0;
        while from < batch.len() {
            let begun = Instant::now();
            let taken = match self.producer.produce(batch, from, self.token, WAIT_MAX) {
                Ok(taken) if taken <= batch.len() - from => taken,
                Ok(taken) => return Err(self.took_too_many(taken, batch.len() - from)),
                Err(error) => self.not_yet(error)?,
            };
            self.account.take(batch, from, taken);
            from += taken;
            self.stall.was_reached |= taken > 0;
            if !self.collect()? && taken == 0 {
                self.stand_still(begun)?;
            }
        }
        self.account.end();
        Ok(())
    }

    /// Waits until each message that was handed over has its report; without a `timeout` until the storage has stalled.
    ///
    /// # Errors
    /// The first failure of any message, `Timeout`, what the storage waits for once it has stalled, those of
    /// [`Producer::flush`] that a retry does not help, and `Unexpected` for a storage that does not report each message
    /// once.
    pub fn flush(&mut self, timeout: Option<Duration>) -> Result<()> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while self.account.in_flight() > 0 {
            let begun = Instant::now();
            let left = until.map_or(WAIT_MAX, |until| until.saturating_duration_since(begun));
            match self.producer.flush(left.min(WAIT_MAX)) {
                Ok(()) => {
                    while self.collect()? {}
                    return if self.account.in_flight() == 0 { Ok(()) } else { Err(self.lost_reports()) };
                }
                Err(error) => {
                    if let Err(error) = self.stall.not_yet(error) {
                        self.collect()?;
                        return Err(self.explained(error));
                    }
                }
            }
            if self.collect()? {
                continue;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(self.timed_out());
            }
            self.stand_still(begun)?;
        }
        Ok(())
    }

    /// As [`flush`](Writer::flush), but also what comes behind a failure gets its report, so that the count of what was
    /// written is exact.
    ///
    /// # Errors
    /// The first failure, as for [`flush`](Writer::flush).
    pub fn settle(&mut self) -> Result<()> {
        let mut first = Ok(());
        loop {
            let in_flight = self.account.in_flight();
            let flushed = self.flush(None);
            let is_over = flushed.is_ok() || self.account.in_flight() == in_flight;
            first = first.and(flushed);
            if is_over {
                return first;
            }
        }
    }

    /// Takes in the reports that are there, and waits up to `wait_max` for a first one.
    ///
    /// # Errors
    /// The first failure of any message, and what the storage waits for once it has stalled.
    pub fn look(&mut self, wait_max: Duration) -> Result<()> {
        if self.account.in_flight() == 0 || self.collect_within(wait_max)? {
            return Ok(());
        }
        self.check_stall()
    }

    /// How many messages are handed over and not reported yet.
    pub fn in_flight(&self) -> u64 {
        self.account.in_flight()
    }

    /// Goes on after a failure: waits for the reports of everything that is under way, and then forgets what was handed
    /// over. Says which message failed: its batch, as [`handed_over`](Writer::handed_over) counts, and its offset there,
    /// or those among which it is. What [`delivered`](Writer::delivered) said before is delivered; of the rest anything
    /// may be, and whoever calls hands it over again, without the message that failed.
    ///
    /// # Errors
    /// `failure`, where it is not that of a message, or reports are missing: then there is nothing to go on with.
    pub fn go_on_after(&mut self, failure: Error) -> Result<(u64, RangeInclusive<i64>)> {
        let Some(place) = self.failed_at.clone() else { return Err(failure) };
        // What else has failed is known once it fails again.
        let _also_failed = self.settle();
        if self.account.in_flight() > 0 {
            return Err(failure);
        }
        self.forget();
        Ok(place)
    }

    /// Forgets what was handed over, all of which is reported.
    pub(super) fn forget(&mut self) {
        self.account.forget_all();
        self.failed_at = None;
    }

    /// The messages that were reported as written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many batches were handed over so far.
    pub fn handed_over(&self) -> u64 {
        self.token
    }

    /// How many of them are delivered, each one after all before it.
    pub fn delivered(&self) -> u64 {
        self.account.delivered_through()
    }

    /// Flushes and frees what the writer holds; returns how many messages were written.
    ///
    /// # Errors
    /// As for [`flush`](Writer::flush).
    pub fn close(mut self, timeout: Option<Duration>) -> Result<u64> {
        self.flush(timeout)?;
        let begun = Instant::now();
        let limit = timeout.unwrap_or(CLOSE_MAX);
        loop {
            match self.producer.close(limit.saturating_sub(begun.elapsed())) {
                Ok(()) => return Ok(self.written),
                Err(error) if is_passing(&error) && begun.elapsed() < limit => thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes in the reports that are there; whether there were some.
    fn collect(&mut self) -> Result<bool> {
        self.collect_within(Duration::ZERO)
    }

    fn collect_within(&mut self, wait_max: Duration) -> Result<bool> {
        let (seen, failure) = self.take_in(wait_max).map_err(|error| self.explained(error))?;
        match failure {
            None => Ok(seen),
            Some(failure) if is_secondary(&failure) => Err(self.reason(failure)),
            Some(failure) => Err(failure),
        }
    }

    /// Takes in the reports that are there, with the first failure among them, if possible one that did not come of
    /// another.
    pub(super) fn take_in(&mut self, wait_max: Duration) -> Result<(bool, Option<Error>)> {
        let reports = match self.producer.reports(wait_max) {
            Ok(reports) => reports,
            Err(error) => return self.stall.not_yet(error).map(|_| (false, None)),
        };
        let mut failure: Option<Error> = None;
        for report in reports {
            self.account.settle(report).map_err(|error| error.with("storage", &self.storage))?;
            match &report.delivery {
                Delivery::At(_) | Delivery::Unknown => {
                    self.written += report.count;
                    self.progress.add_written(report.count);
                }
                Delivery::Failed(error)
                    if failure.as_ref().is_none_or(|first| is_secondary(first) && !is_secondary(error)) =>
                {
                    let offsets = self.account.offsets_of(report);
                    if let (None, false, Some(offsets)) = (&self.failed_at, is_secondary(error), &offsets) {
                        self.failed_at = Some((report.token, offsets.clone()));
                    }
                    failure = Some(failed(report, error, self.offsets.zip(offsets)));
                }
                Delivery::Failed(_) => {}
            }
            if let Some(function) = &mut self.on_delivery {
                function(report);
            }
        }
        let seen = !reports.is_empty();
        if seen {
            self.account.forget_delivered();
            self.stall.end();
        }
        Ok((seen, failure))
    }

    /// Takes an error for the cause of a wait, if it may pass. Where it came of the failure of a message, it is that.
    pub(super) fn not_yet(&mut self, error: Error) -> Result<usize> {
        self.stall.not_yet(error).map_err(|error| self.explained(error))
    }

    /// The failure of the message of which an error came, such as that of a transaction which has to be aborted; else the
    /// error.
    fn explained(&mut self, error: Error) -> Error {
        let is_result = is_secondary(&error) && error.retryable() == Retry::Never;
        if is_result { self.reason(error) } else { error }
    }

    /// The failure that others came of, which is reported later than they are.
    fn reason(&mut self, first: Error) -> Error {
        let begun = Instant::now();
        while self.account.in_flight() > 0 && begun.elapsed() < REASON_MAX {
            let asked = Instant::now();
            let flushed = self.producer.flush(WAIT_MAX);
            match self.take_in(Duration::ZERO) {
                Ok((_, Some(failure))) if !is_secondary(&failure) => return failure,
                Ok((true, _)) => {}
                Ok((false, _)) if flushed.is_err() => pause(asked),
                Ok((false, _)) | Err(_) => break,
            }
        }
        // Nobody asked to stop.
        rebuilt(&first, ErrorKind::Unexpected)
    }

    /// Waits a moment, unless the storage has stalled for too long.
    fn stand_still(&mut self, begun: Instant) -> Result<()> {
        self.check_stall()?;
        pause(begun);
        Ok(())
    }

    /// Says what is waited for, unless it was waited for too long.
    pub(super) fn check_stall(&mut self) -> Result<()> {
        if self.stall.is_over() {
            let seconds = self.stall.since.elapsed().as_secs();
            let why = format!(
                "{} messages were not acknowledged, and none in the last {seconds} s",
                self.account.in_flight()
            );
            let stalled = |cause: &Error| cause.duplicate().retry(Retry::Exhausted);
            let unknown =
                || Error::new(ErrorKind::Timeout, "write", why).with("storage", &self.storage).retry(Retry::Exhausted);
            return Err(self.stall.cause.as_ref().map_or_else(unknown, stalled));
        }
        self.stall.say(&self.storage);
        Ok(())
    }

    fn timed_out(&self) -> Error {
        let why = format!("{} messages are not acknowledged yet", self.account.in_flight());
        let unknown =
            || Error::new(ErrorKind::Timeout, "write", why).with("storage", &self.storage).retry(Retry::Later);
        self.stall.cause.as_ref().map_or_else(unknown, Error::duplicate)
    }

    fn lost_reports(&self) -> Error {
        let why = format!(
            "the storage says that everything is reported, but {} messages are not: they may be written or not",
            self.account.in_flight()
        );
        Error::new(ErrorKind::Unexpected, "write", why).with("storage", &self.storage)
    }

    fn took_too_many(&self, taken: usize, left: usize) -> Error {
        let why = format!("the storage says that it took {taken} messages, where there were {left}");
        Error::new(ErrorKind::Unexpected, "write", why).with("storage", &self.storage)
    }
}

impl Stall {
    /// Takes an error for the cause of a wait, if it may pass.
    pub(super) fn not_yet(&mut self, error: Error) -> Result<usize> {
        // A storage that was never reached may not be there at all.
        if !is_passing(&error) || !self.was_reached && error.kind() != ErrorKind::Timeout {
            return Err(error);
        }
        self.cause = Some(error);
        Ok(0)
    }

    /// It goes on.
    pub(super) fn end(&mut self) {
        if self.was_said {
            log::info!("it goes on after {} s", self.since.elapsed().as_secs());
        }
        self.was_said = false;
        self.cause = None;
        self.since = Instant::now();
    }

    fn is_over(&self) -> bool {
        let limit = if self.was_reached { self.limit } else { self.limit.min(LOOK_UP_MAX) };
        let is_cancelled = self.cancel.as_ref().is_some_and(Cancel::is_cancelled);
        self.since.elapsed() >= if is_cancelled { limit.min(CANCELLED_MAX) } else { limit }
    }

    fn say(&mut self, storage: &str) {
        if self.was_said || self.since.elapsed() < SAY_AFTER {
            return;
        }
        self.was_said = true;
        match &self.cause {
            Some(cause) => log::warn!("waiting for {storage}: {cause}"),
            None => log::warn!("waiting for {storage}: it reports nothing"),
        }
    }
}

/// Whether a call that fails like this may succeed later.
fn is_passing(error: &Error) -> bool {
    match error.retryable() {
        // What makes an end of a transaction is told, so that it is aborted.
        Retry::Later => error.kind() != ErrorKind::Cancelled,
        // Plugins need not say that a time-out can be followed by a success.
        Retry::Never => error.kind() == ErrorKind::Timeout,
        Retry::Exhausted => false,
    }
}

/// Whether a message failed only because another one did.
fn is_secondary(error: &Error) -> bool {
    error.kind() == ErrorKind::Cancelled
}

/// Waits until a moment after `begun`, which is over if the call that began then waited by itself.
fn pause(begun: Instant) {
    thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
}

fn failed(report: &Report, error: &Error, place: Option<(&'static str, RangeInclusive<i64>)>) -> Error {
    let mut copy = rebuilt(error, error.kind());
    if copy.context().all(|(key, _)| key != "topic") {
        copy = copy.with("topic", &report.topic);
        if report.partition >= 0 {
            copy = copy.with("partition", report.partition);
        }
    }
    match place {
        None => copy,
        Some((what, offsets)) if offsets.start() == offsets.end() => copy.with(what, offsets.start()),
        Some((what, offsets)) => copy.with(format!("{what}s"), format!("{} to {}", offsets.start(), offsets.end())),
    }
}

/// The same error with this kind, without the index of its message, which says nothing to a user.
fn rebuilt(error: &Error, kind: ErrorKind) -> Error {
    let same = Error::new(kind, error.operation().to_string(), error.message()).retry(error.retryable());
    let same = error
        .context()
        .filter(|(key, _)| *key != MESSAGE_CONTEXT)
        .fold(same, |same, (key, value)| same.with(key.to_string(), value));
    match error.hint_text() {
        Some(hint) => same.hint(hint),
        None => same,
    }
}
