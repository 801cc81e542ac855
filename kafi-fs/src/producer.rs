//! Writing messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{
    ANY_PARTITION, Batch, Error, ErrorKind, Producer, ProducerOptions, Record, Report, Result, partition_of,
};

use crate::emulated::clock::{deadline, now_ms};
use crate::emulated::intake::Limits;
use crate::emulated::topic_config::Effective;
use crate::io::Stat;
use crate::lane::{Lane, Rules};
use crate::log::PartitionDir;
use crate::shared::Shared;

/// However many partitions are written at once, batches are not cut smaller than this.
const BATCH_BYTES_MIN: usize = 16 << 10;

/// Waiting for fsync takes at most one part in this many.
const COMMIT_SHARE: u32 = 5;

/// More partitions than this are made durable by several threads, for as long as that takes.
const SYNC_ALONE_MAX: usize = 4;

/// And by this many at most.
const SYNC_THREADS: usize = 16;

/// A topic is looked at for new partitions and settings this often while it is written to; otherwise with each commit.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// However slow fsync is, what was taken is not older than this when the next call comes.
const COMMIT_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// Writes to the topics of a storage.
pub(crate) struct LogProducer {
    shared: Arc<Shared>,
    keep_offsets: bool,
    keep_timestamps: bool,
    topics: Vec<TopicLanes>,
    by_name: HashMap<Arc<str>, usize>,
    /// For each topic of the batch in hand, where it stands in `topics`.
    batch_topics: Vec<usize>,
    lanes: usize,
    /// Memory for encoded batches.
    buffer: Vec<u8>,
    /// The bytes that were taken since the last commit, before compression.
    pending_bytes: u64,
    /// Since when something waits.
    pending_since: Option<Instant>,
    /// The token of the last messages.
    token: u64,
    commit_took: Duration,
    /// Reports that the caller has not fetched.
    ready: Vec<Report>,
    /// Reports that the caller looks at.
    handed: Vec<Report>,
    closed: bool,
}

/// A topic that messages were written to.
struct TopicLanes {
    name: Arc<str>,
    /// `None` while the topic is missing.
    known: Option<Known>,
    looked_at: Instant,
    lanes: Vec<Lane>,
    /// Partitions that messages asked for and that do not exist.
    strays: Vec<Lane>,
    /// Where messages without a key go until a batch is full.
    sticky: usize,
}

/// What is known of a topic.
struct Known {
    file: Option<Stat>,
    config: Effective,
    dirs: Vec<PartitionDir>,
}

impl TopicLanes {
    /// Whether a partition lies behind those that are known.
    #[inline]
    fn is_beyond(&self, partition: i32) -> bool {
        let partitions = self.known.as_ref().map_or(0, |known| known.dirs.len());
        usize::try_from(partition).is_ok_and(|partition| partition >= partitions)
    }
}

impl LogProducer {
    pub(crate) fn new(shared: Arc<Shared>, options: &ProducerOptions) -> Self {
        Self {
            shared,
            keep_offsets: options.keep_offsets,
            keep_timestamps: options.keep_timestamps,
            topics: Vec::new(),
            by_name: HashMap::new(),
            batch_topics: Vec::new(),
            lanes: 0,
            buffer: Vec::new(),
            pending_bytes: 0,
            pending_since: None,
            token: 0,
            commit_took: Duration::ZERO,
            ready: Vec::new(),
            handed: Vec::new(),
            closed: false,
        }
    }

    fn limits(&self) -> Limits {
        let options = &self.shared.options;
        // What all encoders hold together is bounded, however many partitions there are.
        let share = usize::try_from(options.commit_bytes_max).unwrap_or(usize::MAX) / self.lanes.max(1);
        let batch_bytes = share.max(BATCH_BYTES_MIN).min(options.batch_bytes_max);
        let (keep_offsets, keep_timestamps) = (self.keep_offsets, self.keep_timestamps);
        Limits {
            batch_bytes,
            batch_records: options.batch_records_max.max(1),
            keep_offsets,
            keep_timestamps,
            now_ms: now_ms(),
        }
    }

    /// Finds or makes what belongs to a topic, and notices if it was changed, made, or deleted.
    fn topic(&mut self, name: &str) -> usize {
        if let Some(index) = self.by_name.get(name).copied() {
            // One that was missing may have been made since, and others may have got partitions.
            let topic = &self.topics[index];
            if topic.known.is_none() || topic.looked_at.elapsed() >= LOOK_INTERVAL {
                self.look_at(index);
            }
            return index;
        }
        let name: Arc<str> = name.into();
        self.topics.push(TopicLanes {
            name: Arc::clone(&name),
            known: None,
            looked_at: Instant::now(),
            lanes: Vec::new(),
            strays: Vec::new(),
            sticky: 0,
        });
        let index = self.topics.len() - 1;
        self.by_name.insert(name, index);
        self.look_at(index);
        index
    }

    fn look_at(&mut self, index: usize) {
        let topic = &mut self.topics[index];
        topic.looked_at = Instant::now();
        let file = self.shared.topics.stat(&topic.name).ok().flatten();
        if file.is_some() && topic.known.as_ref().is_some_and(|known| known.file == file) {
            return;
        }
        let loaded = self
            .shared
            .topics
            .load(&topic.name)
            .and_then(|loaded| Ok((loaded, self.shared.topics.folder(&topic.name)?)));
        let Ok((loaded, folder)) = loaded else {
            topic.known = None;
            return;
        };
        let io = self.shared.topics.io();
        let dirs: Vec<_> =
            (0..loaded.partitions).map(|partition| PartitionDir::new(io, &topic.name, &folder, partition)).collect();
        for partition in topic.lanes.len() as i32..dirs.len() as i32 {
            // What was refused while there was no such partition is counted on.
            let stray = topic.strays.iter().position(|stray| stray.partition() == partition);
            topic
                .lanes
                .push(stray.map_or_else(|| Lane::new(&topic.name, partition), |stray| topic.strays.swap_remove(stray)));
        }
        topic.known = Some(Known { file, config: Effective::of(&loaded.config), dirs });
        self.lanes = self.topics.iter().map(|topic| topic.lanes.len()).sum();
    }

    /// Takes one message; false if its partition is blocked until `deadline`.
    fn take(&mut self, index: usize, mut record: Record<'_>, token: u64, limits: &Limits, deadline: Instant) -> bool {
        // The partition may have been made meanwhile, but after a failure nothing is written until the caller knows.
        let has_failed =
            self.topics[index].strays.iter().any(|stray| stray.partition() == record.partition && stray.has_failed());
        if !has_failed && self.topics[index].is_beyond(record.partition) {
            self.look_at(index);
        }
        let topic = &mut self.topics[index];
        let partitions = topic.known.as_ref().map_or(0, |known| known.dirs.len());
        let lane = match record.partition {
            _ if partitions == 0 || has_failed => None,
            ANY_PARTITION => Some(match record.key {
                Some(key) => partition_of(key, partitions as i32) as usize,
                None => topic.sticky % partitions,
            }),
            partition => usize::try_from(partition).ok().filter(|partition| *partition < partitions),
        };
        let Some((lane_index, known)) = lane.zip(topic.known.as_ref()) else {
            self.take_stray(index, record.partition, token);
            return true;
        };
        record.partition = lane_index as i32;
        let lane = &mut topic.lanes[lane_index];
        let before = lane.bytes();
        let rules = Rules { limits, topic: &known.config };
        let mut written = lane.must_write(&record, limits, &known.config);
        loop {
            if written {
                if !lane.write(&known.dirs[lane_index], rules, &mut self.buffer, deadline, &mut self.ready) {
                    return false;
                }
                topic.sticky += usize::from(lane_index == topic.sticky % partitions);
            }
            if lane.push(record, token, limits, &known.config, &mut self.ready) {
                break;
            }
            written = true;
        }
        let grown = if written { lane.bytes() } else { lane.bytes().saturating_sub(before) };
        self.pending_bytes += grown as u64;
        // A full batch is written now, not when the next message comes: with large messages to many partitions each of
        // them would hold one. Where others hold the partition's lock, the next message waits for it.
        if lane.bytes() >= limits.batch_bytes
            && lane.write(&known.dirs[lane_index], rules, &mut self.buffer, deadline, &mut self.ready)
        {
            topic.sticky += usize::from(lane_index == topic.sticky % partitions);
        }
        true
    }

    /// Fails a message whose topic or partition does not exist.
    fn take_stray(&mut self, index: usize, partition: i32, token: u64) {
        let topic = &mut self.topics[index];
        // A partition that was there before counts its messages on.
        let known = usize::try_from(partition).ok().filter(|partition| *partition < topic.lanes.len());
        let stray = match (known, topic.strays.iter().position(|stray| stray.partition() == partition)) {
            (Some(known), _) => &mut topic.lanes[known],
            (None, Some(stray)) => &mut topic.strays[stray],
            (None, None) => {
                topic.strays.push(Lane::new(&topic.name, partition));
                topic.strays.last_mut().expect("it was just pushed")
            }
        };
        if !stray.has_failed() {
            let error = match &topic.known {
                None => self
                    .shared
                    .topics
                    .load(&topic.name)
                    .err()
                    .unwrap_or_else(|| self.shared.topics.missing(&topic.name)),
                Some(known) => self.shared.topics.missing_partition(&topic.name, partition, known.dirs.len() as i32),
            };
            stray.stop(error);
        }
        stray.refuse(token, &mut self.ready);
    }

    /// Whether what was taken has to be made durable now.
    fn is_due(&self) -> bool {
        let options = &self.shared.options;
        let interval = Duration::from_millis(options.commit_interval_ms)
            .max((self.commit_took * (COMMIT_SHARE - 1)).min(COMMIT_INTERVAL_MAX));
        self.pending_bytes >= options.commit_bytes_max
            || self.pending_since.is_some_and(|since| since.elapsed() >= interval)
    }

    /// Writes everything that was taken and makes it durable; false if others held a lock until `deadline`.
    fn commit(&mut self, deadline: Instant) -> bool {
        let started = Instant::now();
        let limits = self.limits();
        let mut all = true;
        for index in 0..self.topics.len() {
            self.look_at(index);
            let topic = &mut self.topics[index];
            for (lane_index, lane) in topic.lanes.iter_mut().enumerate().filter(|(_, lane)| lane.is_busy()) {
                match topic.known.as_ref().and_then(|known| Some((known, known.dirs.get(lane_index)?))) {
                    Some((known, dir)) => {
                        let rules = Rules { limits: &limits, topic: &known.config };
                        all &= lane.write(dir, rules, &mut self.buffer, deadline, &mut self.ready)
                    }
                    None => lane.fail(self.shared.topics.missing(&topic.name), &mut self.ready),
                }
            }
        }
        let lanes: Vec<_> =
            self.topics.iter_mut().flat_map(|topic| &mut topic.lanes).filter(|lane| lane.is_busy()).collect();
        all &= commit_lanes(lanes, deadline, &mut self.ready);
        if all {
            self.pending_bytes = 0;
            self.pending_since = None;
        }
        self.commit_took = started.elapsed();
        all
    }

    fn check_open(&self) -> Result<()> {
        if self.closed { Err(Error::new(ErrorKind::Usage, "produce", "the producer is closed")) } else { Ok(()) }
    }
}

/// Makes durable what was appended to these partitions; false if others held a lock until `deadline`.
fn commit_lanes(mut lanes: Vec<&mut Lane>, deadline: Instant, reports: &mut Vec<Report>) -> bool {
    if lanes.len() <= SYNC_ALONE_MAX {
        return lanes.iter_mut().fold(true, |all, lane| all & lane.commit(deadline, reports));
    }
    // File systems serve several fsyncs at a time with one write of their journal, so with many partitions it pays to
    // ask for several at once.
    let share = lanes.len().div_ceil(SYNC_THREADS);
    std::thread::scope(|scope| {
        let commit = |lanes: &mut [&mut Lane]| {
            let mut reports = Vec::new();
            let all = lanes.iter_mut().fold(true, |all, lane| all & lane.commit(deadline, &mut reports));
            (all, reports)
        };
        let threads: Vec<_> = lanes.chunks_mut(share).map(|lanes| scope.spawn(move || commit(lanes))).collect();
        threads.into_iter().fold(true, |all, thread| {
            let (done, mut part) = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            reports.append(&mut part);
            all & done
        })
    })
}

impl Producer for LogProducer {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize> {
        self.check_open()?;
        let deadline = deadline(timeout);
        self.token = token;
        self.batch_topics.clear();
        for name in batch.topics() {
            let index = self.topic(name);
            self.batch_topics.push(index);
        }
        let limits = self.limits();
        let mut taken = 0;
        for (at, meta) in batch.metas().iter().enumerate().skip(from) {
            let topic = self.batch_topics[meta.topic as usize];
            if !self.take(topic, batch.get(at), token, &limits, deadline) {
                break;
            }
            taken += 1;
            if self.pending_bytes >= self.shared.options.commit_bytes_max && !self.commit(deadline) {
                break;
            }
        }
        if taken > 0 && self.pending_since.is_none() {
            self.pending_since = Some(Instant::now());
        }
        if self.is_due() {
            self.commit(deadline);
        }
        Ok(taken)
    }

    fn reports(&mut self, timeout: Duration) -> Result<&[Report]> {
        let waits = self.ready.is_empty() && !timeout.is_zero();
        if waits || self.is_due() {
            self.commit(deadline(timeout));
        }
        self.handed.clear();
        std::mem::swap(&mut self.handed, &mut self.ready);
        if self.handed.iter().any(|report| matches!(report.delivery, kafi_core::Delivery::Failed(_))) {
            for index in 0..self.topics.len() {
                self.topics[index].lanes.iter_mut().for_each(Lane::forgive);
                self.topics[index].strays.retain(|stray| stray.token() == self.token);
                self.topics[index].strays.iter_mut().for_each(Lane::forgive);
                self.look_at(index);
            }
        }
        Ok(&self.handed)
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        self.check_open()?;
        let until = deadline(timeout);
        while !self.commit(until) {
            if Instant::now() >= until {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    "flush",
                    "other producers held the partitions all the time",
                )
                .with("storage", &self.shared.name));
            }
        }
        Ok(())
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        self.flush(timeout)?;
        self.closed = true;
        for topic in &mut self.topics {
            topic.lanes.clear();
            topic.known = None;
        }
        self.buffer = Vec::new();
        Ok(())
    }
}
