//! A share of a copy: one reader, one writer, and what lies between them.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use kafi_core::functional::{BatchConverter, Limit, Reader, Writer, pump_helped};
use kafi_core::{
    Admin, Batch, Error, ErrorKind, Isolation, Position, Record, Result, TimestampType, TopicPartition, existing,
};

use crate::cp::copying::Copying;
use crate::cp::ends::positions_after;
use crate::cp::progress::GroupProgress;
use crate::cp::route::Routes;
use crate::cp::target::forget_timestamps;

/// How a share ended.
pub(crate) struct Ended {
    /// Its readers, which are not closed.
    pub(crate) copied: Result<Vec<Reader>>,
    /// How many messages it wrote.
    pub(crate) written: u64,
    /// The offsets at the source behind what is delivered, where the share may begin again.
    pub(crate) delivered: Vec<Position>,
}

/// The side of a share that writes.
pub(crate) struct Share<'c, 'a> {
    copying: &'c Copying<'a>,
    routes: Routes,
    writer: Writer,
    /// How many messages the writers before this one wrote.
    written_before: u64,
    /// Asks the target for its ends, where a group may hand out messages that it has.
    target_admin: Option<Box<dyn Admin>>,
    progress: GroupProgress,
    /// The offsets behind the batches that are under way, with their numbers, where the share may begin again behind
    /// what is delivered.
    in_flight: VecDeque<(u64, Vec<Position>)>,
    delivered: Vec<Position>,
    /// How many partitions the targets of a group's topics have room for, where that is more than at the start.
    rooms: HashMap<String, usize>,
    /// Whether a mirror has come to the end once: what comes from then on may push out what is older, as the target's
    /// settings want it.
    has_caught_up: bool,
    has_failed: bool,
    converter: Option<BatchConverter>,
}

impl<'c, 'a> Share<'c, 'a> {
    pub(crate) fn new(copying: &'c Copying<'a>, routes: Routes) -> Result<Self> {
        let writer = copying.open_writer()?;
        let may_repeat = copying.read.group.is_some() && copying.producer.keep_offsets;
        let target_admin = if may_repeat { Some(copying.target.admin()?) } else { None };
        let keeps_progress = routes.values().any(|route| route.progress_group.is_some());
        let commits = if keeps_progress { Some(copying.source.admin()?) } else { None };
        let notes =
            if routes.values().any(|route| route.pair.is_some()) { Some(copying.target.admin()?) } else { None };
        Ok(Self {
            copying,
            routes,
            writer,
            written_before: 0,
            target_admin,
            progress: GroupProgress::new(commits, notes, copying.read.commit_notes.clone()),
            in_flight: VecDeque::new(),
            delivered: Vec::new(),
            rooms: HashMap::new(),
            has_caught_up: false,
            has_failed: false,
            converter: copying.options.conversion.as_deref().map(BatchConverter::open).transpose()?,
        })
    }

    /// Copies what the reader gives, until it ends or something fails.
    pub(crate) fn copy(self, reader: Reader) -> Ended {
        let (copying, routes) = (self.copying, Arc::clone(&self.routes));
        let helpers = copying.helpers();
        let share = RefCell::new(self);
        let copied = pump_helped(
            vec![reader],
            helpers,
            |batch| Ok((helpers > 0).then(|| Passed::through(batch, copying, &routes))),
            |batch, passed| share.borrow_mut().write(batch, passed),
            || share.borrow_mut().settle(),
        );
        let mut share = share.into_inner();
        // Also what a copy that failed has read is delivered, and counted.
        let mut delivered = share.writer.settle().and(share.copying.options.failures.settle());
        share.note_delivered();
        if delivered.is_ok() && !share.has_failed {
            delivered = share.progress.commit(&share.routes, share.copying.read.timeout);
        }
        let (written, delivered_to) = (share.written_before + share.writer.written(), share.delivered);
        let copied = copied.and_then(|readers| match delivered.and_then(|()| share.writer.close(None)) {
            Ok(_) => Ok(readers),
            Err(error) => {
                readers.into_iter().for_each(Reader::abandon_all);
                Err(error)
            }
        });
        Ended { copied, written, delivered: delivered_to }
    }

    /// Moves what is delivered by now from what is under way.
    fn note_delivered(&mut self) {
        let through = self.writer.delivered();
        while let Some((_, positions)) = self.in_flight.pop_front_if(|(number, _)| *number <= through) {
            for position in positions {
                match self
                    .delivered
                    .iter_mut()
                    .find(|known| known.partition == position.partition && known.topic == position.topic)
                {
                    Some(known) => known.offset = position.offset,
                    None => self.delivered.push(position),
                }
            }
        }
    }

    fn write(&mut self, batch: &mut Batch, passed: Option<Passed>) -> Result<ControlFlow<()>> {
        let written = self.write_batch(batch, passed);
        self.has_failed |= written.is_err();
        written
    }

    /// Waits until everything is delivered. After a failure it stays one: what comes behind a message that failed does
    /// not count as done.
    fn settle(&mut self) -> Result<()> {
        if self.has_failed {
            return Err(Error::new(ErrorKind::Unexpected, "copy", "an earlier message was not delivered"));
        }
        let flushed = self.writer.flush(None).and_then(|()| self.copying.options.failures.settle());
        let settled = flushed.and_then(|()| self.progress.commit(&self.routes, self.copying.read.timeout));
        self.has_failed |= settled.is_err();
        settled
    }

    fn write_batch(&mut self, batch: &mut Batch, passed: Option<Passed>) -> Result<ControlFlow<()>> {
        let copying = self.copying;
        let Passed { mut positions, caught_up, mut went } = match passed {
            Some(passed) => passed,
            None => {
                let needs_positions = self.progress.is_kept() || copying.begins_again() || copying.limit.is_some();
                let positions = if needs_positions { positions_after(batch) } else { Vec::new() };
                let caught_up = copying.read.follow && !batch.is_full();
                self.make_room(batch)?;
                self.leave_out_what_is_there(batch)?;
                Passed { positions, caught_up, went: go_through(batch, copying, &self.routes) }
            }
        };
        self.has_caught_up |= caught_up;
        let is_over = copying.limit.as_ref().is_some_and(|limit| cut(limit, batch, &mut positions));
        if is_over && went.is_err() {
            // It comes behind all that is wanted.
            keep_done(batch, &mut positions);
            went = Ok(());
        }
        let converted = self.convert(batch).and(went);
        self.prepare(batch)?;
        if let Some(pacer) = &copying.pacer {
            pacer.wait(batch.len(), batch.bytes(), || copying.is_over());
        }
        self.writer.write(batch)?;
        // What came before a message that cannot be converted is written, but nothing is noted of it.
        converted?;
        let done = if is_over { positions.clone() } else { Vec::new() };
        if copying.begins_again() {
            self.in_flight.push_back((self.writer.handed_over(), positions.clone()));
            self.note_delivered();
        }
        if self.progress.is_kept() {
            self.progress.note(positions);
        }
        let commits = self.progress.is_due();
        if caught_up || commits {
            // The next messages may come late, and these are not to wait for them.
            self.writer.flush(None)?;
            copying.options.failures.settle()?;
            self.progress.commit(&self.routes, copying.read.timeout)?;
        }
        if is_over {
            refill(batch, &done);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Makes of the messages what the targets want; after a failure the batch holds those before.
    fn convert(&mut self, batch: &mut Batch) -> Result<()> {
        let Some(converter) = &mut self.converter else { return Ok(()) };
        let (routes, failures) = (&self.routes, &self.copying.options.failures);
        let mut left_out = 0;
        let converted = converter.convert(
            batch,
            |topic| routes.get(topic).map(|route| route.target.name()),
            |record, error| failures.take(&record, error).map(|()| left_out += 1),
        );
        self.copying.read.progress.add_skipped(left_out);
        converted
    }

    /// Sends the messages to the targets' names, and looks whether the targets keep them.
    fn prepare(&self, batch: &mut Batch) -> Result<()> {
        let copying = self.copying;
        if copying.options.ignore_timestamp {
            forget_timestamps(batch);
        }
        for index in 0..batch.topics().len() {
            let route = self.routes.get(batch.topics()[index].as_str());
            let index = index as u32;
            let Some(target) = route.map(|route| &route.target) else {
                // What messages go through may send them elsewhere.
                if copying.options.through.is_none() {
                    refuse_strangers(batch, index)?;
                }
                continue;
            };
            if !copying.options.force {
                target.check_timestamps(batch, index)?;
            }
            target.spread(batch, index);
            if !copying.options.force && !self.has_caught_up {
                target.check_bytes(batch, index)?;
            }
            batch.rename_topic(index, target.name());
        }
        let changes_type = !copying.keeps_append_times
            && batch.metas().iter().any(|meta| meta.timestamp_type == TimestampType::Append);
        if changes_type && !copying.said.swap(true, Ordering::Relaxed) {
            log::warn!("the source's append times become create times: {} takes no others", copying.target.name());
        }
        Ok(())
    }

    /// A group hands out partitions that its topics got later, too; the targets get them then.
    fn make_room(&mut self, batch: &Batch) -> Result<()> {
        if self.copying.read.group.is_none() {
            return Ok(());
        }
        for Position { topic, partition, .. } in positions_after(batch) {
            let route = &self.routes[topic.as_str()];
            let room = self.rooms.get(&topic).copied().unwrap_or(route.partitions);
            if (partition as usize) < room {
                continue;
            }
            let mut planner = self.copying.planner.lock().unwrap_or_else(PoisonError::into_inner);
            let source = existing(planner.source_admin.as_mut(), &topic, self.copying.read.timeout)?
                .ok_or_else(|| gone(&topic))?;
            let partitions = source.partitions.len();
            let new: Vec<i32> = (room..partitions).map(|partition| partition as i32).collect();
            let planned = planner.plan_partitions(source, route.target.name(), &new)?;
            planner.make(planned)?;
            drop(planner);
            self.rooms.insert(topic, partitions);
            // A producer may go on for minutes with the partitions that it knows; a new one asks.
            let fresh = self.copying.open_writer()?;
            self.written_before += std::mem::replace(&mut self.writer, fresh).close(None)?;
            // The new writer counts from 0, and everything before it is delivered.
            self.in_flight.iter_mut().for_each(|(number, _)| *number = 0);
            self.note_delivered();
        }
        Ok(())
    }

    /// A group hands out again what nobody has committed; a log that keeps offsets tells what of it was written all the
    /// same.
    fn leave_out_what_is_there(&mut self, batch: &mut Batch) -> Result<()> {
        let Some(admin) = &mut self.target_admin else { return Ok(()) };
        let mut ends: HashMap<(String, i32), i64> = HashMap::new();
        for Position { topic, partition, .. } in positions_after(batch) {
            let wanted = [TopicPartition { topic: self.routes[topic.as_str()].target.name().to_string(), partition }];
            let found = admin.watermarks(&wanted, Isolation::ReadUncommitted, self.copying.read.timeout)?;
            ends.insert((topic, partition), found.first().map_or(0, |found| found.high));
        }
        let is_there = |topic: &str, partition: i32, offset: i64| {
            ends.iter().any(|((t, p), end)| t == topic && *p == partition && offset < *end)
        };
        let before = batch.len();
        if batch.iter().any(|record| is_there(record.topic, record.partition, record.offset)) {
            batch.retain(|record| !is_there(record.topic, record.partition, record.offset));
            self.copying.read.progress.add_skipped((before - batch.len()) as u64);
        }
        Ok(())
    }
}

/// What became of a batch that went through what it has to.
struct Passed {
    /// The offsets behind what was read.
    positions: Vec<Position>,
    /// Whether there was no more to be read at that moment.
    caught_up: bool,
    /// A failure, behind what came of the messages before.
    went: Result<()>,
}

impl Passed {
    /// Lets a batch go through, in whatever thread.
    fn through(batch: &mut Batch, copying: &Copying<'_>, routes: &Routes) -> Self {
        let positions = positions_after(batch);
        let caught_up = copying.read.follow && !batch.is_full();
        Self { positions, caught_up, went: go_through(batch, copying, routes) }
    }
}

/// Lets the messages go through what they have to.
fn go_through(batch: &mut Batch, copying: &Copying<'_>, routes: &Routes) -> Result<()> {
    let Some(through) = &copying.options.through else { return Ok(()) };
    through(batch, &|topic| Some(routes.get(topic)?.target.name().to_string()))
}

/// Keeps as many messages as are wanted, and the positions behind those of which all that came is kept; true if no more
/// are wanted.
fn cut(limit: &Limit, batch: &mut Batch, positions: &mut [Position]) -> bool {
    let wanted = limit.take(batch.len() as u64) as usize;
    for left in batch.iter().skip(wanted) {
        // What a message became may bear the name of another topic.
        for position in positions.iter_mut().filter(|position| position.partition == left.partition) {
            position.offset = position.offset.min(left.offset);
        }
    }
    batch.truncate(wanted);
    limit.left() == 0
}

/// Keeps the positions behind messages that came out before one that failed; none where these cannot be told by their
/// topics any more.
fn keep_done(batch: &Batch, positions: &mut Vec<Position>) {
    let is_of_one = positions.windows(2).all(|pair| pair[0].topic == pair[1].topic)
        && batch.iter().all(|record| positions.first().is_some_and(|position| position.topic == record.topic));
    positions.retain_mut(|position| {
        let last = batch.iter().filter(|record| record.partition == position.partition).last();
        let Some(last) = last.filter(|_| is_of_one) else { return false };
        position.offset = position.offset.min(last.offset + 1);
        true
    });
}

/// Holds in place of what was written a message before each of these positions, which tells how far the work is done.
fn refill(batch: &mut Batch, positions: &[Position]) {
    batch.clear();
    for Position { topic, partition, offset } in positions {
        batch.push(Record { partition: *partition, offset: offset - 1, ..Record::new(topic, None, None) });
    }
}

/// A batch may name topics of which it has no message, but a copy takes only those that it asked for.
fn refuse_strangers(batch: &Batch, topic: u32) -> Result<()> {
    if batch.metas().iter().all(|meta| meta.topic != topic) {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Unexpected, "copy", "the source gave messages of a topic that was not asked for");
    Err(error.with("topic", &batch.topics()[topic as usize]))
}

fn gone(topic: &str) -> Error {
    Error::new(ErrorKind::NotFound, "copy", "the source was deleted").with("topic", topic)
}
