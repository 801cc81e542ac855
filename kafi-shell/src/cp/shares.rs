//! A copy whose every question is answered, carried out in shares of the partitions, each with a reader and a writer of
//! its own.

use std::collections::HashMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use kafi_core::functional::{Backoff, Reader, caught, may_pass, readers_of};
use kafi_core::{Assignment, Isolation, Position, Result, TopicPartition};

use crate::CopyResult;
use crate::cat::finish;
use crate::cp::copying::{Copying, threads_of};
use crate::cp::mirror::Mirror;
use crate::cp::plan::ReadyTopic;
use crate::cp::route::{Route, Routes};
use crate::cp::share::{Ended, Share};

/// A mirror looks this often for new topics and partitions.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A share that waits looks this often whether somebody asked to stop.
const STOP_SEEN_AFTER: Duration = Duration::from_millis(50);

/// How long each question may take before a share begins again: a wish to stop is not seen meanwhile.
const BEGIN_MAX: Duration = Duration::from_secs(5);

/// What a share gives back: its readers, which are not closed, and how many messages it wrote.
pub(crate) type ShareResult = Result<(Vec<Reader>, u64)>;

impl Copying<'_> {
    /// A thread for each reader, with a writer of its own, and a look at what is new from time to time where this is a
    /// mirror.
    pub(crate) fn run(&self, topics: Vec<ReadyTopic>) -> Result<CopyResult> {
        let read_before = self.read.progress.read();
        let mirror = self.mirrors().then(|| Mirror::new(&topics));
        let (readers, routes) = self.readers_for(topics)?;
        self.note_shares(readers.len());
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
}
