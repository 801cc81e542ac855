//! A copy whose every question is answered: shares of the partitions, each with a reader and a writer of its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::admin::Admin;
use crate::batch::Batch;
use crate::capability::Capabilities;
use crate::consumer::{Assignment, Isolation, Position, TopicPartition};
use crate::error::{Error, ErrorKind, Result};
use crate::functional::{Cancel, GroupUse, ReadOptions, Reader, Writer, pump_settling, readers_of};
use crate::producer::ProducerOptions;
use crate::record::TimestampType;
use crate::shell::copy_mirror::Mirror;
use crate::shell::copy_plan::{Planner, ReadyTopic, positions_after};
use crate::shell::rate::Pacer;
use crate::shell::target::{Target, existing, forget_timestamps};
use crate::shell::{CopyOptions, CopyResult, finish};
use crate::storage::Storage;

/// What is delivered is committed this often, where a group on the source keeps how far the copy has come.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// A mirror looks this often for new topics and partitions.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The property that lets the members of a group see new partitions that soon, in milliseconds.
const METADATA_REFRESH: (&str, &str) = ("topic.metadata.refresh.interval.ms", "3000");

/// A copy that runs.
pub(crate) struct Job<'a> {
    planner: Mutex<Planner<'a>>,
    source: &'a dyn Storage,
    target: &'a dyn Storage,
    options: &'a CopyOptions,
    read: ReadOptions,
    producer: ProducerOptions,
    keeps_append_times: bool,
    pacer: Option<Pacer>,
    /// Whether it was said that append times become create times.
    said: AtomicBool,
    /// What stops each share, and whether one has failed.
    stops: Mutex<Vec<Cancel>>,
    has_failed: AtomicBool,
}

/// Where the messages of a share go.
#[derive(Clone)]
struct Route {
    target: Target,
    /// The group on the source that keeps how far the copy has come, where the target does not.
    progress_group: Option<String>,
    /// How many partitions the source had when the target was looked at.
    partitions: usize,
}

/// The routes of the topics of a share, by the names of the source.
type Routes = Arc<HashMap<String, Route>>;

/// What a share gives back: its readers, which are not closed, and how many messages it wrote.
type ShareResult = Result<(Vec<Reader>, u64)>;

impl<'a> Job<'a> {
    pub(crate) fn new(planner: Planner<'a>) -> Self {
        let (source, target, options) = (planner.source, planner.target, planner.options);
        let mut read = options.read.clone();
        if let Some(group) = read.group.as_mut().filter(|group| matches!(group.usage, GroupUse::CommitRead | GroupUse::CommitAtEnd)) {
            // What is not delivered is not done, and a copy has no result that comes only at its end.
            group.usage = GroupUse::CommitDone;
        }
        if read.group.is_some() && read.follow && source.capabilities().contains(Capabilities::CONSUME_REBALANCE) {
            // What the user says comes later, and wins.
            read.consumer.properties.insert(0, (METADATA_REFRESH.0.into(), METADATA_REFRESH.1.into()));
        }
        if let Some(rate) = options.rate {
            (read.batch_records_max, read.batch_bytes_max) = rate.limits(read.batch_records_max, read.batch_bytes_max);
        }
        Self {
            source,
            target,
            options,
            read,
            producer: ProducerOptions { keep_offsets: planner.keep_offsets, properties: options.properties.clone() },
            keeps_append_times: target.capabilities().contains(Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE),
            pacer: options.rate.map(Pacer::new),
            said: AtomicBool::new(false),
            stops: Mutex::default(),
            has_failed: AtomicBool::new(false),
            planner: Mutex::new(planner),
        }
    }

    /// A thread for each reader, with a writer of its own, and a look at what is new from time to time where this is a mirror.
    pub(crate) fn run(&self, topics: Vec<ReadyTopic>) -> Result<CopyResult> {
        let read_before = self.read.progress.read();
        let mirror = self.mirrors().then(|| Mirror::new(&topics));
        let (readers, routes) = self.readers_for(topics)?;
        let (shares, looked) = thread::scope(|scope| {
            let (ended, ends) = channel();
            let mut threads: Vec<_> = readers.into_iter().map(|reader| self.start(scope, reader, &routes, &ended)).collect();
            let mut looked = Ok(());
            if let Some(mut mirror) = mirror {
                let mut running = threads.len();
                while running > 0 {
                    match ends.recv_timeout(LOOK_EVERY) {
                        Ok(()) => running -= 1,
                        Err(RecvTimeoutError::Disconnected) => break,
                        Err(RecvTimeoutError::Timeout) if self.is_over() => {}
                        Err(RecvTimeoutError::Timeout) => {
                            let more = self.look(&mut mirror).and_then(|topics| self.readers_for(topics));
                            match more {
                                Ok((readers, routes)) => {
                                    running += readers.len();
                                    threads.extend(readers.into_iter().map(|reader| self.start(scope, reader, &routes, &ended)));
                                }
                                Err(error) => {
                                    looked = Err(error);
                                    self.stop_all();
                                }
                            }
                        }
                    }
                }
            }
            let join = |thread: ScopedJoinHandle<'_, ShareResult>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (threads.into_iter().map(join).collect::<Vec<_>>(), looked)
        });
        let mut result = CopyResult::default();
        let mut readers = Vec::new();
        for share in shares {
            let (reader, written) = share?;
            result.copied.written += written;
            readers.extend(reader);
        }
        looked?;
        result.copied.read = self.read.progress.read() - read_before;
        result.finished = finish(readers, &self.read)?;
        Ok(result)
    }

    /// Whether later topics and partitions belong to the copy. A group tells its members about them by itself.
    fn mirrors(&self) -> bool {
        self.read.follow && self.read.max.is_none() && self.read.partitions.is_none() && self.read.group.is_none()
    }

    fn look(&self, mirror: &mut Mirror) -> Result<Vec<ReadyTopic>> {
        mirror.look(&mut self.planner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The readers of what is to be read of these topics, and where it goes.
    fn readers_for(&self, topics: Vec<ReadyTopic>) -> Result<(Vec<Reader>, Routes)> {
        let mut routes = HashMap::new();
        let mut assignments: Vec<Assignment> = Vec::new();
        for ReadyTopic { source, target, parts, progress_group } in topics {
            assignments.extend(parts);
            let partitions = source.partitions.len();
            routes.insert(source.name, Route { target, progress_group, partitions });
        }
        if assignments.is_empty() {
            return Ok((Vec::new(), Arc::new(routes)));
        }
        let threads = if self.options.threads == 0 { thread::available_parallelism().map_or(1, usize::from) } else { self.options.threads };
        Ok((readers_of(self.source, assignments, &self.read, threads)?, Arc::new(routes)))
    }

    fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        reader: Reader,
        routes: &Routes,
        ended: &Sender<()>,
    ) -> ScopedJoinHandle<'scope, ShareResult> {
        let stop = reader.stop();
        self.stops.lock().unwrap_or_else(PoisonError::into_inner).push(stop.clone());
        if self.has_failed.load(Ordering::SeqCst) {
            stop.cancel();
        }
        let (routes, ended) = (Arc::clone(routes), ended.clone());
        scope.spawn(move || {
            let share = Share::new(self, routes).and_then(|share| share.copy(reader));
            if share.is_err() {
                // The other shares stop too: a copy that has failed is not carried on.
                self.stop_all();
            }
            // Only a mirror listens.
            let _heard = ended.send(());
            share
        })
    }

    fn open_writer(&self) -> Result<Writer> {
        Writer::open(self.target, &self.producer, self.read.progress.clone())
    }

    fn stop_all(&self) {
        self.has_failed.store(true, Ordering::SeqCst);
        self.stops.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Cancel::cancel);
    }

    /// Whether nothing new is to be begun.
    fn is_over(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst) || self.read.cancel.is_cancelled()
    }
}

/// The side of a share that writes.
struct Share<'j, 'a> {
    job: &'j Job<'a>,
    routes: Routes,
    writer: Writer,
    /// How many messages the writers before this one wrote.
    written_before: u64,
    /// Asks the target for its ends, where a group may hand out messages that it has.
    target_admin: Option<Box<dyn Admin>>,
    progress: GroupProgress,
    /// How many partitions the targets of a group's topics have room for, where that is more than at the start.
    rooms: HashMap<String, usize>,
    has_failed: bool,
}

impl<'j, 'a> Share<'j, 'a> {
    fn new(job: &'j Job<'a>, routes: Routes) -> Result<Self> {
        let writer = job.open_writer()?;
        let may_repeat = job.read.group.is_some() && job.producer.keep_offsets;
        let target_admin = if may_repeat { Some(job.target.admin()?) } else { None };
        let keeps_progress = routes.values().any(|route| route.progress_group.is_some());
        let admin = if keeps_progress { Some(job.source.admin()?) } else { None };
        Ok(Self {
            job,
            routes,
            writer,
            written_before: 0,
            target_admin,
            progress: GroupProgress { admin, done: HashMap::new(), committed_at: Instant::now() },
            rooms: HashMap::new(),
            has_failed: false,
        })
    }

    fn copy(self, reader: Reader) -> ShareResult {
        let share = RefCell::new(self);
        let copied =
            pump_settling(vec![reader], |_| Ok(()), |batch| share.borrow_mut().write(batch).map(ControlFlow::Continue), || share.borrow_mut().settle());
        let mut share = share.into_inner();
        // Also what a copy that failed has read is delivered, and counted.
        let mut delivered = share.writer.settle();
        if delivered.is_ok() && !share.has_failed {
            delivered = share.progress.commit(&share.routes, share.job.read.timeout);
        }
        let readers = copied?;
        delivered?;
        let written = share.written_before + share.writer.close(None)?;
        Ok((readers, written))
    }

    fn write(&mut self, batch: &mut Batch) -> Result<()> {
        let written = self.write_batch(batch);
        self.has_failed |= written.is_err();
        written
    }

    /// Waits until everything is delivered. After a failure it stays one: what comes behind a message that failed does not count as done.
    fn settle(&mut self) -> Result<()> {
        if self.has_failed {
            return Err(Error::new(ErrorKind::Unexpected, "copy", "an earlier message was not delivered"));
        }
        let settled = self.writer.flush(None);
        self.has_failed |= settled.is_err();
        settled
    }

    fn write_batch(&mut self, batch: &mut Batch) -> Result<()> {
        let job = self.job;
        let caught_up = job.read.follow && !batch.is_full();
        let positions = if self.progress.admin.is_some() { positions_after(batch) } else { Vec::new() };
        self.make_room(batch)?;
        self.leave_out_what_is_there(batch)?;
        self.prepare(batch)?;
        if let Some(pacer) = &job.pacer {
            pacer.wait(batch.len(), batch.bytes(), || job.is_over());
        }
        self.writer.write(batch)?;
        self.progress.note(positions);
        let commits = self.progress.is_due();
        if caught_up || commits {
            // The next messages may come late, and these are not to wait for them.
            self.writer.flush(None)?;
        }
        if commits || caught_up {
            self.progress.commit(&self.routes, job.read.timeout)?;
        }
        Ok(())
    }

    /// Sends the messages to the targets' names, and looks whether the targets keep them.
    fn prepare(&self, batch: &mut Batch) -> Result<()> {
        let job = self.job;
        if job.options.ignore_timestamp {
            forget_timestamps(batch);
        }
        for index in 0..batch.topics().len() {
            let target = &self.routes[batch.topics()[index].as_str()].target;
            let index = index as u32;
            if !job.options.force {
                target.check_timestamps(batch, index)?;
            }
            target.spread(batch, index);
            batch.rename_topic(index, target.name());
        }
        let changes_type = !job.keeps_append_times && batch.metas().iter().any(|meta| meta.timestamp_type == TimestampType::Append);
        if changes_type && !job.said.swap(true, Ordering::Relaxed) {
            log::warn!("the source's append times become create times: {} takes no others", job.target.name());
        }
        Ok(())
    }

    /// A group hands out partitions that its topics got later, too; the targets get them then.
    fn make_room(&mut self, batch: &Batch) -> Result<()> {
        if self.job.read.group.is_none() {
            return Ok(());
        }
        for Position { topic, partition, .. } in positions_after(batch) {
            let route = &self.routes[topic.as_str()];
            let room = self.rooms.get(&topic).copied().unwrap_or(route.partitions);
            if (partition as usize) < room {
                continue;
            }
            let mut planner = self.job.planner.lock().unwrap_or_else(PoisonError::into_inner);
            let source = existing(planner.source_admin.as_mut(), &topic, self.job.read.timeout)?.ok_or_else(|| gone(&topic))?;
            let partitions = source.partitions.len();
            let new: Vec<i32> = (room..partitions).map(|partition| partition as i32).collect();
            let planned = planner.plan_partitions(source, route.target.name(), &new)?;
            planner.make(planned)?;
            drop(planner);
            self.rooms.insert(topic, partitions);
            // A producer may go on for minutes with the partitions that it knows; a new one asks.
            let fresh = self.job.open_writer()?;
            self.written_before += std::mem::replace(&mut self.writer, fresh).close(None)?;
        }
        Ok(())
    }

    /// A group hands out again what nobody has committed; a log that keeps offsets tells what of it was written all the same.
    fn leave_out_what_is_there(&mut self, batch: &mut Batch) -> Result<()> {
        let Some(admin) = &mut self.target_admin else { return Ok(()) };
        let mut ends: HashMap<(String, i32), i64> = HashMap::new();
        for Position { topic, partition, .. } in positions_after(batch) {
            let wanted = [TopicPartition { topic: self.routes[topic.as_str()].target.name().to_string(), partition }];
            let found = admin.watermarks(&wanted, Isolation::ReadUncommitted, self.job.read.timeout)?;
            ends.insert((topic, partition), found.first().map_or(0, |found| found.high));
        }
        let is_there = |topic: &str, partition: i32, offset: i64| ends.iter().any(|((t, p), end)| t == topic && *p == partition && offset < *end);
        let before = batch.len();
        if batch.iter().any(|record| is_there(record.topic, record.partition, record.offset)) {
            batch.retain(|record| !is_there(record.topic, record.partition, record.offset));
            self.job.read.progress.add_skipped((before - batch.len()) as u64);
        }
        Ok(())
    }
}

fn gone(topic: &str) -> Error {
    Error::new(ErrorKind::NotFound, "copy", "the source was deleted").with("topic", topic)
}

/// How far the copy has come, for a group on the source that keeps it.
struct GroupProgress {
    /// `None` where the target itself says how far the copy has come.
    admin: Option<Box<dyn Admin>>,
    /// The offsets behind what was handed to the writer, by topic, that are not committed.
    done: HashMap<String, HashMap<i32, i64>>,
    committed_at: Instant,
}

impl GroupProgress {
    fn note(&mut self, positions: Vec<Position>) {
        for Position { topic, partition, offset } in positions {
            self.done.entry(topic).or_default().insert(partition, offset);
        }
    }

    fn is_due(&self) -> bool {
        self.admin.is_some() && self.committed_at.elapsed() >= COMMIT_EVERY
    }

    /// Commits everything that was noted, which is delivered by now.
    fn commit(&mut self, routes: &Routes, timeout: Duration) -> Result<()> {
        let Some(admin) = &mut self.admin else { return Ok(()) };
        for (topic, partitions) in self.done.drain() {
            let Some(group) = &routes[topic.as_str()].progress_group else { continue };
            let positions: Vec<Position> = partitions.into_iter().map(|(partition, offset)| Position { topic: topic.clone(), partition, offset }).collect();
            admin.alter_group_offsets(group, &positions, timeout)?;
        }
        self.committed_at = Instant::now();
        Ok(())
    }
}
