//! Exactly once: what comes of messages is written in transactions, and their offsets are committed with it.
//!
//! Nothing is open while handlers run. What came of messages waits in memory until there is enough of it, or it has
//! waited for long enough; then a transaction is begun, written, and committed at once. One that comes to nothing (the
//! group has changed, a broker was restarted) is aborted, and what it was to write, which is still there, is written by
//! the next one, save for what came of partitions that have gone.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

use kafi_core::functional::DoneDraft;
use kafi_core::{Error, Reader, Result, Retry};

use crate::engine::load::Load;
use crate::engine::outbox::{Outbox, is_of_message};
use crate::engine::run::Run;
use crate::engine::waiting::Transactions;

/// How a transaction ended.
pub(crate) enum Outcome {
    /// It is committed, or there was nothing to write.
    Committed,
    /// It came to nothing, and the next one may not. Perhaps partitions have gone.
    Aborted,
}

impl Outbox {
    /// Whether it is time for a transaction.
    pub(crate) fn is_transaction_due(&self) -> bool {
        self.transactions.as_ref().is_some_and(Transactions::is_due)
    }

    /// Whether something waits because the last transaction came to nothing.
    pub(crate) fn has_failed(&self) -> bool {
        self.transactions.as_ref().is_some_and(|waiting| waiting.failing_since.is_some() && !waiting.loads.is_empty())
    }

    /// Makes the storage ready for transactions, where there are to be some.
    ///
    /// # Errors
    /// Those of [`Writer::init_transactions`](kafi_core::Writer::init_transactions).
    pub(crate) fn init(&mut self) -> Result<()> {
        if self.transactions.is_some() { self.writer.init_transactions() } else { Ok(()) }
    }

    /// Writes what waits, of partitions for which `is_ours` says so, and commits it together with the offsets of the
    /// messages that it came of.
    ///
    /// # Errors
    /// What cannot be put right by another transaction; where a message fails whose policy is to stop, its failure.
    pub(crate) fn transact(&mut self, reader: &mut Reader, is_ours: impl Fn(&Run) -> bool) -> Result<Outcome> {
        let Some(waiting) = &mut self.transactions else { return Ok(Outcome::Committed) };
        let mut loads = waiting.take();
        loads.iter_mut().for_each(|load| load.retain(&is_ours));
        loads.retain(|load| !load.is_empty());
        let mut draft = reader.draft_done();
        let (mut loads, rest) = fitting(loads, &mut draft);
        waiting.put_back(rest);
        if loads.is_empty() && draft.offsets().is_empty() {
            return Ok(Outcome::Committed);
        }
        loop {
            let mut numbers = Vec::new();
            let Err(failure) = self.write(&mut loads, &mut numbers, &draft, reader) else {
                reader.adopt_done(draft);
                if let Some(waiting) = &mut self.transactions {
                    waiting.note_committed(loads.iter().map(|load| load.out.len()).sum());
                }
                break;
            };
            if !self.goes_on_after(failure, &mut loads, &numbers)? {
                if let Some(waiting) = &mut self.transactions {
                    let behind = waiting.take();
                    waiting.put_back(loads.into_iter().chain(behind));
                }
                return Ok(Outcome::Aborted);
            }
        }
        Ok(Outcome::Committed)
    }

    /// Writes and commits a transaction. `numbers` get the writer's number of each load that has outputs.
    fn write(
        &mut self,
        loads: &mut [Load],
        numbers: &mut Vec<(u64, usize)>,
        draft: &DoneDraft,
        reader: &mut Reader,
    ) -> Result<()> {
        self.writer.begin_transaction()?;
        for (index, load) in loads.iter_mut().enumerate().filter(|(_, load)| !load.out.is_empty()) {
            // So that a report of a failure says which one it was.
            load.out.metas_mut().iter_mut().enumerate().for_each(|(index, meta)| meta.offset = index as i64);
            let written = self.writer.write(&load.out);
            numbers.push((self.writer.handed_over(), index));
            written?;
        }
        let group = reader.group_metadata()?;
        self.writer.commit_transaction(&draft.offsets(), &group)
    }

    /// Aborts a transaction that has failed, and says whether it is to be done again at once.
    fn goes_on_after(&mut self, failure: Error, loads: &mut [Load], numbers: &[(u64, usize)]) -> Result<bool> {
        let copy = failure.duplicate();
        let place = if is_of_message(&failure) { self.writer.go_on_after(failure).ok() } else { None };
        self.writer.abort_transaction()?;
        let output = place.filter(|(_, among)| among.start() == among.end());
        if let Some((number, among)) = output
            && let Some((_, index)) = numbers.iter().find(|(of_load, _)| *of_load == number)
        {
            self.blame(&mut loads[*index], *among.start() as usize, copy)?;
            return Ok(true);
        }
        let Some(waiting) = &mut self.transactions else { return Err(copy) };
        let failing_since = *waiting.failing_since.get_or_insert_with(Instant::now);
        let is_over = waiting.stall_limit.is_some_and(|limit| failing_since.elapsed() >= limit);
        if is_over || copy.retryable() != Retry::Later {
            return Err(copy);
        }
        log::info!("{copy}: doing the same in another transaction");
        Ok(false)
    }
}

/// The loads whose messages can be committed together, and the rest, which waits until something before it is done: only
/// so much can be kept beside committed offsets.
fn fitting(loads: VecDeque<Load>, draft: &mut DoneDraft) -> (Vec<Load>, Vec<Load>) {
    let (mut fitting, mut rest) = (Vec::new(), Vec::new());
    for load in loads {
        let fits = draft.add(done_by(&load));
        if fits { fitting.push(load) } else { rest.push(load) }
    }
    // Each by itself leaves gaps that all together may not.
    if !rest.is_empty() && draft.add(rest.iter().flat_map(done_by)) {
        fitting.append(&mut rest);
    }
    (fitting, rest)
}

/// The offsets of the messages of a load.
fn done_by(load: &Load) -> impl Iterator<Item = (&str, i32, Range<i64>)> + Clone {
    load.runs.iter().map(|run| (run.topic(), run.partition(), run.offsets()))
}
