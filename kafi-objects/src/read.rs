//! Reading a partition object by object, beside those who append, merge, and delete.
//!
//! A reader follows the chain: the next object is named by the offset at which the last one ended. A listing says which
//! objects there are, so that several can be asked for at once; at the end of the log, the next object is asked for by
//! its name, from time to time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result};
use kafi_fs::emulated::reading::{Leniency, hint_at_batch_bytes, hint_at_end};
use kafi_fs::emulated::turns::PartitionReader;
use kafi_records::{BatchHeader, Decoder};

use crate::fetch::{Chunk, Fetch};
use crate::log::{Bounds, Name, PartitionLog};
use crate::parse::{Object, Parsed};
use crate::place::{Ahead, Expected, Whereabouts, look, place, place_merged};
use crate::tasks::Task;

/// The pause after the first look at the end that found nothing.
const PAUSE_MIN: Duration = Duration::from_millis(5);

/// How long a place in the chain counts as certain. Whoever merges objects leaves more time before deleting those that
/// were merged.
const CERTAIN: Duration = Duration::from_secs(10);

/// More names are listed when fewer than this many are left.
const PLAN_MIN: usize = 200;

/// After this many objects that were found one by one, a listing tells what else is there.
const HITS_MAX: u32 = 2;

/// So many times a reader finds its place anew, without a message in between, before it says that this goes nowhere.
const RESETS_MAX: u32 = 50;

/// Reads one partition.
pub(crate) struct ObjectReader {
    log: PartitionLog,
    leniency: Leniency,
    position: i64,
    /// Nothing from here on is read ahead.
    end: i64,
    /// Up to here there were messages when reading began, so that they are missed where the log ends before.
    seen_end: i64,
    state: State,
    /// The objects that are asked for, in order.
    objects: VecDeque<Object>,
    /// The objects that come after them.
    plan: VecDeque<Name>,
    /// After which key there are more.
    more: Option<String>,
    listing: Option<Task<super::log::Page>>,
    /// When the place where the next object must begin was certainly one.
    certain: Instant,
    /// Where damage was found last, for messages.
    last_at: (i64, u64),
    pause: Duration,
    hits: u32,
    /// How often it lost its place since the last message.
    resets: u32,
}

/// What a reader is doing.
enum State {
    /// It has to find its place; with `merged`, after something was not where it had to be.
    Lost {
        merged: bool,
    },
    Finding(Task<Whereabouts>),
    /// The next object begins at this offset.
    At(i64),
    /// The next object would begin at this offset, if there was one; looked for at this time.
    AtEnd(i64, Instant),
    Looking(i64, Task<Ahead>),
}

impl ObjectReader {
    /// A reader from `position` on, which must lie in the log or at its end.
    pub(crate) fn open(
        log: PartitionLog,
        position: i64,
        end: Option<i64>,
        leniency: Leniency,
        bounds: Bounds,
    ) -> Result<Self> {
        let mut reader = Self {
            log,
            leniency,
            position,
            end: end.unwrap_or(i64::MAX),
            seen_end: 0,
            state: State::Lost { merged: false },
            objects: VecDeque::new(),
            plan: VecDeque::new(),
            more: None,
            listing: None,
            certain: Instant::now(),
            last_at: (0, 0),
            pause: PAUSE_MIN,
            hits: 0,
            resets: 0,
        };
        reader.seek(position, bounds)?;
        Ok(reader)
    }

    pub(crate) fn log(&self) -> &PartitionLog {
        &self.log
    }

    /// Goes to another offset, which must lie in the log or at its end.
    pub(crate) fn seek(&mut self, position: i64, bounds: Bounds) -> Result<()> {
        self.reset(false);
        self.resets = 0;
        self.position = position;
        self.seen_end = bounds.high.min(self.end);
        if position > bounds.high {
            let message = format!("the offset {position} lies beyond the end {}", bounds.high);
            if !self.leniency.allow_gap {
                return Err(self.log.error(ErrorKind::OutOfRange, "read", message).hint(hint_at_end(bounds.high)));
            }
            log::warn!(
                "read: topic {}, partition {}: {message}; starting at the end",
                self.log.topic,
                self.log.partition
            );
            self.position = bounds.high;
        }
        self.check_low(bounds.low)?;
        self.certain = Instant::now();
        if self.position == bounds.high {
            // It was just looked at, and only what comes from now on is missing.
            self.state = State::AtEnd(position, Instant::now());
        }
        Ok(())
    }

    /// Forgets everything but the position.
    fn reset(&mut self, merged: bool) {
        self.objects.clear();
        self.plan.clear();
        self.more = None;
        self.listing = None;
        self.hits = 0;
        self.pause = PAUSE_MIN;
        self.resets += 1;
        self.state = State::Lost { merged };
    }

    /// Ends what would go on for ever: objects that are never where a listing shows them, or that are others with each
    /// look.
    fn check_resets(&mut self) -> Result<()> {
        if self.resets <= RESETS_MAX {
            return Ok(());
        }
        self.resets = 0;
        Err(self.log.error(
            ErrorKind::Unavailable,
            "read",
            format!("the objects from the offset {} on change all the time", self.position),
        ))
    }

    /// Whether messages are missed here, where there is no object.
    fn misses(&self) -> bool {
        self.position < self.seen_end
    }

    /// The log ends here. If it reached further before, that is said.
    fn end_here(&mut self) -> Result<()> {
        if self.misses() {
            let (fault, next) = (
                format!(
                    "there is no object for the offset {}, where the log ended at {} before",
                    self.position, self.seen_end
                ),
                self.seen_end,
            );
            self.report_damage(&fault, (self.position, 0), Some(next))?;
            self.position = next;
        }
        Ok(())
    }

    fn check_low(&mut self, low: i64) -> Result<()> {
        if self.position >= low {
            return Ok(());
        }
        let message = format!("the offsets {} to {} were deleted, the log starts at {low}", self.position, low - 1);
        if !self.leniency.allow_gap {
            return Err(self
                .log
                .error(ErrorKind::OutOfRange, "read", message)
                .hint(format!("start at {low}, or allow the gap (--allow-gap)")));
        }
        log::warn!("read: topic {}, partition {}: {message}; going on there", self.log.topic, self.log.partition);
        self.position = low;
        Ok(())
    }

    /// Goes on until there is a batch, an error, or something to wait for.
    fn step(&mut self, fetch: &mut Fetch, decoder: &mut Decoder) -> Result<Step> {
        match &self.state {
            State::Lost { merged } => {
                let merged = *merged;
                self.check_resets()?;
                let (log, position) = (self.log.clone(), self.position);
                let find = move |deadline| {
                    if merged { place_merged(&log, position, deadline) } else { place(&log, position, deadline) }
                };
                self.state = State::Finding(fetch.start(find));
                Ok(Step::Wait)
            }
            State::Finding(task) => match task.take() {
                None => Ok(Step::Wait),
                Some(found) => {
                    self.state = State::Lost { merged: true };
                    let found = found?;
                    self.settle(found)?;
                    Ok(Step::Again)
                }
            },
            State::At(offset) => {
                let offset = *offset;
                self.take_listing()?;
                // Those that were merged into an earlier one may still be there; they were read with it.
                while self.objects.front().is_some_and(|object| object.offset() < offset) {
                    self.objects.pop_front();
                }
                while self.plan.front().is_some_and(|name| name.offset < offset) {
                    self.plan.pop_front();
                }
                self.ask(fetch);
                self.read(offset, decoder)
            }
            State::AtEnd(offset, at) => {
                let (offset, at) = (*offset, *at);
                if Instant::now() < at {
                    fetch.wake_at(at);
                    return Ok(Step::Wait);
                }
                let (log, spares) = (self.log.clone(), fetch.spares.clone());
                let certain = self.certain.elapsed() < CERTAIN && !self.misses();
                let expected = Expected { offset, position: self.position, bytes: fetch.chunk_bytes, certain };
                self.state =
                    State::Looking(offset, fetch.start(move |deadline| look(&log, expected, &spares, deadline)));
                Ok(Step::Wait)
            }
            State::Looking(offset, task) => match task.take() {
                None => Ok(Step::Wait),
                Some(looked) => {
                    let offset = *offset;
                    // After an error the next look comes with the next poll.
                    self.state = State::AtEnd(offset, Instant::now() + self.pause);
                    let looked = looked.inspect_err(|_| self.pause = (self.pause * 2).min(fetch.pause_max))?;
                    self.take_look(offset, looked, fetch)
                }
            },
        }
    }

    /// Takes over the place that was found.
    fn settle(&mut self, found: Whereabouts) -> Result<()> {
        match found {
            Whereabouts::In { names, more } => {
                let first = names.first().map_or(self.position, |name| name.offset);
                self.plan = names.into();
                self.more = more;
                self.state = State::At(first);
            }
            Whereabouts::End => {
                self.end_here()?;
                self.state = State::AtEnd(self.position, Instant::now());
            }
            Whereabouts::Below(low) => {
                self.check_low(low)?;
                self.reset(false);
            }
            Whereabouts::Hole(next) => {
                let fault = format!("there is no object for the offset {}", self.position);
                self.report_damage(&fault, (self.position, 0), Some(next))?;
                self.position = next;
                self.reset(false);
            }
        }
        self.certain = Instant::now();
        Ok(())
    }

    fn take_look(&mut self, offset: i64, looked: Ahead, fetch: &Fetch) -> Result<Step> {
        match looked {
            Ahead::Object { bytes, stat } => {
                let chunk =
                    Chunk { task: Task::done(Ok(Some((bytes, stat)))), start: 0, end: fetch.chunk_bytes, share: None };
                self.objects.push_back(Object::newest(Name { offset, len: 0 }, chunk));
                self.state = State::At(offset);
                self.certain = Instant::now();
                self.pause = PAUSE_MIN;
                self.hits += 1;
                if self.hits > HITS_MAX {
                    self.hits = 0;
                    self.more = Some(self.log.key(offset));
                }
                Ok(Step::Again)
            }
            // A listing shows nothing from here on, but an object that begins before may reach further.
            Ahead::Nothing { certain: true } if self.misses() => {
                self.reset(true);
                Ok(Step::Again)
            }
            Ahead::Nothing { certain } => {
                if certain {
                    self.certain = Instant::now();
                }
                self.hits = 0;
                self.pause = (self.pause * 2).min(fetch.pause_max);
                Ok(Step::Again)
            }
            Ahead::Merged => {
                self.reset(true);
                Ok(Step::Again)
            }
            Ahead::Below(low) => {
                self.check_low(low)?;
                self.reset(false);
                Ok(Step::Again)
            }
        }
    }

    /// Adds what a listing has found to the plan.
    fn take_listing(&mut self) -> Result<()> {
        let Some(listed) = self.listing.as_ref().and_then(Task::take) else { return Ok(()) };
        self.listing = None;
        let page = listed.inspect_err(|_| self.reset(false))?;
        self.plan.extend(page.names);
        self.more = page.more;
        Ok(())
    }

    /// Asks for what will be read next, as far as there is room.
    fn ask(&mut self, fetch: &mut Fetch) {
        if self.plan.len() < PLAN_MIN
            && self.listing.is_none()
            && let Some(after) = self.more.take()
        {
            let log = self.log.clone();
            self.listing = Some(fetch.start(move |deadline| log.page(&after, deadline)));
        }
        let mut mine: u64 = self.objects.iter().map(Object::held).sum();
        loop {
            let incomplete = self
                .objects
                .iter_mut()
                .find_map(|object| object.wants().map(|start| (object.offset(), start, object.len())));
            let (name, start, len) = match incomplete {
                Some(wants) => wants,
                None => match self.plan.front().filter(|name| name.offset < self.end) {
                    Some(name) => (name.offset, 0, name.len),
                    None => return,
                },
            };
            let bytes = len.saturating_sub(start).clamp(1, fetch.chunk_bytes);
            // What is read right now goes before all limits, or it might wait for what waits for it.
            let urgent =
                start > 0 && self.objects.front().is_some_and(|object| object.offset() == name && object.is_waiting());
            let Some(chunk) = fetch.chunk(&self.log, name, start..start + bytes, mine, urgent) else { return };
            mine += bytes;
            match self.objects.iter_mut().find(|object| object.offset() == name && start > 0) {
                Some(object) => object.add(chunk),
                None => {
                    let name = self.plan.pop_front().expect("it was just looked at");
                    self.objects.push_back(Object::new(name, chunk));
                }
            }
        }
    }

    /// Reads on in the object that begins at `offset`, or goes to the next one.
    fn read(&mut self, offset: i64, decoder: &mut Decoder) -> Result<Step> {
        let Some(object) = self.objects.front_mut() else {
            if let Some(name) = self.plan.front() {
                if name.offset > offset {
                    self.reset(true);
                    return Ok(Step::Again);
                }
                return Ok(Step::Wait);
            }
            if self.listing.is_none() && self.more.is_none() {
                self.state = State::AtEnd(offset, Instant::now());
                return Ok(Step::Again);
            }
            return Ok(Step::Wait);
        };
        if object.offset() > offset {
            self.reset(true);
            return Ok(Step::Again);
        }
        let begun = object.offset();
        let (object, others) = self.objects.make_contiguous().split_first_mut().expect("it was just looked at");
        if others.is_empty()
            && self.plan.is_empty()
            && (self.listing.is_some() || self.more.is_some())
            && !object.is_newest()
        {
            // Whether another object begins within this one is not known yet.
            return Ok(Step::Wait);
        }
        let plan = &self.plan;
        let begins_behind = |offset: i64| {
            let asked = others.iter().map(Object::offset).find(|begin| *begin > offset);
            asked.or_else(|| plan.get(plan.partition_point(|name| name.offset <= offset)).map(|name| name.offset))
        };
        let parsed = object.next(self.position, self.leniency.skip_corrupt, begins_behind, decoder);
        // After damage the next object is read that begins where this one is good up to, or later.
        let behind = begins_behind(begun.max(object.next_offset() - 1));
        self.last_at = (begun, object.at());
        match parsed {
            Ok(Parsed::Batch) => match decoder.open() {
                Ok(header) => Ok(Step::Batch(header)),
                Err(error) if error.kind() == ErrorKind::TooLarge => Err(hint_at_batch_bytes(self.log.context(error))),
                Err(error) => {
                    let next = BatchHeader::parse(decoder.buffer()).ok().flatten().map(|header| header.next_offset());
                    self.skip_batch(error.message(), next)
                }
            },
            Ok(Parsed::Wait) => Ok(Step::Wait),
            Ok(Parsed::End(end)) => {
                self.objects.pop_front();
                self.state = State::At(end);
                self.certain = Instant::now();
                Ok(Step::Again)
            }
            Ok(Parsed::Missing) => {
                self.reset(true);
                Ok(Step::Again)
            }
            Ok(Parsed::Changed) => {
                self.reset(false);
                Ok(Step::Again)
            }
            Ok(Parsed::Bad(fault)) => {
                let end = self.objects.front().and_then(Object::end).filter(|end| *end > self.position);
                let next = end.into_iter().chain(behind).min();
                self.skip_damage(&fault, next)?;
                // What the object holds behind the damage cannot be told apart.
                if let Some(next) = next {
                    self.objects.pop_front();
                    self.state = State::At(next);
                }
                Ok(Step::Again)
            }
            Err(error) => {
                self.reset(false);
                Err(error)
            }
        }
    }

    /// Passes over a damaged batch that ends at `next`, if that is allowed. An object that was merged into this one and
    /// is still there holds the same messages.
    fn skip_batch(&mut self, fault: &str, next: Option<i64>) -> Result<Step> {
        let part = next.and_then(|next| self.begins_within(next));
        self.skip_damage(fault, part.or(next))?;
        if let Some(part) = part {
            self.objects.pop_front();
            self.state = State::At(part);
        }
        Ok(Step::Again)
    }

    /// Where another object than the one that is read begins, at the position or behind it, and before `end`.
    fn begins_within(&self, end: i64) -> Option<i64> {
        let from = self.position.max(self.objects.front()?.offset() + 1);
        let asked = self.objects.iter().skip(1).map(Object::offset);
        asked.chain(self.plan.iter().map(|name| name.offset)).find(|begin| *begin >= from).filter(|begin| *begin < end)
    }

    /// Passes over damage up to `next`, if that is allowed.
    fn skip_damage(&mut self, fault: &str, next: Option<i64>) -> Result<Step> {
        if let Err(error) = self.report_damage(fault, self.last_at, next) {
            // It is found again by the next call.
            self.reset(false);
            return Err(error);
        }
        self.position = self.position.max(next.unwrap_or(self.position));
        Ok(Step::Again)
    }

    /// Says what is damaged and what can still be read: an error, or a warning if damage is skipped.
    fn report_damage(&self, fault: &str, (object, at): (i64, u64), next: Option<i64>) -> Result<()> {
        let first = self.position;
        let rest = match next {
            Some(next) if next > first => {
                format!("the offsets {first} to {} cannot be read, those from {next} on can", next - 1)
            }
            Some(next) => format!("offsets from {next} on can be read"),
            None => format!("the offsets from {first} on cannot be read"),
        };
        let error = self.log.error(ErrorKind::Corrupt, "read", format!("a damaged batch ({fault}): {rest}"));
        let error: Error = error.with("object", self.log.io.display(&self.log.key(object))).with("byte", at);
        if self.leniency.skip_corrupt && next.is_some() {
            log::warn!("{error}; skipped");
            return Ok(());
        }
        Err(error.hint("read around it with --skip-corrupt, or restore the object from a backup"))
    }
}

enum Step {
    Batch(BatchHeader),
    Again,
    Wait,
}

impl PartitionReader for ObjectReader {
    type Shared = Fetch;

    fn topic(&self) -> &Arc<str> {
        &self.log.topic
    }

    fn partition(&self) -> i32 {
        self.log.partition
    }

    fn position(&self) -> i64 {
        self.position
    }

    fn advance(&mut self, position: i64) {
        self.position = self.position.max(position);
        self.resets = 0;
        if self.position >= self.end {
            // Nothing more is read, and others can use the room.
            self.reset(false);
        }
    }

    fn check(&mut self) -> Result<()> {
        // That takes a request, so it is done beside the looks at the end, and where an object is missing.
        Ok(())
    }

    fn next(&mut self, fetch: &mut Fetch, decoder: &mut Decoder) -> Result<Option<BatchHeader>> {
        loop {
            match self.step(fetch, decoder)? {
                Step::Batch(header) => return Ok(Some(header)),
                Step::Again => {}
                Step::Wait => return Ok(None),
            }
        }
    }

    fn unreadable(&mut self, fault: &str, header: &BatchHeader) -> Result<()> {
        self.skip_batch(fault, Some(header.next_offset())).map(|_| ())
    }
}
