//! Writing messages to a store of objects.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use kafi_core::{
    ANY_PARTITION, Batch, Delivery, Error, ErrorKind, Producer, ProducerOptions, Record, Report, Result,
    check_topic_name, partition_of,
};
use kafi_fs::emulated::clock::{deadline, now_ms};
use kafi_fs::emulated::intake::{Intake, Limits, Run};
use kafi_fs::emulated::topic_config::Effective;
use kafi_fs::emulated::topic_file::{self, TopicFile, new_id};

use crate::append::{TopicCheck, Trouble};
use crate::lane::{Memory, ObjectLane, Progress, Timing};
use crate::log::not_yet;
use crate::shared::Shared;
use crate::tasks::Tasks;
use crate::topics::Loaded;

/// A topic is looked up with at least this much time: with a shorter one, nothing could ever be handed over where each
/// answer takes its time.
const LOOK_UP_TIME_MIN: Duration = Duration::from_secs(1);

/// However many partitions are written at once, batches are not cut smaller than this.
const BATCH_BYTES_MIN: usize = 16 << 10;

/// A partition that is not known is looked for at most this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Writes to the topics of a storage.
pub(crate) struct ObjectProducer {
    shared: Arc<Shared>,
    keep_offsets: bool,
    keep_timestamps: bool,
    /// Tells the objects of this producer from those of all others.
    writer: Arc<str>,
    /// Numbers its objects, so that none is taken for another one.
    sequences: Arc<AtomicU64>,
    /// Why uploads do not go on.
    trouble: Trouble,
    tasks: Tasks,
    topics: Vec<TopicLanes>,
    by_name: HashMap<Arc<str>, usize>,
    /// For each topic of the batch in hand, where it stands in `topics`.
    batch_topics: Vec<usize>,
    lanes: usize,
    memory: Memory,
    /// Since when something waits that is not on its way.
    waits_since: Option<Instant>,
    /// The token of the last messages.
    token: u64,
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
    lanes: Vec<ObjectLane>,
    /// What counts the messages to partitions that do not exist, or do not exist any more: those of one token are
    /// counted on, whatever becomes of their topic.
    strays: HashMap<i32, Intake>,
    /// Where messages without a key go until a batch is full.
    sticky: usize,
}

/// What is known of a topic.
struct Known {
    file: TopicFile,
    config: Effective,
    object_bytes: u64,
    check: Arc<TopicCheck>,
}

impl ObjectProducer {
    pub(crate) fn new(shared: Arc<Shared>, options: &ProducerOptions) -> Self {
        Self {
            tasks: Tasks::new(shared.options.requests_max),
            shared,
            keep_offsets: options.keep_offsets,
            keep_timestamps: options.keep_timestamps,
            writer: new_id().into(),
            sequences: Arc::default(),
            trouble: Trouble::default(),
            topics: Vec::new(),
            by_name: HashMap::new(),
            batch_topics: Vec::new(),
            lanes: 0,
            memory: Memory::default(),
            waits_since: None,
            token: 0,
            ready: Vec::new(),
            handed: Vec::new(),
            closed: false,
        }
    }

    fn limits(&self) -> Limits {
        let options = &self.shared.options;
        // What all encoders hold together is bounded, however many partitions there are.
        let share = usize::try_from(options.buffer_bytes_max / 2).unwrap_or(usize::MAX) / self.lanes.max(1);
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

    /// Finds or makes what belongs to a topic.
    fn topic(&mut self, name: &str, deadline: Instant) -> Result<usize> {
        if let Some(index) = self.by_name.get(name).copied() {
            if self.topics[index].known.is_none() {
                // It may have been made since.
                self.look_at(index, deadline)?;
            }
            return Ok(index);
        }
        let found = self.shared.topics.find_checked(name, deadline)?;
        let name: Arc<str> = name.into();
        self.topics.push(TopicLanes {
            name: Arc::clone(&name),
            known: None,
            looked_at: Instant::now(),
            lanes: Vec::new(),
            strays: HashMap::new(),
            sticky: 0,
        });
        let index = self.topics.len() - 1;
        self.by_name.insert(name, index);
        self.adopt(index, found);
        Ok(index)
    }

    /// Looks whether a topic was changed, made, or deleted.
    fn look_at(&mut self, index: usize, deadline: Instant) -> Result<()> {
        self.topics[index].looked_at = Instant::now();
        let found = self.shared.topics.find_checked(&self.topics[index].name, deadline)?;
        self.adopt(index, found);
        Ok(())
    }

    /// Takes over what a topic is now. What was meant for one that is gone fails.
    fn adopt(&mut self, index: usize, found: Option<Loaded>) {
        let (shared, topic) = (&self.shared, &mut self.topics[index]);
        let id = found.as_ref().map(|loaded| loaded.file.id.as_str());
        if topic.lanes.first().is_some_and(|lane| Some(&**lane.topic_id()) != id) {
            for mut lane in topic.lanes.drain(..) {
                if lane.is_busy() {
                    let error = lane.intake().error(ErrorKind::NotFound, "the topic was deleted meanwhile");
                    lane.fail(error, &mut self.ready);
                }
                let intake = lane.into_intake();
                topic.strays.insert(intake.partition(), intake);
            }
        }
        topic.known = found.map(|Loaded { file, etag }| {
            for partition in topic.lanes.len() as i32..file.partitions {
                let log = shared
                    .topics
                    .partition_of(&topic.name, &file, partition)
                    .expect("the partition is one of the topic's");
                let intake = topic.strays.remove(&partition).unwrap_or_else(|| Intake::new(&topic.name, partition));
                topic.lanes.push(ObjectLane::new(log, intake, &self.writer, &self.sequences, &self.trouble));
            }
            let check = TopicCheck::new(&shared.topics, &topic.name, etag);
            Known {
                config: Effective::of(&file.config),
                object_bytes: shared.object_bytes(&file.config),
                file,
                check: Arc::new(check),
            }
        });
        self.lanes = self.topics.iter().map(|topic| topic.lanes.len()).sum();
    }

    /// Takes one message.
    fn take(
        &mut self,
        index: usize,
        mut record: Record<'_>,
        token: u64,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<()> {
        // The partition may have been made meanwhile, but after a failure nothing is written until the caller knows.
        let has_failed = self.topics[index].strays.get(&record.partition).is_some_and(Intake::has_failed);
        let topic = &self.topics[index];
        let partitions = topic.known.as_ref().map_or(0, |known| known.file.partitions);
        if !has_failed && partitions > 0 && record.partition >= partitions && topic.looked_at.elapsed() >= LOOK_INTERVAL
        {
            self.look_at(index, deadline)?;
        }
        let topic = &mut self.topics[index];
        let partitions = topic.known.as_ref().map_or(0, |known| known.file.partitions as usize);
        let lane = match record.partition {
            _ if partitions == 0 || has_failed => None,
            ANY_PARTITION => Some(match record.key {
                Some(key) => partition_of(key, partitions as i32) as usize,
                None => topic.sticky % partitions,
            }),
            partition => usize::try_from(partition).ok().filter(|partition| *partition < partitions),
        };
        let Some((lane_index, known)) = lane.zip(topic.known.as_ref()) else {
            self.take_stray(index, record.partition, token, deadline);
            return Ok(());
        };
        record.partition = lane_index as i32;
        let lane = &mut topic.lanes[lane_index];
        let mut must_write = lane.must_write(&record, limits, &known.config);
        loop {
            if must_write {
                lane.write(limits, &known.config, known.object_bytes, &mut self.memory, &mut self.ready);
                if lane_index == topic.sticky % partitions {
                    topic.sticky = lane_index + 1;
                }
            }
            if lane.push(record, token, limits, &known.config, &mut self.ready) {
                return Ok(());
            }
            must_write = true;
        }
    }

    /// Fails a message whose topic or partition does not exist.
    fn take_stray(&mut self, index: usize, partition: i32, token: u64, deadline: Instant) {
        let topic = &mut self.topics[index];
        let stray = topic.strays.entry(partition).or_insert_with(|| Intake::new(&topic.name, partition));
        if !stray.has_failed() {
            stray.stop(match &topic.known {
                None => check_topic_name(&topic.name)
                    .err()
                    .unwrap_or_else(|| self.shared.topics.missing(&topic.name, deadline)),
                Some(known) => {
                    topic_file::missing_partition(&self.shared.name, &topic.name, partition, known.file.partitions)
                }
            });
        }
        stray.refuse(token, &mut self.ready);
    }

    /// Ends all objects that grow, so that everything that was taken is on its way.
    fn seal(&mut self) {
        let limits = self.limits();
        self.waits_since = None;
        for topic in &mut self.topics {
            let Some(known) = &topic.known else { continue };
            for lane in topic.lanes.iter_mut().filter(|lane| lane.is_busy()) {
                lane.write(&limits, &known.config, known.object_bytes, &mut self.memory, &mut self.ready);
                lane.seal();
            }
        }
    }

    /// Takes in what uploads have come to, and starts those that can be. Returns the bytes that are held.
    fn advance(&mut self) -> usize {
        let options = &self.shared.options;
        let timing = Timing {
            delivery_timeout: Duration::from_millis(options.delivery_timeout_ms),
            trust: Duration::from_millis(options.trust_ms),
            head_interval: Duration::from_millis(options.head_interval_ms),
        };
        let mut held = self.memory.spare_bytes();
        for index in 0..self.topics.len() {
            let topic = &mut self.topics[index];
            let Some(check) = topic.known.as_ref().map(|known| Arc::clone(&known.check)) else { continue };
            let (mut changed, mut found) = (Vec::new(), None);
            for (number, lane) in topic.lanes.iter_mut().enumerate() {
                if lane.is_uploading()
                    && let Progress::Changed(runs, topic) =
                        lane.advance(&mut self.tasks, &check, timing, &mut self.memory, &mut self.ready)
                {
                    changed.push((number, runs));
                    found = topic;
                }
                // Between objects of a stream nobody needs to know the end better than from time to time.
                if lane.is_head_due() {
                    lane.write_head(&mut self.tasks, timing.head_interval);
                }
                held += lane.bytes();
            }
            if !changed.is_empty() {
                self.settle_changed(index, changed, found);
            }
        }
        held
    }

    /// Messages were written while their topic became what was `found`: delivered, if it is still the same topic.
    fn settle_changed(&mut self, index: usize, changed: Vec<(usize, Vec<Run>)>, found: Option<Loaded>) {
        let topic = &mut self.topics[index];
        let id = topic.known.as_ref().map(|known| known.file.id.as_str());
        let is_same = found.as_ref().is_some_and(|loaded| Some(loaded.file.id.as_str()) == id);
        for (number, mut runs) in changed {
            let lane = &mut topic.lanes[number];
            if is_same {
                lane.deliver(&mut runs, &mut self.ready);
                continue;
            }
            let error = lane.intake().error(ErrorKind::NotFound, "the topic was deleted meanwhile");
            runs.drain(..).for_each(|run| lane.intake().report_failed(run, &error, &mut self.ready));
            lane.fail(error, &mut self.ready);
        }
        self.adopt(index, found);
    }

    fn lanes(&self) -> impl Iterator<Item = &ObjectLane> {
        self.topics.iter().flat_map(|topic| &topic.lanes)
    }

    /// Whether what was taken has to be written now.
    fn is_due(&self) -> bool {
        self.waits_since
            .is_some_and(|since| since.elapsed() >= Duration::from_millis(self.shared.options.commit_interval_ms))
    }

    /// Waits until there is room for more; false if there is none until `deadline`.
    fn make_room(&mut self, deadline: Instant) -> bool {
        let max = usize::try_from(self.shared.options.buffer_bytes_max).unwrap_or(usize::MAX);
        loop {
            let seen = self.tasks.finished();
            if self.advance() <= max {
                return true;
            }
            if self.memory.spare_bytes() > 0 {
                self.memory.free();
                continue;
            }
            if !self.lanes().any(ObjectLane::is_uploading) {
                self.seal();
                continue;
            }
            if Instant::now() >= deadline {
                return false;
            }
            self.tasks.wait(seen, deadline);
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.closed { Err(Error::new(ErrorKind::Usage, "produce", "the producer is closed")) } else { Ok(()) }
    }
}

impl Producer for ObjectProducer {
    fn produce(&mut self, batch: &Batch, from: usize, token: u64, timeout: Duration) -> Result<usize> {
        self.check_open()?;
        let deadline = deadline(timeout);
        self.token = token;
        self.batch_topics.clear();
        let look_up_until = deadline.max(Instant::now() + LOOK_UP_TIME_MIN);
        for name in batch.topics() {
            let index = self.topic(name, look_up_until).map_err(not_yet)?;
            self.batch_topics.push(index);
        }
        if self.is_due() {
            self.seal();
        }
        if !self.make_room(deadline) {
            return Ok(0);
        }
        let limits = self.limits();
        let (mut taken, mut bytes) = (0, 0);
        for (at, meta) in batch.metas().iter().enumerate().skip(from) {
            let record = batch.get(at);
            bytes += record.payload_bytes();
            match self.take(self.batch_topics[meta.topic as usize], record, token, &limits, deadline) {
                Ok(()) => taken += 1,
                Err(error) if taken == 0 => return Err(not_yet(error)),
                Err(_) => break,
            }
            // A look at what is held costs more than a message, so it is taken from time to time.
            if bytes >= BATCH_BYTES_MIN << 4 {
                bytes = 0;
                if !self.make_room(deadline) {
                    break;
                }
            }
        }
        if taken > 0 && self.waits_since.is_none() {
            self.waits_since = Some(Instant::now());
        }
        self.advance();
        Ok(taken)
    }

    fn reports(&mut self, timeout: Duration) -> Result<&[Report]> {
        let until = deadline(timeout);
        if self.is_due() {
            self.seal();
        }
        self.advance();
        if self.ready.is_empty() && !timeout.is_zero() && !self.lanes().any(ObjectLane::is_uploading) {
            self.seal();
        }
        loop {
            let seen = self.tasks.finished();
            self.advance();
            if !self.ready.is_empty() || !self.lanes().any(ObjectLane::is_uploading) || Instant::now() >= until {
                break;
            }
            self.tasks.wait(seen, until);
        }
        self.handed.clear();
        std::mem::swap(&mut self.handed, &mut self.ready);
        if self.handed.iter().any(|report| matches!(report.delivery, Delivery::Failed(_))) {
            for topic in &mut self.topics {
                topic.lanes.iter_mut().for_each(|lane| lane.intake().forgive());
                // Those of the last token are counted on.
                topic.strays.retain(|_, stray| stray.token() == self.token);
                topic.strays.values_mut().for_each(Intake::forgive);
                // What was missing is looked for again.
                topic.looked_at = topic.looked_at.checked_sub(LOOK_INTERVAL).unwrap_or(topic.looked_at);
            }
        }
        Ok(&self.handed)
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        self.check_open()?;
        let until = deadline(timeout);
        self.seal();
        loop {
            let seen = self.tasks.finished();
            self.advance();
            if !self.lanes().any(ObjectLane::is_busy) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(self.trouble.not_yet(&self.shared.name));
            }
            self.tasks.wait(seen, until);
        }
    }

    fn close(&mut self, timeout: Duration) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        self.flush(timeout)?;
        let until = deadline(timeout);
        // Without the newest `head.json` others only need some requests more.
        loop {
            let seen = self.tasks.finished();
            let lanes = self.topics.iter_mut().flat_map(|topic| &mut topic.lanes).filter(|lane| lane.is_head_due());
            lanes.for_each(|lane| lane.write_head(&mut self.tasks, Duration::ZERO));
            if !self.lanes().any(ObjectLane::is_head_due) || Instant::now() >= until {
                break;
            }
            self.tasks.wait(seen, until);
        }
        self.closed = true;
        self.topics.clear();
        self.by_name.clear();
        self.memory = Memory::default();
        Ok(())
    }
}
