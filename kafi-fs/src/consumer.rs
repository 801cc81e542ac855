//! Reading messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{
    Assignment, Batch, CommittedOffset, Consumer, ConsumerOptions, Error, ErrorKind, Polled, Position, Result,
    TopicPartition,
};

use crate::emulated::clock::deadline;
use crate::emulated::reading::{Leniency, decoder};
use crate::emulated::turns::Turns;
use crate::groups::Membership;
use crate::io::Stat;
use crate::log::bounds::bounds;
use crate::log::read::Reader;
use crate::log::segment::Window;
use crate::shared::Shared;

/// The pauses between two looks at files that have nothing new.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// A member of a group looks for new partitions of its topics this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Reads the topics of a storage.
pub(crate) struct LogConsumer {
    shared: Arc<Shared>,
    options: ConsumerOptions,
    turns: Option<Turns<Reader>>,
    membership: Option<Membership>,
    subscribed: Vec<Subscribed>,
    looked_at: Instant,
    window: Window,
}

/// A topic that a member reads.
struct Subscribed {
    topic: String,
    /// The topic's file when it was last looked at.
    file: Option<Stat>,
    partitions: i32,
}

impl LogConsumer {
    pub(crate) fn new(shared: Arc<Shared>, options: &ConsumerOptions) -> Self {
        Self {
            shared,
            options: options.clone(),
            turns: None,
            membership: None,
            subscribed: Vec::new(),
            looked_at: Instant::now(),
            window: Window::default(),
        }
    }

    fn group(&self, operation: &'static str) -> Result<&str> {
        self.options
            .group
            .as_deref()
            .ok_or_else(|| Error::new(ErrorKind::Usage, operation, "the consumer was made without a group"))
    }

    fn read(&mut self, assignments: &[Assignment]) -> Result<()> {
        self.turns = Some(Turns::new(self.opened(assignments)?, decoder(self.options.batch_bytes_max)));
        Ok(())
    }

    fn opened(&self, assignments: &[Assignment]) -> Result<Vec<(Reader, Option<i64>)>> {
        let leniency = Leniency { allow_gap: self.options.allow_gap, skip_corrupt: self.options.skip_corrupt };
        let mut readers = Vec::with_capacity(assignments.len());
        let mut topics = self.shared.topics.many();
        for assignment in assignments {
            let dir = topics.partition(&assignment.topic, assignment.partition)?;
            readers.push((Reader::open(dir, assignment.start, leniency)?, assignment.end));
        }
        Ok(readers)
    }

    /// Where a member starts in these partitions: at the committed offset, else at the log's start or end.
    fn starts(
        &mut self,
        partitions: Vec<TopicPartition>,
        at_earliest: impl Fn(&str) -> bool,
    ) -> Result<Vec<Assignment>> {
        let committed = self.committed(&partitions, Duration::ZERO)?;
        let mut assignments = Vec::with_capacity(partitions.len());
        let mut topics = self.shared.topics.many();
        for TopicPartition { topic, partition } in partitions {
            let start =
                match committed.iter().find(|position| position.topic == topic && position.partition == partition) {
                    Some(position) => position.offset,
                    None => {
                        let bounds = bounds(&topics.partition(&topic, partition)?)?;
                        if at_earliest(&topic) { bounds.low } else { bounds.high }
                    }
                };
            assignments.push(Assignment { topic, partition, start, end: None });
        }
        Ok(assignments)
    }

    /// Adds the partitions that the topics of a member got since the last look. They are read from their start:
    /// whatever they hold came after the member.
    fn look_for_partitions(&mut self) -> Result<()> {
        if self.membership.is_none() || self.looked_at.elapsed() < LOOK_INTERVAL {
            return Ok(());
        }
        self.looked_at = Instant::now();
        let mut added = Vec::new();
        for subscribed in &mut self.subscribed {
            let file = self.shared.topics.stat(&subscribed.topic)?;
            if file.is_none() || file == subscribed.file {
                // Reading says it where a topic is gone.
                continue;
            }
            let partitions = self.shared.topics.load(&subscribed.topic)?.partitions;
            added.extend(
                (subscribed.partitions..partitions)
                    .map(|partition| TopicPartition { topic: subscribed.topic.clone(), partition }),
            );
            (subscribed.file, subscribed.partitions) = (file, partitions);
        }
        if added.is_empty() {
            return Ok(());
        }
        let assignments = self.starts(added, |_| true)?;
        let opened = self.opened(&assignments)?;
        match &mut self.turns {
            Some(turns) => turns.add(opened),
            none => *none = Some(Turns::new(opened, decoder(self.options.batch_bytes_max))),
        }
        Ok(())
    }
}

impl Consumer for LogConsumer {
    fn assign(&mut self, assignments: &[Assignment], _timeout: Duration) -> Result<()> {
        self.read(assignments)?;
        self.membership = None;
        Ok(())
    }

    fn subscribe(&mut self, topics: &[String], timeout: Duration) -> Result<()> {
        let until = deadline(timeout);
        let group = self.group("subscribe")?.to_string();
        let (mut partitions, mut subscribed) = (Vec::new(), Vec::with_capacity(topics.len()));
        for topic in topics {
            let file = self.shared.topics.stat(topic)?;
            let count = self.shared.topics.load(topic)?.partitions;
            partitions.extend((0..count).map(|partition| TopicPartition { topic: topic.clone(), partition }));
            subscribed.push(Subscribed { topic: topic.clone(), file, partitions: count });
        }
        // A member goes on where it is, and reads from its start what it did not have before.
        let positions = if self.membership.is_some() { self.positions() } else { Vec::new() };
        let known = if self.membership.is_some() { std::mem::take(&mut self.subscribed) } else { Vec::new() };
        let membership = match self.membership.take() {
            Some(membership) => membership,
            None => self.shared.groups.join(&group, until)?,
        };
        let at_earliest = self.options.start_at_earliest;
        let is_later = |topic: &str| !known.is_empty() && known.iter().all(|known| known.topic != topic);
        let mut assignments = self.starts(partitions, |topic| at_earliest || is_later(topic))?;
        for assignment in &mut assignments {
            let is_same =
                |position: &&Position| position.partition == assignment.partition && position.topic == assignment.topic;
            assignment.start = positions.iter().find(is_same).map_or(assignment.start, |position| position.offset);
        }
        self.read(&assignments)?;
        self.membership = Some(membership);
        (self.subscribed, self.looked_at) = (subscribed, Instant::now());
        Ok(())
    }

    fn seek(&mut self, position: &Position, _timeout: Duration) -> Result<()> {
        match self.turns.as_mut().and_then(|turns| turns.reader_to_seek(&position.topic, position.partition)) {
            Some(reader) => reader.seek(position.offset),
            None => {
                let error = Error::new(ErrorKind::NotFound, "seek", "the partition is not assigned");
                Err(error.with("topic", &position.topic).with("partition", position.partition))
            }
        }
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        batch.clear();
        let until = deadline(timeout);
        let mut pause = PAUSE_MIN;
        loop {
            self.look_for_partitions()?;
            let Some(turns) = &mut self.turns else {
                return Err(Error::new(ErrorKind::Usage, "poll", "no partitions are assigned"));
            };
            let filled = turns.fill(&mut self.window, batch);
            // An error comes again with the next call, which is time enough.
            if !batch.is_empty() {
                return Ok(Polled::Records);
            }
            if filled? {
                return Ok(Polled::End);
            }
            let now = Instant::now();
            if now >= until {
                return Ok(Polled::Timeout);
            }
            std::thread::sleep(pause.min(until - now));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn positions(&self) -> Vec<Position> {
        self.turns.as_ref().map(Turns::positions).unwrap_or_default()
    }

    fn commit(&mut self, offsets: &[CommittedOffset], timeout: Duration) -> Result<()> {
        let group = self.group("commit")?;
        match &self.membership {
            Some(member) => self.shared.groups.commit(member, group, offsets),
            None => self.shared.groups.commit_alone("commit", group, offsets, deadline(timeout)),
        }
    }

    fn committed(&mut self, partitions: &[TopicPartition], _timeout: Duration) -> Result<Vec<CommittedOffset>> {
        let group = self.group("read committed offsets")?;
        let mut committed = self.shared.groups.offsets_if_any(group)?;
        let asked = |found: &CommittedOffset| {
            partitions.iter().any(|asked| asked.topic == found.topic && asked.partition == found.partition)
        };
        committed.retain(asked);
        Ok(committed)
    }

    fn close(&mut self, _timeout: Duration) -> Result<()> {
        self.turns = None;
        self.membership = None;
        self.subscribed = Vec::new();
        Ok(())
    }
}
