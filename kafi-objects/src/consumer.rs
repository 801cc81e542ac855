//! Reading messages from a store of objects.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{
    Assignment, Batch, CommittedOffset, Consumer, ConsumerOptions, Error, ErrorKind, Polled, Position, Result,
    TopicPartition,
};
use kafi_fs::emulated::clock::deadline;
use kafi_fs::emulated::reading::{Leniency, decoder};
use kafi_fs::emulated::turns::Turns;

use crate::fetch::Fetch;
use crate::groups::Membership;
use crate::log::{Bounds, PartitionLog, is_passing, not_yet};
use crate::read::ObjectReader;
use crate::shared::Shared;
use crate::tasks::{Task, for_all};

/// A member of a group looks for new partitions of its topics this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How long nothing may come while something with an end is read and requests fail. Each of them is tried for a while
/// by itself before it counts as failed.
const STALL_MAX: Duration = Duration::from_secs(120);

/// The pause after a request that failed.
const STALL_PAUSE: Duration = Duration::from_millis(100);

/// Reads the topics of a storage.
///
/// What is asked for and not read yet is bounded for all partitions together, by the consumer's `buffer_bytes_max`.
pub(crate) struct ObjectConsumer {
    shared: Arc<Shared>,
    options: ConsumerOptions,
    turns: Option<Turns<ObjectReader>>,
    readers: usize,
    fetch: Fetch,
    member: Option<Member>,
    /// Whether all that is assigned has an end.
    is_finite: bool,
    trouble: Option<Trouble>,
}

/// A store that does not answer for now.
struct Trouble {
    since: Instant,
    /// How many requests were answered when it began.
    answered: u64,
}

/// What belongs to the live member of a group.
struct Member {
    membership: Membership,
    renewed_at: Instant,
    renewal: Option<Task<()>>,
    subscribed: Vec<Subscribed>,
    looked_at: Instant,
    look: Option<Task<Vec<Start>>>,
}

/// A topic that a member reads.
#[derive(Clone)]
struct Subscribed {
    topic: String,
    partitions: i32,
}

/// Where a partition is read from.
struct Start {
    log: PartitionLog,
    position: i64,
    bounds: Bounds,
}

impl ObjectConsumer {
    pub(crate) fn new(shared: Arc<Shared>, options: &ConsumerOptions) -> Self {
        let fetch = Fetch::new(&shared.options, options.buffer_bytes_max);
        Self {
            shared,
            options: options.clone(),
            turns: None,
            readers: 0,
            fetch,
            member: None,
            is_finite: true,
            trouble: None,
        }
    }

    fn group(&self, operation: &'static str) -> Result<&str> {
        self.options
            .group
            .as_deref()
            .ok_or_else(|| Error::new(ErrorKind::Usage, operation, "the consumer was made without a group"))
    }

    fn leniency(&self) -> Leniency {
        Leniency { allow_gap: self.options.allow_gap, skip_corrupt: self.options.skip_corrupt }
    }

    /// Reads these partitions from now on.
    fn read(&mut self, readers: Vec<(ObjectReader, Option<i64>)>) {
        self.readers = readers.len();
        self.is_finite = readers.iter().all(|(_, end)| end.is_some());
        self.trouble = None;
        self.fetch.set_readers(self.readers);
        self.turns = Some(Turns::new(readers, decoder(self.options.batch_bytes_max)));
    }

    /// Waits for a store that does not answer for now: whoever follows for as long as that takes, whoever reads up to
    /// an end while messages come within [`STALL_MAX`].
    fn ride_out(&mut self, error: Error, until: Instant) -> Result<()> {
        if !is_passing(&error) {
            return Err(error);
        }
        let (now, answered) = (Instant::now(), self.fetch.answered());
        match &self.trouble {
            Some(trouble) if self.is_finite && trouble.since.elapsed() >= STALL_MAX => return Err(error),
            Some(trouble) if self.is_finite || trouble.answered == answered => {}
            _ => {
                log::warn!("{error}: trying again");
                self.trouble = Some(Trouble { since: now, answered });
            }
        }
        std::thread::sleep(STALL_PAUSE.min(until.saturating_duration_since(now)));
        Ok(())
    }

    /// Leaves the group, if it is in one. What goes wrong with that only makes others wait.
    fn leave(&mut self, deadline: Instant) {
        if let Some(Err(error)) = self.member.take().map(|member| member.membership.leave(deadline)) {
            log::warn!("{error}");
        }
    }

    /// Says from time to time that the member lives, and looks for new partitions of its topics.
    fn stay(&mut self) -> Result<()> {
        let Some(member) = &mut self.member else { return Ok(()) };
        let interval = self.shared.groups.renew_interval();
        if let Some(renewed) = member.renewal.as_ref().and_then(Task::take) {
            member.renewal = None;
            match renewed {
                Err(error) if error.kind() == ErrorKind::Fenced => return Err(error),
                Err(error) => log::warn!("{error}"),
                Ok(()) => {}
            }
        }
        if member.renewal.is_none() && member.renewed_at.elapsed() >= interval {
            member.renewed_at = Instant::now();
            member.renewal = Some(self.fetch.start(member.membership.renewal()));
        }
        self.fetch.wake_at(member.renewed_at + interval);
        if member.look.is_none() && member.looked_at.elapsed() >= LOOK_INTERVAL {
            member.looked_at = Instant::now();
            let (shared, subscribed) = (Arc::clone(&self.shared), member.subscribed.clone());
            let group = self.options.group.clone().unwrap_or_default();
            member.look =
                Some(self.fetch.start(move |deadline| look_for_partitions(&shared, &subscribed, &group, deadline)));
        }
        let Some(found) = member.look.as_ref().and_then(Task::take) else { return Ok(()) };
        member.look = None;
        let mut opened = Vec::new();
        // What cannot be looked at now is looked at the next time; reading says it where a topic is gone.
        for Start { log, position, bounds } in found.inspect_err(|error| log::debug!("{error}")).unwrap_or_default() {
            if let Some(subscribed) = member.subscribed.iter_mut().find(|subscribed| *subscribed.topic == *log.topic) {
                subscribed.partitions = subscribed.partitions.max(log.partition + 1);
            }
            let leniency = Leniency { allow_gap: self.options.allow_gap, skip_corrupt: self.options.skip_corrupt };
            opened.push((ObjectReader::open(log, position, None, leniency, bounds)?, None));
        }
        self.readers += opened.len();
        self.fetch.set_readers(self.readers);
        if let Some(turns) = &mut self.turns {
            turns.add(opened);
        }
        Ok(())
    }
}

/// The partitions that topics got since they were looked at. They are read from their start, whatever they hold came
/// after the member.
fn look_for_partitions(
    shared: &Shared,
    subscribed: &[Subscribed],
    group: &str,
    deadline: Instant,
) -> Result<Vec<Start>> {
    let mut added = Vec::new();
    for Subscribed { topic, partitions } in subscribed {
        let Some(loaded) = shared.topics.find(topic, deadline)? else { continue };
        for partition in *partitions..loaded.file.partitions {
            added.push(shared.topics.partition_of(topic, &loaded.file, partition)?);
        }
    }
    if added.is_empty() { Ok(Vec::new()) } else { starts(shared, added, group, true, deadline) }
}

/// Where a member starts in these partitions: at the committed offset, else at the log's start or end.
fn starts(
    shared: &Shared,
    logs: Vec<PartitionLog>,
    group: &str,
    at_earliest: bool,
    deadline: Instant,
) -> Result<Vec<Start>> {
    let committed = shared.groups.offsets_if_any(group, deadline)?;
    for_all(&logs, shared.options.requests_max, |log| {
        let committed =
            committed.iter().find(|position| *position.topic == *log.topic && position.partition == log.partition);
        let bounds = match committed {
            Some(position) => log.bounds_around(position.offset, deadline)?,
            None => log.bounds(deadline)?,
        };
        let position = committed.map_or(if at_earliest { bounds.low } else { bounds.high }, |position| position.offset);
        Ok(Start { log: log.clone(), position, bounds })
    })
}

impl Consumer for ObjectConsumer {
    fn assign(&mut self, assignments: &[Assignment], timeout: Duration) -> Result<()> {
        let deadline = deadline(timeout);
        let mut names: Vec<String> = assignments.iter().map(|assignment| assignment.topic.clone()).collect();
        names.sort();
        names.dedup();
        let topics = self.shared.topics.these(&names, deadline)?;
        let mut logs = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let index = names.binary_search(&assignment.topic).expect("all of them were loaded");
            logs.push((
                self.shared.topics.partition_of(&assignment.topic, &topics[index].1.file, assignment.partition)?,
                assignment,
            ));
        }
        let bounds = for_all(&logs, self.shared.options.requests_max, |(log, assignment)| {
            log.bounds_around(assignment.start, deadline)
        })?;
        let mut readers = Vec::with_capacity(logs.len());
        for ((log, assignment), bounds) in logs.into_iter().zip(bounds) {
            readers.push((
                ObjectReader::open(log, assignment.start, assignment.end, self.leniency(), bounds)?,
                assignment.end,
            ));
        }
        self.read(readers);
        self.leave(deadline);
        Ok(())
    }

    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()> {
        let deadline = deadline(timeout);
        let group = self.group("subscribe")?.to_string();
        let loaded = self.shared.topics.these(topics, deadline)?;
        let (mut logs, mut subscribed) = (Vec::new(), Vec::with_capacity(topics.len()));
        for (topic, loaded) in loaded {
            for partition in 0..loaded.file.partitions {
                logs.push(self.shared.topics.partition_of(&topic, &loaded.file, partition)?);
            }
            subscribed.push(Subscribed { topic, partitions: loaded.file.partitions });
        }
        let membership = match self.member.take() {
            Some(member) => member.membership,
            None => self.shared.groups.join(&group, deadline)?,
        };
        let mut readers = Vec::with_capacity(logs.len());
        for Start { log, position, bounds } in
            starts(&self.shared, logs, &group, self.options.start_at_earliest, deadline)?
        {
            readers.push((ObjectReader::open(log, position, None, self.leniency(), bounds)?, None));
        }
        self.read(readers);
        let now = Instant::now();
        self.member =
            Some(Member { membership, renewed_at: now, renewal: None, subscribed, looked_at: now, look: None });
        Ok(())
    }

    fn seek(&mut self, position: &Position, timeout: Duration) -> Result<()> {
        let deadline = deadline(timeout);
        match self.turns.as_mut().and_then(|turns| turns.reader_to_seek(&position.topic, position.partition)) {
            Some(reader) => {
                let bounds = reader.log().bounds_around(position.offset, deadline)?;
                reader.seek(position.offset, bounds)
            }
            None => {
                let error = Error::new(ErrorKind::NotFound, "seek", "the partition is not assigned");
                Err(error.with("topic", &position.topic).with("partition", position.partition))
            }
        }
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        batch.clear();
        let until = deadline(timeout);
        loop {
            self.stay()?;
            let Some(turns) = &mut self.turns else {
                return Err(Error::new(ErrorKind::Usage, "poll", "no partitions are assigned"));
            };
            let seen = self.fetch.finished();
            let filled = turns.fill(&mut self.fetch, batch);
            // An error comes again with the next call, which is time enough.
            if !batch.is_empty() {
                self.trouble = None;
                return Ok(Polled::Records);
            }
            match filled {
                Ok(true) => {
                    self.fetch.free();
                    return Ok(Polled::End);
                }
                Ok(false) => {}
                Err(error) => self.ride_out(error, until)?,
            }
            if Instant::now() >= until {
                return Ok(Polled::Timeout);
            }
            self.fetch.wait(seen, until);
        }
    }

    fn positions(&self) -> Vec<Position> {
        self.turns.as_ref().map(Turns::positions).unwrap_or_default()
    }

    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        let group = self.group("commit")?;
        let committed = match &self.member {
            Some(member) => member.membership.commit(offsets, deadline(timeout)),
            None => self.shared.groups.commit_alone("commit", group, offsets, deadline(timeout)),
        };
        committed.map_err(not_yet)
    }

    fn committed(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<CommittedOffset>> {
        let group = self.group("read committed offsets")?;
        let mut committed = self.shared.groups.offsets_if_any(group, deadline(timeout))?;
        let asked = |found: &CommittedOffset| {
            partitions.iter().any(|asked| asked.topic == found.topic && asked.partition == found.partition)
        };
        committed.retain(asked);
        Ok(committed)
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        self.turns = None;
        self.fetch.free();
        self.leave(deadline(timeout));
        Ok(())
    }
}
