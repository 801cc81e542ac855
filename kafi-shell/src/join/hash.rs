//! The hash join: one side is built into tables, and the other probed against them, in parts by the hashes of keys. Parts
//! that do not fit into memory go to a file with what would be probed against them, and are joined by themselves later,
//! divided again where they are still too large (Grace hash join).

use std::hint::black_box;

use kafi_core::{Cancel, Record, Result};

use super::key::hash_of;
use super::memory::LARGE_BYTES;
use super::outlet::Outlet;
use super::output::{Part, Wanted};
use super::table::{RowBytes, Table, key_and_message};
use crate::spill::{Run, Spill};

/// So often parts are divided; beyond it what is built is read in blocks, as also one key with more rows than fit is.
const LEVELS_MAX: u32 = 6;

/// The lowest bit of a hash by which rows are divided: those below find rows within a table.
const DIVIDED_FROM: u32 = 20;

/// What a row takes in memory beside its bytes: its head, and its place in the index.
const ROW_BYTES: u64 = 32;

/// With less memory there are fewer parts.
const SMALL_MEMORY: usize = 16 << 20;

/// What was counted of the two sides.
#[derive(Default)]
pub(super) struct Matches {
    pub(super) built_matched: u64,
    pub(super) built_unmatched: u64,
    pub(super) probed_matched: u64,
    pub(super) probed_unmatched: u64,
}

/// A join that is under way.
pub(super) struct HashJoin<'o> {
    wanted: Wanted,
    builds_left: bool,
    /// One, or as many as these bits tell apart.
    parts: Vec<HashPart>,
    bits: u32,
    /// The pieces of memory of a table that is not divided.
    piece_bytes: usize,
    memory: usize,
    taken: usize,
    pub(super) spill: &'o mut Spill,
    pub(super) out: &'o mut Outlet,
    cancel: &'o Cancel,
    matches: Matches,
    row: RowBytes,
}

struct HashPart {
    table: Table,
    /// Its rows, where they did not fit into memory.
    away: Option<Run>,
    /// What is to be probed against them.
    probes: Run,
}

impl HashPart {
    /// One without rows, with memory in pieces of so many bytes.
    fn new(piece_bytes: usize) -> Self {
        Self { table: Table::new(piece_bytes), away: None, probes: Run::default() }
    }
}

impl<'o> HashJoin<'o> {
    /// A join of what is built, left or right, in so many bytes of memory.
    pub(super) fn new(
        (wanted, builds_left): (Wanted, bool),
        memory: usize,
        spill: &'o mut Spill,
        out: &'o mut Outlet,
        cancel: &'o Cancel,
    ) -> Self {
        let is_small = memory < SMALL_MEMORY;
        let (bits, piece_bytes) = if is_small { (3, spill.page_bytes()) } else { (6, LARGE_BYTES) };
        // As long as everything fits, it is one part.
        let parts = vec![HashPart::new(piece_bytes)];
        let (matches, row) = (Matches::default(), RowBytes::default());
        Self { wanted, builds_left, parts, bits, piece_bytes, memory, taken: 0, spill, out, cancel, matches, row }
    }

    /// Adds a row of the side that is built.
    pub(super) fn build(&mut self, (hash, key): (u64, &[u8]), record: &Record<'_>) -> Result<()> {
        let mut row = std::mem::take(&mut self.row);
        let added = self.add(hash, row.set(key, record));
        self.row = row;
        added
    }

    fn add(&mut self, hash: u64, row: &[u8]) -> Result<()> {
        let index = self.index_of(hash);
        let part = &mut self.parts[index];
        if let Some(away) = &mut part.away {
            return append(self.spill, away, hash, row);
        }
        let before = part.table.bytes();
        let is_added = part.table.push(hash, row).is_some();
        self.taken = self.taken + part.table.bytes() - before;
        if is_added && self.taken <= self.memory {
            return Ok(());
        }
        if self.parts.len() == 1 {
            self.divide_rows()?;
        } else if !is_added {
            self.put_away(index)?;
        }
        while self.taken > self.memory {
            let in_memory = (0..self.parts.len()).filter(|index| self.parts[*index].away.is_none());
            let Some(largest) = in_memory.max_by_key(|index| self.parts[*index].table.bytes()) else { break };
            self.put_away(largest)?;
        }
        if is_added { Ok(()) } else { self.add(hash, row) }
    }

    /// Divides what does not fit into memory as one part.
    fn divide_rows(&mut self) -> Result<()> {
        let part_bytes = self.spill.page_bytes();
        let whole =
            std::mem::replace(&mut self.parts, (0..1 << self.bits).map(|_| HashPart::new(part_bytes)).collect());
        self.taken = 0;
        whole.into_iter().try_for_each(|part| part.table.drain(|row| self.add(hash_of(key_and_message(row).0), row)))
    }

    /// Moves all rows of a part to a run.
    fn put_away(&mut self, index: usize) -> Result<()> {
        let part = &mut self.parts[index];
        let away = part.away.insert(Run::default());
        let table = std::mem::replace(&mut part.table, Table::new(self.spill.page_bytes()));
        self.taken -= table.bytes();
        table.drain(|row| append(self.spill, away, hash_of(key_and_message(row).0), row))
    }

    /// Fetches what is asked for next of these hashes: slots, and rows where these are probed. The processor waits for
    /// memory once then, and not for each.
    pub(super) fn look_at(&self, hashes: impl Iterator<Item = u64> + Clone, is_built: bool) {
        let table = |hash| &self.parts[self.index_of(hash)].table;
        black_box(hashes.clone().fold(0, |seen, hash| seen ^ table(hash).fetch_slot(hash)));
        if !is_built {
            black_box(hashes.fold(0, |seen, hash| seen ^ table(hash).fetch_row(hash)));
        }
    }

    /// Probes a row of the other side.
    pub(super) fn probe(&mut self, (hash, key): (u64, &[u8]), record: &Record<'_>) -> Result<()> {
        let index = self.index_of(hash);
        let part = &mut self.parts[index];
        if part.away.is_some() {
            return append(self.spill, &mut part.probes, hash, self.row.set(key, record));
        }
        let mut matching =
            Matching { wanted: self.wanted, builds_left: self.builds_left, out: self.out, matches: &mut self.matches };
        let is_matched = matching.pairs(&mut part.table, (hash, key), Part::Record(record), false);
        matching.probed(Part::Record(record), is_matched);
        Ok(())
    }

    /// Puts out a message without a key, which has no partner, where that is wanted.
    pub(super) fn null_key(&mut self, record: &Record<'_>, is_built: bool) {
        let part = Some(Part::Record(record));
        match is_built {
            true if self.wanted.built_unmatched => self.out.put_sides(self.builds_left, part, None),
            false if self.wanted.probed_unmatched => self.out.put_sides(self.builds_left, None, part),
            _ => {}
        }
    }

    /// Puts out what is left: what was built and has no partner, and what was put away.
    pub(super) fn finish(mut self) -> Result<Matches> {
        let parts = std::mem::take(&mut self.parts);
        for part in parts.iter().filter(|part| part.away.is_none()) {
            self.put_unmatched(&part.table);
        }
        // Others work on these while memory is given back.
        self.out.flush();
        let later: Vec<_> = parts.into_iter().filter_map(|part| Some((part.away?, part.probes))).collect();
        for (built, probed) in later {
            self.join_runs(built, probed, 1)?;
        }
        Ok(self.matches)
    }

    /// The part for a row.
    fn index_of(&self, hash: u64) -> usize {
        (hash >> DIVIDED_FROM) as usize & (self.parts.len() - 1)
    }

    /// The same for a part that is divided again.
    fn part_of(&self, hash: u64, level: u32) -> usize {
        (hash >> (DIVIDED_FROM + self.bits * level)) as usize & ((1 << self.bits) - 1)
    }

    fn fits(&self, built: &Run) -> bool {
        built.bytes() + ROW_BYTES * built.items() <= self.memory as u64
    }

    /// Joins a part that was put away.
    fn join_runs(&mut self, built: Run, probed: Run, level: u32) -> Result<()> {
        if self.is_over() {
            return Ok(());
        }
        if self.fits(&built) || level >= LEVELS_MAX {
            return self.join_in_blocks(built, probed);
        }
        let all = built.items();
        let (built, probed) = (self.divide(built, level)?, self.divide(probed, level)?);
        for (built, probed) in built.into_iter().zip(probed) {
            // What cannot be told apart, such as one key, will not be later.
            let level = if built.items() == all { LEVELS_MAX } else { level + 1 };
            self.join_runs(built, probed, level)?;
        }
        Ok(())
    }

    fn divide(&mut self, run: Run, level: u32) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = (0..1 << self.bits).map(|_| Run::default()).collect();
        let mut reader = run.into_reader();
        let mut item = Vec::new();
        while let Some(bytes) = reader.next_item(self.spill)? {
            item.clear();
            item.extend_from_slice(bytes);
            let (hash, row) = hash_and_row(&item);
            append(self.spill, &mut runs[self.part_of(hash, level)], hash, row)?;
        }
        Ok(runs)
    }

    /// Joins what is built, as much of it at a time as fits into memory, with all that is probed.
    fn join_in_blocks(&mut self, built: Run, probed: Run) -> Result<()> {
        let is_one_block = self.fits(&built);
        // Of what is probed it is known only at the end whether it has a partner in some block.
        let mut found = if is_one_block { Vec::new() } else { vec![0_u64; probed.items() as usize / 64 + 1] };
        let mut built_reader = built.into_reader();
        loop {
            let mut table = Table::new(self.piece_bytes);
            let mut is_last = true;
            while let Some(item) = built_reader.next_item(self.spill)? {
                let (hash, row) = hash_and_row(item);
                table.push(hash, row).expect("a block is far smaller than what a table can hold");
                if !is_one_block && table.bytes() > self.memory {
                    is_last = false;
                    break;
                }
            }
            let mut reader = probed.read();
            let mut number = 0;
            while let Some(item) = reader.next_item(self.spill)? {
                let (hash, row) = hash_and_row(item);
                let mut matching = Matching {
                    wanted: self.wanted,
                    builds_left: self.builds_left,
                    out: self.out,
                    matches: &mut self.matches,
                };
                let was_matched = found.get(number / 64).is_some_and(|bits| bits >> (number % 64) & 1 == 1);
                let key = key_and_message(row).0;
                let is_matched = matching.pairs(&mut table, (hash, key), Part::Row(row), was_matched);
                if is_one_block {
                    matching.probed(Part::Row(row), is_matched);
                } else if is_matched {
                    found[number / 64] |= 1 << (number % 64);
                }
                number += 1;
                if number % 1024 == 0 && self.is_over() {
                    return Ok(());
                }
            }
            self.put_unmatched(&table);
            if is_last {
                break;
            }
        }
        if !is_one_block {
            self.put_probed(&probed, &found)?;
        }
        self.spill.release(probed);
        Ok(())
    }

    /// Puts out what came of what was probed in several blocks.
    fn put_probed(&mut self, probed: &Run, found: &[u64]) -> Result<()> {
        let mut reader = probed.read();
        let mut number = 0;
        while let Some(item) = reader.next_item(self.spill)? {
            let is_matched = found[number / 64] >> (number % 64) & 1 == 1;
            let mut matching = Matching {
                wanted: self.wanted,
                builds_left: self.builds_left,
                out: self.out,
                matches: &mut self.matches,
            };
            matching.probed(Part::Row(hash_and_row(item).1), is_matched);
            number += 1;
        }
        Ok(())
    }

    fn put_unmatched(&mut self, table: &Table) {
        self.matches.built_unmatched += table.unmatched();
        if self.wanted.built_unmatched {
            for (row, _) in table.rows().filter(|(_, is_matched)| !is_matched) {
                self.out.put_sides(self.builds_left, Some(Part::Row(row)), None);
            }
        }
    }

    fn is_over(&mut self) -> bool {
        self.out.is_over |= self.cancel.is_cancelled();
        self.out.is_over
    }
}

/// What a row that is probed meets.
struct Matching<'m> {
    wanted: Wanted,
    builds_left: bool,
    out: &'m mut Outlet,
    matches: &'m mut Matches,
}

impl Matching<'_> {
    /// Puts out the pairs of a row that is probed, and says whether it has a partner, in this table or, as `was_matched`
    /// says, in another one.
    fn pairs(&mut self, table: &mut Table, (hash, key): (u64, &[u8]), probed: Part<'_>, was_matched: bool) -> bool {
        let mut is_matched = was_matched;
        let mut chain = table.chain(hash);
        while let Some(at) = table.next(&mut chain) {
            let is_it = |row: &[u8]| key_and_message(row).0 == key;
            if !table.row(at).is_some_and(is_it) {
                continue;
            }
            is_matched = true;
            let is_first = table.set_matched(at);
            self.matches.built_matched += u64::from(is_first);
            let row = table.row(at).map(Part::Row);
            if self.wanted.pairs {
                self.out.put_sides(self.builds_left, row, Some(probed));
            } else if self.wanted.built_matched && is_first {
                self.out.put_sides(self.builds_left, row, None);
            }
        }
        is_matched
    }

    /// Counts a row that is probed, and puts it out by itself where that is wanted.
    fn probed(&mut self, probed: Part<'_>, is_matched: bool) {
        let (count, is_wanted) = match is_matched {
            true => (&mut self.matches.probed_matched, self.wanted.probed_matched),
            false => (&mut self.matches.probed_unmatched, self.wanted.probed_unmatched),
        };
        *count += 1;
        if is_wanted {
            self.out.put_sides(self.builds_left, None, Some(probed));
        }
    }
}

fn append(spill: &mut Spill, run: &mut Run, hash: u64, row: &[u8]) -> Result<()> {
    let length = u32::try_from(row.len() + 8).expect("messages are smaller than 2 GiB");
    spill.append(run, &[&length.to_le_bytes(), &hash.to_le_bytes(), row])
}

fn hash_and_row(item: &[u8]) -> (u64, &[u8]) {
    let (hash, row) = item.split_at(8);
    (u64::from_le_bytes(hash.try_into().expect("it is eight bytes")), row)
}
