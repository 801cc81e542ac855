//! Reads the messages of some topics, from some offsets to some ends or as a member of a group, batch by batch.

use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::consumer::{Assignment, Consumer, Membership, Polled, Position};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::functional::group::GroupReading;
use crate::functional::ledger::Ledger;
use crate::functional::options::{GroupOptions, ReadOptions};
use crate::functional::{Backoff, Cancel, Limit, may_pass, plan};
use crate::storage::Storage;

/// One poll waits this long at most, so that a wish to stop is seen soon.
const POLL_MAX: Duration = Duration::from_millis(100);

/// Whoever follows tries for this long to begin again, and then waits for the next time: a wish to stop is not seen
/// meanwhile.
pub(super) const BEGIN_MAX: Duration = Duration::from_secs(5);

/// A read that failed waits no longer than this for each of its last words to the group.
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// Where a commit is refused, the read's own refusal is looked for no longer than this.
const REFUSAL_MAX: Duration = Duration::from_secs(2);

/// How one attempt to read ended.
pub enum Next {
    /// The batch holds messages.
    Messages,
    /// Nothing has come for a moment; ask again.
    Nothing,
    /// There are no more.
    End,
}

/// Reads batch after batch until the end, the limit, or a wish to stop.
///
/// As a member of a group it commits what the caller says is done: [`wants_commit`](Reader::wants_commit) says when,
/// [`commit`](Reader::commit) does it.
pub struct Reader {
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) ledger: Ledger,
    pub(super) member: Option<GroupReading>,
    limit: Option<Limit>,
    stop: Cancel,
    /// Where what is followed failed, when it begins again.
    backoff: Backoff,
    is_paused: bool,
    pub(super) options: ReadOptions,
}

impl Reader {
    /// One reader for everything that `options` ask of `topics`. Blocks while it asks the storage for the ends.
    ///
    /// # Errors
    /// `NotFound` for a missing topic or partition, `OutOfRange` for an offset outside of the log, and those of
    /// [`Consumer::assign`].
    pub fn open(storage: &dyn Storage, topics: &[String], options: &ReadOptions) -> Result<Self> {
        let mut readers = readers(storage, topics, options, 1)?;
        Ok(readers.pop().expect("one reader was asked for"))
    }

    /// Fills `batch` with the next messages; false means that there are no more, and the batch is empty. Blocks until
    /// there are some.
    ///
    /// # Errors
    /// Those of [`Consumer::poll`], and of [`Consumer::commit`] where offsets are committed as they are read.
    pub fn read(&mut self, batch: &mut Batch) -> Result<bool> {
        loop {
            match self.read_some(batch)? {
                Next::Messages => return Ok(true),
                Next::Nothing => {}
                Next::End => return Ok(false),
            }
        }
    }

    /// As [`read`](Reader::read), but returns after a moment also where nothing has come.
    ///
    /// # Errors
    /// As for [`read`](Reader::read).
    pub fn read_some(&mut self, batch: &mut Batch) -> Result<Next> {
        self.read_within(batch, POLL_MAX)
    }

    /// As [`read_some`](Reader::read_some), with another moment. What follows a topic outlives what passes.
    ///
    /// # Errors
    /// As for [`read`](Reader::read).
    pub fn read_within(&mut self, batch: &mut Batch, poll_max: Duration) -> Result<Next> {
        batch.clear();
        if self.options.cancel.is_cancelled() || self.stop.is_cancelled() {
            return Ok(Next::End);
        }
        let read = match self.begin_again(poll_max) {
            Ok(true) => self.read_once(batch, poll_max),
            Ok(false) => Ok(Next::Nothing),
            Err(error) => Err(error),
        };
        match read {
            Err(error) if self.options.follow && may_pass(&error) => {
                batch.clear();
                self.backoff.failed(&error);
                Ok(Next::Nothing)
            }
            Ok(Next::Messages) => {
                self.backoff.goes_on();
                Ok(Next::Messages)
            }
            read => read,
        }
    }

    /// Begins again, behind what was read, where that is due; false while it is not.
    fn begin_again(&mut self, wait_max: Duration) -> Result<bool> {
        let Some(left) = self.backoff.left() else { return Ok(true) };
        if !left.is_zero() {
            std::thread::sleep(left.min(wait_max));
            return Ok(false);
        }
        let timeout = self.options.timeout.min(BEGIN_MAX);
        match &self.member {
            Some(member) => self.consumer.subscribe(&member.topics(), timeout)?,
            None => {
                self.consumer.assign(&self.ledger.assignments(), timeout)?;
            }
        }
        self.backoff.begun();
        Ok(true)
    }

    fn read_once(&mut self, batch: &mut Batch, poll_max: Duration) -> Result<Next> {
        let wanted = self.limit.as_ref().map_or(u64::MAX, Limit::left);
        if wanted == 0 || self.is_at_end()? {
            return Ok(Next::End);
        }
        // Of many messages perhaps one has the key.
        let wanted = if self.options.key.is_some() { u64::MAX } else { wanted };
        let records_max = self.options.batch_records_max.min(usize::try_from(wanted).unwrap_or(usize::MAX));
        batch.set_limits(records_max, self.options.batch_bytes_max);
        if self.is_paused {
            self.consumer.resume()?;
            self.is_paused = false;
        }
        if let Some(member) = &mut self.member {
            member.follow_later_topics(self.consumer.as_mut())?;
        }
        let polled = match self.consumer.poll(batch, poll_max) {
            // A member that was silent for too long is left out, and joins anew.
            Err(error)
                if self.member.is_some() && error.kind() == ErrorKind::Fenced && error.retryable() == Retry::Later =>
            {
                log::warn!("{error}: joining the group again");
                Polled::Timeout
            }
            Err(error) => {
                // What can be read goes on.
                let rest = left_of(self.ledger.assignments(), error, &self.options)?;
                assign_rest(self.consumer.as_mut(), rest, &self.options)?;
                batch.clear();
                Polled::Timeout
            }
            Ok(polled) => polled,
        };
        let positions = self.member.as_mut().map(|member| {
            let positions = self.consumer.positions();
            member.follow(&positions, &mut self.ledger, batch, &self.options.progress);
            positions
        });
        self.resume_done()?;
        let is_whole = self.take_from_limit(batch);
        let offsets = self.ledger.give(batch);
        if self.options.track_done {
            self.ledger.leave_out_done(batch);
        }
        // What has another key is read, and there is no work on it.
        if let Some(key) = &self.options.key {
            batch.retain_at(|batch, index| has_key(batch, index, key));
        }
        if offsets > 0 || !batch.is_empty() {
            self.options.progress.add_read(batch.len() as u64, payload_bytes(batch), offsets);
        }
        if let Some(positions) = positions.filter(|_| is_whole) {
            self.ledger.pass(&positions);
        }
        Ok(match polled {
            Polled::End => Next::End,
            _ if batch.is_empty() => Next::Nothing,
            _ => Next::Messages,
        })
    }

    /// Whether it knows what falls to it: a member of a group does when it has joined.
    pub fn has_joined(&self) -> bool {
        self.member.is_none() || self.consumer.membership() != Membership::Joining
    }

    /// A number that rises whenever partitions come or go; those that are there are [`reached`](Reader::reached).
    pub fn changes(&self) -> u64 {
        self.ledger.changes()
    }

    /// Stays a member of its group for a moment without reading anything, where the storage can do that; the next read
    /// goes on. Partitions may come and go meanwhile, as with a read.
    ///
    /// # Errors
    /// As for [`read`](Reader::read).
    pub fn stay(&mut self, wait_max: Duration) -> Result<()> {
        if self.options.cancel.is_cancelled() || self.stop.is_cancelled() || !self.begin_again(wait_max)? {
            return Ok(());
        }
        match self.consumer.pause() {
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
            paused => paused?,
        }
        self.is_paused = true;
        let mut none = Batch::new();
        match self.consumer.poll(&mut none, wait_max) {
            Err(error) if may_pass(&error) || error.kind() == ErrorKind::Fenced => self.backoff.failed(&error),
            polled => drop(polled?),
        }
        if let Some(member) = &mut self.member {
            member.follow(&self.consumer.positions(), &mut self.ledger, &mut none, &self.options.progress);
        }
        self.resume_done()?;
        Ok(())
    }

    /// Whether it goes on at the end.
    pub(crate) fn follows(&self) -> bool {
        self.options.follow
    }

    /// Bounds the messages of the batches that are still to be read.
    pub fn limit_batches(&mut self, records_max: usize) {
        self.options.batch_records_max = records_max;
    }

    /// Whether the next read gives partitions up.
    pub fn is_revoking(&self) -> bool {
        self.consumer.membership() == Membership::Revoking
    }

    /// Whether this member of a group should commit now, after it has finished the work on everything that it has read:
    /// some time has passed, or partitions are about to go to another member. The next read gives them up.
    pub fn wants_commit(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.wants_commit(self.consumer.as_ref(), &self.ledger))
    }

    /// Commits, as the group that the reader was opened for, that the work on everything before these offsets is done;
    /// [`reached`](Reader::reached) is everything that was read. A member leaves out what is no longer its own. Blocks
    /// until the storage has them.
    ///
    /// # Errors
    /// Those of [`Consumer::commit`].
    pub fn commit(&mut self, done: &[Position]) -> Result<()> {
        let positions = match &mut self.member {
            Some(member) => {
                member.commit_begins();
                self.ledger.to_commit(done)
            }
            None => done.to_vec(),
        };
        if positions.is_empty() {
            return Ok(());
        }
        self.consumer.commit(&self.options.commit_notes.beside(&positions), self.options.timeout)?;
        self.ledger.committed(&positions);
        Ok(())
    }

    /// Commits everything that was read, where a later commit makes up for this one if it cannot be done now.
    ///
    /// # Errors
    /// As for [`commit`](Reader::commit), but for what may pass.
    pub fn commit_for_now(&mut self) -> Result<()> {
        let reached = self.reached();
        match self.commit(&reached) {
            Err(error) if error.kind() == ErrorKind::Fenced || error.retryable() == Retry::Later => {
                log::warn!("{error}: what is not committed is read again by whoever gets the partition");
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(self.refusal(error)),
            result => result,
        }
    }

    /// Who may not read a topic may not commit its offsets either, and is told of the reading: the refusal of a commit
    /// may only have come first, because messages of others lie before that of the read. What is read here is not given
    /// out, and so is not committed.
    fn refusal(&mut self, committed: Error) -> Error {
        let (begun, mut batch) = (Instant::now(), Batch::new());
        while begun.elapsed() < REFUSAL_MAX
            && !self.options.cancel.is_cancelled()
            && !self.stop.is_cancelled()
            && !self.is_revoking()
        {
            let polled = self.consumer.poll(&mut batch, POLL_MAX);
            if let Some(member) = &mut self.member {
                member.follow(&self.consumer.positions(), &mut self.ledger, &mut batch, &self.options.progress);
            }
            match polled {
                Err(read) if read.kind() == ErrorKind::PermissionDenied => {
                    log::info!("{committed}");
                    return read;
                }
                Ok(Polled::End) | Err(_) => break,
                Ok(_) => {}
            }
        }
        committed
    }

    /// The offsets to note beside a batch that was just read, if they are to be committed once the work on it is done.
    pub fn to_note(&self) -> Option<Vec<Position>> {
        self.member.as_ref().filter(|member| member.commits()).map(|_| self.reached())
    }

    /// Says that the work is done only as far as this.
    pub fn set_done(&mut self, done: Vec<Position>) {
        self.ledger.set_done(done);
    }

    /// Commits what is done at the end of reading, if this is a member that commits.
    ///
    /// # Errors
    /// As for [`commit`](Reader::commit).
    pub fn commit_last(&mut self) -> Result<()> {
        if self.member.as_ref().is_none_or(|member| !member.commits()) {
            return Ok(());
        }
        if self.options.track_done {
            return self.commit_done();
        }
        let done = self.ledger.take_done();
        self.commit(&done)
    }

    /// As [`abandon`](Reader::abandon), where nothing of what is not committed yet is done.
    pub fn abandon_all(mut self) {
        self.set_done(Vec::new());
        self.abandon();
    }

    /// Ends a read that failed with something else: commits what is done all the same, where the work is not one whole,
    /// and leaves the group. Does not wait long for it.
    pub fn abandon(mut self) {
        self.options.timeout = self.options.timeout.min(LEAVE_MAX);
        let commits = self.member.as_ref().is_some_and(GroupReading::commits_parts);
        let committed = if commits { self.commit_last() } else { Ok(()) };
        for error in [committed.err(), self.close().err()].into_iter().flatten() {
            // The first failure matters more than that what was done before it is done again.
            log::info!("{error}");
        }
    }

    /// The offsets after the last message that was read of each partition; where none was, the offset that reading
    /// began at.
    pub fn reached(&self) -> Vec<Position> {
        self.ledger.reached()
    }

    /// What stops this reader, beside the wish of the user.
    pub fn stop(&self) -> Cancel {
        self.stop.clone()
    }

    /// Frees what the reader holds.
    ///
    /// # Errors
    /// Those of [`Consumer::close`].
    pub fn close(mut self) -> Result<()> {
        self.consumer.close(self.options.timeout)
    }

    fn is_at_end(&mut self) -> Result<bool> {
        let Some(member) = &mut self.member else { return Ok(false) };
        if member.wants_commit_of_read(self.consumer.as_ref(), &self.ledger) {
            self.commit_for_now()?;
        }
        let Some(member) = &mut self.member else { return Ok(false) };
        member.is_at_end(self.consumer.as_ref(), &mut self.ledger, &self.options)
    }

    /// Several readers share one limit: what this one may not have any more is given back. False if there was some.
    fn take_from_limit(&self, batch: &mut Batch) -> bool {
        let Some(limit) = &self.limit else { return true };
        let Some(key) = &self.options.key else {
            let (len, got) = (batch.len(), limit.take(batch.len() as u64) as usize);
            batch.truncate(got);
            return got == len;
        };
        let wanted = (0..batch.len()).filter(|index| has_key(batch, *index, key)).count();
        let got = limit.take(wanted as u64) as usize;
        // Everything before the first message that is too much counts as read.
        let first_left = (0..batch.len()).filter(|index| has_key(batch, *index, key)).nth(got);
        batch.truncate(first_left.unwrap_or(batch.len()));
        got == wanted
    }
}

/// Up to `count` readers that share the partitions, the limit, and the memory among them, for as many threads; at least
/// one. A member of a group is one reader.
///
/// # Errors
/// As for [`Reader::open`].
pub fn readers(storage: &dyn Storage, topics: &[String], options: &ReadOptions, count: usize) -> Result<Vec<Reader>> {
    let assignments = plan(storage, topics, options)?;
    readers_of(storage, assignments, options, count)
}

/// Up to `count` readers of what was planned already, which share the partitions.
///
/// # Errors
/// As for [`Reader::open`].
pub fn readers_of(
    storage: &dyn Storage,
    assignments: Vec<Assignment>,
    options: &ReadOptions,
    count: usize,
) -> Result<Vec<Reader>> {
    if let Some(group) = options.joined().filter(|_| !assignments.is_empty()) {
        return Ok(vec![joined(storage, group, assignments, options)?]);
    }
    let expected: i64 = assignments.iter().filter_map(|a| Some(a.end? - a.start)).sum();
    options.progress.expect(expected.max(0) as u64);
    let limit = options.shared_limit();
    let count = count.clamp(1, assignments.len().max(1));
    let mut shares = vec![Vec::new(); count];
    for (index, assignment) in assignments.into_iter().enumerate() {
        shares[index % count].push(assignment);
    }
    let open = |share: Vec<Assignment>| {
        let mut options = options.clone();
        options.consumer.buffer_bytes_max = (options.consumer.buffer_bytes_max / count as u64).max(1 << 20);
        let mut consumer = storage.consumer(&options.consumer)?;
        assign_rest(consumer.as_mut(), share.clone(), &options)?;
        let mut ledger = Ledger::default();
        share.iter().for_each(|part| ledger.begin(&part.topic, part.partition, part.start, part.end));
        Ok(Reader {
            consumer,
            ledger,
            member: None,
            limit: limit.clone(),
            stop: Cancel::new(),
            backoff: Backoff::default(),
            is_paused: false,
            options,
        })
    };
    shares.into_iter().map(open).collect()
}

/// Points a consumer at these partitions, save for those that are set aside.
fn assign_rest(consumer: &mut dyn Consumer, assignments: Vec<Assignment>, options: &ReadOptions) -> Result<()> {
    let mut rest = assignments;
    if let Some(aside) = options.set_aside() {
        rest.retain(|assignment| !aside.has(&assignment.topic, assignment.partition));
    }
    while let Err(error) = consumer.assign(&rest, options.timeout) {
        rest = left_of(rest, error, options)?;
    }
    Ok(())
}

/// What is left of partitions that failed with this error.
///
/// # Errors
/// The error, where nothing may be set aside.
fn left_of(assignments: Vec<Assignment>, error: Error, options: &ReadOptions) -> Result<Vec<Assignment>> {
    match options.set_aside() {
        Some(aside) => aside.rest(assignments, error),
        None => Err(error),
    }
}

/// A reader that is a member of a group.
fn joined(
    storage: &dyn Storage,
    group: &GroupOptions,
    assignments: Vec<Assignment>,
    options: &ReadOptions,
) -> Result<Reader> {
    let (consumer, mut member) = GroupReading::join(storage, group, assignments, options)?;
    let mut ledger = Ledger::new(options.track_done);
    // Where a group takes one live member, its share is known at once.
    member.follow(&consumer.positions(), &mut ledger, &mut Batch::new(), &options.progress);
    let limit = options.shared_limit();
    Ok(Reader {
        consumer,
        ledger,
        member: Some(member),
        limit,
        stop: Cancel::new(),
        backoff: Backoff::default(),
        is_paused: false,
        options: options.clone(),
    })
}

/// Whether the message at `index` has exactly these bytes as key.
#[inline]
fn has_key(batch: &Batch, index: usize, key: &[u8]) -> bool {
    batch.metas()[index].key.of(batch.data()) == Some(key)
}

/// The bytes of keys, values, and headers; the arena may hold more.
pub(crate) fn payload_bytes(batch: &Batch) -> u64 {
    let fields = batch.metas().iter().map(|meta| (meta.key.len.max(0) + meta.value.len.max(0)) as u64);
    let with_headers = batch.metas().iter().enumerate().filter(|(_, meta)| meta.header_count > 0);
    let headers = with_headers.flat_map(|(index, _)| batch.get(index).headers.iter());
    fields.sum::<u64>()
        + headers.map(|header| (header.name.len() + header.value.map_or(0, <[u8]>::len)) as u64).sum::<u64>()
}
