//! Rows in memory, found by the hashes of their keys.

use kafi_core::{HeadersBuf, Record, Result};

use super::memory::Memory;
use crate::spill::{push_length, push_row, row_record, take_length};

/// A row's place in the table, in eighths.
pub(super) type RowRef = u32;

/// No row.
const NONE: RowRef = RowRef::MAX;

/// What stands before each row: the next one with the same hash, and its length with the marks.
const HEAD: usize = 8;

/// As many bytes are fetched at once.
const LINE: usize = 64;

/// Marks in a length.
const MATCHED: u32 = 1 << 31;
const GONE: u32 = 1 << 30;
const LENGTH: u32 = GONE - 1;

/// Rows with keys, in the order in which they came, in pieces of memory that never move.
pub(super) struct Table {
    pieces: Vec<Piece>,
    /// A piece has two to the power of this bytes: places are told by shifts.
    piece_bits: u32,
    index: Index,
    taken: usize,
    /// How many rows there are, and how many of them are matched.
    rows: u64,
    matched: u64,
    /// How much of it rows take that are gone.
    gone: usize,
}

/// Memory for rows. Behind one that a row larger than a piece has there are empty ones, so that a place says which piece it
/// is in.
struct Piece {
    memory: Memory,
    /// How much of it has rows.
    used: usize,
}

/// The last row of each hash, in eight bytes: 32 bits of the hash, by which slots are found and told apart, and the row's
/// place, counted from one: what is zero is free. The row behind the last one of a hash is the first, so that rows can be
/// added to the end and read from the start.
struct Index {
    slots: Memory,
    /// How many bits of hashes say where to begin to look.
    bits: u32,
    used: usize,
}

/// The rows of a hash that are still to be looked at.
pub(super) struct Chain {
    next: Option<RowRef>,
    last: RowRef,
}

/// A key and a message as one row: the key's length, the key, the message.
#[derive(Default)]
pub(super) struct RowBytes(Vec<u8>);

impl RowBytes {
    /// Makes it this row.
    pub(super) fn set(&mut self, key: &[u8], record: &Record<'_>) -> &[u8] {
        self.0.clear();
        push_keyed(key, record, &mut self.0);
        &self.0
    }
}

/// Appends a key and a message as one row.
pub(super) fn push_keyed(key: &[u8], record: &Record<'_>, out: &mut Vec<u8>) {
    push_length(key.len(), out);
    out.extend_from_slice(key);
    push_row(record, out);
}

/// The key of a row, and the bytes of its message.
pub(super) fn key_and_message(row: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = row;
    let length = take_length(&mut rest);
    rest.split_at(length)
}

impl Table {
    /// An empty table that takes memory in pieces of so many bytes, a power of two.
    pub(super) fn new(piece_bytes: usize) -> Self {
        let (pieces, piece_bits) = (Vec::new(), piece_bytes.ilog2());
        Self { pieces, piece_bits, index: Index::new(), taken: 0, rows: 0, matched: 0, gone: 0 }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.taken + self.index.slots.len()
    }

    /// Adds a row behind those of its hash; `None` where the table can hold no more.
    pub(super) fn push(&mut self, hash: u64, row: &[u8]) -> Option<RowRef> {
        let length = u32::try_from(row.len()).ok().filter(|length| *length <= LENGTH)?;
        let needed = (HEAD + row.len()).next_multiple_of(8);
        let has_room = self.pieces.last().is_some_and(|piece| piece.memory.len() - piece.used >= needed);
        let current = if has_room { self.pieces.len() - 1 } else { self.add_piece(needed) };
        let piece = &mut self.pieces[current];
        let place = ((current << self.piece_bits) + piece.used) / 8;
        let place = RowRef::try_from(place).ok().filter(|place| *place < NONE)?;
        let start = piece.used + HEAD;
        piece.memory[start - 4..start].copy_from_slice(&length.to_le_bytes());
        piece.memory[start..start + row.len()].copy_from_slice(row);
        piece.used += needed;
        self.rows += 1;
        let last = self.index.replace(hash, place);
        let first = last.map_or(place, |last| self.word(last, 0));
        self.set_word(place, 0, first);
        if let Some(last) = last {
            self.set_word(last, 0, place);
        }
        Some(place)
    }

    /// Adds a piece that has room for so many bytes, and returns its number.
    fn add_piece(&mut self, needed: usize) -> usize {
        let current = self.pieces.len();
        let count = needed.div_ceil(1 << self.piece_bits);
        self.taken += count << self.piece_bits;
        self.pieces.push(Piece { memory: Memory::zeroed(count << self.piece_bits), used: 0 });
        self.pieces.extend((1..count).map(|_| Piece { memory: Memory::zeroed(0), used: 0 }));
        current
    }

    /// Fetches the slot where this hash is looked for first. Nothing depends on what stands there, so that several are
    /// fetched at once.
    pub(super) fn fetch_slot(&self, hash: u64) -> u8 {
        self.index.slots().get(self.index.start(mark_of(hash))).map_or(0, |slot| slot[0])
    }

    /// Fetches the last row of a hash, whose slot is there.
    pub(super) fn fetch_row(&self, hash: u64) -> u8 {
        let Some(row) = self.index.find(hash) else { return 0 };
        let (piece, at) = self.place(row);
        let bytes = &self.pieces[piece].memory;
        bytes[at] ^ bytes.get(at + LINE).copied().unwrap_or_default()
    }

    /// The rows of this hash, and perhaps of others, in the order in which they came.
    pub(super) fn chain(&self, hash: u64) -> Chain {
        let last = self.index.find(hash);
        Chain { next: last.map(|last| self.word(last, 0)), last: last.unwrap_or(NONE) }
    }

    /// The next one of these rows.
    pub(super) fn next(&self, chain: &mut Chain) -> Option<RowRef> {
        let row = chain.next?;
        chain.next = (row != chain.last).then(|| self.word(row, 0));
        Some(row)
    }

    /// The row there; `None` where it is gone.
    pub(super) fn row(&self, row: RowRef) -> Option<&[u8]> {
        let word = self.word(row, 4);
        let (piece, at) = self.place(row);
        let start = at + HEAD;
        (word & GONE == 0).then(|| &self.pieces[piece].memory[start..start + (word & LENGTH) as usize])
    }

    /// Whether it was marked as matched.
    pub(super) fn is_matched(&self, row: RowRef) -> bool {
        self.word(row, 4) & MATCHED != 0
    }

    /// Marks it as matched, and says whether it was not before.
    pub(super) fn set_matched(&mut self, row: RowRef) -> bool {
        let word = self.word(row, 4);
        let is_first = word & MATCHED == 0;
        if is_first {
            self.set_word(row, 4, word | MATCHED);
            self.matched += 1;
        }
        is_first
    }

    /// Takes it out; its memory stays taken.
    pub(super) fn remove(&mut self, row: RowRef) {
        let word = self.word(row, 4);
        self.set_word(row, 4, word | GONE);
        self.rows -= 1;
        self.matched -= u64::from(word & MATCHED != 0);
        self.gone += (HEAD + (word & LENGTH) as usize).next_multiple_of(8);
    }

    /// How many bytes rows take that are gone.
    pub(super) fn gone(&self) -> usize {
        self.gone
    }

    /// How many rows were not marked as matched.
    pub(super) fn unmatched(&self) -> u64 {
        self.rows - self.matched
    }

    /// All rows, whether they were matched, in the order in which they came.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.pieces.iter().flat_map(Piece::rows)
    }

    /// Hands over all rows, in the order in which they came, and frees their memory bit by bit.
    ///
    /// # Errors
    /// What `each` fails with.
    pub(super) fn drain(self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Self { pieces, index, .. } = self;
        drop(index);
        pieces.into_iter().try_for_each(|piece| piece.rows().try_for_each(|(row, _)| each(row)))
    }

    fn place(&self, row: RowRef) -> (usize, usize) {
        let at = row as usize * 8;
        (at >> self.piece_bits, at & ((1 << self.piece_bits) - 1))
    }

    fn word(&self, row: RowRef, offset: usize) -> u32 {
        let (piece, at) = self.place(row);
        let at = at + offset;
        u32::from_le_bytes(self.pieces[piece].memory[at..at + 4].try_into().expect("it is four bytes"))
    }

    fn set_word(&mut self, row: RowRef, offset: usize, word: u32) {
        let (piece, at) = self.place(row);
        let at = at + offset;
        self.pieces[piece].memory[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
}

impl Piece {
    /// Its rows, and whether they were matched.
    fn rows(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let bytes = &self.memory[..self.used];
        let mut at = 0;
        std::iter::from_fn(move || {
            let word = u32::from_le_bytes(bytes.get(at + 4..at + 8)?.try_into().expect("it is four bytes"));
            let start = at + HEAD;
            let end = start + (word & LENGTH) as usize;
            at = end.next_multiple_of(8);
            Some((&bytes[start..end], word))
        })
        .filter(|(_, word)| word & GONE == 0)
        .map(|(row, word)| (row, word & MATCHED != 0))
    }
}

impl Index {
    fn new() -> Self {
        Self { slots: Memory::zeroed(0), bits: 0, used: 0 }
    }

    fn slots(&self) -> &[[u8; 8]] {
        self.slots.as_chunks().0
    }

    /// The row that is last now.
    fn find(&self, hash: u64) -> Option<RowRef> {
        let (slots, mark) = (self.slots(), mark_of(hash));
        let mut at = self.start(mark);
        while let Some(slot) = slots.get(at).map(|slot| u64::from_le_bytes(*slot)).filter(|slot| *slot != 0) {
            if (slot >> 32) as u32 == mark {
                return Some(slot as RowRef - 1);
            }
            at = (at + 1) & (slots.len() - 1);
        }
        None
    }

    /// Makes a row the last one, and returns the one that was it.
    fn replace(&mut self, hash: u64, row: RowRef) -> Option<RowRef> {
        if self.used >= self.slots().len() / 4 * 3 {
            self.grow();
        }
        let mark = mark_of(hash);
        let made = u64::from(mark) << 32 | u64::from(row + 1);
        let start = self.start(mark);
        let old = put(self.slots.as_chunks_mut().0, start, made);
        self.used += usize::from(old.is_none());
        old
    }

    fn start(&self, mark: u32) -> usize {
        (u64::from(mark) >> (32 - self.bits)) as usize
    }

    fn grow(&mut self) {
        self.bits = (self.bits + 1).max(4);
        let old = std::mem::replace(&mut self.slots, Memory::zeroed(8 << self.bits));
        for slot in old.as_chunks().0.iter().map(|slot| u64::from_le_bytes(*slot)).filter(|slot| *slot != 0) {
            let start = self.start((slot >> 32) as u32);
            put(self.slots.as_chunks_mut().0, start, slot);
        }
    }
}

/// Puts a slot at or behind this place, and returns the row of the one that it replaces: that with the same mark.
fn put(slots: &mut [[u8; 8]], mut at: usize, made: u64) -> Option<RowRef> {
    let last = slots.len() - 1;
    loop {
        let slot = u64::from_le_bytes(slots[at]);
        if slot == 0 || slot >> 32 == made >> 32 {
            slots[at] = made.to_le_bytes();
            return (slot as RowRef).checked_sub(1);
        }
        at = (at + 1) & last;
    }
}

/// What of a hash is kept. Rows of one part have some bits of their hashes in common, so that all of them are mixed.
fn mark_of(hash: u64) -> u32 {
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// The message of a row.
pub(super) fn record_of<'a>(topic: &'a str, row: &'a [u8], headers: &'a mut HeadersBuf) -> Record<'a> {
    row_record(topic, key_and_message(row).1, headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_hash_in_the_order_in_which_they_came() {
        let mut table = Table::new(256);
        let row = |index: usize| vec![index as u8; if index % 50 == 7 { 3000 } else { index % 90 }];
        let refs: Vec<RowRef> = (0..500).map(|index| table.push(index as u64 % 7, &row(index)).unwrap()).collect();
        assert_eq!(
            table.rows().map(|(row, _)| row.to_vec()).collect::<Vec<_>>(),
            (0..500).map(row).collect::<Vec<_>>()
        );
        for hash in 0..7 {
            let (mut chain, mut found) = (table.chain(hash), Vec::new());
            found.extend(std::iter::from_fn(|| table.next(&mut chain)));
            assert_eq!(found, refs.iter().copied().skip(hash as usize).step_by(7).collect::<Vec<_>>());
        }
        assert!(table.next(&mut table.chain(7)).is_none() && table.bytes() > 500 * 60);
        assert!(table.set_matched(refs[3]) && !table.set_matched(refs[3]) && table.is_matched(refs[3]));
        table.remove(refs[3]);
        table.remove(refs[8]);
        table.set_matched(refs[4]);
        assert!(table.row(refs[3]).is_none() && table.row(refs[7]).unwrap() == row(7));
        assert_eq!((table.rows().count(), table.rows().filter(|(_, matched)| *matched).count()), (498, 1));
        assert_eq!(table.unmatched(), 497);
        let (kept, mut drained) = (table.rows().map(|(row, _)| row.to_vec()).collect::<Vec<_>>(), Vec::new());
        let mut keep = |row: &[u8]| {
            drained.push(row.to_vec());
            Ok(())
        };
        table.drain(&mut keep).unwrap();
        assert_eq!(drained, kept);
    }

    #[test]
    fn a_row_is_its_key_and_its_message() {
        let record = Record { offset: 7, ..Record::new("t", Some(b"k"), Some(b"v")) };
        let mut bytes = RowBytes::default();
        let row = bytes.set(b"key", &record);
        assert_eq!(key_and_message(row).0, b"key");
        assert_eq!(record_of("t", row, &mut HeadersBuf::new()), record);
    }
}
