//! A copy whose every question is answered: shares of the partitions, each with a reader and a writer of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use kafi_core::functional::{Backoff, Cancel, GroupUse, ReadOptions, Reader, Writer, caught, may_pass, readers_of};
use kafi_core::{Assignment, Capabilities, Isolation, Position, ProducerOptions, Result, Storage, TopicPartition};

use crate::cat::finish;
use crate::cp::mirror::Mirror;
use crate::cp::plan::{Planner, ReadyTopic};
use crate::cp::share::{Ended, Route, Routes, Share};
use crate::rate::Pacer;
use crate::{CopyOptions, CopyResult};

/// A mirror looks this often for new topics and partitions.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A share that waits looks this often whether somebody asked to stop.
const STOP_SEEN_AFTER: Duration = Duration::from_millis(50);

/// How long each question may take before a share begins again: a wish to stop is not seen meanwhile.
const BEGIN_MAX: Duration = Duration::from_secs(5);

/// The property that lets the members of a group see new partitions that soon, in milliseconds.
const METADATA_REFRESH: (&str, &str) = ("topic.metadata.refresh.interval.ms", "3000");

/// However many shares there are, each may have this many bytes under way.
const BUFFER_BYTES_MIN: u64 = 4 << 20;

/// A copy that runs.
pub(crate) struct Job<'a> {
    pub(crate) planner: Mutex<Planner<'a>>,
    pub(crate) source: &'a dyn Storage,
    pub(crate) target: &'a dyn Storage,
    pub(crate) options: &'a CopyOptions,
    pub(crate) read: ReadOptions,
    pub(crate) producer: ProducerOptions,
    pub(crate) keeps_append_times: bool,
    pub(crate) pacer: Option<Pacer>,
    /// Whether it was said that append times become create times.
    pub(crate) said: AtomicBool,
    /// What stops each share, and whether one has failed.
    stops: Mutex<Vec<Cancel>>,
    has_failed: AtomicBool,
}

/// What a share gives back: its readers, which are not closed, and how many messages it wrote.
pub(crate) type ShareResult = Result<(Vec<Reader>, u64)>;

impl<'a> Job<'a> {
    pub(crate) fn new(planner: Planner<'a>, codec: String) -> Self {
        let (source, target, options) = (planner.source, planner.target, planner.options);
        let mut read = options.read.clone();
        if let Some(group) =
            read.group.as_mut().filter(|group| matches!(group.usage, GroupUse::CommitRead | GroupUse::CommitAtEnd))
        {
            // What is not delivered is not done, and a copy has no result that comes only at its end.
            group.usage = GroupUse::CommitDone;
        }
        if read.group.is_some() && read.follow && source.capabilities().contains(Capabilities::CONSUME_REBALANCE) {
            // The default of minutes is long for somebody who waits for a mirror.
            read.consumer.properties.insert(0, (METADATA_REFRESH.0.into(), METADATA_REFRESH.1.into()));
        }
        if let Some(rate) = options.rate {
            (read.batch_records_max, read.batch_bytes_max) = rate.limits(read.batch_records_max, read.batch_bytes_max);
        }
        // Each share has a writer of its own, and memory stays flat however many there are.
        let buffer_bytes_max = (ProducerOptions::BUFFER_BYTES_MAX / threads_of(options) as u64).max(BUFFER_BYTES_MIN);
        Self {
            source,
            target,
            options,
            read,
            producer: ProducerOptions {
                keep_offsets: planner.keep_offsets,
                keep_timestamps: !options.ignore_timestamp,
                compression: Some(codec),
                properties: options.properties.clone(),
                buffer_bytes_max,
            },
            keeps_append_times: target.capabilities().contains(Capabilities::PRODUCE_KEEP_TIMESTAMP_TYPE),
            pacer: options.rate.map(Pacer::new),
            said: AtomicBool::new(false),
            stops: Mutex::default(),
            has_failed: AtomicBool::new(false),
            planner: Mutex::new(planner),
        }
    }

    /// What planned it, at the end.
    pub(crate) fn into_planner(self) -> Planner<'a> {
        self.planner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread for each reader, with a writer of its own, and a look at what is new from time to time where this is a
    /// mirror.
    pub(crate) fn run(&self, topics: Vec<ReadyTopic>) -> Result<CopyResult> {
        let read_before = self.read.progress.read();
        let mirror = self.mirrors().then(|| Mirror::new(&topics));
        let (readers, routes) = self.readers_for(topics)?;
        let (shares, looked) = thread::scope(|scope| {
            let (ended, ends) = channel();
            let mut threads: Vec<_> =
                readers.into_iter().map(|reader| self.start(scope, reader, &routes, &ended)).collect();
            let mut looked = Ok(());
            if let Some(mut mirror) = mirror {
                let mut running = threads.len();
                while running > 0 {
                    match ends.recv_timeout(LOOK_EVERY) {
                        Ok(()) => running -= 1,
                        Err(RecvTimeoutError::Disconnected) => break,
                        Err(RecvTimeoutError::Timeout) if self.is_over() => {}
                        Err(RecvTimeoutError::Timeout) => {
                            let more = caught("copy", || self.look(&mut mirror));
                            match more {
                                Ok((readers, routes)) => {
                                    running += readers.len();
                                    threads.extend(
                                        readers.into_iter().map(|reader| self.start(scope, reader, &routes, &ended)),
                                    );
                                }
                                Err(error) if may_pass(&error) => {
                                    log::info!("what is new at the source is looked for again: {error}")
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
            let join =
                |thread: ScopedJoinHandle<'_, ShareResult>| thread.join().expect("what a share panics with is caught");
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

    /// Whether a share that fails with what may pass begins again behind what is delivered.
    pub(crate) fn begins_again(&self) -> bool {
        self.read.follow && self.read.max.is_none()
    }

    /// The readers of what is new at the source; it counts as seen once they are there.
    fn look(&self, mirror: &mut Mirror) -> Result<(Vec<Reader>, Routes)> {
        let topics = mirror.look(&mut self.planner.lock().unwrap_or_else(PoisonError::into_inner))?;
        let seen = Mirror::new(&topics);
        let made = self.readers_for(topics)?;
        mirror.add(seen);
        Ok(made)
    }

    /// The readers of what is to be read of these topics, and where it goes.
    fn readers_for(&self, topics: Vec<ReadyTopic>) -> Result<(Vec<Reader>, Routes)> {
        let mut routes = HashMap::new();
        let mut assignments: Vec<Assignment> = Vec::new();
        for ReadyTopic { source, target, parts, progress_group, pair } in topics {
            assignments.extend(parts);
            let partitions = source.partitions.len();
            routes.insert(source.name, Route { target, progress_group, pair, partitions });
        }
        if assignments.is_empty() {
            return Ok((Vec::new(), Arc::new(routes)));
        }
        Ok((readers_of(self.source, assignments, &self.read, threads_of(self.options))?, Arc::new(routes)))
    }

    fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        reader: Reader,
        routes: &Routes,
        ended: &Sender<()>,
    ) -> ScopedJoinHandle<'scope, ShareResult> {
        self.can_be_stopped(&reader);
        let (routes, ended) = (Arc::clone(routes), ended.clone());
        scope.spawn(move || {
            let share = caught("copy", || self.copy_share(reader, &routes));
            if share.is_err() {
                // The other shares stop too: a copy that has failed is not carried on.
                self.stop_all();
            }
            // Only a mirror listens.
            let _heard = ended.send(());
            share
        })
    }

    fn can_be_stopped(&self, reader: &Reader) {
        let stop = reader.stop();
        self.stops.lock().unwrap_or_else(PoisonError::into_inner).push(stop.clone());
        if self.has_failed.load(Ordering::SeqCst) {
            stop.cancel();
        }
    }

    /// Copies a share to its end. A mirror's begins again, behind what is delivered, after what may pass.
    fn copy_share(&self, reader: Reader, routes: &Routes) -> ShareResult {
        let mut at = reader.reached();
        let (mut next, mut written, mut backoff) = (Some(reader), 0, Backoff::default());
        loop {
            let ended = match next.take().map_or_else(|| self.reader_at(&at, routes), Ok) {
                Err(error) => Ended { copied: Err(error), written: 0, delivered: Vec::new() },
                Ok(reader) => {
                    backoff.begun();
                    self.copy_part(reader, routes)
                }
            };
            written += ended.written;
            if !ended.delivered.is_empty() {
                backoff.goes_on();
            }
            for Position { topic, partition, offset } in ended.delivered {
                match at.iter_mut().find(|known| known.partition == partition && known.topic == topic) {
                    Some(known) => known.offset = offset,
                    None => at.push(Position { topic, partition, offset }),
                }
            }
            match ended.copied {
                Ok(readers) => return Ok((readers, written)),
                Err(error) if !self.begins_again() || !may_pass(&error) || self.is_over() => return Err(error),
                Err(error) => backoff.failed(&error),
            }
            while let Some(left) = backoff.left().filter(|left| !left.is_zero()) {
                if self.is_over() {
                    return Ok((Vec::new(), written));
                }
                thread::sleep(left.min(STOP_SEEN_AFTER));
            }
        }
    }

    fn copy_part(&self, reader: Reader, routes: &Routes) -> Ended {
        match Share::new(self, Arc::clone(routes)) {
            Ok(share) => share.copy(reader),
            Err(error) => {
                reader.abandon();
                Ended { copied: Err(error), written: 0, delivered: Vec::new() }
            }
        }
    }

    /// A reader that goes on behind what is delivered: at these offsets, or where the group says.
    fn reader_at(&self, at: &[Position], routes: &Routes) -> Result<Reader> {
        let mut read = self.read.clone();
        read.timeout = read.timeout.min(BEGIN_MAX);
        read.consumer.buffer_bytes_max =
            (read.consumer.buffer_bytes_max / threads_of(self.options) as u64).max(1 << 20);
        let mut assignments = Vec::new();
        if read.group.is_some() {
            assignments.extend(routes.keys().map(|topic| Assignment {
                topic: topic.clone(),
                partition: 0,
                start: 0,
                end: None,
            }));
        }
        for Position { topic, partition, offset } in at.iter().filter(|_| read.group.is_none()) {
            let start = if self.producer.keep_offsets {
                self.end_of_target(topic, *partition, routes)?.max(*offset)
            } else {
                *offset
            };
            assignments.push(Assignment { topic: topic.clone(), partition: *partition, start, end: None });
        }
        let mut readers = readers_of(self.source, assignments, &read, 1)?;
        let reader = readers.pop().expect("one reader was asked for");
        self.can_be_stopped(&reader);
        Ok(reader)
    }

    /// Where the target ends, which holds the offsets of the source: what was not reported may be written all the same.
    fn end_of_target(&self, topic: &str, partition: i32, routes: &Routes) -> Result<i64> {
        let topic = routes[topic].target.name().to_string();
        let found = self.target.admin()?.watermarks(
            &[TopicPartition { topic, partition }],
            Isolation::ReadUncommitted,
            BEGIN_MAX,
        )?;
        Ok(found.first().map_or(0, |found| found.high))
    }

    /// A writer for a share.
    pub(crate) fn open_writer(&self) -> Result<Writer> {
        let writer = Writer::open(self.target, &self.producer, self.read.progress.clone())?;
        // The planner has spoken to the target.
        Ok(writer
            .reached()
            .cancelled_by(&self.read.cancel)
            .stall_limit(self.options.stall_limit)
            .offsets_are("source offset"))
    }

    fn stop_all(&self) {
        self.has_failed.store(true, Ordering::SeqCst);
        self.stops.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Cancel::cancel);
    }

    /// Whether nothing new is to be begun.
    pub(crate) fn is_over(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst) || self.read.cancel.is_cancelled()
    }
}

/// How many shares there are at most.
fn threads_of(options: &CopyOptions) -> usize {
    if options.threads == 0 { thread::available_parallelism().map_or(1, usize::from) } else { options.threads }
}
