//! Reading messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{Assignment, Batch, Consumer, ConsumerOptions, Error, ErrorKind, Polled, Position, Result, TopicPartition};
use kafi_records::{BatchHeader, Decoder};

use crate::groups::Membership;
use crate::io::Stat;
use crate::log::read::{Leniency, Reader, bounds};
use crate::log::segment::Window;
use crate::storage::Shared;
use crate::topics::deadline;

/// The pauses between two looks at files that have nothing new.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// A member of a group looks for new partitions of its topics this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Reads the topics of a storage.
///
/// One decoder and one window serve all partitions, so memory is bounded by the largest stored batch, however many partitions are assigned.
pub(crate) struct LogConsumer {
    shared: Arc<Shared>,
    options: ConsumerOptions,
    assigned: Option<Vec<Assigned>>,
    membership: Option<Membership>,
    subscribed: Vec<Subscribed>,
    looked_at: Instant,
    decoder: Decoder,
    window: Window,
    /// The partition whose batch the decoder holds.
    open: Option<(usize, BatchHeader)>,
    /// The partition whose turn it is.
    turn: usize,
}

/// A topic that a member reads.
struct Subscribed {
    topic: String,
    /// The topic's file when it was last looked at.
    file: Option<Stat>,
    partitions: i32,
}

struct Assigned {
    reader: Reader,
    end: Option<i64>,
}

impl Assigned {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.reader.position() >= end)
    }
}

impl LogConsumer {
    pub(crate) fn new(shared: Arc<Shared>, options: &ConsumerOptions) -> Self {
        Self {
            shared,
            options: options.clone(),
            assigned: None,
            membership: None,
            subscribed: Vec::new(),
            looked_at: Instant::now(),
            decoder: Decoder::new(),
            window: Window::default(),
            open: None,
            turn: 0,
        }
    }

    fn group(&self, operation: &'static str) -> Result<&str> {
        self.options.group.as_deref().ok_or_else(|| Error::new(ErrorKind::Usage, operation, "the consumer was made without a group"))
    }

    fn read(&mut self, assignments: &[Assignment]) -> Result<()> {
        self.assigned = Some(self.opened(assignments)?);
        self.open = None;
        self.turn = 0;
        Ok(())
    }

    fn opened(&self, assignments: &[Assignment]) -> Result<Vec<Assigned>> {
        let leniency = Leniency { allow_gap: self.options.allow_gap, skip_corrupt: self.options.skip_corrupt };
        let mut assigned = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let dir = self.shared.topics.partition(&assignment.topic, assignment.partition)?;
            assigned.push(Assigned { reader: Reader::open(dir, assignment.start, leniency)?, end: assignment.end });
        }
        Ok(assigned)
    }

    /// Where a member starts in these partitions: at the committed offset, else at the log's start or end.
    fn starts(&mut self, partitions: Vec<TopicPartition>, at_earliest: bool) -> Result<Vec<Assignment>> {
        let committed = self.committed(&partitions, Duration::ZERO)?;
        let mut assignments = Vec::with_capacity(partitions.len());
        for TopicPartition { topic, partition } in partitions {
            let start = match committed.iter().find(|position| position.topic == topic && position.partition == partition) {
                Some(position) => position.offset,
                None => {
                    let bounds = bounds(&self.shared.topics.partition(&topic, partition)?)?;
                    if at_earliest { bounds.low } else { bounds.high }
                }
            };
            assignments.push(Assignment { topic, partition, start, end: None });
        }
        Ok(assignments)
    }

    /// Adds the partitions that the topics of a member got since the last look. They are read from their start: whatever they hold came after the member.
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
            added.extend((subscribed.partitions..partitions).map(|partition| TopicPartition { topic: subscribed.topic.clone(), partition }));
            (subscribed.file, subscribed.partitions) = (file, partitions);
        }
        if added.is_empty() {
            return Ok(());
        }
        let assignments = self.starts(added, true)?;
        let opened = self.opened(&assignments)?;
        self.assigned.get_or_insert_default().extend(opened);
        Ok(())
    }

    /// Fills `batch` from where the files have something, starting with the partition whose turn it is; true when all partitions are at their end.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool> {
        let Some(assigned) = &mut self.assigned else {
            return Err(Error::new(ErrorKind::Usage, "poll", "no partitions are assigned"));
        };
        // What the decoder still holds comes first, whosever turn it is.
        let (turn, count) = (self.turn, assigned.len());
        let turns = (0..count).map(|step| (turn + step) % count);
        for index in self.open.map(|(index, _)| index).into_iter().chain(turns) {
            let partition = &mut assigned[index];
            if !partition.is_done() {
                partition.reader.check()?;
            }
            while !partition.is_done() && !batch.is_full() {
                if self.open.is_none() {
                    self.open = partition.reader.next(&mut self.window, &mut self.decoder)?.map(|header| (index, header));
                }
                let Some((_, header)) = self.open else { break };
                if is_better_alone(&header, batch) {
                    self.turn = index;
                    return Ok(false);
                }
                let taken = take(partition, header, &mut self.decoder, batch);
                if !matches!(taken, Ok(false)) {
                    self.open = None;
                }
                taken?;
            }
            if partition.is_done() {
                self.open = self.open.filter(|(open, _)| *open != index);
            }
            if batch.is_full() {
                self.turn = (index + 1) % count;
                break;
            }
        }
        Ok(assigned.iter().all(Assigned::is_done))
    }
}

/// Whether a stored batch is better left for the next call: it does not fit into what is left, which is less than half, but goes as a whole, without
/// being copied, into an empty batch.
fn is_better_alone(header: &BatchHeader, batch: &Batch) -> bool {
    batch.bytes() > batch.bytes_max() / 2 && batch.bytes() + header.total_bytes() > batch.bytes_max()
}

/// Takes messages of the open batch; true when nothing is left of it.
fn take(partition: &mut Assigned, header: BatchHeader, decoder: &mut Decoder, batch: &mut Batch) -> Result<bool> {
    let until = partition.end.unwrap_or(i64::MAX);
    let dir = partition.reader.dir();
    let (from, number) = (partition.reader.position(), dir.partition);
    let topic = batch.topic_index(&dir.topic);
    let before = batch.len();
    let more = match decoder.read(batch, topic, number, from, until) {
        Ok(more) => more,
        Err(error) => {
            partition.reader.unreadable(error.message(), &header)?;
            return Ok(true);
        }
    };
    if more {
        let last = batch.metas().get(before..).and_then(<[_]>::last);
        partition.reader.advance(last.map_or(from, |meta| meta.offset + 1));
        return Ok(false);
    }
    partition.reader.advance(header.next_offset().min(until));
    Ok(true)
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
        let membership = match self.membership.take() {
            Some(membership) => membership,
            None => self.shared.groups.join(&group, until)?,
        };
        let assignments = self.starts(partitions, self.options.start_at_earliest)?;
        self.read(&assignments)?;
        self.membership = Some(membership);
        (self.subscribed, self.looked_at) = (subscribed, Instant::now());
        Ok(())
    }

    fn seek(&mut self, position: &Position, _timeout: Duration) -> Result<()> {
        let assigned = self.assigned.as_deref_mut().unwrap_or_default();
        let index = assigned.iter().position(|assigned| {
            let dir = assigned.reader.dir();
            *dir.topic == *position.topic && dir.partition == position.partition
        });
        let Some(index) = index else {
            let error = Error::new(ErrorKind::NotFound, "seek", "the partition is not assigned");
            return Err(error.with("topic", &position.topic).with("partition", position.partition));
        };
        self.open = self.open.filter(|(open, _)| *open != index);
        assigned[index].reader.seek(position.offset)
    }

    fn poll(&mut self, batch: &mut Batch, timeout: Duration) -> Result<Polled> {
        batch.clear();
        let until = deadline(timeout);
        let mut pause = PAUSE_MIN;
        loop {
            self.look_for_partitions()?;
            let filled = self.fill(batch);
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
        let assigned = self.assigned.as_deref().unwrap_or_default();
        let position = |assigned: &Assigned| {
            let dir = assigned.reader.dir();
            Position { topic: dir.topic.to_string(), partition: dir.partition, offset: assigned.reader.position() }
        };
        assigned.iter().map(position).collect()
    }

    fn commit(&mut self, positions: &[Position], timeout: Duration) -> Result<()> {
        let group = self.group("commit")?;
        match &self.membership {
            Some(member) => self.shared.groups.commit(member, group, positions),
            None => self.shared.groups.commit_alone("commit", group, positions, deadline(timeout)),
        }
    }

    fn committed(&mut self, partitions: &[TopicPartition], _timeout: Duration) -> Result<Vec<Position>> {
        let group = self.group("read committed offsets")?;
        let mut positions = self.shared.groups.offsets_if_any(group)?;
        let asked = |position: &Position| partitions.iter().any(|asked| asked.topic == position.topic && asked.partition == position.partition);
        positions.retain(asked);
        Ok(positions)
    }

    fn close(&mut self, _timeout: Duration) -> Result<()> {
        self.assigned = None;
        self.membership = None;
        self.subscribed = Vec::new();
        self.open = None;
        self.decoder = Decoder::new();
        Ok(())
    }
}
