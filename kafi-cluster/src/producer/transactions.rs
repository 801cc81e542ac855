//! Writing in transactions.
//!
//! ```text
//!   new ──init──▶ ready ──begin──▶ open ──commit──▶ committing ──answer──▶ ready
//!                   ▲               │ a message fails    │ it fails
//!                   │               ▼                    │
//!                   └────abort── spoiled ◀───────────────┘
//! ```
//!
//! librdkafka keeps the state of the transaction itself, and says what has become of it. What it does not know of is a
//! message that was never handed over to it, because its topic is missing or takes smaller batches: then the transaction
//! is *spoiled* here, and must not be committed.
//!
//! Nor does librdkafka 2.12.1 answer each call. Where a coordinator is not found three times, as while a broker starts,
//! it asks no more until a connection comes or goes, and whoever has sent offsets waits. An end of a transaction whose
//! repetition failed is waited for in vain. So nothing is waited for without a limit: an abort goes on with a new client,
//! whose first call makes brokers abort what is open. Of a commit nobody can say then whether it was done, which ends the
//! producer; the next one of the same transactional id waits until it is settled, and committed offsets tell how.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use kafi_core::{CommittedOffset, Error, ErrorKind, GroupMetadata, Result, Retry};

use super::{KafkaProducer, LATE_MAX, SHORT_SLICE_MS, SLICE_MS, closed};
use crate::ffi::{Client, Deadline, PartitionList};

/// A step that ends at once is done again after this long.
const PAUSE: Duration = Duration::from_millis(10);

const INIT: &str = "init transactions";
const OFFSETS: &str = "commit in a transaction";
const COMMIT: &str = "commit transaction";
const ABORT: &str = "abort transaction";

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing is initialised yet.
    New,
    /// A transaction can begin.
    Ready,
    Open,
    /// The transaction can only be aborted.
    Spoiled,
    /// It is to be committed, and there is no answer yet.
    Committing,
    /// It was aborted, and goes on with a new client, which is not initialised yet.
    Renewed,
}

impl Standing {
    /// Whether a call is allowed now.
    ///
    /// # Errors
    /// `Usage` where it is not.
    pub(super) fn check(self, operation: &'static str, allowed: &[Self]) -> Result<()> {
        if allowed.contains(&self) {
            return Ok(());
        }
        let why = match self {
            Self::New => "transactions are not initialised",
            Self::Ready => "no transaction is open",
            Self::Open => "a transaction is open",
            Self::Spoiled | Self::Renewed => "the transaction has to be aborted",
            Self::Committing => "the transaction is being committed",
        };
        Err(Error::new(ErrorKind::Usage, operation, why))
    }
}

/// A topic takes smaller batches than the client was made for, and another client begins with another transaction.
pub(super) fn smaller_batches(operation: &'static str, limit: u64) -> Error {
    let why = format!("the transaction has to be aborted: a topic takes no batches of more than {limit} bytes");
    Error::new(ErrorKind::Cancelled, operation, why).retry(Retry::Later)
}

/// Why a transaction in which a message has failed is not committed.
fn spoiled(operation: &'static str) -> Error {
    let why = "the transaction has to be aborted, because a message of it was not written";
    Error::new(ErrorKind::Cancelled, operation, why)
}

/// There is no answer for the offsets of a transaction.
fn unanswered() -> Error {
    let why = "the transaction has to be aborted: there is no answer from the group's coordinator";
    Error::new(ErrorKind::Cancelled, OFFSETS, why).retry(Retry::Later)
}

/// There is no answer for a commit.
fn unknown(operation: &'static str) -> Error {
    let why = "there is no answer whether the transaction is committed; its committed offsets will tell";
    Error::new(ErrorKind::Timeout, operation, why).retry(Retry::Never)
}

/// Whether the same call may succeed later.
fn is_not_yet(error: &Error) -> bool {
    error.retryable() == Retry::Later && error.kind() != ErrorKind::Cancelled
}

impl KafkaProducer {
    /// A message of the transaction is not written; false if none is open, or it is known of others.
    pub(super) fn spoil(&mut self) -> bool {
        let is_open = self.transactions == Some(Standing::Open);
        if is_open {
            self.transactions = Some(Standing::Spoiled);
            self.is_halted = true;
        }
        is_open
    }

    /// Where it stands, if that allows a call.
    fn standing(&self, operation: &'static str, allowed: &[Standing]) -> Result<Standing> {
        let plain = || Error::new(ErrorKind::Usage, operation, "this producer was made without a transactional id");
        let standing = self.transactions.ok_or_else(plain)?;
        standing.check(operation, allowed).map(|()| standing)
    }

    /// Does a step of a transaction, and takes in reports meanwhile.
    fn step(&mut self, deadline: Deadline, step: impl Fn(&Client, i32) -> Result<()>) -> Result<()> {
        loop {
            self.serve(0)?;
            let slice_ms = if self.tokens.in_flight() > 0 { SHORT_SLICE_MS } else { SLICE_MS };
            let begun = Instant::now();
            let client = &self.writer.as_ref().ok_or_else(closed)?.client;
            match step(client, deadline.left_ms(slice_ms).max(1)) {
                Err(error) if is_not_yet(&error) => {
                    self.check_hopeless()?;
                    if deadline.is_over() {
                        return Err(error);
                    }
                    thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
                }
                ended => return ended,
            }
        }
    }

    /// How long the end of a transaction is still waited for: after that, in vain.
    fn left_to_end(&mut self) -> Duration {
        self.transaction_max.saturating_sub(self.ending_since.get_or_insert_with(Instant::now).elapsed())
    }

    /// Where it stands once a transaction is over.
    fn end_as(&mut self, standing: Standing) {
        (self.transactions, self.ending_since) = (Some(standing), None);
    }

    pub(super) fn init(&mut self, deadline: Deadline) -> Result<()> {
        self.standing(INIT, &[Standing::New])?;
        self.step(deadline, |client, slice_ms| client.init_transactions(INIT, slice_ms))?;
        self.end_as(Standing::Ready);
        Ok(())
    }

    pub(super) fn begin(&mut self) -> Result<()> {
        let operation = "begin transaction";
        self.standing(operation, &[Standing::Ready])?;
        self.writer.as_ref().ok_or_else(closed)?.client.begin_transaction(operation)?;
        self.transactions = Some(Standing::Open);
        Ok(())
    }

    /// The call is made by a thread of its own, which ends, and lets go of its client, when librdkafka answers.
    pub(super) fn send_offsets(
        &mut self,
        offsets: &[CommittedOffset],
        group: &GroupMetadata,
        deadline: Deadline,
    ) -> Result<()> {
        if self.standing(OFFSETS, &[Standing::Open, Standing::Spoiled])? == Standing::Spoiled {
            return Err(spoiled(OFFSETS));
        }
        let list = PartitionList::of_committed(OFFSETS, offsets)?;
        let (client, member) = (self.writer.as_ref().ok_or_else(closed)?.client.clone(), group.clone());
        let (answer, answers) = sync_channel(1);
        let timeout_ms = deadline.left_ms(i32::MAX);
        let call = move || {
            let sent = client.send_offsets(OFFSETS, &list, &member, timeout_ms);
            drop(client);
            // Perhaps nobody waits any more.
            let _ = answer.send(sent);
        };
        thread::Builder::new()
            .name("kafi-offsets".to_string())
            .spawn(call)
            .map_err(|error| Error::io(OFFSETS, error))?;
        let sent = match answers.recv_timeout(deadline.left().saturating_add(LATE_MAX)) {
            Ok(sent) => sent,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.abandon_client();
                Err(unanswered())
            }
        };
        sent.map_err(|error| error.with("group", &group.group))
    }

    pub(super) fn commit(&mut self, deadline: Deadline) -> Result<()> {
        let allowed = [Standing::Open, Standing::Spoiled, Standing::Committing];
        if self.standing(COMMIT, &allowed)? != Standing::Committing {
            self.wait_for_all(deadline)?;
            if self.transactions == Some(Standing::Spoiled) {
                return Err(spoiled(COMMIT));
            }
            self.transactions = Some(Standing::Committing);
        }
        let until = deadline.at_most(self.left_to_end());
        let committed = self.step(until, |client, slice_ms| client.commit_transaction(COMMIT, slice_ms));
        match &committed {
            Ok(()) => self.end_as(Standing::Ready),
            Err(error) if !is_not_yet(error) => self.end_as(Standing::Spoiled),
            Err(_) if self.left_to_end().is_zero() => return Err(unknown(COMMIT)),
            Err(_) => {}
        }
        committed
    }

    pub(super) fn abort(&mut self, deadline: Deadline) -> Result<()> {
        let allowed = [Standing::Open, Standing::Spoiled, Standing::Committing, Standing::Renewed];
        let standing = self.standing(ABORT, &allowed)?;
        if standing == Standing::Committing {
            return Err(unknown(ABORT));
        }
        if standing != Standing::Renewed {
            if !self.is_broken {
                let until = deadline.at_most(self.left_to_end());
                match self.step(until, |client, slice_ms| client.abort_transaction(ABORT, slice_ms)) {
                    Err(error) if is_not_yet(&error) && self.left_to_end().is_zero() => {
                        log::info!("{error}: going on with a new client");
                        self.abandon_client();
                    }
                    ended => ended?,
                }
            }
            self.wait_for_all(deadline)?;
            if std::mem::take(&mut self.renews) {
                self.replace_client()?;
                self.transactions = Some(Standing::Renewed);
            }
        }
        if self.transactions == Some(Standing::Renewed) {
            self.step(deadline, |client, slice_ms| client.init_transactions(ABORT, slice_ms))?;
        }
        self.end_as(Standing::Ready);
        self.take_more();
        Ok(())
    }

    /// Goes on with a new client once the transaction is aborted, since this one does not answer.
    fn abandon_client(&mut self) {
        self.spoil();
        self.give_up_client();
        self.renews = true;
    }
}
