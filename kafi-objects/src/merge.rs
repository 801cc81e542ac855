//! Merging small objects: the first of a run is overwritten with all of them, and the others are deleted after a grace
//! time.
//!
//! Whoever is cut off in between leaves objects that lie within an earlier one. Readers pass over them, and the next
//! merge deletes them.

use std::time::{Duration, Instant};

use kafi_core::{Error, ErrorKind, Result};
use kafi_fs::emulated::clock::now_ms;

use crate::io::{ObjectStat, Precondition, Put, PutRequest};
use crate::log::{Facts, Name, PartitionLog, put};
use crate::scan::Scan;
use crate::tasks::for_all;

/// What a merge is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergePlan {
    /// Objects get no larger than this.
    pub(crate) bytes_max: u64,
    /// How long objects that were merged into others stay.
    pub(crate) grace: Duration,
    pub(crate) requests_max: usize,
    pub(crate) deadline: Instant,
}

/// What a merge of a partition did.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// The objects that were there.
    pub(crate) objects: u64,
    /// Those that were merged into an earlier one.
    pub(crate) merged: u64,
    /// Those that have to go: they lie within an earlier one.
    covered: Vec<Covered>,
}

/// An object that lies within an earlier one.
#[derive(Debug)]
struct Covered {
    name: i64,
    /// The earlier one as it was then, and up to where it reaches.
    by: i64,
    etag: String,
    end: i64,
    due: Instant,
}

/// An object with its bytes.
struct Read {
    name: Name,
    bytes: Vec<u8>,
    facts: Facts,
    stat: ObjectStat,
}

/// Merges the small objects of a partition. The newest one stays as it is, so that everybody finds the end of the log.
pub(crate) fn merge(log: &PartitionLog, plan: &MergePlan) -> Result<Merged> {
    let mut walk = Walk { log, plan, merged: Merged::default(), next: None, run: Vec::new(), run_bytes: 0, last: None };
    let mut after = log.before(0);
    let mut newest: Option<Name> = None;
    loop {
        let page = log.page(&after, plan.deadline)?;
        for name in page.names {
            if let Some(name) = newest.replace(name) {
                walk.visit(name)?;
            }
        }
        match page.more {
            Some(more) => after = more,
            None => break,
        }
    }
    walk.merge_run()?;
    walk.merged.objects += u64::from(newest.is_some());
    Ok(walk.merged)
}

/// Deletes what lies within other objects, once its time has come. Returns how many are deleted and how many are left
/// for the next merge.
pub(crate) fn clean(log: &PartitionLog, merged: &Merged, plan: &MergePlan) -> Result<(u64, u64)> {
    let (due, late): (Vec<_>, Vec<_>) = merged.covered.iter().partition(|covered| covered.due < plan.deadline);
    if let Some(last) = due.iter().map(|covered| covered.due).max() {
        std::thread::sleep(last.saturating_duration_since(Instant::now()));
    }
    let mut deleted = 0;
    // One earlier object after the other, and what lies in it in rising order, so that whoever is cut off leaves the
    // end of a run.
    for run in due.chunk_by(|a, b| a.by == b.by) {
        let by = log.io.stat(&log.key(run[0].by), plan.deadline).map_err(|error| log.context(error))?;
        if by.is_none_or(|by| by.etag != run[0].etag) {
            // Others changed it, so that it is not certain any more what lies within.
            continue;
        }
        let ends = for_all(run, plan.requests_max, |covered| {
            Ok(log.facts(covered.name, plan.deadline)?.map_or(i64::MAX, |(facts, _)| facts.end))
        })?;
        let within = run.iter().zip(ends).take_while(|(covered, end)| *end <= covered.end);
        let keys: Vec<String> = within.map(|(covered, _)| log.key(covered.name)).collect();
        for keys in keys.chunks(1_000) {
            log.io.delete(keys, plan.deadline).map_err(|error| log.context(error))?;
        }
        deleted += keys.len() as u64;
    }
    Ok((deleted, (due.len() + late.len()) as u64 - deleted))
}

/// The way through the objects of a partition.
struct Walk<'a> {
    log: &'a PartitionLog,
    plan: &'a MergePlan,
    merged: Merged,
    /// Where the next object must begin.
    next: Option<i64>,
    /// Small objects, one after the other as far as their names tell.
    run: Vec<Name>,
    run_bytes: u64,
    /// The last object that others may lie within.
    last: Option<(i64, Facts, ObjectStat)>,
}

impl Walk<'_> {
    fn visit(&mut self, name: Name) -> Result<()> {
        self.merged.objects += 1;
        if self.run_bytes + name.len > self.plan.bytes_max {
            self.merge_run()?;
        }
        if self.next.is_some_and(|next| name.offset < next) {
            return self.pass_covered(name);
        }
        if self.run.is_empty() && name.len >= self.plan.bytes_max {
            let Some((facts, stat)) = self.log.facts(name.offset, self.plan.deadline)? else { return Ok(()) };
            return self.follow(name.offset, facts, stat);
        }
        self.run.push(name);
        self.run_bytes += name.len;
        Ok(())
    }

    /// Goes on behind an object.
    fn follow(&mut self, offset: i64, facts: Facts, stat: ObjectStat) -> Result<()> {
        if self.next.is_some_and(|next| offset > next) {
            let message = format!(
                "the object of the offset {} is missing, the next one begins at {offset}",
                self.next.unwrap_or(0)
            );
            return Err(self
                .log
                .error(ErrorKind::Corrupt, "merge", message)
                .hint("restore it from a backup; nothing behind it was merged"));
        }
        self.next = Some(facts.end);
        self.last = Some((offset, facts, stat));
        Ok(())
    }

    /// An object that begins within an earlier one: one that was merged into it and has to go, unless it reaches
    /// further, because others were merged into both.
    fn pass_covered(&mut self, name: Name) -> Result<()> {
        let Some((facts, stat)) = self.log.facts(name.offset, self.plan.deadline)? else { return Ok(()) };
        let Some((by, last, last_stat)) = &self.last else { return Ok(()) };
        let is_within = facts.end <= last.end;
        match agree(self.log, (*by, &last_stat.etag), name.offset, is_within, self.plan.deadline)? {
            Some(true) if is_within => {
                let since = now_ms().saturating_sub(last.merged_ms.unwrap_or(0));
                let since = Duration::from_millis(u64::try_from(since).unwrap_or(0));
                let due = Instant::now() + self.plan.grace.saturating_sub(since);
                self.merged.covered.push(Covered {
                    name: name.offset,
                    by: *by,
                    etag: last_stat.etag.clone(),
                    end: last.end,
                    due,
                });
            }
            Some(true) => {
                self.next = Some(facts.end);
                self.last = Some((name.offset, facts, stat));
            }
            Some(false) => return Err(self.overlap(*by, name.offset)),
            // Others are at it.
            None => {}
        }
        Ok(())
    }

    fn overlap(&self, by: i64, name: i64) -> Error {
        let message = format!("the objects {by} and {name} hold the same offsets, and not the same messages");
        let error = self
            .log
            .error(ErrorKind::Corrupt, "merge", message)
            .with("object", self.log.io.display(&self.log.key(name)));
        error.hint("restore them from a backup; nothing behind them was merged")
    }

    /// Reads a run of small objects and writes it as one.
    fn merge_run(&mut self) -> Result<()> {
        self.run_bytes = 0;
        let run = std::mem::take(&mut self.run);
        let (log, deadline) = (self.log, self.plan.deadline);
        let read = for_all(&run, self.plan.requests_max, |name| read(log, *name, self.plan.bytes_max, deadline))?;
        let mut chain: Vec<Read> = Vec::with_capacity(read.len());
        // One that is gone was merged by others just now; the others are left alone.
        for object in read.into_iter().map_while(|object| object) {
            let offset = object.name.offset;
            if self.next.is_some_and(|next| offset < next) {
                self.write_chain(&mut chain)?;
                self.pass_covered(object.name)?;
                continue;
            }
            self.follow(offset, object.facts.clone(), object.stat.clone())?;
            if Facts::of_bytes(&object.bytes, offset).is_ok_and(|scanned| scanned.end == object.facts.end) {
                chain.push(object);
            } else {
                // Damaged; it stays what it is.
                self.write_chain(&mut chain)?;
            }
        }
        self.write_chain(&mut chain)
    }

    /// Overwrites the first object of a chain with all of it.
    fn write_chain(&mut self, chain: &mut Vec<Read>) -> Result<()> {
        let chain = std::mem::take(chain);
        let ([first, rest @ ..], Some(last)) = (&chain[..], chain.last()) else { return Ok(()) };
        if rest.is_empty() {
            return Ok(());
        }
        let facts = Facts {
            end: last.facts.end,
            min_timestamp: chain.iter().map(|object| object.facts.min_timestamp).min().unwrap_or(i64::MAX),
            max_timestamp: chain.iter().map(|object| object.facts.max_timestamp).max().unwrap_or(i64::MIN),
            merged_ms: Some(now_ms()),
            ..first.facts.clone()
        };
        let (name, names) = (first.name.offset, rest.iter().map(|object| object.name.offset).collect::<Vec<_>>());
        let mut bytes = Vec::with_capacity(chain.iter().map(|object| object.bytes.len()).sum());
        chain.iter().for_each(|object| bytes.extend_from_slice(&object.bytes));
        let len = bytes.len() as u64;
        let etag = first.stat.etag.clone();
        drop(chain);
        let metadata = facts.metadata(name, len);
        let request = PutRequest {
            key: &self.log.key(name),
            bytes: bytes.into(),
            precondition: Precondition::Matches(&etag),
            metadata: &metadata,
        };
        let answer = put(&*self.log.io, &request, self.plan.deadline).map_err(|error| self.log.context(error))?;
        let Some((facts, stat)) = self.log.facts(name, self.plan.deadline)? else { return Ok(()) };
        let is_ours = match answer {
            Put::Written(etag) => stat.etag == etag,
            // The answer to the put before was lost, or others were faster.
            Put::Refused => stat.len == len && facts.end == self.next.unwrap_or(0),
        };
        if !is_ours {
            self.follow(name, facts, stat)?;
            return Ok(());
        }
        self.merged.merged += names.len() as u64;
        let (due, end) = (Instant::now() + self.plan.grace, facts.end);
        self.merged.covered.extend(names.into_iter().map(|covered| Covered {
            name: covered,
            by: name,
            etag: stat.etag.clone(),
            end,
            due,
        }));
        self.last = Some((name, facts, stat));
        Ok(())
    }
}

/// Reads an object; one that has grown beyond `bytes_max` since it was listed comes without its bytes.
fn read(log: &PartitionLog, name: Name, bytes_max: u64, deadline: Instant) -> Result<Option<Read>> {
    let mut bytes = Vec::new();
    let stat = log
        .io
        .get(&log.key(name.offset), Some(0..bytes_max.max(1)), &mut bytes, deadline)
        .map_err(|error| log.context(error))?;
    let Some(stat) = stat else { return Ok(None) };
    if stat.len != bytes.len() as u64 {
        bytes.clear();
    }
    match Facts::of(&stat, name.offset) {
        Some(facts) => Ok(Some(Read { name, bytes, facts, stat })),
        None => Ok(log.facts(name.offset, deadline)?.map(|(facts, stat)| Read { name, bytes, facts, stat })),
    }
}

/// Whether the object `by`, which has this etag, holds the bytes of the one that is named `name` from where that one
/// begins, all of them or as far as it reaches: so it is if that was merged into it. `None` where one of them is gone
/// or changed.
fn agree(log: &PartitionLog, (by, etag): (i64, &str), name: i64, all: bool, deadline: Instant) -> Result<Option<bool>> {
    const PIECE_BYTES: u64 = 4 << 20;
    let (Some(mut outer), Some(mut inner)) = (Scan::open(log, by, deadline)?, Scan::open(log, name, deadline)?) else {
        return Ok(None);
    };
    if outer.stat().etag != etag {
        return Ok(None);
    }
    while outer.next_offset() < name {
        if outer.next()?.is_none() {
            return Ok(Some(false));
        }
    }
    let from = outer.end();
    let left = outer.stat().len - from;
    if outer.next_offset() != name || all && inner.stat().len > left {
        return Ok(Some(false));
    }
    let (mut at, len) = (0, inner.stat().len.min(left));
    while at < len {
        let count = PIECE_BYTES.min(len - at);
        if outer.bytes(from + at, count)? != inner.bytes(at, count)? {
            return Ok(Some(false));
        }
        at += count;
    }
    Ok(Some(true))
}
