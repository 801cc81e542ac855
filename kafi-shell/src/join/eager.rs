//! The eager join: both sides are kept in tables, and each message meets those that came before it on the other side.

use std::collections::HashMap;

use kafi_core::functional::{Next, Reader, readers_of};
use kafi_core::{Assignment, Batch, Error, ErrorKind, HeadersBuf, ReadOptions, Record, Result};

use super::account::JoinedSide;
use super::key::{JoinKey, hash_of};
use super::options::{JoinHow, JoinOptions, JoinRows, JoinSide};
use super::output::{Output, Part};
use super::table::{RowBytes, RowRef, Table, key_and_message, record_of};

/// The pieces of memory of a table.
const PIECE_BYTES: usize = 64 << 10;

/// What a key of a table takes in memory beside its bytes.
const KEY_BYTES: usize = 56;

/// Two sides that are joined as they are read.
pub(super) struct Eager<'o, 'a> {
    sides: [Side<'o, 'a>; 2],
    options: &'o JoinOptions,
    out: &'o mut Output<'a>,
    row: RowBytes,
}

struct Side<'o, 'a> {
    side: &'o mut JoinSide<'a>,
    reader: Reader,
    batch: Batch,
    at: usize,
    is_ended: bool,
    table: Table,
    /// Of a table the row of each key of the topic.
    rows: KeyRows,
    counts: JoinedSide,
}

impl<'o, 'a> Eager<'o, 'a> {
    /// Begins to read both sides.
    pub(super) fn open(
        sides: [(&'o mut JoinSide<'a>, Vec<Assignment>); 2],
        options: &'o JoinOptions,
        out: &'o mut Output<'a>,
    ) -> Result<Self> {
        let open = |(side, assignments): (&'o mut JoinSide<'a>, Vec<Assignment>)| -> Result<Side<'o, 'a>> {
            let read = ReadOptions { offsets: Default::default(), ..side.read.clone() };
            let reader = readers_of(side.storage, assignments, &read, 1)?.pop().expect("one was asked for");
            Ok(Side {
                side,
                reader,
                batch: Batch::new(),
                at: 0,
                is_ended: false,
                table: Table::new(PIECE_BYTES),
                rows: KeyRows::default(),
                counts: JoinedSide::default(),
            })
        };
        let [left, right] = sides;
        Ok(Self { sides: [open(left)?, open(right)?], options, out, row: RowBytes::default() })
    }

    /// Reads the two in turn, a message of each at a time, to their ends; returns what was counted.
    pub(super) fn run(mut self) -> Result<[JoinedSide; 2]> {
        while !self.out.is_over {
            let mut is_quiet = true;
            for index in 0..2 {
                if self.sides[index].has_next()? {
                    self.take(index)?;
                    is_quiet = false;
                }
            }
            if self.sides.iter().all(|side| side.is_ended) {
                break;
            }
            let nothing_is_here = self.sides.iter().all(|side| side.at == side.batch.len());
            if is_quiet || nothing_is_here {
                self.out.flush()?;
            }
        }
        self.out.flush()?;
        let [left, right] = self.sides;
        Ok([left.close()?, right.close()?])
    }

    /// Joins the next message of a side.
    fn take(&mut self, index: usize) -> Result<()> {
        let [left, right] = &mut self.sides;
        let (own, other) = if index == 0 { (left, right) } else { (right, left) };
        let record = own.batch.get(own.at);
        own.at += 1;
        own.counts.read += 1;
        let mut key = JoinKey::default();
        if let Err(error) = (own.side.key)(&record, &mut key) {
            own.counts.skipped += 1;
            return self.options.failures.take(&record, error);
        }
        let wanted = Eagerly { how: self.options.how, is_left: index == 0 };
        if own.side.rows == JoinRows::Table && !own.counts.replace(&mut own.table, &mut own.rows, &record) {
            return Ok(());
        }
        if key.is_null() {
            own.counts.null_keys += 1;
            return if wanted.unmatched() { wanted.put(self.out, Part::Record(&record), None) } else { Ok(()) };
        }
        let hash = hash_of(key.bytes());
        let (mut chain, mut is_matched) = (other.table.chain(hash), false);
        while let Some(at) = other.table.next(&mut chain) {
            if other.table.row(at).is_none_or(|row| key_and_message(row).0 != key.bytes()) {
                continue;
            }
            is_matched = true;
            let is_first = other.table.set_matched(at);
            other.counts.matched += u64::from(is_first);
            let partner = other.table.row(at).map(Part::Row);
            if wanted.pairs() {
                wanted.put(self.out, Part::Record(&record), partner)?;
            } else if index == 1 && is_first {
                // A left message that has found its first partner.
                self.out.put(partner, None)?;
            }
        }
        if !is_matched && wanted.unmatched() || is_matched && !wanted.pairs() && index == 0 {
            wanted.put(self.out, Part::Record(&record), None)?;
        }
        let row = self.row.set(key.bytes(), &record);
        let at = own.table.push(hash, row).ok_or_else(|| too_much(self.options))?;
        if is_matched {
            own.table.set_matched(at);
            own.counts.matched += 1;
        }
        if own.side.rows == JoinRows::Table {
            own.rows.insert(record.key.unwrap_or_default(), at);
            if own.table.gone() > own.table.bytes() / 2 {
                (own.table, own.rows) = without_gone(&own.table);
            }
        }
        let taken = own.table.bytes() + own.rows.bytes + other.table.bytes() + other.rows.bytes;
        if taken > self.options.rows_memory() { Err(too_much(self.options)) } else { Ok(()) }
    }
}

/// The row of each key of a topic.
#[derive(Default)]
struct KeyRows {
    rows: HashMap<Vec<u8>, RowRef>,
    bytes: usize,
}

impl KeyRows {
    fn insert(&mut self, key: &[u8], row: RowRef) {
        self.bytes += key.len() + KEY_BYTES;
        self.rows.insert(key.to_vec(), row);
    }

    fn remove(&mut self, key: &[u8]) -> Option<RowRef> {
        let row = self.rows.remove(key)?;
        self.bytes -= key.len() + KEY_BYTES;
        Some(row)
    }
}

/// The same rows without the memory of those that are gone: a table that is followed changes for ever.
fn without_gone(table: &Table) -> (Table, KeyRows) {
    let (mut kept, mut rows, mut headers) = (Table::new(PIECE_BYTES), KeyRows::default(), HeadersBuf::new());
    for (row, is_matched) in table.rows() {
        let (key, _) = key_and_message(row);
        let at = kept.push(hash_of(key), row).expect("the table before could hold it");
        if is_matched {
            kept.set_matched(at);
        }
        rows.insert(record_of("", row, &mut headers).key.unwrap_or_default(), at);
    }
    (kept, rows)
}

impl JoinedSide {
    /// Takes the row of the same key out of a table; false where the message is no row itself.
    fn replace(&mut self, table: &mut Table, rows: &mut KeyRows, record: &Record<'_>) -> bool {
        let old = record.key.and_then(|key| rows.remove(key));
        if let Some(old) = old {
            // What has found a partner before is counted as that.
            self.superseded += u64::from(!table.is_matched(old));
            table.remove(old);
        }
        let is_row = record.key.is_some() && record.value.is_some();
        self.superseded += u64::from(!is_row);
        is_row
    }
}

/// What comes out when a message of one side arrives.
struct Eagerly {
    how: JoinHow,
    is_left: bool,
}

impl Eagerly {
    fn pairs(&self) -> bool {
        self.how != JoinHow::Semi
    }

    fn unmatched(&self) -> bool {
        match self.how {
            JoinHow::Full => true,
            JoinHow::Left => self.is_left,
            JoinHow::Right => !self.is_left,
            _ => false,
        }
    }

    fn put(&self, out: &mut Output<'_>, own: Part<'_>, other: Option<Part<'_>>) -> Result<()> {
        if self.is_left { out.put(Some(own), other) } else { out.put(other, Some(own)) }
    }
}

impl Side<'_, '_> {
    /// Whether there is a message; waits for it, unless more may come for ever.
    fn has_next(&mut self) -> Result<bool> {
        while self.at == self.batch.len() && !self.is_ended {
            self.at = 0;
            match self.reader.read_some(&mut self.batch)? {
                Next::Messages => {}
                Next::End => self.is_ended = true,
                Next::Nothing if self.side.read.follow => return Ok(false),
                Next::Nothing => {}
            }
        }
        Ok(self.at < self.batch.len())
    }

    fn close(self) -> Result<JoinedSide> {
        self.reader.close()?;
        let JoinedSide { read, matched, null_keys, superseded, skipped, .. } = self.counts;
        // What is left in the table, and has found no partner.
        let unmatched = self.table.rows().filter(|(_, is_matched)| !is_matched).count() as u64;
        Ok(JoinedSide { read, matched, unmatched, null_keys, superseded, skipped })
    }
}

fn too_much(options: &JoinOptions) -> Error {
    let why = format!("both topics are kept in memory, and take more than {} bytes", options.memory);
    Error::new(ErrorKind::TooLarge, "join", why)
        .hint("--memory allows more; without --emit eager what does not fit goes to a file")
}
