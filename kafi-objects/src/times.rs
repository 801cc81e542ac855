//! The latest timestamps of many objects in one: `times/<20 digits>.json`, written by whoever had to ask each object
//! for it.
//!
//! It says nothing that the objects do not say, and is believed only for an object of the same name and length: an
//! object that others were merged into is longer. One whose checksum does not fit is made anew.

use std::collections::HashMap;
use std::time::Instant;

use kafi_core::{ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::io::{Precondition, PutRequest, get_small, list};
use crate::log::{Name, PartitionLog};
use crate::tasks::for_all;

/// The objects that one of these covers.
const OBJECTS: usize = 1_000;

/// More than such an object ever takes.
const BLOCK_BYTES_MAX: u64 = 1 << 20;

/// It is written when at least this many objects had to be asked.
const ASKED_MIN: usize = 64;

/// What is known of the times of the objects of a partition.
pub(crate) struct Times<'a> {
    log: &'a PartitionLog,
    requests_max: usize,
    deadline: Instant,
    /// What each block begins with, rising.
    blocks: Vec<i64>,
    /// The last block that was read.
    read: Option<(i64, HashMap<i64, Entry>)>,
    /// What was found out so far, in order, and whether an object was asked for it.
    found: Vec<(Entry, bool)>,
}

/// The latest timestamp of an object.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Entry {
    object: i64,
    len: u64,
    latest: i64,
}

/// What such an object holds.
#[derive(Default, Deserialize, Serialize)]
struct Block {
    /// The checksum of the entries.
    crc: u32,
    times: Vec<Entry>,
}

impl Block {
    fn new(times: Vec<Entry>) -> Self {
        Self { crc: checksum(&times), times }
    }

    /// What the bytes hold, if they are whole and as they were written.
    fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|block: &Self| block.crc == checksum(&block.times))
    }
}

fn checksum(times: &[Entry]) -> u32 {
    times.iter().fold(0, |crc, entry| {
        let numbers = [entry.object.to_be_bytes(), entry.len.to_be_bytes(), entry.latest.to_be_bytes()];
        crc32c::crc32c_append(crc, numbers.as_flattened())
    })
}

impl<'a> Times<'a> {
    /// How many objects are asked at the same time.
    pub(crate) fn requests_max(&self) -> usize {
        self.requests_max
    }

    pub(crate) fn open(log: &'a PartitionLog, requests_max: usize, deadline: Instant) -> Result<Self> {
        let (mut blocks, mut after) = (Vec::new(), String::new());
        let prefix = log.beside("times/");
        loop {
            let listing = list(&*log.io, &prefix, &after, false, deadline).map_err(|error| log.context(error))?;
            let first = |key: &str| key.strip_prefix(&prefix)?.strip_suffix(".json")?.parse::<i64>().ok();
            blocks.extend(listing.objects.iter().filter_map(|object| first(&object.key)));
            match listing.objects.last().filter(|_| listing.more) {
                Some(last) => after = last.key.clone(),
                None => break,
            }
        }
        Ok(Self { log, requests_max, deadline, blocks, read: None, found: Vec::new() })
    }

    /// The latest timestamps of these objects, which follow those of the last call. An object that is gone has none.
    pub(crate) fn latest(&mut self, names: &[Name]) -> Result<Vec<Option<i64>>> {
        let mut known = Vec::with_capacity(names.len());
        for name in names {
            known.push(self.known(name)?);
        }
        let unknown: Vec<Name> =
            names.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(name, _)| *name).collect();
        let (log, deadline) = (self.log, self.deadline);
        let asked = for_all(&unknown, self.requests_max, |name| {
            let facts = log.facts(name.offset, deadline)?;
            Ok(facts.map(|(facts, stat)| Entry { object: name.offset, len: stat.len, latest: facts.max_timestamp }))
        })?;
        let mut asked = asked.into_iter();
        let mut latest = Vec::with_capacity(names.len());
        for known in known {
            let entry = match known {
                Some(entry) => Some((entry, false)),
                None => asked.next().flatten().map(|entry| (entry, true)),
            };
            self.found.extend(entry);
            latest.push(entry.map(|(entry, _)| entry.latest));
        }
        Ok(latest)
    }

    /// What is written down about an object.
    fn known(&mut self, name: &Name) -> Result<Option<Entry>> {
        let Some(first) = self.blocks[..self.blocks.partition_point(|first| *first <= name.offset)].last().copied()
        else {
            return Ok(None);
        };
        let is_read = self.read.as_ref().is_some_and(|(read, _)| *read == first);
        if !is_read {
            let entries = self.read_block(first)?.times;
            self.read = Some((first, entries.into_iter().map(|entry| (entry.object, entry)).collect()));
        }
        let entries = self.read.as_ref().map(|(_, entries)| entries);
        Ok(entries.and_then(|entries| entries.get(&name.offset)).filter(|entry| entry.len == name.len).copied())
    }

    fn read_block(&self, first: i64) -> Result<Block> {
        let mut bytes = Vec::new();
        match get_small(&*self.log.io, &self.key(first), BLOCK_BYTES_MAX, &mut bytes, self.deadline) {
            // One that is damaged is made anew.
            Ok(stat) => Ok(stat.and_then(|_| Block::parse(&bytes)).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Block::default()),
            Err(error) => Err(self.log.context(error)),
        }
    }

    /// Writes down what was found out, if that was much. It is no reason to fail if it cannot be.
    pub(crate) fn keep(self) {
        if self.found.iter().filter(|(_, asked)| *asked).count() < ASKED_MIN {
            return;
        }
        if let Err(error) = self.write() {
            log::debug!("{error}");
        }
    }

    fn write(&self) -> Result<()> {
        let Some((last, _)) = self.found.last() else { return Ok(()) };
        let mut rest = &self.found[..];
        while let Some((first, _)) = rest.first() {
            // A block ends where the next one begins, or when it has enough.
            let next = self.blocks.iter().copied().find(|block| *block > first.object);
            let count =
                rest.iter().take(OBJECTS).take_while(|(entry, _)| next.is_none_or(|next| entry.object < next)).count();
            let (block, others) = rest.split_at(count);
            rest = others;
            if !block.iter().any(|(_, asked)| *asked) {
                continue;
            }
            // The block that it was in begins earlier where older objects were deleted, and is replaced under its own
            // name.
            let holder = self
                .blocks
                .iter()
                .rev()
                .copied()
                .find(|block| *block <= first.object)
                .filter(|holder| !self.is_started(*holder, first.object));
            let key = holder.unwrap_or(first.object);
            let mut times: Vec<Entry> = block.iter().map(|(entry, _)| *entry).collect();
            if rest.is_empty() && holder.is_some() {
                // What lies behind the last object that was looked at stays.
                times.extend(self.read_block(key)?.times.into_iter().filter(|entry| entry.object > last.object));
            }
            let bytes = serde_json::to_vec(&Block::new(times)).expect("numbers are JSON");
            let request = PutRequest {
                key: &self.key(key),
                bytes: bytes.into(),
                precondition: Precondition::None,
                metadata: &[],
            };
            self.log.io.put(&request, self.deadline).map_err(|error| self.log.context(error))?;
        }
        Ok(())
    }

    /// Whether a block holds objects that were looked at before `object`, so that it is written already.
    fn is_started(&self, block: i64, object: i64) -> bool {
        self.found.iter().any(|(entry, _)| entry.object >= block && entry.object < object)
    }

    fn key(&self, first: i64) -> String {
        self.log.beside(&format!("times/{first:020}.json"))
    }
}
