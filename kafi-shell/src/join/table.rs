//! Rows in memory, found by the hashes of their keys.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use kafi_core::{HeadersBuf, Record};

use crate::compact::Given;
use crate::spill::{push_length, push_row, row_record, take_length};

/// A row's place in the table, in eighths.
pub(super) type RowRef = u32;

/// No row.
const NONE: RowRef = RowRef::MAX;

/// What stands before each row: the next one with the same hash, and its length with the marks.
const HEAD: usize = 8;

/// Marks in a length.
const MATCHED: u32 = 1 << 31;
const GONE: u32 = 1 << 30;
const LENGTH: u32 = GONE - 1;

/// Rows with keys, in the order in which they came, in pieces of memory that never move.
pub(super) struct Table {
    pieces: Vec<Vec<u8>>,
    piece_bytes: usize,
    /// The first and the last row of each hash.
    index: HashMap<u64, (RowRef, RowRef), BuildHasherDefault<Given>>,
    taken: usize,
    /// How much of it rows take that are gone.
    gone: usize,
}

/// A key and a message as one row: the key's length, the key, the message.
#[derive(Default)]
pub(super) struct RowBytes(Vec<u8>);

impl RowBytes {
    /// Makes it this row.
    pub(super) fn set(&mut self, key: &[u8], record: &Record<'_>) -> &[u8] {
        self.0.clear();
        push_length(key.len(), &mut self.0);
        self.0.extend_from_slice(key);
        push_row(record, &mut self.0);
        &self.0
    }
}

/// The key of a row, and the bytes of its message.
pub(super) fn key_and_message(row: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = row;
    let length = take_length(&mut rest);
    rest.split_at(length)
}

impl Table {
    /// An empty table that takes memory in pieces of so many bytes, a multiple of eight.
    pub(super) fn new(piece_bytes: usize) -> Self {
        Self { pieces: Vec::new(), piece_bytes, index: HashMap::default(), taken: 0, gone: 0 }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let capacity = self.index.capacity();
        self.taken + (capacity + capacity / 7) * (size_of::<(u64, (RowRef, RowRef))>() + 1)
    }

    /// Adds a row behind those of its hash; `None` where the table can hold no more.
    pub(super) fn push(&mut self, hash: u64, row: &[u8]) -> Option<RowRef> {
        let needed = (HEAD + row.len()).next_multiple_of(8);
        let has_room = |piece: &Vec<u8>| piece.capacity() - piece.len() >= needed;
        // Behind a row that is larger than a piece there are empty ones, so that places can be told by division.
        let current = self.pieces.iter().rposition(|piece| piece.capacity() > 0);
        let current = match current.filter(|index| index + 1 == self.pieces.len() && has_room(&self.pieces[*index])) {
            Some(current) => current,
            None => {
                let pieces = needed.div_ceil(self.piece_bytes);
                self.pieces.push(Vec::with_capacity(pieces * self.piece_bytes));
                self.taken += pieces * self.piece_bytes;
                let at = self.pieces.len() - 1;
                self.pieces.extend((1..pieces).map(|_| Vec::new()));
                at
            }
        };
        let place = (current * self.piece_bytes + self.pieces[current].len()) / 8;
        let place = RowRef::try_from(place).ok().filter(|place| *place != NONE)?;
        let length = u32::try_from(row.len()).ok().filter(|length| *length <= LENGTH)?;
        let piece = &mut self.pieces[current];
        piece.extend_from_slice(&NONE.to_le_bytes());
        piece.extend_from_slice(&length.to_le_bytes());
        piece.extend_from_slice(row);
        piece.resize(piece.len().next_multiple_of(8), 0);
        let last = match self.index.get_mut(&hash) {
            Some((_, last)) => std::mem::replace(last, place),
            None => {
                self.index.insert(hash, (place, place));
                return Some(place);
            }
        };
        self.set_word(last, 0, place);
        Some(place)
    }

    /// The first row of this hash.
    pub(super) fn first(&self, hash: u64) -> Option<RowRef> {
        self.index.get(&hash).map(|(first, _)| *first)
    }

    /// The row behind another of the same hash.
    pub(super) fn next(&self, row: RowRef) -> Option<RowRef> {
        Some(self.word(row, 0)).filter(|next| *next != NONE)
    }

    /// The row there; `None` where it is gone.
    pub(super) fn row(&self, row: RowRef) -> Option<&[u8]> {
        let word = self.word(row, 4);
        let (piece, at) = self.place(row);
        let start = at + HEAD;
        (word & GONE == 0).then(|| &self.pieces[piece][start..start + (word & LENGTH) as usize])
    }

    /// Whether it was marked as matched.
    pub(super) fn is_matched(&self, row: RowRef) -> bool {
        self.word(row, 4) & MATCHED != 0
    }

    /// Marks it as matched, and says whether it was not before.
    pub(super) fn set_matched(&mut self, row: RowRef) -> bool {
        let word = self.word(row, 4);
        self.set_word(row, 4, word | MATCHED);
        word & MATCHED == 0
    }

    /// Takes it out; its memory stays taken.
    pub(super) fn remove(&mut self, row: RowRef) {
        let word = self.word(row, 4);
        self.set_word(row, 4, word | GONE);
        self.gone += (HEAD + (word & LENGTH) as usize).next_multiple_of(8);
    }

    /// How many bytes rows take that are gone.
    pub(super) fn gone(&self) -> usize {
        self.gone
    }

    /// All rows, whether they were matched, in the order in which they came.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.pieces.iter().flat_map(|piece| {
            let mut at = 0;
            std::iter::from_fn(move || {
                let word = u32::from_le_bytes(piece.get(at + 4..at + 8)?.try_into().expect("it is four bytes"));
                let start = at + HEAD;
                let end = start + (word & LENGTH) as usize;
                at = end.next_multiple_of(8);
                Some((&piece[start..end], word))
            })
            .filter(|(_, word)| word & GONE == 0)
            .map(|(row, word)| (row, word & MATCHED != 0))
        })
    }

    fn place(&self, row: RowRef) -> (usize, usize) {
        let at = row as usize * 8;
        (at / self.piece_bytes, at % self.piece_bytes)
    }

    fn word(&self, row: RowRef, offset: usize) -> u32 {
        let (piece, at) = self.place(row);
        let at = at + offset;
        u32::from_le_bytes(self.pieces[piece][at..at + 4].try_into().expect("it is four bytes"))
    }

    fn set_word(&mut self, row: RowRef, offset: usize, word: u32) {
        let (piece, at) = self.place(row);
        let at = at + offset;
        self.pieces[piece][at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
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
            let (mut next, mut found) = (table.first(hash), Vec::new());
            while let Some(at) = next {
                found.push(at);
                next = table.next(at);
            }
            assert_eq!(found, refs.iter().copied().skip(hash as usize).step_by(7).collect::<Vec<_>>());
        }
        assert!(table.first(7).is_none() && table.bytes() > 500 * 60);
        assert!(table.set_matched(refs[3]) && !table.set_matched(refs[3]) && table.is_matched(refs[3]));
        table.remove(refs[3]);
        table.remove(refs[8]);
        table.set_matched(refs[4]);
        assert!(table.row(refs[3]).is_none() && table.row(refs[7]).unwrap() == row(7));
        assert_eq!((table.rows().count(), table.rows().filter(|(_, matched)| *matched).count()), (498, 1));
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
